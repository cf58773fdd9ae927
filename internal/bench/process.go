package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

const (
	stopLimit  = 15 * time.Second // for the server to end by itself
	startLimit = 2 * time.Minute
	askEvery   = 5 * time.Millisecond
)

// process is the real server in a process of its own.
type process struct {
	cmd    *exec.Cmd
	client *api.Client
	listen string        // address of the device listener
	took   time.Duration // from its start to its first answer
}

// serve starts the server on a site and returns when it answers. The ceiling of
// pushes per minute is its only setting that rows need to differ in.
func (s *site) serve(ctx context.Context, program string, pushes int) (*process, error) {
	log, err := os.OpenFile(filepath.Join(s.data, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	defer log.Close()                                                   //nolint:errcheck // the child has a descriptor of its own
	cmd := exec.CommandContext(ctx, program, "serve", "--data", s.data) //nolint:gosec // our own binary
	cmd.Env = append(os.Environ(), "KANNUKI_PUSH_PER_MINUTE="+strconv.Itoa(pushes))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	p := &process{cmd: cmd, client: api.NewSocketClient(server.SocketPath(s.data)), listen: s.listen}
	if err := p.ready(ctx, start); err != nil {
		return nil, errors.Join(fmt.Errorf("start server, see %s: %w", log.Name(), err), p.stop())
	}
	return p, nil
}

func (p *process) ready(ctx context.Context, start time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		var out api.Groups
		err := p.client.Get(ctx, api.Path("groups"), nil, &out)
		if err == nil {
			p.took = time.Since(start)
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// stop ends the server in order.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return nil // it has ended already
	}
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("stop server: %w", err)
	}
	return nil
}

// health asks the server how it is.
func (p *process) health(ctx context.Context) (api.Health, error) {
	var st api.Status
	err := p.client.Get(ctx, api.Path("status"), nil, &st)
	return st.Server, err
}

// clockTick is the unit of CPU times in /proc, the same on every Linux.
const clockTick = 10 * time.Millisecond

// cpu returns the CPU time the server has used since its start.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	// The name, second field, may hold spaces; user and system time are the
	// 14th and 15th (proc_pid_stat(5)).
	_, rest, _ := strings.Cut(string(text), ") ")
	return ticks(strings.Fields(rest), 11, 12)
}

func ticks(fields []string, at ...int) (time.Duration, error) {
	var sum time.Duration
	for _, i := range at {
		if i >= len(fields) {
			return 0, errors.New("read CPU time: unknown format")
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read CPU time: %w", err)
		}
		sum += time.Duration(n) * clockTick
	}
	return sum, nil
}

// peak returns the most resident memory the server has had, in MiB.
func (p *process) peak() (float64, error) { return p.memory("VmHWM") }

// own returns the resident memory that is the server's own now, in MiB: not what is
// mapped of the database and of the program, which the system takes back when it
// wants the room.
func (p *process) own() (float64, error) { return p.memory("RssAnon") }

// memory returns a line of proc_pid_status(5) in MiB.
func (p *process) memory(name string) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	_, rest, _ := strings.Cut(string(text), name+":")
	kib, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, err := strconv.ParseFloat(kib, 64)
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	return n / 1024, nil
}

// ownCPU returns the CPU time this process has used.
func ownCPU() (time.Duration, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}

// machineCPU returns the CPU time the whole machine has spent not idle.
func machineCPU() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, fmt.Errorf("read CPU time: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	// user, nice, system, irq, softirq, steal; idle and iowait are left out.
	return ticks(fields, 1, 2, 3, 6, 7, 8)
}
