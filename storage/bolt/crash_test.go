package bolt_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

const (
	killsVariable  = "KANNUKI_BOLT_KILLS"       // how many processes TestKill ends; 10 when unset
	victimVariable = "KANNUKI_BOLT_VICTIM"      // folder that a process a test has started works in
	modeVariable   = "KANNUKI_BOLT_VICTIM_MODE" // what it does there
)

// TestMain lets the test binary be the process that TestKill ends, and those
// of TestPowerCut and of the tests of bad disks.
func TestMain(m *testing.M) {
	dir := os.Getenv(victimVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	run := map[string]func(dir string) error{
		"write": writeUntilKilled, "create": createUntilKilled, "story": tellStory, "inspect": inspectFolders,
		"full": outlastFullDisk, "broken": endWithDisk,
	}[os.Getenv(modeVariable)]
	if err := run(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const writers = 8

// writeUntilKilled counts in eight phones' records at once, each count with an
// audit entry and a command, and says on standard output what was
// acknowledged: the number of the phone. The pipe outlives the process.
func writeUntilKilled(dir string) error {
	s, err := bolt.Open(filepath.Join(dir, "kannuki.db"), bolt.Options{})
	if err != nil {
		return err
	}
	errs := make(chan error)
	for i := range writers {
		go func() {
			for {
				if err := countUp(s, i); err != nil {
					errs <- err
					return
				}
				acknowledge(i)
			}
		}()
	}
	return <-errs
}

// acknowledge is one write to a pipe, so that lines of different goroutines
// stay whole.
func acknowledge(i int) { _, _ = fmt.Fprintln(os.Stdout, i) }

func countUp(s *bolt.Store, i int) error {
	_, err := s.UpdatePhone(context.Background(), storage.DefaultSegment, udid(i), 1, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Update.Failures++
		e := entry("counted")
		e.Target = udid(i)
		return storage.PhoneChange{Audit: []storage.AuditEntry{e}}, nil
	})
	return err
}

// createUntilKilled creates databases 0, 1, 2, …, and says which it has made.
func createUntilKilled(dir string) error {
	for i := 0; ; i++ {
		if err := bolt.Create(filepath.Join(dir, strconv.Itoa(i)), storage.Instance{ID: "test"}, bolt.Options{}); err != nil {
			return err
		}
		acknowledge(i)
	}
}

// kill runs a victim, ends it with SIGKILL after a random time from its first
// acknowledgement on, and returns how often it acknowledged each number.
func kill(t *testing.T, random *rand.Rand, dir, mode string) map[int]int {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+dir, modeVariable+"="+mode)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	acknowledged := map[int]int{}
	var once sync.Once
	for lines := bufio.NewScanner(out); lines.Scan(); {
		once.Do(func() {
			time.AfterFunc(time.Duration(20+random.IntN(180))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		})
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Errorf("acknowledgement %q: %v", lines.Text(), err)
		}
		acknowledged[n]++
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.Exited() {
		t.Fatalf("the process ended by itself: %v\n%s", err, stderr.String())
	}
	return acknowledged
}

func kills(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(killsVariable))
	if err != nil {
		return 10
	}
	return n
}

// TestKill ends a writing process again and again. What it acknowledged must be
// there, and what it did not must be there whole or not at all.
//
// It cannot see a missing sync: the kernel writes out what a killed process
// left behind.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "kannuki.db")
	if err := bolt.Create(path, storage.Instance{ID: "test"}, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	s := open(t, path)
	fillStore(t, s, writers)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	acknowledged := map[int]int{}
	total := 0
	for range kills(t) {
		for i, n := range kill(t, random, dir, "write") {
			acknowledged[i] += n
			total += n
		}
		acknowledged = checkCounts(t, path, acknowledged)
	}
	t.Logf("%d writes acknowledged", total)
}

// checkCounts compares the phones' counts with what was acknowledged, and
// returns the counts: at most one write of each writer was under way.
func checkCounts(t *testing.T, path string, acknowledged map[int]int) map[int]int {
	t.Helper()
	s := open(t, path)
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := s.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries := map[string]int{}
	for _, e := range audit(t, s, storage.DefaultSegment) {
		if e.Action == "counted" {
			entries[e.Target]++
		}
	}
	counts := map[int]int{}
	for i := range writers {
		p, err := s.Phone(t.Context(), storage.DefaultSegment, udid(i))
		if err != nil {
			t.Fatal(err)
		}
		counts[i] = p.Update.Failures
		if surplus := counts[i] - acknowledged[i]; surplus < 0 || surplus > 1 {
			t.Errorf("phone %d: %d writes acknowledged, %d there", i, acknowledged[i], counts[i])
		}
		if entries[udid(i)] != counts[i] {
			t.Errorf("phone %d: %d writes, %d audit entries", i, counts[i], entries[udid(i)])
		}
	}
	return counts
}

// TestKillCreate ends a process that creates databases: each is there as a
// whole or not at all.
func TestKillCreate(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range min(kills(t), 3) {
		dir := t.TempDir()
		acknowledged := len(kill(t, random, dir, "create"))
		there := 0
		for ; ; there++ {
			s, err := bolt.Open(filepath.Join(dir, strconv.Itoa(there)), bolt.Options{})
			if errors.Is(err, fs.ErrNotExist) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(s.Check(t.Context()), s.Close()); err != nil {
				t.Error(err)
			}
		}
		if surplus := there - acknowledged; surplus < 0 || surplus > 1 {
			t.Errorf("%d acknowledged, %d there", acknowledged, there)
		}
	}
}
