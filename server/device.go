package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
)

// deviceService answers phones: who they are and whether they may speak is
// enroll's business, what they are told is fleet's.
type deviceService struct {
	enroll *enroll.Service
	fleet  *fleet.Fleet
	logger *slog.Logger
}

// Checkin implements [mdm.Service].
func (d *deviceService) Checkin(ctx context.Context, peer mdm.Peer, message mdm.Checkin) (mdm.Reply, error) {
	reply, err := d.checkin(ctx, peer, message)
	return reply, unavailable(err)
}

func (d *deviceService) checkin(ctx context.Context, peer mdm.Peer, message mdm.Checkin) (mdm.Reply, error) {
	switch m := message.(type) {
	case *mdm.DeclarativeManagement:
		seg, phone, err := d.enroll.Identify(ctx, peer, m.Enrolled())
		if err != nil {
			return mdm.Reply{}, err
		}
		return d.fleet.Declarative(ctx, seg, phone, m)
	case *mdm.Authenticate, *mdm.TokenUpdate, *mdm.CheckOut:
		seg, phone, err := d.enroll.Checkin(ctx, peer, message)
		if err != nil {
			return mdm.Reply{}, err
		}
		d.logger.InfoContext(ctx, "check-in", "message", message.MessageType(), "udid", phone.UDID, "state", string(phone.State),
			"group", phone.Group, "ring", string(phone.Ring), "epoch", phone.Epoch)
		return mdm.Reply{}, d.fleet.Noticed(seg, phone)
	case *mdm.UserAuthenticate:
		// The user channel is asked about by the device itself.
		if _, _, err := d.enroll.Identify(ctx, peer, mdm.Enrollment{UDID: m.UDID, EnrollmentID: m.EnrollmentID}); err != nil {
			return mdm.Reply{}, err
		}
		return mdm.Reply{}, mdm.ErrUserNotManaged
	default:
		// Bootstrap tokens and GetToken are not declared as capabilities of
		// this server, so no phone has a reason to send them.
		_, _, err := d.enroll.Checkin(ctx, peer, message)
		return mdm.Reply{}, err
	}
}

// Report implements [mdm.Service].
func (d *deviceService) Report(ctx context.Context, peer mdm.Peer, r *mdm.Result) (*mdm.Command, error) {
	command, err := d.report(ctx, peer, r)
	return command, unavailable(err)
}

func (d *deviceService) report(ctx context.Context, peer mdm.Peer, r *mdm.Result) (*mdm.Command, error) {
	speaker, answered, err := d.enroll.Report(ctx, peer, r)
	if err != nil || answered {
		return nil, err // a renewal comes last in a session: nothing else was due
	}
	command, err := d.fleet.Report(ctx, speaker.Segment, speaker.Phone, r)
	if err != nil || command != nil {
		return command, err
	}
	return d.enroll.Renewal(ctx, speaker, r)
}

// identifier proves who sends a request: by the client certificate of TLS, by
// the Mdm-Signature over the body, or by both, which must then agree.
type identifier struct {
	verifier *certs.Verifier
	legacy   func(cert *x509.Certificate) // hears of each SHA-1 signature that was good
}

// reasonDiffer joins the reasons of package certs in the audit log: TLS and
// Mdm-Signature name different certificates.
const reasonDiffer = "certificates-differ"

// Claim implements [mdm.Identifier].
func (i identifier) Claim(r *http.Request) (mdm.Peer, func([]byte) error, error) {
	signatures := r.Header.Values("Mdm-Signature")
	cert, err := i.verifier.VerifyTLS(r.TLS)
	switch {
	case err == nil && len(signatures) == 0:
		return mdm.Peer{Fingerprint: certs.Fingerprint(cert), Certificate: cert}, nil, nil
	case len(signatures) == 0:
		return mdm.Peer{}, nil, err
	case len(signatures) > 1:
		return mdm.Peer{}, nil, &certs.RefusedError{Reason: certs.ReasonMalformed}
	}
	signature, sigErr := i.verifier.ParseSignature(r.Context(), signatures[0])
	if errors.Is(sigErr, certs.ErrBusy) {
		return mdm.Peer{}, nil, fmt.Errorf("%w: %w", mdm.ErrUnavailable, sigErr)
	}
	if sigErr != nil {
		return mdm.Peer{}, nil, sigErr
	}
	fingerprint := certs.Fingerprint(signature.Certificate())
	switch {
	case err == nil && certs.Fingerprint(cert) != fingerprint:
		return mdm.Peer{}, nil, &certs.RefusedError{Reason: reasonDiffer}
	case err != nil && r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		// A certificate was shown and is no good: a signature does not heal that.
		return mdm.Peer{}, nil, err
	}
	return mdm.Peer{Fingerprint: fingerprint, Certificate: signature.Certificate()}, i.verify(signature), nil
}

// verify returns the check of a body against its signature.
func (i identifier) verify(signature *certs.Signature) func(body []byte) error {
	if !signature.Legacy() {
		return signature.Verify
	}
	return func(body []byte) error {
		err := signature.Verify(body)
		if err == nil {
			i.legacy(signature.Certificate())
		}
		return err
	}
}

// deviceRoute is one way in from the phones' side. A pattern without a method
// leaves the answer to a wrong one to its handler.
type deviceRoute struct {
	pattern string
	handler func(s *Server, h *mdm.Handler) http.Handler
}

// deviceRoutes is the whole device listener; there is no other way in.
func deviceRoutes() []deviceRoute {
	return []deviceRoute{
		{enroll.CheckinPath, func(_ *Server, h *mdm.Handler) http.Handler { return http.HandlerFunc(h.ServeCheckin) }},
		{enroll.CommandPath, func(_ *Server, h *mdm.Handler) http.Handler { return http.HandlerFunc(h.ServeCommand) }},
		{enroll.SCEPPath, func(s *Server, _ *mdm.Handler) http.Handler { return s.ca.SCEP() }},
		// Whatever is left of a link that was cut off gets the same answer.
		{"GET " + enroll.LinkPath + "{secret...}", func(s *Server, _ *mdm.Handler) http.Handler { return http.HandlerFunc(s.serveLink) }},
	}
}

// DevicePatterns returns every route of the device listener, for the census of
// routes. A pattern without a method is asked with every one.
func DevicePatterns() []string {
	var out []string
	for _, r := range deviceRoutes() {
		out = append(out, r.pattern)
	}
	return out
}

// noteLegacy returns what hears of each use of weak cryptography that only
// legacy_crypto let in.
func (s *Server) noteLegacy(what string) func(*x509.Certificate) {
	return func(cert *x509.Certificate) { s.enroll.NoteLegacyCrypto(certs.Fingerprint(cert), what) }
}
