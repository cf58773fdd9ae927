package fleet

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// UrgentRequest proposes to approve a gate by the emergency lane.
type UrgentRequest struct {
	Group   string `json:"group"`
	Release string `json:"release"`
	// Deadline is by when all phones install, from the signature: "+24h" to "+48h";
	// "" is what the group's policy says.
	Deadline string `json:"deadline,omitempty"`
	// Fingerprint is that of the gate's urgency as the person saw it; "" skips the
	// check.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// ProposeUrgent records that a person wants a gate approved by the emergency lane:
// after quick checks, because production phones lack the fix of a flaw known to be
// exploited or, where an ordinary approval stands, that its rollout be hurried. It
// changes nothing for phones: that takes the signature of another. It is
// refused where [policy.LaneOpen] or [policy.HurryOpen] refuses it, near the end of the
// build's shelf life, where there is nothing to hurry, and
// while another such proposal for the gate waits; it returns a *ChangedError
// when the lane does not rest on what the person saw.
func (f *Fleet) ProposeUrgent(ctx context.Context, seg storage.Segment, a Act, r UrgentRequest) (Proposed, error) {
	return f.propose(ctx, seg, a, r.Group, r.Release, func(s *snapshot, gate policy.Gate) (storage.Proposal, error) {
		if r.Fingerprint != "" && (gate.Urgent == nil || r.Fingerprint != gate.Urgent.Fingerprint) {
			return storage.Proposal{}, &ChangedError{r.Group, r.Release}
		}
		if err := laneOpen(gate); err != nil {
			return storage.Proposal{}, err
		}
		within, err := laneDeadline(s, r)
		if err != nil {
			return storage.Proposal{}, err
		}
		p, u := f.newProposal(s, a, gate), gate.Urgent
		p.Kind, p.Shown.Fingerprint = storage.KindUrgent, u.Fingerprint
		p.Urgent = &storage.UrgentTerms{Deadline: "+" + noticeText(within), CVEs: u.CVEs, Verdicts: u.Verdicts, Hurries: gate.Approval}
		for _, app := range u.Apps {
			p.Urgent.Apps = append(p.Urgent.Apps, shownApp(app))
		}
		return p, nil
	})
}

// laneOpen says why the emergency lane is closed, with the apps that keep it so.
func laneOpen(gate policy.Gate) error {
	err := policy.LaneOpen(gate)
	if gate.Approval != "" {
		err = policy.HurryOpen(gate)
	}
	closed, ok := errors.AsType[*policy.LaneError](err)
	if !ok {
		return err
	}
	refusal := refused(string(closed.Why), "%v", err).with("release", gate.Release, "group", gate.Group, "phase", string(gate.Phase))
	for _, app := range closed.Apps {
		refusal.Missing = append(refusal.Missing, missing(gate, app))
	}
	return refusal
}

// laneDeadline reads by when all phones install, or takes it from the policy.
func laneDeadline(s *snapshot, r UrgentRequest) (time.Duration, error) {
	if r.Deadline == "" {
		return cmp.Or(s.rollout(r.Group).Urgent.Deadline, policy.MinLaneDeadline), nil
	}
	d, err := ParseOffset(r.Deadline)
	if err != nil || d < policy.MinLaneDeadline || d > policy.MaxLaneDeadline {
		return 0, invalid("deadline", "lane-deadline", "%q: want an offset from +24h to +48h", r.Deadline).with("value", r.Deadline)
	}
	return d, nil
}

// urgently builds the approval that a proposal for the emergency lane leads to
// when it is signed now: the most exposed phones first, and no calendar.
func (f *Fleet) urgently(w *worldState, s *snapshot, p storage.Proposal, second Act, gate policy.Gate) (storage.Approval, error) {
	if err := laneOpen(gate); err != nil {
		return storage.Approval{}, err
	}
	within, err := ParseOffset(p.Urgent.Deadline)
	if err != nil {
		return storage.Approval{}, invalid("deadline", "lane-deadline", "%q: want an offset from +24h to +48h", p.Urgent.Deadline).with("value", p.Urgent.Deadline)
	}
	u := gate.Urgent
	if p.Urgent.Hurries != "" {
		return f.hurried(w, s, p, second, gate, within)
	}
	approval := f.newApproval(p.Group, p.Release, second.Actor, p.Reason, policy.Gate{Floors: u.Floors})
	approval.Models, approval.Verdicts, approval.Soak = u.Models, u.Verdicts, policy.LaneSoak
	approval.Lane = laneOf(p, second, u)
	approval.Waves = storedWaves(u.Waves(firstOfLane(w, approval, u), f.now(), within, f.scheduleOf(s, approval)))
	return approval, f.inTime(s, gate, approval)
}

// laneOf says of an approval that two people gave or hurried it by the lane.
func laneOf(p storage.Proposal, second Act, u *policy.Urgency) *storage.Lane {
	return &storage.Lane{
		Proposal: p.ID, By: p.Person.Name, Second: second.Person.Name, Reason: p.Reason, SecondReason: second.Reason, CVEs: u.CVEs,
	}
}

// firstOfLane returns the threshold of the first share of the most exposed phones.
func firstOfLane(w *worldState, a storage.Approval, u *policy.Urgency) uint32 {
	return policy.FirstOfLane(bucketsWaiting(w, a, policy.Wave{UpTo: u.Levels()[0]}))
}

// scheduleOf returns what the waves of an approval follow: the calendar of its group
// as it is now, and none in the emergency lane, whose notice is short.
func (f *Fleet) scheduleOf(s *snapshot, a storage.Approval) policy.Schedule {
	approval := policyApproval(a)
	schedule := s.policy.Schedule(a.Group, &approval)
	schedule.Soak = a.Soak
	return schedule
}

// UrgentTermsView are the terms of a proposal for the emergency lane, and what the
// proposer saw of it.
type UrgentTermsView struct {
	Deadline string     `json:"deadline"` // of the last phones, from the signature
	CVEs     []string   `json:"cves"`
	Apps     []SeenView `json:"apps"`     // by results of any method on this release
	Verdicts []string   `json:"verdicts"` // it rests on
	// Hurries is the ordinary approval whose rollout is to be hurried; absent for a
	// new approval.
	Hurries string `json:"hurries,omitempty"`
}

func urgentTermsView(t *storage.UrgentTerms) *UrgentTermsView {
	if t == nil {
		return nil
	}
	v := &UrgentTermsView{Deadline: t.Deadline, CVEs: append([]string{}, t.CVEs...), Apps: []SeenView{}, Verdicts: append([]string{}, t.Verdicts...), Hurries: t.Hurries}
	for _, app := range t.Apps {
		v.Apps = append(v.Apps, SeenView(app))
	}
	return v
}
