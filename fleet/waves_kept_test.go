package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// pausedNear has a rollout in two waves stand still until so long before the last
// deadline that its build allows, and go on then. It returns that deadline.
func (w *world) pausedNear(before time.Duration) (phones []*phone, last time.Time) {
	w.t.Helper()
	phones = w.underWay("50%@+0", "100%@+4d")
	gate, err := w.fleet.Gate(seg, "sales", older)
	w.must(err)
	last = gate.Clocks.ShelfLife.Add(-policy.ShelfMargin)
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", older)))
	w.clock.Add(last.Sub(w.clock.Now()) - before)
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("it was the printer"), "sales", older)))
	return phones, last
}

// A wave that a pause moved so far that its deadline comes in the last week of its
// build does not start. People see that before it is due, and are told once.
func TestWaveIsKeptFromItsLastWeek(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones, last := w.pausedNear(aDay)
	kept := func(when string) {
		t.Helper()
		gate, err := w.fleet.Gate(seg, "sales", older)
		w.must(err)
		i := slices.IndexFunc(gate.Reasons, func(r policy.Reason) bool { return r.Code == policy.GateWaveKept })
		if i < 0 || gate.Reasons[i].Params[policy.ParamWave] != "2" || gate.NextHuman != policy.StepChooseNewer {
			t.Errorf("%s the gate says %+v and %s, want that wave 2 does not start and that people decide about the newer release", when, gate.Reasons, gate.NextHuman)
		}
	}
	kept("before the wave is due")
	w.clock.Add(2 * aDay)
	var revision uint64
	for i := range 5 {
		if w.after(time.Minute) {
			t.Fatal("the wave started")
		}
		if i == 0 {
			revision = w.revision()
		}
	}
	if got := w.revision(); got != revision {
		t.Errorf("looking four times more made %d revisions, want none", got-revision)
	}
	kept("when it is due")
	if got := w.rollout(older).Waves[1]; got.State != fleet.WaveWaiting || got.Why != fleet.WaitKept {
		t.Errorf("the second wave is %s for %s, want kept", got.State, got.Why)
	}
	entries := w.acts(fleet.NoticeWaveKept)
	notices := slices.DeleteFunc(w.notices(), func(n storage.Notice) bool { return n.Kind != fleet.NoticeWaveKept })
	if len(entries) != 1 || len(notices) != 1 {
		t.Fatalf("%d entries and %d notices, want one each", len(entries), len(notices))
	}
	want := map[string]string{
		"wave": "2", "of": "2", "latest": last.Format("2006-01-02T15:04:05"), "date": last.Add(policy.ShelfMargin).Format(time.DateOnly),
		"start": entries[0].Detail["start"], "deadline": entries[0].Detail["deadline"],
	}
	if diff := cmp.Diff(want, notices[0].Params); diff != "" {
		t.Errorf("notice (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{older: 2, "": 2}, askedFor(phones)); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	for _, p := range phones {
		x, err := w.fleet.Explain(w.ctx, seg, p.udid)
		w.must(err)
		if got := x.Explanation; got.Reason.Code == policy.ReasonWaveNotStarted && (got.Reason.Params[policy.ParamWhy] != string(policy.WhyWaveKept) || got.NextHuman != policy.StepChooseNewer || got.NextAutomatic != policy.StepNone) {
			t.Errorf("%s: %+v, next %s and %s", p.udid, got.Reason, got.NextAutomatic, got.NextHuman)
		}
	}

	// The newer release takes the waves over, and has time.
	w.must(second(w.rebase()))
	if !w.after(2*aDay) || w.rollout(release).Waves[1].State == fleet.WaveWaiting {
		t.Errorf("the second wave of the newer release is %+v", w.rollout(release).Waves[1])
	}
}

// One that ends in time starts, and one that is minutes late for it, too.
func TestWaveStartsBeforeTheLastWeek(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]time.Duration{"on time": 0, "minutes late": 5 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.pausedNear(5 * aDay) // 2 to soak, 3 to install
			if !w.after(2*aDay+late) || w.rollout(older).Waves[1].State == fleet.WaveWaiting {
				t.Errorf("the second wave is %+v, want it started", w.rollout(older).Waves[1])
			}
		})
	}
}
