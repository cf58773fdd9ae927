package server_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"regexp"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What one malformed input may cost the process, the test's own client and the
// garbage collector included. Tests fail at slack times as much processor time,
// because machines differ; the race detector takes more of both. The figures are
// in the test's log.
const (
	maxCPU   = 250 * time.Millisecond
	maxAlloc = 64 << 20 // bytes allocated, which bounds what is held at a time
	slack    = 5
)

// malformed is one input and the statuses that may answer it.
type malformed struct {
	name string
	send func() int
	want []int
}

func answers(status ...int) []int { return status }

// consumed returns the processor time used and the bytes allocated so far.
func consumed(t *testing.T) (time.Duration, uint64) {
	t.Helper()
	var use unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return time.Duration(use.Utime.Nano() + use.Stime.Nano()), sample[0].Value.Uint64()
}

// refuses sends malformed inputs one after the other. Each must get its status
// within the bounds, and all of them together must leave no trace in the
// database but entries about refused requests.
func (in *installation) refuses(parser string, cases []malformed) {
	in.t.Helper()
	in.nothingStored(func() { in.measured(parser, cases) })
}

// measured is refuses without a look at the database.
func (in *installation) measured(parser string, cases []malformed) {
	in.t.Helper()
	var slowest, largest malformed
	var slow time.Duration
	var large uint64
	for _, c := range cases {
		cpu, alloc := consumed(in.t)
		status := c.send()
		cpuAfter, allocAfter := consumed(in.t)
		if !slices.Contains(c.want, status) {
			in.t.Errorf("%s, %s: %d, want %v", parser, c.name, status, c.want)
		}
		if d := cpuAfter - cpu; d > slow {
			slow, slowest = d, c
		}
		if d := allocAfter - alloc; d > large {
			large, largest = d, c
		}
	}
	in.t.Logf("%s: %d cases; slowest %v of CPU (%s), largest %.1f MiB (%s)",
		parser, len(cases), slow.Round(time.Millisecond), slowest.name, float64(large)/(1<<20), largest.name)
	if slow > slack*raceSlowdown*maxCPU {
		in.t.Errorf("%s, %s: %v of CPU, want at most %v", parser, slowest.name, slow, maxCPU)
	}
	if large > raceSlowdown*maxAlloc {
		in.t.Errorf("%s, %s: %d MiB allocated, want at most %d", parser, largest.name, large>>20, maxAlloc>>20)
	}
}

// input is a malformed document.
type input struct {
	name string
	body []byte
}

// cuts returns a document cut off at n places, none of them its end.
func cuts(document []byte, n int) []input {
	var out []input
	for i := range n {
		at := (len(document) - 1) * i / n
		out = append(out, input{fmt.Sprintf("cut off after %d bytes", at), document[:at]})
	}
	return out
}

// flips returns a document with one bit changed at n places.
func flips(document []byte, n int) []input {
	var out []input
	for i := range n {
		at := len(document) * i / n
		changed := bytes.Clone(document)
		changed[at] ^= 1 << (i % 8)
		out = append(out, input{fmt.Sprintf("bit %d of byte %d changed", i%8, at), changed})
	}
	return out
}

const (
	plistHead = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n"
	plistOpen = `<plist version="1.0"><dict>`
	plistEnd  = `</dict></plist>`
)

// list returns a property list of keys and values as they are given.
func list(inside ...string) []byte {
	return []byte(plistHead + plistOpen + strings.Join(inside, "") + plistEnd)
}

