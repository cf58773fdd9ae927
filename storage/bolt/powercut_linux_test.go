//go:build amd64 || arm64

package bolt_test

import (
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/powercut"
)

const (
	imagesVariable    = "KANNUKI_CRASH_IMAGES"    // how many power cuts to look into; 300 when unset, 50 with -short
	seedVariable      = "KANNUKI_CRASH_SEED"      // repeats the choices of a run
	recordingVariable = "KANNUKI_CRASH_RECORDING" // a recording that a run with faults has kept: with its seed it repeats the run

	inspectionLimit = 20 * time.Second
)

// record returns what a story does to its folder.
func record(t *testing.T, fault string) *powercut.Log {
	t.Helper()
	log, _ := recordMode(t, "story", nil, faultVariable+"="+fault)
	return log
}

// recordMode returns what a process does to its folder, and the folder. The
// disk may be a bad one.
func recordMode(t *testing.T, mode string, disk func(powercut.Event, *powercut.Log) syscall.Errno, env ...string) (*powercut.Log, string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	env = append(append(os.Environ(), victimVariable+"="+dir, modeVariable+"="+mode), env...)
	log, err := powercut.Record(dir, powercut.Program{Path: os.Args[0], Env: env, Stderr: stderr, Fault: disk})
	if err != nil {
		text, _ := os.ReadFile(stderr.Name())
		t.Fatalf("%v\n%s", err, text)
	}
	if err := stderr.Close(); err != nil {
		t.Fatal(err)
	}
	return log, dir
}

// report is what many images have shown.
type report struct {
	images                           int
	lost, torn, unopenable, invented int // images with at least one such fault
	first                            []string
}

func (r *report) faults() int { return r.lost + r.torn + r.unopenable + r.invented }

func (r *report) String() string {
	return fmt.Sprintf("%d images, %d lost, %d torn, %d unopenable, %d invented", r.images, r.lost, r.torn, r.unopenable, r.invented)
}

