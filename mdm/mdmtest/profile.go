package mdmtest

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"

	"go.mozilla.org/pkcs7"
)

// maxSigned bounds a signed profile before its CMS structure is parsed; the
// parser's memory grows with nesting.
const maxSigned = 512 << 10

const typeRestrictions = "com.apple.applicationaccess"

// profile is a configuration profile that passed the schema.
type profile struct {
	id, uuid, name string
	payloads       []map[string]any
	deferralDays   int // of a restrictions payload, 0 for none
}

// InstallFromLink fetches an enrolment link as Safari does and installs what
// comes.
func (p *Phone) InstallFromLink(ctx context.Context, url string) error {
	p.run.Lock()
	defer p.run.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.offline {
		return ErrOffline
	}
	s := p.newSession(nil)
	defer s.close()
	a, err := p.exchange(ctx, s, http.MethodGet, url, "", nil)
	if err != nil {
		return fmt.Errorf("open enrolment link: %w", err)
	}
	if err := a.err("open enrolment link"); err != nil {
		return err
	}
	if a.mediaType != typeProfile {
		p.violation("enrolment link answered with content type %q", a.mediaType)
		return fmt.Errorf("%w: content type is %q, want %s", ErrProfile, a.mediaType, typeProfile)
	}
	return p.install(ctx, a.body, true)
}

// InstallProfile installs a profile the user opened: signed (CMS) or plain
// XML. An enrolment profile makes the phone trust the roots it carries, get
// its identity, and check in; other profiles are just kept. A refused profile
// changes nothing and returns an error that wraps [ErrProfile].
func (p *Phone) InstallProfile(ctx context.Context, data []byte) error {
	p.run.Lock()
	defer p.run.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.install(ctx, data, true)
}

// install does the work of InstallProfile. byHand is false for profiles that
// came by command.
func (p *Phone) install(ctx context.Context, data []byte, byHand bool) error {
	xml, trust, err := p.openSigned(data)
	if err != nil {
		return err
	}
	if byHand {
		p.note(Entry{Kind: KindTrust, Detail: trust})
	}
	prof, err := p.reader().parseProfile(xml)
	if err != nil {
		if !byHand {
			p.violation("command InstallProfile: %v", err)
		}
		return err
	}
	mdm := prof.payload("com.apple.mdm")
	switch {
	case mdm != nil:
		err = p.enrol(ctx, prof, mdm, byHand)
	case p.enrolment == nil:
		err = fmt.Errorf("%w: only enrolment profiles are simulated on an unmanaged phone", ErrProfile)
	default:
		p.addRoots(prof)
		p.enrolment.profiles[prof.id] = prof
	}
	if err != nil {
		return err
	}
	e := Entry{Kind: KindProfile, Detail: prof.id}
	if r := prof.payload(typeRestrictions); r != nil {
		e.Settings = asJSON(r)
	}
	p.note(e)
	p.noteHold()
	p.changed()
	return nil
}

// openSigned returns the profile inside a CMS structure, or data itself when
// it is not signed, and what the user would read about the signature.
func (p *Phone) openSigned(data []byte) (xml []byte, trust string, err error) {
	if len(data) == 0 || data[0] != 0x30 { // an ASN.1 sequence
		return data, "not signed", nil
	}
	if len(data) > maxSigned {
		return nil, "", fmt.Errorf("%w: signed profile of %d bytes is too large", ErrProfile, len(data))
	}
	p7, err := pkcs7.Parse(data)
	if err != nil {
		return nil, "", fmt.Errorf("%w: signature: %w", ErrProfile, err)
	}
	if err := p7.Verify(); err != nil {
		return nil, "", fmt.Errorf("%w: signature: %w", ErrProfile, err)
	}
	for _, s := range p7.Signers {
		if !s.DigestAlgorithm.Algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA256) {
			p.violation("profile signed with digest %v, want SHA-256", s.DigestAlgorithm.Algorithm)
		}
	}
	if err := p7.VerifyWithChain(p.roots); err != nil {
		// An unknown signer is shown to the user, not refused.
		return p7.Content, "not verified", nil
	}
	return p7.Content, "verified", nil
}

