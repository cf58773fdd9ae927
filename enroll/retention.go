package enroll

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Retention is how long grants and certificates that ended stay on record.
const Retention = 90 * 24 * time.Hour

// forgetStep is how many records go in one transaction.
const forgetStep = 1000

// Forget removes the grants of a segment, and the identity certificates that
// speak for nobody, that ended longer ago than [Retention], and returns how many
// of each. Each step of it is one transaction with an audit entry that counts
// them. What was enrolled with them stays, and so do the entries that tell of it.
func (s *Service) Forget(ctx context.Context, seg storage.Segment) (storage.Forgotten, error) {
	var all storage.Forgotten
	for {
		gone, err := s.store.Forget(ctx, seg, s.now().Add(-Retention), forgetStep, s.entry("kannuki", "enrollment.forgotten", "database"))
		all.Grants, all.Certificates = all.Grants+gone.Grants, all.Certificates+gone.Certificates
		if err != nil || gone.Grants+gone.Certificates < forgetStep {
			return all, wrap("forget what ended", err)
		}
	}
}
