package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// maxWaves bounds the waves of one approval.
const maxWaves = 20

// maxSoak bounds how long a wave may be watched before the next one.
const maxSoak = 30 * 24 * time.Hour

// waveSpec is one wave as people give it: "5%@+0", "25%@+2d:+5d" or "20". The
// share counts the phones of the waves before it too.
type waveSpec struct {
	text     string
	share    policy.WaveShare
	start    time.Duration // from the gate's opening; 0: once the wave before has soaked
	deadline time.Duration // from the gate's opening; 0: the approval's own, from the wave's start
}

// parseWaves reads the waves of an approval. They must grow, and the last one
// must let every phone in.
func parseWaves(list []string) ([]waveSpec, error) {
	if len(list) > maxWaves {
		return nil, invalid("waves", "too-many-waves", "%d waves: want at most %d", len(list), maxWaves).with("most", strconv.Itoa(maxWaves))
	}
	var specs []waveSpec
	for _, text := range list {
		s, ok := parseWave(text)
		if !ok {
			return nil, invalid("waves", "wave-not-readable", "%q: want a share of the phones and when it starts, such as 5%%@+0, 20@+12h or 100%%@+4d:+7d (with its deadline)", text).with("value", text)
		}
		if j := slices.IndexFunc(specs, func(before waveSpec) bool { return !s.grows(before) }); j >= 0 {
			return nil, invalid("waves", "waves-not-rising", "%s after %s: each wave counts those before it, so share and start must grow", text, specs[j].text).
				with("value", text, "before", specs[j].text)
		}
		specs = append(specs, s)
	}
	if last := specs[len(specs)-1]; last.share != policy.Everybody() {
		return nil, invalid("waves", "waves-not-all", "the last wave is %s: want 100%%, or the other phones would wait for ever", last.text).with("value", last.text)
	}
	return specs, nil
}

const wholeGroup = 100 // percent

func parseWave(text string) (waveSpec, bool) {
	s := waveSpec{text: text}
	share, times, timed := strings.Cut(text, "@")
	var ok bool
	if s.share, ok = policy.ParseWaveShare(share); !ok || !timed {
		return s, ok
	}
	start, deadline, dated := strings.Cut(times, ":")
	if s.start, timed = sinceOpening(start); !timed || s.start > maxStart {
		return s, false
	}
	if !dated {
		return s, true
	}
	s.deadline, timed = sinceOpening(deadline)
	return s, timed && s.deadline > s.start && s.deadline <= maxDeadline
}

// sinceOpening reads "+0", "+2d" or "+12h".
func sinceOpening(text string) (time.Duration, bool) {
	offset, ok := strings.CutPrefix(text, "+")
	d, err := parseOffset(offset)
	return d, ok && err == nil && d >= 0
}

// grows reports whether the wave can follow another.
func (s waveSpec) grows(before waveSpec) bool {
	return s.share.Grows(before.share) && (s.start == 0 || s.start >= before.start)
}

// waves works out the waves of a new approval, and the least time between their
// starts. Shares are turned into thresholds by the phones it covers that wait for
// the release now, so that the first wave of a small group is not empty by
// chance; phones that join later fall where their hash puts them.
func (f *Fleet) waves(w *worldState, s *snapshot, r ApproveRequest, a storage.Approval) ([]storage.Wave, time.Duration, error) {
	now := f.now() // once: what is counted from it must agree
	start, err := parseStart(r.Start, now)
	if err != nil {
		return nil, 0, err
	}
	if r.Deadline == "" {
		return nil, 0, invalid("deadline", "deadline-missing", "want +3d, +12h or a local time such as 2026-11-27T18:30; the policy of group %s sets none", r.Group).with("group", r.Group)
	}
	deadline, err := f.parseDeadline(r.Deadline, now)
	if err != nil {
		return nil, 0, err
	}
	soak, err := parseSoak(r.Soak)
	if err != nil {
		return nil, 0, err
	}
	within, _ := sinceOpening(r.Deadline) // 0: a wall time
	if len(r.Waves) == 0 {
		r.Waves = []string{"100%"}
	}
	specs, err := parseWaves(r.Waves)
	if err != nil {
		return nil, 0, err
	}
	thresholds := policy.Thresholds(sharesOf(specs), bucketsWaiting(w, a, policy.Wave{}))
	schedule := f.schedule(s, r.Group, soak)
	waves := make([]policy.Wave, len(specs))
	for i, spec := range specs {
		waves[i] = policy.Wave{Threshold: thresholds[i], Deadline: deadline, Waits: true, Planned: schedule.After(start, spec.start), Within: within}
		if spec.deadline > 0 {
			waves[i].Within = spec.deadline - spec.start
		}
	}
	waves = schedule.Plan(waves)
	// The first has nothing to wait for but its date and the calendar.
	waves[0].Waits = waves[0].Start.After(now)
	for i, wave := range waves {
		if (len(waves) > 1 || r.Start != "") && wave.Deadline.Compare(policy.FormatLocal(wave.Start, f.o.Location)) <= 0 {
			return nil, 0, invalid("waves", "wave-after-deadline", "%s would start %s, after the deadline %s; give the deadline as an offset such as +3d, which counts from each wave's start",
				specs[i].text, policy.FormatLocal(wave.Start, f.o.Location), wave.Deadline).
				with("value", specs[i].text, "date", wave.Start.Format(time.RFC3339), "deadline", string(wave.Deadline))
		}
	}
	return storedWaves(waves), soak, nil
}

