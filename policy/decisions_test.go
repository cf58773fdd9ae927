package policy_test

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// The phones of the golden decisions: an iPhone 14 Pro, which follows 26, an XR,
// which that dropped and which stays on iOS 18, an X on 16 and a 7 on 15. No iPhone
// is left on 17: what cannot run 18 cannot run that either.
const (
	newer   = "iPhone15,2"
	older   = "iPhone11,8"
	ancient = "iPhone10,3"
	oldest  = "iPhone9,1"
)

// fleets are the models of a group, by the ending of the golden files.
func fleets() map[string][]string {
	return map[string][]string{"": {older, newer}, "-dropped": {oldest, ancient}}
}

// decisionDays are the days after its posting on which a release is looked at.
func decisionDays() []int { return []int{1, 30, 45, 89, 90, 91} }

// story is one policy, and how the people of a group with it act: they test
// every release, sooner or later, and approve what is verified unless the
// policy is to do that at the end.
type story struct {
	policy   policy.Policy
	location string // of the installation
	approves bool
	waves    []policy.Wave
	schedule policy.Schedule
}

func stories(t *testing.T) []story {
	t.Helper()
	day := 24 * time.Hour
	share := func(percent uint32, start time.Duration) policy.Wave {
		return policy.Wave{Threshold: percent * policy.Buckets / 100, Within: 3 * day, Waits: true, Planned: time.Time{}.Add(start)}
	}
	list := []story{
		{
			policy: policy.BuiltIn(), location: "Asia/Tokyo", approves: true,
			waves: []policy.Wave{share(100, 0)},
		},
		{
			policy:   policy.Policy{Name: "retail", CarryOver: true, OnExpiry: policy.OnExpiryReleaseToUsers},
			location: "America/New_York", approves: true,
			waves: []policy.Wave{share(10, 0), share(50, 2*day), share(100, 4*day)},
			schedule: policy.Schedule{Soak: 2 * day, Notice: day, Calendar: policy.Calendar{
				Weekdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday}, From: 9 * time.Hour, To: 17 * time.Hour, MonthEnd: 2,
			}},
		},
		{
			policy:   policy.Policy{Name: "late", VerdictDays: 30, OnExpiry: policy.OnExpiryEnforce},
			location: "Europe/Berlin",
		},
	}
	for i := range list {
		list[i].schedule.Location = zone(t, list[i].location)
	}
	return list
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

// life is one release in one story.
type life struct {
	story
	releases []policy.Release
	release  policy.Release
	posted   time.Time
	fleet    []string // the models of the group
	models   []string // those of them that get it
	tested   int      // day on which they are tested
	breaks   bool     // an app first
	parts    policy.Parts
}

// newLife returns the life of a release in a group with these models, the nth of
// them, and false when it is for none of them: each is offered at once, and tested
// soon, just before day 30 or late; every fourth breaks an app first.
func newLife(s story, releases []policy.Release, r policy.Release, fleet []string, nth int) (*life, bool) {
	l := &life{story: s, releases: releases, release: r, fleet: fleet, tested: []int{50, 7, 28}[nth%3], breaks: nth%4 == 0}
	for _, m := range r.Models {
		if slices.Contains(fleet, m.Model) {
			l.models, l.posted = append(l.models, m.Model), m.Posted
		}
	}
	return l, len(l.models) > 0
}

// at returns the moment on a day at which people look: nine in the morning where
// the installation stands.
func (l *life) at(day int) time.Time {
	y, m, d := l.posted.AddDate(0, 0, day).Date()
	return time.Date(y, m, d, 9, 0, 0, 0, l.schedule.Location).UTC()
}

func (l *life) test(id, app, on, model, appVersion string, result policy.Result, method policy.Method, day int) {
	l.parts.Verdicts = append(l.parts.Verdicts, policy.Verdict{
		ID: id, BundleID: app, AppVersion: appVersion, Release: on, Model: model, Group: group, Phone: "V-" + model, Ring: policy.RingVerification,
		PhoneOS: on, Result: result, Method: method, By: "sato", At: l.at(day).Add(-time.Hour), AllowedTester: true,
	})
}

