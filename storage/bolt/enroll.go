package bolt

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// CreateGrant implements the store of package enroll.
func (s *Store) CreateGrant(ctx context.Context, seg storage.Segment, g storage.Grant, audit storage.AuditEntry) error {
	err := s.updateIn(ctx, seg, func(t *tx) error {
		if err := checkName("ID", g.ID); err != nil {
			return err
		}
		if t.has(bucketGrants, inSegment(seg).last(g.ID)) {
			return storage.ErrExists
		}
		if err := t.saveGrant(seg, storage.Grant{}, g); err != nil {
			return err
		}
		return t.appendAudit(seg, audit)
	})
	if err != nil {
		return fmt.Errorf("create grant %q: %w", g.ID, err)
	}
	return nil
}

// saveGrant stores a grant and moves its indexes from the old hashes to the
// new ones. A hash that another grant has is storage.ErrExists.
func (t *tx) saveGrant(seg storage.Segment, old, g storage.Grant) error {
	indexes := []struct {
		bucket    bucket
		name      string
		old, hash string
	}{
		{bucketLink, "link", old.LinkHash, g.LinkHash},
		{bucketChallenge, "challenge", old.ChallengeHash, g.ChallengeHash},
	}
	for _, x := range indexes { // all checks before the first write
		if err := checkOptional(x.name+" hash", x.hash); err != nil {
			return err
		}
		if x.hash != "" && x.hash != x.old && t.has(x.bucket, key(x.hash)) {
			return fmt.Errorf("%s: %w", x.name, storage.ErrExists)
		}
	}
	k := inSegment(seg).last(g.ID)
	if err := save(t, bucketGrants, k, g); err != nil {
		return err
	}
	for _, x := range indexes {
		if x.old != "" && x.old != x.hash {
			if err := t.remove(x.bucket, key(x.old)); err != nil {
				return err
			}
		}
		if x.hash != "" {
			if err := t.put(x.bucket, key(x.hash), k); err != nil {
				return err
			}
		}
	}
	return nil
}

// UpdateGrant implements the store of package enroll.
func (s *Store) UpdateGrant(ctx context.Context, seg storage.Segment, id string, update func(*storage.Grant) ([]storage.AuditEntry, error)) (storage.Grant, error) {
	var stored storage.Grant
	err := s.updateIn(ctx, seg, func(t *tx) error {
		k := inSegment(seg).last(id)
		old, err := load[storage.Grant](t, bucketGrants, k)
		if err != nil {
			return err
		}
		g := old
		audit, err := update(&g)
		if err != nil {
			return err
		}
		if g.ID != id {
			return fmt.Errorf("the updater changed the ID to %q", g.ID)
		}
		if err := t.saveGrant(seg, old, g); err != nil {
			return err
		}
		if err := t.appendAudit(seg, audit...); err != nil {
			return err
		}
		stored, err = load[storage.Grant](t, bucketGrants, k)
		return err
	})
	if err != nil {
		return storage.Grant{}, fmt.Errorf("update grant %q: %w", id, err)
	}
	return stored, nil
}

// GrantByLink implements the store of package enroll.
func (s *Store) GrantByLink(ctx context.Context, linkHash string) (storage.Segment, storage.Grant, error) {
	var seg storage.Segment
	var g storage.Grant
	err := s.view(ctx, func(t *tx) (err error) {
		seg, g, err = t.grantBy(bucketLink, linkHash)
		return err
	})
	if err != nil {
		return "", storage.Grant{}, fmt.Errorf("grant by link: %w", err)
	}
	return seg, g, nil
}

// grantBy finds a grant through one of the global indexes.
func (t *tx) grantBy(index bucket, hash string) (storage.Segment, storage.Grant, error) {
	seg, k, err := t.lookup(index, hash)
	if err != nil {
		return "", storage.Grant{}, err
	}
	g, err := load[storage.Grant](t, bucketGrants, k)
	return seg, g, missing(bucketGrants, k, err)
}

