package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Forget implements the store of package enroll. What may go is looked for in a
// read transaction, so that nobody who writes waits for a scan of all records;
// the writer looks again at those alone.
func (s *Store) Forget(ctx context.Context, seg storage.Segment, before time.Time, from string, limit int, audit storage.AuditEntry) (storage.Forgotten, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	look := forgetting{before: stored(before), from: from, left: limit}
	err := s.viewIn(ctx, seg, func(t *tx) (err error) {
		if look.grants, err = look.ended(t, bucketGrants, seg, t.grantEnded); err != nil {
			return err
		}
		look.certificates, err = look.ended(t, bucketCerts, seg, t.certificateEnded)
		return err
	})
	gone := storage.Forgotten{}
	if err == nil && len(look.grants)+len(look.certificates) > 0 {
		err = s.updateIn(ctx, seg, func(t *tx) (err error) {
			gone, err = t.forget(seg, look, audit)
			return err
		})
	}
	if err != nil {
		return storage.Forgotten{}, fmt.Errorf("forget what ended before %s: %w", look.before.UTC().Format(time.RFC3339), err)
	}
	gone.Next = look.next
	return gone, nil
}

// forgetting is one step of looking for what may go, and what it found.
type forgetting struct {
	before time.Time
	from   string // bucket and key of the first record, "" for the start
	left   int    // how many records may still be looked at
	next   string // of the first one that was not, "" when all were

	grants, certificates []key
}

// ended looks at the next records of a bucket and returns the keys of those that
// may go.
func (l *forgetting) ended(t *tx, b bucket, seg storage.Segment, may func(row, time.Time) (bool, error)) ([]key, error) {
	if l.next != "" {
		return nil, nil
	}
	var from key
	if l.from != "" {
		at, ok := strings.CutPrefix(l.from, string(b)+"/")
		if !ok {
			return nil, nil // a later bucket's turn
		}
		from, l.from = key(at), ""
	}
	var keys []key
	for r, err := range t.rows(b, inSegment(seg), from) {
		if err != nil {
			return nil, err
		}
		if l.left == 0 {
			l.next = string(b) + "/" + string(r.key)
			return keys, nil
		}
		l.left--
		goes, err := may(r, l.before)
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

func (t *tx) forget(seg storage.Segment, look forgetting, audit storage.AuditEntry) (gone storage.Forgotten, err error) {
	if gone.Grants, err = t.forgetAll(bucketGrants, look.grants, look.before, t.grantEnded, t.removeGrant); err != nil {
		return gone, err
	}
	remove := func(r row) error {
		fingerprint := r.key[len(inSegment(seg)):]
		return errors.Join(t.remove(bucketCertIndex, bytes.Clone(fingerprint)), t.remove(bucketCerts, r.key))
	}
	if gone.Certificates, err = t.forgetAll(bucketCerts, look.certificates, look.before, t.certificateEnded, remove); err != nil || gone == (storage.Forgotten{}) {
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
