package mdmtest

import (
	"context"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// baseline is a typical set: subscriptions and whatever more, activated.
func baseline(more map[string][2]string) map[string][2]string {
	set := map[string][2]string{
		"management/org": {"com.apple.management.organization-info", `{"Name":"Example"}`},
		"configuration/status": {typeSubscriptions, `{"StatusItems":[{"Name":"device.operating-system.version"},
			{"Name":"softwareupdate.install-state"},{"Name":"softwareupdate.pending-version"},
			{"Name":"softwareupdate.install-reason"},{"Name":"softwareupdate.failure-reason"}]}`},
	}
	ids := []string{`"status"`}
	for k, v := range more {
		set[k] = v
		if id, ok := strings.CutPrefix(k, "configuration/"); ok {
			ids = append(ids, `"`+id+`"`)
		}
	}
	set["activation/act"] = [2]string{typeActivation, `{"StandardConfigurations":[` + strings.Join(ids, ",") + `]}`}
	return set
}

func enforce(version, local string) [2]string {
	return [2]string{typeEnforcement, `{"TargetOSVersion":"` + version + `","TargetLocalDateTime":"` + local + `"}`}
}

// items digs a value out of nested maps.
func items(m map[string]any, path ...string) any {
	var v any = m
	for _, p := range path {
		inner, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = inner[p]
	}
	return v
}

func asDict(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// first returns the first dictionary of a list, or nil.
func first(l []any) map[string]any {
	if len(l) == 0 {
		return nil
	}
	return asDict(l[0])
}

func TestSync(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{Supervised: true})
	s.declare("one", baseline(map[string][2]string{
		"configuration/osu": {typeSettings, `{"Deferrals":{"CombinedPeriodInDays":90},"AutomaticActions":{"Download":"AlwaysOff"}}`},
	}))
	connect(t, p)
	want := []string{
		"Idle", "Acknowledged sync-one", "tokens", "declaration-items",
		"declaration/configuration/osu", "declaration/configuration/status", "declaration/management/org",
		"declaration/activation/act", "status",
	}
	// The order of items inside one array is the server's.
	if d := cmp.Diff(len(want), len(s.messages)); d != "" {
		t.Errorf("number of messages (-want +got):\n%s", d)
	}
	report := s.lastStatus()
	if got := items(report, "StatusItems", "device", "operating-system", "version"); got != "18.1" {
		t.Errorf("reported version %v, want 18.1", got)
	}
	if got := items(report, "StatusItems", "management", "client-capabilities", "supported-versions"); got == nil {
		t.Error("no client capabilities in the first report")
	}
	states, _ := items(report, "StatusItems", "management", "declarations", "configurations").([]any)
	wantState := map[string]any{"identifier": "osu", "server-token": str(mustJSON(t, s.ddm.items["configuration/osu"]), "ServerToken"), "active": true, "valid": "valid"}
	if d := cmp.Diff(wantState, states[0]); d != "" {
		t.Errorf("state of the settings (-want +got):\n%s", d)
	}
	snap := p.Snapshot()
	if snap.DeferralDays != 90 || !snap.AutomaticInstallOff {
		t.Errorf("deferral %d, automatic off %v; want 90, true", snap.DeferralDays, snap.AutomaticInstallOff)
	}

	// A changed set: only what changed is fetched, what vanished goes.
	s.took()
	s.declare("two", baseline(nil))
	s.mu.Lock()
	s.ddm.stamp = "2026-11-02T00:00:00Z"
	s.mu.Unlock()
	connect(t, p)
	wantGets := []string{"tokens", "declaration-items", "declaration/activation/act", "status"}
	if d := cmp.Diff(wantGets, s.ddm.gets); d != "" {
		t.Errorf("requests (-want +got):\n%s", d)
	}
	if got := p.Snapshot().DeferralDays; got != 0 {
		t.Errorf("deferral %d after the settings were removed, want 0", got)
	}

	// The same set: the tokens suffice, and nothing is reported.
	s.took()
	s.send(command("again", "DeclarativeManagement", ""))
	connect(t, p)
	if d := cmp.Diff([]string{"Idle", "Acknowledged again", "tokens"}, s.took()); d != "" {
		t.Errorf("messages for an unchanged set (-want +got):\n%s", d)
	}
	// With the tokens in the command not even that.
	s.send(command("data", "DeclarativeManagement", "<key>Data</key><data>"+base64.StdEncoding.EncodeToString([]byte(s.tokensJSON()))+"</data>"))
	connect(t, p)
	if d := cmp.Diff([]string{"Idle", "Acknowledged data"}, s.took()); d != "" {
		t.Errorf("messages with tokens in the command (-want +got):\n%s", d)
	}
	wantNoViolations(t, p)
}

func mustJSON(t *testing.T, body string) map[string]any {
	t.Helper()
	m, err := parseJSON([]byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSync404DropsDeclaration(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{Supervised: true})
	s.declare("one", baseline(map[string][2]string{"configuration/osu": {typeSettings, `{"Notifications":false}`}}))
	s.mu.Lock()
	s.ddm.hide["configuration/osu"] = true
	s.mu.Unlock()
	connect(t, p)
	if n := len(p.o.Journal.Entries(KindMissing)); n != 1 {
		t.Errorf("%d declarations noted as missing, want 1", n)
	}
	for _, d := range p.Snapshot().Declarations {
		if d.Identifier == "act" && (d.Valid != "invalid" || !cmp.Equal(d.Reasons, []string{"Error.MissingConfigurations"})) {
			t.Errorf("activation is %+v, want invalid for a missing configuration", d)
		}
	}
	wantNoViolations(t, p)
}

func TestSyncViolations(t *testing.T) {
	t.Parallel()
	respond := func(endpoint, contentType, body string) func(http.ResponseWriter, map[string]any) bool {
		return func(w http.ResponseWriter, m map[string]any) bool {
			if str(m, "Endpoint") != endpoint {
				return false
			}
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
			return true
		}
	}
	empty := `"Activations":[],"Assets":[],"Configurations":[],"Management":[]`
	tests := []struct {
		name   string
		answer func(http.ResponseWriter, map[string]any) bool
		want   string
	}{
		{"content type", respond("tokens", "text/plain", `{"SyncTokens":{"DeclarationsToken":"one","Timestamp":"2026-11-01T00:00:00Z"}}`), "content type"},
		{"fraction in the timestamp", respond("tokens", typeJSON, `{"SyncTokens":{"DeclarationsToken":"one","Timestamp":"2026-11-01T00:00:00.5Z"}}`), "Timestamp: value not allowed"},
		{"unknown key", respond("tokens", typeJSON, `{"SyncTokens":{"DeclarationsToken":"one","Timestamp":"2026-11-01T00:00:00Z","More":1}}`), "More: unknown key"},
		{"token changes in mid-sync", respond("declaration-items", typeJSON, `{"DeclarationsToken":"other","Declarations":{`+empty+`}}`), "changed while"},
		{"null array", respond("declaration-items", typeJSON, `{"DeclarationsToken":"one","Declarations":{`+strings.Replace(empty, `"Assets":[]`, `"Assets":null`, 1)+`}}`), "Assets: wrong type"},
		{"ServerToken contradicts", respond("declaration/management/org", typeJSON, `{"Type":"com.apple.management.organization-info","Identifier":"org","ServerToken":"x","Payload":{"Name":"A"}}`), "contradicts the manifest"},
		{"wrong identifier", respond("declaration/management/org", typeJSON, `{"Type":"com.apple.management.organization-info","Identifier":"gro","ServerToken":"x","Payload":{"Name":"A"}}`), "another identifier"},
		{"tokens 404", func(w http.ResponseWriter, m map[string]any) bool {
			if str(m, "Endpoint") != "tokens" {
				return false
			}
			w.WriteHeader(http.StatusNotFound)
			return true
		}, "tokens answered 404"},
		{"status with body", respond("status", typeJSON, `{}`), "answer to status has a body"},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s.setAnswer(nil)
			p := enrolled(t, s, newClock(), Options{Supervised: true})
			s.declare("one", baseline(nil))
			s.setAnswer(tt.answer)
			_ = p.Connect(context.Background())
			if got := strings.Join(p.Snapshot().Violations, "\n"); !strings.Contains(got, tt.want) {
				t.Errorf("violations %q, want %q", got, tt.want)
			}
		})
	}
}

