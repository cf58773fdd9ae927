package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

func TestExpiryStep(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		left time.Duration
		want int
		ok   bool
	}{
		{61 * day, 0, false},
		{60 * day, 60, true},
		{31 * day, 60, true},
		{30 * day, 30, true},
		{8 * day, 14, true},
		{day + time.Hour, 3, true},
		{time.Hour, 1, true},
		{-time.Hour, 0, true},
	} {
		got, ok := expiryStep(test.left)
		if got != test.want || ok != test.ok {
			t.Errorf("expiryStep(%s) = %d, %t, want %d, %t", test.left, got, ok, test.want, test.ok)
		}
	}
}

// TestExpiriesAreLoggedOnce looks every day for the last days of a
// root, which nobody renews.
func TestExpiriesAreLoggedOnce(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "d")
	now := time.Now()
	if _, err := Init(t.Context(), InitOptions{Data: data, URL: "https://mdm.example.co.jp"}, func() time.Time { return now }); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s := &Server{o: Options{
		Data: data, Getenv: func(string) string { return "" }, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Wall: func() time.Time { return now },
	}}
	list, err := Certificates(data, s.o.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	end := list[0].NotAfter // of the root
	e := expiries{said: map[string]int{}}
	for now = end.AddDate(0, 0, -100); now.Before(end.AddDate(0, 0, 5)); now = now.Add(day) {
		s.lookAtExpiries(t.Context(), &e)
	}
	var got []string
	for _, line := range strings.Split(log.String(), "\n") {
		if _, after, ok := strings.Cut(line, "certificate=root"); ok {
			_, days, _ := strings.Cut(after, "days_left=")
			got = append(got, days)
		}
	}
	if diff := cmp.Diff([]string{"60", "30", "14", "7", "3", "1", ""}, got); diff != "" {
		t.Errorf("days left in the log, \"\" for ended (-want +got):\n%s", diff)
	}
	if strings.Contains(log.String(), certServer) {
		t.Error("the log warns of a certificate that the server renews itself")
	}
}

// TestTLSRules: what a phone refuses although its chain is in order.
func TestTLSRules(t *testing.T) {
	t.Parallel()
	strong, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	leaf := func(change func(*x509.Certificate)) *x509.Certificate {
		c := &x509.Certificate{
			RawSubject: []byte("leaf"), RawIssuer: []byte("authority"), PublicKey: strong.Public(), SignatureAlgorithm: x509.SHA256WithRSA,
			NotBefore: start, NotAfter: start.Add(publicLife), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}
		change(c)
		return c
	}
	same := func(*x509.Certificate) {}
	sha1 := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }
	for _, test := range []struct {
		name  string
		suite uint16
		certs []*x509.Certificate
		grade Grade
		says  string
	}{
		{"good", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(same)}, GradeOK, "accepts"},
		{"no forward secrecy", tls.TLS_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(same)}, GradeFail, "forward secrecy"},
		{"a long life", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(func(c *x509.Certificate) { c.NotAfter = start.Add(826 * day) })}, GradeFail, "826 days"},
		{"too long for a public one", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(func(c *x509.Certificate) { c.NotAfter = start.Add(400 * day) })}, GradeWarn, "400 days"},
		{"a client's", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })}, GradeFail, "not one for servers"},
		{"a short key", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(func(c *x509.Certificate) { c.PublicKey = curve.Public() })}, GradeFail, "224 bits"},
		{"an intermediate one with SHA-1", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(same), leaf(sha1)}, GradeFail, "SHA1"},
		{"a root with SHA-1", tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, []*x509.Certificate{leaf(same), leaf(func(c *x509.Certificate) { sha1(c); c.RawIssuer = c.RawSubject })}, GradeOK, "accepts"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := diagnosis{DiagnoseOptions: DiagnoseOptions{Text: lang.New(lang.English)}, config: Config{TLS: TLSConfig{Certificate: "x"}}}
			d.tls(tls.ConnectionState{Version: tls.VersionTLS12, CipherSuite: test.suite, PeerCertificates: test.certs})
			if f := d.findings[0]; f.Grade != test.grade || !strings.Contains(f.Message, test.says) {
				t.Errorf("finding = %+v, want %s and %q", f, test.grade, test.says)
			}
		})
	}
}