// notLists returns what is no property list of one dictionary, or would be one
// only to a careless reader. The keys are those of a good message.
func notLists(keys string) []input {
	good := string(list(keys))
	subset := func(declarations string) []byte {
		return []byte(strings.Replace(good, `"-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">`, `"-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd" [`+declarations+`]>`, 1))
	}
	var laughs strings.Builder
	laughs.WriteString(`<!ENTITY l0 "ha">`)
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&laughs, `<!ENTITY l%d "%s">`, i, strings.Repeat(fmt.Sprintf("&l%d;", i-1), 10))
	}
	utf16 := []byte{0xff, 0xfe}
	for _, b := range []byte(good) {
		utf16 = append(utf16, b, 0)
	}
	out := []input{
		{"nothing", nil},
		{"blanks", []byte(" \n\t ")},
		{"text", []byte("Idle")},
		{"JSON", []byte(`{"Status":"Idle"}`)},
		{"HTML", []byte("<!DOCTYPE html><html><body>Idle</body></html>")},
		{"head only", []byte(plistHead)},
		{"another root", []byte(`<dict>` + keys + `</dict>`)},
		{"an array", []byte(`<plist version="1.0"><array><dict>` + keys + `</dict></array></plist>`)},
		{"two dictionaries", []byte(`<plist version="1.0"><dict>` + keys + `</dict><dict>` + keys + `</dict></plist>`)},
		{"two property lists", []byte(good + plistOpen + keys + plistEnd)},
		{"text after it", []byte(good + "x")},
		{"in a namespace", []byte(`<p:plist xmlns:p="x"><p:dict>` + keys + `</p:dict></p:plist>`)},
		{"binary, cyclic", cyclicBinary()},
		{"binary, shared references", sharedBinary(40)},
		{"binary, huge length", hugeBinary()},
		{"binary, header only", []byte("bplist00")},
		{"entities", subset(`<!ENTITY a "PHONE-A">`)},
		{"billion laughs", bytes.Replace(subset(laughs.String()), []byte("<dict>"), []byte("<dict><key>L</key><string>&l11;</string>"), 1)},
		{"external entity", bytes.Replace(subset(`<!ENTITY x SYSTEM "file:///etc/passwd">`), []byte("<dict>"), []byte("<dict><key>L</key><string>&x;</string>"), 1)},
		{"parameter entity", subset(`<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;`)},
		{"entity that is not declared", list("<key>L</key><string>&x;</string>", keys)},
		{"DOCTYPE inside", []byte(strings.Replace(good, "<dict>", `<!DOCTYPE x><dict>`, 1))},
		{"instruction inside", list("<?php x ?>", keys)},
		{"comment in a comment", list("<!-- <!-- --> -->", keys)},
		{"comment that does not end", list("<!-- ", keys)},
		{"CDATA that does not end", list("<key>L</key><string><![CDATA[", keys)},
		{"attribute without quotes", list("<key a=b>L</key><string/>", keys)},
		{"end tags crossed", list("<key>L</key><array><string></array></string>", keys)},
		{"element in text", list("<key>L<b/></key><string/>", keys)},
		{"key without a value", list(keys, "<key>L</key>")},
		{"value without a key", list("<string>L</string>", keys)},
		{"UTF-16", utf16},
		{"another encoding", []byte(strings.Replace(good, "UTF-8", "Shift_JIS", 1))},
		{"not UTF-8", list("<key>L</key><string>\xff\xfe</string>", keys)},
		{"NUL", list("<key>L</key><string>\x00</string>", keys)},
		{"character that XML has not", list("<key>L</key><string>&#1;</string>", keys)},
	}
	return append(out, cuts([]byte(good), 24)...)
}

// largeLists returns lists that are over a limit of structure, not of size.
func largeLists(keys string, nodes int) []input {
	deep := func(n int) string {
		return "<key>L</key>" + strings.Repeat("<array>", n) + strings.Repeat("</array>", n)
	}
	var attributes strings.Builder
	for i := range nodes {
		fmt.Fprintf(&attributes, ` a%d=""`, i)
	}
	return []input{
		{"nested 33 deep", list(keys, deep(31))},
		{"nested for 200 KiB", list(keys, deep(13_000))},
		{"nested for 1 MiB, never closed", append([]byte(plistHead+plistOpen+keys+"<key>L</key>"), bytes.Repeat([]byte("<array>"), 140_000)...)},
		{"too many elements", list(keys, "<key>L</key><array>", strings.Repeat("<true/>", nodes), "</array>")},
		{"too many attributes", list(keys, "<key>L</key><string"+attributes.String()+"/>")},
	}
}

// cyclicBinary is an array whose only element is itself. A reader that follows
// it ends with the whole process.
func cyclicBinary() []byte {
	return binaryList([]byte{0xa1, 0x00}, []byte{8})
}

// sharedBinary is arrays that name the next one twice each: 2 to the n values.
func sharedBinary(n int) []byte {
	var objects, offsets []byte
	for i := range n {
		offsets = append(offsets, byte(8+len(objects)))
		objects = append(objects, 0xa2, byte(i+1), byte(i+1))
	}
	offsets = append(offsets, byte(8+len(objects)))
	return binaryList(append(objects, 0x09), offsets)
}

// hugeBinary is a data object that says it has 128 GiB.
func hugeBinary() []byte {
	return binaryList([]byte{0x4f, 0x13, 0, 0, 0, 0x20, 0, 0, 0, 0}, []byte{8})
}

