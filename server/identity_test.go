package server_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// claim is one way to say who one is, and what has to come of it.
type claim struct {
	name   string
	tls    *identity                  // shown in TLS, nil for none
	sign   func(body []byte) []string // Mdm-Signature headers, nil for none
	header http.Header                // further headers
	who    map[string]any
	refusal
	userReason string // of the refusal of UserAuthenticate, if it is another
}

// refusal is what the audit log says of a refused claim; the zero value is a
// claim that is accepted.
type refusal struct {
	segment  storage.Segment // default when empty
	identity string          // fingerprint, or "none" for a certificate that is no device identity
	reason   string
}

// cast is everybody who takes part in the matrix.
type cast struct {
	a, b             *identity // of PHONE-A and PHONE-B
	old, renewed     *identity // of PHONE-C
	revoked, foreign *identity // of PHONE-V, and of PHONE-O in another segment
	issued           *identity // not yet shown at an Authenticate
}

const otherSegment = storage.Segment("other")

func (in *installation) cast() *cast {
	t, ca := in.t, in.deviceCA()
	c := &cast{
		a: mint(t, ca, nil), b: mint(t, ca, nil), old: mint(t, ca, nil), renewed: mint(t, ca, nil),
		revoked: mint(t, ca, nil), foreign: mint(t, ca, nil), issued: mint(t, ca, nil),
	}
	in.offline(func(ctx context.Context, s *bolt.Store) {
		for _, id := range []*identity{c.a, c.b, c.old, c.revoked, c.issued} {
			in.recordIn(ctx, s, storage.DefaultSegment, id, nil)
		}
		in.recordIn(ctx, s, storage.DefaultSegment, c.renewed, func(g *storage.Grant) {
			g.Purpose, g.Phone, g.Epoch = storage.PurposeRenewal, "PHONE-C", 1
		})
		in.recordIn(ctx, s, otherSegment, c.foreign, nil)
		in.bind(ctx, s, storage.DefaultSegment, c.revoked, "PHONE-V", storage.CertificateRevoked)
		in.bind(ctx, s, otherSegment, c.foreign, "PHONE-O", storage.CertificateCurrent)
	})
	in.enrolRaw(c.a, "PHONE-A")
	in.enrolRaw(c.b, "PHONE-B")
	in.enrolRaw(c.old, "PHONE-C")
	in.accepted(c.renewed, "PHONE-C", "Authenticate", "TokenUpdate", "Idle")
	return c
}

// TestIdentityMatrix sends every message that Apple's clients know with every
// kind of identity, over mutual TLS and by Mdm-Signature. Refused is an empty
// 400, never 401 (which unenrols a phone), and stores nothing but one audit
// entry for each identity, however many refusals there were.
func TestIdentityMatrix(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	c := in.cast()
	claims := append(in.strangers(c), in.mixtures(c)...)
	in.allRefused(claims)
	accepted := in.welcome(c)
	for _, cl := range accepted {
		t.Run(cl.name, func(t *testing.T) { in.admitted(t, cl) })
	}
	t.Logf("%d combinations: %d refused and %d accepted claims x %d messages",
		(len(claims)+len(accepted))*len(messages()), len(claims), len(accepted), len(messages()))
}

// allRefused wants every claim refused for every message, with nothing stored
// but one audit entry for each identity, which counts the reasons.
func (in *installation) allRefused(claims []claim) {
	t := in.t
	t.Helper()
	before, logBefore := in.records()
	want := map[refusal]int{}
	for _, cl := range claims {
		t.Run(cl.name, func(t *testing.T) { in.refused(t, cl, want) })
	}
	after, logAfter := in.records()
	if diff := gocmp.Diff(before, after); diff != "" {
		t.Errorf("refused messages changed the database, digests by bucket (-want +got):\n%s", diff)
	}
	got, entries := map[refusal]int{}, map[string]int{}
	for seg, log := range logAfter {
		for _, e := range log[len(logBefore[seg]):] {
			if e.Action != "security.refused" {
				t.Fatalf("unexpected audit entry %+v", e)
			}
			entries[string(seg)+" "+e.Target]++
			for reason, n := range reasons(t, e) {
				got[refusal{seg, e.Target, reason}] += n
			}
		}
	}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(refusal{})); diff != "" {
		t.Errorf("refusals in the audit log (-want +got):\n%s", diff)
	}
	for identity, n := range entries {
		if n != 1 {
			t.Errorf("%d audit entries for %s within a minute, want 1", n, identity)
		}
	}
}

