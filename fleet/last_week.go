package fleet

import (
	"fmt"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// inTime refuses a new approval of a gate with a wave that ends too late for its build,
// by what phones of it will be told: those that are late would be left with nothing that is
// approved. In the last week, when neither a deadline nor a start helps, the
// refusal names the ways that are left.
func (f *Fleet) inTime(s *snapshot, gate policy.Gate, a storage.Approval) error {
	now, schedule, waves := f.now(), f.scheduleOf(s, a), engineWaves(a.Waves)
	i, ends := schedule.Worst(gate, waves, now)
	if ends == policy.EndsInTime {
		return nil
	}
	until := gate.Clocks.ShelfLife.Format(time.DateOnly)
	if a.Lane == nil && schedule.LastWeek(gate, now) {
		return refused("last-week", "%s may be gone on %s, and no deadline leaves late phones 7 days any more; approve a newer release, or propose `kannuki gate override`, which a second person signs",
			gate.Release, until).
			with("release", gate.Release, "group", gate.Group, "date", gate.Clocks.ShelfLife.Format(time.RFC3339))
	}
	told, latest := schedule.Told(waves[i], now), schedule.LastDeadline(gate)
	var why, wave, notice string
	if told != waves[i].Deadline { // an earlier deadline does not help: it starts too late
		wave, notice = strconv.Itoa(i+1), noticeText(schedule.Notice)
		why = fmt.Sprintf(" (wave %s starts %s, and its phones get a notice of %s)", wave, policy.FormatLocal(waves[i].Start, f.o.Location), notice)
	}
	return refused("outlives-build", "the last deadline, %s%s, comes too late: %s may be gone on %s, and 7 days are kept for late phones; want one until %s, or a newer release",
		told, why, gate.Release, until, latest).
		with("release", gate.Release, "deadline", string(told), "date", gate.Clocks.ShelfLife.Format(time.RFC3339), "latest", string(latest), "wave", wave, "notice", notice)
}

// offered refuses an exception with a wave that ends when the build of the gate may be gone,
// by what phones of it will be told.
func (f *Fleet) offered(s *snapshot, gate policy.Gate, a storage.Approval) error {
	now, schedule, waves := f.now(), f.scheduleOf(s, a), engineWaves(a.Waves)
	i, ends := schedule.Worst(gate, waves, now)
	if ends != policy.EndsGone {
		return nil
	}
	told := schedule.Told(waves[i], now)
	return refused("build-gone", "%s may be gone on %s, before the deadline that phones would be told, %s; want an earlier one, fewer waves, or a newer release",
		gate.Release, gate.Clocks.ShelfLife.Format(time.DateOnly), told).
		with("release", gate.Release, "deadline", string(told), "date", gate.Clocks.ShelfLife.Format(time.RFC3339))
}

// keepsWave reports whether a gate that is carried out has a wave that does not
// start, or as it is planned would not, because its build would not outlive it.
func (f *Fleet) keepsWave(s *snapshot, gate policy.Gate) bool {
	a, ok := standing(s, gate.Group, gate.Release, f.now())
	if !ok || gate.Phase == policy.PhaseSuperseded {
		return false
	}
	approval := policyApproval(a)
	return f.scheduleOf(s, a).KeptAt(gate, &approval) >= 0
}
