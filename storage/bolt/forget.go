package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Forget implements the store of package enroll. What may go is looked for in a
// read transaction, so that nobody who writes waits for a scan of all records;
// the writer looks again at those alone.
func (s *Store) Forget(ctx context.Context, seg storage.Segment, before time.Time, limit int, audit storage.AuditEntry) (storage.Forgotten, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	before = stored(before)
	var grants, certificates []key
	err := s.viewIn(ctx, seg, func(t *tx) (err error) {
		if grants, err = t.ended(bucketGrants, seg, limit, t.grantEnded, before); err != nil {
			return err
		}
		certificates, err = t.ended(bucketCerts, seg, limit-len(grants), t.certificateEnded, before)
		return err
	})
	var gone storage.Forgotten
	if err == nil && len(grants)+len(certificates) > 0 {
		err = s.updateIn(ctx, seg, func(t *tx) (err error) {
			gone, err = t.forget(seg, grants, certificates, before, audit)
			return err
		})
	}
	if err != nil {
		return storage.Forgotten{}, fmt.Errorf("forget what ended before %s: %w", before.UTC().Format(time.RFC3339), err)
	}
	return gone, nil
}

// ended returns the keys of at most limit records of a segment that may go.
func (t *tx) ended(b bucket, seg storage.Segment, limit int, may func(row, time.Time) (bool, error), before time.Time) ([]key, error) {
	var keys []key
	for r, err := range t.rows(b, inSegment(seg), nil) {
		if err != nil || len(keys) == limit {
			return keys, err
		}
		goes, err := may(r, before)
		if err != nil {
			return nil, err
		}
		if goes {
			keys = append(keys, bytes.Clone(r.key))
		}
	}
	return keys, nil
}

// grantEnded reports whether a grant may go: it ended before a time, and no
// certificate that it led to waits to be shown.
func (t *tx) grantEnded(r row, before time.Time) (bool, error) {
	g, err := parse[storage.Grant](t, bucketGrants, r)
	if err != nil {
		return false, err
	}
	expired := g.ExpiresAt.Before(before) // one without an expiry cannot be used
	revoked := !g.RevokedAt.IsZero() && g.RevokedAt.Before(before)
	if !expired && !revoked || g.Certificate == "" {
		return expired || revoked, nil
	}
	c, err := t.certificate(segmentOf(r.key), g.Certificate)
	if errors.Is(err, storage.ErrNotFound) {
		return true, nil
	}
	return c.State != storage.CertificateIssued, err
}

// certificateEnded reports whether a certificate may go: it speaks for nobody,
// and its end was before a time.
func (t *tx) certificateEnded(r row, before time.Time) (bool, error) {
	c, err := parse[storage.Certificate](t, bucketCerts, r)
	if err != nil || c.NotAfter.IsZero() || !c.NotAfter.Before(before) {
		return false, err
	}
	switch c.State {
	case storage.CertificateIssued, storage.CertificateRetired, storage.CertificateRevoked:
		return true, nil
	case storage.CertificateCurrent, storage.CertificateOverlap:
		return false, nil
	default:
		return false, nil
	}
}

func (t *tx) forget(seg storage.Segment, grants, certificates []key, before time.Time, audit storage.AuditEntry) (gone storage.Forgotten, err error) {
	if gone.Grants, err = t.forgetAll(bucketGrants, grants, before, t.grantEnded, t.removeGrant); err != nil {
		return gone, err
	}
	remove := func(r row) error {
		fingerprint := r.key[len(inSegment(seg)):]
		return errors.Join(t.remove(bucketCertIndex, bytes.Clone(fingerprint)), t.remove(bucketCerts, r.key))
	}
	if gone.Certificates, err = t.forgetAll(bucketCerts, certificates, before, t.certificateEnded, remove); err != nil || gone == (storage.Forgotten{}) {
		return gone, err
	}
	audit.Detail = maps.Clone(audit.Detail)
	if audit.Detail == nil {
		audit.Detail = map[string]string{}
	}
	audit.Detail["grants"], audit.Detail["certificates"] = strconv.Itoa(gone.Grants), strconv.Itoa(gone.Certificates)
	return gone, t.appendAudit(seg, audit)
}

// forgetAll removes the records that still may go and returns how many did.
func (t *tx) forgetAll(b bucket, keys []key, before time.Time, may func(row, time.Time) (bool, error), remove func(row) error) (n int, err error) {
	for _, k := range keys {
		content, err := t.get(b, k)
		if err != nil {
			return n, err
		}
		if content == nil {
			continue
		}
		r := row{k, bytes.Clone(content)}
		goes, err := may(r, before)
		if err != nil {
			return n, err
		}
		if !goes {
			continue
		}
		if err := remove(r); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

func (t *tx) removeGrant(r row) error {
	g, err := parse[storage.Grant](t, bucketGrants, r)
	if err != nil {
		return err
	}
	for index, hash := range map[bucket]string{bucketLink: g.LinkHash, bucketChallenge: g.ChallengeHash} {
		if hash == "" {
			continue
		}
		if err := t.remove(index, key(hash)); err != nil {
			return err
		}
	}
	return t.remove(bucketGrants, r.key)
}
