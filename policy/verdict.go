package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// verdictOf is a verdict of a group with what does not depend on the time.
type verdictOf struct {
	*Verdict
	class   string    // model class in its group
	expires time.Time // from when it counts no more; zero: never
	why     Code      // why it can never be accepted, "" when it can
}

// rejected returns why v can never be accepted, or "".
func (p Policy) rejected(v *Verdict) Code {
	switch {
	case v.Result != ResultWorks && v.Result != ResultWorksWithNote && v.Result != ResultBroken:
		return WhyUnknownResult
	case !slices.Contains([]Method{MethodFull, MethodSmoke, MethodAutomated, MethodPilot}, v.Method):
		return WhyUnknownMethod
	case !v.AllowedTester:
		return WhyTesterNotAllowed
	case v.AppVersion == "":
		return WhyNoAppVersion
	case v.External && v.Evidence == "":
		return WhyNoEvidence
	case v.External:
		return ""
	case v.Ring != RingVerification:
		return WhyProductionPhone
	case !version.Equal(p.counts(version.WithExtra(v.PhoneOS, v.PhoneExtra)), v.Release):
		return WhyPhoneNotOn
	case BetaBuild(v.PhoneBuild):
		return WhyBeta
	default:
		return ""
	}
}

// compareVerdicts orders by time. Of two at the same moment the broken one
// comes last, so that the other does not clear it.
func compareVerdicts(a, b *Verdict) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(severity(a.Result), severity(b.Result)), strings.Compare(a.ID, b.ID))
}

func severity(r Result) int {
	if r == ResultBroken {
		return 1
	}
	return 0
}

// counts reports whether v is accepted at now, expiry aside.
func (v verdictOf) counts(now time.Time) bool {
	return v.why == "" && begun(v.At, now) && !reached(v.RevokedAt, now)
}

// expired reports whether v has run out; it is not asked of broken results,
// which never do.
func (v verdictOf) expired(now time.Time) bool {
	return reached(v.expires, now)
}

// uncleared returns the broken results among list, which is in order of time,
// that no later one cleared, the newest first. Only a works result of the same
// model at the same or a newer app version clears it, and not one of a
// smoke test: what is known to be broken has to be tested in full. That such a result
// expired since does not bring the trouble back, and a broken result does not
// fade with time: neither may restart a rollout by itself.
func uncleared(list []verdictOf, now time.Time) []verdictOf {
	var out []verdictOf
	for i, b := range slices.Backward(list) {
		if b.Result != ResultBroken || !b.counts(now) {
			continue
		}
		cleared := slices.ContainsFunc(list[i+1:], func(v verdictOf) bool {
			return v.Result != ResultBroken && v.Method != MethodSmoke && v.Model == b.Model && v.counts(now) && version.AtLeast(v.AppVersion, b.AppVersion)
		})
		if !cleared {
			out = append(out, b)
		}
	}
	return out
}

// Uncleared reports whether a result says broken and counts at now, and no later one
// cleared it, whatever became of the gate of its release. A group or a result that the
// world does not know has none.
func (w *World) Uncleared(v Verdict, now time.Time) bool {
	g := w.groups[v.Group]
	if g == nil {
		return false
	}
	list := uncleared(g.verdicts[appRelease{v.BundleID, v.Release}], w.halt.time(now))
	return slices.ContainsFunc(list, func(b verdictOf) bool { return b.ID == v.ID })
}

// app returns the state of one app at the gate of a release, and whether it
// keeps the gate closed.
func (w *World) app(g *group, a App, rel *release, classes []string, now time.Time) (AppState, bool) {
	key := appRelease{a.BundleID, rel.Version}
	list := g.verdicts[key]
	s := AppState{BundleID: a.BundleID, Name: a.Name, Importance: a.Importance}
	t := g.tests(a.BundleID, rel, now, now)
	verified := t.verified()
	s.rest(verified, classes)
	t.describe(&s)
	blocking := a.Importance != ImportanceInformational
	if broken := uncleared(list, now); len(broken) > 0 {
		s.fail(broken)
		return s, blocking
	}
	newest := newestOf(verified)
	if newest != nil {
		s.Verdict = newest.ID
	}
	switch {
	case s.lacksSmokeAlone(newest == nil):
		s.State, s.Why = StatusProvisional, WhySmokeMissing
		s.Verdict = t.waiting[s.Provisional[0]].ID
	case newest == nil && len(t.stale) > 0:
		s.State, s.Why, s.Verdict = StatusStale, WhyExpired, newestOf(t.stale).ID
	case newest == nil:
		s.State, s.Why = StatusUntested, w.whyNot(g, key, rel, now)
	case len(s.MissingModels) > 0:
		s.State, s.Why = StatusPartial, whyPartial(s.MissingModels, t.stale)
	case len(s.Carried) > 0:
		s.State = StatusCarried
	case s.Noted:
		s.State = StatusWorksWithNote
	default:
		s.State = StatusWorks
	}
	return s, blocking && s.Why != ""
}

