package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// RunConcurrent checks what a store promises to callers that run at once. open
// is as in [Run]. It shows most under the race detector.
func RunConcurrent(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, "Concurrent", []sentence{
		{"one key wins a grant", testOneKeyWins},
		{"no update of a phone is lost", testNoLostUpdate},
		{"one change of a revision wins", testOneChangeWins},
		{"a command is handed out as one", testOneDelivery},
		{"one final status of a command is the first", testOneFirstStatus},
		{"an updater that fails harms no other", testFailingNeighbour},
		{"a context that ends leaves all or nothing", testCancelledMidway},
		{"a world is never seen half changed", testWholeWorld},
	})
}

// parallel runs f n times at once and returns the results in order.
func parallel[T any](n int, f func(i int) T) []T {
	results := make([]T, n)
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			results[i] = f(i)
		})
	}
	close(start)
	wg.Wait()
	return results
}

// count returns how many errors are nil, and fails for those that are not
// allowed.
func count(t *testing.T, errs []error, allowed ...error) int {
	t.Helper()
	n := 0
	for i, err := range errs {
		switch {
		case err == nil:
			n++
		case !slices.ContainsFunc(allowed, func(a error) bool { return errors.Is(err, a) }):
			t.Errorf("call %d: %v", i, err)
		}
	}
	return n
}

func testOneKeyWins(t *testing.T, s Store) {
	g := newGrant("1")
	must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
	errs := parallel(100, func(i int) error {
		_, _, err := s.ReserveGrant(t.Context(), g.ChallengeHash, fmt.Sprintf("key %d", i), moment(2))
		return err
	})
	wantEqual(t, count(t, errs, storage.ErrSpent), 1)
	_, got, err := s.GrantByLink(t.Context(), g.LinkHash)
	must(t, err)
	wantEqual(t, got.PublicKey, fmt.Sprintf("key %d", slices.Index(errs, nil)))
}

// increment adds one to a number in a phone's record, with an audit entry.
func increment(ctx context.Context, s Store, seg storage.Segment) error {
	_, err := s.UpdatePhone(ctx, seg, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Update.Failures++
		return storage.PhoneChange{Audit: []storage.AuditEntry{audit("counted")}}, nil
	})
	return err
}

func testNoLostUpdate(t *testing.T, s Store) {
	for _, seg := range bothSegments() {
		enrol(t, s, seg, "u")
	}
	end := auditEnd(t, s, segA)
	errs := parallel(100, func(i int) error { return increment(t.Context(), s, bothSegments()[i%2]) })
	wantEqual(t, count(t, errs), 100)
	for _, seg := range bothSegments() {
		p, err := s.Phone(t.Context(), seg, "u")
		must(t, err)
		wantEqual(t, p.Update.Failures, 50)
	}
	wantEqual(t, len(actions(t, s, segA, end)), 50)
}

func testOneChangeWins(t *testing.T, s Store) {
	revision := readWorld(t, s, segB).Revision
	errs := parallel(20, func(i int) error {
		_, err := s.ChangeWorld(t.Context(), segB, revision, storage.WorldChange{
			Approvals: []storage.Approval{{ID: fmt.Sprint(i)}},
			Audit:     []storage.AuditEntry{audit("gate.approved")},
		})
		return err
	})
	wantEqual(t, count(t, errs, storage.ErrConflict), 1)
	w := readWorld(t, s, segB)
	wantEqual(t, w.Revision, revision+1)
	wantEqual(t, w.Approvals, []storage.Approval{{ID: fmt.Sprint(slices.Index(errs, nil))}})
	wantEqual(t, actions(t, s, segB, 0), []string{"gate.approved"})
}

func testOneDelivery(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	must(t, enqueue(t, s, segA, []string{"u"}, command("c1"), command("c2")))
	uuids := parallel(20, func(int) string {
		done, err := s.Exchange(t.Context(), segA, "u", 0, storage.Exchange{Handout: &storage.Handout{At: moment(4)}})
		if err != nil {
			return err.Error()
		}
		return done.Command.UUID
	})
	wantEqual(t, slices.Compact(uuids), []string{"c1"})
	queue, err := s.Queue(t.Context(), segA, "u")
	must(t, err)
	wantEqual(t, queue[0].Deliveries, 20)
	wantEqual(t, queue[1].Deliveries, 0)
}

func testFailingNeighbour(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	errs := parallel(60, func(i int) error {
		if i%3 != 0 {
			return increment(t.Context(), s, segA)
		}
		// Fails late: the grant's record is possible, the entry's text is not.
		bad := audit("\xff")
		return s.CreateGrant(t.Context(), segA, newGrant(fmt.Sprint(i)), bad)
	})
	for i, err := range errs {
		if (err != nil) != (i%3 == 0) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	p, err := s.Phone(t.Context(), segA, "u")
	must(t, err)
	wantEqual(t, p.Update.Failures, 40)
	_, _, err = s.GrantByLink(t.Context(), newGrant("0").LinkHash)
	wantError(t, err, storage.ErrNotFound)
	entries, err := s.Audit(t.Context(), segA, 0, 0)
	must(t, err)
	must(t, storage.VerifyAudit(storage.AuditEntry{}, entries))
}

func testCancelledMidway(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	end := auditEnd(t, s, segA)
	errs := parallel(100, func(i int) error {
		ctx, cancel := context.WithCancel(t.Context())
		if i%2 == 0 {
			go cancel() // at no time in particular
		}
		defer cancel()
		return increment(ctx, s, segA)
	})
	n := count(t, errs, context.Canceled)
	p, err := s.Phone(t.Context(), segA, "u")
	must(t, err)
	wantEqual(t, p.Update.Failures, n)
	wantEqual(t, len(actions(t, s, segA, end)), n)
}

func testWholeWorld(t *testing.T, s Store) {
	stop := make(chan struct{})
	var reader sync.WaitGroup
	reader.Go(func() {
		for {
			w, err := s.World(t.Context(), segA)
			if err != nil {
				t.Error(err)
				return
			}
			if n := uint64(len(w.Apps)); n != w.Revision || len(w.Groups) != len(w.Apps) {
				t.Errorf("revision %d has %d apps and %d groups", w.Revision, n, len(w.Groups))
				return
			}
			select {
			case <-stop:
				return
			default:
			}
		}
	})
	for i := range 50 {
		changeWorld(t, s, segA, storage.WorldChange{
			Apps:   []storage.App{{BundleID: fmt.Sprint(i)}},
			Groups: []storage.Group{{Name: fmt.Sprint(i)}},
		})
	}
	close(stop)
	reader.Wait()
}
