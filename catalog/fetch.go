package catalog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Addresses of the public feeds. Apple asks to read GDMF at most once a day.
const (
	GDMFURL = "https://gdmf.apple.com/v2/pmv"
	SOFAURL = "https://sofafeed.macadmins.io/v2/ios_data_feed.json"
	KEVURL  = "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json"
)

// fetchTimeout bounds one fetch, redirects and body included.
const fetchTimeout = 60 * time.Second

// maxRedirects is the limit of net/http, which a CheckRedirect replaces.
const maxRedirects = 10

// Validator is what a server gave for asking later whether a feed has changed
// (RFC 9110, 8.8). The zero Validator asks for the feed as it is.
type Validator struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
}

// Fetched is what a server answered.
type Fetched struct {
	Data      []byte // nil when Unchanged
	Unchanged bool   // the feed is still the one that the validator belongs to
	Validator Validator
	Date      time.Time // by the server's clock; zero when it did not say
}

// CheckURL tells whether Fetch would read from an address.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("not a URL")
	}
	return secure(u)
}

// Fetch reads a feed over HTTPS, or over plain HTTP from a loopback address. It
// reads at most limit bytes (MaxInput when limit is not positive or larger); a
// longer body, a status other than 200, or a redirect to plain HTTP are errors.
// It takes at most 60 seconds and does not retry.
//
// GDMF's certificate chain ends in "Apple Root CA", which public bundles do not
// contain: use a client from NewClient with that certificate
// (https://www.apple.com/certificateauthority/).
func Fetch(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	got, err := FetchIfChanged(ctx, client, address, Validator{}, limit)
	return got.Data, err
}

// FetchIfChanged is Fetch for a feed that was read before: the server may answer
// that it is unchanged, and then sends nothing.
func FetchIfChanged(ctx context.Context, client *http.Client, address string, v Validator, limit int64) (Fetched, error) {
	if limit <= 0 || limit > MaxInput {
		limit = MaxInput
	}
	u, err := url.Parse(address)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch feed: %w", err)
	}
	if err := secure(u); err != nil {
		return Fetched{}, fmt.Errorf("fetch feed: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch feed: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "kannuki")
	v.ask(req.Header)
	resp, err := secureClient(client).Do(req)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err // without the address, whose query may hold a key
		}
		return Fetched{}, fmt.Errorf("fetch feed from %s: %w", u.Host, err)
	}
	defer resp.Body.Close()                            //nolint:errcheck // nothing was written
	date, _ := http.ParseTime(resp.Header.Get("Date")) // zero when it is none
	if resp.StatusCode == http.StatusNotModified && v != (Validator{}) {
		return Fetched{Unchanged: true, Validator: v, Date: date}, nil
	}
	if resp.StatusCode != http.StatusOK {
		return Fetched{}, fmt.Errorf("fetch feed: %s answered %s", u.Host, resp.Status)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return Fetched{}, fmt.Errorf("fetch feed: %w", err)
	}
	if int64(len(data)) > limit {
		return Fetched{}, fmt.Errorf("fetch feed: %s sent more than %d bytes", u.Host, limit)
	}
	given := Validator{ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	return Fetched{Data: data, Validator: given, Date: date}, nil
}

// ask makes a request conditional.
func (v Validator) ask(h http.Header) {
	if v.ETag != "" {
		h.Set("If-None-Match", v.ETag)
	}
	if v.LastModified != "" {
		h.Set("If-Modified-Since", v.LastModified)
	}
}

// secureClient returns a copy of client that refuses redirects to plain HTTP.
func secureClient(client *http.Client) *http.Client {
	guarded := *client
	guarded.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if err := secure(req.URL); err != nil {
			return err
		}
		if client.CheckRedirect != nil {
			return client.CheckRedirect(req, via)
		}
		if len(via) >= maxRedirects {
			return errors.New("too many redirects")
		}
		return nil
	}
	return &guarded
}

func secure(u *url.URL) error {
	if u.Scheme == "https" && u.Host != "" {
		return nil
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); u.Scheme == "http" && (host == "localhost" || ip.IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%q is neither https nor on this machine", u.Redacted())
}

// NewClient returns a client for Fetch that trusts the system's roots and the
// PEM certificates given, which may be empty. It uses the proxy of the
// environment.
func NewClient(extraRoots []byte) (*http.Client, error) {
	roots, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("system roots: %w", err)
	}
	if len(extraRoots) > 0 && !roots.AppendCertsFromPEM(extraRoots) {
		return nil, errors.New("extra roots: no certificate in the PEM text")
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		TLSClientConfig:       &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:     true,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConns:          4,
		IdleConnTimeout:       30 * time.Second,
	}
	return &http.Client{Transport: transport}, nil
}
