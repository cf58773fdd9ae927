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

// draftedFrom returns the group that a phone counts for when it comes to test: the
// one whose gates hold it, or did last, or that it came from by way of production
// rings after a time. Otherwise a few phones could go to each of many groups first,
// and from there to test.
func draftedFrom(origin string, left storage.Departure, since time.Time) string {
	if left.At.After(since) {
		return left.From
	}
	return origin
}

// departure returns what the record of a phone says of production rings that it left
// for others, once it went where it goes.
func (m relocation) departure(p storage.Phone, now time.Time) storage.Departure {
	origin := p.Origin()
	if m.ring != storage.RingProduction || origin == "" || origin == m.group {
		return p.Left
	}
	return storage.Departure{From: draftedFrom(origin, p.Left, now.Add(-draftWindow)), At: now}
}

// draft returns what the record of a phone says once it went where it goes.
func (m relocation) draft(p storage.Phone, now time.Time) storage.Draft {
	switch {
	case !m.drafts(p):
		return p.Drafted
	case m.signed:
		return storage.Draft{}
	default:
		return storage.Draft{From: draftedFrom(p.Origin(), p.Left, now.Add(-draftWindow)), At: now}
	}
}

// overdrafted returns the groups of which more phones would be for testing by one
// person's word than one person may say, by name.
func (w *worldState) overdrafted(m relocation, now time.Time) []storage.ShownDrafts {
	return slices.DeleteFunc(w.drafting(m, now), func(d storage.ShownDrafts) bool { return d.Phones <= d.Most })
}

// draftsNow returns what the second person is to know of the phones that a proposed
// move makes verification phones: the numbers as they are, of the groups of which
// one person may not say so, and of those of which that was so when it was proposed.
func (w *worldState) draftsNow(e *storage.EditTerms, now time.Time) []storage.ShownDrafts {
	m, ok := w.proposedMove(e)
	if !ok {
		return e.Drafts
	}
	return slices.DeleteFunc(w.drafting(m, now), func(d storage.ShownDrafts) bool {
		return d.Phones <= d.Most && !slices.ContainsFunc(e.Drafts, func(was storage.ShownDrafts) bool { return was.Group == d.Group })
	})
}

// drafting returns how many phones of each group would be for testing by one
// person's word, and how many may, by name. Phones of several groups count for each:
// where they go does not matter.
func (w *worldState) drafting(m relocation, now time.Time) []storage.ShownDrafts {
	since, came := now.Add(-draftWindow), map[string][]string{}
	for _, p := range m.phones {
		if m.drafts(p) {
			from := draftedFrom(p.Origin(), p.Left, since)
			came[from] = append(came[from], p.UDID)
		}
	}
	var counts []storage.ShownDrafts
	for group, phones := range came {
		all, before := w.census.drafted(group, since, phones)
		counts = append(counts, storage.ShownDrafts{Group: group, Phones: before + len(phones), Most: max(fewDrafted, all/draftedShare)})
	}
	slices.SortFunc(counts, func(a, b storage.ShownDrafts) int { return strings.Compare(a.Group, b.Group) })
	return counts
}

// drafted returns how many phones count for a group when they come to test, and how
// many came by one person's word since a time, but for those named.
func (c *census) drafted(group string, since time.Time, but []string) (all, drafted int) {
	for m := range c.all() {
		if draftedFrom(m.look.phone.Origin(), m.left(), since) == group {
			all++
		}
		if d := m.drafted(); d.From == group && d.At.After(since) && !slices.Contains(but, m.udid) {
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