// reasons takes "expired 3, malformed 1" apart and checks the total.
func reasons(t *testing.T, e storage.AuditEntry) map[string]int {
	t.Helper()
	counts, total := map[string]int{}, 0
	for _, part := range strings.Split(e.Detail["reasons"], ", ") {
		reason, n, _ := strings.Cut(part, " ")
		count, err := strconv.Atoi(n)
		if err != nil {
			t.Fatalf("audit entry %+v: %v", e, err)
		}
		counts[reason], total = count, total+count
	}
	if e.Detail["count"] != strconv.Itoa(total) {
		t.Errorf("audit entry %+v: the reasons add up to %d", e, total)
	}
	return counts
}

// refused sends everything with one claim and counts in want what the audit
// log has to say.
func (in *installation) refused(t *testing.T, cl claim, want map[refusal]int) {
	t.Helper()
	w := in.as(cl.tls)
	for _, m := range messages() {
		if status, answer := w.send(t, cl, m); status != http.StatusBadRequest || len(answer) > 0 {
			t.Errorf("%s: %d with %d bytes, want 400 without a body", m.name, status, len(answer))
		}
		proved := cl.identity != "none" && cl.reason != certs.ReasonBadSignature
		if cl.identity == "" || (proved && m.undecoded) {
			continue // refused as malformed, whoever sent it
		}
		r := cl.refusal
		if cl.userReason != "" && strings.HasPrefix(m.name, "UserAuthenticate") {
			r.reason = cl.userReason
		}
		if r.segment == "" {
			r.segment = storage.DefaultSegment
		}
		want[r]++
	}
}

// admitted sends everything with one claim and wants it answered.
func (in *installation) admitted(t *testing.T, cl claim) {
	t.Helper()
	w := in.as(cl.tls)
	for _, m := range messages() {
		if status, _ := w.send(t, cl, m); status != m.want {
			t.Errorf("%s: %d, want %d", m.name, status, m.want)
		}
	}
}

func (w *wire) send(t *testing.T, cl claim, m message) (int, []byte) {
	t.Helper()
	body, header := m.of(t, cl.who)
	if cl.sign != nil {
		header["Mdm-Signature"] = cl.sign(bytes.Clone(body))
	}
	maps.Copy(header, cl.header)
	return w.do(http.MethodPut, m.path, header, body)
}

// proxyHeaders pass a certificate on as proxies do (RFC 9440, and the forms of
// two common proxies). They are nobody's proof here.
func proxyHeaders(id *identity) http.Header {
	field := ":" + base64.StdEncoding.EncodeToString(id.cert.Raw) + ":"
	return http.Header{
		"Client-Cert": {field}, "Client-Cert-Chain": {field}, "X-Forwarded-Client-Cert": {"Hash=" + id.fingerprint()},
		"X-Ssl-Client-Cert": {base64.StdEncoding.EncodeToString(id.cert.Raw)}, "X-Ssl-Client-Verify": {"SUCCESS"},
	}
}

// both returns the claim over TLS and by signature.
func both(t *testing.T, cl claim, id *identity) []claim {
	overTLS, signed := cl, cl
	overTLS.name, overTLS.tls = "TLS: "+cl.name, id
	signed.name, signed.sign = "signature: "+cl.name, func(body []byte) []string { return []string{id.sign(t, body)} }
	if id == nil {
		signed.sign = func([]byte) []string { return []string{""} }
	}
	return []claim{overTLS, signed}
}

