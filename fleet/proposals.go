package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ProposalView is an act that takes two people, as people see it.
type ProposalView struct {
	ID       string    `json:"id,omitempty"` // absent where it was only tried, like LapsesAt
	Kind     string    `json:"kind"`         // override, urgent or edit
	State    string    `json:"state"`        // open, changed, lapsed, signed, refused or withdrawn
	Group    string    `json:"group"`
	Release  string    `json:"release"`
	By       string    `json:"by"`     // actor
	Person   string    `json:"person"` // its person, who cannot sign
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
	LapsesAt time.Time `json:"lapses_at,omitzero"` // from then on nobody can sign it
	Shown    ShownView `json:"shown"`

	Override *TermsView       `json:"override,omitempty"` // of kind override
	Urgent   *UrgentTermsView `json:"urgent,omitempty"`   // of kind urgent
	Edit     *EditView        `json:"edit,omitempty"`     // of kind edit, which has neither group nor release

	EndedAt     time.Time `json:"ended_at,omitzero"`
	EndedBy     string    `json:"ended_by,omitempty"`
	EndedPerson string    `json:"ended_person,omitempty"`
	EndedReason string    `json:"ended_reason,omitempty"`
	Approval    string    `json:"approval,omitempty"` // what signing it made
}

// ShownView is what the proposer saw of the gate.
type ShownView struct {
	Revision    uint64     `json:"revision"` // of the world
	Fingerprint string     `json:"fingerprint"`
	Phase       string     `json:"phase"`
	Missing     []SeenView `json:"missing"`
	// Classes are the model classes of the group's gate with their models. Only the view of
	// one proposal that waits has them.
	Classes []policy.Class `json:"model_classes,omitempty"`
}

// SeenView is one app that kept the gate closed.
type SeenView struct {
	BundleID      string   `json:"bundle_id"`
	Name          string   `json:"name"`
	Importance    string   `json:"importance"`
	State         string   `json:"state"`
	Why           string   `json:"why,omitempty"`
	Verdict       string   `json:"verdict,omitempty"`
	MissingModels []string `json:"missing_models,omitempty"`
	BrokenModels  []string `json:"broken_models,omitempty"` // on which it does not work
	Alone         []string `json:"smoke_alone,omitempty"`   // of the missing ones, those of which a smoke test is all there is
}

// TermsView are the terms of a proposed override. Offsets count from the
// signature.
type TermsView struct {
	Deadline string   `json:"deadline"`
	Start    string   `json:"start,omitempty"`
	Until    string   `json:"until"`
	Models   []string `json:"models"`
	Broken   []string `json:"accepted_broken,omitempty"` // verdicts that say broken
	Waves    []string `json:"waves,omitempty"`           // none: all phones at once
	Soak     string   `json:"soak,omitempty"`            // least time between the starts of two waves
	Rebase   bool     `json:"rebase,omitempty"`          // the waves are those of the older rollout under way
}

// States of a proposal that follow from the time and the world.
const (
	stateChanged = "changed" // what was shown is no longer so
	stateLapsed  = "lapsed"
)

// waiting reports whether a proposal can still be signed as far as the time
// goes.
func waiting(p storage.Proposal, now time.Time) bool {
	return p.State == storage.StateOpen && now.Before(p.LapsesAt)
}

