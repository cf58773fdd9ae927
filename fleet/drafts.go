package fleet

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// One person can say of so many of a group's phones within draftWindow that they
// are for testing, whose gates hold them otherwise: of a few, or of a share of the
// group. The window is how long a release can be hidden, so that no more of those
// that a gate holds get it untested by one person's word.
const (
	fewDrafted   = 5
	draftedShare = 20 // one in so many
	draftWindow  = policy.HoldDays * 24 * time.Hour
)

// drafts reports whether phones come to test that production gates hold, or did
// last: others are tested on from the start, or already.
func (m relocation) drafts(p storage.Phone) bool {
	return m.ring == storage.RingVerification && p.Ring != storage.RingVerification && p.Origin() != "" && p.State != storage.PhoneRemoved
}

// draft returns what the record of a phone says once it went where it goes.
func (m relocation) draft(p storage.Phone, now time.Time) storage.Draft {
	switch {
	case !m.drafts(p):
		return p.Drafted
	case m.signed:
		return storage.Draft{}
	default:
		return storage.Draft{From: p.Origin(), At: now}
	}
}

// overdrafted returns the groups of which more phones would be for testing by one
// person's word than one person may say, by name. Phones of several groups count
// for each: where they go does not matter.
func (w *worldState) overdrafted(m relocation, now time.Time) []storage.ShownDrafts {
	came := map[string][]string{}
	for _, p := range m.phones {
		if m.drafts(p) {
			came[p.Origin()] = append(came[p.Origin()], p.UDID)
		}
	}
	var over []storage.ShownDrafts
	for group, phones := range came {
		all, before := w.census.drafted(group, now.Add(-draftWindow), phones)
		d := storage.ShownDrafts{Group: group, Phones: before + len(phones), Most: max(fewDrafted, all/draftedShare)}
		if d.Phones > d.Most {
			over = append(over, d)
		}
	}
	slices.SortFunc(over, func(a, b storage.ShownDrafts) int { return strings.Compare(a.Group, b.Group) })
	return over
}

// drafted returns how many phones the gates of a group hold, or did last, and how
// many came to test by one person's word since a time, but for those named.
func (c *census) drafted(group string, since time.Time, but []string) (all, drafted int) {
	for m := range c.all() {
		if m.look.phone.Origin() == group {
			all++
		}
		if m.drafted.From == group && m.drafted.At.After(since) && !slices.Contains(but, m.udid) {
			drafted++
		}
	}
	return all, drafted
}

// refuseDrafts says that it takes a second person to have so many phones tested on,
// nil for none.
func refuseDrafts(over []storage.ShownDrafts) error {
	if len(over) == 0 {
		return nil
	}
	var groups []string
	for _, d := range over {
		groups = append(groups, d.Group+" ("+strconv.Itoa(d.Phones)+"/"+strconv.Itoa(d.Most)+")")
	}
	all, days := strings.Join(groups, ", "), strconv.Itoa(policy.HoldDays)
	return refused("many-to-test", "with this, more production phones would become verification phones within %s days than one person may say: %s; "+
		"propose the move for a second person to sign (`kannuki device move --propose`), or enrol new phones as verification phones", days, all).
		with("groups", all, "days", days)
}
