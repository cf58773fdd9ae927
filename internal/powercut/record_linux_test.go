//go:build amd64 || arm64

package powercut

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	folderVariable = "KANNUKI_POWERCUT_FOLDER" // where a recorded process works
	deedVariable   = "KANNUKI_POWERCUT_DEED"   // what it does there
)

// TestMain lets the test binary be the process that is recorded.
func TestMain(m *testing.M) {
	dir := os.Getenv(folderVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	deed, ok := deeds()[os.Getenv(deedVariable)]
	if !ok {
		deed = func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "a"), nil, 0o600), unknownDeeds()[os.Getenv(deedVariable)].do(dir))
		}
	}
	if err := deed(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func deeds() map[string]func(dir string) error {
	return map[string]func(string) error{
		"all":      everything,
		"beside":   beside,
		"bad disk": onBadDisk,
		"fail":     func(string) error { return errors.New("a fault of the program") },
	}
}

// everything does one thing after the other that a recording knows.
func everything(dir string) error {
	name := func(s string) string { return filepath.Join(dir, s) }
	f, err := os.OpenFile(name("a"), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString("one")
	again, err2 := os.Open(os.DevNull)
	err3 := duplicate(int(f.Fd()), int(again.Fd()))
	_, err4 := again.WriteAt([]byte("two"), 100)
	err = errors.Join(err, err2, err3, err4, again.Close(), f.Truncate(64), f.Sync(), f.Close())
	_, _ = fmt.Fprintln(os.Stdout, "saved")
	err = errors.Join(err, os.Link(name("a"), name("b")), os.Rename(name("b"), name("c")), os.Remove(name("a")))
	d, err2 := os.Open(dir)
	err = errors.Join(err, err2, d.Sync(), d.Close())
	from, err2 := os.Open(name("c"))
	to, err3 := os.Create(name("d"))
	_, err4 = io.CopyN(to, from, 3) // the kernel copies
	outside := os.WriteFile(dir+".outside", []byte("not recorded"), 0o600)
	return errors.Join(err, err2, err3, err4, from.Close(), to.Close(), os.WriteFile(name("c"), []byte("new"), 0o600), outside)
}

func recordDeed(t *testing.T, deed string) (*Log, error) {
	t.Helper()
	return recordFaulty(t, deed, nil)
}

func recordFaulty(t *testing.T, deed string, fault func(Event, *Log) syscall.Errno) (*Log, error) {
	t.Helper()
	parent, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(parent, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close() //nolint:errcheck // the child wrote it
	env := append(os.Environ(), folderVariable+"="+dir, deedVariable+"="+deed)
	return Record(dir, Program{Path: os.Args[0], Env: env, Stderr: stderr, Fault: fault})
}

func TestRecord(t *testing.T) {
	t.Parallel()
	log, err := recordDeed(t, "all")
	if err != nil {
		t.Fatal(err)
	}
	want := []Event{
		{Kind: Create, File: 1, Name: "a"},
		{Kind: Write, File: 1, Data: []byte("one")},
		{Kind: Write, File: 1, Offset: 100, Data: []byte("two")},
		{Kind: Truncate, File: 1, Offset: 64},
		{Kind: Sync, File: 1, Covers: 4},
		{Kind: Say, Data: []byte("saved\n")},
		{Kind: Link, File: 1, Name: "b"},
		{Kind: Rename, File: 1, Name: "c", From: "b"},
		{Kind: Remove, Name: "a"},
		{Kind: SyncFolder, Covers: 9},
		{Kind: Create, File: 2, Name: "d"},
		{Kind: Write, File: 2, Data: []byte("one")},
		{Kind: Truncate, File: 1},
		{Kind: Write, File: 1, Data: []byte("new")},
	}
	if diff := cmp.Diff(want, log.Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestRecordRefuses(t *testing.T) {
	t.Parallel()
	deeds := unknownDeeds()
	deeds["fail"] = unknownDeed{"exit status 1", nil}
	for name, deed := range deeds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := recordDeed(t, name); err == nil || !strings.Contains(err.Error(), deed.want) {
				t.Errorf("got error %v, want one with %q", err, deed.want)
			}
		})
	}
}

// TestRecordPassesOver does with files elsewhere what is refused in the folder.
func TestRecordPassesOver(t *testing.T) {
	t.Parallel()
	log, err := recordDeed(t, "beside")
	if err != nil {
		t.Fatal(err)
	}
	if len(log.Events) > 0 {
		t.Errorf("got events %v, want none", log.Events)
	}
}

// TestRecordLeavesOthers records on a thread that has started another program
// before, as a goroutine that happened to run there may have.
func TestRecordLeavesOthers(t *testing.T) {
	t.Parallel()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	other := exec.CommandContext(t.Context(), os.Args[0])
	other.Env = append(os.Environ(), folderVariable+"="+t.TempDir(), deedVariable+"=beside")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	p := Program{Path: os.Args[0], Env: append(os.Environ(), folderVariable+"="+dir, deedVariable+"=all"), Stderr: os.Stderr}
	if err := newRecorder(dir, nil).run(p); err != nil {
		t.Error(err)
	}
	if err := other.Wait(); err != nil {
		t.Errorf("the other program: %v", err)
	}
}
