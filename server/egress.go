package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"golang.org/x/net/http/httpproxy"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
)

// proxyNone in the configuration means no proxy, whatever the environment says.
const proxyNone = "none"

// checkProxy tells whether a text names a proxy. Its error does not repeat the
// text, which may hold a password.
func checkProxy(text string) error {
	if text == "" || text == proxyNone {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || (u.Path != "" && u.Path != "/") {
		return errors.New("want http://[user:password@]host:port, https:// for a proxy that speaks TLS, or none")
	}
	return nil
}

// proxy returns how requests leave this machine: by the first that is set of
// the keys given, each "none" or a URL that check has looked at; else by
// HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment.
func proxy(getenv func(string) string, keys ...string) func(*http.Request) (*url.URL, error) {
	for _, key := range keys {
		if key == proxyNone {
			return nil
		}
		if u, err := url.Parse(key); key != "" && err == nil {
			return http.ProxyURL(u)
		}
	}
	either := func(name, other string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return getenv(other)
	}
	choose := (&httpproxy.Config{
		HTTPSProxy: either("HTTPS_PROXY", "https_proxy"),
		HTTPProxy:  either("HTTP_PROXY", "http_proxy"),
		NoProxy:    either("NO_PROXY", "no_proxy"),
	}).ProxyFunc()
	return func(r *http.Request) (*url.URL, error) { return choose(r.URL) }
}

// pushOptions are how an installation reaches the push service.
func (c *Config) pushOptions(getenv func(string) string) (apns.Options, error) {
	o := apns.Options{Host: c.Push.Host, Proxy: proxy(getenv, c.Push.Proxy, c.Proxy), ProxyAnswer: proxyAnswer}
	if c.Push.Roots == "" {
		return o, nil
	}
	pem, err := os.ReadFile(c.Push.Roots)
	if err != nil {
		return o, fmt.Errorf("push.roots: %w", err)
	}
	o.Roots = x509.NewCertPool()
	if !o.Roots.AppendCertsFromPEM(pem) {
		return o, fmt.Errorf("push.roots: %s holds no certificate", c.Push.Roots)
	}
	return o, nil
}

// proxyError says that a proxy did not open a tunnel. Package http alone would
// say no more than "Forbidden", which might be anybody's word.
type proxyError struct {
	proxy  string // host and port, never with credentials
	target string
	status int
}

func (e *proxyError) Error() string {
	return fmt.Sprintf("proxy %s refused to connect to %s: %d %s", e.proxy, e.target, e.status, http.StatusText(e.status))
}

// proxyAnswer has the signature of [http.Transport]'s OnProxyConnectResponse.
func proxyAnswer(_ context.Context, proxy *url.URL, connect *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{proxy: proxy.Host, target: connect.Host, status: answer.StatusCode}
}
