package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

const patch = "26.6.1"

// carrying returns the verified world of 26.6 with carry-over on, and its patch
// 26.6.1, which the verification phones run.
func carrying() policy.Parts {
	p := verified()
	p.Policies = []policy.Policy{{Name: "carry", CarryOver: true}}
	p.Groups[0].Policy = "carry"
	for i := range p.Groups[0].Census {
		if p.Groups[0].Census[i].Ring == policy.RingVerification {
			p.Groups[0].Census[i].OSVersion = patch
		}
	}
	p.Releases = append(p.Releases, policy.Release{Version: patch, Class: "patch", Models: windows("2026-08-13", small, large)})
	p.Offers = append(p.Offers, policy.Offer{Group: group, Release: patch, At: before})
	return p
}

// on returns a result on another release than 26.6.
func on(release string, method policy.Method, v policy.Verdict) policy.Verdict {
	v.Release, v.PhoneOS, v.Method, v.At = release, release, method, now.Add(-time.Hour)
	return v
}

// smoked returns the world in which the smoke tests of 26.6.1 were made.
func smoked() policy.Parts {
	p := carrying()
	for _, v := range []policy.Verdict{works("s1", pos, small), works("s2", pos, large), works("s3", scan, small)} {
		p.Verdicts = append(p.Verdicts, on(patch, policy.MethodSmoke, v))
	}
	return p
}

// appAt returns the state of the critical app at a gate.
func appAt(p policy.Parts, release string) policy.AppState {
	for _, a := range policy.Evaluate(policy.NewWorld(p), group, release, now).Apps {
		if a.BundleID == pos {
			return a
		}
	}
	return policy.AppState{}
}

func broken(v policy.Verdict, appVersion string) policy.Verdict {
	v.Result, v.AppVersion = policy.ResultBroken, appVersion
	return v
}

// without takes results away.
func without(ids ...string) func(*policy.Parts) {
	return func(p *policy.Parts) {
		p.Verdicts = slices.DeleteFunc(p.Verdicts, func(v policy.Verdict) bool { return slices.Contains(ids, v.ID) })
	}
}

