package fleet_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// planned tries settings and returns what they would do.
func (w *world) planned(text string) fleet.ApplyResult {
	w.t.Helper()
	a := w.act("only looking")
	a.DryRun = true
	before := w.records()
	r, err := w.fleet.Apply(w.ctx, seg, a, fleet.ApplyRequest{Settings: settings(w.t, text)})
	w.must(err)
	if diff := cmp.Diff(before, w.records()); diff != "" {
		w.t.Errorf("planning changed the world:\n%s", diff)
	}
	return r
}

// planLines returns what is planned, a line for each thing that changes.
func planLines(e fleet.Effects) []string {
	release := func(r *fleet.Request) string {
		if r == nil {
			return "nothing"
		}
		return r.Release
	}
	out := []string{}
	for _, p := range e.Phones {
		line := fmt.Sprintf("phone %s on %s: %s, %s -> %s", p.Device, p.OS, p.Effect, release(p.Before), release(p.After))
		if p.Why.Code != "" {
			line += " " + string(p.Why.Code)
		}
		out = append(out, line)
	}
	for _, g := range e.Gates {
		out = append(out, fmt.Sprintf("gate %s: %s -> %s", g.Release, g.PhaseBefore, g.PhaseAfter))
	}
	for _, v := range e.Waves {
		out = append(out, fmt.Sprintf("wave %d: %s -> %s", v.Wave, v.StartBefore.Format("01-02 15:04"), v.StartAfter.Format("01-02 15:04")))
	}
	for _, v := range e.Results {
		out = append(out, fmt.Sprintf("result %s of %s: %s -> %s", v.BundleID, v.Release, dayOr(v.UntilBefore), dayOr(v.UntilAfter)))
	}
	return out
}

func dayOr(t time.Time) string {
	if t.IsZero() {
		return "for ever"
	}
	return t.Format(time.DateOnly)
}

