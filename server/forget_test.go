package server_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// TestServerForgets: a server that starts removes what ended long ago.
func TestServerForgets(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	in.offline(func(ctx context.Context, s *bolt.Store) {
		in.must(s.CreateGrant(ctx, storage.DefaultSegment, storage.Grant{
			ID: "old", LinkHash: "old", ExpiresAt: time.Now().Add(-enroll.Retention - time.Hour),
		}, storage.AuditEntry{At: time.Now(), Action: "grant.link"}))
	})
	in.until("an entry about the grant", func() bool {
		var log api.Audit
		in.must(in.admin.Get(t.Context(), "/v1/audit", nil, &log))
		return slices.ContainsFunc(log.Entries, func(e api.AuditEntry) bool {
			return e.Action == "enrollment.forgotten" && e.Detail["grants"] == "1" && e.Detail["certificates"] == "0"
		})
	})
}
