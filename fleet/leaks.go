package fleet

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Leaks lists production phones that moved to, or arrived on, a release that
// nobody had approved for their group, and are still on it while nobody has.
type Leaks struct {
	AsOf  time.Time  `json:"as_of"`
	Leaks []LeakView `json:"leaks"` // as they first enrolled
	Next  uint64     `json:"next,omitempty"`
}

// LeakView is one such phone.
type LeakView struct {
	UDID       string    `json:"udid"`
	Group      string    `json:"group"`
	Model      string    `json:"model"`
	Release    string    `json:"release"`
	From       string    `json:"from,omitempty"`            // what it ran before; absent when it arrived with it
	Since      time.Time `json:"since"`                     // when the server first saw it there
	Cause      string    `json:"cause,omitempty"`           // absent for what an older server recorded
	Reasons    []string  `json:"install_reasons,omitempty"` // Apple's words, or enrolled, moved
	Phase      string    `json:"phase"`                     // of the gate now
	Unverified []string  `json:"unverified"`                // bundle identifiers of the apps nobody verified there
	Reaction   string    `json:"reaction"`                  // what was done about it: recorded, told or offered
	// Answered is the newer release that was approved for the phone since, and
	// AnsweredAt when; absent while none is.
	Answered   string    `json:"answered,omitempty"`
	AnsweredAt time.Time `json:"answered_at,omitzero"`
}

// LeakQuery chooses a page of the leaks.
type LeakQuery struct {
	Group string
	After uint64 // Next of the page before
	Limit int    // 0 means 1,000, which is the most
}

// Leaks returns a page of the leaks.
func (f *Fleet) Leaks(ctx context.Context, seg storage.Segment, q LeakQuery) (Leaks, error) {
	w, err := f.world(seg)
	if err != nil {
		return Leaks{}, err
	}
	if q.Group != "" {
		if _, err := w.current.Load().group(q.Group); err != nil {
			return Leaks{}, err
		}
	}
	if q.Limit <= 0 || q.Limit > pageSize {
		q.Limit = pageSize
	}
	e := f.explainer(w)
	leaked := func(p *storage.Phone) (l leak, is bool) {
		if q.Group == "" || q.Group == p.Group {
			l, is = f.leakOf(w, p)
		}
		return l, is
	}
	selected := page{after: q.After, limit: q.Limit}
	known := map[*look]bool{}
	for m := range w.census.all() {
		is, ok := known[m.look]
		if !ok {
			_, is = leaked(&m.look.phone)
			known[m.look] = is
		}
		if is {
			selected.add(m)
		}
	}
	members, next := selected.members()
	phones, err := f.phonesOf(ctx, seg, members)
	v := Leaks{AsOf: e.now, Leaks: []LeakView{}, Next: next}
	for i := range phones {
		if l, is := leaked(&phones[i]); is { // and not changed meanwhile
			v.Leaks = append(v.Leaks, e.leak(&phones[i], l))
		}
	}
	return v, err
}

func (e explainer) leak(p *storage.Phone, l leak) LeakView {
	gate := policy.Evaluate(e.world, p.Group, l.release, e.now)
	return LeakView{
		UDID: p.UDID, Group: p.Group, Model: p.Model, Release: l.release, From: p.Arrival.From, Since: p.Arrival.At,
		Cause: p.Arrival.Cause, Reasons: p.Arrival.Reasons, Phase: string(gate.Phase), Unverified: append([]string{}, gate.Missing...),
		Reaction: reactionTo(e.snap, p, l.release), Answered: l.answer.Release, AnsweredAt: l.answer.At,
	}
}

// leakCause says why nothing kept a phone from a release that it is about to be
// known on: as it was before.
func (f *Fleet) leakCause(s *snapshot, p *storage.Phone, release string) policy.Code {
	now := f.now()
	facts := factsOf(s, p)
	target := policy.TargetFor(s.policy, facts, now)
	hold, _ := policy.HoldState(facts, f.live(p, target, now))
	r, _ := s.catalog.Release(release)
	posted := r.PostedFor(p.Model)
	switch {
	case p.Supervision == storage.Unsupervised:
		return policy.WhyUnsupervised
	case hold != policy.HoldConfirmed:
		return policy.WhyHoldMissing
	case !posted.IsZero() && !now.Before(dateTime(posted).AddDate(0, 0, policy.HoldDays)):
		return policy.WhyHoldPast
	default:
		return policy.WhyDespiteHold
	}
}
