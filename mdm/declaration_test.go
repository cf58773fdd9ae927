package mdm_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
)

// hold and enforcement are payloads as Kannuki sends them.
func hold() mdm.SoftwareUpdateSettings {
	return mdm.SoftwareUpdateSettings{
		Notifications:         ptr(false),
		Deferrals:             &mdm.Deferrals{CombinedPeriodInDays: 90},
		RecommendedCadence:    mdm.CadenceOldest,
		AutomaticActions:      &mdm.AutomaticActions{Download: mdm.AlwaysOff, InstallOSUpdates: mdm.AlwaysOff},
		RapidSecurityResponse: &mdm.RapidSecurityResponse{Enable: ptr(true), EnableRollback: ptr(false)},
		Beta: &mdm.Beta{
			ProgramEnrollment: mdm.Allowed,
			OfferPrograms:     []mdm.BetaProgram{{Description: "d", Token: "t"}},
		},
	}
}

func enforcement() mdm.SoftwareUpdateEnforcement {
	return mdm.SoftwareUpdateEnforcement{
		TargetOSVersion: "26.6.1", TargetBuildVersion: "23G83",
		TargetLocalDateTime: "2026-12-03T19:00:00", DetailsURL: "https://mdm.example.co.jp/u?a=1&b=<2>",
	}
}

func TestDeclarationBytes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, typ, class string
		payload          any
	}{
		{"hold", mdm.TypeSoftwareUpdateSettings, mdm.ClassConfiguration, hold()},
		{"hold-unsupervised", mdm.TypeSoftwareUpdateSettings, mdm.ClassConfiguration, hold().ForUnsupervised()},
		{"enforcement", mdm.TypeSoftwareUpdateEnforcement, mdm.ClassConfiguration, enforcement()},
		{"status", mdm.TypeStatusSubscriptions, mdm.ClassConfiguration, mdm.SubscribeTo("softwareupdate.install-state", "passcode.is-present")},
		{"organization", mdm.TypeOrganizationInfo, mdm.ClassManagement, mdm.OrganizationInfo{Name: "閂商店"}},
		{"activation", mdm.TypeActivationSimple, mdm.ClassActivation, mdm.ActivationSimple{StandardConfigurations: []string{"hold", "enforcement"}}},
		{"asset", "com.apple.asset.data", mdm.ClassAsset, map[string]any{"n": 12345678901234567}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d, err := mdm.NewDeclaration(test.typ, "kannuki."+test.name, test.payload)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, test.name+".json", d.JSON())
			if len(d.ServerToken) > 64 {
				t.Errorf("got token of %d octets, want at most 64", len(d.ServerToken))
			}
			want := mdm.Item{Class: test.class, Identifier: d.Identifier, ServerToken: d.ServerToken}
			if got := d.Item(); got != want {
				t.Errorf("got item %+v, want %+v", got, want)
			}
			var decoded mdm.Declaration
			if err := json.Unmarshal(d.JSON(), &decoded); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(d, decoded); diff != "" {
				t.Errorf("declaration read back (-want +got):\n%s", diff)
			}
		})
	}
}

func TestServerTokenFollowsContentOnly(t *testing.T) {
	t.Parallel()
	token := func(typ, identifier string, payload any) string {
		d, err := mdm.NewDeclaration(typ, identifier, payload)
		if err != nil {
			t.Fatal(err)
		}
		return d.ServerToken
	}
	want := token(mdm.TypeSoftwareUpdateEnforcement, "a", enforcement())
	// The same content as a map and as text in another order.
	var m map[string]any
	encoded, err := json.Marshal(enforcement())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(encoded, &m); err != nil {
		t.Fatal(err)
	}
	reordered := json.RawMessage(`{ "TargetLocalDateTime":"2026-12-03T19:00:00", "TargetOSVersion":"26.6.1",` +
		`"DetailsURL":"https://mdm.example.co.jp/u?a=1\u0026b=<2>","TargetBuildVersion":"23G83"}`)
	for name, payload := range map[string]any{"map": m, "text": reordered} {
		if got := token(mdm.TypeSoftwareUpdateEnforcement, "a", payload); got != want {
			t.Errorf("%s: got token %s, want %s", name, got, want)
		}
	}
	later := enforcement()
	later.TargetLocalDateTime = "2026-12-03T19:00:01"
	for name, got := range map[string]string{
		"identifier": token(mdm.TypeSoftwareUpdateEnforcement, "b", enforcement()),
		"type":       token(mdm.TypeSoftwareUpdateSettings, "a", m),
		"payload":    token(mdm.TypeSoftwareUpdateEnforcement, "a", later),
	} {
		if got == want {
			t.Errorf("another %s has the same token", name)
		}
	}
}

