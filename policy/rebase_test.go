package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// rollingOut returns a world in which 26.6 rolls out in random waves and its
// successor is approved by taking them over, and that before the second approval.
func (g generator) rollingOut() (before, after policy.Parts) {
	before = approved()
	const patch = "26.6.1"
	before.Releases = append(before.Releases, policy.Release{Version: patch, Class: "patch", Models: windows("2026-08-14", small, large)})
	s := policy.Schedule{Soak: time.Duration(g.IntN(72)) * time.Hour, Notice: policy.DefaultMinimumNotice}
	var waves []policy.Wave
	started := g.IntN(4)
	for i := range 3 {
		at := now.Add(time.Duration(i*24-g.IntN(48)) * time.Hour)
		waves = append(waves, policy.Wave{
			Planned: at, Start: at, Threshold: uint32(2000 * (i + 1) * (1 + g.IntN(2)*i/2)), Waits: i >= started, Within: time.Duration(g.IntN(3)) * 24 * time.Hour,
			Deadline: "2026-08-19T18:00:00",
		})
	}
	waves[2].Threshold = policy.Buckets
	old := &before.Approvals[0]
	old.Waves = waves
	old.WavesOf = pick(g, "", "26.5.2")
	if g.IntN(4) == 0 {
		old.PausedAt = now.Add(-time.Minute)
	}
	after = before
	after.Approvals = append([]policy.Approval{}, before.Approvals...)
	taking := before.Approvals[0]
	taking.ID, taking.Release, taking.At, taking.PausedAt, taking.WavesOf = "a2", patch, now, time.Time{}, old.Drawn()
	taking.Waves = s.Rebase(waves, now)
	taking.Floors = pick(g, old.Floors, []policy.Floor{{BundleID: pos, MinVersion: "3.2"}})
	taking.Models = pick(g, []string{small, large}, []string{large})
	after.Approvals[0].SupersededBy = patch
	after.Approvals = append(after.Approvals, taking)
	return before, after
}

// Whatever a rollout was like when it was taken over: no phone goes to another
// wave, none has more than one enforcement or one without its wave having begun,
// none loses one it was told, none is asked for the old release anew, and what a
// phone is installing or has prepared it keeps.
func TestRebaseKeepsEveryPhoneInItsWave(t *testing.T) {
	t.Parallel()
	taken, kept := 0, 0
	for seed := range uint64(2000) {
		g := newGenerator(seed)
		before, after := g.rollingOut()
		old, taking := before.Approvals[0], after.Approvals[1]
		was, is := policy.NewWorld(before), policy.NewWorld(after)
		for i := range 20 {
			f := phone()
			f.Phone, f.Model, f.OSVersion = fmt.Sprint("P-", i), pick(g, small, large), pick(g, "26.5", "26.5", next)
			first := policy.TargetFor(was, f, now).Enforce
			if first != nil && g.IntN(2) == 0 {
				f.Announced = first
				f.Install = policy.Install{State: pick(g, policy.InstallNone, policy.InstallPrepared, policy.InstallInstalling), PendingVersion: next}
			}
			a, b := old.WaveOf(f.Phone, f.OSVersion, policy.ToldWave{}), taking.WaveOf(f.Phone, f.OSVersion, policy.ToldWave{})
			if a != b {
				t.Fatalf("seed %d: %s goes from wave %d to %d", seed, f.Phone, a, b)
			}
			got := policy.TargetFor(is, f, now).Enforce
			begun := old.Waves[a].Begun(now)
			switch {
			case f.Announced != nil && got == nil:
				t.Fatalf("seed %d: %s loses %s", seed, f.Phone, first.Release)
			case f.Announced == nil && got != nil && got.Release == next && slices.Contains(taking.Models, f.Model):
				t.Fatalf("seed %d: %s is asked for %s anew", seed, f.Phone, next)
			case got != nil && !begun:
				t.Fatalf("seed %d: %s of wave %d, which waits, is asked for %s", seed, f.Phone, a, got.Release)
			case f.Announced != nil && f.Install.State == policy.InstallInstalling && got.Release != next,
				f.Announced != nil && f.Install.State == policy.InstallPrepared && got.Release != next:
				t.Fatalf("seed %d: %s %s %s and is asked for %s", seed, f.Phone, f.Install.State, next, got.Release)
			}
			if got != nil && got.Keep {
				kept++
			} else if got != nil && got.Release == "26.6.1" {
				taken++
			}
		}
		if gate := policy.Evaluate(is, group, next, now); gate.Phase != policy.PhaseSuperseded || gate.Reasons[0].Code != policy.GateTakenOver || gate.NextHuman != policy.StepNone {
			t.Fatalf("seed %d: gate of the old release is %s %v", seed, gate.Phase, gate.Reasons)
		}
		for i, w := range taking.Waves {
			if o := old.Waves[i]; o.Threshold != w.Threshold || o.Begun(now) != w.Begun(now) {
				t.Fatalf("seed %d: wave %d was %+v, is %+v", seed, i, o, w)
			}
		}
	}
	if taken == 0 || kept == 0 {
		t.Errorf("%d phones took the newer release, %d kept the older; the test shows nothing", taken, kept)
	}
}

