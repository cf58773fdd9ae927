package policy_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// cumulative is three releases of which only the middle one fixes a flaw known to
// be exploited, and production phones on the first.
func cumulative() policy.Parts {
	p := parts()
	p.Releases = []policy.Release{
		{Version: "26.5", Class: "update", Models: windows("2026-05-11", small, large), CVEs: []policy.CVE{{ID: "CVE-1"}}},
		{Version: "26.5.2", Class: "patch", Models: windows("2026-06-29", small, large), CVEs: []policy.CVE{{ID: "CVE-2", Exploited: true}}},
		{Version: next, Class: "update", Models: windows("2026-07-27", small, large), CVEs: []policy.CVE{{ID: "CVE-3"}}},
	}
	return p
}

// quick is a result of a quick check.
func quick(id, app, model string) policy.Verdict {
	v := works(id, app, model)
	v.Method = policy.MethodSmoke
	return v
}

// checked returns the world of three releases with a quick check of every app that
// counts on every model.
func checked() policy.Parts {
	p := cumulative()
	p.Verdicts = []policy.Verdict{quick("q1", pos, small), quick("q2", pos, large), quick("q3", scan, small)}
	return p
}

// hurried returns the world in which two people approved 26.6 by the lane.
func hurried() policy.Parts {
	p := checked()
	a := approval()
	a.Verdicts = []string{"q1", "q2", "q3"}
	a.Lane = &policy.Lane{By: "tanaka", Second: "sato", Reason: "exploited", SecondReason: "agreed", CVEs: []string{"CVE-2"}}
	p.Approvals = []policy.Approval{a}
	return p
}

// TestUrgencyIsCumulative: a phone two releases behind is urgent when only the
// middle release fixed an exploited flaw, and one on the middle release is not.
func TestUrgencyIsCumulative(t *testing.T) {
	t.Parallel()
	got := evaluate(cumulative()).Urgent
	if got == nil {
		t.Fatal("not urgent")
	}
	want := []policy.UrgentVersion{{Version: "26.5", Phones: 10, CVEs: []string{"CVE-2"}}}
	if diff := cmp.Diff(want, got.From); diff != "" || got.Others != 5 {
		t.Errorf("%d others, from (-want +got):\n%s", got.Others, diff)
	}
	p := cumulative()
	p.Groups[0].Census[0].OSVersion = "26.5.2"
	if got := evaluate(p).Urgent; got != nil {
		t.Errorf("urgent for phones that have the fix: %+v", got)
	}
}

// TestUrgencyOfRealReleases: the flaws of 26.3, fixed in February, make 26.4 urgent
// for a phone on 26.2 although 26.4 itself fixes none that is exploited.
func TestUrgencyOfRealReleases(t *testing.T) {
	t.Parallel()
	p := realWorld(day("2026-03-30"))
	p.Groups[0].Census[0].OSVersion = "26.2"
	got := policy.Evaluate(policy.NewWorld(p), group, "26.4", day("2026-03-30")).Urgent
	if got == nil {
		t.Fatal("not urgent")
	}
	want := []policy.UrgentVersion{{Version: "26.2", Phones: 40, CVEs: []string{"CVE-2025-14174", "CVE-2025-43529", "CVE-2026-20700"}}}
	if diff := cmp.Diff(want, got.From); diff != "" || got.Others != 160 {
		t.Errorf("%d others, from (-want +got):\n%s", got.Others, diff)
	}
}

