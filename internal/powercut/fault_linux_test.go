//go:build amd64 || arm64

package powercut

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// onBadDisk tries everything that may fail twice; the first time must fail.
func onBadDisk(dir string) error {
	f, err := os.Create(filepath.Join(dir, "a"))
	if err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	for i, try := range []func() error{
		func() error { _, err := f.WriteString("text"); return err },
		func() error { _, err := f.WriteAt([]byte("more"), 9); return err },
		func() error { return f.Truncate(7) },
		f.Sync,
		func() error { return syscall.Fdatasync(int(f.Fd())) },
		d.Sync,
	} {
		if err := try(); !errors.Is(err, syscall.ENOSPC) {
			return fmt.Errorf("deed %d: got error %w, want ENOSPC", i, err)
		}
		if err := try(); err != nil {
			return err
		}
	}
	return errors.Join(f.Close(), d.Close())
}

func TestRecordBadDisk(t *testing.T) {
	t.Parallel()
	var asked []Event
	log, err := recordFaulty(t, "bad disk", func(next Event, _ *Log) syscall.Errno {
		asked = append(asked, next)
		if len(asked)%2 == 1 {
			return syscall.ENOSPC
		}
		return 0
	})
	if err != nil {
		t.Fatal(err)
	}
	write, later := Event{Kind: Write, File: 1}, Event{Kind: Write, File: 1, Offset: 9}
	shorten, sync, folder := Event{Kind: Truncate, File: 1, Offset: 7}, Event{Kind: Sync, File: 1}, Event{Kind: SyncFolder}
	want := []Event{write, write, later, later, shorten, shorten, sync, sync, sync, sync, folder, folder}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	failed := Event{Kind: Fail, File: 1}
	want = []Event{
		{Kind: Create, File: 1, Name: "a"},
		failed,
		{Kind: Write, File: 1, Data: []byte("text")},
		failed,
		{Kind: Write, File: 1, Offset: 9, Data: []byte("more")},
		failed, shorten,
		failed,
		{Kind: Sync, File: 1, Covers: 8},
		failed,
		{Kind: Sync, File: 1, Covers: 10},
		{Kind: Fail},
		{Kind: SyncFolder, Covers: 12},
	}
	if diff := cmp.Diff(want, log.Events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
