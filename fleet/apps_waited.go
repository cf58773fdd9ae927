package fleet

import (
	"cmp"
	"slices"

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

// AppsFirst returns what the production phones wait for that get an app before a
// release: of each the first such app, by app, floor and state.
func (f *Fleet) AppsFirst(seg storage.Segment, group, release string) ([]AppFirst, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	return f.appsFirst(w, group, release, func(member) bool { return true }), nil
}

// appsFirst is AppsFirst of those phones that count.
func (f *Fleet) appsFirst(w *worldState, group, release string, counted func(member) bool) []AppFirst {
	e := f.explainer(w)
	out := []AppFirst{}
	if _, approved := e.snap.policy.Approval(group, release, e.now); !approved {
		return out
	}
	counts := map[AppFirst]int{}
	e.survey(group, func(m member, x explained) {
		r := x.waits.Params
		if x.waits.Code != "" && r[policy.ParamRelease] == release && m.enrolled() && m.look.phone.Ring == storage.RingProduction && counted(m) {
			counts[AppFirst{BundleID: r[policy.ParamApp], Floor: r[policy.ParamFloor], Why: policy.Code(r[policy.ParamWhy])}]++
		}
	})
	for one, n := range counts {
		one.Phones = n
		out = append(out, one)
	}
	slices.SortFunc(out, func(a, b AppFirst) int {
		return cmp.Or(cmp.Compare(a.BundleID, b.BundleID), cmp.Compare(a.Floor, b.Floor), cmp.Compare(a.Why, b.Why))
	})
	return out
}

// stepsForApps puts in the place of "the phones install by themselves" what there is to
// do about an app once every phone that is left waits for a person because of one: what
// most of them wait for. To hurry the rollout would help none of them.
func (f *Fleet) stepsForApps(w *worldState, gate policy.Gate) policy.Gate {
	if gate.Phase != policy.PhaseRollingOut || gate.NextHuman != policy.StepNone && gate.NextHuman != policy.StepHurry {
		return gate
	}
	left := gate.Counts.Production - gate.Counts.Done - gate.Counts.NotCovered - gate.Counts.Silent
	now := f.now()
	reached := func(m member) bool { return now.Sub(m.contact.time()) <= silentAfter }
	waiting, most := 0, 0
	var automatic, human policy.Code
	for _, wait := range f.appsFirst(w, gate.Group, gate.Release, reached) {
		if wait.Why == policy.WhyAppQueued || wait.Why == policy.WhyAppSent {
			continue // it comes by itself
		}
		waiting += wait.Phones
		if wait.Phones > most {
			most = wait.Phones
			automatic, human = policy.AppSteps(wait.Why)
		}
	}
	if most > 0 && waiting >= left {
		gate.NextAutomatic, gate.NextHuman = automatic, human
	}
	return gate
}
