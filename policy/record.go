package policy

import (
	"cmp"
	"slices"
	"time"
)

// Record names what a reason rests on, so that people can look it up.
type Record struct {
	Kind    RecordKind `json:"kind"`
	ID      string     `json:"id"`
	Release string     `json:"release,omitempty"` // of an approval, whose ID does not tell it
	By      string     `json:"by,omitempty"`      // who wrote it
	At      time.Time  `json:"at,omitzero"`       // when
}

// RecordKind says what a record is.
type RecordKind string

// The kinds of records, with what their ID is.
const (
	RecordVerdict  RecordKind = "verdict"  // Verdict.ID
	RecordApproval RecordKind = "approval" // Approval.ID; By and At are of the pause for a rollout that a person paused
	RecordOffer    RecordKind = "offer"    // group/release
	RecordDecline  RecordKind = "decline"  // group/release
	RecordGate     RecordKind = "gate"     // group/release; computed, with a chain of its own
	RecordGroup    RecordKind = "group"    // name
	RecordPolicy   RecordKind = "policy"   // name
	RecordApp      RecordKind = "app"      // bundle identifier
	RecordRelease  RecordKind = "release"  // version, in the catalogue
	RecordPhone    RecordKind = "phone"    // identifier; At is when it was last heard
)

// Cited returns a gate of the world, evaluated at now, with the records that each
// of its reasons rests on. That costs more than the reasons themselves, so
// Evaluate leaves it out.
func (w *World) Cited(gate Gate, now time.Time) Gate {
	gate.Reasons = slices.Clone(gate.Reasons)
	c := citer{w: w, g: w.groups[gate.Group], now: now}
	for i, r := range gate.Reasons {
		gate.Reasons[i].From = c.gate(gate, r)
	}
	return gate
}

// Cited returns an explanation, made by Explain from the same facts, with the
// records that its reason and each fact rest on.
func (e *Explainer) Cited(f Facts, l Live, x Explanation) Explanation {
	c := citer{w: e.w, g: e.w.groups[f.Group], now: e.now}
	phone := Record{Kind: RecordPhone, ID: f.Phone, At: l.LastContact}
	x.Facts = slices.Clone(x.Facts)
	var gate Gate
	for i, r := range x.Facts {
		if r.Code == FactGate { // the gate's own reasons follow
			gate = e.gate(f.Group, r.Params[ParamRelease])
		}
		x.Facts[i].From = c.fact(gate, r, phone)
	}
	x.Reason.From = c.reason(x.Reason, cmp.Or(x.Reason.Params[ParamRelease], gate.Release), phone)
	return x
}

// citer finds the records behind reasons.
type citer struct {
	w   *World
	g   *group // nil for a group the world does not know
	now time.Time
}

// reason returns what the one reason of a phone, about a release, rests on. Most
// follow from what the phone itself said, or did not say.
func (c citer) reason(r Reason, release string, phone Record) []Record {
	switch r.Code {
	case ReasonGateClosed:
		return c.gateRecord(release)
	case ReasonHoldEnded:
		return append(c.gateRecord(release), c.policy()...)
	case ReasonUnsupervised:
		return append(c.gateRecord(release), phone)
	case ReasonNewerThanVerified:
		return append(c.gateRecord(r.Params[ParamVersion]), phone)
	case ReasonPaused, ReasonWaveNotStarted, ReasonOutsideCalendar:
		return c.approval(release)
	case ReasonModelNotVerified, ReasonAppUpdateNeeded, ReasonAppVersionUnknown:
		return append(c.approval(release), phone)
	case ReasonModelCannotRun:
		return append(releaseRecord(release), phone)
	default:
		return []Record{phone}
	}
}

// fact returns what a fact about a phone rests on; of a gate's reasons, what
// they do.
func (c citer) fact(gate Gate, r Reason, phone Record) []Record {
	release := r.Params[ParamRelease]
	switch r.Code {
	case FactApproved, FactKept, FactReady:
		if a := c.approval(release); a != nil {
			return a
		}
		return c.offer(release)
	case FactCandidate:
		return c.offer(release)
	case FactGate:
		return c.gateRecord(release)
	case FactVisible:
		return releaseRecord(release)
	case FactInstalled, FactAnnounced, FactInstallState, FactLastContact, FactLeaked, FactNoDeadline, FactAppSent:
		return []Record{phone}
	default:
		return c.gate(gate, r)
	}
}

// gate returns what a reason of a gate rests on.
func (c citer) gate(gate Gate, r Reason) []Record {
	if c.g == nil {
		return nil
	}
	app := r.Params[ParamApp]
	switch r.Code {
	case GateDeclined:
		d := c.g.declined[gate.Release]
		return []Record{{Kind: RecordDecline, ID: c.pair(gate.Release), By: d.By, At: d.At}}
	case GateImprovement, GateNotPosted, GateNotApplicable, GateExpired:
		return releaseRecord(gate.Release)
	case GateSuperseded, GateBranchLives, GateBranchQuiet, GateBranchStopped:
		return releaseRecord(r.Params[ParamRelease])
	case GatePausedByPerson:
		list := c.approval(gate.Release)
		for i := range list {
			a := c.g.newest(gate.Release, c.now)
			list[i].By, list[i].At = a.PausedBy, a.PausedAt
		}
		return list
	case GateVerdictRevoked, GateAppBroken:
		return c.stopping(gate, app)
	case GateAllThere, GatePhonesOutstanding, GateWaveStarts, GateWaveKept:
		return c.approval(gate.Release)
	case GateModelAdded:
		return c.extension(gate.Release, r.Params[ParamModel])
	case GateHurried:
		return c.haste(cmp.Or(r.Params[ParamRelease], gate.Release))
	case GateOverridden, GateOverrideEnded, GateUrgentApproval:
		return c.approval(cmp.Or(r.Params[ParamRelease], gate.Release))
	case GateNoApps, GateNoBlockingApp, GateNoVerificationPhone:
		return c.group()
	case GateAppMissing, GateAppNotCovered:
		return append([]Record{{Kind: RecordApp, ID: app}}, c.unaccepted(gate, app)...)
	case GateAllVerified:
		return c.verified(gate)
	case GateAppCarried:
		return c.carried(gate, app, r.Params[ParamRelease])
	case GateOffered:
		return c.offer(gate.Release)
	case GateHoldEnded, GateImprovementOff:
		return append(releaseRecord(gate.Release), c.policy()...)
	case GatePolicyApproves, GatePolicyWaits:
		return append(releaseRecord(r.Params[ParamRelease]), c.policy()...)
	default:
		return nil
	}
}

