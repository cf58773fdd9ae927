package fleet

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// What a policy does when a production phone comes to a release that nobody
// approved for its group. Each does what those before it do.
const (
	leakRecord = "record" // the audit log has it
	leakTell   = "tell"   // a notice tells of it
	leakRetest = "retest" // the release is offered to the verification ring
)

// LeakModes returns what a policy can do about unapproved updates, the least
// first.
func LeakModes() []string { return []string{leakRecord, leakTell, leakRetest} }

// What was done about an unapproved update.
const (
	reactionRecorded = "recorded"
	reactionTold     = "told"
	reactionOffered  = "offered"
)

// LeakSettings are what a policy says about unapproved updates.
type LeakSettings struct {
	OnLeak string `json:"on_leak"` // record, tell or retest
}

// LeakChange changes them; what is nil stays as it is.
type LeakChange struct {
	OnLeak *string `json:"on_leak,omitempty"` // record, tell or retest
}

func leakSettings(p storage.Policy) LeakSettings { return LeakSettings{cmp.Or(p.OnLeak, leakTell)} }

// leakChange returns the change that leads to what a policy says.
func leakChange(p storage.Policy) LeakChange {
	s := leakSettings(p)
	return LeakChange{&s.OnLeak}
}

// detail is what the audit log keeps of them.
func (s LeakSettings) detail() map[string]string { return map[string]string{"on_leak": s.OnLeak} }

// onto changes a policy, or returns an error about the value no policy can have.
func (c LeakChange) onto(p *storage.Policy) error {
	if c.OnLeak == nil {
		return nil
	}
	if modes := LeakModes(); !slices.Contains(modes, *c.OnLeak) {
		allowed := strings.Join(modes, ", ")
		return notOneOf("on_leak", *c.OnLeak, allowed)
	}
	p.OnLeak = *c.OnLeak
	return nil
}

// onLeak returns what the policy of a group does about unapproved updates.
func (s *snapshot) onLeak(group string) string {
	g, _ := s.group(group)
	decided, err := s.decided(policyName(g))
	if err != nil {
		decided = builtInPolicy()
	}
	return leakSettings(decided).OnLeak
}

// byPolicy names who decided what a policy does by itself: the policy, and who
// wrote it.
func byPolicy(p storage.Policy) string { return policyActor + p.Name + "(" + p.ChangedBy + ")" }

const policyActor = "policy:"

// reactionTo says what was done about a phone that came to a release unapproved.
func reactionTo(s *snapshot, p *storage.Phone, release string) string {
	offered := func(o storage.Offer) bool {
		ours := o.Group == p.Group && o.Release == release && strings.HasPrefix(o.By, policyActor)
		return ours && (o.Withdrawn.IsZero() || o.Withdrawn.After(p.Arrival.At)) // one that was over by then is about others
	}
	switch {
	case slices.ContainsFunc(s.records.Offers, offered):
		return reactionOffered
	case p.Arrival.Told:
		return reactionTold
	default:
		return reactionRecorded
	}
}

// leakNotices returns a notice for every entry that says that a phone came to a
// release that nobody approved for its group, unless the group's policy only
// records that. All those of one day, group and release have one ID, so that the
// first is told at once; the others are told together, see [Fleet.tellLeaks].
func (f *Fleet) leakNotices(w *worldState, p *storage.Phone, entries []storage.AuditEntry) []storage.Notice {
	var notices []storage.Notice
	for _, e := range entries {
		day, told := toldLeak(e)
		if !told {
			continue
		}
		release := day.release
		found := map[string]string{"why": leakWhy(e)}
		if from := e.Detail["from"]; from != "" {
			found["from"] = from
		}
		if missing := f.unverifiedFor(w.current.Load(), p, release); len(missing) > 0 {
			found["missing"] = strings.Join(missing, ",")
		}
		notices = append(notices, f.notice(w.segment, storage.Notice{
			ID: day.firstID(), Kind: e.Action, At: e.At, Group: p.Group, Release: release, Phone: p.UDID, Holder: p.Holder, Params: found,
		}))
	}
	return notices
}

// leakWhy returns why nothing kept a phone from a release, by its audit entry.
func leakWhy(e storage.AuditEntry) string {
	return cmp.Or(e.Detail["cause"], string(policy.WhyArrivedNewer))
}

// unverifiedFor returns the apps that keep a release from phones of this one's
// model. It leaves all others out: on the day on which a hold ends, every phone
// of a group may come to a release, and to count them all for each takes long.
func (f *Fleet) unverifiedFor(s *snapshot, p *storage.Phone, release string) []string {
	alone := policy.Census{Ring: policy.Ring(p.Ring), Model: p.Model, OSVersion: fullVersion(p), Count: 1}
	world := s.policy.WithCensus(map[string][]policy.Census{p.Group: {alone}})
	return policy.Evaluate(world, p.Group, release, f.now()).Missing
}