// begin writes down what people will do. With carry-over what was tested on the
// release of the same x.y before it needs a quick check only.
func (l *life) begin() {
	v := l.release.Version
	l.parts = policy.Parts{
		Apps: []policy.App{
			{BundleID: pos, Name: "POS", Importance: policy.ImportanceCritical},
			{BundleID: scan, Name: "Scanner", Importance: policy.ImportanceImportant},
		},
		Groups:   []policy.Group{{Name: group, Apps: []string{pos, scan}, Policy: l.policy.Name, MinimumNotice: l.schedule.Notice, Calendar: l.schedule.Calendar}},
		Location: l.schedule.Location,
		Policies: []policy.Policy{l.policy},
		Offers:   []policy.Offer{{Group: group, Release: v, By: "tanaka", At: l.at(0).Add(2 * time.Hour)}},
	}
	for _, model := range l.models {
		if base := l.runsBefore(model); l.policy.CarryOver && version.Line(base) == version.Line(v) {
			l.test("base-"+model, pos, base, model, "5.0", policy.ResultWorks, policy.MethodFull, -1)
			l.test("smoke-"+model, pos, v, model, "5.0", policy.ResultWorks, policy.MethodSmoke, l.tested-4)
			l.test("base-scan-"+model, scan, base, model, "2.4", policy.ResultWorks, policy.MethodFull, -1)
			l.test("smoke-scan-"+model, scan, v, model, "2.4", policy.ResultWorks, policy.MethodSmoke, l.tested-4)
			continue
		}
		if l.breaks {
			l.test("broken-"+model, pos, v, model, "5.0", policy.ResultBroken, policy.MethodFull, 4)
		}
		l.test("full-"+model, pos, v, model, "5.0.1", policy.ResultWorks, policy.MethodFull, l.tested)
	}
	l.test("scan", scan, v, l.models[0], "2.4", policy.ResultWorksWithNote, policy.MethodPilot, 6)
}

// world returns what the engine sees at a moment.
func (l *life) world(at time.Time) *policy.World {
	p := l.parts
	p.Releases = knownAt(l.releases, at)
	g := p.Groups[0]
	for _, model := range l.fleet {
		before, there := l.runsBefore(model), 0
		if slices.Contains(l.models, model) {
			there = l.installed(at)
			g.Census = append(g.Census, policy.Census{Ring: policy.RingVerification, Model: model, OSVersion: l.release.Version, Count: 1})
		}
		g.Census = append(g.Census,
			policy.Census{Ring: policy.RingProduction, Model: model, OSVersion: before, Count: 100 - there},
			policy.Census{Ring: policy.RingProduction, Model: model, OSVersion: l.release.Version, Count: there})
	}
	p.Groups = []policy.Group{g}
	return policy.NewWorld(p)
}

// installed returns how many of a hundred phones have the release: those of
// waves whose deadline has passed, but for one that is in a drawer.
func (l *life) installed(at time.Time) int {
	for _, a := range l.parts.Approvals {
		for _, w := range slices.Backward(a.Waves) {
			if !w.Waits && w.Deadline.Compare(policy.FormatLocal(at, l.schedule.Location)) < 0 {
				return int(w.Threshold*100/policy.Buckets) - 1
			}
		}
	}
	return 0
}

