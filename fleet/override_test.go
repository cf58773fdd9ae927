package fleet_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// by is an act of a person, whose token was made by the others.
func by(name string, makers ...string) fleet.Act {
	return fleet.Act{Actor: "token:t(" + name + ")", Person: storage.Person{Name: name, Makers: makers}, Reason: name + " says so"}
}

func override() fleet.OverrideRequest {
	return fleet.OverrideRequest{Group: "sales", Release: release, Deadline: "+3d", Until: "+14d"}
}

// unverified has one production phone wait for a release that nobody tested.
func (w *world) unverified() *phone {
	w.t.Helper()
	w.enrol("V1", "sales", storage.RingVerification).settle()
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	return p
}

func (w *world) propose(a fleet.Act) string {
	w.t.Helper()
	p, err := w.fleet.ProposeOverride(w.ctx, seg, a, override())
	w.must(err)
	return p.ID
}

func (w *world) gate() policy.Gate {
	w.t.Helper()
	g, err := w.fleet.Gate(seg, "sales", release)
	w.must(err)
	return g
}

// acts returns the audit entries with an action.
func (w *world) acts(action string) []storage.AuditEntry {
	w.t.Helper()
	entries, err := w.fleet.Audit(w.ctx, seg, 0, 0)
	w.must(err)
	return slices.DeleteFunc(entries, func(e storage.AuditEntry) bool { return e.Action != action })
}

func TestOverrideTakesTwo(t *testing.T) {
	w := newWorld(t)
	p := w.unverified()
	proposed, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), override())
	w.must(err)
	if proposed.Effect.NotBefore != "2026-08-21T09:00:00" || proposed.Effect.Notice != "24h" {
		t.Errorf("promise = %+v, want the deadline and the notice", proposed.Effect.Promise)
	}
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("a proposal made the phone be asked for %s", got)
	}
	if proposed.Effect.Install != 1 || proposed.Effect.Phase != "rolling-out" || proposed.State != "open" {
		t.Errorf("proposed = %+v, want open, one phone to install", proposed)
	}
	want := []fleet.SeenView{{BundleID: "com.example.pos", Name: "pos", Importance: "critical", State: "untested", Why: "no-verdict", MissingModels: []string{"iPhone15,2"}}}
	if diff := cmp.Diff(want, proposed.Shown.Missing); diff != "" || proposed.Shown.Fingerprint != w.gate().Fingerprint {
		t.Errorf("what was shown (-want +got):\n%s", diff)
	}
	dry := by("sato")
	dry.DryRun = true
	if _, err := w.fleet.Sign(w.ctx, seg, dry, proposed.ID); err != nil {
		t.Errorf("trying to sign: %v", err)
	}
	if n := len(w.acts("gate.override")); n != 0 {
		t.Errorf("%d audit entries of an override before it was signed", n)
	}
	w.clock.Add(2 * time.Hour)
	effect, err := w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)
	w.must(err)
	until := w.clock.Now().Add(14 * 24 * time.Hour)
	if effect.Install != 1 || effect.Deadline != "2026-08-21T11:00:00" || !effect.Until.Equal(until) {
		t.Errorf("effect = %+v, want one phone, deadline and end counted from the signature", effect)
	}
	if got, deadline := p.enforcement(); got != release || deadline != "2026-08-21T11:00:00" {
		t.Errorf("phone is asked for %q by %s, want %s", got, deadline, release)
	}
	o := w.gate().Override
	wantOverride := &policy.GateOverride{
		By: "tanaka", Second: "sato", Reason: "tanaka says so", SecondReason: "sato says so", At: w.clock.Now(), Until: until, Models: []string{"iPhone15,2"},
	}
	if diff := cmp.Diff(wantOverride, o); diff != "" {
		t.Errorf("override at the gate (-want +got):\n%s", diff)
	}
	entries := w.acts("gate.override")
	if len(entries) != 1 {
		t.Fatalf("%d audit entries of the override, want one", len(entries))
	}
	e := entries[0]
	for key, value := range map[string]string{
		"proposer": "tanaka", "signer": "sato", "proposer_reason": "tanaka says so", "signer_reason": "sato says so", "models": "iPhone15,2",
		"until": until.Format(time.RFC3339), "phase_before": "held", "missing": "com.example.pos", "proposal": proposed.ID, "approval": effect.Approval,
	} {
		if e.Detail[key] != value {
			t.Errorf("audit entry says %s = %q, want %q", key, e.Detail[key], value)
		}
	}
	if e.Actor != by("sato").Actor || e.Target != "sales/"+release {
		t.Errorf("audit entry %+v, want it of the signer about the gate", e)
	}
	if r := refusal(t, second(w.fleet.Sign(w.ctx, seg, by("mori"), proposed.ID))); r.Code != "ended" {
		t.Errorf("signing twice: %s, want ended", r.Code)
	}
}