// ReserveGrant implements the store of package enroll.
func (s *Store) ReserveGrant(ctx context.Context, challengeHash, publicKey string, at time.Time) (storage.Segment, storage.Grant, error) {
	var seg storage.Segment
	var g storage.Grant
	err := s.update(ctx, func(t *tx) (err error) {
		if publicKey == "" {
			return errors.New("public key is empty")
		}
		seg, g, err = t.grantBy(bucketChallenge, challengeHash)
		if err != nil {
			return err
		}
		// A grant that expired, or has no expiry, is refused to everyone.
		if !g.RevokedAt.IsZero() || !at.Before(g.ExpiresAt) {
			return storage.ErrSpent
		}
		switch {
		case g.PublicKey == publicKey:
			return nil
		case g.PublicKey != "" || g.Certificate != "":
			return storage.ErrSpent
		}
		old := g
		g.PublicKey, g.ReservedAt = publicKey, at
		if err := t.saveGrant(seg, old, g); err != nil {
			return err
		}
		g, err = load[storage.Grant](t, bucketGrants, inSegment(seg).last(g.ID))
		return err
	})
	if err != nil {
		return "", storage.Grant{}, fmt.Errorf("reserve grant: %w", err)
	}
	return seg, g, nil
}

// RecordCertificate implements the store of package enroll. Beyond its
// contract, it returns storage.ErrExists for a fingerprint that is known in
// any segment, storage.ErrNotFound for an unknown grant, and storage.ErrSpent
// for a revoked one.
func (s *Store) RecordCertificate(ctx context.Context, c storage.Certificate, audit storage.AuditEntry) error {
	err := s.updateIn(ctx, c.Segment, func(t *tx) error {
		if err := checkName("fingerprint", c.Fingerprint); err != nil {
			return err
		}
		if t.has(bucketCertIndex, key(c.Fingerprint)) {
			return storage.ErrExists
		}
		g, err := load[storage.Grant](t, bucketGrants, inSegment(c.Segment).last(c.Grant))
		if err != nil {
			return fmt.Errorf("grant %q: %w", c.Grant, err)
		}
		if !g.RevokedAt.IsZero() {
			return fmt.Errorf("grant %q is revoked: %w", g.ID, storage.ErrSpent)
		}
		if g.Certificate != "" {
			if err := t.replaceIssued(c.Segment, g.Certificate); err != nil {
				return err
			}
		}
		if err := t.saveCertificate(c); err != nil {
			return err
		}
		if err := t.put(bucketCertIndex, key(c.Fingerprint), inSegment(c.Segment)); err != nil {
			return err
		}
		old := g
		g.Certificate = c.Fingerprint
		if err := t.saveGrant(c.Segment, old, g); err != nil {
			return err
		}
		return t.appendAudit(c.Segment, audit)
	})
	if err != nil {
		return fmt.Errorf("record certificate %q: %w", c.Fingerprint, err)
	}
	return nil
}

// replaceIssued retires the certificate a grant has led to, if that one was
// never shown.
func (t *tx) replaceIssued(seg storage.Segment, fingerprint string) error {
	first, err := t.certificate(seg, fingerprint)
	if err != nil {
		return fmt.Errorf("certificate %q: %w", fingerprint, err)
	}
	if first.State != storage.CertificateIssued {
		return fmt.Errorf("the grant's certificate is %s: %w", first.State, storage.ErrSpent)
	}
	first.State = storage.CertificateRetired
	return t.saveCertificate(first)
}

func (t *tx) certificate(seg storage.Segment, fingerprint string) (storage.Certificate, error) {
	return t.loadCertificate(inSegment(seg).last(fingerprint))
}

func (t *tx) saveCertificate(c storage.Certificate) error {
	return save(t, bucketCerts, inSegment(c.Segment).last(c.Fingerprint), c)
}

// Certificate implements the store of package enroll.
func (s *Store) Certificate(ctx context.Context, fingerprint string) (storage.Certificate, error) {
	var c storage.Certificate
	err := s.view(ctx, func(t *tx) error {
		seg, k, err := t.lookup(bucketCertIndex, fingerprint)
		if err != nil {
			return err
		}
		c, err = t.certificate(seg, fingerprint)
		return missing(bucketCerts, k.last(fingerprint), err)
	})
	if err != nil {
		return storage.Certificate{}, fmt.Errorf("certificate %q: %w", fingerprint, err)
	}
	return c, nil
}

