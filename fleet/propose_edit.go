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
	Gates []GateView `json:"gates"` // that it opens, now or later, or gets phones past
	// Changes are the settings before and after it, as [Fleet.Apply] tells of them and the
	// proposer saw them; none of an edit that moves phones.
	Changes []SettingsChange `json:"changes,omitempty"`
	// Into are gates where phones go that are open to them, of releases that are
	// closed to them where they are.
	Into []GateView `json:"into,omitempty"`
	// ToTest are groups of which it makes more production phones verification phones
	// than one person may. While it can be signed the numbers are those of now.
	ToTest []ToTestView `json:"to_test,omitempty"`
	// Changed says why it can no longer be signed while it waits: settings, gates
	// or phones are not as they were shown.
	Changed string `json:"changed,omitempty"`
	// Effects are what the phones that a proposed move is about would be told if
	// it were signed now. Only the view of one proposal that can be signed has them.
	Effects *Effects `json:"effects,omitempty"`
}

// ToTestView is how many phones of a group's production become verification phones
// by one person's word within 90 days, with those proposed, and how many may.
type ToTestView struct {
	Group  string `json:"group"`
	Phones int    `json:"phones"`
	Most   int    `json:"most"`
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
	f.measure(w, s, s.after(c), &out.Effect)
	out.unmade(a)
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
	changes, err := changesBy(s, c)
	if err != nil {
		return storage.WorldChange{}, err
	}
	seen, err := json.Marshal(changes)
	if err != nil {
		return storage.WorldChange{}, wrap("encode edit", err)
	}
	terms := storage.EditTerms{Gates: f.opened(w, s, c), Before: before, Change: change, Shown: seen}
	for _, e := range c.Audit {
		terms.Acts = append(terms.Acts, storage.EditAct{Action: e.Action, Target: e.Target, Detail: e.Detail})
	}
	p := f.editProposal(s, a, terms)
	if err := f.refuseTwice(s, p); err != nil {
		return storage.WorldChange{}, err
	}
	*a.proposing = p
	return f.proposing(w.segment, a, p), nil
}

