package crash

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// state is all that a database holds of what the journal is about.
type state struct {
	Audit        []storage.AuditEntry
	World        storage.World
	Notices      []storage.Notice                  // newest first
	Phones       map[string]storage.Phone          // by UDID
	Queues       map[string][]storage.Command      // by UDID
	Fetched      map[string]storage.DeclarationSet // by UDID, the manifest fetched last
	Certificates map[string]storage.Certificate    // by fingerprint, those the audit log says were issued
}

// copyFile copies a database whose server is dead, so that the server that
// comes next finds exactly what the last one left.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close() //nolint:errcheck // only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// readState copies a database, checks the copy as a whole and reads it. The
// audit entries known from an earlier reading are not read again: the last of
// them must be as it was, and the chain, which the check follows from its
// start, ties all before it to it.
func readState(ctx context.Context, database string, known []storage.AuditEntry) (*state, error) {
	dir, err := os.MkdirTemp(filepath.Dir(filepath.Dir(database)), "copy-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // below the test's own folder
	path := filepath.Join(dir, databaseFile)
	if err := copyFile(database, path); err != nil {
		return nil, err
	}
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		return nil, err
	}
	s, err := read(ctx, store, known)
	return s, errors.Join(err, store.Check(ctx), store.Close())
}

func read(ctx context.Context, store *bolt.Store, known []storage.AuditEntry) (*state, error) {
	s := &state{
		Phones: map[string]storage.Phone{}, Queues: map[string][]storage.Command{},
		Fetched: map[string]storage.DeclarationSet{}, Certificates: map[string]storage.Certificate{},
	}
	var err error
	if s.World, err = store.World(ctx, storage.DefaultSegment); err != nil {
		return s, err
	}
	if s.Notices, err = readNotices(ctx, store); err != nil {
		return s, err
	}
	if s.Audit, err = readAudit(ctx, store, known); err != nil {
		return s, err
	}
	phones, err := store.Phones(ctx, storage.DefaultSegment, storage.PhoneQuery{Removed: true, Enrolling: true})
	if err != nil {
		return s, err
	}
	for _, p := range phones {
		s.Phones[p.UDID] = p
		if s.Queues[p.UDID], err = store.Queue(ctx, storage.DefaultSegment, p.UDID); err != nil {
			return s, err
		}
		if p.Sync.Manifest == "" {
			continue
		}
		if s.Fetched[p.UDID], err = store.DeclarationSet(ctx, storage.DefaultSegment, p.Sync.Manifest); err != nil {
			return s, err
		}
	}
	for _, e := range s.Audit {
		if e.Action != "certificate.issued" {
			continue
		}
		if s.Certificates[e.Target], err = store.Certificate(ctx, e.Target); err != nil {
			return s, err
		}
	}
	return s, nil
}

func readNotices(ctx context.Context, store *bolt.Store) ([]storage.Notice, error) {
	var all []storage.Notice
	for q := (storage.NoticeQuery{}); ; q.Before = all[len(all)-1].Seq {
		page, err := store.Notices(ctx, storage.DefaultSegment, q)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
	}
}

func readAudit(ctx context.Context, store *bolt.Store, known []storage.AuditEntry) ([]storage.AuditEntry, error) {
	all := known
	if n := len(known); n > 0 {
		last, err := store.Audit(ctx, storage.DefaultSegment, known[n-1].Seq-1, 1)
		if err != nil {
			return nil, err
		}
		if len(last) == 0 || last[0].Hash != known[n-1].Hash {
			return nil, fmt.Errorf("audit entry %d is gone or was replaced", known[n-1].Seq)
		}
	}
	for {
		page, err := store.Audit(ctx, storage.DefaultSegment, uint64(len(all)), 0)
		if err != nil || len(page) == 0 {
			return all, err
		}
		all = append(all, page...)
	}
}
