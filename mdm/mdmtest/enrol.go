package mdmtest

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/uuid"
)

// enrolment is one management relationship. It is replaced, never reused,
// when the phone enrols again.
type enrolment struct {
	pending bool // Authenticate not accepted yet

	profileID             string
	topic                 string
	serverURL, checkinURL string
	signMessage, checkOut bool
	rights                int64
	identity              identity

	pushToken      []byte
	pushMagic      string
	tokenUpdateDue bool
	profiles       map[string]*profile // by top-level identifier
	unsent         []byte              // the last result, until the server confirmed it
	notNowLast     bool                // NotNow was the last status sent
	cadence        string              // set by a Settings command: "", All, Oldest or Newest
	ddm            ddm
}

// identity is the certificate and key the phone proves itself with.
type identity struct {
	cert *x509.Certificate
	key  *rsa.PrivateKey
}

// rightBit maps Apple's name of an access right to its bit (Apple, Device
// Management, MDM payload, AccessRights).
func rightBit(name string) int64 {
	switch name {
	case "AllowInspection":
		return 1
	case "AllowInstallationRemoval":
		return 2
	case "AllowPasscodeRemovalAndLock":
		return 4
	case "AllowDeviceErase":
		return 8
	case "AllowQueryDeviceInformation":
		return 16
	case "AllowQueryNetworkInformation":
		return 32
	case "AllowProvisioningInspection":
		return 64
	case "AllowProvisioningInstallationRemoval":
		return 128
	case "AllowQueryApplications":
		return 256
	case "AllowQueryRestrictions":
		return 512
	case "AllowQuerySecurity":
		return 1024
	case "AllowSettings":
		return 2048
	case "AllowAppInstallation":
		return 4096
	default:
		return 0
	}
}

// may reports whether the server has the named right; no name means no right
// is needed.
func (e *enrolment) may(right string) bool {
	bit := rightBit(right)
	return e.rights&bit == bit
}

// enrol installs the MDM payload of prof, or replaces the one installed. When
// anything fails, the phone is as it was before.
func (p *Phone) enrol(ctx context.Context, prof *profile, mdm map[string]any, byHand bool) error {
	e, err := newEnrolment(prof, mdm)
	if err != nil {
		return err
	}
	old := p.enrolment
	if old != nil {
		if err := old.mayBecome(e); err != nil {
			return err
		}
		e.inherit(old)
	}
	if _, err := prof.certificates(); err != nil {
		return err
	}
	if p.offline {
		return ErrOffline
	}
	rootsBefore := p.roots
	p.addRoots(prof)
	if err := p.authenticate(ctx, prof, mdm, e); err != nil {
		p.roots = rootsBefore
		return err
	}
	if p.enrolment != old {
		return ErrUnenrolled // erased meanwhile
	}
	e.pending = false
	e.profiles[prof.id] = prof
	p.enrolment = e
	if old == nil {
		p.note(Entry{Kind: KindEnrolled, Detail: e.serverURL})
	}
	if !byHand {
		return nil // the session that carried the command goes on and sends TokenUpdate
	}
	s := p.newSession(e)
	defer s.close()
	return p.sendTokenUpdate(ctx, s)
}

func newEnrolment(prof *profile, mdm map[string]any) (*enrolment, error) {
	e := &enrolment{
		pending: true, profileID: prof.id,
		topic: str(mdm, "Topic"), serverURL: str(mdm, "ServerURL"), checkinURL: str(mdm, "CheckInURL"),
		signMessage: boolean(mdm, "SignMessage"), checkOut: boolean(mdm, "CheckOutWhenRemoved"),
		rights:    integer(mdm, "AccessRights"),
		pushToken: randomBytes(32), pushMagic: strings.ToUpper(uuid.NewString()),
		tokenUpdateDue: true, profiles: map[string]*profile{}, ddm: newDDM(),
	}
	if e.checkinURL == "" {
		e.checkinURL = e.serverURL
	}
	switch {
	case !strings.HasPrefix(e.topic, "com.apple.mgmt."):
		return nil, fmt.Errorf("%w: Topic does not start with com.apple.mgmt", ErrProfile)
	case e.rights&2 != 0 && e.rights&1 == 0:
		return nil, fmt.Errorf("%w: access right 2 needs 1", ErrProfile)
	case e.rights&128 != 0 && e.rights&64 == 0:
		return nil, fmt.Errorf("%w: access right 128 needs 64", ErrProfile)
	case e.rights == 0:
		return nil, fmt.Errorf("%w: AccessRights is 0 or missing", ErrProfile)
	}
	return e, nil
}