// strangers are the identities that may not speak for PHONE-A.
func (in *installation) strangers(c *cast) []claim {
	t, ca, keys := in.t, in.deviceCA(), in.keyring()
	namesake := mint(t, nil, func(x *x509.Certificate) {
		x.IsCA, x.KeyUsage, x.Subject, x.RawSubject = true, x509.KeyUsageCertSign, ca.cert.Subject, ca.cert.RawSubject
	})
	server := keys.ServerTLS()
	serverCert, err := x509.ParseCertificate(server.Certificate[0])
	in.must(err)
	scepCert, scepKey := keys.SCEPDecrypter()
	unknown := mint(t, ca, nil)
	forServers := mint(t, ca, func(x *x509.Certificate) { x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	garbage := http.Header{"Client-Cert": {":AAAA"}, "Client-Cert-Chain": {"\"", ":!:"}}
	twice := proxyHeaders(c.a)
	twice["Client-Cert"] = append(twice["Client-Cert"], twice["Client-Cert"]...)

	var out []claim
	for _, s := range []struct {
		name   string
		id     *identity
		header http.Header
		refusal
		who string // PHONE-A when empty
	}{
		{"none", nil, nil, none(certs.ReasonNoCertificate), ""},
		{"self-signed", mint(t, nil, nil), nil, none(certs.ReasonUnknownAuthority), ""},
		{"another CA of the same name", mint(t, namesake, nil), nil, none(certs.ReasonUnknownAuthority), ""},
		{"issued by a phone", mint(t, c.a, nil), nil, none(certs.ReasonUnknownAuthority), ""},
		{"for servers only", forServers, nil, none(certs.ReasonNotAClient), ""},
		{"the server's own", &identity{serverCert, signer(t, server.PrivateKey)}, nil, none(certs.ReasonUnknownAuthority), ""},
		{"expired", mint(t, ca, func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-time.Minute) }), nil, none(certs.ReasonExpired), ""},
		{"not yet valid", mint(t, ca, func(x *x509.Certificate) { x.NotBefore = time.Now().Add(time.Minute) }), nil, none(certs.ReasonNotYetValid), ""},
		{"revoked", c.revoked, nil, of(c.revoked, "certificate-retired"), "PHONE-V"},
		{"of another segment", c.foreign, nil, refusal{otherSegment, c.foreign.fingerprint(), "certificate-of-another-phone"}, ""},
		{"of another phone", c.b, nil, of(c.b, "certificate-of-another-phone"), ""},
		{"renewed, of another phone", c.renewed, nil, of(c.renewed, "certificate-of-another-phone"), ""},
		{"old after renewal", c.old, nil, of(c.old, "certificate-retired"), "PHONE-C"},
		{"good but not on record", unknown, nil, of(unknown, "certificate-unknown"), ""},
		{"a header of no proxy", nil, proxyHeaders(c.a), none(certs.ReasonNoCertificate), ""},
		{"a header twice", nil, twice, none(certs.ReasonNoCertificate), ""},
		{"garbage in a header", nil, garbage, none(certs.ReasonNoCertificate), ""},
		{"of another phone, with a header", c.b, proxyHeaders(c.a), of(c.b, "certificate-of-another-phone"), ""},
		{"the device CA", ca, nil, none(certs.ReasonUnknownAuthority), ""},
		{"a CA below the device CA", mint(t, ca, func(x *x509.Certificate) { x.IsCA = true }), nil, none(certs.ReasonNotAClient), ""},
		{"the SCEP decrypter", &identity{scepCert, scepKey}, nil, none(certs.ReasonNotAClient), ""},
		{"signed with SHA-1", mint(t, ca, func(x *x509.Certificate) { x.SignatureAlgorithm = x509.ECDSAWithSHA1 }), nil, none(certs.ReasonWeakSignature), ""},
		{"signed with MD5", mintMD5(t, ca.cert), nil, none(certs.ReasonWeakSignature), ""},
	} {
		out = append(out, both(t, claim{name: s.name, header: s.header, who: udid(cmp.Or(s.who, "PHONE-A")), refusal: s.refusal}, s.id)...)
	}
	return out
}

func none(reason string) refusal { return refusal{identity: "none", reason: reason} }

func of(id *identity, reason string) refusal {
	return refusal{identity: id.fingerprint(), reason: reason}
}

// mixtures claim two things at once, or nothing that can be understood.
func (in *installation) mixtures(c *cast) []claim {
	t, victim := in.t, udid("PHONE-A")
	expired := mint(t, in.deviceCA(), func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-time.Minute) })
	byA := func(body []byte) []string { return []string{c.a.sign(t, body)} }
	twice := func(body []byte) []string { return append(byA(body), byA(body)...) }
	byTwo := func(body []byte) []string { return append(byA(body), c.b.sign(t, body)) }
	fixed := func(header string) func([]byte) []string { return func([]byte) []string { return []string{header} } }
	malformed := none(certs.ReasonMalformed)
	out := both(t, claim{name: "both identifiers", who: map[string]any{"UDID": "PHONE-A", "EnrollmentID": "PHONE-A"}}, c.a)
	out = append(out, both(t, claim{name: "no identifier"}, c.a)...)
	return append(
		out,
		claim{name: "TLS of B, signature of A", tls: c.b, sign: byA, who: victim, refusal: none("certificates-differ")},
		claim{name: "TLS expired, signature of A", tls: expired, sign: byA, who: victim, refusal: none(certs.ReasonExpired)},
		claim{name: "signature of A twice", sign: twice, who: victim, refusal: malformed},
		claim{name: "TLS of A, signatures of A and B", tls: c.a, sign: byTwo, who: victim, refusal: malformed},
		claim{name: "signature is no base64", sign: fixed("!"), who: victim, refusal: malformed},
	)
}

