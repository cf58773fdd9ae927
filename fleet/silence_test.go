package fleet_test

import (
	"slices"
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
			_, err := w.fleet.SetCalendar(w.ctx, seg, w.act("summer"), "summer", fleet.NamedCalendarChange{CalendarChange: closed})
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

// ahead carries out a decision while the clock runs ahead, sets it right and ends
// the halt.
func (w *world) ahead(by time.Duration, decide func()) {
	w.t.Helper()
	w.clock.Add(by)
	w.sweep()
	decide()
	w.clock.Add(-by)
	w.sweep()
	_, err := w.fleet.EndHalt(w.ctx, seg, w.act("NTP works again"), storage.HaltClock)
	w.must(err)
	w.sweep()
}

// TestStopOfAClockAhead: what stopped a rollout while the clock ran ahead, the
// breaker or a person, holds once it is right, until a person lets it go on.
func TestStopOfAClockAhead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		stop func(w *world, phones []*phone)
		want policy.Phase
		goOn func(w *world)
	}{
		"by itself": {func(w *world, phones []*phone) {
			for _, p := range phones[:2] {
				p.fail(1, "error 1")
			}
			if !w.stopped() || w.stopped() {
				w.t.Error("want it stopped once during the halt")
			}
		}, policy.PhasePaused, (*world).resume},
		"by a person": {func(w *world, _ []*phone) {
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)))
		}, policy.PhasePaused, (*world).resume},
		"declined": {func(w *world, _ []*phone) {
			w.must(second(w.fleet.Decline(w.ctx, seg, w.act("not for tills"), "sales", release)))
		}, policy.PhaseDeclined, nil},
		"broken": {func(w *world, _ []*phone) {
			w.must(w.verdict("V1", "broken"))
		}, policy.PhaseBlocked, func(w *world) { w.must(w.verdict("V1", "works")) }},
		"works, then broken": {func(w *world, _ []*phone) {
			w.must(w.verdict("V1", "works"))
			w.clock.Add(time.Hour)
			w.must(w.verdict("V1", "broken"))
			w.clock.Add(-time.Hour)
		}, policy.PhaseBlocked, func(w *world) { w.must(w.verdict("V1", "works")) }},
		"revoked": {func(w *world, _ []*phone) {
			w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("the wrong phone"), w.records().Verdicts[0].ID)))
		}, policy.PhasePaused, func(w *world) { w.must(w.verdict("V1", "works")) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			ticks := w.steady()
			w.ahead(100*aDay, func() { tc.stop(w, phones) })
			phones[3].settle()
			told, _ := phones[3].enforcement()
			if gate := w.gate(); gate.Phase != tc.want || told != "" {
				t.Errorf("the gate is %s, and a phone is told %q; want it %s", gate.Phase, told, tc.want)
			}
			if tc.goOn == nil {
				return
			}
			w.clock.Add(time.Minute)
			*ticks += time.Minute
			tc.goOn(w)
			w.sweep()
			if gate := w.gate(); gate.Phase != policy.PhaseRollingOut {
				t.Errorf("a person let it go on, and the gate is %s", gate.Phase)
			}
			if name != "works, then broken" {
				return
			}
			w.must(w.verdict("V1", "broken"))
			w.clock.Add(101 * aDay)
			*ticks += 101 * aDay
			if gate := w.gate(); gate.Phase != policy.PhaseBlocked {
				t.Errorf("a result of the clock that ran ahead cleared a later one: the gate is %s", gate.Phase)
			}
		})
	}
}

// TestWithdrawnByAClockAhead: what was taken back while the clock ran ahead does not
// come again once it is right.
func TestWithdrawnByAClockAhead(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		approved bool
		want     policy.Phase
	}{
		"an approval": {true, policy.PhaseVerified},
		"a candidate": {false, policy.PhaseHeld},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if tc.approved {
				w.verified()
				_, err := w.fleet.Approve(w.ctx, seg, w.act("next month"), fleet.ApproveRequest{Group: "sales", Release: release, Start: "+20d", Deadline: "+5d"})
				w.must(err)
			} else {
				w.must(second(w.fleet.Offer(w.ctx, seg, w.act("candidate"), "sales", release)))
			}
			w.steady()
			w.ahead(2*aDay, func() {
				w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("not yet"), "sales", release)))
			})
			if gate := w.gate(); gate.Phase != tc.want {
				t.Errorf("the gate is %s, want %s", gate.Phase, tc.want)
			}
		})
	}
}

// TestBreakerAfterAClockAhead: letting a rollout go on is for whoever knows what time
// it is, and what phones show once the clock is right stops it, as does what people
// reported.
func TestBreakerAfterAClockAhead(t *testing.T) {
	t.Parallel()
	for name, show := range map[string]func(w *world, phones []*phone){
		"failed": func(_ *world, phones []*phone) {
			for _, p := range phones[:2] {
				p.fail(1, "error 1")
			}
		},
		"reported": func(w *world, phones []*phone) {
			for _, p := range phones[:2] {
				p.install(release, "23G83")
				w.problem(p)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, phones := watched(t)
			ticks := w.steady()
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)))
			w.clock.Add(100 * aDay)
			w.resume() // before anybody noticed
			w.clock.Add(-100 * aDay)
			w.ahead(100*aDay, func() {
				w.must(second(w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)))
				if r := refusal(t, second(w.fleet.Resume(w.ctx, seg, w.act("fine"), "sales", release))); r.Code != "clock-halt" {
					t.Errorf("refused as %s", r.Code)
				}
				for _, p := range phones[2:] { // known when a person lets it go on
					p.install(release, "23G83")
					w.problem(p)
				}
			})
			if since := w.approvals()[0].Breaker.Since; since.After(w.clock.Now()) {
				t.Errorf("what phones show counts from %s on", since)
			}
			w.clock.Add(time.Minute)
			*ticks += time.Minute
			w.resume()
			if w.stopped() {
				t.Fatalf("stopped by what was known: %+v", w.breaker())
			}
			w.clock.Add(time.Minute)
			*ticks += time.Minute
			show(w, phones)
			if !w.stopped() {
				t.Errorf("not stopped: %+v", w.breaker())
			}
		})
	}
}

// TestInventoryAfterAClockAhead: a phone that answered a clock that ran ahead is asked
// again once it is right, as one whose answers are old, and told to bring its app up
// to date again.
func TestInventoryAfterAClockAhead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.tooOld("26.5", "licensed")
	w.approved()
	w.clock.Add(20 * aDay)
	w.steady() // a machine that may have been off: nobody notices
	if p.talk(); len(p.sent) != 1 {
		t.Fatalf("told %d times to bring the app up to date, want once", len(p.sent))
	}
	w.clock.Add(-20 * aDay)
	w.sweep()
	_, err := w.fleet.EndHalt(w.ctx, seg, w.act("NTP works again"), storage.HaltClock)
	w.must(err)
	got := p.talk()
	for _, want := range []string{"DeviceInformation", "InstalledApplicationList"} {
		if !slices.Contains(got, want) {
			t.Errorf("asked for %v once the clock is right, want %s too", got, want)
		}
	}
	if len(p.sent) != 2 {
		t.Errorf("told %d times to bring the app up to date, want once more", len(p.sent))
	}
	if got := p.talk(); slices.Contains(got, "DeviceInformation") || slices.Contains(got, "InstalledApplicationList") {
		t.Errorf("asked for %v again", got)
	}
}