func TestTimestampGoesBack(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{})
	s.declare("one", baseline(nil))
	connect(t, p)
	wantNoViolations(t, p)
	s.declare("two", map[string][2]string{})
	s.mu.Lock()
	s.ddm.stamp = "2026-10-31T23:59:59Z"
	s.mu.Unlock()
	connect(t, p)
	if got := strings.Join(p.Snapshot().Violations, "\n"); !strings.Contains(got, "Timestamp went back") {
		t.Errorf("violations %q", got)
	}
	if n := len(p.o.Journal.Entries(KindEmptied)); n != 1 {
		t.Errorf("emptied manifest noted %d times, want 1", n)
	}
}

func TestDeclarationRejected(t *testing.T) {
	t.Parallel()
	deferrals := [2]string{typeSettings, `{"Deferrals":{"CombinedPeriodInDays":30}}`}
	tests := []struct {
		name       string
		supervised bool
		version    string
		decl       [2]string
		want       string // reason code, "" for valid and active
	}{
		{"settings", true, "18.1", deferrals, ""},
		{"settings on 17", true, "17.6", deferrals, "Error.UnknownDeclarationType"},
		{"enforcement on 17", true, "17.6", enforce("17.7", "2026-11-20T10:00:00"), ""},
		{"enforcement on 16", true, "16.7", enforce("17.7", "2026-11-20T10:00:00"), "Error.UnknownDeclarationType"},
		{"enforcement unsupervised", false, "26.1", enforce("26.2", "2026-11-20T10:00:00"), ""},
		{"deferral unsupervised", false, "26.1", deferrals, "Error.ConfigurationNotSupported"},
		{"cadence unsupervised", false, "26.1", [2]string{typeSettings, `{"RecommendedCadence":"Oldest","Notifications":true}`}, ""},
		{"91 days", true, "18.1", [2]string{typeSettings, `{"Deferrals":{"CombinedPeriodInDays":91}}`}, "Error.ConfigurationCannotBeDeserialized"},
		{"days as text", true, "18.1", [2]string{typeSettings, `{"Deferrals":{"CombinedPeriodInDays":"90"}}`}, "Error.ConfigurationCannotBeDeserialized"},
		{"macOS key", true, "18.1", [2]string{typeSettings, `{"Deferrals":{"MajorPeriodInDays":90}}`}, "Error.UnknownPayloadKeys"},
		{"unknown key", true, "18.1", [2]string{typeSettings, `{"BackgroundSecurityImprovements":{"Enable":true}}`}, "Error.UnknownPayloadKeys"},
		{"key of 26 on 18", true, "18.1", [2]string{typeSettings, `{"AutomaticActions":{"InstallSecurityUpdate":"AlwaysOff"}}`}, "Error.UnknownPayloadKeys"},
		{"key of 26 on 26", true, "26.1", [2]string{typeSettings, `{"AutomaticActions":{"InstallSecurityUpdate":"AlwaysOff"}}`}, ""},
		{"beta keys exclude each other", true, "26.1", [2]string{typeSettings, `{"Beta":{"ProgramEnrollment":"AlwaysOff","OfferPrograms":[{"Description":"a","Token":"b"}]}}`}, "Error.ConfigurationIsInvalid"},
		{"deadline with zone", true, "26.1", enforce("26.2", "2026-11-20T10:00:00Z"), "Error.ConfigurationCannotBeDeserialized"},
		{"target missing", true, "26.1", [2]string{typeEnforcement, `{"TargetLocalDateTime":"2026-11-20T10:00:00"}`}, "Error.ConfigurationCannotBeDeserialized"},
		{"target is installed", true, "26.1", enforce("26.1", "2026-11-20T10:00:00"), "Error.ConfigurationCannotBeApplied"},
		{"target is older", true, "26.1", enforce("26.0.1", "2026-11-20T10:00:00"), "Error.ConfigurationCannotBeApplied"},
		{"unknown type", true, "26.1", [2]string{"com.apple.configuration.softwareupdate.enforcement.latest", `{}`}, "Error.UnknownDeclarationType"},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := enrolled(t, s, newClock(), Options{Supervised: tt.supervised, OSVersion: tt.version, Build: "X"})
			s.declare("t-"+tt.name, baseline(map[string][2]string{"configuration/d": tt.decl}))
			connect(t, p)
			for _, d := range p.Snapshot().Declarations {
				if d.Identifier != "d" {
					continue
				}
				if got := strings.Join(d.Reasons, " "); got != tt.want || (got == "") != (d.Valid == "valid") {
					t.Errorf("declaration is %+v, want reason %q", d, tt.want)
				}
			}
			if rejected := len(p.o.Journal.Entries(KindRejected)) > 0; rejected != (tt.want != "") {
				t.Errorf("rejection noted: %v", rejected)
			}
			// The server has the list of types; sending another is its fault.
			violations := p.Snapshot().Violations
			if fault := tt.want == "Error.UnknownDeclarationType"; len(violations) > 0 != fault {
				t.Errorf("violations %q", violations)
			}
		})
	}
}

