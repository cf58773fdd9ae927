package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// CreateGrant implements the store of package enroll.
func (s *Store) CreateGrant(ctx context.Context, seg storage.Segment, g storage.Grant, audit storage.AuditEntry) error {
	err := s.update(ctx, "CreateGrant", seg, func(t *tx, in *segment) error {
		if err := checkName("ID", g.ID); err != nil {
			return err
		}
		if _, known := in.grants[g.ID]; known {
			return storage.ErrExists
		}
		if err := t.saveGrant(seg, in, storage.Grant{}, g); err != nil {
			return err
		}
		return t.appendAudit(in, audit)
	})
	if err != nil {
		return fmt.Errorf("create grant %q: %w", g.ID, err)
	}
	return nil
}

// saveGrant stores a grant and moves its indexes from the old hashes to the new
// ones. A hash that another grant has is storage.ErrExists.
func (t *tx) saveGrant(seg storage.Segment, in *segment, old, g storage.Grant) error {
	err := errors.Join(
		t.moveIndex(t.store.links, "link", old.LinkHash, g.LinkHash, place{seg, g.ID}),
		t.moveIndex(t.store.challenges, "challenge", old.ChallengeHash, g.ChallengeHash, place{seg, g.ID}),
	)
	if err != nil {
		return err
	}
	if g, err = stored(g); err != nil {
		return err
	}
	put(t, in.grants, g.ID, g)
	return nil
}

func (t *tx) moveIndex(index map[string]place, name, old, hash string, to place) error {
	if err := checkOptional(name+" hash", hash); err != nil {
		return err
	}
	if hash == old {
		return nil
	}
	if _, known := index[hash]; known {
		return fmt.Errorf("%s: %w", name, storage.ErrExists)
	}
	remove(t, index, old)
	if hash != "" {
		put(t, index, hash, to)
	}
	return nil
}

// UpdateGrant implements the store of package enroll.
func (s *Store) UpdateGrant(ctx context.Context, seg storage.Segment, id string, update func(*storage.Grant) ([]storage.AuditEntry, error)) (storage.Grant, error) {
	var g storage.Grant
	err := s.update(ctx, "UpdateGrant", seg, func(t *tx, in *segment) error {
		old, known := in.grants[id]
		if !known {
			return storage.ErrNotFound
		}
		g = old
		audit, err := update(&g)
		if err != nil {
			return err
		}
		if g.ID != id {
			return fmt.Errorf("the updater changed the ID to %q", g.ID)
		}
		if err := t.saveGrant(seg, in, old, g); err != nil {
			return err
		}
		g = in.grants[id]
		return t.appendAudit(in, audit...)
	})
	if err != nil {
		return storage.Grant{}, fmt.Errorf("update grant %q: %w", id, err)
	}
	return g, nil
}

// GrantByLink implements the store of package enroll.
func (s *Store) GrantByLink(ctx context.Context, linkHash string) (storage.Segment, storage.Grant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, known := s.links[linkHash]
	err := s.usable(ctx)
	if err == nil && !known {
		err = storage.ErrNotFound
	}
	if err != nil {
		return "", storage.Grant{}, fmt.Errorf("grant by link: %w", err)
	}
	return at.segment, s.segments[at.segment].grants[at.grant], nil
}

// ReserveGrant implements the store of package enroll.
func (s *Store) ReserveGrant(ctx context.Context, challengeHash, publicKey string, at time.Time) (storage.Segment, storage.Grant, error) {
	var where place
	var g storage.Grant
	// The default segment stands in for that of the grant, which only the
	// transaction finds out, and which exists.
	err := s.update(ctx, "ReserveGrant", storage.DefaultSegment, func(t *tx, _ *segment) error {
		if publicKey == "" {
			return errors.New("public key is empty")
		}
		var known bool
		if where, known = s.challenges[challengeHash]; !known {
			return storage.ErrNotFound
		}
		in := s.segments[where.segment]
		g = in.grants[where.grant]
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
		err := t.saveGrant(where.segment, in, old, g)
		g = in.grants[where.grant]
		return err
	})
	if err != nil {
		return "", storage.Grant{}, fmt.Errorf("reserve grant: %w", err)
	}
	return where.segment, g, nil
}