// act does what the people do in the morning of a day.
func (l *life) act(at time.Time) {
	if len(l.parts.Approvals) == 0 {
		gate := policy.Evaluate(l.world(at), group, l.release.Version, at)
		if l.approves && policy.Approvable(gate) == nil {
			waves := slices.Clone(l.waves)
			for i := range waves {
				waves[i].Planned = l.schedule.After(at, waves[i].Planned.Sub(time.Time{}))
			}
			l.parts.Approvals = []policy.Approval{{
				ID: "approval", Group: group, Release: l.release.Version, By: "tanaka", Reason: "tested", At: at,
				Waves: l.schedule.Plan(waves), Models: gate.Models, Floors: gate.Floors,
			}}
		}
	}
	for i := range l.parts.Approvals {
		a := &l.parts.Approvals[i]
		for n := range a.Waves {
			if a.Waves[n].Waits && !a.Waves[n].Start.After(at) {
				a.Waves = l.schedule.Begin(a.Waves, n, at)
			}
		}
	}
}

// phones are three production phones: in the first wave, in the last, and of
// the other model; each in a zone of its own.
func (l *life) phones() []policy.Facts {
	find := func(from, to uint32) string {
		for i := 0; ; i++ {
			name := fmt.Sprint("P-", i)
			if b := policy.Bucket(l.release.Version, name); from <= b && b < to {
				return name
			}
		}
	}
	var list []policy.Facts
	for _, p := range []struct{ name, model string }{
		{find(0, policy.Buckets/10), l.models[0]},
		{find(policy.Buckets/2, policy.Buckets), l.models[0]},
		{find(0, policy.Buckets/10), l.fleet[1-slices.Index(l.fleet, l.models[0])]},
	} {
		f := phone()
		f.Phone, f.Model, f.OSVersion = p.name, p.model, l.runsBefore(p.model)
		f.Apps = []policy.InstalledApp{{BundleID: pos, Version: "5.0.1"}, {BundleID: scan, Version: "2.4"}}
		list = append(list, f)
	}
	return list
}

// decision words everything the engine says of the release at a moment.
func (l *life) decision(t *testing.T, at time.Time) string {
	t.Helper()
	var b strings.Builder
	w := l.world(at)
	gate := w.Cited(policy.Evaluate(w, group, l.release.Version, at), at)
	day, waiting := policy.HoldReached(w, gate, at)
	fmt.Fprintf(&b, "  gate %s; by itself %s; a person %s\n", gate.Phase, dash(string(gate.NextAutomatic)), dash(string(gate.NextHuman)))
	for _, r := range gate.Reasons {
		fmt.Fprintf(&b, "    because %s\n", worded(r))
	}
	for _, a := range gate.Apps {
		fmt.Fprintf(&b, "    app %s %s %s; tested on %s; missing on %s; from version %s\n", a.BundleID, a.State, dash(string(a.Why)),
			listed(a.Models), listed(a.MissingModels), dash(a.Floor))
	}
	c := gate.Clocks
	fmt.Fprintf(&b, "    clocks: hidden until %s, shelf life %s, branch %s; verify by %s%s\n", date(c.HiddenUntil), date(c.ShelfLife), date(c.Branch),
		date(c.VerifyBy), map[bool]string{true: " (passed)"}[c.Passed])
	fmt.Fprintf(&b, "    hold: alarm %d for %s; fixes %d since %s, exploited %s; production %d, done %d\n", day, listed(waiting),
		gate.CVEs, dash(gate.FixesSince), listed(gate.Exploited), gate.Counts.Production, gate.Counts.Done)
	for _, a := range l.parts.Approvals {
		for i, wave := range a.Waves {
			state := "began"
			if wave.Waits {
				state = "waits until"
			}
			fmt.Fprintf(&b, "    wave %d %s %s, deadline %s\n", i+1, state, wave.Start.In(l.schedule.Location).Format("Mon 2006-01-02 15:04 -07:00"), wave.Deadline)
		}
	}
	e := policy.NewExplainer(w, at)
	for i, f := range l.phones() {
		loc := zone(t, []string{"Asia/Tokyo", "America/New_York", "Europe/Berlin"}[i])
		live := policy.Live{LastContact: at.Add(-time.Hour), HoldConfirmed: true, LocalNow: policy.FormatLocal(at, loc)}
		target := policy.TargetFor(w, f, at)
		if s := target.Enforce; s != nil && s.Deadline.Compare(live.LocalNow) < 0 {
			f.Announced = s
			f.Install = policy.Install{State: policy.InstallPrepared, PendingVersion: s.Release}
		}
		x := e.Explain(f, live, target)
		fmt.Fprintf(&b, "  phone %s %s on %s, its clock %s: %s", f.Phone, f.Model, f.OSVersion, live.LocalNow, worded(x.Reason))
		if s := target.Enforce; s != nil {
			fmt.Fprintf(&b, "; install %s by %s (%s)", s.Release, s.Deadline, s.By)
		}
		fmt.Fprintf(&b, "; hold %s; by itself %s; a person %s\n", x.Hold, dash(string(x.NextAutomatic)), dash(string(x.NextHuman)))
	}
	return b.String()
}

