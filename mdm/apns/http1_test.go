package apns_test

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"testing"
)

// http1 is a TLS server without HTTP/2 that says yes to everything.
type http1 struct {
	*httptest.Server

	roots *x509.CertPool
}

func startHTTP1(t *testing.T, offers []string) http1 {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the client's choice of protocol
	s.TLS = &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: offers}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return http1{s, roots}
}
