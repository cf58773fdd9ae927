package apns_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
)

// A request made here, signed by the portal, comes back as a certificate that
// pushes.
func TestRequestToPush(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	csrPEM, keyPEM, err := apns.NewRequest(apns.RequestName{CommonName: "Example", Organization: "例", Country: "JP"})
	if err != nil {
		t.Fatal(err)
	}
	certPEM, err := s.SignRequest(csrPEM, topic)
	if err != nil {
		t.Fatal(err)
	}
	c, err := apns.ParseCertificate(certPEM, keyPEM, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if key, ok := c.TLS.PrivateKey.(*rsa.PrivateKey); !ok || key.N.BitLen() != 2048 {
		t.Errorf("key is a %T, want RSA of 2048 bits", c.TLS.PrivateKey)
	}
	got := []string{c.Topic, c.Subject, c.Serial}
	want := []string{topic, "APSP:stand-in", c.TLS.Leaf.SerialNumber.Text(16)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}
	client, err := apns.NewClient(c, apns.Options{Host: s.URL, Roots: s.Roots, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if r := client.Push(t.Context(), push("phone")); r.Outcome != apns.Accepted {
		t.Error(r)
	}
}

func TestNewRequestRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []apns.RequestName{{}, {CommonName: "x", Country: "Japan"}} {
		if _, _, err := apns.NewRequest(name); err == nil {
			t.Errorf("request for %+v was made", name)
		}
	}
}

func TestParseCertificate(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	issue := func(topic string) (certPEM, keyPEM []byte) {
		certPEM, keyPEM, err := s.IssueCertificate(topic)
		if err != nil {
			t.Fatal(err)
		}
		return certPEM, keyPEM
	}
	cert, key := issue(topic)
	_, otherKey := issue(topic)
	app, appKey := issue("com.example.app")
	csr, _, err := apns.NewRequest(apns.RequestName{CommonName: "x"})
	if err != nil {
		t.Fatal(err)
	}
	noUID, noUIDKey := selfSigned(t)
	twoUIDs, twoUIDsKey := selfSigned(t, topic, topic+"2")
	der, _ := pem.Decode(cert)
	block := func(kind string) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: []byte("x")}) }
	now := time.Now()
	tests := []struct {
		name      string
		cert, key []byte
		now       time.Time
		want      error  // nil: no error
		hint      string // part of the text
	}{
		{name: "good", cert: cert, key: key},
		{name: "good in one file", cert: append(append([]byte(nil), key...), cert...), key: append(append([]byte(nil), cert...), key...)},
		{name: "empty", key: key, want: apns.ErrNotPEM, hint: "file is empty"},
		{name: "binary", cert: der.Bytes, key: key, want: apns.ErrNotPEM, hint: "openssl"},
		{name: "swapped", cert: key, key: cert, want: apns.ErrNotPEM, hint: "swapped"},
		{name: "request", cert: csr, key: key, want: apns.ErrNotPEM, hint: "this is the request"},
		{name: "damaged certificate", cert: block("CERTIFICATE"), key: key, want: apns.ErrNotPEM},
		{name: "no key", cert: cert, want: apns.ErrNotPEM, hint: "no PRIVATE KEY block; the file is empty"},
		{name: "damaged key", cert: cert, key: block("PRIVATE KEY"), want: apns.ErrNotPEM, hint: "damaged"},
		{name: "damaged RSA key", cert: cert, key: block("RSA PRIVATE KEY"), want: apns.ErrNotPEM, hint: "damaged"},
		{name: "damaged EC key", cert: cert, key: block("EC PRIVATE KEY"), want: apns.ErrNotPEM, hint: "damaged"},
		{name: "encrypted key", cert: cert, key: block("ENCRYPTED PRIVATE KEY"), want: apns.ErrNotPEM, hint: "openssl pkey"},
		{name: "other key", cert: cert, key: otherKey, want: apns.ErrKeyMismatch, hint: "new request"},
		{name: "certificate of an app", cert: app, key: appKey, want: apns.ErrNotMDM, hint: `"com.example.app"`},
		{name: "no UID", cert: noUID, key: noUIDKey, want: apns.ErrNotMDM, hint: "no UID"},
		{name: "two UIDs", cert: twoUIDs, key: twoUIDsKey, want: apns.ErrNotMDM, hint: "no single UID"},
		{name: "not yet valid", cert: cert, key: key, now: now.AddDate(0, 0, -2), want: apns.ErrNotYetValid, hint: "clock"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.now.IsZero() {
				tt.now = now
			}
			c, err := apns.ParseCertificate(tt.cert, tt.key, tt.now)
			if !errors.Is(err, tt.want) || (err != nil && !strings.Contains(err.Error(), tt.hint)) {
				t.Fatalf("error = %v, want %v with %q", err, tt.want, tt.hint)
			}
			if err == nil && c.Topic != topic {
				t.Errorf("topic = %q, want %q", c.Topic, topic)
			}
		})
	}
}

