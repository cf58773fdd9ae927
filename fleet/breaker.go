package fleet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// actionBreaker is how a stop by the circuit breaker is recorded.
const actionBreaker = "rollout.breaker"

// StopRollouts pauses every rollout whose phones show what the group's policy
// stops a rollout for, of all segments, and reports whether there was one. It
// may be called at any time and as often as wanted: what it goes by is what the
// phones' records say now. Only a person lets a rollout go on, and what was seen
// until then stops it no more. What goes wrong in one segment keeps no other
// from being looked at; the error tells of all.
func (f *Fleet) StopRollouts(ctx context.Context) (bool, error) {
	stopped := false
	var failed []error
	for _, w := range f.all() {
		some, err := f.stopRollouts(ctx, w)
		stopped = stopped || some
		failed = append(failed, err)
	}
	return stopped, errors.Join(failed...)
}

func (f *Fleet) stopRollouts(ctx context.Context, w *worldState) (bool, error) {
	s := w.current.Load()
	if w.calm.Load().holds(w, s, f.listeningSince(), f.now()) {
		return false, nil
	}
	if c := f.rolloutsToStop(w, s); len(c.Approvals) == 0 {
		return false, nil
	}
	var made storage.WorldChange
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		if made = f.rolloutsToStop(w, s); len(made.Approvals) == 0 {
			return made, errNothingToDo
		}
		return made, nil
	})
	if err != nil {
		return false, fmt.Errorf("segment %s: %w", w.segment, err)
	}
	for _, e := range made.Audit {
		f.o.Logger.WarnContext(ctx, "rollout stopped", "target", e.Target, "reason", e.Reason)
	}
	return len(made.Approvals) > 0, nil
}

// rolloutsToStop returns the change that pauses what has to be, empty when
// nothing has.
func (f *Fleet) rolloutsToStop(w *worldState, s *snapshot) storage.WorldChange {
	var c storage.WorldChange
	now := f.now()
	quiet := &calm{snapshot: s, shown: w.census.shown.Load(), listening: f.listeningSince(), from: now, to: now.Add(calmFor)}
	list := f.watches(w, s)
	f.observe(w, s, list)
	for _, v := range list {
		if v.calm.Before(quiet.to) {
			quiet.to = v.calm
		}
	}
	list = slices.DeleteFunc(list, func(v *watch) bool { return len(v.breaker.Crossed(v.signals)) == 0 })
	if len(list) == 0 {
		w.calm.Store(quiet)
		return c
	}
	world := s.withCensus(w.census, now)
	for _, v := range list {
		gate := policy.Evaluate(world, v.approval.Group, v.approval.Release, now)
		if readings := v.stops(gate); len(readings) > 0 {
			f.trip(&c, w.segment, v, readings, gate.Phase)
		}
	}
	return c
}

// watches returns the rollouts that may have to be stopped, with nothing seen of
// them yet: those that go on, and that something can be seen of.
func (f *Fleet) watches(w *worldState, s *snapshot) []*watch {
	var list []*watch
	now, followed := f.now(), w.census.followed(s)
	for _, a := range s.records.Approvals {
		if !a.PausedAt.IsZero() || !a.WithdrawnAt.IsZero() || !followed.has(a) {
			continue
		}
		if current, ok := standing(s, a.Group, a.Release, now); ok && current.ID == a.ID {
			list = append(list, f.newWatch(s, a))
		}
	}
	return list
}

// stops returns what stops the rollout of a gate, none while it may go on. One
// that is done still gives the release to phones that come later, and is stopped
// by what says that the release does not work. Who falls silent or fails then are
// those put away, and those few that come.
func (v *watch) stops(gate policy.Gate) []policy.Reading {
	readings := v.breaker.Crossed(v.signals)
	if gate.OnlyHalted() {
		return readings // phones go on with what they were told
	}
	switch gate.Phase {
	case policy.PhaseRollingOut, policy.PhaseApproved, policy.PhaseSuperseded:
		return readings // phones that cannot take the newer release yet follow one that was taken over
	case policy.PhaseDone:
		return slices.DeleteFunc(readings, func(r policy.Reading) bool {
			return r.Signal != policy.WhyAppsReported && r.Signal != policy.WhyAppsReverted
		})
	case policy.PhasePaused, policy.PhaseBlocked, policy.PhaseDeclined, policy.PhaseExpired,
		policy.PhaseVerified, policy.PhaseVerifying, policy.PhaseHeld:
	}
	return nil
}

