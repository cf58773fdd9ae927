package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// generator draws worlds and phones from domains so small that records often
// meet each other.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator {
	return generator{rand.New(rand.NewPCG(seed, 1))}
}

func pick[T any](g generator, list ...T) T { return list[g.IntN(len(list))] }

func some[T any](g generator, n int, one func(i int) T) []T {
	list := make([]T, g.IntN(n+1))
	for i := range list {
		list[i] = one(i)
	}
	return list
}

func (g generator) version() string {
	return pick(g, "16.7", "26.4", "26.5", "26.5.2", next, "26.6.1", "27.0", "26.6 (a)", "odd")
}

func (g generator) model() string { return pick(g, small, large, "iPhone18,1", "") }
func (g generator) group() string { return pick(g, group, group, group, "stock", "") }
func (g generator) app() string   { return pick(g, pos, scan, news) }

func (g generator) time() time.Time { return now.Add(time.Duration(g.IntN(400)-300) * time.Hour) }

func (g generator) maybe() time.Time {
	if g.IntN(3) > 0 {
		return time.Time{}
	}
	return g.time()
}

func (g generator) ring() policy.Ring {
	return pick(g, policy.RingProduction, policy.RingVerification, "")
}

func (g generator) release(v string) policy.Release {
	r := policy.Release{Version: v, Class: pick(g, "update", "patch")}
	if v == "26.6 (a)" {
		r.Class = policy.ClassImprovement
	}
	for _, m := range []string{small, large, "iPhone18,1"} {
		if g.IntN(5) > 0 {
			r.Models = append(r.Models, policy.ModelWindow{Model: m, Posted: g.maybe(), LeftPublic: g.maybe(), Expires: g.maybe()})
		}
	}
	r.CVEs = some(g, 3, func(int) policy.CVE {
		return policy.CVE{ID: fmt.Sprint("CVE-", g.IntN(5)), Exploited: g.IntN(2) == 0}
	})
	return r
}

func (g generator) verdict(i int) policy.Verdict {
	v := policy.Verdict{
		ID: fmt.Sprint("v", i), BundleID: g.app(), AppVersion: pick(g, "3.0", "3.1", "3.2", "x", ""), Release: g.version(),
		Model: g.model(), Group: g.group(), Ring: pick(g, policy.RingVerification, policy.RingVerification, policy.RingProduction),
		Result: pick(g, policy.ResultWorks, policy.ResultWorks, policy.ResultWorksWithNote, policy.ResultBroken, "odd"),
		At:     g.time(), Expires: g.maybe(), RevokedAt: g.maybe(), AllowedTester: g.IntN(5) > 0, External: g.IntN(6) == 0,
		Evidence: pick(g, "", "letter"),
		Method:   pick(g, "", policy.MethodFull, policy.MethodSmoke, policy.MethodSmoke, policy.MethodAutomated, policy.MethodPilot, "odd"),
	}
	v.PhoneOS = pick(g, v.Release, v.Release, v.Release, "26.5")
	return v
}

func (g generator) approval(i int, release string) policy.Approval {
	var o *policy.Override
	if g.IntN(3) == 0 {
		o = &policy.Override{Until: g.maybe(), Broken: some(g, 2, func(int) string { return fmt.Sprint("v", g.IntN(6)) })}
	}
	var l *policy.Lane
	if o == nil && g.IntN(3) == 0 {
		l = &policy.Lane{By: "tanaka", Second: "sato"}
	}
	return policy.Approval{
		Override: o, Lane: l,
		ID: fmt.Sprint("a", i), Group: g.group(), Release: release, At: g.time(), Deadline: "2026-08-20T10:00:00",
		Models: some(g, 3, func(int) string { return pick(g, small, large, "iPhone18,1") }),
		Floors: some(g, 2, func(int) policy.Floor { return policy.Floor{BundleID: g.app(), MinVersion: pick(g, "3.0", "3.1", "x")} }),
		Waves: some(g, 2, func(int) policy.Wave {
			return policy.Wave{
				Start: g.time(), Threshold: uint32(g.IntN(policy.Buckets + 1)), Waits: g.IntN(4) == 0,
				UpTo: some(g, 2, func(int) string { return g.version() }),
			}
		}),
		Verdicts: some(g, 4, func(int) string { return fmt.Sprint("v", g.IntN(12)) }),
		PausedAt: g.maybe(), Withdrawn: g.maybe(),
	}
}