// Waves that wait keep their dates, what soaks goes on soaking, and phones of
// waves that began have as long as they had at first.
func TestRebaseKeepsDates(t *testing.T) {
	t.Parallel()
	s := policy.Schedule{Soak: 48 * time.Hour}
	opened := now.Add(-24 * time.Hour)
	waves := s.Plan([]policy.Wave{
		{Start: opened, Planned: opened, Within: 72 * time.Hour, Threshold: 500},
		{Planned: opened, Within: 72 * time.Hour, Threshold: 2500, Waits: true},
		{Planned: opened.Add(96 * time.Hour), Within: 24 * time.Hour, Threshold: policy.Buckets, Waits: true},
	})
	got := s.Rebase(waves, now)
	want := append([]policy.Wave{}, waves...)
	want[0].Deadline = policy.FormatLocal(now.Add(72*time.Hour), nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	if got := s.Rebase(got, now); !cmp.Equal(want, got) {
		t.Error("taking over what was taken over changes it")
	}
}

// An approval that ends gives back the gate of the release it had taken over.
func TestTakenOverOnlyWhileItStands(t *testing.T) {
	t.Parallel()
	_, p := newGenerator(1).rollingOut()
	p.Approvals[0].PausedAt = time.Time{}
	p.Approvals[1].Withdrawn = now
	if gate := policy.Evaluate(policy.NewWorld(p), group, next, now); gate.Phase == policy.PhaseSuperseded {
		t.Errorf("the gate is still %s %v", gate.Phase, gate.Reasons)
	}
}

// Nor does it while Apple has taken the newer release back, from all phones or
// from some that can still get the older one.
func TestTakenOverOnlyWhileInstallable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lost []string
		want bool
	}{
		"nothing lost": {nil, true}, "lost by all": {[]string{small, large}, false}, "lost by one model": {[]string{large}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, p := newGenerator(1).rollingOut()
			models := p.Releases[len(p.Releases)-1].Models
			for i := range models {
				if slices.Contains(tc.lost, models[i].Model) {
					models[i].Expires = now
				}
			}
			if gate := policy.Evaluate(policy.NewWorld(p), group, next, now); tc.want != (gate.Phase == policy.PhaseSuperseded) {
				t.Errorf("the gate is %s %v", gate.Phase, gate.Reasons)
			}
		})
	}
}

// While the newer rollout is paused its phones are not asked for the older
// release, nor is one that was told that and is ready for it; only what installs goes on.
func TestPauseOfTheNewerAsksForNothingOlder(t *testing.T) {
	t.Parallel()
	asked, stopped := 0, 0
	for seed := range uint64(500) {
		_, p := newGenerator(seed).rollingOut()
		p.Approvals[0].PausedAt = time.Time{}
		p.Approvals[1].Models = []string{small, large}
		w := policy.NewWorld(p)
		f := phone()
		f.Phone = fmt.Sprint("P-", seed%20)
		before := policy.TargetFor(w, f, now).Enforce
		if before == nil || before.Release != "26.6.1" {
			continue
		}
		asked++
		f.Announced = before
		p.Approvals[1].PausedAt = now
		w = policy.NewWorld(p)
		if got := policy.TargetFor(w, f, now); got.Enforce != nil || got.Blocked.Code != policy.ReasonPaused {
			t.Fatalf("seed %d: paused, the phone is asked for %+v, blocked %v", seed, got.Enforce, got.Blocked)
		}
		alone := p
		alone.Approvals = p.Approvals[:1]
		if policy.TargetFor(policy.NewWorld(alone), f, now).Enforce == nil {
			continue // it never could have been told
		}
		stopped++
		f.Announced = &policy.Enforcement{Release: next, Source: policy.SourceApproval, SourceID: p.Approvals[0].ID, By: policy.ByDeclaration}
		for state, want := range map[policy.InstallState]bool{policy.InstallNone: false, policy.InstallPrepared: false, policy.InstallInstalling: true} {
			f.Install = policy.Install{State: state, PendingVersion: next}
			if got := policy.TargetFor(w, f, now); (got.Enforce != nil) != want || !want && got.Blocked.Params[policy.ParamRelease] != "26.6.1" {
				t.Fatalf("seed %d: a phone that was told %s (%s) is asked for %+v, blocked %v", seed, next, state, got.Enforce, got.Blocked)
			}
		}
	}
	if asked == 0 || stopped == 0 {
		t.Errorf("%d phones were asked for the newer release, %d had the older; the test shows nothing", asked, stopped)
	}
}

// A delay counts from when a wave would have started, not from when it was
// planned: those behind it come as much later as it does.
func TestDelayCountsFromTheStart(t *testing.T) {
	t.Parallel()
	at := func(hours int) time.Time { return now.Add(time.Duration(hours) * time.Hour) }
	plan := func(hours ...int) []policy.Wave {
		waves := []policy.Wave{{Start: now, Planned: now}}
		for _, h := range hours {
			waves = append(waves, policy.Wave{Planned: at(h), Waits: true})
		}
		return waves
	}
	weekdays := policy.Calendar{Weekdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}}
	for name, tc := range map[string]struct {
		schedule policy.Schedule
		waves    []policy.Wave
		until    time.Time
		want     []time.Duration
	}{
		"planned late enough":     {policy.Schedule{}, plan(48, 96), at(24), []time.Duration{0, 48, 96}},
		"put off":                 {policy.Schedule{}, plan(48, 96), at(60), []time.Duration{0, 60, 108}},
		"soaked longer than that": {policy.Schedule{Soak: 72 * time.Hour}, plan(0, 96), at(60), []time.Duration{0, 72, 144}},
		"a soak sets the date":    {policy.Schedule{Soak: 72 * time.Hour}, plan(0, 96), at(80), []time.Duration{0, 80, 152}},
		// now is Sunday, 09:00; the wave of Saturday comes on Monday at midnight, and the one behind it two days later.
		"the calendar sets it": {policy.Schedule{Calendar: weekdays}, plan(144, 192), at(190), []time.Duration{0, 190, 238}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []time.Duration
			for _, w := range tc.schedule.Delay(tc.schedule.Plan(tc.waves), tc.until) {
				got = append(got, w.Start.Sub(now)/time.Hour)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("starts in hours (-want +got):\n%s", diff)
			}
		})
	}
}