func second[T any](_ T, err error) error { return err }

func TestSecondPerson(t *testing.T) {
	w := newWorld(t)
	w.unverified()
	for name, tc := range map[string]struct {
		first, second fleet.Act
		want          string
	}{
		"the same":                    {by("tanaka"), by("tanaka"), "same-person"},
		"the same in other letters":   {by("tanaka"), by("Tanaka"), "same-person"},
		"the same by another token":   {by("tanaka"), by("tanaka", "root"), "same-person"},
		"nobody":                      {by("tanaka"), fleet.Act{Actor: "token:init", Reason: "r"}, "no-person"},
		"token made by the first":     {by("tanaka"), by("ghost", "tanaka"), "not-independent"},
		"made through another":        {by("tanaka", "root"), by("phantom", "ghost", "tanaka", "root"), "not-independent"},
		"the first made by the other": {by("ghost", "tanaka"), by("tanaka"), "not-independent"},
		"both made by init's token":   {by("tanaka", "token:init"), by("sato", "token:init"), "not-independent"},
		"both made by a socket user":  {by("tanaka", "ops"), by("sato", "ops"), "not-independent"},
		"a socket user, further away": {by("tanaka", "ops"), by("sato", "mori", "ops"), "not-independent"},
		"both made by one token":      {by("ghost", "tanaka", "root"), by("phantom", "tanaka", "root"), "not-independent"},
	} {
		id := w.propose(tc.first)
		if r := refusal(t, second(w.fleet.Sign(w.ctx, seg, tc.second, id))); r.Code != tc.want {
			t.Errorf("%s: refused as %s, want %s", name, r.Code, tc.want)
		}
		w.must(second(w.fleet.WithdrawProposal(w.ctx, seg, tc.first, id)))
	}
	if n := len(w.acts("gate.override")); n != 0 {
		t.Fatalf("%d overrides by one person", n)
	}
	for name, pair := range map[string][2]fleet.Act{
		"root makes tokens for everybody":       {by("tanaka", "root"), by("sato", "root")},
		"root without a name":                   {by("tanaka", "uid:0"), by("sato", "uid:0")},
		"two users of the socket":               {by("tanaka"), by("sato")},
		"a user of the socket and a token":      {by("ops"), by("sato", "root")},
		"tokens of two makers":                  {by("tanaka", "ops"), by("sato", "token:init")},
		"through others, each by somebody else": {by("tanaka", "mori", "root"), by("sato", "kato", "root")},
	} {
		dry := pair[1]
		dry.DryRun = true
		id := w.propose(pair[0])
		if err := second(w.fleet.Sign(w.ctx, seg, dry, id)); err != nil {
			t.Errorf("%s: %v, want them to be two people", name, err)
		}
		w.must(second(w.fleet.WithdrawProposal(w.ctx, seg, pair[0], id)))
	}
}

func TestOverrideRefused(t *testing.T) {
	decided := func(w *world, err error) { w.must(err) }
	tests := map[string]struct {
		prepare func(*world)
		edit    func(*fleet.OverrideRequest)
		want    string // code, or field of a value that cannot be used
	}{
		"verified":  {func(w *world) { w.verified() }, nil, "use-approve"},
		"approved":  {func(w *world) { w.verified(); decided(w, second(w.approve("+3d"))) }, nil, "approved-already"},
		"gone":      {func(w *world) { w.unverified(); w.gone(release, "2026-08-17") }, nil, "cannot-override"},
		"no phone":  {func(w *world) { w.enrol("V1", "sales", storage.RingVerification).settle() }, nil, "no-phone"},
		"all there": {func(w *world) { w.unverified().install(release, "23G83") }, nil, "no-phone"},
		"twice":     {func(w *world) { w.unverified(); w.propose(by("mori")) }, nil, "proposed-already"},
		"other model": {func(w *world) { w.unverified() }, func(r *fleet.OverrideRequest) {
			r.Models = []string{"iPhone15,2", "iPhone12,1"}
		}, "models"},
		"no end":                  {func(w *world) { w.unverified() }, func(r *fleet.OverrideRequest) { r.Until = "" }, "until"},
		"end before the deadline": {func(w *world) { w.unverified() }, func(r *fleet.OverrideRequest) { r.Until = "+2d" }, "until"},
		"end too far away":        {func(w *world) { w.unverified() }, func(r *fleet.OverrideRequest) { r.Until = "+91d" }, "until"},
		"no deadline":             {func(w *world) { w.unverified() }, func(r *fleet.OverrideRequest) { r.Deadline = "soon" }, "deadline"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			tc.prepare(w)
			r := override()
			if tc.edit != nil {
				tc.edit(&r)
			}
			before := len(w.acts("approval.propose"))
			_, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), r)
			got := ""
			if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
				got = e.Field
			} else {
				got = refusal(t, err).Code
			}
			if got != tc.want || len(w.acts("approval.propose")) != before {
				t.Errorf("refused for %s, want %s and nothing recorded", got, tc.want)
			}
		})
	}
}

