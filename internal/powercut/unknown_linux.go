//go:build amd64 || arm64

package powercut

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// unknownTo is the error for a call that the log has no word for.
func unknownTo(c *call, what string) error {
	return fmt.Errorf("it uses system call %d on %s, in a way the recording does not know", c.number, what)
}

// unsupported refuses a call on a descriptor of a file of the folder.
func (r *recorder) unsupported(c *call, descriptor int64) error {
	if r.open[descriptor].file == 0 {
		return nil
	}
	return unknownTo(c, "a file of the folder")
}

// elsewhere refuses what lets a program change files out of the recorder's
// sight.
func (r *recorder) elsewhere(c *call) error {
	flags := c.args[0]
	switch c.number {
	case unix.SYS_IO_URING_SETUP:
		return errors.New("it uses io_uring, whose writes cannot be watched")
	case unix.SYS_CLONE:
	case unix.SYS_CLONE3:
		data, err := r.read(c.args[0], 8) // of struct clone_args, whose first field is flags
		if err != nil {
			return err
		}
		flags = int64(binary.NativeEndian.Uint64(data)) //nolint:gosec // bits
	case unix.SYS_EXECVE, unix.SYS_EXECVEAT, sysFork, sysVfork:
		flags = 0
	default:
		return nil
	}
	if flags&unix.CLONE_THREAD != 0 {
		return nil
	}
	return fmt.Errorf("it starts a program with system call %d, which is not watched", c.number)
}

// unknown refuses calls that have done to the folder what the log has no word
// for. Those that name a file otherwise than [recorder.opened] and
// [recorder.named] understand are among them.
func (r *recorder) unknown(c *call, result int64) error {
	switch c.number {
	case unix.SYS_OPENAT2, unix.SYS_OPEN_BY_HANDLE_AT, sysOpen, sysCreat:
		delete(r.open, result)
		return r.openedUnseen(c, result)
	case unix.SYS_FCNTL:
		if c.args[1] == unix.F_SETFL && c.args[2]&(unix.O_APPEND|unix.O_DIRECT) != 0 {
			return r.unsupported(c, c.args[0])
		}
	case unix.SYS_IOCTL:
		if c.args[1] == unix.FICLONE || c.args[1] == unix.FICLONERANGE {
			return r.unsupported(c, c.args[0])
		}
	case unix.SYS_CLOSE_RANGE:
		for descriptor := range r.open {
			if c.args[0] <= descriptor && descriptor <= c.args[1] {
				return unknownTo(c, "a file of the folder")
			}
		}
	case unix.SYS_MKDIRAT, unix.SYS_MKNODAT:
		return r.untouched(c, c.args[0], c.args[1])
	case unix.SYS_SYMLINKAT:
		return r.untouched(c, c.args[1], c.args[2])
	case unix.SYS_TRUNCATE, sysUnlink, sysRmdir, sysMkdir, sysMknod:
		return r.untouched(c, unix.AT_FDCWD, c.args[0])
	case sysSymlink:
		return r.untouched(c, unix.AT_FDCWD, c.args[1])
	case sysRename, sysLink:
		return errors.Join(r.untouched(c, unix.AT_FDCWD, c.args[0]), r.untouched(c, unix.AT_FDCWD, c.args[1]))
	}
	return nil
}

// openedUnseen refuses a descriptor of the folder, or of a file in it, that was
// opened under another path than the absolute one.
func (r *recorder) openedUnseen(c *call, descriptor int64) error {
	path, err := r.link("fd/%d", descriptor)
	if err == nil && r.concerns(path) {
		return unknownTo(c, path)
	}
	return err
}

// untouched refuses a call that was given a path of the folder.
func (r *recorder) untouched(c *call, folder, path int64) error {
	full, err := r.resolve(folder, path)
	if err == nil && r.concerns(full) {
		return unknownTo(c, full)
	}
	return err
}

// name returns the name of a file directly in the folder that a call was given
// by an open folder and a path, its arguments from first on. A path that leads
// there in another way than the absolute one does is an error.
func (r *recorder) name(c *call, first int) (name string, inside bool, err error) {
	path, err := r.text(c.args[first+1])
	if err != nil {
		return "", false, err
	}
	if name, inside = r.inside(path); inside {
		return name, true, nil
	}
	return "", false, r.untouched(c, c.args[first], c.args[first+1])
}

// concerns reports whether a path means the folder or a file directly in it.
func (r *recorder) concerns(path string) bool {
	_, inside := r.inside(path)
	return inside || path == r.dir
}

// resolve returns the absolute path that a call means by an open folder and a
// path.
func (r *recorder) resolve(folder, path int64) (string, error) {
	text, err := r.text(path)
	if err != nil || filepath.IsAbs(text) {
		return filepath.Clean(text), err
	}
	var base string
	if int32(folder) == unix.AT_FDCWD { //nolint:gosec // the kernel takes the lower half
		base, err = r.link("cwd")
	} else {
		base, err = r.link("fd/%d", folder)
	}
	return filepath.Join(base, text), err
}

// link returns what a link means that the kernel shows of the process.
func (r *recorder) link(format string, args ...any) (string, error) {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/", r.pid) + fmt.Sprintf(format, args...))
	return strings.TrimSuffix(path, " (deleted)"), err
}
