package memory_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
	"github.com/kannuki-mdm/kannuki/storage/storagetest"
)

var (
	_ enroll.Store = (*memory.Store)(nil)
	_ fleet.Store  = (*memory.Store)(nil)
)

func open(*testing.T) storagetest.Store { return memory.New(memory.Options{}) }

func TestContract(t *testing.T) {
	t.Parallel()
	storagetest.Run(t, open)
}

func TestContractConcurrent(t *testing.T) {
	t.Parallel()
	storagetest.RunConcurrent(t, open)
}

var errDied = errors.New("died")

// TestFaults: a fault before the commit leaves nothing of a change that writes in
// many places, a fault after it leaves all.
func TestFaults(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name            string
		after, trusting bool
	}{
		{"before the commit", false, false},
		{"after the commit", true, false},
		{"before the commit of a trusting store", false, true},
		{"after the commit of a trusting store", true, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			armed := false
			var ops []string
			fault := func(op string) error {
				if !armed {
					return nil
				}
				ops = append(ops, op)
				return errDied
			}
			o := memory.Options{BeforeCommit: fault, Trusting: tt.trusting}
			if tt.after {
				o = memory.Options{AfterCommit: fault, Trusting: tt.trusting}
			}
			s := memory.New(o)
			p := enrolled(t, s)
			armed = true
			_, err := s.UpdatePhone(t.Context(), storage.DefaultSegment, "u", 1, func(q *storage.Phone) (storage.PhoneChange, error) {
				q.Model = "iPhone15,2"
				return storage.PhoneChange{
					Declarations: []storage.DeclarationBody{{ServerToken: "d", JSON: []byte("{}")}},
					Set:          &storage.DeclarationSet{Token: "s", Items: []storage.DeclarationItem{{ServerToken: "d"}}},
					Enqueue:      []storage.Command{{UUID: "c"}},
					Audit:        []storage.AuditEntry{{Action: "told"}},
				}, nil
			})
			if !errors.Is(err, errDied) {
				t.Errorf("got error %v, want that of the fault", err)
			}
			armed = false
			if diff := cmp.Diff([]string{"UpdatePhone"}, ops); diff != "" {
				t.Errorf("faults were asked for (-want +got):\n%s", diff)
			}
			want := found{Model: p.Model, Audit: 2}
			if tt.after {
				want = found{Model: "iPhone15,2", Set: true, Body: true, Queue: 1, Audit: 3}
			}
			if diff := cmp.Diff(want, look(t, s)); diff != "" {
				t.Errorf("afterwards (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTrusting: what was read of a trusting store stays as it was, whatever is
// changed since, even when an updater changes lists in place.
func TestTrusting(t *testing.T) {
	t.Parallel()
	s := memory.New(memory.Options{Trusting: true})
	enrolled(t, s)
	update := func(change func(*storage.Phone)) storage.Phone {
		p, err := s.UpdatePhone(t.Context(), storage.DefaultSegment, "u", 1, func(q *storage.Phone) (storage.PhoneChange, error) {
			change(q)
			return storage.PhoneChange{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	world := func(revision uint64, c storage.WorldChange) storage.World {
		if _, err := s.ChangeWorld(t.Context(), storage.DefaultSegment, revision, c); err != nil {
			t.Fatal(err)
		}
		w, err := s.World(t.Context(), storage.DefaultSegment)
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	first := update(func(q *storage.Phone) { q.Apps = []storage.InstalledApp{{BundleID: "a", Version: "1"}} })
	second := update(func(q *storage.Phone) { q.Apps[0].Version = "2" })
	if diff := cmp.Diff([]string{"1", "2"}, []string{first.Apps[0].Version, second.Apps[0].Version}); diff != "" {
		t.Errorf("versions of the app (-want +got):\n%s", diff)
	}
	before := world(0, storage.WorldChange{Apps: []storage.App{{BundleID: "a", Name: "old"}}})
	after := world(1, storage.WorldChange{Apps: []storage.App{{BundleID: "a", Name: "new"}}})
	if diff := cmp.Diff([]string{"old", "new"}, []string{before.Apps[0].Name, after.Apps[0].Name}); diff != "" {
		t.Errorf("names of the app (-want +got):\n%s", diff)
	}
}

// TestReadsNeverFail: faults are of commits, and a transaction that wrote nothing
// has none.
func TestReadsNeverFail(t *testing.T) {
	t.Parallel()
	armed := false
	fault := func(string) error {
		if armed {
			return errDied
		}
		return nil
	}
	s := memory.New(memory.Options{BeforeCommit: fault, AfterCommit: fault})
	enrolled(t, s)
	armed = true
	if _, err := s.Exchange(t.Context(), storage.DefaultSegment, "u", 1, storage.Exchange{Handout: &storage.Handout{}}); err != nil {
		t.Errorf("a poll that finds nothing: %v", err)
	}
}

func enrolled(t *testing.T, s *memory.Store) storage.Phone {
	t.Helper()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	err := errors.Join(
		s.CreateGrant(t.Context(), storage.DefaultSegment, storage.Grant{ID: "g"}, storage.AuditEntry{At: now}),
		s.RecordCertificate(t.Context(), storage.Certificate{Fingerprint: "f", Segment: storage.DefaultSegment, Grant: "g"}, storage.AuditEntry{At: now}),
	)
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.UpdateEnrollment(t.Context(), storage.DefaultSegment, "u", "f", func(e *storage.Enrollment) error {
		e.Phone = &storage.Phone{UDID: "u", Epoch: 1, State: storage.PhoneEnrolled, Model: "iPhone14,2"}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// found is what is there after a fault.
type found struct {
	Model        string
	Set, Body    bool
	Queue, Audit int
}

func look(t *testing.T, s *memory.Store) found {
	t.Helper()
	p, err := s.Phone(t.Context(), storage.DefaultSegment, "u")
	if err != nil {
		t.Fatal(err)
	}
	queue, err := s.Queue(t.Context(), storage.DefaultSegment, "u")
	if err != nil {
		t.Fatal(err)
	}
	audit, err := s.Audit(t.Context(), storage.DefaultSegment, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, set := s.DeclarationSet(t.Context(), storage.DefaultSegment, "s")
	_, body := s.Declaration(t.Context(), storage.DefaultSegment, "d")
	return found{Model: p.Model, Set: set == nil, Body: body == nil, Queue: len(queue), Audit: len(audit)}
}

// TestCopy: a copy is what was there when it was made, as often as it is restored,
// and what comes after it leaves it alone.
func TestCopy(t *testing.T) {
	t.Parallel()
	for _, trusting := range []bool{false, true} {
		s := memory.New(memory.Options{Trusting: trusting})
		seg, n := storage.DefaultSegment, uint64(0)
		add := func(name string) {
			t.Helper()
			entry := storage.AuditEntry{At: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC), Actor: "test", Action: name}
			next, err := s.ChangeWorld(t.Context(), seg, n, storage.WorldChange{Groups: []storage.Group{{Name: name}}, Audit: []storage.AuditEntry{entry}})
			if n = next; err != nil {
				t.Fatal(err)
			}
		}
		names := func() (list []string) {
			w, err := s.World(t.Context(), seg)
			entries, auditErr := s.Audit(t.Context(), seg, 0, 0)
			if err := errors.Join(err, auditErr); err != nil {
				t.Fatal(err)
			}
			for _, g := range w.Groups {
				list = append(list, g.Name)
			}
			for _, e := range entries {
				list = append(list, e.Action)
			}
			return list
		}
		add("a")
		c := s.Copy()
		for _, later := range []string{"b", "c"} {
			add(later)
			if diff := cmp.Diff([]string{"a", later, "a", later}, names()); diff != "" {
				t.Errorf("after the copy (-want +got):\n%s", diff)
			}
			s.Restore(c)
			n = 1
			if diff := cmp.Diff([]string{"a", "a"}, names()); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
		}
	}
}
