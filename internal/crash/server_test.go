package crash

import (
	"bufio"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/freeport"
	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
	"github.com/kannuki-mdm/kannuki/server"
)

const (
	childVariable = "KANNUKI_CRASH_SERVER" // data directory that a child process serves
	databaseFile  = "kannuki.db"
	readyLine     = "ready"
)

// serve is the child process: a server that says on standard output when it is
// ready and stops when its standard input ends, so that it never outlives the
// test that started it.
func serve(data string) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return server.Run(ctx, server.Options{
		Data: data, Version: "crash", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Getenv: func(string) string { return "" }, Wall: time.Now,
		// Whoever does not get the line sees the server end.
		Ready: func(server.Addresses) { _, _ = fmt.Fprintln(os.Stdout, readyLine) },
	})
}

// installation is a data directory and the stand-in for Apple's push service.
type installation struct {
	data  string
	log   *os.File
	push  *apnstest.Server
	roots *x509.CertPool
	now   func() time.Time // policy time
}

// policySpeed is seconds of policy time per second: fast enough for downloads,
// notices and deadlines to end within the campaign, slow enough for a second
// of a busy machine to be less than the margin of a deadline.
const policySpeed = 600

// newInstallation makes a lab whose policy clock starts two days after the
// newest release the simulated Apple offers, two hours before midnight, so that what
// comes at the end of a day is in every campaign.
func newInstallation(ctx context.Context, dir string, deliver func(token []byte, magic string)) (*installation, error) {
	in := &installation{data: filepath.Join(dir, "d")}
	push, err := lab.NewPush(time.Now) //nolint:contextcheck // what it starts has ended when it returns
	if err != nil {
		return nil, err
	}
	address, err := freeport.Address(ctx)
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(address, ":")
	clock := server.LabConfig{Origin: time.Now().UTC(), Start: time.Date(2026, 8, 19, 22, 0, 0, 0, home), Speed: policySpeed}
	_, err = server.Init(ctx, server.InitOptions{
		Data: in.data, URL: "https://localhost:" + port, Listen: address, Organization: "Example", TimeZone: timeZone, Lab: true, Clock: clock,
		Push:            server.PushConfig{Host: push.Host, Roots: push.RootsPath(in.data), MinInterval: 20 * time.Millisecond},
		PushCertificate: push.Certificate, PushKey: push.Key, Files: push.Files,
	}, time.Now)
	if err != nil {
		return nil, err
	}
	if err := addExceptions(ctx, in.data, clock.Start); err != nil {
		return nil, err
	}
	config, err := server.LoadConfig(in.data, func(string) string { return "" })
	if err != nil {
		return nil, err
	}
	in.now, _ = config.PolicyClock(time.Now)
	pem, err := os.ReadFile(filepath.Join(in.data, "keys", "root.pem"))
	if err != nil {
		return nil, err
	}
	in.roots = x509.NewCertPool()
	in.roots.AppendCertsFromPEM(pem)
	if in.log, err = os.Create(filepath.Join(dir, "server.log")); err != nil {
		return nil, err
	}
	in.push, err = lab.OpenPush(in.data, push.Host, time.Now, deliver) //nolint:contextcheck // it lives until it is closed
	return in, err
}

func (in *installation) close() error { return errors.Join(in.push.Close(), in.log.Close()) }

// child is a server in a process of its own.
type child struct {
	cmd    *exec.Cmd
	stdin  io.Closer
	stdout *bufio.Scanner
	began  time.Time
}

// spawn starts a server without waiting for it.
func (in *installation) spawn() (*child, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+in.data)
	cmd.Stderr = in.log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: cmd, stdin: stdin, stdout: bufio.NewScanner(stdout), began: time.Now()}
	return c, cmd.Start()
}

// ready waits until the server accepts connections and returns how long it
// took.
func (c *child) ready() (time.Duration, error) {
	for c.stdout.Scan() {
		if c.stdout.Text() == readyLine {
			return time.Since(c.began), nil
		}
	}
	return 0, fmt.Errorf("the server ended before it was ready: %w", c.cmd.Wait())
}

// kill ends the server without warning and reports an error when it had ended
// by itself.
func (c *child) kill() error {
	_ = c.cmd.Process.Kill() // gone already: Wait tells
	err := c.cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return fmt.Errorf("the server ended by itself: %w", err)
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("the server ended by itself: %w", err)
	}
	return nil
}

// stop ends the server in good order.
func (c *child) stop() error { return errors.Join(c.stdin.Close(), c.cmd.Wait()) }

// between returns a random time.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)))
}
