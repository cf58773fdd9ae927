package policy

import (
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Carried is one model class of an app that is verified by carry-over: a smoke
// test on this release, and the result on an older one of the same x.y that it
// rests on.
type Carried struct {
	Model       string `json:"model"`        // model class
	Smoke       string `json:"smoke"`        // identifier of the smoke test's result
	Base        string `json:"base"`         // identifier of the result it rests on
	BaseRelease string `json:"base_release"` // what that was made on
}

// tests is how far one app is on one release, by model class. A class is in
// one of the first three maps at most.
type tests struct {
	full    map[string]*Verdict // verified by a result that counts by itself
	carried map[string]carried
	waiting map[string]*Verdict // only the smoke test is missing; the result to rest on
	stale   map[string]*Verdict // the newest result that counts by itself expired
	alone   []string            // a smoke test is all there is, and rests on nothing; sorted
}

type carried struct{ smoke, base *Verdict }

// tests reads the results of an app on a release and, with carry-over, on the
// older ones of its x.y. Results expire at the moment fresh, which is now or,
// so that none does, zero.
func (g *group) tests(bundleID string, rel *release, now, fresh time.Time) tests {
	thorough, smoke := byMethod(g.verdicts[appRelease{bundleID, rel.Version}])
	t := tests{carried: make(map[string]carried), waiting: make(map[string]*Verdict)}
	t.full, t.stale = newestByClass(thorough, now, fresh)
	smoked, _ := newestByClass(smoke, now, fresh)
	if g.policy.CarryOver {
		t.carryOver(smoked, g.bases(bundleID, rel, now, fresh))
	}
	for _, class := range sortedKeys(smoked) {
		if _, rests := t.carried[class]; !rests && t.full[class] == nil {
			t.alone = append(t.alone, class)
		}
	}
	return t
}

// carryOver takes over what smoke tests rest on.
func (t *tests) carryOver(smoked map[string]*Verdict, bases map[string][]*Verdict) {
	for class, list := range bases {
		if t.full[class] != nil {
			continue
		}
		if c, ok := carry(smoked[class], list); ok {
			t.carried[class] = c
		} else {
			t.waiting[class] = list[0]
		}
	}
}

// carry returns what a smoke test rests on: the newest result made with its
// version of the app or an older one. A newer one says nothing about the
// version that was looked at.
func carry(smoke *Verdict, bases []*Verdict) (carried, bool) {
	if smoke == nil {
		return carried{}, false
	}
	i := slices.IndexFunc(bases, func(b *Verdict) bool { return version.AtLeast(smoke.AppVersion, b.AppVersion) })
	if i < 0 {
		return carried{}, false
	}
	return carried{smoke, bases[i]}, true
}

// bases returns, by model class, the results on older releases of the same x.y
// that a smoke test on a patch may rest on, those of the newest release first.
// None does that has an uncleared broken result beside or after it, up to the
// patch itself, at its own version of the app or a newer one: what broke on the
// way needs a full test.
func (g *group) bases(bundleID string, rel *release, now, fresh time.Time) map[string][]*Verdict {
	found := make(map[string][]*Verdict)
	var broken []verdictOf
	for _, older := range rel.older {
		list := g.verdicts[appRelease{bundleID, older.Version}]
		broken = append(broken, uncleared(list, now)...)
		thorough, _ := byMethod(list)
		accepted, _ := newestByClass(thorough, now, fresh)
		for class, v := range accepted {
			if !slices.ContainsFunc(broken, verdictOf{Verdict: v}.brokenBy) {
				found[class] = append(found[class], v)
			}
		}
	}
	return found
}

// byMethod tells results that count by themselves from those of smoke tests.
func byMethod(list []verdictOf) (thorough, smoke []verdictOf) {
	for _, v := range list {
		if v.Method == MethodSmoke {
			smoke = append(smoke, v)
		} else {
			thorough = append(thorough, v)
		}
	}
	return thorough, smoke
}

// verified returns the model classes an app is verified on, and by what made on
// this release itself.
func (t tests) verified() map[string]*Verdict {
	all := maps.Clone(t.full)
	for class, c := range t.carried {
		all[class] = c.smoke
	}
	return all
}

// describe tells an app's state what carry-over has to do with it.
func (t tests) describe(s *AppState) {
	for _, class := range sortedKeys(t.carried) {
		c := t.carried[class]
		s.Carried = append(s.Carried, Carried{Model: class, Smoke: c.smoke.ID, Base: c.base.ID, BaseRelease: c.base.Release})
		s.External = s.External || c.base.External
		s.Noted = s.Noted || c.base.Result == ResultWorksWithNote
	}
	unwanted := func(class string) bool {
		return !slices.Contains(s.MissingModels, class) && len(s.Models)+len(s.MissingModels) > 0
	}
	s.Provisional = slices.DeleteFunc(sortedKeys(t.waiting), unwanted)
	s.Alone = slices.DeleteFunc(t.alone, unwanted)
}

// whySmoke explains why a smoke test that found nothing counts for nothing.
func (g *group) whySmoke(bundleID string, rel *release, now time.Time) Code {
	switch {
	case !g.policy.CarryOver:
		return WhyCarryOverOff
	case !rel.patch:
		return WhyFullNeeded
	}
	for _, older := range rel.older {
		if len(uncleared(g.verdicts[appRelease{bundleID, older.Version}], now)) > 0 {
			return WhyBaseBroken
		}
	}
	return WhyNothingToCarry
}
