package mdmtest

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var (
	posted  = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC) // nine hours before the fake clock starts
	release = Offer{Version: "26.7", Build: "23H1", Posted: posted, DownloadTime: time.Hour, InstallTime: 20 * time.Minute}
	upgrade = Offer{Version: "27.0", Build: "24A1", Posted: posted, DownloadTime: time.Hour, InstallTime: 20 * time.Minute}
)

// fleetPhone returns a supervised phone on 26.6 that is enrolled and has
// synchronised the given configurations.
func fleetPhone(t *testing.T, s *fakeServer, c *clock, o Options, set map[string][2]string) *Phone {
	t.Helper()
	if o.OSVersion == "" {
		o.OSVersion, o.Build = "26.6", "23G1"
	}
	p := enrolled(t, s, c, o)
	s.declare("initial", baseline(set))
	connect(t, p)
	s.took()
	return p
}

// updates returns the states an update went through, as "time state".
func updates(p *Phone) []string {
	out := []string{}
	for _, e := range p.o.Journal.Entries(KindUpdate, KindInstalled, KindPasscode, KindPutOff) {
		what := e.Detail
		if e.Kind != KindUpdate {
			what = strings.TrimSuffix(string(e.Kind)+" "+e.Version+" "+what, " ")
		}
		out = append(out, e.Time.UTC().Format("02T15:04 ")+what)
	}
	return out
}

func hold(days string) [2]string {
	return [2]string{typeSettings, `{"Deferrals":{"CombinedPeriodInDays":` + days + `},"AutomaticActions":{"Download":"AlwaysOff","InstallOSUpdates":"AlwaysOff"}}`}
}

func TestEnforcedUpdate(t *testing.T) {
	t.Parallel()
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	tests := []struct {
		name  string
		o     Options
		local string
		want  []string
	}{
		{
			"at the deadline in the phone's zone, in spite of the deferral",
			Options{TimeZone: "Asia/Tokyo"},
			"2026-11-03T19:00:00",
			[]string{"01T09:00 waiting: declaration", "01T09:00 downloading", "01T10:00 prepared", "03T10:00 installing: declaration", "03T10:20 installed 26.7 declaration"},
		},
		{
			"user accepts early",
			Options{User: User{InstallsEarly: 2 * time.Hour}, Passcode: true},
			"2026-11-03T19:00:00",
			[]string{"01T09:00 waiting: declaration", "01T09:00 downloading", "01T10:00 prepared", "01T12:00 installing: declaration", "01T12:20 installed 26.7 declaration"},
		},
		{
			"passcode has to be entered",
			Options{Passcode: true, User: User{EntersPasscode: 3 * time.Hour}},
			"2026-11-02T12:00:00",
			[]string{"01T09:00 waiting: declaration", "01T09:00 downloading", "01T10:00 prepared", "02T12:00 passcode-requested 26.7", "02T15:00 installing: declaration", "02T15:20 installed 26.7 declaration"},
		},
		{
			"passcode is never entered",
			Options{Passcode: true},
			"2026-11-02T12:00:00",
			[]string{"01T09:00 waiting: declaration", "01T09:00 downloading", "01T10:00 prepared", "02T12:00 passcode-requested 26.7"},
		},
		{
			"deadline is over on arrival",
			Options{},
			"2026-10-31T12:00:00",
			[]string{"01T09:00 waiting: declaration", "01T09:00 downloading", "01T10:00 prepared", "01T10:00 installing: declaration", "01T10:20 installed 26.7 declaration"},
		},
		{
			"no space",
			Options{AvailableGB: 1},
			"2026-11-02T12:00:00",
			[]string{"01T09:00 waiting: declaration", "01T09:00 failed: insufficient disk space: 6.0 GB needed"},
		},
		{
			"low battery",
			Options{Battery: 0.1},
			"2026-11-02T12:00:00",
			[]string{"01T09:00 waiting: declaration", "01T09:00 downloading", "01T10:00 prepared", "02T12:00 failed: BatteryTooLow"},
		},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			tt.o.Supervised, tt.o.Apple = true, catalog{release}
			p := fleetPhone(t, s, c, tt.o, map[string][2]string{"configuration/hold": hold("90"), "configuration/e": enforce("26.7", tt.local)})
			run(t, p, c, day(4, 0))
			if d := cmp.Diff(tt.want, updates(p)); d != "" {
				t.Errorf("update (-want +got):\n%s", d)
			}
			past := len(p.o.Journal.Entries(KindPastDeadline)) > 0
			if want := strings.HasPrefix(tt.name, "deadline is over"); past != want {
				t.Errorf("past deadline noted: %v, want %v", past, want)
			}
			wantNoViolations(t, p)
		})
	}
}

