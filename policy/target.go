package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// TargetFor computes what one phone must hide and what it must install. Its
// cost does not depend on the size of the fleet.
//
// At most one release is enforced, and only one newer than what the phone
// reports. A production phone gets the newest release with a standing approval
// that is still installable on its model and covers it, once its wave has
// started and its apps have reached the floors; a verification phone gets that
// or the newest candidate, whichever is newer, at once and without floors. An
// approval that stands is the group's floor until one of a newer release takes
// its place for the phone, so a phone that arrives late gets it too, and so does
// one for which the newer approval is paused or still waits for a wave or an
// app. Where none lets it start, Target.Apps names the apps that the newest one
// waits for which waits for nothing but apps that can be brought up to date. Not so
// where the newer one took over the waves of the older: then the
// older release is only kept by phones that were told it, and by none while the newer
// rollout is stopped. Hence taking an
// approval away never makes a phone install anything, as long as a release has
// one approval that stands.
//
// What the phone was announced is kept, and not switched, while it is prepared
// or installing. A prepared phone still loses it when the approval or offer of
// that release would no longer allow it (paused, declined, withdrawn, expired, an override
// that ended, a broken app, a revoked result, a move to another group): the deadline has not come, so
// stopping may still help. An installing phone keeps it whatever happens; there
// is nothing left to stop.
func TargetFor(w *World, f Facts, now time.Time) Target {
	now = w.halt.time(now)
	t := Target{Hold: HoldFor(w, f)}
	g := w.groups[f.Group]
	if g == nil || f.Group == "" {
		t.Blocked = reason(ReasonUngrouped)
		return t
	}
	runs := version.WithExtra(f.OSVersion, f.Extra)
	f = w.Counted(f)
	c := choice{w: w, g: g, f: &f, runs: runs, now: now}
	c.choose(&t)
	if w.halt.stands() {
		c.halt(&t)
	}
	if c.keeps(t.Enforce) {
		kept := *f.Announced
		kept.Keep = true
		t.Enforce, t.Release, t.Blocked, t.Apps = &kept, kept.Release, Reason{}, nil
	}
	return t
}

// choice is the computation of one target.
type choice struct {
	w   *World
	g   *group
	f   *Facts
	now time.Time
	// runs is what the phone reports, with the letter of an improvement even
	// where that tells nothing.
	runs string
}

func (c choice) choose(t *Target) {
	switch {
	case c.f.OSVersion == "" || c.f.Model == "":
		t.Blocked = reason(ReasonSyncPending, ParamWhy, string(WhyFactsUnknown))
		return
	case !version.Valid(c.f.OSVersion):
		t.Blocked = reason(ReasonNotControllable, ParamWhy, string(WhyVersionUnreadable), ParamVersion, c.f.OSVersion)
		return
	}
	approved, passed := c.approved()
	if candidate := c.candidate(); candidate != nil && (approved.release == nil || candidate.rank >= approved.release.rank) {
		c.enforce(t, Enforcement{
			Release: candidate.Version, Notice: notice(c.g.CandidateNotice, DefaultCandidateNotice),
			Source: SourceCandidate, SourceID: candidate.Version,
		})
		return
	}
	if approved.release == nil {
		c.wait(t, passed)
		return
	}
	c.enforce(t, c.promised(c.follow(approved.Approval)))
}

func notice(set, otherwise time.Duration) time.Duration {
	if set > 0 {
		return set
	}
	return otherwise
}

// passedOver are approvals of newer releases a phone cannot follow.
type passedOver struct {
	blocked   Reason // why not the newest that apps are brought up to date for or, without one, that is for the phone's model
	release   *release
	apps      []AppInstall // to bring up to date for that release to follow
	cannotRun *release     // the newest that is not for the phone's model
}

