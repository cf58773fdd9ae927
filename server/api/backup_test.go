package api_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"testing"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// brokenDisk is a server whose backup fails after some bytes.
type brokenDisk struct {
	api.Operations
	bytes int
}

func (b brokenDisk) Backup(_ context.Context, w io.Writer) (int64, error) {
	fault := errors.New("input/output error")
	if b.bytes == 0 {
		return 0, fault
	}
	n, err := w.Write(make([]byte, b.bytes))
	return int64(n), errors.Join(fault, err)
}

// TestBackupThatFails: half a database must never look like a whole one.
func TestBackupThatFails(t *testing.T) {
	t.Parallel()
	for _, sent := range []int{0, 1, 1 << 20} {
		socket := filepath.Join(t.TempDir(), "s")
		l, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		nobody := func(*http.Request) (api.Principal, error) { return api.Principal{}, nil }
		server := &http.Server{Handler: api.NewHandler(nil, nil, brokenDisk{bytes: sent}, nobody, func() {}, slog.New(slog.DiscardHandler))}
		done := make(chan error)
		go func() { done <- server.Serve(l) }()
		var got bytes.Buffer
		if n, err := api.NewSocketClient(socket).Download(t.Context(), "/v1/backup", &got); err == nil {
			t.Errorf("after %d bytes the backup failed, but the client got %d without an error", sent, n)
		}
		if err := errors.Join(server.Close(), l.Close()); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}
}
