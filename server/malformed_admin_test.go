package server_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// asked makes a case of a request to the admin listener, which is open to
// whoever holds the token.
func (in *installation) asked(admin, token, name, method, path string, body []byte, want ...int) malformed {
	return malformed{name, func() int {
		req, err := http.NewRequestWithContext(in.t.Context(), method, admin+path, bytes.NewReader(body))
		in.must(err)
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := http.DefaultTransport.RoundTrip(req)
		in.must(err)
		in.must(resp.Body.Close())
		return resp.StatusCode
	}, want}
}

// administrator opens the admin listener and returns what makes cases for it.
func (in *installation) administrator() func(name, method, path string, body []byte, want ...int) malformed {
	in.t.Helper()
	admin := in.openAdmin()
	secret, err := os.ReadFile(filepath.Join(in.data, "admin.token"))
	in.must(err)
	return func(name, method, path string, body []byte, want ...int) malformed {
		return in.asked(admin, strings.TrimSpace(string(secret)), name, method, path, body, want...)
	}
}

// wrongJSON returns bodies that no operation may take, whatever its keys are.
func wrongJSON() []input {
	out := []input{
		{"nothing", nil},
		{"not JSON", []byte("dry_run=true")},
		{"null", []byte("null")},
		{"an array", []byte("[{}]")},
		{"text", []byte(`"x"`)},
		{"cut off", []byte(`{"reason":"x","dry_run":tr`)},
		{"two objects", []byte(`{"dry_run":true}{"dry_run":true}`)},
		{"unknown key", []byte(`{"dry_run":true,"dry-run":true}`)},
		{"key twice", []byte(`{"dry_run":true,"reason":"a","reason":"b"}`)},
		{"key twice, in another case", []byte(`{"dry_run":true,"DRY_RUN":true}`)},
		{"wrong type", []byte(`{"dry_run":"yes"}`)},
		{"number out of range", []byte(`{"dry_run":1e99999}`)},
		{"not UTF-8", []byte("{\"dry_run\":true,\"reason\":\"\xff\"}")},
		{"NUL", []byte("{\"dry_run\":true,\"reason\":\"\x00\"}")},
		{"UTF-16", []byte("\xff\xfe{\x00}\x00")},
		{"property list", list("<key>dry_run</key><true/>")},
		{"nested 33 deep", []byte(`{"reason":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + "}")},
		{"nested for 1 MB", []byte(`{"reason":` + strings.Repeat("[", 1_000_000))},
		{"too many values", []byte(`{"reason":[` + strings.Repeat("1,", 500_000) + "1]}")},
	}
	return out
}

// TestMalformedRequests sends every operation of the admin interface what is no
// request, and queries that are none.
func TestMalformedRequests(t *testing.T) {
	in := install(t)
	in.setUp()
	ask := in.administrator()
	var cases []malformed
	for _, pattern := range api.Patterns() {
		method, path := split(pattern)
		if method != http.MethodPost || path == "/v1/catalog" || path == "/v1/backup" { // the one takes a file, the other nothing
			continue
		}
		for _, d := range wrongJSON() {
			cases = append(cases, ask(path+" "+d.name, method, path, d.body, http.StatusBadRequest))
		}
	}
	const bad, none = http.StatusBadRequest, http.StatusNotFound
	for _, q := range []struct {
		path string
		want []int
	}{
		{"/v1/devices?after=-1", answers(bad)},
		{"/v1/devices?after=x", answers(bad)},
		{"/v1/devices?limit=99999999999999999999999999", answers(bad)},
		{"/v1/devices?limit=1e3", answers(bad)},
		{"/v1/audit?after=NaN", answers(bad)},
		{"/v1/devices/" + strings.Repeat("A", 8<<10), answers(none)},
		{"/v1/devices/%00", answers(none, bad)},
		{"/v1/devices/%ff%fe", answers(none, bad)},
		{"/v1/devices/%E2%80%AE", answers(none)},
		{"/v1/releases/26.x", answers(none, bad)},
		{"/v1/releases/99999999999999999999.1", answers(none, bad)},
		{"/v1/releases/-1", answers(none, bad)},
		{"/v1/gates/sales/..%2f..%2fetc", answers(none, bad)},
		{"/v1/gates/nobody/26.6", answers(none)},
		{"/v1/rollouts/sales/%25", answers(none, bad)},
		{"/v1/groups/sales/backtest?days=7,,x", answers(bad)},
		{"/v1/groups/sales/backtest?days=-7", answers(bad)},
		{"/v1/groups/sales/backtest?days=99999999999999999999", answers(bad)},
		{"/v1/groups/sales/backtest?days=1,2,3,4,5,6,7,8,9,10,11", answers(bad)},
		{"/v1/groups/sales/backtest?since=0000-00", answers(bad)},
		{"/v1/groups/sales/backtest?until=9999-12", answers(bad)},
		{"/v1/groups/sales/backtest?since=0001-01&until=0001-02", answers(bad)},
		{"/v1/groups/sales/backtest?strategy=hope", answers(bad)},
		{"/v1/groups/sales/backtest?smoke_days=0x3", answers(bad)},
		{"/v1/groups/sales/backtest?install_days=1e3", answers(bad)},
		{"/v1/groups/nobody/backtest", answers(none)},
		{"/v1/groups/sales/simulate?days=-1", answers(bad)},
		{"/v1/groups/sales/simulate?days=99999999999999999999", answers(bad)},
		{"/v1/groups/sales/simulate?test_days=1e3", answers(bad)},
		{"/v1/groups/sales/simulate?release=99.9", answers(bad)},
		{"/v1/groups/sales/simulate?release=..=+5d", answers(bad)},
		{"/v1/groups/nobody/simulate", answers(none)},
	} {
		cases = append(cases, ask("GET "+q.path, http.MethodGet, q.path, nil, q.want...))
	}
	in.refuses("admin request", cases)
}

// TestMalformedFeeds imports damaged release feeds. Files are damaged so that
// no reader can take them for whole.
func TestMalformedFeeds(t *testing.T) {
	in := install(t)
	ask := in.administrator()
	var cases []malformed
	add := func(name string, body []byte) {
		cases = append(cases, ask(name, http.MethodPost, "/v1/catalog", body, http.StatusBadRequest))
	}
	for _, file := range []string{"gdmf.json", "sofa.json", "kev.json"} {
		good, err := os.ReadFile(filepath.Join("..", "catalog", "testdata", file))
		in.must(err)
		for _, d := range cuts(bytes.TrimSpace(good), 16) {
			add(file+" "+d.name, d.body)
		}
		add(file+" twice", append(bytes.Clone(good), good...))
		add(file+" in an array", []byte("["+string(good)+"]"))
		add(file+" with a key twice", bytes.Replace(good, []byte("{"), []byte(`{"x":1,"x":2,`), 1))
		add(file+" in UTF-16", append([]byte{0xff, 0xfe}, good...))
		add(file+" with NUL", append(bytes.Clone(good), 0))
		for at, wrong := range wrongValues(t, good) {
			add(fmt.Sprintf("%s with %s", file, at), wrong)
		}
	}
	add("nothing", nil)
	add("empty object", []byte("{}"))
	add("unknown feed", []byte(`{"releases":[]}`))
	add("nested 33 deep", []byte(strings.Repeat("[", 33)+strings.Repeat("]", 33)))
	add("nested for 16 MiB", bytes.Repeat([]byte("["), 16<<20))
	add("16 MiB of small values", append([]byte("["), bytes.Repeat([]byte("1,"), 8<<20-1)...))
	add("as many objects as may be", []byte("["+strings.Repeat(`{"a":1},`, 49_999)+`{"a":`+strings.Repeat("1", 60<<10)+"}]"))
	add("texts of 60 KiB for 16 MiB", append([]byte("["), bytes.Repeat([]byte(`"`+strings.Repeat("x", 60<<10)+`",`), 272)...))
	add("16 MiB of one text", []byte(`{"x":"`+strings.Repeat("x", 16<<20-8)+`"}`))
	add("a number of 16 MiB", bytes.Repeat([]byte("1"), 16<<20))
	add("16 MiB of blanks in an array", append([]byte("["), bytes.Repeat([]byte(" "), 16<<20-1)...))
	add("16 MiB of blanks", bytes.Repeat([]byte(" "), 16<<20))
	in.refuses("feed", cases)
}

// wrongValues returns a JSON document with the value of each key at the top, and
// of each key of the first element below, replaced by one of another type.
func wrongValues(t *testing.T, good []byte) map[string][]byte {
	t.Helper()
	var root map[string]json.RawMessage
	if err := json.Unmarshal(good, &root); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for key, value := range root {
		if value[0] != '{' && value[0] != '[' {
			continue // of no use to an import
		}
		changed := map[string]json.RawMessage{}
		for k, v := range root {
			changed[k] = v
		}
		changed[key] = json.RawMessage(`-1e99999`)
		text, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		out[key+" a number"] = text
	}
	return out
}

// TestMalformedPushCertificates imports what is no push certificate and key.
func TestMalformedPushCertificates(t *testing.T) {
	in := install(t)
	ask := in.administrator()
	cert, key, err := in.apns.IssueCertificate(topic)
	in.must(err)
	_, other, err := in.apns.IssueCertificate(topic)
	in.must(err)
	encoded := base64.StdEncoding.EncodeToString
	var cases []malformed
	add := func(name string, cert, key []byte) {
		body, err := json.Marshal(api.PushCertificateRequest{Certificate: encoded(cert), Key: encoded(key)})
		in.must(err)
		cases = append(cases, ask(name, http.MethodPost, "/v1/push/certificate", body, http.StatusBadRequest, http.StatusRequestEntityTooLarge))
	}
	for _, d := range cuts(bytes.TrimSpace(cert), 16) {
		add("certificate "+d.name, d.body, key)
	}
	for _, d := range cuts(bytes.TrimSpace(key), 16) {
		add("key "+d.name, cert, d.body)
	}
	add("key of another certificate", cert, other)
	add("key in place of the certificate", key, key)
	add("certificate in place of the key", cert, cert)
	add("phone's certificate", pemOf(mint(t, in.deviceCA(), nil)), key)
	for _, d := range brokenBER() {
		add("certificate of "+d.name, []byte("-----BEGIN CERTIFICATE-----\n"+encoded(d.body)+"\n-----END CERTIFICATE-----\n"), key)
		add("key of "+d.name, cert, []byte("-----BEGIN PRIVATE KEY-----\n"+encoded(d.body)+"\n-----END PRIVATE KEY-----\n"))
	}
	add("encrypted key", cert, []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n"))
	add("500 KiB of PEM without an end", bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), 18_000), key)
	add("over 1 MiB", make([]byte, 1<<20), key)
	cases = append(
		cases,
		ask("no base64", http.MethodPost, "/v1/push/certificate", []byte(`{"certificate":"!","key":"!"}`), http.StatusBadRequest),
		ask("base64 for URLs", http.MethodPost, "/v1/push/certificate", []byte(`{"certificate":"_-_-","key":"_-_-"}`), http.StatusBadRequest),
	)
	in.refuses("push certificate", cases)
}

// TestMalformedLinks opens enrolment links that nobody was given.
func TestMalformedLinks(t *testing.T) {
	in := install(t)
	in.setUp()
	link := in.link("sales", "production")
	secret := link[strings.LastIndex(link, "/")+1:]
	nobody := in.as(nil)
	var cases []malformed
	add := func(path string, want ...int) {
		cases = append(cases, malformed{fmt.Sprintf("%.60s", path), func() int {
			status, _ := nobody.do(http.MethodGet, path, nil, nil)
			return status
		}, want})
	}
	const gone, none, moved = http.StatusGone, http.StatusNotFound, http.StatusTemporaryRedirect // to the clean path
	for _, s := range []string{
		"x", secret[:len(secret)-1], secret + "A", secret + "=", strings.ToLower(secret) + "a", "%20" + secret, secret + "%20", secret + "%00", "%ff", "%E2%80%AE",
		"x?" + secret, "x?x=" + strings.Repeat("y", 8<<10), strings.Repeat("A", 12<<10), "..%2f" + secret, "%2e%2e", secret + "%2f", secret + ";", "*", "'%20OR%201=1--",
	} {
		add("/enroll/"+s, gone, none)
	}
	add("/enroll", moved)
	for _, s := range []string{"/", "/a/b", "/" + secret + "/", "/" + secret + "/x"} {
		add("/enroll"+s, gone)
	}
	add("/enroll/../enroll/x", gone, none, moved)
	add("//enroll/"+secret, none, moved)
	in.refuses("link", cases)
	in.must(in.install(in.phone("00008120-L", nil), link)) // the real one was not burnt
}

// TestCutOffLink: whoever opens what is left of a link reads what may be wrong
// with it, in both languages, and the log counts them.
func TestCutOffLink(t *testing.T) {
	in := install(t)
	nobody := in.as(nil)
	for _, path := range []string{"/enroll/", "/enroll/unknown", "/enroll/unknown"} {
		status, body := nobody.do(http.MethodGet, path, nil, nil)
		if status != http.StatusGone || !strings.Contains(string(body), "is incomplete") || !strings.Contains(string(body), "途中で切れています") {
			t.Errorf("%s: %d %s, want 410 that says that the link may be incomplete", path, status, body)
		}
	}
	in.stop()
	const want = `level=WARN msg=security action=security.refused identity=link count=3 reasons="link 3"`
	if !strings.Contains(in.log.String(), want) {
		t.Errorf("the log lacks %s", want)
	}
}

// TestStrangers: who has no token, or none that is known, is counted once a minute
// in the log and the audit log, and has no line of his own.
func TestStrangers(t *testing.T) {
	in := install(t)
	admin := in.openAdmin()
	for _, token := range []string{"", "Bearer planted", "Bearer planted"} {
		if status, _ := ask(t, http.MethodGet, admin+"/v1/status", token, nil); status != http.StatusForbidden {
			t.Errorf("with %q: %d, want 403", token, status)
		}
	}
	in.stop()
	log := in.log.String()
	const want = `level=WARN msg=security action=security.refused identity=admin count=3 reasons="token 3"`
	if !strings.Contains(log, want) {
		t.Errorf("the log lacks %s", want)
	}
	if strings.Contains(log, "denied") || strings.Contains(log, "planted") {
		t.Errorf("the log tells of single requests:\n%s", log)
	}
}

// TestMalformedConfigurations: no configuration file ends the process or costs
// more than a look.
func TestMalformedConfigurations(t *testing.T) {
	in := install(t)
	path := filepath.Join(in.data, "config.yaml")
	good, err := os.ReadFile(path)
	in.must(err)
	in.stop()
	var laughs strings.Builder
	laughs.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&laughs, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 9), ","))
	}
	with := func(line string) []byte { return append(bytes.Clone(good), []byte("\n"+line+"\n")...) }
	documents := []input{
		{"nothing", nil},
		{"not YAML", []byte("url: [")},
		{"an array", []byte("- url\n")},
		{"text", []byte("url")},
		{"JSON cut off", []byte(`{"url": "https://`)},
		{"unknown key", with("speed: 1")},
		{"key twice", with("listen: :1")},
		{"tabs", with("\tpush:\n\t\thost: x")},
		{"alias of nothing", with("organisation: *nobody")},
		{"alias of itself", with("extra: &a [*a]")},
		{"billion laughs", append(bytes.Clone(good), []byte(laughs.String())...)},
		{"nested for 100 KiB", with("extra: " + strings.Repeat("[", 100<<10))},
		{"nested maps", with("extra: " + strings.Repeat("{a: ", 10_000))},
		{"number out of range", bytes.Replace(good, []byte("legacy_crypto: false"), []byte("legacy_crypto: 1e99999"), 1)},
		{"wrong type", bytes.Replace(good, []byte("legacy_crypto: false"), []byte("legacy_crypto: [yes]"), 1)},
		{"NUL", append(bytes.Clone(good), 0)},
		{"not UTF-8", with("organization: \xff\xfe")},
		{"UTF-16", append([]byte{0xff, 0xfe}, good...)},
		{"two documents", with("---\nurl: https://other.example")},
	}
	var cases []malformed
	for _, d := range documents {
		cases = append(cases, malformed{d.name, func() int {
			in.must(os.WriteFile(path, d.body, 0o600))
			if _, err := server.LoadConfig(in.data, func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v, want an error that names the file", d.name, err)
				return 0
			}
			return 1
		}, answers(1)})
	}
	in.measured("configuration", cases)
	in.must(os.WriteFile(path, good, 0o600))
	in.start()
}

func pemOf(id *identity) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: id.cert.Raw})
}

// TestTextLimits: every write takes a reason of 500 characters and refuses one
// more; so do notes and evidence.
func TestTextLimits(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	most, over := strings.Repeat("閂", 500), strings.Repeat("閂", 501)
	try := func(path, field, text string) (refused bool) {
		t.Helper()
		err := in.post(path, map[string]any{field: text, "dry_run": true}, nil)
		e, ok := errors.AsType[*api.Error](err)
		if err != nil && (!ok || e.Status >= 500) {
			t.Errorf("%s with %s: %v", path, field, err)
		}
		return ok && e.Field == field && strings.Contains(e.Message, "want at most 500")
	}
	check := func(path, field string) {
		t.Helper()
		if try(path, field, most) {
			t.Errorf("%s: a %s of 500 characters is too long", path, field)
		}
		if !try(path, field, over) {
			t.Errorf("%s: a %s of 501 characters is not refused", path, field)
		}
	}
	in.nothingStored(func() {
		for _, pattern := range api.Patterns() {
			method, path := split(pattern)
			switch {
			case method != http.MethodPost:
			case path == "/v1/catalog", path == "/v1/backup", path == "/v1/lint": // a file, nothing, and what only looks
			default:
				check(path, "reason")
			}
		}
		check("/v1/verdicts", "note")
		check("/v1/verdicts", "evidence")
		for _, reason := range []string{over, "\xff"} {
			err := in.post("/v1/catalog?reason="+url.QueryEscape(reason), map[string]any{}, nil)
			if e, ok := errors.AsType[*api.Error](err); !ok || e.Field != "reason" {
				t.Errorf("import with a reason of %d bytes: %v, want a refusal of the reason", len(reason), err)
			}
		}
	})
}
