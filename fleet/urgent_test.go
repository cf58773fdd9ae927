package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// exploitedOn is a release on which a phone lacks the fix of flaws known to be
// exploited, and exploited are those that 26.6.1 closes there.
const exploitedOn = "26.2"

func exploited() []string { return []string{"CVE-2026-20700"} }

// quickCheck records a result of a quick check on the verification phone.
func (w *world) quickCheck(result string) {
	w.t.Helper()
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: result, Device: "V1", Method: "smoke", Note: "seen",
	})
	w.must(err)
}

// urgent has production phones lack the fix of an exploited flaw, and a quick check
// of the release on record. P0 and P1 are exposed, others are not.
func (w *world) urgent(others int) []*phone {
	w.t.Helper()
	var phones []*phone
	for i := range 2 + others {
		p := newPhone(w, fmt.Sprintf("P%d", i))
		if i < 2 {
			p.os, p.build = exploitedOn, "23C55"
		}
		p.again("sales", storage.RingProduction)
		p.settle()
		phones = append(phones, p)
	}
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	w.quickCheck("works")
	return phones
}

func inTheLane() fleet.UrgentRequest {
	return fleet.UrgentRequest{Group: "sales", Release: release}
}

// hurry approves by the lane, as two people do.
func (w *world) hurry(r fleet.UrgentRequest) fleet.Effect {
	w.t.Helper()
	p, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), r)
	w.must(err)
	effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)
	w.must(err)
	return effect
}

// TestUrgentTakesTwo: a proposal changes nothing for phones and shows what it rests
// on; the signature of another makes one approval with one audit entry.
func TestUrgentTakesTwo(t *testing.T) {
	w := newWorld(t)
	phones := w.urgent(1)
	proposed, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), inTheLane())
	w.must(err)
	verdict := proposed.Urgent.Verdicts[0]
	wantTerms := &fleet.UrgentTermsView{
		Deadline: "+24h", CVEs: exploited(), Verdicts: []string{verdict},
		Apps: []fleet.SeenView{{BundleID: "com.example.pos", Name: "pos", Importance: "critical", State: "works", Verdict: verdict}},
	}
	if diff := cmp.Diff(wantTerms, proposed.Urgent); diff != "" {
		t.Errorf("terms (-want +got):\n%s", diff)
	}
	if m := proposed.Shown.Missing; len(m) != 1 || m[0].State != "untested" || m[0].Why != "carry-over-off" {
		t.Errorf("what full tests lack: %+v", m)
	}
	if got := asked(phones); len(got) != 0 || proposed.Effect.Install != 1 || proposed.Kind != "urgent" {
		t.Errorf("a proposal of kind %s for %d phones had phones asked: %v", proposed.Kind, proposed.Effect.Install, got)
	}
	for name, second := range map[string]fleet.Act{"same-person": by("tanaka"), "not-independent": by("ghost", "tanaka")} {
		_, err := w.fleet.Sign(w.ctx, seg, second, proposed.ID)
		if r := refusal(t, err); r.Code != name {
			t.Errorf("signed by %s: %s, want %s", second.Actor, r.Code, name)
		}
	}
	w.clock.Add(2 * time.Hour)
	effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)
	w.must(err)
	if effect.Install != 1 || !effect.Until.IsZero() || effect.Notice != "4h" || len(effect.Waves) != 3 {
		t.Errorf("effect = %+v, want one phone, no end, the notice of the lane and three waves", effect)
	}
	wantLane := &policy.GateLane{
		By: "tanaka", Second: "sato", Reason: "tanaka says so", SecondReason: "sato says so", At: w.clock.Now(), CVEs: exploited(),
	}
	if diff := cmp.Diff(wantLane, w.gate().Lane); diff != "" {
		t.Errorf("urgent approval at the gate (-want +got):\n%s", diff)
	}
	entries := w.acts("gate.urgent")
	if len(entries) != 1 {
		t.Fatalf("%d audit entries, want one", len(entries))
	}
	for key, value := range map[string]string{
		"proposer": "tanaka", "signer": "sato", "proposer_reason": "tanaka says so", "signer_reason": "sato says so", "models": "iPhone15,2",
		"cves": exploited()[0], "verdicts": verdict, "missing": "com.example.pos", "approval": effect.Approval, "last_deadline": effect.Waves[2].Deadline,
	} {
		if got := entries[0].Detail[key]; got != value {
			t.Errorf("audit entry says %s = %q, want %q", key, got, value)
		}
	}
}

