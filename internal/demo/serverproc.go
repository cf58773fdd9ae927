package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

const (
	stopLimit = 15 * time.Second // for the server to end by itself
	pollEvery = 50 * time.Millisecond
	logFile   = "demo-server.log"
	logTail   = 1500 // bytes of the server's log shown with a failure
)

// serverProcess is the real server in a process of its own, so that it can be
// killed the way a power cut kills it.
type serverProcess struct {
	lifetime context.Context //nolint:containedctx // of the process: longer than any call here
	died     func(error)     // told when the process ends without having been asked to
	program  string          // binary whose "serve" command it is
	data     string
	log      *os.File
	client   *api.Client

	mu    sync.Mutex
	cmd   *exec.Cmd
	gone  chan struct{} // closed when the process has ended
	meant bool          // its end was asked for
}

func newServerProcess(lifetime context.Context, died func(error), program, data string) (*serverProcess, error) {
	log, err := os.OpenFile(filepath.Join(data, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600) //nolint:gosec // below the data directory the operator named
	if err != nil {
		return nil, fmt.Errorf("open log of the server: %w", err)
	}
	return &serverProcess{
		lifetime: lifetime, died: died, program: program, data: data, log: log,
		client: api.NewSocketClient(server.SocketPath(data)),
	}, nil
}

// start runs the server and returns when it answers.
func (p *serverProcess) start(ctx context.Context) error {
	gone, err := p.launch()
	if err != nil {
		return err
	}
	return p.ready(ctx, gone)
}

func (p *serverProcess) launch() (<-chan struct{}, error) {
	cmd := exec.CommandContext(p.lifetime, p.program, "serve", "--data", p.data) //nolint:gosec // our own binary
	cmd.Stdout, cmd.Stderr = p.log, p.log
	// A group of its own: Ctrl-C at a terminal reaches the demo only, which
	// then stops phones and server in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopLimit
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start server: %w", err)
	}
	gone := make(chan struct{})
	p.mu.Lock()
	p.cmd, p.gone, p.meant = cmd, gone, false
	p.mu.Unlock()
	go func() {
		err := cmd.Wait()
		p.mu.Lock()
		meant := p.meant
		p.mu.Unlock()
		if !meant && p.lifetime.Err() == nil {
			p.died(fmt.Errorf("the server ended by itself: %w\n%s", errors.Join(err, errServerDied), p.lastWords()))
		}
		close(gone)
	}()
	return gone, nil
}

var errServerDied = errors.New("see the end of its log")

// ready waits for the server to answer.
func (p *serverProcess) ready(ctx context.Context, gone <-chan struct{}) error {
	ticker := time.NewTicker(pollEvery)
	defer ticker.Stop()
	for {
		var st api.Status
		err := p.client.Get(ctx, "/v1/status", nil, &st)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("start server: %w", context.Cause(ctx))
		case <-gone:
			return fmt.Errorf("start server: %w\n%s", errServerDied, p.lastWords())
		case <-ticker.C:
		}
	}
}

// stop ends the server in order and waits for it.
func (p *serverProcess) stop() { p.end(syscall.SIGTERM) }

// kill ends the server as a power cut does: kill -9.
func (p *serverProcess) kill() { p.end(syscall.SIGKILL) }

func (p *serverProcess) end(how os.Signal) {
	p.mu.Lock()
	cmd, gone := p.cmd, p.gone
	p.meant = true
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	// An error means that it has ended already, which is all that is wanted.
	_ = cmd.Process.Signal(how)
	timer := time.NewTimer(stopLimit)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
		_ = cmd.Process.Kill() // as above
		<-gone
	}
}

// close stops the server and lets go of its log.
func (p *serverProcess) close() {
	p.stop()
	_ = p.log.Close() // written by the process that has ended; nothing is buffered here
}

// setClock writes the clock into the configuration of the stopped server.
func (p *serverProcess) setClock(lab server.LabConfig) error {
	config, err := server.LoadConfig(p.data, func(string) string { return "" })
	if err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	config.Lab = lab
	text, err := yaml.Marshal(config)
	if err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	if err := os.WriteFile(filepath.Join(p.data, "config.yaml"), text, 0o600); err != nil {
		return fmt.Errorf("set clock: %w", err)
	}
	return nil
}

// lastWords returns the end of the server's log.
func (p *serverProcess) lastWords() string {
	text, err := os.ReadFile(p.log.Name())
	if err != nil {
		return err.Error()
	}
	if len(text) > logTail {
		text = text[len(text)-logTail:]
		if i := bytes.IndexByte(text, '\n'); i >= 0 {
			text = text[i+1:]
		}
	}
	return string(text)
}
