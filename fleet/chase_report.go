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

// MovedWithin is how soon after a step a phone has to have the release for the
// step to count as what moved somebody.
const MovedWithin = 24 * time.Hour

// ChaseView says which reminders of a rollout moved people. The counts are of all
// phones of the group, the list is one page of them, read a moment later.
type ChaseView struct {
	Group    string        `json:"group"`
	Release  string        `json:"release"`
	Approval string        `json:"approval,omitempty"`
	AsOf     time.Time     `json:"as_of"`
	Clock    string        `json:"clock,omitempty"` // [ClockPolicy], or "" for the wall clock
	Running  bool          `json:"running"`         // steps are taken when they are due
	Steps    []ChaseLine   `json:"steps"`           // of the ladder, then those it no longer has
	Waves    []ChaseWave   `json:"waves"`
	Devices  []ChasedPhone `json:"devices"`        // phones without the release, in the order in which they first enrolled
	Next     uint64        `json:"next,omitempty"` // After of the next page, 0 at the end
}

// ChaseLine is what one step did.
type ChaseLine struct {
	Step    string `json:"step"`
	Sent    int    `json:"sent"`    // phones it was taken for
	Moved   int    `json:"moved"`   // of them, those that had the release within [MovedWithin], before any other step
	Waiting int    `json:"waiting"` // of them, those without the release for which it was the last one so far
}

// ChaseWave is the same of one wave.
type ChaseWave struct {
	Wave  int         `json:"wave"` // from 1
	Steps []ChaseLine `json:"steps"`
}

// ChasedPhone is a phone that is reminded.
type ChasedPhone struct {
	UDID   string `json:"udid"`
	Holder string `json:"holder,omitempty"`
	Wave   int    `json:"wave"`
	Reason string `json:"reason"`
	ChaseState
}

// ChaseState is where one phone is on its ladder.
type ChaseState struct {
	Last   string    `json:"last,omitempty"` // step that was taken last for its rollout
	LastAt time.Time `json:"last_at,omitzero"`
	Next   string    `json:"next,omitempty"`   // step that follows while the phone stays as it is; "" none
	NextAt time.Time `json:"next_at,omitzero"` // when it is due
	Untold bool      `json:"untold,omitempty"` // the phone was not told yet: its steps count from the start of its wave
}

// RolloutChase reports on the reminders of the newest rollout of a release.
func (f *Fleet) RolloutChase(ctx context.Context, seg storage.Segment, group, release string, q RolloutQuery) (ChaseView, error) {
	w, err := f.world(seg)
	if err != nil {
		return ChaseView{}, err
	}
	s := w.current.Load()
	if _, err := f.gate(w, s, group, release); err != nil {
		return ChaseView{}, err
	}
	v := ChaseView{Group: group, Release: release, AsOf: f.now(), Clock: f.clock(), Steps: []ChaseLine{}, Waves: []ChaseWave{}, Devices: []ChasedPhone{}}
	a, ok := newestApproval(s, group, release)
	if !ok {
		return v, nil
	}
	v.Approval = a.ID
	on := pursuit{source: a.ID, group: a.Group, release: a.Release, engine: policyApproval(a), ladder: s.ladder(s.rollout(group), a)}
	list := f.pursuits(w, f.gatedNow(w, s))
	v.Running = slices.ContainsFunc(list, func(p pursuit) bool { return p.source == a.ID })
	for _, step := range on.ladder.Steps {
		v.Steps = append(v.Steps, ChaseLine{Step: step.Name})
	}
	for i := range on.engine.Waves {
		v.Waves = append(v.Waves, ChaseWave{Wave: i + 1, Steps: slices.Clone(v.Steps)})
	}
	listed := page{after: q.After, limit: maxListed}
	if q.Limit > 0 {
		listed.limit = min(q.Limit, maxListed)
	}
	v.count(w, on, &listed)
	var members []member
	members, v.Next = listed.members()
	return v, v.list(ctx, f.explainer(w), members, on, list)
}

