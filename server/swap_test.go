package server_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// TestSwappedIdentifiers has two enrolled phones speak for each other in every
// message, under every identifier that a message has room for, and an old
// certificate speak for the phone it once belonged to.
func TestSwappedIdentifiers(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	ca := in.deviceCA()
	a, b, earlier, later := mint(t, ca, nil), mint(t, ca, nil), mint(t, ca, nil), mint(t, ca, nil)
	in.record(a, b, earlier)
	in.offline(func(ctx context.Context, s *bolt.Store) {
		in.recordIn(ctx, s, storage.DefaultSegment, later, func(g *storage.Grant) { g.Phone = "PHONE-C" })
	})
	in.enrolRaw(a, "PHONE-A")
	in.enrolRaw(b, "PHONE-B")
	in.enrolRaw(earlier, "PHONE-C")
	in.enrolRaw(later, "PHONE-C")

	const otherPhone, otherKind = "certificate-of-another-phone", "enrolment-type"
	var claims []claim
	for _, pair := range []struct {
		name   string
		id     *identity
		victim string
	}{{"A as B", a, "PHONE-B"}, {"B as A", b, "PHONE-A"}} {
		for _, as := range []struct {
			name, reason, userReason string
			who                      map[string]any
		}{
			{"UDID", otherPhone, "", udid(pair.victim)},
			{"UDID in other letters", otherPhone, "", udid("phone" + pair.victim[5:])},
			{"EnrollmentID", otherKind, "", map[string]any{"EnrollmentID": pair.victim}},
			{"user of the UDID", otherKind, otherPhone, map[string]any{"UDID": pair.victim, "UserID": "501"}},
			{"shared user of the UDID", otherKind, otherPhone, map[string]any{
				"UDID": pair.victim, "UserID": "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "UserShortName": "s",
			}},
			{"user of the EnrollmentID", otherKind, "", map[string]any{"EnrollmentID": pair.victim, "EnrollmentUserID": "501"}},
		} {
			cl := claim{name: pair.name + ", " + as.name, who: as.who, refusal: of(pair.id, as.reason), userReason: as.userReason}
			claims = append(claims, both(t, cl, pair.id)...)
		}
	}
	claims = append(claims, both(t, claim{
		name: "certificate of an earlier epoch", who: udid("PHONE-C"), refusal: of(earlier, "certificate-retired"),
	}, earlier)...)
	in.allRefused(claims)
	t.Logf("%d combinations", len(claims)*len(messages()))
}

// TestSignatureOfAnotherBody sends every message with a signature that is good
// but over other bytes: one more byte, or another message that the same phone
// did sign, to the same URL or the other one.
func TestSignatureOfAnotherBody(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")

	victim, bad := udid("PHONE-A"), of(a, certs.ReasonBadSignature)
	longer := func(body []byte) []string { return []string{a.sign(t, append(bytes.Clone(body), ' '))} }
	claims := []claim{
		{name: "one byte more", sign: longer, who: victim, refusal: bad},
		{name: "one byte more, over TLS", tls: a, sign: longer, who: victim, refusal: bad},
	}
	for _, m := range messages() {
		captured, _ := m.of(t, victim)
		header := a.sign(t, captured)
		replay := func(body []byte) []string {
			if bytes.Equal(body, captured) { // its own body again is no forgery
				body = append(bytes.Clone(body), ' ')
				return []string{a.sign(t, body)}
			}
			return []string{header}
		}
		claims = append(claims, claim{name: "signature of " + m.name, sign: replay, who: victim, refusal: bad})
	}
	in.allRefused(claims)

	// The empty body is a body too.
	m := messageNamed(t, "Idle")
	_, header := m.of(t, victim)
	captured, _ := m.of(t, victim)
	header["Mdm-Signature"] = []string{a.sign(t, captured)}
	if status, answer := in.as(nil).do(http.MethodPut, m.path, header, nil); status != http.StatusBadRequest || len(answer) > 0 {
		t.Errorf("signature with no body: %d, %d bytes; want an empty 400", status, len(answer))
	}
}