func TestEnforcedUpdateReports(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release}, TimeZone: "Asia/Tokyo"},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-03T19:00:00")})
	var states []string
	s.setAnswer(func(_ http.ResponseWriter, m map[string]any) bool {
		report, err := parseJSON(bytesOf(m, "Data"))
		if err == nil {
			if st, ok := items(report, "StatusItems", "softwareupdate", "install-state").(string); ok {
				states = append(states, st)
			}
		}
		return false
	})
	run(t, p, c, c.Now().Add(30*time.Minute))
	report := s.lastStatus()
	want := map[string]any{
		"install-state":   "downloading",
		"install-reason":  map[string]any{"reason": []any{"declaration"}, "declaration-id": "e"},
		"pending-version": map[string]any{"os-version": "26.7", "build-version": "23H1", "target-local-date-time": "2026-11-03T19:00:00"},
	}
	if d := cmp.Diff(want, items(report, "StatusItems", "softwareupdate")); d != "" {
		t.Errorf("report while downloading (-want +got):\n%s", d)
	}
	run(t, p, c, time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC))
	final := s.lastStatus()
	if got := items(final, "StatusItems", "device", "operating-system", "version"); got != "26.7" {
		t.Errorf("last report has version %v, want 26.7", got)
	}
	configs, _ := items(final, "StatusItems", "management", "declarations", "configurations").([]any)
	if got := items(first(configs), "valid"); got != "invalid" {
		t.Errorf("enforcement of the installed version is %v, want invalid", got)
	}
	states = slices.Compact(states) // the daily complete report repeats "prepared"
	if d := cmp.Diff([]string{"downloading", "prepared", "installing", "none"}, states); d != "" {
		t.Errorf("states reported (-want +got):\n%s", d)
	}
}

func TestUpdateRecovers(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release}, AvailableGB: 1, Battery: 0.1},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-01T12:00:00")})
	p.FailInstall("SUMacControllerError 7700", 1)
	p.SetAvailableGB(20)
	run(t, p, c, c.Now().Add(4*time.Hour))
	p.SetBattery(0.9)
	run(t, p, c, c.Now().Add(4*time.Hour))
	want := []string{
		"01T09:00 waiting: declaration", "01T09:00 failed: insufficient disk space: 6.0 GB needed",
		"01T09:00 waiting: trying again", "01T09:00 downloading", "01T10:00 prepared",
		"01T12:00 failed: BatteryTooLow", "01T13:00 prepared: trying again", "01T13:00 installing: declaration",
		"01T13:20 failed: SUMacControllerError 7700", "01T14:20 prepared: trying again",
		"01T14:20 installing: declaration", "01T14:40 installed 26.7 declaration",
	}
	if d := cmp.Diff(want, updates(p)); d != "" {
		t.Errorf("update (-want +got):\n%s", d)
	}
}

func TestEnforcementWithdrawnAndReplaced(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release}},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-03T12:00:00")})
	run(t, p, c, c.Now().Add(2*time.Hour))
	// An earlier deadline for the same release keeps what was downloaded.
	s.declare("earlier", baseline(map[string][2]string{"configuration/e": enforce("26.7", "2026-11-02T12:00:00")}))
	p.Push(p.PushMagic())
	run(t, p, c, c.Now().Add(time.Hour))
	if got := p.Snapshot(); got.InstallState != "prepared" || len(got.Enforcements) != 1 || got.Enforcements[0].Deadline.Day() != 2 {
		t.Errorf("after a new deadline: %+v", got)
	}
	s.declare("none", baseline(nil))
	p.Push(p.PushMagic())
	run(t, p, c, time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC))
	if got := p.Snapshot(); got.OSVersion != "26.6" || got.InstallState != "none" {
		t.Errorf("after the withdrawal the phone is on %s, %s; want 26.6, none", got.OSVersion, got.InstallState)
	}
}

