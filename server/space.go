package server

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Free space, in percent of the disk or in bytes, whichever is less: a large
// disk has room for years where a small one is nearly full.
const (
	lowPercent, lowBytes           = 15, 2 << 30
	readOnlyPercent, readOnlyBytes = 5, 512 << 20
)

// Space is what a disk has in all and what of it is free, in bytes.
type Space struct{ Total, Free uint64 }

// diskSpace returns the space of the disk that a folder is on.
func diskSpace(path string) (Space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return Space{}, err
	}
	block := uint64(s.Bsize) //nolint:gosec // a block size is positive
	return Space{Total: s.Blocks * block, Free: s.Bavail * block}, nil
}

// State says what a server still does with so much space.
func (s Space) State() api.DiskState {
	switch {
	case s.Free < min(s.Total/100*readOnlyPercent, readOnlyBytes):
		return api.DiskReadOnly
	case s.Free < min(s.Total/100*lowPercent, lowBytes):
		return api.DiskLow
	default:
		return api.DiskOK
	}
}

// Disk implements [api.Operations]. A disk that cannot be asked is not taken
// for a full one: the write itself then tells.
func (s *Server) Disk() api.Disk {
	space, err := s.o.Space(s.o.Data)
	if err != nil {
		return api.Disk{State: api.DiskUnknown}
	}
	return api.Disk{TotalBytes: space.Total, FreeBytes: space.Free, State: space.State()}
}

// diskInterval is how often the space is looked at for the log; requests look
// for themselves.
const diskInterval = 10 * time.Second

// watchDisk logs each change of the disk's state once, until ctx ends.
func (s *Server) watchDisk(ctx context.Context) error {
	tick := time.NewTicker(diskInterval)
	defer tick.Stop()
	state := api.DiskOK
	for {
		state = s.noteDisk(ctx, state)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// noteDisk logs when the state is no longer the one before, and returns it.
func (s *Server) noteDisk(ctx context.Context, before api.DiskState) api.DiskState {
	d := s.Disk()
	log := s.o.Logger.With("folder", s.o.Data, "free_mib", d.FreeBytes>>20, "total_mib", d.TotalBytes>>20)
	if d.State == before {
		return before
	}
	switch d.State {
	case api.DiskReadOnly:
		log.ErrorContext(ctx, "the disk is nearly full: people can only look, pause and revoke until there is room; phones are served as long as their writes fit")
	case api.DiskLow:
		log.WarnContext(ctx, "the disk is getting full: make room before the server turns read-only")
	case api.DiskUnknown:
		log.WarnContext(ctx, "the free space of the disk cannot be read")
	case api.DiskOK:
		log.InfoContext(ctx, "the disk has room again")
	}
	return d.State
}

// unavailable marks errors of a full disk as ones that the phone should come
// back after. watchDisk has said it once; every phone would say it again.
func unavailable(err error) error {
	if errors.Is(err, storage.ErrFull) {
		return errors.Join(mdm.ErrUnavailable, err)
	}
	return err
}