// TestUrgentRefused: results are required, and what is asked for is said.
func TestUrgentRefused(t *testing.T) {
	tests := map[string]struct {
		prepare func(*world)
		edit    func(*fleet.UrgentRequest)
		want    string // code, or field of a value that cannot be used
	}{
		"no exploited flaw":     {func(w *world) { w.verified() }, nil, "lane-no-flaw"},
		"a quick check missing": {func(w *world) { w.urgent(0); w.addScan() }, nil, "lane-untested"},
		"broken":                {func(w *world) { w.urgent(0); w.quickCheck("broken") }, nil, "lane-broken"},
		"off":                   {func(w *world) { w.urgent(0); w.policy(fleet.UrgentChange{Urgent: new("off")}) }, nil, "lane-off"},
		"declined": {func(w *world) {
			w.urgent(0)
			w.must(second(w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release)))
		}, nil, "lane-decided"},
		"approved": {func(w *world) { w.urgent(0); w.hurry(inTheLane()) }, nil, "lane-approved"},
		"twice": {func(w *world) {
			w.urgent(0)
			w.must(second(w.fleet.ProposeUrgent(w.ctx, seg, by("mori"), inTheLane())))
		}, nil, "proposed-already"},
		"a deadline too near":    {func(w *world) { w.urgent(0) }, func(r *fleet.UrgentRequest) { r.Deadline = "+23h" }, "deadline"},
		"a deadline too far":     {func(w *world) { w.urgent(0) }, func(r *fleet.UrgentRequest) { r.Deadline = "+49h" }, "deadline"},
		"not what was shown":     {func(w *world) { w.urgent(0) }, func(r *fleet.UrgentRequest) { r.Fingerprint = "0" }, "changed"},
		"nobody tested anything": {func(w *world) { w.unverified() }, nil, "lane-no-flaw"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.prepare(w)
			r := inTheLane()
			if tc.edit != nil {
				tc.edit(&r)
			}
			before := len(w.acts("approval.propose"))
			_, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), r)
			got := ""
			if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
				got = e.Field
			} else if _, ok := errors.AsType[*fleet.ChangedError](err); ok {
				got = "changed"
			} else {
				got = refusal(t, err).Code
			}
			if got != tc.want || len(w.acts("approval.propose")) != before {
				t.Errorf("refused for %s, want %s and nothing recorded", got, tc.want)
			}
		})
	}
}

// addScan gives the group a second app, which nobody tested.
func (w *world) addScan() {
	w.t.Helper()
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("setup"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.pos", "com.example.scan"}})
	w.must(err)
}

// policy gives the group a policy that says this of urgent releases.
func (w *world) policy(c fleet.UrgentChange) {
	w.t.Helper()
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("setup"), "own", fleet.PolicyChange{UrgentChange: c})
	w.must(err)
	_, err = w.fleet.SetGroup(w.ctx, seg, w.act("setup"), fleet.GroupRequest{Name: "sales", Policy: "own"})
	w.must(err)
}

// TestUrgentChangedSinceShown: the second person signs what the first was shown.
func TestUrgentChangedSinceShown(t *testing.T) {
	w := newWorld(t)
	phones := w.urgent(0)
	p, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), inTheLane())
	w.must(err)
	w.quickCheck("broken")
	_, err = w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)
	if _, ok := errors.AsType[*fleet.ChangedError](err); !ok || len(asked(phones)) != 0 {
		t.Errorf("signed after an app broke: %v, asked %v; want changed", err, asked(phones))
	}
	if v, err := w.fleet.Proposal(seg, p.ID); err != nil || v.State != "changed" {
		t.Errorf("the proposal is %s (%v), want changed", v.State, err)
	}
}

