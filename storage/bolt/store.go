// Package bolt keeps Kannuki's records in one bbolt file. It implements the
// store interfaces of enroll and fleet and what server needs beside them: the
// installation's own record, API tokens, backup and check. It knows nothing of
// what the records mean.
//
// Writes go through one goroutine that lets many callers share one sync of the
// disk; reads never wait for it. Every record carries a checksum, and a record
// whose checksum does not fit is reported as [storage.ErrCorrupt] with its
// bucket and key, never returned.
package bolt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	bbolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Options change how a database is opened. The zero value is right for a
// server.
type Options struct {
	LockTimeout time.Duration // how long to wait for another process to close the file; 0: 5 seconds
	// ReadOnly leaves the file and its folder as they are: a database of an older
	// Kannuki is an [*OlderError], and every method that writes returns an error.
	ReadOnly bool
}

// Store is an open database. Its methods may be called from many goroutines;
// after Close they return [storage.ErrClosed].
type Store struct {
	db        *bbolt.DB
	file      *os.File // of db, which closes it
	path      string
	pageBytes int
	packer    *packer
	writer    *writer

	mu     sync.RWMutex // held for reading while a job is sent, so that Close can end the channel
	closed bool
}

// Close waits for the writes that were accepted and the reads that are
// running, and closes the file. Closing twice is no error.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.writer.stop()
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// WaitFailure returns nil when ctx ends, or before that an error when a commit
// fails in a way that leaves unknown what is on the disk, a failed sync above
// all. Every write after it fails: the process should end at once and start
// anew, because only opening the file shows what it holds. A full disk is no
// such failure.
func (s *Store) WaitFailure(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-s.writer.failed:
		return fmt.Errorf("%s: %w", s.path, s.writer.broken)
	}
}

// Stats describes the file and the work done since it was opened.
type Stats struct {
	FileBytes  int64  // size of the file, which never shrinks
	UsedPages  int    // pages in use or about to be reused
	FreePages  int    // pages inside the used part that hold nothing
	PageBytes  int    // size of a page
	Commits    uint64 // transactions on disk
	Operations uint64 // store operations those transactions carried
}

// Stats returns current figures. It costs one short read transaction.
func (s *Store) Stats(ctx context.Context) (Stats, error) {
	st := Stats{
		PageBytes:  s.pageBytes,
		Commits:    s.writer.commits.Load(),
		Operations: s.writer.operations.Load(),
	}
	err := s.view(ctx, func(t *tx) error {
		st.FreePages = s.db.Stats().FreePageN
		st.UsedPages = int(t.bolt.Size()/int64(s.pageBytes)) - st.FreePages
		size, err := fileSize(s.path)
		st.FileBytes = size
		return err
	})
	return st, err
}

// Backup writes a consistent copy of the database to w while the server goes
// on, and returns its length in bytes. The copy is a database that [Open]
// accepts. Pages freed meanwhile are not reused before it ends, so w should be
// a local file and not a network connection: a slow w lets the file grow. The
// caller syncs and renames. A cancelled context ends the copy.
func (s *Store) Backup(ctx context.Context, w io.Writer) (int64, error) {
	var n int64
	to := &copyWriter{ctx: ctx, w: w}
	err := s.view(ctx, func(t *tx) (err error) {
		n, err = t.bolt.WriteTo(to)
		return err
	})
	if to.err != nil { // bbolt keeps only its text
		err = to.err
	}
	if err != nil {
		return n, fmt.Errorf("backup: %w", err)
	}
	return n, nil
}

// copyWriter stops a copy when its context ends, and keeps why it stopped.
type copyWriter struct {
	ctx context.Context // lives as long as the copy
	w   io.Writer
	err error
}

func (w *copyWriter) Write(p []byte) (n int, err error) {
	if err = w.ctx.Err(); err == nil {
		n, err = w.w.Write(p)
	}
	w.err = err
	return n, err
}

// view runs f in a read transaction.
func (s *Store) view(ctx context.Context, f func(*tx) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	// f is ours and does not panic over sound data: a panic here is bbolt's
	// answer to a damaged page, a fault one that points outside the file.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("page of %s: %w: %v", s.path, storage.ErrCorrupt, r)
		}
	}()
	err = s.db.View(func(b *bbolt.Tx) error { return f(&tx{bolt: b, ctx: ctx, packer: s.packer}) })
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return storage.ErrClosed
	}
	return err
}

// viewIn is view for the records of one segment.
func (s *Store) viewIn(ctx context.Context, seg storage.Segment, f func(*tx) error) error {
	if err := checkSegment(seg); err != nil {
		return err
	}
	return s.view(ctx, f)
}

// update runs f in a write transaction, which it shares with others, and
// returns when its outcome is on disk. f may run more than once. A context
// that ends before f's turn comes leaves nothing written; later it is too
// late, and update returns the outcome.
func (s *Store) update(ctx context.Context, f func(*tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j := &job{ctx: ctx, run: f, done: make(chan error, 1)}
	if err := s.submit(j); err != nil {
		return err
	}
	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobWaiting, jobDropped) {
			return ctx.Err()
		}
		return <-j.done
	}
}

func (s *Store) submit(j *job) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return storage.ErrClosed
	}
	select {
	case s.writer.jobs <- j:
		return nil
	case <-j.ctx.Done():
		return j.ctx.Err()
	}
}

// updateIn is update for the records of one segment. The segment comes into
// being with the first thing written in it.
func (s *Store) updateIn(ctx context.Context, seg storage.Segment, f func(*tx) error) error {
	if err := checkSegment(seg); err != nil {
		return err
	}
	return s.update(ctx, func(t *tx) error {
		before := t.writes
		if err := f(t); err != nil || t.writes == before {
			return err
		}
		return t.ensureSegment(seg)
	})
}

// mapBytes is the address space reserved for the file, on 64-bit systems. As
// long as the file fits, growing it needs no new mapping, and a new mapping
// would have to wait for every reader, a backup above all. Address space costs
// nothing; on Windows bbolt would enlarge the file itself.
func mapBytes(goos string) int {
	fourGiB := int64(4) << 30
	if goos == "windows" || strconv.IntSize < 64 {
		return 0
	}
	return int(fourGiB)
}