func TestSeveralEnforcements(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release, upgrade}}, map[string][2]string{
		"configuration/a": enforce("27.0", "2026-11-03T12:00:00"), "configuration/b": enforce("26.7", "2026-11-02T12:00:00"),
	})
	run(t, p, c, time.Date(2026, 11, 5, 0, 0, 0, 0, time.UTC))
	var got []string
	for _, e := range p.o.Journal.Entries(KindInstalled) {
		got = append(got, e.Version)
	}
	if d := cmp.Diff([]string{"26.7", "27.0"}, got); d != "" {
		t.Errorf("installed (-want +got):\n%s", d)
	}
	if len(p.o.Journal.Entries(KindManyEnforced)) == 0 {
		t.Error("two enforcements at once were not noted")
	}
}

func TestEnforcementNotOffered(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	late := release
	late.Posted = time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{late}},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-02T12:00:00")})
	run(t, p, c, time.Date(2026, 11, 2, 13, 0, 0, 0, time.UTC))
	if got := p.Snapshot(); got.InstallState != "none" || len(got.Enforcements) != 1 {
		t.Errorf("before the release: %s with %d enforcements, want none with 1", got.InstallState, len(got.Enforcements))
	}
	run(t, p, c, time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC))
	if got := p.Snapshot().OSVersion; got != "26.7" {
		t.Errorf("after the release the phone is on %s, want 26.7", got)
	}
}

// A new enforcement makes the phone look for the release at once, even if it
// asked Apple an hour ago; a deadline that is over leaves the user an hour.
func TestEnforcementPastDeadline(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	quick := Offer{Version: "26.6.1", Build: "23G9", Posted: c.Now().Add(time.Hour), DownloadTime: 10 * time.Minute, InstallTime: time.Minute}
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{quick}}, nil)
	run(t, p, c, c.Now().Add(2*time.Hour))
	s.declare("now", baseline(map[string][2]string{"configuration/e": enforce("26.6.1", "2026-11-01T10:00:00")}))
	p.Push(p.PushMagic())
	run(t, p, c, c.Now().Add(3*time.Hour))
	want := []string{
		"01T11:00 waiting: declaration", "01T11:00 downloading", "01T11:10 prepared",
		"01T12:00 installing: declaration", "01T12:01 installed 26.6.1 declaration",
	}
	if d := cmp.Diff(want, updates(p)); d != "" {
		t.Errorf("update (-want +got):\n%s", d)
	}
}

// A phone that restarts to install is not reachable.
func TestSilentWhileInstalling(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release}},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-01T12:00:00")})
	run(t, p, c, time.Date(2026, 11, 1, 12, 5, 0, 0, time.UTC))
	if got := items(s.lastStatus(), "StatusItems", "softwareupdate", "install-state"); got != "installing" {
		t.Fatalf("last report says %v, want installing", got)
	}
	s.took()
	p.Push(p.PushMagic())
	if err := p.Step(ctx); err != nil {
		t.Fatal(err)
	}
	if err := p.Connect(ctx); !errors.Is(err, ErrOffline) {
		t.Errorf("Connect: got %v, want ErrOffline", err)
	}
	if got := s.took(); len(got) > 0 {
		t.Errorf("phone said %v while it installed", got)
	}
	run(t, p, c, time.Date(2026, 11, 1, 12, 21, 0, 0, time.UTC))
	if got := s.took(); len(got) == 0 || got[0] != "Idle" {
		t.Errorf("after the restart phone said %v, want it to heed the push", got)
	}
}

// Build letters: the version decides, the build chooses among equals.
func TestEnforcedBuild(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, build, want string }{
		{"second build", "23H1001", "23H1001"},
		{"no build", "", "23H1"},
		{"build that is not offered", "99Z9", "23H1"},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			second := release
			second.Build = "23H1001"
			decl := [2]string{typeEnforcement, `{"TargetOSVersion":"26.7","TargetBuildVersion":"` + tt.build + `","TargetLocalDateTime":"2026-11-01T12:00:00"}`}
			p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release, second}}, map[string][2]string{"configuration/e": decl})
			run(t, p, c, c.Now().Add(6*time.Hour))
			if got := p.Snapshot().Build; got != tt.want {
				t.Errorf("installed build %s, want %s", got, tt.want)
			}
		})
	}
}

