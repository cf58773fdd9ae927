package fleet

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// silentAfter is how long a phone may stay away before a rollout no longer
// waits for it to be called done. Reports still list it.
const silentAfter = 7 * 24 * time.Hour

// census counts what the phones of each group run, kept current with every
// change of a phone so that a gate costs nothing per phone.
type census struct {
	mu     sync.Mutex
	phones map[string]censusPhone // by UDID
}

type censusPhone struct {
	group   string
	ring    storage.Ring
	model   string
	os      string
	contact time.Time
}

func newCensus() *census { return &census{phones: map[string]censusPhone{}} }

// add takes up a phone as it is now, replacing what was known of it.
func (c *census) add(p *storage.Phone) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.State == storage.PhoneRemoved {
		delete(c.phones, p.UDID)
		return
	}
	c.phones[p.UDID] = censusPhone{
		group: p.Group, ring: p.Ring, model: p.Model, os: p.OS.Version, contact: p.Contact,
	}
}

// moved returns a census in which one phone is somewhere else.
func (c *census) moved(udid, group string, ring storage.Ring) *census {
	c.mu.Lock()
	defer c.mu.Unlock()
	after := &census{phones: maps.Clone(c.phones)}
	if p, ok := after.phones[udid]; ok {
		p.group, p.ring = group, ring
		after.phones[udid] = p
	}
	return after
}

// of returns the counts of one group, sorted.
func (c *census) of(group string, now time.Time) []policy.Census {
	type key struct {
		ring      storage.Ring
		model, os string
	}
	counts := map[key]*policy.Census{}
	c.mu.Lock()
	for _, p := range c.phones {
		if p.group != group || group == "" {
			continue
		}
		k := key{p.ring, p.model, p.os}
		row, ok := counts[k]
		if !ok {
			row = &policy.Census{Ring: policy.Ring(p.ring), Model: p.model, OSVersion: p.os}
			counts[k] = row
		}
		row.Count++
		if now.Sub(p.contact) > silentAfter {
			row.Silent++
		}
	}
	c.mu.Unlock()
	out := make([]policy.Census, 0, len(counts))
	for _, row := range counts {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(a, b policy.Census) int {
		return strings.Compare(string(a.Ring)+"\x00"+a.Model+"\x00"+a.OSVersion, string(b.Ring)+"\x00"+b.Model+"\x00"+b.OSVersion)
	})
	return out
}

// size returns how many phones a group has, by ring.
func (c *census) size(group string) map[storage.Ring]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[storage.Ring]int{}
	for _, p := range c.phones {
		if p.group == group {
			out[p.ring]++
		}
	}
	return out
}

// below counts the phones that can run a release and are not on it yet.
func (c *census) below(release string, runs func(model string) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, p := range c.phones {
		if runs(p.model) && version.Newer(release, p.os) {
			n++
		}
	}
	return n
}
