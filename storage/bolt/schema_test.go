package bolt

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bbolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/kannuki-mdm/kannuki/storage"
)

// appendURL returns a migration that leaves a mark in the instance's record.
func appendURL(mark string) migration {
	return func(t *tx) error {
		inst, err := load[storage.Instance](t, bucketMeta, key(metaInstance))
		if err != nil {
			return err
		}
		inst.URL += mark
		return save(t, bucketMeta, key(metaInstance), inst)
	}
}

// urlAt opens a database with a schema and returns the instance's URL.
func urlAt(t *testing.T, path string, want schema) (string, error) {
	t.Helper()
	s, err := openSchema(path, Options{}, want)
	if err != nil {
		return "", err
	}
	inst, err := s.Instance(t.Context())
	return inst.URL, errors.Join(err, s.Close())
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func wantURL(t *testing.T, path string, at schema, want string) {
	t.Helper()
	if got, err := urlAt(t, path, at); err != nil || got != want {
		t.Errorf("%s: got URL %q, error %v, want %q", filepath.Base(path), got, err, want)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "kannuki.db")
	if err := Create(path, storage.Instance{URL: "v1"}, Options{}); err != nil {
		t.Fatal(err)
	}
	wantURL(t, path, currentSchema(), "v1")
	if diff := cmp.Diff([]string{"kannuki.db"}, files(t, dir)); diff != "" {
		t.Errorf("nothing to migrate (-want +got):\n%s", diff)
	}

	one := append(currentSchema(), appendURL("+1"))
	wantURL(t, path, one, "v1+1")
	wantURL(t, path, one, "v1+1") // once
	three := append(one, appendURL("+2"), appendURL("+3"))
	wantURL(t, path, three, "v1+1+2+3") // what is due, in order
	before := func(s schema) string { return copyName("kannuki.db", s.version()) }
	if diff := cmp.Diff(slices.Sorted(slices.Values([]string{"kannuki.db", before(one), before(three)})), files(t, dir)); diff != "" {
		t.Errorf("copies (-want +got):\n%s", diff)
	}
	wantURL(t, filepath.Join(dir, before(three)), one, "v1+1")
	wantURL(t, filepath.Join(dir, before(one)), currentSchema(), "v1")
}

func TestMigrateFails(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{URL: "v1"}, Options{}); err != nil {
		t.Fatal(err)
	}
	errStep := errors.New("no")
	_, err := urlAt(t, path, append(currentSchema(), appendURL("+1"), func(*tx) error { return errStep }))
	if !errors.Is(err, errStep) {
		t.Errorf("got error %v, want %v", err, errStep)
	}
	wantURL(t, path, currentSchema(), "v1") // neither step remains, and the file is not locked
	wantURL(t, path, append(currentSchema(), appendURL("+1")), "v1+1")
}

func TestOpenRefusesNewerSchema(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{}, Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := urlAt(t, path, append(currentSchema(), appendURL("a"), appendURL("b"))); err != nil {
		t.Fatal(err)
	}
	_, err := Open(path, Options{})
	newer, ok := errors.AsType[*NewerError](err)
	if !ok {
		t.Fatalf("got error %v, want a NewerError", err)
	}
	have := currentSchema().version()
	if diff := cmp.Diff(&NewerError{Path: path, Database: have + 2, Binary: have}, newer); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, part := range []string{fmt.Sprint("schema ", have+2), fmt.Sprint("up to ", have), copyName(path, have+2)} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if _, err := os.Stat(copyName(path, have)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy was made: %v", err)
	}
}