func TestProposalNeedsAPersonAndTheGateShown(t *testing.T) {
	w := newWorld(t)
	w.unverified()
	nobody := fleet.Act{Actor: "token:init", Reason: "r"}
	if r := refusal(t, second(w.fleet.ProposeOverride(w.ctx, seg, nobody, override()))); r.Code != "no-person" {
		t.Errorf("refused as %s, want no-person", r.Code)
	}
	r := override()
	r.Fingerprint = "another"
	if err := second(w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), r)); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("another gate was shown: %v, want a conflict", err)
	}
	if err := second(w.fleet.Sign(w.ctx, seg, by("sato"), "none")); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown proposal: %v, want not found", err)
	}
}

func TestProposalEnds(t *testing.T) {
	w := newWorld(t)
	w.unverified()
	state := func(id, want string) {
		t.Helper()
		if p, err := w.fleet.Proposal(seg, id); err != nil || p.State != want {
			t.Errorf("proposal is %s (%v), want %s", p.State, err, want)
		}
	}
	refused := w.propose(by("tanaka"))
	if r := refusal(t, second(w.fleet.Refuse(w.ctx, seg, by("tanaka"), refused))); r.Code != "own-proposal" {
		t.Errorf("refusing one's own: %s", r.Code)
	}
	if r := refusal(t, second(w.fleet.WithdrawProposal(w.ctx, seg, by("sato"), refused))); r.Code != "foreign-proposal" {
		t.Errorf("withdrawing another's: %s", r.Code)
	}
	w.must(second(w.fleet.Refuse(w.ctx, seg, by("ghost", "tanaka"), refused)))
	state(refused, "refused")
	for name, err := range map[string]error{
		"sign":     second(w.fleet.Sign(w.ctx, seg, by("sato"), refused)),
		"withdraw": second(w.fleet.WithdrawProposal(w.ctx, seg, by("tanaka"), refused)),
	} {
		if r := refusal(t, err); r.Code != "ended" {
			t.Errorf("%s what was refused: %s, want ended", name, r.Code)
		}
	}

	lapsed := w.propose(by("tanaka"))
	w.clock.Add(72*time.Hour - time.Second)
	state(lapsed, "open")
	w.clock.Add(time.Second)
	state(lapsed, "lapsed")
	if r := refusal(t, second(w.fleet.Sign(w.ctx, seg, by("sato"), lapsed))); r.Code != "lapsed" {
		t.Errorf("signing what lapsed: %s", r.Code)
	}
	again := w.propose(by("tanaka")) // what lapsed is in nobody's way

	// A result comes in: what was proposed is no longer what there is.
	v := w.enrol("V2", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V2", "broken"))
	state(again, "changed")
	if err := second(w.fleet.Sign(w.ctx, seg, by("sato"), again)); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("signing what changed: %v, want a conflict", err)
	}
	w.must(second(w.fleet.WithdrawProposal(w.ctx, seg, by("tanaka"), again)))
	if n := len(w.acts("gate.override")); n != 0 {
		t.Errorf("%d overrides came of it", n)
	}
	status, err := w.fleet.Status(w.ctx, seg)
	w.must(err)
	if status.Waiting != 0 {
		t.Errorf("%d proposals wait, want none", status.Waiting)
	}
}

