package wake_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/wake"
)

func TestManyWakesAreOnePush(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		for range 100 {
			s.Wake("a")
		}
		pass(time.Minute)
		checkTimes(t, w, "a", time.Second)
		st := s.Stats()
		if st.Sent != 1 || st.Unanswered != 1 || st.Waiting != 0 || st.ByOutcome[apns.Accepted] != 1 || st.SentAt != w.start.Add(time.Second) {
			t.Errorf("stats = %+v, want one push sent and unanswered", st)
		}
	})
}

func TestRepeatsUntilContact(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{Rand: noRandom{}}, func(t *testing.T, w *world, s *wake.Scheduler) {
		for range 50 {
			s.Wake("a") // changes nothing while the flag is up
			pass(time.Hour)
		}
		second := time.Second + 5*time.Minute
		third := second + time.Hour
		want := []time.Duration{time.Second, second, third, third + 24*time.Hour, third + 48*time.Hour}
		checkTimes(t, w, "a", want...)

		s.Contact("a")
		pass(72 * time.Hour)
		checkTimes(t, w, "a", want...)

		// The back-off starts again.
		s.Wake("a")
		again := 122*time.Hour + time.Second
		pass(10 * time.Minute)
		checkTimes(t, w, "a", append(want, again, again+5*time.Minute)...)
	})
}

// TestHeardRepeatsSoon: a phone that speaks and has not answered its push may never have
// got it. One that nobody wants, or that is to be pushed anyway, is left as it is.
func TestHeardRepeatsSoon(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{Rand: noRandom{}}, func(t *testing.T, w *world, s *wake.Scheduler) {
		s.Heard("a")
		s.Wake("a")
		s.Heard("a")
		pass(2 * time.Hour)
		times := []time.Duration{time.Second, 5*time.Minute + time.Second, 65*time.Minute + time.Second}
		checkTimes(t, w, "a", times...)
		s.Heard("a")
		s.Heard("a") // it fetches some declarations
		pass(10 * time.Minute)
		times = append(times, 2*time.Hour+time.Second)
		checkTimes(t, w, "a", times...)
		s.Contact("a")
		s.Heard("a")
		pass(72 * time.Hour)
		checkTimes(t, w, "a", times...)
	})
}

// TestHeardIsNoStorm: a phone that speaks all the time and never polls, because no push
// gets as far as it, is pushed less and less often.
func TestHeardIsNoStorm(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{Rand: noRandom{}}, func(t *testing.T, w *world, s *wake.Scheduler) {
		s.Wake("a")
		for range 4 * 60 * 60 {
			pass(time.Second)
			s.Heard("a")
		}
		var minutes []int
		times := w.times("a")
		for i := 1; i < len(times); i++ {
			minutes = append(minutes, int((times[i] - times[i-1]).Minutes()))
		}
		if diff := cmp.Diff([]int{1, 2, 4, 8, 16, 32, 60, 60}, minutes); diff != "" {
			t.Errorf("minutes between pushes (-want +got):\n%s", diff)
		}

		// Its next poll ends that.
		s.Contact("a")
		s.Wake("a")
		pass(2 * time.Minute)
		s.Heard("a")
		pass(2 * time.Second)
		if got := w.times("a"); len(got) != len(times)+2 {
			t.Errorf("pushed %d times after its poll, want twice", len(got)-len(times))
		}
	})
}

func TestDailyRepeatIsSpread(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		for i := range 100 {
			s.Wake(strconv.Itoa(i))
		}
		pass(26 * time.Hour)
		minutes := map[time.Duration]int{}
		for i := range 100 {
			times := w.times(strconv.Itoa(i))
			if len(times) != 4 {
				t.Fatalf("phone %d was pushed %d times, want 4", i, len(times))
			}
			if gap := times[3] - times[2]; gap < 23*time.Hour || gap > 24*time.Hour+time.Second {
				t.Errorf("phone %d waited %s for the daily push", i, gap)
			}
			minutes[times[3].Truncate(time.Minute)]++
		}
		if len(minutes) < 20 {
			t.Errorf("daily pushes fall into %d minutes, want at least 20 of 60", len(minutes))
		}
	})
}

