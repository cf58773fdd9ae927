package fleet_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestSharesMeanTheSame: what a policy says about waves is what the same words say
// of one approval, whatever the size of the group. Four phones wait.
func TestSharesMeanTheSame(t *testing.T) {
	t.Parallel()
	for words, phones := range map[string][]int{
		"25% 100%":     {1, 3},
		"1 100%":       {1, 3},
		"25% 2 100%":   {1, 1, 2},
		"1 75% 100%":   {1, 2, 1},
		"2 50% 100%":   {2, 0, 2},
		"3 50% 100%":   {3, 0, 1}, // fewer than before: nobody more
		"75% 2 100%":   {3, 0, 1},
		"20 50% 100%":  {4, 0, 0}, // more than there are: all
		"20 30 100%":   {4, 0, 0},
		"1 2 3 4 100%": {1, 1, 1, 1, 0},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			shares := strings.Fields(words)
			person := newWorld(t)
			own, _ := person.inWaves(fleet.ApproveRequest{Waves: shares, Soak: "2d", Deadline: "+3d"})
			if diff := cmp.Diff(phones, counted(own.Waves)); diff != "" {
				t.Errorf("phones of an approval's waves (-want +got):\n%s", diff)
			}
			decided := newWorld(t)
			decided.decides("retail", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{
				Waves: ptr(storage.WaveShares(shares)), Soak: ptr("2d"), Deadline: ptr("3d"),
			}})
			of, _ := decided.inWaves(fleet.ApproveRequest{})
			if diff := cmp.Diff(own.Waves, of.Waves); diff != "" {
				t.Errorf("waves (-by the approval +by the policy):\n%s", diff)
			}
		})
	}
}

// TestEnforceInAGroupTooSmall: a policy's waves that a group is too small for keep
// no release from it when the policy approves by itself, and no exception from
// being signed.
func TestEnforceInAGroupTooSmall(t *testing.T) {
	t.Parallel()
	few := fleet.RolloutChange{Waves: ptr(storage.WaveShares{"3", "50%", "100%"}), Soak: ptr("1d"), Deadline: ptr("2d")}
	t.Run("at the end of a hold", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.verified()
		gates, err := w.fleet.Gates(seg, "sales")
		w.must(err)
		for _, gate := range gates {
			if gate.Release != release {
				w.must(second(w.fleet.Decline(w.ctx, seg, w.act("not for us"), "sales", gate.Release)))
			}
		}
		w.retail(fleet.PolicyChange{OnExpiry: ptr(string(policy.OnExpiryEnforce))})
		w.decides("retail", fleet.PolicyChange{RolloutChange: few})
		w.at(90)
		w.sweep()
		if diff := cmp.Diff([]int{3, 0, 1}, counted(w.waves())); diff != "" {
			t.Errorf("phones (-want +got):\n%s", diff)
		}
	})
	t.Run("by two people", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.unverified()
		w.retail(fleet.PolicyChange{})
		w.decides("retail", fleet.PolicyChange{RolloutChange: few})
		p, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), fleet.OverrideRequest{Group: "sales", Release: release, Until: "+20d"})
		w.must(err)
		effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)
		w.must(err)
		if diff := cmp.Diff([]int{3, 0, 1}, counted(effect.Waves)); diff != "" {
			t.Errorf("phones (-want +got):\n%s", diff)
		}
	})
}

// A policy keeps each share in its one spelling, so that written otherwise it is
// no change.
func TestSharesInOneSpelling(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.decides("retail", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Waves: &storage.WaveShares{"020", "+50%", "100%"}}})
	p, err := w.fleet.Policy(seg, "retail")
	w.must(err)
	if diff := cmp.Diff(storage.WaveShares{"20", "50%", "100%"}, p.Waves); diff != "" {
		t.Errorf("shares (-want +got):\n%s", diff)
	}
}
