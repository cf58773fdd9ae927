//go:build amd64 || arm64

package bolt_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/powercut"
)

// lastSaid returns the last line a process has said and what it has done since.
func lastSaid(log *powercut.Log) (line string, since []powercut.Event) {
	for i, e := range slices.Backward(log.Events) {
		if e.Kind == powercut.Say {
			return string(bytes.TrimSpace(e.Data)), log.Events[i+1:]
		}
	}
	return "", log.Events
}

func count(events []powercut.Event, k powercut.Kind) (n int) {
	for _, e := range events {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// wantWhole looks into a folder and wants all of what was acknowledged in it.
func wantWhole(t *testing.T, dir string, log *powercut.Log) finding {
	t.Helper()
	found := inspect(dir)
	lost, torn, invented := judge(string(log.Said(len(log.Events))), found)
	if len(lost)+len(torn)+len(invented)+len(found.Faults) > 0 {
		t.Errorf("lost %v, torn %v, invented %v, faults %v", lost, torn, invented, found.Faults)
	}
	return found
}

// wantWholeAfterCuts cuts the power at some moments; TestPowerCut has many.
func wantWholeAfterCuts(t *testing.T, log *powercut.Log) {
	t.Helper()
	images := 30
	if testing.Short() {
		images = 5
	}
	seed := number(t, seedVariable, rand.Uint64())
	if r := replay(t, log, seed, images); r.faults() > 0 {
		t.Errorf("%v\n%s\n%s", r, strings.Join(r.first, "\n"), repetition(t, log, seed, r.images))
	}
}

// TestFullDisk has the kernel refuse room at every stage of a commit: each time
// nothing is written, and the next write that has room succeeds.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		err   syscall.Errno
		kind  powercut.Kind
		skip  int // how many such calls of a commit succeed
		bytes int // of the body each write brings
	}{
		{"first page", syscall.ENOSPC, powercut.Write, 0, 10},
		{"second page", syscall.ENOSPC, powercut.Write, 1, 10},
		{"large page", syscall.ENOSPC, powercut.Write, 2, 100 << 10},
		{"quota", syscall.EDQUOT, powercut.Write, 0, 10},
		{"length", syscall.ENOSPC, powercut.Truncate, 0, 20 << 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log, dir := recordMode(t, "full", func(next powercut.Event, log *powercut.Log) syscall.Errno {
				line, since := lastSaid(log)
				if strings.HasPrefix(line, fullVerb+" ") && next.Kind == test.kind && count(since, test.kind) == test.skip {
					return test.err
				}
				return 0
			}, fmt.Sprint(bytesVariable, "=", test.bytes))
			if got := count(log.Events, powercut.Fail); got != 9 {
				t.Errorf("%d calls failed, want 9", got)
			}
			for name, traces := range wantWhole(t, dir, log).Traces {
				if traces > 0 && strings.HasPrefix(name, "audit without-room") {
					t.Errorf("%s was written", name)
				}
			}
			if test.bytes < 1<<20 {
				wantWholeAfterCuts(t, log)
			}
		})
	}
}

// TestBrokenDisk has the kernel fail a commit in a way that leaves open what the
// disk holds: the store ends without another attempt, and what it acknowledged
// is there when it is opened again.
func TestBrokenDisk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  syscall.Errno
		kind powercut.Kind
		skip int // how many such calls succeed after the store is opened
	}{
		{"sync of the first pages", syscall.EIO, powercut.Sync, 0},
		{"sync of the first root", syscall.EIO, powercut.Sync, 1},
		{"sync of later pages", syscall.EIO, powercut.Sync, 22},
		{"sync of a later root", syscall.EIO, powercut.Sync, 23},
		{"sync that finds no room", syscall.ENOSPC, powercut.Sync, 12},
		{"write", syscall.EIO, powercut.Write, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			log, dir := recordMode(t, "broken", func(next powercut.Event, log *powercut.Log) syscall.Errno {
				opened := slices.IndexFunc(log.Events, func(e powercut.Event) bool { return string(e.Data) == "begin "+openName+"\n" })
				if opened >= 0 && next.Kind == test.kind && count(log.Events[opened:], test.kind) == test.skip {
					return test.err
				}
				return 0
			})
			failed := slices.IndexFunc(log.Events, func(e powercut.Event) bool { return e.Kind == powercut.Fail })
			if failed < 0 {
				t.Fatal("no call failed")
			}
			for _, e := range log.Events[failed+1:] {
				if e.Kind != powercut.Say {
					t.Errorf("after the fault the process did %+v", e)
				}
			}
			if wantWhole(t, dir, log).Traces["audit later"] > 0 {
				t.Error("something was written after the fault")
			}
			// Half the cuts and more come after the fault, when what was not synced
			// may be lost.
			log.Events = append(log.Events, slices.Repeat([]powercut.Event{{Kind: powercut.Say}}, len(log.Events))...)
			wantWholeAfterCuts(t, log)
		})
	}
}
