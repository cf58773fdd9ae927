//go:build amd64 || arm64

package powercut

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// spoil has a call fail that is to find a bad disk: it is sent to the kernel
// without its descriptor, so that it does nothing, and unspoil gives it the
// result.
func (r *recorder) spoil(tid int, c *call, regs *syscall.PtraceRegs) error {
	next, ok := r.next(c)
	if !ok || r.fault == nil {
		return nil
	}
	c.failed = r.fault(next, r.log)
	if c.failed == 0 {
		return nil
	}
	r.add(Event{Kind: Fail, File: next.File})
	setDescriptor(regs, math.MaxUint64)
	return syscall.PtraceSetRegs(tid, regs)
}

// unspoil ends a call that was to fail: the program sees its own descriptor,
// and the error.
func unspoil(tid int, c *call, regs *syscall.PtraceRegs) error {
	setDescriptor(regs, uint64(c.args[0])) //nolint:gosec // the bits it came with
	setResult(regs, -uint64(c.failed))
	return syscall.PtraceSetRegs(tid, regs)
}

// next returns what a call is about to do to the folder that can find a bad
// disk.
func (r *recorder) next(c *call) (Event, bool) {
	var e Event
	of := r.open[c.args[0]]
	switch c.number {
	case unix.SYS_WRITE:
		e = Event{Kind: Write}
	case unix.SYS_PWRITE64:
		e = Event{Kind: Write, Offset: c.args[3]}
	case unix.SYS_COPY_FILE_RANGE:
		e, of = Event{Kind: Write}, r.open[c.args[2]]
	case unix.SYS_FTRUNCATE:
		e = Event{Kind: Truncate, Offset: c.args[1]}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		e = Event{Kind: Sync}
		if of.folder {
			e.Kind = SyncFolder
		}
	default:
		return Event{}, false
	}
	e.File = of.file
	return e, of.file != 0 || of.folder
}
