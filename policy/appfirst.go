package policy

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Delivery says how a newer version of a business app comes to phones.
type Delivery string

// The deliveries. Any other value, the empty one among them, counts as
// DeliverNone.
const (
	DeliverNone     Delivery = "none"     // not by this server
	DeliverStore    Delivery = "store"    // from the App Store, by the Apple Account on the phone
	DeliverLicensed Delivery = "licensed" // from the App Store, by a licence of Apps and Books
)

// ParseDelivery returns the delivery named s.
func ParseDelivery(s string) (Delivery, error) {
	return oneOf("delivery", Delivery(s), DeliverNone, DeliverStore, DeliverLicensed)
}

// AppInstall is one app to bring up to date before a release.
type AppInstall struct {
	BundleID string   `json:"bundle_id"`
	Floor    string   `json:"floor"`   // lowest version that will do
	Version  string   `json:"version"` // that is on the phone
	Deliver  Delivery `json:"deliver"` // how it gets there; of Target.Apps never DeliverNone
	SourceID string   `json:"source_id"`
}

// appsFirst returns, of a phone that an approval does not let start for the given
// reason, the apps that keep it from the release and that can be brought to the
// approval's floors without anybody's doing, in the order of the floors.
// Unsupervised phones would ask their users, so none is.
// A phone that could not be made to install the release in the end is left alone.
func (c choice) appsFirst(a approvalOf, blocked Reason) []AppInstall {
	if blocked.Code != ReasonAppUpdateNeeded || c.f.Supervised != Supervised {
		return nil
	}
	if _, never := enforceBy(c.f); never.Code != "" {
		return nil
	}
	return c.belowFloors(a, false)
}

// belowFloors returns the apps that keep the phone from an approval's release because
// they are too old, in the order of the floors: those that come by hand, or the others.
func (c choice) belowFloors(a approvalOf, byHand bool) []AppInstall {
	var list []AppInstall
	for _, floor := range c.g.floors(a, c.f.Model, c.now) {
		r, deliver := c.belowFloor(floor), c.delivery(floor.BundleID)
		if r.Code == ReasonAppUpdateNeeded && byHand == (deliver == DeliverNone) {
			list = append(list, AppInstall{floor.BundleID, floor.MinVersion, r.Params[ParamVersion], deliver, a.ID})
		}
	}
	return list
}

// delivery returns how an app comes to the phone: to an unsupervised one not by this
// server, because the phone would ask its user.
func (c choice) delivery(bundleID string) Delivery {
	if c.f.Supervised == Unsupervised {
		return DeliverNone
	}
	return c.g.delivery(bundleID)
}

// AppsByHand returns the apps that somebody has to update on a production phone before
// an approval of a release lets it start, whatever its wave and whether or not the
// rollout is stopped: those below their floors that this server does not bring there, in
// the order of the floors. None for a phone that needs the release no more, or that the
// approval could not make install it with every app in place.
func AppsByHand(w *World, f Facts, release string, now time.Time) []AppInstall {
	g := w.groups[f.Group]
	if g == nil || f.Ring == RingVerification {
		return nil
	}
	f = w.Counted(f)
	c := choice{w: w, g: g, f: &f, now: w.halt.time(now)}
	i := slices.IndexFunc(g.approvals, func(a approvalOf) bool { return a.Release == release && begun(a.At, c.now) })
	if i < 0 || !version.Newer(release, f.OSVersion) {
		return nil
	}
	a := g.approvals[i]
	m, ok := a.release.windows[f.Model]
	if _, never := enforceBy(c.f); never.Code != "" || !ok || !m.open(c.now) || !c.stands(a) || c.leftOver(a) || !a.covers(f.Model) {
		return nil
	}
	return c.belowFloors(a, true)
}

// delivery returns how an app comes to the phones of the group.
func (g *group) delivery(bundleID string) Delivery {
	for _, a := range g.apps {
		if a.BundleID == bundleID && (a.Deliver == DeliverStore || a.Deliver == DeliverLicensed) {
			return a.Deliver
		}
	}
	return DeliverNone
}

// AppProgress is how far one app of Target.Apps has come on its phone.
type AppProgress struct {
	BundleID string
	Floor    string
	State    Code      // one of the codes of an app update, WhyApp…
	Said     string    // what the phone said, verbatim
	SentAt   time.Time // when the last command was queued; zero: there was none
	Tries    int       // commands so far
	Spent    bool      // they were all: by itself there is no further one
}