// trip adds what pauses a rollout.
func (f *Fleet) trip(c *storage.WorldChange, seg storage.Segment, v *watch, readings []policy.Reading, before policy.Phase) {
	a := v.approval
	detail := map[string]string{"phase_before": string(before), "approval": a.ID}
	var why []string
	var signals []policy.Code
	for _, r := range readings {
		signals = append(signals, r.Signal)
		why = append(why, signalText(r))
		key := string(r.Signal)
		if r.Wave > 0 {
			key += sprintf(".wave-%d", r.Wave)
		}
		detail[key] = sprintf("%d of %d, stops at %d", r.Count, r.Of, r.StopsAt)
		if r.Of == 0 {
			detail[key] = sprintf("%d, stops at %d", r.Count, r.StopsAt)
		}
	}
	act := Act{Actor: "kannuki", Reason: strings.Join(why, "; ")}
	a.PausedAt, a.PausedBy, a.PauseReason = f.now(), act.Actor, act.Reason
	a.Breaker.Stopped = storedReadings(readings)
	if phones := v.showed(signals); len(phones) > 0 {
		a.Breaker.Phones = phones[:min(len(phones), maxShowing)]
		detail["phones"] = strings.Join(a.Breaker.Phones, ",")
	}
	c.Approvals = append(c.Approvals, a)
	entry := f.entry(act, actionBreaker, a.Group+"/"+a.Release, detail)
	c.Audit = append(c.Audit, entry)
	c.Notices = append(c.Notices, f.notice(seg, storage.Notice{
		Kind: NoticeRolloutStopped, At: entry.At, Group: a.Group, Release: a.Release, Params: maps.Clone(detail),
	}))
}

// signalText says what stopped a rollout, for records that are always English.
func signalText(r policy.Reading) string {
	of := "phones"
	if r.Wave > 0 {
		of = sprintf("phones of wave %d", r.Wave)
	}
	switch r.Signal {
	case policy.WhyInstallsFailed:
		return sprintf("the installation failed on %d of %d %s (stops at %d)", r.Count, r.Of, of, r.StopsAt)
	case policy.WhyPhonesSilent:
		return sprintf("%d of %d %s fell silent with the installation (stops at %d)", r.Count, r.Of, of, r.StopsAt)
	case policy.WhyAppsReverted:
		return sprintf("a business app went back to a lower version, or was taken off, on %d of %d %s (stops at %d)", r.Count, r.Of, of, r.StopsAt)
	default:
		return sprintf("a business app was reported broken on %d phones (stops at %d)", r.Count, r.StopsAt)
	}
}

func storedReadings(list []policy.Reading) []storage.BreakerReading {
	var out []storage.BreakerReading
	for _, r := range list {
		out = append(out, storage.BreakerReading{Signal: string(r.Signal), Wave: r.Wave, Count: r.Count, Of: r.Of, StopsAt: r.StopsAt})
	}
	return out
}

func engineReadings(list []storage.BreakerReading) []policy.Reading {
	var out []policy.Reading
	for _, r := range list {
		out = append(out, policy.Reading{Signal: policy.Code(r.Signal), Wave: r.Wave, Count: r.Count, Of: r.Of, StopsAt: r.StopsAt})
	}
	return out
}

// BreakerView is what the circuit breaker sees of a rollout.
type BreakerView struct {
	Since   time.Time        `json:"since"`   // what phones showed until then does not count
	Signals []policy.Reading `json:"signals"` // those that the group's policy has switched on, as they are now
	// Stopped is what it stopped the rollout for, and when; none while it did not.
	Stopped   []policy.Reading `json:"stopped,omitempty"`
	StoppedAt time.Time        `json:"stopped_at,omitzero"`
	// Paused says that the rollout stands still: nothing that phones show stops it, and
	// of how many phones an installation failed is not known.
	Paused bool `json:"paused,omitempty"`
	// Phones are those that it stopped for, or that show a signal now: the first 20 of
	// PhonesCount, by UDID. Problems that people reported are listed by themselves.
	Phones      []BreakerPhone `json:"phones,omitempty"`
	PhonesCount int            `json:"phones_count,omitempty"`
}

// breakerView describes the breaker of an approval that stands, but for its phones, and
// returns what it saw.
func (f *Fleet) breakerView(w *worldState, s *snapshot, a storage.Approval) (*BreakerView, *watch) {
	v := f.newWatch(s, a)
	f.observe(w, s, []*watch{v})
	view := &BreakerView{Since: v.since, Signals: append([]policy.Reading{}, v.breaker.Read(v.signals)...), Stopped: engineReadings(a.Breaker.Stopped), Paused: v.still()}
	for i := range view.Signals {
		if r := &view.Signals[i]; v.still() {
			r.StopsAt = 0
			if r.Signal == policy.WhyInstallsFailed {
				r.Of = 0
			}
		}
	}
	if len(view.Stopped) > 0 {
		view.StoppedAt = a.PausedAt
	}
	return view, v
}