// approved returns the approval the phone is to follow: that of the newest
// release, newer than what it runs, that stands, is installable on its model,
// covers it and lets it start.
func (c choice) approved() (approvalOf, passedOver) {
	var passed passedOver
	var last *release
	for _, a := range c.g.approvals {
		if a.release == last || !begun(a.At, c.now) {
			continue // only the newest approval of a release counts
		}
		last = a.release
		if !version.Newer(a.Release, c.f.OSVersion) {
			break
		}
		if !c.stands(a) || c.leftOver(a) {
			continue
		}
		m, ok := a.release.windows[c.f.Model]
		switch {
		case !ok:
			if passed.cannotRun == nil {
				passed.cannotRun = a.release
			}
		case m.open(c.now):
			blocked := c.permit(a)
			if blocked.Code == "" {
				return a, passed
			}
			if apps := c.appsFirst(a, blocked); passed.release == nil || passed.apps == nil && apps != nil {
				passed.blocked, passed.release, passed.apps = blocked, a.release, apps
			}
		}
	}
	return approvalOf{}, passed
}

// stands reports whether the phone may follow an approval at all. An override
// speaks of production phones only: what testers get is a decision of its own.
func (c choice) stands(a approvalOf) bool {
	if a.Override != nil && c.f.Ring == RingVerification {
		return false
	}
	return c.takes(a.release) && !reached(a.Withdrawn, c.now) && !a.over(c.now) && !c.g.isDeclined(a.Release, c.now)
}

// covers reports whether the approval was made for a model.
func (a *Approval) covers(model string) bool {
	return slices.Contains(a.Models, model)
}

// leavesOut is the reason of phones of a model that the approval does not cover. The
// models of an override are those that two people chose: whether another one was
// tested says nothing about it.
func (a *Approval) leavesOut(model string) Reason {
	r := reason(ReasonModelNotVerified, ParamRelease, a.Release, ParamModel, model)
	if a.Override == nil {
		return r
	}
	return r.with(ParamWhy, string(WhyModelNotChosen), ParamModels, strings.Join(unique(a.Models), ", "))
}

// permit returns why an approval does not let the phone start, or a zero Reason
// when it does.
func (c choice) permit(a approvalOf) Reason {
	if c.f.Ring != RingVerification && !a.covers(c.f.Model) {
		return a.leavesOut(c.f.Model)
	}
	if phase, why := c.g.stop(a, c.now); phase != "" {
		return reason(ReasonPaused, ParamRelease, a.Release, ParamPhase, string(phase), ParamWhy, string(why.Code),
			ParamBy, why.Params[ParamBy], ParamReason, why.Params[ParamReason], ParamApp, why.Params[ParamApp])
	}
	if c.f.Ring == RingVerification {
		return Reason{}
	}
	w, i := a.wave(c.f)
	told := c.told(a.Approval)
	if kept := a.keptAt(); !told && kept >= 0 && i > kept {
		return reason(ReasonWaveNotStarted, ParamRelease, a.Release, ParamWhy, string(WhyWaveKept))
	}
	if i > 0 && !told && !w.Begun(c.now) && reached(w.Closed, c.now) {
		return reason(ReasonOutsideCalendar, ParamRelease, a.Release, ParamDate, date(w.Start))
	}
	if !told && (i == 0 || !w.Begun(c.now)) {
		return reason(ReasonWaveNotStarted, ParamRelease, a.Release, ParamDate, date(w.Start))
	}
	for _, floor := range c.g.floors(a, c.f.Model, c.now) {
		if r := c.belowFloor(floor); r.Code != "" {
			return r.with(ParamRelease, a.Release)
		}
	}
	return Reason{}
}

// belowFloor checks one app against its floor. An app that is not on the phone
// does not hold it back: nothing there can break. Nor does one that the group
// depended on when it was approved and does not any more: nobody asks for its version.
func (c choice) belowFloor(floor Floor) Reason {
	if !slices.Contains(c.g.Apps, floor.BundleID) {
		return Reason{}
	}
	i := slices.IndexFunc(c.f.Apps, func(a InstalledApp) bool { return a.BundleID == floor.BundleID })
	switch {
	case !c.f.AppsKnown, i >= 0 && c.f.Apps[i].Version == "":
		return reason(ReasonAppVersionUnknown, ParamApp, floor.BundleID, ParamFloor, floor.MinVersion)
	case i >= 0 && !version.AtLeast(c.f.Apps[i].Version, floor.MinVersion):
		return reason(ReasonAppUpdateNeeded, ParamApp, floor.BundleID, ParamFloor, floor.MinVersion,
			ParamVersion, c.f.Apps[i].Version)
	default:
		return Reason{}
	}
}