// Proposals returns the acts that take two people, newest first, those that
// ended included.
func (f *Fleet) Proposals(seg storage.Segment) ([]ProposalView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	s := w.current.Load()
	out := []ProposalView{}
	for _, p := range s.records.Proposals {
		out = append(out, f.proposalView(w, s, p))
	}
	slices.SortFunc(out, func(a, b ProposalView) int {
		if !a.At.Equal(b.At) {
			return b.At.Compare(a.At)
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out, nil
}

// Proposal returns one of them, or a *NotFoundError.
func (f *Fleet) Proposal(seg storage.Segment, id string) (ProposalView, error) {
	w, err := f.world(seg)
	if err != nil {
		return ProposalView{}, err
	}
	s := w.current.Load()
	p, err := s.proposal(id)
	if err != nil {
		return ProposalView{}, err
	}
	v := f.proposalView(w, s, p)
	if m, ok := w.proposedMove(p.Edit); ok && v.State == storage.StateOpen {
		effects := f.moveEffects(s, m)
		v.Edit.Effects = &effects
	}
	if p.Edit == nil && waiting(p, f.now()) {
		if gate, err := f.gate(w, s, p.Group, p.Release); err == nil { // otherwise the view says that it changed
			v.Shown.Classes = gate.Classes
		}
	}
	return v, nil
}

func (s *snapshot) proposal(id string) (storage.Proposal, error) {
	i := slices.IndexFunc(s.records.Proposals, func(p storage.Proposal) bool { return p.ID == id })
	if i < 0 {
		return storage.Proposal{}, &NotFoundError{What: "proposal", Name: id}
	}
	return s.records.Proposals[i], nil
}

// Sign carries out what another person proposed: one transaction, one audit
// entry. It is refused for the person who proposed it and for one who is not
// independent of that person, and for a proposal that ended or lapsed; it
// returns a *ChangedError when what was shown to the proposer is no longer
// so, and the proposal stays.
func (f *Fleet) Sign(ctx context.Context, seg storage.Segment, a Act, id string) (Effect, error) {
	seen, err := f.Proposal(seg, id)
	if err != nil {
		return Effect{}, err
	}
	w, err := f.world(seg)
	if err != nil {
		return Effect{}, err
	}
	if seen.Kind == storage.KindEdit {
		return f.signEdit(ctx, w, a, id)
	}
	var next foreseen
	detail := map[string]string{}
	build := func(s *snapshot, gate policy.Gate) (storage.WorldChange, error) {
		p, err := f.signable(s, a, id)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if p.Shown.Fingerprint != shownAs(p, gate) {
			return storage.WorldChange{}, &ChangedError{p.Group, p.Release}
		}
		changed, err := f.outcome(w, s, p, a, gate)
		if err != nil {
			return storage.WorldChange{}, outdated(err)
		}
		next, err = f.foresee(w, s, changed)
		f.end(&p, a, storage.StateSigned)
		p.Approval = next.approval.ID
		signatureDetail(detail, p, next.approval)
		told := []storage.Notice{f.proposalNotice(w.segment, NoticeProposalSigned, p)}
		if next.haste != nil {
			told = append(told, f.hurryNotice(w.segment, next.approval, *next.haste))
		}
		return storage.WorldChange{Approvals: changed, RemoveDeclines: takenBack(p, gate), Proposals: []storage.Proposal{p}, Notices: told}, err
	}
	effect, err := f.carry(ctx, seg, a, decision{actionOf(seen), seen.Group, seen.Release, build, detail})
	if err == nil {
		f.foretell(w, next, &effect)
	}
	return effect, err
}

// signable returns a proposal that the person may sign now.
func (f *Fleet) signable(s *snapshot, a Act, id string) (storage.Proposal, error) {
	p, err := s.proposal(id)
	if err != nil {
		return p, err
	}
	if err := notEnded(p); err != nil {
		return p, err
	}
	if !waiting(p, f.now()) {
		return p, &RefusedError{
			Code: "lapsed", Params: map[string]string{"date": p.LapsesAt.Format(time.RFC3339)},
			Message: "the proposal lapsed at " + p.LapsesAt.Format(time.RFC3339) + "; propose it again",
		}
	}
	if err := named(a); err != nil {
		return p, err
	}
	return p, secondPerson(p.Person, a.Person)
}

// notEnded refuses a proposal that ended.
func notEnded(p storage.Proposal) error {
	if p.State == storage.StateOpen {
		return nil
	}
	return &RefusedError{
		Code: "ended", Params: map[string]string{"state": p.State, "by": p.EndedBy, "date": p.EndedAt.Format(time.RFC3339)},
		Message: "the proposal was " + p.State + " already, by " + p.EndedBy + " at " + p.EndedAt.Format(time.RFC3339),
	}
}

// outdated makes a refusal of a time that was possible when it was proposed
// and passed since.
func outdated(err error) error {
	if e, ok := errors.AsType[*InvalidError](err); ok {
		return &RefusedError{
			Code: "outdated", Params: map[string]string{"why": e.Field},
			Message: "the proposal can no longer be carried out (" + e.Error() + "); propose it again",
		}
	}
	return err
}

// Refuse ends a proposal by a person who did not make it. Stopping is easy, so
// nothing else is asked of that person.
func (f *Fleet) Refuse(ctx context.Context, seg storage.Segment, a Act, id string) (ProposalView, error) {
	return f.stop(ctx, seg, a, id, storage.StateRefused, func(p storage.Proposal) error {
		if err := named(a); err != nil {
			return err
		}
		if strings.EqualFold(p.Person.Name, a.Person.Name) {
			return &RefusedError{
				Code: "own-proposal", Params: map[string]string{"first": p.Person.Name},
				Message: p.Person.Name + " proposed it and can withdraw it; refusing is for others",
			}
		}
		return nil
	})
}

// WithdrawProposal ends a proposal by the person who made it.
func (f *Fleet) WithdrawProposal(ctx context.Context, seg storage.Segment, a Act, id string) (ProposalView, error) {
	return f.stop(ctx, seg, a, id, storage.StateWithdrawn, func(p storage.Proposal) error {
		if !strings.EqualFold(p.Person.Name, a.Person.Name) {
			return &RefusedError{
				Code: "foreign-proposal", Params: map[string]string{"first": p.Person.Name},
				Message: "only " + p.Person.Name + ", who proposed it, can withdraw it; anybody else can refuse it",
			}
		}
		return nil
	})
}

func (f *Fleet) stop(ctx context.Context, seg storage.Segment, a Act, id, state string, may func(storage.Proposal) error) (ProposalView, error) {
	if strings.TrimSpace(a.Reason) == "" {
		return ProposalView{}, invalid("reason", "reason-missing", "ending a proposal needs a reason; it is kept in the audit log")
	}
	w, err := f.world(seg)
	if err != nil {
		return ProposalView{}, err
	}
	var view ProposalView
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		p, err := s.proposal(id)
		if err == nil {
			err = notEnded(p)
		}
		if err == nil {
			err = may(p)
		}
		if err != nil {
			return storage.WorldChange{}, err
		}
		f.end(&p, a, state)
		view = f.proposalView(w, s, p)
		action := map[string]string{storage.StateRefused: "approval.refuse", storage.StateWithdrawn: "approval.withdraw"}[state]
		entry := f.entry(a, action, proposalTarget(p), map[string]string{"id": p.ID, "kind": p.Kind, "proposed_by": p.By})
		c := storage.WorldChange{Proposals: []storage.Proposal{p}, Audit: []storage.AuditEntry{entry}}
		if state == storage.StateRefused {
			c.Notices = []storage.Notice{f.proposalNotice(w.segment, NoticeProposalRefused, p)}
		}
		return c, nil
	})
	return view, err
}

func (f *Fleet) end(p *storage.Proposal, a Act, state string) {
	p.State, p.EndedAt, p.EndedBy, p.EndedPerson, p.EndedReason = state, f.now(), a.Actor, a.Person.Name, a.Reason
}

// proposalDetail is what the audit log keeps of a proposal.
func proposalDetail(p storage.Proposal) map[string]string {
	detail := map[string]string{
		"id": p.ID, "kind": p.Kind, "person": p.Person.Name, "fingerprint": p.Shown.Fingerprint, "phase_shown": p.Shown.Phase,
		"missing": missingIn(p), "lapses": p.LapsesAt.Format(time.RFC3339),
	}
	if t := p.Override; t != nil {
		detail["models"], detail["accepted_broken"] = strings.Join(t.Models, ","), strings.Join(t.Broken, ",")
		detail["deadline"], detail["start"], detail["until"] = t.Deadline, t.Start, t.Until
		detail["waves"], detail["soak"] = strings.Join(t.Waves, ","), t.Soak
	}
	if e := p.Edit; e != nil {
		var acts []string
		for _, act := range e.Acts {
			acts = append(acts, act.Action+" "+act.Target)
		}
		detail["acts"], detail["gates"] = strings.Join(acts, ","), strings.Join(gateNames(e.Gates), ",")
	}
	if t := p.Urgent; t != nil {
		detail["deadline"], detail["cves"], detail["verdicts"] = t.Deadline, strings.Join(t.CVEs, ","), strings.Join(t.Verdicts, ",")
	}
	return detail
}

// missingIn names the apps that were not verified when something was proposed.
func missingIn(p storage.Proposal) string {
	var missing []string
	for _, app := range p.Shown.Missing {
		missing = append(missing, app.BundleID)
	}
	return strings.Join(missing, ",")
}

// signatureDetail fills what the one audit entry of a signature says beside its
// actor, who signed, and that person's reason.
func signatureDetail(detail map[string]string, p storage.Proposal, a storage.Approval) {
	clear(detail)
	if missing := missingIn(p); missing != "" {
		detail["missing"] = missing
	}
	detail["approval"], detail["proposal"], detail["proposed_by"] = a.ID, p.ID, p.By
	detail["models"] = strings.Join(a.Models, ",")
	detail["start"], detail["deadline"] = a.Waves[0].Start.Format(time.RFC3339), a.Waves[0].Deadline
	if o := a.Override; o != nil {
		detail["proposer"], detail["proposer_reason"], detail["signer"], detail["signer_reason"] = o.By, o.Reason, o.Second, o.SecondReason
		detail["accepted_broken"], detail["waves"] = strings.Join(o.Broken, ","), strings.Join(p.Override.Waves, ",")
		detail["until"] = o.Until.Format(time.RFC3339)
		if a.RebasedFrom != "" {
			detail["rebased_from"] = a.RebasedFrom
		}
	}
	if l := a.Lane; l != nil {
		detail["proposer"], detail["proposer_reason"], detail["signer"], detail["signer_reason"] = l.By, l.Reason, l.Second, l.SecondReason
		detail["cves"], detail["verdicts"] = strings.Join(l.CVEs, ","), strings.Join(a.Verdicts, ",")
		detail["last_deadline"] = string(policy.LastDeadline(engineWaves(a.Waves)))
	}
}

func (f *Fleet) proposalView(w *worldState, s *snapshot, p storage.Proposal) ProposalView {
	v := ProposalView{
		ID: p.ID, Kind: p.Kind, State: f.proposalState(w, s, p), Group: p.Group, Release: p.Release, By: p.By, Person: p.Person.Name,
		Reason: p.Reason, At: p.At, LapsesAt: p.LapsesAt, EndedAt: p.EndedAt, EndedBy: p.EndedBy, EndedPerson: p.EndedPerson,
		EndedReason: p.EndedReason, Approval: p.Approval, Urgent: urgentTermsView(p.Urgent), Edit: editView(p.Edit),
		Shown: ShownView{Revision: p.Shown.Revision, Fingerprint: p.Shown.Fingerprint, Phase: p.Shown.Phase, Missing: []SeenView{}},
	}
	for _, app := range p.Shown.Missing {
		v.Shown.Missing = append(v.Shown.Missing, SeenView(app))
	}
	if v.State == stateChanged && p.Edit != nil {
		v.Edit.Changed = f.editChanged(w, s, p.Edit)
	}
	if v.State == storage.StateOpen && v.Edit != nil {
		v.Edit.ToTest = toTestViews(w.draftsNow(p.Edit, f.now()))
	}
	if t := p.Override; t != nil {
		v.Override = &TermsView{
			Deadline: t.Deadline, Start: t.Start, Until: t.Until, Models: append([]string{}, t.Models...), Broken: t.Broken, Waves: t.Waves, Soak: t.Soak,
			Rebase: t.Rebase,
		}
	}
	return v
}

// proposalState returns the stored state, or why an open proposal cannot be
// signed.
func (f *Fleet) proposalState(w *worldState, s *snapshot, p storage.Proposal) string {
	if p.State != storage.StateOpen {
		return p.State
	}
	if !waiting(p, f.now()) {
		return stateLapsed
	}
	if p.Edit != nil {
		if f.editChanged(w, s, p.Edit) != "" {
			return stateChanged
		}
		return p.State
	}
	if gate, err := f.gate(w, s, p.Group, p.Release); err != nil || shownAs(p, gate) != p.Shown.Fingerprint {
		return stateChanged
	}
	return p.State
}
