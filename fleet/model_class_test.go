package fleet_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// twinScreens has a release tested on the only verification phone, and in production a
// phone of its model and one of another with the same screen, under a policy with a class.
func (w *world) twinScreens(class string) *phone {
	w.t.Helper()
	w.decides("strict", fleet.PolicyChange{ModelClassChange: fleet.ModelClassChange{ModelClass: &class}})
	twin := w.joined("P9", "iPhone15,4")
	w.verified()
	return twin
}

// joined enrols a production phone of a model.
func (w *world) joined(udid, model string) *phone {
	w.t.Helper()
	p := newPhone(w, udid)
	p.model = model
	p.again("sales", storage.RingProduction)
	p.settle()
	return p
}

// testedOn records a result on a model that no verification phone is of.
func (w *world) testedOn(model string) {
	w.t.Helper()
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works", External: true, Evidence: "letter", Group: "sales", Model: model, AppVersion: "1.0",
	})
	w.must(err)
}

func (w *world) setClass(class string) error {
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("classes"), "strict", fleet.PolicyChange{ModelClassChange: fleet.ModelClassChange{ModelClass: &class}})
	return err
}

// TestScreens: one verification phone stands for the models with its screen, from the
// result to the enforcement; what joins later waits for a word, and for a test once the
// policy is narrower.
func TestScreens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	twin := w.twinScreens("screen")
	other := w.joined("P8", "iPhone14,5") // another screen
	if gate := w.gate(); gate.Phase != policy.PhaseVerifying || !slices.Equal(gate.Apps[0].MissingModels, []string{"390x844@3x"}) {
		t.Fatalf("with a model of another screen: %s, missing %v", gate.Phase, gate.Apps[0].MissingModels)
	}
	w.testedOn("iPhone14,5")
	_, err := w.fleet.Approve(w.ctx, seg, w.act("tested"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"})
	w.must(err)
	for _, p := range []*phone{twin, other} {
		p.settle()
		if got, _ := p.enforcement(); got != release {
			t.Errorf("%s is asked for %q, want %s", p.model, got, release)
		}
	}
	late, later := w.joined("P6", "iPhone16,1"), w.joined("P7", "iPhone17,3")
	for _, p := range []*phone{late, later} {
		if got := p.explained(); got != [2]string{string(policy.ReasonModelNotVerified), string(policy.StepExtend)} {
			t.Errorf("%s joins: %v", p.model, got)
		}
	}
	_, err = w.extend(w.act("the same screen"), "iPhone16,1")
	w.must(err)
	if late.settle(); late.told() != release {
		t.Errorf("added, it is asked for %q", late.told())
	}
	w.must(w.setClass("hardware"))
	w.restart()
	for _, p := range []*phone{twin, other, late} {
		if p.settle(); p.told() != release {
			t.Errorf("%s is asked for %q once the policy is narrower, want %s as before", p.model, p.told(), release)
		}
	}
	_, err = w.extend(w.act("the same screen"), "iPhone17,3")
	if r := refusal(t, err); r.Code != string(policy.ExtendUntested) {
		t.Errorf("adding what is not tested on its hardware: %s", r.Code)
	}
	if later.settle(); later.told() != "" {
		t.Errorf("%s is asked for %s", later.model, later.told())
	}
}

// told returns the release that a phone is asked to install.
func (p *phone) told() string {
	release, _ := p.enforcement()
	return release
}

// TestScreensAtTheEndOfAHold: what a policy approves by itself is for the models that the
// tested ones stand for.
func TestScreensAtTheEndOfAHold(t *testing.T) {
	t.Parallel()
	for class, want := range map[string]string{"hardware": "", "screen": release} {
		w := newWorld(t)
		twin := w.twinScreens(class)
		gates, err := w.fleet.Gates(seg, "sales")
		w.must(err)
		for _, gate := range gates {
			if gate.Release != release { // whose holds ended before
				_, err := w.fleet.Decline(w.ctx, seg, w.act("not for us"), "sales", gate.Release)
				w.must(err)
			}
		}
		_, err = w.fleet.SetPolicy(w.ctx, seg, w.act("late"), "strict", fleet.PolicyChange{OnExpiry: ptr(string(policy.OnExpiryEnforce))})
		w.must(err)
		w.at(90)
		w.sweep()
		if twin.settle(); twin.told() != want {
			t.Errorf("%s: the phone is to install %q, want %q", class, twin.told(), want)
		}
	}
}

// TestChaseByScreen: whoever has a phone with a screen that lacks a result is reminded,
// whichever model of production has it.
func TestChaseByScreen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	steps := []string{"message@+1d"}
	w.decides("strict", fleet.PolicyChange{
		ModelClassChange: fleet.ModelClassChange{ModelClass: ptr("screen")}, ChaseChange: fleet.ChaseChange{ChaseTests: &steps},
	})
	w.joined("P9", "iPhone15,4").settle()
	v, other := w.enrol("V1", "sales", storage.RingVerification), newPhone(w, "V2")
	other.model = "iPhone17,1"
	other.again("sales", storage.RingVerification)
	for _, p := range []*phone{v, other} {
		p.settle()
	}
	_, err := w.fleet.Offer(w.ctx, seg, w.act("candidate"), "sales", release)
	w.must(err)
	for _, p := range []*phone{v, other} {
		p.settle()
		p.install(release, "23G83")
	}
	w.clock.Add(aDay)
	w.tick()
	notices := w.notices()
	if len(notices) != 1 || notices[0].Params["phones"] != "V1" {
		t.Errorf("reminded of tests: %v, want V1 alone", notices)
	}
}

