package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// hasten marks the approval as one whose rollout two people hurried.
func hasten(p *policy.Parts) {
	p.Approvals[0].Lane = &policy.Lane{By: "tanaka", Second: "sato", Reason: "exploited", SecondReason: "agreed", CVEs: []string{"CVE-2"}, HurriedAt: now}
}

// TestHurryOpen says which rollouts two people may hurry.
func TestHurryOpen(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		world  policy.Parts
		change func(*policy.Parts)
		want   policy.LaneClosed // "" is open
	}{
		{"rolling out", approved(), nil, ""},
		{"before the first wave", approved(), startLater, ""},
		{"a result expired since", approved(), func(p *policy.Parts) { p.Verdicts[0].Expires = now }, ""},
		{"not approved", verified(), nil, policy.LaneNoRollout},
		{"no exploited flaw", approved(), notExploited, policy.HurryNoFlaw},
		{"off by policy", approved(), laneOff, policy.LaneOff},
		{"paused", approved(), pause, policy.LaneStopped},
		{"a broken app", approved(), breakPOS, policy.LaneStopped},
		{"done", approved(), atNext, policy.LaneApproved},
		{"declined", approved(), decline, policy.LaneDecided},
		{"an override", overridden(), nil, policy.LaneApproved},
		{"approved by the lane", hurried(), nil, policy.LaneApproved},
		{"hurried already", approved(), hasten, ""},
		{"hurried for another flaw", approved(), func(p *policy.Parts) { hasten(p); p.Approvals[0].Lane.CVEs = []string{"CVE-9"} }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.change != nil {
				tt.change(&tt.world)
			}
			gate := evaluate(tt.world)
			err := policy.HurryOpen(gate)
			e, _ := errors.AsType[*policy.LaneError](err)
			if (err == nil) != (tt.want == "") || e != nil && e.Why != tt.want {
				t.Errorf("%v in phase %s, want %q", err, gate.Phase, tt.want)
			}
			if offers := gate.NextHuman == policy.StepHurry; offers != (tt.want == "" && tt.name != "hurried already") {
				t.Errorf("next step %q", gate.NextHuman)
			}
		})
	}
}

// TestHurryIsNoStepOfAQuickRollout: what ends within the promise of the lane on every
// clock needs nobody to hurry it.
func TestHurryIsNoStepOfAQuickRollout(t *testing.T) {
	t.Parallel()
	for deadline, want := range map[time.Duration]policy.Code{37 * time.Hour: policy.StepNone, 39 * time.Hour: policy.StepHurry} {
		p := approved()
		p.Approvals[0].Deadline = policy.FormatLocal(now.Add(deadline), time.UTC)
		gate := evaluate(p)
		if got := gate.NextHuman; got != want || gate.Urgent.Slow != (want == policy.StepHurry) {
			t.Errorf("all install within %s: next step %q, slow %t; want %q", deadline, got, gate.Urgent.Slow, want)
		}
	}
}

// TestHurryIsAStep: the notice of phones counts, and what would be refused in the last
// week of the build is not offered.
func TestHurryIsAStep(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*policy.Parts)
		want   policy.Code
		slow   bool
	}{
		{"a long notice", func(p *policy.Parts) {
			p.Groups[0].MinimumNotice = 7 * 24 * time.Hour
			p.Approvals[0].Waves = []policy.Wave{{Start: now.Add(-time.Hour), Threshold: policy.Buckets, Deadline: policy.FormatLocal(now.Add(12*time.Hour), time.UTC)}}
		}, policy.StepHurry, true},
		{"notice over by then", func(p *policy.Parts) {
			p.Groups[0].MinimumNotice = 7 * 24 * time.Hour
			p.Approvals[0].Waves = []policy.Wave{{Start: now.AddDate(0, 0, -7), Threshold: policy.Buckets, Deadline: policy.FormatLocal(now.Add(12*time.Hour), time.UTC)}}
		}, policy.StepNone, false},
		{"a wave kept back in the last week", func(p *policy.Parts) { lastWeek(p, true) }, policy.StepChooseNewer, false},
		{"all waves began before the last week", func(p *policy.Parts) { lastWeek(p, false) }, policy.StepHurry, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := approved()
			tt.change(&p)
			gate := evaluate(p)
			if gate.NextHuman != tt.want || gate.Urgent.Slow != tt.slow {
				t.Errorf("next step %q, slow %t; want %q, %t", gate.NextHuman, gate.Urgent.Slow, tt.want, tt.slow)
			}
		})
	}
}

