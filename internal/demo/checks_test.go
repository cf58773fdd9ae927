package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// hour is a moment of the story these tests are about: noon is 12.
func hour(h int) time.Time { return time.Date(2026, 8, 20, h, 0, 0, 0, time.UTC) }

func enforcement(phone string, h int) mdmtest.Entry {
	return mdmtest.Entry{Phone: phone, Time: hour(h), Kind: mdmtest.KindEnforcement, Version: "26.6.1"}
}

// scene is a story in which nothing is wrong: approved at 10, received at 12.
func scene() (map[string][]stay, records) {
	book := map[string][]stay{
		"P": {{place: place{sales, production}, from: hour(1)}},
		"V": {{place: place{sales, verification}, from: hour(1)}},
		"U": {{from: hour(1)}},
		"M": {{place: place{sales, production}, from: hour(1), leftBy: hour(13)}, {place: place{warehouse, production}, from: hour(12)}},
	}
	r := records{
		offers:    []decision{{group: sales, release: "26.6.1", at: hour(8)}},
		approvals: []decision{{group: sales, release: "26.6.1", at: hour(10), verified: true}},
		announced: map[string][]announcement{},
	}
	for phone := range book {
		r.announced[phone] = []announcement{{release: "26.6.1", at: hour(2)}}
	}
	return book, r
}

func TestCheck(t *testing.T) {
	t.Parallel()
	entry := func(phone string, h int, kind mdmtest.Kind, version, detail string) mdmtest.Entry {
		return mdmtest.Entry{Phone: phone, Time: hour(h), Kind: kind, Version: version, Detail: detail}
	}
	tests := map[string]struct {
		entries []mdmtest.Entry
		change  func(map[string][]stay, *records)
		want    string // part of the only problem; "" when there is none
	}{
		"nothing happened":            {},
		"after the approval":          {entries: []mdmtest.Entry{enforcement("P", 12)}},
		"before the approval":         {entries: []mdmtest.Entry{enforcement("P", 9)}, want: "P (sales, production): received the enforcement of 26.6.1 at 2026-08-20T09:00:00Z; its gate was approved only at 2026-08-20T10:00:00Z"},
		"never approved":              {entries: []mdmtest.Entry{enforcement("P", 12)}, change: func(_ map[string][]stay, r *records) { r.approvals = nil }, want: "never approved"},
		"another group's approval":    {entries: []mdmtest.Entry{enforcement("P", 12)}, change: func(_ map[string][]stay, r *records) { r.approvals[0].group = warehouse }, want: "never approved"},
		"another release":             {entries: []mdmtest.Entry{enforcement("P", 12)}, change: func(_ map[string][]stay, r *records) { r.approvals[0].release = "26.6" }, want: "never approved"},
		"approved and not verified":   {entries: []mdmtest.Entry{enforcement("P", 12)}, change: func(_ map[string][]stay, r *records) { r.approvals[0].verified = false }, want: "without being verified"},
		"overridden":                  {entries: []mdmtest.Entry{enforcement("P", 12)}, change: override("tanaka", "sato", 10, 14)},
		"before the override":         {entries: []mdmtest.Entry{enforcement("P", 9)}, change: override("tanaka", "sato", 10, 14), want: "never approved"},
		"override over":               {entries: []mdmtest.Entry{enforcement("P", 14)}, change: override("tanaka", "sato", 10, 14), want: "never approved"},
		"override by one person":      {entries: []mdmtest.Entry{enforcement("P", 12)}, change: override("tanaka", "tanaka", 10, 14), want: "never approved"},
		"override by nobody else":     {entries: []mdmtest.Entry{enforcement("P", 12)}, change: override("tanaka", "", 10, 14), want: "never approved"},
		"override is not for testers": {entries: []mdmtest.Entry{enforcement("V", 12)}, change: override("tanaka", "sato", 10, 14), want: "not offered"},
		"nothing announced":           {entries: []mdmtest.Entry{enforcement("P", 12)}, change: func(_ map[string][]stay, r *records) { delete(r.announced, "P") }, want: "no record"},
		"announced afterwards":        {entries: []mdmtest.Entry{enforcement("P", 12)}, change: func(_ map[string][]stay, r *records) { r.announced["P"][0].at = hour(13) }, want: "no record"},
		"candidate after the offer":   {entries: []mdmtest.Entry{enforcement("V", 9)}},
		"candidate before":            {entries: []mdmtest.Entry{enforcement("V", 7)}, want: "not offered"},
		"in no group":                 {entries: []mdmtest.Entry{enforcement("U", 12)}, want: "U (ungrouped): received the enforcement of 26.6.1 at 2026-08-20T12:00:00Z; it is in no group"},
		"before it enrolled":          {entries: []mdmtest.Entry{enforcement("P", 0)}, change: func(_ map[string][]stay, r *records) { r.announced["P"][0].at = hour(0) }, want: "without having been enrolled"},
		"while it is moved":           {entries: []mdmtest.Entry{enforcement("M", 13)}},
		"in the synchronisation under way": {
			entries: []mdmtest.Entry{entry("M", 11, mdmtest.KindSync, "", "applied"), enforcement("M", 14)},
		},
		"long after the move": {
			entries: []mdmtest.Entry{entry("M", 14, mdmtest.KindSync, "", "applied"), enforcement("M", 15)},
			want:    "M (warehouse, production): received the enforcement of 26.6.1 at 2026-08-20T15:00:00Z; its gate was never approved",
		},
		"installed without an enforcement": {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindInstalled, "26.6.1", "declaration")}, want: "does not have"},
		"installed without a command":      {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindInstalled, "26.6.1", "mdm")}, want: "does not have"},
		"command after the approval":       {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindScheduled, "26.6.1", "DownloadOnly")}},
		"command before the approval":      {entries: []mdmtest.Entry{entry("P", 9, mdmtest.KindScheduled, "26.6.1", "DownloadOnly")}, want: "its gate was approved only at"},
		"installed by its user":            {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindInstalled, "26.6.1", "system-settings")}},
		"deadline over":                    {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindPastDeadline, "26.6.1", "")}, want: "deadline that was over"},
		"two enforcements":                 {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindManyEnforced, "", "")}, want: "more than one"},
		"empty manifest":                   {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindEmptied, "", "")}, want: "empty manifest"},
		"declaration missing":              {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindMissing, "", "")}, want: "was not there"},
		"unenrolled":                       {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindUnenrolled, "", "401")}, want: "lost its management at 2026-08-20T12:00:00Z: 401"},
		"protocol violation":               {entries: []mdmtest.Entry{entry("P", 12, mdmtest.KindViolation, "", "server answered 401")}, want: "server answered 401"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			book, r := scene()
			if test.change != nil {
				test.change(book, &r)
			}
			got := check(test.entries, book, r).problems
			switch {
			case test.want == "" && len(got) > 0:
				t.Errorf("found %v, want nothing", got)
			case test.want != "" && (len(got) != 1 || !strings.Contains(got[0].String(), test.want)):
				t.Errorf("found %v, want one problem with %q", got, test.want)
			}
		})
	}
}

