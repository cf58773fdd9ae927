//go:build amd64 || arm64

package powercut

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Program is what [Record] runs.
type Program struct {
	Path   string
	Args   []string // without the program's own name
	Env    []string
	Stderr *os.File

	// Fault, when it is set, decides which calls find a bad disk. It is asked
	// before each write, change of length and sync of a file of the folder, and
	// each sync of the folder, and given what is about to happen (without Data,
	// and without the Offset of a write that goes where the last one ended) and
	// all that has happened. When it returns an error, nothing is done, the
	// program gets that error as if from the kernel, and the log a [Fail]. It is
	// called from one goroutine and must not change the log.
	Fault func(next Event, log *Log) syscall.Errno
}

// Record runs a program to its end and returns what it did to the files
// directly in dir, which must be named by an absolute path free of symbolic
// links; the program must name it likewise. The folder must be empty: a file that
// was there is logged as created, without its content, when it is first opened,
// which is good enough for a Fault and for no [Log.Images]. The program sees nothing
// of it and is changed in nothing: its system calls are watched, the way a
// debugger does (ptrace). Its standard error goes to stderr.
//
// A system call that changes a file of the folder, or the folder's names, in a
// way the log has no word for is an error; so are starting another process,
// which would not be watched, and a program that does not end well. The log says
// nothing of owners, modes, times and attributes, nor of sockets.
func Record(dir string, p Program) (*Log, error) {
	type result struct {
		log *Log
		err error
	}
	done := make(chan result)
	go func() {
		// The kernel takes ptrace calls from the thread that started the
		// program only. Never unlocked: the thread ends with the goroutine.
		runtime.LockOSThread()
		r := newRecorder(dir, p.Fault)
		err := r.run(p)
		done <- result{r.log, err}
	}()
	got := <-done
	if got.err != nil {
		return nil, fmt.Errorf("record %s: %w", filepath.Base(p.Path), got.err)
	}
	return got.log, nil
}

// recorder follows one process.
type recorder struct {
	dir     string
	fault   func(Event, *Log) syscall.Errno
	log     *Log
	pid     int
	memory  *os.File // of the process
	threads map[int]*thread
	open    map[int64]target // by descriptor
	names   map[string]int
	files   int
}

func newRecorder(dir string, fault func(Event, *Log) syscall.Errno) *recorder {
	return &recorder{dir: dir, fault: fault, log: &Log{}, threads: map[int]*thread{}, open: map[int64]target{}, names: map[string]int{}}
}

// thread is one thread of the process; call is nil outside of system calls.
type thread struct{ call *call }

// call is a system call that has begun.
type call struct {
	number uint64
	args   [6]int64
	began  int           // events that were over then
	failed syscall.Errno // what it gets instead of being done, 0 for nothing
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

func (r *recorder) run(p Program) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close() //nolint:errcheck // nothing was written to it
	argv := append([]string{p.Path}, p.Args...)
	r.pid, err = syscall.ForkExec(p.Path, argv, &syscall.ProcAttr{ //nolint:gosec // a test names the program
		Env: p.Env, Files: []uintptr{null.Fd(), null.Fd(), p.Stderr.Fd()},
		Sys: &syscall.SysProcAttr{Ptrace: true, Setpgid: true},
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
			_, gone = r.wait(&status) // each thread, until none is left
		}
	}
	return err
}

// wait waits for a thread of the process, which has a process group to itself.
// Waiting for any child would take the ends of others': what another goroutine
// started on this very thread, before this one had it to itself, is a child of it
// too.
func (r *recorder) wait(status *syscall.WaitStatus) (int, error) {
	return syscall.Wait4(-r.pid, status, unix.WALL|unix.WNOTHREAD, nil)
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
		tid, err := r.wait(&status)
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
		err := r.call(tid, t)
		if errors.Is(err, syscall.ESRCH) { // a thread may be killed while it is stopped
			err = nil
		}
		return 0, err
	case sig == syscall.SIGTRAP: // it has made a thread
		return 0, nil
	default:
		return sig, nil
	}
}

// call looks at a thread that begins a system call or has ended one.
func (r *recorder) call(tid int, t *thread) error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(tid, &regs); err != nil {
		return err
	}
	c := t.call
	if c == nil {
		t.call = newCall(&regs, len(r.log.Events))
		return errors.Join(r.begin(t.call), r.spoil(tid, t.call, &regs))
	}
	t.call = nil
	if c.failed != 0 {
		return unspoil(tid, c, &regs)
	}
	return r.end(c, int64(callResult(&regs))) //nolint:gosec // negative: an error
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
