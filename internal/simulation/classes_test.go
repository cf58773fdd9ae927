package simulation

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// modelTwin has the screen of modelA. No phone of it tests.
const modelTwin = "iPhone14,7"

// drawClasses has half of the newer production phones be of a model with the screen of
// another, those of one group in none at first, and each team decide what phones a result
// stands for. Quick checks are left to other lives: what they rest on is more than a model.
func drawClasses(r *rand.Rand, l *life) {
	l.classes = true
	for i := range l.phones {
		if p := &l.phones[i]; p.ring != storage.RingVerification && p.model != modelOld && r.IntN(2) == 0 {
			if p.model = modelTwin; p.team == 0 {
				p.team, p.ring = -1, ""
			}
		}
	}
	for i := range l.releases {
		if rel := &l.releases[i]; rel.isFor(modelA) {
			rel.models = append(slices.Clone(rel.models), modelTwin)
		}
	}
	for i := range l.teams {
		d := &l.teams[i].rules
		if d.name == "" {
			*d = rules{name: "rules-" + l.teams[i].name, onExpiry: enforce}
		}
		d.modelClass, d.carryOver = pick(r, "hardware", "screen", "screen", "any"), false
	}
}

// drawJoining draws when phones of the twin that are in no group come to production.
func drawJoining(r *rand.Rand, l *life, add func(time.Duration, kind, int, int)) {
	for i, p := range l.phones {
		if p.model == modelTwin && p.team < 0 {
			add(time.Duration(5+r.IntN(l.days-quiet-5))*day, kindMove, r.IntN(len(l.teams)), i)
		}
	}
}

// classed is what the dice have an edit of rules say of classes.
func (d *rules) classed(dice uint64) {
	d.modelClass, d.carryOver = []string{"hardware", "screen", "any"}[dice%3], false
}

// standsFor reports whether a result on a model counts for another in a group.
func (w *world) standsFor(group, tested, model string, at time.Time) bool {
	twins := []string{modelA, modelTwin}
	switch w.rulesAt(group, at).modelClass {
	case "any":
		return true
	case "screen":
		return tested == model || slices.Contains(twins, tested) && slices.Contains(twins, model)
	default:
		return tested == model
	}
}

// triedOn reports whether an approval had a result of an app on a very model.
func (w *world) triedOn(a storage.Approval, app app, model string) bool {
	return slices.ContainsFunc(w.verdicts(a.Group, app.bundleID, a.Release, a.At), func(v *storage.Verdict) bool {
		return v.Model == model && v.Result != "broken" && !w.expired(v, a.At)
	})
}

// classless are plants about model classes.
func classless() []plant {
	return []plant{
		{
			name: "an approval covers every model with the screen of one", property: "P1", seed: 72,
			store: approvals(func(a *storage.Approval) {
				if slices.Contains(a.Models, modelA) && !slices.Contains(a.Models, modelTwin) {
					a.Models = append(slices.Clone(a.Models), modelTwin)
				}
			}),
		},
		{
			name: "a class stands for a model outside of it", property: "P5", seed: 8,
			store: reading(func(w *storage.World) {
				for i, p := range w.Policies {
					if p.ModelClass == "hardware" {
						w.Policies[i].ModelClass = "screen"
					}
				}
			}),
		},
	}
}

// classChange is what a team has its policy say of classes.
func (d rules) classChange() fleet.ModelClassChange {
	if d.modelClass == "" {
		return fleet.ModelClassChange{}
	}
	return fleet.ModelClassChange{ModelClass: &d.modelClass}
}
