package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Identifiers of the declarations a phone gets. There is exactly one settings
// declaration and at most one enforcement, ever; the enforcement carries its
// release in the identifier so that its status and the phone's install reason
// name what they are about.
const (
	idOrganization  = "kannuki.organization"
	idStatus        = "kannuki.status"
	idSettings      = "kannuki.settings"
	idActivation    = "kannuki.activation"
	idEnforcePrefix = "kannuki.enforce."
)

// firstDeclarativeOS is the first iOS on which declarative management works
// for device enrolments (Apple, Device Management, DeclarativeManagement).
const firstDeclarativeOS = "16.0"

// minNotice is the shortest notice a group may give its phones. It leaves room
// for refixMargin, within which a deadline counts as too near.
const minNotice = 2 * time.Hour

// refixMargin is how close a deadline may be when the phone is not known to
// have the enforcement yet: a nearer one would be in the past before the phone
// has fetched it, which iOS answers with an install within the hour.
const refixMargin = time.Hour

// subscriptions are the status items Kannuki reads, with the first iOS that
// reports each. Nothing personal is among them.
func subscriptions() []string {
	return []string{
		"device.model.identifier",
		"device.operating-system.build-version",
		"device.operating-system.supplemental.build-version",
		"device.operating-system.supplemental.extra-version",
		"device.operating-system.version",
		"passcode.is-present",
		"softwareupdate.beta-enrollment",
		"softwareupdate.device-id",
		"softwareupdate.failure-reason",
		"softwareupdate.install-reason",
		"softwareupdate.install-state",
		"softwareupdate.pending-version",
	}
}

// baseline are the items every phone with declarative management knows; they
// are subscribed to until the phone has said what else it can report.
func baseline() []string {
	return []string{
		"device.model.identifier",
		"device.operating-system.build-version",
		"device.operating-system.version",
	}
}

// plan is what one phone should be told now.
type plan struct {
	target      policy.Target
	enforcement *storage.AnnouncedEnforcement
	set         storage.DeclarationSet
	bodies      []storage.DeclarationBody
}

// plan computes what the phone should be told. For the same snapshot and the
// same phone it gives the same token, however often it is asked.
func (f *Fleet) plan(s *snapshot, p *storage.Phone, now time.Time) (plan, error) {
	t := policy.TargetFor(s.policy, factsOf(s, p), now)
	pl := plan{target: t}
	if t.Enforce != nil {
		pl.enforcement = s.withBuild(f.fixDeadline(s, p, t.Enforce, now), p.Model, t.Hold)
	}
	if commandsOnly(p) {
		return pl, nil
	}
	declared := pl.enforcement
	if byCommand(declared) {
		declared = nil
	}
	c, err := f.compiled(p, t.Hold, declared)
	if err != nil {
		return plan{}, err
	}
	pl.set, pl.bodies = c.set, c.bodies
	return pl, nil
}

// announcedTo reports whether the phone was announced just this.
func (pl plan) announcedTo(p *storage.Phone) bool {
	return pl.set.Token == p.Announced.Token && samePromise(p.Announced.Enforcement, pl.enforcement)
}

// samePromise reports whether two enforcements ask for the same for the same reason,
// whenever that was first said. Of two approvals with one deadline the phone need not
// learn anything, so that its declarations do not tell them apart.
func samePromise(was, is *storage.AnnouncedEnforcement) bool {
	if was == nil || is == nil {
		return was == is
	}
	first := *was
	first.FirstAt = is.FirstAt
	return first == *is
}

// fixDeadline returns the enforcement with its deadline for this phone: the
// later of the wave's deadline and the end of the phone's own notice, or when the
// group's calendar opens after that, fixed when it was first announced. A deadline that passed before the phone had the enforcement
// is replaced, because a past deadline is never sent; what is only kept
// because it can no longer be stopped is not sent anew at all, which is nil.
func (f *Fleet) fixDeadline(s *snapshot, p *storage.Phone, e *policy.Enforcement, now time.Time) *storage.AnnouncedEnforcement {
	loc := f.location(p)
	by := ""
	if e.By == policy.ByCommand {
		by = string(policy.ByCommand)
	}
	was := p.Announced.Enforcement
	if was != nil && was.Release == e.Release && (was.SourceID == e.SourceID || e.Keep) {
		soon := policy.FormatLocal(now.Add(refixMargin), loc)
		if policy.LocalTime(was.Deadline).Compare(soon) > 0 || was.By == by && f.holds(p, was) {
			return f.kept(s, p, e, by, now)
		}
	}
	if e.Keep {
		return nil
	}
	deadline := s.toldDeadline(p.Group, *e, now, loc)
	return &storage.AnnouncedEnforcement{
		Release: e.Release, Deadline: string(deadline), Source: string(e.Source), SourceID: e.SourceID, By: by, FirstAt: now,
	}
}

