package fleet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ProposeMove has a move of phones proposed that would be refused because it opens
// a closed gate or gets phones past one, or makes many verification phones. It changes nothing for phones: that takes
// the signature of another person. A move that one person can make is refused.
func (f *Fleet) ProposeMove(ctx context.Context, seg storage.Segment, a Act, r MoveRequest) (Proposed, error) {
	w, err := f.world(seg)
	if err != nil {
		return Proposed{}, err
	}
	if err := mayPropose(a); err != nil {
		return Proposed{}, err
	}
	out := Proposed{DryRun: a.DryRun, Effect: Effect{DryRun: true}}
	err = f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		m, err := f.relocation(ctx, w, s, r)
		if err != nil {
			return storage.WorldChange{}, err
		}
		terms, err := f.moveTerms(w, s, m)
		if err != nil {
			return storage.WorldChange{}, err
		}
		p := f.editProposal(s, a, terms)
		if err := f.refuseTwice(s, p); err != nil {
			return storage.WorldChange{}, err
		}
		effects := f.moveEffects(s, m)
		out.ProposalView = f.proposalView(w, s, p)
		out.unmade(a)
		out.Edit.Effects = &effects
		out.Effect.take(effects)
		return f.proposing(w.segment, a, p), nil
	})
	return out, err
}

// moveTerms returns what is proposed when phones are to be moved.
func (f *Fleet) moveTerms(w *worldState, s *snapshot, m relocation) (storage.EditTerms, error) {
	seen := f.passage(w, s, m)
	if seen.refusal() == nil {
		return storage.EditTerms{}, errNotNeeded()
	}
	before, err := settingsDigest(s)
	if err != nil {
		return storage.EditTerms{}, err
	}
	terms := storage.EditTerms{Gates: seen.closed(), Into: seen.into, Drafts: seen.drafts, Before: before}
	for _, p := range m.phones {
		detail := moveDetail(placeName(p.Group, p.Ring), placeName(m.group, m.ring))
		terms.Acts = append(terms.Acts, storage.EditAct{Action: "device.move", Target: p.UDID, Detail: detail})
		terms.Moves = append(terms.Moves, storage.Move{Phone: p.UDID, Epoch: p.Epoch, FromGroup: p.Group, FromRing: p.Ring, Group: m.group, Ring: m.ring})
	}
	return terms, nil
}

// moveChanged returns what is not as it was when phones were proposed to be moved,
// "" when all is.
func (f *Fleet) moveChanged(w *worldState, s *snapshot, e *storage.EditTerms) string {
	m, ok := w.proposedMove(e)
	if !ok {
		return changedPhones
	}
	if seen := f.passage(w, s, m); !slices.Equal(seen.closed(), e.Gates) || !slices.Equal(seen.into, e.Into) {
		return changedGates
	}
	return ""
}

// proposedMove returns the move that an edit proposes, if it is one and the phones
// are where they were.
func (w *worldState) proposedMove(e *storage.EditTerms) (relocation, bool) {
	if e == nil || len(e.Moves) == 0 {
		return relocation{}, false
	}
	m := relocation{group: e.Moves[0].Group, ring: e.Moves[0].Ring}
	for _, to := range e.Moves {
		p, ok := w.census.phone(to.Phone)
		if !ok || !stands(&p, to) {
			return relocation{}, false
		}
		m.phones = append(m.phones, p)
	}
	return m, true
}

// stands reports whether a phone is where it was when its move was proposed, in the
// same enrolment: one that enrolled again since may be in other hands.
func stands(p *storage.Phone, to storage.Move) bool {
	return p.Epoch == to.Epoch && p.Group == to.FromGroup && p.Ring == to.FromRing
}

// signedMoves returns the change that makes a proposed move, and what the phones
// are told because of it.
func (f *Fleet) signedMoves(ctx context.Context, w *worldState, s *snapshot, a Act, p storage.Proposal, effect *Effect) (storage.WorldChange, error) {
	m := relocation{group: p.Edit.Moves[0].Group, ring: p.Edit.Moves[0].Ring, signed: true}
	var c storage.WorldChange
	for i, to := range p.Edit.Moves {
		phone, err := f.phone(ctx, w.segment, to.Phone)
		if err != nil {
			return c, err
		}
		if phone.State == storage.PhoneRemoved || !stands(&phone, to) {
			return c, storage.ErrConflict // the census has yet to hear of it
		}
		m.phones = append(m.phones, phone)
		entry := f.signedEntry(a, p, p.Edit.Acts[i])
		c.Phones = append(c.Phones, storage.PhoneUpdate{UDID: to.Phone, Update: func(q *storage.Phone) (storage.PhoneChange, error) {
			return f.relocate(w, q, m, entry)
		}})
	}
	m = f.withGates(w, m)
	effect.take(f.moveEffects(s, m))
	return c, nil
}

// take has an effect count what is done to phones.
func (e *Effect) take(of Effects) {
	e.EffectCounts = of.EffectCounts
}

// moveEffects works out what phones that move are told because of it, once they
// listed the apps that matter there and these are recent enough. Phones that wait
// there are among them, with what for.
func (f *Fleet) moveEffects(s *snapshot, m relocation) Effects {
	e, now := noEffects(), f.now()
	for _, p := range m.phones {
		there := m.placed(p, now)
		facts := factsOf(s, &there)
		facts.Apps, facts.AppsKnown = s.newestFloors(m.group, there.Model, now), true
		is := policy.TargetFor(s.policy, facts, now)
		one := effectOn(&p, policy.TargetFor(s.policy, factsOf(s, &p), now), is)
		one.Device = p.UDID
		if one.Effect == "" {
			one.Effect = EffectNone
		}
		if is.Enforce == nil {
			one.Why = is.Blocked
		}
		e.add(one)
	}
	slices.SortFunc(e.Phones, func(a, b PhoneEffect) int { return cmp.Compare(a.Device, b.Device) })
	return e
}

// newestFloors returns the apps of a group in versions that every approval of it
// asks for at least, of phones of a model.
func (s *snapshot) newestFloors(group, model string, now time.Time) []policy.InstalledApp {
	newest := map[string]string{}
	for _, a := range s.records.Approvals {
		for _, floor := range s.policy.Floors(group, a.ID, model, now) {
			if was := newest[floor.BundleID]; was == "" || version.Newer(floor.MinVersion, was) {
				newest[floor.BundleID] = floor.MinVersion
			}
		}
	}
	var apps []policy.InstalledApp
	for id, v := range newest {
		apps = append(apps, policy.InstalledApp{BundleID: id, Version: v})
	}
	slices.SortFunc(apps, func(a, b policy.InstalledApp) int { return cmp.Compare(a.BundleID, b.BundleID) })
	return apps
}

// following has the census follow the phones of a change; the function returned is
// called once the change is stored.
func (w *worldState) following(c *storage.WorldChange) (stored func()) {
	type left struct {
		phone storage.Phone
		at    uint64
	}
	last := make([]left, len(c.Phones))
	for i, p := range c.Phones {
		c.Phones[i].Update = func(q *storage.Phone) (storage.PhoneChange, error) {
			at := w.census.moment()
			change, err := p.Update(q)
			last[i] = left{q.Clone(), at} // the last run is the one that counts
			return change, err
		}
	}
	return func() {
		for i := range last {
			w.census.add(&last[i].phone, last[i].at)
		}
	}
}