// TestCarryOver goes through what carries a result to a patch and what does
// not; each case changes the world in which both smoke tests were made.
func TestCarryOver(t *testing.T) {
	t.Parallel()
	verdict := func(id string, change func(*policy.Verdict)) func(*policy.Parts) {
		return func(p *policy.Parts) {
			for i := range p.Verdicts {
				if p.Verdicts[i].ID == id {
					change(&p.Verdicts[i])
				}
			}
		}
	}
	add := func(v ...policy.Verdict) func(*policy.Parts) {
		return func(p *policy.Parts) { p.Verdicts = append(p.Verdicts, v...) }
	}
	method := func(m policy.Method) func(*policy.Verdict) {
		return func(v *policy.Verdict) { v.Method = m }
	}
	revoke := func(v *policy.Verdict) { v.RevokedAt = before }
	tests := []struct {
		name   string
		change func(*policy.Parts)
		state  policy.Status
		why    policy.Code
	}{
		{"both smoke tests", func(*policy.Parts) {}, policy.StatusCarried, ""},
		{"with a note", verdict("v2", func(v *policy.Verdict) { v.Result = policy.ResultWorksWithNote }), policy.StatusCarried, ""},
		{"an automated base", verdict("v1", method(policy.MethodAutomated)), policy.StatusCarried, ""},
		{"a pilot as base", verdict("v1", method(policy.MethodPilot)), policy.StatusCarried, ""},
		{"no smoke test", without("s1", "s2"), policy.StatusProvisional, policy.WhySmokeMissing},
		{"a smoke test on one model of two", without("s2"), policy.StatusProvisional, policy.WhySmokeMissing},
		{"a base on one model of two", without("v2"), policy.StatusPartial, policy.WhyModelsMissing},
		{"one model waits, one needs a full test", without("v2", "s1", "s2"), policy.StatusUntested, policy.WhyNoVerdict},
		{"one model waits, one needs a full test, and one model is enough", func(p *policy.Parts) {
			without("v2", "s1", "s2")(p)
			p.Apps[0].Importance = policy.ImportanceImportant
		}, policy.StatusProvisional, policy.WhySmokeMissing},
		{"no production phone, and a result on one model", func(p *policy.Parts) {
			without("v2", "s1", "s2")(p)
			p.Groups[0].Census = nil
		}, policy.StatusProvisional, policy.WhySmokeMissing},
		{"no base at all", without("v1", "v2"), policy.StatusUntested, policy.WhyNothingToCarry},
		{"a smoke test as base", func(p *policy.Parts) {
			verdict("v1", method(policy.MethodSmoke))(p)
			verdict("v2", method(policy.MethodSmoke))(p)
		}, policy.StatusUntested, policy.WhyNothingToCarry},
		{"bases revoked", func(p *policy.Parts) { verdict("v1", revoke)(p); verdict("v2", revoke)(p) }, policy.StatusUntested, policy.WhyNothingToCarry},
		{"a base expired", verdict("v2", func(v *policy.Verdict) { v.Expires = now }), policy.StatusPartial, policy.WhyModelsMissing},
		{"bases from a production phone", func(p *policy.Parts) {
			for _, id := range []string{"v1", "v2"} {
				verdict(id, func(v *policy.Verdict) { v.Ring = policy.RingProduction })(p)
			}
		}, policy.StatusUntested, policy.WhyNothingToCarry},
		{"carry-over off", func(p *policy.Parts) { p.Policies[0].CarryOver = false }, policy.StatusUntested, policy.WhyCarryOverOff},
		{"a smoke test with an older version of the app", verdict("s1", func(v *policy.Verdict) { v.AppVersion = "3.0" }), policy.StatusProvisional, policy.WhySmokeMissing},
		{"a smoke test with a newer version of the app", verdict("s1", func(v *policy.Verdict) { v.AppVersion = "4" }), policy.StatusCarried, ""},
		{"smoke tests that are revoked", func(p *policy.Parts) { verdict("s1", revoke)(p); verdict("s2", revoke)(p) }, policy.StatusProvisional, policy.WhySmokeMissing},
		{"broken in the smoke test", add(broken(on(patch, policy.MethodSmoke, works("b", pos, large)), "3.1")), policy.StatusBroken, policy.WhyBroken},
		{"a base that broke afterwards", add(broken(on(next, policy.MethodFull, works("b", pos, large)), "3.1")), policy.StatusUntested, policy.WhyBaseBroken},
		{"broken at a newer version", add(broken(on(next, policy.MethodSmoke, works("b", pos, large)), "3.2")), policy.StatusUntested, policy.WhyBaseBroken},
		{"broken at a version without order", add(broken(on(next, policy.MethodFull, works("b", pos, large)), "x")), policy.StatusUntested, policy.WhyBaseBroken},
		{"broken at an older version", add(broken(on(next, policy.MethodFull, works("b", pos, large)), "3.0")), policy.StatusCarried, ""},
		{"a full test besides", add(on(patch, policy.MethodFull, works("f", pos, large))), policy.StatusCarried, ""},
		{"full tests instead", add(on(patch, "", works("f1", pos, small)), on(patch, "", works("f2", pos, large))), policy.StatusWorks, ""},
		{"an unknown method", add(on(patch, "odd", works("f1", pos, small)), on(patch, "odd", works("f2", pos, large))), policy.StatusCarried, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := smoked()
			tc.change(&p)
			got := appAt(p, patch)
			if got.State != tc.state || got.Why != tc.why {
				t.Errorf("state %s, why %q, want %s, %q", got.State, got.Why, tc.state, tc.why)
			}
		})
	}
}

// TestCarryOverByModel: which model classes a quick check is enough on, and on which one
// was made that counts for nothing.
func TestCarryOverByModel(t *testing.T) {
	t.Parallel()
	both := []string{small, large}
	for _, test := range []struct {
		name               string
		change             func(*policy.Parts)
		provisional, alone []string
	}{
		{"both rest on a full test", func(*policy.Parts) {}, nil, nil},
		{"no quick check", without("s1", "s2"), both, nil},
		{"one needs a full test", without("v2", "s1", "s2"), both[:1], nil},
		{"one needs a full test all the same", without("v2"), nil, both[1:]},
		{"nothing to rest on", without("v1", "v2"), nil, both},
		{"carry-over off", func(p *policy.Parts) { p.Policies[0].CarryOver = false }, nil, both},
		{"a full test besides", func(p *policy.Parts) {
			without("v2")(p)
			p.Verdicts = append(p.Verdicts, on(patch, policy.MethodFull, works("f", pos, large)))
		}, nil, nil},
		{"one model is enough", func(p *policy.Parts) {
			without("v2")(p)
			p.Apps[0].Importance = policy.ImportanceImportant
		}, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := smoked()
			test.change(&p)
			got := appAt(p, patch)
			if !slices.Equal(got.Provisional, test.provisional) || !slices.Equal(got.Alone, test.alone) {
				t.Errorf("enough on %v, for nothing on %v; want %v and %v", got.Provisional, got.Alone, test.provisional, test.alone)
			}
		})
	}
}