// TestModelClassRecord: the class is read again, is in the audit log, and one that does not
// exist is refused.
func TestModelClassRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(w.setClass("screen"))
	w.must(w.setClass("any"))
	w.restart()
	got, err := w.fleet.Policy(seg, "strict")
	w.must(err)
	if acts := w.acts("policy.set"); got.ModelClass != "any" || len(acts) != 2 || acts[1].Detail["model_class"] != "any" {
		t.Errorf("class %s, audit %v", got.ModelClass, acts)
	}
	if err := w.setClass("model"); !isInvalid(err) {
		t.Errorf("a class that does not exist: %v", err)
	}
}

// TestModelNames: of the models of classes those that have a marketing name.
func TestModelNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	names, err := w.fleet.ModelNames(seg, []policy.Class{{Name: "393x852@3x", Models: []string{"iPhone15,4", "iPhone17,3"}}, {Name: "iPhone99,1", Models: []string{"iPhone99,1"}}})
	w.must(err)
	if diff := cmp.Diff(map[string]string{"iPhone15,4": "iPhone 15", "iPhone17,3": "iPhone 16"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

// TestClassesAreTold: whoever is told of a class that nobody tested is told which models
// are of it: with a result, a refusal and a proposal that waits.
func TestClassesAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.twinScreens("screen")
	w.joined("P8", "iPhone14,5") // another screen
	want := policy.Class{Name: "390x844@3x", Models: []string{"iPhone14,5"}}
	holds := func(where string, classes []policy.Class) {
		t.Helper()
		if !slices.ContainsFunc(classes, func(c policy.Class) bool { return cmp.Equal(c, want) }) {
			t.Errorf("%s has the classes %v, want %v among them", where, classes, want)
		}
	}
	_, err := w.approve("+3d")
	missing := refusal(t, err).Missing
	if holds("a refusal", missing[0].Classes); len(missing[0].Classes) != 1 {
		t.Errorf("a refusal has the classes %v, want the missing one alone", missing[0].Classes)
	}
	p, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), override())
	w.must(err)
	open, err := w.fleet.Proposal(seg, p.ID)
	w.must(err)
	holds("a proposal", open.Shown.Classes)
	dry := w.act("test")
	dry.DryRun = true
	judged, err := w.fleet.RecordVerdict(w.ctx, seg, dry, fleet.VerdictRequest{BundleID: "com.example.pos", Release: release, Result: "works", Device: "V1"})
	w.must(err)
	holds("a result", judged.Effect.Classes)
}