// TestUrgencyAgreesWithTheLedger: what makes a gate urgent is what the ledger of
// exposure counts as open and closed by the release.
func TestUrgencyAgreesWithTheLedger(t *testing.T) {
	t.Parallel()
	seen := 0
	for seed := range uint64(600) {
		p := newGenerator(seed).parts()
		w := policy.NewWorld(p)
		for _, g := range p.Groups {
			for _, r := range p.Releases {
				want := map[string][]string{}
				for _, c := range g.Census {
					for _, flaw := range policy.NewLedger(w, now).For(r.Version).Open(c.Model, c.OSVersion) {
						installable := slices.ContainsFunc(r.Models, func(m policy.ModelWindow) bool {
							return m.Model == c.Model && (m.Expires.IsZero() || m.Expires.After(now))
						})
						waits := c.Count > 0 && c.Ring != policy.RingVerification && version.Newer(r.Version, c.OSVersion)
						if installable && waits && !closedBelow(w, p, g, c, r, flaw.ID) && gated(policyOf(p, g), r) && version.Valid(r.Version) && exploited(p, flaw.ID) {
							want[c.OSVersion] = append(want[c.OSVersion], flaw.ID)
						}
					}
				}
				got := map[string][]string{}
				if u := policy.Evaluate(w, g.Name, r.Version, now).Urgent; u != nil {
					for _, v := range u.From {
						got[v.Version] = v.CVEs
					}
				}
				for v := range want {
					slices.Sort(want[v])
					want[v] = slices.Compact(want[v])
					seen++
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("seed %d, %s for %s (-ledger +gate):\n%s", seed, r.Version, g.Name, diff)
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("only %d versions were urgent", seen)
	}
}

// closedBelow reports whether the policy of a group keeps phones on an older branch than
// that of a release, where another release closes the flaw.
func closedBelow(w *policy.World, p policy.Parts, g policy.Group, c policy.Census, r policy.Release, flaw string) bool {
	decided := policyOf(p, g)
	if version.Major(r.Version) <= version.Major(c.OSVersion) || decided.Majors == policy.MajorsAllow {
		return false
	}
	return slices.ContainsFunc(p.Releases, func(own policy.Release) bool {
		can := slices.ContainsFunc(own.Models, func(m policy.ModelWindow) bool {
			return m.Model == c.Model && !m.Posted.After(now) && (m.Expires.IsZero() || m.Expires.After(now))
		})
		declined := slices.ContainsFunc(p.Declines, func(d policy.Decline) bool { return d.Group == g.Name && d.Release == own.Version && !d.At.After(now) })
		closes := slices.ContainsFunc(policy.NewLedger(w, now).For(own.Version).Open(c.Model, c.OSVersion), func(v policy.CVE) bool { return v.ID == flaw })
		return can && !declined && closes && (gated(decided, own) || decided.Improvements.Mode != policy.ImprovementsOff) && version.Valid(own.Version) && version.Newer(own.Version, c.OSVersion) && version.Major(own.Version) == version.Major(c.OSVersion)
	})
}

// TestHeldMajorIsNotUrgent: for a flaw that a release of their own branch closes, phones
// that the policy keeps on it are not sent to a higher one.
func TestHeldMajorIsNotUrgent(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*policy.Parts)
		urgent bool
	}{
		"closed in the own branch": {func(*policy.Parts) {}, false},
		"majors allowed": {func(p *policy.Parts) {
			p.Groups[0].Policy, p.Policies = "open", []policy.Policy{{Name: "open", Majors: policy.MajorsAllow}}
		}, true},
		"declined in the own branch": {func(p *policy.Parts) {
			for _, v := range []string{"26.5.2", next} {
				p.Declines = append(p.Declines, policy.Decline{Group: group, Release: v, At: before})
			}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := cumulative()
			addRelease(major, "2026-08-15")(&p)
			tt.change(&p)
			if got := policy.Evaluate(policy.NewWorld(p), group, major, now).Urgent; (got != nil) != tt.urgent {
				t.Errorf("urgency %+v, want %t", got, tt.urgent)
			}
		})
	}
}

// policyOf returns the policy that counts for a group.
func policyOf(p policy.Parts, g policy.Group) policy.Policy {
	if i := slices.IndexFunc(p.Policies, func(s policy.Policy) bool { return s.Name == g.Policy }); i >= 0 {
		return p.Policies[i]
	}
	return policy.BuiltIn()
}

// gated reports whether a release has a gate under a policy.
func gated(s policy.Policy, r policy.Release) bool {
	return r.Class != policy.ClassImprovement || s.Improvements.Mode == policy.ImprovementsReverify
}

func exploited(p policy.Parts, id string) bool {
	return slices.ContainsFunc(p.Releases, func(r policy.Release) bool {
		return version.Valid(r.Version) && slices.Contains(r.CVEs, policy.CVE{ID: id, Exploited: true})
	})
}

// TestLaneOpen says what the emergency lane asks for.
func TestLaneOpen(t *testing.T) {
	t.Parallel()
	drop := func(ids ...string) func(*policy.Parts) {
		return func(p *policy.Parts) {
			p.Verdicts = slices.DeleteFunc(p.Verdicts, func(v policy.Verdict) bool { return slices.Contains(ids, v.ID) })
		}
	}
	edit := func(id string, change func(*policy.Verdict)) func(*policy.Parts) {
		return func(p *policy.Parts) {
			change(&p.Verdicts[slices.IndexFunc(p.Verdicts, func(v policy.Verdict) bool { return v.ID == id })])
		}
	}
	tests := []struct {
		name   string
		change func(*policy.Parts)
		want   policy.LaneClosed // "" is open
		apps   []string          // that keep it closed
	}{
		{"quick checks only, without anything to carry over", nil, "", nil},
		{"a full test does too", edit("q1", func(v *policy.Verdict) { v.Method = policy.MethodFull }), "", nil},
		{"verified in full", func(p *policy.Parts) { p.Verdicts = verified().Verdicts }, "", nil},
		{"a critical app lacks a model", drop("q2"), policy.LaneUntested, []string{pos}},
		{"an important app lacks all", drop("q3"), policy.LaneUntested, []string{scan}},
		{"revoked", edit("q1", func(v *policy.Verdict) { v.RevokedAt = now }), policy.LaneUntested, []string{pos}},
		{"expired", edit("q1", func(v *policy.Verdict) { v.Expires = now }), policy.LaneUntested, []string{pos}},
		{"on a production phone", edit("q1", func(v *policy.Verdict) { v.Ring = policy.RingProduction }), policy.LaneUntested, []string{pos}},
		{"broken", reportBroken("b", now.Add(-time.Minute)), policy.LaneBroken, []string{pos}},
		{"broken, and a quick check after it", func(p *policy.Parts) {
			reportBroken("b", before)(p)
			p.Verdicts[0].At = now
		}, policy.LaneBroken, []string{pos}},
		{"an informational app broken", func(p *policy.Parts) {
			v := works("b", news, small)
			v.Result = policy.ResultBroken
			p.Verdicts = append(p.Verdicts, v)
		}, "", nil},
		{"no exploited flaw", func(p *policy.Parts) { p.Releases[1].CVEs[0].Exploited = false }, policy.LaneNotUrgent, nil},
		{"off by policy", laneOff, policy.LaneOff, nil},
		{"no verification phone", func(p *policy.Parts) { p.Groups[0].Census = p.Groups[0].Census[:2] }, policy.LaneNoTest, nil},
		{"declined", decline, policy.LaneDecided, nil},
		{"an ordinary approval goes on", func(p *policy.Parts) { p.Approvals = []policy.Approval{approval()} }, policy.LaneApproved, nil},
		{"an override stands", func(p *policy.Parts) { p.Approvals = overridden().Approvals }, policy.LaneApproved, nil},
		{"an override ended", func(p *policy.Parts) { p.Approvals = overridden().Approvals; endOverride(p) }, "", nil},
		{"approved by the lane", func(p *policy.Parts) { p.Approvals = hurried().Approvals }, policy.LaneApproved, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := checked()
			if tt.change != nil {
				tt.change(&p)
			}
			gate := evaluate(p)
			err := policy.LaneOpen(gate)
			var why policy.LaneClosed
			var apps []string
			if e, ok := errors.AsType[*policy.LaneError](err); ok {
				why = e.Why
				for _, a := range e.Apps {
					apps = append(apps, a.BundleID)
				}
			}
			if diff := cmp.Diff(tt.apps, apps); why != tt.want || diff != "" {
				t.Errorf("%v, want %q; apps (-want +got):\n%s", err, tt.want, diff)
			}
			if offers := gate.NextHuman == policy.StepApproveUrgent; offers != (tt.want == "" && gate.Phase == policy.PhaseVerifying) {
				t.Errorf("next step %q in phase %s", gate.NextHuman, gate.Phase)
			}
		})
	}
}