// follow returns what an approval asks of the phone.
func (c choice) follow(a *Approval) Enforcement {
	e := Enforcement{
		Release: a.Release, Deadline: a.Waves[0].Deadline, Notice: a.Notice(c.g.MinimumNotice),
		Source: SourceApproval, SourceID: a.ID, Urgent: a.Lane != nil, Hurried: a.HurriedAt(),
	}
	if w, i := a.wave(c.f); i > 0 && c.f.Ring != RingVerification {
		e.Deadline = w.Deadline
		if a.byVersion() {
			e.Wave = i
		}
	}
	return e
}

// candidate returns the newest release given to the verification ring that the
// phone can and should install, or nil.
func (c choice) candidate() *release {
	if c.f.Ring != RingVerification {
		return nil
	}
	if c.g.Candidate == CandidateAuto {
		if r := c.w.autoCandidate(c.g, c.f.Model, c.now, func(r *release) bool { return c.takes(r) && c.below(r) }); r != nil && version.Newer(r.Version, c.f.OSVersion) {
			return r
		}
	}
	return c.offered()
}

// offered returns the newest release with an offer that stands and that the
// phone could install, or nil.
func (c choice) offered() *release {
	for _, o := range c.g.offers {
		if !version.Newer(o.Release, c.f.OSVersion) {
			break
		}
		if c.isCandidate(o.release) {
			return o.release
		}
	}
	return nil
}

// isCandidate reports whether a release is offered to the phone now.
func (c choice) isCandidate(r *release) bool {
	m, ok := r.windows[c.f.Model]
	stands, exists := c.g.offered(r.Version, c.now)
	auto := !exists && c.g.Candidate == CandidateAuto && c.below(r)
	return (stands || auto) && c.g.gates(r) && c.takes(r) && ok && m.open(c.now) && !c.g.isDeclined(r.Version, c.now)
}

// autoCandidate returns the newest release a model can get that was not declined and
// that takes accepts, and nil when somebody withdrew that from the testers: an older one
// is replaced by it, and nobody could decide about what they find.
func (w *World) autoCandidate(g *group, model string, now time.Time, takes func(*release) bool) *release {
	r := w.newest(g, model, now, takes)
	if r == nil {
		return nil
	}
	if stands, exists := g.offered(r.Version, now); exists && !stands {
		return nil
	}
	return r
}

// newest returns the newest release a model can get that was not declined and
// that wanted accepts.
func (w *World) newest(g *group, model string, now time.Time, wanted func(*release) bool) *release {
	for _, r := range w.releasesOf(g) {
		if m, ok := r.windows[model]; ok && m.open(now) && !g.isDeclined(r.Version, now) && wanted(r) {
			return r
		}
	}
	return nil
}

// enforce sets the enforcement, or why the phone cannot be made to follow it.
func (c choice) enforce(t *Target, e Enforcement) {
	t.Release = e.Release
	if e.By, t.Blocked = enforceBy(c.f); t.Blocked.Code == "" {
		t.Enforce = &e
	}
}

// wait says what a phone for which nothing is approved waits for: the gate of
// the newest release its group is testing or, when it tests none, of the newest
// there is.
func (c choice) wait(t *Target, passed passedOver) {
	if c.aheadOfApproved() {
		t.Blocked = reason(ReasonNewerThanVerified, ParamVersion, c.f.OSVersion, ParamGroup, c.g.Name)
		return
	}
	if passed.release != nil {
		t.Release, t.Blocked, t.Apps = passed.release.Version, passed.blocked, passed.apps
		return
	}
	wanted := c.offered()
	if wanted == nil {
		wanted = c.w.newest(c.g, c.f.Model, c.now, func(r *release) bool { return c.takes(r) && c.below(r) })
	}
	if wanted == nil || !version.Newer(wanted.Version, c.f.OSVersion) {
		wanted = c.w.newest(c.g, c.f.Model, c.now, c.takes)
	}
	switch {
	case wanted != nil && version.Newer(wanted.Version, c.f.OSVersion):
		t.Release = wanted.Version
		t.Blocked = reason(ReasonGateClosed, ParamRelease, wanted.Version, ParamGroup, c.g.Name)
	case passed.cannotRun != nil && !c.atEndOfLine():
		t.Release = passed.cannotRun.Version
		t.Blocked = reason(ReasonModelCannotRun, ParamRelease, t.Release, ParamModel, c.f.Model)
	default:
		t.Blocked = c.done()
	}
}