// TestCarryOverOpens: what the smoke tests open is said with the results it
// rests on, and an approval covers the versions of the smoke tests.
func TestCarryOverOpens(t *testing.T) {
	t.Parallel()
	p := smoked()
	for i := range p.Verdicts {
		if p.Verdicts[i].Release == patch {
			p.Verdicts[i].AppVersion = "3.2"
		}
	}
	gate := policy.Evaluate(policy.NewWorld(p), group, patch, now)
	if gate.Phase != policy.PhaseVerified {
		t.Fatalf("phase %s, want verified", gate.Phase)
	}
	carried := []policy.Carried{
		{Model: small, Smoke: "s1", Base: "v1", BaseRelease: next},
		{Model: large, Smoke: "s2", Base: "v2", BaseRelease: next},
	}
	if diff := cmp.Diff(carried, appAt(p, patch).Carried); diff != "" {
		t.Errorf("carried (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]policy.Floor{{BundleID: pos, MinVersion: "3.2"}, {BundleID: scan, MinVersion: "3.2"}}, gate.Floors); diff != "" {
		t.Errorf("floors (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{small, large}, gate.Models); diff != "" {
		t.Errorf("models (-want +got):\n%s", diff)
	}
	var from []string
	for _, r := range gate.Reasons {
		if r.Code == policy.GateAppCarried {
			from = append(from, r.Params[policy.ParamApp]+" "+r.Params[policy.ParamRelease])
		}
	}
	if diff := cmp.Diff([]string{pos + " " + next, scan + " " + next}, from); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}

	// Another base is another gate to a person who looks at it.
	p.Verdicts = append(p.Verdicts, works("v9", pos, small))
	if again := policy.Evaluate(policy.NewWorld(p), group, patch, now); again.Fingerprint == gate.Fingerprint {
		t.Error("the fingerprint is the same although the app rests on another result")
	}
}

// TestProvisional: a closed gate says that little is missing, and for what.
func TestProvisional(t *testing.T) {
	t.Parallel()
	gate := policy.Evaluate(policy.NewWorld(carrying()), group, patch, now)
	if gate.Phase != policy.PhaseVerifying || gate.NextHuman != policy.StepSmokeTest {
		t.Errorf("phase %s, next %s, want verifying and a smoke test", gate.Phase, gate.NextHuman)
	}
	want := policy.AppState{
		BundleID: pos, Name: "POS", Importance: policy.ImportanceCritical, State: policy.StatusProvisional, Why: policy.WhySmokeMissing,
		Verdict: "v1", Provisional: []string{small, large}, MissingModels: []string{small, large},
	}
	if diff := cmp.Diff(want, appAt(carrying(), patch)); diff != "" {
		t.Errorf("app (-want +got):\n%s", diff)
	}
}

// TestNothingCarriesToAnUpdate: 26.6 itself, and 27.0, need full tests.
func TestNothingCarriesToAnUpdate(t *testing.T) {
	t.Parallel()
	for _, release := range []string{next, "27.0", "27"} {
		p := carrying()
		p.Releases = append(p.Releases, policy.Release{Version: release, Class: "update", Models: windows("2026-08-01", small, large)})
		p.Verdicts = []policy.Verdict{
			on("26.5", policy.MethodFull, works("v1", pos, small)), on("26.5", policy.MethodFull, works("v2", pos, large)),
			on(release, policy.MethodSmoke, works("s1", pos, small)), on(release, policy.MethodSmoke, works("s2", pos, large)),
		}
		if got := appAt(p, release); got.State != policy.StatusUntested || got.Why != policy.WhyFullNeeded {
			t.Errorf("%s: %s, %s, want untested, full-test-needed", release, got.State, got.Why)
		}
	}
}

// TestCarryOverSkipsPatches: a patch rests on any older release of its x.y, but
// not across one on which the app broke, nor on a newer one.
func TestCarryOverSkipsPatches(t *testing.T) {
	t.Parallel()
	p := smoked()
	const last = "26.6.2"
	p.Releases = append(p.Releases, policy.Release{Version: last, Class: "patch", Models: windows("2026-08-14", small, large)})
	for _, v := range []policy.Verdict{works("t1", pos, small), works("t2", pos, large)} {
		p.Verdicts = append(p.Verdicts, on(last, policy.MethodSmoke, v))
	}
	got := appAt(p, last)
	if got.State != policy.StatusCarried || got.Carried[0].BaseRelease != next {
		t.Errorf("26.6.2: %+v, want carried from 26.6", got)
	}
	p.Verdicts = append(p.Verdicts, broken(on(patch, policy.MethodFull, works("b", pos, small)), "3.1"))
	if got := appAt(p, last); got.Why != policy.WhyBaseBroken {
		t.Errorf("across a broken patch: %s %s, want base-broken", got.State, got.Why)
	}
	// A smoke test does not clear what broke; a full one does.
	cleared := on(patch, policy.MethodSmoke, works("c", pos, small))
	cleared.At = now
	p.Verdicts = append(p.Verdicts, cleared)
	if got := appAt(p, patch); got.State != policy.StatusBroken {
		t.Errorf("after a smoke test: %s, want broken", got.State)
	}
	cleared.ID, cleared.Method = "d", policy.MethodFull
	p.Verdicts = append(p.Verdicts, cleared)
	if got := appAt(p, last); got.State != policy.StatusCarried || got.Carried[0].BaseRelease != patch || got.Carried[1].BaseRelease != next {
		t.Errorf("after a full test: %+v, want carried from 26.6.1 and 26.6", got)
	}
}

// TestRevokedBasePauses: a rollout stands on the result that was carried over as
// it does on the smoke test.
func TestRevokedBasePauses(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"v1", "s1", "v3"} {
		p := smoked()
		a := approval()
		a.Release, a.Verdicts = patch, []string{"s1", "s2", "s3", "v1", "v2", "v3"}
		p.Approvals = []policy.Approval{a}
		world := policy.NewWorld(p)
		if gate := policy.Evaluate(world, group, patch, now); gate.Phase != policy.PhaseRollingOut {
			t.Fatalf("phase %s, want rolling-out", gate.Phase)
		}
		for i := range p.Verdicts {
			if p.Verdicts[i].ID == id {
				p.Verdicts[i].RevokedAt = now
			}
		}
		gate := policy.Evaluate(policy.NewWorld(p), group, patch, now)
		if gate.Phase != policy.PhasePaused || gate.Reasons[0].Code != policy.GateVerdictRevoked {
			t.Errorf("%s revoked: %s %v, want paused by it", id, gate.Phase, gate.Reasons)
		}
		f := phone()
		if e := policy.TargetFor(policy.NewWorld(p), f, now).Enforce; e != nil {
			t.Errorf("%s revoked: the phone still gets %+v", id, e)
		}
		// A full test takes the place of either; that results expire does not
		// matter to what is under way.
		app := pos
		if id == "v3" {
			app = scan
		}
		p.Verdicts = append(p.Verdicts, on(patch, policy.MethodFull, works("f", app, small)))
		for i := range p.Verdicts {
			p.Verdicts[i].Expires = now
		}
		if gate := policy.Evaluate(policy.NewWorld(p), group, patch, now); gate.Phase != policy.PhaseRollingOut {
			t.Errorf("%s replaced: %s %v, want rolling-out", id, gate.Phase, gate.Reasons)
		}
	}
}

