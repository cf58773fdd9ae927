package fleet

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Names of groups and bundle identifiers appear in commands, URLs and audit
// entries, so they keep to plain characters.
const (
	groupPattern  = `^[a-z0-9][a-z0-9._-]{0,62}$`
	bundlePattern = `^[A-Za-z0-9][A-Za-z0-9.-]{0,154}$`
)

// AppRequest describes a business app to add.
type AppRequest struct {
	BundleID   string `json:"bundle_id"`
	Name       string `json:"name"`
	Importance string `json:"importance"`
	Deliver    string `json:"deliver"` // "" is none
}

// AddApp adds a business app. One that exists is refused: [Fleet.SetApp] changes
// it.
func (f *Fleet) AddApp(ctx context.Context, seg storage.Segment, a Act, r AppRequest) (BusinessApp, error) {
	if err := checkBundleID(r.BundleID); err != nil {
		return BusinessApp{}, err
	}
	if r.Name == "" {
		r.Name = r.BundleID
	}
	r.Deliver = cmp.Or(r.Deliver, string(policy.DeliverNone))
	c := AppChange{Name: &r.Name, Importance: &r.Importance, Deliver: &r.Deliver}
	if err := c.check(); err != nil {
		return BusinessApp{}, err
	}
	var view BusinessApp
	err := f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		if was, err := s.app(r.BundleID); err == nil {
			return storage.WorldChange{}, refused("app-exists", "there is a business app %s already, %s", was.BundleID, was.Name).with("app", was.BundleID, "name", was.Name)
		}
		app := c.onto(storage.App{BundleID: r.BundleID, CreatedAt: f.now()})
		view = businessApp(s, app)
		return f.addingApp(a, app), nil
	})
	return view, err
}

func checkBundleID(id string) error {
	if regexp.MustCompile(bundlePattern).MatchString(id) {
		return nil
	}
	return invalid("bundle_id", "not-a-bundle-id", "%q is not a bundle identifier such as com.example.pos", id).with("value", id)
}

// checkName refuses what neither a group nor a policy can be called.
func checkName(name string) error {
	if regexp.MustCompile(groupPattern).MatchString(name) {
		return nil
	}
	return invalid("name", "not-a-name", "%q: want lower-case letters, digits, '.', '_' or '-', at most 63", name).with("value", name)
}

func (f *Fleet) addingApp(a Act, app storage.App) storage.WorldChange {
	entry := f.entry(a, "app.add", app.BundleID, map[string]string{"name": app.Name, "importance": app.Importance, "deliver": deliveryOf(app)})
	return storage.WorldChange{Apps: []storage.App{app}, Audit: []storage.AuditEntry{entry}}
}

// Apps returns the business apps, sorted by bundle identifier.
func (f *Fleet) Apps(seg storage.Segment) ([]BusinessApp, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	s := w.current.Load()
	out := []BusinessApp{}
	for _, a := range s.records.Apps {
		out = append(out, businessApp(s, a))
	}
	return out, nil
}

// GroupRequest describes a group to add.
type GroupRequest struct {
	Name          string        `json:"name"`
	Apps          []string      `json:"apps"`
	Candidate     string        `json:"candidate"`
	Rights        string        `json:"rights"`
	Policy        string        `json:"policy"` // name; "default" is the built-in one
	MinimumNotice time.Duration `json:"minimum_notice"`

	CandidateNotice time.Duration `json:"candidate_notice"`
	RemoveApps      []string      `json:"remove_apps"` // only of a group that exists
}

// AddGroup adds a group. One that exists is refused: [Fleet.SetGroup] changes it.
func (f *Fleet) AddGroup(ctx context.Context, seg storage.Segment, a Act, r GroupRequest) (GroupView, error) {
	if err := checkName(r.Name); err != nil {
		return GroupView{}, err
	}
	if err := r.check(); err != nil {
		return GroupView{}, err
	}
	w, err := f.world(seg)
	if err != nil {
		return GroupView{}, err
	}
	group := r.onto(newGroup(r.Name, f.now()))
	err = f.edit(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		if _, err := s.group(r.Name); err == nil {
			return storage.WorldChange{}, refused("group-exists", "there is a group %s already", r.Name).with("group", r.Name)
		}
		return f.settingGroup(a, "group.add", group), r.checkUses(s, storage.Group{Name: r.Name})
	})
	return groupView(w, group, f.now()), err
}

