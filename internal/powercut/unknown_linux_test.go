//go:build amd64 || arm64

package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// unknownDeed is something a recording must not overlook, and the error that
// says so.
type unknownDeed struct {
	want string
	do   func(dir string) error
}

const notKnown = "in a way the recording does not know"

func unknownDeeds() map[string]unknownDeed {
	deeds := map[string]unknownDeed{
		"append": {"opens a " + notKnown, func(dir string) error {
			f, err := os.OpenFile(filepath.Join(dir, "a"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			return errors.Join(err, f.Close())
		}},
		"move away": {"moves a file into the folder or out of it", func(dir string) error {
			return os.Rename(filepath.Join(dir, "a"), dir+".a")
		}},
		"move the folder":   {notKnown, func(dir string) error { return os.Rename(dir, dir+".away") }},
		"remove the folder": {notKnown, func(dir string) error { return errors.Join(os.Remove(filepath.Join(dir, "a")), os.Remove(dir)) }},
		"start a program":   {"starts a program", func(string) error { return exec.Command("/nonexistent/or/not").Run() }},
		"append later": {notKnown, onFile(func(fd int) error {
			_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_APPEND)
			return err
		})},
		"close many": {notKnown, onFile(func(fd int) error { return unix.CloseRange(uint(fd), uint(fd), 0) })},
		"in the folder by a longer path": {notKnown, func(dir string) error {
			return os.Remove(dir + "/../" + filepath.Base(dir) + "/a")
		}},
		"in the folder by a link": {notKnown, func(dir string) error {
			return errors.Join(os.Symlink(dir, dir+".link"), os.WriteFile(dir+".link/a", nil, 0o600))
		}},
	}
	for name, call := range pathCalls() {
		deeds[name+" in the folder"] = unknownDeed{notKnown, func(dir string) error { return call(unix.AT_FDCWD, dir+"/a", dir+"/b") }}
	}
	for name, call := range folderCalls() {
		deeds[name+" in an open folder"] = unknownDeed{notKnown, func(dir string) error {
			fd, err := unix.Open(dir, unix.O_PATH, 0)
			return errors.Join(err, call(fd, "a", "b"))
		}}
		deeds[name+" in the current folder"] = unknownDeed{notKnown, func(dir string) error {
			return errors.Join(os.Chdir(dir), call(unix.AT_FDCWD, "a", "b"))
		}}
	}
	return deeds
}

// onFile returns a deed with a descriptor of file a.
func onFile(do func(fd int) error) func(string) error {
	return func(dir string) error {
		f, err := os.OpenFile(filepath.Join(dir, "a"), os.O_RDWR, 0)
		if err != nil {
			return err
		}
		return do(int(f.Fd()))
	}
}

// pathCalls are the calls that are refused whatever way they name a file of the
// folder. File a exists, b does not.
func pathCalls() map[string]func(folder int, a, b string) error {
	calls := map[string]func(int, string, string) error{
		"openat2": func(folder int, a, _ string) error {
			_, err := unix.Openat2(folder, a, &unix.OpenHow{Flags: unix.O_WRONLY})
			return err
		},
		"truncate":  func(_ int, a, _ string) error { return unix.Truncate(a, 1) },
		"mkdirat":   func(folder int, _, b string) error { return unix.Mkdirat(folder, b, 0o700) },
		"mknodat":   func(folder int, _, b string) error { return unix.Mknodat(folder, b, unix.S_IFIFO|0o600, 0) },
		"symlinkat": func(folder int, a, b string) error { return unix.Symlinkat(a, folder, b) },
		"exchange": func(folder int, a, b string) error {
			return unix.Renameat2(folder, a, folder, a, unix.RENAME_EXCHANGE)
		},
	}
	for name, call := range oldCalls() {
		calls[name] = func(_ int, a, b string) error { return call(a, b) }
	}
	return calls
}

// folderCalls are the calls that are refused when they name a file of the
// folder by an open folder, or by the current one.
func folderCalls() map[string]func(folder int, a, b string) error {
	return map[string]func(int, string, string) error{
		"openat": func(folder int, a, _ string) error {
			_, err := unix.Openat(folder, a, unix.O_WRONLY, 0)
			return err
		},
		"openat2":   pathCalls()["openat2"],
		"mkdirat":   pathCalls()["mkdirat"],
		"mknodat":   pathCalls()["mknodat"],
		"symlinkat": pathCalls()["symlinkat"],
		"unlinkat":  func(folder int, a, _ string) error { return unix.Unlinkat(folder, a, 0) },
		"linkat":    func(folder int, a, b string) error { return unix.Linkat(folder, a, folder, b, 0) },
		"renameat":  func(folder int, a, b string) error { return unix.Renameat(folder, a, folder, b) },
		"renameat2": func(folder int, a, b string) error { return unix.Renameat2(folder, a, folder, b, 0) },
	}
}

// beside does all that is refused to files that are not in the folder.
func beside(dir string) error {
	other := dir + ".other"
	for _, calls := range []map[string]func(int, string, string) error{pathCalls(), folderCalls()} {
		for name, call := range calls {
			if err := errors.Join(os.RemoveAll(other), os.Mkdir(other, 0o700), os.WriteFile(other+"/a", nil, 0o600)); err != nil {
				return err
			}
			if err := call(unix.AT_FDCWD, other+"/a", other+"/b"); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}