// minuteUp returns the whole minute that t is or that follows it.
func minuteUp(t time.Time) time.Time {
	if r := t.Truncate(time.Minute); !r.Equal(t) {
		return r.Add(time.Minute)
	}
	return t
}

// byCommand reports whether an enforcement is carried out by commands.
func byCommand(e *storage.AnnouncedEnforcement) bool {
	return e != nil && e.By == string(policy.ByCommand)
}

// holds reports whether the phone itself listed this very enforcement, deadline
// included, among its declarations, or answered a command for it.
func (f *Fleet) holds(p *storage.Phone, e *storage.AnnouncedEnforcement) bool {
	if byCommand(e) {
		a := attemptOf(p)
		return a.Told && concerns(a, e)
	}
	i := slices.IndexFunc(p.Declarations, func(d storage.DeclarationState) bool {
		return d.Identifier == enforceID(e.Release)
	})
	if i < 0 {
		return false
	}
	d, err := enforcementFor(e)
	return err == nil && d.ServerToken == p.Declarations[i].ServerToken
}

func enforcementFor(e *storage.AnnouncedEnforcement) (mdm.Declaration, error) {
	return mdm.NewDeclaration(mdm.TypeSoftwareUpdateEnforcement, enforceID(e.Release), mdm.SoftwareUpdateEnforcement{
		TargetOSVersion: version.Base(e.Release), TargetBuildVersion: e.Build, TargetLocalDateTime: e.Deadline,
	})
}

// location returns the phone's own time zone, or the installation's when the
// phone never told.
func (f *Fleet) location(p *storage.Phone) *time.Location {
	if p.TimeZone == "" {
		return f.o.Location
	}
	if loc := f.zone(p.TimeZone); loc != nil {
		return loc
	}
	return f.o.Location
}