// RecordCertificate implements the store of package enroll. Beyond its
// contract, it returns storage.ErrExists for a fingerprint that is known in
// any segment, storage.ErrNotFound for an unknown grant, and storage.ErrSpent
// for a revoked one.
func (s *Store) RecordCertificate(ctx context.Context, c storage.Certificate, audit storage.AuditEntry) error {
	err := s.update(ctx, "RecordCertificate", c.Segment, func(t *tx, in *segment) error {
		if err := checkName("fingerprint", c.Fingerprint); err != nil {
			return err
		}
		if _, known := s.certificates[c.Fingerprint]; known {
			return storage.ErrExists
		}
		g, known := in.grants[c.Grant]
		switch {
		case !known:
			return fmt.Errorf("grant %q: %w", c.Grant, storage.ErrNotFound)
		case !g.RevokedAt.IsZero():
			return fmt.Errorf("grant %q is revoked: %w", g.ID, storage.ErrSpent)
		}
		if first, led := in.certificates[g.Certificate]; led {
			if first.State != storage.CertificateIssued {
				return fmt.Errorf("the grant's certificate is %s: %w", first.State, storage.ErrSpent)
			}
			t.supersede(in, first.Fingerprint, storage.CertificateRetired, storage.CertificateIssued)
		}
		c, err := stored(c)
		if err != nil {
			return err
		}
		put(t, in.certificates, c.Fingerprint, c)
		put(t, s.certificates, c.Fingerprint, c.Segment)
		g.Certificate = c.Fingerprint
		put(t, in.grants, g.ID, g)
		return t.appendAudit(in, audit)
	})
	if err != nil {
		return fmt.Errorf("record certificate %q: %w", c.Fingerprint, err)
	}
	return nil
}

// Certificate implements the store of package enroll.
func (s *Store) Certificate(ctx context.Context, fingerprint string) (storage.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg, known := s.certificates[fingerprint]
	err := s.usable(ctx)
	if err == nil && !known {
		err = storage.ErrNotFound
	}
	if err != nil {
		return storage.Certificate{}, fmt.Errorf("certificate %q: %w", fingerprint, err)
	}
	return s.segments[seg].certificates[fingerprint], nil
}

// Certificates implements the store of package enroll.
func (s *Store) Certificates(ctx context.Context, seg storage.Segment, after string, limit int) ([]storage.Certificate, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var found []storage.Certificate
	err := s.view(ctx, seg, func(in *segment) error {
		for _, fingerprint := range slices.Sorted(maps.Keys(in.certificates)) {
			if fingerprint > after && len(found) < limit {
				found = append(found, in.certificates[fingerprint])
			}
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
	var p storage.Phone
	err := s.update(ctx, "UpdateEnrollment", seg, func(t *tx, in *segment) error {
		if err := checkName("UDID", udid); err != nil {
			return err
		}
		before, err := in.enrollment(udid, fingerprint)
		if err != nil {
			return err
		}
		after, err := in.enrollment(udid, fingerprint) // its own copy
		if err != nil {
			return err
		}
		if err := update(&after); err != nil {
			return err
		}
		if err := before.CheckUpdate(after, udid); err != nil {
			return err
		}
		if err := t.saveEnrollment(seg, in, before, after); err != nil {
			return err
		}
		if after.Phone != nil {
			p, err = s.phone(in, udid)
		}
		return err
	})
	if err != nil {
		return storage.Phone{}, fmt.Errorf("update enrollment of %q: %w", udid, err)
	}
	return p, nil
}

// enrollment reads what an updater gets to see.
func (in *segment) enrollment(udid, fingerprint string) (storage.Enrollment, error) {
	c, known := in.certificates[fingerprint]
	if !known {
		return storage.Enrollment{}, fmt.Errorf("certificate %q: %w", fingerprint, storage.ErrNotFound)
	}
	e := storage.Enrollment{Certificate: &c}
	if g, known := in.grants[c.Grant]; known {
		e.Grant = &g
	}
	if found, known := in.phones[udid]; known {
		p := found.Clone()
		e.Phone = &p
	}
	return e, nil
}

// saveEnrollment stores what an updater changed.
func (t *tx) saveEnrollment(seg storage.Segment, in *segment, before, after storage.Enrollment) error {
	c, err := stored(*after.Certificate)
	if err != nil {
		return err
	}
	put(t, in.certificates, c.Fingerprint, c)
	if after.Grant != nil && before.Grant != nil {
		if err := t.saveGrant(seg, in, *before.Grant, *after.Grant); err != nil {
			return err
		}
	}
	for _, fingerprint := range after.Overlap {
		t.supersede(in, fingerprint, storage.CertificateOverlap, storage.CertificateCurrent)
	}
	for _, fingerprint := range after.Retire {
		t.supersede(in, fingerprint, storage.CertificateRetired,
			storage.CertificateIssued, storage.CertificateCurrent, storage.CertificateOverlap)
	}
	if after.Phone != nil {
		phone := *after.Phone
		if err := t.savePhone(in, &phone); err != nil {
			return err
		}
		if after.CancelQueue != "" {
			t.cancelQueue(in, after.Phone, storage.PhoneChange{CancelQueue: after.CancelQueue, Audit: after.Audit})
		}
	}
	return t.appendAudit(in, after.Audit...)
}

// supersede moves a certificate into a state from one of those before it. One
// that is unknown or in another state stays as it is.
func (t *tx) supersede(in *segment, fingerprint string, to storage.CertificateState, from ...storage.CertificateState) {
	c, known := in.certificates[fingerprint]
	if !known || !slices.Contains(from, c.State) {
		return
	}
	c.State = to
	put(t, in.certificates, fingerprint, c)
}