// parseProfile checks an XML profile against the schema.
func (r reader) parseProfile(xml []byte) (*profile, error) {
	top, err := parsePlist(xml)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProfile, err)
	}
	t := schema()
	if ps := r.checkDict("", top, t.Payloads["TopLevel"].Keys); len(ps) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrProfile, describe(ps))
	}
	if boolean(top, "IsEncrypted") {
		return nil, fmt.Errorf("%w: encrypted profiles are not simulated", ErrProfile)
	}
	if top["PayloadContent"] == nil {
		return nil, fmt.Errorf("%w: %s", ErrProfile, problem{"PayloadContent", faultMissing})
	}
	prof := &profile{id: str(top, "PayloadIdentifier"), uuid: str(top, "PayloadUUID"), name: str(top, "PayloadDisplayName")}
	seen := map[string]bool{}
	for i, v := range list(top, "PayloadContent") {
		pl, ok := v.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%w: PayloadContent[%d]: %s", ErrProfile, i, faultType)
		}
		if err := r.checkPayload(i, pl, seen); err != nil {
			return nil, err
		}
		prof.payloads = append(prof.payloads, pl)
		if str(pl, "PayloadType") == typeRestrictions && boolean(pl, "forceDelayedSoftwareUpdates") {
			prof.deferralDays = 30 // Apple, Restrictions: the default of enforcedSoftwareUpdateDelay
			if n := integer(pl, "enforcedSoftwareUpdateDelay"); n > 0 {
				prof.deferralDays = int(n)
			}
		}
	}
	return prof, nil
}

// checkPayload checks one payload; seen collects identifiers and UUIDs, which
// must not occur twice in a profile.
func (r reader) checkPayload(i int, pl map[string]any, seen map[string]bool) error {
	t := schema()
	typ := str(pl, "PayloadType")
	it, ok := t.Payloads[typ]
	if !ok || typ == "TopLevel" || typ == "CommonPayloadKeys" {
		return fmt.Errorf("%w: PayloadContent[%d]: payload type %.80q is not simulated", ErrProfile, i, typ)
	}
	if f := r.available(it.Introduced, it.Removed, it.Supervised); f != "" {
		return fmt.Errorf("%w: %s: %s", ErrProfile, typ, f)
	}
	keys := append(append([]*key{}, t.Payloads["CommonPayloadKeys"].Keys...), it.Keys...)
	if ps := r.checkDict(typ, pl, keys); len(ps) > 0 {
		return fmt.Errorf("%w: %s", ErrProfile, describe(ps))
	}
	for _, k := range []string{"PayloadIdentifier", "PayloadUUID"} {
		id := k + "=" + str(pl, k)
		if seen[id] {
			return fmt.Errorf("%w: two payloads share one %s", ErrProfile, k)
		}
		seen[id] = true
	}
	return nil
}

func (prof *profile) payload(typ string) map[string]any {
	for _, pl := range prof.payloads {
		if str(pl, "PayloadType") == typ {
			return pl
		}
	}
	return nil
}

func (prof *profile) byUUID(id string) map[string]any {
	for _, pl := range prof.payloads {
		if str(pl, "PayloadUUID") == id {
			return pl
		}
	}
	return nil
}

// certificates returns the certificates a profile asks the phone to trust.
func (prof *profile) certificates() ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for _, pl := range prof.payloads {
		switch str(pl, "PayloadType") {
		case "com.apple.security.root", "com.apple.security.pem", "com.apple.security.pkcs1":
			der := bytesOf(pl, "PayloadContent")
			if block, _ := pem.Decode(bytes.TrimSpace(der)); block != nil {
				der = block.Bytes
			}
			c, err := x509.ParseCertificate(der)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: %w", ErrProfile, str(pl, "PayloadType"), err)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// addRoots trusts what the profile carries. Certificates are added to a copy,
// because a connection may be using the pool.
func (p *Phone) addRoots(prof *profile) {
	certs, err := prof.certificates()
	if err != nil || len(certs) == 0 {
		return
	}
	roots := p.roots.Clone()
	for _, c := range certs {
		roots.AddCert(c)
	}
	p.roots = roots
}

// RemoveProfile removes the MDM profile, as the user does in Settings. The
// phone says CheckOut once, when the profile told it to, and does not care
// about the answer.
func (p *Phone) RemoveProfile(ctx context.Context) error {
	p.run.Lock()
	defer p.run.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.enrolment
	if e == nil {
		return ErrNotEnrolled
	}
	var err error
	if e.checkOut && !p.offline {
		s := p.newSession(e)
		defer s.close()
		err = p.checkin(ctx, s, map[string]any{"MessageType": "CheckOut", "Topic": e.topic})
	}
	if errors.Is(err, ErrUnenrolled) {
		err = nil
	}
	if p.enrolment == e {
		p.unenrol("removed by hand")
	}
	return err
}