// newGroup is a group of which nothing was said yet.
func newGroup(name string, now time.Time) storage.Group {
	return storage.Group{
		Name: name, Candidate: string(policy.CandidateManual), Rights: "managed", CreatedAt: now,
	}
}

func (f *Fleet) groupEntry(a Act, action string, g storage.Group) storage.AuditEntry {
	minimum, candidate := notices(g)
	return f.entry(a, action, g.Name, map[string]string{
		"apps": strings.Join(g.Apps, ","), "candidate": g.Candidate, "rights": g.Rights, "policy": policyName(g),
		"minimum_notice": minimum, "candidate_notice": candidate,
	})
}

// notices returns the least times from telling a phone of a group to its deadline:
// a production phone, and a verification phone.
func notices(g storage.Group) (minimum, candidate string) {
	return noticeText(cmp.Or(g.MinimumNotice, policy.DefaultMinimumNotice)), noticeText(cmp.Or(g.CandidateNotice, policy.DefaultCandidateNotice))
}

// check refuses values no group can have.
func (r GroupRequest) check() error {
	if _, err := policy.ParseCandidate(r.Candidate); r.Candidate != "" && err != nil {
		return notOneOf("candidate", r.Candidate, "manual", "auto")
	}
	if r.Rights != "" && !slices.Contains([]string{"updates", "managed", "full"}, r.Rights) {
		return notOneOf("rights", r.Rights, "updates", "managed", "full")
	}
	for _, notice := range []struct {
		field string
		time  time.Duration
	}{{"minimum_notice", r.MinimumNotice}, {"candidate_notice", r.CandidateNotice}} {
		if notice.time != 0 && (notice.time < minNotice || notice.time > 30*24*time.Hour) {
			return noticeOutOfRange(notice.field)
		}
	}
	return nil
}

func noticeOutOfRange(field string) error {
	return invalid(field, "notice-out-of-range", "want between %s and 720h", noticeText(minNotice)).with("least", noticeText(minNotice))
}

// onto returns the group with what the request names.
func (r GroupRequest) onto(g storage.Group) storage.Group {
	if r.Candidate != "" {
		g.Candidate = r.Candidate
	}
	if r.Rights != "" {
		g.Rights = r.Rights
	}
	if r.Policy != "" {
		g.Policy = r.Policy
	}
	if r.MinimumNotice != 0 {
		g.MinimumNotice = r.MinimumNotice
	}
	if r.CandidateNotice != 0 {
		g.CandidateNotice = r.CandidateNotice
	}
	g.Apps = slices.Concat(withoutApps(g, r.RemoveApps).Apps, r.Apps)
	slices.Sort(g.Apps)
	g.Apps = slices.Compact(g.Apps)
	return g
}

// GroupView is a group with the number of its phones.
type GroupView struct {
	Name         string   `json:"name"`
	Apps         []string `json:"apps"`
	Candidate    string   `json:"candidate"`
	Rights       string   `json:"rights"`
	Policy       string   `json:"policy"` // name of what decides about its gates
	Verification int      `json:"verification"`
	Production   int      `json:"production"`

	MinimumNotice   string `json:"minimum_notice"`   // least time from telling a production phone to its deadline, "24h"
	CandidateNotice string `json:"candidate_notice"` // the same of a verification phone
	HoldDays        int    `json:"hold_days"`        // how long releases are hidden after Apple posts them
}

// GroupEdit is a group that was changed, or would be, and what that moves.
type GroupEdit struct {
	GroupView
	MovedWaves []WaveEffect `json:"moved_waves"` // that have not started and move, within minutes
	// Without are approvals that from now on go on past apps they were given without.
	Without []ApprovedWithout `json:"approved_without,omitempty"`
}

func groupView(w *worldState, g storage.Group, now time.Time) GroupView {
	size := w.census.size(g.Name, now)
	minimum, candidate := notices(g)
	return GroupView{
		Name: g.Name, Apps: append([]string{}, g.Apps...), Candidate: g.Candidate, Rights: g.Rights, Policy: policyName(g),
		Verification: size[storage.RingVerification], Production: size[storage.RingProduction],
		MinimumNotice: minimum, CandidateNotice: candidate, HoldDays: policy.HoldDays,
	}
}

// Groups returns the groups, sorted by name.
func (f *Fleet) Groups(seg storage.Segment) ([]GroupView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	var out []GroupView
	for _, g := range w.current.Load().records.Groups {
		out = append(out, groupView(w, g, f.now()))
	}
	return out, nil
}

