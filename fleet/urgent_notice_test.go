package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// urgentNotices returns what was told of urgent releases, and checks that the audit
// log has as many entries.
func (w *world) urgentNotices() []storage.Notice {
	w.t.Helper()
	var list []storage.Notice
	for _, n := range w.notices() {
		if n.Kind == fleet.NoticeReleaseUrgent && n.Release == release {
			list = append(list, n)
		}
	}
	entries := 0
	for _, e := range w.acts(fleet.NoticeReleaseUrgent) {
		if e.Target == "sales/"+release {
			entries++
		}
	}
	if entries != len(list) {
		w.t.Errorf("%d notices and %d audit entries", len(list), entries)
	}
	return list
}

// TestUrgentIsToldOnce: with what to do next, whatever sweeps and restarts follow.
func TestUrgentIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.urgent(1)
	w.sweep()
	list := w.urgentNotices()
	if len(list) != 1 {
		t.Fatalf("%d notices, want one", len(list))
	}
	want := map[string]string{
		"flaws": exploited()[0], "count": "2", "from": exploitedOn, "phase": string(w.gate().Phase), "step": string(w.gate().NextHuman),
	}
	if diff := cmp.Diff(want, list[0].Params); diff != "" || list[0].Group != "sales" || want["step"] != "approve-urgent" {
		t.Errorf("of group %s (-want +got):\n%s", list[0].Group, diff)
	}
	w.clock.Add(aDay)
	w.sweep()
	w.restart()
	w.sweep()
	if got := len(w.urgentNotices()); got != 1 {
		t.Errorf("%d notices later, want one", got)
	}
}

// TestUrgentIsNotTold: of a release that is not urgent, or that two people hurried
// already.
func TestUrgentIsNotTold(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*world){
		"no exploited flaw": func(w *world) { w.verified() },
		"approved by the urgent route": func(w *world) {
			w.urgent(0)
			w.hurry(inTheLane())
		},
		"declined": func(w *world) {
			w.urgent(0)
			w.must(second(w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			prepare(w)
			w.sweep()
			if got := w.urgentNotices(); len(got) != 0 {
				t.Errorf("told: %+v", got)
			}
		})
	}
}

// TestFurtherFlawIsTold: a flaw that becomes known to be exploited later is told once
// too, with those told before it, whatever sweeps and restarts follow.
func TestFurtherFlawIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.urgent(1)
	w.markUrgent("CVE-2026-1")
	for range 2 {
		w.sweep()
		w.clock.Add(aDay)
		w.restart()
	}
	list := w.urgentNotices()
	if len(list) != 1 {
		t.Fatalf("%d notices, want one", len(list))
	}
	want := map[string]string{
		"flaws": exploited()[0], "known": "CVE-2026-1", "count": "2", "from": exploitedOn,
		"phase": string(w.gate().Phase), "step": string(w.gate().NextHuman),
	}
	if diff := cmp.Diff(want, list[0].Params); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// markUrgent puts on record which flaws were told of the urgent release.
func (w *world) markUrgent(cves ...string) {
	w.t.Helper()
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	mark := storage.HoldMark{Group: "sales", Release: "urgent " + release, Urgent: true, CVEs: cves, At: w.clock.Now()}
	w.must(second(w.store.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{HoldMarks: []storage.HoldMark{mark}})))
	w.restart()
}

// TestMarkWithoutFlaws: where an older version told that a release is urgent and did not
// write down for which flaws, those of now count as told.
func TestMarkWithoutFlaws(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.urgent(1)
	w.markUrgent()
	w.sweep()
	if got := w.urgentNotices(); len(got) != 0 {
		t.Errorf("told again: %+v", got)
	}
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	for _, m := range records.HoldMarks {
		if m.Urgent && m.Release == "urgent "+release {
			if diff := cmp.Diff(exploited(), m.CVEs); diff != "" {
				t.Errorf("on record as told (-want +got):\n%s", diff)
			}
		}
	}
}

// TestFurtherFlawInTheLane: a flaw that becomes known to be exploited while a release
// goes by the lane is told, although nobody has to do anything.
func TestFurtherFlawInTheLane(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.urgent(1)
	w.hurry(inTheLane())
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	lane := records.Approvals[0]
	lane.Lane.CVEs = []string{"CVE-2026-1"} // the flaw of now was not known then
	w.must(second(w.store.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{Approvals: []storage.Approval{lane}})))
	w.restart()
	w.sweep()
	w.sweep()
	list := w.urgentNotices()
	if len(list) != 1 {
		t.Fatalf("%d notices, want one", len(list))
	}
	want := map[string]string{
		"flaws": exploited()[0], "known": "CVE-2026-1", "count": "2", "from": exploitedOn, "phase": "rolling-out", "step": string(w.gate().NextHuman),
	}
	if diff := cmp.Diff(want, list[0].Params); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
