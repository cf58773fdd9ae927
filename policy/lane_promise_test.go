package policy_test

import (
	"fmt"
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
		{"exploited for another reason by now", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].Lane.CVEs = []string{"CVE-9"} }, kept},
		{"only the newer one fixes what is exploited by now", func(p *policy.Parts, f *policy.Facts) {
			p.Releases[3].CVEs, f.OSVersion = []policy.CVE{{ID: "CVE-9", Exploited: true}}, "26.5.2"
		}, own},
		{"its branch fixed it before", func(p *policy.Parts, f *policy.Facts) {
			p.Releases[2].CVEs, f.OSVersion = []policy.CVE{{ID: "CVE-2"}}, "26.5.2"
		}, own},
		{"within a month of its last deadline", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].Waves = ended(policy.LanePromise - aDay) }, asked{ended(policy.LanePromise - aDay)[0].Deadline, kept.Notice, true, at}},
		{"a month after its last deadline", func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].Waves = ended(policy.LanePromise + aDay) }, own},
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
			want, of := policy.LocalTime(""), ""
			if tt.want.Urgent {
				want, of = tt.want.Deadline, next
			}
			if got, release := policy.LaneKeeps(policy.NewWorld(p), f, "newer", now); got != want || release != of {
				t.Errorf("the lane of %q keeps %q, want %q of %q", release, got, want, of)
			}
		})
	}
	for _, id := range []string{hurried().Approvals[0].ID, "unknown"} { // no newer approval than the lane's
		if got, release := policy.LaneKeeps(policy.NewWorld(outpaced()), phone(), id, now); got != "" || release != "" {
			t.Errorf("beside approval %s the lane of %q keeps %q", id, release, got)
		}
	}
	nowhere := phone()
	nowhere.Group = "nowhere"
	if got, _ := policy.LaneKeeps(policy.NewWorld(outpaced()), nowhere, "newer", now); got != "" {
		t.Errorf("kept %q for a phone of no group", got)
	}
}

// ended returns a wave whose deadline was some time before now.
func ended(ago time.Duration) []policy.Wave {
	at := now.Add(-ago)
	return []policy.Wave{{Start: at.Add(-aDay), Threshold: policy.Buckets, Deadline: policy.FormatLocal(at, time.UTC)}}
}

// TestInLane holds for which phones an approval by the lane goes on.
func TestInLane(t *testing.T) {
	t.Parallel()
	lane := hurried().Approvals[0].ID
	tests := []struct {
		name   string
		id     string
		change func(*policy.Parts, *policy.Facts)
		want   bool
	}{
		{"goes on", lane, nil, true},
		{"an ordinary one", "newer", nil, false},
		{"has the release", lane, func(_ *policy.Parts, f *policy.Facts) { f.OSVersion = next }, false},
		{"of no group", lane, func(_ *policy.Parts, f *policy.Facts) { f.Group = "nowhere" }, false},
		{"for tests", lane, func(_ *policy.Parts, f *policy.Facts) { f.Ring = policy.RingVerification }, false},
		{"of another model", lane, func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].Models = []string{large} }, false},
		{"paused", lane, func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].PausedAt = now }, false},
		{"declined", lane, func(p *policy.Parts, _ *policy.Facts) {
			p.Declines = []policy.Decline{{Group: group, Release: next, By: "a", At: now.Add(-time.Hour)}}
		}, false},
		{"of a clock ahead", lane, func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].At = now.Add(time.Minute) }, false},
		{"its waves were taken over", lane, func(p *policy.Parts, _ *policy.Facts) { p.Approvals[0].SupersededBy = newest }, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := outpaced(), phone()
			if tt.change != nil {
				tt.change(&p, &f)
			}
			if got := policy.InLane(policy.NewWorld(p), f, tt.id, now); got != tt.want {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

// BenchmarkPromised measures the target of a phone that a newer approval took over from a
// lane, with two hundred older releases on record.
func BenchmarkPromised(b *testing.B) {
	p, f := outpaced(), phone()
	for i := range 200 { // a long history below
		p.Releases = append(p.Releases, policy.Release{
			Version: fmt.Sprintf("%d.%d", 15+i/20, i%20), Class: "patch", Models: windows("2022-05-11", small, large),
			CVEs: []policy.CVE{{ID: fmt.Sprintf("CVE-2022-%d", i), Exploited: true}},
		})
	}
	w := policy.NewWorld(p)
	b.ReportAllocs()
	for b.Loop() {
		if !policy.TargetFor(w, f, now).Enforce.Urgent {
			b.Fatal("not promised")
		}
	}
}
