package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/mdm/apns"
)

// dialTimeout bounds one attempt to reach something.
const dialTimeout = 5 * time.Second

// listener connects to the device listener as a phone does: by the public URL,
// trusting what the profile carries and nothing else.
func (d *diagnosis) listener(ctx context.Context) {
	t := d.Text
	u, err := url.Parse(d.config.URL)
	if err != nil {
		d.add("listener", GradeFail, err.Error(), "")
		return
	}
	config := &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, Time: d.Wall}
	if d.config.TLS.Certificate == "" {
		keys, err := certs.OpenKeyring(filepath.Join(d.Data, keysDir))
		if err != nil {
			return // the check of the keys has said so
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AddCert(keys.Root())
	}
	public := net.JoinHostPort(u.Hostname(), portOf(u))
	state, publicErr := handshake(ctx, public, config)
	if publicErr == nil {
		d.ok("listener", t.T("A phone that trusts only the profile's root reaches %s.", public))
		d.tls(state)
		return
	}
	// Some networks do not let a server reach its own public address.
	local := localAddress(d.config.Listen)
	state, err = handshake(ctx, local, config)
	if err != nil {
		fix := t.T("Start the server; if it runs, see that certificate, URL and listen address fit.")
		if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() { // it runs, or something else is there
			fix = t.T("Look on its machine whether it runs and what it logs last, and at the load and the disk there.")
		}
		d.add("listener", GradeFail, t.T("No phone can connect: %s: %v", local, t.Cause(err)), fix)
		d.add("tls", GradeWarn, t.T("Not checked: nothing answers."), "")
		return
	}
	d.add("listener", GradeWarn, t.T("The listener works at %s, but this machine does not reach %s: %v", local, public, t.Cause(publicErr)),
		t.T("Check from a phone on mobile data that name, firewall and port forwarding lead here."))
	d.tls(state)
}

// localAddress is where a listen address is reached on this machine.
func localAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || (host != "" && (ip == nil || !ip.IsUnspecified())) {
		return listen
	}
	return net.JoinHostPort("localhost", port)
}

func handshake(ctx context.Context, address string, config *tls.Config) (tls.ConnectionState, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	plain, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	conn := tls.Client(plain, config)
	err = conn.HandshakeContext(ctx)
	return conn.ConnectionState(), errors.Join(err, plain.Close())
}

// push looks at the push certificate and whether the push service can be
// reached with it.
func (d *diagnosis) push(ctx context.Context) { d.pushService(ctx, d.pushCertificate()) }

// pushCertificate returns the push certificate, or the zero one when there is
// none that can be used.
func (d *diagnosis) pushCertificate() apns.Certificate {
	t := d.Text
	pair, err := os.ReadFile(filepath.Join(d.Data, keysDir, pushFile))
	if errors.Is(err, fs.ErrNotExist) {
		d.add("push", GradeFail, t.T("There is no push certificate: phones can neither enroll nor be woken."), t.T("Begin with `kannuki cert push request`."))
		return apns.Certificate{}
	}
	var cert apns.Certificate
	if err == nil {
		cert, err = apns.ParseCertificate(pair, pair, d.Wall())
	}
	if err != nil {
		d.add("push", GradeFail, err.Error(), d.renewPush())
		return apns.Certificate{}
	}
	text := t.T("Push certificate until %s, topic %s.", t.Time(cert.NotAfter), cert.Topic)
	if left := cert.NotAfter.Sub(d.Wall()); left <= expiryWarning {
		d.add("push", GradeWarn, t.T("Push certificate until %s, %d days from now, topic %s.", t.Time(cert.NotAfter), int(left/day), cert.Topic), d.renewPush())
	} else {
		d.ok("push", text)
	}
	return cert
}

func (d *diagnosis) renewPush() string {
	return d.Text.T("Renew the same entry at identity.apple.com/pushcert and import it with `kannuki cert push import`.")
}