func TestParseExpiredCertificate(t *testing.T) {
	t.Parallel()
	s := start(t, apnstest.Options{})
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	certPEM, keyPEM, err := s.IssueCertificateUntil(topic, end)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := apns.ParseCertificate(certPEM, keyPEM, end); err != nil {
		t.Errorf("in its last second: %v", err)
	}
	_, err = apns.ParseCertificate(certPEM, keyPEM, end.Add(time.Second))
	expired, ok := errors.AsType[*apns.ExpiredError](err)
	if !ok {
		t.Fatalf("error = %v, want an ExpiredError", err)
	}
	if diff := cmp.Diff(&apns.ExpiredError{Topic: topic, NotAfter: end}, expired); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestCheckTopic(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, current, next string
		refused             bool
	}{
		{"first certificate", "", topic, false},
		{"renewed", topic, topic, false},
		{"new entry in the portal", topic, apns.TopicPrefix + "other", true},
		{"other case", topic, strings.ToUpper(topic), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := apns.CheckTopic(tt.current, tt.next)
			change, refused := errors.AsType[*apns.TopicChangeError](err)
			if refused != tt.refused {
				t.Fatalf("error = %v, want refused: %t", err, tt.refused)
			}
			if refused && (change.Current != tt.current || change.Next != tt.next) {
				t.Errorf("error names %q and %q", change.Current, change.Next)
			}
		})
	}
}

// selfSigned returns a certificate with these UIDs, and its key.
func selfSigned(t *testing.T, uids ...string) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "web server"},
		NotAfter:     time.Now().Add(time.Hour),
	}
	for _, uid := range uids {
		template.Subject.ExtraNames = append(template.Subject.ExtraNames, pkix.AttributeTypeAndValue{
			Type: asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 1}, Value: uid,
		})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certPEM = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM = pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	return certPEM, keyPEM
}

// FuzzParseCertificate: whatever files a person picks, the answer is a usable
// certificate or an error that does not quote them.
func FuzzParseCertificate(f *testing.F) {
	s, err := apnstest.New(apnstest.Options{Now: time.Now})
	if err != nil {
		f.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // it only issues a certificate
	certPEM, keyPEM, err := s.IssueCertificate(topic)
	if err != nil {
		f.Fatal(err)
	}
	now := time.Now()
	f.Add(certPEM, keyPEM)
	f.Add(keyPEM, certPEM)
	f.Add([]byte{0x30, 0x82}, []byte("-----BEGIN EC PRIVATE KEY-----\neA==\n-----END EC PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, certPEM, keyPEM []byte) {
		c, err := apns.ParseCertificate(certPEM, keyPEM, now)
		switch {
		case err == nil && (!strings.HasPrefix(c.Topic, apns.TopicPrefix) || c.TLS.PrivateKey == nil || c.NotAfter.Before(now)):
			t.Errorf("parsed into %+v", c)
		case err != nil && len(keyPEM) > 20 && strings.Contains(err.Error(), string(keyPEM)):
			t.Errorf("error quotes the key file: %v", err)
		}
	})
}
