package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Gate returns one gate with everything a person deciding about it should see,
// and the records that each of its reasons rests on.
func (f *Fleet) Gate(seg storage.Segment, group, release string) (policy.Gate, error) {
	v, err := f.GateDetail(seg, group, release)
	return v.Gate, err
}

// GateDetail is one gate with the apps that its production phones need first.
type GateDetail struct {
	policy.Gate
	AppsFirst  []AppFirst  // once it is approved, what phones of waves that began wait for: of each the first such app, by app, floor and state
	AppsByHand *AppsByHand // once it is approved, and nil for none
}

// GateDetail returns what [Fleet.Gate] does with the apps that phones need first.
func (f *Fleet) GateDetail(seg storage.Segment, group, release string) (GateDetail, error) {
	w, err := f.world(seg)
	if err != nil {
		return GateDetail{}, err
	}
	e := f.explainer(w)
	s := e.snap
	gate, err := f.gate(w, s, group, release)
	if err != nil {
		return GateDetail{}, err
	}
	waits := e.appWaits(gate)[0]
	gate = s.awaitedAlone(e.world, waits.stepsForApps(gate), e.now)
	return GateDetail{s.policy.Cited(gate, e.now), waits.list(), f.appsByHand(w, s, group, release)}, nil
}

func (f *Fleet) gate(w *worldState, s *snapshot, group, release string) (policy.Gate, error) {
	if _, err := s.group(group); err != nil {
		return policy.Gate{}, err
	}
	if _, err := s.release(release); err != nil {
		return policy.Gate{}, err
	}
	now := f.now()
	return policy.Evaluate(s.withCensus(w.census, now), group, release, now), nil
}

// Gates returns the gates of one group, or of all when group is "", newest
// release first within a group.
func (f *Fleet) Gates(seg storage.Segment, group string) ([]policy.Gate, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	gates, e := []policy.Gate{}, f.explainer(w)
	err = f.eachGroup(seg, group, func(s *snapshot, world *policy.World, name string, now time.Time) {
		all := policy.Gates(world, name, now)
		gates = append(gates, s.awaited(world, all, slices.Clone(all), now)...)
	})
	e.stepsInLists(gates)
	return gates, err
}

// eachGroup visits one group, or all in order when it is "", as they are now.
func (f *Fleet) eachGroup(seg storage.Segment, group string, visit func(s *snapshot, world *policy.World, name string, now time.Time)) error {
	w, err := f.world(seg)
	if err != nil {
		return err
	}
	s, now := w.current.Load(), f.now()
	world := s.withCensus(w.census, now)
	names := world.GroupNames()
	if group != "" {
		if _, err := s.group(group); err != nil {
			return err
		}
		names = []string{group}
	}
	for _, name := range names {
		visit(s, world, name, now)
	}
	return nil
}

// Effect says what a decision makes phones do.
type Effect struct {
	Group   string `json:"group"`
	Release string `json:"release"`
	Phase   string `json:"phase"` // of the gate afterwards
	EffectCounts
	Approval string `json:"approval,omitempty"` // absent of one that was only tried
	Promise         // of the approval
	Rebased         // what it has to do with another rollout
	// Haste is what hurrying a rollout under way changes; nil for any other decision.
	Haste *Haste `json:"hurried,omitempty"`
	// LanePromises are deadlines that phones keep from the urgent route of an older
	// release, before that of their wave.
	LanePromises []LanePromise `json:"urgent_promises,omitempty"`
	AppsByHand   *AppsByHand   `json:"apps_by_hand,omitempty"` // absent for none
	// Waves are those of the approval, with their dates; none for a decision
	// that has none.
	Waves []WaveView `json:"waves,omitempty"`
	// LeftBehind is what phones showed until a rollout went on, and stops it no more; none
	// for any other decision.
	LeftBehind []policy.Reading `json:"left_behind,omitempty"`
	// Uncovered counts production phones that no verification phone stands for any more
	// once those have gone on to the offered release, which is of a higher line of iOS.
	Uncovered int `json:"uncovered,omitempty"`
	// Until is when an override ends; zero for any other decision.
	Until  time.Time `json:"until,omitzero"`
	DryRun bool      `json:"dry_run,omitempty"`
}

