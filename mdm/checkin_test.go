package mdm_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
)

func ExampleDecodeCheckin() {
	body := []byte(`<plist version="1.0"><dict>
		<key>MessageType</key><string>TokenUpdate</string>
		<key>Topic</key><string>com.apple.mgmt.External.0f1e2d3c</string>
		<key>UDID</key><string>00008110-000A1B2C3D4E001E</string>
		<key>PushMagic</key><string>7B1F0C52</string>
		<key>Token</key><data>q6urqw==</data>
	</dict></plist>`)
	c, err := mdm.DecodeCheckin(body)
	if err != nil {
		fmt.Println(err)
		return
	}
	id, _ := c.Enrolled().Resolve()
	switch m := c.(type) {
	case *mdm.TokenUpdate:
		fmt.Printf("%s pushes to %x\n", id, m.Token)
	default:
		fmt.Println("something else:", m.MessageType())
	}
	// Output: 00008110-000A1B2C3D4E001E pushes to abababab
}

func TestDecodeCheckin(t *testing.T) {
	t.Parallel()
	device := mdm.Enrollment{UDID: udid}
	id := str("UDID", udid)
	topic := str("Topic", "com.apple.mgmt.External.1")
	for _, test := range []struct {
		name string
		body []byte
		want mdm.Checkin
	}{
		{
			name: "Authenticate",
			body: plistOf(str("MessageType", "Authenticate"), topic, id, str("OSVersion", "26.6"), str("BuildVersion", "23G80"),
				str("ProductName", "iPhone15,2"), str("SerialNumber", "F2L"), str("IMEI", "35"), raw("MEID", "<integer>99</integer>"),
				str("Model", "M"), str("ModelName", "iPhone")),
			want: &mdm.Authenticate{
				Enrollment: device, Topic: "com.apple.mgmt.External.1", OSVersion: "26.6", BuildVersion: "23G80",
				ProductName: "iPhone15,2", SerialNumber: "F2L", IMEI: "35", MEID: "99", Model: "M", ModelName: "iPhone",
			},
		},
		{
			name: "TokenUpdate",
			body: plistOf(str("MessageType", "TokenUpdate"), topic, id, str("PushMagic", "p&amp;m"), data("Token", "q6ur\n\t q6s="),
				data("UnlockToken", "AAEC"), boolean("AwaitingConfiguration", true)),
			want: &mdm.TokenUpdate{
				Enrollment: device, Topic: "com.apple.mgmt.External.1", Token: []byte{0xab, 0xab, 0xab, 0xab, 0xab},
				PushMagic: "p&m", UnlockToken: []byte{0, 1, 2}, AwaitingConfiguration: true,
			},
		},
		{
			name: "TokenUpdate of a Shared iPad user, without UnlockToken",
			body: plistOf(str("MessageType", "TokenUpdate"), topic, id, str("UserID", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"),
				str("UserShortName", "a@example.com"), str("UserLongName", "A"), str("PushMagic", "p"), data("Token", "AA==")),
			want: &mdm.TokenUpdate{
				Enrollment: mdm.Enrollment{
					UDID: udid, UserID: "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
					UserShortName: "a@example.com", UserLongName: "A",
				},
				Topic: "com.apple.mgmt.External.1", Token: []byte{0}, PushMagic: "p",
			},
		},
		{
			name: "CheckOut of a User Enrollment",
			body: plistOf(str("MessageType", "CheckOut"), topic, str("EnrollmentID", "e1")),
			want: &mdm.CheckOut{Enrollment: mdm.Enrollment{EnrollmentID: "e1"}, Topic: "com.apple.mgmt.External.1"},
		},
		{
			name: "SetBootstrapToken",
			body: plistOf(str("MessageType", "SetBootstrapToken"), id, data("BootstrapToken", "AQ==")),
			want: &mdm.SetBootstrapToken{Enrollment: device, BootstrapToken: []byte{1}},
		},
		{
			name: "SetBootstrapToken deletes",
			body: plistOf(str("MessageType", "SetBootstrapToken"), id, raw("BootstrapToken", "<data/>")),
			want: &mdm.SetBootstrapToken{Enrollment: device},
		},
		{
			name: "GetBootstrapToken",
			body: plistOf(str("MessageType", "GetBootstrapToken"), id, raw("AwaitingConfiguration", "<integer>1</integer>")),
			want: &mdm.GetBootstrapToken{Enrollment: device, AwaitingConfiguration: true},
		},
		{
			name: "GetToken",
			body: plistOf(str("MessageType", "GetToken"), id, str("TokenServiceType", "com.apple.watch.pairing"),
				raw("TokenParameters", "<dict>"+str("SecurityToken", "s")+str("PhoneUDID", "p")+str("WatchUDID", "w")+"</dict>")),
			want: &mdm.GetToken{
				Enrollment: device, TokenServiceType: "com.apple.watch.pairing",
				SecurityToken: "s", PhoneUDID: "p", WatchUDID: "w",
			},
		},
		{
			name: "UserAuthenticate",
			body: plistOf(str("MessageType", "UserAuthenticate"), id, str("UserID", "u"), str("DigestResponse", "d")),
			want: &mdm.UserAuthenticate{Enrollment: mdm.Enrollment{UDID: udid, UserID: "u"}, DigestResponse: "d"},
		},
		{
			name: "DeclarativeManagement",
			body: plistOf(str("MessageType", "DeclarativeManagement"), id, str("Endpoint", "status"), data("Data", "e30=")),
			want: &mdm.DeclarativeManagement{Enrollment: device, Endpoint: "status", Data: []byte("{}")},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := mdm.DecodeCheckin(test.body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
			name, _, _ := strings.Cut(test.name, " ")
			if got.MessageType() != name {
				t.Errorf("got message type %q, want %q", got.MessageType(), name)
			}
		})
	}
}

func TestDecodeCheckinRefuses(t *testing.T) {
	t.Parallel()
	id, topic := str("UDID", udid), str("Topic", "t")
	token, magic := data("Token", "AA=="), str("PushMagic", "p")
	update := str("MessageType", "TokenUpdate")
	for _, test := range []struct {
		name string
		body []byte
		want string
		is   error
	}{
		{name: "no type", body: plistOf(id, topic), want: "missing MessageType"},
		{name: "type not a string", body: plistOf(raw("MessageType", "<integer>1</integer>"), id), want: "MessageType is not a string"},
		{name: "unknown type", body: plistOf(str("MessageType", "ReturnToService"), id), want: "unknown MessageType", is: mdm.ErrUnknownMessage},
		{name: "no topic", body: plistOf(update, id, token, magic), want: "missing Topic"},
		{name: "no topic in Authenticate", body: plistOf(str("MessageType", "Authenticate"), id), want: "missing Topic"},
		{name: "no topic in CheckOut", body: plistOf(str("MessageType", "CheckOut"), id), want: "missing Topic"},
		{name: "no token", body: plistOf(update, id, topic, magic), want: "missing Token"},
		{name: "empty token", body: plistOf(update, id, topic, magic, raw("Token", "<data></data>")), want: "missing Token"},
		{name: "token as string", body: plistOf(update, id, topic, magic, str("Token", "AA==")), want: "Token has an unusable type"},
		{name: "token not base64", body: plistOf(update, id, topic, magic, data("Token", "A")), want: "Token cannot be read"},
		{name: "no magic", body: plistOf(update, id, topic, token), want: "missing PushMagic"},
		{name: "no endpoint", body: plistOf(str("MessageType", "DeclarativeManagement"), id), want: "missing Endpoint"},
		{name: "no service", body: plistOf(str("MessageType", "GetToken"), id), want: "missing TokenServiceType"},
		{name: "no user", body: plistOf(str("MessageType", "UserAuthenticate"), id), want: "missing UserID"},
		{name: "no identifier", body: plistOf(update, topic, token, magic), want: "neither UDID nor EnrollmentID", is: mdm.ErrIdentifiers},
		{name: "both identifiers", body: plistOf(update, topic, token, magic, id, str("EnrollmentID", "e")), want: "both UDID and EnrollmentID", is: mdm.ErrIdentifiers},
		{name: "UDID not a string", body: plistOf(update, raw("UDID", "<array/>")), want: "UDID is not a string"},
		{name: "UDID twice", body: plistOf(update, id, topic, token, magic, str("UDID", "other")), want: "second UDID"},
		{name: "unknown element", body: plistOf(update, id, topic, token, magic, raw("a", "<set/>")), want: "unknown element"},
		{name: "broken date", body: plistOf(update, id, topic, token, magic, raw("AwaitingConfiguration", "<date>x</date>")), want: "AwaitingConfiguration cannot be read"},
		{name: "large", body: plistOf(update, id, topic, token, magic, str("a", strings.Repeat("a", 256<<10))), want: "check-in larger", is: mdm.ErrTooLarge},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := mdm.DecodeCheckin(test.body)
			wantParseError(t, err, test.want)
			if c != nil {
				t.Errorf("got message %v beside the error", c)
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("got error %v, want it to be %v", err, test.is)
			}
		})
	}
}