func TestOnePushAMinute(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		for range 300 { // new work and a poll every second
			s.Wake("a")
			pass(time.Second)
			s.Contact("a")
		}
		times := w.times("a")
		if len(times) < 4 || len(times) > 5 {
			t.Errorf("%d pushes in five minutes, want 4 or 5", len(times))
		}
		for i := 1; i < len(times); i++ {
			if gap := times[i] - times[i-1]; gap < time.Minute {
				t.Errorf("pushes %s apart", gap)
			}
		}
	})
}

func TestContactBeforeThePushPreventsIt(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		s.Wake("a")
		s.Wake("b")
		pass(500 * time.Millisecond)
		s.Contact("a")
		s.Cancel("b")
		s.Contact("never seen")
		pass(time.Hour)
		if got := w.total(); got != 0 {
			t.Errorf("%d pushes, want 0", got)
		}
		if diff := cmp.Diff(wake.Stats{ByOutcome: map[apns.Outcome]int{}}, s.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

// New work that comes in while a push is under way, after the poll that
// the push brought about, must be pushed again.
func TestWakeDuringPushIsNotLost(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events func(s *wake.Scheduler)
		want   []time.Duration
	}{
		{"nothing", func(*wake.Scheduler) {}, []time.Duration{2 * time.Second, 2*time.Second + 5*time.Minute}},
		{"wake", func(s *wake.Scheduler) { s.Wake("a") }, []time.Duration{2 * time.Second, 2*time.Second + 5*time.Minute}},
		{"poll", func(s *wake.Scheduler) { s.Contact("a") }, []time.Duration{2 * time.Second}},
		{"poll, wake", func(s *wake.Scheduler) { s.Contact("a"); s.Wake("a") }, []time.Duration{2 * time.Second, 62 * time.Second, 362 * time.Second}},
		{"wake, poll", func(s *wake.Scheduler) { s.Wake("a"); s.Contact("a") }, []time.Duration{2 * time.Second}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
				hold := make(chan struct{})
				w.hold = map[string]chan struct{}{"a": hold}
				s.Wake("a")
				pass(2 * time.Second)
				tt.events(s)
				w.change(func() { w.hold = nil })
				close(hold)
				pass(10 * time.Minute)
				checkTimes(t, w, "a", tt.want...)
			})
		})
	}
}

// A phone that polls while it is looked up is not pushed, and if it is wanted
// again by then, the push under way is enough.
func TestContactDuringLookUp(t *testing.T) {
	t.Parallel()
	during := func(s *wake.Scheduler, again bool) func(string) (bool, error) {
		return func(key string) (bool, error) {
			s.Contact(key)
			if again {
				s.Wake(key)
			}
			return true, nil
		}
	}
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.change(func() { w.pushable = during(s, false) })
		s.Wake("a")
		pass(time.Hour)
		checkTimes(t, w, "a")
		w.change(func() { w.pushable = during(s, true) })
		s.Wake("b")
		pass(3 * time.Minute)
		checkTimes(t, w, "b", time.Hour+time.Second)

		w.answers(forbidden)
		w.change(func() { w.pushable = nil })
		s.Wake("c")
		pass(2 * time.Second)
		w.change(func() { w.pushable = during(s, false) })
		s.Wake("d")
		pass(2 * time.Second)
		if st := s.Stats(); st.Parked != 1 {
			t.Errorf("%d phones parked, want only the one still wanted", st.Parked)
		}
	})
}

// A phone that polls while it waits for its turn under the ceiling, and is wanted
// again by then, has its back-off ended by that poll like any other.
func TestContactWhileWaitingForItsTurn(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{PerMinute: 1}, func(t *testing.T, w *world, s *wake.Scheduler) {
		s.Wake("a")
		third := time.Second + 5*time.Minute + time.Hour
		pass(third - 2*time.Second)
		s.Wake("b") // is pushed a second before the third push to a is due
		pass(30 * time.Second)
		s.Contact("a")
		s.Wake("a")
		pass(10 * time.Minute)
		turn := third - time.Second + time.Minute
		checkTimes(t, w, "a", time.Second, time.Second+5*time.Minute, turn, turn+5*time.Minute)
	})
}

