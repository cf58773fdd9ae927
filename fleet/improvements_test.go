package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// improve has the phone report a background security improvement; "" takes it
// off again.
func (p *phone) improve(letter, build string) {
	p.t.Helper()
	p.report(map[string]any{"device": map[string]any{"operating-system": map[string]any{
		"supplemental": map[string]any{"extra-version": letter, "build-version": build},
	}}})
}

// toldOfImprovements returns what the phone's settings declaration says about improvements.
func (p *phone) toldOfImprovements() map[string]any {
	p.t.Helper()
	told, _ := p.sync()["kannuki.settings"].Payload["RapidSecurityResponse"].(map[string]any)
	return told
}

func TestImprovementsDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	production, tester := w.enrol("P", "sales", storage.RingProduction), w.enrol("T", "sales", storage.RingVerification)
	unsupervised := w.enrol("U", "sales", storage.RingProduction)
	unsupervised.sup = false
	for _, p := range []*phone{production, tester, unsupervised} {
		p.settle()
	}
	check := func(when string, enable, rollback bool) {
		t.Helper()
		for _, p := range []*phone{production, tester} {
			p.settle()
			if diff := cmp.Diff(map[string]any{"Enable": enable, "EnableRollback": rollback}, p.toldOfImprovements()); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", when, p.udid, diff)
			}
		}
		unsupervised.settle()
		if got := unsupervised.toldOfImprovements(); got != nil {
			t.Errorf("%s: an unsupervised phone was told %v, for which it refuses the whole declaration", when, got)
		}
	}
	check("with the built-in policy", true, true)
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("off")}})
	check("switched off", false, true)
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("accept"), KeepImprovements: ptr(true)}})
	check("accepted for good", true, false)
	for _, p := range []*phone{production, tester} {
		d, err := w.fleet.Device(w.ctx, seg, p.udid)
		if w.must(err); d.Hold != "confirmed" {
			t.Errorf("%s: the hold is %s after the phone reported all of it, want confirmed", p.udid, d.Hold)
		}
	}
}

// TestImprovementAccepted: a phone that took an improvement is where it was
// before for its gate and its results, and so it is when the user takes the
// improvement off.
func TestImprovementAccepted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	production, tester := w.verified()
	for _, letter := range []string{"a", ""} {
		for _, p := range []*phone{production, tester} {
			p.improve(letter, "23X777"+letter)
			p.settle()
		}
		leaks, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
		if w.must(err); len(leaks.Leaks) != 0 {
			t.Errorf("with improvement %q: leaks %+v, want none", letter, leaks.Leaks)
		}
		gate, err := w.fleet.Gate(seg, "sales", "26.6.1")
		if w.must(err); gate.Phase != "verified" {
			t.Errorf("with improvement %q the gate is %s, want verified", letter, gate.Phase)
		}
		_, err = w.fleet.RecordVerdict(w.ctx, seg, w.act("again"), fleet.VerdictRequest{
			BundleID: "com.example.pos", Release: "26.6.1", Device: tester.udid, Result: "works",
		})
		w.must(err)
	}
}
