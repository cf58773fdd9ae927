package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestHoldReached: each day is reached when it has come, counted from Apple's
// posting date, while production waits for a decision.
func TestHoldReached(t *testing.T) {
	t.Parallel()
	posted := day("2026-07-27") // of 26.6
	reached := func(p policy.Parts, at time.Time) int {
		w := policy.NewWorld(p)
		reached, _ := policy.HoldReached(w, policy.Evaluate(w, group, next, at), at)
		return reached
	}
	for _, tc := range []struct {
		days time.Duration
		want int
	}{
		{0, 0}, {44, 0}, {45, 45}, {59, 45}, {60, 60}, {75, 75}, {82, 75}, {83, 83}, {89, 83}, {90, 90}, {200, 90},
	} {
		if got := reached(parts(), posted.Add(tc.days*24*time.Hour)); got != tc.want {
			t.Errorf("day %d: %d, want %d", tc.days, got, tc.want)
		}
		at := posted.Add(tc.days*24*time.Hour + 5*time.Hour)
		if got := policy.HoldDay(policy.Evaluate(policy.NewWorld(parts()), group, next, at), at); got != int(tc.days) {
			t.Errorf("in the morning of day %d: it is day %d", tc.days, got)
		}
		if tc.want == int(tc.days) && tc.days > 0 {
			if got := reached(parts(), posted.Add(tc.days*24*time.Hour-time.Second)); got == tc.want {
				t.Errorf("a second before day %d: reached already", tc.days)
			}
		}
	}

	last := posted.AddDate(0, 0, 90)
	newer := policy.Release{Version: patch, Class: "patch", Models: windows("2026-08-13", small, large)}
	for name, tc := range map[string]struct {
		change func(*policy.Parts)
		want   int
	}{
		"waiting for approval": {func(p *policy.Parts) { *p = verified() }, 90},
		"no longer verifying":  {func(p *policy.Parts) { p.Offers = nil }, 90},
		"superseded": {func(p *policy.Parts) {
			p.Releases = append(p.Releases, newer)
			p.Groups[0].Census = p.Groups[0].Census[:2]
		}, 90},
		"paused":           {func(p *policy.Parts) { *p = approved(); p.Approvals[0].PausedAt = now }, 90},
		"approved":         {func(p *policy.Parts) { *p = approved() }, 0},
		"declined":         {func(p *policy.Parts) { p.Declines = []policy.Decline{{Group: group, Release: next, At: before}} }, 0},
		"expired":          {func(p *policy.Parts) { p.Releases[2].Models[0].Expires, p.Releases[2].Models[1].Expires = now, now }, 0},
		"no posting date":  {func(p *policy.Parts) { p.Releases[2].Models = windows("0001-01-01", small, large) }, 0},
		"no production":    {func(p *policy.Parts) { p.Groups[0].Census = p.Groups[0].Census[2:] }, 0},
		"production there": {func(p *policy.Parts) { p.Groups[0].Census[0].OSVersion, p.Groups[0].Census[1].OSVersion = next, "26.7" }, 0},
		"a newer one is approved": {func(p *policy.Parts) {
			*p = approved()
			p.Releases = append(p.Releases, newer)
			p.Approvals[0].Release = patch
		}, 0},
		"an older one is approved": {func(p *policy.Parts) {
			*p = approved()
			p.Approvals[0].Release = "26.5.2"
		}, 90},
	} {
		p := parts()
		tc.change(&p)
		if got := reached(p, last); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	if got, _ := policy.HoldReached(policy.NewWorld(parts()), policy.Gate{Group: group, Release: "1"}, last); got != 0 {
		t.Errorf("an unknown release: %d", got)
	}

	// A newer approval does not help a model that it does not cover.
	p := approved()
	p.Releases = append(p.Releases, newer)
	p.Approvals[0].Release, p.Approvals[0].Models = patch, []string{large}
	w := policy.NewWorld(p)
	got, waiting := policy.HoldReached(w, policy.Evaluate(w, group, next, last), last)
	if diff := cmp.Diff([]string{small}, waiting); diff != "" || got != 90 {
		t.Errorf("day %d, waiting models (-want +got):\n%s", got, diff)
	}
}

// TestHoldEndedIsShown: a closed gate says from day 90 on that users see the
// release, and what the policy says to that.
func TestHoldEndedIsShown(t *testing.T) {
	t.Parallel()
	p := parts()
	p.Policies = []policy.Policy{{Name: "open", OnExpiry: policy.OnExpiryReleaseToUsers}}
	p.Groups[0].Policy = "open"
	shown := func(p policy.Parts, at time.Time) map[string]string {
		for _, r := range policy.Evaluate(policy.NewWorld(p), group, next, at).Reasons {
			if r.Code == policy.GateHoldEnded {
				return r.Params
			}
		}
		return nil
	}
	last := day("2026-07-27").AddDate(0, 0, 90)
	if got := shown(p, last.Add(-time.Second)); got != nil {
		t.Errorf("before day 90: %v", got)
	}
	want := map[string]string{"date": "2026-10-25T00:00:00Z", "count": "90", "setting": "release-to-users"}
	if diff := cmp.Diff(want, shown(p, last)); diff != "" {
		t.Errorf("on day 90 (-want +got):\n%s", diff)
	}
	p.Approvals = []policy.Approval{approval()}
	if got := shown(p, last); got != nil {
		t.Errorf("approved: %v", got)
	}
}

// TestModelClocks: every model has its own dates, and the gate the earliest.
func TestModelClocks(t *testing.T) {
	t.Parallel()
	p := parts()
	p.Releases = append(p.Releases, policy.Release{Version: "27.0", Class: "upgrade", Models: []policy.ModelWindow{
		{Model: small, Posted: day("2026-08-10")}, {Model: large, Posted: day("2026-08-12"), Expires: day("2026-10-01")},
	}})
	for i := range p.Releases[2].Models {
		p.Releases[2].Models[i].LeftPublic = day("2026-08-11")
	}
	p.Groups[0].Census[1].OSVersion = "27.0" // the large ones left the older branch
	gate := policy.Evaluate(policy.NewWorld(p), group, "27.0", now)
	stopped := day("2026-08-11")
	want := []policy.ModelClocks{
		{Model: small, Clocks: policy.Clocks{HiddenUntil: day("2026-11-08"), Branch: stopped, VerifyBy: stopped, Passed: true}},
		{Model: large, Clocks: policy.Clocks{HiddenUntil: day("2026-11-10"), ShelfLife: day("2026-10-01"), VerifyBy: day("2026-10-01")}},
	}
	if diff := cmp.Diff(want, gate.ModelClocks); diff != "" {
		t.Errorf("by model (-want +got):\n%s", diff)
	}
	all := policy.Clocks{HiddenUntil: day("2026-11-08"), ShelfLife: day("2026-10-01"), Branch: stopped, VerifyBy: stopped, Passed: true}
	if diff := cmp.Diff(all, gate.Clocks); diff != "" {
		t.Errorf("of the gate (-want +got):\n%s", diff)
	}
}
