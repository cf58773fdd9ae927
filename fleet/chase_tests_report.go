package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestReminders says what the reminders about a candidate that lacks results did,
// and which verification phones they are about.
type TestReminders struct {
	Steps  []ChaseLine   `json:"steps"`  // of the policy; Moved are phones on which a result was recorded within [MovedWithin]
	Phones []TesterPhone `json:"phones"` // in the order in which they first enrolled, at most 20
	Count  int           `json:"count"`  // all of them
}

// TesterPhone is a verification phone on which a result is missing.
type TesterPhone struct {
	UDID   string `json:"udid"`
	Holder string `json:"holder,omitempty"`
	Reason string `json:"reason"` // not-tested, or why it has not installed the candidate
	ChaseState
}

// TestReminders reports on the reminders about a candidate; nil while the gate waits
// for no test, or the policy has no such reminders.
func (f *Fleet) TestReminders(ctx context.Context, seg storage.Segment, group, release string) (*TestReminders, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	s := w.current.Load()
	list := f.testPursuits(w, f.gatedNow(w, s))
	i := slices.IndexFunc(list, func(on pursuit) bool { return on.group == group && on.release == release })
	if i < 0 {
		return nil, nil
	}
	on := list[i]
	v := &TestReminders{Steps: []ChaseLine{}, Phones: []TesterPhone{}}
	for _, step := range on.ladder.Steps {
		v.Steps = append(v.Steps, ChaseLine{Step: step.Name})
	}
	slices.SortStableFunc(list, newestPursuit)
	members := v.count(f, w, on, list)
	phones, err := f.phonesOf(ctx, seg, members)
	e := f.explainer(w)
	for i := range phones {
		p := &phones[i]
		reason, asked := e.late(p, on)
		if !asked {
			v.Count--
			continue
		}
		t := TesterPhone{UDID: p.UDID, Holder: p.Holder, Reason: string(reason)}
		if state, ok := e.chaseState(p, list); ok {
			t.ChaseState = state
		}
		v.Phones = append(v.Phones, t)
	}
	return v, err
}

// count counts what the steps did, and returns the phones to list.
func (v *TestReminders) count(f *Fleet, w *worldState, on pursuit, list []pursuit) []member {
	listed := page{limit: maxNamed}
	for m := range w.census.all() {
		p := &m.look.phone
		if !m.enrolled() || p.Group != on.group || p.Ring != storage.RingVerification {
			continue
		}
		if c, late := f.climb(list, m); late && c.on.source == on.source {
			v.Count++
			listed.add(m)
		}
		if m.reminded != nil && m.reminded.chase != nil && m.reminded.chase.Approval == on.source {
			r := *m.reminded
			r.moved = instantOf(on.snap.testedOn(m.udid, on, r.chase))
			tally(&v.Steps, &r)
		}
	}
	members, _ := listed.members()
	return members
}

// testedOn returns when a result was first recorded on a phone after it was last
// reminded, zero while none was.
func (s *snapshot) testedOn(udid string, on pursuit, c *storage.Chase) time.Time {
	last, first := c.Steps[len(c.Steps)-1].At, time.Time{}
	for _, v := range s.records.Verdicts {
		if v.Phone == udid && v.Group == on.group && v.Release == on.release && v.At.After(last) && (first.IsZero() || v.At.Before(first)) {
			first = v.At
		}
	}
	return first
}

// newestPursuit orders pursuits by release, the newest first.
func newestPursuit(a, b pursuit) int { return version.Order(b.release, a.release) }
