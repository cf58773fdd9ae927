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
	Deadline string `json:"deadline,omitempty"` // as the approval says
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
// now would be told.
func (f *Fleet) promise(w *worldState, s *snapshot, a storage.Approval) (Promise, error) {
	g, err := s.group(a.Group)
	if err != nil {
		return Promise{}, err
	}
	approval := policyApproval(a)
	notice := approval.Notice(g.MinimumNotice)
	now, waves := f.now(), approval.Waves
	deadlineIn := func(wave policy.Wave, loc *time.Location) policy.LocalTime {
		told := now
		if wave.Start.After(told) {
			told = wave.Start
		}
		ends := policy.FormatLocal(minuteUp(told.Add(notice)), loc)
		if a.Lane == nil {
			ends = s.openTime(a.Group, ends)
		}
		return later(wave.Deadline, ends)
	}
	var first policy.LocalTime
	eachWaiting(w, &approval, func(p *storage.Phone, wave policy.Wave) {
		deadline := deadlineIn(wave, f.location(p))
		if e := p.Announced.Enforcement; e != nil && e.SourceID == a.ID {
			deadline = policy.LocalTime(e.Deadline)
		}
		if first == "" || first.Compare(deadline) > 0 {
			first = deadline
		}
	})
	return Promise{
		Deadline: string(waves[0].Deadline), NotBefore: string(cmp.Or(first, deadlineIn(waves[0], f.o.Location))), Notice: noticeText(notice),
	}, nil
}

// eachWaiting visits what the production phones of an approval look like that
// do not have its release, with the wave of each.
func eachWaiting(w *worldState, a *policy.Approval, visit func(*storage.Phone, policy.Wave)) {
	waits := func(p *storage.Phone) bool {
		return p.Group == a.Group && p.Ring == storage.RingProduction && p.State == storage.PhoneEnrolled && !version.AtLeast(fullVersion(p), a.Release)
	}
	if len(a.Waves) == 1 {
		for _, p := range w.census.looksOf(a.Group) {
			if waits(&p) {
				visit(&p, a.Waves[0])
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

func later(a, b policy.LocalTime) policy.LocalTime {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
