package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// lastWeek reports whether an ordinary approval of the gate cannot give phones
// their notice any more and end early enough before the build may be gone.
func (f *Fleet) lastWeek(s *snapshot, gate policy.Gate) bool {
	notice := f.schedule(s, gate.Group, 0).Notice
	return gate.LastWeek(policy.FormatLocal(f.now().Add(notice), f.o.Location))
}

// inTime refuses waves of an ordinary approval whose last deadline comes too late
// for the build of the gate. In its last week, when no deadline helps, the refusal
// names the ways that are left.
func (f *Fleet) inTime(s *snapshot, gate policy.Gate, waves []storage.Wave) error {
	err := outlives(gate, waves)
	if err == nil || !f.lastWeek(s, gate) {
		return err
	}
	return refused("last-week", "%s may be gone on %s, and no deadline leaves late phones 7 days any more; approve a newer release, or propose `kannuki gate override`, which a second person signs",
		gate.Release, gate.Clocks.ShelfLife.Format(time.DateOnly)).
		with("release", gate.Release, "group", gate.Group, "date", gate.Clocks.ShelfLife.Format(time.RFC3339))
}

// offered refuses waves with a deadline at which the build of the gate may be gone.
func offered(gate policy.Gate, waves []storage.Wave) error {
	for _, w := range waves {
		if gate.Gone(policy.LocalTime(w.Deadline)) {
			return refused("build-gone", "%s may be gone on %s, before the deadline %s; want an earlier one, or a newer release",
				gate.Release, gate.Clocks.ShelfLife.Format(time.DateOnly), w.Deadline).
				with("release", gate.Release, "deadline", w.Deadline, "date", gate.Clocks.ShelfLife.Format(time.RFC3339))
		}
	}
	return nil
}