func parseSoak(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := parseOffset(text)
	if err != nil || d < 0 || d > maxSoak {
		return 0, invalid("soak", "not-a-length", "%q: want a length such as 2d or 12h, at most 30d", text).with("value", text, "most", "30d")
	}
	return d, nil
}

// schedule returns what the waves of a group follow: its calendar as it is now.
func (f *Fleet) schedule(s *snapshot, group string, soak time.Duration) policy.Schedule {
	schedule := s.policy.Schedule(group, nil)
	schedule.Soak = soak
	return schedule
}

// bucketsWaiting returns the buckets, sorted, of the production phones that an
// approval covers, that do not have its release and that run what a wave is for.
func bucketsWaiting(w *worldState, a storage.Approval, wave policy.Wave) []uint32 {
	var buckets []uint32
	for m := range w.census.all() {
		p := &m.look.phone
		if m.enrolled() && p.Group == a.Group && p.Ring == storage.RingProduction && covers(a, p.Model) &&
			!version.AtLeast(fullVersion(p), a.Release) && wave.Takes(fullVersion(p)) {
			buckets = append(buckets, policy.Bucket(drawn(a), m.udid))
		}
	}
	slices.Sort(buckets)
	return buckets
}

// covers reports whether an approval was made for a model.
func covers(a storage.Approval, model string) bool {
	return slices.Contains(a.Models, model)
}

func sharesOf(specs []waveSpec) []policy.WaveShare {
	shares := make([]policy.WaveShare, len(specs))
	for i, s := range specs {
		shares[i] = s.share
	}
	return shares
}

func storedWaves(waves []policy.Wave) []storage.Wave {
	out := make([]storage.Wave, len(waves))
	for i, w := range waves {
		out[i] = storage.Wave{
			Start: w.Start, Threshold: int(w.Threshold), Deadline: string(w.Deadline), Waits: w.Waits, Planned: w.Planned, Within: w.Within,
			Closed: w.Closed, Kept: w.Kept, UpTo: w.UpTo,
		}
	}
	return out
}

func engineWaves(waves []storage.Wave) []policy.Wave {
	out := make([]policy.Wave, len(waves))
	for i, w := range waves {
		out[i] = policy.Wave{
			Start: w.Start, Threshold: uint32(w.Threshold), //nolint:gosec // 0..10,000, checked when written
			Deadline: policy.LocalTime(w.Deadline), Waits: w.Waits, Planned: w.Planned, Within: w.Within, Closed: w.Closed,
			Kept: w.Kept, UpTo: w.UpTo,
		}
	}
	return out
}

// StartWaves starts every wave that is due, of all segments, and reports
// whether there was one or a rollout got back the waves that another had taken. A wave is due when its date has come; while its rollout
// stands still it is put off until the waves before it have soaked anew. It may
// be called at any time and as often as wanted. What goes wrong in one segment
// keeps no other from starting; the error tells of all.
func (f *Fleet) StartWaves(ctx context.Context) (bool, error) {
	if err := f.keepTime(ctx); err != nil {
		return false, err
	}
	started := false
	var failed []error
	for _, w := range f.all() {
		some, err := f.startWaves(ctx, w)
		started = started || some
		failed = append(failed, err)
	}
	return started, errors.Join(failed...)
}

