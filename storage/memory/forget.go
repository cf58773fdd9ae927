package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Prefixes of the names of records that Forget looks at, in that order.
const (
	aGrant       = "1/"
	aCertificate = "2/"
)

// Forget implements the store of package enroll.
func (s *Store) Forget(ctx context.Context, seg storage.Segment, before time.Time, from string, limit int, audit storage.AuditEntry) (storage.Forgotten, error) {
	if limit <= 0 {
		limit = defaultLimit
	}
	var gone storage.Forgotten
	err := s.update(ctx, "Forget", seg, func(t *tx, in *segment) error {
		for _, name := range in.forgettable(from) {
			if limit == 0 {
				gone.Next = name
				break
			}
			limit--
			id, isGrant := strings.CutPrefix(name, aGrant)
			fingerprint, isCertificate := strings.CutPrefix(name, aCertificate)
			switch g := in.grants[id]; {
			case isGrant && in.grantEnded(g, before):
				remove(t, in.grants, id)
				remove(t, s.links, g.LinkHash)
				remove(t, s.challenges, g.ChallengeHash)
				gone.Grants++
			case isCertificate && certificateEnded(in.certificates[fingerprint], before):
				remove(t, in.certificates, fingerprint)
				remove(t, s.certificates, fingerprint)
				gone.Certificates++
			}
		}
		if gone.Grants+gone.Certificates == 0 {
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

// forgettable names the grants and then the certificates, from a name on.
func (in *segment) forgettable(from string) []string {
	names := make([]string, 0, len(in.grants)+len(in.certificates))
	for id := range in.grants {
		names = append(names, aGrant+id)
	}
	for fingerprint := range in.certificates {
		names = append(names, aCertificate+fingerprint)
	}
	slices.Sort(names)
	at, _ := slices.BinarySearch(names, from)
	return names[at:]
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
