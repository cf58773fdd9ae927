package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestApprovalOnRecord: the audit log alone says what one person let phones install, when,
// and what that rested on.
func TestApprovalOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _ = w.inWaves(fleet.ApproveRequest{Deadline: "+5d", Waves: []string{"50%@+0", "100%@+2d"}, Soak: "1d"})
	a := w.approvals()[0]
	want := map[string]string{
		"phase_before": "verified", "approval": a.ID, "models": "iPhone15,2", "verdicts": a.Verdicts[0], "floors": "com.example.pos 1.0",
		"waves": "2", "soak": "24h", "start": "2026-08-18T09:00:00Z", "deadline": a.Waves[0].Deadline,
		"last_start": "2026-08-20T09:00:00Z", "last_deadline": a.Waves[1].Deadline,
	}
	if diff := cmp.Diff(want, w.acts("gate.approve")[0].Detail); diff != "" {
		t.Errorf("audit entry (-want +got):\n%s", diff)
	}
}