func laneOff(p *policy.Parts) {
	p.Policies = []policy.Policy{{Name: "slow", Urgent: policy.UrgentRules{Off: true}}}
	p.Groups[0].Policy = "slow"
}

// TestLaneFingerprint: it changes with what the lane rests on, and not with what
// full tests find.
func TestLaneFingerprint(t *testing.T) {
	t.Parallel()
	was := evaluate(checked())
	full, second, broken := checked(), checked(), checked()
	v := works("f", scan, small)
	v.Method, v.At = policy.MethodFull, before.Add(-time.Hour) // the quick check stays the newest
	full.Verdicts = append(full.Verdicts, v)
	second.Verdicts = append(second.Verdicts, quick("q4", scan, large))
	reportBroken("b", now)(&broken)
	if is := evaluate(full); is.Fingerprint == was.Fingerprint || is.Urgent.Fingerprint != was.Urgent.Fingerprint {
		t.Errorf("a full test: gate %s to %s, lane %s to %s", was.Fingerprint, is.Fingerprint, was.Urgent.Fingerprint, is.Urgent.Fingerprint)
	}
	for name, p := range map[string]policy.Parts{"another quick check": second, "broken": broken} {
		if evaluate(p).Urgent.Fingerprint == was.Urgent.Fingerprint {
			t.Errorf("%s, and the same fingerprint", name)
		}
	}
}

