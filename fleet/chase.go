package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// chaseBatch is for how many phones a step is one transaction, and so at most
// about how many a notice is.
const chaseBatch = 1000

// chaseEvery is how often steps for a group are taken: on the hour, so that there
// is one notice an hour at most, of so many phones.
const chaseEvery = time.Hour

// pursuit is a rollout whose phones may be reminded now, or a candidate that
// nobody tested yet.
type pursuit struct {
	source         string // ID of the approval, or of what is tested; what was done is remembered by it
	group, release string
	engine         policy.Approval // that of a rollout
	tests          *untested       // nil: a rollout
	snap           *snapshot

	ladder   policy.Ladder
	language string
	// untold is the deadline of phones that were not told yet. It is kept because
	// every tick asks it of every phone.
	untold map[untoldPlace]policy.LocalTime
}

// untoldPlace is what the deadline of a phone follows from that was not told yet.
type untoldPlace struct {
	wave int
	zone *time.Location
}

// pursuits returns the rollouts of a segment that go on and whose policy has a
// ladder, newest release first.
func (f *Fleet) pursuits(w *worldState, j *gated) []pursuit {
	s := j.snapshot
	var list []pursuit
	for _, a := range s.records.Approvals {
		decided := s.rollout(a.Group)
		chase := decided.Chase
		current, ok := standing(s, a.Group, a.Release, f.now())
		if len(chase.Steps) == 0 || !ok || current.ID != a.ID || !a.PausedAt.IsZero() {
			continue
		}
		gate, err := f.gate(w, s, a.Group, a.Release)
		if err != nil || !slices.Contains([]policy.Phase{policy.PhaseApproved, policy.PhaseRollingOut, policy.PhaseDone}, gate.Phase) {
			continue
		}
		list = append(list, pursuit{
			source: a.ID, group: a.Group, release: a.Release, engine: policyApproval(a), snap: s, ladder: s.ladder(decided, a),
			language: chase.Language, untold: map[untoldPlace]policy.LocalTime{},
		})
	}
	list = append(list, f.testPursuits(w, j)...)
	slices.SortStableFunc(list, newestPursuit)
	return list
}

// ring returns whose phones are reminded.
func (on pursuit) ring() storage.Ring {
	if on.tests != nil {
		return storage.RingVerification
	}
	return storage.RingProduction
}

// past reports whether a phone on a version has nothing more to do with it.
func (on pursuit) past(running string) bool {
	if on.tests != nil {
		return version.Newer(running, on.release)
	}
	return version.AtLeast(running, on.release)
}

// asks returns what the phones' targets name as their source.
func (on pursuit) asks() string {
	if on.tests != nil {
		return on.release
	}
	return on.source
}

// goesOn reports whether a pursuit still is what it was.
func (on pursuit) goesOn(s *snapshot, now time.Time) bool {
	if on.tests != nil {
		return s == on.snap // what was decided since counts at the next look
	}
	current, ok := standing(s, on.group, on.release, now)
	return ok && current.ID == on.source && current.PausedAt.IsZero()
}

// reminded is what the census knows of a phone about reminders.
type reminded struct {
	told  instant        // when it was told what it is to install; zero: it was not
	chase *storage.Chase // never changed; nil: no step was taken
	moved instant        // when it was first seen on what it was reminded of, or newer; zero: it was not
}

// remindedOf returns nil for a phone of which there is nothing to know.
func remindedOf(p *storage.Phone) *reminded {
	if p.Announced.Enforcement == nil && p.Chase == nil {
		return nil
	}
	r := &reminded{chase: p.Chase}
	if e := p.Announced.Enforcement; e != nil {
		r.told = instantOf(e.FirstAt)
	}
	if p.Chase != nil {
		for _, ran := range releasesOf(p) {
			if version.AtLeast(ran.Version, p.Chase.Release) {
				r.moved = instantOf(ran.Since)
				break
			}
		}
	}
	return r
}

// climber is a phone that is late for a rollout.
type climber struct {
	on     pursuit
	facts  policy.ChaseFacts // what its next step follows from
	untold bool              // it was not told yet: nothing is its deadline
}

// climb returns what a production phone is late for. The steps of one that could
// not be told yet count as if it had been when its wave began.
func (f *Fleet) climb(list []pursuit, m member) (climber, bool) {
	p, r := &m.look.phone, m.reminded
	if p.State != storage.PhoneEnrolled || p.Group == "" {
		return climber{}, false
	}
	if p.Ring == storage.RingVerification {
		return f.climbTests(list, m)
	}
	facts := policy.ChaseFacts{Zone: f.location(p), NoPush: !p.Push.DeadSince.IsZero()}
	for _, on := range list {
		if on.ring() != p.Ring || on.group != p.Group || on.past(fullVersion(p)) {
			continue
		}
		e := p.Announced.Enforcement
		told := e != nil && e.SourceID == on.source && r != nil
		if told {
			facts.Told, facts.Deadline = r.told.time(), policy.LocalTime(e.Deadline)
		} else {
			i := m.waveOf(&on.engine)
			if i < 0 || !on.engine.Waves[i].Begun(f.now()) {
				continue
			}
			began := on.engine.Waves[i].Start
			facts.Told, facts.NotBefore, facts.Deadline = began, began.Add(untoldGrace), on.untoldDeadline(i, facts.Zone)
		}
		if r != nil {
			facts.Taken = takenFor(r.chase, on.source)
		}
		return climber{on, facts, !told}, true
	}
	return climber{}, false
}

