package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Parts are the records a World is made of, in any order. Version, BundleID and
// Name are keys: of several releases, apps, groups or policies with one key, which one
// counts does not depend on their order but is otherwise not defined.
type Parts struct {
	Revision  uint64
	Releases  []Release
	Apps      []App
	Groups    []Group
	Policies  []Policy
	Verdicts  []Verdict
	Offers    []Offer
	Approvals []Approval
	Declines  []Decline
	Halt      Halt
	Location  *time.Location // of the installation; nil: UTC
	// Screens are the screens of models, by hardware identifier: models with the same
	// text lay out apps alike. One that is missing has a screen of its own.
	Screens map[string]string
}

// World is an immutable, indexed snapshot of Parts. It is safe for concurrent
// use; replace it to change it.
type World struct {
	*releaseIndex
	revision uint64
	halt     Halt
	location *time.Location
	groups   map[string]*group
	tested   map[appRelease]bool // a verdict exists, of whatever group
	screens  map[string]string   // shared by worlds, never changed
}

type appRelease struct{ bundleID, release string }

// group is a Group with everything recorded about it.
type group struct {
	Group
	policy    Policy // resolved
	screens   map[string]string
	apps      []App    // sorted by bundle identifier, resolved
	scope     []string // models its gates are about
	ran       []Census // Census by what the phones run, with the letters that their gates do not know
	approvals []approvalOf
	offers    []offerOf
	declined  map[string]Decline // first one by release
	verdicts  map[appRelease][]verdictOf
	doubted   map[string]bool // apps with a result that says broken, or was withdrawn
}

type approvalOf struct {
	*Approval
	release *release
}

type offerOf struct {
	*Offer
	release *release
}

// NewWorld copies, sorts and indexes parts. Records about a group or release
// that parts do not contain are left out.
func NewWorld(parts Parts) *World {
	parts.Verdicts, parts.Screens = slices.Clone(parts.Verdicts), maps.Clone(parts.Screens)
	return newWorld(parts, indexReleases(parts.Releases))
}

// With is like [NewWorld] with the releases and screens of w in the place of those in parts,
// which are not looked at, and takes the verdicts over: nobody may use them any more.
// To index hundreds of releases costs more than all the rest of a world, and to copy
// hundreds of verdicts a quarter of that rest.
func (w *World) With(parts Parts) *World {
	parts.Screens = w.screens
	return newWorld(parts, w.releaseIndex)
}

func newWorld(parts Parts, releases *releaseIndex) *World {
	w := &World{
		releaseIndex: releases,
		revision:     parts.Revision,
		halt:         parts.Halt,
		location:     parts.Location,
		groups:       make(map[string]*group, len(parts.Groups)),
		tested:       make(map[appRelease]bool),
		screens:      parts.Screens,
	}
	apps := make(map[string]App, len(parts.Apps))
	for _, a := range sorted(parts.Apps, func(a, b App) int { return strings.Compare(a.BundleID, b.BundleID) }) {
		apps[a.BundleID] = a
	}
	decided := policies(parts.Policies)
	for _, g := range sorted(parts.Groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) }) {
		w.groups[g.Name] = newGroup(g, apps, decided)
		w.groups[g.Name].screens = w.screens
	}
	w.addVerdicts(parts.Verdicts)
	w.addOffers(parts.Offers)
	w.addApprovals(parts.Approvals)
	for _, d := range parts.Declines {
		if g := w.groups[d.Group]; g != nil {
			if first, ok := g.declined[d.Release]; !ok || d.At.Before(first.At) {
				g.declined[d.Release] = d
			}
		}
	}
	return w
}

// Revision returns the revision given in Parts.
func (w *World) Revision() uint64 { return w.revision }

// GroupNames returns the names of all groups, sorted.
func (w *World) GroupNames() []string { return slices.Sorted(maps.Keys(w.groups)) }

// Group returns a copy of the group named name.
func (w *World) Group(name string) (Group, bool) {
	g, ok := w.groups[name]
	if !ok {
		return Group{}, false
	}
	c := g.Group
	c.Apps, c.Census = slices.Clone(c.Apps), slices.Clone(c.Census)
	return c, true
}