// rest tells the state of an app what results by model class it rests on, and
// which classes still lack one.
func (s *AppState) rest(on map[string]*Verdict, classes []string) {
	for _, class := range sortedKeys(on) {
		v := on[class]
		s.Models, s.Tested = append(s.Models, class), append(s.Tested, v.Model)
		s.External = s.External || v.External
		s.Noted = s.Noted || v.Result == ResultWorksWithNote
		if s.Floor == "" || version.Order(v.AppVersion, s.Floor) > 0 {
			s.Floor = v.AppVersion
		}
	}
	s.MissingModels = missingClasses(s.Importance, on, classes)
}

// lacksSmokeAlone reports whether a smoke test on each model class that is missing would
// verify the app, or on one of them where one class is enough and none is tested: no
// class is missing of a group without production phones.
func (s *AppState) lacksSmokeAlone(untested bool) bool {
	if untested && (s.Importance != ImportanceCritical || len(s.MissingModels) == 0) {
		return len(s.Provisional) > 0
	}
	return len(s.Provisional) > 0 && len(s.Provisional) == len(s.MissingModels)
}

// fail tells the state of an app that results not cleared say does not work, the
// newest first.
func (s *AppState) fail(broken []verdictOf) {
	s.State, s.Why, s.Verdict = StatusBroken, WhyBroken, broken[0].ID
	s.External = s.External || broken[0].External
	for _, b := range broken {
		s.BrokenModels = append(s.BrokenModels, b.Model)
	}
	slices.Sort(s.BrokenModels)
	s.BrokenModels = slices.Compact(s.BrokenModels)
}

// newestByClass returns the newest result of each model class that counts: in
// accepted when it has not expired at the moment fresh, in stale when it has. A class
// is in one of them at most: an older result that lasts longer does not replace one
// that expired.
func newestByClass(list []verdictOf, now, fresh time.Time) (accepted, stale map[string]*Verdict) {
	accepted = make(map[string]*Verdict)
	for _, v := range list {
		switch {
		case v.Result == ResultBroken || !v.counts(now):
		case v.expired(fresh):
			delete(accepted, v.class)
			if stale == nil { // few results expire
				stale = make(map[string]*Verdict)
			}
			stale[v.class] = v.Verdict
		default:
			accepted[v.class] = v.Verdict
			delete(stale, v.class)
		}
	}
	return accepted, stale
}

// whyPartial explains why an app is not verified on all the model classes it has to
// be: the results of those that are missing expired, or some were never tested.
func whyPartial(missing []string, stale map[string]*Verdict) Code {
	for _, class := range missing {
		if stale[class] == nil {
			return WhyModelsMissing
		}
	}
	return WhyExpired
}

func newestOf(accepted map[string]*Verdict) *Verdict {
	var newest *Verdict
	for _, class := range sortedKeys(accepted) {
		v := accepted[class]
		if newest == nil || compareVerdicts(newest, v) < 0 {
			newest = v
		}
	}
	return newest
}

// missingClasses returns the model classes an app still has to be verified on:
// for a critical one those of production that lack a result, for an important
// one either all of them, when none has one, or none.
func missingClasses(importance Importance, accepted map[string]*Verdict, classes []string) []string {
	var missing []string
	if importance == ImportanceInformational {
		return nil
	}
	for _, c := range classes {
		if accepted[c] == nil {
			missing = append(missing, c)
		}
	}
	if importance != ImportanceCritical && len(missing) < len(classes) {
		return nil
	}
	return missing
}

// whyNot explains why an app has no accepted result: what is wrong with the
// newest one, or that there is none.
func (w *World) whyNot(g *group, key appRelease, rel *release, now time.Time) Code {
	list := g.verdicts[key]
	for _, v := range slices.Backward(list) {
		switch {
		case !begun(v.At, now):
		case v.why != "":
			return v.why
		case reached(v.RevokedAt, now):
			return WhyRevoked
		case v.Method == MethodSmoke && v.Result != ResultBroken && !v.expired(now):
			return g.whySmoke(key.bundleID, rel, now)
		}
	}
	if len(list) == 0 && w.tested[key] {
		return WhyOtherGroup
	}
	return WhyNoVerdict
}

