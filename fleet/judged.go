package fleet

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Judged is a test result that was recorded or taken back, and what that does. Only
// tried, a new one has no identifier.
type Judged struct {
	storage.Verdict
	Effect VerdictEffect
	DryRun bool
}

// VerdictEffect is what a test result does in the group that it counts for: nothing,
// often.
type VerdictEffect struct {
	EffectCounts
	Gates []GateEffect `json:"gates"` // whose phase changes, or what they wait for
	Phase policy.Phase `json:"phase"` // of the gate of the release afterwards
	// App is how far the app is there; nil for a release that has no gate yet.
	App     *SeenView      `json:"app,omitempty"`
	Classes []policy.Class `json:"model_classes,omitempty"` // those of App, with their models
	// VersionUnseen: no phone of the group reports the app version that a result made
	// elsewhere lets production install with.
	VersionUnseen bool `json:"version_unseen,omitempty"`
	// RestsOnNothing: it is a quick check, and does not verify the app on its model class: no
	// full test carries over to it there. The emergency lane may go by it all the same.
	RestsOnNothing bool `json:"rests_on_nothing,omitempty"`
	// UrgentOpen: the result completes the quick checks of an urgent release, which two
	// people can approve now.
	UrgentOpen bool `json:"urgent_open,omitempty"`
	// PolicyApproves are approvals that the group's policy gives by itself because of it.
	PolicyApproves []PolicyApproval `json:"policy_approves,omitempty"`
}

// judge works out what a change of one result does to the world that it was made in:
// after it is made, for it takes long in a large group, and no other decision is to
// wait for that.
func (f *Fleet) judge(w *worldState, s *snapshot, c storage.WorldChange, v storage.Verdict) Judged {
	now, after := f.now(), s.after(c)
	was, is := s.withCensus(w.census, now), after.withCensus(w.census, now)
	measured := Effect{Group: v.Group}
	f.measure(w, s, after, &measured)
	gate := policy.Evaluate(is, v.Group, v.Release, now)
	e := VerdictEffect{EffectCounts: measured.EffectCounts, Gates: groupGateEffects(after.catalog, was, is, v.Group, now, v.Release), Phase: gate.Phase, Classes: gate.Classes}
	if i := slices.IndexFunc(gate.Apps, func(a policy.AppState) bool { return a.BundleID == v.BundleID }); i >= 0 {
		seen := SeenView(shownApp(gate.Apps[i]))
		e.App = &seen
		e.RestsOnNothing = v.Method == string(policy.MethodSmoke) && v.RevokedAt.IsZero() && slices.Contains(gate.Apps[i].Alone, is.ClassOf(v.Group, v.Model))
	}
	e.VersionUnseen = v.External && v.RevokedAt.IsZero() && v.Result != string(policy.ResultBroken) && !w.has(v.Group, v.BundleID, v.AppVersion) && f.asksFor(after, v)
	e.UrgentOpen = gate.NextHuman == policy.StepApproveUrgent && policy.Evaluate(was, v.Group, v.Release, now).NextHuman != policy.StepApproveUrgent
	e.PolicyApproves = f.newlyApproved(w, s, after, v.Group)
	return Judged{Verdict: v, Effect: e}
}

// asksFor reports whether production phones need the version of a result, or a newer one,
// before they get its release: by the approval that stands or, before there is one, by the
// next. Of an approval that stands the version rises only when its own does not hold any more.
func (f *Fleet) asksFor(s *snapshot, v storage.Verdict) bool {
	a, ok := standing(s, v.Group, v.Release, f.now())
	if !ok {
		return true
	}
	return slices.ContainsFunc(s.policy.Floors(v.Group, a.ID, v.Model, f.now()), func(fl policy.Floor) bool {
		return fl.BundleID == v.BundleID && version.AtLeast(fl.MinVersion, v.AppVersion)
	})
}

// has reports whether a phone of a group says that it has this version of an app or a
// newer one.
func (w *worldState) has(group, bundleID, appVersion string) bool {
	return w.reports(group, bundleID, func(v string) bool { return version.AtLeast(v, appVersion) })
}

// reports reports whether a phone of a group says that it has a version of an app that
// fits.
func (w *worldState) reports(group, bundleID string, fits func(appVersion string) bool) bool {
	return slices.ContainsFunc(w.census.looksOf(group), func(p *storage.Phone) bool {
		return slices.ContainsFunc(p.Apps, func(a storage.InstalledApp) bool { return a.BundleID == bundleID && fits(a.ShortVersion) })
	})
}