// TestUrgentFullTestGoesOn: what a full test finds meanwhile does not hinder the
// second person.
func TestUrgentFullTestGoesOn(t *testing.T) {
	w := newWorld(t)
	w.urgent(0)
	p, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), inTheLane())
	w.must(err)
	w.addScan()
	if v, _ := w.fleet.Proposal(seg, p.ID); v.State != "changed" {
		t.Errorf("another app to check, and the proposal is %s", v.State)
	}
	_, err = w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.scan", Release: release, Result: "works", External: true, Group: "sales", Model: "iPhone15,2", AppVersion: "1.0", Evidence: "letter",
	})
	w.must(err)
	w.hurry(inTheLane())
}

// TestUrgentMostExposedFirst: first one of the exposed phones, then the rest of
// them, then the others, six hours apart, whatever the calendar of the group says.
func TestUrgentMostExposedFirst(t *testing.T) {
	w := newWorld(t)
	phones := w.urgent(2)
	shut := []string{"2026-08-18..2026-08-31"}
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("setup"), "own", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: &shut}}})
	w.must(err)
	w.policy(fleet.UrgentChange{UrgentDeadline: new("30h")})
	effect := w.hurry(inTheLane())
	var got []string
	for _, v := range effect.Waves {
		got = append(got, fmt.Sprintf("%v: %d phones from %s until %s", v.UpTo, v.Phones, v.Start.Format("02 15:04"), v.Deadline))
	}
	want := []string{
		"[26.2]: 1 phones from 18 09:00 until 2026-08-18T13:00:00",
		"[26.2]: 1 phones from 18 15:00 until 2026-08-19T09:00:00",
		"[]: 2 phones from 18 21:00 until 2026-08-19T15:00:00",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	exposed := func() (n int) {
		for _, p := range phones[:2] {
			if r, _ := p.enforcement(); r == release {
				n++
			}
		}
		return n
	}
	// Four hours from now in Tokyo, although every day is closed.
	if e, all := exposed(), asked(phones); e != 1 || sum(all) != 1 || all["2026-08-18T22:00:00"] != 1 {
		t.Fatalf("asked at first: %v, of them exposed %d; want one exposed phone in four hours", all, e)
	}
	i := slices.IndexFunc(phones, func(p *phone) bool { r, _ := p.enforcement(); return r == release })
	phones[i].install(release, "23G83")
	if v := w.waves(); v[0].Done != 1 || v[0].State != fleet.WaveDone || v[2].Phones != 2 {
		t.Errorf("after the first phone installed: %+v", v)
	}
	if w.after(5 * time.Hour) {
		t.Error("the second wave started before it was due")
	}
	if !w.after(time.Hour) || exposed() != 1 || sum(asked(phones)) != 1 {
		t.Errorf("second wave: asked %v, exposed %d", asked(phones), exposed())
	}
	if !w.after(6*time.Hour) || sum(asked(phones)) != 3 {
		t.Errorf("third wave: asked %v", asked(phones))
	}
	w.restart()
	if sum(asked(phones)) != 3 {
		t.Errorf("after a restart: asked %v", asked(phones))
	}
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestUrgentStops: any later result that says broken stops it, and so does revoking
// the quick check it rests on.
func TestUrgentStops(t *testing.T) {
	for name, tc := range map[string]struct {
		do   func(*world)
		want policy.Phase
	}{
		"broken": {func(w *world) { w.quickCheck("broken") }, policy.PhaseBlocked},
		"revoked": {func(w *world) {
			id := w.gate().Urgent.Verdicts[0]
			w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("wrong phone"), id)))
		}, policy.PhasePaused},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			phones := w.urgent(0)
			w.hurry(inTheLane())
			if len(asked(phones)) != 1 {
				t.Fatalf("asked: %v", asked(phones))
			}
			w.clock.Add(time.Minute)
			tc.do(w)
			if g := w.gate(); g.Phase != tc.want || len(asked(phones)) != 0 {
				t.Errorf("gate %s, asked %v; want %s and nobody", g.Phase, asked(phones), tc.want)
			}
		})
	}
}