func TestCeilingIsSmooth(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{PerMinute: 600}, func(t *testing.T, w *world, s *wake.Scheduler) {
		for i := range 2000 {
			s.Wake(strconv.Itoa(i))
		}
		pass(4 * time.Minute)
		if len(w.all) != 2000 {
			t.Fatalf("%d pushes, want 2000", len(w.all))
		}
		perSecond := map[time.Duration]int{}
		for _, at := range w.all {
			perSecond[at.Truncate(time.Second)]++
		}
		for second, n := range perSecond {
			if n > 11 {
				t.Errorf("%d pushes in second %s, want at most 11", n, second)
			}
		}
		if last := w.all[len(w.all)-1]; last > 202*time.Second {
			t.Errorf("last push after %s, want 201 s", last)
		}
	})
}

func TestErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	run(t, wake.Options{}, func(t *testing.T, w *world, s *wake.Scheduler) {
		w.change(func() {
			w.pushable = func(string) (bool, error) { return false, errors.New("disk") }
			w.report = errors.New("full")
		})
		s.Wake("a")
		pass(2 * time.Second)
		if st := s.Stats(); st.LastError != "look up phone: disk" || st.Failed == 0 || st.Waiting != 1 {
			t.Errorf("stats = %+v, want the look-up's error and the phone waiting", st)
		}
		w.change(func() { w.pushable = nil })
		pass(15 * time.Minute)
		if st := s.Stats(); st.LastError != "record push: full" || st.Sent == 0 || st.Unanswered != 1 {
			t.Errorf("stats = %+v, want the report's error and the phone pushed", st)
		}
	})
}

// What is wanted when Run ends is pushed by the next Run.
func TestRunEndsAndStartsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.hold = map[string]chan struct{}{}
		for i := range 10 {
			w.hold[strconv.Itoa(i)] = make(chan struct{})
		}
		s := wake.New(w, w, w, wake.Options{Now: time.Now, Workers: 2, PerMinute: 60})
		for i := range 10 {
			s.Wake(strconv.Itoa(i))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		synctest.Wait()
		if err := s.Run(ctx); err == nil {
			t.Error("a second Run was let in")
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		if st := s.Stats(); st.Waiting != 10 || st.Failed != 0 || w.reports != 0 {
			t.Errorf("stats = %+v, %d reports, want 10 phones waiting and nothing failed", st, w.reports)
		}
		w.hold = nil
		ctx, cancel = context.WithCancel(t.Context())
		go func() { done <- s.Run(ctx) }()
		pass(20 * time.Second)
		cancel()
		if err := <-done; err != nil || w.total() != 10 || w.reports != 10 {
			t.Errorf("Run = %v after %d pushes and %d reports, want 10", err, w.total(), w.reports)
		}
	})
}

func TestNewPanicsWithoutClock(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("New took options without a clock")
		}
	}()
	wake.New(newWorld(), newWorld(), newWorld(), wake.Options{})
}

// A fleet of 100,000 phones that is wanted at once fits into 20 MB.
func TestMemory(t *testing.T) {
	w := newWorld()
	s := wake.New(w, w, w, wake.Options{Now: time.Now})
	before := heapInUse()
	for i := range 100_000 {
		s.Wake(fmt.Sprintf("00008120-%016X", i))
	}
	if got := heapInUse() - before; got > 20<<20 {
		t.Errorf("100,000 phones take %d bytes, want at most 20 MiB", got)
	} else {
		t.Logf("100,000 phones take %d bytes", got)
	}
	if got := s.Remembered(); got != 100_000 {
		t.Errorf("%d phones remembered, want 100,000", got)
	}
	for i := range 100_000 {
		s.Contact(fmt.Sprintf("00008120-%016X", i))
	}
	if st := s.Stats(); st.Waiting != 0 || s.Remembered() != 0 {
		t.Errorf("%d phones wanted and %d remembered after all polled", st.Waiting, s.Remembered())
	}
}

func heapInUse() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
