package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

const newest = "26.6.1"

// outpaced returns the world in which 26.6 goes by the emergency lane and 26.6.1 was
// approved after it with more time.
func outpaced() policy.Parts {
	p := hurried()
	p.Releases = append(p.Releases, policy.Release{Version: newest, Class: "patch", Models: windows("2026-08-10", small, large)})
	p.Approvals[0].Deadline = "2026-08-17T18:00:00"
	a := approval()
	a.ID, a.Release, a.Deadline, a.Verdicts = "newer", newest, "2026-08-25T18:00:00", nil
	p.Approvals = append(p.Approvals, a)
	return p
}

// TestNewerApprovalKeepsWhatTheLanePromised holds when the deadline of the lane goes
// on for a phone that a newer approval takes over, and when not.
func TestNewerApprovalKeepsWhatTheLanePromised(t *testing.T) {
	t.Parallel()
	type asked struct {
		Deadline policy.LocalTime
		Notice   time.Duration
		Urgent   bool
		Hurried  time.Time
	}
	at := approval().At
	kept := asked{"2026-08-17T18:00:00", policy.LaneNotice, true, at}
	own := asked{"2026-08-25T18:00:00", policy.DefaultMinimumNotice, false, time.Time{}}
	tests := []struct {
		name   string
		change func(*policy.Parts, *policy.Facts)
		want   asked
	}{
		{"exposed", nil, kept},
		{"has the fix", func(_ *policy.Parts, f *policy.Facts) { f.OSVersion = "26.5.2" }, own},
		{"has the release of the lane", func(_ *policy.Parts, f *policy.Facts) { f.OSVersion = next }, own},
		{
			"the newer one is sooner", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[1].Deadline = "2026-08-17T12:00:00" },
			asked{"2026-08-17T12:00:00", policy.DefaultMinimumNotice, false, time.Time{}},
		},
		{"the lane is paused", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].PausedAt = now }, own},
		{"the lane was withdrawn", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].Withdrawn = now }, own},
		{"the lane is for another model", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].Models = []string{large} }, own},
		{"its wave waits", func(p *policy.Parts, _ *policy.Facts) {
			p.Approvals[0].Waves = []policy.Wave{{Start: now.Add(time.Hour), Waits: true, Threshold: policy.Buckets}}
		}, kept},
		{"an app is too old for the lane", func(p *policy.Parts, _ *policy.Facts) {
			p.Approvals[0].Floors, p.Approvals[1].Floors = []policy.Floor{{BundleID: pos, MinVersion: "99"}}, nil
		}, kept},
		{
			"hurried", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].Lane.HurriedAt = now },
			asked{kept.Deadline, kept.Notice, true, now},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := outpaced(), phone()
			if tt.change != nil {
				tt.change(&p, &f)
			}
			got := target(p, f).Enforce
			if got == nil || got.Release != newest {
				t.Fatalf("asked for %+v, want %s", got, newest)
			}
			if diff := cmp.Diff(tt.want, asked{got.Deadline, got.Notice, got.Urgent, got.Hurried}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