// decision is what the verbs of a gate have in common.
type decision struct {
	action  string
	group   string
	release string
	build   func(s *snapshot, gate policy.Gate) (storage.WorldChange, error)
	// detail is what the audit entry says beside the phase before; build may
	// fill it. Nil for nothing.
	detail map[string]string
}

// carry works out what a decision would make phones do and, unless it is only
// tried, makes it. The verbs differ only in what they check and record.
func (f *Fleet) carry(ctx context.Context, seg storage.Segment, a Act, d decision) (Effect, error) {
	w, err := f.world(seg)
	if err != nil {
		return Effect{}, err
	}
	if strings.TrimSpace(a.Reason) == "" {
		return Effect{}, errNoReason()
	}
	effect := Effect{Group: d.group, Release: d.release, DryRun: a.DryRun}
	build := func(s *snapshot) (storage.WorldChange, error) {
		gate, err := f.gate(w, s, d.group, d.release)
		if err != nil {
			return storage.WorldChange{}, err
		}
		c, err := d.build(s, gate)
		if err != nil {
			return storage.WorldChange{}, err
		}
		detail := map[string]string{"phase_before": string(gate.Phase)}
		maps.Copy(detail, d.detail)
		c.Audit = append(c.Audit, f.entry(a, d.action, d.group+"/"+d.release, detail))
		return c, f.preview(w, s, c, &effect)
	}
	if a.DryRun {
		_, err := build(w.current.Load())
		return effect, err
	}
	return effect, f.change(ctx, w, build)
}

func errNoReason() error {
	return invalid("reason", "reason-missing", "a decision about a gate needs a reason; it is kept in the audit log")
}

// preview works out what a change makes of the gate and its phones.
func (f *Fleet) preview(w *worldState, s *snapshot, c storage.WorldChange, e *Effect) error {
	after := s.after(c)
	gate, err := f.gate(w, after, e.Group, e.Release)
	if err != nil {
		return err
	}
	e.Phase = string(gate.Phase)
	f.measure(w, s, after, e)
	return nil
}

// applied returns the records as a store would have them after a change, for a
// preview.
func applied(w storage.World, c storage.WorldChange) storage.World {
	w.Revision++
	if c.Halt != nil {
		w.Halt = *c.Halt
	}
	if c.Paused != nil {
		w.Paused = *c.Paused
	}
	if c.LeaksTold != nil {
		w.LeaksTold = *c.LeaksTold
	}
	w.Apps = upsert(w.Apps, c.Apps, func(a, b storage.App) bool { return a.BundleID == b.BundleID })
	w.Apps = slices.DeleteFunc(w.Apps, func(a storage.App) bool { return slices.Contains(c.RemoveApps, a.BundleID) })
	w.Groups = upsert(w.Groups, c.Groups, func(a, b storage.Group) bool { return a.Name == b.Name })
	w.Groups = slices.DeleteFunc(w.Groups, func(g storage.Group) bool { return slices.Contains(c.RemoveGroups, g.Name) })
	w.Calendars = upsert(w.Calendars, c.Calendars, func(a, b storage.NamedCalendar) bool { return a.Name == b.Name })
	w.Calendars = slices.DeleteFunc(w.Calendars, func(n storage.NamedCalendar) bool { return slices.Contains(c.RemoveCalendars, n.Name) })
	w.Policies = upsert(w.Policies, c.Policies, func(a, b storage.Policy) bool { return a.Name == b.Name })
	w.Policies = slices.DeleteFunc(w.Policies, func(p storage.Policy) bool { return slices.Contains(c.RemovePolicies, p.Name) })
	w.Offers = upsert(w.Offers, c.Offers, func(a, b storage.Offer) bool { return a.Group == b.Group && a.Release == b.Release })
	w.Approvals = upsert(w.Approvals, c.Approvals, func(a, b storage.Approval) bool { return a.ID == b.ID })
	w.Declines = upsert(w.Declines, c.Declines, sameDecline)
	w.HoldMarks = upsert(w.HoldMarks, c.HoldMarks, sameMark)
	w.HoldMarks = slices.DeleteFunc(w.HoldMarks, func(m storage.HoldMark) bool {
		return slices.ContainsFunc(c.RemoveHoldMarks, func(r storage.HoldMark) bool { return sameMark(m, r) })
	})
	w.Verdicts = upsert(w.Verdicts, c.Verdicts, func(a, b storage.Verdict) bool { return a.ID == b.ID })
	w.Problems = upsert(w.Problems, c.Problems, func(a, b storage.Problem) bool { return a.ID == b.ID })
	w.Proposals = upsert(w.Proposals, c.Proposals, func(a, b storage.Proposal) bool { return a.ID == b.ID })
	w.Declines = slices.DeleteFunc(w.Declines, func(d storage.Decline) bool {
		return slices.ContainsFunc(c.RemoveDeclines, func(r storage.Decline) bool { return sameDecline(d, r) })
	})
	return w
}

