package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Rebased is what an approval has to do with the rollout of another release of
// the same major version in its group.
type Rebased struct {
	RebasedFrom  string `json:"rebased_from,omitempty"`  // whose waves it took over
	SupersededBy string `json:"superseded_by,omitempty"` // that took its waves over
	// UnderWay is an older one that goes on beside it, each phone following the
	// newest that lets it start.
	UnderWay string `json:"under_way,omitempty"`
	// Newer is the newest release that is approved for phones of these models too:
	// those that it lets start follow it, and not this one.
	Newer string `json:"newer,omitempty"`
}

// drawn returns the release that the phones of an approval's waves were drawn
// for.
func drawn(a storage.Approval) string { return cmp.Or(a.WavesOf, a.Release) }

// roll fills in the waves of a new approval and returns the approvals that
// change with it: that of the rollout whose waves it takes over.
func (f *Fleet) roll(w *worldState, s *snapshot, r ApproveRequest, a *storage.Approval) ([]storage.Approval, error) {
	if r.Rebase {
		return f.takeOver(w, s, r, a)
	}
	var err error
	a.Waves, a.Soak, err = f.waves(w, s, r.or(s.rollout(r.Group)), *a)
	return nil, err
}

// takeOver has an approval take over the waves of the rollout that is under way.
func (f *Fleet) takeOver(w *worldState, s *snapshot, r ApproveRequest, a *storage.Approval) ([]storage.Approval, error) {
	if len(r.Waves) > 0 || r.Start != "" || r.Soak != "" {
		return nil, invalid("rebase", "rebase-has-waves", "it takes the waves, their dates and the time to soak from the rollout under way; leave out waves, start and soak")
	}
	old, phase, ok := f.underWay(s, f.gatesOf(w, s, a.Group), *a)
	if !ok {
		return nil, refused("nothing-to-rebase", "no rollout of an older release of iOS %d is under way in group %s; leave out --rebase", version.Major(a.Release), a.Group).
			with("release", a.Release, "group", a.Group)
	}
	if old.Lane != nil {
		// Its waves go by what phones run, which changes as they install it: most would fall into
		// the last. What it promised needs no taking over.
		return nil, refused("rebase-urgent", "the waves of the urgent route of %s go by what phones run, so that they cannot be taken over; approve %s without --rebase: phones that lack a fix of %s keep the deadline that was promised",
			old.Release, a.Release, old.Release).
			with("release", a.Release, "older", old.Release)
	}
	if left := leftBehind(w, old, *a); len(left) > 0 {
		models := strings.Join(left, ", ")
		return nil, refused("rebase-leaves-models", "%s is not verified on %s, which the rollout of %s is for; test it there, or leave out --rebase", a.Release, models, old.Release).
			with("release", a.Release, "models", models, "older", old.Release)
	}
	now, schedule := f.now(), f.schedule(s, a.Group, old.Soak)
	waves, err := f.withDeadline(engineWaves(old.Waves), r.Deadline, now)
	if err != nil {
		return nil, err
	}
	waves = schedule.Rebase(waves, now)
	a.Soak = old.Soak
	a.WavesOf, a.RebasedFrom, a.Waves = drawn(old), old.Release, storedWaves(waves)
	if phase == policy.PhasePaused || phase == policy.PhaseBlocked {
		a.Waves = f.resoaked(s, *a)
	}
	old.SupersededBy = a.Release
	old.Waves = slices.Clone(old.Waves)
	for i := range old.Waves {
		old.Waves[i].Waits = waves[i].Waits
	}
	return []storage.Approval{old}, nil
}

// withDeadline returns waves with another deadline for what they tell from now
// on; "" changes nothing.
func (f *Fleet) withDeadline(waves []policy.Wave, text string, now time.Time) ([]policy.Wave, error) {
	if text == "" {
		return waves, nil
	}
	deadline, err := f.parseDeadline(text, now)
	if err != nil {
		return nil, err
	}
	within, _ := sinceOpening(text) // 0: a wall time
	for i := range waves {
		waves[i].Deadline, waves[i].Within = deadline, within
	}
	return waves, nil
}

// underWay returns the approval of the newest older release of the same major
// version whose rollout is not over, and the phase of its gate.
func (f *Fleet) underWay(s *snapshot, gates []policy.Gate, a storage.Approval) (storage.Approval, policy.Phase, bool) {
	now := f.now()
	for _, gate := range gates {
		if !version.Newer(a.Release, gate.Release) || version.Major(a.Release) != version.Major(gate.Release) {
			continue
		}
		old, ok := standing(s, a.Group, gate.Release, now)
		if !ok {
			continue
		}
		switch gate.Phase {
		case policy.PhaseApproved, policy.PhaseRollingOut, policy.PhasePaused, policy.PhaseBlocked:
			return old, gate.Phase, true
		case policy.PhaseDone, policy.PhaseDeclined, policy.PhaseExpired, policy.PhaseSuperseded, policy.PhaseVerified, policy.PhaseVerifying, policy.PhaseHeld:
		}
	}
	return storage.Approval{}, "", false
}

