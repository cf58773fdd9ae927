package lang

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"sync"
	"syscall"
)

// Cause words why something could not be reached, or what the system said of a file. What
// it does not know is said as it comes, in English.
func (p *Printer) Cause(err error) string { return p.coded(causeTexts(), CauseCode(err)) }

// KnownCause returns a code for what the network or the system said, for the values of a
// coded text; "" for what it does not know.
func KnownCause(err error) string {
	return cmp.Or(networkCause(err), certificateCause(err), systemCause(err))
}

// CauseCode returns the code of [KnownCause], or else what was said, without the wrappings,
// which repeat the address.
func CauseCode(err error) string {
	if code := KnownCause(err); code != "" {
		return code
	}
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(err) {
		err = inner
	}
	return err.Error()
}

// networkCause returns "" for what is no fault of the network. A name that cannot be
// resolved and a proxy come first: what they said is not of the host that was sought.
func networkCause(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "proxyconnect" {
		return "proxy-unreachable"
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "name-unresolved"
	}
	timeout, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), ok && timeout.Timeout():
		return "no-answer"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing-listens"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no-way"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "cut-off"
	default:
		return ""
	}
}

// certificateCause returns "" for what is no fault of a server's certificate.
func certificateCause(err error) string {
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "certificate-name"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "certificate-issuer"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return "certificate-time"
	}
	return ""
}

// systemCause returns "" for what is no fault of a file that everybody knows.
func systemCause(err error) string {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return "no-such-file"
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "not-permitted"
	case errors.Is(err, syscall.EISDIR):
		return "is-a-folder"
	case errors.Is(err, syscall.ENOSPC):
		return "disk-full"
	default:
		return ""
	}
}

// causeTexts word what the network and the system say.
var causeTexts = sync.OnceValue(func() map[string]both {
	return map[string]both{
		"proxy-unreachable":  {"the proxy on the way cannot be reached", "経路のプロキシに接続できません"},
		"name-unresolved":    {"the name cannot be resolved", "名前を解決できません"},
		"no-answer":          {"no answer in time", "時間内に応答がありません"},
		"nothing-listens":    {"nothing listens there", "待ち受けているプログラムがありません"},
		"no-way":             {"no way leads there", "そこへの経路がありません"},
		"cut-off":            {"the connection was cut off", "接続が切れました"},
		"certificate-name":   {"the certificate is for another name", "証明書が別の名前のものです"},
		"certificate-issuer": {"the certificate is of an issuer that is not trusted", "証明書の発行者が信頼されていません"},
		"certificate-time":   {"the certificate has ended, or is not valid yet", "証明書の有効期間外です"},
		"no-such-file":       {"no such file or folder", "ファイルまたはフォルダーがありません"},
		"not-permitted":      {"permission denied", "権限がありません"},
		"is-a-folder":        {"it is a folder, want a file", "フォルダーです。ファイルを指定してください"},
		"disk-full":          {"no space left on the disk", "ディスクに空きがありません"},
	}
})
