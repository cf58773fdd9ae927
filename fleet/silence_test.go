package fleet_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// fallSilent has three of the four phones install; nobody hears of them again.
func fallSilent(phones []*phone) {
	for _, p := range phones[:3] {
		p.install(release, "23G83")
	}
}

// silent returns how many phones the breaker takes to have fallen silent.
func (w *world) silent() int {
	w.t.Helper()
	for _, r := range w.breaker().Signals {
		if r.Signal == policy.WhyPhonesSilent && r.Wave == 0 {
			return r.Count
		}
	}
	w.t.Fatal("the policy does not look at silence")
	return 0
}

// TestSilenceOfClosedDays: days on which the company is closed are no silence,
// whether the calendar is the policy's own or one that it names.
func TestSilenceOfClosedDays(t *testing.T) {
	t.Parallel()
	closed := fleet.CalendarChange{Closed: ptr([]string{"2026-08-19..2026-08-30"})}
	for name, change := range map[string]func(w *world) fleet.PolicyChange{
		"of its own": func(*world) fleet.PolicyChange {
			return fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: closed}}
		},
		"by its name": func(w *world) fleet.PolicyChange {
			_, err := w.fleet.SetCalendar(w.ctx, seg, w.act("summer"), "summer", closed)
			w.must(err)
			return fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Calendar: ptr("summer")}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t) // from Tuesday, 18 August, 10:00 on
			_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("closed in August"), "careful", change(w))
			w.must(err)
			fallSilent(phones)
			w.clock.Add(15*aDay - time.Minute) // three of them worked
			phones[3].idle()
			if w.stopped() || w.silent() != 0 {
				t.Errorf("%d phones are silent after a holiday", w.silent())
			}
			w.clock.Add(time.Minute)
			if !w.stopped() {
				t.Errorf("not stopped by three days of work without a word: %+v", w.breaker())
			}
		})
	}
}

// TestSilenceDuringHalt: while nobody knows what time it is, or what phones said,
// nobody knows for how long they are silent; what a phone shows stops a rollout
// all the same.
func TestSilenceDuringHalt(t *testing.T) {
	t.Parallel()
	for name, halt := range map[string]func(w *world){
		"clock":   func(w *world) { w.clock.Add(9 * aDay); w.sweep() },
		"restore": func(w *world) { w.restored(); w.clock.Add(9 * aDay) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			if name == "clock" {
				w.steady()
			}
			fallSilent(phones)
			halt(w)
			if w.halt() != name || w.stopped() || w.silent() != 0 {
				t.Fatalf("halt %q, %d phones are silent, the breaker sees %+v", w.halt(), w.silent(), w.breaker())
			}
			for _, p := range phones[1:3] {
				p.apps["com.example.pos"] = "0.9"
				p.settle()
			}
			if !w.stopped() || w.breaker().Stopped[0].Signal != policy.WhyAppsReverted {
				t.Errorf("apps that went back stop nothing during a halt: %+v", w.breaker())
			}
		})
	}
}

// TestSilenceOfASuspendedServer: a jump that a person confirms was time in which
// nobody could be heard; what counts is the time since.
func TestSilenceOfASuspendedServer(t *testing.T) {
	t.Parallel()
	w, phones := watched(t)
	ticks := w.steady()
	fallSilent(phones)
	w.clock.Add(9 * aDay)
	w.sweep()
	_, err := w.fleet.EndHalt(w.ctx, seg, w.act("the machine was suspended"), storage.HaltClock)
	w.must(err)
	pass := func(d time.Duration) {
		w.clock.Add(d)
		*ticks += d
	}
	pass(3*aDay - time.Minute)
	phones[3].idle()
	if w.stopped() {
		t.Fatalf("stopped by a silence that nobody could have broken: %+v", w.breaker())
	}
	pass(time.Minute)
	if !w.stopped() || w.breaker().Stopped[0].Signal != policy.WhyPhonesSilent {
		t.Errorf("not stopped by three days of silence: %+v", w.breaker())
	}
}

// TestStopOfAClockAhead: what stopped a rollout while the clock ran ahead, the
// breaker or a person, holds once it is right, until a person lets it go on.
func TestStopOfAClockAhead(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(w *world, phones []*phone){
		"by itself": func(w *world, phones []*phone) {
			for _, p := range phones[:2] {
				p.fail(1, "error 1")
			}
			if !w.stopped() || w.stopped() {
				t.Error("want it stopped once during the halt")
			}
		},
		"by a person": func(w *world, _ []*phone) {
			_, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			w.steady()
			w.clock.Add(2 * aDay)
			w.sweep()
			stop(w, phones)
			w.clock.Add(-2 * aDay)
			w.sweep()
			_, err := w.fleet.EndHalt(w.ctx, seg, w.act("NTP works again"), storage.HaltClock)
			w.must(err)
			w.sweep()
			if gate := w.gate(); gate.Phase != policy.PhasePaused || w.approvals()[0].PausedAt.After(w.clock.Now()) {
				t.Errorf("the gate is %s, paused at %s", gate.Phase, w.approvals()[0].PausedAt)
			}
			w.resume()
			w.sweep()
			if gate := w.gate(); gate.Phase != policy.PhaseRollingOut {
				t.Errorf("a person let it go on, and the gate is %s", gate.Phase)
			}
		})
	}
}
