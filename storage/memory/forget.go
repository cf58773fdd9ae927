package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Forget implements the store of package enroll.
func (s *Store) Forget(ctx context.Context, seg storage.Segment, before time.Time, limit int, audit storage.AuditEntry) (storage.Forgotten, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var gone storage.Forgotten
	err := s.update(ctx, "Forget", seg, func(t *tx, in *segment) error {
		for _, id := range slices.Sorted(maps.Keys(in.grants)) {
			if g := in.grants[id]; gone.Grants < limit && in.grantEnded(g, before) {
				remove(t, in.grants, id)
				remove(t, s.links, g.LinkHash)
				remove(t, s.challenges, g.ChallengeHash)
				gone.Grants++
			}
		}
		for _, fingerprint := range slices.Sorted(maps.Keys(in.certificates)) {
			if gone.Grants+gone.Certificates < limit && certificateEnded(in.certificates[fingerprint], before) {
				remove(t, in.certificates, fingerprint)
				remove(t, s.certificates, fingerprint)
				gone.Certificates++
			}
		}
		if gone == (storage.Forgotten{}) {
			return nil
		}
		audit.Detail = maps.Clone(audit.Detail)
		if audit.Detail == nil {
			audit.Detail = map[string]string{}
		}
		audit.Detail["grants"], audit.Detail["certificates"] = strconv.Itoa(gone.Grants), strconv.Itoa(gone.Certificates)
		return t.appendAudit(in, audit)
	})
	if err != nil {
		return storage.Forgotten{}, fmt.Errorf("forget what ended before %s: %w", before.UTC().Format(time.RFC3339), err)
	}
	return gone, nil
}

// grantEnded reports whether a grant may go: it ended before a time, and no
// certificate that it led to waits to be shown.
func (in *segment) grantEnded(g storage.Grant, before time.Time) bool {
	expired := g.ExpiresAt.Before(stamp(before)) // one without an expiry cannot be used
	revoked := !g.RevokedAt.IsZero() && g.RevokedAt.Before(stamp(before))
	return (expired || revoked) && in.certificates[g.Certificate].State != storage.CertificateIssued
}

// certificateEnded reports whether a certificate may go: it speaks for nobody,
// and its end was before a time.
func certificateEnded(c storage.Certificate, before time.Time) bool {
	speaks := c.State == storage.CertificateCurrent || c.State == storage.CertificateOverlap
	return !speaks && !c.NotAfter.IsZero() && c.NotAfter.Before(stamp(before))
}
