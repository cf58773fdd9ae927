package fleet

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
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
	Deliver    string   `json:"deliver"`                  // how a version that a release needs comes to phones: none, store or licensed
	Groups     []string `json:"groups"`                   // groups whose work depends on it
}

func businessApp(s *snapshot, a storage.App) BusinessApp {
	v := BusinessApp{
		BundleID: a.BundleID, Name: a.Name, Importance: a.Importance, Owner: a.Owner, Vendor: a.VendorContact,
		Smoke: append([]string{}, a.Smoke...), Deliver: deliveryOf(a), Groups: []string{},
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
	Deliver    *string   `json:"deliver,omitempty"`
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
			return notOneOf("importance", *c.Importance, "critical", "important", "informational")
		}
	}
	if c.Deliver != nil {
		if _, err := policy.ParseDelivery(*c.Deliver); err != nil {
			return notOneOf("deliver", *c.Deliver, "none", "store", "licensed")
		}
	}
	if c.Name != nil && strings.TrimSpace(*c.Name) == "" {
		return invalid("name", "app-name-missing", "an app needs a name")
	}
	return cmp.Or(c.checkTexts(), c.checkSmoke())
}

// checkTexts refuses texts that are too long, or could steer the terminal of who
// reads them.
func (c AppChange) checkTexts() error {
	for _, said := range []struct {
		field string
		text  *string
	}{{"name", c.Name}, {"owner", c.Owner}, {"vendor_contact", c.Vendor}} {
		if said.text != nil && strings.ContainsFunc(*said.text, unicode.IsControl) {
			return invalid(said.field, "control-characters", "%q: want one line without control characters", *said.text).with("value", *said.text)
		}
		if said.text != nil && utf8.RuneCountInString(*said.text) > maxAppText {
			return invalid(said.field, "text-too-long", "want at most %d characters", maxAppText).with("most", strconv.Itoa(maxAppText))
		}
	}
	return nil
}

func (c AppChange) checkSmoke() error {
	if c.Smoke == nil {
		return nil
	}
	if len(*c.Smoke) > maxSmokeSteps {
		return invalid("smoke", "too-many-checks", "%d checks; a tester gets through at most %d", len(*c.Smoke), maxSmokeSteps).with("most", strconv.Itoa(maxSmokeSteps))
	}
	for _, step := range *c.Smoke {
		if strings.TrimSpace(step) == "" || strings.ContainsFunc(step, unicode.IsControl) || utf8.RuneCountInString(step) > maxAppText {
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
	replace(&a.Deliver, c.Deliver)
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

// AppEdit is a business app that was changed, or would be, and what that means for
// approvals that stand.
type AppEdit struct {
	BusinessApp
	// Without are approvals that from now on go on past the app they were given without.
	Without []ApprovedWithout `json:"approved_without,omitempty"`
}

// SetApp changes a business app that exists. Lowering its importance while it
// keeps a gate closed is refused with every such gate named.
func (f *Fleet) SetApp(ctx context.Context, seg storage.Segment, a Act, bundleID string, c AppChange) (AppEdit, error) {
	if err := c.check(); err != nil {
		return AppEdit{}, err
	}
	w, err := f.world(seg)
	if err != nil {
		return AppEdit{}, err
	}
	var view AppEdit
	err = f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		was, err := s.app(bundleID)
		if err != nil {
			return storage.WorldChange{}, err
		}
		app := c.onto(was)
		change := f.settingApp(a, was, app)
		view = AppEdit{businessApp(s, app), f.approvedWithout(w, s, s.after(change), reachOf(s.records, change))}
		return change, nil
	})
	return view, err
}

func (f *Fleet) settingApp(a Act, was, app storage.App) storage.WorldChange {
	entry := f.entry(a, "app.set", app.BundleID, map[string]string{
		"name": app.Name, "importance": app.Importance, "importance_before": was.Importance, "owner": app.Owner, "vendor_contact": app.VendorContact,
		"deliver": deliveryOf(app), "deliver_before": deliveryOf(was),
	})
	return storage.WorldChange{Apps: []storage.App{app}, Audit: []storage.AuditEntry{entry}}
}

// RemoveApp takes a business app away, out of every group that has it. It is
// refused while the app keeps a gate closed. Results that were recorded stay,
// and count again should the app come back.
func (f *Fleet) RemoveApp(ctx context.Context, seg storage.Segment, a Act, bundleID string) (BusinessApp, error) {
	var view BusinessApp
	err := f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		app, err := s.app(bundleID)
		if err != nil {
			return storage.WorldChange{}, err
		}
		view = businessApp(s, app)
		c := f.removingApp(a, view)
		for _, g := range s.records.Groups {
			if slices.Contains(g.Apps, bundleID) {
				c.Groups = append(c.Groups, withoutApps(g, []string{bundleID}))
			}
		}
		return c, nil
	})
	return view, err
}

