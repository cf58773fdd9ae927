package server_test

import (
	"maps"
	"net/http"
	"testing"

	"github.com/micromdm/plist"
)

// message is one thing that phones send.
type message struct {
	name, path, media string
	keys              map[string]any
	want              int  // status for the phone's own identity
	undecoded         bool // no message of Apple's: nobody looks at whom it names
}

// messages returns what Apple's clients send to the two URLs, in an order in
// which one phone can send them: a check-in of every type that Apple's schema
// has, those that nobody asked for and one that is unknown among them, and
// every status of a command. The first two enrol, the last one leaves.
func messages() []message {
	const (
		checkin, command = "application/x-apple-aspen-mdm-checkin", "application/x-apple-aspen-mdm; charset=UTF-8"
		checkinURL       = "/mdm/checkin"
		commandURL       = "/mdm/command"
	)
	stolen := []byte("stolen")
	typed := func(name, typ string, want int, keys map[string]any) message {
		m := message{name: name, path: checkinURL, media: checkin, keys: map[string]any{"MessageType": typ}, want: want}
		maps.Copy(m.keys, keys)
		return m
	}
	declarative := func(endpoint string, want int, data string) message {
		m := typed("DeclarativeManagement "+endpoint, "DeclarativeManagement", want, map[string]any{"Endpoint": endpoint})
		if data != "" {
			m.keys["Data"] = []byte(data)
		}
		return m
	}
	status := func(name, status string, keys map[string]any) message {
		m := message{name: name, path: commandURL, media: command, keys: map[string]any{"Status": status, "CommandUUID": "x"}, want: http.StatusOK}
		maps.Copy(m.keys, keys)
		return m
	}
	chain := map[string]any{"ErrorChain": []any{map[string]any{"ErrorCode": 1, "ErrorDomain": "stolen", "LocalizedDescription": "stolen"}}}
	apps := map[string]any{"InstalledApplicationList": []any{map[string]any{"Identifier": "com.example.pos", "Version": "9"}}}
	list := []message{
		typed("Authenticate", "Authenticate", http.StatusOK, map[string]any{"Topic": topic, "SerialNumber": "S"}),
		typed("TokenUpdate", "TokenUpdate", http.StatusOK, map[string]any{"Topic": topic, "Token": stolen, "PushMagic": "stolen"}),
		typed("SetBootstrapToken", "SetBootstrapToken", http.StatusBadRequest, map[string]any{"BootstrapToken": stolen}),
		typed("GetBootstrapToken", "GetBootstrapToken", http.StatusBadRequest, nil),
		typed("GetToken com.apple.maid", "GetToken", http.StatusBadRequest, map[string]any{"TokenServiceType": "com.apple.maid"}),
		typed("GetToken com.apple.watch.pairing", "GetToken", http.StatusBadRequest, map[string]any{
			"TokenServiceType": "com.apple.watch.pairing", "TokenParameters": map[string]any{"PhoneUDID": "p", "WatchUDID": "w", "SecurityToken": "s"},
		}),
		typed("UserAuthenticate", "UserAuthenticate", http.StatusGone, map[string]any{"UserID": "501"}),
		typed("UserAuthenticate, second", "UserAuthenticate", http.StatusGone, map[string]any{"UserID": "501", "DigestResponse": "stolen"}),
		typed("ReturnToService", "ReturnToService", http.StatusBadRequest, nil),
		typed("a type of the future", "Later", http.StatusBadRequest, nil),
		declarative("tokens", http.StatusOK, ""),
		declarative("declaration-items", http.StatusOK, ""),
		declarative("declaration/configuration/none", http.StatusNotFound, ""),
		declarative("status", http.StatusOK, `{"StatusItems":{},"Errors":[]}`),
		{"Idle", commandURL, command, map[string]any{"Status": "Idle"}, http.StatusOK, false},
		{"Idle without media type", commandURL, "", map[string]any{"Status": "Idle"}, http.StatusOK, false},
		status("Acknowledged", "Acknowledged", nil),
		status("Acknowledged app list", "Acknowledged", apps),
		status("Error", "Error", chain),
		status("CommandFormatError", "CommandFormatError", nil),
		status("NotNow", "NotNow", nil),
		status("a status of the future", "Later", nil),
		typed("CheckOut", "CheckOut", http.StatusOK, map[string]any{"Topic": topic}),
	}
	for i, m := range list {
		list[i].undecoded = m.keys["MessageType"] == "ReturnToService" || m.keys["MessageType"] == "Later"
	}
	return list
}

// messageNamed returns one of messages.
func messageNamed(t *testing.T, name string) message {
	t.Helper()
	for _, m := range messages() {
		if m.name == name {
			return m
		}
	}
	t.Fatalf("no message %q", name)
	return message{}
}

// of returns the message's body and header for a phone.
func (m message) of(t *testing.T, who map[string]any) ([]byte, http.Header) {
	t.Helper()
	keys := maps.Clone(m.keys)
	maps.Copy(keys, who)
	body, err := plist.MarshalIndent(keys, "\t")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	if m.media != "" {
		header.Set("Content-Type", m.media)
	}
	return body, header
}

func udid(s string) map[string]any { return map[string]any{"UDID": s} }
