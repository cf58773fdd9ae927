package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kannuki-mdm/kannuki/storage"
)

// newStore creates and opens a store in a folder of its own.
func newStore(t testing.TB) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{ID: "test"}, Options{}); err != nil {
		t.Fatal(err)
	}
	return openStore(t, path)
}

func openStore(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put returns a job that writes one counter.
func put(name string) func(*tx) error {
	return func(t *tx) error { return t.saveNumber(bucketMeta, key(name), 1) }
}

func isPut(t *testing.T, s *Store, name string) bool {
	t.Helper()
	found := false
	err := s.view(context.WithoutCancel(t.Context()), func(t *tx) error {
		found = t.has(bucketMeta, key(name))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// occupy keeps the writer busy until the returned function is called, so that
// the jobs sent meanwhile form one group.
func occupy(t *testing.T, s *Store) (release func()) {
	t.Helper()
	running, hold, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.update(t.Context(), func(tx *tx) error {
			close(running)
			<-hold
			return put("occupied")(tx)
		})
	}()
	<-running
	return func() {
		close(hold)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// send starts jobs one after the other, so that they wait in this order, and
// returns a function that collects their results.
func send(t *testing.T, s *Store, jobs ...func(*tx) error) (results func() []error) {
	t.Helper()
	errs := make([]error, len(jobs))
	var wg sync.WaitGroup
	for i, run := range jobs {
		waiting := len(s.writer.jobs)
		wg.Go(func() { errs[i] = s.update(t.Context(), run) })
		for len(s.writer.jobs) == waiting {
			runtime.Gosched()
		}
	}
	return func() []error { wg.Wait(); return errs }
}

func TestGroupCommitSharesOneSync(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	release := occupy(t, s)
	var jobs []func(*tx) error
	for i := range 50 {
		jobs = append(jobs, put(fmt.Sprint(i)))
	}
	results := send(t, s, jobs...)
	release()
	for i, err := range results() {
		if err != nil || !isPut(t, s, fmt.Sprint(i)) {
			t.Errorf("job %d: error %v, written %v", i, err, isPut(t, s, fmt.Sprint(i)))
		}
	}
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if st.Commits != 2 || st.Operations != 51 {
		t.Errorf("got %d commits of %d operations, want 2 of 51", st.Commits, st.Operations)
	}
}

func TestGroupCommitWithBadJobs(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	errBad := errors.New("bad")
	runs := 0
	release := occupy(t, s)
	results := send(t, s,
		func(t *tx) error { runs++; return put("first")(t) },
		func(*tx) error { return errBad },                                  // before it wrote
		func(t *tx) error { return errors.Join(put("failed")(t), errBad) }, // after
		func(*tx) error { panic("early") },
		func(t *tx) error { _ = put("panicked")(t); panic("late") },
		put("last"),
		func(t *tx) error { // sees what went before it in the group
			if !t.has(bucketMeta, key("last")) || t.has(bucketMeta, key("failed")) {
				return errors.New("the group is not in order")
			}
			return nil
		},
	)
	release()
	for i, err := range results() {
		want := []string{"", "bad", "bad", "panic: early", "panic: late", "", ""}[i]
		if got := fmt.Sprint(err); got != want && (want != "" || err != nil) {
			t.Errorf("job %d: got error %q, want %q", i, got, want)
		}
	}
	for name, want := range map[string]bool{"first": true, "last": true, "failed": false, "panicked": false} {
		if got := isPut(t, s, name); got != want {
			t.Errorf("%s: written %v, want %v", name, got, want)
		}
	}
	if runs != 3 { // once with each of the two that spoil the group, once without
		t.Errorf("the first job ran %d times, want 3", runs)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	release := occupy(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.update(ctx, put("cancelled")) }()
	for len(s.writer.jobs) == 0 {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) { // the writer is still busy
		t.Errorf("got error %v, want context.Canceled", err)
	}
	release()
	if err := s.update(t.Context(), put("after")); err != nil {
		t.Fatal(err)
	}
	if isPut(t, s, "cancelled") {
		t.Error("a job ran whose caller had given up")
	}
}

func TestCancelledWhileRunning(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.update(ctx, func(t *tx) error {
		cancel()
		for range 1000 { // time for the caller to give up, if it were to
			runtime.Gosched()
		}
		return put("running")(t)
	})
	if err != nil || !isPut(t, s, "running") {
		t.Errorf("got error %v, written %v: the outcome is not what the caller was told", err, isPut(t, s, "running"))
	}
}

func TestNothingToWriteIsNoCommit(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	for range 3 {
		if err := s.update(t.Context(), put("same")); err != nil {
			t.Fatal(err)
		}
		if err := s.update(t.Context(), func(*tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.writer.commits.Load(); got != 1 {
		t.Errorf("got %d commits, want 1", got)
	}
}

func TestCloseFinishesAcceptedJobs(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{}, Options{}); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, path)
	release := occupy(t, s)
	results := send(t, s, put("accepted"))
	closed := make(chan error)
	go func() { closed <- s.Close() }()
	release()
	if err := errors.Join(append(results(), <-closed)...); err != nil {
		t.Fatal(err)
	}
	if err := s.update(t.Context(), put("late")); !errors.Is(err, storage.ErrClosed) {
		t.Errorf("got error %v, want ErrClosed", err)
	}
	s = openStore(t, path)
	if !isPut(t, s, "accepted") {
		t.Error("an accepted job was lost")
	}
}

func TestFullDiskIsSurvived(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	s.db.MaxSize = 1 << 20
	big := make([]byte, 4<<20)
	putBig := func(t *tx) error { return t.put(bucketMeta, key("big"), big) }
	if err := s.update(t.Context(), putBig); !errors.Is(err, storage.ErrFull) {
		t.Fatalf("got error %v, want ErrFull", err)
	}
	if err := s.update(t.Context(), put("small")); err != nil {
		t.Errorf("a write that has room: %v", err)
	}
	s.db.MaxSize = 0
	if err := s.update(t.Context(), putBig); err != nil {
		t.Errorf("after room was made: %v", err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestUnknownCommitEndsWriting(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	ended, end := context.WithCancel(t.Context())
	end()
	if err := s.WaitFailure(ended); err != nil {
		t.Errorf("a sound store failed: %v", err)
	}
	release := occupy(t, s)
	results := send(t, s, put("lost"), func(t *tx) error {
		t.writes++
		return t.bolt.Rollback() // the commit that follows fails
	})
	release()
	for i, err := range results() {
		if err == nil {
			t.Errorf("job %d of the group: no error", i)
		}
	}
	err := s.update(t.Context(), put("later"))
	if err == nil || !strings.Contains(err.Error(), "opened again") {
		t.Errorf("a later write: got error %v", err)
	}
	if err := s.WaitFailure(t.Context()); err == nil || !strings.Contains(err.Error(), "a commit failed") {
		t.Errorf("the owner was told %v", err)
	}
	if isPut(t, s, "lost") || isPut(t, s, "later") {
		t.Error("something was written")
	}
}

func TestIsFull(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
		want bool
	}{
		{"no room for a page", &fs.PathError{Op: "write", Path: "db", Err: syscall.ENOSPC}, true},
		{"quota", &fs.PathError{Op: "write", Path: "db", Err: syscall.EDQUOT}, true},
		{"no room for a longer file", errors.New("file resize error: " + (&fs.PathError{Op: "truncate", Path: "db", Err: syscall.ENOSPC}).Error()), true},
		{"a longer file fails", errors.New("file resize error: " + (&fs.PathError{Op: "truncate", Path: "db", Err: syscall.EIO}).Error()), false},
		{"fsync of a longer file finds no room", errors.New("file sync error: " + (&fs.PathError{Op: "sync", Path: "db", Err: syscall.ENOSPC}).Error()), false},
		{"our own limit", bolterrors.ErrMaxSizeReached, true},
		{"fsync finds no room for what was written before", syscall.ENOSPC, false},
		{"fsync fails", syscall.EIO, false},
		{"a write fails", &fs.PathError{Op: "write", Path: "db", Err: syscall.EIO}, false},
		{"a panic", protect(func() error { panic("page") }), false},
	} {
		if got := isFull(test.err); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
	}
}
