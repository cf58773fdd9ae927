package bolt_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// finding is what a folder holds after a power cut.
type finding struct {
	Traces map[string]int // of the acts of a story, by name
	Backup map[string]int // those in the backup, nil when there is none
	Faults []string       // what does not open, is damaged or contradicts itself
}

// inspectFolders looks into the folders that standard input names, one a line,
// and answers each with a finding. It is a process of its own because a
// damaged database can end the process that opens it, or keep it for ever.
func inspectFolders(string) error {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if err := json.NewEncoder(os.Stdout).Encode(inspect(lines.Text())); err != nil {
			return err
		}
	}
	return nil
}

func inspect(dir string) finding {
	f := finding{Traces: map[string]int{}}
	database := filepath.Join(dir, databaseName)
	note := func(what string, err error) {
		if err != nil {
			f.Faults = append(f.Faults, fmt.Sprintf("%s: %v", what, err))
		}
	}
	copied, err := look(bolt.NextCopy(database), openThis)
	note("copy made before migrating", err)
	open := openThis
	if copied != nil { // the next start migrates, or has done so
		open = bolt.OpenNext
	}
	traces, err := look(database, open)
	note("database", err)
	maps.Copy(f.Traces, traces)
	f.Backup, err = look(filepath.Join(dir, backupName), openThis)
	note("backup", err)
	f.Traces["migrate"], f.Traces["backup"] = copied["create"], f.Backup["create"]
	return f
}

func openThis(path string) (*bolt.Store, error) { return bolt.Open(path, bolt.Options{}) }

// look opens a database, uses it, checks it and returns the traces of a story
// in it. A file that is not there is no error.
func look(path string, open func(string) (*bolt.Store, error)) (map[string]int, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	s, err := open(path)
	if err != nil {
		return nil, err
	}
	s.StopSyncing() // the disk of this process is not in question
	found := traces{store: s, count: map[string]int{"create": 1}}
	err = found.all()
	if err == nil { // what was free is used again
		err = s.RecordAudit(context.Background(), storage.DefaultSegment, told("looked"))
	}
	return found.count, errors.Join(err, s.Check(context.Background()), s.Close())
}

// traces counts what the acts of a story have left in a store.
type traces struct {
	store *bolt.Store
	count map[string]int
}

// expected returns how many traces an act leaves when it is there as a whole.
func expected(act string) int {
	kind, number, _ := strings.Cut(act, " ")
	i, _ := strconv.Atoi(number) // "audit after" has none
	switch kind {
	case "create", "reserve", "details", "backup", "migrate":
		return 1
	case "queue": // a row for each phone, and the audit entry
		return i%rounds + 2
	case "phone", "declare", "world":
		return 3
	default: // grant, certificate, answer, audit
		return 2
	}
}

// all looks for the traces of every act. It returns an error for records that
// contradict each other.
func (t traces) all() error {
	ctx := context.Background()
	inst, err := t.store.Instance(ctx)
	if err != nil {
		return err
	}
	if strings.Count(inst.URL, bolt.Migrated) > 1 {
		return errors.New("it was migrated twice")
	}
	entries, err := t.store.Audit(ctx, storage.DefaultSegment, 0, 1_000_000)
	if err != nil {
		return err
	}
	for _, e := range entries {
		t.entry(e)
	}
	w, err := t.store.World(ctx, storage.DefaultSegment)
	if err != nil {
		return err
	}
	for _, a := range w.Apps {
		t.count[a.BundleID]++
	}
	for _, g := range w.Groups {
		t.count[g.Name]++
	}
	for i := range tellers * rounds {
		if err := errors.Join(t.grant(ctx, i), t.phone(ctx, i)); err != nil {
			return fmt.Errorf("phone %d: %w", i, err)
		}
	}
	return nil
}

func (t traces) entry(e storage.AuditEntry) {
	kind := map[string]string{"grant.created": "grant", "certificate.issued": "certificate", "phone.enrolled": "phone"}[e.Action]
	if kind == "" {
		t.count[e.Target]++
		return
	}
	for i := range tellers * rounds {
		if e.Target == udid(i) {
			t.count[kind+" "+strconv.Itoa(i)]++
		}
	}
}

// mark counts a trace that is there.
func (t traces) mark(kind string, i int, there bool) {
	if there {
		t.count[kind+" "+strconv.Itoa(i)]++
	}
}

func (t traces) grant(ctx context.Context, i int) error {
	_, grant, err := t.store.GrantByLink(ctx, hash("link"+grantID(i)))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	t.mark("grant", i, err == nil)
	t.mark("reserve", i, grant.PublicKey != "")
	if err != nil {
		return err
	}
	cert, err := t.store.Certificate(ctx, fingerprint(i))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	t.mark("certificate", i, err == nil)
	t.mark("phone", i, cert.State == storage.CertificateCurrent)
	return err
}

func (t traces) phone(ctx context.Context, i int) error {
	const seg = storage.DefaultSegment
	p, err := t.store.Phone(ctx, seg, udid(i))
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	t.mark("phone", i, true)
	t.mark("details", i, p.State == storage.PhoneEnrolled)
	token := hash("set" + udid(i))
	_, err = t.store.DeclarationSet(ctx, seg, token)
	t.mark("declare", i, err == nil)
	_, err = t.store.Declaration(ctx, seg, token)
	t.mark("declare", i, err == nil)
	rows, err := t.store.Queue(ctx, seg, udid(i))
	for _, c := range rows {
		for j := i; j < i-i%rounds+rounds; j++ {
			t.mark("queue", j, c.UUID == uuid("queue "+strconv.Itoa(j)))
		}
		t.mark("answer", i, c.UUID == uuid("queue "+strconv.Itoa(i)) && c.State == storage.CommandDone)
	}
	return err
}