// Group returns one group, or a *NotFoundError.
func (f *Fleet) Group(seg storage.Segment, name string) (storage.Group, error) {
	w, err := f.world(seg)
	if err != nil {
		return storage.Group{}, err
	}
	return w.current.Load().group(name)
}

// RemoveGroup removes a group that has no phones and whose gates hold none that is
// elsewhere, and ends every decision about it: a group of the same name made later
// starts anew.
func (f *Fleet) RemoveGroup(ctx context.Context, seg storage.Segment, a Act, name string) error {
	return f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		if _, err := s.group(name); err != nil {
			return storage.WorldChange{}, err
		}
		w, err := f.world(seg)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := w.refusePhones(name, f.now()); err != nil {
			return storage.WorldChange{}, err
		}
		return f.ending(s, a, name), nil
	})
}

// mostNamed bounds how many phones an error names.
const mostNamed = 10

// namedPhones returns the first phones of a list as an error names them, and how many
// there are; "" for none.
func namedPhones(list []string) (names, count string) {
	if len(list) == 0 {
		return "", ""
	}
	return strings.Join(list[:min(len(list), mostNamed)], ", "), strconv.Itoa(len(list))
}

// refusePhones refuses to remove a group that has phones, and one that phones were
// last in production in: made again, it would not hold from them what it did.
func (w *worldState) refusePhones(group string, now time.Time) error {
	if size := w.census.size(group, now); size[storage.RingVerification]+size[storage.RingProduction] > 0 {
		return refused("group-has-phones", "group %s still has phones; move them first", group).with("group", group)
	}
	if list := w.census.formerOf(group); len(list) > 0 {
		phones, count := namedPhones(list)
		return refused("group-holds-phones", "phones that were last in production in group %s are in production nowhere yet (%s in all): %s; "+
			"move them to the production ring of another group or remove them (`kannuki device remove`) first", group, count, phones).
			with("group", group, "phones", phones, "count", count)
	}
	return nil
}

// ending removes a group together with every decision about it.
func (f *Fleet) ending(s *snapshot, a Act, name string) storage.WorldChange {
	c := storage.WorldChange{RemoveGroups: []string{name}, Audit: []storage.AuditEntry{f.entry(a, "group.remove", name, nil)}}
	for _, approval := range s.records.Approvals {
		if approval.Group == name && approval.WithdrawnAt.IsZero() {
			approval.WithdrawnAt, approval.WithdrawnBy = f.now(), a.Actor
			c.Approvals = append(c.Approvals, approval)
		}
	}
	for _, p := range s.records.Proposals {
		if p.Group == name && p.State == storage.StateOpen {
			f.end(&p, Act{Actor: a.Actor, Person: a.Person, Reason: "the group was removed"}, storage.StateWithdrawn)
			c.Proposals = append(c.Proposals, p)
		}
	}
	for _, o := range s.records.Offers {
		if o.Group == name && o.Withdrawn.IsZero() {
			o.Withdrawn = f.now()
			c.Offers = append(c.Offers, o)
		}
	}
	for _, v := range s.records.Verdicts {
		if v.Group == name && v.RevokedAt.IsZero() {
			v.RevokedAt, v.RevokedBy, v.RevokedFor = f.now(), a.Actor, "the group was removed"
			c.Verdicts = append(c.Verdicts, v)
		}
	}
	for _, p := range s.records.Problems {
		if p.Group == name && p.ClosedAt.IsZero() {
			p.ClosedAt, p.ClosedBy, p.ClosedFor = f.now(), a.Actor, "the group was removed"
			c.Problems = append(c.Problems, p)
		}
	}
	for _, d := range s.records.Declines {
		if d.Group == name {
			c.RemoveDeclines = append(c.RemoveDeclines, d)
		}
	}
	for _, m := range s.records.HoldMarks {
		if m.Group == name {
			c.RemoveHoldMarks = append(c.RemoveHoldMarks, m)
		}
	}
	return c
}

// decide builds a change and, unless it is only tried, makes it so.
func (f *Fleet) decide(ctx context.Context, seg storage.Segment, a Act, build func(*snapshot) (storage.WorldChange, error)) error {
	w, err := f.world(seg)
	if err != nil {
		return err
	}
	if a.DryRun {
		if _, err := build(w.current.Load()); !errors.Is(err, errNothingToDo) {
			return err
		}
		return nil
	}
	return f.change(ctx, w, build)
}
