package fleet

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// actionHurry is how it is recorded that two people hurried a rollout.
const actionHurry = "rollout.hurry"

// Haste is what hurrying a rollout changes for its production phones that do not
// have the release.
type Haste struct {
	// Sooner are those of waves that have begun and install sooner, and Kept those
	// whose deadline is near enough already, or that install now.
	Sooner int `json:"sooner"`
	Kept   int `json:"kept"`
	// Waiting are those whose waves had not begun: they start by the waves of the
	// lane, the most exposed first.
	Waiting int `json:"waiting"`
	// LastBefore and LastAfter are the last deadline, by each phone's own clock,
	// as the approval says or as phones were told, where their notice ends later.
	LastBefore string `json:"last_deadline_before"`
	LastAfter  string `json:"last_deadline"`
}

// hurried returns the approval of a rollout under way as two people hurry it. It
// stays what it is, with all that it rests on: only its waves that have not begun, its
// deadlines and its time to soak become those of the lane. It is refused where that
// brings no phone forward, and where a wave that has not begun would end too near the
// end of the build's shelf life: it would be kept back, and the promise with it. Once
// more it only comes to an earlier end than was promised.
func (f *Fleet) hurried(w *worldState, s *snapshot, p storage.Proposal, second Act, gate policy.Gate, within time.Duration) (storage.Approval, error) {
	now, u := f.now(), gate.Urgent
	a, ok := standing(s, p.Group, p.Release, now)
	if !ok || a.ID != p.Urgent.Hurries {
		return storage.Approval{}, &ChangedError{p.Group, p.Release}
	}
	h := policy.Haste{Waves: engineWaves(a.Waves), Now: now, Within: within, First: firstOfLane(w, a, u)}
	begun := h.Begun()
	h.Waiting = versionsWaiting(w, a, begun)
	if err := f.sooner(a, within); err != nil {
		return storage.Approval{}, err
	}
	a.Lane, a.Soak = laneOf(p, second, u), policy.LaneSoak
	a.Lane.HurriedAt = now
	a.Waves = storedWaves(u.Hurry(h, f.scheduleOf(s, a)))
	if err := f.keptAnyway(p, f.haste(w, s, a), within); err != nil {
		return storage.Approval{}, err
	}
	rest := a
	rest.Waves = a.Waves[begun:]
	return a, f.inTime(s, gate, rest)
}

// sooner refuses to hurry a rollout once more that is to end no earlier by it than two
// people promised before.
func (f *Fleet) sooner(a storage.Approval, within time.Duration) error {
	if a.Lane == nil {
		return nil
	}
	promised := policy.LastDeadline(engineWaves(a.Waves))
	if promised.Compare(f.laneEnds(within)) > 0 {
		return nil
	}
	least, advice := f.earlierLane(promised, within)
	return refused("lane-promised", "the rollout of %s was hurried already, to end by %s%s", a.Release, promised, advice).
		with("release", a.Release, "group", a.Group, "deadline", string(promised), "least", least)
}

// keptAnyway refuses to hurry a rollout that nothing would change for, or that keeps what
// the lane promises without: by the deadlines that phones were told, or will be. It
// advises an earlier deadline only where one can be had that changes this.
func (f *Fleet) keptAnyway(p storage.Proposal, h *Haste, within time.Duration) error {
	last := policy.LocalTime(h.LastBefore)
	if h.Sooner+h.Waiting > 0 && last.Compare(f.laneEnds(within)) > 0 {
		return nil
	}
	least, advice := f.earlierLane(last, within)
	return refused("lane-in-time", "every phone of the rollout of %s installs by %s already%s", p.Release, last, advice).
		with("release", p.Release, "group", p.Group, "deadline", string(last), "least", least)
}

// laneEnds returns the last deadline of a lane that is signed now.
func (f *Fleet) laneEnds(within time.Duration) policy.LocalTime {
	return policy.FormatLocal(minuteUp(f.now().Add(within)), f.o.Location)
}

// earlierLane returns the shortest deadline, and the advice to want it, where it would
// end a rollout earlier that ends by last and the one that was wanted does not; "" elsewhere.
func (f *Fleet) earlierLane(last policy.LocalTime, within time.Duration) (least, advice string) {
	if within <= policy.MinLaneDeadline || last.Compare(f.laneEnds(policy.MinLaneDeadline)) <= 0 {
		return "", ""
	}
	least = noticeText(policy.MinLaneDeadline)
	return least, "; want an earlier deadline, at least " + least + " from now"
}

