package fleet

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// LanePromise is a deadline that the emergency lane of an older release goes on to
// promise production phones beside a newer approval, which asks them by later.
type LanePromise struct {
	Release  string `json:"release"`  // of the lane
	Deadline string `json:"deadline"` // local wall time of each phone
	Phones   int    `json:"phones"`
}

// lanePromises returns what lanes go on to promise phones that an approval is for, in
// a world with it, the earliest first.
func (f *Fleet) lanePromises(w *worldState, after *snapshot, a storage.Approval) []LanePromise {
	older := func(b storage.Approval) bool {
		return b.Lane != nil && b.Group == a.Group && b.WithdrawnAt.IsZero() && version.Newer(a.Release, b.Release)
	}
	if !slices.ContainsFunc(after.records.Approvals, older) {
		return nil
	}
	counts, s := map[LanePromise]int{}, surveyor{snapshots: []*snapshot{after}}
	for m := range w.census.all() {
		if !m.enrolled() || m.look.phone.Group != a.Group {
			continue
		}
		p := s.stand(m)
		if deadline, release := policy.LaneKeeps(after.policy, factsOf(after, &p), a.ID, f.now()); release != "" {
			counts[LanePromise{Release: release, Deadline: string(deadline)}]++
		}
	}
	var list []LanePromise
	for l, n := range counts {
		l.Phones = n
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b LanePromise) int {
		return cmp.Or(strings.Compare(a.Deadline, b.Deadline), strings.Compare(a.Release, b.Release))
	})
	return list
}