// untoldGrace is how long after the start of its wave a phone that was not told yet is
// left alone; its steps before that come as much later. Most are told within minutes; a
// reminder before that could not say by when.
const untoldGrace = time.Hour

// pushAgainFor is how long after its step a phone is woken again that has not come:
// one that is lost is not for the rest of its rollout.
const pushAgainFor = 7 * 24 * time.Hour

// pushLost reports whether the last step for a phone was to wake it and it has not
// come since. For a week the waker is asked again then: it repeats what it was asked
// for by itself, once a day in the end, but forgets it when the server ends.
func (c climber) pushLost(contact, now time.Time) bool {
	n := len(c.facts.Taken)
	if n == 0 || c.facts.NoPush {
		return false
	}
	last := c.facts.Taken[n-1]
	return strings.HasPrefix(last.Step, string(policy.ChasePush)+"@") && contact.Before(last.At) && now.Before(last.At.Add(pushAgainFor))
}

// untoldDeadline returns the deadline that a phone would have if it had been told
// when its wave began.
func (on pursuit) untoldDeadline(wave int, zone *time.Location) policy.LocalTime {
	at := untoldPlace{wave, zone}
	deadline, known := on.untold[at]
	if !known {
		w := on.engine.Waves[wave]
		deadline = on.snap.toldDeadline(on.group, on.snap.asks(&on.engine, w), w.Start, zone)
		on.untold[at] = deadline
	}
	return deadline
}

func takenFor(c *storage.Chase, approval string) []policy.ChaseTaken {
	if c == nil || c.Approval != approval {
		return nil
	}
	taken := make([]policy.ChaseTaken, len(c.Steps))
	for i, s := range c.Steps {
		taken[i] = policy.ChaseTaken{Step: s.Step, At: s.At}
	}
	return taken
}

// stepDue is a step that is to be taken for a phone.
type stepDue struct {
	member member
	on     pursuit
	step   policy.ChaseStep

	deadline policy.LocalTime // "": it was not told yet
	reason   policy.Code
}

// Chase takes the steps that are due for phones which could have installed what
// was approved and have not, of all segments. It may be called at any time and as
// often as wanted: a step and what it says are one transaction with the phone's
// record of it. What goes wrong in one segment keeps no other from it.
func (f *Fleet) Chase(ctx context.Context) error { return f.chaseWith(ctx, nil) }

// chaseWith is Chase with gates that a sweep worked out just before.
func (f *Fleet) chaseWith(ctx context.Context, known map[*worldState]*gated) error {
	var failed []error
	for _, w := range f.all() {
		j := f.gatedNow(w, w.current.Load())
		if before := known[w]; before != nil && before.world == j.world {
			j = before
		}
		if err := f.chase(ctx, w, j); err != nil {
			failed = append(failed, fmt.Errorf("segment %s: %w", w.segment, err))
		}
	}
	return errors.Join(failed...)
}

// remind is chaseWith for those who have nobody to return an error to.
func (f *Fleet) remind(ctx context.Context, known map[*worldState]*gated) {
	if err := f.chaseWith(ctx, known); err != nil && ctx.Err() == nil {
		f.o.Logger.ErrorContext(ctx, "take steps", "error", err)
	}
}

func (f *Fleet) chase(ctx context.Context, w *worldState, j *gated) error {
	list := f.pursuits(w, j)
	if len(list) == 0 {
		return nil
	}
	due := f.stepsDue(w, list)
	slices.SortFunc(due, func(a, b stepDue) int {
		return cmp.Or(strings.Compare(a.on.source, b.on.source), strings.Compare(a.on.group, b.on.group), strings.Compare(a.step.Name, b.step.Name), cmp.Compare(a.member.num, b.member.num))
	})
	for len(due) > 0 {
		n := slices.IndexFunc(due, func(d stepDue) bool {
			return d.on.source != due[0].on.source || d.on.group != due[0].on.group || d.step.Name != due[0].step.Name
		})
		if n < 0 {
			n = len(due)
		}
		n = min(n, chaseBatch)
		if err := f.takeStep(ctx, w, due[:n:n]); err != nil {
			return err
		}
		due = due[n:]
	}
	return nil
}

