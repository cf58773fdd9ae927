package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

func censusPhone(udid, os string) *storage.Phone {
	return &storage.Phone{UDID: udid, Group: "sales", Ring: storage.RingProduction, Model: "iPhone15,2", State: storage.PhoneEnrolled, OS: storage.OS{Version: os}}
}

// TestCensusOrder: whichever way readings and changes of a phone reach the
// census, the last change counts.
func TestCensusOrder(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		play func(c *census)
		want string // the version counted, "" for no phone
	}{
		{"two changes in order", func(c *census) {
			one, two := c.moment(), c.moment()
			c.add(censusPhone("A", "1"), one)
			c.add(censusPhone("A", "2"), two)
		}, "2"},
		{"two changes, the later one first", func(c *census) {
			one, two := c.moment(), c.moment()
			c.add(censusPhone("A", "2"), two)
			c.add(censusPhone("A", "1"), one)
		}, "2"},
		{"read before a change, taken up after it", func(c *census) {
			read, change := c.moment(), c.moment()
			c.add(censusPhone("A", "2"), change)
			c.heal(censusPhone("A", "1"), read)
		}, "2"},
		{"read while a change was under way", func(c *census) {
			change, read := c.moment(), c.moment()
			c.heal(censusPhone("A", "1"), read)
			c.add(censusPhone("A", "2"), change)
		}, "2"},
		{"a reading heals", func(c *census) {
			c.add(censusPhone("A", "1"), c.moment())
			c.heal(censusPhone("A", "2"), c.moment())
		}, "2"},
		{"removed", func(c *census) {
			c.add(censusPhone("A", "1"), c.moment())
			gone := censusPhone("A", "1")
			gone.State = storage.PhoneRemoved
			c.add(gone, c.moment())
		}, ""},
	}
	for _, test := range tests {
		c := newCensus()
		test.play(c)
		var want map[string][]policy.Census
		if test.want != "" {
			want = map[string][]policy.Census{"sales": {{Ring: policy.RingProduction, Model: "iPhone15,2", OSVersion: test.want, Count: 1, Silent: 1}}}
		} else {
			want = map[string][]policy.Census{}
		}
		if diff := cmp.Diff(want, c.counted(time.Unix(1e9, 0))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// TestCensusForgets: looks nobody has any more are gone, and members stay
// findable when others leave.
func TestCensusForgets(t *testing.T) {
	t.Parallel()
	c := newCensus()
	for i, udid := range []string{"A", "B", "C"} {
		p := censusPhone(udid, "1")
		p.OS.SupplementalSince = time.Unix(int64(i), 0)          // nor when an improvement came
		p.Identity.Until = time.Unix(int64(i), 0)                // ends of certificates are no look
		p.Holder, p.Chase = udid, &storage.Chase{Approval: udid} // nor is who carries it, and how they were reminded
		c.add(p, c.moment())
	}
	if len(c.looks.by) != 1 {
		t.Errorf("%d looks of phones that look alike, want 1", len(c.looks.by))
	}
	gone := censusPhone("A", "1")
	gone.State = storage.PhoneRemoved
	c.add(gone, c.moment())
	c.add(gone, c.moment()) // twice
	c.add(censusPhone("C", "2"), c.moment())
	c.add(censusPhone("B", "2"), c.moment())
	if got := c.size("sales", time.Unix(0, 0)); got[storage.RingProduction] != 2 || len(c.looks.by) != 1 || len(c.members) != 2 {
		t.Errorf("%d phones, %d looks, %d members; want 2, 1, 2", got[storage.RingProduction], len(c.looks.by), len(c.members))
	}
}