// rolling visits the production phones that an approval covers and that do not have
// its release, with the index of the wave of each.
func rolling(w *worldState, a *policy.Approval, visit func(m member, wave int)) {
	for m := range w.census.all() {
		p := &m.look.phone
		if !m.enrolled() || p.Group != a.Group || p.Ring != storage.RingProduction || version.AtLeast(fullVersion(p), a.Release) ||
			!slices.Contains(a.Models, p.Model) {
			continue
		}
		if i := m.waveOf(a); i >= 0 {
			visit(m, i)
		}
	}
}

// versionsWaiting returns what the phones run, sorted, whose waves follow so many
// others.
func versionsWaiting(w *worldState, a storage.Approval, begun int) []string {
	approval := policyApproval(a)
	var list []string
	rolling(w, &approval, func(m member, wave int) {
		if wave >= begun {
			list = append(list, m.look.phone.OS.Version)
		}
	})
	slices.Sort(list)
	return slices.Compact(list)
}

// haste returns what hurrying a rollout changes, of an approval as it becomes; nil
// when nobody hurried it now.
func (f *Fleet) haste(w *worldState, s *snapshot, a storage.Approval) *Haste {
	i := slices.IndexFunc(s.records.Approvals, func(b storage.Approval) bool { return b.ID == a.ID })
	if i < 0 || a.Lane == nil || a.Lane.HurriedAt.IsZero() {
		return nil
	}
	before, after := policyApproval(s.records.Approvals[i]), policyApproval(a)
	now := f.now()
	begun := policy.Haste{Waves: before.Waves, Now: now}.Begun()
	h := &Haste{}
	lastBefore, lastAfter := policy.LastDeadline(before.Waves), policy.LastDeadline(after.Waves)
	rolling(w, &before, func(m member, wave int) {
		p := &m.look.phone
		zone := f.location(p)
		was := f.earliest(s, &before, before.Waves[wave], zone)
		if e := p.Announced.Enforcement; e != nil && e.SourceID == a.ID {
			was = policy.LocalTime(e.Deadline)
		}
		lastBefore = later(lastBefore, was)
		if wave >= begun {
			h.Waiting++
			return
		}
		sooner := f.earliest(s, &after, after.Waves[wave], zone)
		if !installing(p) && sooner.Compare(was) < 0 {
			h.Sooner++
			lastAfter = later(lastAfter, sooner)
			return
		}
		h.Kept++
		lastAfter = later(lastAfter, was)
	})
	h.LastBefore, h.LastAfter = string(lastBefore), string(lastAfter)
	return h
}

func later(a, b policy.LocalTime) policy.LocalTime {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

func installing(p *storage.Phone) bool {
	return policy.InstallState(p.Update.Install) == policy.InstallInstalling
}

// kept returns what a phone was told and goes on to be told. A deadline never moves
// but when two people hurry the rollout: it gives way to an earlier one that
// leaves the phone its notice, unless the phone installs already.
func (f *Fleet) kept(s *snapshot, p *storage.Phone, e *policy.Enforcement, by string, now time.Time) *storage.AnnouncedEnforcement {
	same := *p.Announced.Enforcement
	same.By = by
	if !same.FirstAt.Before(e.Hurried) || installing(p) {
		return &same
	}
	if sooner := s.toldDeadline(p.Group, *e, now, f.location(p)); sooner.Compare(policy.LocalTime(same.Deadline)) < 0 {
		same.Deadline, same.FirstAt = string(sooner), now
	}
	return &same
}

// hurryNotice tells that phones of a rollout install sooner than planned.
func (f *Fleet) hurryNotice(seg storage.Segment, a storage.Approval, h Haste) storage.Notice {
	return f.notice(seg, storage.Notice{Kind: NoticeRolloutHurried, Group: a.Group, Release: a.Release, Params: map[string]string{
		"by": a.Lane.By, "second": a.Lane.Second, "flaws": strings.Join(a.Lane.CVEs, ", "), "reason": a.Lane.Reason,
		"count": strconv.Itoa(h.Sooner + h.Waiting), "before": h.LastBefore, "deadline": h.LastAfter,
	}})
}
