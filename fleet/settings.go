package fleet

import (
	"cmp"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Settings are business apps, calendars, policies and groups as files hold them. The
// built-in policy is never among them.
type Settings struct {
	Apps      []AppSettings      `json:"apps,omitzero"` // nil is left out, none is []
	Calendars []CalendarSettings `json:"calendars,omitzero"`
	Policies  []PolicySettings   `json:"policies,omitzero"`
	Groups    []GroupSettings    `json:"groups,omitzero"`
}

// AppSettings is one business app. What is nil stays as it is.
type AppSettings struct {
	BundleID string `json:"bundle_id"`
	AppChange
}

// CalendarSettings is one calendar. What is nil stays as it is, or is open when
// the calendar is new.
type CalendarSettings struct {
	Name string `json:"name"`
	NamedCalendarChange
}

// PolicySettings is one policy. What is nil stays as it is, or is as in the
// built-in policy when the policy is new.
type PolicySettings struct {
	Name string `json:"name"`
	PolicyChange
}

// GroupSettings is one group. What is nil stays as it is, or is what a new group
// begins with.
type GroupSettings struct {
	Name            string    `json:"name"`
	Apps            *[]string `json:"apps,omitempty"` // all of them: those missing here are taken away
	Candidate       *string   `json:"candidate,omitempty"`
	Rights          *string   `json:"rights,omitempty"`
	Policy          *string   `json:"policy,omitempty"`
	MinimumNotice   *string   `json:"minimum_notice,omitempty"`   // "24h"
	CandidateNotice *string   `json:"candidate_notice,omitempty"` // "4h"
}

// Settings returns every app, calendar, policy and group with every setting, each sorted
// by its key. Applied again they change nothing.
func (f *Fleet) Settings(seg storage.Segment) (Settings, error) {
	w, err := f.world(seg)
	if err != nil {
		return Settings{}, err
	}
	return settingsOf(w.current.Load().records), nil
}

func settingsOf(records storage.World) Settings {
	out := Settings{Apps: []AppSettings{}, Calendars: []CalendarSettings{}, Policies: []PolicySettings{}, Groups: []GroupSettings{}}
	for _, a := range records.Apps {
		out.Apps = append(out.Apps, appSettings(a))
	}
	for _, c := range records.Calendars {
		out.Calendars = append(out.Calendars, calendarSettings(c))
	}
	for _, p := range records.Policies {
		out.Policies = append(out.Policies, policySettings(p))
	}
	for _, g := range records.Groups {
		out.Groups = append(out.Groups, groupSettings(g))
	}
	return out
}

func appSettings(a storage.App) AppSettings {
	smoke, deliver := append([]string{}, a.Smoke...), deliveryOf(a)
	return AppSettings{a.BundleID, AppChange{
		Name: &a.Name, Importance: &a.Importance, Owner: &a.Owner, Vendor: &a.VendorContact, Smoke: &smoke, Deliver: &deliver,
	}}
}

func policySettings(p storage.Policy) PolicySettings {
	return PolicySettings{p.Name, PolicyChange{
		CarryOver: &p.CarryOver, VerdictDays: &p.VerdictDays, OnExpiry: &p.OnExpiry,
		RolloutChange: rolloutChange(p), ImprovementChange: improvementChange(p), UrgentChange: urgentChange(p),
		BreakerChange: breakerChange(p), MajorChange: majorChange(p), ChaseChange: chaseChange(p), LeakChange: leakChange(p), BetaChange: betaChange(p),
		ModelClassChange: modelClassChange(p),
	}}
}

func groupSettings(g storage.Group) GroupSettings {
	apps, decided := append([]string{}, g.Apps...), policyName(g)
	minimum := noticeText(cmp.Or(g.MinimumNotice, policy.DefaultMinimumNotice))
	candidate := noticeText(cmp.Or(g.CandidateNotice, policy.DefaultCandidateNotice))
	return GroupSettings{
		Name: g.Name, Apps: &apps, Candidate: &g.Candidate, Rights: &g.Rights, Policy: &decided,
		MinimumNotice: &minimum, CandidateNotice: &candidate,
	}
}
