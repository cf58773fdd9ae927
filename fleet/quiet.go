package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// parseAlways reads the kinds of steps that channels carry at any hour, and
// returns each once, in the order of the kinds. A push is carried by none.
func parseAlways(list []string) ([]string, error) {
	var allowed, kinds []string
	for _, kind := range policy.ChaseKinds() {
		if kind != policy.ChasePush {
			allowed = append(allowed, string(kind))
		}
	}
	for _, text := range list {
		if err := oneOf("chase_always", text, allowed...); err != nil {
			return nil, err
		}
	}
	for _, kind := range allowed {
		if slices.Contains(list, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

// quietHours returns when no channel is to carry the notice of a step, by the
// clock of a phone; nil for at no time. The step itself was taken at another hour, so
// this binds a channel that could not deliver at once. Channels keep wall time:
// where the installation has another clock, nothing is held back.
func (f *Fleet) quietHours(on pursuit, kind policy.ChaseKind, zone *time.Location) *storage.QuietHours {
	q := on.ladder.Quiet
	if f.o.Scaled || q.From == q.To && len(q.Days) == 0 || slices.Contains(on.always, string(kind)) {
		return nil
	}
	return &storage.QuietHours{From: q.From, To: q.To, Off: q.Days, Zone: zone.String()}
}