// replay looks into n images of a log, several at a time.
func replay(t *testing.T, log *powercut.Log, seed uint64, n int) *report {
	t.Helper()
	next, stop := iter.Pull(log.Images(seed, n))
	defer stop()
	var mu sync.Mutex // guards next and report
	var r report
	var workers sync.WaitGroup
	for range max(2, runtime.GOMAXPROCS(0)) {
		in := &inspector{dir: t.TempDir()}
		workers.Go(func() {
			defer in.stop()
			for {
				mu.Lock()
				image, ok := next()
				var err error
				if ok {
					err = image.WriteTo(in.dir)
				}
				mu.Unlock()
				if !ok || err != nil {
					if err != nil {
						t.Error(err)
					}
					return
				}
				found := in.look()
				mu.Lock()
				r.add(t, log, image, found)
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return &r
}

// add judges one image.
func (r *report) add(t *testing.T, log *powercut.Log, image powercut.Image, found finding) {
	r.images++
	lost, torn, invented := judge(string(log.Said(image.After)), found)
	var words []string
	for _, list := range []struct {
		count *int
		word  string
		what  []string
	}{{&r.lost, "lost", lost}, {&r.torn, "torn", torn}, {&r.invented, "invented", invented}, {&r.unopenable, "unopenable", found.Faults}} {
		if len(list.what) > 0 {
			*list.count++
			words = append(words, fmt.Sprintf("%d %s: %.200s", len(list.what), list.word, strings.Join(list.what, "; ")))
		}
	}
	if len(words) > 0 && len(r.first) < 5 {
		r.first = append(r.first, fmt.Sprintf("%v: %s", image, strings.Join(words, ". ")))
	}
}

// judge compares what a folder holds with what the process had said.
func judge(said string, found finding) (lost, torn, invented []string) {
	begun, did := map[string]bool{}, map[string]bool{}
	for line := range strings.Lines(said) {
		verb, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if verb == "did" {
			did[name] = true
			continue
		}
		begun[name] = true
		if name != "backup" || found.Backup == nil {
			continue
		}
		for earlier := range did {
			if found.Backup[earlier] != expected(earlier) {
				lost = append(lost, earlier+" in the backup")
			}
		}
	}
	for name := range begun {
		switch got := found.Traces[name]; {
		case got == 0 && did[name]:
			lost = append(lost, name)
		case got != 0 && got != expected(name):
			torn = append(torn, fmt.Sprintf("%s (%d of %d)", name, got, expected(name)))
		}
	}
	for name, got := range found.Traces {
		if got > 0 && !begun[name] {
			invented = append(invented, name)
		}
	}
	return lost, torn, invented
}

// inspector has folders inspected by a process that is replaced when it ends or
// takes too long.
type inspector struct {
	dir    string
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout *json.Decoder
}

func (in *inspector) look() finding {
	if in.cmd == nil {
		if err := in.start(); err != nil {
			return finding{Faults: []string{err.Error()}}
		}
	}
	timer := time.AfterFunc(inspectionLimit, func() { _ = in.cmd.Process.Kill() })
	defer timer.Stop()
	var f finding
	_, err := fmt.Fprintln(in.stdin, in.dir)
	if err == nil {
		err = in.stdout.Decode(&f)
	}
	if err != nil {
		in.stop()
		return finding{Faults: []string{fmt.Sprintf("the process that opened it ended, or ran for more than %s: %v", inspectionLimit, err)}}
	}
	return f
}

func (in *inspector) start() (err error) {
	in.cmd = exec.Command(os.Args[0])
	in.cmd.Env = append(os.Environ(), victimVariable+"="+in.dir, modeVariable+"=inspect")
	if in.stdin, err = in.cmd.StdinPipe(); err != nil {
		return err
	}
	stdout, err := in.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	in.stdout = json.NewDecoder(stdout)
	return in.cmd.Start()
}

func (in *inspector) stop() {
	if in.cmd == nil {
		return
	}
	_ = in.stdin.Close()
	_ = in.cmd.Process.Kill() // it may hang in a damaged file
	_ = in.cmd.Wait()
	in.cmd = nil
}

func number(t *testing.T, variable string, unset uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return unset
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is no number", variable, text)
	}
	return n
}

// recording returns the recording to look into: a new one or, to repeat a run,
// the one that run has kept.
func recording(t *testing.T) *powercut.Log {
	t.Helper()
	path := os.Getenv(recordingVariable)
	if path == "" {
		return record(t, "")
	}
	var log powercut.Log
	data, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(data, &log)
	}
	if err != nil {
		t.Fatalf("%s: %v", recordingVariable, err)
	}
	return &log
}

// keep saves a recording for another run.
func keep(t *testing.T, log *powercut.Log) string {
	t.Helper()
	path := filepath.Join(t.ArtifactDir(), "recording.json")
	data, err := json.Marshal(log)
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Error(err)
	}
	return path
}

// repetition keeps a recording and says how TestPowerCut looks at the same
// images again.
func repetition(t *testing.T, log *powercut.Log, seed uint64, images int) string {
	t.Helper()
	return fmt.Sprintf("to repeat with -run 'TestPowerCut$': %s=%s (with -artifacts it stays) %s=%d %s=%d",
		recordingVariable, keep(t, log), seedVariable, seed, imagesVariable, images)
}

// TestPowerCut cuts the power at many moments of the life of a database: what
// was acknowledged must be there, what was not as a whole or not at all, and
// every file must open.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	images := uint64(300)
	if testing.Short() {
		images = 50
	}
	seed, n := number(t, seedVariable, rand.Uint64()), number(t, imagesVariable, images)
	log := recording(t)
	r := replay(t, log, seed, int(n))
	t.Logf("%v, of %d events, seed %d", r, len(log.Events), seed)
	if r.faults() > 0 {
		t.Errorf("%v\n%s\n%s", r, strings.Join(r.first, "\n"), repetition(t, log, seed, r.images))
	}
}

// TestPowerCutFindsFaults plants faults in the program and wants each found.
func TestPowerCutFindsFaults(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{faultEarly, faultNoSync, faultSplit, faultInPlace} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			wantFaults(t, record(t, fault))
		})
	}
	t.Run("does not sync the folder", func(t *testing.T) {
		t.Parallel()
		wantFaults(t, record(t, "").Without(powercut.SyncFolder))
	})
}

// wantFaults looks at as few images as must do to find a fault.
func wantFaults(t *testing.T, log *powercut.Log) {
	t.Helper()
	seed := number(t, seedVariable, rand.Uint64())
	r := replay(t, log, seed, 50)
	t.Logf("%v, seed %d", r, seed)
	if r.faults() == 0 {
		t.Errorf("the fault was not found\n%s", repetition(t, log, seed, r.images))
	}
}
