package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestBrokenModels: what is said about an app that does not work names the models
// on which it does not, never those on which nobody tried it.
func TestBrokenModels(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		verdicts  []policy.Verdict
		broken    []string
		why       []string
		wantState policy.Status
	}{
		{"on one, untested on the other", []policy.Verdict{broken(works("b", pos, large), "3.1")}, []string{large}, []string{large}, policy.StatusBroken},
		{"on one, working on the other", []policy.Verdict{works("v", pos, small), broken(works("b", pos, large), "3.1")}, []string{large}, []string{large}, policy.StatusBroken},
		{"on both", []policy.Verdict{broken(works("b", pos, small), "3.1"), broken(works("c", pos, large), "3.1")}, []string{small, large}, []string{small, large}, policy.StatusBroken},
		{"twice on one", []policy.Verdict{broken(works("b", pos, large), "3.1"), broken(works("c", pos, large), "3.2")}, []string{large}, []string{large}, policy.StatusBroken},
		{"on none", []policy.Verdict{works("v", pos, small)}, nil, []string{large}, policy.StatusPartial},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := parts()
			p.Verdicts = tc.verdicts
			got := appAt(p, next)
			if got.State != tc.wantState {
				t.Errorf("state = %s, want %s", got.State, tc.wantState)
			}
			if diff := cmp.Diff(tc.broken, got.BrokenModels); diff != "" {
				t.Errorf("models on which it does not work (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.why, got.WhyModels()); diff != "" {
				t.Errorf("models that the reason is about (-want +got):\n%s", diff)
			}
		})
	}
}

// TestUncleared: what says broken does so until a test of the same model clears it, whatever
// became of the gate.
func TestUncleared(t *testing.T) {
	t.Parallel()
	p := verified()
	b := works("b", pos, small)
	b.Result, b.At = policy.ResultBroken, now.Add(-time.Hour)
	p.Verdicts = append(p.Verdicts, b)
	p.Declines = []policy.Decline{{Group: group, Release: next, At: before}}
	if !policy.NewWorld(p).Uncleared(b, now) {
		t.Error("a broken result of a declined release is said to be cleared")
	}
	works, elsewhere := works("w", pos, small), b
	works.At, elsewhere.Group = now.Add(-time.Minute), "nobody"
	p.Verdicts = append(p.Verdicts, works)
	for _, v := range []policy.Verdict{b, works, elsewhere} {
		if policy.NewWorld(p).Uncleared(v, now) {
			t.Errorf("%s of group %s is said to be broken still", v.ID, v.Group)
		}
	}
}
