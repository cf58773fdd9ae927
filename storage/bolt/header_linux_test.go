package bolt

import (
	"errors"
	"syscall"
	"testing"
)

// TestReadHeaderOfBadDisk: of a file that the disk does not give back nobody
// knows that it is no database.
func TestReadHeaderOfBadDisk(t *testing.T) {
	t.Parallel()
	// The first page of no process's memory can be read.
	_, err := ReadHeader(t.Context(), "/proc/self/mem")
	if !errors.Is(err, syscall.EIO) || errors.Is(err, ErrNotDatabase) {
		t.Errorf("got %v, want %v alone", err, syscall.EIO)
	}
}
