package fleet

import (
	"cmp"
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// AppFirst counts the production phones of a group that wait for one app, in one
// state.
type AppFirst struct {
	BundleID string      `json:"bundle_id"`
	Floor    string      `json:"floor"`         // lowest version that will do
	Why      policy.Code `json:"why,omitempty"` // how far it is, as policy.WhyApp…; absent: the app is not delivered
	Phones   int         `json:"phones"`
}

// appWaits counts the production phones of a group that wait for an app before one
// release: of each the first such app, by app, floor and state.
type appWaits struct {
	release string
	all     map[AppFirst]int
	reached map[AppFirst]int // those of them that are not out of contact
}

// add counts a phone of the group if it is one of them.
func (v *appWaits) add(e explainer, m member, x explained) {
	r := x.waits.Params
	if x.waits.Code == "" || r[policy.ParamRelease] != v.release || !inProduction(m) {
		return
	}
	if v.all == nil {
		v.all, v.reached = map[AppFirst]int{}, map[AppFirst]int{}
	}
	one := AppFirst{BundleID: r[policy.ParamApp], Floor: r[policy.ParamFloor], Why: policy.Code(r[policy.ParamWhy])}
	v.all[one]++
	if e.inContact(m) {
		v.reached[one]++
	}
}

func inProduction(m member) bool {
	return m.enrolled() && m.look.phone.Ring == storage.RingProduction
}

// inContact reports whether a rollout waits for the phone.
func (e explainer) inContact(m member) bool { return e.now.Sub(m.contact.time()) <= silentAfter }

// list returns all that was counted, by app, floor and state.
func (v *appWaits) list() []AppFirst { return sortedWaits(v.all) }

func sortedWaits(counts map[AppFirst]int) []AppFirst {
	out := []AppFirst{}
	for one, n := range counts {
		one.Phones = n
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b AppFirst) int {
		return cmp.Or(cmp.Compare(a.BundleID, b.BundleID), cmp.Compare(a.Floor, b.Floor), cmp.Compare(a.Why, b.Why))
	})
	return out
}

// appWaits looks at every phone that may wait for an app before the release of one of
// some gates, once for all of them. Phones whose apps are new enough, as most are, cost
// no explanation: a list has many gates, and lists are asked for all the time.
func (e explainer) appWaits(gates ...policy.Gate) []appWaits {
	waits, floors := make([]appWaits, len(gates)), map[string][]floorsOf{} // by group
	for i, gate := range gates {
		waits[i].release = gate.Release
		if a, approved := e.snap.policy.Approval(gate.Group, gate.Release, e.now); approved {
			floors[gate.Group] = append(floors[gate.Group], floorsOf{i, a, e.floors(a)})
		}
	}
	may := map[*look][]int{} // which gates a phone with a look may wait at
	for l := range e.state.census.eachLook() {
		for _, of := range floors[l.phone.Group] {
			if of.lacks(&l.phone) {
				may[l] = append(may[l], of.gate)
			}
		}
	}
	if len(may) == 0 {
		return waits
	}
	for m, x := range e.surveyed(func(m member) bool { return may[m.look] != nil }) {
		for _, i := range may[m.look] {
			waits[i].add(e, m, x)
		}
	}
	return waits
}

// floorsOf are the app versions with which phones follow the approval at a gate.
type floorsOf struct {
	gate     int // its place among those looked at
	approval policy.Approval
	floors   func(model string) []policy.Floor
}

// floors returns the floors of an approval by model, each worked out once.
func (e explainer) floors(a policy.Approval) func(model string) []policy.Floor {
	known := map[string][]policy.Floor{}
	return func(model string) []policy.Floor {
		list, ok := known[model]
		if !ok {
			list = e.snap.policy.Floors(a.Group, a.ID, model, e.now)
			known[model] = list
		}
		return list
	}
}

// lacks reports whether a phone is of the gate's production, runs something older than
// its release, and has an app that is too old for it.
func (of floorsOf) lacks(p *storage.Phone) bool {
	if p.State != storage.PhoneEnrolled || p.Ring != storage.RingProduction {
		return false
	}
	return belowFloor(p, of.floors(p.Model)) && version.Newer(of.approval.Release, p.OS.Version)
}

// stepsForApps puts in the place of "nothing to do" what there is to do about an app where
// phones wait for a person because of one: what most of them wait for. Once every phone
// that is left waits so, none goes on by itself, and to hurry the rollout would help none.
func (v *appWaits) stepsForApps(gate policy.Gate) policy.Gate {
	if !asksNobody(gate) {
		return gate
	}
	waiting, most := 0, 0
	var automatic, human policy.Code
	for _, wait := range sortedWaits(v.reached) {
		if wait.Why == policy.WhyAppQueued || wait.Why == policy.WhyAppSent {
			continue // it comes by itself
		}
		waiting += wait.Phones
		if wait.Phones > most {
			most = wait.Phones
			automatic, human = policy.AppSteps(wait.Why)
		}
	}
	switch {
	case most == 0:
	case waiting >= leftOf(gate):
		gate.NextAutomatic, gate.NextHuman = automatic, human
	case gate.NextHuman == policy.StepNone:
		gate.NextHuman = human
	}
	return gate
}

// asksNobody reports whether a gate's phones go on by themselves, as far as the gate
// can tell.
func asksNobody(gate policy.Gate) bool {
	return gate.Phase == policy.PhaseRollingOut && (gate.NextHuman == policy.StepNone || gate.NextHuman == policy.StepHurry)
}

// leftOf counts the phones that a rollout waits for.
func leftOf(gate policy.Gate) int {
	return gate.Counts.Production - gate.Counts.Done - gate.Counts.NotCovered - gate.Counts.Silent
}

// stepsInLists is stepsForApps of the gates of a list, which it changes.
func (e explainer) stepsInLists(gates []policy.Gate) {
	var places []int
	var asking []policy.Gate
	for i, g := range gates {
		if asksNobody(g) {
			places, asking = append(places, i), append(asking, g)
		}
	}
	for i, v := range e.appWaits(asking...) {
		gates[places[i]] = v.stepsForApps(asking[i])
	}
}
