package powercut

import "syscall"

func callNumber(r *syscall.PtraceRegs) uint64 { return r.Orig_rax }

func callArguments(r *syscall.PtraceRegs) [6]uint64 {
	return [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9}
}

func callResult(r *syscall.PtraceRegs) uint64 { return r.Rax }

func setDescriptor(r *syscall.PtraceRegs, fd uint64) { r.Rdi = fd }

func setResult(r *syscall.PtraceRegs, result uint64) { r.Rax = result }

// System calls that have a successor on every machine, which Go uses.
const (
	sysOpen    = syscall.SYS_OPEN
	sysCreat   = syscall.SYS_CREAT
	sysDup2    = syscall.SYS_DUP2
	sysFork    = syscall.SYS_FORK
	sysVfork   = syscall.SYS_VFORK
	sysLink    = syscall.SYS_LINK
	sysMkdir   = syscall.SYS_MKDIR
	sysMknod   = syscall.SYS_MKNOD
	sysRename  = syscall.SYS_RENAME
	sysRmdir   = syscall.SYS_RMDIR
	sysSymlink = syscall.SYS_SYMLINK
	sysUnlink  = syscall.SYS_UNLINK
)
