package notify

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Keys of filters that name what people make.
const (
	KeyGroups  = "groups"
	KeySegment = "segment"
)

// Unmatched is a value in the filter of a channel that names nothing there is. It
// can be misspelled, or be made later.
type Unmatched struct {
	Channel string
	Key     string // KeyGroups or KeySegment
	Value   string
}

// Unmatched returns what the filters of the channels name that there is not, in
// the order of the configuration: segments, and groups that no segment has whose
// notices the channel carries. Groups are those of each segment there is.
func (c *Channels) Unmatched(groups map[storage.Segment][]string) []Unmatched {
	var out []Unmatched
	for _, one := range c.list {
		config := one.config
		if _, ok := groups[storage.Segment(config.Segment)]; config.Segment != "" && !ok {
			out = append(out, Unmatched{config.name(), KeySegment, config.Segment})
			continue // its groups are of that segment
		}
		var has []string
		for seg, names := range groups {
			if config.of(seg) {
				has = append(has, names...)
			}
		}
		for _, name := range config.Groups {
			if !slices.Contains(has, name) {
				out = append(out, Unmatched{config.name(), KeyGroups, name})
			}
		}
	}
	return out
}
