package server_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// testProxy is an HTTP proxy: it tunnels what is CONNECTed to and fetches what
// is asked for by its whole URL.
type testProxy struct {
	address string // host:port

	mu      sync.Mutex
	asked   []string // "CONNECT host:port" or "GET http://…"
	wants   string   // "user:password", "" for none
	divert  string   // where tunnels lead instead, "" for where they should
	refusal int      // status of every answer, 0 for none
}

func startProxy(t *testing.T) *testProxy {
	t.Helper()
	p := &testProxy{}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.address = strings.TrimPrefix(s.URL, "http://")
	return p
}

// impostor is a TLS server that shows a certificate for a name, as a proxy that
// opens TLS does. roots is the file with which it is trusted.
func impostor(t *testing.T, name string, h http.Handler) (address, roots string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.EnableHTTP2 = true
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots = filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.Listener.Addr().String(), roots
}

// set changes the proxy's behaviour.
func (p *testProxy) set(change func(*testProxy)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change(p)
}

// log returns what was asked for.
func (p *testProxy) log() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

func (p *testProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.asked = append(p.asked, r.Method+" "+r.RequestURI)
	wants, divert, refusal := p.wants, p.divert, p.refusal
	p.mu.Unlock()
	if wants != "" && r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(wants)) {
		refusal = http.StatusProxyAuthRequired
	}
	switch {
	case refusal != 0:
		w.WriteHeader(refusal)
	case r.Method == http.MethodConnect && divert != "":
		tunnel(w, r, divert)
	case r.Method == http.MethodConnect:
		tunnel(w, r, r.Host)
	default:
		forward(w, r)
	}
}

func forward(w http.ResponseWriter, r *http.Request) {
	r.RequestURI = ""
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer resp.Body.Close() //nolint:errcheck // a test's proxy
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func tunnel(w http.ResponseWriter, r *http.Request, address string) {
	out, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer out.Close() //nolint:errcheck // a test's tunnel
	w.WriteHeader(http.StatusOK)
	in, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer in.Close() //nolint:errcheck // a test's tunnel
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(in, out)
		_ = in.Close()
	})
	_, _ = io.Copy(out, buffered)
	_ = out.Close()
	back.Wait()
}