func TestDecodeCheckinTakesLargeStatusReports(t *testing.T) {
	t.Parallel()
	body := plistOf(str("MessageType", "DeclarativeManagement"), str("UDID", udid), str("Endpoint", "status"),
		data("Data", strings.Repeat("ICAg", 150_000)))
	c, err := mdm.DecodeCheckin(body)
	if err != nil {
		t.Fatal(err)
	}
	m, ok := c.(*mdm.DeclarativeManagement)
	if !ok || len(m.Data) != 450_000 {
		t.Errorf("got %T, want 450000 bytes of data", c)
	}
}

// Every prefix of a good message is refused, and none panics.
func TestDecodeCheckinTruncated(t *testing.T) {
	t.Parallel()
	body := plistOf(str("MessageType", "CheckOut"), str("UDID", udid), str("Topic", "t"))
	end := bytes.Index(body, []byte("</plist>")) + len("</plist>")
	for i := range end {
		if _, err := mdm.DecodeCheckin(body[:i]); err == nil {
			t.Fatalf("got no error for the first %d bytes", i)
		}
	}
}

func TestUnknownMessageTypeIsFitForTheLog(t *testing.T) {
	t.Parallel()
	for sent, want := range map[string]string{
		"ReturnToService":       "ReturnToService",
		"two words":             "",
		"line\nbreak":           "",
		strings.Repeat("a", 65): "",
	} {
		_, err := mdm.DecodeCheckin(plistOf(str("MessageType", sent), str("UDID", udid)))
		parse, ok := errors.AsType[*mdm.ParseError](err)
		if !ok || parse.MessageType != want {
			t.Errorf("%q: got %#v, want MessageType %q", sent, err, want)
		}
	}
}

