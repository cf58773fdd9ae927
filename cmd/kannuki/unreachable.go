package main

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// lostAnswer says that nobody knows whether a change was made.
func lostAnswer(t *lang.Printer, e *api.UnreachableError) (message, next string) {
	return t.T("The server was asked, and its answer is lost: %v. What it was asked for may have been done.", t.Cause(e)),
		t.T("See whether it was done, with the command that shows it or `kannuki audit log`, before you do it again.")
}

// lostTrial says that nothing was changed, whatever became of a dry run.
func lostTrial(t *lang.Printer, e *api.UnreachableError) (message, next string) {
	return t.T("The server was asked, and its answer is lost: %v. It was only tried: nothing was changed.", t.Cause(e)),
		t.T("Try it again; `kannuki status` shows whether the server answers.")
}

// silentSocket says why nobody answers on the socket of a data directory, and
// what to do.
func silentSocket(t *lang.Printer, e *api.UnreachableError) (message, next string) {
	folder := filepath.Dir(e.Socket)
	start := t.T("Start it: `kannuki serve --data %s`.", lang.ShellWord(folder))
	_, gone := os.Stat(folder) //nolint:gosec // the operator names the folder
	switch {
	case errors.Is(gone, fs.ErrNotExist):
		return t.T("Cannot reach the server: there is no folder %s.", folder),
			t.T("Name the server's data directory with --data, or make one with `kannuki init --data %s`.", lang.ShellWord(folder))
	case errors.Is(e, fs.ErrPermission):
		return t.T("Cannot reach the server: you may not open %s.", e.Socket),
			t.T("Use the account of the server or its group, or a token with `--server URL --token-file FILE`.")
	case errors.Is(e, fs.ErrNotExist):
		return t.T("Cannot reach the server: it is not running, there is no socket %s.", e.Socket), start
	case errors.Is(e, syscall.ECONNREFUSED):
		return t.T("Cannot reach the server: it is not running, nobody answers on %s.", e.Socket), start
	default:
		return t.T("Cannot reach the server at %s: %v.", e.Socket, t.Cause(e)), start
	}
}

// silentServer does the same for the admin listener at a URL.
func silentServer(t *lang.Printer, e *api.UnreachableError) (message, next string) {
	next = t.T("See that the server runs and that `admin_listen` of its config.yaml, or the tunnel or proxy before it, is at %s.", e.URL)
	var timeout net.Error
	if untrusted, ok := errors.AsType[*tls.CertificateVerificationError](e); ok {
		return t.T("The certificate of %s is not trusted: %v.", e.URL, t.Cause(untrusted.Err)),
			t.T("Check the name in `--server`, and that this machine trusts who issued the certificate.")
	}
	if unknown, ok := errors.AsType[*net.DNSError](e); ok {
		return t.T("Cannot reach the server at %s: the name %s cannot be resolved.", e.URL, unknown.Name), t.T("Check the name in `--server`.")
	}
	switch {
	case errors.Is(e, http.ErrSchemeMismatch):
		return t.T("Cannot reach the server at %s: what answers there does not speak TLS.", e.URL),
			t.T("On the server's own machine write http:// instead of https://; from elsewhere use the address of the proxy or the tunnel.")
	case errors.Is(e, syscall.ECONNREFUSED):
		return t.T("Cannot reach the server at %s: nothing listens there.", e.URL), next
	case errors.Is(e, context.DeadlineExceeded), errors.As(e, &timeout) && timeout.Timeout():
		return t.T("Cannot reach the server at %s: no answer in time.", e.URL), next
	default:
		return t.T("Cannot reach the server at %s: %v.", e.URL, t.Cause(e)), next
	}
}
