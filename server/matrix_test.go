package server_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// matrixRelease is newer than all phones of the matrix; no such release exists.
const matrixRelease, matrixBuild = "27.9", "24Z9"

// postMatrixRelease puts a release into the catalogue that every model of the
// newest real one can install.
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
	first, err := json.Marshal(added)
	in.must(err)
	bundle["releases"], err = json.Marshal(append([]json.RawMessage{first}, known...))
	in.must(err)
	text, err = json.Marshal(bundle)
	in.must(err)
	cat, err := catalog.Unmarshal(text)
	in.must(err)
	text, err = cat.Marshal()
	in.must(err)
	in.stop()
	store, err := bolt.Open(filepath.Join(in.data, "kannuki.db"), bolt.Options{})
	in.must(err)
	in.must(store.PutCatalog(in.t.Context(), text, storage.AuditEntry{At: in.now(), Actor: "test", Action: "catalog.import"}))
	in.must(store.Close())
	in.start()
}

// shown is what a phone's own journal shows of the rows of the capability
// matrix, until it is updated: D by declaration, R by restrictions profile, C
// by command, S by status item, X not at all.
type shown struct {
	Hold, Branch, Enforce, Progress string
	Removed                         []string // commands that iOS 27 removed
	OS                              string   // in the end
}

func whatItShows(j *mdmtest.Journal, p *mdmtest.Phone) shown {
	s := shown{Hold: "X", Branch: "X", Enforce: "X", Progress: "X", OS: p.Snapshot().OSVersion}
	for _, e := range j.Entries() {
		if e.Kind == mdmtest.KindInstalled {
			break // from here on it is a phone of another column
		}
		switch {
		case e.Kind == mdmtest.KindHold && strings.Contains(e.Detail, "by declaration"):
			s.Hold = "D"
		case e.Kind == mdmtest.KindHold && strings.Contains(e.Detail, "by profile"):
			s.Hold = "R"
		case e.Kind == mdmtest.KindCadence:
			s.Branch = "C"
		case e.Kind == mdmtest.KindActive && strings.HasSuffix(e.Type, "softwareupdate.settings"):
			s.Branch = "D"
		case e.Kind == mdmtest.KindEnforcement:
			s.Enforce, s.Progress = "D", "S"
		case e.Kind == mdmtest.KindScheduled:
			s.Enforce = "C"
		case e.Kind == mdmtest.KindCommand && e.Type == "OSUpdateStatus":
			s.Progress = "C"
		}
		if e.Kind == mdmtest.KindCommand && slices.Contains([]string{"AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus", "Settings"}, e.Type) &&
			!slices.Contains(s.Removed, e.Type) {
			s.Removed = append(s.Removed, e.Type)
		}
	}
	slices.Sort(s.Removed)
	return s
}

