package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// BackupFile is a file that is, or was, a copy of a database.
type BackupFile struct {
	File         string    `json:"file"`
	ModifiedAt   time.Time `json:"modified_at"`
	Bytes        int64     `json:"bytes"`
	Schema       uint64    `json:"schema"` // version of its records, 0 when it cannot be read
	URL          string    `json:"url"`
	Organization string    `json:"organization"`
	State        string    `json:"state"` // one of the Backup… values
	Problem      string    `json:"problem,omitempty"`
}

// Values of [BackupFile.State].
const (
	BackupUnchecked = "unchecked" // its beginning can be read; nothing else was looked at
	BackupWhole     = "whole"     // read from end to end
	BackupDamaged   = "damaged"
	BackupNewer     = "newer"    // of a newer Kannuki, which alone can check it
	BackupNotRead   = "not-read" // it could not be looked at, which says nothing of it
)

// beingWritten reports whether a file is a copy that is not whole yet, by the name that it
// has until then.
func beingWritten(name string) bool { return strings.Contains(name, ".new-") }

// Backups lists the copies of databases in a folder, newest first. It reads no
// more than the beginning of each and changes nothing. Files of other kinds, and
// a database that a server has open, are left out; a file that cannot be read is
// listed with its problem, for it may be a copy.
func Backups(ctx context.Context, folder string) ([]BackupFile, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("list backups: %w", err)
	}
	found := []BackupFile{}
	for _, entry := range entries {
		if !entry.Type().IsRegular() || beingWritten(entry.Name()) {
			continue
		}
		path := filepath.Join(folder, entry.Name())
		h, err := bolt.ReadHeader(ctx, path)
		if errors.Is(err, bolt.ErrNotDatabase) || errors.Is(err, bolt.ErrLocked) || errors.Is(err, os.ErrNotExist) {
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("list backups: %w", ctx.Err())
		}
		info, statErr := entry.Info()
		if statErr != nil {
			continue // removed meanwhile
		}
		b := BackupFile{
			File: path, ModifiedAt: info.ModTime().UTC(), Bytes: info.Size(), Schema: h.Schema,
			URL: h.Instance.URL, Organization: h.Instance.Organization, State: BackupUnchecked,
		}
		switch {
		case errors.Is(err, fs.ErrPermission):
			b.State, b.Problem = BackupNotRead, err.Error()
		case err != nil: // a disk that does not give it back has lost it, too
			b.State, b.Problem = BackupDamaged, err.Error()
		case h.Newer:
			b.State = BackupNewer
		}
		found = append(found, b)
	}
	slices.SortStableFunc(found, func(a, b BackupFile) int { return b.ModifiedAt.Compare(a.ModifiedAt) })
	return found, nil
}