// stop returns why the rollout of an approval stands still: a person paused
// it, an app is broken that was not when two people accepted it, there or on the
// older release it was carried over from, or a result it rested on was revoked
// and nothing replaced it. The first result is PhasePaused, PhaseBlocked or "".
func (g *group) stop(a approvalOf, now time.Time) (Phase, Reason) {
	if reached(a.PausedAt, now) {
		if len(a.Stopped) > 0 {
			return PhasePaused, a.Stopped[0].Reason(a.PausedBy)
		}
		return PhasePaused, reason(GatePausedByPerson, ParamBy, a.PausedBy, ParamReason, a.PauseReason)
	}
	var broken []verdictOf
	for _, app := range g.apps {
		v, b := g.stopping(app, a, now)
		if v != nil {
			return PhasePaused, reason(GateVerdictRevoked, ParamApp, app.BundleID, ParamModel, v.Model, ParamBy, v.RevokedBy)
		}
		if len(broken) == 0 {
			broken = b
		}
	}
	if len(broken) > 0 {
		b := broken[0]
		why := reason(GateAppBroken, ParamApp, b.BundleID, ParamModel, b.Model, ParamVersion, b.AppVersion)
		if b.Release != a.Release {
			why.Params[ParamRelease] = b.Release
		}
		return PhaseBlocked, why
	}
	return "", Reason{}
}

// stopping returns the results of one app that stop the rollout of an approval:
// one it rested on that was revoked, and those that say broken and that nobody
// accepted, on the release itself before those on an older one that it rests on.
func (g *group) stopping(app App, a approvalOf, now time.Time) (revoked *Verdict, broken []verdictOf) {
	if app.Importance == ImportanceInformational {
		return nil, nil
	}
	own := slices.DeleteFunc(uncleared(g.verdicts[appRelease{app.BundleID, a.Release}], now), a.accepts)
	return g.revokedSince(app, a, now), append(own, g.brokenBases(app, a, now)...)
}

// revokedSince returns a works result an approval rests on, revoked after it was
// given, that no other result replaces. A result that the approval names counted when
// it was given, so it was revoked later whatever the times say: a clock that ran
// ahead may have put the approval after it.
func (g *group) revokedSince(app App, a approvalOf, now time.Time) *Verdict {
	revoked := g.revokedOn(a.release, app, a, now)
	for _, older := range a.release.older {
		if revoked == nil {
			revoked = g.revokedOn(older, app, a, now)
		}
	}
	return revoked
}

// revokedOn looks at the results on one release.
func (g *group) revokedOn(rel *release, app App, a approvalOf, now time.Time) *Verdict {
	for _, v := range g.verdicts[appRelease{app.BundleID, rel.Version}] {
		if a.withdrew(v, now) && g.lost(app, a, v.class, now) {
			return v.Verdict
		}
	}
	return nil
}

// brokenBases returns the results on older releases, of which nobody accepted
// any, that say broken and that took away what an approval rests on by
// carry-over when no other result replaces it.
func (g *group) brokenBases(app App, a approvalOf, now time.Time) []verdictOf {
	var broken []verdictOf
	for _, older := range a.release.older {
		list := g.verdicts[appRelease{app.BundleID, older.Version}]
		broken = append(broken, slices.DeleteFunc(uncleared(list, now), a.accepts)...)
		for _, base := range list {
			if !slices.ContainsFunc(broken, base.brokenBy) || !base.counts(now) || !a.restsOn(base) {
				continue
			}
			if g.lost(app, a, base.class, now) {
				return slices.DeleteFunc(broken, func(b verdictOf) bool { return !base.brokenBy(b) })
			}
		}
	}
	return nil
}

// brokenBy reports whether nothing can rest on v by carry-over after b, a result
// beside or after it that says broken: it is of the same version of the app or
// a newer one.
func (v verdictOf) brokenBy(b verdictOf) bool {
	return !version.Newer(v.AppVersion, b.AppVersion)
}

// lost reports whether an app that an approval rests on is not verified any
// more on a model class. Expiry does not count: a result that expires during a
// rollout does not stop it.
func (g *group) lost(app App, a approvalOf, class string, now time.Time) bool {
	verified := g.accepted(app.BundleID, a, now)
	return verified[class] == nil && (app.Importance == ImportanceCritical || len(verified) == 0)
}

// accepted returns the results that an approval can rest on, by model class; for
// one that began by the emergency lane those of any method. None of them expires.
func (g *group) accepted(bundleID string, a approvalOf, now time.Time) map[string]*Verdict {
	if a.Lane != nil && !a.hurried() {
		found, _ := newestByClass(g.verdicts[appRelease{bundleID, a.Release}], now, time.Time{})
		return found
	}
	return g.tests(bundleID, a.release, now, time.Time{}).verified()
}

// names reports whether a result is one of those on record that an approval was given
// for.
func (a approvalOf) names(v verdictOf) bool { return slices.Contains(a.Verdicts, v.ID) }

// restsOn reports whether an approval rests on a works result: one it names, or
// any on its own release that counted by itself when it was given.
func (a approvalOf) restsOn(v verdictOf) bool {
	switch {
	case v.why != "" || v.Result == ResultBroken:
		return false
	case a.names(v):
		return true
	case !begun(v.At, a.At):
		return false
	default:
		return v.Release == a.Release && v.Method != MethodSmoke && !v.expired(a.At)
	}
}
