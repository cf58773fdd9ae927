package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

const (
	twin    = "iPhone11,8" // has the screen of small
	strange = "iPhone99,1" // of which nobody knows the screen
	narrow  = "414x896@2x"
	wide    = "393x852@3x"
)

// kin returns the world of a group with this model class in which two of its four production
// models have the same screen. Nothing is tested.
func kin(class policy.ModelClass) policy.Parts {
	p := parts()
	widen(&p, class)
	p.Screens = map[string]string{small: narrow, twin: narrow, large: wide}
	for i := range p.Releases {
		p.Releases[i].Models = append(p.Releases[i].Models, windows("2026-05-11", twin, strange)...)
	}
	for _, model := range []string{twin, strange} {
		p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: policy.RingProduction, Model: model, OSVersion: "26.5", Count: 4})
	}
	return p
}

// tested returns the world with the critical app tested on these models and the important
// one on the first of them.
func tested(p policy.Parts, models ...string) policy.Parts {
	p.Verdicts = []policy.Verdict{works("scan", scan, models[0])}
	for _, m := range models {
		p.Verdicts = append(p.Verdicts, works("v "+m, pos, m))
	}
	return p
}

// given returns the world with an approval of the gate as it is now.
func given(p policy.Parts) policy.Parts {
	gate := evaluate(p)
	a := approval()
	a.Models, a.Floors = gate.Models, gate.Floors
	p.Approvals = []policy.Approval{a}
	return p
}

// TestClassOf: a model whose screen is not known is a class of its own, and so is
// each where the policy says nothing that is known.
func TestClassOf(t *testing.T) {
	t.Parallel()
	for class, want := range map[policy.ModelClass][]string{
		policy.ModelClassHardware: {small, twin, large, strange},
		policy.ModelClassScreen:   {narrow, narrow, wide, strange},
		policy.ModelClassAny:      {policy.AnyModel, policy.AnyModel, policy.AnyModel, policy.AnyModel},
		"odd":                     {small, twin, large, strange},
	} {
		w := policy.NewWorld(kin(class))
		var got []string
		for _, m := range []string{small, twin, large, strange} {
			got = append(got, w.ClassOf(group, m))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", class, diff)
		}
		if got := w.ClassOf("nobody", small); got != small {
			t.Errorf("%s, a group that does not exist: %s", class, got)
		}
	}
	for _, c := range policy.ModelClasses() {
		if got, err := policy.ParseModelClass(string(c)); got != c || err != nil {
			t.Errorf("%s is read as %q, %v", c, got, err)
		}
	}
	if _, err := policy.ParseModelClass("model"); err == nil {
		t.Error("a class that does not exist is read")
	}
}

