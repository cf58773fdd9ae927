package fleet

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// propose records an act that takes two people, which build works out of the gate
// that it is about, with what it would make phones do if it were signed now.
func (f *Fleet) propose(ctx context.Context, seg storage.Segment, a Act, group, release string, build func(*snapshot, policy.Gate) (storage.Proposal, error)) (Proposed, error) {
	w, err := f.world(seg)
	if err != nil {
		return Proposed{}, err
	}
	if err := mayPropose(a); err != nil {
		return Proposed{}, err
	}
	out := Proposed{DryRun: a.DryRun, Effect: Effect{Group: group, Release: release, DryRun: true}}
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		gate, err := f.gate(w, s, group, release)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := decidable(gate); err != nil {
			return storage.WorldChange{}, err
		}
		p, err := build(s, gate)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := f.refuseTwice(s, p); err != nil {
			return storage.WorldChange{}, err
		}
		changed, err := f.outcome(w, s, p, a, gate)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := f.preview(w, s, storage.WorldChange{Approvals: changed, RemoveDeclines: takenBack(p, gate)}, &out.Effect); err != nil {
			return storage.WorldChange{}, err
		}
		next, err := f.foresee(w, s, changed)
		if err != nil {
			return storage.WorldChange{}, err
		}
		f.foretell(w, next, &out.Effect)
		out.ProposalView = f.proposalView(w, s, p)
		out.unmade(a)
		return f.proposing(w.segment, a, p), nil
	})
	return out, err
}

// unmade takes from a proposal that was only tried what it would get when made: there
// is nothing to sign, and nothing that lapses.
func (p *Proposed) unmade(a Act) {
	if a.DryRun {
		p.ID, p.LapsesAt = "", time.Time{}
	}
}

// mayPropose refuses what nobody could sign: a proposal without a reason, or of
// somebody whose name is not known.
func mayPropose(a Act) error {
	if strings.TrimSpace(a.Reason) == "" {
		return invalid("reason", "reason-missing", "a proposal needs a reason; the second person reads it, and it is kept in the audit log")
	}
	return named(a)
}

// proposing is the change that records a proposal.
func (f *Fleet) proposing(seg storage.Segment, a Act, p storage.Proposal) storage.WorldChange {
	entry := f.entry(a, "approval.propose", proposalTarget(p), proposalDetail(p))
	return storage.WorldChange{
		Proposals: []storage.Proposal{p}, Audit: []storage.AuditEntry{entry}, Notices: []storage.Notice{f.proposalNotice(seg, NoticeProposalWaiting, p)},
	}
}

// proposalTarget names what a proposal is about in the audit log.
func proposalTarget(p storage.Proposal) string {
	if p.Edit != nil && len(p.Edit.Acts) > 0 {
		return p.Edit.Acts[0].Target
	}
	return p.Group + "/" + p.Release
}

// newProposal returns an open proposal; its kind and terms are for whoever makes it.
func (f *Fleet) newProposal(s *snapshot, a Act, gate policy.Gate) storage.Proposal {
	now := f.now()
	return storage.Proposal{
		ID: uuid.NewString(), Group: gate.Group, Release: gate.Release, State: storage.StateOpen,
		By: a.Actor, Person: a.Person, Reason: a.Reason, At: now, LapsesAt: now.Add(proposalLife), Shown: shown(s, gate),
	}
}

// refuseTwice refuses what somebody proposed already, for the gate as it is.
func (f *Fleet) refuseTwice(s *snapshot, p storage.Proposal) error {
	for _, o := range s.records.Proposals {
		if o.Kind == p.Kind && o.Group == p.Group && o.Release == p.Release && o.Shown.Fingerprint == p.Shown.Fingerprint && waiting(o, f.now()) && sameEdit(o.Edit, p.Edit) {
			return &RefusedError{
				Code: "proposed-already", Params: map[string]string{"id": o.ID, "first": o.Person.Name},
				Message: o.Person.Name + " proposed it already: sign, refuse or withdraw " + o.ID,
			}
		}
	}
	return nil
}

// outcome builds the approvals that change when a proposal is signed now, that which
// it leads to the last.
func (f *Fleet) outcome(w *worldState, s *snapshot, p storage.Proposal, second Act, gate policy.Gate) ([]storage.Approval, error) {
	switch {
	case p.Kind == storage.KindOverride && p.Override != nil:
		return f.overriding(w, s, p, second, gate)
	case p.Kind == storage.KindUrgent && p.Urgent != nil:
		approval, err := f.urgently(w, s, p, second, gate)
		return []storage.Approval{approval}, err
	default:
		return nil, refused("unknown-kind", "this server cannot carry out a proposal of kind %q", p.Kind).with("kind", p.Kind)
	}
}

// actionOf is how the signature of a proposal is recorded.
func actionOf(p ProposalView) string {
	switch {
	case p.Urgent == nil:
		return "gate.override"
	case p.Urgent.Hurries != "":
		return actionHurry
	default:
		return "gate.urgent"
	}
}

// shownAs returns the fingerprint of what a proposal rests on as it is now.
func shownAs(p storage.Proposal, gate policy.Gate) string {
	if p.Kind != storage.KindUrgent {
		return gate.Fingerprint
	}
	if gate.Urgent == nil {
		return ""
	}
	return gate.Urgent.Fingerprint
}
