package fleet

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// actionDecline is how a decline is recorded.
const actionDecline = "gate.decline"

// Decline closes a gate: the release is not for this group. One person cannot take it
// back; two can, by an override. An improvement that the policy hides can be declined
// too: edits are judged by it as if it were tested.
func (f *Fleet) Decline(ctx context.Context, seg storage.Segment, a Act, group, release string) (Effect, error) {
	w, err := f.world(seg)
	if err != nil {
		return Effect{}, err
	}
	return f.carry(ctx, seg, a, decision{action: actionDecline, group: group, release: release, build: func(s *snapshot, _ policy.Gate) (storage.WorldChange, error) {
		gate, err := f.gate(w, s.unhidden(), group, release)
		if err == nil {
			err = decidable(gate)
		}
		if err != nil {
			return storage.WorldChange{}, err
		}
		if gate.Phase == policy.PhaseDeclined {
			return storage.WorldChange{}, refused("phase", "%s is declined for group %s already", release, group).
				with("release", release, "group", group, "phase", string(gate.Phase))
		}
		return f.declining(s, a, gate), nil
	}})
}

// declining returns the change that closes a gate.
func (f *Fleet) declining(s *snapshot, a Act, gate policy.Gate) storage.WorldChange {
	c := storage.WorldChange{Declines: []storage.Decline{{Group: gate.Group, Release: gate.Release, By: a.Actor, Reason: a.Reason, At: f.now()}}}
	if approval, ok := standing(s, gate.Group, gate.Release, f.now()); ok {
		approval.WithdrawnAt, approval.WithdrawnBy = f.now(), a.Actor
		c.Approvals = append(f.givenBack(s, approval), approval)
	}
	return c
}

// DeclinedAll is what declining a release for every group does.
type DeclinedAll struct {
	Release string    `json:"release"`
	Groups  []Effect  `json:"groups"`   // those that decline it, by name
	LeftOut []LeftOut `json:"left_out"` // all others, by name
	DryRun  bool      `json:"dry_run,omitempty"`
}

// LeftOut is a group that a decision about every group does not concern.
type LeftOut struct {
	Group string        `json:"group"`
	Why   policy.Reason `json:"why"` // it has no gate for the release, or declined it already
}

// DeclineAll closes the gates that a release has in any group, all or none of them,
// each with an audit entry of its own. It is refused when no group is left to decline
// it.
func (f *Fleet) DeclineAll(ctx context.Context, seg storage.Segment, a Act, release string) (DeclinedAll, error) {
	w, err := f.world(seg)
	if err != nil {
		return DeclinedAll{}, err
	}
	if strings.TrimSpace(a.Reason) == "" {
		return DeclinedAll{}, errNoReason()
	}
	var done DeclinedAll
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		var c storage.WorldChange
		done, c, err = f.decliningAll(w, s, a, release)
		return c, err
	})
	return done, err
}

// decliningAll returns the change that closes the gates of every group, and what it does.
func (f *Fleet) decliningAll(w *worldState, s *snapshot, a Act, release string) (DeclinedAll, storage.WorldChange, error) {
	done := DeclinedAll{Release: release, Groups: []Effect{}, LeftOut: []LeftOut{}, DryRun: a.DryRun}
	var c storage.WorldChange
	if _, err := s.release(release); err != nil {
		return done, c, err
	}
	groups := slices.SortedFunc(slices.Values(s.records.Groups), func(a, b storage.Group) int { return strings.Compare(a.Name, b.Name) })
	for _, g := range groups {
		gate, err := f.gate(w, s, g.Name, release)
		if err != nil {
			return done, c, err
		}
		why, none := policy.NoGate(gate)
		if why.Code == policy.GateNotPosted { // to no group
			return done, c, decidable(gate)
		}
		if none || gate.Phase == policy.PhaseDeclined {
			if !none {
				why = gate.Reasons[0]
			}
			done.LeftOut = append(done.LeftOut, LeftOut{g.Name, why})
			continue
		}
		one := f.declining(s, a, gate)
		c.Declines, c.Approvals = append(c.Declines, one.Declines...), append(c.Approvals, one.Approvals...)
		c.Audit = append(c.Audit, f.entry(a, actionDecline, g.Name+"/"+release, map[string]string{"phase_before": string(gate.Phase)}))
		done.Groups = append(done.Groups, Effect{Group: g.Name, Release: release, DryRun: a.DryRun})
	}
	if len(done.Groups) == 0 {
		return done, c, nothingToDecline(release, done.LeftOut)
	}
	for i := range done.Groups {
		if err := f.preview(w, s, c, &done.Groups[i]); err != nil {
			return done, c, err
		}
	}
	return done, c, nil
}

// nothingToDecline says of every group why it is not left to decline a release.
func nothingToDecline(release string, out []LeftOut) error {
	if len(out) == 0 {
		return refused("no-groups", "there are no groups yet; make one with `kannuki group add`").with("release", release)
	}
	groups := map[policy.Code][]string{}
	for _, l := range out {
		groups[l.Why.Code] = append(groups[l.Why.Code], l.Group)
	}
	text, named := "", map[string]string{}
	for _, because := range []struct {
		code        policy.Code
		param, says string
	}{
		{policy.GateDeclined, "declined", "declined already in"},
		{policy.GateNotApplicable, "unfit", "none of the phones can run it in"},
		{policy.GateImprovement, "follows", "it follows the release that it improves (`--improvements reverify` of `kannuki policy set` would give it a gate) in"},
		{policy.GateImprovementOff, "off", "the policy switches it off in"},
	} {
		if names := strings.Join(groups[because.code], ", "); names != "" {
			text += "; " + because.says + " " + names
			named[because.param] = names
		}
	}
	e := refused("nothing-to-decline", "no group is left to decline %s%s", release, text).with("release", release)
	maps.Copy(e.Params, named)
	return e
}