// TestLaneApproval follows an approval by the lane: what its gate says and what
// its phones do.
func TestLaneApproval(t *testing.T) {
	t.Parallel()
	revoke := func(id string) func(*policy.Parts) {
		return func(p *policy.Parts) {
			i := slices.IndexFunc(p.Verdicts, func(v policy.Verdict) bool { return v.ID == id })
			p.Verdicts[i].RevokedAt, p.Verdicts[i].RevokedBy = now, "sato"
		}
	}
	tests := []struct {
		name    string
		changes []func(*policy.Parts)
		phase   policy.Phase
		enforce bool
	}{
		{"goes on", nil, policy.PhaseRollingOut, true},
		{"broken since", []func(*policy.Parts){reportBroken("b", now)}, policy.PhaseBlocked, false},
		{"a quick check revoked", []func(*policy.Parts){revoke("q1")}, policy.PhasePaused, false},
		{"revoked, and tested in full", []func(*policy.Parts){revoke("q1"), func(p *policy.Parts) { p.Verdicts = append(p.Verdicts, works("f", pos, small)) }}, policy.PhaseRollingOut, true},
		{"revoked, and checked again", []func(*policy.Parts){revoke("q1"), func(p *policy.Parts) { p.Verdicts = append(p.Verdicts, quick("again", pos, small)) }}, policy.PhaseRollingOut, true},
		{"the only one of an important app revoked", []func(*policy.Parts){revoke("q3")}, policy.PhasePaused, false},
		{"a quick check expired", []func(*policy.Parts){func(p *policy.Parts) { p.Verdicts[0].Expires = now }}, policy.PhaseRollingOut, true},
		{"the lane switched off since", []func(*policy.Parts){laneOff}, policy.PhaseRollingOut, true},
		{"paused", []func(*policy.Parts){pause}, policy.PhasePaused, false},
		{"declined", []func(*policy.Parts){decline}, policy.PhaseDeclined, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := hurried()
			for _, c := range tt.changes {
				c(&p)
			}
			gate, got := evaluate(p), target(p, phone())
			if gate.Phase != tt.phase || (got.Enforce != nil) != tt.enforce {
				t.Errorf("gate %s, enforcement %+v; want %s, %t", gate.Phase, got.Enforce, tt.phase, tt.enforce)
			}
			if (gate.Lane != nil) != (tt.phase != policy.PhaseDeclined) {
				t.Errorf("urgent approval at the gate: %+v", gate.Lane)
			}
		})
	}
}

// TestLaneCapsTheNotice: a longer notice of the group would break the promise.
func TestLaneCapsTheNotice(t *testing.T) {
	t.Parallel()
	for set, want := range map[time.Duration]time.Duration{0: policy.LaneNotice, 48 * time.Hour: policy.LaneNotice, 2 * time.Hour: 2 * time.Hour} {
		p := hurried()
		p.Groups[0].MinimumNotice = set
		if got := target(p, phone()).Enforce.Notice; got != want {
			t.Errorf("notice %v with one of %v in the group, want %v", got, set, want)
		}
	}
}