func binaryList(objects, offsets []byte) []byte {
	out := append([]byte("bplist00"), objects...)
	table := len(out)
	out = append(out, offsets...)
	trailer := make([]byte, 32)
	trailer[6], trailer[7], trailer[15], trailer[31] = 1, 1, byte(len(offsets)), byte(table)
	return append(out, trailer...)
}

// put makes cases of documents for a device URL.
func (w *wire) put(path, media string, want []int, documents ...input) []malformed {
	var out []malformed
	for _, d := range documents {
		out = append(out, malformed{d.name, func() int {
			status, _ := w.do(http.MethodPut, path, http.Header{"Content-Type": {media}}, d.body)
			return status
		}, want})
	}
	return out
}

const (
	checkinMedia = "application/x-apple-aspen-mdm-checkin"
	commandMedia = "application/x-apple-aspen-mdm"
	phoneKey     = "<key>UDID</key><string>PHONE-A</string>"
)

// TestMalformedDeviceMessages sends what phones never send to the two URLs, with
// the certificate of an enrolled phone. It runs alone, as it measures the
// process.
func TestMalformedDeviceMessages(t *testing.T) {
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	phone := in.as(a)
	bad, tooLarge := answers(http.StatusBadRequest), answers(http.StatusRequestEntityTooLarge)

	update := "<key>MessageType</key><string>TokenUpdate</string><key>Topic</key><string>" + topic + "</string>" +
		"<key>PushMagic</key><string>m</string>"
	token := "<key>Token</key><data>bWFsZm9ybWVk</data>"
	checkin := func(want []int, documents ...input) []malformed {
		return phone.put("/mdm/checkin", checkinMedia, want, documents...)
	}
	cases := checkin(bad, notLists(phoneKey+update+token)...)
	cases = append(cases, checkin(tooLarge, largeLists(phoneKey+update+token, 20_000)...)...)
	cases = append(cases, checkin(tooLarge, input{"over 256 KiB", list(phoneKey, update, token, "<!--"+strings.Repeat("x", 256<<10)+"-->")})...)
	in.refuses("check-in", append(cases, checkin(bad, wrongCheckins(update, token)...)...))

	acknowledged := "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>x</string>"
	result := func(want []int, documents ...input) []malformed {
		return phone.put("/mdm/command", commandMedia, want, documents...)
	}
	cases = result(bad, notLists(phoneKey+acknowledged)...)
	cases = append(cases, result(tooLarge, largeLists(phoneKey+acknowledged, 20_000)...)...)
	cases = append(cases, result(bad, wrongResults()...)...)
	in.refuses("result", append(cases, result(answers(http.StatusOK), oddResults(acknowledged)...)...))

	in.refuses("status report", append(
		checkin(bad, wrongReports()...),
		checkin(tooLarge, largeReports()...)...,
	))
}

// TestMalformedAppLists sends broken app lists from a phone that was asked for
// one, and so may send 8 MiB and 200,000 elements.
func TestMalformedAppLists(t *testing.T) {
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	phone := in.as(a)
	in.must(in.post("/v1/devices/PHONE-A/move", map[string]string{"group": "sales", "ring": "production", "reason": "look"}, nil))
	in.must(in.post("/v1/devices/PHONE-A/refresh", map[string]string{"reason": "look"}, nil))
	command := phone.askedForApps(t)
	header := phoneKey + "<key>Status</key><string>Acknowledged</string><key>CommandUUID</key><string>" + command + "</string>"
	apps := "<key>InstalledApplicationList</key><array>" + strings.Repeat("<dict><key>Identifier</key><string>com.example.pos</string></dict>", 40_000)
	result := func(want int, documents ...input) []malformed {
		return phone.put("/mdm/command", commandMedia, answers(want), documents...)
	}
	cases := result(http.StatusRequestEntityTooLarge, largeLists(header, 200_000)...)
	cases = append(cases, result(http.StatusRequestEntityTooLarge, input{"over 8 MiB", list(header, "<!--"+strings.Repeat("x", 8<<20)+"-->")})...)
	cases = append(cases, result(http.StatusBadRequest, cuts(list(header, apps, "</array>"), 8)...)...)
	cases = append(cases, result(http.StatusBadRequest, input{"8 MiB that are no list", list(header, apps, strings.Repeat("a", 5<<20), "</dict>")})...)
	in.measured("app list", cases)
	// Nothing was taken for the answer: the command is still due.
	if again := phone.askedForApps(t); again != command {
		t.Errorf("the phone is asked for its apps by %s, want still %s", again, command)
	}
	if got := in.device("PHONE-A").Apps; len(got) != 0 {
		t.Errorf("apps of the phone: %+v, want none known", got)
	}
}

