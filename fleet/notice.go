package fleet

import (
	"cmp"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Promise is what an approval means for the phones' clocks. Times are local
// wall times of each phone, without a zone.
type Promise struct {
	// Deadline is as the approval says for the wave that NotBefore is of, the first
	// one when no phone waits.
	Deadline string `json:"deadline,omitempty"`
	// NotBefore is the earliest time by which a phone has been told, or can still
	// be told, to install: Deadline, or the phone's own notice when that ends
	// later; "" when no phone waits any more.
	NotBefore string `json:"not_before,omitempty"`
	// Notice is the least time between telling a production phone of the group
	// and its deadline, such as "24h".
	Notice string `json:"notice,omitempty"`
}

// promise returns what an approval means for the phones that are not on its
// release. Those that were told keep their deadline; any other can be told now,
// or when the first wave starts. Without such a phone it is what one that joined
// now would be told, as long as the deadline is to come.
func (f *Fleet) promise(w *worldState, s *snapshot, a storage.Approval) (Promise, error) {
	g, err := s.group(a.Group)
	if err != nil {
		return Promise{}, err
	}
	approval := policyApproval(a)
	waves := approval.Waves
	var first, asked policy.LocalTime
	eachWaiting(w, &approval, func(p *storage.Phone, wave policy.Wave) {
		deadline := f.earliest(s, &approval, wave, f.location(p))
		if e := p.Announced.Enforcement; e != nil && e.SourceID == a.ID {
			deadline = policy.LocalTime(e.Deadline)
		}
		if c := first.Compare(deadline); first == "" || c > 0 || c == 0 && asked.Compare(wave.Deadline) > 0 {
			first, asked = deadline, wave.Deadline
		}
	})
	promise := Promise{Deadline: string(cmp.Or(asked, waves[0].Deadline)), NotBefore: string(first), Notice: noticeText(approval.Notice(g.MinimumNotice))}
	if first == "" && waves[0].Deadline.Compare(policy.FormatLocal(f.now(), f.o.Location)) > 0 {
		promise.NotBefore = string(f.earliest(s, &approval, waves[0], f.o.Location))
	}
	return promise, nil
}

// earliest returns the earliest deadline of a phone in a wave of an approval, on its
// own clock: of one that is told now, or at the start of a wave that has not begun.
func (f *Fleet) earliest(s *snapshot, a *policy.Approval, wave policy.Wave, loc *time.Location) policy.LocalTime {
	told := f.now()
	if wave.Start.After(told) {
		told = wave.Start
	}
	return s.toldDeadline(a.Group, s.asks(a, wave), told, loc)
}

// eachWaiting visits what the production phones of an approval look like that
// do not have its release, with the wave of each.
func eachWaiting(w *worldState, a *policy.Approval, visit func(*storage.Phone, policy.Wave)) {
	waits := func(p *storage.Phone) bool {
		return p.Group == a.Group && p.Ring == storage.RingProduction && p.State == storage.PhoneEnrolled && !version.AtLeast(fullVersion(p), a.Release)
	}
	if len(a.Waves) == 1 {
		for _, p := range w.census.looksOf(a.Group) {
			if waits(p) {
				visit(p, a.Waves[0])
			}
		}
		return
	}
	for m := range w.census.all() {
		if i := m.waveOf(a); i >= 0 && waits(&m.look.phone) {
			visit(&m.look.phone, a.Waves[i])
		}
	}
}

// asks returns what an approval asks of the phones of a wave.
func (s *snapshot) asks(a *policy.Approval, wave policy.Wave) policy.Enforcement {
	set := time.Duration(0)
	if g, err := s.group(a.Group); err == nil {
		set = g.MinimumNotice
	}
	return policy.Enforcement{Release: a.Release, Deadline: wave.Deadline, Notice: a.Notice(set), Source: policy.SourceApproval, SourceID: a.ID, Urgent: a.Lane != nil, Hurried: a.HurriedAt()}
}

// toldDeadline returns the deadline of a phone of a group that is told at a
// moment: the one that it is asked for or, when that is later, the end of its own
// notice and when the group's calendar opens then.
func (s *snapshot) toldDeadline(group string, e policy.Enforcement, told time.Time, zone *time.Location) policy.LocalTime {
	var calendar policy.Calendar
	if e.Source == policy.SourceApproval && !e.Urgent {
		calendar = s.policy.Schedule(group, nil).Calendar
	}
	return calendar.Told(e.Deadline, told, e.Notice, zone)
}
