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
	// LastBefore and LastAfter are the last deadline, by each phone's own clock.
	LastBefore string `json:"last_deadline_before"`
	LastAfter  string `json:"last_deadline"`
}

// hurried returns the approval of a rollout under way as two people hurry it. It
// stays what it is, with all that it rests on: only its waves that have not begun, its
// deadlines and its time to soak become those of the lane.
func (f *Fleet) hurried(w *worldState, s *snapshot, p storage.Proposal, second Act, u *policy.Urgency, within time.Duration) (storage.Approval, error) {
	now := f.now()
	a, ok := standing(s, p.Group, p.Release, now)
	if !ok || a.ID != p.Urgent.Hurries {
		return storage.Approval{}, &ChangedError{p.Group, p.Release}
	}
	before := engineWaves(a.Waves)
	last := policy.FormatLocal(minuteUp(now.Add(within)), f.o.Location)
	if policy.LastDeadline(before).Compare(last) <= 0 {
		return storage.Approval{}, refused("lane-in-time", "every phone of the rollout of %s installs by %s already; want an earlier deadline, at least %s from now", p.Release, policy.LastDeadline(before), noticeText(policy.MinLaneDeadline)).
			with("release", p.Release, "group", p.Group, "deadline", string(policy.LastDeadline(before)), "least", noticeText(policy.MinLaneDeadline))
	}
	h := policy.Haste{Waves: before, Now: now, Within: within, First: firstOfLane(w, a, u)}
	h.Waiting = versionsWaiting(w, a, h.Begun())
	a.Lane, a.Soak = laneOf(p, second, u), policy.LaneSoak
	a.Lane.HurriedAt = now
	a.Waves = storedWaves(u.Hurry(h, f.scheduleOf(s, a)))
	return a, nil
}

// rolling visits the production phones that an approval covers and that do not have
// its release, with the index of the wave of each.
func rolling(w *worldState, a *policy.Approval, visit func(m member, wave int)) {
	for m := range w.census.all() {
		p := &m.look.phone
		if !m.enrolled() || p.Group != a.Group || p.Ring != storage.RingProduction || version.AtLeast(fullVersion(p), a.Release) ||
			!slices.Contains(a.Models, p.Model) && !slices.Contains(a.Models, policy.AnyModel) {
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
	h := &Haste{LastBefore: string(policy.LastDeadline(before.Waves)), LastAfter: string(policy.LastDeadline(after.Waves))}
	rolling(w, &before, func(m member, wave int) {
		p := &m.look.phone
		asked, zone := s.asks(&after, after.Waves[min(wave, len(after.Waves)-1)]), f.location(p)
		was := s.toldDeadline(a.Group, s.asks(&before, before.Waves[wave]), now, zone)
		if e := p.Announced.Enforcement; e != nil && e.SourceID == a.ID {
			was = policy.LocalTime(e.Deadline)
		}
		switch {
		case wave >= begun:
			h.Waiting++
		case !installing(p) && s.toldDeadline(a.Group, asked, now, zone).Compare(was) < 0:
			h.Sooner++
		default:
			h.Kept++
		}
	})
	return h
}

func installing(p *storage.Phone) bool {
	return policy.InstallState(p.Update.Install) == policy.InstallInstalling
}

// kept returns what a phone was told and goes on to be told. A deadline never moves
// but once, when two people hurry the rollout: it gives way to an earlier one that
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