// TestUrgentPolicyThatCannotBe: a lane of less than a day or more than two promises
// what phones cannot keep, or is none.
func TestUrgentPolicyThatCannotBe(t *testing.T) {
	w := newWorld(t)
	for want, c := range map[string]fleet.UrgentChange{
		"urgent": {Urgent: new("on")}, "urgent_deadline": {UrgentDeadline: new("12h")},
	} {
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("x"), "own", fleet.PolicyChange{UrgentChange: c})
		if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Field != want {
			t.Errorf("%+v: %v, want it refused for %s", c, err, want)
		}
	}
	w.policy(fleet.UrgentChange{Urgent: new("off"), UrgentDeadline: new("+36h")})
	got, err := w.fleet.Policy(seg, "own")
	w.must(err)
	if diff := cmp.Diff(fleet.UrgentDefaults{Urgent: "off", UrgentDeadline: "36h"}, got.UrgentDefaults); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

// TestListedByCISA: a flaw that Apple does not call exploited makes a release urgent, and
// counts as exposure, once CISA's list has it.
func TestListedByCISA(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	listed := func(list string) {
		_, err := w.fleet.Import(w.ctx, w.act("feed"), fmt.Appendf(nil, `{"format":"kannuki-catalogue","version":1,"sources":[],"models":{},"lists":[],"kev":{%s},"releases":[
			{"version":%q,"posted":"2026-08-17","cves":["CVE-2026-99999"]}]}`, list, release))
		w.must(err)
	}
	seen := func() (gate, shown, exposed bool) {
		g, err := w.fleet.Gate(seg, "sales", release)
		w.must(err)
		r, err := w.fleet.Release(seg, release)
		w.must(err)
		return g.Urgent != nil && slices.Contains(g.Urgent.CVEs, "CVE-2026-99999"), slices.Contains(r.Exploited, "CVE-2026-99999"), w.exposure(fleet.ExposureQuery{}).Total.Exploited > 0
	}
	listed("")
	if gate, shown, exposed := seen(); gate || shown || exposed {
		t.Errorf("before it is listed: urgent %t, shown %t, exposed %t", gate, shown, exposed)
	}
	listed(`"CVE-2026-99999":"2026-08-20"`)
	if gate, shown, exposed := seen(); !gate || !shown || !exposed {
		t.Errorf("once it is listed: urgent %t, shown %t, exposed %t", gate, shown, exposed)
	}
}

// TestUrgentWavesGoByLetters: where improvements follow their base, the waves of the urgent
// route go by the letters all the same, for the engine and for what people are shown.
func TestUrgentWavesGoByLetters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.clock.Add(time.Date(2026, 3, 26, 9, 0, 0, 0, time.UTC).Sub(w.clock.Now()))
	_, err := w.fleet.Import(w.ctx, w.act("feed"), []byte(`{"format":"kannuki-catalogue","version":1,"sources":[],"models":{},"kev":{},"lists":[],"releases":[
		{"version":"26.3.1 (a)","posted":"2026-03-17","cves":["CVE-2026-99999"],"exploited":["CVE-2026-99999"]}]}`))
	w.must(err)
	for i := range 12 {
		p := w.on(fmt.Sprintf("P%02d", i), "26.3.1", storage.RingProduction)
		if i%2 == 0 {
			p.improve("a", "23D771330a")
		}
	}
	v := w.on("V1", "26.4", storage.RingVerification)
	v.build = "23E246"
	v.settle()
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: "26.4", Result: "works", Device: "V1", Note: "seen", Method: "smoke"})))
	effect := w.hurry(fleet.UrgentRequest{Group: "sales", Release: "26.4"})
	rollout, err := w.fleet.Rollout(w.ctx, seg, "sales", "26.4", fleet.RolloutQuery{})
	w.must(err)
	waves, lacking, others := rollout.Waves, 0, 0
	for _, wave := range waves[:len(waves)-1] {
		lacking += wave.Phones
	}
	others = waves[len(waves)-1].Phones
	if lacking != 6 || others != 6 || effect.Install != waves[0].Phones || effect.Install == 0 {
		t.Errorf("%d phones that lack the fix before %d others, %d asked in a first wave of %d: %+v", lacking, others, effect.Install, waves[0].Phones, waves)
	}
}
