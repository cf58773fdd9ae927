package lang

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"testing"
)

// TestCause: what the network and the system say is worded in both languages; what is
// not known is said as it comes.
func TestCause(t *testing.T) {
	t.Parallel()
	dial := func(op string, err error) error {
		return fmt.Errorf("ask: %w", &net.OpError{Op: op, Net: "tcp", Err: err})
	}
	untrusted := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	for name, tt := range map[string]struct {
		err  error
		code string
	}{
		"a deadline":             {context.DeadlineExceeded, "no-answer"},
		"a connection that ends": {dial("read", os.ErrDeadlineExceeded), "no-answer"},
		"nothing listens":        {dial("dial", os.NewSyscallError("connect", syscall.ECONNREFUSED)), "nothing-listens"},
		"no route":               {dial("dial", os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "no-way"},
		"reset":                  {dial("read", os.NewSyscallError("read", syscall.ECONNRESET)), "cut-off"},
		"a proxy is down":        {dial("proxyconnect", dial("dial", syscall.ECONNREFUSED)), "proxy-unreachable"},
		"a name in time":         {dial("dial", &net.DNSError{Name: "a", IsTimeout: true}), "name-unresolved"},
		"another name":           {untrusted(x509.HostnameError{Certificate: &x509.Certificate{}, Host: "a"}), "certificate-name"},
		"another issuer":         {untrusted(x509.UnknownAuthorityError{}), "certificate-issuer"},
		"an old certificate":     {untrusted(x509.CertificateInvalidError{Reason: x509.Expired}), "certificate-time"},
		"no file":                {&fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, "no-such-file"},
		"no right":               {&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, "not-permitted"},
		"something else":         {dial("read", errors.New("something else")), "something else"},
	} {
		if got := CauseCode(tt.err); got != tt.code {
			t.Errorf("%s: code %q, want %q", name, got, tt.code)
		}
		text := causeTexts()[tt.code]
		if text == (both{}) {
			text = both{tt.code, tt.code}
		}
		if en, ja := New(English).Cause(tt.err), New(Japanese).Cause(tt.err); en != text.en || ja != text.ja {
			t.Errorf("%s: %q, %q; want %q, %q", name, en, ja, text.en, text.ja)
		}
	}
}
