package fleet

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestNewestFloors: a model added to an approval has floors of its own.
func TestNewestFloors(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 8, 20, 9, 0, 0, 0, time.UTC)
	floor := func(v string) []policy.Floor { return []policy.Floor{{BundleID: "pos", MinVersion: v}} }
	approvals := []policy.Approval{
		{ID: "1", Group: "sales", Release: "26.6", Floors: floor("1.9"), Extensions: []policy.Extension{{Model: "A", Floors: floor("1.10")}, {Model: "B", Floors: floor("1.2")}}},
		{ID: "2", Group: "sales", Release: "26.5", Floors: floor("1.4")},
		{ID: "3", Group: "dock", Release: "26.6", Floors: floor("7")},
	}
	s := &snapshot{policy: policy.NewWorld(policy.Parts{
		Releases: []policy.Release{{Version: "26.5"}, {Version: "26.6"}}, Groups: []policy.Group{{Name: "sales"}, {Name: "dock"}}, Approvals: approvals,
	})}
	for _, a := range approvals {
		s.records.Approvals = append(s.records.Approvals, storage.Approval{ID: a.ID, Group: a.Group})
	}
	for model, want := range map[string]string{"A": "1.10", "B": "1.4", "C": "1.9"} {
		if diff := cmp.Diff([]policy.InstalledApp{{BundleID: "pos", Version: want}}, s.newestFloors("sales", model, now)); diff != "" {
			t.Errorf("model %s (-want +got):\n%s", model, diff)
		}
	}
}