// TestVerifiedByClass: a gate asks for one result of a critical app on each class of
// production, and an approval covers the models that these stand for, by their own names.
func TestVerifiedByClass(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		class   policy.ModelClass
		on      []string
		missing []string // classes
		covers  []string // hardware identifiers
	}{
		{"hardware, one of each", policy.ModelClassHardware, []string{small, twin, large, strange}, nil, []string{twin, small, large, strange}},
		{"hardware, none of the twin", policy.ModelClassHardware, []string{small, large, strange}, []string{twin}, []string{small, large, strange}},
		{"screen, one for both", policy.ModelClassScreen, []string{small, large, strange}, nil, []string{twin, small, large, strange}},
		{"screen, the other for both", policy.ModelClassScreen, []string{twin, large, strange}, nil, []string{twin, small, large, strange}},
		{"screen, none of an unknown one", policy.ModelClassScreen, []string{small, large}, []string{strange}, []string{twin, small, large}},
		{"screen, only of an unknown one", policy.ModelClassScreen, []string{strange}, []string{wide, narrow}, []string{strange}},
		{"any, one", policy.ModelClassAny, []string{strange}, nil, []string{twin, small, large, strange}},
		{"any, one that production has not", policy.ModelClassAny, []string{"iPhone18,1"}, nil, []string{twin, small, large, "iPhone18,1", strange}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := evaluate(tested(kin(tt.class), tt.on...))
			if (got.Phase == policy.PhaseVerified) != (tt.missing == nil) {
				t.Errorf("phase = %s", got.Phase)
			}
			if diff := cmp.Diff(tt.missing, got.Apps[1].MissingModels); diff != "" {
				t.Errorf("missing classes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.covers, got.Models); diff != "" {
				t.Errorf("covered models (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBrokenIsOfItsModel: that an app does not work on a model is not taken back by
// another that the policy lets stand for it.
func TestBrokenIsOfItsModel(t *testing.T) {
	t.Parallel()
	for _, class := range []policy.ModelClass{policy.ModelClassScreen, policy.ModelClassAny} {
		p := tested(kin(class), small, large, strange)
		p.Verdicts = append([]policy.Verdict{broken(works("b", pos, twin), "3.1")}, p.Verdicts...)
		p.Verdicts[0].At = before.Add(-time.Hour)
		if got := evaluate(p); got.Phase != policy.PhaseBlocked || !slices.Equal(got.Apps[1].BrokenModels, []string{twin}) {
			t.Errorf("%s: %s, broken on %v, want blocked by %s", class, got.Phase, got.Apps[1].BrokenModels, twin)
		}
		p.Verdicts = append(p.Verdicts, works("again", pos, twin))
		if got := evaluate(p); got.Phase != policy.PhaseVerified {
			t.Errorf("%s: %s once it works there, want verified", class, got.Phase)
		}
	}
}

// TestCarriedByClass: the result that a quick check rests on may be of another model
// of its class.
func TestCarriedByClass(t *testing.T) {
	t.Parallel()
	for class, want := range map[policy.ModelClass]policy.Phase{policy.ModelClassHardware: policy.PhaseVerifying, policy.ModelClassScreen: policy.PhaseVerified} {
		p := tested(kin(class), small, large, strange)
		p.Policies[0].CarryOver = true
		p.Releases = append(p.Releases, policy.Release{Version: "26.6.1", Class: "patch", Models: windows("2026-08-10", small, large, twin, strange)})
		p.Offers = append(p.Offers, policy.Offer{Group: group, Release: "26.6.1", At: before})
		for _, v := range slices.Clone(p.Verdicts) {
			v.ID, v.Release, v.PhoneOS, v.Method, v.At = "quick "+v.ID, "26.6.1", "26.6.1", policy.MethodSmoke, now.Add(-time.Hour)
			if v.Model == small {
				v.Model = twin
			}
			p.Verdicts = append(p.Verdicts, v)
		}
		if got := policy.Evaluate(policy.NewWorld(p), group, "26.6.1", now); got.Phase != want {
			t.Errorf("%s: %s %+v, want %s", class, got.Phase, got.Apps, want)
		}
	}
}

// TestJoinsLater: a model that joins a rollout waits, even where its class is verified,
// until a person adds it; nothing more has to be tested for that.
func TestJoinsLater(t *testing.T) {
	t.Parallel()
	for class, extends := range map[policy.ModelClass]bool{policy.ModelClassHardware: false, policy.ModelClassScreen: true, policy.ModelClassAny: true} {
		p := tested(kin(class), small, large, strange)
		p.Groups[0].Census = slices.DeleteFunc(p.Groups[0].Census, func(c policy.Census) bool { return c.Model == twin })
		p = given(p)
		p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: policy.RingProduction, Model: twin, OSVersion: "26.5", Count: 2})
		f := phone()
		f.Model = twin
		if got := policy.TargetFor(policy.NewWorld(p), f, now); got.Enforce != nil || got.Blocked.Code != policy.ReasonModelNotVerified {
			t.Errorf("%s: %+v %v, want it to wait", class, got.Enforce, got.Blocked)
		}
		if err := policy.Extendable(evaluate(p), twin); (err == nil) != extends {
			t.Errorf("%s: extendable: %v, want %t", class, err, extends)
		}
	}
}

// TestNarrowing: another class changes nothing for the phones that an approval names,
// and lets none in that it does not.
func TestNarrowing(t *testing.T) {
	t.Parallel()
	classes := policy.ModelClasses()
	for _, was := range classes {
		for _, is := range classes {
			p := given(tested(kin(was), small, large, strange))
			p.Policies[0].ModelClass = is
			w := policy.NewWorld(p)
			for _, m := range []string{small, large, twin, strange, "iPhone18,1"} {
				f := phone()
				f.Model = m
				got := policy.TargetFor(w, f, now).Enforce != nil
				if want := slices.Contains(p.Approvals[0].Models, m); got != want {
					t.Errorf("approved by %s, then %s: a phone of %s is asked: %t, want %t", was, is, m, got, want)
				}
			}
			if phase := evaluate(p).Phase; phase != policy.PhaseRollingOut {
				t.Errorf("approved by %s, then %s: %s", was, is, phase)
			}
		}
	}
	p := approved()
	p.Approvals[0].Models = []string{policy.AnyModel}
	if got := policy.TargetFor(policy.NewWorld(p), phone(), now); got.Enforce != nil {
		t.Error("an approval covers models that it does not name")
	}
}

// TestRevokedAfterNarrowing: what an approval rests on is looked at by the class of now.
func TestRevokedAfterNarrowing(t *testing.T) {
	t.Parallel()
	for class, want := range map[policy.ModelClass]policy.Phase{policy.ModelClassScreen: policy.PhaseRollingOut, policy.ModelClassHardware: policy.PhasePaused} {
		p := given(tested(kin(policy.ModelClassScreen), small, twin, large, strange))
		p.Policies[0].ModelClass = class
		p.Verdicts[1].RevokedAt = now // that on small
		if got := evaluate(p); got.Phase != want {
			t.Errorf("%s: %s, want %s", class, got.Phase, want)
		}
	}
}

// TestWideningLoosens: results may not come to stand for more phones while a gate asks for
// tests that it would then not ask for; to fewer they may at any time.
func TestWideningLoosens(t *testing.T) {
	t.Parallel()
	hardware, screen, anyModel := policy.ModelClassHardware, policy.ModelClassScreen, policy.ModelClassAny
	important := func(p *policy.Parts) { p.Apps[0].Importance = policy.ImportanceImportant }
	rolling := func(p *policy.Parts) { *p = given(*p); p.Approvals[0].Models = []string{small} }
	tests := []struct {
		name    string
		was, is policy.ModelClass
		on      []string
		change  func(*policy.Parts)
		want    bool
	}{
		{"the gate opens", hardware, screen, []string{small, large, strange}, nil, true},
		{"fewer tests are missing", hardware, screen, []string{large}, nil, true},
		{"fewer still", screen, anyModel, []string{"iPhone18,1"}, nil, true},
		{"nothing is missing", hardware, anyModel, []string{small, twin, large, strange}, nil, false},
		{"as many are missing", hardware, screen, []string{small, twin}, nil, false},
		{"an app that is tested once in any case", hardware, screen, []string{"iPhone18,1"}, important, false},
		{"a model that an approval leaves out", hardware, screen, []string{small}, rolling, true},
		{"one that it leaves out all the same", hardware, screen, []string{small, twin}, rolling, false},
		{"fewer phones", anyModel, hardware, []string{small}, nil, false},
		{"fewer phones, a gate that is closed", screen, hardware, []string{large}, nil, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := tested(kin(tt.was), tt.on...)
			if tt.change != nil {
				tt.change(&p)
			}
			was := policy.NewWorld(p)
			p.Policies = slices.Clone(p.Policies)
			p.Policies[0].ModelClass = tt.is
			found := policy.Loosened(was, policy.NewWorld(p), group, now)
			if got := slices.Contains(found, next); got != tt.want {
				t.Errorf("loosened: %v, want %s among them: %t", found, next, tt.want)
			}
		})
	}
}

// TestOneTestForTwo: that one result is to do for two models takes two people also where
// the same edit asks for a test more elsewhere, and where an approval leaves both models out.
func TestOneTestForTwo(t *testing.T) {
	t.Parallel()
	const hardware, screen = policy.ModelClassHardware, policy.ModelClassScreen
	leftOut := tested(kin(hardware), large, strange)
	leftOut.Approvals = []policy.Approval{approval()}
	leftOut.Approvals[0].Models = []string{large, strange}
	for _, tt := range []struct {
		name string
		was  policy.Parts
		is   policy.ModelClass
		days int // for which results count afterwards; the one there is two days old
		want bool
	}{
		{"two of three models with one screen, and one more to test", tested(kin(hardware), strange), screen, 1, true},
		{"one more to test", tested(kin(hardware), strange), hardware, 1, false},
		{"two that an approval leaves out", leftOut, screen, 0, true},
		{"two that it leaves out as before", leftOut, hardware, 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			is := tt.was
			is.Policies = slices.Clone(tt.was.Policies)
			is.Policies[0].ModelClass, is.Policies[0].VerdictDays = tt.is, tt.days
			found := policy.Loosened(policy.NewWorld(tt.was), policy.NewWorld(is), group, now)
			if got := slices.Contains(found, next); got != tt.want {
				t.Errorf("loosened: %v, want %s among them: %t", found, next, tt.want)
			}
		})
	}
}

// TestUrgentByClass: the urgent route asks for one quick check on each class, and covers
// the models that these stand for.
func TestUrgentByClass(t *testing.T) {
	t.Parallel()
	for class, want := range map[policy.ModelClass][]string{
		policy.ModelClassHardware: {small, large, strange},
		policy.ModelClassScreen:   {twin, small, large, strange},
		policy.ModelClassAny:      {twin, small, large, strange},
	} {
		p := tested(kin(class), small, large, strange)
		for i := range p.Verdicts {
			p.Verdicts[i].Method = policy.MethodSmoke
		}
		got := evaluate(p)
		if diff := cmp.Diff(want, got.Urgent.Models); diff != "" {
			t.Errorf("%s, covered models (-want +got):\n%s", class, diff)
		}
		if open := policy.LaneOpen(got) == nil; open != (class != policy.ModelClassHardware) {
			t.Errorf("%s: the urgent route is open: %t", class, open)
		}
	}
}

// TestMovesByClass: a phone comes to a group that verified its class, and to none that did
// not.
func TestMovesByClass(t *testing.T) {
	t.Parallel()
	f := phone()
	f.Group, f.Model = "dock", twin
	for class, want := range map[policy.ModelClass]bool{policy.ModelClassHardware: false, policy.ModelClassScreen: true, policy.ModelClassAny: true} {
		p := tested(kin(class), small, large, strange)
		p.Groups = append(p.Groups, policy.Group{Name: "dock", Apps: []string{pos}})
		w := policy.NewWorld(p)
		if got := slices.Contains(policy.Escaped(w, w, "dock", group, f, now), next); got != want {
			t.Errorf("%s: the phone could get %s there: %t, want %t", class, next, got, want)
		}
	}
}

// TestCoverageByScreen: a verification phone stands for production phones with its
// screen, and a screen that nobody knows is said to be one of its own.
func TestCoverageByScreen(t *testing.T) {
	t.Parallel()
	p := kin(policy.ModelClassScreen)
	for i := range p.Groups[0].Census {
		p.Groups[0].Census[i].OSVersion = next
	}
	got := policy.Covers(policy.NewWorld(p), group)
	want := []policy.Class{{Name: wide, Models: []string{large}}, {Name: narrow, Models: []string{twin, small}}, {Name: strange, Models: []string{strange}}}
	if diff := cmp.Diff(want, got.Classes); diff != "" {
		t.Errorf("classes (-want +got):\n%s", diff)
	}
	if got.Covered != 19 || got.Production != 23 || !slices.Equal(got.OwnScreen, []string{strange}) {
		t.Errorf("%d of %d covered, own screens %v", got.Covered, got.Production, got.OwnScreen)
	}
	if diff := cmp.Diff([]policy.Suggestion{{Model: strange, Line: "26", Production: 4}}, got.Suggested); diff != "" {
		t.Errorf("suggested (-want +got):\n%s", diff)
	}
}

// TestGoldenScreens: a gate of a group whose policy goes by screens, while one is
// missing and once all are there.
func TestGoldenScreens(t *testing.T) {
	t.Parallel()
	golden(t, "screens-missing.json", evaluate(tested(kin(policy.ModelClassScreen), twin, strange)))
	golden(t, "screens-verified.json", evaluate(tested(kin(policy.ModelClassScreen), twin, large, strange)))
}
