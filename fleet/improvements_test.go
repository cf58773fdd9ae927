package fleet_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
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

const improvement = "26.3.1 (a)" // Apple posted it on 2026-03-17, on top of build 23D8133

// reverifies starts on a day on which Apple offers the improvement, in a group
// whose policy wants it tested, with phones on its base.
func reverifies(t *testing.T) (w *world, production, tester *phone) {
	t.Helper()
	w = newWorld(t)
	w.clock.Add(time.Date(2026, 3, 19, 9, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("reverify")}})
	production, tester = w.on("P", "26.3.1", storage.RingProduction), w.on("T", "26.3.1", storage.RingVerification)
	return w, production, tester
}

// on enrols a phone of sales that runs a release.
func (w *world) on(udid, os string, ring storage.Ring) *phone {
	w.t.Helper()
	p := w.enrol(udid, "sales", ring)
	p.os, p.build = os, "23D8133"
	p.settle()
	return p
}

// enforced returns the identifier and the payload, without its deadline, of what
// a phone is made to install.
func (p *phone) enforced() (id string, payload map[string]any) {
	p.t.Helper()
	for name, d := range p.sync() {
		if strings.HasPrefix(name, "kannuki.enforce.") {
			id, payload = name, d.Payload
			delete(payload, "TargetLocalDateTime")
		}
	}
	return id, payload
}

func (p *phone) wantEnforced(when, id string, payload map[string]any) {
	p.t.Helper()
	p.settle()
	gotID, got := p.enforced()
	if diff := cmp.Diff(payload, got); diff != "" || gotID != id {
		p.t.Errorf("%s: %s has %q (-want +got):\n%s", when, p.udid, gotID, diff)
	}
}

// TestImprovementReverified: an improvement reaches the testers by an offer and
// production by an approval, each by its build, and its results are those of
// phones that report its letter.
func TestImprovementReverified(t *testing.T) {
	t.Parallel()
	w, production, tester := reverifies(t)
	wanted := map[string]any{"TargetOSVersion": "26.3.1", "TargetBuildVersion": "23D771330a"}
	const id = "kannuki.enforce.26.3.1-a"
	test := func(release string) (fleet.Judged, error) {
		return w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: release, Device: "T", Result: "works"})
	}
	_, err := w.fleet.Offer(w.ctx, seg, w.act("candidate"), "sales", improvement)
	w.must(err)
	tester.wantEnforced("offered", id, wanted)
	production.wantEnforced("offered", "", nil)
	if _, err := test(improvement); refusal(t, err).Code != "phone-not-on-release" {
		t.Errorf("a result of a phone without the improvement: %v", err)
	}
	tester.improve("a", "23D771330a")
	tester.wantEnforced("installed", "", nil)
	if _, err := test("26.3.1"); refusal(t, err).Code != "phone-not-on-release" {
		t.Errorf("a result for the base of a phone with the improvement: %v", err)
	}
	v, err := test(improvement)
	if w.must(err); v.PhoneOS != "26.3.1" || v.PhoneExtra != "a" {
		t.Errorf("the result names %q %q, want 26.3.1 and a", v.PhoneOS, v.PhoneExtra)
	}
	gate, err := w.fleet.Gate(seg, "sales", improvement)
	if w.must(err); gate.Phase != policy.PhaseVerified {
		t.Fatalf("gate %s %v, want verified", gate.Phase, gate.Reasons)
	}
	_, err = w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: improvement, Deadline: "+3d"})
	w.must(err)
	production.wantEnforced("approved", id, wanted)
	if got := production.toldOfImprovements()["Enable"]; got != false {
		t.Errorf("an approval let improvements in by the settings, the next one too")
	}
	production.improve("a", "23D771330a")
	production.wantEnforced("installed", "", nil)
	gate, err = w.fleet.Gate(seg, "sales", improvement)
	if w.must(err); gate.Phase != policy.PhaseDone {
		t.Errorf("gate %s, want done", gate.Phase)
	}
	production.improve("", "23D8133")
	production.wantEnforced("taken off by its user", id, wanted)
	leaks, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
	if w.must(err); len(leaks.Leaks) != 0 {
		t.Errorf("leaks %+v, want none", leaks.Leaks)
	}
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("accept")}})
	if _, err := w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", improvement); refusal(t, err).Code != "improvement-follows-base" {
		t.Errorf("pause of what has no gate any more, and stops nobody: %v", err)
	}
	dates, err := w.fleet.RolloutDates(w.ctx, seg, "sales", improvement, nil)
	w.must(err)
	status, err := w.fleet.Rollout(w.ctx, seg, "sales", improvement, fleet.RolloutQuery{})
	w.must(err)
	for name, none := range map[string]*policy.Reason{"show": dates.NoGate, "status": status.NoGate} {
		if none == nil || none.Code != policy.GateImprovement {
			t.Errorf("rollout %s: %+v is why there is no gate, want %s", name, none, policy.GateImprovement)
		}
	}
	if dates.Approval == "" || len(dates.Waves)+len(status.Waves) > 0 || dates.NextAutomatic+dates.NextHuman != "" {
		t.Errorf("a rollout without a gate is shown with %+v and %+v; want the approval that lies idle alone", dates, status.Waves)
	}
}