// done says that there is nothing to install, and of a phone with a beta that it
// is one, and what that is good for: nobody decides about those.
func (c choice) done() Reason {
	r := reason(ReasonDone, ParamVersion, c.f.OSVersion)
	switch {
	case !BetaBuild(c.f.Build):
		return r
	case c.f.Ring == RingVerification:
		return r.with(ParamBuild, c.f.Build, ParamWhy, string(WhyHeadStart))
	default:
		return r.with(ParamBuild, c.f.Build, ParamWhy, string(WhyProductionBeta))
	}
}

// aheadOfApproved reports whether a production phone runs something newer than
// everything approved for its model. Without any approval nothing is ahead.
func (c choice) aheadOfApproved() bool {
	if c.f.Ring == RingVerification {
		return false
	}
	r := c.newestApproved()
	return r != nil && version.Newer(c.f.OSVersion, r.Version)
}

// atEndOfLine reports whether a phone with nothing newer to get runs what its
// group decided on for its model: the newest release approved for it or, in the
// verification ring, a candidate. Newer releases for other models say nothing
// about such a phone.
func (c choice) atEndOfLine() bool {
	if r := c.newestApproved(); r != nil && version.Equal(c.f.OSVersion, r.Version) {
		return true
	}
	r := c.w.known[c.f.OSVersion]
	return c.f.Ring == RingVerification && r != nil && c.isCandidate(r)
}

// newestApproved returns the newest release for the phone's model with an
// approval that stands, or nil.
func (c choice) newestApproved() *release {
	var last *release
	for _, a := range c.g.approvals {
		if a.release == last || !begun(a.At, c.now) {
			continue
		}
		last = a.release
		if _, ok := a.release.windows[c.f.Model]; ok && c.stands(a) {
			return a.release
		}
	}
	return nil
}

// keeps reports whether the phone keeps what it was announced instead of
// chosen.
func (c choice) keeps(chosen *Enforcement) bool {
	a := c.f.Announced
	if a == nil || !version.Newer(a.Release, c.runs) {
		return false
	}
	if chosen != nil && chosen.Release == a.Release && chosen.Source == a.Source && chosen.SourceID == a.SourceID {
		return false
	}
	// Only what the phone is working on can be past stopping: another release
	// under way is no reason to keep this one.
	if pending := c.f.Install.PendingVersion; pending != "" && !version.Equal(pending, a.Release) {
		return false
	}
	by, blocked := enforceBy(c.f)
	if a.By == ByCommand && by != ByCommand {
		return false // the phone no longer takes the command it was told by
	}
	switch c.f.Install.State {
	case InstallInstalling:
		return true
	case InstallPrepared:
		return blocked.Code == "" && c.allows(a)
	case InstallNone, InstallWaiting, InstallDownloading, InstallFailed:
	}
	return false
}

// allows reports whether what an enforcement rests on would, by itself, still
// allow it. An approval made anew for the same release takes the place of the
// one it was announced for, as an ordinary one does of an override.
func (c choice) allows(e *Enforcement) bool {
	if e.Source == SourceCandidate {
		r := c.w.known[e.Release]
		return c.f.Ring == RingVerification && r != nil && c.isCandidate(r)
	}
	a, r := c.g.approval(e.Release, c.now), c.w.known[e.Release]
	if a == nil || r == nil {
		return false
	}
	m, ok := r.windows[c.f.Model]
	standing := approvalOf{a, r}
	return ok && m.open(c.now) && c.stands(standing) && !c.leftOver(standing) && c.permit(standing).Code == ""
}
