package fleet_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// newModel is a model that joins a rollout of which no phone was there when it was
// approved.
const newModel = "iPhone18,5"

// joins approves the release in two waves and has four phones of another model
// enrol an hour later.
func (w *world) joins() []*phone {
	w.t.Helper()
	w.inWaves(fleet.ApproveRequest{Waves: []string{"50%@+0", "100%@+4d"}, Deadline: "+3d"})
	w.clock.Add(time.Hour)
	var phones []*phone
	for _, udid := range []string{"N1", "N2", "N3", "N4"} {
		p := newPhone(w, udid)
		p.model = newModel
		p.again("sales", storage.RingProduction)
		p.settle()
		phones = append(phones, p)
	}
	return phones
}

// testNewModel records a result of the business app on the model that joined.
func (w *world) testNewModel(method string) string {
	w.t.Helper()
	v, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works", Method: method, External: true, Evidence: "letter",
		Group: "sales", Model: newModel, AppVersion: "1.0",
	})
	w.must(err)
	return v.ID
}

func (w *world) extend(a fleet.Act, models ...string) (fleet.Extended, error) {
	return w.fleet.Extend(w.ctx, seg, a, fleet.ExtendRequest{Group: "sales", Release: release, Models: models})
}

// explained returns the reason of a phone and the next human step.
func (p *phone) explained() [2]string {
	p.t.Helper()
	v, err := p.fleet.Explain(p.ctx, seg, p.udid)
	p.must(err)
	return [2]string{string(v.Explanation.Reason.Code), string(v.Explanation.NextHuman)}
}

func TestExtend(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.joins()
	waits := [2]string{string(policy.ReasonModelNotVerified), string(policy.StepTestModel)}
	if got := phones[0].explained(); got != waits || sum(asked(phones)) != 0 {
		t.Fatalf("the model that joined: %v, asked %v; want %v", got, asked(phones), waits)
	}
	for name, method := range map[string]string{"nothing": "", "a quick check": "smoke"} {
		if method != "" {
			w.testNewModel(method)
		}
		_, err := w.extend(w.act("new phones"))
		if r := refusal(t, err); r.Code != string(policy.ExtendUntested) || r.Params["models"] != newModel || len(r.Missing) != 1 {
			t.Errorf("after %s: %+v", name, r)
		}
	}
	verdict := w.testNewModel("full")
	if got := phones[0].explained()[1]; got != string(policy.StepExtend) || w.gate().NextHuman != policy.StepExtend {
		t.Errorf("once it is verified the next step is %q for the phone, %q at the gate", got, w.gate().NextHuman)
	}
	dry := w.act("new phones")
	dry.DryRun = true
	tried, err := w.extend(dry)
	w.must(err)
	// Local time of the phones in Tokyo: 19:00 and a day of notice, before the wave's.
	shown := []fleet.WaveView{
		{Wave: 1, State: fleet.WaveStarted, Start: w.clock.Now().Add(-time.Hour), Deadline: "2026-08-21T09:00:00", StopUntil: "2026-08-21T07:00:00"},
		{Wave: 2, State: fleet.WaveWaiting, Why: fleet.WaitStart, Start: w.clock.Now().Add(4*aDay - time.Hour), Deadline: "2026-08-25T09:00:00", StopUntil: "2026-08-25T07:00:00"},
	}
	shown[0].Phones, shown[1].Phones = tried.Install, 4-tried.Install
	if diff := cmp.Diff(shown, tried.Added); diff != "" || tried.Install == 0 || tried.Install == 4 || sum(asked(phones)) != 0 {
		t.Fatalf("tried: %d phones asked, %v; waves (-want +got):\n%s", tried.Install, asked(phones), diff)
	}
	done, err := w.extend(w.act("new phones"))
	w.must(err)
	if diff := cmp.Diff(shown, done.Added); diff != "" || !slices.Equal(done.Models, []string{newModel}) {
		t.Errorf("models %v, waves (-want +got):\n%s", done.Models, diff)
	}
	w.restart()
	if diff := cmp.Diff(map[string]int{"2026-08-21T09:00:00": tried.Install}, asked(phones)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	wantAct := map[string]string{"phase_before": "rolling-out", "approval": done.Approval, "models": newModel, "verdicts": verdict}
	if acts := w.acts("gate.extend"); len(acts) != 1 || !cmp.Equal(acts[0].Detail, wantAct) || acts[0].Reason != "new phones" {
		t.Errorf("audit: %+v, want one entry with %v", acts, wantAct)
	}
	_, err = w.extend(w.act("again"))
	if r := refusal(t, err); r.Code != string(policy.ExtendNotWaiting) {
		t.Errorf("added twice: %s", r.Code)
	}
	if !w.after(4*aDay) || sum(asked(phones)) != 4 {
		t.Errorf("second wave: asked %v", asked(phones))
	}
}

// TestExtendKeepsTheNotice: a phone whose wave is due long since is told with its
// own notice.
func TestExtendKeepsTheNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.joins()
	w.after(4 * aDay)
	w.testNewModel("full")
	w.clock.Add(5 * aDay) // 27 August, 19:00 in Tokyo
	done, err := w.extend(w.act("new phones"))
	w.must(err)
	want := map[string]int{"2026-08-28T19:00:00": 4}
	got := map[string]int{}
	for _, v := range done.Added {
		got[v.Deadline] += v.Phones
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, asked(phones)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

// TestExtensionStops: taking back the result a model was added by stops the rollout,
// and what was shown must be so.
func TestExtensionStops(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.joins()
	seen := w.gate().Fingerprint
	verdict := w.testNewModel("full")
	_, err := w.fleet.Extend(w.ctx, seg, w.act("x"), fleet.ExtendRequest{Group: "sales", Release: release, Fingerprint: seen})
	if _, changed := errors.AsType[*fleet.ChangedError](err); !changed {
		t.Errorf("the gate changed since it was shown: %v", err)
	}
	w.must(second(w.extend(w.act("new phones"), newModel)))
	w.clock.Add(time.Minute)
	w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("wrong phone"), verdict)))
	if g := w.gate(); g.Phase != policy.PhasePaused || sum(asked(phones)) != 0 {
		t.Errorf("gate %s, asked %v; want it paused and nobody asked", g.Phase, asked(phones))
	}
}
