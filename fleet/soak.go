package fleet

import (
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// soakAnew adds to a change what becomes of rollouts that a result had
// stopped and that go on by it: waves that wait do so until those before them
// have soaked anew, however short the stop was. A person who resumes does the
// same by the decision itself.
func (f *Fleet) soakAnew(w *worldState, s *snapshot, c *storage.WorldChange) error {
	if len(c.Verdicts)+len(c.Apps)+len(c.RemoveApps)+len(c.Groups)+len(c.Policies) == 0 {
		return nil
	}
	var after *snapshot
	for _, a := range s.records.Approvals {
		next := slices.IndexFunc(a.Waves, func(w storage.Wave) bool { return w.Waits })
		if next < 1 || a.Soak == 0 || !f.blocked(w, s, a) || slices.ContainsFunc(c.Approvals, func(b storage.Approval) bool { return b.ID == a.ID }) {
			continue
		}
		if after == nil {
			after = s.after(*c)
		}
		gate, err := f.gate(w, after, a.Group, a.Release)
		if err != nil {
			return err
		}
		if gate.Phase == policy.PhaseBlocked || gate.Phase == policy.PhasePaused {
			continue
		}
		a.Waves = f.resoaked(s, a)
		c.Approvals = append(c.Approvals, a)
		c.Audit = append(c.Audit, f.entry(Act{Actor: "kannuki"}, "rollout.wave-delayed", a.Group+"/"+a.Release, map[string]string{
			"wave": strconv.Itoa(next + 1), "of": strconv.Itoa(len(a.Waves)), "start": a.Waves[next].Start.Format(time.RFC3339), "deadline": a.Waves[next].Deadline,
		}))
	}
	return nil
}

// blocked reports whether an approval that stands is stopped by what its gate
// shows, a broken app or a result that was revoked, and not by a person or the
// circuit breaker. Of a gate that cannot be worked out no wave starts either.
func (f *Fleet) blocked(w *worldState, s *snapshot, a storage.Approval) bool {
	if current, ok := standing(s, a.Group, a.Release, f.now()); !ok || current.ID != a.ID {
		return false
	}
	gate, err := f.gate(w, s, a.Group, a.Release)
	return err == nil && (gate.Phase == policy.PhaseBlocked || gate.Phase == policy.PhasePaused && a.PausedAt.IsZero())
}