// editProposal returns an open proposal of an edit.
func (f *Fleet) editProposal(s *snapshot, a Act, terms storage.EditTerms) storage.Proposal {
	now := f.now()
	return storage.Proposal{
		ID: uuid.NewString(), Kind: storage.KindEdit, State: storage.StateOpen, By: a.Actor, Person: a.Person, Reason: a.Reason,
		At: now, LapsesAt: now.Add(proposalLife), Shown: storage.Shown{Revision: s.records.Revision}, Edit: &terms,
	}
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

// settingsDigest tells whether apps, calendars, policies or groups changed.
func settingsDigest(s *snapshot) (string, error) {
	text, err := json.Marshal([]any{s.records.Apps, s.records.Calendars, s.records.Policies, s.records.Groups})
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

// What may have changed since an edit was proposed.
const (
	changedSettings = "settings"
	changedGates    = "gates"
	changedPhones   = "phones"
)

// editChanged returns what is not as it was when an edit was proposed, "" when all
// is: the settings, the gates that it opens, and the places of phones it moves.
func (f *Fleet) editChanged(w *worldState, s *snapshot, e *storage.EditTerms) string {
	if before, err := settingsDigest(s); err != nil || before != e.Before {
		return changedSettings
	}
	if len(e.Moves) > 0 {
		return f.moveChanged(w, s, e)
	}
	if c, err := proposedChange(e); err != nil || !slices.Equal(f.opened(w, s, c), e.Gates) {
		return changedGates
	}
	return ""
}

// shownChanges returns what a proposed edit changes in settings, as the proposer saw it.
func shownChanges(e *storage.EditTerms) []SettingsChange {
	var changes []SettingsChange
	if len(e.Shown) > 0 {
		_ = json.Unmarshal(e.Shown, &changes) // this server wrote it; its acts say what it does, too
	}
	return changes
}

// changesBy compares settings with what a change makes of them.
func changesBy(s *snapshot, c storage.WorldChange) ([]SettingsChange, error) {
	return settingsChanges(settingsOf(s.records), settingsOf(applied(s.records, c)))
}

// signEdit makes a proposed edit: in one transaction, with the audit entries of
// its acts, each by whoever signs. It returns storage.ErrConflict, and the
// proposal stays, when the settings or the gates changed since it was proposed.
func (f *Fleet) signEdit(ctx context.Context, w *worldState, a Act, id string) (Effect, error) {
	if strings.TrimSpace(a.Reason) == "" {
		return Effect{}, errNoReason()
	}
	effect, moving := Effect{DryRun: a.DryRun}, []string{}
	err := f.decide(ctx, w.segment, a, func(s *snapshot) (storage.WorldChange, error) {
		p, err := f.signable(s, a, id)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if f.editChanged(w, s, p.Edit) != "" {
			return storage.WorldChange{}, storage.ErrConflict
		}
		var c storage.WorldChange
		if len(p.Edit.Moves) > 0 {
			c, err = f.signedMoves(ctx, w, s, a, p, &effect)
		} else {
			c, err = f.signedChange(w, s, a, p, &effect)
		}
		if err != nil {
			return storage.WorldChange{}, err
		}
		moving = moving[:0]
		for _, m := range p.Edit.Moves {
			moving = append(moving, m.Phone)
		}
		f.end(&p, a, storage.StateSigned)
		c.Proposals, c.Notices = append(c.Proposals, p), append(c.Notices, f.proposalNotice(w.segment, NoticeProposalSigned, p))
		return c, nil
	})
	if err == nil && !a.DryRun {
		for _, udid := range moving {
			f.waker.Wake(wakeKey(w.segment, udid))
		}
	}
	return effect, err
}

// signedChange returns the change of a proposed edit of settings, made now by
// whoever signs.
func (f *Fleet) signedChange(w *worldState, s *snapshot, a Act, p storage.Proposal, effect *Effect) (storage.WorldChange, error) {
	c, err := proposedChange(p.Edit)
	if err != nil {
		return c, err
	}
	for i, e := range c.Audit {
		c.Audit[i] = f.signedEntry(a, p, storage.EditAct{Action: e.Action, Target: e.Target, Detail: e.Detail})
	}
	for i := range c.Policies {
		c.Policies[i].ChangedAt, c.Policies[i].ChangedBy = f.now(), a.Actor
	}
	f.measure(w, s, s.after(c), effect)
	return c, nil
}

// signedEntry is the audit entry of an act of a proposed edit, by whoever signs.
func (f *Fleet) signedEntry(a Act, p storage.Proposal, act storage.EditAct) storage.AuditEntry {
	detail := map[string]string{
		"proposal": p.ID, "proposed_by": p.By, "proposer": p.Person.Name, "proposer_reason": p.Reason,
		"signer": a.Person.Name, "opened": strings.Join(gateNames(p.Edit.Gates), ","),
	}
	maps.Copy(detail, act.Detail)
	return f.entry(a, act.Action, act.Target, detail)
}

func editView(e *storage.EditTerms) *EditView {
	if e == nil {
		return nil
	}
	v := &EditView{Acts: []ActView{}, Gates: gateViews(e.Gates), Into: gateViews(e.Into), ToTest: toTestViews(e.Drafts), Changes: shownChanges(e)}
	for _, act := range e.Acts {
		v.Acts = append(v.Acts, ActView(act))
	}
	return v
}

func toTestViews(drafts []storage.ShownDrafts) []ToTestView {
	var views []ToTestView
	for _, d := range drafts {
		views = append(views, ToTestView(d))
	}
	return views
}

func gateViews(gates []storage.ShownGate) []GateView {
	views := []GateView{}
	for _, g := range gates {
		views = append(views, GateView{g.Group, g.Release, g.Phase})
	}
	return views
}
