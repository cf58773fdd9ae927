package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Explanation is why one phone is not done: exactly one reason, what supports
// it, and what happens next.
type Explanation struct {
	Reason        Reason     `json:"reason"`
	Facts         []Reason   `json:"facts"`
	Hold          HoldStatus `json:"hold"`
	HoldWhy       Code       `json:"hold_why,omitempty"`
	HoldBy        Mechanism  `json:"hold_by"` // ByNothing: nothing hides releases on this phone
	By            Mechanism  `json:"by"`      // how it is told to install what it has to; ByNothing while nothing is
	NextAutomatic Code       `json:"next_automatic,omitempty"`
	NextHuman     Code       `json:"next_human,omitempty"`
}

// HoldStatus says whether a phone is known to hide new releases.
type HoldStatus string

// The hold statuses.
const (
	HoldConfirmed  HoldStatus = "confirmed"  // the phone reported our deferral in force
	HoldPending    HoldStatus = "pending"    // it has not reported it yet
	HoldImpossible HoldStatus = "impossible" // it cannot have one as it is
	// HoldEnded: the phone reported it in force, and a release it could install
	// is older than Apple lets a deferral hide it, so that its user can see that.
	HoldEnded HoldStatus = "ended"
)

// Thresholds of Explain.
const (
	// OfflineAfter is the silence after which a phone counts as offline: phones
	// report by themselves every day, and may be two hours late.
	OfflineAfter = 26 * time.Hour

	// LateAfter is how long a phone may take to come after it was last heard of,
	// or first wanted, before somebody should look for it: by then the hourly
	// sweep has woken it again.
	LateAfter = 2 * time.Hour

	// Below these a phone that does not get on is taken to lack space or
	// charge. Apple publishes neither condition; both are rules of thumb.
	lowSpaceGB = 5.0
	lowBattery = 0.2
)

// HoldState returns whether the phone's hold is confirmed, pending or
// impossible, and for the last two why. Whether a confirmed one has ended for a
// release is for Explain.
func HoldState(f Facts, l Live) (HoldStatus, Code) {
	by, why := holdBy(f)
	switch {
	case why == WhySupervisionUnknown, why == WhyFactsUnknown, why == WhyCapabilitiesUnknown:
		return HoldPending, why
	case by == ByNothing:
		return HoldImpossible, why
	case l.SettingsError != "":
		return HoldImpossible, WhySettingsRefused
	case !l.HoldConfirmed:
		return HoldPending, WhyNotReported
	default:
		return HoldConfirmed, ""
	}
}

// Explainer explains many phones of one world at one moment: it evaluates each
// gate behind their reasons once. It is not safe for concurrent use.
type Explainer struct {
	w     *World
	now   time.Time
	gates map[gateKey]Gate
}

type gateKey struct{ group, release string }

// NewExplainer returns an explainer for a world at a moment.
func NewExplainer(w *World, now time.Time) *Explainer {
	return &Explainer{w: w, now: w.halt.time(now), gates: map[gateKey]Gate{}}
}

// gate is Evaluate, once per gate.
func (e *Explainer) gate(group, release string) Gate {
	k := gateKey{group, release}
	g, ok := e.gates[k]
	if !ok {
		g = Evaluate(e.w, group, release, e.now)
		e.gates[k] = g
	}
	return g
}

