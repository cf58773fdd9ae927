package apns

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

// brokenConn is a connection whose Write returns err.
type brokenConn struct {
	net.Conn

	err error
}

func (c brokenConn) Write([]byte) (int, error) { return 0, c.err }

func TestWriteLeavesBreakageToTheReader(t *testing.T) {
	t.Parallel()
	op := func(err error) error { return &net.OpError{Op: "write", Err: err} }
	tests := []struct {
		name string
		err  error
		want bool // handed on
	}{
		{"broken pipe", op(os.NewSyscallError("write", syscall.EPIPE)), false},
		{"reset", op(os.NewSyscallError("write", syscall.ECONNRESET)), false},
		{"closed here", op(net.ErrClosed), true},
		{"timeout", op(os.ErrDeadlineExceeded), true},
		{"wrapped", fmt.Errorf("tunnel: %w", net.ErrClosed), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := &conn{Conn: brokenConn{err: tt.err}, owner: newConns(0)}
			n, err := c.Write([]byte("four"))
			if tt.want && (n != 0 || !errors.Is(err, tt.err)) {
				t.Errorf("Write = %d, %v, want 0 and the error", n, err)
			}
			if !tt.want && (n != 4 || err != nil) {
				t.Errorf("Write = %d, %v, want 4 and no error", n, err)
			}
		})
	}
}