// TestOpenReadOnly: who may only look leaves an older database, and its folder,
// as they are, and a current one too.
func TestOpenReadOnly(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "kannuki.db")
	if err := Create(path, storage.Instance{URL: "v1"}, Options{}); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	have := currentSchema().version()
	_, err = openSchema(path, Options{ReadOnly: true}, append(currentSchema(), appendURL("+1")))
	older, ok := errors.AsType[*OlderError](err)
	if !ok {
		t.Fatalf("a database to migrate: got error %v, want an OlderError", err)
	}
	if diff := cmp.Diff(&OlderError{Path: path, Database: have, Binary: have + 1}, older); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("a current database: %v", err)
	}
	if err := s.RecordAudit(t.Context(), storage.DefaultSegment, []storage.AuditEntry{{Action: "test"}}); !errors.Is(err, bolterrors.ErrDatabaseReadOnly) {
		t.Errorf("a write: got error %v, want %v", err, bolterrors.ErrDatabaseReadOnly)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}

	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed, %v", err)
	}
	if diff := cmp.Diff([]string{"kannuki.db"}, files(t, dir)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// TestAddBuckets opens a database from before there were proposals, policies,
// marks of holds, problems and calendars.
func TestAddBuckets(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{}, Options{}); err != nil {
		t.Fatal(err)
	}
	db, _, err := openFile(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(b *bbolt.Tx) error {
		old := &tx{bolt: b, packer: &packer{}}
		return errors.Join(b.DeleteBucket([]byte(bucketProposals)), b.DeleteBucket([]byte(bucketPolicies)),
			b.DeleteBucket([]byte(bucketHoldMarks)), b.DeleteBucket([]byte(bucketProblems)), b.DeleteBucket([]byte(bucketCalendars)), b.DeleteBucket([]byte(bucketNotices)),
			b.DeleteBucket([]byte(bucketNoticeID)), b.DeleteBucket([]byte(bucketNoticeDue)), b.DeleteBucket([]byte(bucketHolder)), b.DeleteBucket([]byte(bucketHolderLook)),
			old.saveNumber(bucketMeta, key(metaSchema), firstSchema))
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	pending := storage.Notice{ID: "n", Deliveries: []storage.Delivery{{Channel: "log", State: storage.DeliveryPending}}}
	c := storage.WorldChange{Notices: []storage.Notice{pending}, Proposals: []storage.Proposal{{ID: "p"}}, Policies: []storage.Policy{{Name: "p"}}, Problems: []storage.Problem{{ID: "p"}}, Calendars: []storage.NamedCalendar{{Name: "c"}}, HoldMarks: []storage.HoldMark{{Group: "g", Release: "26.6"}}}
	if _, err := s.ChangeWorld(t.Context(), storage.DefaultSegment, 0, c); err != nil {
		t.Errorf("new records in a migrated database: %v", err)
	}
	if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
}

// upgraded returns what a database has that an older version of the schema wrote into.
func upgraded(t *testing.T, before schema, write func(*tx) error) storage.World {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kannuki.db")
	if err := Create(path, storage.Instance{}, Options{}); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = s.update(t.Context(), func(t *tx) error {
		return errors.Join(write(t), t.saveNumber(bucketMeta, key(metaSchema), before.version()))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(path, Options{}); err != nil {
		t.Fatal(err)
	}
	w, err := s.World(t.Context(), storage.DefaultSegment)
	if err := errors.Join(err, s.Check(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestPolicyOfPercentages opens a database from before the waves of a policy could
// be numbers of phones.
func TestPolicyOfPercentages(t *testing.T) {
	t.Parallel()
	type percentages struct {
		Name  string `json:"name"`
		Waves []int  `json:"waves"`
	}
	w := upgraded(t, currentSchema()[:7], func(t *tx) error {
		return save(t, bucketPolicies, inSegment(storage.DefaultSegment).last("retail"), percentages{"retail", []int{5, 25, 100}})
	})
	want := []storage.Policy{{Name: "retail", Waves: storage.WaveShares{"5%", "25%", "100%"}}}
	if diff := cmp.Diff(want, w.Policies); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

// TestGroupWithModelClass opens a database from before a policy said what phones a result
// stands for.
func TestGroupWithModelClass(t *testing.T) {
	t.Parallel()
	type classed struct {
		Name       string `json:"name"`
		ModelClass string `json:"modelClass"`
	}
	w := upgraded(t, currentSchema()[:8], func(t *tx) error {
		return save(t, bucketGroups, inSegment(storage.DefaultSegment).last("sales"), classed{"sales", "hardware"})
	})
	if diff := cmp.Diff([]storage.Group{{Name: "sales"}}, w.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}
