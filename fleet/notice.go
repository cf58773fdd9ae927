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
	notice := cmp.Or(g.MinimumNotice, policy.DefaultMinimumNotice)
	wave := a.Waves[0]
	told := f.now()
	if wave.Start.After(told) {
		told = wave.Start
	}
	over := minuteUp(told.Add(notice))
	deadlineIn := func(loc *time.Location) policy.LocalTime {
		return later(policy.LocalTime(wave.Deadline), policy.FormatLocal(over, loc))
	}
	var first policy.LocalTime
	for _, p := range w.census.looksOf(a.Group) {
		if p.Ring != storage.RingProduction || p.State != storage.PhoneEnrolled || version.AtLeast(p.OS.Version, a.Release) {
			continue
		}
		deadline := deadlineIn(f.location(&p))
		if e := p.Announced.Enforcement; e != nil && e.SourceID == a.ID {
			deadline = policy.LocalTime(e.Deadline)
		}
		if first == "" || first.Compare(deadline) > 0 {
			first = deadline
		}
	}
	return Promise{
		Deadline: wave.Deadline, NotBefore: string(cmp.Or(first, deadlineIn(f.o.Location))), Notice: noticeText(notice),
	}, nil
}

func later(a, b policy.LocalTime) policy.LocalTime {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
