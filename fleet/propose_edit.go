package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/storage"
)

// EditView is what a proposed edit changes.
type EditView struct {
	Acts  []ActView  `json:"acts"`  // in order
	Gates []GateView `json:"gates"` // that it opens, now or later
}

// ActView is one act of an edit, as the audit log will have it.
type ActView struct {
	Action string            `json:"action"`
	Target string            `json:"target"`
	Detail map[string]string `json:"detail,omitempty"`
}

// GateView is a gate as the proposer saw it.
type GateView struct {
	Group   string `json:"group"`
	Release string `json:"release"`
	Phase   string `json:"phase"`
}

// ProposeEdit has an edit of apps, policies or groups proposed that would be
// refused because it opens closed gates. The function given makes the edit with
// the act it is handed: [Fleet.SetApp], [Fleet.RemoveApp], [Fleet.SetGroup],
// [Fleet.SetPolicy] or [Fleet.Apply]. An edit that opens nothing is refused here:
// one person can make it.
func (f *Fleet) ProposeEdit(ctx context.Context, seg storage.Segment, a Act, edit func(context.Context, Act) error) (Proposed, error) {
	w, err := f.world(seg)
	if err != nil {
		return Proposed{}, err
	}
	if err := mayPropose(a); err != nil {
		return Proposed{}, err
	}
	a.proposing = &storage.Proposal{}
	if err := edit(ctx, a); err != nil {
		return Proposed{}, err
	}
	s, p := w.current.Load(), *a.proposing
	if p.Edit == nil {
		return Proposed{}, errNotNeeded()
	}
	c, err := proposedChange(p.Edit)
	if err != nil {
		return Proposed{}, err
	}
	out := Proposed{ProposalView: f.proposalView(w, s, p), DryRun: a.DryRun, Effect: Effect{DryRun: true}}
	f.measure(w, s, newSnapshot(applied(s.records, c), s.catalog), &out.Effect)
	return out, nil
}

func errNotNeeded() error {
	return refused("one-person-suffices", "this opens no closed gate; do it without --propose")
}

// proposedOr returns an edit that nothing refuses, or, when it is to be proposed,
// the proposal of what is refused because it opens gates.
func (f *Fleet) proposedOr(w *worldState, s *snapshot, a Act, c storage.WorldChange, refusal error) (storage.WorldChange, error) {
	switch {
	case a.proposing == nil:
		return c, refusal
	case refusal == nil:
		return storage.WorldChange{}, errNotNeeded()
	}
	before, err := settingsDigest(s)
	if err != nil {
		return storage.WorldChange{}, err
	}
	change, err := json.Marshal(c)
	if err != nil {
		return storage.WorldChange{}, wrap("encode edit", err)
	}
	now := f.now()
	p := storage.Proposal{
		ID: uuid.NewString(), Kind: storage.KindEdit, State: storage.StateOpen, By: a.Actor, Person: a.Person, Reason: a.Reason,
		At: now, LapsesAt: now.Add(proposalLife), Shown: storage.Shown{Revision: s.records.Revision},
		Edit: &storage.EditTerms{Gates: f.opened(w, s, c), Before: before, Change: change},
	}
	for _, e := range c.Audit {
		p.Edit.Acts = append(p.Edit.Acts, storage.EditAct{Action: e.Action, Target: e.Target, Detail: e.Detail})
	}
	if err := f.refuseTwice(s, p); err != nil {
		return storage.WorldChange{}, err
	}
	*a.proposing = p
	return f.proposing(a, p), nil
}

// sameEdit reports whether two proposals, if they are edits, would do the same
// acts to the same settings.
func sameEdit(a, b *storage.EditTerms) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Before == b.Before && slices.EqualFunc(a.Acts, b.Acts, func(a, b storage.EditAct) bool {
		return a.Action == b.Action && a.Target == b.Target && maps.Equal(a.Detail, b.Detail)
	})
}

// settingsDigest tells whether apps, policies or groups changed.
func settingsDigest(s *snapshot) (string, error) {
	text, err := json.Marshal([]any{s.records.Apps, s.records.Policies, s.records.Groups})
	if err != nil {
		return "", wrap("encode settings", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// proposedChange returns what a proposed edit writes.
func proposedChange(e *storage.EditTerms) (storage.WorldChange, error) {
	var c storage.WorldChange
	return c, wrap("decode proposed edit", json.Unmarshal(e.Change, &c))
}

// editStands reports whether the world is still the one that an edit was
// proposed for: the same settings, and the same gates that it opens.
func (f *Fleet) editStands(w *worldState, s *snapshot, e *storage.EditTerms) bool {
	before, err := settingsDigest(s)
	if err != nil || before != e.Before {
		return false
	}
	c, err := proposedChange(e)
	return err == nil && slices.Equal(f.opened(w, s, c), e.Gates)
}

// signEdit makes a proposed edit: in one transaction, with the audit entries of
// its acts, each by whoever signs. It returns storage.ErrConflict, and the
// proposal stays, when the settings or the gates changed since it was proposed.
func (f *Fleet) signEdit(ctx context.Context, w *worldState, a Act, id string) (Effect, error) {
	if strings.TrimSpace(a.Reason) == "" {
		return Effect{}, errNoReason()
	}
	effect := Effect{DryRun: a.DryRun}
	err := f.decide(ctx, w.segment, a, func(s *snapshot) (storage.WorldChange, error) {
		p, err := f.signable(s, a, id)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if !f.editStands(w, s, p.Edit) {
			return storage.WorldChange{}, storage.ErrConflict
		}
		c, err := proposedChange(p.Edit)
		if err != nil {
			return storage.WorldChange{}, err
		}
		f.signed(&c, a, p)
		f.measure(w, s, newSnapshot(applied(s.records, c), s.catalog), &effect)
		f.end(&p, a, storage.StateSigned)
		c.Proposals, c.Notices = append(c.Proposals, p), append(c.Notices, f.proposalNotice(NoticeProposalSigned, p))
		return c, nil
	})
	return effect, err
}

// signed has the change of a proposed edit made now, by whoever signs.
func (f *Fleet) signed(c *storage.WorldChange, a Act, p storage.Proposal) {
	now := f.now()
	for i := range c.Audit {
		e := &c.Audit[i]
		e.At, e.Actor, e.Reason = now, a.Actor, a.Reason
		if e.Detail == nil {
			e.Detail = map[string]string{}
		}
		e.Detail["proposal"], e.Detail["proposed_by"], e.Detail["proposer"], e.Detail["proposer_reason"] = p.ID, p.By, p.Person.Name, p.Reason
		e.Detail["signer"], e.Detail["opened"] = a.Person.Name, strings.Join(gateNames(p.Edit.Gates), ",")
	}
	for i := range c.Policies {
		c.Policies[i].ChangedAt, c.Policies[i].ChangedBy = now, a.Actor
	}
}

func editView(e *storage.EditTerms) *EditView {
	if e == nil {
		return nil
	}
	v := &EditView{Acts: []ActView{}, Gates: []GateView{}}
	for _, act := range e.Acts {
		v.Acts = append(v.Acts, ActView(act))
	}
	for _, g := range e.Gates {
		v.Gates = append(v.Gates, GateView{g.Group, g.Release, g.Phase})
	}
	return v
}