func TestNewDeclarationRefuses(t *testing.T) {
	t.Parallel()
	const (
		settings = mdm.TypeSoftwareUpdateSettings
		enforce  = mdm.TypeSoftwareUpdateEnforcement
	)
	at := func(edit func(*mdm.SoftwareUpdateEnforcement)) mdm.SoftwareUpdateEnforcement {
		e := enforcement()
		edit(&e)
		return e
	}
	deferral := func(days int) mdm.SoftwareUpdateSettings {
		return mdm.SoftwareUpdateSettings{Deferrals: &mdm.Deferrals{CombinedPeriodInDays: days}}
	}
	for _, test := range []struct {
		name, typ, identifier string
		payload               any
		want                  string
	}{
		{"foreign type", "com.example.configuration.a", "a", struct{}{}, "no known class"},
		{"class alone", "com.apple.configuration", "a", struct{}{}, "no known class"},
		{"unknown class", "com.apple.profile.a", "a", struct{}{}, "no known class"},
		{"no identifier", settings, "", hold(), "identifier"},
		{"65 characters", settings, long(65), hold(), "identifier"},
		{"slash", settings, "a/b", hold(), "identifier"},
		{"not an object", settings, "a", []int{1}, "not a JSON object"},
		{"null", settings, "a", nil, "not a JSON object"},
		{"not JSON", settings, "a", func() {}, "unsupported type"},
		{"no deferral", settings, "a", deferral(0), "0 days"},
		{"91 days", settings, "a", deferral(91), "91 days"},
		{"cadence", settings, "a", mdm.SoftwareUpdateSettings{RecommendedCadence: "newest"}, "RecommendedCadence"},
		{"action", settings, "a", mdm.SoftwareUpdateSettings{AutomaticActions: &mdm.AutomaticActions{Download: "Off"}}, "unknown action"},
		{"beta", settings, "a", mdm.SoftwareUpdateSettings{Beta: &mdm.Beta{RequireProgram: &mdm.BetaProgram{}}}, "AlwaysOn"},
		{"offer without beta", settings, "a", mdm.SoftwareUpdateSettings{Beta: &mdm.Beta{
			ProgramEnrollment: mdm.AlwaysOff, OfferPrograms: []mdm.BetaProgram{{}},
		}}, "beta programs offered"},
		{"no version", enforce, "a", at(func(e *mdm.SoftwareUpdateEnforcement) { e.TargetOSVersion = "" }), "no target version"},
		{"no time", enforce, "a", at(func(e *mdm.SoftwareUpdateEnforcement) { e.TargetLocalDateTime = "" }), "target time"},
		{"zone", enforce, "a", at(func(e *mdm.SoftwareUpdateEnforcement) { e.TargetLocalDateTime += "Z" }), "target time"},
		{"fraction", enforce, "a", at(func(e *mdm.SoftwareUpdateEnforcement) { e.TargetLocalDateTime += ".5" }), "target time"},
		{"http", enforce, "a", at(func(e *mdm.SoftwareUpdateEnforcement) { e.DetailsURL = "http://a" }), "https"},
		{"no subscriptions", mdm.TypeStatusSubscriptions, "a", mdm.StatusSubscriptions{}, "no status items"},
		{"unnamed item", mdm.TypeStatusSubscriptions, "a", mdm.SubscribeTo(""), "without a name"},
		{"unnamed organisation", mdm.TypeOrganizationInfo, "a", mdm.OrganizationInfo{}, "without a name"},
		{"no configurations", mdm.TypeActivationSimple, "a", mdm.ActivationSimple{}, "no configurations"},
		{"bad configuration", mdm.TypeActivationSimple, "a", mdm.ActivationSimple{StandardConfigurations: []string{"a b"}}, "configuration identifier"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := mdm.NewDeclaration(test.typ, test.identifier, test.payload)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want %q", err, test.want)
			}
		})
	}
}

func manifest() []mdm.Item {
	return []mdm.Item{
		{Class: mdm.ClassActivation, Identifier: "act", ServerToken: "5"},
		{Class: mdm.ClassConfiguration, Identifier: "hold", ServerToken: "1"},
		{Class: mdm.ClassConfiguration, Identifier: "enforce", ServerToken: "2"},
		{Class: mdm.ClassConfiguration, Identifier: "status", ServerToken: "3"},
		{Class: mdm.ClassManagement, Identifier: "org", ServerToken: "4"},
	}
}