// zone returns a time zone by its IANA name, nil when this server does not know
// it.
func (f *Fleet) zone(name string) *time.Location {
	if known, ok := f.zones.Load(name); ok {
		if loc, ok := known.(*time.Location); ok {
			return loc
		}
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	f.zones.Store(name, loc)
	return loc
}

// compile writes the declarations of one phone.
func (f *Fleet) compile(p *storage.Phone, hold policy.Hold, e *storage.AnnouncedEnforcement) ([]mdm.Declaration, error) {
	organization, err := mdm.NewDeclaration(mdm.TypeOrganizationInfo, idOrganization, mdm.OrganizationInfo{Name: f.o.Organization})
	if err != nil {
		return nil, wrap("organisation declaration", err)
	}
	status, err := mdm.NewDeclaration(mdm.TypeStatusSubscriptions, idStatus, mdm.SubscribeTo(statusItems(p)...))
	if err != nil {
		return nil, wrap("status declaration", err)
	}
	configurations := []mdm.Declaration{status}
	// Supervision decides which keys the declaration may carry; before it is
	// known nothing is sent, because a phone rejects the whole declaration
	// for one key it must not get.
	if hold.Cadence == policy.ByDeclaration && p.Supervision != storage.SupervisionUnknown {
		settings, err := mdm.NewDeclaration(mdm.TypeSoftwareUpdateSettings, idSettings, f.settingsFor(hold))
		if err != nil {
			return nil, wrap("settings declaration", err)
		}
		configurations = append(configurations, settings)
	}
	if e != nil {
		enforcement, err := enforcementFor(e)
		if err != nil {
			return nil, wrap("enforcement declaration", err)
		}
		configurations = append(configurations, enforcement)
	}
	names := make([]string, len(configurations))
	for i, c := range configurations {
		names[i] = c.Identifier
	}
	slices.Sort(names)
	activation, err := mdm.NewDeclaration(mdm.TypeActivationSimple, idActivation, mdm.ActivationSimple{StandardConfigurations: names})
	if err != nil {
		return nil, wrap("activation", err)
	}
	return append(configurations, organization, activation), nil
}

// settingsFor writes the standing hold. It stays on the phone whatever is
// approved: a release is let in by an enforcement, which beats a deferral, so
// the next release is hidden from its first minute (Apple, Device Management,
// SoftwareUpdateSettings).
func (f *Fleet) settingsFor(hold policy.Hold) mdm.SoftwareUpdateSettings {
	yes := true
	settings := mdm.SoftwareUpdateSettings{
		Notifications:      &yes,
		RecommendedCadence: cadenceFor(hold),
		Beta:               f.betaFor(hold),
	}
	if !hold.Supervised {
		return settings.ForUnsupervised()
	}
	settings.Deferrals = &mdm.Deferrals{CombinedPeriodInDays: hold.Days}
	settings.AutomaticActions = &mdm.AutomaticActions{Download: mdm.AlwaysOff, InstallOSUpdates: mdm.AlwaysOff}
	settings.RapidSecurityResponse = improvementsFor(hold)
	return settings
}

// statusItems returns what to subscribe to on this phone: unknown names would
// only produce errors in its reports.
func statusItems(p *storage.Phone) []string {
	if p.Capabilities == nil {
		return baseline()
	}
	return p.Capabilities.StatusItems
}

// factsOf reduces a phone to the closed list of facts a target depends on.
func factsOf(s *snapshot, p *storage.Phone) policy.Facts {
	facts := deviceFacts(p)
	wanted := groupApps(s, p.Group)
	facts.Apps = make([]policy.InstalledApp, 0, len(p.Apps)+len(wanted))
	for _, a := range p.Apps {
		facts.Apps = append(facts.Apps, policy.InstalledApp{BundleID: a.BundleID, Version: a.ShortVersion})
	}
	// An app the phone was never asked for is not missing there: its version
	// is unknown.
	for _, id := range wanted {
		if !slices.Contains(p.AppsFor, id) {
			facts.Apps = append(facts.Apps, policy.InstalledApp{BundleID: id})
		}
	}
	return facts
}

// deviceFacts are the facts of a phone but for the apps on it.
func deviceFacts(p *storage.Phone) policy.Facts {
	facts := policy.Facts{
		Phone: p.UDID, Group: p.Group, Ring: policy.Ring(p.Ring),
		OSVersion: p.OS.Version, Extra: p.OS.SupplementalExtra, Build: p.OS.Build, Model: p.Model,
		Supervised: policy.SupervisionUnknown,
		AppsKnown:  !p.AppsAt.IsZero(),
		Install: policy.Install{
			State: policy.InstallState(p.Update.Install), Reasons: p.Update.Reasons,
			PendingVersion: pendingRelease(p), FailureCount: p.Update.Failures,
			FailureReason: p.Update.FailureReason, Deadline: policy.LocalTime(p.Update.PendingDeadline),
		},
	}
	switch p.Supervision {
	case storage.Supervised:
		facts.Supervised = policy.Supervised
	case storage.Unsupervised:
		facts.Supervised = policy.Unsupervised
	case storage.SupervisionUnknown:
	}
	if c := p.Capabilities; c != nil {
		facts.Capabilities = policy.Capabilities{Known: true, Settings: c.Settings, Enforcement: c.Enforcement}
	}
	if e := p.Announced.Enforcement; e != nil {
		facts.Announced = &policy.Enforcement{
			Release: e.Release, Deadline: policy.LocalTime(e.Deadline), Source: policy.Source(e.Source), SourceID: e.SourceID,
			By: mechanism(e),
		}
	}
	facts.Told = policy.ToldWave(p.Announced.Wave)
	return facts
}

// mechanism returns how an announced enforcement is carried out.
func mechanism(e *storage.AnnouncedEnforcement) policy.Mechanism {
	if byCommand(e) {
		return policy.ByCommand
	}
	return policy.ByDeclaration
}

// declarative reports whether the phone can be managed by declarations at all.
func declarative(p *storage.Phone) bool {
	return p.Capabilities != nil || version.AtLeast(p.OS.Version, firstDeclarativeOS)
}

// commandsOnly reports whether the phone is known not to have declarations and
// was never announced any.
func commandsOnly(p *storage.Phone) bool {
	return p.OS.Version != "" && !declarative(p) && p.Announced.Token == ""
}

// wakeKey names a phone to the push scheduler.
func wakeKey(seg storage.Segment, udid string) string { return string(seg) + "/" + udid }

// wakeAnew has a phone pushed soon, even where it did not answer pushes so that the next
// is a day away.
func (f *Fleet) wakeAnew(seg storage.Segment, udid string) {
	key := wakeKey(seg, udid)
	f.waker.Cancel(key)
	f.waker.Wake(key)
}