// TestBrokenBaseBlocks: what would have kept the gate closed before the approval
// stops the rollout after it, until another result takes its place.
func TestBrokenBaseBlocks(t *testing.T) {
	t.Parallel()
	rolling := func() policy.Parts {
		p := smoked()
		a := approval()
		a.Release, a.Verdicts = patch, []string{"s1", "s2", "s3", "v1", "v2", "v3"}
		p.Approvals = []policy.Approval{a}
		return p
	}
	add := func(v ...policy.Verdict) func(*policy.Parts) {
		return func(p *policy.Parts) { p.Verdicts = append(p.Verdicts, v...) }
	}
	later := func(v policy.Verdict) policy.Verdict {
		v.At = now
		return v
	}
	full := []policy.Verdict{later(on(patch, policy.MethodFull, works("f1", pos, small))), later(on(patch, policy.MethodFull, works("f2", pos, large)))}
	breaks := broken(on(next, policy.MethodFull, works("b", pos, large)), "3.1")
	tests := []struct {
		name   string
		change func(*policy.Parts)
		want   policy.Phase
		broken []string
	}{
		{"broken", add(breaks), policy.PhaseBlocked, []string{"b"}},
		{"broken in a smoke test", add(broken(on(next, policy.MethodSmoke, works("b", pos, small)), "3.1")), policy.PhaseBlocked, []string{"b"}},
		{"broken at a newer version", add(broken(on(next, "", works("b", pos, small)), "3.2")), policy.PhaseBlocked, []string{"b"}},
		{"broken at an older version", add(broken(on(next, "", works("b", pos, small)), "3.0")), policy.PhaseRollingOut, nil},
		{"broken on an older update", add(broken(on("26.5", "", works("b", pos, small)), "3.1")), policy.PhaseRollingOut, nil},
		{"an important app", add(broken(on(next, "", works("b", scan, small)), "3.1")), policy.PhaseBlocked, []string{"b"}},
		{"an informational app", add(broken(on(next, "", works("b", news, small)), "3.1")), policy.PhaseRollingOut, nil},
		{"cleared", add(breaks, later(on(next, policy.MethodFull, works("c", pos, large)))), policy.PhaseRollingOut, nil},
		{"tested in full instead", add(append(full, breaks)...), policy.PhaseRollingOut, nil},
		{"tested in full on one model of two", add(full[0], breaks), policy.PhaseBlocked, []string{"b"}},
		{"with what it rests on expired", func(p *policy.Parts) {
			for i := range p.Verdicts {
				p.Verdicts[i].Expires = now
			}
			p.Verdicts = append(p.Verdicts, breaks)
		}, policy.PhaseBlocked, []string{"b"}},
		{"not a base of the approval", func(p *policy.Parts) {
			p.Approvals[0].Verdicts = []string{"s1", "s2", "s3"}
			p.Verdicts = append(p.Verdicts, breaks)
		}, policy.PhaseRollingOut, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := rolling()
			tt.change(&p)
			w := policy.NewWorld(p)
			gate := policy.Evaluate(w, group, patch, now)
			if gate.Phase != tt.want {
				t.Errorf("phase %s %v, want %s", gate.Phase, gate.Reasons, tt.want)
			}
			if diff := cmp.Diff(tt.broken, gate.Broken); diff != "" {
				t.Errorf("broken (-want +got):\n%s", diff)
			}
			if e := policy.TargetFor(w, phone(), now).Enforce; (e != nil) != (tt.want == policy.PhaseRollingOut) {
				t.Errorf("the phone is to install %+v in phase %s", e, tt.want)
			}
			if r := gate.Reasons[0]; tt.want == policy.PhaseBlocked && (r.Code != policy.GateAppBroken || r.Params[policy.ParamRelease] != next) {
				t.Errorf("reason %+v, want %s on %s", r, policy.GateAppBroken, next)
			}
		})
	}
}

