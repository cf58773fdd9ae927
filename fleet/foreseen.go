package fleet

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// foreseen is what a decision says of the approval that it leads to, beside what
// phones do because of it.
type foreseen struct {
	approval storage.Approval
	known    bool // it stood before, and is only changed
	promise  Promise
	rebased  Rebased
	haste    *Haste
	lanes    []LanePromise
	byHand   *AppsByHand
}

// foresee works that out for approvals that change, that which the decision leads to
// the last.
func (f *Fleet) foresee(w *worldState, s *snapshot, changed []storage.Approval) (foreseen, error) {
	a := changed[len(changed)-1]
	promised, err := f.promise(w, s, a)
	after := s.with(changed)
	return foreseen{
		approval: a, known: slices.ContainsFunc(s.records.Approvals, func(b storage.Approval) bool { return b.ID == a.ID }),
		promise: promised, rebased: f.rebased(w, s, a), haste: f.haste(w, s, a), lanes: f.lanePromises(w, after, a),
		byHand: f.appsByHand(w, after, a.Group, a.Release),
	}, err
}

// foretell adds it to an effect whose phase is worked out. An approval that was only
// tried has no ID.
func (f *Fleet) foretell(w *worldState, v foreseen, e *Effect) {
	if v.known || !e.DryRun {
		e.Approval = v.approval.ID
	}
	e.Promise, e.Rebased, e.Haste, e.LanePromises, e.AppsByHand = v.promise, v.rebased, v.haste, v.lanes, v.byHand
	e.Waves = f.waveViews(w, v.approval, policy.Phase(e.Phase))
	if v.approval.Override != nil {
		e.Until = v.approval.Override.Until
	}
}
