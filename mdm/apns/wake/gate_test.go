package wake_test

import (
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/wake"
)

func TestFailuresBackOff(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.answers(unreachable)
		s.Wake("a")
		pass(24 * time.Hour)
		times := w.times("a")
		for i := 1; i < len(times); i++ {
			if gap := times[i] - times[i-1]; gap < time.Second || gap > 15*time.Minute {
				t.Errorf("attempts %s apart", gap)
			}
		}
		if st := s.Stats(); st.Failed != len(times) || st.LastError != unreachable.String() || st.LastErrorAt.Before(w.start) {
			t.Errorf("stats = %+v, want %d failures and the last error", st, len(times))
		}
		w.answers(accepted)
		pass(15 * time.Minute)
		if st := s.Stats(); st.Sent == 0 || len(st.Stopped) != 0 {
			t.Errorf("stats after the outage = %+v, want a push", st)
		}
	})
}

// A day without Apple costs few requests and no wake-up, and the backlog is
// pushed under the ceiling once it is over.
func TestOutage(t *testing.T) {
	t.Parallel()
	for _, phones := range []int{30, 3000} { // few phones are scouts often
		t.Run(fmt.Sprint(phones, " phones"), func(t *testing.T) {
			t.Parallel()
			testOutage(t, phones)
		})
	}
}

func testOutage(t *testing.T, phones int) {
	t.Helper()
	run(t, wake.Options{PerMinute: 6000}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.answers(unreachable)
		for i := range phones {
			s.Wake(strconv.Itoa(i))
		}
		pass(time.Minute)
		st := s.Stats()
		if len(st.Stopped) != 1 || st.Stopped[0].Topic != topic || st.Stopped[0].Outcome != apns.Unavailable || st.Waiting != phones {
			t.Errorf("stats = %+v, want the topic stopped and all phones waiting", st)
		}
		pass(24 * time.Hour)
		// One probe in half a minute, on average.
		if got := w.total(); got > 24*60*3 {
			t.Errorf("%d attempts in a day, want one probe at a time", got)
		}
		w.change(func() { w.answer, w.all, w.pushes = nil, nil, map[string][]time.Duration{} })
		pass(2*time.Minute + 30*time.Second)
		for i := range phones {
			if len(w.times(strconv.Itoa(i))) == 0 {
				t.Fatalf("phone %d was forgotten", i)
			}
		}
		if st := s.Stats(); len(st.Stopped) != 0 || st.Unanswered != phones {
			t.Errorf("stats = %+v, want all phones pushed", st)
		}
	})
}

func TestRetryAfterStopsTheTopic(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.answers(apns.Result{Outcome: apns.Unavailable, Status: 503, Reason: "ServiceUnavailable", RetryAfter: 15 * time.Minute})
		s.Wake("a")
		pass(2 * time.Second)
		s.Wake("b")
		w.answers(accepted)
		pass(14*time.Minute + 58*time.Second)
		checkTimes(t, w, "b")
		pass(2 * time.Second)
		// One of the two goes first, the other follows.
		if a, b := w.times("a"), w.times("b"); len(a) != 2 || len(b) != 1 || b[0] != 15*time.Minute+time.Second {
			t.Errorf("pushed at %v and %v, want both after 15m1s", a, b)
		}

		// A scout that meets nobody closes the gate for less, but closes it.
		w.answers(apns.Result{Outcome: apns.Unavailable, Status: 503, RetryAfter: time.Minute})
		s.Wake("c")
		pass(2 * time.Second)
		w.answers(unreachable)
		before := w.total()
		pass(59 * time.Second)
		if got := w.total() - before; got != 1 {
			t.Errorf("%d probes at the end of the pause, want 1", got)
		}
		pass(10 * time.Minute)
		if got := w.total() - before; got < 8 || got > 60 {
			t.Errorf("%d probes in ten minutes, want about twenty", got)
		}
	})
}