// TestCarryOverIsNoEdit: turning it on may not open what is closed without it.
func TestCarryOverIsNoEdit(t *testing.T) {
	t.Parallel()
	loosened := func(p policy.Parts) []string {
		was := p
		was.Policies = []policy.Policy{{Name: "carry"}}
		return policy.Loosened(policy.NewWorld(was), policy.NewWorld(p), group, now)
	}
	if got := loosened(smoked()); len(got) != 1 || got[0] != patch {
		t.Errorf("with smoke tests: %v, want %s", got, patch)
	}
	if got := loosened(carrying()); len(got) != 0 {
		t.Errorf("without them: %v, want nothing", got)
	}
}

// TestRevokedBaseIsDemanded: an app whose carried result was revoked stops the
// rollout, and so cannot be taken away to let it go on.
func TestRevokedBaseIsDemanded(t *testing.T) {
	t.Parallel()
	p := smoked()
	a := approval()
	a.Release, a.Verdicts = patch, []string{"s1", "s2", "s3", "v1", "v2", "v3"}
	p.Approvals = []policy.Approval{a}
	for i := range p.Verdicts {
		if p.Verdicts[i].ID == "v3" {
			p.Verdicts[i].RevokedAt = now
		}
	}
	before := policy.NewWorld(p)
	p.Groups[0].Apps = []string{pos, news}
	if got := policy.Loosened(before, policy.NewWorld(p), group, now); !slices.Equal(got, []string{patch, next, "26.5.2"}) {
		t.Errorf("without the scanner: %v, want %s, %s that it was carried over from, and 26.5.2", got, patch, next)
	}
}