// TestOverrideEnds: from its end on nothing new is asked, what was asked is
// taken back, and the phone says why.
func TestOverrideEnds(t *testing.T) {
	w := newWorld(t)
	p := w.unverified()
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))))
	p.settle()
	w.clock.Add(14*24*time.Hour - time.Minute)
	if got, _ := p.enforcement(); got != release {
		t.Fatalf("phone is asked for %q a minute before the end, want %s", got, release)
	}
	w.clock.Add(time.Minute)
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("phone is asked for %s after the end", got)
	}
	if g := w.gate(); g.Override != nil || g.Phase != policy.PhaseHeld {
		t.Errorf("gate %s with override %+v after the end, want held and none", g.Phase, g.Override)
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Reason.Code != policy.ReasonGateClosed || x.Explanation.Reason.Params[policy.ParamWhy] != string(policy.WhyOverrideEnded) {
		t.Errorf("phone explains itself with %+v, want the closed gate and why", x.Explanation.Reason)
	}
	if r := refusal(t, second(w.fleet.Pause(w.ctx, seg, w.act("r"), "sales", release))); r.Code != "not-approved" {
		t.Errorf("pausing what is over: %s", r.Code)
	}
	// Whoever comes to the release now does so without an approval.
	late := w.enrol("P2", "sales", storage.RingProduction)
	late.settle()
	late.install(release, "23G83")
	if late.stored().Arrival == nil {
		t.Error("a phone that moved on by itself after the end is not listed as such")
	}
	w.propose(by("tanaka")) // it can be proposed again
}

// TestOverrideAcceptsWhatWasKnown: a known broken app does not stop it, a new
// result does, and it can be resumed once that is cleared.
func TestOverrideAcceptsWhatWasKnown(t *testing.T) {
	w := newWorld(t)
	p := w.unverified()
	v := w.enrol("V2", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V2", "broken"))
	if g := w.gate(); g.Phase != policy.PhaseBlocked || len(g.Broken) != 1 {
		t.Fatalf("gate %s with broken %v, want blocked", g.Phase, g.Broken)
	}
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))))
	if g := w.gate(); g.Phase != policy.PhaseRollingOut || !slices.Equal(g.Override.Broken, g.Broken) {
		t.Errorf("gate %s, accepted %v, want rolling out in spite of %v", g.Phase, g.Override.Broken, g.Broken)
	}
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", release)))
	w.must(second(w.fleet.Resume(w.ctx, seg, w.act("fine"), "sales", release)))
	if got, _ := p.enforcement(); got != release {
		t.Errorf("phone is asked for %q, want %s", got, release)
	}
	w.clock.Add(time.Hour)
	w.must(w.verdict("V2", "broken"))
	if g := w.gate(); g.Phase != policy.PhaseBlocked {
		t.Errorf("gate %s after another broken result, want blocked", g.Phase)
	}
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("phone is asked for %s although an app broke since", got)
	}
}

// TestOverrideGivesWay: an ordinary approval takes its place once the gate is
// verified, and not before.
func TestOverrideGivesWay(t *testing.T) {
	w := newWorld(t)
	p := w.unverified()
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))))
	if r := refusal(t, second(w.approve("+5d"))); len(r.Missing) != 1 {
		t.Errorf("approving what is overridden and not verified: %+v, want the missing app", r)
	}
	v := w.enrol("V2", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V2", "works"))
	w.clock.Add(time.Minute)
	w.must(second(w.approve("+5d")))
	w.clock.Add(30 * 24 * time.Hour)
	if g := w.gate(); g.Override != nil || g.Phase != policy.PhaseRollingOut {
		t.Errorf("gate %s, override %+v after the override's end; want rolling out by the approval", g.Phase, g.Override)
	}
	if got, _ := p.enforcement(); got != release {
		t.Errorf("phone is asked for %q, want %s", got, release)
	}
}

// TestEditDoesNotReplaceAnOverride: taking the untested app out of the group
// would let one person approve for good what two allowed for a time.
func TestEditDoesNotReplaceAnOverride(t *testing.T) {
	w := newWorld(t)
	w.unverified()
	v := w.enrol("V2", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V2", "works"))
	w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("more"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})))
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))))
	edit := fleet.GroupRequest{Name: "sales", RemoveApps: []string{"com.example.scan"}}
	if r := refusal(t, second(w.fleet.SetGroup(w.ctx, seg, w.act("fewer"), edit))); r.Code != "opens-gates" {
		t.Errorf("refused as %s, want opens-gates", r.Code)
	}
}

