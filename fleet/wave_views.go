package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// WaveView is one wave of a rollout.
type WaveView struct {
	Wave   int       `json:"wave"`          // from 1
	State  WaveState `json:"state"`         // waiting, at-once, soaking, started or done
	Why    WaveWait  `json:"why,omitempty"` // what a wave that waits waits for
	Phones int       `json:"phones"`        // production phones of this wave alone, of models that it is approved for
	Done   int       `json:"done"`          // of them, those that have the release
	Start  time.Time `json:"start"`
	// Deadline is the local wall time of each phone by which those that are told when
	// the wave starts install: what was asked for, or the end of their notice.
	Deadline string `json:"deadline"`
	// StopUntil is the last local time at which stopping is sure to help.
	StopUntil string `json:"stop_until"`
	// UpTo are versions, one of each branch: the wave is for phones on one of them
	// or an older one of it. None: for phones on any.
	UpTo []string `json:"up_to,omitempty"`
	// Moved is what the calendar did to its dates.
	Moved []WaveMove `json:"moved,omitempty"`
}

// WaveState is how far a wave is.
type WaveState string

// The states of a wave.
const (
	WaveWaiting WaveState = "waiting" // not started
	WaveAtOnce  WaveState = "at-once" // of a plan: starts with the approval
	WaveSoaking WaveState = "soaking" // started, and the next wave waits until it has shown no faults
	WaveStarted WaveState = "started"
	WaveDone    WaveState = "done" // each of its phones has the release
)

// WaveWait is what a wave waits for.
type WaveWait string

// What a wave waits for.
const (
	WaitStart   WaveWait = "start"      // its date
	WaitSoak    WaveWait = "soak"       // the wave before it
	WaitStopped WaveWait = "stopped"    // the rollout stands still
	WaitNothing WaveWait = "superseded" // it never starts: the rollout of a newer release took it over

	WaitCalendar WaveWait = "calendar" // a day or hour that the policy leaves open
	WaitKept     WaveWait = "kept"     // nothing: its build would not outlive it for long enough
)

// waveViews describes the waves of an approval.
func (f *Fleet) waveViews(w *worldState, a storage.Approval, phase policy.Phase) []WaveView {
	now, waves, schedule := f.now(), engineWaves(a.Waves), f.scheduleOf(w.current.Load(), a)
	views := make([]WaveView, len(waves))
	for i, wave := range waves {
		deadline := schedule.Told(wave, wave.Start)
		views[i] = WaveView{
			Wave: i + 1, State: WaveStarted, Start: wave.Start, Deadline: string(deadline), StopUntil: string(deadline.StopUntil(f.o.Location)),
			UpTo: wave.UpTo, Moved: movedBy(schedule, waves, i),
		}
	}
	f.countWaves(w, a, views)
	stopped := phase == policy.PhasePaused || phase == policy.PhaseBlocked
	for i, wave := range waves {
		v := &views[i]
		switch {
		case !wave.Begun(now) && phase == policy.PhaseSuperseded:
			v.State, v.Why = WaveWaiting, WaitNothing
		case !wave.Begun(now) && stopped:
			v.State, v.Why = WaveWaiting, WaitStopped
		case !wave.Begun(now) && slices.ContainsFunc(waves[:i+1], func(w policy.Wave) bool { return w.Kept }):
			v.State, v.Why = WaveWaiting, WaitKept
		case !wave.Begun(now) && !wave.Closed.IsZero():
			v.State, v.Why = WaveWaiting, WaitCalendar
		case !wave.Begun(now) && i > 0 && wave.Start.After(wave.Planned):
			v.State, v.Why = WaveWaiting, WaitCalendar // which put off one before it
			if a.Soak > 0 && !schedule.After(waves[i-1].Start, a.Soak).Before(wave.Start) {
				v.Why = WaitSoak
			}
		case !wave.Begun(now):
			v.State, v.Why = WaveWaiting, WaitStart
		case v.Phones > 0 && v.Done == v.Phones:
			v.State = WaveDone
		}
		if i > 0 && v.State == WaveWaiting && views[i-1].State == WaveStarted && a.Soak > 0 {
			views[i-1].State = WaveSoaking
		}
	}
	return views
}

// withWaves adds the waves of an approval to what a decision about it does.
func (f *Fleet) withWaves(seg storage.Segment, e Effect, a storage.Approval, err error) (Effect, error) {
	if err != nil {
		return e, err
	}
	w, err := f.world(seg)
	if err != nil {
		return e, err
	}
	e.Waves = f.waveViews(w, a, policy.Phase(e.Phase))
	return e, nil
}

// countWaves counts the phones of each wave.
func (f *Fleet) countWaves(w *worldState, a storage.Approval, views []WaveView) {
	approval := policyApproval(a)
	for m := range w.census.all() {
		p := &m.look.phone
		if !m.enrolled() || p.Group != a.Group || p.Ring != storage.RingProduction {
			continue
		}
		has := f.done(w, p, a.Release, "")
		if !has && !covers(a, p.Model) {
			continue
		}
		i := 0
		if len(views) > 1 {
			i = m.waveOf(&approval)
		}
		if i < 0 {
			continue
		}
		views[i].Phones++
		if has {
			views[i].Done++
		}
	}
}
