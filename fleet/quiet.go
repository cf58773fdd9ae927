package fleet

import (
	"slices"
	"strings"
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

// putOffMost is for how long a notice is put off at a time, so that what somebody
// changes meanwhile counts; and how long it is while the policy is not known.
const (
	putOffMost    = 24 * time.Hour
	putOffUnknown = time.Minute
)

// PutOff returns for how long, in policy time, no channel is to carry a notice
// from now on; zero: it may be carried now. What a step says keeps to the hours and
// days of the steps themselves, as the policy of its group is now: the step was
// taken at another hour, so this binds a channel that could not deliver at once. A
// kind that the policy lets arrive at any hour is never put off, nor is any other
// notice. It is a day at most, after which the question is to be asked again.
func (f *Fleet) PutOff(seg storage.Segment, n storage.Notice) time.Duration {
	if !strings.HasPrefix(n.Kind, noticeChase) {
		return 0
	}
	w, err := f.world(seg)
	if err != nil {
		return putOffUnknown
	}
	s := w.current.Load()
	decided := s.rollout(n.Group)
	if slices.Contains(decided.Chase.Always, n.Kind[strings.LastIndex(n.Kind, ".")+1:]) {
		return 0
	}
	zone := f.zone(n.Zone)
	if n.Zone == "" || zone == nil {
		zone = f.o.Location
	}
	now := f.now()
	next, ok := s.ladderOf(n, decided).Allowed(now.In(zone))
	if !ok {
		return putOffMost
	}
	return min(next.Sub(now), putOffMost)
}

// ladderOf returns the ladder that a notice of a step came from, as the group's
// policy has it now. A rollout that is no more counts as one of the usual route.
func (s *snapshot) ladderOf(n storage.Notice, decided storage.Policy) policy.Ladder {
	if strings.HasPrefix(n.Kind, noticeTests) {
		return s.testLadder(decided)
	}
	for _, a := range s.records.Approvals {
		if a.ID == n.Params["approval"] {
			return s.ladder(decided, a)
		}
	}
	return s.ladder(decided, storage.Approval{})
}
