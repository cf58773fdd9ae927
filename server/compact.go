package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// beforeCompact is the end of the name under which the database that was
// compacted stays.
const beforeCompact = ".before-compact"

// Compaction is a database that is to lose the pages that hold nothing.
type Compaction struct {
	Data   string
	Actor  string
	Reason string
	DryRun bool // compact, check and throw away
	// Check checks the database in a folder, as [CheckDatabase] does.
	Check func(ctx context.Context, folder string) error
}

// Compacted is what a compaction came to. Sizes are in bytes.
type Compacted struct {
	Before int64  `json:"bytes_before"`
	After  int64  `json:"bytes_after"`
	Freed  int64  `json:"bytes_freed"`    // once the old file is removed
	Kept   string `json:"kept,omitempty"` // the old file; "" when it was only tried, or Left
	// Left: the old file stays in its place as it is, for the new one would be no smaller.
	Left   bool `json:"left,omitempty"`
	DryRun bool `json:"dry_run,omitempty"`
}

// Compact writes the database of a data directory anew without the pages that
// hold nothing, checks the new file, holds its records against the old ones and
// puts it in the place of the old file, which stays beside it. The database is
// the old one or the new one at every moment, and no server can start meanwhile.
// A new file that would be no smaller is thrown away.
//
// It returns [ErrDatabaseLocked] while a server runs, [ErrDatabaseOlder] for a
// database that a start would migrate, a *[SetupError] when the old file of an
// earlier compaction is still there or another file took the database's place
// meanwhile, and needs room for a second copy. Nothing is changed by it when it
// returns an error, except one that says that the new file is in place.
func Compact(ctx context.Context, c Compaction, now time.Time) (out Compacted, err error) {
	file := DatabasePath(c.Data)
	kept := file + beforeCompact
	if _, err := os.Lstat(kept); err == nil {
		return out, &SetupError{
			Code: "compacted-before", Params: map[string]string{"file": kept},
			Err: fmt.Errorf("%s is still there from the last time; remove it once the server has started", kept),
		}
	}
	defer func() {
		if err != nil && out.Kept != "" {
			err = fmt.Errorf("the compacted database is in place and the old one is kept as %s, but: %w", kept, err)
		}
	}()
	// Open, it keeps a server from starting until the new file is in place.
	old, err := openDatabase(c.Data, bolt.Options{LockTimeout: offlineWait, ReadOnly: true})
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, old.Close()) }()
	if out.Before, err = sizeOf(file); err != nil { // now: another file may take its place
		return out, err
	}
	stage, err := os.MkdirTemp(c.Data, ".kannuki-stage-") // mode 0700
	if err != nil {
		return out, fmt.Errorf("compact database: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	staged := DatabasePath(stage)
	if err := old.CompactTo(staged); err != nil {
		return out, err
	}
	if err := checkCompacted(ctx, c, old, stage); err != nil {
		return out, err
	}
	// Its first entry gives the new file the room to grow that every file has,
	// and is written in a trial too, which then says what there is to gain.
	if err := recordCompaction(ctx, c, stage, now); err != nil {
		return out, err
	}
	if out.After, err = sizeOf(staged); err != nil {
		return out, err
	}
	out.Freed, out.DryRun = max(0, out.Before-out.After), c.DryRun
	if out.Left = out.Freed == 0; out.Left || c.DryRun {
		return out, nil
	}
	if err := keepDatabase(old, file, staged, kept); err != nil {
		return out, err
	}
	if err := os.Rename(staged, file); err != nil {
		return out, errors.Join(fmt.Errorf("compact database: %w", err), os.Remove(kept))
	}
	out.Kept = kept
	return out, syncFolder(c.Data)
}

// checkCompacted checks the new file and holds its records against the old ones.
func checkCompacted(ctx context.Context, c Compaction, old *bolt.Store, stage string) error {
	if err := c.Check(ctx, stage); err != nil {
		return fmt.Errorf("check the compacted copy: %w", err)
	}
	was, err := old.Sizes(ctx)
	if err != nil {
		return fmt.Errorf("compact database: %w", err)
	}
	is, err := DescribeDatabase(ctx, stage)
	if err != nil {
		return fmt.Errorf("check the compacted copy: %w", err)
	}
	if !slices.Equal(was, is.Kinds) {
		return fmt.Errorf("the compacted copy holds other records than the database: %v and %v", is.Kinds, was)
	}
	return nil
}

func sizeOf(file string) (int64, error) {
	info, err := os.Stat(file)
	if err != nil {
		return 0, fmt.Errorf("compact database: %w", err)
	}
	return info.Size(), nil
}

func recordCompaction(ctx context.Context, c Compaction, stage string, now time.Time) error {
	store, err := openDatabase(stage, bolt.Options{LockTimeout: offlineWait})
	if err != nil {
		return err
	}
	err = store.RecordAudit(ctx, storage.DefaultSegment, []storage.AuditEntry{{
		At: now.UTC(), Actor: c.Actor, Action: "database.compact", Target: "database", Reason: c.Reason,
	}})
	return errors.Join(err, store.Close())
}

// keepDatabase gives the database a second name, under which it stays when the
// new file takes the first, and the new file its owner.
func keepDatabase(old *bolt.Store, file, staged, kept string) error {
	info, err := os.Stat(file)
	if err != nil {
		return fmt.Errorf("compact database: %w", err)
	}
	// Run by root, the new file must still be the server's own.
	if was, ok := info.Sys().(*syscall.Stat_t); ok {
		if err := os.Chown(staged, int(was.Uid), int(was.Gid)); err != nil {
			return fmt.Errorf("compact database: %w", err)
		}
	}
	// A link, unlike a rename, never takes the place of a file.
	if err := os.Link(file, kept); err != nil {
		return fmt.Errorf("compact database: %w", err)
	}
	// The lock of a database that is only read lets others read it, and so another
	// compaction may have put its own file here, which a server may have opened by
	// now. From the link on no other can: it would need this name.
	same, err := old.StandsAt(kept)
	if err == nil && !same {
		err = &SetupError{
			Code: "compacted-twice", Params: map[string]string{"file": file},
			Err: fmt.Errorf("another file has taken the place of %s meanwhile; nothing was done", file),
		}
	}
	if err != nil {
		return errors.Join(err, os.Remove(kept))
	}
	return nil
}

// syncFolder brings the names in a folder to the disk.
func syncFolder(path string) error {
	folder, err := os.Open(path) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