// Explain returns the one reason why the phone with target t is where it is. t
// must be the result of TargetFor for the same world, facts and time. Live
// values choose among the reasons of a phone that has something to install and
// never hide that it has nothing. Of a phone that left only that is said: it has
// no hold that anybody knows of.
func (e *Explainer) Explain(f Facts, l Live, t Target) Explanation {
	w, now := e.w, e.now
	x := Explanation{Facts: []Reason{reason(FactInstalled, ParamVersion, version.WithExtra(f.OSVersion, f.Extra), ParamModel, f.Model)}}
	if l.Removed {
		x.Reason = reason(ReasonRemoved, ParamDate, date(l.RemovedAt))
		x.NextAutomatic, x.NextHuman = steps(x.Reason)
		return x
	}
	f = w.Counted(f)
	x.Hold, x.HoldWhy = HoldState(f, l)
	if visible, _ := w.visible(f, now); visible != "" && x.Hold == HoldConfirmed {
		x.Hold = HoldEnded
	}
	x.HoldBy = t.Hold.By
	if t.Enforce != nil {
		x.By = t.Enforce.By
		x.Reason = underWay(f, l, t, now)
		x.explainSource(w, f, l, *t.Enforce, now)
	} else {
		// Without any approval for its model nothing is newer than approved; that
		// the phone moved on its own must not read as "done" all the same, nor as
		// the lack of something newer for its model.
		if l.Leaked && f.Ring != RingVerification && (t.Blocked.Code == ReasonDone || t.Blocked.Code == ReasonModelCannotRun) {
			t.Blocked = reason(ReasonNewerThanVerified, ParamVersion, f.OSVersion, ParamGroup, f.Group)
		}
		x.Reason = t.Blocked
		x.explainBlocked(e, f, t)
		x.explainApp(w.groups[f.Group], f, l, t)
	}
	x.addOnce(w.exceptions(f, t.Release, now))
	x.explainPhone(f, l)
	automatic, human := steps(x.Reason)
	if human == StepConnect && x.Reason.Code != ReasonOffline && now.Sub(w.expected(f, l, t, now)) < LateAfter {
		human = StepNone
	}
	if x.NextAutomatic == StepNone {
		x.NextAutomatic = automatic
	}
	if x.NextHuman == StepNone {
		x.NextHuman = human
	}
	return x
}

// expected returns since when the phone could be expected to come: since it was
// last heard of, or since somebody decided that it is to install something.
func (w *World) expected(f Facts, l Live, t Target, now time.Time) time.Time {
	since := l.LastContact
	if t.Enforce == nil {
		return since
	}
	later := func(t time.Time) {
		if t.After(since) {
			since = t
		}
	}
	g := w.groups[f.Group]
	if t.Enforce.Source == SourceCandidate {
		i := slices.IndexFunc(g.offers, func(o offerOf) bool { return o.Release == t.Enforce.Release && begun(o.At, now) })
		if i >= 0 {
			later(g.offers[i].At)
		}
		return since
	}
	if a := g.approval(t.Enforce.Release, now); a != nil {
		later(a.At)
		if wave, i := a.wave(&f); i > 0 {
			later(wave.Start)
		}
	}
	return since
}

// explainSource adds what the enforcement rests on.
func (x *Explanation) explainSource(w *World, f Facts, l Live, e Enforcement, now time.Time) {
	if e.Source == SourceCandidate {
		x.Facts = append(x.Facts, reason(FactCandidate, ParamRelease, e.Release))
	} else if a := w.groups[f.Group].approval(e.Release, now); a != nil && a.Override == nil && (a.Lane == nil || a.hurried()) {
		x.Facts = append(x.Facts, reason(FactApproved, ParamRelease, e.Release, ParamBy, a.By, ParamDate, date(a.At)))
	}
	switch {
	case e.Keep && f.Install.State == InstallInstalling:
		x.Facts = append(x.Facts, reason(FactKept, ParamRelease, e.Release))
	case e.Keep && f.Install.State == InstallPrepared:
		x.Facts = append(x.Facts, reason(FactReady, ParamRelease, e.Release))
	}
	// A command has no deadline: with a passcode the user decides when, and the
	// phone only keeps asking (Apple, Device Management, ScheduleOSUpdate).
	if e.By == ByCommand && (l.PasscodePresent == nil || *l.PasscodePresent) {
		x.Facts = append(x.Facts, reason(FactNoDeadline, ParamRelease, e.Release))
	}
}

