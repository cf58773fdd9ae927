package policy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// onRecord reports whether parts contain what a record names; gates and phones
// are no parts.
func onRecord(p policy.Parts, r policy.Record) bool {
	has := func(ids ...string) bool { return slices.Contains(ids, r.ID) }
	switch r.Kind {
	case policy.RecordVerdict:
		return slices.ContainsFunc(p.Verdicts, func(v policy.Verdict) bool { return has(v.ID) })
	case policy.RecordApproval:
		return slices.ContainsFunc(p.Approvals, func(a policy.Approval) bool { return has(a.ID) })
	case policy.RecordOffer:
		return slices.ContainsFunc(p.Offers, func(o policy.Offer) bool { return has(o.Group + "/" + o.Release) })
	case policy.RecordDecline:
		return slices.ContainsFunc(p.Declines, func(d policy.Decline) bool { return has(d.Group + "/" + d.Release) })
	case policy.RecordGroup:
		return slices.ContainsFunc(p.Groups, func(g policy.Group) bool { return has(g.Name) })
	case policy.RecordPolicy:
		return has(policy.DefaultPolicy) || slices.ContainsFunc(p.Policies, func(d policy.Policy) bool { return has(d.Name) })
	case policy.RecordApp:
		return slices.ContainsFunc(p.Groups, func(g policy.Group) bool { return has(g.Apps...) })
	case policy.RecordRelease:
		return slices.ContainsFunc(p.Releases, func(rel policy.Release) bool { return has(rel.Version) })
	case policy.RecordGate, policy.RecordPhone:
		return r.ID != ""
	default:
		return false
	}
}

// TestEveryReasonIsCited: whatever the world, each reason of a gate and of a
// phone names at least one record, and none that does not exist. What a world
// does not know at all has none.
func TestEveryReasonIsCited(t *testing.T) {
	t.Parallel()
	seen := map[policy.RecordKind]int{}
	check := func(seed uint64, p policy.Parts, list ...policy.Reason) {
		for _, r := range list {
			if len(r.From) == 0 && r.Code != policy.GateUnknownGroup && r.Code != policy.GateUnknownRelease {
				t.Fatalf("seed %d: %s %v rests on no record", seed, r.Code, r.Params)
			}
			for _, from := range r.From {
				if seen[from.Kind]++; !onRecord(p, from) {
					t.Fatalf("seed %d: %s rests on %+v, which is not on record", seed, r.Code, from)
				}
			}
		}
	}
	for seed := range uint64(1000) {
		g := newGenerator(seed)
		p := g.parts()
		w, at := policy.NewWorld(p), now
		if seed%4 == 0 {
			at = now.AddDate(0, 0, policy.HoldDays) // holds have ended
		}
		for _, name := range w.GroupNames() {
			for _, rel := range p.Releases {
				check(seed, p, w.Cited(policy.Evaluate(w, name, rel.Version, at), at).Reasons...)
			}
		}
		f, l, e := g.facts(p), g.live(), policy.NewExplainer(w, at)
		x := e.Cited(f, l, e.Explain(f, l, policy.TargetFor(w, f, at)))
		check(seed, p, append(x.Facts, x.Reason)...)
	}
	for _, kind := range []policy.RecordKind{
		policy.RecordVerdict, policy.RecordApproval, policy.RecordOffer, policy.RecordDecline, policy.RecordGate,
		policy.RecordGroup, policy.RecordPolicy, policy.RecordApp, policy.RecordRelease, policy.RecordPhone,
	} {
		if seen[kind] < 10 {
			t.Errorf("only %d reasons rest on a %s: the generator tests too little", seen[kind], kind)
		}
	}
}

// TestCited looks at the chain of one gate and one phone word by word.
func TestCited(t *testing.T) {
	t.Parallel()
	p := approved()
	p.Verdicts[0].RevokedAt, p.Verdicts[0].RevokedBy = now, "suzuki"
	w, e := policy.NewWorld(p), policy.NewExplainer(policy.NewWorld(p), now)
	gate := w.Cited(policy.Evaluate(w, group, next, now), now)
	if diff := cmp.Diff([]policy.Record{{Kind: policy.RecordVerdict, ID: "v1", By: "suzuki", At: now}}, gate.Reasons[0].From); diff != "" {
		t.Errorf("gate %s (-want +got):\n%s", gate.Reasons[0].Code, diff)
	}
	l := policy.Live{LastContact: before}
	x := e.Cited(phone(), l, e.Explain(phone(), l, policy.TargetFor(w, phone(), now)))
	if diff := cmp.Diff([]policy.Record{{Kind: policy.RecordApproval, ID: "a1", Release: p.Approvals[0].Release, By: "tanaka", At: p.Approvals[0].At}}, x.Reason.From); diff != "" {
		t.Errorf("phone %s (-want +got):\n%s", x.Reason.Code, diff)
	}
	if diff := cmp.Diff([]policy.Record{{Kind: policy.RecordPhone, ID: "P-1", At: before}}, x.Facts[0].From); diff != "" {
		t.Errorf("fact %s (-want +got):\n%s", x.Facts[0].Code, diff)
	}
}