// TestLaneWaves: the most exposed phones come first, in every branch.
func TestLaneWaves(t *testing.T) {
	t.Parallel()
	of := func(v string, flaws int) policy.UrgentVersion {
		u := policy.UrgentVersion{Version: v, Phones: 1}
		for i := range flaws {
			u.CVEs = append(u.CVEs, fmt.Sprint("CVE-", i))
		}
		return u
	}
	start := time.Date(2026, 8, 16, 9, 0, 0, 0, time.UTC)
	tests := []struct {
		name   string
		u      policy.Urgency
		first  uint32
		within time.Duration
		want   []string
	}{
		{"one level", policy.Urgency{From: []policy.UrgentVersion{of("26.5", 1)}}, 1000, 24 * time.Hour, []string{
			"[26.5] 1000 +0s until 2026-08-16T13:00:00", "[] 10000 +6h0m0s until 2026-08-17T09:00:00",
		}},
		{"one level and others", policy.Urgency{From: []policy.UrgentVersion{of("26.5", 1)}, Others: 3}, 1000, 24 * time.Hour, []string{
			"[26.5] 1000 +0s until 2026-08-16T13:00:00", "[26.5] 10000 +6h0m0s until 2026-08-17T03:00:00", "[] 10000 +12h0m0s until 2026-08-17T09:00:00",
		}},
		{"two branches, three levels", policy.Urgency{From: []policy.UrgentVersion{of("18.7.2", 3), of("26.1", 3), of("26.2", 2), of("18.7.3", 1)}}, 500, 48 * time.Hour, []string{
			"[18.7.2 26.1] 500 +0s until 2026-08-16T13:00:00", "[18.7.2 26.1] 10000 +6h0m0s until 2026-08-17T21:00:00",
			"[18.7.2 26.2] 10000 +12h0m0s until 2026-08-18T03:00:00", "[] 10000 +18h0m0s until 2026-08-18T09:00:00",
		}},
		{"a single phone", policy.Urgency{From: []policy.UrgentVersion{of("26.5", 1)}}, policy.Buckets, 24 * time.Hour, []string{
			"[] 10000 +0s until 2026-08-17T09:00:00",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for i, w := range tt.u.Waves(tt.first, start, tt.within, policy.Schedule{Soak: policy.LaneSoak}) {
				if w.Waits != (i > 0) {
					t.Errorf("wave %d waits: %t", i+1, w.Waits)
				}
				got = append(got, fmt.Sprintf("%v %d +%v until %s", w.UpTo, w.Threshold, w.Start.Sub(start), w.Deadline))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("waves (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLaneOrder: a phone belongs to the first wave that is for its version, and
// one that moved on by itself is less exposed.
func TestLaneOrder(t *testing.T) {
	t.Parallel()
	p := hurried()
	p.Approvals[0].Waves = []policy.Wave{
		{Start: now.Add(-time.Hour), UpTo: []string{"18.7.2", "26.5"}, Threshold: policy.Buckets},
		{Start: now.Add(time.Hour), Threshold: policy.Buckets},
	}
	for osVersion, enforce := range map[string]bool{"26.5": true, "26.4": true, "18.7.1": true, "26.5.2": false, "18.7.3": false, "17.7": false} {
		f := phone()
		f.OSVersion = osVersion
		got := target(p, f)
		if (got.Enforce != nil) != enforce || !enforce && got.Blocked.Code != policy.ReasonWaveNotStarted {
			t.Errorf("%s: enforcement %+v, blocked %v, want one: %t", osVersion, got.Enforce, got.Blocked, enforce)
		}
	}
}

// TestLaneGolden shows gate and phone before two people approve by the lane, while the
// approval goes on, and when a broken result stops it.
func TestLaneGolden(t *testing.T) {
	t.Parallel()
	stopped := hurried()
	reportBroken("b", now)(&stopped)
	for name, p := range map[string]policy.Parts{"open": checked(), "approved": hurried(), "stopped": stopped} {
		w, f := policy.NewWorld(p), phone()
		target := policy.TargetFor(w, f, now)
		golden(t, fmt.Sprintf("lane-%s.json", name), map[string]any{
			"gate": policy.Evaluate(w, group, next, now), "target": target, "explanation": policy.Explain(w, f, live(), target, now),
		})
	}
}

// A phone that was told keeps that when another release that it installs meanwhile
// makes it one of a later wave.
func TestToldPhoneKeepsItsWave(t *testing.T) {
	t.Parallel()
	p := approved()
	p.Approvals[0].Waves = []policy.Wave{
		{Start: now.Add(-time.Hour), UpTo: []string{"26.4"}, Threshold: policy.Buckets, Deadline: "2026-08-19T18:00:00"},
		{Start: now.Add(time.Hour), Waits: true, Threshold: policy.Buckets, Deadline: "2026-08-20T18:00:00"},
	}
	w := policy.NewWorld(p)
	f := phone()
	f.OSVersion = "26.4"
	first := policy.TargetFor(w, f, now).Enforce
	f.OSVersion = "26.5"
	if first == nil || policy.TargetFor(w, f, now).Enforce != nil {
		t.Fatal("want the release for phones on 26.4 alone")
	}
	f.Announced = first
	if got := policy.TargetFor(w, f, now).Enforce; got == nil || got.Release != next {
		t.Errorf("a phone that was told is asked for %+v", got)
	}
	// It keeps the deadline too, also when a pause took back what it was told.
	f.Announced, f.Told = nil, policy.ToldWave{Approval: first.SourceID, Wave: first.Wave}
	if got := policy.TargetFor(w, f, now).Enforce; got == nil || got.Deadline != first.Deadline || got.Wave != 1 {
		t.Errorf("told once, it is asked for %+v, want wave 1 until %s", got, first.Deadline)
	}
	f.Told.Approval = "another"
	if got := policy.TargetFor(w, f, now).Enforce; got != nil {
		t.Errorf("told by another approval, it is asked for %+v", got)
	}
}

// TestUrgencyOfImprovements: a flaw that an improvement fixed first makes what brings that
// fix urgent for the phones without its letter: the improvement where it has a gate, and
// newer releases.
func TestUrgencyOfImprovements(t *testing.T) {
	t.Parallel()
	without := []policy.UrgentVersion{{Version: "26.5.2", Phones: 2, CVEs: []string{"CVE-9"}}, {Version: next, Phones: 10, CVEs: []string{"CVE-9"}}}
	for _, test := range []struct {
		name    string
		mode    policy.ImprovementMode
		release string
		change  func(*policy.Parts)
		want    []policy.UrgentVersion
	}{
		{"its own gate", policy.ImprovementsReverify, improved, nil, without},
		{"no gate of its own", policy.ImprovementsAccept, improved, nil, nil},
		{"a newer release", policy.ImprovementsReverify, "26.6.1", nil, without},
		{"a newer release, where phones lack what they may take", policy.ImprovementsAccept, "26.6.1", nil, without},
		{"a newer release, where they took it", policy.ImprovementsAccept, "26.6.1", func(p *policy.Parts) { p.Groups[0].Census[0].OSVersion = improved }, without[:1]},
		{"a newer release, where it is hidden", policy.ImprovementsOff, "26.6.1", nil, without},
		{"an older release", policy.ImprovementsReverify, next, nil, nil},
		{"a major that is held, where phones may take it", policy.ImprovementsAccept, "27.0", nil, nil},
		{"a major that is held, where it is hidden", policy.ImprovementsOff, "27.0", nil, without},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := reverified()
			p.Releases = append(p.Releases, policy.Release{Version: "27.0", Class: "upgrade", Models: windows("2026-08-14", small, large)})
			if test.release == "26.6.1" {
				p.Releases = append(p.Releases, policy.Release{Version: "26.6.1", Class: "patch", Models: windows("2026-08-14", small, large)})
			}
			p.Policies[0].Improvements.Mode = test.mode
			if test.change != nil {
				test.change(&p)
			}
			gate := policy.Evaluate(policy.NewWorld(p), group, test.release, now)
			var got []policy.UrgentVersion
			if gate.Urgent != nil {
				got = gate.Urgent.From
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("urgent for (-want +got):\n%s", diff)
			}
			if slices.Contains(gate.Exploited, "CVE-9") != (test.release != next) {
				t.Errorf("fixes %v since %s", gate.Exploited, gate.FixesSince)
			}
		})
	}
}
