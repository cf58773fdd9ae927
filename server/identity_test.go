package server_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs"
)

// attempt is one way to claim an identity that must fail.
type attempt struct {
	name     string
	tls      *identity
	sign     func(body []byte) []string // Mdm-Signature headers, nil for none
	who      map[string]any
	identity string // in the audit log; "" when there is no entry
	reason   string
}

// TestIdentityMatrix sends every message with every identity that must not be
// accepted: the answer is an empty 400, never 401 (which unenrols a phone),
// nothing is stored, and the audit log counts each identity and reason once.
func TestIdentityMatrix(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	a, b := mint(t, in.deviceCA(), nil), mint(t, in.deviceCA(), nil)
	retired, current := mint(t, in.deviceCA(), nil), mint(t, in.deviceCA(), nil)
	issued := mint(t, in.deviceCA(), nil)
	in.record(a, b, retired, current, issued)
	in.enrolRaw(a, "PHONE-A")
	in.enrolRaw(b, "PHONE-B")
	in.enrolRaw(retired, "PHONE-C")
	checkOut, header := messages()[2].of(t, udid("PHONE-C"))
	if status, _ := in.as(retired).do(http.MethodPut, "/mdm/checkin", header, checkOut); status != http.StatusOK {
		t.Fatalf("CheckOut: %d", status)
	}
	in.enrolRaw(current, "PHONE-C")
	everybody := []*identity{a, b, retired, current, issued}
	phones, known, before := in.records(everybody...)

	attempts := in.attempts(t, a, b, retired)
	want := map[string]int{}
	for _, at := range attempts {
		t.Run(at.name, func(t *testing.T) { in.refused(t, at) })
		if at.identity != "" {
			want[at.identity+" "+at.reason] += len(messages())
		}
	}
	for _, m := range messages()[1:] { // before Authenticate a certificate speaks for nobody
		body, header := m.of(t, udid("PHONE-X"))
		if status, answer := in.as(issued).do(http.MethodPut, m.path, header, body); status != http.StatusBadRequest || len(answer) > 0 {
			t.Errorf("%s before Authenticate: %d, %d bytes; want an empty 400", m.name, status, len(answer))
		}
		want[issued.fingerprint()+" phone-not-enrolled"]++
	}
	phonesAfter, knownAfter, log := in.records(everybody...)
	if diff := cmp.Diff(phones, phonesAfter); diff != "" {
		t.Errorf("refused messages changed phones (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(known, knownAfter); diff != "" {
		t.Errorf("refused messages changed certificates (-want +got):\n%s", diff)
	}
	got := map[string]int{}
	for _, e := range log[len(before):] {
		n, err := strconv.Atoi(e.Detail["count"])
		if err != nil || e.Action != "security.refused" {
			t.Fatalf("unexpected audit entry %+v", e)
		}
		if got[e.Target+" "+e.Detail["reason"]] != 0 {
			t.Errorf("two entries for %s %s within a minute", e.Target, e.Detail["reason"])
		}
		got[e.Target+" "+e.Detail["reason"]] = n
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("audit log of refusals (-want +got):\n%s", diff)
	}
}

// spoilt is a certificate that must not be accepted for PHONE-A.
type spoilt struct {
	name     string
	id       *identity
	identity string // "none" when the certificate itself is no good
	reason   string
}

func (in *installation) spoilt(t *testing.T, a, b, retired *identity) []spoilt {
	ca, keys := in.deviceCA(), in.keyring()
	namesake := mint(t, nil, func(c *x509.Certificate) {
		c.IsCA, c.KeyUsage, c.Subject, c.RawSubject = true, x509.KeyUsageCertSign, ca.cert.Subject, ca.cert.RawSubject
	})
	server := keys.ServerTLS()
	serverCert, err := x509.ParseCertificate(server.Certificate[0])
	in.must(err)
	scepCert, scepKey := keys.SCEPDecrypter()
	unknown := mint(t, ca, nil)
	return []spoilt{
		{"expired", mint(t, ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }), "none", certs.ReasonExpired},
		{"not yet valid", mint(t, ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }), "none", certs.ReasonNotYetValid},
		{"self-signed", mint(t, nil, nil), "none", certs.ReasonUnknownAuthority},
		{"another CA of the same name", mint(t, namesake, nil), "none", certs.ReasonUnknownAuthority},
		{"the device CA", ca, "none", certs.ReasonUnknownAuthority},
		{"a CA below the device CA", mint(t, ca, func(c *x509.Certificate) { c.IsCA = true }), "none", certs.ReasonNotAClient},
		{"issued by a phone", mint(t, a, nil), "none", certs.ReasonUnknownAuthority},
		{"for servers", mint(t, ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "none", certs.ReasonNotAClient},
		{"the server's own", &identity{serverCert, signer(t, server.PrivateKey)}, "none", certs.ReasonUnknownAuthority},
		{"the SCEP decrypter", &identity{scepCert, scepKey}, "none", certs.ReasonNotAClient},
		{"good but not on record", unknown, unknown.fingerprint(), "certificate-unknown"},
		{"of another phone", b, b.fingerprint(), "certificate-of-another-phone"},
		{"retired", retired, retired.fingerprint(), "certificate-retired"},
	}
}