// TestPlanIsWhatHappens: what settings are said to do is what they do, with what
// the server does by itself thereupon, and once they are applied nothing is left
// to do.
func TestPlanIsWhatHappens(t *testing.T) {
	t.Parallel()
	closed := []string{"2026-08-19..2026-08-30"}
	holiday := fleet.PolicyChange{RolloutChange: fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: &closed}}}
	// Of four phones two are in the first two waves; see inWaves.
	waves := fleet.ApproveRequest{Waves: []string{"25%@+0", "50%@+2d", "100%@+4d"}, Deadline: "+3d"}
	for name, tc := range map[string]struct {
		before func(w *world)
		edit   string
		want   []string
	}{
		"the newest release goes to the testers": {
			func(w *world) { w.enrol("V1", "sales", storage.RingVerification).settle() },
			`{"groups": [{"name": "sales", "candidate": "auto"}]}`,
			[]string{"phone V1 on 26.5: install, nothing -> 26.6.1", "gate 26.6.1: held -> verifying", "gate 26.5: held -> verifying"},
		},
		"and is taken back": {
			func(w *world) {
				p := w.enrol("V1", "sales", storage.RingVerification)
				_, err := w.apply(`{"groups": [{"name": "sales", "candidate": "auto"}]}`, false)
				w.must(err)
				p.settle()
			},
			`{"groups": [{"name": "sales", "candidate": "manual"}]}`,
			[]string{"phone V1 on 26.5: withdraw, 26.6.1 -> nothing gate-closed", "gate 26.6.1: verifying -> held", "gate 26.5: verifying -> held"},
		},
		"waves move out of a holiday": {
			func(w *world) { w.decides("strict", fleet.PolicyChange{}); w.inWaves(waves) },
			`{"policies": [{"name": "strict", "closed": ["2026-08-20..2026-08-24"]}]}`,
			[]string{"wave 2: 08-20 09:00 -> 08-25 00:00", "wave 3: 08-22 09:00 -> 08-27 00:00"},
		},
		"waves that are due begin": {
			func(w *world) { w.decides("strict", holiday); w.inWaves(waves); w.clock.Add(3 * aDay) },
			`{"policies": [{"name": "strict", "closed": []}]}`,
			[]string{
				"phone P4 on 26.5: install, nothing -> 26.6.1",
				"wave 2: 08-31 00:00 -> 08-21 09:00", "wave 3: 09-02 00:00 -> 08-23 09:00",
			},
		},
		"a rollout stops": {
			func(w *world) {
				w.decides("strict", fleet.PolicyChange{})
				_, phones := w.inWaves(fleet.ApproveRequest{Deadline: "+5d"})
				for _, p := range phones {
					p.settle()
				}
				w.clock.Add(time.Hour)
				phones[0].fail(1, "error 1")
			},
			`{"policies": [{"name": "strict", "breaker_sample": 1, "breaker_failed": 5}]}`,
			[]string{
				"phone P1 on 26.5: withdraw, 26.6.1 -> nothing paused", "phone P2 on 26.5: withdraw, 26.6.1 -> nothing paused",
				"phone P3 on 26.5: withdraw, 26.6.1 -> nothing paused", "phone P4 on 26.5: withdraw, 26.6.1 -> nothing paused",
				"gate 26.6.1: rolling-out -> paused",
			},
		},
		"results count no longer": {
			func(w *world) { w.decides("strict", fleet.PolicyChange{}); w.verified(); w.clock.Add(5 * aDay) },
			`{"policies": [{"name": "strict", "verdict_days": 3}]}`,
			[]string{"gate 26.6.1: verified -> verifying", "result com.example.pos of 26.6.1: for ever -> 2026-08-21"},
		},
		"nothing that phones notice": {
			func(w *world) { w.decides("strict", fleet.PolicyChange{}); w.inWaves(waves) },
			`{"policies": [{"name": "strict", "carry_over": true}]}`,
			[]string{},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.before(w)
			plan := w.planned(tc.edit)
			if diff := cmp.Diff(tc.want, planLines(plan.Effects)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
			want := w.asked()
			for _, p := range plan.Phones {
				delete(want, p.Device)
				if p.After != nil {
					want[p.Device] = p.After.Release
				}
			}
			done, err := w.apply(tc.edit, false)
			w.must(err)
			if diff := cmp.Diff(plan.Effects, done.Effects); diff != "" {
				t.Errorf("applied otherwise than planned (-planned +applied):\n%s", diff)
			}
			_, err = w.fleet.StartWaves(w.ctx)
			w.must(err)
			w.sweep()
			if diff := cmp.Diff(want, w.asked()); diff != "" {
				t.Errorf("what phones are asked to install (-planned +asked):\n%s", diff)
			}
			for _, moved := range plan.Waves {
				if got := w.waves()[moved.Wave-1].Start; !got.Equal(moved.StartAfter) {
					t.Errorf("wave %d starts %s, planned %s", moved.Wave, got, moved.StartAfter)
				}
			}
			if left := planLines(w.planned(`{"policies": [{"name": "unrelated"}]}`).Effects); len(left) > 0 {
				t.Errorf("left to do: %q", left)
			}
		})
	}
}

// asked returns what every phone is asked to install, by identifier.
func (w *world) asked() map[string]string {
	w.t.Helper()
	out := map[string]string{}
	phones, err := w.fleet.Devices(w.ctx, seg, fleet.DeviceQuery{Limit: 100})
	w.must(err)
	for _, p := range phones.Devices {
		if got, _ := w.phoneOf(p.UDID).enforcement(); got != "" {
			out[p.UDID] = got
		}
	}
	return out
}

// TestPlanNamesSoManyPhones: the numbers are of all.
func TestPlanNamesSoManyPhones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i := range 3 {
		w.enrol(fmt.Sprintf("V%d", i+1), "sales", storage.RingVerification).settle()
	}
	plan := w.planned(`{"groups": [{"name": "sales", "candidate": "auto"}]}`)
	names := []string{}
	for _, p := range plan.Phones {
		names = append(names, p.Device)
	}
	if !slices.Equal(names, []string{"V1", "V2", "V3"}) || plan.Install != 3 || plan.LeftOff != 0 {
		t.Errorf("phones %v, %d install, %d left off", names, plan.Install, plan.LeftOff)
	}
}
