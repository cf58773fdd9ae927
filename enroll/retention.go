package enroll

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Retention is how long grants and certificates that ended stay on record.
const Retention = 90 * 24 * time.Hour

// A step of Forget looks at so many records, which takes about a millisecond,
// and the next one follows after a pause, so that looking through the records
// of a large fleet costs phones that talk to the server at that time nothing
// they could notice: 100,000 phones take about a minute.
const (
	forgetStep  = 100
	forgetPause = 20 * time.Millisecond
)

// Forget removes the grants of a segment, and the identity certificates that
// speak for nobody, that ended longer ago than [Retention], and returns how many
// of each. It takes its time. Each step of it is one transaction with an audit
// entry that counts them. What was enrolled with them stays, and so do the
// entries that tell of it. A context that ends stops it with what was removed so
// far and the context's error.
func (s *Service) Forget(ctx context.Context, seg storage.Segment) (storage.Forgotten, error) {
	var all storage.Forgotten
	pause := time.NewTicker(forgetPause)
	defer pause.Stop()
	before := s.now().Add(-Retention)
	for {
		gone, err := s.store.Forget(ctx, seg, before, all.Next, forgetStep, s.entry("kannuki", "enrollment.forgotten", "database"))
		all.Grants, all.Certificates, all.Next = all.Grants+gone.Grants, all.Certificates+gone.Certificates, gone.Next
		if err != nil || all.Next == "" {
			return all, wrap("forget what ended", err)
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return all, wrap("forget what ended", ctx.Err())
		}
	}
}
