package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"

	bbolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kannuki-mdm/kannuki/storage"
)

// writer is the one goroutine that writes. While it waits for the disk, jobs
// gather in its channel; it runs all of them in one transaction, so that they
// share one sync. A job is answered when that transaction is on disk.
type writer struct {
	db      *bbolt.DB
	packer  *packer
	jobs    chan *job
	stopped chan struct{}

	broken error         // set by a commit whose outcome is unknown; no write is tried after it
	failed chan struct{} // closed once broken is set

	commits    atomic.Uint64
	operations atomic.Uint64
}

// maxGroup bounds the jobs of one transaction and with them the time the first
// of them waits for the others.
const maxGroup = 512

// job is one writing method of the store.
type job struct {
	ctx   context.Context // the caller's, asked when its turn comes
	run   func(*tx) error // may run more than once
	state atomic.Int32    // jobWaiting, then one of the others for good
	done  chan error      // holds one answer, so that the writer never waits for a caller
}

const (
	jobWaiting = iota
	jobTaken   // the writer runs it: the caller must wait for the answer
	jobDropped // the caller gave up first: it must not run
)

func startWriter(db *bbolt.DB, p *packer) *writer {
	w := &writer{db: db, packer: p, jobs: make(chan *job, maxGroup), stopped: make(chan struct{}), failed: make(chan struct{})}
	go w.loop()
	return w
}

// stop ends the writer after the jobs it was given; nobody may send any more.
func (w *writer) stop() {
	close(w.jobs)
	<-w.stopped
}

func (w *writer) loop() {
	defer close(w.stopped)
	// A damaged page can send bbolt outside its mapping. That must become a
	// panic, which protect turns into an error, and not the end of the process.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	for j := range w.jobs {
		w.commit(w.gather(j))
	}
}

// gather returns first and the jobs that wait behind it, without those whose
// callers have given up.
func (w *writer) gather(first *job) []*job {
	var group []*job
	for j, n := first, 1; ; n++ {
		if j.state.CompareAndSwap(jobWaiting, jobTaken) {
			if err := j.ctx.Err(); err != nil {
				j.done <- err
			} else {
				group = append(group, j)
			}
		}
		if n == maxGroup {
			return group
		}
		select {
		case next, ok := <-w.jobs:
			if !ok {
				return group
			}
			j = next
		default:
			return group
		}
	}
}

// commit runs a group. A job that fails after it has written something spoils
// the transaction: the others run again without it, and then it runs alone.
func (w *writer) commit(group []*job) {
	var alone []*job
	for len(group) > 0 {
		spoiler := w.try(group)
		if spoiler < 0 {
			break
		}
		alone = append(alone, group[spoiler])
		group = slices.Delete(group, spoiler, spoiler+1)
	}
	for _, j := range alone {
		w.try([]*job{j})
	}
}

// try runs a group in one transaction and answers its jobs. When one of
// several jobs spoils the transaction it answers none and returns its index,
// otherwise -1.
func (w *writer) try(group []*job) int {
	if w.broken != nil {
		answer(group, nil, w.broken)
		return -1
	}
	btx, err := w.db.Begin(true)
	if err != nil {
		answer(group, nil, fmt.Errorf("begin: %w", err))
		return -1
	}
	t := &tx{bolt: btx, ctx: context.Background(), packer: w.packer}
	results := make([]error, len(group))
	for i, j := range group {
		before := t.writes
		results[i] = protect(func() error { return j.run(t) })
		if results[i] == nil || t.writes == before {
			continue
		}
		w.rollback(btx)
		if len(group) > 1 {
			return i
		}
		answer(group, results, nil)
		return -1
	}
	if t.writes == 0 {
		w.rollback(btx)
		answer(group, results, nil)
		return -1
	}
	err = w.sync(btx)
	if err == nil {
		w.commits.Add(1)
		w.operations.Add(uint64(len(group)))
	}
	answer(group, results, err)
	return -1
}

// sync commits. A full disk is reported and leaves the database as it was; bbolt
// writes nothing that counts before it has the room. After any other fault it
// is unknown what the disk holds (a failed fsync must not be tried again), and
// only opening the database anew finds out.
func (w *writer) sync(btx *bbolt.Tx) error {
	err := protect(btx.Commit)
	switch {
	case err == nil:
		return nil
	case isFull(err):
		return fmt.Errorf("commit: %w: %w", storage.ErrFull, err)
	}
	w.fail("commit", err)
	w.rollback(btx) // gives back the lock when Commit panicked
	return fmt.Errorf("commit: %w", err)
}

// isFull reports whether a commit failed because the file could not grow or a
// write found no room. The same errors from fsync mean that writes which had
// seemed to succeed are lost: package os names the operation in its errors, and
// bbolt's fsync, which goes around it, is the one that comes bare. Of a file that
// could not be made longer bbolt keeps the words only.
func isFull(err error) bool {
	if errors.Is(err, bolterrors.ErrMaxSizeReached) {
		return true
	}
	if text, ok := strings.CutPrefix(err.Error(), "file resize error: truncate "); ok {
		return strings.HasSuffix(text, syscall.ENOSPC.Error()) || strings.HasSuffix(text, syscall.EDQUOT.Error())
	}
	write, ok := errors.AsType[*fs.PathError](err)
	return ok && write.Op == "write" && (errors.Is(write, syscall.ENOSPC) || errors.Is(write, syscall.EDQUOT))
}

// fail ends all writing.
func (w *writer) fail(what string, err error) {
	if w.broken != nil {
		return
	}
	w.broken = fmt.Errorf("no write is possible until the database is opened again, because a %s failed: %w", what, err)
	close(w.failed)
}

// rollback discards a transaction; one that has ended already is left alone.
func (w *writer) rollback(btx *bbolt.Tx) {
	err := protect(btx.Rollback)
	if err != nil && !errors.Is(err, bolterrors.ErrTxClosed) {
		w.fail("rollback", err)
	}
}

// answer gives each job its result, or all of them the error of the
// transaction: what a job concluded inside it was never true then.
func answer(group []*job, results []error, err error) {
	for i, j := range group {
		if err != nil {
			j.done <- err
		} else {
			j.done <- results[i]
		}
	}
}

// protect turns a panic of f into an error, so that one caller's updater
// cannot end the writer for all.
func protect(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return f()
}