// override replaces all decisions by one of two people.
func override(by, second string, from, until int) func(map[string][]stay, *records) {
	return func(_ map[string][]stay, r *records) {
		r.approvals, r.offers = nil, nil
		r.overrides = []exception{{decision{group: sales, release: "26.6.1", at: hour(from)}, hour(until), [2]string{by, second}}}
	}
}

// TestReadRecordsOfOverrides: a withdrawal ends one, an end that cannot be read
// is none.
func TestReadRecordsOfOverrides(t *testing.T) {
	t.Parallel()
	entry := func(h int, action string, detail map[string]string) api.AuditEntry {
		return api.AuditEntry{At: hour(h), Action: action, Target: sales + "/26.6.1", Detail: detail}
	}
	people := map[string]string{"proposer": "tanaka", "signer": "sato"}
	whole := map[string]string{"proposer": "tanaka", "signer": "sato", "until": hour(20).Format(time.RFC3339)}
	for name, tc := range map[string]struct {
		log  []api.AuditEntry
		want time.Time
	}{
		"stands":            {[]api.AuditEntry{entry(10, "gate.override", whole)}, hour(20)},
		"withdrawn":         {[]api.AuditEntry{entry(10, "gate.override", whole), entry(12, "gate.withdraw", nil)}, hour(12)},
		"declined too late": {[]api.AuditEntry{entry(10, "gate.override", whole), entry(21, "gate.decline", nil)}, hour(20)},
		"without an end":    {[]api.AuditEntry{entry(10, "gate.override", people)}, time.Time{}},
	} {
		got := readRecords(tc.log).overrides
		if len(got) != 1 || !got[0].until.Equal(tc.want) || got[0].people != [2]string{"tanaka", "sato"} {
			t.Errorf("%s: %+v, want one until %s", name, got, tc.want)
		}
	}
}

func TestCheckCounts(t *testing.T) {
	t.Parallel()
	book, r := scene()
	got := check([]mdmtest.Entry{enforcement("P", 12), enforcement("P", 13), enforcement("V", 9)}, book, r)
	want := findings{phones: 2, enforcements: 2}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(findings{}, problem{}, place{})); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
