//go:build amd64 || arm64

package powercut

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Record runs a program to its end and returns what it did to the files
// directly in dir, which must be empty and named by an absolute path free of
// symbolic links; the program must name it likewise. The program sees nothing
// of it and is changed in nothing: its system calls are watched, the way a
// debugger does (ptrace). Its standard error goes to stderr.
//
// A system call that changes a file of the folder, or the folder's names, in a
// way the log has no word for is an error; so are starting another process,
// which would not be watched, and a program that does not end well. The log says
// nothing of owners, modes, times and attributes, nor of sockets.
func Record(dir string, env []string, stderr *os.File, program string, args ...string) (*Log, error) {
	type result struct {
		log *Log
		err error
	}
	done := make(chan result)
	go func() {
		// The kernel takes ptrace calls from the thread that started the
		// program only. Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		r := &recorder{dir: dir, log: &Log{}, threads: map[int]*thread{}, open: map[int64]target{}, names: map[string]int{}}
		err := r.run(env, stderr, append([]string{program}, args...))
		done <- result{r.log, err}
	}()
	got := <-done
	if got.err != nil {
		return nil, fmt.Errorf("record %s: %w", filepath.Base(program), got.err)
	}
	return got.log, nil
}

// recorder follows one process.
type recorder struct {
	dir     string
	log     *Log
	pid     int
	memory  *os.File // of the process
	threads map[int]*thread
	open    map[int64]target // by descriptor
	names   map[string]int
	files   int
}

// thread is one thread of the process; call is nil outside of system calls.
type thread struct{ call *call }

// call is a system call that has begun.
type call struct {
	number uint64
	args   [6]int64
	began  int // events that were over then
}

// newCall reads the registers of a thread that begins a call.
func newCall(regs *syscall.PtraceRegs, began int) *call {
	c := &call{number: callNumber(regs), began: began}
	for i, bits := range callArguments(regs) {
		c.args[i] = int64(bits) //nolint:gosec // registers hold bits, offsets and addresses fit
	}
	return c
}

// target is what an open descriptor means: a file of the folder, or the folder.
type target struct {
	file   int
	folder bool
}

const syscallStop = syscall.SIGTRAP | 0x80

func (r *recorder) run(env []string, stderr *os.File, argv []string) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()                                              //nolint:errcheck // nothing was written to it
	r.pid, err = syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{ //nolint:gosec // a test names the program
		Env: env, Files: []uintptr{null.Fd(), null.Fd(), stderr.Fd()}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return fmt.Errorf("start it watched (this machine must allow ptrace of an own child): %w", err)
	}
	var status syscall.WaitStatus
	if _, err = syscall.Wait4(r.pid, &status, 0, nil); err != nil {
		return err
	}
	if err = r.follow(); err != nil {
		_ = syscall.Kill(r.pid, syscall.SIGKILL) // gone already: nothing to do
		for gone := error(nil); gone == nil || errors.Is(gone, syscall.EINTR); {
			_, gone = syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil) // each thread, until none is left
		}
	}
	return err
}

// follow lets the process run from one system call to the next, until it ends.
func (r *recorder) follow() (err error) {
	if r.memory, err = os.Open(fmt.Sprintf("/proc/%d/mem", r.pid)); err != nil {
		return err
	}
	defer r.memory.Close() //nolint:errcheck // only read
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err = syscall.PtraceSetOptions(r.pid, options); err != nil {
		return err
	}
	r.threads[r.pid] = &thread{}
	if err = syscall.PtraceSyscall(r.pid, 0); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		// Only what this thread started: others may run programs of their own.
		tid, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case err != nil:
			return err
		case tid == r.pid && !status.Stopped():
			return ending(status)
		case !status.Stopped():
			delete(r.threads, tid)
			continue
		}
		pass, err := r.stopped(tid, status)
		if err != nil {
			return err
		}
		// A thread may be killed while it is stopped.
		if err := syscall.PtraceSyscall(tid, int(pass)); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
}