// Codes of an app update (AppProgress.State, and ParamWhy of
// ReasonAppUpdateNeeded).
const (
	WhyAppQueued    Code = "app-queued"     // the phone has not answered the command yet
	WhyAppSent      Code = "app-sent"       // it took the command; the version is not there yet
	WhyAppSignIn    Code = "app-sign-in"    // it waits for an Apple Account
	WhyAppConsent   Code = "app-consent"    // it asks its user
	WhyAppNoLicence Code = "app-no-licence" // nothing pays for the app
	WhyAppOlder     Code = "app-older"      // it has what the store has, and that is too old
	WhyAppRefused   Code = "app-refused"    // it refused, or failed: AppProgress.Said
	WhyAppGaveUp    Code = "app-gave-up"    // it took every command, and the version never came
	WhyAppNoRight   Code = "app-no-right"   // it enrolled without the right to manage apps
	WhyAppByHand    Code = "app-by-hand"    // unsupervised: it would ask its user
)

// appSteps returns what follows an app update in each of its states.
func appSteps(r Reason) (step, bool) {
	var s step
	switch Code(r.Params[ParamWhy]) {
	case WhyAppQueued:
		s = step{StepAppComes, StepConnect}
	case WhyAppSent:
		s = step{StepAppComes, StepNone}
	case WhyAppSignIn:
		s = step{StepAppRetries, StepSignIn}
	case WhyAppConsent:
		s = step{StepAppRetries, StepAnswerPhone}
	case WhyAppNoLicence:
		s = step{StepAppRetries, StepAssignLicence}
	case WhyAppOlder:
		s = step{StepAppRetries, StepPublishApp}
	case WhyAppRefused:
		s = step{StepAppRetries, StepUpdateApp}
	case WhyAppGaveUp:
		s = step{StepAppSpent, StepUpdateApp}
	case WhyAppNoRight:
		s = step{StepEnforceAfterApp, StepEnrollAgain}
	case WhyAppByHand:
		s = step{StepEnforceAfterApp, StepUpdateApp}
	default:
		return step{}, false
	}
	if r.Params[ParamSpent] != "" {
		s.automatic = StepAppSpent
	}
	return s, true
}

// AppSteps returns what happens by itself and what a person can do about an app update
// in one of its states (WhyApp…; "": the app is not delivered).
func AppSteps(why Code) (automatic, human Code) {
	return steps(reason(ReasonAppUpdateNeeded, ParamWhy, string(why)))
}

// explainApp adds to the reason of a phone that needs an app first how far that
// app has come.
func (x *Explanation) explainApp(g *group, f Facts, l Live, t Target) {
	if x.Reason.Code != ReasonAppUpdateNeeded || g == nil {
		return
	}
	app := x.Reason.Params[ParamApp]
	if f.Supervised == Unsupervised && g.delivery(app) != DeliverNone {
		x.Reason = x.Reason.with(ParamWhy, string(WhyAppByHand))
		return
	}
	for _, wanted := range t.Apps {
		p := progressOf(l, wanted)
		if wanted.BundleID == app {
			x.Reason = x.Reason.with(ParamWhy, string(p.State), ParamReason, p.Said, ParamSpent, p.spent())
		}
		if !p.SentAt.IsZero() {
			x.Facts = append(x.Facts, reason(FactAppSent, ParamApp, wanted.BundleID, ParamFloor, wanted.Floor,
				ParamDate, date(p.SentAt), ParamCount, strconv.Itoa(p.Tries), ParamWhy, string(p.State)))
		}
	}
}

// spent returns the value of ParamSpent.
func (p AppProgress) spent() string {
	if !p.Spent {
		return ""
	}
	return strconv.FormatBool(true)
}

// progressOf returns how far an app has come; for one without a record the command
// is queued at the phone's next contact.
func progressOf(l Live, wanted AppInstall) AppProgress {
	for _, p := range l.Apps {
		if p.BundleID == wanted.BundleID && p.Floor == wanted.Floor {
			return p
		}
	}
	return AppProgress{State: WhyAppQueued}
}

// with returns the reason with further values, leaving out empty ones.
func (r Reason) with(pairs ...string) Reason {
	more := reason(r.Code, pairs...)
	all := maps.Clone(r.Params)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, more.Params)
	r.Params = all
	return r
}
