package backtest

import (
	"cmp"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Stored is a policy as it is set, with what its rollouts follow.
type Stored struct {
	policy.Policy
	Waves    []policy.WaveShare // those of the waves before counted in; none: all phones at once
	Soak     time.Duration      // least time between the starts of two waves
	Deadline time.Duration      // from the start of a wave; 0: Way.InstallDays
	Calendar policy.Calendar
	Notice   time.Duration  // that phones get at least; zero or less: policy.DefaultMinimumNotice
	Location *time.Location // whose days and hours count; nil: UTC
}

// cohorts is how many parts the phones of one kind are played in under a policy
// with waves: shares are kept to the twentieth.
const cohorts = 20

// laneCohorts is the same where only the emergency lane has waves: its first is a
// tenth.
const laneCohorts = 10

// split says how many phones each cohort of a kind is.
func (r *replay) split(count int) []int {
	n := 1
	switch {
	case r.way.Policy != nil && len(r.way.Policy.Waves) > 1:
		n = cohorts
	case r.way.lane():
		n = laneCohorts
	}
	parts := make([]int, min(count, n))
	for i := range count {
		parts[i%len(parts)]++
	}
	return parts
}

// schedule is what waves follow, without a policy those of the emergency lane.
func (s *Stored) schedule() policy.Schedule {
	if s == nil {
		return policy.Schedule{Location: time.UTC, Notice: policy.DefaultMinimumNotice}
	}
	return policy.Schedule{Soak: s.Soak, Location: s.location(), Calendar: s.Calendar, Notice: s.notice()}
}

// location returns what the clocks show: UTC for a way of testing alone.
func (s *Stored) location() *time.Location {
	if s == nil || s.Location == nil {
		return time.UTC
	}
	return s.Location
}

func (s *Stored) notice() time.Duration {
	if s.Notice > 0 {
		return s.Notice
	}
	return policy.DefaultMinimumNotice
}

// waves returns the waves of an approval, planned as the server does.
func (r *replay) waves(a *policy.Approval, now time.Time) []policy.Wave {
	shares := r.way.Policy.Waves
	if len(shares) == 0 {
		shares = []policy.WaveShare{policy.Everybody()}
	}
	return r.plan(shares, a, now)
}

// plan returns waves of such shares.
func (r *replay) plan(shares []policy.WaveShare, a *policy.Approval, now time.Time) []policy.Wave {
	s := r.way.Policy
	within := cmp.Or(s.Deadline, time.Duration(r.way.InstallDays)*24*time.Hour)
	waves := make([]policy.Wave, len(shares))
	for i, threshold := range policy.Thresholds(shares, r.waiting(a, policy.Wave{})) {
		waves[i] = policy.Wave{Threshold: threshold, Waits: true, Planned: now, Within: max(within, s.notice())}
	}
	waves = s.schedule().Plan(waves)
	waves[0].Waits = waves[0].Start.After(now)
	return waves
}

// waiting returns the bucket of every production phone that an approval covers,
// that does not have its release, and whose version a wave takes, sorted.
func (r *replay) waiting(a *policy.Approval, takes policy.Wave) []uint32 {
	var buckets []uint32
	for _, p := range r.phones {
		if slices.Contains(a.Models, p.model) && !version.AtLeast(p.os, a.Release) && takes.Takes(p.os) {
			buckets = slices.AppendSeq(buckets, slices.Values(slices.Repeat([]uint32{policy.Bucket(a.Release, p.id)}, p.count)))
		}
	}
	slices.Sort(buckets)
	return buckets
}

// start starts the waves that are due, at the hour at which they are.
func (r *replay) start(now time.Time) {
	for i := range r.parts.Approvals {
		a := &r.parts.Approvals[i]
		r.putOff(a, now)
		for {
			next := slices.IndexFunc(a.Waves, func(w policy.Wave) bool { return w.Waits })
			if next < 0 || a.Waves[next].Start.After(now) || !r.rolls(a, now) {
				break
			}
			a.Waves = r.begin(a, next, now)
			if a.Waves[next].Waits { // the calendar is closed by now, or the wave is kept
				break
			}
			r.changed()
			r.noteWave(*a, next, now)
		}
	}
}

// begin returns the waves of an approval once the one at index i is due. A look back
// tells how many builds would have ended unused and keeps none, as it refuses no
// approval for that.
func (r *replay) begin(a *policy.Approval, i int, now time.Time) []policy.Wave {
	if r.ahead == nil {
		return r.scheduleOf(a).Begin(a.Waves, i, a.Waves[i].Start)
	}
	return r.scheduleOf(a).Start(r.gate(a.Release, now), a, a.Waves, i, a.Waves[i].Start)
}

// usersInstall lets users install what they see once Apple's hold of a release
// that nobody approved is over, where the policy leaves it to them.
func (r *replay) usersInstall(now time.Time) {
	if r.way.Policy == nil || r.way.Policy.OnExpiry != policy.OnExpiryReleaseToUsers {
		return
	}
	for _, g := range r.gates(now) { // newest first
		visible := g.Clocks.HiddenUntil
		if g.Approval != "" || visible.IsZero() || visible.After(now) || g.Phase == policy.PhaseExpired {
			continue
		}
		for _, p := range r.phones {
			if p.reachable(now) && slices.Contains(g.ProductionModels, p.model) && !version.AtLeast(p.os, g.Release) {
				r.take(p, g.Release, now)
				r.ahead.note(Event{Kind: EventUsers, Release: g.Release, Phones: p.count})
			}
		}
	}
}
