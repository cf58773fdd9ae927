package fleet

import (
	"reflect"
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// reach is which groups a change of the world's records can mean anything for: the gates
// and rollouts of all others stay what they are.
type reach struct {
	every bool
	names map[string]bool
}

// everywhere is the reach of a change of which nothing is known.
func everywhere() reach { return reach{every: true} }

func (r reach) has(group string) bool { return r.every || r.names[group] }

// reachOf returns how far a change of these records reaches. What is not known to concern
// some groups alone concerns every group.
func reachOf(was storage.World, c storage.WorldChange) reach {
	r := reach{names: map[string]bool{}}
	r.decisions(was, &c)
	r.settings(was, &c)
	c.Audit, c.Notices, c.Proposals, c.Paused, c.LeaksTold = nil, nil, nil, nil, nil // nothing follows from these
	r.every = !reflect.ValueOf(c).IsZero()
	return r
}

// decisions takes what is on record about one group each out of a change.
func (r reach) decisions(was storage.World, c *storage.WorldChange) {
	reached(r, was.Verdicts, c.Verdicts, func(v storage.Verdict) (string, string) { return v.ID, v.Group })
	reached(r, was.Approvals, c.Approvals, func(a storage.Approval) (string, string) { return a.ID, a.Group })
	reached(r, was.Problems, c.Problems, func(p storage.Problem) (string, string) { return p.ID, p.Group })
	reached(r, nil, c.Offers, func(o storage.Offer) (string, string) { return "", o.Group })
	reached(r, nil, slices.Concat(c.Declines, c.RemoveDeclines), func(d storage.Decline) (string, string) { return "", d.Group })
	reached(r, nil, slices.Concat(c.HoldMarks, c.RemoveHoldMarks), func(m storage.HoldMark) (string, string) { return "", m.Group })
	c.Verdicts, c.Approvals, c.Problems, c.Offers, c.Declines, c.RemoveDeclines, c.HoldMarks, c.RemoveHoldMarks = nil, nil, nil, nil, nil, nil, nil, nil
}

// reached adds the groups of records, and of those with the same identifier whose place
// they take.
func reached[T any](r reach, was, is []T, of func(T) (id, group string)) {
	taken := map[string]bool{}
	for _, one := range is {
		id, group := of(one)
		taken[id], r.names[group] = true, true
	}
	for _, one := range was {
		if id, group := of(one); taken[id] {
			r.names[group] = true
		}
	}
}

// settings takes apps, groups, policies and calendars out of a change.
func (r reach) settings(was storage.World, c *storage.WorldChange) {
	apps, policies, calendars := changedApps(was, c), slices.Clone(c.RemovePolicies), slices.Clone(c.RemoveCalendars)
	for _, n := range c.Calendars {
		calendars = append(calendars, n.Name)
	}
	for _, n := range was.Calendars {
		if overlap(n.Include, calendars) { // no calendar that is included includes another
			calendars = append(calendars, n.Name)
		}
	}
	for _, p := range c.Policies {
		policies = append(policies, p.Name)
	}
	for _, p := range was.Policies {
		if slices.Contains(calendars, p.CalendarName) {
			policies = append(policies, p.Name)
		}
	}
	for _, g := range was.Groups {
		if slices.Contains(policies, policyName(g)) || overlap(g.Apps, apps) {
			r.names[g.Name] = true
		}
	}
	for _, g := range c.Groups {
		r.names[g.Name] = true
	}
	for _, name := range c.RemoveGroups {
		r.names[name] = true
	}
	c.Apps, c.RemoveApps, c.Policies, c.RemovePolicies = nil, nil, nil, nil
	c.Calendars, c.RemoveCalendars, c.Groups, c.RemoveGroups = nil, nil, nil, nil
}

// changedApps returns the apps of which more changes than texts for people.
func changedApps(was storage.World, c *storage.WorldChange) []string {
	apps := slices.Clone(c.RemoveApps)
	for _, app := range c.Apps {
		same := func(old storage.App) bool {
			old.Name, old.Owner, old.VendorContact, old.Smoke = app.Name, app.Owner, app.VendorContact, app.Smoke
			return reflect.DeepEqual(old, app)
		}
		if !slices.ContainsFunc(was.Apps, same) {
			apps = append(apps, app.BundleID)
		}
	}
	return apps
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}