func TestParseEndpoint(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]mdm.Endpoint{
		"tokens":            {Kind: mdm.EndpointTokens},
		"declaration-items": {Kind: mdm.EndpointItems},
		"status":            {Kind: mdm.EndpointStatus},
		"declaration/configuration/kannuki.hold_1-a": {
			Kind: mdm.EndpointDeclaration, Class: mdm.ClassConfiguration, Identifier: "kannuki.hold_1-a",
		},
		"declaration/activation/a": {Kind: mdm.EndpointDeclaration, Class: mdm.ClassActivation, Identifier: "a"},
	} {
		got, err := mdm.ParseEndpoint(s)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", s, got, err, want)
		}
	}
	for s, want := range map[string]string{
		"":                                   "unknown Endpoint",
		"Tokens":                             "unknown Endpoint",
		"declaration":                        "unknown Endpoint",
		"declaration/":                       "unknown declaration class",
		"declaration/profile/a":              "unknown declaration class",
		"declaration/asset":                  "bad declaration identifier",
		"declaration/asset/":                 "bad declaration identifier",
		"declaration/asset/../../etc":        "bad declaration identifier",
		"declaration/asset/a%2Fb":            "bad declaration identifier",
		"declaration/management/a\x00":       "bad declaration identifier",
		"declaration/management/" + long(65): "bad declaration identifier",
	} {
		_, err := mdm.ParseEndpoint(s)
		if err == nil {
			t.Errorf("%q: got no error, want %q", s, want)
			continue
		}
		wantParseError(t, err, want)
	}
}

func long(n int) string { return strings.Repeat("a", n) }