// mayBecome enforces what Apple lets an update of the MDM payload change.
func (e *enrolment) mayBecome(n *enrolment) error {
	switch {
	case e.profileID != n.profileID:
		return fmt.Errorf("%w: the phone already has an MDM profile", ErrProfile)
	case e.topic != n.topic:
		return fmt.Errorf("%w: update changes Topic", ErrProfile)
	case e.serverURL != n.serverURL:
		return fmt.Errorf("%w: update changes ServerURL", ErrProfile)
	case e.checkinURL != n.checkinURL:
		return fmt.Errorf("%w: update changes CheckInURL", ErrProfile)
	case n.rights&^e.rights != 0:
		return fmt.Errorf("%w: update adds access rights", ErrProfile)
	}
	return nil
}

// inherit keeps what outlives a renewal.
func (e *enrolment) inherit(old *enrolment) {
	e.pushToken, e.pushMagic = old.pushToken, old.pushMagic
	e.profiles, e.cadence, e.ddm = old.profiles, old.cadence, old.ddm
	e.unsent, e.notNowLast = old.unsent, old.notNowLast
}

// authenticate gets the identity and introduces the phone with it.
func (p *Phone) authenticate(ctx context.Context, prof *profile, mdm map[string]any, e *enrolment) error {
	id := prof.byUUID(str(mdm, "IdentityCertificateUUID"))
	switch typ := str(id, "PayloadType"); typ {
	case "":
		return fmt.Errorf("%w: IdentityCertificateUUID names no payload of the profile", ErrProfile)
	case "com.apple.security.scep":
		identity, err := p.scepIdentity(ctx, dict(id, "PayloadContent"))
		if err != nil {
			return fmt.Errorf("get identity: %w", err)
		}
		e.identity = identity
	default:
		return fmt.Errorf("%w: identities of type %s are not simulated", ErrProfile, typ)
	}
	s := p.newSession(e)
	defer s.close()
	msg := map[string]any{"MessageType": "Authenticate", "Topic": e.topic}
	if e.may("AllowQueryDeviceInformation") {
		msg["OSVersion"], msg["BuildVersion"] = p.version, p.build
		msg["ProductName"], msg["SerialNumber"] = p.o.ProductName, p.o.SerialNumber
		if p.o.IMEI != "" {
			msg["IMEI"] = p.o.IMEI
		}
	}
	return p.checkin(ctx, s, msg)
}

func (p *Phone) sendTokenUpdate(ctx context.Context, s *session) error {
	msg := map[string]any{
		"MessageType": "TokenUpdate", "Topic": s.e.topic, "Token": s.e.pushToken,
		"PushMagic": s.e.pushMagic, "AwaitingConfiguration": false,
	}
	if s.e.may("AllowPasscodeRemovalAndLock") {
		msg["UnlockToken"] = []byte("unlock " + p.o.UDID)
	}
	if err := p.checkin(ctx, s, msg); err != nil {
		return err
	}
	s.e.tokenUpdateDue = false
	return nil
}

// checkin sends a check-in message whose answer has no body.
func (p *Phone) checkin(ctx context.Context, s *session, msg map[string]any) error {
	a, err := p.putCheckin(ctx, s, msg)
	if err != nil {
		return err
	}
	what := str(msg, "MessageType")
	if err := a.err(what); err != nil {
		return err
	}
	if len(a.body) > 0 {
		p.violation("answer to %s has a body of %d bytes, want none", what, len(a.body))
	}
	return nil
}

func (p *Phone) putCheckin(ctx context.Context, s *session, msg map[string]any) (answer, error) {
	msg["UDID"] = p.o.UDID
	body, err := encodePlist(msg)
	if err != nil {
		return answer{}, err
	}
	return p.exchange(ctx, s, http.MethodPut, s.e.checkinURL, typeCheckin, body)
}

// unenrol removes the MDM profile and everything that came with it.
func (p *Phone) unenrol(why string) {
	p.enrolment = nil
	p.wantsConnect = false
	if p.update.reason == reasonDeclaration {
		p.resetUpdate()
	}
	p.note(Entry{Kind: KindUnenrolled, Detail: why})
	p.noteHold()
	p.changed()
}
