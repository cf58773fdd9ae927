package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestFloors: an approval keeps the app versions that it was given with, until a result that they
// rest on does not hold any more and a newer version takes its place.
func TestFloors(t *testing.T) {
	t.Parallel()
	at := now.Add(-time.Minute)
	found := func(id, version string, result policy.Result, after time.Duration) policy.Verdict {
		v := works(id, pos, small)
		v.AppVersion, v.Result, v.At = version, result, at.Add(after)
		return v
	}
	revoke := func(p *policy.Parts, id string) {
		for i := range p.Verdicts {
			if p.Verdicts[i].ID == id {
				p.Verdicts[i].RevokedAt = at
			}
		}
	}
	for _, tt := range []struct {
		name  string
		since func(*policy.Parts)
		want  string
	}{
		{"nothing since", func(*policy.Parts) {}, "3.1"},
		{"a newer version works too", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.2", policy.ResultWorks, 0))
		}, "3.1"},
		{"the version is broken, a newer one works", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.1", policy.ResultBroken, 0), found("c", "3.2", policy.ResultWorks, 1))
		}, "3.2"},
		{"a newer version was broken, one newer still works", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.2", policy.ResultBroken, 0), found("c", "3.3", policy.ResultWorks, 1))
		}, "3.3"},
		{"an older version is broken", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.0", policy.ResultBroken, 0), found("c", "3.2", policy.ResultWorks, 1))
		}, "3.1"},
		{"the version is broken, two newer ones work", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.1", policy.ResultBroken, 0), found("c", "3.2", policy.ResultWorks, 1), found("d", "3.3", policy.ResultWorks, 2))
		}, "3.2"},
		{"broken was a mistake", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.1", policy.ResultBroken, 0), found("c", "3.1", policy.ResultWorks, 1), found("d", "3.2", policy.ResultWorks, 2))
		}, "3.1"},
		{"broken was withdrawn", func(p *policy.Parts) {
			b := found("b", "3.1", policy.ResultBroken, 0)
			b.RevokedAt = at.Add(1)
			p.Verdicts = append(p.Verdicts, b, found("c", "3.2", policy.ResultWorks, 2))
		}, "3.1"},
		{"the result was withdrawn, a newer version works", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.2", policy.ResultWorks, 0))
			revoke(p, "v1")
		}, "3.2"},
		{"the result was withdrawn and made again", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.1", policy.ResultWorks, 0))
			revoke(p, "v1")
		}, "3.1"},
		{"another app is broken", func(p *policy.Parts) {
			b, c := found("b", "3.1", policy.ResultBroken, 0), found("c", "3.2", policy.ResultWorks, 1)
			b.BundleID, c.BundleID = scan, scan
			p.Verdicts = append(p.Verdicts, b, c)
		}, "3.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := approved()
			tt.since(&p)
			w := policy.NewWorld(p)
			if got := w.Floors(group, "a1", small, now); len(got) != 2 || got[0] != (policy.Floor{BundleID: pos, MinVersion: tt.want}) {
				t.Errorf("floors %+v, want %s", got, tt.want)
			}
			if diff := cmp.Diff(approval().Floors, p.Approvals[0].Floors); diff != "" {
				t.Errorf("the approval was changed (-want +got):\n%s", diff)
			}
			f := phone()
			f.Apps[0].Version = "3.1"
			got := policy.TargetFor(w, f, now)
			if asked := got.Enforce != nil; asked != (tt.want == "3.1") || !asked && got.Blocked.Code != policy.ReasonAppUpdateNeeded {
				t.Errorf("a phone with 3.1: enforce %+v, blocked %+v", got.Enforce, got.Blocked)
			}
		})
	}
	w := policy.NewWorld(approved())
	if got := append(w.Floors("none", "a1", small, now), w.Floors(group, "none", small, now)...); got != nil {
		t.Errorf("of what is unknown: %+v", got)
	}
}