// askedForApps polls until the phone is asked for its apps, answers whatever else
// it is asked, and returns the command. From then on its next result may be large.
func (w *wire) askedForApps(t *testing.T) string {
	t.Helper()
	command := regexp.MustCompile(`<key>CommandUUID</key>\s*<string>([^<]*)</string>`)
	body := list(phoneKey, "<key>Status</key><string>Idle</string>")
	for range 10 {
		status, answer := w.do(http.MethodPut, "/mdm/command", http.Header{"Content-Type": {commandMedia}}, body)
		uuid := command.FindSubmatch(answer)
		if status != http.StatusOK || uuid == nil {
			break
		}
		if bytes.Contains(answer, []byte("<string>InstalledApplicationList</string>")) {
			return string(uuid[1])
		}
		body = list(phoneKey, "<key>Status</key><string>Error</string><key>CommandUUID</key><string>"+string(uuid[1])+"</string>")
	}
	t.Fatal("the phone was not asked for its apps")
	return ""
}

// wrongCheckins are well-formed lists that are no check-in message.
func wrongCheckins(update, token string) []input {
	message := func(typ string) string { return "<key>MessageType</key>" + typ }
	out := []input{
		{"no message type", list(phoneKey, token)},
		{"unknown message type", list(phoneKey, message("<string>Format</string>"))},
		{"message type in an array", list(phoneKey, message("<array><string>TokenUpdate</string></array>"))},
		{"empty message type", list(phoneKey, message("<string/>"))},
		{"no identifier", list(update, token)},
		{"both identifiers", list(phoneKey, "<key>EnrollmentID</key><string>PHONE-A</string>", update, token)},
		{"identifier is a number", list("<key>UDID</key><integer>7</integer>", update, token)},
		{"identifier of 4 KiB", list("<key>UDID</key><string>"+strings.Repeat("P", 4<<10)+"</string>", update, token)},
		{"identifier with a line end", list("<key>UDID</key><string>PHONE\nA</string>", update, token)},
		{"no topic", list(phoneKey, strings.Replace(update, topic, "", 1), token)},
		{"topic is a date", list(phoneKey, strings.Replace(update, "<string>"+topic+"</string>", "<date>2026-01-01T00:00:00Z</date>", 1), token)},
		{"topic of another server", list(phoneKey, strings.Replace(update, topic, "com.apple.mgmt.External.other", 1), token)},
		{"no token", list(phoneKey, update)},
		{"token is text", list(phoneKey, update, "<key>Token</key><string>bWFsZm9ybWVk</string>")},
		{"token is no base64", list(phoneKey, update, "<key>Token</key><data>!!!</data>")},
		{"token's base64 is cut off", list(phoneKey, update, "<key>Token</key><data>bWFsZ</data>")},
		{"token is a dictionary", list(phoneKey, update, "<key>Token</key><dict><key>a</key><true/></dict>")},
		{"flag is a number out of range", list(phoneKey, update, token, "<key>AwaitingConfiguration</key><integer>99999999999999999999999</integer>")},
		{"flag is a date out of range", list(phoneKey, update, token, "<key>AwaitingConfiguration</key><date>99999-99-99T99:99:99Z</date>")},
		{"flag is no number", list(phoneKey, update, token, "<key>AwaitingConfiguration</key><real>1e999999</real>")},
		{"unknown element", list(phoneKey, update, token, "<key>L</key><set/>")},
		{"key in an array", list(phoneKey, update, token, "<key>L</key><array><key>a</key></array>")},
		{"key without a value below", list(phoneKey, update, token, "<key>L</key><dict><key>a</key></dict>")},
		{"bad endpoint", list(phoneKey, message("<string>DeclarativeManagement</string>"), "<key>Endpoint</key><string>../tokens</string>")},
		{"endpoint of 100 KiB", list(phoneKey, message("<string>DeclarativeManagement</string>"), "<key>Endpoint</key><string>declaration/configuration/"+strings.Repeat("a", 100<<10)+"</string>")},
	}
	for _, key := range []string{"UDID", "MessageType", "Topic", "Token", "PushMagic"} {
		again := "<key>" + key + "</key><string>PHONE-B</string>"
		out = append(out, input{"second " + key, list(phoneKey, update, token, again)}, input{"second " + key + " first", list(again, phoneKey, update, token)})
	}
	return out
}

