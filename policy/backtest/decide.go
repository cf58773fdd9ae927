package backtest

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// approve opens the verified gates, as one person does.
func (r *replay) approve(now time.Time) {
	for _, g := range r.gates(now) {
		installDays := r.way.InstallDays
		if r.way.lane() && g.Urgent != nil {
			installDays = min(installDays, EmergencyInstallDays)
		}
		a := policy.Approval{
			ID: g.Release, Group: r.group, Release: g.Release, By: "approver", At: now,
			Deadline: policy.FormatLocal(now.AddDate(0, 0, installDays), time.UTC), Models: g.Models, Floors: g.Floors,
		}
		if g.Approval != "" || r.ahead.waits(g.Release) || !r.ahead.decides(g, now) || policy.Approvable(g) != nil {
			continue
		}
		if r.way.Policy != nil && !r.roll(&a, g, now) {
			continue
		}
		r.give(a, now)
	}
}

// give puts an approval on record.
func (r *replay) give(a policy.Approval, now time.Time) {
	r.parts.Approvals = append(r.parts.Approvals, a)
	r.changed()
	r.step(a.Release).approve(now, a.Lane != nil)
	for i := range a.Waves {
		if a.Waves[i].Begun(now) {
			r.noteWave(a, i, now)
		}
	}
}

// roll gives an approval its waves: those of a rollout under way that it can take
// over, else those of the policy. It reports false when the server would refuse the
// approval. The past is played without that: when its builds would go was not known
// at the time.
func (r *replay) roll(a *policy.Approval, g policy.Gate, now time.Time) bool {
	old := r.underWay(a, now)
	if old < 0 {
		a.Waves = r.waves(a, now)
		return r.ahead == nil || r.inTime(a, g, now) || r.shorten(a, g, now)
	}
	from := &r.parts.Approvals[old]
	s := r.scheduleOf(from)
	waves := s.Rebase(from.Waves, now)
	if a.Waves = waves; r.stopped[from.ID] {
		a.Waves = s.Delay(waves, s.After(now, s.Soak))
	}
	if r.ahead != nil && !r.inTime(a, g, now) {
		return r.shorten(a, g, now)
	}
	from.SupersededBy, from.Waves = a.Release, slices.Clone(from.Waves)
	for i := range from.Waves {
		from.Waves[i].Waits = waves[i].Waits
	}
	a.WavesOf = from.Drawn()
	r.ahead.keepSoak(a.ID, s.Soak)
	r.ahead.note(Event{Kind: EventRebased, Release: a.Release, From: from.Release})
	return true
}

// shorten gives an approval that the server refused for its last deadline one wave,
// of all phones, with as much time as there is. It reports false when that
// leaves no phone its notice.
func (r *replay) shorten(a *policy.Approval, g policy.Gate, now time.Time) bool {
	s := r.way.Policy.schedule()
	latest := s.LastDeadline(g)
	if s.LastWeek(g, now) {
		return r.ahead.refuse(g, latest)
	}
	a.Waves = s.Plan([]policy.Wave{{Threshold: policy.Buckets, Waits: true, Planned: now, Deadline: latest}})
	a.Waves[0].Waits = a.Waves[0].Start.After(now)
	r.ahead.keepSoak(a.ID, 0)
	r.ahead.note(Event{Kind: EventShortened, Release: a.Release, Latest: a.Waves[0].Deadline})
	return true
}

// inTime reports whether all waves of a new approval of a gate end in time for its
// build.
func (r *replay) inTime(a *policy.Approval, g policy.Gate, now time.Time) bool {
	_, ends := r.scheduleOf(a).Worst(g, a.Waves, now)
	return ends == policy.EndsInTime
}

// underWay returns the index of the approval whose waves a new one takes over, -1
// for none: that of an older patch of the same x.y, of which results are carried
// over, while waves of it wait, when it leaves no phone behind.
func (r *replay) underWay(a *policy.Approval, now time.Time) int {
	if !r.way.Policy.CarryOver {
		return -1
	}
	for _, g := range r.gates(now) {
		if !version.Newer(a.Release, g.Release) || version.Line(a.Release) != version.Line(g.Release) {
			continue
		}
		i := slices.IndexFunc(r.parts.Approvals, func(o policy.Approval) bool { return g.Approval != "" && o.ID == g.Approval })
		going := g.Phase == policy.PhaseApproved || g.Phase == policy.PhaseRollingOut || g.Phase == policy.PhaseBlocked
		if i < 0 || !going {
			continue
		}
		old := r.parts.Approvals[i]
		left := func(p *phones) bool {
			return !version.AtLeast(p.os, old.Release) && slices.Contains(old.Models, p.model) && !slices.Contains(a.Models, p.model)
		}
		waits := slices.ContainsFunc(old.Waves, func(w policy.Wave) bool { return w.Waits })
		if waits && old.Lane == nil && old.SupersededBy == "" && !slices.ContainsFunc(r.phones, left) {
			return i
		}
	}
	return -1
}

// enforce approves what the policy does at the end of a hold, for a release that
// is not settled yet.
func (r *replay) enforce(now time.Time) {
	if r.way.Policy.OnExpiry != policy.OnExpiryEnforce {
		return
	}
	gates := r.gates(now)
	for _, g := range gates {
		day, waiting := policy.HoldReached(r.snapshot(), g, now)
		if day != policy.HoldDays || r.ahead.settled[g.Release] {
			continue
		}
		opens := func(g policy.Gate) bool {
			_, _, ok := r.byPolicy(g, now)
			return ok || r.ahead.refuse(g, r.way.Policy.schedule().LastDeadline(g))
		}
		chosen, outcome := policy.Enforceable(gates, waiting, r.lastApproval, opens, now)
		r.ahead.settled[g.Release] = outcome != policy.EndNoVerified && outcome != policy.EndBuildGone // a newer one may come
		if outcome != policy.EndApproved || r.step(chosen.Release).approved.Equal(now) {
			continue
		}
		a, atOnce, _ := r.byPolicy(chosen, now)
		if atOnce {
			r.ahead.keepSoak(a.ID, 0)
		}
		r.ahead.note(Event{Kind: EventEnforced, Release: a.Release, From: g.Release})
		r.give(a, now)
	}
}

// byPolicy returns the approval of a verified gate that the policy gives at the end
// of a hold, whether it goes to all phones at once, and false when its build may be gone
// too soon.
func (r *replay) byPolicy(g policy.Gate, now time.Time) (a policy.Approval, atOnce, ok bool) {
	a = policy.Approval{ID: g.Release, Group: r.group, Release: g.Release, By: "policy", At: now, Models: g.Models, Floors: g.Floors}
	a.Waves = r.waves(&a, now)
	if !r.inTime(&a, g, now) {
		atOnce, a.Waves = true, r.plan([]policy.WaveShare{policy.Everybody()}, &a, now)
	}
	return a, atOnce, r.way.Policy.schedule().Opens(g, a.Waves, now)
}

// lastApproval returns the newest approval of a release, nil for none.
func (r *replay) lastApproval(release string) *policy.Approval {
	var last *policy.Approval
	for i := range r.parts.Approvals {
		a := &r.parts.Approvals[i]
		if a.Group == r.group && version.Equal(a.Release, release) && (last == nil || !a.At.Before(last.At)) {
			last = a
		}
	}
	return last
}
