//go:build amd64 || arm64

package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/powercut"
	"github.com/kannuki-mdm/kannuki/server"
)

const (
	childVariable  = "KANNUKI_SERVER_CHILD"  // data directory that a process a test has started serves
	parentVariable = "KANNUKI_SERVER_PARENT" // where that test listens

	childLimit = time.Minute // for a child to start, and to end
)

// TestMain lets the test binary be the server of a test that watches it.
func TestMain(m *testing.M) {
	data := os.Getenv(childVariable)
	if data == "" {
		os.Exit(m.Run())
	}
	if err := serveChild(data, os.Getenv(parentVariable)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serveChild serves until the parent hangs up, and tells it when it is ready.
func serveChild(data, parent string) error {
	conn, err := net.Dial("tcp", parent)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		cancel()
	}()
	return server.Run(ctx, server.Options{
		Data: data, Version: "test", Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Getenv: func(string) string { return "" }, Wall: time.Now,
		Ready: func(server.Addresses) { _, _ = conn.Write([]byte{1}) },
	})
}

// startOnDisk starts the installation's server as a process of its own, whose
// disk can be filled. The function it returns stops it and wants it to end well:
// it fails when the server has ended before.
func (in *installation) startOnDisk(full *atomic.Bool) (stop func()) {
	in.t.Helper()
	data, err := filepath.EvalSymlinks(in.data)
	in.must(err)
	stderr, err := os.Create(filepath.Join(in.t.TempDir(), "stderr"))
	in.must(err)
	l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	in.must(err)
	defer l.Close() //nolint:errcheck // one connection was wanted
	p := powercut.Program{
		Path: os.Args[0], Env: append(os.Environ(), childVariable+"="+data, parentVariable+"="+l.Addr().String()), Stderr: stderr,
		Fault: func(next powercut.Event, _ *powercut.Log) syscall.Errno {
			if full.Load() && (next.Kind == powercut.Write || next.Kind == powercut.Truncate) {
				return syscall.ENOSPC
			}
			return 0
		},
	}
	ended := make(chan error, 1)
	go func() {
		_, err := powercut.Record(data, p)
		ended <- errors.Join(err, stderr.Close())
	}()
	in.must(l.SetDeadline(time.Now().Add(childLimit)))
	conn, err := l.Accept()
	in.must(err)
	in.t.Cleanup(func() { _ = conn.Close() }) // closed already when the test has come to its end
	in.must(conn.SetDeadline(time.Now().Add(childLimit)))
	if _, err := conn.Read(make([]byte, 1)); err != nil {
		text, _ := os.ReadFile(stderr.Name())
		in.t.Fatalf("the server did not start: %v\n%s", err, text)
	}
	return func() {
		select {
		case err := <-ended:
			in.t.Fatalf("the server ended on its own: %v", err)
		default:
		}
		in.must(conn.Close())
		select {
		case err := <-ended:
			in.must(err)
		case <-time.After(childLimit):
			in.t.Fatal("the server does not end")
		}
	}
}

// TestFullDisk: a phone whose words find no room is asked to come back, and is
// heard once there is room, by the same process.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	id := mint(t, in.deviceCA(), nil)
	in.record(id)
	in.enrolRaw(id, "PHONE-F")
	in.stop()
	var full atomic.Bool
	stop := in.startOnDisk(&full)
	phone := in.as(id)
	m := messageNamed(t, "TokenUpdate")
	body, header := m.of(t, udid("PHONE-F"))
	for round := range 2 {
		for _, step := range []struct {
			full  bool
			want  int
			retry string
		}{{false, m.want, ""}, {true, http.StatusServiceUnavailable, "60"}, {true, http.StatusServiceUnavailable, "60"}} {
			full.Store(step.full)
			status, answer, _ := phone.exchange(http.MethodPut, m.path, header, body)
			if retry := answer.Get("Retry-After"); status != step.want || retry != step.retry {
				t.Errorf("round %d, full %t: %d, Retry-After %q; want %d, %q", round, step.full, status, retry, step.want, step.retry)
			}
		}
	}
	full.Store(false)
	stop()
}