// Certificates implements the store of package enroll.
func (s *Store) Certificates(ctx context.Context, seg storage.Segment, after string, limit int) ([]storage.Certificate, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var found []storage.Certificate
	err := s.viewIn(ctx, seg, func(t *tx) error {
		prefix := inSegment(seg)
		for r, err := range t.rows(bucketCerts, prefix, prefix.text(after)) {
			if err != nil || len(found) == limit {
				return err
			}
			c, err := parse[storage.Certificate](t, bucketCerts, r)
			if err != nil {
				return err
			}
			found = append(found, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("certificates: %w", err)
	}
	return found, nil
}

// UpdateEnrollment implements the store of package enroll. Fingerprints that
// the segment does not know are skipped, and no certificate goes back to an
// earlier state: a revoked one stays revoked.
func (s *Store) UpdateEnrollment(ctx context.Context, seg storage.Segment, udid, fingerprint string, update func(*storage.Enrollment) error) (storage.Phone, error) {
	var stored []byte
	err := s.updateIn(ctx, seg, func(t *tx) error {
		if err := checkName("UDID", udid); err != nil {
			return err
		}
		before, err := t.enrollment(seg, udid, fingerprint)
		if err != nil {
			return err
		}
		after, err := t.enrollment(seg, udid, fingerprint) // its own copy
		if err != nil {
			return err
		}
		if err := update(&after); err != nil {
			return err
		}
		if err := before.CheckUpdate(after, udid); err != nil {
			return err
		}
		stored, err = t.saveEnrollment(seg, before, after)
		return err
	})
	if err != nil {
		return storage.Phone{}, fmt.Errorf("update enrollment of %q: %w", udid, err)
	}
	if stored == nil {
		return storage.Phone{}, nil
	}
	return unpack[storage.Phone](s.packer, stored)
}

// enrollment reads what an updater gets to see.
func (t *tx) enrollment(seg storage.Segment, udid, fingerprint string) (storage.Enrollment, error) {
	c, err := t.certificate(seg, fingerprint)
	if err != nil {
		return storage.Enrollment{}, fmt.Errorf("certificate %q: %w", fingerprint, err)
	}
	e := storage.Enrollment{Certificate: &c}
	switch g, err := load[storage.Grant](t, bucketGrants, inSegment(seg).last(c.Grant)); {
	case err == nil:
		e.Grant = &g
	case !errors.Is(err, storage.ErrNotFound):
		return storage.Enrollment{}, err
	}
	switch p, err := t.phone(seg, udid); {
	case err == nil:
		e.Phone = &p
	case !errors.Is(err, storage.ErrNotFound):
		return storage.Enrollment{}, err
	}
	return e, nil
}

// saveEnrollment writes what an updater changed and returns the phone's
// record, or nil when there is none.
func (t *tx) saveEnrollment(seg storage.Segment, before, after storage.Enrollment) ([]byte, error) {
	if err := t.saveCertificate(*after.Certificate); err != nil {
		return nil, err
	}
	if after.Grant != nil && before.Grant != nil {
		if err := t.saveGrant(seg, *before.Grant, *after.Grant); err != nil {
			return nil, err
		}
	}
	for _, fingerprint := range after.Overlap {
		if err := t.supersede(seg, fingerprint, storage.CertificateOverlap, storage.CertificateCurrent); err != nil {
			return nil, err
		}
	}
	for _, fingerprint := range after.Retire {
		if err := t.supersede(seg, fingerprint, storage.CertificateRetired,
			storage.CertificateIssued, storage.CertificateCurrent, storage.CertificateOverlap); err != nil {
			return nil, err
		}
	}
	if after.Phone == nil {
		return nil, t.appendAudit(seg, after.Audit...)
	}
	content, err := t.savePhone(seg, before.Phone, after.Phone)
	if err != nil {
		return nil, err
	}
	if after.CancelQueue != "" {
		if err := t.cancelQueue(seg, handle{after.Phone.Num, after.Phone.Epoch}, storage.PhoneChange{CancelQueue: after.CancelQueue, Audit: after.Audit}); err != nil {
			return nil, err
		}
	}
	return content, t.appendAudit(seg, after.Audit...)
}

// supersede moves a certificate into a state from one of those before it. One
// that is unknown or in another state stays as it is.
func (t *tx) supersede(seg storage.Segment, fingerprint string, to storage.CertificateState, from ...storage.CertificateState) error {
	c, err := t.certificate(seg, fingerprint)
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if !slices.Contains(from, c.State) {
		return nil
	}
	c.State = to
	return t.saveCertificate(c)
}
