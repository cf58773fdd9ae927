package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// PlannedReminder is a step as it would be taken for a phone of a wave that is
// told when the wave begins, does nothing, and has the installation's clock.
type PlannedReminder struct {
	Wave  int       `json:"wave"` // from 1
	Step  string    `json:"step"`
	At    time.Time `json:"at"`
	Meant time.Time `json:"meant,omitzero"` // when it would be if quiet hours, closed days or the steps of its day did not put it off
}

// plannedReminders returns the steps that the waves of an approval lead to.
func (f *Fleet) plannedReminders(s *snapshot, a storage.Approval) []PlannedReminder {
	list := []PlannedReminder{}
	approval, ladder := policyApproval(a), s.ladder(s.rollout(a.Group), a)
	for i, wave := range approval.Waves {
		deadline := s.toldDeadline(a.Group, s.asks(&approval, wave), wave.Start, f.o.Location)
		for _, due := range policy.Climb(ladder, policy.ChaseFacts{Told: wave.Start, Deadline: deadline, Zone: f.o.Location}) {
			r := PlannedReminder{Wave: i + 1, Step: due.Step.Name, At: due.At}
			if !due.Step.Kind.Personal() && due.Step.Kind != policy.ChasePush {
				r.At = hourUp(r.At)
			}
			if !due.Meant.Equal(due.At) {
				r.Meant = due.Meant
			}
			list = append(list, r)
		}
	}
	return list
}
