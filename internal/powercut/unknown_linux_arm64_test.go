package powercut

import "syscall"

// oldCalls are refused calls that only this machine has: none.
func oldCalls() map[string]func(a, b string) error { return nil }

// duplicate makes descriptor to mean what descriptor from means.
func duplicate(from, to int) error { return syscall.Dup3(from, to, 0) }
