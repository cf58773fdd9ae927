// Package storagetest holds the contract of Kannuki's stores as a test: one
// subtest for each sentence that package storage and the interfaces of enroll
// and fleet promise. Every implementation runs it, so that none of them can
// read the contract in its own way.
package storagetest

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Store is a whole store, as an installation uses it.
type Store interface {
	enroll.Store
	fleet.PhoneStore
	fleet.QueueStore
	fleet.WorldStore
	fleet.NoticeStore
	io.Closer
	// Restored brings a segment of an older copy into the present.
	Restored(context.Context, storage.Segment, storage.AuditEntry) error
}

// sentence is one promise and the test that holds a store to it. The store is
// fresh and empty.
type sentence struct {
	name string
	test func(*testing.T, Store)
}

// Run checks a store against the contract. open is called once for each
// subtest and must return a store that holds nothing but the default segment;
// Run closes it. Subtests run in parallel.
//
// [RunConcurrent] is the second half of the contract.
func Run(t *testing.T, open func(t *testing.T) Store) {
	t.Helper()
	run(t, open, "Grant", grantSentences())
	run(t, open, "Certificate", certificateSentences())
	run(t, open, "Forget", forgetSentences())
	run(t, open, "Enrollment", enrollmentSentences())
	run(t, open, "Phone", phoneSentences())
	run(t, open, "Phones", phonesSentences())
	run(t, open, "PhoneList", phoneListSentences())
	run(t, open, "Declaration", declarationSentences())
	run(t, open, "Queue", queueSentences())
	run(t, open, "Admit", admitSentences())
	run(t, open, "Status", statusSentences())
	run(t, open, "Exchange", exchangeSentences())
	run(t, open, "Cancel", cancelSentences())
	run(t, open, "World", worldSentences())
	run(t, open, "Catalog", catalogSentences())
	run(t, open, "Notice", noticeSentences())
	run(t, open, "Audit", auditSentences())
	run(t, open, "Rules", ruleSentences())
	run(t, open, "Restored", restoredSentences())
}

func run(t *testing.T, open func(t *testing.T) Store, name string, sentences []sentence) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		for _, s := range sentences {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				store := open(t)
				t.Cleanup(func() {
					if err := store.Close(); err != nil {
						t.Errorf("Close: %v", err)
					}
				})
				s.test(t, store)
			})
		}
	})
}

// The two segments of every test. Their names differ in length and one is the
// beginning of the other, which a careless key would confuse.
const (
	segA = storage.DefaultSegment
	segB = storage.DefaultSegment + "-2"
)

func bothSegments() []storage.Segment { return []storage.Segment{segA, segB} }

// must ends the test if an operation that is only preparation fails.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got error %v, want %v", err, want)
	}
}

func wantEqual[T any](t *testing.T, got, want T) {
	t.Helper()
	// An empty slice or map may come back as nil.
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// errUpdater is what updaters that fail in tests return.
var errUpdater = errors.New("updater failed on purpose")