func sameDecline(a, b storage.Decline) bool { return a.Group == b.Group && a.Release == b.Release }

func sameMark(a, b storage.HoldMark) bool { return a.Group == b.Group && a.Release == b.Release }

func upsert[T any](list, changes []T, same func(a, b T) bool) []T {
	list = slices.Clone(list)
	for _, c := range changes {
		if i := slices.IndexFunc(list, func(t T) bool { return same(t, c) }); i >= 0 {
			list[i] = c
		} else {
			list = append(list, c)
		}
	}
	return list
}

// decidable refuses a release that has no gate in the group, or that Apple has not
// posted, by the server's clock: a record made now would come into force on the day
// on which it has one, though nobody had seen that.
func decidable(gate policy.Gate) error {
	because, none := policy.NoGate(gate)
	if !none {
		return nil
	}
	switch because.Code {
	case policy.GateNotPosted:
		return &NotFoundError{What: "posted-release", Name: gate.Release}
	case policy.GateImprovementOff:
		return refused("improvements-off", "%s has no gate in group %s: the group's policy switches background improvements off; have it test them first, with `kannuki policy set`, `--improvements reverify`", gate.Release, gate.Group).
			with("release", gate.Release, "group", gate.Group)
	case policy.GateNotApplicable:
		return refused("not-applicable", "%s has no gate in group %s: none of the group's phones can run it; `kannuki release show %s` names its models", gate.Release, gate.Group, gate.Release).
			with("release", gate.Release, "group", gate.Group)
	default:
		return refused("improvement-follows-base", "%s has no gate in group %s: it follows the release that it improves; decide about that one, or have the group's policy test improvements first, with `kannuki policy set`, `--improvements reverify`", gate.Release, gate.Group).
			with("release", gate.Release, "group", gate.Group)
	}
}

// Offer releases a candidate to the group's verification ring.
func (f *Fleet) Offer(ctx context.Context, seg storage.Segment, a Act, group, release string) (Effect, error) {
	w, err := f.world(seg)
	if err != nil {
		return Effect{}, err
	}
	uncovered := 0
	effect, err := f.carry(ctx, seg, a, decision{action: "gate.offer", group: group, release: release, build: func(s *snapshot, gate policy.Gate) (storage.WorldChange, error) {
		if err := decidable(gate); err != nil {
			return storage.WorldChange{}, err
		}
		switch gate.Phase {
		case policy.PhaseDeclined, policy.PhaseExpired, policy.PhaseSuperseded:
			return storage.WorldChange{}, refused("phase", "%s is %s for group %s and cannot be offered", release, gate.Phase, group).
				with("release", release, "group", group, "phase", string(gate.Phase))
		case policy.PhaseHeld, policy.PhaseVerifying, policy.PhaseVerified, policy.PhaseBlocked, policy.PhasePaused,
			policy.PhaseApproved, policy.PhaseRollingOut, policy.PhaseDone:
		}
		uncovered = policy.Uncovers(s.withCensus(w.census, f.now()), group, release)
		offer := storage.Offer{Group: group, Release: release, By: a.Actor, Reason: a.Reason, At: f.now()}
		return storage.WorldChange{Offers: []storage.Offer{offer}}, nil
	}})
	effect.Uncovered = uncovered
	return effect, err
}

