package powercut

import "syscall"

func callNumber(r *syscall.PtraceRegs) uint64 { return r.Orig_rax }

func callArguments(r *syscall.PtraceRegs) [6]uint64 {
	return [6]uint64{r.Rdi, r.Rsi, r.Rdx, r.R10, r.R8, r.R9}
}

func callResult(r *syscall.PtraceRegs) uint64 { return r.Rax }