// Approval returns a copy of the approval of release that stands for the group
// at now: the newest one, unless it is withdrawn or an override that ended.
func (w *World) Approval(groupName, releaseVersion string, now time.Time) (Approval, bool) {
	g := w.groups[groupName]
	if g == nil {
		return Approval{}, false
	}
	a := g.approval(releaseVersion, now)
	if a == nil {
		return Approval{}, false
	}
	return copyApproval(*a), true
}

func newGroup(g Group, apps map[string]App, decided map[string]Policy) *group {
	out := &group{Group: g, declined: make(map[string]Decline), verdicts: make(map[appRelease][]verdictOf), doubted: make(map[string]bool)}
	var ok bool
	if out.policy, ok = decided[g.Policy]; !ok {
		out.policy = BuiltIn()
	}
	out.Apps = unique(g.Apps)
	for _, id := range out.Apps {
		a, ok := apps[id]
		if !ok {
			// A group may not lose an app from its gate because the app's own
			// record is missing.
			a = App{BundleID: id}
		}
		a.Name = cmp.Or(a.Name, id)
		switch a.Importance {
		case ImportanceCritical, ImportanceImportant, ImportanceInformational:
		default:
			a.Importance = ImportanceCritical
		}
		out.apps = append(out.apps, a)
	}
	out.count(g.Census)
	return out
}

// count takes up the counts of the group's phones and what follows from them.
func (g *group) count(census []Census) {
	g.ran = slices.DeleteFunc(slices.Clone(census), func(c Census) bool { return c.Count < 1 })
	slices.SortFunc(g.ran, compareCensus)
	g.Census = slices.Clone(g.ran)
	for i := range g.Census {
		g.Census[i].OSVersion = g.policy.counts(g.Census[i].OSVersion)
	}
	slices.SortFunc(g.Census, compareCensus)
	var production, all []string
	for _, c := range g.Census {
		if c.Model == "" {
			continue
		}
		all = append(all, c.Model)
		if c.Ring != RingVerification {
			production = append(production, c.Model)
		}
	}
	g.scope = unique(production)
	if len(g.scope) == 0 {
		g.scope = unique(all)
	}
}

func compareCensus(a, b Census) int {
	return cmp.Or(
		strings.Compare(string(a.Ring), string(b.Ring)), strings.Compare(a.Model, b.Model), strings.Compare(a.OSVersion, b.OSVersion),
		cmp.Compare(a.Count, b.Count), cmp.Compare(a.Silent, b.Silent),
	)
}

// addVerdicts indexes verdicts, which are the world's own from then on.
func (w *World) addVerdicts(list []Verdict) {
	for _, v := range refs(list, compareVerdicts) {
		v.Method = cmp.Or(v.Method, MethodFull)
		key := appRelease{v.BundleID, v.Release}
		w.tested[key] = true
		if g := w.groups[v.Group]; g != nil {
			if v.Result == ResultBroken || !v.RevokedAt.IsZero() {
				g.doubted[v.BundleID] = true
			}
			g.verdicts[key] = append(g.verdicts[key], verdictOf{Verdict: v, class: g.class(v.Model), expires: g.policy.Expires(*v), why: g.policy.rejected(v)})
		}
	}
}

func (w *World) addOffers(list []Offer) {
	for _, o := range refs(slices.Clone(list), func(a, b *Offer) int { return a.At.Compare(b.At) }) {
		g, rel := w.groups[o.Group], w.known[o.Release]
		if g != nil && rel != nil && g.gates(rel) {
			g.offers = append(g.offers, offerOf{o, rel})
		}
	}
	for _, g := range w.groups {
		slices.Reverse(g.offers)
		slices.SortStableFunc(g.offers, func(a, b offerOf) int { return newestFirst(a.release, b.release) })
	}
}

