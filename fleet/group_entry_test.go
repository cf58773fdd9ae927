package fleet_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestLoggedNotices: the log has the notices that count for a group, also those that
// nobody named.
func TestLoggedNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "depot", CandidateNotice: 6 * time.Hour})
	w.must(err)
	entries, err := w.store.Audit(w.ctx, seg, 0, 1000)
	w.must(err)
	last := entries[len(entries)-1]
	if got := [2]string{last.Detail["minimum_notice"], last.Detail["candidate_notice"]}; last.Action != "group.add" || got != [2]string{"24h", "6h"} {
		t.Errorf("%s says %q, want group.add with 24h and 6h", last.Action, got)
	}
}