// newestApproval returns the newest approval of a release, whatever became of it.
func newestApproval(s *snapshot, group, release string) (found storage.Approval, ok bool) {
	for _, a := range s.records.Approvals {
		if a.Group == group && a.Release == release && (!ok || a.At.After(found.At)) {
			found, ok = a, true
		}
	}
	return found, ok
}

// count counts what the steps did, and adds the phones to be listed to a page.
func (v *ChaseView) count(w *worldState, on pursuit, listed *page) {
	for m := range w.census.all() {
		p := &m.look.phone
		wave := m.waveOf(&on.engine)
		if !m.enrolled() || p.Group != v.Group || p.Ring != storage.RingProduction || wave < 0 {
			continue
		}
		if !version.AtLeast(fullVersion(p), v.Release) {
			listed.add(m)
		}
		if m.reminded == nil || m.reminded.chase == nil || m.reminded.chase.Approval != on.source {
			continue
		}
		tally(&v.Steps, m.reminded)
		tally(&v.Waves[wave].Steps, m.reminded)
	}
}

// tally counts the steps of one phone.
func tally(lines *[]ChaseLine, r *reminded) {
	for i, s := range r.chase.Steps {
		at := slices.IndexFunc(*lines, func(l ChaseLine) bool { return l.Step == s.Step })
		if at < 0 {
			at = len(*lines)
			*lines = append(*lines, ChaseLine{Step: s.Step})
		}
		line := &(*lines)[at]
		line.Sent++
		switch {
		case i < len(r.chase.Steps)-1:
		case r.moved == 0:
			line.Waiting++
		case r.moved.time().Sub(s.At) <= MovedWithin:
			line.Moved++
		}
	}
}

// list reads the phones of one page, each as it is now.
func (v *ChaseView) list(ctx context.Context, e explainer, members []member, on pursuit, all []pursuit) error {
	phones, err := e.fleet.phonesOf(ctx, e.state.segment, members)
	for i := range phones {
		p := &phones[i]
		if p.Group != v.Group || version.AtLeast(fullVersion(p), v.Release) {
			continue
		}
		c := ChasedPhone{UDID: p.UDID, Holder: p.Holder, Wave: memberOf(p).waveOf(&on.engine) + 1, Reason: e.view(p).Reason}
		if state, ok := e.chaseState(p, all); ok {
			c.ChaseState = state
		}
		v.Devices = append(v.Devices, c)
	}
	return err
}

// chaseState returns where a phone is on its ladder, and false when it is on none
// and was on none.
func (e explainer) chaseState(p *storage.Phone, list []pursuit) (ChaseState, bool) {
	var state ChaseState
	if c := p.Chase; c != nil && len(c.Steps) > 0 && (p.Ring == storage.RingVerification || !version.AtLeast(fullVersion(p), c.Release)) {
		last := c.Steps[len(c.Steps)-1]
		state.Last, state.LastAt = last.Step, last.At
	}
	c, climbs := e.fleet.climb(list, memberOf(p))
	on, facts := c.on, c.facts
	if !climbs && p.Ring == storage.RingVerification { // what it was reminded of is done
		return ChaseState{}, false
	}
	if !climbs {
		return state, state.Last != ""
	}
	if len(facts.Taken) == 0 { // what was done is of another rollout
		state = ChaseState{}
	}
	if next, ok := policy.NextStep(on.ladder, facts, e.now); ok {
		if _, helps := e.late(p, on); helps {
			state.Next, state.NextAt, state.Untold = next.Step.Name, next.At, c.untold
			if !next.Step.Kind.Personal() && next.Step.Kind != policy.ChasePush {
				state.NextAt = hourUp(next.At)
			}
		}
	}
	return state, cmp.Or(state.Last, state.Next) != ""
}

// hourUp returns the full hour at or after t: when steps for a group are taken.
func hourUp(t time.Time) time.Time {
	if hour := t.Truncate(chaseEvery); !hour.Equal(t) {
		return hour.Add(chaseEvery)
	}
	return t
}