func (w *World) addApprovals(list []Approval) {
	byTime := func(a, b *Approval) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID)) }
	for _, a := range refs(slices.Clone(list), byTime) {
		g, rel := w.groups[a.Group], w.known[a.Release]
		if g == nil || rel == nil || !g.gates(rel) {
			continue
		}
		*a = copyApproval(*a)
		if len(a.Waves) == 0 {
			a.Waves = []Wave{{Start: a.At, Threshold: Buckets}}
		}
		for i := range a.Waves {
			a.Waves[i].Deadline = cmp.Or(a.Waves[i].Deadline, a.Deadline)
		}
		slices.SortFunc(a.Waves, func(a, b Wave) int {
			return cmp.Or(a.Start.Compare(b.Start), compareTaken(a, b), cmp.Compare(a.Threshold, b.Threshold), a.Deadline.Compare(b.Deadline))
		})
		g.approvals = append(g.approvals, approvalOf{a, rel})
	}
	for _, g := range w.groups {
		slices.Reverse(g.approvals)
		slices.SortStableFunc(g.approvals, func(a, b approvalOf) int { return newestFirst(a.release, b.release) })
	}
}

func copyApproval(a Approval) Approval {
	a.Waves = slices.Clone(a.Waves)
	a.Models = slices.Clone(a.Models)
	a.Floors = slices.Clone(a.Floors)
	a.Verdicts = slices.Clone(a.Verdicts)
	a.Stopped = slices.Clone(a.Stopped)
	a.Extensions = copyExtensions(a.Extensions)
	if a.Override != nil {
		o := *a.Override
		o.Broken = slices.Clone(o.Broken)
		a.Override = &o
	}
	if a.Lane != nil {
		l := *a.Lane
		l.CVEs = slices.Clone(l.CVEs)
		a.Lane = &l
	}
	return a
}

// approval returns the approval of a release that stands at now, or nil.
func (g *group) approval(releaseVersion string, now time.Time) *Approval {
	a := g.newest(releaseVersion, now)
	if a == nil || reached(a.Withdrawn, now) || a.over(now) {
		return nil
	}
	return a
}

// newest returns the newest approval of a release, whether or not it stands, or
// nil.
func (g *group) newest(releaseVersion string, now time.Time) *Approval {
	for _, a := range g.approvals {
		if a.Release == releaseVersion && begun(a.At, now) {
			return a.Approval
		}
	}
	return nil
}

// offered reports whether the newest offer of a release stands at now, and
// whether there is any.
func (g *group) offered(releaseVersion string, now time.Time) (stands, exists bool) {
	for _, o := range g.offers {
		if o.Release == releaseVersion && begun(o.At, now) {
			return !reached(o.Withdrawn, now), true
		}
	}
	return false, false
}

func (g *group) isDeclined(releaseVersion string, now time.Time) bool {
	d, ok := g.declined[releaseVersion]
	return ok && begun(d.At, now)
}

// begun reports whether something recorded at t is there at now; an unknown
// time counts as there.
func begun(t, now time.Time) bool { return !t.After(now) }

// reached reports whether t is set and not after now.
func reached(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// open reports whether a model can get its release at now.
func (m ModelWindow) open(now time.Time) bool {
	return begun(m.Posted, now) && !reached(m.Expires, now)
}

// sorted returns a sorted copy, see refs.
func sorted[T any](list []T, compare func(a, b T) int) []T {
	out := slices.Clone(list)
	for i, r := range refs(list, func(a, b *T) int { return compare(*a, *b) }) {
		out[i] = *r
	}
	return out
}

// refs returns references to the records of a list, sorted: to move large records
// about would cost more than to compare them. Those that compare as equal fall back
// to their whole text, so that the result never depends on the order of the list.
func refs[T any](list []T, compare func(a, b *T) int) []*T {
	out := make([]*T, len(list))
	for i := range list {
		out[i] = &list[i]
	}
	slices.SortFunc(out, func(a, b *T) int {
		if c := compare(a, b); c != 0 {
			return c
		}
		return strings.Compare(fmt.Sprintf("%+v", *a), fmt.Sprintf("%+v", *b))
	})
	return out
}

// unique returns the texts of a list, sorted and each once; nil for none.
func unique(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// sortedKeys returns the keys of a map, sorted; nil for none. Where gates are
// evaluated, an iterator would cost more than all else.
func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
