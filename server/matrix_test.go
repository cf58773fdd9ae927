package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// matrixRelease is newer than all phones of the matrix; no such release exists.
const matrixRelease, matrixBuild = "27.9", "24Z9"

// postMatrixRelease makes a catalogue of one release, which every model of the
// newest real one can install since yesterday: real ones show themselves to
// users on day 90, and the test is to say the same on every day.
func (in *installation) postMatrixRelease() {
	in.t.Helper()
	facts, err := catalog.Embedded()
	in.must(err)
	text, err := facts.Marshal()
	in.must(err)
	var bundle map[string]json.RawMessage
	in.must(json.Unmarshal(text, &bundle))
	type release struct {
		Version   string `json:"version"`
		Synthetic bool   `json:"synthetic"`
		Posted    string `json:"posted"`
		Builds    []struct {
			ID     string `json:"id"`
			Models int    `json:"models"`
		} `json:"builds"`
		Facts []struct {
			Models int    `json:"models"`
			Posted string `json:"posted"`
			Listed bool   `json:"listed"`
		} `json:"facts"`
	}
	var known []json.RawMessage
	in.must(json.Unmarshal(bundle["releases"], &known))
	var added release // for the models of the newest
	in.must(json.Unmarshal(known[0], &added))
	added.Version, added.Synthetic, added.Builds = matrixRelease, true, added.Builds[:1]
	added.Builds[0].ID = matrixBuild
	added.Posted = in.now().AddDate(0, 0, -1).Format(time.DateOnly)
	for i := range added.Facts {
		added.Facts[i].Posted = added.Posted
	}
	first, err := json.Marshal(added)
	in.must(err)
	bundle["releases"], err = json.Marshal([]json.RawMessage{first})
	in.must(err)
	text, err = json.Marshal(bundle)
	in.must(err)
	cat, err := catalog.Unmarshal(text)
	in.must(err)
	text, err = cat.Marshal()
	in.must(err)
	in.offline(func(ctx context.Context, s *bolt.Store) {
		in.must(s.PutCatalog(ctx, text, storage.AuditEntry{At: in.now(), Actor: "test", Action: "catalog.import"}))
	})
}

// kindOfPhone is one column of the capability matrix.
type kindOfPhone struct {
	name       string
	os         string
	supervised bool
	passcode   bool // its user puts an update off, and enters the passcode in the end
}

// kindsOfPhones are the columns: every version at which a mechanism begins or
// ends, supervised and not. There is no iOS between 18 and 26. The last column,
// User Enrollment, is no phone here: see refusesUserEnrollment.
func kindsOfPhones() []kindOfPhone {
	var kinds []kindOfPhone
	for _, supervised := range []bool{true, false} {
		for _, os := range []string{"12.5.7", "13.7", "14.4", "14.8.1", "15.8.5", "16.7.11", "17.7", "18.0", "18.7", "26.5", "27.0"} {
			name := map[bool]string{true: "sup ", false: "dev "}[supervised] + os
			kinds = append(kinds, kindOfPhone{name: name, os: os, supervised: supervised})
		}
	}
	return append(kinds, kindOfPhone{name: "sup 15.8.5, passcode", os: "15.8.5", supervised: true, passcode: true})
}

// matrix is what Kannuki does for each need on each kind of phone: D by
// declaration, R by restrictions profile, C by command, S by status item, G from
// Apple's list without asking the phone, X not at all, - because it is never
// enrolled. A comment stands where it does less than Apple offers.
func matrix() [][2]string {
	return [][2]string{
		//                      supervised                                              unsupervised                                            sup, pc UE
		//                      12.5 13.7 14.4 14.8 15.8 16.7 17.7 18.0 18.7 26.5 27.0  12.5 13.7 14.4 14.8 15.8 16.7 17.7 18.0 18.7 26.5 27.0  15.8   any
		{"hold", "              R    R    R    R    R    R    R    D    D    D    D     X    X    X    X    X    X    X    X    X    X    X     R      -"},
		{"hold as shown", "     R    R    R    R    R    R    R    D    D    D    D     X    X    X    X    X    X    X    X    X    X    X     R      -"},
		// The command for it came with 14.5.
		{"older branch", "      X    X    X    C    C    C    C    D    D    D    D     X    X    X    X    X    X    X    D    D    D    D     C      -"},
		{"deadline", "          X    X    X    X    X    X    D    D    D    D    D     X    X    X    X    X    X    D    D    D    D    D     X      -"},
		// Less than Apple offers: 17 to 26 would take a command too. A declaration has a
		// deadline, and two ways of telling one phone the same would get in each other's way.
		{"now", "               C    C    C    C    C    C    D    D    D    D    D     X    X    X    X    X    X    D    D    D    D    D     C      -"},
		{"now as shown", "      C    C    C    C    C    C    D    D    D    D    D     X    X    X    X    X    X    D    D    D    D    D     C      -"},
		// Less: supervised phones up to 26 could be asked (AvailableOSUpdates). They leave out
		// what they hide, so only those before 11.3 are, for their own name of a release.
		{"available", "         G    G    G    G    G    G    G    G    G    G    G     G    G    G    G    G    G    G    G    G    G    G     G      -"},
		{"current OS", "        C    C    C    C    C    S    S    S    S    S    S     C    C    C    C    C    S    S    S    S    S    S     C      -"},
		{"progress", "          C    C    C    C    C    C    S    S    S    S    S     X    X    X    X    X    X    S    S    S    S    S     C      -"},
		// Less: 17 to 26 would tell (OSUpdateStatus), but not of what a declaration enforces,
		// and nothing else is under way there.
		{"percent", "           C    C    C    C    C    C    X    X    X    X    X     X    X    X    X    X    X    X    X    X    X    X     C      -"},
		{"silent updates", "    X    X    X    X    X    X    X    D    D    D    D     X    X    X    X    X    X    X    X    X    X    X     X      -"},
		// Less: a restriction could forbid them on 16 and 17. Kannuki allows them, which is what
		// those phones do without a word, and what the declaration says from 18 on.
		{"improvements", "      X    X    X    X    X    X    X    D    D    D    D     X    X    X    X    X    X    X    X    X    X    X     X      -"},
		{"betas", "             X    X    X    X    X    X    X    D    D    D    D     X    X    X    X    X    X    X    X    X    X    X     X      -"},
		// Less: from 17 on Automated Device Enrollment could refuse an old iOS. Kannuki enrols
		// by link and profile only; what a phone runs never keeps it out.
		{"minimum at ADE", "    X    X    X    X    X    X    X    X    X    X    X     X    X    X    X    X    X    X    X    X    X    X     X      -"},
		{"beyond 90 days", "    X    X    X    X    X    X    X    X    X    X    X     X    X    X    X    X    X    X    X    X    X    X     X      -"},
		{"downgrade", "         X    X    X    X    X    X    X    X    X    X    X     X    X    X    X    X    X    X    X    X    X    X     X      -"},
		// Less: Apple has no question or status item that tells it, so the reason is never
		// given; commands go to phones before 17 as they go to all others.
		{"single app mode", "   X    X    X    X    X    X    X    X    X    X    X     X    X    X    X    X    X    X    X    X    X    X     X      -"},
	}
}