// removingApp takes an app away, not out of the groups that have it.
func (f *Fleet) removingApp(a Act, app BusinessApp) storage.WorldChange {
	detail := map[string]string{"name": app.Name, "importance": app.Importance, "groups": strings.Join(app.Groups, ",")}
	return storage.WorldChange{RemoveApps: []string{app.BundleID}, Audit: []storage.AuditEntry{f.entry(a, "app.remove", app.BundleID, detail)}}
}

func withoutApps(g storage.Group, bundleIDs []string) storage.Group {
	g.Apps = slices.DeleteFunc(slices.Clone(g.Apps), func(id string) bool { return slices.Contains(bundleIDs, id) })
	return g
}

// SetGroup changes a group that exists. Taking an app away that keeps a gate
// closed is refused with every such gate named. Rights count for phones
// that enrol from now on: what an enrolled phone allows was fixed when it
// enrolled. The waves that move by another policy or notice come with it.
func (f *Fleet) SetGroup(ctx context.Context, seg storage.Segment, a Act, r GroupRequest) (GroupEdit, error) {
	if err := r.check(); err != nil {
		return GroupEdit{}, err
	}
	w, err := f.world(seg)
	if err != nil {
		return GroupEdit{}, err
	}
	var group storage.Group
	var without []ApprovedWithout
	moved, err := f.editWaves(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		was, err := s.group(r.Name)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := r.checkUses(s, was); err != nil {
			return storage.WorldChange{}, err
		}
		group = r.onto(was)
		c := f.settingGroup(a, "group.set", group)
		without = f.approvedWithout(w, s, s.after(c), reachOf(s.records, c))
		return c, nil
	})
	return GroupEdit{groupView(w, group, f.now()), moved, without}, err
}

func (f *Fleet) settingGroup(a Act, action string, g storage.Group) storage.WorldChange {
	return storage.WorldChange{Groups: []storage.Group{g}, Audit: []storage.AuditEntry{f.groupEntry(a, action, g)}}
}

// checkUses refuses a policy and apps that are not known, and apps that the group
// does not have and can not lose.
func (r GroupRequest) checkUses(s *snapshot, g storage.Group) error {
	if r.Policy != "" {
		if _, err := s.decided(r.Policy); err != nil {
			return err
		}
	}
	for _, id := range slices.Concat(r.Apps, r.RemoveApps) {
		if _, err := s.app(id); err != nil {
			return err
		}
	}
	for _, id := range r.RemoveApps {
		if !slices.Contains(g.Apps, id) {
			return refused("app-not-in-group", "%s is not a business app of group %s", id, g.Name).with("app", id, "group", g.Name)
		}
	}
	return nil
}

// edit makes a change of apps, calendars, policies and groups, unless it is only tried, that
// takes away nothing that keeps a gate closed and contradicts nothing.
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
		if err := f.contradicts(w, s, c); err != nil {
			return c, err
		}
		return f.proposedOr(w, s, a, c, f.opens(w, s, c))
	})
}

// editWaves is edit, and returns the waves that have not started and move by the
// change, within minutes.
func (f *Fleet) editWaves(ctx context.Context, seg storage.Segment, a Act, build func(*snapshot) (storage.WorldChange, error)) ([]WaveEffect, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	var moved []WaveEffect
	err = f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		c, err := build(s)
		if err != nil {
			return c, err
		}
		moved, err = f.movedWaves(ctx, w, s, c)
		return c, err
	})
	return moved, err
}

// movedWaves returns the waves that move by a change of the world.
func (f *Fleet) movedWaves(ctx context.Context, w *worldState, s *snapshot, c storage.WorldChange) ([]WaveEffect, error) {
	r := reachOf(s.records, c)
	was, err := f.settled(ctx, w, s, r)
	if err != nil {
		return nil, err
	}
	is, err := f.settled(ctx, w, s.after(c), r)
	if err != nil {
		return nil, err
	}
	return waveEffects(was, is), nil
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
