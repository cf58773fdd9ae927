package simulation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/storage"
)

// The judgements here are written from the rules people are told, and share
// nothing with the engine: they read the records and ask no gate.

// objection is why a phone must not be told to install a release, and the
// property that says so; the zero value is none.
type objection struct {
	property, why string
	wave          bool // nothing but that its wave has not begun
	app           bool // nothing but an app that is too old
}

func because(property, format string, args ...any) objection {
	return objection{property: property, why: fmt.Sprintf(format, args...)}
}

// passed reports whether a moment has come; the zero time never comes.
func passed(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// objects returns what speaks against telling a phone to install a release now.
func (w *world) objects(p *phone, release string) objection {
	if w.changed {
		w.learn()
	}
	now := w.decided()
	if p.group == "" {
		return because("P1", "the phone has no group")
	}
	if !w.hasGate(p.group, release) {
		return because("P1", "its group does not test improvements")
	}
	for _, d := range w.records.Declines {
		if d.Group == p.group && d.Release == release && passed(d.At, now) {
			return because("P4", "it was declined")
		}
	}
	off := w.keptOff(p.group, p.model, p.os, release)
	if p.ring == storage.RingVerification && w.isCandidate(p.group, release, now) && !off {
		return objection{}
	}
	a, ok := w.approval(p.group, release, now)
	switch {
	case !ok && off:
		return because("P1", "nobody approved the higher major version")
	case !ok:
		return because("P1", "nobody approved it")
	case passed(a.WithdrawnAt, now):
		return because("P4", "its approval was withdrawn")
	case passed(a.PausedAt, now):
		return because("P4", "its rollout is paused")
	case a.Override != nil && p.ring == storage.RingVerification:
		return because("P1", "an override says nothing of verification phones")
	case a.Override != nil && !now.Before(a.Override.Until):
		return because("P1", "its override has ended")
	}
	if why := w.stopped(a, now); why != "" {
		return because("P4", "%s", why)
	}
	if p.ring == storage.RingVerification {
		return objection{}
	}
	wave, i := w.waveOf(a, p)
	switch {
	case !slices.Contains(a.Models, p.model):
		return because("P1", "its approval does not cover the model")
	case !begun(wave, now) && i == 0:
		return objection{property: "P1", why: "its wave has not begun", wave: true}
	case !begun(wave, now):
		return objection{property: "P9", why: fmt.Sprintf("wave %d has not begun", i+1), wave: true}
	case a.Override != nil:
		return objection{}
	}
	if why := w.unverified(p.group, release, p.model, a.At); why != "" && (a.Lane == nil || wasHurried(a)) {
		return because("P1", "when it was approved, %s", why)
	}
	return w.belowFloor(p, release, a.At)
}

func (w *world) teamIndex(group string) int {
	return slices.IndexFunc(w.life.teams, func(t team) bool { return t.name == group })
}

func (w *world) team(group string) team {
	return w.life.teams[w.teamIndex(group)]
}

// isCandidate reports whether a release was given to the testers of a group.
func (w *world) isCandidate(group, release string, now time.Time) bool {
	for _, o := range w.records.Offers {
		if o.Group == group && o.Release == release {
			return passed(o.At, now) && !passed(o.Withdrawn, now)
		}
	}
	return w.team(group).auto
}

// approval returns the newest approval of a release for a group.
func (w *world) approval(group, release string, now time.Time) (storage.Approval, bool) {
	var newest storage.Approval
	for _, a := range w.records.Approvals {
		if a.Group == group && a.Release == release && passed(a.At, now) && a.At.After(newest.At) {
			newest = a
		}
	}
	return newest, newest.ID != ""
}

// closing returns the apps of a group that can keep its gates closed.
func (w *world) closing(group string) []app { return w.closingAt(group, w.serverNow()) }

// verdicts returns the results of an app on a release in a group that counted at
// a moment, whether or not they say that it works.
func (w *world) verdicts(group, bundleID, release string, at time.Time) []*storage.Verdict {
	all := w.tests[tested{group, bundleID, release}]
	if !slices.ContainsFunc(all, func(v *storage.Verdict) bool { return !counts(v, at) }) {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(v *storage.Verdict) bool { return !counts(v, at) })
}

// tested is what results are about.
type tested struct{ group, bundleID, release string }

// testsOf returns the results of verification phones on the release they are
// about.
func testsOf(records storage.World) map[tested][]*storage.Verdict {
	tests := map[tested][]*storage.Verdict{}
	for i := range records.Verdicts {
		if v := &records.Verdicts[i]; v.Ring == storage.RingVerification && (v.PhoneOS == v.Release || version.WithExtra(v.PhoneOS, v.PhoneExtra) == v.Release) {
			about := tested{v.Group, v.BundleID, v.Release}
			tests[about] = append(tests[about], v)
		}
	}
	return tests
}

// counts reports whether a result had come, and not been taken back, at a moment.
func counts(v *storage.Verdict, at time.Time) bool {
	return passed(v.At, at) && !passed(v.RevokedAt, at)
}

// brokenOn returns an app that was found broken and not found to work since.
func (w *world) brokenOn(group, release string, accepted []string, at time.Time) string {
	for _, a := range w.closingAt(group, at) {
		for _, b := range w.brokenResults(group, a.bundleID, release, at) {
			if !slices.Contains(accepted, b.ID) {
				return a.bundleID
			}
		}
	}
	return ""
}

// number reads the versions of the apps here, which are "7.0".
func number(v string) int {
	n, err := strconv.Atoi(strings.TrimSuffix(v, ".0"))
	if err != nil {
		return -1
	}
	return n
}

// unverified returns why a release was not verified for a model at a moment, ""
// when it was.
func (w *world) unverified(group, release, model string, at time.Time) string {
	if broken := w.brokenOn(group, release, nil, at); broken != "" {
		return broken + " was broken"
	}
	apps := w.closingAt(group, at)
	if len(apps) == 0 {
		return "no app could keep the gate closed"
	}
	for _, a := range apps {
		if !w.restsOn(storage.Approval{Group: group, Release: release}, a, model, false, at) {
			return a.bundleID + " was not known to work"
		}
	}
	return ""
}

// models are those of the phones.
func models() []string { return []string{modelA, modelB, modelOld, modelTwin} }

// restsOn reports whether an approval can rest on what is known of an app, as far
// as a model needs it: of an important one on any.
func (w *world) restsOn(of storage.Approval, a app, model string, ever bool, at time.Time) bool {
	on := []string{model}
	if a.importance != "critical" {
		on = models()
	}
	return slices.ContainsFunc(on, func(m string) bool { return w.foundOn(of, a, m, ever, at) })
}

// foundOn reports whether an approval can rest on what is known of an app on a
// model: in the emergency lane any test will do.
func (w *world) foundOn(of storage.Approval, a app, model string, ever bool, at time.Time) bool {
	if of.Lane != nil && !wasHurried(of) {
		return w.checkedOn(of.Group, a.bundleID, of.Release, model, ever, at)
	}
	return w.verified(of.Group, a.bundleID, of.Release, model, ever, at)
}

// stopped returns why a rollout stands still that nobody paused.
func (w *world) stopped(a storage.Approval, now time.Time) string {
	var accepted []string
	if a.Override != nil {
		accepted = a.Override.Broken
	}
	if broken := w.brokenOn(a.Group, a.Release, accepted, now); broken != "" {
		return broken + " is broken"
	}
	for _, app := range w.closing(a.Group) {
		for _, m := range models() {
			if w.triedOn(a, app, m) && w.foundOn(a, app, m, false, a.At) && !w.restsOn(a, app, m, true, now) {
				return "the results of " + app.bundleID + " were taken back"
			}
		}
	}
	return ""
}

// belowFloor objects to a phone with an app older than every version that was
// tested, as long as its group depends on it.
func (w *world) belowFloor(p *phone, release string, at time.Time) objection {
	depends := w.closing(p.group)
	for _, a := range w.closingAt(p.group, at) {
		if !slices.ContainsFunc(depends, func(d app) bool { return d.bundleID == a.bundleID }) {
			continue
		}
		least, _ := w.tested(p.group, a.bundleID, release, at)
		if has := w.listed(p, a.bundleID); has < least {
			o := because("P1", "version %d of %s was not tested", has, a.bundleID)
			o.app = true
			return o
		}
		if b := w.knownBroken(p.group, a.bundleID, release, w.listed(p, a.bundleID)); b != "" {
			o := because("P1", "version %d of %s is broken, by result %s", w.listed(p, a.bundleID), a.bundleID, b)
			o.app = true
			return o
		}
	}
	return objection{}
}

// knownBroken returns a result that says of a version of an app, or of a newer one, that it
// does not work on a release, and that none since has put right; "" for none. That an older
// version works puts nothing right.
func (w *world) knownBroken(group, bundleID, release string, has int) string {
	now := w.serverNow()
	list := w.verdicts(group, bundleID, release, now)
	for _, b := range list {
		if b.Result != "broken" || number(b.AppVersion) < has {
			continue
		}
		righted := func(v *storage.Verdict) bool {
			return v.Result != "broken" && v.Method != "smoke" && v.Model == b.Model && v.At.After(b.At) && number(v.AppVersion) == number(b.AppVersion)
		}
		if !slices.ContainsFunc(list, righted) {
			return b.ID
		}
	}
	return ""
}