// TestCapabilityMatrix takes a phone of every kind from enrolment through the
// hold to an approved release, and reads in the phone's journal by which
// mechanism each need was met, and in what the server says whether it knows.
func TestCapabilityMatrix(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	in.postMatrixRelease()
	in.refusesUserEnrollment()
	apple := releases{{
		Version: matrixRelease, Build: matrixBuild, Posted: in.now().AddDate(0, 0, -1), DownloadTime: 20 * time.Minute, InstallTime: 10 * time.Minute,
	}}
	tester := in.observe("V", kindOfPhone{os: "26.5", supervised: true}, "verification", apple)
	all := []*observed{tester}
	for i, k := range kindsOfPhones() {
		all = append(all, in.observe(fmt.Sprintf("P%02d", i), k, "production", apple))
	}
	kinds := all[1:]

	in.live(2*time.Hour, all)
	for _, o := range kinds {
		o.beforeApproval()
	}
	in.must(in.post("/v1/gates/sales/"+matrixRelease+"/offer", map[string]string{"reason": "candidate"}, nil))
	in.live(8*time.Hour, all)
	in.must(in.post("/v1/verdicts", api.VerdictRequest{VerdictRequest: fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: matrixRelease, Result: "works", Device: "V",
	}}, nil))
	in.must(in.post("/v1/gates/sales/"+matrixRelease+"/approve", api.ApproveRequest{Deadline: "+26h", Reason: "all work"}, nil))
	in.live(3*time.Hour, all)
	for _, o := range kinds {
		o.afterApproval()
	}
	in.live(37*time.Hour, all)

	names, cells := []string{}, []map[string]string{}
	for _, o := range kinds {
		o.end()
		names, cells = append(names, o.kind.name), append(cells, o.cells)
	}
	for _, row := range matrix() {
		want, got := map[string]string{}, map[string]string{}
		for i, cell := range strings.Fields(row[1])[:len(names)] { // the column after them was refused
			want[names[i]], got[names[i]] = cell, cells[i][row[0]]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row[0], diff)
		}
	}
	for _, o := range all {
		noViolations(t, o.phone)
	}
}

// live lets the phones live through some time, an hour after the other.
func (in *installation) live(d time.Duration, phones []*observed) {
	for range int(d / time.Hour) {
		in.ahead.Add(int64(time.Hour))
		for _, o := range phones {
			if err := o.phone.Connect(in.t.Context()); err != nil {
				in.t.Logf("%s: %v", o.phone.UDID(), err)
			}
			if err := o.phone.Step(in.t.Context()); err != nil {
				in.t.Logf("%s: %v", o.phone.UDID(), err)
			}
		}
	}
}

// refusesUserEnrollment tests the last column: the first message of a User
// Enrollment, which names the phone by EnrollmentID, is refused, whatever iOS
// it comes from. Personal phones are not what Kannuki is for.
func (in *installation) refusesUserEnrollment() {
	in.t.Helper()
	id := mint(in.t, in.deviceCA(), nil)
	in.record(id)
	for _, name := range []string{"Authenticate", "TokenUpdate"} {
		m := messageNamed(in.t, name)
		body, header := m.of(in.t, map[string]any{"EnrollmentID": "UE"})
		if status, _ := in.as(id).do(http.MethodPut, m.path, header, body); status != http.StatusBadRequest {
			in.t.Errorf("%s of a User Enrollment: %d, want %d", name, status, http.StatusBadRequest)
		}
	}
	_, log := in.records()
	entries := log[storage.DefaultSegment]
	if last := entries[len(entries)-1]; last.Action != "security.refused" || !strings.HasPrefix(last.Detail["reasons"], "enrolment-type") {
		in.t.Errorf("the last audit entry is %s %v, want the refused User Enrollment", last.Action, last.Detail)
	}
}
