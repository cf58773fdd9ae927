package fleet_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// decides makes a policy for the group sales.
func (w *world) decides(name string, c fleet.PolicyChange) {
	w.t.Helper()
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("policy"), name, c)
	w.must(err)
	_, err = w.fleet.SetGroup(w.ctx, seg, w.act("policy"), fleet.GroupRequest{Name: "sales", Policy: name})
	w.must(err)
}

func TestPolicyRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	days := 30
	expiry := "enforce"
	w.decides("strict", fleet.PolicyChange{VerdictDays: &days})
	got, err := w.fleet.SetPolicy(w.ctx, seg, w.act("more"), "strict", fleet.PolicyChange{OnExpiry: &expiry})
	w.must(err)
	lane := fleet.UrgentDefaults{Urgent: "lane", UrgentDeadline: "24h"}
	chase := fleet.ChaseSettings{Chase: []string{}, ChaseTests: []string{"escalate@verify-by-30d", "escalate@verify-by-14d"}, ChaseOff: []string{}, ChaseAlways: []string{}}
	none := fleet.RolloutDefaults{Waves: storage.WaveShares{}, OpenTimes: fleet.OpenTimes{Weekdays: []string{}, Closed: []string{}, Holidays: []string{}}}
	accept := fleet.ImprovementSettings{Improvements: "accept"}
	limits := fleet.BreakerLimits{
		BreakerSample: 20, BreakerFailed: 10, BreakerSilent: 20, BreakerSilentAfter: "120h", BreakerReverted: 10, BreakerReports: 3,
	}
	want := fleet.PolicyView{
		RolloutDefaults: none, ImprovementSettings: accept, UrgentDefaults: lane, ChaseSettings: chase, BreakerLimits: limits, MajorSettings: fleet.MajorSettings{Majors: "hold"}, ModelClassSettings: fleet.ModelClassSettings{ModelClass: "hardware"}, LeakSettings: fleet.LeakSettings{OnLeak: "tell"}, BetaSettings: fleet.BetaSettings{Beta: "off"}, Name: "strict", VerdictDays: 30, OnExpiry: "enforce", Groups: []string{"sales"},
		ChangedBy: "uid:1(test)", ChangedAt: w.clock.Now(),
	}
	if diff := cmp.Diff(want, got.PolicyView); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
	all, err := w.fleet.Policies(seg)
	w.must(err)
	builtIn := fleet.PolicyView{RolloutDefaults: none, ImprovementSettings: accept, UrgentDefaults: lane, ChaseSettings: chase, BreakerLimits: limits, MajorSettings: fleet.MajorSettings{Majors: "hold"}, ModelClassSettings: fleet.ModelClassSettings{ModelClass: "hardware"}, LeakSettings: fleet.LeakSettings{OnLeak: "tell"}, BetaSettings: fleet.BetaSettings{Beta: "off"}, Name: "default", BuiltIn: true, OnExpiry: "extend-risk", Groups: []string{}}
	if diff := cmp.Diff([]fleet.PolicyView{builtIn, want}, all); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	_, err = w.fleet.RemovePolicy(w.ctx, seg, w.act("x"), "strict")
	if r := refusal(t, err); r.Code != "policy-in-use" {
		t.Errorf("removing a policy in use: %s", r.Code)
	}
	_, err = w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", Policy: "default"})
	w.must(err)
	_, err = w.fleet.RemovePolicy(w.ctx, seg, w.act("x"), "strict")
	w.must(err)
}

// TestVerdictDays: a policy closes the gate of results that became too old, and
// making it milder is no way to open it again.
func TestVerdictDays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, tester := w.verified()
	ten, hundred, forEver := 10, 100, 0
	w.decides("strict", fleet.PolicyChange{VerdictDays: &ten})
	if phase := w.gate().Phase; phase != policy.PhaseVerified {
		t.Fatalf("phase %s at the day of the test, want verified", phase)
	}
	w.clock.Add(10 * 24 * time.Hour)
	if app := w.gate().Apps[0]; app.State != policy.StatusStale || app.Why != policy.WhyExpired {
		t.Fatalf("after ten days: %s %s, want stale", app.State, app.Why)
	}
	for name, days := range map[string]*int{"longer": &hundred, "for ever": &forEver} {
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "strict", fleet.PolicyChange{VerdictDays: days})
		if r := refusal(t, err); r.Code != "opens-gates" || !strings.Contains(r.Params["gates"], "sales/"+release) {
			t.Errorf("%s: %s %v, want opens-gates naming sales/%s", name, r.Code, r.Params, release)
		}
	}
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", Policy: "default"})
	if r := refusal(t, err); r.Code != "opens-gates" {
		t.Errorf("another policy: %s, want opens-gates", r.Code)
	}
	tester.settle()
	w.must(w.record("com.example.pos", "works"))
	_, err = w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "strict", fleet.PolicyChange{VerdictDays: &hundred})
	w.must(err)
}

// TestPolicySurvivesRestart: what a group's policy says is read again.
func TestPolicySurvivesRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	expiry := string(policy.OnExpiryReleaseToUsers)
	w.decides("open", fleet.PolicyChange{OnExpiry: &expiry})
	w.restart()
	got, err := w.fleet.Policy(seg, "open")
	w.must(err)
	if got.OnExpiry != expiry || len(got.Groups) != 1 {
		t.Errorf("after a restart: %+v", got)
	}
	world, err := w.store.World(w.ctx, seg)
	w.must(err)
	if diff := cmp.Diff("open", world.Groups[0].Policy); diff != "" {
		t.Errorf("policy of the group (-want +got):\n%s", diff)
	}
}