func TestRefusedTopicIsTriedHourly(t *testing.T) {
	t.Parallel()
	for _, refusal := range []apns.Result{forbidden, {Outcome: apns.CertificateProblem, Err: errors.New("bad certificate")}} {
		t.Run(refusal.Outcome.String(), func(t *testing.T) {
			t.Parallel()
			run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
				w.answers(refusal)
				s.Wake("first")
				pass(2 * time.Second)
				for i := range 500 {
					s.Wake(strconv.Itoa(i))
				}
				pass(5*time.Hour + 30*time.Minute)
				if got := w.total(); got != 6 {
					t.Errorf("%d attempts in 5.5 hours, want 6", got)
				}
				want := []wake.Stop{{
					Topic: topic, Outcome: refusal.Outcome, Detail: refusal.String(),
					Since: w.start.Add(time.Second), Until: w.start.Add(6*time.Hour + time.Second),
				}}
				st := s.Stats()
				if diff := cmp.Diff(want, st.Stopped); diff != "" || st.Parked != 501 {
					t.Errorf("%d parked, want 501; stopped (-want +got):\n%s", st.Parked, diff)
				}
				w.answers(accepted)
				s.Resume()
				pass(10 * time.Second)
				if st := s.Stats(); st.Unanswered != 501 || len(st.Stopped) != 0 {
					t.Errorf("stats after Resume = %+v, want all pushed", st)
				}
			})
		})
	}
}

// The scout may poll by itself; another phone takes its place.
func TestScoutIsReplaced(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.answers(forbidden)
		s.Wake("a")
		pass(2 * time.Second)
		s.Wake("b")
		pass(2 * time.Second)
		s.Contact("a")
		w.answers(accepted)
		pass(time.Hour)
		checkTimes(t, w, "b", time.Hour+time.Second)

		// Pushes under way when the gate closes change nothing, and a scout
		// that turns out to be dead is no answer either.
		w.answers(forbidden)
		s.Wake("c")
		s.Wake("d")
		pass(2 * time.Second)
		w.change(func() { w.answer, w.pushable = nil, func(key string) (bool, error) { return key != "c", nil } })
		pass(time.Hour)
		if got := w.times("d"); len(got) == 0 || got[len(got)-1] < 2*time.Hour {
			t.Errorf("d was pushed at %v, want after the second pause too", got)
		}
	})
}

// While the scout is out no other phone goes, and what was sent before the
// gate closed does not prolong the pause.
func TestOneScoutAtATime(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		first, late, scout := make(chan struct{}), make(chan struct{}), make(chan struct{})
		w.change(func() { w.hold = map[string]chan struct{}{"scout": first, "late": late} })
		w.answers(forbidden)
		s.Wake("scout")
		s.Wake("late")
		pass(time.Second) // both are under way
		close(first)
		pass(30 * time.Minute)
		close(late)
		pass(time.Second)
		if st := s.Stats(); len(st.Stopped) != 1 || st.Stopped[0].Until != w.start.Add(time.Hour+time.Second) {
			t.Fatalf("stopped = %+v, want until an hour after the first refusal", st.Stopped)
		}
		s.Contact("late")
		w.change(func() { w.hold = map[string]chan struct{}{"scout": scout} })
		pass(time.Hour)
		for i := range 10 {
			s.Wake(strconv.Itoa(i))
		}
		pass(time.Minute)
		if got := w.total(); got != 2 {
			t.Errorf("%d pushes while the scout is out, want the 2 of before", got)
		}
		w.answers(accepted)
		close(scout)
		pass(2 * time.Second)
		if got := w.total(); got != 2+1+10 {
			t.Errorf("%d pushes, want the scout and all others", got)
		}
	})
}

