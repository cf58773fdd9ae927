package powercut

import "syscall"

func callNumber(r *syscall.PtraceRegs) uint64 { return r.Regs[8] }

func callArguments(r *syscall.PtraceRegs) [6]uint64 { return [6]uint64(r.Regs[:6]) }

func callResult(r *syscall.PtraceRegs) uint64 { return r.Regs[0] }

func setDescriptor(r *syscall.PtraceRegs, fd uint64) { r.Regs[0] = fd }

// The result takes the place of the descriptor.
func setResult(r *syscall.PtraceRegs, result uint64) { r.Regs[0] = result }

// System calls that this machine does not have: numbers that no call has.
const (
	sysOpen uint64 = 1<<63 + iota
	sysCreat
	sysDup2
	sysFork
	sysVfork
	sysLink
	sysMkdir
	sysMknod
	sysRename
	sysRmdir
	sysSymlink
	sysUnlink
)