func (g generator) parts() policy.Parts {
	p := policy.Parts{Revision: g.Uint64()}
	classes := newGenerator(p.Revision) // of its own, so that the rest of a world stays what it is
	p.Screens = map[string]string{small: "414x896@2x", large: pick(classes, "414x896@2x", "393x852@3x", "")}
	for _, v := range []string{"26.4", "26.5", "26.5.2", next, "26.6.1", "27.0", "26.6 (a)", "odd"} {
		if g.IntN(6) > 0 {
			p.Releases = append(p.Releases, g.release(v))
		}
	}
	for _, id := range []string{pos, scan, news} {
		if g.IntN(6) > 0 {
			importance := pick(g, policy.ImportanceCritical, policy.ImportanceImportant, policy.ImportanceInformational, "")
			p.Apps = append(p.Apps, policy.App{BundleID: id, Name: id, Importance: importance})
		}
	}
	for _, name := range []string{group, "stock"} {
		p.Groups = append(p.Groups, policy.Group{
			Name: name, Apps: some(g, 4, func(int) string { return g.app() }),
			Candidate: pick(g, policy.CandidateManual, policy.CandidateAuto), DetailsURL: pick(g, "", "https://mdm.example.com/why"),
			Policy: pick(g, "", policy.DefaultPolicy, "strict", "missing"),
			Census: some(g, 5, func(int) policy.Census {
				return policy.Census{Ring: g.ring(), Model: g.model(), OSVersion: g.version(), Count: g.IntN(4), Silent: g.IntN(2)}
			}),
		})
	}
	p.Policies = some(g, 1, func(int) policy.Policy {
		return policy.Policy{
			Name: "strict", CarryOver: g.IntN(2) == 0, VerdictDays: pick(g, 0, 1, 5, 30),
			OnExpiry:   pick(g, policy.OnExpiryExtendRisk, policy.OnExpiryReleaseToUsers, policy.OnExpiryEnforce, "odd"),
			Majors:     pick(g, policy.MajorsHold, policy.MajorsAllow, "odd"),
			ModelClass: pick(classes, policy.ModelClassHardware, policy.ModelClassScreen, policy.ModelClassAny, "odd"),
			Improvements: policy.Improvements{
				Mode: pick(g, policy.ImprovementsAccept, policy.ImprovementsReverify, policy.ImprovementsReverify, policy.ImprovementsOff, "odd"), Keep: g.IntN(2) == 0,
			},
			Urgent: policy.UrgentRules{Off: g.IntN(3) == 0},
		}
	})
	p.Verdicts = some(g, 12, g.verdict)
	p.Offers = some(g, 4, func(int) policy.Offer {
		return policy.Offer{Group: g.group(), Release: g.version(), At: g.time(), Withdrawn: g.maybe()}
	})
	releases := []string{"26.4", "26.5", "26.5.2", next, "26.6.1", "27.0", "26.6 (a)", "odd"}
	g.Shuffle(len(releases), func(i, j int) { releases[i], releases[j] = releases[j], releases[i] })
	p.Approvals = some(g, len(releases), func(i int) policy.Approval { return g.approval(i, releases[i]) })
	p.Declines = some(g, 1, func(int) policy.Decline {
		return policy.Decline{Group: g.group(), Release: g.version(), At: g.time()}
	})
	return p
}