// TestImprovementLeaks: a phone that cannot hide improvements takes one before
// its gate opened, which is told with the cause.
func TestImprovementLeaks(t *testing.T) {
	t.Parallel()
	w, _, _ := reverifies(t)
	u := w.enrol("U", "sales", storage.RingProduction)
	u.os, u.sup = "26.3.1", false
	u.settle()
	u.improve("a", "23D771330a")
	u.settle()
	leaks, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
	w.must(err)
	if len(leaks.Leaks) != 1 || leaks.Leaks[0].Release != improvement || leaks.Leaks[0].From != "26.3.1" || leaks.Leaks[0].Cause != "unsupervised" {
		t.Errorf("leaks %+v, want that of the unsupervised phone", leaks.Leaks)
	}
	list := func(os string) fleet.DeviceView {
		page, err := w.fleet.Devices(w.ctx, seg, fleet.DeviceQuery{OS: os, Hold: "impossible"})
		if w.must(err); len(page.Devices) != 1 {
			t.Fatalf("phones on %q: %+v, want the unsupervised one", os, page.Devices)
		}
		return page.Devices[0]
	}
	for _, os := range []string{"26.3.1", improvement} {
		if d := list(os); d.OS != "26.3.1" || d.Supplemental != "a" || d.Leak != improvement {
			t.Errorf("listed with iOS %q %q and leak %q", d.OS, d.Supplemental, d.Leak)
		}
	}
	// Where improvements go with their base, one on a phone is no leak, whenever it came.
	proposed, err := w.fleet.ProposeEdit(w.ctx, seg, by("tanaka"), func(ctx context.Context, a fleet.Act) error {
		_, err := w.fleet.SetPolicy(ctx, seg, a, "strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("accept")}})
		return err
	})
	w.must(err)
	_, err = w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)
	w.must(err)
	leaks, err = w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
	if w.must(err); len(leaks.Leaks) != 0 || list(improvement).Leak != "" {
		t.Errorf("accepted: %+v, want nothing", leaks.Leaks)
	}
	x, err := w.fleet.Explain(w.ctx, seg, "U")
	if w.must(err); slices.ContainsFunc(x.Explanation.Facts, func(r policy.Reason) bool { return r.Code == policy.FactLeaked }) {
		t.Errorf("accepted: explained by %v", x.Explanation.Facts)
	}
	if on := x.Explanation.Facts[0].Params[policy.ParamVersion]; on != improvement {
		t.Errorf("explained as on %q, want %q", on, improvement)
	}
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("reverify")}})
	u.improve("", "23D8133")
	leaks, err = w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
	if w.must(err); len(leaks.Leaks) != 0 {
		t.Errorf("after the user took it off: %+v, want nothing", leaks.Leaks)
	}
}

// TestBaseWithoutItsImprovement: a release that is let in does not bring an
// improvement along that nobody tested.
func TestBaseWithoutItsImprovement(t *testing.T) {
	t.Parallel()
	w, _, tester := reverifies(t)
	behind := w.on("B", "26.3", storage.RingProduction)
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: "26.3.1", Device: tester.udid, Result: "works"})
	w.must(err)
	_, err = w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: "26.3.1", Deadline: "+3d"})
	w.must(err)
	behind.wantEnforced("approved", "kannuki.enforce.26.3.1", map[string]any{"TargetOSVersion": "26.3.1", "TargetBuildVersion": "23D8133"})
	w.decides("strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("off")}})
	behind.wantEnforced("switched off", "kannuki.enforce.26.3.1", map[string]any{"TargetOSVersion": "26.3.1", "TargetBuildVersion": "23D8133"})
}

// TestBetaResult: the build that a tester's phone reported goes with its result.
func TestBetaResult(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, tester := w.verified()
	tester.install("26.6.1", "23G5083a")
	w.must(w.verdict("V1", "broken"))
	gate, err := w.fleet.Gate(seg, "sales", "26.6.1")
	if w.must(err); gate.Phase != policy.PhaseVerified {
		t.Errorf("after a result on a beta the gate is %s %v, want what the release's own results say", gate.Phase, gate.Reasons)
	}
}

// TestImprovementsOutsideOfGroups: a phone that is taken out of its group is shown no
// improvement, and one that has got one unapproved is a leak where it comes next.
func TestImprovementsOutsideOfGroups(t *testing.T) {
	t.Parallel()
	w, p, _ := reverifies(t)
	w.on("P2", "26.3.1", storage.RingProduction)
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("on loan"), "P", "", "")))
	p.settle()
	if enabled := p.toldOfImprovements()["Enable"]; enabled != false {
		t.Errorf("in no group the phone is told to show improvements: %v", enabled)
	}
	p.improve("a", "23D771330a")
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("back"), "P", "sales", storage.RingProduction)))
	leaks, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
	w.must(err)
	if len(leaks.Leaks) != 1 || leaks.Leaks[0].Release != improvement || leaks.Leaks[0].UDID != "P" {
		t.Errorf("leaks %+v, want P with %s", leaks.Leaks, improvement)
	}
}