func TestActivation(t *testing.T) {
	t.Parallel()
	settings := [2]string{typeSettings, `{"Deferrals":{"CombinedPeriodInDays":30}}`}
	tests := []struct {
		name, activation string
		want             DeclarationState // of the settings
	}{
		{"plain", `{"StandardConfigurations":["d"]}`, DeclarationState{Active: true, Valid: "valid"}},
		{"true", `{"StandardConfigurations":["d"],"Predicate":"TRUEPREDICATE"}`, DeclarationState{Active: true, Valid: "valid"}},
		{"false", `{"StandardConfigurations":["d"],"Predicate":"FALSEPREDICATE"}`, DeclarationState{Valid: "unknown", Reasons: []string{"Info.NotReferencedByActivation"}}},
		{"other predicate", `{"StandardConfigurations":["d"],"Predicate":"1 == 1"}`, DeclarationState{Valid: "unknown", Reasons: []string{"Info.NotReferencedByActivation"}}},
		{"not referenced", `{"StandardConfigurations":[]}`, DeclarationState{Valid: "unknown", Reasons: []string{"Info.NotReferencedByActivation"}}},
	}
	s := newFakeServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := enrolled(t, s, newClock(), Options{Supervised: true})
			s.declare(tt.name, map[string][2]string{"configuration/d": settings, "activation/a": {typeActivation, tt.activation}})
			connect(t, p)
			got := p.Snapshot().Declarations[1]
			tt.want.Identifier, tt.want.Type, tt.want.ServerToken = got.Identifier, typeSettings, got.ServerToken
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("settings (-want +got):\n%s", d)
			}
		})
	}
}