func (g generator) facts(p policy.Parts) policy.Facts {
	f := policy.Facts{
		Phone: fmt.Sprint("P-", g.IntN(50)), Group: g.group(), Ring: g.ring(), OSVersion: pick(g, g.version(), "26.4", "16.7", ""),
		Model: g.model(), Supervised: pick(g, policy.Supervised, policy.Unsupervised, policy.SupervisionUnknown),
		Capabilities: policy.Capabilities{Known: g.IntN(5) > 0, Settings: g.IntN(5) > 0, Enforcement: g.IntN(5) > 0},
		Apps: some(g, 3, func(int) policy.InstalledApp {
			return policy.InstalledApp{BundleID: g.app(), Version: pick(g, "3.0", "3.1", "3.2", "x", "")}
		}),
		AppsKnown: g.IntN(5) > 0,
		Extra:     pick(g, "", "", "a", "odd"),
		Install:   policy.Install{State: pick(g, policy.InstallNone, policy.InstallPrepared, policy.InstallInstalling, policy.InstallFailed, "odd")},
	}
	if len(p.Approvals) > 0 && g.IntN(2) == 0 {
		a := pick(g, p.Approvals...)
		f.Announced = &policy.Enforcement{Release: a.Release, Source: pick(g, policy.SourceApproval, policy.SourceCandidate), SourceID: a.ID}
	}
	return f
}

func (g generator) live() policy.Live {
	return policy.Live{LastContact: g.maybe(), PushDead: g.IntN(3) == 0, NotNowSince: g.maybe(), SyncPending: g.IntN(2) == 0, SingleApp: g.IntN(4) == 0}
}

func shuffled(g generator, p policy.Parts) policy.Parts {
	mix := func(n int, swap func(i, j int)) { g.Shuffle(n, swap) }
	p.Releases, p.Apps, p.Groups = slices.Clone(p.Releases), slices.Clone(p.Apps), slices.Clone(p.Groups)
	p.Policies = slices.Clone(p.Policies)
	p.Verdicts, p.Offers = slices.Clone(p.Verdicts), slices.Clone(p.Offers)
	p.Approvals, p.Declines = slices.Clone(p.Approvals), slices.Clone(p.Declines)
	mix(len(p.Releases), func(i, j int) { p.Releases[i], p.Releases[j] = p.Releases[j], p.Releases[i] })
	mix(len(p.Apps), func(i, j int) { p.Apps[i], p.Apps[j] = p.Apps[j], p.Apps[i] })
	mix(len(p.Groups), func(i, j int) { p.Groups[i], p.Groups[j] = p.Groups[j], p.Groups[i] })
	mix(len(p.Policies), func(i, j int) { p.Policies[i], p.Policies[j] = p.Policies[j], p.Policies[i] })
	mix(len(p.Verdicts), func(i, j int) { p.Verdicts[i], p.Verdicts[j] = p.Verdicts[j], p.Verdicts[i] })
	mix(len(p.Offers), func(i, j int) { p.Offers[i], p.Offers[j] = p.Offers[j], p.Offers[i] })
	mix(len(p.Approvals), func(i, j int) { p.Approvals[i], p.Approvals[j] = p.Approvals[j], p.Approvals[i] })
	mix(len(p.Declines), func(i, j int) { p.Declines[i], p.Declines[j] = p.Declines[j], p.Declines[i] })
	for i := range p.Releases {
		m := slices.Clone(p.Releases[i].Models)
		mix(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
		p.Releases[i].Models = m
	}
	for i := range p.Groups {
		c, a := slices.Clone(p.Groups[i].Census), slices.Clone(p.Groups[i].Apps)
		mix(len(c), func(i, j int) { c[i], c[j] = c[j], c[i] })
		mix(len(a), func(i, j int) { a[i], a[j] = a[j], a[i] })
		p.Groups[i].Census, p.Groups[i].Apps = c, a
	}
	for i := range p.Approvals {
		w, m := slices.Clone(p.Approvals[i].Waves), slices.Clone(p.Approvals[i].Models)
		mix(len(w), func(i, j int) { w[i], w[j] = w[j], w[i] })
		mix(len(m), func(i, j int) { m[i], m[j] = m[j], m[i] })
		p.Approvals[i].Waves, p.Approvals[i].Models = w, m
	}
	return p
}

// answers returns everything the engine says about a world, as text.
func answers(t *testing.T, p policy.Parts, f policy.Facts, l policy.Live) string {
	t.Helper()
	w := policy.NewWorld(p)
	target := policy.TargetFor(w, f, now)
	all := []any{policy.Gates(w, group, now), policy.Gates(w, "stock", now), target, policy.Explain(w, f, l, target, now)}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatalf("marshal answers: %v", err)
	}
	return string(text)
}

func TestOrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	for seed := range uint64(1000) {
		g := newGenerator(seed)
		p := g.parts()
		f, l := g.facts(p), g.live()
		if diff := cmp.Diff(answers(t, p, f, l), answers(t, shuffled(g, p), f, l)); diff != "" {
			t.Fatalf("seed %d: shuffled records change the answer (-sorted +shuffled):\n%s", seed, diff)
		}
	}
	p, g := approved(), newGenerator(1)
	breakPOS(&p)
	want := answers(t, p, phone(), live())
	for i := range 1000 {
		if got := answers(t, shuffled(g, p), phone(), live()); got != want {
			t.Fatalf("shuffle %d changes the answer:\n%s", i, cmp.Diff(want, got))
		}
	}
}

func TestSameInputSameOutput(t *testing.T) {
	t.Parallel()
	w, f := policy.NewWorld(approved()), phone()
	gate, target := policy.Evaluate(w, group, next, now), policy.TargetFor(w, f, now)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 250 {
				if diff := cmp.Diff(gate, policy.Evaluate(w, group, next, now)); diff != "" {
					t.Errorf("gate differs (-first +later):\n%s", diff)
				}
				if diff := cmp.Diff(target, policy.TargetFor(w, f, now)); diff != "" {
					t.Errorf("target differs (-first +later):\n%s", diff)
				}
			}
		})
	}
	wg.Wait()
}

func TestInputIsNotChanged(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		p, again := newGenerator(seed).parts(), newGenerator(seed).parts()
		g, h := newGenerator(seed), newGenerator(seed)
		f, same := g.facts(p), h.facts(again)
		first := answers(t, p, f, policy.Live{})
		if diff := cmp.Diff(again, p); diff != "" {
			t.Fatalf("seed %d: the parts were changed (-before +after):\n%s", seed, diff)
		}
		if diff := cmp.Diff(same, f); diff != "" {
			t.Fatalf("seed %d: the facts were changed (-before +after):\n%s", seed, diff)
		}
		// A world keeps its answers when the caller goes on to use its slices.
		w := policy.NewWorld(p)
		for i := range p.Approvals {
			clear(p.Approvals[i].Models)
			clear(p.Approvals[i].Floors)
			clear(p.Approvals[i].Verdicts)
			clear(p.Approvals[i].Waves)
			if o := p.Approvals[i].Override; o != nil {
				clear(o.Broken)
				o.Until = time.Time{}
			}
		}
		for i := range p.Releases {
			clear(p.Releases[i].Models)
			clear(p.Releases[i].CVEs)
		}
		for i := range p.Groups {
			clear(p.Groups[i].Apps)
			clear(p.Groups[i].Census)
		}
		clear(p.Policies)
		clear(p.Verdicts)
		clear(p.Screens)
		target := policy.TargetFor(w, f, now)
		text, err := json.Marshal([]any{policy.Gates(w, group, now), policy.Gates(w, "stock", now), target, policy.Explain(w, f, policy.Live{}, target, now)})
		if err != nil {
			t.Fatalf("marshal: %v", err)
		}
		if diff := cmp.Diff(first, string(text)); diff != "" {
			t.Fatalf("seed %d: the world changed with the caller's slices:\n%s", seed, diff)
		}
	}
}