// stepsDue finds the steps that are due, and has phones woken again that no push
// reached. Most phones are passed over by their
// moments alone; why a phone is late is asked of the others only.
func (f *Fleet) stepsDue(w *worldState, list []pursuit) []stepDue {
	var due []stepDue
	var lost []string
	now := f.now()
	of := map[string][]pursuit{} // by group: with many of them, most concern no one phone
	for _, on := range list {
		of[on.group] = append(of[on.group], on)
	}
	for m := range w.census.all() {
		c, late := f.climb(of[m.look.phone.Group], m)
		if !late {
			continue
		}
		if step, ok := stepNow(c.on.ladder, c.facts, now); ok {
			d := stepDue{member: m, on: c.on, step: step}
			if !c.untold {
				d.deadline = c.facts.Deadline
			}
			due = append(due, d)
		} else if c.pushLost(m.contact.time(), now) {
			lost = append(lost, m.udid)
		}
	}
	for _, udid := range lost {
		f.waker.Wake(wakeKey(w.segment, udid))
	}
	if len(due) == 0 {
		return nil
	}
	e := f.explainer(w)
	helped := due[:0]
	for _, d := range due {
		p := d.member.look.phone
		p.UDID, p.Contact = d.member.udid, d.member.contact.time()
		if reason, helps := e.late(&p, d.on); helps {
			d.reason = reason
			helped = append(helped, d)
		}
	}
	return helped
}

// late returns why a phone has not done what a pursuit asks of it, and whether it
// is asked and somebody can do something about that.
func (e explainer) late(p *storage.Phone, on pursuit) (policy.Code, bool) {
	if on.tests != nil && version.Equal(e.snap.runs(p), on.release) {
		return reasonNotTested, on.tests.wants(p.Model)
	}
	facts, _, x := e.explain(p)
	target := policy.TargetFor(e.world, facts, e.now)
	asked := target.Enforce != nil && target.Enforce.SourceID == on.asks()
	return x.Reason.Code, asked && policy.Chased(x.Reason.Code)
}

// stepNow returns the step that is due now. One for a group waits for the full
// hour, so that what comes due one by one is told at once.
func stepNow(l policy.Ladder, facts policy.ChaseFacts, now time.Time) (policy.ChaseStep, bool) {
	due, ok := policy.NextStep(l, facts, now)
	if !ok || due.At.After(now) {
		return policy.ChaseStep{}, false
	}
	if due.Step.Kind.Personal() || due.Step.Kind == policy.ChasePush {
		return due.Step, true
	}
	hour := now.Truncate(chaseEvery)
	then, ok := policy.NextStep(l, facts, hour)
	return due.Step, ok && !then.At.After(hour) && then.Step.Name == due.Step.Name
}

// takeStep takes one step for some phones of one rollout, all in one transaction.
// Phones that are not as the census knew them are left out, all of them at once,
// so that what is said of the others is of them alone; and nothing is done once the
// rollout stands still.
func (f *Fleet) takeStep(ctx context.Context, w *worldState, due []stepDue) error {
	for len(due) > 0 {
		on, step, at := due[0].on, due[0].step, uint64(0)
		changed := map[string]bool{} // phones that are others than they were
		last := due[len(due)-1].member.udid
		notices := f.chaseNotices(w.segment, due)
		phones, err := f.store.UpdatePhones(ctx, w.segment, udidsOf(due), func(p *storage.Phone) (storage.PhoneChange, error) {
			at = w.census.moment() // the last run is the one that counts
			if !on.goesOn(w.current.Load(), f.now()) {
				return storage.PhoneChange{}, errNothingToDo
			}
			if !mayRemind(p, on, step) {
				changed[p.UDID] = true
			}
			if p.UDID == last && len(changed) > 0 {
				return storage.PhoneChange{}, storage.ErrConflict
			}
			p.Chase = p.Chase.With(on.source, on.release, storage.ChaseStep{Step: step.Name, At: f.now()})
			return storage.PhoneChange{Notices: notices[p.UDID]}, nil
		})
		switch {
		case errors.Is(err, errNothingToDo):
			return nil
		case len(changed) > 0 && errors.Is(err, storage.ErrConflict):
			due = slices.DeleteFunc(due, func(d stepDue) bool { return changed[d.member.udid] })
			continue
		case err != nil:
			return wrap("take step "+step.Name, err)
		}
		for i := range phones {
			w.census.add(&phones[i], at)
			if step.Kind == policy.ChasePush {
				f.wakeAnew(w.segment, phones[i].UDID)
			}
		}
		return nil
	}
	return nil
}

func udidsOf(due []stepDue) []string {
	udids := make([]string, len(due))
	for i, d := range due {
		udids[i] = d.member.udid
	}
	return udids
}

// mayRemind reports whether a step is still to be taken for a phone.
func mayRemind(p *storage.Phone, on pursuit, step policy.ChaseStep) bool {
	if p.State != storage.PhoneEnrolled || p.Group != on.group || p.Ring != on.ring() || on.past(fullVersion(p)) {
		return false
	}
	return !slices.ContainsFunc(takenFor(p.Chase, on.source), func(t policy.ChaseTaken) bool { return t.Step == step.Name })
}