func ending(s syscall.WaitStatus) error {
	if s.Exited() && s.ExitStatus() == 0 {
		return nil
	}
	return fmt.Errorf("it ended with exit status %d, signal %q", s.ExitStatus(), s.Signal())
}

// stopped looks at a thread that has stopped and returns the signal to pass on
// to it.
func (r *recorder) stopped(tid int, status syscall.WaitStatus) (syscall.Signal, error) {
	t := r.threads[tid]
	switch sig := status.StopSignal(); {
	case t == nil: // a new thread begins with a stop of its own
		r.threads[tid] = &thread{}
		return 0, nil
	case sig == syscallStop:
		var regs syscall.PtraceRegs
		err := syscall.PtraceGetRegs(tid, &regs)
		switch {
		case errors.Is(err, syscall.ESRCH):
			return 0, nil
		case err != nil:
			return 0, err
		case t.call == nil:
			t.call = newCall(&regs, len(r.log.Events))
			return 0, r.begin(t.call)
		default:
			c := t.call
			t.call = nil
			return 0, r.end(c, int64(callResult(&regs))) //nolint:gosec // negative: an error
		}
	case sig == syscall.SIGTRAP: // it has made a thread
		return 0, nil
	default:
		return sig, nil
	}
}

// begin takes up what counts from the moment a call begins: whoever is told
// something may act on it before the call that told it is over.
func (r *recorder) begin(c *call) error {
	switch c.number {
	case unix.SYS_WRITE:
		if c.args[0] != int64(syscall.Stdout) {
			return nil
		}
		data, err := r.read(c.args[1], c.args[2])
		r.add(Event{Kind: Say, Data: data})
		return err
	case unix.SYS_MMAP:
		if c.args[2]&unix.PROT_WRITE == 0 || c.args[3]&unix.MAP_SHARED == 0 {
			return nil
		}
		return r.unsupported(c, c.args[4])
	case unix.SYS_WRITEV, unix.SYS_PWRITEV, unix.SYS_PWRITEV2, unix.SYS_FALLOCATE, unix.SYS_SENDFILE:
		return r.unsupported(c, c.args[0])
	case unix.SYS_SPLICE:
		return r.unsupported(c, c.args[2])
	}
	return r.elsewhere(c)
}

// end takes up what a call has done.
func (r *recorder) end(c *call, result int64) error {
	if result < 0 {
		return nil
	}
	file := r.open[c.args[0]]
	switch c.number {
	case unix.SYS_OPENAT:
		return r.opened(c, result)
	case unix.SYS_CLOSE:
		delete(r.open, c.args[0])
	case unix.SYS_DUP, unix.SYS_DUP3, sysDup2:
		r.open[result] = file
	case unix.SYS_FCNTL:
		if c.args[1] == unix.F_DUPFD_CLOEXEC || c.args[1] == unix.F_DUPFD {
			r.open[result] = file
		}
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_COPY_FILE_RANGE:
		return r.wrote(c, result)
	case unix.SYS_FTRUNCATE:
		if file.file != 0 {
			r.add(Event{Kind: Truncate, File: file.file, Offset: c.args[1]})
		}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		switch {
		case file.folder:
			r.add(Event{Kind: SyncFolder, Covers: c.began})
		case file.file != 0:
			r.add(Event{Kind: Sync, File: file.file, Covers: c.began})
		}
	case unix.SYS_LINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_UNLINKAT:
		return r.named(c)
	}
	return r.unknown(c, result)
}

func (r *recorder) add(e Event) { r.log.Events = append(r.log.Events, e) }

// opened takes up a file of the folder, or the folder itself.
func (r *recorder) opened(c *call, descriptor int64) error {
	delete(r.open, descriptor)
	path, err := r.text(c.args[1])
	if err != nil {
		return err
	}
	if path == r.dir {
		r.open[descriptor] = target{folder: true}
		return nil
	}
	name, ok := r.inside(path)
	if !ok {
		return r.openedUnseen(c, descriptor)
	}
	if r.names[name] == 0 {
		r.files++
		r.names[name] = r.files
		r.add(Event{Kind: Create, File: r.files, Name: name})
	} else if c.args[2]&unix.O_TRUNC != 0 {
		r.add(Event{Kind: Truncate, File: r.names[name]})
	}
	if c.args[2]&(unix.O_APPEND|unix.O_DIRECT) != 0 {
		return fmt.Errorf("it opens %s in a way the recording does not know", name)
	}
	r.open[descriptor] = target{file: r.names[name]}
	return nil
}

