package fleet

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// BusinessApp is a business app as people see it.
type BusinessApp struct {
	BundleID   string   `json:"bundle_id"`
	Name       string   `json:"name"`
	Importance string   `json:"importance"`
	Owner      string   `json:"owner,omitempty"`          // the team that answers for it
	Vendor     string   `json:"vendor_contact,omitempty"` // where its vendor is reached, such as a portal
	Smoke      []string `json:"smoke"`                    // short checks of a tester, in order
	Groups     []string `json:"groups"`                   // groups whose work depends on it
}

func businessApp(s *snapshot, a storage.App) BusinessApp {
	v := BusinessApp{
		BundleID: a.BundleID, Name: a.Name, Importance: a.Importance, Owner: a.Owner, Vendor: a.VendorContact,
		Smoke: append([]string{}, a.Smoke...), Groups: []string{},
	}
	for _, g := range s.records.Groups {
		if slices.Contains(g.Apps, a.BundleID) {
			v.Groups = append(v.Groups, g.Name)
		}
	}
	return v
}

// AppChange says what becomes of a business app; what is nil stays as it is.
type AppChange struct {
	Name       *string   `json:"name,omitempty"`
	Importance *string   `json:"importance,omitempty"`
	Owner      *string   `json:"owner,omitempty"`
	Vendor     *string   `json:"vendor_contact,omitempty"`
	Smoke      *[]string `json:"smoke,omitempty"`
}

// Limits of what people write about an app, in characters.
const (
	maxAppText    = 200
	maxSmokeSteps = 20
)

// check refuses values no app can have.
func (c AppChange) check() error {
	if c.Importance != nil {
		if _, err := policy.ParseImportance(*c.Importance); err != nil {
			return invalid("importance", "not-one-of", "%v", err).with("value", *c.Importance, "allowed", "critical, important, informational")
		}
	}
	if c.Name != nil && strings.TrimSpace(*c.Name) == "" {
		return invalid("name", "app-name-missing", "an app needs a name")
	}
	for field, text := range map[string]*string{"name": c.Name, "owner": c.Owner, "vendor_contact": c.Vendor} {
		if text != nil && utf8.RuneCountInString(*text) > maxAppText {
			return invalid(field, "text-too-long", "want at most %d characters", maxAppText).with("most", strconv.Itoa(maxAppText))
		}
	}
	if c.Smoke == nil {
		return nil
	}
	if len(*c.Smoke) > maxSmokeSteps {
		return invalid("smoke", "too-many-checks", "%d checks; a tester gets through at most %d", len(*c.Smoke), maxSmokeSteps).with("most", strconv.Itoa(maxSmokeSteps))
	}
	for _, step := range *c.Smoke {
		if strings.TrimSpace(step) == "" || utf8.RuneCountInString(step) > maxAppText {
			return invalid("smoke", "check-too-long", "%q: a check is one line of at most %d characters", step, maxAppText).with("value", step, "most", strconv.Itoa(maxAppText))
		}
	}
	return nil
}

func (c AppChange) onto(a storage.App) storage.App {
	replace(&a.Name, c.Name)
	replace(&a.Importance, c.Importance)
	replace(&a.Owner, c.Owner)
	replace(&a.VendorContact, c.Vendor)
	replace(&a.Smoke, c.Smoke)
	return a
}

func replace[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// App returns one business app, or a *NotFoundError.
func (f *Fleet) App(seg storage.Segment, bundleID string) (BusinessApp, error) {
	w, err := f.world(seg)
	if err != nil {
		return BusinessApp{}, err
	}
	s := w.current.Load()
	a, err := s.app(bundleID)
	return businessApp(s, a), err
}

// SetApp changes a business app that exists. A change of its importance that
// would open a closed gate is refused with every such gate named.
func (f *Fleet) SetApp(ctx context.Context, seg storage.Segment, a Act, bundleID string, c AppChange) (BusinessApp, error) {
	if err := c.check(); err != nil {
		return BusinessApp{}, err
	}
	var view BusinessApp
	err := f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		was, err := s.app(bundleID)
		if err != nil {
			return storage.WorldChange{}, err
		}
		app := c.onto(was)
		view = businessApp(s, app)
		entry := f.entry(a, "app.set", bundleID, map[string]string{
			"name": app.Name, "importance": app.Importance, "importance_before": was.Importance, "owner": app.Owner, "vendor_contact": app.VendorContact,
		})
		return storage.WorldChange{Apps: []storage.App{app}, Audit: []storage.AuditEntry{entry}}, nil
	})
	return view, err
}

