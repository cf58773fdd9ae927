package enroll_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestForget: what ended longer ago than the retention goes, in as many steps as
// it takes, and what did not stays.
func TestForget(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	const old = 150 // more than are looked at in one step
	grant := func(i int, expires time.Time) error {
		return d.store.CreateGrant(t.Context(), storage.DefaultSegment, storage.Grant{
			ID: fmt.Sprint(i), LinkHash: fmt.Sprint("link ", i), ExpiresAt: expires,
		}, storage.AuditEntry{At: d.now, Action: "grant"})
	}
	end := d.now.Add(time.Hour)
	var group errgroup.Group // writes that wait together share a sync
	group.SetLimit(100)
	for i := range old {
		group.Go(func() error { return grant(i, end) })
	}
	d.must(group.Wait())
	d.must(grant(9999, end.Add(24*time.Hour))) // looked at last

	d.now = end.Add(enroll.Retention)
	gone, err := d.Forget(t.Context(), storage.DefaultSegment)
	d.must(err)
	if gone != (storage.Forgotten{}) {
		t.Errorf("on the day itself %+v went, want none", gone)
	}
	d.now = d.now.Add(time.Second)
	gone, err = d.Forget(t.Context(), storage.DefaultSegment)
	d.must(err)
	if want := (storage.Forgotten{Grants: old}); gone != want {
		t.Errorf("%+v went, want %+v", gone, want)
	}
	if _, _, err := d.store.GrantByLink(t.Context(), fmt.Sprint("link ", 9999)); err != nil {
		t.Errorf("the grant that ended a day later: %v", err)
	}
	entries, err := d.store.Audit(t.Context(), storage.DefaultSegment, old+1, 0)
	d.must(err)
	var counts []string
	for _, e := range entries {
		counts = append(counts, e.Action+" "+e.Detail["grants"])
	}
	if got, want := fmt.Sprint(counts), "[enrollment.forgotten 100 enrollment.forgotten 50]"; got != want {
		t.Errorf("audit log says %s, want %s", got, want)
	}
}
