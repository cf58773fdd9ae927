package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestAwaited: only a policy that enforces approves by itself: on the day the hold ends
// while that is to come, and then what is verified next, while it waits.
func TestAwaited(t *testing.T) {
	t.Parallel()
	waits, done := func(string) bool { return true }, func(string) bool { return false }
	tests := []struct {
		name   string
		parts  policy.Parts
		change func(*policy.Parts)
		day    int // of the hold
		waits  func(string) bool
		want   policy.Code
	}{
		{"before", parts(), func(*policy.Parts) {}, 10, waits, policy.GatePolicyApproves},
		{"verified, before", verified(), func(*policy.Parts) {}, 10, waits, policy.GatePolicyApproves},
		{"after", parts(), func(*policy.Parts) {}, 91, waits, policy.GatePolicyWaits},
		{"after, settled", parts(), func(*policy.Parts) {}, 91, done, ""},
		{"after, verified and too late for its build", verified(), func(*policy.Parts) {}, 91, waits, ""},
		{"not enforced", parts(), func(p *policy.Parts) { p.Policies[0].OnExpiry = policy.OnExpiryExtendRisk }, 10, waits, ""},
		{"declined", parts(), func(p *policy.Parts) {
			p.Declines = []policy.Decline{{Group: group, Release: next}}
		}, 10, waits, ""},
		{"no phone waits", parts(), func(p *policy.Parts) { p.Groups[0].Census = nil }, 10, waits, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := tt.parts
			p.Policies = []policy.Policy{{Name: "late", OnExpiry: policy.OnExpiryEnforce}}
			p.Groups[0].Policy = "late"
			tt.change(&p)
			w := policy.NewWorld(p)
			gate := policy.Evaluate(w, group, next, now)
			at := gate.Clocks.HiddenUntil.AddDate(0, 0, tt.day-policy.HoldDays).Add(time.Hour)
			gate = policy.Evaluate(w, group, next, at)
			r, ok := policy.Awaited(w, []policy.Gate{gate}, gate, policy.AtEnd{
				Waits: tt.waits,
				Last:  func(string) *policy.Approval { return nil },
				Opens: func(policy.Gate, time.Time) bool { return true },
			}, at)
			if ok != (tt.want != "") || r.Code != tt.want {
				t.Fatalf("%v, %+v in phase %s, want %q", ok, r, gate.Phase, tt.want)
			}
			steps := map[policy.Code]policy.Code{policy.GatePolicyApproves: policy.StepPolicyApproves, policy.GatePolicyWaits: policy.StepPolicyWaits}
			if ok && steps[r.Code] != r.Code {
				t.Errorf("the step %q is not named like its reason %q, in which people find the date", steps[r.Code], r.Code)
			}
			if ok {
				want := map[string]string{policy.ParamRelease: next, policy.ParamDate: gate.Clocks.HiddenUntil.Format(time.RFC3339)}
				if diff := cmp.Diff(want, r.Params); diff != "" {
					t.Errorf("params (-want +got):\n%s", diff)
				}
			}
		})
	}
}

// TestAwaitedOne: of several gates the policy is said to approve the one that it will,
// and one that is not verified only where it could be.
func TestAwaitedOne(t *testing.T) {
	t.Parallel()
	const older = "26.5.2"
	p := verified()
	p.Policies = []policy.Policy{{Name: "late", OnExpiry: policy.OnExpiryEnforce}}
	p.Groups[0].Policy = "late"
	w := policy.NewWorld(p)
	newest := policy.Evaluate(w, group, next, now)
	ends := newest.Clocks.HiddenUntil
	for _, tt := range []struct {
		name  string
		phase policy.Phase // of the newest
		goes  []string     // may be gone before phones have to install them
		taken []string     // back by a person
		want  []string
	}{
		{"two that last", policy.PhaseVerified, nil, nil, []string{next}},
		{"the newest goes", policy.PhaseVerified, []string{next}, nil, []string{older}},
		{"both go", policy.PhaseVerified, []string{next, older}, nil, nil},
		{"the newest was taken back", policy.PhaseVerified, nil, []string{next}, []string{older}},
		{"the newest is not verified", policy.PhaseVerifying, nil, nil, []string{next, older}},
		{"the newest is not verified and goes", policy.PhaseVerifying, []string{next}, nil, []string{older}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			gates := []policy.Gate{newest, newest}
			gates[0].Phase, gates[1].Release = tt.phase, older
			end := policy.AtEnd{
				Waits: func(string) bool { return true },
				Last: func(release string) *policy.Approval {
					if !slices.Contains(tt.taken, release) {
						return nil
					}
					return &policy.Approval{Models: newest.Models, Withdrawn: now}
				},
				Opens: func(g policy.Gate, at time.Time) bool { return !slices.Contains(tt.goes, g.Release) && at.Equal(ends) },
			}
			var got []string
			for _, gate := range gates {
				if r, ok := policy.Awaited(w, gates, gate, end, now); ok && r.Code == policy.GatePolicyApproves {
					got = append(got, gate.Release)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("said to be approved (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAwaitedSteps: what is said to happen by itself is named as its reason is.
func TestAwaitedSteps(t *testing.T) {
	t.Parallel()
	if policy.StepPolicyApproves != policy.GatePolicyApproves || policy.StepPolicyWaits != policy.GatePolicyWaits {
		t.Errorf("the steps are %s and %s, the reasons %s and %s", policy.StepPolicyApproves, policy.StepPolicyWaits, policy.GatePolicyApproves, policy.GatePolicyWaits)
	}
}