// RemoveApp takes a business app away, out of every group that has it. It is
// refused when that would open a closed gate. Results that were recorded stay,
// and count again should the app come back.
func (f *Fleet) RemoveApp(ctx context.Context, seg storage.Segment, a Act, bundleID string) (BusinessApp, error) {
	var view BusinessApp
	err := f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		app, err := s.app(bundleID)
		if err != nil {
			return storage.WorldChange{}, err
		}
		view = businessApp(s, app)
		entry := f.entry(a, "app.remove", bundleID, map[string]string{"name": app.Name, "importance": app.Importance, "groups": strings.Join(view.Groups, ",")})
		c := storage.WorldChange{RemoveApps: []string{bundleID}, Audit: []storage.AuditEntry{entry}}
		for _, g := range s.records.Groups {
			if slices.Contains(g.Apps, bundleID) {
				c.Groups = append(c.Groups, withoutApps(g, []string{bundleID}))
			}
		}
		return c, nil
	})
	return view, err
}

func withoutApps(g storage.Group, bundleIDs []string) storage.Group {
	g.Apps = slices.DeleteFunc(slices.Clone(g.Apps), func(id string) bool { return slices.Contains(bundleIDs, id) })
	return g
}

// SetGroup changes a group that exists. Taking an app away that would open a
// closed gate is refused with every such gate named. Rights count for phones
// that enrol from now on: what an enrolled phone allows was fixed when it
// enrolled.
func (f *Fleet) SetGroup(ctx context.Context, seg storage.Segment, a Act, r GroupRequest) (GroupView, error) {
	if err := r.check(); err != nil {
		return GroupView{}, err
	}
	w, err := f.world(seg)
	if err != nil {
		return GroupView{}, err
	}
	var group storage.Group
	err = f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		was, err := s.group(r.Name)
		if err != nil {
			return storage.WorldChange{}, err
		}
		for _, id := range slices.Concat(r.Apps, r.RemoveApps) {
			if _, err := s.app(id); err != nil {
				return storage.WorldChange{}, err
			}
		}
		for _, id := range r.RemoveApps {
			if !slices.Contains(was.Apps, id) {
				return storage.WorldChange{}, refused("app-not-in-group", "%s is not a business app of group %s", id, r.Name).with("app", id, "group", r.Name)
			}
		}
		group = r.onto(was)
		return storage.WorldChange{Groups: []storage.Group{group}, Audit: []storage.AuditEntry{f.groupEntry(a, "group.set", group)}}, nil
	})
	return groupView(w, group), err
}

// edit makes a change of apps and groups, unless it is only tried, that opens
// no closed gate: opening one is a decision about a gate, which an edit is not.
func (f *Fleet) edit(ctx context.Context, seg storage.Segment, a Act, build func(*snapshot) (storage.WorldChange, error)) error {
	w, err := f.world(seg)
	if err != nil {
		return err
	}
	return f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		c, err := build(s)
		if err != nil {
			return c, err
		}
		if open := f.opened(w, s, newSnapshot(applied(s.records, c), s.catalog)); len(open) > 0 {
			gates := strings.Join(open, ", ")
			return c, refused("opens-gates", "this would open closed gates without a test: %s; record what is missing there first, or decline the releases", gates).with("gates", gates)
		}
		return c, nil
	})
}

// opened returns the gates, as "group/release", that are closed before and
// open after a change of the world.
func (f *Fleet) opened(w *worldState, before, after *snapshot) []string {
	now := f.now()
	was, is := before.withCensus(w.census, now), after.withCensus(w.census, now)
	var found []string
	for _, name := range is.GroupNames() {
		for _, g := range policy.Gates(is, name, now) {
			before := policy.Evaluate(was, name, g.Release, now)
			if open(g.Phase) && !open(before.Phase) || approvable(g) && !approvable(before) {
				found = append(found, name+"/"+g.Release)
			}
		}
	}
	return found
}

// approvable reports whether one person could approve a gate: for an overridden
// one that is more than that phones may install.
func approvable(g policy.Gate) bool { return policy.Approvable(g) == nil }

// open reports whether phones may install, or one person could let them.
func open(p policy.Phase) bool {
	switch p {
	case policy.PhaseVerified, policy.PhaseApproved, policy.PhaseRollingOut, policy.PhaseDone:
		return true
	case policy.PhaseDeclined, policy.PhaseExpired, policy.PhasePaused, policy.PhaseBlocked, policy.PhaseSuperseded, policy.PhaseVerifying, policy.PhaseHeld:
		return false
	default:
		return false
	}
}

// noticeText shows a notice as people give it, "24h" rather than "24h0m0s".
func noticeText(d time.Duration) string {
	text := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-len("0s")]
		}
	}
	return text
}
