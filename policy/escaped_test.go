package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

const dock = "dock"

// twoGroups returns the world of a group that tested nothing and of one without
// its scanner app, which approved 26.6.
func twoGroups() policy.Parts {
	p := parts()
	p.Groups = append(p.Groups, policy.Group{
		Name: dock, Apps: []string{pos}, Candidate: policy.CandidateManual,
		Census: []policy.Census{
			{Ring: policy.RingProduction, Model: small, OSVersion: "26.5", Count: 1},
			{Ring: policy.RingVerification, Model: small, OSVersion: next, Count: 1},
		},
	})
	v := works("d1", pos, small)
	v.Group = dock
	p.Verdicts = []policy.Verdict{v}
	a := approval()
	a.Group, a.Models, a.Floors = dock, []string{small}, nil
	p.Approvals = []policy.Approval{a}
	return p
}

// inSales has results and approvals of the other group made in the first.
func inSales(p *policy.Parts) {
	p.Verdicts = append(p.Verdicts, works("v1", pos, small), works("v2", pos, large), works("v3", scan, small))
}

func TestEscaped(t *testing.T) {
	t.Parallel()
	withdrawn := func(p *policy.Parts) { p.Approvals[0].Withdrawn = before }
	untested := func(p *policy.Parts) { p.Verdicts = nil }
	late := func(p *policy.Parts) {
		p.Releases = append(p.Releases, policy.Release{Version: patch, Class: "patch", Models: windows("2026-08-10", small, large)})
	}
	approvedInSales := func(release string) func(*policy.Parts) {
		return func(p *policy.Parts) {
			a := approval()
			a.ID, a.Release = "a2", release
			p.Approvals = append(p.Approvals, a)
		}
	}
	tests := map[string]struct {
		change func(*policy.Parts)
		phone  func(*policy.Facts)
		want   []string
	}{
		"approved there, untested here": {nil, nil, []string{next}},
		"paused there":                  {func(p *policy.Parts) { p.Approvals[0].PausedAt, p.Approvals[0].PausedBy = before, "sato" }, nil, []string{next}},
		"no tester there for a time":    {func(p *policy.Parts) { p.Groups[1].Census = p.Groups[1].Census[:1] }, nil, []string{next}},
		"verified there":                {withdrawn, nil, []string{next}},
		"declined there":                {func(p *policy.Parts) { p.Declines = []policy.Decline{{Group: dock, Release: next, At: before}} }, nil, nil},
		"untested there":                {func(p *policy.Parts) { withdrawn(p); untested(p) }, nil, nil},
		"an exception there":            {func(p *policy.Parts) { untested(p); p.Approvals[0].Override = &policy.Override{Until: after} }, nil, []string{next}},
		"an exception that is over":     {func(p *policy.Parts) { untested(p); p.Approvals[0].Override = &policy.Override{Until: before} }, nil, nil},
		"broken there": {func(p *policy.Parts) {
			v := broken(p.Verdicts[0], "3.1")
			v.ID, v.At = "d2", now
			p.Verdicts = append(p.Verdicts, v)
		}, nil, nil},
		"no app there that closes a gate": {func(p *policy.Parts) { withdrawn(p); p.Groups[1].Apps = []string{news} }, nil, nil},
		"verified here":                   {inSales, nil, nil},
		"verified here, and declined": {func(p *policy.Parts) {
			inSales(p)
			p.Declines = []policy.Decline{{Group: group, Release: next, At: before}}
		}, nil, []string{next}},
		"approved here":              {approvedInSales(next), nil, nil},
		"a newer one approved here":  {func(p *policy.Parts) { late(p); approvedInSales(patch)(p) }, nil, nil},
		"an older one approved here": {approvedInSales("26.5.2"), nil, []string{next}},
		"stopped here": {func(p *policy.Parts) {
			approvedInSales(next)(p)
			v := works("v3", scan, small)
			v.Result = policy.ResultBroken
			p.Verdicts = append(p.Verdicts, v)
		}, nil, []string{next}},
		"a model that it was not approved for": {
			nil, func(f *policy.Facts) { f.Model = large }, nil,
		},
		"a model that cannot run it": {nil, func(f *policy.Facts) { f.Model = "iPhone9,9" }, nil},
		"on it already":              {nil, func(f *policy.Facts) { f.OSVersion = next }, nil},
		"nobody knows what it runs":  {nil, func(f *policy.Facts) { f.OSVersion = "" }, []string{next}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, f := twoGroups(), phone()
			if tt.change != nil {
				tt.change(&p)
			}
			if tt.phone != nil {
				tt.phone(&f)
			}
			w := policy.NewWorld(p)
			if diff := cmp.Diff(tt.want, policy.Escaped(w, w, group, dock, f, now)); diff != "" {
				t.Errorf("from %s to %s (-want +got):\n%s", group, dock, diff)
			}
			for _, to := range []string{group, "", "gone"} {
				if got := policy.Escaped(w, w, group, to, f, now); got != nil {
					t.Errorf("to %q: %v, want nothing", to, got)
				}
			}
			if got := policy.Escaped(w, w, "gone", dock, f, now); got != nil {
				t.Errorf("from a group that is gone: %v, want nothing", got)
			}
		})
	}
}

// TestEscapedImprovements: a group whose phones take improvements by themselves
// lets in what the other one tests first, on phones that have their base or get it there.
func TestEscapedImprovements(t *testing.T) {
	t.Parallel()
	p, f := reverified(), phone()
	p.Groups = append(p.Groups, policy.Group{Name: dock, Apps: []string{pos}})
	w := policy.NewWorld(p)
	for os, want := range map[string][]string{next: {improved}, "26.5": nil} {
		f.OSVersion = os
		if diff := cmp.Diff(want, policy.Escaped(w, w, group, dock, f, now)); diff != "" {
			t.Errorf("on %s (-want +got):\n%s", os, diff)
		}
	}
	f.OSVersion = next
	if got := policy.Escaped(w, w, dock, group, f, now); got != nil {
		t.Errorf("to where they are tested: %v, want nothing", got)
	}
	a := approval()
	a.ID, a.Group = "a2", dock
	p.Approvals = append(p.Approvals, a)
	w, f.OSVersion = policy.NewWorld(p), "26.5"
	if diff := cmp.Diff([]string{improved}, policy.Escaped(w, w, group, dock, f, now)); diff != "" {
		t.Errorf("on what is below the base that both approved (-want +got):\n%s", diff)
	}
	if got := policy.Escaped(w, w, dock, group, f, now); got != nil {
		t.Errorf("from where it comes with the base: %v, want nothing", got)
	}
	f.OSVersion = ""
	if diff := cmp.Diff([]string{improved}, policy.Escaped(w, w, group, dock, f, now)); diff != "" {
		t.Errorf("of a phone that has not said what it runs (-want +got):\n%s", diff)
	}
	for i := range p.Releases[2].Models {
		p.Releases[2].Models[i].Expires = before // the base is gone
	}
	w, f.OSVersion = policy.NewWorld(p), "26.5"
	if got := policy.Escaped(w, w, group, dock, f, now); got != nil {
		t.Errorf("on what cannot get the base any more: %v, want nothing", got)
	}
}
