package powercut

import "syscall"

func callNumber(r *syscall.PtraceRegs) uint64 { return r.Regs[8] }

func callArguments(r *syscall.PtraceRegs) [6]uint64 { return [6]uint64(r.Regs[:6]) }

func callResult(r *syscall.PtraceRegs) uint64 { return r.Regs[0] }