// welcome are the claims that must be accepted, the other half of the matrix:
// over TLS, by signature alone as behind a proxy, and by both; headers of
// proxies change nothing.
func (in *installation) welcome(c *cast) []claim {
	t := in.t
	signed := func(body []byte) []string { return []string{c.a.sign(t, body)} }
	out := both(t, claim{name: "right", who: udid("PHONE-A")}, c.a)
	out = append(out, claim{name: "TLS and signature: right", tls: c.a, sign: signed, who: udid("PHONE-A")})
	out = append(out, both(t, claim{name: "right, with a header of another phone", header: proxyHeaders(c.b), who: udid("PHONE-A")}, c.a)...)
	return append(out, both(t, claim{name: "renewed", who: udid("PHONE-C")}, c.renewed)...)
}

// TestWithoutEnrolment has identities speak that are none of an enrolled
// phone: one before its Authenticate, one after its CheckOut.
func TestWithoutEnrolment(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	issued, left := mint(t, in.deviceCA(), nil), mint(t, in.deviceCA(), nil)
	in.record(issued, left)
	in.enrolRaw(left, "PHONE-L")
	in.accepted(left, "PHONE-L", "CheckOut")
	before, logBefore := in.records()
	for _, m := range messages()[2:] {
		if m.undecoded || strings.HasPrefix(m.name, "UserAuth") || m.name == "CheckOut" {
			continue
		}
		for who, id := range map[string]*identity{"PHONE-X": issued, "PHONE-L": left} {
			body, header := m.of(t, udid(who))
			status, answer := in.as(id).do(http.MethodPut, m.path, header, body)
			quiet := who == "PHONE-L" && m.path == "/mdm/command" // Apple: an answer is repeated until it is taken
			if want := map[bool]int{true: http.StatusOK, false: http.StatusBadRequest}[quiet]; status != want || len(answer) > 0 {
				t.Errorf("%s of %s: %d, %d bytes; want an empty %d", m.name, who, status, len(answer), want)
			}
		}
	}
	after, logAfter := in.records()
	if diff := gocmp.Diff(before, after); diff != "" {
		t.Errorf("the database changed, digests by bucket (-want +got):\n%s", diff)
	}
	refused := map[string]string{}
	for _, e := range logAfter[storage.DefaultSegment][len(logBefore[storage.DefaultSegment]):] {
		refused[e.Target] += e.Action + ": " + e.Detail["reasons"]
	}
	want := map[string]string{issued.fingerprint(): "security.refused: phone-not-enrolled 16", left.fingerprint(): "security.refused: message-type 4, phone-not-enrolled 4"}
	if diff := gocmp.Diff(want, refused); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
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
	body, header := messageNamed(t, "Acknowledged").of(t, udid("PHONE-A"))
	if status, _ := in.as(nil).do(http.MethodPut, "/mdm/command", header, body); status != http.StatusBadRequest {
		t.Errorf("unsigned: %d, want 400", status)
	}
	header.Set("Mdm-Signature", a.sign(t, body))
	if status, _ := in.as(nil).do(http.MethodPut, "/mdm/command", header, body); status != http.StatusOK {
		t.Errorf("signed: %d, want 200", status)
	}
}

// TestResumedConnectionIsChecked: a phone that resumes a TLS session does not
// show its certificate again. The one it showed before counts, and only as long
// as it is in force: a ticket proves no more than the certificate did.
func TestResumedConnectionIsChecked(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	old, current := mint(t, in.deviceCA(), nil), mint(t, in.deviceCA(), nil)
	in.record(old, current)
	in.enrolRaw(old, "PHONE-A")
	client := in.as(old)
	transport, ok := client.client.Transport.(*http.Transport)
	if !ok {
		t.Fatalf("transport is %T", client.client.Transport)
	}
	transport.DisableKeepAlives = true
	transport.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	poll := func(wantResumed bool, want int) {
		t.Helper()
		m := messageNamed(t, "DeclarativeManagement tokens")
		body, header := m.of(t, udid("PHONE-A"))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, in.url+m.path, bytes.NewReader(body))
		in.must(err)
		req.Header = header
		resp, err := client.client.Do(req)
		in.must(err)
		_, err = io.Copy(io.Discard, resp.Body)
		in.must(errors.Join(err, resp.Body.Close()))
		if resp.StatusCode != want || resp.TLS.DidResume != wantResumed {
			t.Errorf("answer %d, resumed %v; want %d, %v", resp.StatusCode, resp.TLS.DidResume, want, wantResumed)
		}
	}
	poll(false, http.StatusOK)
	poll(true, http.StatusOK)
	// The phone enrols anew, with another certificate: a new epoch.
	in.accepted(old, "PHONE-A", "CheckOut")
	in.enrolRaw(current, "PHONE-A")
	poll(true, http.StatusBadRequest)
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
