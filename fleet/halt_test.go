package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// steady gives the server a clock that nobody sets, and starts it with that.
func (w *world) steady() (ticks *time.Duration) {
	ticks = new(time.Duration)
	w.ticks = func() time.Duration { return *ticks }
	w.restart()
	return ticks
}

// restored makes a copy of the database that everything goes on with.
func (w *world) restored() {
	w.t.Helper()
	w.must(w.store.Restored(w.ctx, seg, storage.AuditEntry{At: w.clock.Now(), Actor: "test", Action: "backup.restore"}))
	w.restart()
}

// goOn ends the halt after a restore.
func (w *world) goOn() {
	w.t.Helper()
	_, err := w.fleet.EndHalt(w.ctx, seg, w.act("paused again what was"), storage.HaltRestore)
	w.must(err)
}

func (w *world) halt() string {
	w.t.Helper()
	v, err := w.fleet.Status(w.ctx, seg)
	w.must(err)
	if v.Halt == nil {
		return ""
	}
	return v.Halt.Cause
}

// TestClockJump: nothing begins after a jump until a person confirms the clock,
// and what phones have stays.
func TestClockJump(t *testing.T) {
	for name, jump := range map[string]time.Duration{"forward": 26 * time.Hour, "back": -20 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			first, _ := w.verified()
			ticks := w.steady()
			_, err := w.approve("+5d")
			w.must(err)
			first.settle()
			told, deadline := first.enforcement()
			if told != release {
				t.Fatalf("before the jump the phone is told %q, want %s", told, release)
			}
			w.clock.Add(jump)
			late := w.enrol("P2", "sales", storage.RingProduction)
			late.settle()
			first.settle()
			if got, _ := late.enforcement(); got != "" {
				t.Errorf("a phone that came after the jump is told to install %s", got)
			}
			if got, at := first.enforcement(); got != release || at != deadline {
				t.Errorf("a phone told before the jump has %q until %s, want it until %s", got, at, deadline)
			}
			x, err := w.fleet.Explain(w.ctx, seg, "P2")
			w.must(err)
			if r := x.Explanation.Reason; r.Code != policy.ReasonPaused || x.Explanation.NextHuman != policy.StepConfirmClock {
				t.Errorf("P2 is listed as %+v, next %s", r, x.Explanation.NextHuman)
			}
			if gate := w.gate(); gate.Phase != policy.PhasePaused || gate.NextHuman != policy.StepConfirmClock {
				t.Errorf("the gate is %s, next %s", gate.Phase, gate.NextHuman)
			}
			if entries := w.acts("engine.halt"); len(entries) != 1 || entries[0].Detail["cause"] != "clock" {
				t.Errorf("the audit log has %+v, want one halt", entries)
			}
			w.clock.Add(-jump) // it was set right
			*ticks += time.Minute
			w.sweep()
			if got := w.halt(); got != storage.HaltClock {
				t.Errorf("nobody confirmed the clock, and the halt is %q", got)
			}
			_, err = w.fleet.EndHalt(w.ctx, seg, w.act("NTP works again"), storage.HaltRestore)
			if r := refusal(t, err); r.Code != "other-halt" {
				t.Errorf("ending it for another cause is refused as %s", r.Code)
			}
			_, err = w.fleet.EndHalt(w.ctx, seg, w.act("NTP works again"), storage.HaltClock)
			w.must(err)
			late.settle()
			if got, _ := late.enforcement(); got != release {
				t.Errorf("after the halt the phone is told %q, want %s", got, release)
			}
			_, err = w.fleet.EndHalt(w.ctx, seg, w.act("again"), storage.HaltClock)
			if r := refusal(t, err); r.Code != "not-halted" {
				t.Errorf("ending no halt is refused as %s", r.Code)
			}
		})
	}
}

// TestRestoredCopyTellsNothing: what the copy says a phone was told may have been
// stopped since, so that the phone is told again when a person lets it go on, and one
// that has gone on is asked first.
func TestRestoredCopyTellsNothing(t *testing.T) {
	w := newWorld(t)
	p, _ := w.verified()
	w.steady()
	_, err := w.approve("+5d")
	w.must(err)
	p.settle()
	w.clock.Add(time.Hour)
	w.restored()
	p.settle()
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("before anybody looked the phone is to install %s", got)
	}
	w.goOn()
	p.settle()
	if got, _ := p.enforcement(); got != release {
		t.Errorf("then it is to install %q, want %s", got, release)
	}
	w.restored()
	w.goOn()
	p.os = release // it went on after the copy
	p.settle()
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("a phone that installed it since is to install %s", got)
	}
}

