package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/url"

	"golang.org/x/sys/unix"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
)

// appleHost is the push service as Apple names it.
const appleHost = "https://api.push.apple.com"

// pushService asks the push service for nothing, by the way that pushes take
// and with the push certificate, which is the zero one when there is none yet.
// A stand-in that is not running is no fault: in a lab it comes and goes.
func (d *diagnosis) pushService(ctx context.Context, cert apns.Certificate) {
	t := d.Text
	o, err := d.config.pushOptions(d.Getenv)
	if err != nil {
		d.add("push-service", GradeFail, err.Error(), t.T("Mend the configuration file; unknown keys are errors."))
		return
	}
	o.Now, o.Timeout = d.Wall, dialTimeout
	worst, host := GradeFail, appleHost
	if o.Host != "" {
		worst, host = GradeWarn, o.Host
	}
	u, err := url.Parse(host)
	if err != nil {
		d.add("push-service", worst, err.Error(), "")
		return
	}
	through, way := proxyTo(u, o.Proxy), t.T("without a proxy")
	if through != "" {
		way = t.T("through the proxy %s", through)
	}
	r, err := apns.Probe(ctx, cert, o)
	switch {
	case err != nil:
		d.add("push-service", worst, err.Error(), "")
	case r.Outcome == apns.CertificateProblem && cert.Topic != "":
		d.add("push-service", worst, t.T("The push service %s does not take the push certificate: %s", u.Host, cmp.Or(r.Reason, r.String())), d.renewPush())
	case r.Err != nil && r.Outcome != apns.CertificateProblem:
		message, fix := d.broken(u.Host, r.Err)
		if o.Host != "" && through == "" && errors.Is(r.Err, unix.ECONNREFUSED) {
			fix = t.T("In a lab, start `kannuki sim run`: it plays the push service.")
		}
		d.add("push-service", worst, message, fix)
	case o.Host == "" && !r.FromApple():
		d.add("push-service", GradeWarn, t.T("What answers for %s does not answer as the push service does: %s", u.Host, r.String()),
			t.T("If that is a proxy that opens TLS: have it let %s through unopened.", u.Host))
	case r.Status >= http.StatusInternalServerError:
		d.add("push-service", GradeWarn, t.T("The push service %s cannot serve at the moment: %s", u.Host, r.String()), t.T("Wait; pushes are tried again by themselves."))
	default:
		d.ok("push-service", t.T("The push service %s answers, %s.", u.Host, way))
	}
}

// proxyTo returns the host and port of the proxy that leads to u, "" for none.
func proxyTo(u *url.URL, proxy func(*http.Request) (*url.URL, error)) string {
	if proxy == nil {
		return ""
	}
	p, err := proxy(&http.Request{URL: u})
	if err != nil || p == nil {
		return ""
	}
	return p.Host
}

// broken says where the way to a host ends, and who can mend it.
func (d *diagnosis) broken(host string, err error) (message, fix string) {
	t := d.Text
	if e, ok := errors.AsType[*proxyError](err); ok {
		message = t.T("The proxy %s refuses to connect to %s: %d %s", e.proxy, host, e.status, http.StatusText(e.status))
		if e.status == http.StatusProxyAuthRequired {
			return message, t.T("Give the proxy's user and password in the key proxy of the configuration: http://user:password@host:port.")
		}
		return message, t.T("Have the proxy let this machine connect (CONNECT) to %s.", host)
	}
	if e, ok := errors.AsType[*net.OpError](err); ok && e.Op == "proxyconnect" {
		return t.T("The proxy on the way to %s cannot be reached: %v", host, t.Cause(e.Err)),
			t.T("See that the key proxy of the configuration, or HTTPS_PROXY, names the right proxy and that it runs.")
	}
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(e.UnverifiedCertificates) > 0 {
		return t.T("What answers for %s shows a certificate of %q, which is not trusted.", host, e.UnverifiedCertificates[0].Issuer.String()),
			t.T("If that is a proxy that opens TLS: have it let %s through unopened.", host)
	}
	if errors.Is(err, apns.ErrNotHTTP2) {
		return t.T("What answers for %s does not speak HTTP/2: not the push service.", host),
			t.T("If that is a proxy that opens TLS: have it let %s through unopened.", host)
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		return t.T("The name %s cannot be resolved: %v", e.Name, e),
			t.T("Mend the name service of this machine, or name the proxy that is to be used in the key proxy of the configuration.")
	}
	return t.T("%s cannot be reached: %v", host, t.Cause(err)), t.T("Let the server connect to %s, or name the proxy that does in the key proxy of the configuration.", host)
}