// wrongResults are well-formed lists that cannot be told to be a result.
func wrongResults() []input {
	status, uuid := "<key>Status</key><string>Acknowledged</string>", "<key>CommandUUID</key><string>x</string>"
	out := []input{
		{"no status", list(phoneKey, uuid)},
		{"empty status", list(phoneKey, uuid, "<key>Status</key><string/>")},
		{"status is true", list(phoneKey, uuid, "<key>Status</key><true/>")},
		{"status of 1 KiB", list(phoneKey, uuid, "<key>Status</key><string>"+strings.Repeat("A", 1<<10)+"</string>")},
		{"command is a number", list(phoneKey, status, "<key>CommandUUID</key><integer>1</integer>")},
		{"command of 1 KiB", list(phoneKey, status, "<key>CommandUUID</key><string>"+strings.Repeat("x", 1<<10)+"</string>")},
		{"command with a control character", list(phoneKey, status, "<key>CommandUUID</key><string>a&#9;b</string>")},
		{"no identifier", list(status, uuid)},
		{"both identifiers", list(phoneKey, "<key>EnrollmentID</key><string>PHONE-A</string>", status, uuid)},
		{"identifier is data", list("<key>UDID</key><data>QQ==</data>", status, uuid)},
	}
	for _, key := range []string{"UDID", "Status", "CommandUUID"} {
		out = append(out, input{"second " + key, list(phoneKey, status, uuid, "<key>"+key+"</key><string>x</string>")})
	}
	return out
}

// oddResults are results whose header is good and whose rest is not: they are
// taken, kept out of everything, and the phone goes on.
func oddResults(header string) []input {
	chain := func(item string) []byte {
		return list(phoneKey, header, "<key>ErrorChain</key><array>"+item+"</array>")
	}
	return []input{
		{"error chain is text", list(phoneKey, header, "<key>ErrorChain</key><string>x</string>")},
		{"error code out of range", chain("<dict><key>ErrorCode</key><integer>99999999999999999999999</integer></dict>")},
		{"error code is base64 garbage", chain("<dict><key>ErrorCode</key><data>!!!</data></dict>")},
		{"error code is a date out of range", chain("<dict><key>ErrorCode</key><date>0000-00-00T00:00:00Z</date></dict>")},
		{"error of numbers", chain("<integer>1</integer>")},
		{"answer of the wrong type", list(phoneKey, header, "<key>QueryResponses</key><array><true/></array>")},
		{"app list of numbers", list(phoneKey, header, "<key>InstalledApplicationList</key><array><integer>1</integer></array>")},
		{"key twice", list(phoneKey, header, "<key>QueryResponses</key><dict/><key>QueryResponses</key><dict/>")},
		{"unknown element", list(phoneKey, header, "<key>L</key><set/>")},
		{"unknown status", list(phoneKey, strings.Replace(header, "Acknowledged", "Perhaps", 1))},
	}
}

// report wraps the JSON of a status report in its message.
func report(json string) []byte {
	return list(phoneKey, "<key>MessageType</key><string>DeclarativeManagement</string><key>Endpoint</key><string>status</string>",
		"<key>Data</key><data>"+base64.StdEncoding.EncodeToString([]byte(json))+"</data>")
}

// wrongReports are status reports that are no JSON object.
func wrongReports() []input {
	good := `{"StatusItems":{"device":{"operating-system":{"version":"99.0"}}},"Errors":[]}`
	var out []input
	for _, c := range cuts([]byte(good), 16) {
		out = append(out, input{c.name, report(string(c.body))})
	}
	for name, json := range map[string]string{
		"not JSON": "StatusItems", "an array": "[]", "null": "null", "a number": "1", "two objects": good + good, "bytes after it": good + "x",
		"a comma at the end": `{"StatusItems":{},}`, "NUL": "{\"StatusItems\":\x00}", "UTF-16": "\xff\xfe{\x00}\x00", "not JSON's literals": `{"StatusItems":NaN}`,
		"property list": string(list(phoneKey)),
	} {
		out = append(out, input{name, report(json)})
	}
	return append(out, input{"data is text", list(phoneKey, "<key>MessageType</key><string>DeclarativeManagement</string><key>Endpoint</key><string>status</string><key>Data</key><string>{}</string>")})
}

// largeReports are status reports over a limit of structure or size.
func largeReports() []input {
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	return []input{
		{"nested 41 deep", report(`{"StatusItems":` + deep + `}`)},
		{"nested for 500 KiB", report(strings.Repeat(`[`, 500<<10))},
		{"too many values", report(`{"StatusItems":{},"Errors":[` + strings.Repeat("1,", 20_000) + `1]}`)},
		{"message over 1 MiB", report(`{"StatusItems":{},"x":"` + strings.Repeat("x", 1<<20) + `"}`)},
	}
}