// TestRestoredCopyKnowsNoAnswer: when a phone last answered is not known after a
// restore, until it answers again.
func TestRestoredCopyKnowsNoAnswer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	w.clock.Add(time.Hour)
	w.restored()
	answered := func() time.Time {
		d, err := w.fleet.Device(w.ctx, seg, "P1")
		w.must(err)
		return d.InformationAt
	}
	if at := answered(); !at.IsZero() {
		t.Errorf("it answered at %v, want nothing known", at)
	}
	p.settle()
	if at := answered(); !at.Equal(w.clock.Now()) {
		t.Errorf("it answered at %v, want %v", at, w.clock.Now())
	}
}

// TestHaltStopsWhatIsStopped: a person who pauses a rollout takes back what phones
// were told, halt or not.
func TestHaltStopsWhatIsStopped(t *testing.T) {
	w := newWorld(t)
	p, _ := w.verified()
	w.steady()
	_, err := w.approve("+5d")
	w.must(err)
	p.settle()
	w.clock.Add(2 * time.Hour)
	w.sweep()
	_, err = w.fleet.Pause(w.ctx, seg, w.act("POS prints nothing"), "sales", release)
	w.must(err)
	p.settle()
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("the phone still is to install %s", got)
	}
}

// TestHaltHoldsWavesAndPolicies: no wave starts and no policy approves anything.
func TestHaltHoldsWavesAndPolicies(t *testing.T) {
	w := newWorld(t)
	ticks := w.steady()
	w.inWaves(fleet.ApproveRequest{Deadline: "+5d", Waves: []string{"25%@+0", "100%@+2d"}})
	w.clock.Add(twoDays)
	w.sweep()
	if got := w.waves()[1].State; got != fleet.WaveWaiting {
		t.Errorf("after a jump the second wave is %s", got)
	}
	_, err := w.fleet.EndHalt(w.ctx, seg, w.act("the clock was set by hand, and is right"), storage.HaltClock)
	w.must(err)
	w.clock.Add(time.Minute)
	*ticks += time.Minute
	w.sweep()
	if got := w.waves()[1].State; got == fleet.WaveWaiting {
		t.Error("after the halt the second wave still waits")
	}
}

// TestClockFromRunToRun: a machine may be off for weeks, and no clock goes back.
func TestClockFromRunToRun(t *testing.T) {
	got := map[string]string{}
	for name, jump := range map[string]time.Duration{
		"minutes back": -4 * time.Minute, "an hour back": -time.Hour, "a week off": 7 * 24 * time.Hour, "a year on": 365 * 24 * time.Hour,
	} {
		w := newWorld(t)
		w.steady()
		w.sweep()
		w.clock.Add(jump)
		w.restart()
		w.sweep()
		got[name] = w.halt()
	}
	want := map[string]string{"minutes back": "", "an hour back": "clock", "a week off": "", "a year on": "clock"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("halted for (-want +got):\n%s", diff)
	}
}

// TestRestoredCopyKnowsFailures: a failure that was seen before a restore counts for
// the automatic stop after it, and one that a person has seen counts no more when the
// phone reports it again.
func TestRestoredCopyKnowsFailures(t *testing.T) {
	t.Parallel()
	const why = "SUMacControllerError 7723"
	over := func(w *world, phones []*phone) {
		w.clock.Add(time.Hour)
		w.restored()
		w.goOn()
		w.clock.Add(time.Hour)
		for _, p := range phones {
			p.settle()
		}
	}
	t.Run("not seen by a person", func(t *testing.T) {
		t.Parallel()
		w, phones := watched(t)
		phones[0].fail(1, why)
		over(w, phones)
		if w.stopped() {
			t.Fatalf("stopped by %+v, want one failure to be too few", w.breaker())
		}
		phones[1].fail(1, why)
		if !w.stopped() {
			t.Errorf("not stopped: %+v, want the failure of before the restore and the one after it to count", w.breaker())
		}
	})
	t.Run("seen by a person", func(t *testing.T) {
		t.Parallel()
		w, phones := watched(t)
		for _, p := range phones[:2] {
			p.fail(1, why)
		}
		if !w.stopped() {
			t.Fatalf("not stopped by two failures: %+v", w.breaker())
		}
		w.resume()
		over(w, phones)
		for _, p := range phones[:2] {
			p.fail(1, why)
		}
		if w.stopped() {
			t.Errorf("stopped by %+v, which a person has seen", w.breaker())
		}
	})
}
