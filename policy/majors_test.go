package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

const major = "27.0"

// withMajor returns the approved world, candidates given by themselves, in which
// Apple posted a higher major version six days ago.
func withMajor(mode policy.MajorMode) policy.Parts {
	p := approved()
	p.Releases = append(p.Releases, policy.Release{Version: major, Class: "upgrade", Models: windows("2026-08-10", small, large), Synthetic: true})
	p.Policies, p.Groups[0].Policy = []policy.Policy{{Name: "strict", Majors: mode}}, "strict"
	p.Groups[0].Candidate = policy.CandidateAuto
	return p
}

func stopBranch(p *policy.Parts, models ...string) {
	for i := range p.Releases[2].Models {
		for _, m := range models {
			if p.Releases[2].Models[i].Model == m {
				p.Releases[2].Models[i].LeftPublic = day("2026-08-12")
			}
		}
	}
}

// TestMajorsHeld: a tester gets a higher major version by a person's offer, once
// its own has stopped for the model, or where the policy allows it.
func TestMajorsHeld(t *testing.T) {
	t.Parallel()
	offer := func(p *policy.Parts) {
		p.Offers = append(p.Offers, policy.Offer{Group: group, Release: major, At: before})
	}
	tests := map[string]struct {
		mode    policy.MajorMode
		change  func(*policy.Parts)
		os      string
		want    string
		offered bool // the gate says so
	}{
		"held":                      {policy.MajorsHold, func(*policy.Parts) {}, "26.5", next, false},
		"held, as nothing was said": {"", func(*policy.Parts) {}, "26.5", next, false},
		"held on the newest":        {policy.MajorsHold, func(*policy.Parts) {}, next, "", false},
		"offered by a person":       {policy.MajorsHold, offer, "26.5", major, true},
		"allowed":                   {policy.MajorsAllow, func(*policy.Parts) {}, "26.5", major, true},
		"stopped for the model":     {policy.MajorsHold, func(p *policy.Parts) { stopBranch(p, small) }, "26.5", major, true},
		"stopped for another model": {policy.MajorsHold, func(p *policy.Parts) { stopBranch(p, large) }, "26.5", next, true},
		"approved for the group":    {policy.MajorsHold, func(p *policy.Parts) { p.Approvals[0].Release = major }, "26.5", major, true},
		"an exception of production": {policy.MajorsHold, func(p *policy.Parts) {
			p.Approvals[0].Release, p.Approvals[0].Override = major, &policy.Override{Until: after}
		}, "26.5", next, true},
		"on the higher one already":  {policy.MajorsHold, addRelease("27.0.1", "2026-08-15"), major, "27.0.1", false},
		"nothing known of the phone": {policy.MajorsHold, func(p *policy.Parts) { p.Releases = p.Releases[3:] }, "26.5", major, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, f := withMajor(tt.mode), tester()
			tt.change(&p)
			f.OSVersion = tt.os
			got := target(p, f)
			release := ""
			if got.Enforce != nil {
				release = got.Enforce.Release
			}
			if release != tt.want {
				t.Errorf("enforced %q (blocked %v), want %q", release, got.Blocked, tt.want)
			}
			if wantAll := tt.mode == policy.MajorsAllow; got.Hold.AllowMajors != wantAll {
				t.Errorf("users see both branches: %v, want %v", got.Hold.AllowMajors, wantAll)
			}
			g := policy.Evaluate(policy.NewWorld(p), group, major, now)
			said := g.Phase == policy.PhaseVerifying || g.Approval != ""
			if said != tt.offered {
				t.Errorf("gate %s %v, want offered %v", g.Phase, g.Reasons, tt.offered)
			}
		})
	}
}

// TestMajorsWaitedFor: what a phone waits for is the gate of its own branch, and
// that of the higher one when there is nothing left.
func TestMajorsWaitedFor(t *testing.T) {
	t.Parallel()
	p, f := withMajor(policy.MajorsHold), phone()
	p.Approvals, p.Offers = nil, nil
	for os, want := range map[string]string{"26.5": next, next: major} {
		f.OSVersion = os
		if got := target(p, f); got.Release != want || got.Blocked.Code != policy.ReasonGateClosed {
			t.Errorf("a phone on %s waits for %q (%v), want %q", os, got.Release, got.Blocked, want)
		}
	}
}

// TestBranch: when the older branch lives, goes quiet and stops, for each model.
func TestBranch(t *testing.T) {
	t.Parallel()
	posted := day("2026-07-27")
	clock := func(model string, s policy.BranchState, stopped time.Time) policy.BranchClock {
		return policy.BranchClock{Model: model, Line: "26", State: s, Newest: next, Posted: posted, Stopped: stopped}
	}
	lives, quiet, stopped := policy.BranchLives, policy.BranchQuiet, policy.BranchStopped
	end := day("2026-08-12")
	tests := map[string]struct {
		change func(*policy.Parts)
		at     time.Time
		want   *policy.Branch
		reason policy.Code
	}{
		"lives": {
			func(*policy.Parts) {}, now,
			&policy.Branch{BranchClock: clock(small, lives, time.Time{}), Held: true, Models: []policy.BranchClock{clock(small, lives, time.Time{}), clock(large, lives, time.Time{})}},
			policy.GateBranchLives,
		},
		"the last day before it is quiet": {
			func(*policy.Parts) {}, posted.AddDate(0, 0, policy.BranchQuietDays).Add(-time.Second),
			&policy.Branch{BranchClock: clock(small, lives, time.Time{}), Held: true, Models: []policy.BranchClock{clock(small, lives, time.Time{}), clock(large, lives, time.Time{})}},
			policy.GateBranchLives,
		},
		"quiet": {
			func(*policy.Parts) {}, posted.AddDate(0, 0, policy.BranchQuietDays),
			&policy.Branch{BranchClock: clock(small, quiet, time.Time{}), Held: true, Models: []policy.BranchClock{clock(small, quiet, time.Time{}), clock(large, quiet, time.Time{})}},
			policy.GateBranchQuiet,
		},
		"stopped for one model": {
			func(p *policy.Parts) { stopBranch(p, large) }, now,
			&policy.Branch{BranchClock: clock(large, stopped, end), Held: true, Models: []policy.BranchClock{clock(small, lives, time.Time{}), clock(large, stopped, end)}},
			policy.GateBranchStopped,
		},
		"stopped for all": {
			func(p *policy.Parts) { stopBranch(p, small, large) }, now,
			&policy.Branch{BranchClock: clock(small, stopped, end), Models: []policy.BranchClock{clock(small, stopped, end), clock(large, stopped, end)}},
			policy.GateBranchStopped,
		},
		"production is there": {
			func(p *policy.Parts) {
				p.Groups[0].Census = []policy.Census{{Ring: policy.RingProduction, Model: small, OSVersion: major, Count: 1}}
			}, now, nil, "",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := withMajor(policy.MajorsHold)
			tt.change(&p)
			g := policy.Evaluate(policy.NewWorld(p), group, major, tt.at)
			if diff := cmp.Diff(tt.want, g.Branch); diff != "" {
				t.Errorf("branch (-want +got):\n%s", diff)
			}
			if last := g.Reasons[len(g.Reasons)-1].Code; tt.reason != "" && last != tt.reason {
				t.Errorf("the gate says %v, want %s", g.Reasons, tt.reason)
			}
		})
	}
}
