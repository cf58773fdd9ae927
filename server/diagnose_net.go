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
	publicErr := handshake(ctx, public, config)
	if publicErr == nil {
		d.ok("listener", t.T("A phone that trusts only the profile's root reaches %s.", public))
		return
	}
	// Some networks do not let a server reach its own public address.
	local := localAddress(d.config.Listen)
	if err := handshake(ctx, local, config); err != nil {
		d.add("listener", GradeFail, t.T("No phone can connect: %s: %v", local, err),
			t.T("Start the server; if it runs, see that certificate, URL and listen address fit."))
		return
	}
	d.add("listener", GradeWarn, t.T("The listener works at %s, but this machine does not reach %s: %v", local, public, publicErr),
		t.T("Check from a phone on mobile data that name, firewall and port forwarding lead here."))
}

// localAddress is where a listen address is reached on this machine.
func localAddress(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || (host != "" && (ip == nil || !ip.IsUnspecified())) {
		return listen
	}
	return net.JoinHostPort("localhost", port)
}

func handshake(ctx context.Context, address string, config *tls.Config) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// push looks at the push certificate and whether the push service can be
// reached.
func (d *diagnosis) push(ctx context.Context) {
	t := d.Text
	pair, err := os.ReadFile(filepath.Join(d.Data, keysDir, pushFile))
	if errors.Is(err, fs.ErrNotExist) {
		d.add("push", GradeFail, t.T("There is no push certificate: phones can neither enroll nor be woken."), t.T("Begin with `kannuki cert push request`."))
		return
	}
	var cert apns.Certificate
	if err == nil {
		cert, err = apns.ParseCertificate(pair, pair, d.Wall())
	}
	renew := t.T("Renew the same entry at identity.apple.com/pushcert and import it with `kannuki cert push import`.")
	if err != nil {
		d.add("push", GradeFail, err.Error(), renew)
		return
	}
	text := t.T("Push certificate until %s, topic %s.", t.Time(cert.NotAfter), cert.Topic)
	if d.Wall().Add(pushWarnDays * 24 * time.Hour).After(cert.NotAfter) {
		d.add("push", GradeWarn, text, renew)
	} else {
		d.ok("push", text)
	}
	d.pushService(ctx)
}

// pushService sees whether the push service answers at all. Behind a proxy
// nothing is tried: the proxy would answer, not the service.
func (d *diagnosis) pushService(ctx context.Context) {
	t := d.Text
	if d.config.Push.Proxy != "" || d.Getenv("HTTPS_PROXY") != "" || d.Getenv("https_proxy") != "" {
		d.ok("push-service", t.T("Apple's push service is reached through a proxy; not tried."))
		return
	}
	address := net.JoinHostPort("api.push.apple.com", "443")
	if u, err := url.Parse(d.config.Push.Host); err == nil && u.Host != "" {
		address = u.Host
	}
	dial, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(dial, "tcp", address)
	if err != nil {
		d.add("push-service", GradeWarn, t.T("The push service %s cannot be reached: %v", address, err),
			t.T("Let the server connect to api.push.apple.com on port 443; in a lab, start `kannuki sim run`."))
		return
	}
	_ = conn.Close() // it was only to see whether somebody answers
	d.ok("push-service", t.T("The push service %s answers.", address))
}