// A token that changes with the order of the items makes devices synchronise
// for ever.
func TestSetTokenIsStable(t *testing.T) {
	t.Parallel()
	want := mdm.NewSet(manifest())
	rng := rand.New(rand.NewPCG(1, 2)) // a fixed seed, so that a failure repeats
	for range 1_000 {
		items := manifest()
		rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		items = append(items, items[rng.IntN(len(items))]) // a repetition
		got := mdm.NewSet(items)
		if got.Token() != want.Token() || string(got.ItemsJSON()) != string(want.ItemsJSON()) {
			t.Fatalf("order %v: got token %s, want %s", items, got.Token(), want.Token())
		}
	}
}

func TestSetTokenChanges(t *testing.T) {
	t.Parallel()
	seen := map[string]string{mdm.NewSet(manifest()).Token(): "the set itself", mdm.Set{}.Token(): "the empty set"}
	note := func(name string, items []mdm.Item) {
		token := mdm.NewSet(items).Token()
		if other, ok := seen[token]; ok {
			t.Errorf("%s has the token of %s", name, other)
		}
		seen[token] = name
	}
	for i := range manifest() {
		items := manifest()
		items[i].ServerToken += "x"
		note("a new revision", items)
		note("one less", append(manifest()[:i:i], manifest()[i+1:]...))
		items = manifest()
		items[i].Class = mdm.ClassAsset
		note("another class", items)
	}
	note("one more", append(manifest(), mdm.Item{Class: mdm.ClassAsset, Identifier: "a", ServerToken: "1"}))
	// Without lengths these two would look alike.
	note("a|bc", []mdm.Item{{Class: mdm.ClassAsset, Identifier: "a", ServerToken: "bc"}})
	note("ab|c", []mdm.Item{{Class: mdm.ClassAsset, Identifier: "ab", ServerToken: "c"}})
}

func TestSetIsACopy(t *testing.T) {
	t.Parallel()
	items := manifest()
	set := mdm.NewSet(items)
	want := set.Token()
	items[0].ServerToken = "changed"
	set.Items()[0].ServerToken = "changed"
	if got := set.Token(); got != want {
		t.Errorf("got token %s, want %s", got, want)
	}
}

func TestItemsJSON(t *testing.T) {
	t.Parallel()
	golden(t, "items.json", mdm.NewSet(manifest()).ItemsJSON())
	golden(t, "items-empty.json", mdm.Set{}.ItemsJSON())
}

func TestSetValidate(t *testing.T) {
	t.Parallel()
	if err := mdm.NewSet(manifest()).Validate(); err != nil {
		t.Errorf("got error %v, want none", err)
	}
	for want, it := range map[string]mdm.Item{
		"unknown class":    {Class: "profile", Identifier: "a", ServerToken: "1"},
		"bad length":       {Class: mdm.ClassAsset, Identifier: "a b", ServerToken: "1"},
		"no server token":  {Class: mdm.ClassAsset, Identifier: "a"},
		"stands twice":     {Class: mdm.ClassAsset, Identifier: "hold", ServerToken: "1"},
		`"hold" stands tw`: {Class: mdm.ClassConfiguration, Identifier: "hold", ServerToken: "other"},
	} {
		err := mdm.NewSet(append(manifest(), it)).Validate()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got error %v, want %q", it, err, want)
		}
	}
}

func TestTokensJSON(t *testing.T) {
	t.Parallel()
	tokyo := time.FixedZone("JST", 9*3600)
	got := mdm.TokensJSON("t", time.Date(2026, 11, 22, 18, 30, 0, 999_999_999, tokyo))
	want := `{"SyncTokens":{"DeclarationsToken":"t","Timestamp":"2026-11-22T09:30:00Z"}}`
	if string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestForUnsupervisedKeepsNothingSupervised(t *testing.T) {
	t.Parallel()
	s := hold()
	s.Beta.OfferPrograms = nil
	got := s.ForUnsupervised()
	want := mdm.SoftwareUpdateSettings{Notifications: ptr(false), RecommendedCadence: mdm.CadenceOldest}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func BenchmarkSetToken(b *testing.B) {
	set := mdm.NewSet(manifest())
	b.ReportAllocs()
	for b.Loop() {
		set.Token()
	}
}