// explainBlocked names the gate behind the reason, with its own line.
func (x *Explanation) explainBlocked(e *Explainer, f Facts, t Target) {
	w, now := e.w, e.now
	code := t.Blocked.Code
	switch {
	case code == ReasonGateClosed:
		wanted := t.Release
		visible, since := w.visible(f, now)
		switch {
		case f.Ring == RingVerification:
		case f.Supervised == Unsupervised:
			code = ReasonUnsupervised
		case visible != "":
			code, wanted = ReasonHoldEnded, visible
			x.Facts = append(x.Facts, reason(FactVisible, ParamRelease, visible, ParamDate, date(since)))
		}
		gate := e.gate(f.Group, wanted)
		x.addGate(gate)
		x.Reason = reason(code, ParamRelease, wanted, ParamGroup, f.Group, ParamPhase, string(gate.Phase),
			ParamMissing, strings.Join(gate.Missing, ","), ParamSetting, expirySetting(w, f.Group, code), ParamWhy, overrideEnded(gate))
		if code != ReasonUnsupervised {
			x.NextAutomatic, x.NextHuman = gate.NextAutomatic, gate.NextHuman
			if gate.NextAutomatic == StepHoldEnds {
				x.Reason = x.Reason.with(ParamDate, date(gate.hiddenUntil(f.Model)))
			}
		}
	case code == ReasonNewerThanVerified:
		gate := e.gate(f.Group, f.OSVersion)
		x.addGate(gate)
		x.Reason = reason(ReasonNewerThanVerified, ParamVersion, f.OSVersion, ParamGroup, f.Group,
			ParamPhase, string(gate.Phase), ParamMissing, strings.Join(gate.Missing, ","))
		if gate.Phase == PhaseVerified { // its apps were checked
			x.NextHuman = gate.NextHuman
		}
	case t.Release != "":
		gate := e.gate(f.Group, t.Release)
		x.addGate(gate)
		switch {
		case code != ReasonModelNotVerified:
		case Extendable(gate, f.Model) == nil:
			x.NextHuman = StepExtend
		case gate.Override != nil && gate.Override.Verified && !gate.Paused():
			x.NextHuman = StepApprove
		}
	}
}

// hiddenUntil returns when users of a model can see the release: that of the gate
// where the model has none of its own.
func (g Gate) hiddenUntil(model string) time.Time {
	for _, c := range g.ModelClocks {
		if c.Model == model {
			return c.HiddenUntil
		}
	}
	return g.Clocks.HiddenUntil
}

// overrideEnded returns why a closed gate was open before, "" when it was not.
func overrideEnded(g Gate) string {
	if !slices.ContainsFunc(g.Reasons, func(r Reason) bool { return r.Code == GateOverrideEnded }) {
		return ""
	}
	return string(WhyOverrideEnded)
}

func (x *Explanation) addGate(g Gate) {
	x.Facts = append(x.Facts, reason(FactGate, ParamRelease, g.Release, ParamPhase, string(g.Phase)))
	x.Facts = append(x.Facts, g.Reasons...)
}

// expirySetting returns what the group's policy does when a hold ends, for the reason
// that says so.
func expirySetting(w *World, group string, code Code) string {
	g := w.groups[group]
	if g == nil || code != ReasonHoldEnded {
		return ""
	}
	return string(g.policy.OnExpiry)
}

// explainPhone adds what was last heard from the phone.
func (x *Explanation) explainPhone(f Facts, l Live) {
	if l.LeakedBy != "" {
		x.Facts = append(x.Facts, reason(FactLeaked, ParamRelease, f.OSVersion, ParamDate, date(l.LeakedAt), ParamWhy, string(l.LeakedBy)))
	}
	if a := f.Announced; a != nil {
		x.Facts = append(x.Facts, reason(FactAnnounced, ParamRelease, a.Release, ParamDeadline, string(a.Deadline)))
	}
	if f.Install.State != "" {
		x.Facts = append(x.Facts, reason(FactInstallState, ParamWhy, string(f.Install.State), ParamRelease, f.Install.PendingVersion))
	}
	if !l.LastContact.IsZero() {
		x.Facts = append(x.Facts, reason(FactLastContact, ParamDate, date(l.LastContact)))
	}
}