func TestStatusReports(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s, c := newFakeServer(t), newClock()
	p := enrolled(t, s, c, Options{Supervised: true})
	s.declare("one", baseline(nil))
	p.Push(p.PushMagic())
	if err := p.Step(ctx); err != nil {
		t.Fatal(err)
	}
	s.took()

	t.Run("partial on change", func(t *testing.T) {
		p.SetOSVersion("18.2", "22C1")
		if err := p.Step(ctx); err != nil {
			t.Fatal(err)
		}
		report := s.lastStatus()
		if d := cmp.Diff([]string{"status"}, s.took()); d != "" {
			t.Errorf("messages (-want +got):\n%s", d)
		}
		if got := items(report, "StatusItems", "device", "operating-system", "version"); got != "18.2" {
			t.Errorf("version %v, want 18.2", got)
		}
		if items(report, "StatusItems", "softwareupdate") != nil || items(report, "StatusItems", "management", "declarations") != nil {
			t.Error("the report contains items that did not change")
		}
		if items(report, "StatusItems", "management", "client-capabilities") == nil {
			t.Error("no new capabilities after an update")
		}
		if report["FullReport"] != nil {
			t.Error("FullReport is set")
		}
	})
	t.Run("nothing without change", func(t *testing.T) {
		if err := p.Step(ctx); err != nil {
			t.Fatal(err)
		}
		if got := s.took(); len(got) > 0 {
			t.Errorf("phone said %v", got)
		}
	})
	t.Run("full after a day", func(t *testing.T) {
		c.set(c.Now().Add(24 * time.Hour))
		if err := p.Step(ctx); err != nil {
			t.Fatal(err)
		}
		report := s.lastStatus()
		if report["FullReport"] != true {
			t.Error("FullReport is not set")
		}
		for _, path := range [][]string{{"softwareupdate", "install-state"}, {"device", "operating-system", "version"}, {"management", "declarations"}, {"management", "client-capabilities"}} {
			if items(dict(report, "StatusItems"), path...) == nil {
				t.Errorf("full report lacks %v", path)
			}
		}
		s.took()
	})
	t.Run("repeated when the answer was lost", func(t *testing.T) {
		p.o.Faults.LoseStatus = 1
		p.SetOSVersion("18.3", "22D1")
		if err := p.Step(ctx); err == nil {
			t.Error("step went well although the answer was lost")
		}
		c.set(c.Now().Add(time.Minute))
		if err := p.Step(ctx); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(s.took(), " "); strings.Count(got, "status") != 2 {
			t.Errorf("messages %q, want the status twice", got)
		}
	})
	t.Run("repeated when the answer was lost and the change undone", func(t *testing.T) {
		p.o.Faults.LoseStatus = 1
		p.SetOSVersion("18.4", "22E1")
		if err := p.Step(ctx); err == nil {
			t.Error("step went well although the answer was lost")
		}
		p.SetOSVersion("18.3", "22D1")
		c.set(c.Now().Add(time.Minute))
		if err := p.Step(ctx); err != nil {
			t.Fatal(err)
		}
		if got := items(dict(s.lastStatus(), "StatusItems"), "device", "operating-system", "version"); got != "18.3" {
			t.Errorf("the server last heard of %v, want 18.3", got)
		}
	})
	wantNoViolations(t, p)
}

func TestStatusUnknownItem(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{OSVersion: "26.1", Build: "X"})
	s.declare("one", map[string][2]string{
		"configuration/status": {typeSubscriptions, `{"StatusItems":[{"Name":"mdm.enrollment-type"},{"Name":"device.model.identifier"}]}`},
		"activation/act":       {typeActivation, `{"StandardConfigurations":["status"]}`},
	})
	connect(t, p)
	errs := list(s.lastStatus(), "Errors")
	if len(errs) != 1 || items(first(errs), "StatusItem") != "mdm.enrollment-type" {
		t.Errorf("errors %v, want one about mdm.enrollment-type, which is new in 27", errs)
	}
	p.SetOSVersion("27.0", "Y")
	connect(t, p)
	if got := items(s.lastStatus(), "StatusItems", "mdm", "enrollment-type"); got != "device" {
		t.Errorf("enrollment type %v on 27, want device", got)
	}
}