// Withdraw takes an approval back before its first wave started, or else the
// candidate from the verification ring.
func (f *Fleet) Withdraw(ctx context.Context, seg storage.Segment, a Act, group, release string) (Effect, error) {
	return f.carry(ctx, seg, a, decision{action: "gate.withdraw", group: group, release: release, build: func(s *snapshot, gate policy.Gate) (storage.WorldChange, error) {
		if approval, ok := standing(s, group, release, f.now()); ok {
			if started(approval, f.now()) {
				return storage.WorldChange{}, refused("wave-started", "the first wave of %s in group %s has started; pause it instead", release, group).
					with("release", release, "group", group)
			}
			approval.WithdrawnAt, approval.WithdrawnBy = f.now(), a.Actor
			return storage.WorldChange{Approvals: append(f.givenBack(s, approval), approval)}, nil
		}
		o, ok := f.candidate(s, a, gate)
		if !ok {
			return storage.WorldChange{}, refused("nothing-to-withdraw", "%s is neither approved nor offered in group %s", release, group).
				with("release", release, "group", group)
		}
		o.Withdrawn = f.now()
		return storage.WorldChange{Offers: []storage.Offer{o}}, nil
	}})
}

// candidate returns the offer by which the verification phones of a gate have its
// release: that of a person or, where the group offers by itself, one as if somebody
// had made it now.
func (f *Fleet) candidate(s *snapshot, a Act, gate policy.Gate) (storage.Offer, bool) {
	i := slices.IndexFunc(s.records.Offers, func(o storage.Offer) bool { return o.Group == gate.Group && o.Release == gate.Release })
	if i >= 0 {
		return s.records.Offers[i], s.records.Offers[i].Withdrawn.IsZero()
	}
	g, err := s.group(gate.Group)
	offers := slices.Contains([]policy.Phase{policy.PhaseVerifying, policy.PhaseVerified, policy.PhaseBlocked}, gate.Phase)
	itself := err == nil && policy.Candidate(g.Candidate) == policy.CandidateAuto && offers
	return storage.Offer{Group: gate.Group, Release: gate.Release, By: a.Actor, Reason: a.Reason, At: f.now()}, itself
}

// Pause stops a rollout: no further phone starts, and what can still be taken
// back is taken back at each phone's next contact. The effect's waves have the
// dates that they would have if the rollout went on now.
func (f *Fleet) Pause(ctx context.Context, seg storage.Segment, a Act, group, release string) (Effect, error) {
	var shown storage.Approval
	effect, err := f.carry(ctx, seg, a, decision{action: "rollout.pause", group: group, release: release, build: func(s *snapshot, gate policy.Gate) (storage.WorldChange, error) {
		if version.Extra(release) != "" { // what follows its base is stopped there, or not at all
			if err := decidable(gate); err != nil {
				return storage.WorldChange{}, err
			}
		}
		approval, ok := standing(s, group, release, f.now())
		if !ok {
			return storage.WorldChange{}, refused("not-approved", "%s has no approval in group %s to pause", release, group).
				with("release", release, "group", group)
		}
		if !approval.PausedAt.IsZero() {
			return storage.WorldChange{}, refused("paused-already", "the rollout of %s in group %s is paused already, by %s", release, group, approval.PausedBy).
				with("release", release, "group", group, "by", approval.PausedBy)
		}
		approval.PausedAt, approval.PausedBy, approval.PauseReason = f.now(), a.Actor, a.Reason
		shown = approval
		shown.Waves = f.resoaked(s, approval)
		return storage.WorldChange{Approvals: []storage.Approval{approval}}, nil
	}})
	return f.withWaves(seg, effect, shown, err)
}