func TestOfflinePhone(t *testing.T) {
	t.Parallel()
	s, c := newFakeServer(t), newClock()
	p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{release}},
		map[string][2]string{"configuration/e": enforce("26.7", "2026-11-01T20:00:00")})
	run(t, p, c, c.Now().Add(30*time.Minute))
	p.SetOffline(true) // half of the download is done
	run(t, p, c, c.Now().Add(5*time.Hour))
	if got := p.Snapshot().InstallState; got != "downloading" {
		t.Fatalf("offline: %s, want downloading", got)
	}
	p.SetOffline(false)
	run(t, p, c, c.Now().Add(29*time.Minute))
	if got := p.Snapshot().InstallState; got != "downloading" {
		t.Fatalf("online for 29 minutes: %s, want downloading", got)
	}
	run(t, p, c, c.Now().Add(2*time.Minute))
	if got := p.Snapshot().InstallState; got != "prepared" {
		t.Fatalf("online again: %s, want prepared", got)
	}
	p.SetOffline(true) // a prepared update needs no network
	run(t, p, c, c.Now().Add(24*time.Hour))
	if got := p.Snapshot().OSVersion; got != "26.7" {
		t.Errorf("offline past the deadline the phone is on %s, want 26.7", got)
	}
	s.took()
	p.SetOffline(false)
	if err := p.Step(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := items(s.lastStatus(), "StatusItems", "device", "operating-system", "version"); got != "26.7" {
		t.Errorf("back online it reports %v, want 26.7", got)
	}
}

func TestOfferedUpdates(t *testing.T) {
	t.Parallel()
	settings := func(more string) [2]string { return [2]string{typeSettings, `{` + more + `}`} }
	tests := []struct {
		name       string
		supervised bool
		days       int // since posting
		settings   [2]string
		want       []string
	}{
		{"all", true, 1, settings(`"Notifications":true`), []string{"26.7", "27.0"}},
		{"oldest", true, 1, settings(`"RecommendedCadence":"Oldest"`), []string{"26.7"}},
		{"newest", true, 1, settings(`"RecommendedCadence":"Newest"`), []string{"27.0"}},
		{"cadence unsupervised", false, 1, settings(`"RecommendedCadence":"Oldest"`), []string{"26.7"}},
		{"deferred on day 89", true, 89, settings(`"Deferrals":{"CombinedPeriodInDays":90}`), nil},
		{"visible on day 90", true, 90, settings(`"Deferrals":{"CombinedPeriodInDays":90}`), []string{"26.7", "27.0"}},
		{"no deferral unsupervised", false, 1, settings(`"Deferrals":{"CombinedPeriodInDays":90}`), []string{"26.7", "27.0"}},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			old := Offer{Version: "26.6.1", Build: "23G9", Posted: posted}
			p := fleetPhone(t, s, c, Options{Supervised: tt.supervised, Apple: catalog{upgrade, old, release}},
				map[string][2]string{"configuration/d": tt.settings})
			c.set(posted.AddDate(0, 0, tt.days))
			var got []string
			for _, o := range p.OfferedUpdates() {
				got = append(got, o.Version)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("offered (-want +got):\n%s", d)
			}
		})
	}
}

// A user can take what the hold does not hide: the leak the product is about.
func TestUserUpdates(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		o     Options
		set   map[string][2]string
		until time.Time
		want  []string
	}{
		{"taps Install", Options{User: User{TapsInstall: time.Hour}}, nil, posted.AddDate(0, 0, 2), []string{"26.7 system-settings"}},
		{"held", Options{User: User{TapsInstall: time.Hour}}, map[string][2]string{"configuration/d": hold("90")}, posted.AddDate(0, 0, 89), nil},
		{"hold ends", Options{User: User{TapsInstall: time.Hour}}, map[string][2]string{"configuration/d": hold("90")}, posted.AddDate(0, 0, 92), []string{"26.7 system-settings"}},
		{"automatic", Options{User: User{AutoUpdate: 48 * time.Hour}}, nil, posted.AddDate(0, 0, 4), []string{"26.7 auto-update"}},
		{"automatic off", Options{User: User{AutoUpdate: 48 * time.Hour}}, map[string][2]string{"configuration/d": hold("1")}, posted.AddDate(0, 0, 10), nil},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newClock()
			tt.o.Supervised, tt.o.Apple = true, catalog{release}
			p := fleetPhone(t, s, c, tt.o, tt.set)
			run(t, p, c, tt.until)
			var got []string
			for _, e := range p.o.Journal.Entries(KindInstalled) {
				got = append(got, e.Version+" "+e.Detail)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("installed (-want +got):\n%s", d)
			}
			wantNoViolations(t, p)
		})
	}
}
