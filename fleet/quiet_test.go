package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestChaseKeepsQuietHours: the notice of a step says when no channel is to carry
// it late, unless the policy says that its kind always may be.
func TestChaseKeepsQuietHours(t *testing.T) {
	t.Parallel()
	quiet := &storage.QuietHours{From: 19 * time.Hour, To: 8 * time.Hour, Off: []time.Weekday{time.Sunday}, Zone: "Asia/Tokyo"}
	for name, tc := range map[string]struct {
		change fleet.ChaseChange
		want   *storage.QuietHours
	}{
		"held back":       {fleet.ChaseChange{ChaseQuiet: ptr("19:00-08:00"), ChaseOff: &[]string{"sun"}, ChaseAlways: &[]string{"ticket"}}, quiet},
		"always":          {fleet.ChaseChange{ChaseQuiet: ptr("19:00-08:00"), ChaseOff: &[]string{"sun"}, ChaseAlways: &[]string{"ticket", "message"}}, nil},
		"no quiet hours":  {fleet.ChaseChange{}, nil},
		"quiet days only": {fleet.ChaseChange{ChaseOff: &[]string{"sun"}}, &storage.QuietHours{Off: quiet.Off, Zone: quiet.Zone}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p, _ := w.verified() // 18:00 in Tokyo, a Tuesday
			tc.change.Chase = &[]string{"message@+0"}
			w.ladder(tc.change)
			_, err := w.approve("+3d")
			w.must(err)
			p.settle()
			w.tick()
			w.restart()
			all := w.notices()
			if len(all) != 1 {
				t.Fatalf("%d notices, want one", len(all))
			}
			if diff := cmp.Diff(tc.want, all[0].Quiet); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