// checkSafety tells whether a target keeps the promises that hold for every
// world.
func checkSafety(t *testing.T, p policy.Parts, f policy.Facts, target policy.Target, seed uint64) {
	t.Helper()
	e := target.Enforce
	if (e == nil) == (target.Blocked.Code == "") {
		t.Fatalf("seed %d: enforcement %v and blocked %v, want exactly one", seed, e, target.Blocked)
	}
	if target.Hold.Days != policy.HoldDays {
		t.Fatalf("seed %d: no hold", seed)
	}
	if e == nil {
		return
	}
	if !version.Newer(e.Release, f.OSVersion) {
		t.Fatalf("seed %d: enforcing %s on a phone on %s", seed, e.Release, f.OSVersion)
	}
	if e.Keep && f.Install.State == policy.InstallInstalling {
		return
	}
	var allowed bool
	for _, a := range p.Approvals {
		allowed = allowed || e.Source == policy.SourceApproval && a.ID == e.SourceID && a.Release == e.Release && a.Group == f.Group &&
			!a.At.After(now) && (a.Withdrawn.IsZero() || a.Withdrawn.After(now)) && (a.PausedAt.IsZero() || a.PausedAt.After(now)) &&
			(a.Override == nil || a.Override.Until.After(now) && f.Ring != policy.RingVerification)
	}
	if e.Source == policy.SourceCandidate {
		allowed = f.Ring == policy.RingVerification
	}
	for _, d := range p.Declines {
		allowed = allowed && (d.Group != f.Group || d.Release != e.Release || d.At.After(now))
	}
	if !allowed {
		t.Fatalf("seed %d: enforcement %+v on a %s phone that nobody allowed", seed, *e, f.Ring)
	}
	if version.Extra(e.Release) != "" && (e.By != policy.ByDeclaration || !target.Hold.HideImprovements && f.Supervised == policy.Supervised) && !e.Keep {
		t.Fatalf("seed %d: improvement %s enforced by %q on a phone that is told %+v", seed, e.Release, e.By, target.Hold)
	}
	takes := map[policy.Mechanism]bool{
		policy.ByDeclaration: f.Capabilities.Enforcement,
		policy.ByCommand:     f.Supervised == policy.Supervised && !version.AtLeast(f.OSVersion, "27"),
	}
	if !takes[e.By] && !e.Keep {
		t.Fatalf("seed %d: a phone with iOS %s, supervised %s, %+v is told by %q", seed, f.OSVersion, f.Supervised, f.Capabilities, e.By)
	}
}

// checkRemoval tells whether taking an approval away makes a phone that has
// nothing to install install something.
func checkRemoval(t *testing.T, p policy.Parts, f policy.Facts, seed uint64) {
	t.Helper()
	for i := range p.Approvals {
		fewer := p
		fewer.Approvals = slices.Delete(slices.Clone(p.Approvals), i, i+1)
		if e := policy.TargetFor(policy.NewWorld(fewer), f, now).Enforce; e != nil {
			t.Fatalf("seed %d: without approval %s the phone gets %+v", seed, p.Approvals[i].ID, *e)
		}
	}
}

func TestSafety(t *testing.T) {
	t.Parallel()
	enforced := 0
	for seed := range uint64(600) {
		g := newGenerator(seed)
		p := g.parts()
		w := policy.NewWorld(p)
		for range 5 {
			f := g.facts(p)
			target := policy.TargetFor(w, f, now)
			checkSafety(t, p, f, target, seed)
			if target.Enforce != nil {
				enforced++
			} else {
				checkRemoval(t, p, f, seed)
			}
		}
	}
	if enforced < 50 {
		t.Errorf("only %d random phones had something to install: the generator tests nothing", enforced)
	}
}

// FuzzWorld lets the fuzzer choose the random world.
func FuzzWorld(f *testing.F) {
	f.Add(uint64(1), "26.6", "iPhone12,1")
	f.Add(uint64(2), "26.6.1 (a)", "")
	f.Fuzz(func(t *testing.T, seed uint64, osVersion, model string) {
		g := newGenerator(seed)
		p := g.parts()
		facts := g.facts(p)
		facts.OSVersion, facts.Model = osVersion, model
		p.Groups[0].Census = append(p.Groups[0].Census, policy.Census{Ring: g.ring(), Model: model, OSVersion: osVersion, Count: 1})
		w := policy.NewWorld(p)
		target := policy.TargetFor(w, facts, now)
		checkSafety(t, p, facts, target, seed)
		if target.Enforce == nil {
			checkRemoval(t, p, facts, seed)
		}
		policy.Gates(w, group, now)
		if x := policy.Explain(w, facts, g.live(), target, now); x.Reason.Code == "" {
			t.Fatalf("seed %d: no reason", seed)
		}
	})
}