// wrote takes up a write to a file of the folder.
func (r *recorder) wrote(c *call, n int64) error {
	descriptor := c.args[0]
	if c.number == unix.SYS_COPY_FILE_RANGE {
		descriptor = c.args[2]
	}
	file := r.open[descriptor].file
	if file == 0 || n == 0 {
		return nil
	}
	offset := c.args[3]
	if c.number != unix.SYS_PWRITE64 {
		position, err := r.position(descriptor)
		if err != nil {
			return err
		}
		offset = position - n
	}
	if c.number != unix.SYS_COPY_FILE_RANGE {
		data, err := r.read(c.args[1], n)
		r.add(Event{Kind: Write, File: file, Offset: offset, Data: data})
		return err
	}
	if c.args[3] != 0 {
		return r.unsupported(c, descriptor)
	}
	f, err := os.Open(fmt.Sprintf("/proc/%d/fd/%d", r.pid, descriptor))
	if err != nil {
		return err
	}
	data := make([]byte, n)
	_, err = f.ReadAt(data, offset)
	r.add(Event{Kind: Write, File: file, Offset: offset, Data: data})
	return errors.Join(err, f.Close())
}

// named takes up a change of the folder's names.
func (r *recorder) named(c *call) error {
	old, inside, err := r.name(c, 0)
	if err != nil {
		return err
	}
	if c.number == unix.SYS_UNLINKAT {
		if inside {
			delete(r.names, old)
			r.add(Event{Kind: Remove, Name: old})
		}
		return nil
	}
	name, alsoInside, err := r.name(c, 2)
	switch {
	case err != nil:
		return err
	case !inside && !alsoInside:
		return nil
	case inside != alsoInside:
		return fmt.Errorf("it moves a file into the folder or out of it: %s", cmp.Or(old, name))
	case c.number == unix.SYS_RENAMEAT2 && c.args[4]&^unix.RENAME_NOREPLACE != 0:
		return unknownTo(c, name)
	}
	r.names[name] = r.names[old]
	if c.number == unix.SYS_LINKAT {
		r.add(Event{Kind: Link, File: r.names[name], Name: name})
		return nil
	}
	delete(r.names, old)
	r.add(Event{Kind: Rename, File: r.names[name], Name: name, From: old})
	return nil
}

// inside returns the name of a file directly in the folder.
func (r *recorder) inside(path string) (string, bool) {
	name, ok := strings.CutPrefix(path, r.dir+"/")
	return name, ok && name != "" && name != "." && name != ".." && !strings.Contains(name, "/")
}

// read returns bytes of the process's memory.
func (r *recorder) read(address, n int64) ([]byte, error) {
	data := make([]byte, n)
	_, err := r.memory.ReadAt(data, address)
	return data, err
}

// text returns a path the process has given to the kernel.
func (r *recorder) text(address int64) (string, error) {
	data := make([]byte, unix.PathMax)
	n, err := r.memory.ReadAt(data, address)
	end := bytes.IndexByte(data[:n], 0)
	if end < 0 {
		return "", errors.Join(errors.New("a path has no end"), err)
	}
	return string(data[:end]), nil
}

// position returns where the next write to a descriptor would go.
func (r *recorder) position(descriptor int64) (int64, error) {
	info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", r.pid, descriptor))
	if err != nil {
		return 0, err
	}
	line, _, _ := strings.Cut(string(info), "\n")
	text, ok := strings.CutPrefix(line, "pos:")
	if !ok {
		return 0, io.ErrUnexpectedEOF
	}
	return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
}
