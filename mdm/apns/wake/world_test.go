package wake_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/wake"
)

const topic = "com.apple.mgmt.External.test"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	accepted     = apns.Result{Outcome: apns.Accepted, Status: 200}
	unregistered = apns.Result{Outcome: apns.Unregistered, Status: 410, Reason: "Unregistered"}
	badToken     = apns.Result{Outcome: apns.BadToken, Status: 400, Reason: "BadDeviceToken"}
	forbidden    = apns.Result{Outcome: apns.Configuration, Status: 403, Reason: "Forbidden"}
	tooMany      = apns.Result{Outcome: apns.TooMany, Status: 429, Reason: "TooManyRequests"}
	unreachable  = apns.Result{Outcome: apns.Unavailable, Err: errors.New("connection refused")}
)

// world is Apple, the store and the phones in one.
type world struct {
	start time.Time

	mu       sync.Mutex
	answer   func(key string) apns.Result // nil accepts
	pushable func(key string) (bool, error)
	report   error
	hold     map[string]chan struct{} // pushes of these phones wait
	pushes   map[string][]time.Duration
	all      []time.Duration
	reports  int
}

func newWorld() *world {
	return &world{start: time.Now(), pushes: map[string][]time.Duration{}}
}

// Push implements wake.Pusher. The token of a phone is its key.
func (w *world) Push(ctx context.Context, p apns.Push) apns.Result {
	w.mu.Lock()
	hold := w.hold[string(p.Token)]
	w.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return apns.Result{Outcome: apns.Unavailable, Err: ctx.Err()}
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key, at := string(p.Token), time.Since(w.start)
	w.pushes[key] = append(w.pushes[key], at)
	w.all = append(w.all, at)
	if w.answer != nil {
		return w.answer(key)
	}
	return accepted
}

// Target implements wake.Source.
func (w *world) Target(_ context.Context, key string) (wake.Target, bool, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pushable != nil {
		if ok, err := w.pushable(key); !ok || err != nil {
			return wake.Target{}, ok, err
		}
	}
	return wake.Target{Key: key, Token: []byte(key), Magic: "magic", Topic: topic}, true, nil
}

// Pushed implements wake.Reporter.
func (w *world) Pushed(context.Context, string, time.Time, apns.Result) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports++
	return w.report
}

// change alters the world while the scheduler runs.
func (w *world) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

func (w *world) answers(r apns.Result) {
	w.change(func() { w.answer = func(string) apns.Result { return r } })
}

// times returns when a phone was pushed, since the start of the test.
func (w *world) times(key string) []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]time.Duration(nil), w.pushes[key]...)
}

func (w *world) total() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.all)
}

// noRandom makes every jitter the smallest possible.
type noRandom struct{}

func (noRandom) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// run calls test in a bubble of fake time with a running scheduler.
func run(t *testing.T, o wake.Options, test func(t *testing.T, w *world, s *wake.Scheduler)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		o.Now = time.Now
		s := wake.New(w, w, w, o)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		test(t, w, s)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// pass lets fake time pass; nothing really sleeps.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func checkTimes(t *testing.T, w *world, key string, want ...time.Duration) {
	t.Helper()
	if diff := cmp.Diff(want, w.times(key)); diff != "" {
		t.Errorf("%s was pushed at (-want +got):\n%s", key, diff)
	}
}