// TestOverrideScope: phones of other models wait.
func TestOverrideScope(t *testing.T) {
	w := newWorld(t)
	p := w.unverified()
	other := w.enrol("P2", "sales", storage.RingProduction)
	other.model = "iPhone14,5"
	other.settle()
	r := override()
	r.Models = []string{"iPhone14,5"}
	proposed, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), r)
	w.must(err)
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)))
	if got, _ := other.enforcement(); got != release {
		t.Errorf("covered phone is asked for %q, want %s", got, release)
	}
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("phone of another model is asked for %s", got)
	}
}

// TestRemovedGroupHasNoProposals: a group of the same name made later starts
// anew.
func TestRemovedGroupHasNoProposals(t *testing.T) {
	w := newWorld(t)
	p := w.unverified()
	id := w.propose(by("tanaka"))
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "depot"})))
	for _, udid := range []string{"V1", p.udid} {
		w.must(second(w.fleet.Move(w.ctx, seg, w.act("elsewhere"), udid, "depot", storage.RingProduction)))
	}
	w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("closed"), "sales"))
	if v, err := w.fleet.Proposal(seg, id); err != nil || v.State != "withdrawn" {
		t.Errorf("proposal of a removed group is %s (%v), want withdrawn", v.State, err)
	}
}

// TestOverrideProperty plays random decisions by three people and holds, after
// each, that a gate that was not verified is approved exactly when one audit
// entry says which two people did it, why, for which models and until when.
func TestOverrideProperty(t *testing.T) {
	total := 0
	for seed := range uint64(4) {
		w := newWorld(t)
		w.unverified()
		v := w.enrol("V2", "sales", storage.RingVerification)
		v.settle()
		v.install(release, "23G83")
		g := rand.New(rand.NewPCG(seed, 5))
		people := []fleet.Act{by("tanaka", "root"), by("sato", "root"), by("ghost", "tanaka", "root")}
		signed := 0
		for range 50 {
			w.clock.Add(time.Duration(g.IntN(30)) * time.Hour)
			w.random(g, people)
			signed = w.holdsP5(seed)
		}
		total += signed
	}
	if total < 4 {
		t.Errorf("%d overrides in four stories: the random decisions test nothing", total)
	}
}

// random makes one random decision; most are refused.
func (w *world) random(g *rand.Rand, people []fleet.Act) {
	who := people[g.IntN(len(people))]
	proposals, err := w.fleet.Proposals(seg)
	w.must(err)
	newest := "none"
	if len(proposals) > 0 {
		newest = proposals[0].ID
	}
	switch g.IntN(9) {
	case 0, 1:
		_, _ = w.fleet.ProposeOverride(w.ctx, seg, who, override())
	case 2, 3, 4:
		_, _ = w.fleet.Sign(w.ctx, seg, who, newest)
	case 5:
		_ = w.verdict("V2", []string{"works", "broken"}[g.IntN(2)])
	case 6:
		_, _ = w.approve("+3d")
	case 7:
		_, _ = w.fleet.Withdraw(w.ctx, seg, who, "sales", release)
	case 8:
		_, _ = w.fleet.Refuse(w.ctx, seg, who, newest)
	}
}

// holdsP5 compares the approvals on record with the audit log and returns how
// many are overrides.
func (w *world) holdsP5(seed uint64) int {
	w.t.Helper()
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	entries := map[string][]storage.AuditEntry{}
	for _, e := range w.acts("gate.override") {
		entries[e.Detail["approval"]] = append(entries[e.Detail["approval"]], e)
	}
	verified := 0
	for _, e := range w.acts("gate.approve") {
		if e.Detail["phase_before"] == "verified" || e.Detail["phase_before"] == "rolling-out" { // the latter replaces an override
			verified++
		}
	}
	overrides := 0
	for _, a := range records.Approvals {
		list := entries[a.ID]
		delete(entries, a.ID)
		if a.Override == nil {
			verified--
			if len(list) != 0 {
				w.t.Fatalf("seed %d: an ordinary approval has entries of an override: %+v", seed, list)
			}
			continue
		}
		overrides++
		if len(list) != 1 {
			w.t.Fatalf("seed %d: override %s has %d audit entries, want one", seed, a.ID, len(list))
		}
		d := list[0].Detail
		pair := []string{d["proposer"], d["signer"]}
		slices.Sort(pair)
		if !slices.Equal(pair, []string{"sato", "tanaka"}) && !slices.Equal(pair, []string{"ghost", "sato"}) {
			w.t.Fatalf("seed %d: overridden by %v, who are not two people", seed, pair)
		}
		if d["proposer_reason"] == "" || d["signer_reason"] == "" || d["models"] == "" || d["until"] != a.Override.Until.Format(time.RFC3339) || d["phase_before"] == "verified" {
			w.t.Fatalf("seed %d: incomplete entry %+v", seed, d)
		}
	}
	if len(entries) > 0 || verified != 0 {
		w.t.Fatalf("seed %d: entries without an approval: %v; %d approvals of verified gates without their entry or the reverse", seed, entries, verified)
	}
	return overrides
}

