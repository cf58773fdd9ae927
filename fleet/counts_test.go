package fleet

import (
	"fmt"
	"maps"
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

// countedAnew returns counts made from nothing but the phones.
func countedAnew(phones map[string]storage.Phone, now time.Time) map[string][]policy.Census {
	c := newCensus()
	for _, p := range phones {
		c.add(&p, c.moment())
	}
	return sortedRows(c.counts(now).groups)
}

// TestCountsFollowPhones: what was counted before is never out of date, whatever
// phones say, wherever they go and however the clock moves; nor is what it would
// be with phones elsewhere. All phones are looked at for the clock alone.
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
		if diff := cmp.Diff(countedAnew(phones, now), sortedRows(got.groups)); diff != "" {
			t.Fatalf("step %d (-anew +kept):\n%s", step, diff)
		}
		other := maps.Clone(phones)
		var instead []storage.Phone
		for i := range r.IntN(3) {
			q := phones[fmt.Sprint("P", r.IntN(6)+6*i)] // or one that is not known
			if q.UDID == "" {
				q.UDID = fmt.Sprint("N", i)
			}
			q.State, q.Group, q.Ring = storage.PhoneEnrolled, pick("", "sales", "store"), storage.RingVerification
			q.OS.Version, q.Contact = pick("26.0", "26.1"), now.Add(-time.Duration(r.IntN(10*24))*time.Hour)
			other[q.UDID], instead = q, append(instead, q)
		}
		if diff := cmp.Diff(countedAnew(other, now), sortedRows(c.counted(now, instead...))); diff != "" {
			t.Fatalf("step %d, with %d elsewhere (-anew +adjusted):\n%s", step, len(instead), diff)
		}
	}
	if kept < 1700 {
		t.Errorf("of 2000 times the counts were kept %d times: want all but those in which the clock was set or a phone fell silent", kept)
	}
}

// BenchmarkCounted is what a phone costs that comes with a release nobody approved:
// its gates with itself, then itself among the others. It is to cost the same
// whatever the fleet.
func BenchmarkCounted(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint("phones=", n), func(b *testing.B) {
			c, now := newCensus(), time.Date(2026, time.January, 1, 8, 0, 0, 0, time.UTC)
			p := storage.Phone{State: storage.PhoneEnrolled, Group: "sales", Ring: storage.RingProduction, Model: "A", Contact: now}
			for i := range n {
				p.UDID, p.OS.Version = fmt.Sprint("P", i), "26.0"
				c.add(&p, c.moment())
			}
			c.counts(now)
			p.UDID = "new"
			for b.Loop() {
				p.State, p.OS.Version = storage.PhoneEnrolled, "26.1"
				c.counted(now, p)
				c.add(&p, c.moment())
				p.State = storage.PhoneRemoved
				c.add(&p, c.moment())
			}
		})
	}
}
