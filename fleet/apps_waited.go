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

// add counts a phone of the group if it is one of them, and reports whether it is.
func (v *appWaits) add(e explainer, m member, x explained) bool {
	r := x.waits.Params
	if x.waits.Code == "" || r[policy.ParamRelease] != v.release || !inProduction(m) {
		return false
	}
	if v.all == nil {
		v.all, v.reached = map[AppFirst]int{}, map[AppFirst]int{}
	}
	one := AppFirst{BundleID: r[policy.ParamApp], Floor: r[policy.ParamFloor], Why: policy.Code(r[policy.ParamWhy])}
	v.all[one]++
	if e.inContact(m) {
		v.reached[one]++
	}
	return true
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

// appWaits looks at every phone of a gate that may wait for an app.
func (e explainer) appWaits(gate policy.Gate) appWaits {
	v := appWaits{release: gate.Release}
	if _, approved := e.snap.policy.Approval(gate.Group, gate.Release, e.now); !approved {
		return v
	}
	for m, x := range e.surveyed(func(m member) bool { return lacks(m, gate) }) {
		v.add(e, m, x)
	}
	return v
}

// lacks reports whether a phone is one of a gate's production that runs something older.
func lacks(m member, gate policy.Gate) bool {
	p := &m.look.phone
	return p.Group == gate.Group && inProduction(m) && version.Newer(gate.Release, p.OS.Version)
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

// stepsInLists is stepsForApps of a gate in a list. As most rollouts have phones that
// wait for no app, the look at the phones ends once too many do not, where there is
// another step.
func (e explainer) stepsInLists(gate policy.Gate) policy.Gate {
	if !asksNobody(gate) {
		return gate
	}
	if gate.NextHuman == policy.StepNone {
		v := e.appWaits(gate)
		return v.stepsForApps(gate)
	}
	waited := func(m member) bool { return lacks(m, gate) && e.inContact(m) }
	may := 0
	for m := range e.state.census.all() {
		if waited(m) {
			may++
		}
	}
	v := appWaits{release: gate.Release}
	for m, x := range e.surveyed(waited) {
		if v.add(e, m, x) {
			continue
		}
		if may--; may < leftOf(gate) {
			return gate
		}
	}
	return v.stepsForApps(gate)
}
