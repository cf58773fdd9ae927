package fleet_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// leftOpenNotices returns the releases, with their params, of which people were told
// that they leave exploited flaws open, and checks that the audit log has as many
// entries.
func (w *world) leftOpenNotices() map[string]map[string]string {
	w.t.Helper()
	told := map[string]map[string]string{}
	for _, n := range w.notices() {
		if n.Kind != fleet.NoticeReleaseLeftOpen {
			continue
		}
		if _, again := told[n.Release]; again || n.Group != "sales" {
			w.t.Errorf("told of %s for %s again, or for another group", n.Release, n.Group)
		}
		told[n.Release] = n.Params
	}
	if entries := len(w.acts(fleet.NoticeReleaseLeftOpen)); entries != len(told) {
		w.t.Errorf("%d releases and %d audit entries", len(told), entries)
	}
	return told
}

// TestLeftOpenIsTold: once for each declined release and flaw, whatever sweeps and
// restarts follow, and by the newest of those that would close it. Flaws that become
// known to be exploited later are told too.
func TestLeftOpenIsTold(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	w.sweep()
	if told := w.leftOpenNotices(); len(told) != 0 {
		t.Fatalf("nothing is declined, and told: %v", told)
	}
	later := func() {
		w.sweep()
		w.clock.Add(aDay)
		w.restart()
		w.sweep()
	}
	w.decline("26.6")
	w.decline("26.5.2")
	later()
	open, err := w.fleet.LeftOpen(seg, "sales", "26.6")
	w.must(err)
	want := map[string]map[string]string{"26.6": {"flaws": open.Exploited[0], "count": "2"}} // V1 lacks fixes, and none of that flaw
	if open.Verification != 1 {
		t.Errorf("%d verification phones lack a fix, want 1", open.Verification)
	}
	if diff := cmp.Diff(want, w.leftOpenNotices()); diff != "" || len(open.Exploited) != 1 {
		t.Fatalf("of %v (-want +got):\n%s", open.Exploited, diff)
	}

	// As if another flaw had been known then, and this one not.
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	i := slices.IndexFunc(records.HoldMarks, func(m storage.HoldMark) bool { return m.Declined && m.Group == "sales" })
	mark := records.HoldMarks[i]
	mark.CVEs = []string{"CVE-2026-1"}
	mark.Release = "declined " + release
	w.must(second(w.store.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{HoldMarks: []storage.HoldMark{mark}})))
	w.restart()
	w.decline(release)
	tester := w.enrol("V2", "sales", storage.RingVerification)
	tester.os = "26.2"
	tester.settle()
	later()
	want[release] = map[string]string{"flaws": open.Exploited[0], "known": "CVE-2026-1", "count": "2", "verification": "1"}
	if diff := cmp.Diff(want, w.leftOpenNotices()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLeftOpenOfTestersAlone: what only verification phones lack is shown and told to
// nobody, until a production phone lacks it as well.
func TestLeftOpenOfTestersAlone(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	for _, udid := range []string{"P1", "P2"} {
		w.phoneOf(udid).install(release, "23G83")
	}
	tester := w.enrol("V2", "sales", storage.RingVerification)
	tester.os = "26.2"
	tester.settle()
	w.decline("26.6")
	w.sweep()
	open, err := w.fleet.LeftOpen(seg, "sales", "26.6")
	if w.must(err); open.VerificationExposed != 1 || open.Exposed != 0 || len(open.Exploited) == 0 || len(open.OnProduction) != 0 {
		t.Fatalf("26.6 leaves open %+v, want exploited flaws on one verification phone alone", open)
	}
	if told := w.leftOpenNotices(); len(told) != 0 {
		t.Errorf("no production phone lacks a fix, and told: %v", told)
	}
	late := w.enrol("P4", "sales", storage.RingProduction)
	late.os = "26.2"
	late.settle()
	w.sweep()
	want := map[string]map[string]string{"26.6": {"flaws": open.Exploited[0], "count": "1", "verification": "1"}}
	if diff := cmp.Diff(want, w.leftOpenNotices()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
