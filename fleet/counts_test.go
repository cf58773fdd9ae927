package fleet

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// sortedRows returns counts in an order of their own.
func sortedRows(groups map[string][]policy.Census) map[string][]policy.Census {
	for _, rows := range groups {
		slices.SortFunc(rows, func(a, b policy.Census) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	}
	return groups
}

// TestCountsFollowPhones: what was counted before is never out of date, whatever
// phones say, wherever they go and however the clock moves.
func TestCountsFollowPhones(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	start := time.Date(2026, time.January, 1, 8, 0, 0, 0, time.UTC)
	c, phones, now := newCensus(), map[string]storage.Phone{}, start
	pick := func(from ...string) string { return from[r.IntN(len(from))] }
	kept := 0
	for step := range 2000 {
		now = now.Add(time.Duration(r.IntN(6*60)) * time.Minute)
		if r.IntN(50) == 0 { // it was set
			now = now.Add(time.Duration(r.IntN(20*24)-10*24) * time.Hour)
		}
		udid := fmt.Sprint("P", r.IntN(12))
		p, known := phones[udid]
		switch what := r.IntN(20); {
		case !known:
			p = storage.Phone{UDID: udid, State: storage.PhoneEnrolled, Group: pick("", "sales", "store"), Ring: storage.RingProduction, Model: pick("A", "B"), Contact: now}
		case what == 0:
			p.State = storage.PhoneRemoved
		case what == 1:
			p.Group = pick("", "sales", "store")
		case what == 2:
			p.OS.Version, p.OS.SupplementalExtra = pick("26.0", "26.1"), pick("", "", "a")
		case what == 3: // it was read as it was before
			p.Contact = now.Add(-time.Duration(r.IntN(10*24)) * time.Hour)
		case what < 10:
			p.Contact, p.InfoAt = now, now
		}
		c.add(&p, c.moment())
		phones[udid] = p
		if p.State == storage.PhoneRemoved {
			delete(phones, udid)
		}
		before := c.tally.Load()
		got := c.counts(now)
		if before == got {
			kept++
		}
		anew := newCensus()
		for _, p := range phones {
			anew.add(&p, anew.moment())
		}
		if diff := cmp.Diff(sortedRows(anew.counts(now).groups), sortedRows(got.groups)); diff != "" {
			t.Fatalf("step %d (-anew +kept):\n%s", step, diff)
		}
	}
	if kept < 500 {
		t.Errorf("of 2000 times the counts were kept %d times: want most in which nothing but a contact was new", kept)
	}
}