// attempts lists what must fail: over TLS, by signature, and by both.
func (in *installation) attempts(t *testing.T, a, b, retired *identity) []attempt {
	victim := udid("PHONE-A")
	out := []attempt{{name: "TLS: no certificate", who: victim, identity: "none", reason: certs.ReasonNoCertificate}}
	certificates := in.spoilt(t, a, b, retired)
	for _, c := range certificates {
		signed := func(body []byte) []string { return []string{c.id.sign(t, body)} }
		out = append(
			out,
			attempt{name: "TLS: " + c.name, tls: c.id, who: victim, identity: c.identity, reason: c.reason},
			attempt{name: "signature: " + c.name, sign: signed, who: victim, identity: c.identity, reason: c.reason},
		)
	}
	both := map[string]any{"UDID": "PHONE-A", "EnrollmentID": "PHONE-A"}
	byA := func(body []byte) []string { return []string{a.sign(t, body)} }
	twice := func(body []byte) []string { return append(byA(body), byA(body)...) }
	byBoth := func(body []byte) []string { return append(byA(body), b.sign(t, body)) }
	overOther := func(body []byte) []string { return byA(append(body, ' ')) }
	fixed := func(header string) func([]byte) []string { return func([]byte) []string { return []string{header} } }
	return append(
		out,
		// A message that names two phones, or none, is malformed, whoever sends it.
		attempt{name: "TLS: both identifiers", tls: a, who: both},
		attempt{name: "signature: both identifiers", sign: byA, who: both},
		attempt{name: "TLS: no identifier", tls: a},
		attempt{name: "TLS of B, signature of A", tls: b, sign: byA, who: victim, identity: "none", reason: "certificates-differ"},
		attempt{name: "TLS expired, signature of A", tls: certificates[0].id, sign: byA, who: victim, identity: "none", reason: certs.ReasonExpired},
		attempt{name: "signature of A twice", sign: twice, who: victim, identity: "none", reason: certs.ReasonMalformed},
		attempt{name: "TLS of A, signatures of A and B", tls: a, sign: byBoth, who: victim, identity: "none", reason: certs.ReasonMalformed},
		attempt{name: "signature of A over another body", sign: overOther, who: victim, identity: a.fingerprint(), reason: certs.ReasonBadSignature},
		attempt{name: "TLS of A, signature over another body", tls: a, sign: overOther, who: victim, identity: a.fingerprint(), reason: certs.ReasonBadSignature},
		attempt{name: "empty signature", sign: fixed(""), who: victim, identity: "none", reason: certs.ReasonNoCertificate},
		attempt{name: "signature is no base64", sign: fixed("!"), who: victim, identity: "none", reason: certs.ReasonMalformed},
	)
}

