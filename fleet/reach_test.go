package fleet

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestReachKnowsEveryField goes over the fields of a change: each concerns the groups that
// it is about, nobody, or, as one that was added later does, every group.
func TestReachKnowsEveryField(t *testing.T) {
	t.Parallel()
	was := storage.World{
		Apps: []storage.App{{BundleID: "pos", Name: "POS"}, {BundleID: "scan"}},
		Groups: []storage.Group{
			{Name: "default"}, {Name: "strict", Policy: "strict"}, {Name: "open", Policy: "open", Apps: []string{"pos"}}, {Name: "gone", Policy: "gone", Apps: []string{"unknown"}},
		},
		Policies:  []storage.Policy{{Name: "strict", CalendarName: "shop"}, {Name: "open"}},
		Calendars: []storage.NamedCalendar{{Name: "shop", Include: []string{"japan"}}, {Name: "japan"}},
		Verdicts:  []storage.Verdict{{ID: "v", Group: "strict"}},
		Approvals: []storage.Approval{{ID: "a", Group: "strict"}},
		Problems:  []storage.Problem{{ID: "p", Group: "strict"}},
	}
	const every = "every group"
	told := uint64(1)
	concerns := map[string]struct {
		change storage.WorldChange
		want   []string
	}{
		"Apps":            {storage.WorldChange{Apps: []storage.App{{BundleID: "pos", Name: "POS", Importance: "critical"}}}, []string{"open"}},
		"RemoveApps":      {storage.WorldChange{RemoveApps: []string{"pos"}}, []string{"open"}},
		"Groups":          {storage.WorldChange{Groups: []storage.Group{{Name: "new"}}}, []string{"new"}},
		"RemoveGroups":    {storage.WorldChange{RemoveGroups: []string{"open"}}, []string{"open"}},
		"Policies":        {storage.WorldChange{Policies: []storage.Policy{{Name: "open"}}}, []string{"open"}},
		"RemovePolicies":  {storage.WorldChange{RemovePolicies: []string{"strict"}}, []string{"strict"}},
		"Calendars":       {storage.WorldChange{Calendars: []storage.NamedCalendar{{Name: "shop"}}}, []string{"strict"}},
		"RemoveCalendars": {storage.WorldChange{RemoveCalendars: []string{"japan"}}, []string{"strict"}},
		"Verdicts":        {storage.WorldChange{Verdicts: []storage.Verdict{{ID: "v", Group: "open"}}}, []string{"open", "strict"}},
		"Approvals":       {storage.WorldChange{Approvals: []storage.Approval{{ID: "a", Group: "open"}}}, []string{"open", "strict"}},
		"Problems":        {storage.WorldChange{Problems: []storage.Problem{{ID: "p", Group: "open"}}}, []string{"open", "strict"}},
		"Offers":          {storage.WorldChange{Offers: []storage.Offer{{Group: "open"}}}, []string{"open"}},
		"Declines":        {storage.WorldChange{Declines: []storage.Decline{{Group: "open"}}}, []string{"open"}},
		"RemoveDeclines":  {storage.WorldChange{RemoveDeclines: []storage.Decline{{Group: "open"}}}, []string{"open"}},
		"HoldMarks":       {storage.WorldChange{HoldMarks: []storage.HoldMark{{Group: "open"}}}, []string{"open"}},
		"RemoveHoldMarks": {storage.WorldChange{RemoveHoldMarks: []storage.HoldMark{{Group: "open"}}}, []string{"open"}},
		"Proposals":       {storage.WorldChange{Proposals: []storage.Proposal{{ID: "1"}}}, nil},
		"Notices":         {storage.WorldChange{Notices: []storage.Notice{{ID: "1"}}}, nil},
		"Audit":           {storage.WorldChange{Audit: []storage.AuditEntry{{Action: "look"}}}, nil},
		"Paused":          {storage.WorldChange{Paused: &storage.PausedChannels{}}, nil},
		"LeaksTold":       {storage.WorldChange{LeaksTold: &told}, nil},
		"Halt":            {storage.WorldChange{Halt: &storage.Halt{}}, []string{every}},
		"Phones":          {storage.WorldChange{Phones: []storage.PhoneUpdate{{UDID: "P1"}}}, []string{every}},
	}
	found := func(c storage.WorldChange) []string {
		r := reachOf(was, c)
		if r.every {
			return []string{every}
		}
		return slices.Sorted(maps.Keys(r.names))
	}
	for field := range reflect.TypeFor[storage.WorldChange]().Fields() {
		tc, known := concerns[field.Name]
		if !known || reflect.ValueOf(tc.change).FieldByIndex(field.Index).IsZero() {
			t.Errorf("say here which groups a change of %s concerns", field.Name)
			continue
		}
		if diff := cmp.Diff(tc.want, found(tc.change)); diff != "" {
			t.Errorf("a change of %s concerns (-want +got):\n%s", field.Name, diff)
		}
	}
	for name, tc := range map[string]struct {
		change storage.WorldChange
		want   []string
	}{
		"texts of an app":               {storage.WorldChange{Apps: []storage.App{{BundleID: "pos", Name: "Till", Owner: "sales", VendorContact: "portal", Smoke: []string{"log in"}}}}, nil},
		"an app that was not on record": {storage.WorldChange{Apps: []storage.App{{BundleID: "unknown"}}}, []string{"gone"}},
		"a policy that a group names":   {storage.WorldChange{Policies: []storage.Policy{{Name: "gone"}}}, []string{"gone"}},
		"the policy of all others":      {storage.WorldChange{Policies: []storage.Policy{{Name: "default"}}}, []string{"default"}},
		"days that another includes":    {storage.WorldChange{Calendars: []storage.NamedCalendar{{Name: "japan"}}}, []string{"strict"}},
		"a calendar for another":        {storage.WorldChange{Policies: []storage.Policy{{Name: "open", CalendarName: "shop"}}}, []string{"open"}},
		"nothing":                       {storage.WorldChange{}, nil},
	} {
		if diff := cmp.Diff(tc.want, found(tc.change)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// chance draws records of a few groups from so few values that they meet.
type chance struct{ *rand.Rand }

func choose[T any](c chance, of ...T) T { return of[c.IntN(len(of))] }

func many[T any](c chance, most int, one func(i int) T) []T {
	var list []T
	for i := range c.IntN(most + 1) {
		list = append(list, one(i))
	}
	return list
}

func (c chance) group() string   { return choose(c, "dock", "sales", "stock") }
func (c chance) release() string { return choose(c, "26.5.2", "26.6", "26.6.1") }
func (c chance) model() string   { return choose(c, "iPhone15,2", "iPhone15,4", "iPhone14,5") }

func (c chance) at(now time.Time) time.Time { return now.Add(-time.Duration(c.IntN(200)) * time.Hour) }

func (c chance) app(bundleID string) storage.App {
	return storage.App{BundleID: bundleID, Name: bundleID, Importance: choose(c, "critical", "critical", "important", "informational")}
}

func (c chance) setGroup(name string) storage.Group {
	apps := many(c, 2, func(int) string { return choose(c, "pos", "scan") })
	slices.Sort(apps)
	return storage.Group{Name: name, Apps: slices.Compact(apps), Policy: choose(c, "", "strict", "open", "gone")}
}

func (c chance) policy(name string) storage.Policy {
	return storage.Policy{
		Name: name, CarryOver: c.IntN(2) == 0, VerdictDays: choose(c, 0, 2, 5), ModelClass: choose(c, "hardware", "screen", "any"),
		Improvements: storage.Improvements{Mode: choose(c, "accept", "reverify", "off")}, CalendarName: choose(c, "", "shop"),
	}
}

func (c chance) verdict(id string, now time.Time) storage.Verdict {
	return storage.Verdict{
		ID: id, BundleID: choose(c, "pos", "scan"), AppVersion: "1.0", Release: c.release(), Model: c.model(), Group: c.group(), At: c.at(now),
		Result: choose(c, "works", "works", "works", "broken"), Method: choose(c, "full", "full", "smoke"), External: true, Evidence: "letter", By: "sato",
	}
}

func (c chance) approval(id string, now time.Time) storage.Approval {
	return storage.Approval{
		ID: id, Group: c.group(), Release: c.release(), By: "sato", At: c.at(now), Models: many(c, 2, func(int) string { return c.model() }),
		Waves: []storage.Wave{{Start: c.at(now).AddDate(0, 0, c.IntN(8)), Threshold: 10_000, Deadline: "2026-09-28T12:00:00"}},
	}
}

func (c chance) world(now time.Time) storage.World {
	w := storage.World{
		Apps:      []storage.App{c.app("pos"), c.app("scan")},
		Groups:    []storage.Group{c.setGroup("dock"), c.setGroup("sales"), c.setGroup("stock")},
		Policies:  []storage.Policy{c.policy("strict"), c.policy("open")},
		Calendars: []storage.NamedCalendar{{Name: "shop", Include: []string{"japan"}}, {Name: "japan"}},
		Verdicts:  many(c, 30, func(i int) storage.Verdict { return c.verdict(fmt.Sprint("v", i), now) }),
		Approvals: many(c, 3, func(i int) storage.Approval { return c.approval(fmt.Sprint("a", i), now) }),
	}
	for range c.IntN(2) {
		w.Declines = append(w.Declines, storage.Decline{Group: c.group(), Release: c.release(), At: c.at(now)})
	}
	return w
}

// change changes one thing, as an edit or a decision does.
func (c chance) change(w storage.World, now time.Time) storage.WorldChange {
	switch c.IntN(10) {
	case 0:
		return storage.WorldChange{Apps: []storage.App{c.app(choose(c, "pos", "scan"))}}
	case 1:
		return storage.WorldChange{RemoveApps: []string{choose(c, "pos", "scan")}}
	case 2, 3:
		return storage.WorldChange{Groups: []storage.Group{c.setGroup(c.group())}}
	case 4, 5, 6:
		return storage.WorldChange{Policies: []storage.Policy{c.policy(choose(c, "strict", "open", "gone"))}}
	case 7:
		return storage.WorldChange{RemovePolicies: []string{choose(c, "strict", "open")}, RemoveCalendars: []string{"japan"}}
	case 8:
		if len(w.Verdicts) == 0 {
			return storage.WorldChange{}
		}
		v := choose(c, w.Verdicts...)
		v.RevokedAt = now
		return storage.WorldChange{Verdicts: []storage.Verdict{v}}
	default:
		return storage.WorldChange{Calendars: []storage.NamedCalendar{{Name: choose(c, "shop", "japan")}}, RemoveDeclines: w.Declines}
	}
}

// TestReachIsWideEnough: beyond its reach a change opens no gate, and lets no approval go
// on past an app.
func TestReachIsWideEnough(t *testing.T) {
	t.Parallel()
	facts, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 8, 26, 9, 0, 0, 0, time.UTC)
	f := New(nil, nil, func() time.Time { return now }, Options{})
	opened, spared := 0, 0
	for seed := range uint64(160) {
		c := chance{rand.New(rand.NewPCG(seed, 0))}
		w := &worldState{census: newCensus()}
		for i := range 12 {
			p := censusPhone(fmt.Sprint("P", i), choose(c, "26.5", "26.5.2"))
			p.Group, p.Model, p.Contact, p.Former = c.group(), c.model(), now, ""
			if c.IntN(4) == 0 {
				p.Group, p.Ring, p.Former = "", "", p.Group
			}
			w.census.add(p, w.census.moment())
		}
		s := newSnapshot(c.world(now), facts, time.UTC)
		change := c.change(s.records, now)
		r := reachOf(s.records, change)
		for _, counted := range []map[string][]policy.Census{w.census.counted(now), w.census.countedBack(now)} { // no phones, where none went away
			all := f.openedWith(s, change, everywhere(), counted)
			if diff := cmp.Diff(all, f.openedWith(s, change, r, counted)); diff != "" {
				t.Fatalf("seed %d: within %v %+v opens (-everywhere +within reach):\n%s", seed, r, change, diff)
			}
			opened += len(all)
		}
		after := s.after(change)
		if diff := cmp.Diff(f.approvedWithout(w, s, after, everywhere()), f.approvedWithout(w, s, after, r)); diff != "" {
			t.Fatalf("seed %d: within %v %+v lets go on (-everywhere +within reach):\n%s", seed, r, change, diff)
		}
		if len(r.names) < len(s.records.Groups) {
			spared++
		}
	}
	t.Logf("%d gates opened, %d changes spared a group", opened, spared)
	if opened < 50 || spared < 80 {
		t.Errorf("%d gates opened, %d changes spared a group: the draws try nothing", opened, spared)
	}
}
