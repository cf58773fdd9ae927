package mdmtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func installApp(id, app string, licence bool) string {
	method := "0"
	if licence {
		method = "1"
	}
	return command(id, "InstallApplication", "<key>Identifier</key><string>"+app+"</string><key>Options</key><dict><key>PurchaseMethod</key><integer>"+method+
		"</integer></dict><key>ChangeManagementState</key><string>Managed</string>")
}

// TestInstallApplication lives through what an App Store and its owner can do to a
// phone that is asked to update an app.
func TestInstallApplication(t *testing.T) {
	t.Parallel()
	pos := App{"com.example.pos", "POS", "100", "1.0"}
	store := StoreApp{App: App{"com.example.pos", "POS", "200", "2.0"}, InstallTime: time.Minute, Licensed: true}
	for _, test := range []struct {
		name   string
		o      Options
		app    string
		want   []string // status, state, rejection
		states []string // told after a minute, twice
		end    string   // version then
	}{
		{"by licence", Options{Supervised: true, Store: []StoreApp{store}}, "com.example.pos", []string{"Acknowledged", "Updating", ""}, []string{"Managed", "Managed"}, "2.0"},
		{
			"not licensed",
			Options{Supervised: true, Store: []StoreApp{{App: store.App}}},
			"com.example.pos",
			[]string{"Error", "", "Other"},
			[]string{"", ""},
			"1.0",
		},
		{
			"the store has an older one",
			Options{Supervised: true, Store: []StoreApp{{App: App{"com.example.pos", "POS", "90", "0.9"}, Licensed: true}}},
			"com.example.pos",
			[]string{"Acknowledged", "Managed", ""},
			[]string{"Managed", "Managed"},
			"1.0",
		},
		{"not in the store", Options{Supervised: true}, "com.example.pos", []string{"Error", "", "CouldNotVerifyAppID"}, []string{"", ""}, "1.0"},
		{
			"fails once",
			Options{Supervised: true, Store: []StoreApp{{App: store.App, Licensed: true, Fails: 1}}},
			"com.example.pos",
			[]string{"Acknowledged", "Failed", ""},
			[]string{"Failed", "Managed"},
			"1.0",
		},
		{"unsupervised", Options{Store: []StoreApp{store}}, "com.example.pos", []string{"Acknowledged", "PromptingForUpdate", ""}, []string{"PromptingForUpdate", "PromptingForUpdate"}, "1.0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, clock := newFakeServer(t), newClock()
			test.o.Apps = []App{pos}
			p := enrolled(t, s, clock, test.o)
			s.send(installApp("1", test.app, true))
			connect(t, p)
			got := []string{str(s.result("1"), "Status"), str(s.result("1"), "State"), str(s.result("1"), "RejectionReason")}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("answer (-want +got):\n%s", d)
			}
			clock.set(clock.Now().Add(time.Minute))
			var states []string
			for _, id := range []string{"2", "3"} {
				s.send(command(id, "ManagedApplicationList", "<key>Identifiers</key><array><string>com.example.pos</string></array>"))
				connect(t, p)
				states = append(states, str(dict(dict(s.result(id), "ManagedApplicationList"), "com.example.pos"), "Status"))
			}
			if d := cmp.Diff(test.states, states); d != "" {
				t.Errorf("states (-want +got):\n%s", d)
			}
			if got := p.Snapshot().Apps[0].ShortVersion; got != test.end {
				t.Errorf("the phone has version %s, want %s", got, test.end)
			}
			wantNoViolations(t, p)
		})
	}
}

func TestInstallApplicationByAccount(t *testing.T) {
	t.Parallel()
	s := newFakeServer(t)
	p := enrolled(t, s, newClock(), Options{Supervised: true, Apps: []App{{"com.example.pos", "POS", "100", "1.0"}}})
	p.SetStore(StoreApp{App: App{"com.example.pos", "POS", "200", "2.0"}})
	s.send(installApp("1", "com.example.pos", false))
	connect(t, p)
	if got := str(s.result("1"), "State"); got != "PromptingForUpdateLogin" {
		t.Errorf("state %s without an account, want PromptingForUpdateLogin", got)
	}
	p.SetStoreAccount(true)
	if got := p.Snapshot().Apps[0].ShortVersion; got != "2.0" {
		t.Errorf("version %s once an account is signed in, want 2.0", got)
	}
	s.send(command("2", "InstallApplication", "<key>Identifier</key><string>com.example.mail</string>"))
	connect(t, p)
	if got := str(s.result("2"), "RejectionReason"); got != "CouldNotVerifyAppID" {
		t.Errorf("rejection %s, want CouldNotVerifyAppID", got)
	}
}
