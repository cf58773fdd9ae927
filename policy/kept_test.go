package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// A build that may be gone on 1 October keeps waves that would end after 24
// September.
func TestKeeps(t *testing.T) {
	t.Parallel()
	ends := policy.Gate{Clocks: policy.Clocks{ShelfLife: day("2026-10-01")}}
	for name, tc := range map[string]struct {
		gate policy.Gate
		a    policy.Approval
		wave policy.Wave
		want bool
	}{
		"in time":              {gate: ends, wave: policy.Wave{Start: now, Deadline: "2026-09-24T00:00:00"}},
		"deadline too late":    {gate: ends, wave: policy.Wave{Start: now, Deadline: "2026-09-24T00:01:00"}, want: true},
		"starts too late":      {gate: ends, wave: policy.Wave{Start: day("2026-09-25"), Deadline: "2026-09-20T00:00:00"}, want: true},
		"no end known":         {wave: policy.Wave{Start: now, Deadline: "2027-09-24T00:00:00"}},
		"an override, too":     {gate: ends, a: policy.Approval{Override: &policy.Override{}}, wave: policy.Wave{Start: now, Deadline: "2026-09-30T00:00:00"}},
		"by the lane as other": {gate: ends, a: policy.Approval{Lane: &policy.Lane{}}, wave: policy.Wave{Start: now, Deadline: "2026-09-30T00:00:00"}, want: true},
	} {
		if got := (policy.Schedule{}).Keeps(tc.gate, &tc.a, tc.wave); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
}

// A wave that is due starts, but one whose end comes too late is kept; a start that
// is minutes late does not make it so.
func TestScheduleStart(t *testing.T) {
	t.Parallel()
	gate := policy.Gate{Clocks: policy.Clocks{ShelfLife: day("2026-10-01")}}
	last := day("2026-09-24")
	s, within := policy.Schedule{}, 72*time.Hour
	for name, tc := range map[string]struct {
		planned, now time.Time
		waits, kept  bool
	}{
		"on time":            {planned: last.Add(-within), now: last.Add(-within)},
		"minutes late":       {planned: last.Add(-within), now: last.Add(-within + 10*time.Minute)},
		"hours late":         {planned: last.Add(-within), now: last.Add(-within + 2*time.Hour), waits: true, kept: true},
		"late, with time":    {planned: last.Add(-within - 48*time.Hour), now: last.Add(-within)},
		"planned for then":   {planned: last, now: last, waits: true, kept: true},
		"again, kept before": {planned: last, now: last.Add(24 * time.Hour), waits: true, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			waves := s.Plan([]policy.Wave{{Threshold: policy.Buckets, Waits: true, Planned: tc.planned, Within: within, Kept: true}})
			if !waves[0].Kept {
				t.Error("a wave that was kept is not once it is planned anew")
			}
			got := s.Start(gate, &policy.Approval{}, waves, 0, tc.now)[0]
			if diff := cmp.Diff([]bool{tc.waits, tc.kept}, []bool{got.Waits, got.Kept}); diff != "" {
				t.Errorf("waits and kept (-want +got):\n%s", diff)
			}
		})
	}
}

// The gate and the phones of a wave that is kept say so, and what a person can do;
// a phone that was told goes on.
func TestKeptWaveIsExplained(t *testing.T) {
	t.Parallel()
	p := approved()
	for i := range p.Releases[2].Models {
		p.Releases[2].Models[i].Expires = now.AddDate(0, 0, 5)
	}
	p.Approvals[0].Waves = []policy.Wave{
		{Start: before, Threshold: 1, Deadline: "2026-08-15T18:00:00"},
		{Start: before, Threshold: policy.Buckets, Deadline: "2026-08-15T18:00:00", Waits: true, Kept: true},
	}
	w := policy.NewWorld(p)
	gate := policy.Evaluate(w, group, next, now)
	want := policy.Reason{Code: policy.GateWaveKept, Params: map[string]string{
		policy.ParamWave: "2", policy.ParamDate: now.AddDate(0, 0, 5).Format(time.RFC3339), policy.ParamDeadline: string(policy.Schedule{}.LastDeadline(gate)),
	}}
	if diff := cmp.Diff(want, gate.Reasons[len(gate.Reasons)-1]); diff != "" || gate.NextHuman != policy.StepChooseNewer || gate.NextAutomatic != policy.StepPhonesInstall {
		t.Errorf("next %s and %s; reason (-want +got):\n%s", gate.NextAutomatic, gate.NextHuman, diff)
	}
	s := w.Schedule(group, nil)
	if got := s.KeptAt(gate, &p.Approvals[0]); got != 1 {
		t.Errorf("the first wave that is kept is %d, want 1", got)
	}
	begun := policy.Approval{Waves: []policy.Wave{{Start: before, Deadline: "2026-08-15T18:00:00"}}}
	if got := s.KeptAt(gate, &begun); got != -1 {
		t.Errorf("wave %d of those that began is kept", got)
	}
	f := phone()
	target := policy.TargetFor(w, f, now)
	blocked := policy.Reason{Code: policy.ReasonWaveNotStarted, Params: map[string]string{policy.ParamRelease: next, policy.ParamWhy: string(policy.WhyWaveKept)}}
	if diff := cmp.Diff(blocked, target.Blocked); diff != "" {
		t.Errorf("blocked (-want +got):\n%s", diff)
	}
	if x := policy.NewExplainer(w, now).Explain(f, policy.Live{}, target); x.NextAutomatic != policy.StepNone || x.NextHuman != policy.StepChooseNewer {
		t.Errorf("next %q and %q, want nothing by itself and the newer release", x.NextAutomatic, x.NextHuman)
	}
	f = announced(f, policy.InstallNone)
	f.Announced.Source, f.Announced.SourceID = policy.SourceApproval, "a1"
	if got := policy.TargetFor(w, f, now); got.Enforce == nil {
		t.Errorf("a phone that was told is blocked by %+v", got.Blocked)
	}
}
