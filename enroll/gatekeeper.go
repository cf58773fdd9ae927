package enroll

import (
	"context"
	"crypto/x509"
	"encoding/hex"
	"errors"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Admit implements [certs.Gatekeeper]: the challenge of a SCEP request is the
// secret of a grant, and a grant belongs to the first key that asks.
func (s *Service) Admit(ctx context.Context, r certs.AdmitRequest) (certs.Admission, error) {
	if r.Challenge == "" {
		return certs.Admission{}, certs.ErrNotAdmitted
	}
	key := hex.EncodeToString(r.PublicKey[:])
	seg, g, err := s.store.ReserveGrant(ctx, hashSecret(r.Challenge), key, s.now())
	if errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrSpent) {
		s.refusals.note(storage.DefaultSegment, "scep", refusedChallenge)
		return certs.Admission{}, certs.ErrNotAdmitted
	}
	if err != nil {
		return certs.Admission{}, wrap("admit certificate request", err)
	}
	return certs.Admission{
		GrantID:    g.ID,
		Segment:    string(seg),
		CommonName: "Kannuki device " + g.ID[:8],
		URI:        "urn:kannuki:" + s.config.InstanceID + ":grant:" + g.ID,
		Lifetime:   identityLife,
	}, nil
}

// Issued implements [certs.Gatekeeper]: a certificate that is not on record is
// not handed out.
func (s *Service) Issued(ctx context.Context, a certs.Admission, cert *x509.Certificate) error {
	record := storage.Certificate{
		Fingerprint: certs.Fingerprint(cert),
		Serial:      cert.SerialNumber.String(),
		Segment:     storage.Segment(a.Segment),
		Grant:       a.GrantID,
		State:       storage.CertificateIssued,
		IssuedAt:    s.now(),
		NotAfter:    cert.NotAfter,
	}
	e := s.entry("kannuki", "certificate.issued", record.Fingerprint)
	e.Detail = map[string]string{"grant": a.GrantID}
	return wrap("record certificate", s.store.RecordCertificate(ctx, record, e))
}
