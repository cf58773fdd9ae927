package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// lateness is how a notice of a step is put off, by when a channel comes to carry
// it: on Tuesday at 20:00, on Wednesday and on Thursday at 10:00 in Tokyo.
type lateness [3]time.Duration

func (w *world) lateness(n storage.Notice) lateness {
	w.t.Helper()
	var l lateness
	was := w.clock.now
	for i, at := range []time.Time{
		time.Date(2026, 8, 18, 11, 0, 0, 0, time.UTC), time.Date(2026, 8, 19, 1, 0, 0, 0, time.UTC), time.Date(2026, 8, 20, 1, 0, 0, 0, time.UTC),
	} {
		w.clock.now = at
		l[i] = w.fleet.PutOff(seg, n)
	}
	w.clock.now = was
	return l
}

// reminded returns the notice of a message that was due at once.
func (w *world) reminded(c fleet.PolicyChange) storage.Notice {
	w.t.Helper()
	p, _ := w.verified() // 18:00 in Tokyo, a Tuesday
	c.Chase = &[]string{"message@+0"}
	w.setReminding(c)
	_, err := w.approve("+3d")
	w.must(err)
	p.settle()
	w.tick()
	w.restart()
	all := w.notices()
	if len(all) != 1 {
		w.t.Fatalf("%d notices, want one", len(all))
	}
	return all[0]
}

func (w *world) setReminding(c fleet.PolicyChange) {
	w.t.Helper()
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("remind"), "reminding", c)
	w.must(err)
	_, err = w.fleet.SetGroup(w.ctx, seg, w.act("remind"), fleet.GroupRequest{Name: "sales", Policy: "reminding"})
	w.must(err)
}

func closed(days ...string) fleet.RolloutChange {
	return fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: &days}}
}

// TestPutOff: the notice of a step that a channel carries late keeps to the hours
// and days of the steps, a day at a time, unless the policy says that its kind may
// arrive at any hour.
func TestPutOff(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change fleet.PolicyChange
		want   lateness
	}{
		"any hour":     {fleet.PolicyChange{}, lateness{}},
		"quiet hours":  {fleet.PolicyChange{ChaseChange: fleet.ChaseChange{ChaseQuiet: ptr("19:00-08:00")}}, lateness{12 * time.Hour}},
		"a weekday":    {fleet.PolicyChange{ChaseChange: fleet.ChaseChange{ChaseOff: &[]string{"wed"}}}, lateness{0, 14 * time.Hour}},
		"closed days":  {fleet.PolicyChange{RolloutChange: closed("2026-08-19..2026-08-20")}, lateness{0, 24 * time.Hour, 14 * time.Hour}},
		"all together": {fleet.PolicyChange{ChaseChange: fleet.ChaseChange{ChaseQuiet: ptr("19:00-08:00"), ChaseOff: &[]string{"fri"}}, RolloutChange: closed("2026-08-19")}, lateness{24 * time.Hour, 22 * time.Hour}},
		"always": {
			fleet.PolicyChange{ChaseChange: fleet.ChaseChange{ChaseQuiet: ptr("19:00-08:00"), ChaseAlways: &[]string{"message"}}, RolloutChange: closed("2026-08-19..2026-08-20")},
			lateness{},
		},
		"another kind always": {fleet.PolicyChange{ChaseChange: fleet.ChaseChange{ChaseQuiet: ptr("19:00-08:00"), ChaseAlways: &[]string{"ticket"}}}, lateness{12 * time.Hour}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if diff := cmp.Diff(tc.want, w.lateness(w.reminded(tc.change))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPutOffAsks: a notice waits by what the policy says when a channel comes to
// carry it, whatever it said when the step was taken; one of tests like one of a
// rollout, and any other not at all.
func TestPutOffAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	n := w.reminded(fleet.PolicyChange{})
	w.setReminding(fleet.PolicyChange{ChaseChange: fleet.ChaseChange{ChaseQuiet: ptr("19:00-08:00")}, RolloutChange: closed("2026-08-20")})
	of := func(change func(n *storage.Notice)) storage.Notice {
		other := n
		change(&other)
		return other
	}
	for name, tc := range map[string]struct {
		notice storage.Notice
		want   lateness
	}{
		"its own clock":          {n, lateness{12 * time.Hour, 0, 22 * time.Hour}},
		"another clock":          {of(func(n *storage.Notice) { n.Zone = "America/New_York" }), lateness{1 * time.Hour, 11 * time.Hour, 24 * time.Hour}},
		"the server's clock":     {of(func(n *storage.Notice) { n.Zone = "Nowhere/Else" }), lateness{0, 7 * time.Hour, 24 * time.Hour}},
		"of tests":               {of(func(n *storage.Notice) { n.Kind = fleet.NoticeTestsEscalate }), lateness{12 * time.Hour, 0, 22 * time.Hour}},
		"of a hold":              {of(func(n *storage.Notice) { n.Kind = fleet.NoticeHoldAlarm }), lateness{}},
		"of a group that is not": {of(func(n *storage.Notice) { n.Group = "gone" }), lateness{}},
	} {
		if diff := cmp.Diff(tc.want, w.lateness(tc.notice)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := w.fleet.PutOff("elsewhere", n); got != time.Minute {
		t.Errorf("of a segment that is not loaded: put off for %s, want a minute", got)
	}
}

// TestPutOffInTheLane: the urgent route follows no calendar, and what is carried
// late about it keeps to quiet hours alone.
func TestPutOffInTheLane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.urgent(0)
	w.setReminding(fleet.PolicyChange{
		ChaseChange: fleet.ChaseChange{Chase: &[]string{"message@+0"}, ChaseQuiet: ptr("19:00-08:00")}, RolloutChange: closed("2026-08-19..2026-08-20"),
	})
	w.hurry(inTheLane())
	w.clock.now = time.Date(2026, 8, 19, 1, 0, 0, 0, time.UTC)
	w.tick()
	all := w.notices()
	last := all[len(all)-1]
	if last.Kind != fleet.NoticeChaseMessage {
		t.Fatalf("the last notice is %s, want a message", last.Kind)
	}
	if diff := cmp.Diff(lateness{12 * time.Hour}, w.lateness(last)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