// leftBehind returns the models of production phones that follow an approval and
// could not follow the one that takes its place, sorted.
func leftBehind(w *worldState, old, taking storage.Approval) []string {
	models := map[string]bool{}
	for _, p := range w.census.looksOf(old.Group) {
		if p.Ring == storage.RingProduction && p.State == storage.PhoneEnrolled && covers(old, p.Model) && !covers(taking, p.Model) && !version.AtLeast(fullVersion(p), old.Release) {
			models[p.Model] = true
		}
	}
	return slices.Sorted(maps.Keys(models))
}

// givenBack returns the approvals whose waves another had taken over that ends:
// they go on, and those that wait do so until what was started has soaked anew.
func (f *Fleet) givenBack(s *snapshot, ended storage.Approval) []storage.Approval {
	var list []storage.Approval
	for _, a := range s.records.Approvals {
		if a.Group != ended.Group || a.SupersededBy != ended.Release || !a.WithdrawnAt.IsZero() {
			continue
		}
		a.SupersededBy = ""
		a.Waves = f.resoaked(s, a)
		list = append(list, a)
	}
	return list
}

// actionGivenBack is how the end of a taking over that nobody ended is recorded.
const actionGivenBack = "rollout.given-back"

// giveBack ends every taking over in a segment that holds no more, because Apple
// took the newer release back or its override ended, and reports whether there
// was one.
func (f *Fleet) giveBack(ctx context.Context, w *worldState) (bool, error) {
	if c := f.toGiveBack(w, w.current.Load()); len(c.Approvals) == 0 {
		return false, nil
	}
	given := false
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		c := f.toGiveBack(w, s)
		if given = len(c.Approvals) > 0; !given {
			return c, errNothingToDo
		}
		return c, nil
	})
	return given && err == nil, wrap("give waves back", err)
}

// toGiveBack returns the change for that. A gate that would not be carried out
// anyway, or cannot be worked out, is left as it is.
func (f *Fleet) toGiveBack(w *worldState, s *snapshot) storage.WorldChange {
	var c storage.WorldChange
	for _, a := range s.records.Approvals {
		if a.SupersededBy == "" {
			continue
		}
		if current, ok := standing(s, a.Group, a.Release, f.now()); !ok || current.ID != a.ID {
			continue
		}
		gate, err := f.gate(w, s, a.Group, a.Release)
		if err != nil {
			continue
		}
		switch gate.Phase {
		case policy.PhaseApproved, policy.PhaseRollingOut, policy.PhasePaused, policy.PhaseBlocked, policy.PhaseDone:
			by := a.SupersededBy
			a.SupersededBy, a.Waves = "", f.resoaked(s, a)
			c.Approvals = append(c.Approvals, a)
			c.Audit = append(c.Audit, f.entry(Act{Actor: "kannuki"}, actionGivenBack, a.Group+"/"+a.Release, map[string]string{"superseded_by": by}))
		case policy.PhaseDeclined, policy.PhaseExpired, policy.PhaseSuperseded, policy.PhaseVerified, policy.PhaseVerifying, policy.PhaseHeld:
		}
	}
	return c
}

// rebased describes what an approval has to do with other rollouts.
func (f *Fleet) rebased(w *worldState, s *snapshot, a storage.Approval) Rebased {
	r := Rebased{RebasedFrom: a.RebasedFrom}
	if _, ok := standing(s, a.Group, a.SupersededBy, f.now()); ok {
		r.SupersededBy = a.SupersededBy
	}
	gates := f.gatesOf(w, s, a.Group)
	if old, _, ok := f.underWay(s, gates, a); ok && old.Release != a.RebasedFrom {
		r.UnderWay = old.Release
	}
	if newer := f.newer(s, gates, a); newer != r.SupersededBy {
		r.Newer = newer
	}
	return r
}

// newer returns the newest release whose approval goes on for production phones of
// models that an older approval is for, "" for none. Phones pass over one that stands
// still.
func (f *Fleet) newer(s *snapshot, gates []policy.Gate, a storage.Approval) string {
	for _, gate := range gates {
		if !version.Newer(gate.Release, a.Release) {
			break
		}
		goesOn := gate.Phase == policy.PhaseApproved || gate.Phase == policy.PhaseRollingOut || gate.Phase == policy.PhaseDone
		other, ok := standing(s, a.Group, gate.Release, f.now())
		both := func(model string) bool { return covers(a, model) && covers(other, model) }
		if goesOn && ok && slices.ContainsFunc(gate.ProductionModels, both) {
			return gate.Release
		}
	}
	return ""
}

// gatesOf returns the gates of a group as they are now, newest release first.
func (f *Fleet) gatesOf(w *worldState, s *snapshot, group string) []policy.Gate {
	now := f.now()
	return policy.Gates(s.withCensus(w.census, now), group, now)
}