func (f *Fleet) startWaves(ctx context.Context, w *worldState) (bool, error) {
	if w.current.Load().halted() {
		return false, nil
	}
	given, err := f.giveBack(ctx, w)
	if err != nil {
		return false, fmt.Errorf("segment %s: %w", w.segment, err)
	}
	if len(f.wavesDue(ctx, w, w.current.Load()).Approvals) == 0 {
		return given, nil
	}
	started := false
	err = f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		c := f.wavesDue(ctx, w, s)
		started = slices.ContainsFunc(c.Audit, func(e storage.AuditEntry) bool { return e.Action == actionWave })
		if len(c.Approvals) == 0 {
			return c, errNothingToDo
		}
		return c, nil
	})
	if err != nil {
		return given, fmt.Errorf("segment %s: %w", w.segment, err)
	}
	return given || started, nil
}

// actionWave is how the start of a wave is recorded.
const actionWave = "rollout.wave"

// wavesDue returns the change that starts, or puts off, the waves that are due,
// and moves those whose calendar changed. An approval whose gate cannot be
// worked out keeps no other from starting.
func (f *Fleet) wavesDue(ctx context.Context, w *worldState, s *snapshot) storage.WorldChange {
	var c storage.WorldChange
	now := f.now()
	for _, a := range s.records.Approvals {
		next := slices.IndexFunc(a.Waves, func(w storage.Wave) bool { return w.Waits })
		if next < 0 {
			continue
		}
		if current, ok := standing(s, a.Group, a.Release, now); !ok || current.ID != a.ID {
			continue
		}
		// The calendar may have changed since.
		schedule := f.scheduleOf(s, a)
		waves := schedule.Plan(engineWaves(a.Waves))
		due, moved := !now.Before(waves[next].Start), !slices.EqualFunc(waves, engineWaves(a.Waves), sameDates)
		if !due && !moved && !waves[next].Kept {
			continue
		}
		gate, err := f.gate(w, s, a.Group, a.Release)
		if err != nil {
			f.o.Logger.ErrorContext(ctx, "start waves", "group", a.Group, "release", a.Release, "error", err)
			continue
		}
		action := "rollout.wave-planned"
		switch gate.Phase {
		case policy.PhaseApproved, policy.PhaseRollingOut, policy.PhaseDone:
			approval := policyApproval(a)
			if due {
				waves = schedule.Start(gate, &approval, waves, next, now)
			} else {
				waves[next].Kept = waves[next].Kept && schedule.Keeps(gate, &approval, waves[next])
			}
			switch w := waves[next]; {
			case !w.Waits:
				action = actionWave
			case w.Kept && !a.Waves[next].Kept: // of one that is kept already people know
				action = NoticeWaveKept
			}
		case policy.PhasePaused, policy.PhaseBlocked:
			if due && next > 0 && a.Soak > 0 { // without something that soaks there is nothing to put off
				waves, action = schedule.Delay(waves, schedule.After(now, a.Soak)), "rollout.wave-delayed"
			}
		case policy.PhaseDeclined, policy.PhaseExpired, policy.PhaseSuperseded, policy.PhaseVerified, policy.PhaseVerifying, policy.PhaseHeld:
			continue
		}
		if slices.EqualFunc(waves, engineWaves(a.Waves), sameDates) {
			continue
		}
		a.Waves = storedWaves(waves)
		c.Approvals = append(c.Approvals, a)
		entry := f.entry(Act{Actor: "kannuki"}, action, a.Group+"/"+a.Release, map[string]string{
			"wave": strconv.Itoa(next + 1), "of": strconv.Itoa(len(waves)), "start": waves[next].Start.Format(time.RFC3339), "deadline": string(waves[next].Deadline),
		})
		if action == NoticeWaveKept {
			c.Notices = append(c.Notices, f.keptNotice(w.segment, entry, gate, schedule.LastDeadline(gate)))
		}
		c.Audit = append(c.Audit, entry)
	}
	return c
}

func sameDates(a, b policy.Wave) bool {
	return a.Start.Equal(b.Start) && a.Closed.Equal(b.Closed) && a.Deadline == b.Deadline && a.Waits == b.Waits && a.Kept == b.Kept
}

// resoaked returns the waves of a rollout that goes on: those that wait do so
// until what was started has soaked anew.
func (f *Fleet) resoaked(s *snapshot, a storage.Approval) []storage.Wave {
	if !started(a, f.now()) {
		return a.Waves
	}
	schedule := f.scheduleOf(s, a)
	return storedWaves(schedule.Delay(engineWaves(a.Waves), schedule.After(f.now(), a.Soak)))
}
