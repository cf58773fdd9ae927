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
		{"an older version works still", func(p *policy.Parts) {
			p.Verdicts = append(p.Verdicts, found("b", "3.1", policy.ResultBroken, 0), found("c", "3.0", policy.ResultWorks, 1), found("d", "3.2", policy.ResultWorks, 2))
		}, "3.2"},
		{"a version between works on another model", func(p *policy.Parts) {
			between := found("c", "3.2", policy.ResultWorks, 1)
			between.Model = large
			p.Verdicts = append(p.Verdicts, found("b", "3.1", policy.ResultBroken, 0), between, found("d", "3.3", policy.ResultWorks, 2))
		}, "3.3"},
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
			p := delivered()
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
			if brought := len(got.Apps) == 1 && got.Apps[0].Floor == tt.want; brought != (tt.want != "3.1") {
				t.Errorf("a phone with 3.1 is brought %+v, want the app in %s where it waits for that", got.Apps, tt.want)
			}
		})
	}
	w := policy.NewWorld(approved())
	if got := append(w.Floors("none", "a1", small, now), w.Floors(group, "none", small, now)...); got != nil {
		t.Errorf("of what is unknown: %+v", got)
	}
}

// TestFloorOfAnAppThatCameLater: an approval that was given before an app counted asks for no
// version of it, until one is known not to work there and a newer one does.
func TestFloorOfAnAppThatCameLater(t *testing.T) {
	t.Parallel()
	p := approved()
	p.Approvals[0].Floors = p.Approvals[0].Floors[:1]
	p.Verdicts = p.Verdicts[:2] // none of Scanner
	if got := policy.NewWorld(p).Floors(group, "a1", small, now); len(got) != 1 {
		t.Errorf("before: %+v", got)
	}
	broken, works := works("b", scan, small), works("c", scan, small)
	broken.Result, broken.AppVersion, broken.At = policy.ResultBroken, "3.2", now.Add(-2*time.Minute)
	works.AppVersion, works.At = "3.3", now.Add(-time.Minute)
	p.Verdicts = append(p.Verdicts, broken, works)
	w := policy.NewWorld(p)
	if got := w.Floors(group, "a1", small, now); len(got) != 2 || got[1] != (policy.Floor{BundleID: scan, MinVersion: "3.3"}) {
		t.Errorf("floors %+v, want 3.3 of the app that came later", got)
	}
	if got := policy.TargetFor(w, phone(), now); got.Enforce != nil || got.Blocked.Code != policy.ReasonAppUpdateNeeded {
		t.Errorf("a phone with 3.2: enforce %+v, blocked %+v", got.Enforce, got.Blocked)
	}
}

// TestFloorsOfACarriedResult: what a quick check was carried over from counts as what it rests
// on, up to the release.
func TestFloorsOfACarriedResult(t *testing.T) {
	t.Parallel()
	const base, between, patch = "26.5", "26.5.1", "26.5.2"
	at := now.Add(-time.Hour)
	result := func(id, on, version string, r policy.Result, minute int) policy.Verdict {
		v := works(id, pos, small)
		v.Release, v.PhoneOS, v.AppVersion, v.Result, v.At = on, on, version, r, at.Add(time.Duration(minute)*time.Minute)
		return v
	}
	quick := func(id, version string, minute int) policy.Verdict {
		v := result(id, patch, version, policy.ResultWorks, minute)
		v.Method = policy.MethodSmoke
		return v
	}
	for name, tt := range map[string]struct {
		since []policy.Verdict
		want  string
	}{
		"nothing since":       {nil, "3.1"},
		"a newer one in full": {[]policy.Verdict{result("x", patch, "3.2", policy.ResultWorks, 1)}, "3.1"},
		"broken where it was tested in full": {
			[]policy.Verdict{result("x", base, "3.1", policy.ResultBroken, 1), result("y", base, "3.2", policy.ResultWorks, 2), quick("z", "3.2", 3)}, "3.2",
		},
		"broken on the way": {[]policy.Verdict{result("x", between, "3.1", policy.ResultBroken, 1), result("y", patch, "3.2", policy.ResultWorks, 2)}, "3.2"},
		"broken on the way, by mistake": {
			[]policy.Verdict{result("x", between, "3.1", policy.ResultBroken, 1), result("y", between, "3.1", policy.ResultWorks, 2), result("z", patch, "3.2", policy.ResultWorks, 3)}, "3.1",
		},
		"an older version broken on the way": {[]policy.Verdict{result("x", between, "3.0", policy.ResultBroken, 1), result("y", patch, "3.2", policy.ResultWorks, 2)}, "3.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := parts()
			p.Releases = append(p.Releases, policy.Release{Version: between, Class: "patch", Models: windows("2026-06-01", small, large)})
			p.Policies = []policy.Policy{{Name: "carry", CarryOver: true}}
			p.Groups[0].Policy = "carry"
			a := approval()
			a.Release, a.At, a.Floors, a.Verdicts = patch, at, []policy.Floor{{BundleID: pos, MinVersion: "3.1"}}, []string{"full", "quick"}
			p.Approvals = []policy.Approval{a}
			p.Verdicts = append([]policy.Verdict{result("full", base, "3.1", policy.ResultWorks, -2), quick("quick", "3.1", -1)}, tt.since...)
			if got := policy.NewWorld(p).Floors(group, "a1", small, now); len(got) != 1 || got[0].MinVersion != tt.want {
				t.Errorf("floors %+v, want %s", got, tt.want)
			}
		})
	}
}