// One phone with a useless token must not silence the others.
func TestBadTokenStopsOnlyItsPhone(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{Rand: noRandom{}}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.change(func() {
			w.answer = func(key string) apns.Result {
				if key == "bad" {
					return badToken
				}
				return accepted
			}
		})
		s.Wake("bad")
		pass(2*time.Hour + 30*time.Minute)
		checkTimes(t, w, "bad", time.Second, time.Second+time.Hour, time.Second+2*time.Hour)
		s.Wake("good")
		pass(2 * time.Second)
		if got := len(w.times("good")); got != 1 {
			t.Errorf("the good phone was pushed %d times, want 1", got)
		}
	})
}

// The wrong environment: Apple refuses every token.
func TestBadTokensOnlyStopTheTopic(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{Workers: 1}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.answers(badToken)
		for i := range 200 {
			s.Wake(strconv.Itoa(i))
		}
		pass(time.Minute)
		if st := s.Stats(); w.total() != 20 || len(st.Stopped) != 1 || st.Stopped[0].Outcome != apns.BadToken {
			t.Errorf("%d attempts, stats %+v, want the topic stopped after 20", w.total(), st)
		}
		// Each hour a scout and twenty others try.
		pass(time.Hour)
		if got := w.total(); got != 20+1+20 {
			t.Errorf("%d attempts in the second hour, want 41", got)
		}
		w.answers(accepted)
		pass(3 * time.Hour)
		if st := s.Stats(); st.Unanswered != 200 {
			t.Errorf("stats = %+v, want all 200 pushed", st)
		}
	})
}

// What our own client refuses is about one phone and never about the topic.
func TestLocalRefusalsDoNotStopTheTopic(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.answers(apns.Result{Outcome: apns.BadToken, Reason: apns.ReasonTopicMismatch})
		for i := range 100 {
			s.Wake(strconv.Itoa(i))
		}
		pass(10 * time.Second)
		if st := s.Stats(); st.Failed != 100 || len(st.Stopped) != 0 {
			t.Errorf("stats = %+v, want 100 failures and no stop", st)
		}
	})
}

func TestTooManyPausesOnePhone(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{Rand: noRandom{}}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.answers(tooMany)
		s.Wake("a")
		pass(2 * time.Second)
		s.Contact("a") // does not end this pause
		s.Wake("a")
		pass(7 * time.Minute)
		m := time.Minute
		checkTimes(t, w, "a", time.Second, time.Second+2*m, time.Second+4*m)
		if st := s.Stats(); len(st.Stopped) != 0 {
			t.Errorf("stopped = %+v, want none", st.Stopped)
		}
	})
}

func TestUnregistered(t *testing.T) {
	t.Parallel()
	t.Run("dead until the source has another token", func(t *testing.T) {
		t.Parallel()
		run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
			w.change(func() {
				w.answer = func(string) apns.Result {
					w.pushable = func(string) (bool, error) { return false, nil } // what a reporter does
					return unregistered
				}
			})
			s.Wake("a")
			pass(48 * time.Hour)
			s.Wake("a")
			pass(time.Hour)
			checkTimes(t, w, "a", time.Second)
			if st := s.Stats(); st.Dead != 1 || st.Waiting != 0 {
				t.Errorf("stats = %+v, want one dead phone", st)
			}
			w.change(func() { w.answer, w.pushable = nil, nil })
			s.Contact("a") // with a TokenUpdate
			s.Wake("a")
			pass(2 * time.Second)
			checkTimes(t, w, "a", time.Second, 49*time.Hour+time.Second)
			if st := s.Stats(); st.Dead != 0 || st.Unanswered != 1 {
				t.Errorf("stats = %+v, want the phone pushed", st)
			}
		})
	})
	t.Run("void because the token is newer", func(t *testing.T) {
		t.Parallel()
		run(t, wake.Options{Rand: noRandom{}}, func(t *testing.T, w *world, s *wake.Scheduler) {
			w.answers(unregistered)
			s.Wake("a")
			pass(2 * time.Second)
			w.answers(accepted)
			pass(2 * time.Minute)
			checkTimes(t, w, "a", time.Second, 61*time.Second)
		})
	})
}