// newApproval returns an approval with what it takes over from the gate: floors
// and the verdicts it rests on.
func (f *Fleet) newApproval(group, release, by, reason string, gate policy.Gate) storage.Approval {
	approval := storage.Approval{
		ID: uuid.NewString(), Group: group, Release: release, By: by, Reason: reason, At: f.now(), Floors: storedFloors(gate.Floors),
	}
	for _, app := range gate.Apps {
		// What keeps an overridden gate closed is nothing to rest on.
		if app.Verdict != "" && !slices.Contains(gate.Missing, app.BundleID) {
			approval.Verdicts = append(approval.Verdicts, app.Verdict)
		}
		for _, c := range app.Carried {
			approval.Verdicts = append(approval.Verdicts, c.Smoke, c.Base)
		}
	}
	slices.Sort(approval.Verdicts)
	approval.Verdicts = slices.Compact(approval.Verdicts)
	return approval
}

// closed names every app that keeps a gate closed.
func closed(gate policy.Gate, err error) error {
	if gate.Approval != "" && gate.Override == nil {
		return &RefusedError{
			Code: "approved-already", Params: map[string]string{"release": gate.Release, "group": gate.Group, "phase": string(gate.Phase)},
			Message: sprintf("%s is approved for group %s already; the gate is %s", gate.Release, gate.Group, gate.Phase),
		}
	}
	if gate.Paused() {
		return refused("resume-first", "the rollout of %s in group %s is paused; resume it first", gate.Release, gate.Group).
			with("release", gate.Release, "group", gate.Group)
	}
	refusal := &RefusedError{
		Code: "gate-" + string(gate.Phase), Message: err.Error(), Params: map[string]string{"release": gate.Release, "group": gate.Group},
	}
	if c, ok := errors.AsType[*policy.ClosedError](err); ok {
		for _, app := range c.Apps {
			refusal.Missing = append(refusal.Missing, missing(gate, app))
		}
	}
	return refusal
}

// missing is an app that keeps a gate closed, or would stop its rollout.
func missing(gate policy.Gate, app policy.AppState) Missing {
	why := string(app.State)
	if app.Why != "" && string(app.Why) != why {
		why += ", " + string(app.Why)
	}
	if models := app.WhyModels(); len(models) > 0 {
		why += " on " + strings.Join(models, ", ")
	}
	return Missing{
		BundleID: app.BundleID, Name: app.Name, Why: why, App: SeenView(shownApp(app)),
		Classes: slices.DeleteFunc(slices.Clone(gate.Classes), func(c policy.Class) bool { return !slices.Contains(app.MissingModels, c.Name) }),
	}
}

func refused(code, format string, args ...any) *RefusedError {
	return &RefusedError{Code: code, Message: sprintf(format, args...)}
}

// with names the values of a refusal, for its wording in other languages.
func (e *RefusedError) with(pairs ...string) *RefusedError {
	e.Params = params(pairs)
	return e
}

// standing returns the newest approval of a release if it was not withdrawn
// and is no override that ended.
func standing(s *snapshot, group, release string, now time.Time) (storage.Approval, bool) {
	found, ok := newestApproval(s, group, release)
	return found, ok && found.WithdrawnAt.IsZero() && !over(found, now)
}

// over reports whether an approval is an override that has ended.
func over(a storage.Approval, now time.Time) bool {
	return a.Override != nil && !now.Before(a.Override.Until)
}

func started(a storage.Approval, now time.Time) bool {
	return slices.ContainsFunc(a.Waves, func(w storage.Wave) bool { return !w.Waits && !w.Start.After(now) })
}