// lastWeek has the build end in five days, with a last wave that has begun or is kept.
func lastWeek(p *policy.Parts, kept bool) {
	for i := range p.Releases[2].Models {
		p.Releases[2].Models[i].Expires = now.AddDate(0, 0, 5)
	}
	late := policy.FormatLocal(now.AddDate(0, 0, 4), time.UTC)
	p.Approvals[0].Waves = []policy.Wave{
		{Start: before, Threshold: 1, Deadline: late},
		{Start: before, Threshold: policy.Buckets, Deadline: late, Waits: kept, Kept: kept},
	}
}

// TestHurriedRecord: what a gate says of a hurried rollout rests on what two people did.
func TestHurriedRecord(t *testing.T) {
	t.Parallel()
	p := approved()
	hasten(&p)
	w := policy.NewWorld(p)
	gate := policy.Evaluate(w, group, next, now)
	i := slices.IndexFunc(gate.Reasons, func(r policy.Reason) bool { return r.Code == policy.GateHurried })
	got := w.Cited(gate, now).Reasons[i].From
	want := []policy.Record{{Kind: policy.RecordApproval, ID: p.Approvals[0].ID, Release: next, By: "tanaka, sato", At: now}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rests on (-want +got):\n%s", diff)
	}
}

// TestHurriedApproval: it stops and goes on as an ordinary approval does, with the
// notice of the lane and what two people decided at its gate.
func TestHurriedApproval(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		change  func(*policy.Parts)
		phase   policy.Phase
		enforce bool
		tested  bool
	}{
		{"goes on", nil, policy.PhaseRollingOut, true, true},
		{"paused", pause, policy.PhasePaused, false, true},
		{"broken since", breakPOS, policy.PhaseBlocked, false, false},
		{"a full test revoked that a quick check does not replace", func(p *policy.Parts) {
			revokeFirst(p)
			p.Verdicts = append(p.Verdicts, quick("again", pos, small))
		}, policy.PhasePaused, false, false},
		{"the lane switched off since", laneOff, policy.PhaseRollingOut, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := approved()
			hasten(&p)
			if tt.change != nil {
				tt.change(&p)
			}
			gate, got := evaluate(p), target(p, phone())
			if gate.Phase != tt.phase || (got.Enforce != nil) != tt.enforce {
				t.Errorf("gate %s, enforcement %+v; want %s, %t", gate.Phase, got.Enforce, tt.phase, tt.enforce)
			}
			if got.Enforce != nil && (got.Enforce.Notice != policy.LaneNotice || !got.Enforce.Hurried.Equal(now)) {
				t.Errorf("notice %s, hurried %s", got.Enforce.Notice, got.Enforce.Hurried)
			}
			want := &policy.GateLane{By: "tanaka", Second: "sato", Reason: "exploited", SecondReason: "agreed", At: now, CVEs: []string{"CVE-2"}, Hurried: true, Verified: tt.tested}
			if diff := cmp.Diff(want, gate.Lane); diff != "" {
				t.Errorf("at the gate (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHurryWaves: waves that began keep their phones and get no more time than is
// promised; the others come by the lane, most exposed first, once the last one soaked.
func TestHurryWaves(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 16, 9, 0, 0, 0, time.UTC)
	u := policy.Urgency{From: []policy.UrgentVersion{
		{Version: "26.1", CVEs: []string{"a", "b", "c"}}, {Version: "26.2", CVEs: []string{"a", "b"}}, {Version: "26.4", CVEs: []string{"a"}},
	}, Others: 2}
	wave := func(start time.Duration, threshold uint32, deadline string) policy.Wave {
		return policy.Wave{Start: at.Add(start), Planned: at.Add(start), Waits: start > 0, Threshold: threshold, Deadline: policy.LocalTime(deadline), Within: 7 * 24 * time.Hour}
	}
	begun := wave(-5*24*time.Hour, 500, "2026-08-18T09:00:00")
	tests := []struct {
		name    string
		waves   []policy.Wave
		waiting []string
		want    []string
	}{
		{"one has begun long ago", []policy.Wave{begun, wave(72*time.Hour, policy.Buckets, "2026-08-26T09:00:00")}, []string{"26.1", "26.2", "26.4", "26.5"}, []string{
			"[] 500 -120h0m0s false until 2026-08-17T09:00:00", "[26.1] 10000 +0s false until 2026-08-16T21:00:00",
			"[26.2] 10000 +6h0m0s true until 2026-08-17T03:00:00", "[] 10000 +12h0m0s true until 2026-08-17T09:00:00",
		}},
		{"one has just begun", []policy.Wave{wave(-time.Hour, 500, "2026-08-16T20:00:00"), wave(72*time.Hour, policy.Buckets, "2026-08-26T09:00:00")}, []string{"26.1", "26.2"}, []string{
			"[] 500 -1h0m0s false until 2026-08-16T20:00:00", "[26.1] 10000 +5h0m0s true until 2026-08-17T03:00:00", "[] 10000 +11h0m0s true until 2026-08-17T09:00:00",
		}},
		{"all who wait are alike", []policy.Wave{begun, wave(72*time.Hour, policy.Buckets, "2026-08-26T09:00:00")}, []string{"26.4"}, []string{
			"[] 500 -120h0m0s false until 2026-08-17T09:00:00", "[] 10000 +0s false until 2026-08-17T09:00:00",
		}},
		{"nobody waits", []policy.Wave{begun, wave(72*time.Hour, policy.Buckets, "2026-08-26T09:00:00")}, nil, []string{
			"[] 500 -120h0m0s false until 2026-08-17T09:00:00", "[] 10000 +0s false until 2026-08-17T09:00:00",
		}},
		{"all have begun", []policy.Wave{begun, wave(-time.Hour, policy.Buckets, "2026-08-26T09:00:00")}, nil, []string{
			"[] 500 -120h0m0s false until 2026-08-17T09:00:00", "[] 10000 -1h0m0s false until 2026-08-17T09:00:00",
		}},
		{"none has", []policy.Wave{wave(72*time.Hour, policy.Buckets, "2026-08-26T09:00:00")}, []string{"26.1"}, []string{
			"[26.1] 900 +0s false until 2026-08-16T13:00:00", "[26.1] 10000 +6h0m0s true until 2026-08-16T21:00:00",
			"[26.2] 10000 +12h0m0s true until 2026-08-17T03:00:00", "[] 10000 +18h0m0s true until 2026-08-17T09:00:00",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			h := policy.Haste{Waves: tt.waves, Waiting: tt.waiting, First: 900, Now: at, Within: policy.MinLaneDeadline}
			for _, w := range u.Hurry(h, policy.Schedule{Soak: policy.LaneSoak}) {
				got = append(got, fmt.Sprintf("%v %d %s %t until %s", w.UpTo, w.Threshold, signed(w.Start.Sub(at)), w.Waits, w.Deadline))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("waves (-want +got):\n%s", diff)
			}
		})
	}
}

func signed(d time.Duration) string {
	if d < 0 {
		return d.String()
	}
	return "+" + d.String()
}

// TestHurriedKeepsItsWave: of the waves that began and of those of the lane, a phone is
// in that which its hash puts it in first.
func TestHurriedKeepsItsWave(t *testing.T) {
	t.Parallel()
	p := approved()
	hasten(&p)
	bucket := policy.Bucket(next, phone().Phone)
	for threshold, want := range map[uint32]int{bucket + 1: 1, bucket: 2} {
		p.Approvals[0].Waves = []policy.Wave{
			{Start: now.Add(-time.Hour), Threshold: threshold, Deadline: "2026-08-19T18:00:00"},
			{Start: now.Add(-time.Minute), UpTo: []string{phone().OSVersion}, Threshold: policy.Buckets, Deadline: "2026-08-20T18:00:00"},
			{Start: now.Add(time.Hour), Waits: true, Threshold: policy.Buckets},
		}
		if got := target(p, phone()).Enforce; got == nil || got.Wave != want {
			t.Errorf("threshold %d, bucket %d: %+v, want wave %d", threshold, bucket, got, want)
		}
	}
}

// TestHurryGolden shows gate and phone before and after two people hurry a rollout.
func TestHurryGolden(t *testing.T) {
	t.Parallel()
	done := approved()
	hasten(&done)
	for name, p := range map[string]policy.Parts{"open": approved(), "done": done} {
		w, f := policy.NewWorld(p), phone()
		target := policy.TargetFor(w, f, now)
		golden(t, fmt.Sprintf("hurry-%s.json", name), map[string]any{
			"gate": policy.Evaluate(w, group, next, now), "target": target, "explanation": policy.Explain(w, f, live(), target, now),
		})
	}
}
