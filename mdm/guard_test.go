package mdm_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/mdm"
)

func TestGuardAccepts(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"Apple's DOCTYPE":        string(plistOf(str("UDID", "a"))),
		"no declaration at all":  `<plist version="1.0"><dict/></plist>`,
		"comments and space":     "<!-- a --> <plist> <!-- b --> <dict> <key>a</key> <!-- c --> <true/> </dict> </plist> <!-- d -->\n",
		"character references":   `<plist><dict><key>a</key><string>&lt;&#38;&gt;</string></dict></plist>`,
		"repeated nested UDID":   `<plist><dict><key>a</key><dict><key>UDID</key><true/><key>UDID</key><true/></dict></dict></plist>`,
		"empty nested container": `<plist><dict><key>a</key><array><dict/><array/></array></dict></plist>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := mdm.Guard([]byte(body), mdm.CheckinLimits()); err != nil {
				t.Errorf("got error %v, want none", err)
			}
		})
	}
}

func TestGuardRefuses(t *testing.T) {
	t.Parallel()
	nested := func(n int) string {
		return "<plist><dict><key>a</key>" + strings.Repeat("<array>", n) + strings.Repeat("</array>", n) + "</dict></plist>"
	}
	bomb := `<!DOCTYPE plist [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>` +
		`<plist><dict><key>a</key><string>&b;</string></dict></plist>`
	for _, test := range []struct {
		name, body, want string
		tooLarge         bool
	}{
		{name: "empty", body: "", want: "no property list dictionary"},
		{name: "space only", body: " \n", want: "no property list dictionary"},
		{name: "binary", body: "bplist00\xd0\x08", want: "binary property list"},
		{name: "truncated", body: string(plistOf(str("UDID", "a")))[:200], want: "not well-formed XML"},
		{name: "NUL bytes", body: "<plist><dict><key>a\x00</key><true/></dict></plist>", want: "not well-formed XML"},
		{name: "only NULs", body: strings.Repeat("\x00", 1000), want: "not well-formed XML"},
		{name: "JSON", body: `{"UDID":"a"}`, want: "text between elements"},
		{name: "crossed tags", body: "<plist><dict></plist></dict>", want: "not well-formed XML"},
		{name: "other encoding", body: `<?xml version="1.0" encoding="UTF-16"?><plist><dict/></plist>`, want: "not well-formed XML"},
		{name: "undeclared entity", body: "<plist><dict><key>&a;</key><true/></dict></plist>", want: "not well-formed XML"},
		{name: "entity bomb", body: bomb, want: "DOCTYPE with an internal subset"},
		{name: "external entity", body: `<!DOCTYPE plist [<!ENTITY x SYSTEM "file:///etc/passwd">]><plist><dict/></plist>`, want: "internal subset"},
		{name: "other directive", body: `<!ENTITY a "b"><plist><dict/></plist>`, want: "directive other than DOCTYPE"},
		{name: "late DOCTYPE", body: `<plist><!DOCTYPE plist><dict/></plist>`, want: "directive inside"},
		{name: "late instruction", body: `<plist><dict><?php a?></dict></plist>`, want: "processing instruction inside"},
		{name: "other root", body: "<html><dict/></html>", want: "root element is not plist"},
		{name: "bare dict", body: "<dict/>", want: "root element is not plist"},
		{name: "array root", body: "<plist><array/></plist>", want: "not one dictionary"},
		{name: "empty plist", body: "<plist/>", want: "no property list dictionary"},
		{name: "two dictionaries", body: "<plist><dict/><dict/></plist>", want: "not one dictionary"},
		{name: "second plist", body: "<plist><dict/></plist><plist><dict/></plist>", want: "content after"},
		{name: "trailing text", body: "<plist><dict/></plist>x", want: "text between elements"},
		{name: "leading text", body: "x<plist><dict/></plist>", want: "text between elements"},
		{name: "namespace", body: `<plist xmlns:a="b"><dict><a:key>UDID</a:key><string>a</string></dict></plist>`, want: "namespace"},
		{name: "key without value", body: "<plist><dict><key>UDID</key></dict></plist>", want: "key without a value"},
		{name: "key after key", body: "<plist><dict><key>a</key><key>UDID</key><string>b</string></dict></plist>", want: "key without a value"},
		{name: "value without key", body: "<plist><dict><string>b</string></dict></plist>", want: "value without a key"},
		{name: "nested key without value", body: "<plist><dict><key>a</key><dict><key>b</key></dict></dict></plist>", want: "key without a value"},
		{name: "nested value without key", body: "<plist><dict><key>a</key><dict><true/></dict></dict></plist>", want: "value without a key"},
		{name: "key in array", body: "<plist><dict><key>a</key><array><key>b</key></array></dict></plist>", want: "key inside an array"},
		{name: "unknown element", body: "<plist><dict><key>a</key><set/></dict></plist>", want: "unknown element"},
		{name: "element in text", body: "<plist><dict><key>UD<b/>ID</key><true/></dict></plist>", want: "element inside a text element"},
		{name: "nested text", body: "<plist><dict><key>a</key><array>b</array></dict></plist>", want: "text between elements"},
		{name: "depth 33", body: nested(31), want: "nested deeper", tooLarge: true},
		{name: "nested arrays as root", body: strings.Repeat("<array>", 30_000), want: "not plist"},
		{name: "nested 100,000 in a list", body: nested(100_000)[:200<<10], want: "nested deeper", tooLarge: true},
		{name: "10 MiB", body: strings.Repeat("a", 10<<20), want: "larger than allowed", tooLarge: true},
		{name: "many elements", body: "<plist><dict><key>a</key><array>" + strings.Repeat("<true/>", 20_000), want: "more elements", tooLarge: true},
		{name: "many attributes", body: "<plist" + strings.Repeat(` a="b"`, 20_000) + "><dict/></plist>", want: "more elements", tooLarge: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := mdm.Guard([]byte(test.body), mdm.CheckinLimits())
			wantParseError(t, err, test.want)
			if got := errors.Is(err, mdm.ErrTooLarge); got != test.tooLarge {
				t.Errorf("got ErrTooLarge %t, want %t", got, test.tooLarge)
			}
		})
	}
}

func TestGuardDepthLimitIsExact(t *testing.T) {
	t.Parallel()
	// plist, dict and 30 arrays are 32 open elements.
	body := "<plist><dict><key>a</key>" + strings.Repeat("<array>", 30) + strings.Repeat("</array>", 30) + "</dict></plist>"
	if err := mdm.Guard([]byte(body), mdm.CheckinLimits()); err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

func TestGuardRefusesSecondIdentity(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"UDID", "EnrollmentID", "EnrollmentUserID", "UserID", "UserShortName",
		"MessageType", "CommandUUID", "Status",
	} {
		err := mdm.Guard(plistOf(str(key, "a"), str("Other", "b"), str(key, "c")), mdm.CheckinLimits())
		wantParseError(t, err, "second "+key)
	}
}

// TestGuardKeyTwice: a check-in in which a key stands twice is refused, a result
// is kept for a look, because a phone would send it for ever.
func TestGuardKeyTwice(t *testing.T) {
	t.Parallel()
	err := mdm.Guard(plistOf(str("SerialNumber", "a"), str("Other", "b"), str("SerialNumber", "c")), mdm.CheckinLimits())
	wantParseError(t, err, "key twice")
	r, err := mdm.DecodeResult(plistOf(str("UDID", "a"), str("Status", "Idle"), str("Other", "b"), str("Other", "c")), mdm.ResultLimits())
	if err != nil || !strings.Contains(r.NotUnderstood, "key twice") {
		t.Errorf("result: %+v, %v; want it not understood", r, err)
	}
}

func TestGuardZeroLimitsRefuseEverything(t *testing.T) {
	t.Parallel()
	err := mdm.Guard(plistOf(), mdm.Limits{})
	if !errors.Is(err, mdm.ErrTooLarge) {
		t.Errorf("got error %v, want ErrTooLarge", err)
	}
}

func TestGuardJSON(t *testing.T) {
	t.Parallel()
	limits := mdm.ResultLimits()
	for _, test := range []struct {
		name, body, want string
		tooLarge         bool
	}{
		{name: "object", body: `{"a":[1,2,{"b":"}]{["}]}`},
		{name: "escaped quote", body: `{"a":"\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["}`},
		{name: "depth 32", body: strings.Repeat("[", 32) + strings.Repeat("]", 32)},
		{name: "empty", body: "", want: "not valid JSON"},
		{name: "truncated", body: `{"a":`, want: "not valid JSON"},
		{name: "open string", body: `{"a`, want: "not valid JSON"},
		{name: "open escape", body: `"\`, want: "not valid JSON"},
		{name: "closing only", body: `]]]]`, want: "not valid JSON"},
		{name: "trailing", body: `{}{}`, want: "not valid JSON"},
		{name: "depth 33", body: strings.Repeat("[", 33) + strings.Repeat("]", 33), want: "nested deeper", tooLarge: true},
		{name: "depth 100,000", body: strings.Repeat("[", 100_000), want: "nested deeper", tooLarge: true},
		{name: "many values", body: "[" + strings.Repeat("1,", 20_000) + "1]", want: "more values", tooLarge: true},
		{name: "10 MiB", body: strings.Repeat(" ", 10<<20), want: "larger than allowed", tooLarge: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := mdm.GuardJSON([]byte(test.body), limits)
			if test.want == "" {
				if err != nil {
					t.Fatalf("got error %v, want none", err)
				}
				return
			}
			wantParseError(t, err, test.want)
			if got := errors.Is(err, mdm.ErrTooLarge); got != test.tooLarge {
				t.Errorf("got ErrTooLarge %t, want %t", got, test.tooLarge)
			}
		})
	}
}

// A device body may hold an unlock token anywhere; an error may hold none of
// it, because errors end in logs.
func TestErrorsNeverQuoteTheBody(t *testing.T) {
	t.Parallel()
	const secret = "SECRETSECRET"
	whole := plistOf(
		str("MessageType", "TokenUpdate"), str("UDID", secret), str("Topic", secret),
		data("Token", secret+"!"), str("PushMagic", secret), raw(secret, "<set>"+secret+"</set>"),
		raw("AwaitingConfiguration", "<dict><key>"+secret+"</key><true/></dict>"),
	)
	bodies := [][]byte{whole, bytes.ReplaceAll(whole, []byte("string"), []byte(secret))}
	for i := range whole {
		bodies = append(bodies, whole[:i])
	}
	for _, body := range bodies {
		if _, err := mdm.DecodeCheckin(body); err == nil || strings.Contains(err.Error(), secret) {
			t.Fatalf("got error %v, want one without the secret", err)
		}
		if _, err := mdm.DecodeResult(body, mdm.ResultLimits()); err == nil || strings.Contains(err.Error(), secret) {
			t.Fatalf("got error %v, want one without the secret", err)
		}
		if _, err := mdm.DecodeStatus(body); err == nil || strings.Contains(err.Error(), secret) {
			t.Fatalf("got error %v, want one without the secret", err)
		}
	}
}
