package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

const (
	faultVariable = "KANNUKI_BOLT_FAULT" // the fault planted in a story

	faultEarly   = "acknowledges before it commits"
	faultNoSync  = "does not sync"
	faultSplit   = "splits a transaction"
	faultInPlace = "creates under the final name"

	databaseName = "kannuki.db"
	backupName   = "backup.db"

	tellers = 4 // goroutines that write at once
	rounds  = 3 // of each, with one phone in each round
)

// story is a process that does with a store all that a server does, for a test
// that watches. It says on standard output what it begins and what was
// acknowledged to it: "begin NAME" and "did NAME". The first word of a name is
// the kind of act; traces tells what it leaves behind.
type story struct {
	dir   string
	store *bolt.Store
	fault string

	world sync.Mutex // a change of the world needs the revision it changes
}

// tellStory is one life of a database in dir: it is created, used by several at
// once, backed up, migrated and used again.
func tellStory(dir string) error {
	s := &story{dir: dir, fault: os.Getenv(faultVariable)}
	path := filepath.Join(dir, databaseName)
	err := s.act("create", func() error {
		inst := storage.Instance{ID: "test"}
		if s.fault == faultInPlace {
			return bolt.CreateInPlace(path, inst)
		}
		return bolt.Create(path, inst, bolt.Options{})
	})
	if err != nil || s.fault == faultInPlace {
		return err
	}
	if s.store, err = bolt.Open(path, bolt.Options{}); err != nil {
		return err
	}
	if s.fault == faultNoSync {
		s.store.StopSyncing()
	}
	if err := s.together(); err != nil {
		return err
	}
	if err := errors.Join(s.act("backup", s.backup), s.store.Close()); err != nil {
		return err
	}
	if err := s.act("migrate", func() (err error) { s.store, err = bolt.OpenNext(path); return err }); err != nil {
		return err
	}
	return errors.Join(s.act("audit after", s.audit("audit after")), s.store.Close())
}

func (s *story) act(name string, do func() error) error {
	say("begin", name)
	if s.fault == faultEarly {
		say("did", name)
	}
	if err := do(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if s.fault != faultEarly {
		say("did", name)
	}
	return nil
}

// say is one system call, so that lines of different goroutines stay whole.
func say(verb, name string) { _, _ = fmt.Fprintln(os.Stdout, verb, name) }

// together lets all write at once, so that they share transactions.
func (s *story) together() error {
	errs := make([]error, tellers)
	var done sync.WaitGroup
	for w := range tellers {
		done.Go(func() {
			for round := range rounds {
				if errs[w] == nil {
					errs[w] = s.round(w*rounds + round)
				}
			}
		})
	}
	done.Wait()
	return errors.Join(errs...)
}

// round enrols phone i and does every kind of act once.
func (s *story) round(i int) error {
	number := strconv.Itoa(i)
	for _, step := range enrolment(s.store, i) {
		if err := s.act(step.name+" "+number, func() error { return step.run(context.Background()) }); err != nil {
			return err
		}
	}
	for _, a := range []struct {
		kind string
		do   func(name string) func() error
	}{
		{"declare", func(string) func() error { return func() error { return s.declare(i) } }},
		{"queue", func(name string) func() error { return func() error { return s.queue(i, name) } }},
		{"answer", func(string) func() error { return func() error { return s.answer(i) } }},
		{"world", func(name string) func() error { return func() error { return s.change(name) } }},
		{"audit", s.audit},
	} {
		name := a.kind + " " + number
		if err := s.act(name, a.do(name)); err != nil {
			return err
		}
	}
	return nil
}

func told(name string) []storage.AuditEntry {
	return []storage.AuditEntry{{At: start, Actor: "kannuki", Action: "told", Target: name}}
}

// declare announces a set of declarations to phone i.
func (s *story) declare(i int) error {
	_, err := s.store.UpdatePhone(context.Background(), storage.DefaultSegment, udid(i), 1, func(p *storage.Phone) (storage.PhoneChange, error) {
		token := hash("set" + udid(i))
		p.Announced.Token = token
		return storage.PhoneChange{
			Declarations: []storage.DeclarationBody{{ServerToken: token, JSON: []byte(`{"of":"` + udid(i) + `"}`)}},
			Set:          &storage.DeclarationSet{Token: token, Items: []storage.DeclarationItem{{Class: "configuration", Identifier: "hold", ServerToken: token}}},
			Audit:        told("declare " + strconv.Itoa(i)),
		}, nil
	})
	return err
}

// queue gives a command to phone i and to others that are enrolled by then:
// those of the same writer.
func (s *story) queue(i int, name string) error {
	var udids []string
	for j := i - i%rounds; j <= i; j++ {
		udids = append(udids, udid(j))
	}
	command := []storage.Command{{UUID: uuid(name), RequestType: "DeviceInformation", Body: []byte("body of " + name), CreatedAt: start}}
	ctx := context.Background()
	if s.fault == faultSplit {
		if _, err := s.store.Enqueue(ctx, storage.DefaultSegment, udids, command, nil); err != nil {
			return err
		}
		return s.store.RecordAudit(ctx, storage.DefaultSegment, told(name))
	}
	_, err := s.store.Enqueue(ctx, storage.DefaultSegment, udids, command, told(name))
	return err
}

// answer has phone i take its command and say that it is done.
func (s *story) answer(i int) error {
	ctx, number := context.Background(), strconv.Itoa(i)
	_, err := s.store.Exchange(ctx, storage.DefaultSegment, udid(i), 1, storage.Exchange{
		Status: &storage.CommandStatus{UUID: uuid("queue " + number), State: storage.CommandDone, At: start},
		Update: func(_ *storage.Phone, row *storage.Command) (storage.PhoneChange, error) {
			if row == nil {
				return storage.PhoneChange{}, storage.ErrNotFound
			}
			return storage.PhoneChange{Audit: told("answer " + number)}, nil
		},
	})
	return err
}

// change adds an app and a group that uses it.
func (s *story) change(name string) error {
	s.world.Lock()
	defer s.world.Unlock()
	w, err := s.store.World(context.Background(), storage.DefaultSegment)
	if err != nil {
		return err
	}
	_, err = s.store.ChangeWorld(context.Background(), storage.DefaultSegment, w.Revision, storage.WorldChange{
		Apps:   []storage.App{{BundleID: name, Name: name, Importance: "critical", CreatedAt: start}},
		Groups: []storage.Group{{Name: name, Apps: []string{name}}},
		Audit:  told(name),
	})
	return err
}

// audit records two entries.
func (s *story) audit(name string) func() error {
	return func() error {
		return s.store.RecordAudit(context.Background(), storage.DefaultSegment, append(told(name), told(name)...))
	}
}

// backup makes a copy the way the command line does.
func (s *story) backup() error {
	f, err := os.CreateTemp(s.dir, backupName+".new-*")
	if err != nil {
		return err
	}
	_, err = s.store.Backup(context.Background(), f)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), filepath.Join(s.dir, backupName)); err != nil {
		return err
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close(), os.Remove(f.Name()))
}