// underWay returns the reason of a phone that has something to install. What
// the phone itself said last comes before what its silence may mean, unless it
// has been silent for so long that it says nothing any more.
func underWay(f Facts, l Live, t Target, now time.Time) Reason {
	silent := l.LastContact.IsZero() || now.Sub(l.LastContact) >= OfflineAfter
	state := f.Install.State
	if f.Install.PendingVersion != "" && !version.Equal(f.Install.PendingVersion, t.Enforce.Release) {
		state = InstallNone // about another release
	}
	switch {
	case silent && l.PushDead:
		return reason(ReasonPushUnreachable, ParamRelease, t.Release, ParamDate, date(l.LastContact))
	case silent:
		return reason(ReasonOffline, ParamRelease, t.Release, ParamDate, date(l.LastContact))
	case state == InstallInstalling:
		return reason(ReasonInstalling, ParamRelease, t.Release)
	case l.SingleApp:
		return reason(ReasonSingleAppMode, ParamRelease, t.Release)
	case state == InstallPrepared:
		return prepared(f, l, t)
	case state == InstallDownloading:
		return reason(ReasonDownloading, ParamRelease, t.Release)
	case state == InstallFailed || f.Install.FailureCount > 0:
		return failed(f.Install, l, t)
	}
	if r := undelivered(f, l, t); r.Code != "" {
		return r
	}
	if l.AvailableGB != nil && *l.AvailableGB < lowSpaceGB {
		return reason(ReasonNoSpace, ParamRelease, t.Release)
	}
	return reason(ReasonDownloading, ParamRelease, t.Release)
}

// undelivered returns why the phone does not know its enforcement yet, or a
// zero Reason.
func undelivered(f Facts, l Live, t Target) Reason {
	told := f.Announced != nil && f.Announced.Release == t.Enforce.Release && !l.SyncPending
	switch {
	case told && l.DeclarationFetched:
		return Reason{}
	case !l.NotNowSince.IsZero():
		return reason(ReasonLocked, ParamRelease, t.Release, ParamDate, date(l.NotNowSince))
	case l.PushDead:
		return reason(ReasonPushUnreachable, ParamRelease, t.Release, ParamDate, date(l.LastContact))
	case !told:
		return reason(ReasonSyncPending, ParamRelease, t.Release, ParamDate, date(l.LastPush))
	default:
		return reason(ReasonDeclarationNotFetched, ParamRelease, t.Release, ParamDate, date(l.LastPush))
	}
}

// prepared returns the reason of a phone that has the release ready: after the
// deadline something on the phone itself is in the way.
func prepared(f Facts, l Live, t Target) Reason {
	deadline := f.Install.Deadline
	if deadline == "" && f.Announced != nil {
		deadline = f.Announced.Deadline
	}
	code := ReasonWaitingForUser
	if deadline != "" && l.LocalNow.Compare(deadline) >= 0 {
		switch {
		case l.BatteryLevel != nil && *l.BatteryLevel < lowBattery:
			code = ReasonBattery
		case l.PasscodePresent == nil || *l.PasscodePresent:
			code = ReasonPasscodeNeeded
		}
	}
	return reason(code, ParamRelease, t.Release, ParamDeadline, string(deadline))
}

// failed returns the reason of a phone whose installation failed.
func failed(i Install, l Live, t Target) Reason {
	return reason(FailureOf(i.FailureReason, l.AvailableGB), ParamRelease, t.Release, ParamCount, strconv.Itoa(i.FailureCount), ParamWhy, i.FailureReason)
}

// FailureOf classifies a failed installation by what the phone said of it and
// the space it has, nil when that is not known: ReasonNoSpace, ReasonBattery or,
// when it may be the release that is at fault, ReasonInstallFailed. Apple's text
// is free, so it is searched for words.
func FailureOf(text string, availableGB *float64) Code {
	text = strings.ToLower(text)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	switch {
	case has("battery", "charge", "power"):
		return ReasonBattery
	case has("space", "storage"), text == "" && availableGB != nil && *availableGB < lowSpaceGB:
		return ReasonNoSpace
	default:
		return ReasonInstallFailed
	}
}