// retestLeaks offers what production phones came to unapproved to the
// verification phones of their groups, where the policy says so. The offer is
// the record of having done so: whenever the server stops, each is made once.
func (f *Fleet) retestLeaks(ctx context.Context, w *worldState) error {
	if c := f.leaksToRetest(w, w.current.Load()); len(c.Offers) == 0 {
		return nil
	}
	var made storage.WorldChange
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		if made = f.leaksToRetest(w, s); len(made.Offers) == 0 {
			return made, errNothingToDo
		}
		return made, nil
	})
	if err != nil {
		return wrap("offer releases", err)
	}
	for _, o := range made.Offers {
		f.o.Logger.WarnContext(ctx, "unapproved update", "action", "gate.offer", "group", o.Group, "release", o.Release, "by", o.By)
	}
	return nil
}

// leaksToRetest returns the change that makes the offers which are due, empty
// when none is.
func (f *Fleet) leaksToRetest(w *worldState, s *snapshot) storage.WorldChange {
	var c storage.WorldChange
	asks := func(group string) bool { return s.onLeak(group) == leakRetest }
	if !slices.ContainsFunc(s.records.Groups, func(g storage.Group) bool { return asks(g.Name) }) {
		return c
	}
	leaks, now := f.leakedReleases(w, s), f.now()
	world := s.withCensus(w.census, now)
	for _, g := range s.records.Groups {
		if len(leaks[g.Name]) == 0 || !asks(g.Name) {
			continue
		}
		decided, _ := s.decided(policyName(g)) // it asks
		for _, release := range leaks[g.Name] {
			gate := policy.Evaluate(world, g.Name, release, now)
			if !testable(gate) || handled(s, g, gate) {
				continue
			}
			offer := storage.Offer{
				Group: g.Name, Release: release, By: byPolicy(decided), At: now,
				Reason: "production phones came to it unapproved; the policy asks for a quick result",
			}
			c.Offers = append(c.Offers, offer)
			c.Audit = append(c.Audit, f.entry(Act{Actor: "kannuki", Reason: offer.Reason}, "gate.offer", g.Name+"/"+release, map[string]string{
				"phase_before": string(gate.Phase), "by": offer.By,
			}))
		}
	}
	return c
}

// leakedReleases returns, for each group, what its production phones are on
// unapproved and without an answer, as far as the catalog knows it.
func (f *Fleet) leakedReleases(w *worldState, s *snapshot) map[string][]string {
	leaks, seen := map[string][]string{}, map[*look]bool{}
	for m := range w.census.all() {
		p := &m.look.phone
		if seen[m.look] {
			continue // phones that count alike have one look
		}
		seen[m.look] = true
		l, is := f.leakOf(w, p)
		if !is || !l.open() {
			continue
		}
		if r, ok := s.catalog.Release(l.release); ok && !slices.Contains(leaks[p.Group], r.Version) {
			leaks[p.Group] = append(leaks[p.Group], r.Version)
		}
	}
	return leaks
}

// testable reports whether a gate waits for nothing but tests: it is neither
// decided, replaced nor verified, Apple has the release for one of the group's
// models, and no policy holds it because it is of a higher major version. One that is
// carried out for other models than that of a phone which came to it unapproved waits
// for tests on that.
func testable(gate policy.Gate) bool {
	if len(gate.ProductionModels) == 0 || heldMajor(gate) {
		return false
	}
	switch gate.Phase {
	case policy.PhaseHeld:
		return true
	case policy.PhaseApproved, policy.PhaseRollingOut, policy.PhaseDone:
		return len(gate.Missing) > 0
	case policy.PhaseDeclined, policy.PhaseExpired, policy.PhasePaused, policy.PhaseBlocked, policy.PhaseSuperseded,
		policy.PhaseVerified, policy.PhaseVerifying:
	}
	return false
}

// handled reports whether the release of a gate was ever offered in a group, or
// approved until that was taken back. What was done in a group of the same name before
// says nothing, and an approval that goes on nothing about a model that it does not cover.
func handled(s *snapshot, g storage.Group, gate policy.Gate) bool {
	return slices.ContainsFunc(s.records.Offers, func(o storage.Offer) bool {
		return o.Group == g.Name && o.Release == gate.Release && !o.At.Before(g.CreatedAt)
	}) || gate.Approval == "" && slices.ContainsFunc(s.records.Approvals, func(a storage.Approval) bool {
		return a.Group == g.Name && a.Release == gate.Release && !a.At.Before(g.CreatedAt)
	})
}