func worded(r policy.Reason) string {
	text := string(r.Code)
	for _, k := range slices.Sorted(maps.Keys(r.Params)) {
		text += fmt.Sprintf(" %s=%s", k, r.Params[k])
	}
	for _, from := range r.From {
		text += fmt.Sprintf(" <%s %s>", from.Kind, from.ID)
	}
	return text
}

func dash(s string) string { return cmp.Or(s, "-") }

func listed(list []string) string { return dash(strings.Join(list, ",")) }

func date(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Format(time.DateOnly)
}

// TestDecisions holds the whole decision about every release that Apple
// published for four models since September 2025: under three policies, in two
// groups, on days around every alarm and the end of the hold, for phones in three
// zones. A day that says what the day before it said is not repeated. The files are
// rewritten with go test -run Decisions -update.
func TestDecisions(t *testing.T) {
	t.Parallel()
	releases := facts(t)
	for _, s := range stories(t) {
		for ending, fleet := range fleets() {
			t.Run(s.policy.Name+ending, func(t *testing.T) {
				t.Parallel()
				var b strings.Builder
				nth := 0
				for _, r := range slices.Backward(releases) {
					l, applies := newLife(s, releases, r, fleet, nth)
					if !applies || l.posted.Before(day("2025-09-01")) || r.Class == policy.ClassImprovement {
						continue
					}
					nth++
					l.begin()
					l.tell(t, &b, decisionDays())
				}
				goldenText(t, "decisions-"+s.policy.Name+ending+".txt", b.String())
			})
		}
	}
}

// tell writes what is decided about the release on some days, in order, as the
// people act on every day.
func (l *life) tell(t *testing.T, b *strings.Builder, days []int) {
	t.Helper()
	fmt.Fprintf(b, "iOS %s, posted %s for %s\n", l.release.Version, date(l.posted), listed(l.models))
	before, said := "", 0
	for d := range days[len(days)-1] + 1 {
		l.act(l.at(d))
		if !slices.Contains(days, d) {
			continue
		}
		fmt.Fprintf(b, " day %d, %s", d, l.at(d).In(l.schedule.Location).Format("Mon 2006-01-02 15:04 -07:00"))
		text := l.decision(t, l.at(d))
		if same(text, before) {
			fmt.Fprintf(b, ": as on day %d\n", said)
			continue
		}
		fmt.Fprintf(b, "\n%s", text)
		before, said = text, d
	}
}

// same reports whether two decisions differ in the phones' clocks at most.
func same(a, b string) bool {
	strip := func(s string) string {
		lines := strings.Split(s, "\n")
		for i, line := range lines {
			if before, after, ok := strings.Cut(line, ", its clock "); ok {
				_, after, _ = strings.Cut(after, ": ")
				lines[i] = before + after
			}
		}
		return strings.Join(lines, "\n")
	}
	return strip(a) == strip(b)
}

func goldenText(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatalf("write golden file: %v", err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read golden file (go test -update makes it): %v", err)
	}
	if !bytes.Equal(want, []byte(got)) {
		t.Errorf("%s (-want +got):\n%s", path, gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")))
	}
}
