package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestHalt: nothing begins, what a phone was told stays for as long as it is
// allowed, and the gate says why.
func TestHalt(t *testing.T) {
	t.Parallel()
	halted := func(cause policy.HaltCause, change ...func(*policy.Parts)) policy.Parts {
		p := approved()
		p.Halt = policy.Halt{Cause: cause, At: now, Was: now}
		for _, c := range change {
			c(&p)
		}
		return p
	}
	told := announced(phone(), policy.InstallDownloading)
	pause := func(p *policy.Parts) { p.Approvals[0].PausedAt = now }
	type outcome struct {
		Enforced, Keep bool
		Why            string
		Phase          policy.Phase
		Said, Human    policy.Code
	}
	tests := []struct {
		name  string
		parts policy.Parts
		facts policy.Facts
		at    time.Time
		want  outcome
	}{
		{"no halt", approved(), phone(), now, outcome{Enforced: true, Phase: policy.PhaseRollingOut, Said: policy.GatePhonesOutstanding, Human: policy.StepHurry}},
		{"a phone that was told nothing", halted(policy.HaltClock), phone(), now, outcome{
			Why: string(policy.GateClockJumped), Phase: policy.PhasePaused, Said: policy.GateClockJumped, Human: policy.StepConfirmClock,
		}},
		{"one that was told", halted(policy.HaltClock), told, now, outcome{
			Enforced: true, Keep: true, Phase: policy.PhasePaused, Said: policy.GateClockJumped, Human: policy.StepConfirmClock,
		}},
		{"one that was told, before the copy was made", halted(policy.HaltRestore), told, now, outcome{
			Why: string(policy.GateRestored), Phase: policy.PhasePaused, Said: policy.GateRestored, Human: policy.StepConfirmRestore,
		}},
		{"a person pauses", halted(policy.HaltClock, pause), told, now, outcome{
			Why: string(policy.GatePausedByPerson), Phase: policy.PhasePaused, Said: policy.GatePausedByPerson, Human: policy.StepConfirmClock,
		}},
		{"the clock was set back", halted(policy.HaltClock), told, now.AddDate(-1, 0, 0), outcome{
			Enforced: true, Keep: true, Phase: policy.PhasePaused, Said: policy.GateClockJumped, Human: policy.StepConfirmClock,
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			w := policy.NewWorld(tc.parts)
			target, gate := policy.TargetFor(w, tc.facts, tc.at), policy.Evaluate(w, group, next, tc.at)
			got := outcome{
				Enforced: target.Enforce != nil, Why: target.Blocked.Params[policy.ParamWhy],
				Phase: gate.Phase, Said: gate.Reasons[0].Code, Human: gate.NextHuman,
			}
			got.Keep = got.Enforced && target.Enforce.Keep
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLoosenedByAClockSetBack: a rollout that is under way is so for edits too while the
// clock shows a time before it began: an app that came later stops nothing.
func TestLoosenedByAClockSetBack(t *testing.T) {
	t.Parallel()
	p := approved()
	p.Halt = policy.Halt{Cause: policy.HaltClock, At: now, Was: now}
	without := policy.NewWorld(p)
	p.Apps = append(p.Apps, policy.App{BundleID: "com.example.till", Importance: policy.ImportanceCritical})
	p.Groups[0].Apps = append(slices.Clone(p.Groups[0].Apps), "com.example.till")
	with := policy.NewWorld(p)
	for _, at := range []time.Time{now, now.AddDate(-1, 0, 0)} {
		if got := policy.Loosened(with, without, group, at); slices.Contains(got, next) || len(got) == 0 {
			t.Errorf("at %s without the app: %v, want all but %s", at.Format(time.DateOnly), got, next)
		}
	}
}