// TestCapabilityMatrix takes a phone of every kind from enrolment through the
// hold to an approved release, and reads in the phone's journal by which
// mechanism each need was met. User Enrollment is refused at its check-in, which
// package enroll tests.
func TestCapabilityMatrix(t *testing.T) {
	t.Parallel()
	removed := []string{"OSUpdateStatus", "ScheduleOSUpdate", "Settings"}
	old := shown{"R", "C", "C", "C", removed, matrixRelease}
	declared := shown{"D", "D", "D", "S", nil, matrixRelease}
	nothing := func(os string) shown { return shown{"X", "X", "X", "X", nil, os} }
	columns := []struct {
		os         string
		supervised bool
		passcode   bool
		want       shown
	}{
		{"12.5.7", true, false, shown{"R", "X", "C", "C", removed[:2], matrixRelease}},
		{"13.7", true, false, shown{"R", "X", "C", "C", removed[:2], matrixRelease}},
		{"14.8.1", true, false, old},
		{"15.8.4", true, false, old},
		{"15.8.5", true, true, old}, // its user puts it off, and enters the passcode in the end
		{"16.7.11", true, false, old},
		{"17.7", true, false, shown{"R", "C", "D", "S", []string{"Settings"}, matrixRelease}},
		{"18.7", true, false, declared},
		{"26.5", true, false, declared},
		{"27.0", true, false, declared},
		{"12.5.7", false, false, nothing("12.5.7")},
		{"15.8.4", false, false, nothing("15.8.4")},
		{"16.7.11", false, false, nothing("16.7.11")},
		{"17.7", false, false, shown{"X", "X", "D", "S", nil, matrixRelease}},
		{"18.7", false, false, shown{"X", "D", "D", "S", nil, matrixRelease}},
		{"26.5", false, false, shown{"X", "D", "D", "S", nil, matrixRelease}},
		{"27.0", false, false, shown{"X", "D", "D", "S", nil, matrixRelease}},
	}
	in := install(t)
	in.setUp()
	in.postMatrixRelease()
	apple := releases{{
		Version: matrixRelease, Build: matrixBuild, Posted: in.now().AddDate(0, 0, -1), DownloadTime: 20 * time.Minute, InstallTime: 10 * time.Minute,
	}}
	add := func(name, os, ring string, supervised, passcode bool) (*mdmtest.Phone, *mdmtest.Journal) {
		j := mdmtest.NewJournal(nil)
		p := in.phone(name, func(o *mdmtest.Options) {
			o.OSVersion, o.Build, o.Supervised, o.Passcode, o.Apple, o.Journal = os, "1A1", supervised, passcode, apple, j
			o.User = mdmtest.User{EntersPasscode: 3 * time.Hour}
		})
		in.enrol(p, "sales", ring)
		return p, j
	}
	tester, _ := add("V", "26.5", "verification", true, false)
	all := []*mdmtest.Phone{tester}
	phones, journals := make([]*mdmtest.Phone, len(columns)), make([]*mdmtest.Journal, len(columns))
	for i, c := range columns {
		phones[i], journals[i] = add(fmt.Sprintf("P%02d", i), c.os, "production", c.supervised, c.passcode)
		all = append(all, phones[i])
	}
	// pass lets the phones live through some time, an hour after the other.
	pass := func(d time.Duration) {
		for range max(1, int(d/time.Hour)) {
			in.ahead.Add(int64(min(d, time.Hour)))
			for _, p := range all {
				if err := p.Connect(t.Context()); err != nil {
					t.Logf("%s: %v", p.UDID(), err)
				}
				if err := p.Step(t.Context()); err != nil {
					t.Logf("%s: %v", p.UDID(), err)
				}
			}
		}
	}
	pass(2 * time.Hour)
	for i, c := range columns {
		if v := in.device(phones[i].UDID()); (c.want.Hold == "X") != (v.Hold == "impossible") || c.want.Hold != "X" && v.Hold != "confirmed" {
			t.Errorf("%s supervised %t: the server says hold %s %s", c.os, c.supervised, v.Hold, v.HoldWhy)
		}
		if s := whatItShows(journals[i], phones[i]); s.Enforce != "X" || s.OS != c.os {
			t.Errorf("%s supervised %t: told to install before the approval: %+v", c.os, c.supervised, s)
		}
	}
	in.must(in.post("/v1/gates/sales/"+matrixRelease+"/offer", map[string]string{"reason": "candidate"}, nil))
	pass(8 * time.Hour)
	in.must(in.post("/v1/verdicts", api.VerdictRequest{VerdictRequest: fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: matrixRelease, Result: "works", Device: "V",
	}}, nil))
	in.must(in.post("/v1/gates/sales/"+matrixRelease+"/approve", api.ApproveRequest{Deadline: "+26h", Reason: "all work"}, nil))
	pass(40 * time.Hour)
	for i, c := range columns {
		if diff := cmp.Diff(c.want, whatItShows(journals[i], phones[i])); diff != "" {
			t.Errorf("iOS %s, supervised %t (-want +journal):\n%s", c.os, c.supervised, diff)
		}
	}
	noViolations(t, all...)
}
