package fleet_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// retail gives the group a policy with waves and a calendar, and three more
// production phones.
func (w *world) retail(c fleet.PolicyChange) {
	w.t.Helper()
	c.RolloutChange = fleet.RolloutChange{
		Waves: ptr(storage.WaveShares{"25%", "100%"}), Soak: ptr("2d"), Deadline: ptr("3d"), CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{"mon-fri"})},
	}
	w.decides("retail", c)
	for i := range 3 {
		w.enrol(fmt.Sprintf("P%d", i+2), "sales", storage.RingProduction).settle()
	}
}

func counted(waves []fleet.WaveView) []int {
	var out []int
	for _, v := range waves {
		out = append(out, v.Phones)
	}
	return out
}

// An exception follows the waves and the calendar of the policy as they were
// proposed, or those it names; only phones it covers count.
func TestOverrideInWaves(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit   func(*fleet.OverrideRequest)
		starts []time.Duration
		phones []int
		code   string
	}{
		"the policy's": {func(*fleet.OverrideRequest) {}, []time.Duration{0, 2 * aDay}, []int{1, 3}, ""},
		"its own":      {func(r *fleet.OverrideRequest) { r.Waves, r.Soak = []string{"2", "100%@+1d"}, "1d" }, []time.Duration{0, aDay}, []int{2, 2}, ""},
		"one":          {func(r *fleet.OverrideRequest) { r.Waves = []string{"100%"} }, []time.Duration{0}, []int{4}, ""},
		"over the weekend": {
			func(r *fleet.OverrideRequest) { r.Waves = []string{"25%", "100%@+4d"} },
			[]time.Duration{0, 6*aDay - 9*time.Hour},
			[]int{1, 3},
			"",
		},
		"ends with the last deadline": {func(r *fleet.OverrideRequest) { r.Until = "+5d" }, nil, nil, "until-too-early"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t) // Tuesday
			w.unverified()
			w.retail(fleet.PolicyChange{})
			r := fleet.OverrideRequest{Group: "sales", Release: release, Until: "+14d"}
			tc.edit(&r)
			p, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), r)
			if tc.code != "" {
				if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Code != tc.code {
					t.Fatalf("error = %v, want %s", err, tc.code)
				}
				return
			}
			w.must(err)
			// What the second person signs is what the first was shown.
			w.decides("retail", fleet.PolicyChange{RolloutChange: fleet.RolloutChange{Waves: ptr(storage.WaveShares{}), Soak: ptr("")}})
			opened := w.clock.Now()
			effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), p.ID)
			w.must(err)
			if diff := cmp.Diff(p.Effect.Waves, effect.Waves); diff != "" {
				t.Errorf("waves (-proposed +signed):\n%s", diff)
			}
			if diff := cmp.Diff(tc.starts, w.starts(opened)); diff != "" {
				t.Errorf("starts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.phones, counted(effect.Waves)); diff != "" || effect.Install != tc.phones[0] {
				t.Errorf("%d asked; phones of the waves (-want +got):\n%s", effect.Install, diff)
			}
		})
	}
}

// Shares are of the phones that the exception covers.
func TestOverrideCountsItsModels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	for i := range 4 {
		p := newPhone(w, fmt.Sprintf("Q%d", i))
		p.model = "iPhone14,5"
		p.again("sales", storage.RingProduction)
		p.settle()
	}
	r := override()
	r.Models, r.Waves, r.Until = []string{"iPhone14,5"}, []string{"50%@+0", "100%@+1d"}, "+14d"
	p, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), r)
	w.must(err)
	if diff := cmp.Diff([]int{2, 2}, counted(p.Effect.Waves)); diff != "" || p.Effect.Install != 2 {
		t.Errorf("%d asked at once; phones (-want +got):\n%s", p.Effect.Install, diff)
	}
}

// What a policy approves at the end of a hold takes its waves and calendar, the
// first at once.
func TestEnforceInWaves(t *testing.T) {
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
	enforce := string(policy.OnExpiryEnforce)
	w.retail(fleet.PolicyChange{OnExpiry: &enforce})
	w.at(90) // Sunday, 2026-11-15
	w.sweep()
	monday := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	got := w.waves()
	if len(got) != 2 || !got[0].Start.Equal(monday) || !got[1].Start.Equal(monday.Add(2*aDay)) || got[0].Deadline != "2026-11-19T00:00:00" {
		t.Fatalf("waves %+v, want the first on Monday and the second two days later", got)
	}
	if diff := cmp.Diff([]int{1, 3}, counted(got)); diff != "" {
		t.Errorf("phones (-want +got):\n%s", diff)
	}
}
