package fleet

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestNewestFloors: a model added to an approval may ask for more than the approval.
func TestNewestFloors(t *testing.T) {
	t.Parallel()
	floor := func(v string) []storage.Floor { return []storage.Floor{{BundleID: "pos", Version: v}} }
	s := &snapshot{}
	s.records.Approvals = []storage.Approval{
		{Group: "sales", Floors: floor("1.9"), Extensions: []storage.Extension{{Floors: floor("1.10")}, {Floors: floor("1.2")}}},
		{Group: "dock", Floors: floor("7"), Extensions: []storage.Extension{{Floors: floor("8")}}},
	}
	if diff := cmp.Diff([]policy.InstalledApp{{BundleID: "pos", Version: "1.10"}}, s.newestFloors("sales")); diff != "" {
		t.Errorf("apps (-want +got):\n%s", diff)
	}
}
