package powercut

import (
	"syscall"
	"unsafe"
)

// oldCalls are refused calls that only this machine has.
func oldCalls() map[string]func(a, b string) error {
	return map[string]func(string, string) error{
		"open":    func(a, _ string) error { return callPath(syscall.SYS_OPEN, a, syscall.O_WRONLY) },
		"creat":   func(_, b string) error { return callPath(syscall.SYS_CREAT, b, 0o600) },
		"unlink":  func(a, _ string) error { return callPath(syscall.SYS_UNLINK, a, 0) },
		"mkdir":   func(_, b string) error { return callPath(syscall.SYS_MKDIR, b, 0o700) },
		"mknod":   func(_, b string) error { return callPath(syscall.SYS_MKNOD, b, syscall.S_IFIFO|0o600) },
		"rename":  func(a, b string) error { return callPaths(syscall.SYS_RENAME, a, b) },
		"link":    func(a, b string) error { return callPaths(syscall.SYS_LINK, a, b) },
		"symlink": func(a, b string) error { return callPaths(syscall.SYS_SYMLINK, a, b) },
	}
}

// duplicate makes descriptor to mean what descriptor from means.
func duplicate(from, to int) error { return syscall.Dup2(from, to) }

// callPath is for calls that package syscall makes by their successors.
func callPath(number uintptr, path string, mode uintptr) error {
	p, err := syscall.BytePtrFromString(path)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall(number, uintptr(unsafe.Pointer(p)), mode, 0)
	return result(errno)
}

func callPaths(number uintptr, a, b string) error {
	p, err := syscall.BytePtrFromString(a)
	if err != nil {
		return err
	}
	q, err := syscall.BytePtrFromString(b)
	if err != nil {
		return err
	}
	_, _, errno := syscall.Syscall(number, uintptr(unsafe.Pointer(p)), uintptr(unsafe.Pointer(q)), 0)
	return result(errno)
}

func result(errno syscall.Errno) error {
	if errno != 0 {
		return errno
	}
	return nil
}