// TestWhatPeopleWriteIsKeptWhole: nobody's words are cut, in whatever script.
func TestWhatPeopleWriteIsKeptWhole(t *testing.T) {
	w := newWorld(t)
	w.unverified()
	words := strings.Repeat("閂", 500)
	long := func(name string) fleet.Act {
		a := by(name)
		a.Reason = words
		return a
	}
	want := func(what, got string) {
		t.Helper()
		if got != words {
			t.Errorf("%s: %d bytes kept, want all %d", what, len(got), len(words))
		}
	}
	id := w.propose(long("tanaka"))
	ended, err := w.fleet.WithdrawProposal(w.ctx, seg, long("tanaka"), id)
	w.must(err)
	want("reason of a proposal", ended.Reason)
	want("reason of a withdrawal", ended.EndedReason)

	refused, err := w.fleet.Refuse(w.ctx, seg, long("sato"), w.propose(long("tanaka")))
	w.must(err)
	want("reason of a refusal", refused.EndedReason)

	w.must(second(w.fleet.Sign(w.ctx, seg, long("sato"), w.propose(long("tanaka")))))
	want("first reason of an override", w.gate().Override.Reason)
	want("second reason of an override", w.gate().Override.SecondReason)

	v, err := w.fleet.RecordVerdict(w.ctx, seg, long("tanaka"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works", Note: words,
		External: true, Evidence: words, Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
	})
	w.must(err)
	want("note of a result", v.Note)
	want("evidence of a result", v.Evidence)
}

// TestOverrideTakesADeclineBack: what one person closed two can open; a proposal alone
// opens nothing.
func TestOverrideTakesADeclineBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.unverified()
	w.must(second(w.fleet.Decline(w.ctx, seg, w.act("the wrong group"), "sales", release)))
	proposed, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), override())
	w.must(err)
	if got := w.gate().Phase; proposed.Effect.Install != 1 || got != policy.PhaseDeclined {
		t.Errorf("proposed: %d to install, the gate is %s; want one, and it declined still", proposed.Effect.Install, got)
	}
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)))
	if got, _ := p.enforcement(); got != release || w.gate().Phase != policy.PhaseRollingOut {
		t.Errorf("signed: the phone is asked for %q, the gate is %s", got, w.gate().Phase)
	}
	if e := w.acts("gate.override"); len(e) != 1 || e[0].Detail["phase_before"] != string(policy.PhaseDeclined) {
		t.Errorf("audit %+v, want the override of what was declined", e)
	}
	w.clock.Add(15 * aDay)
	if got := w.gate().Phase; got != policy.PhaseHeld {
		t.Errorf("after its end the gate is %s, want held: the decline is gone", got)
	}
}

// TestWithdrawAutomaticCandidate: a release that a group gives to its verification phones
// by itself can be taken from them, and given to them again.
func TestWithdrawAutomaticCandidate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	if r := refusal(t, second(w.fleet.Withdraw(w.ctx, seg, w.act("crashes"), "sales", release))); r.Code != "nothing-to-withdraw" {
		t.Errorf("of a group that waits for an offer: %s", r.Code)
	}
	_, err := w.apply(`{"groups": [{"name": "sales", "candidate": "auto"}]}`, false)
	w.must(err)
	if got, _ := v.enforcement(); got != release {
		t.Fatalf("the verification phone is asked for %q", got)
	}
	effect, err := w.fleet.Withdraw(w.ctx, seg, w.act("crashes"), "sales", release)
	w.must(err)
	if got, _ := v.enforcement(); got != "" || effect.Phase != string(policy.PhaseHeld) {
		t.Errorf("withdrawn, it is asked for %q and the gate is %s", got, effect.Phase)
	}
	if r := refusal(t, second(w.fleet.Withdraw(w.ctx, seg, w.act("crashes"), "sales", release))); r.Code != "nothing-to-withdraw" {
		t.Errorf("withdrawn twice: %s", r.Code)
	}
	w.must(second(w.fleet.Offer(w.ctx, seg, w.act("it was the till"), "sales", release)))
	if got, _ := v.enforcement(); got != release {
		t.Errorf("offered, it is asked for %q", got)
	}
}