func (c citer) pair(release string) string { return c.g.Name + "/" + release }

func (c citer) gateRecord(release string) []Record {
	if c.g == nil {
		return nil
	}
	return []Record{{Kind: RecordGate, ID: c.pair(release)}}
}

func (c citer) group() []Record { return []Record{{Kind: RecordGroup, ID: c.g.Name}} }

func (c citer) policy() []Record { return []Record{{Kind: RecordPolicy, ID: c.g.policy.Name}} }

func releaseRecord(release string) []Record { return []Record{{Kind: RecordRelease, ID: release}} }

// approval returns the newest approval of a release, whether or not it still
// stands.
func (c citer) approval(release string) []Record {
	if c.g == nil {
		return nil
	}
	a := c.g.newest(release, c.now)
	if a == nil {
		return nil
	}
	return []Record{{Kind: RecordApproval, ID: a.ID, Release: a.Release, By: a.By, At: a.At}}
}

// haste returns the newest approval of a release as two people hurried it.
func (c citer) haste(release string) []Record {
	list := c.approval(release)
	for i := range list {
		if a := c.g.newest(release, c.now); a.hurried() {
			list[i].By, list[i].At = a.Lane.By+", "+a.Lane.Second, a.Lane.HurriedAt
		}
	}
	return list
}

// offer returns what released a candidate to the verification ring: a person's
// act, or the group's setting.
func (c citer) offer(release string) []Record {
	for _, o := range c.g.offers {
		if o.Release == release && begun(o.At, c.now) {
			return []Record{{Kind: RecordOffer, ID: c.pair(release), By: o.By, At: o.At}}
		}
	}
	return c.group()
}

func verdictRecord(v *Verdict) Record {
	return Record{Kind: RecordVerdict, ID: v.ID, By: v.By, At: v.At}
}

// stopping returns the results of an app that stop a rollout, or keep a gate
// without one closed.
func (c citer) stopping(gate Gate, app string) []Record {
	i := slices.IndexFunc(c.g.apps, func(a App) bool { return a.BundleID == app })
	rel := c.w.known[gate.Release]
	if i < 0 || rel == nil {
		return nil
	}
	var broken []verdictOf
	if a := c.g.approval(gate.Release, c.now); a == nil {
		broken = uncleared(c.g.verdicts[appRelease{app, gate.Release}], c.now)
	} else {
		var revoked *Verdict
		if revoked, broken = c.g.stopping(c.g.apps[i], approvalOf{a, rel}, c.now); revoked != nil {
			return []Record{{Kind: RecordVerdict, ID: revoked.ID, By: revoked.RevokedBy, At: revoked.RevokedAt}}
		}
	}
	var list []Record
	for _, v := range broken {
		list = append(list, verdictRecord(v.Verdict))
	}
	return list
}

// unaccepted returns the newest result of an app on the release of a gate that
// it keeps closed, and what it could be carried over from.
func (c citer) unaccepted(gate Gate, app string) []Record {
	var list []Record
	for _, v := range slices.Backward(c.g.verdicts[appRelease{app, gate.Release}]) {
		if begun(v.At, c.now) {
			list = append(list, verdictRecord(v.Verdict))
			break
		}
	}
	for _, a := range gate.Apps {
		if v := c.verdict(app, a.Verdict); a.BundleID == app && v != nil && v.Release != gate.Release {
			list = append(list, verdictRecord(v))
		}
	}
	return list
}

// verified returns the results on its release that a verified gate rests on:
// of each app the one of each model class.
func (c citer) verified(gate Gate) []Record {
	var list []Record
	for _, a := range gate.Apps {
		if a.Importance == ImportanceInformational {
			continue
		}
		verified := c.g.tests(a.BundleID, c.w.known[gate.Release], c.now, c.now).verified()
		for _, class := range sortedKeys(verified) {
			list = append(list, verdictRecord(verified[class]))
		}
	}
	return list
}

// carried returns the smoke tests of an app, and the results on an older release
// that they rest on.
func (c citer) carried(gate Gate, app, base string) []Record {
	var list []Record
	for _, a := range gate.Apps {
		for _, k := range a.Carried {
			if a.BundleID != app || k.BaseRelease != base {
				continue
			}
			for _, id := range []string{k.Smoke, k.Base} {
				if v := c.verdict(app, id); v != nil {
					list = append(list, verdictRecord(v))
				}
			}
		}
	}
	return slices.Compact(list)
}

// verdict returns a result of an app by its identifier, on whatever release.
func (c citer) verdict(app, id string) *Verdict {
	for key, list := range c.g.verdicts {
		if key.bundleID != app {
			continue
		}
		for _, v := range list {
			if v.ID == id {
				return v.Verdict
			}
		}
	}
	return nil
}