func (in *installation) refused(t *testing.T, at attempt) {
	t.Helper()
	w := in.as(at.tls)
	for _, m := range messages() {
		body, header := m.of(t, at.who)
		if at.sign != nil {
			header["Mdm-Signature"] = at.sign(bytes.Clone(body))
		}
		// Headers in which proxies pass certificates on are nobody's proof here.
		header.Set("X-Forwarded-Client-Cert", "Hash=00")
		header.Set("Client-Cert", ":AAAA:")
		if status, answer := w.do(http.MethodPut, m.path, header, body); status != http.StatusBadRequest || len(answer) > 0 {
			t.Errorf("%s: %d with %d bytes, want 400 without a body", m.name, status, len(answer))
		}
	}
}

// TestIdentityAccepted is the other half of the matrix: the same requests with
// the right identity, over TLS, by signature alone as behind a proxy, by both.
func TestIdentityAccepted(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	for _, test := range []struct {
		name   string
		tls    *identity
		signed bool
	}{{"TLS", a, false}, {"signature", nil, true}, {"both", a, true}} {
		for _, m := range messages() {
			if strings.Contains(m.name, "Bootstrap") || m.name == "UserAuthenticate" || m.name == "CheckOut" {
				continue // of no use to this server, or the end of the test
			}
			body, header := m.of(t, udid("PHONE-A"))
			if test.signed {
				header.Set("Mdm-Signature", a.sign(t, body))
			}
			if status, _ := in.as(test.tls).do(http.MethodPut, m.path, header, body); status != http.StatusOK {
				t.Errorf("%s by %s: %d, want 200", m.name, test.name, status)
			}
		}
	}
	body, header := messages()[5].of(t, udid("PHONE-A"))
	if status, _ := in.as(a).do(http.MethodPut, "/mdm/checkin", header, body); status != http.StatusGone {
		t.Errorf("UserAuthenticate: %d, want 410: users are not managed", status)
	}
	for _, step := range []struct{ message, want int }{{2, http.StatusOK}, {6, http.StatusBadRequest}} { // CheckOut, DeclarativeManagement
		body, header := messages()[step.message].of(t, udid("PHONE-A"))
		if status, _ := in.as(a).do(http.MethodPut, "/mdm/checkin", header, body); status != step.want {
			t.Errorf("%s: %d, want %d", messages()[step.message].name, status, step.want)
		}
	}
	_, _, log := in.records()
	if last := log[len(log)-1]; last.Action != "security.refused" || last.Detail["reason"] != "phone-not-enrolled" || last.Target != a.fingerprint() {
		t.Errorf("last audit entry = %+v, want the refusal of the phone that left", last)
	}
}

// TestPhonesSign enrols and synchronises a phone whose profile has it sign.
func TestPhonesSign(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	in.reconfigure("sign_message: false", "sign_message: true")
	p := in.phone("00008120-S", nil)
	in.enrol(p, "sales", "production")
	in.until("declarations on the phone", func() bool { return len(p.Snapshot().Declarations) > 0 }, p)
	noViolations(t, p)
}

// TestBehindProxy: a proxy on this machine ends TLS, so the signature is all
// that proves a phone.
func TestBehindProxy(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	in.stop()
	in.edit("sign_message: false", "sign_message: true")
	in.edit("tls: {}", "tls:\n  off: true")
	in.start()
	in.url = strings.Replace(in.url, "https:", "http:", 1)
	body, header := messages()[9].of(t, udid("PHONE-A"))
	if status, _ := in.as(nil).do(http.MethodPut, "/mdm/command", header, body); status != http.StatusBadRequest {
		t.Errorf("unsigned: %d, want 400", status)
	}
	header.Set("Mdm-Signature", a.sign(t, body))
	if status, _ := in.as(nil).do(http.MethodPut, "/mdm/command", header, body); status != http.StatusOK {
		t.Errorf("signed: %d, want 200", status)
	}
}

// signer is a private key as what it can do.
func signer(t *testing.T, key crypto.PrivateKey) crypto.Signer {
	t.Helper()
	s, ok := key.(crypto.Signer)
	if !ok {
		t.Fatalf("%T does not sign", key)
	}
	return s
}
