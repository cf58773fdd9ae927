package server_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// observed is a phone of one kind, with what was seen of each need: a cell by
// row of the matrix.
type observed struct {
	in      *installation
	kind    kindOfPhone
	phone   *mdmtest.Phone
	journal *mdmtest.Journal
	cells   map[string]string
	reasons []policy.Code // the server gave
}

// observe enrols a phone of a kind.
func (in *installation) observe(name string, k kindOfPhone, ring string, apple mdmtest.Apple) *observed {
	in.t.Helper()
	o := &observed{in: in, kind: k, journal: mdmtest.NewJournal(nil), cells: map[string]string{}}
	o.phone = in.phone(name, func(p *mdmtest.Options) {
		p.OSVersion, p.Build, p.Supervised, p.Passcode, p.Apple, p.Journal = k.os, "1A1", k.supervised, k.passcode, apple, o.journal
		p.User = mdmtest.User{EntersPasscode: 3 * time.Hour}
	})
	in.enrol(o.phone, "sales", ring)
	return o
}

func (o *observed) t() *testing.T { return o.in.t }

// explain asks the server why the phone is where it is.
func (o *observed) explain() fleet.ExplainView {
	o.t().Helper()
	var x fleet.ExplainView
	o.in.must(o.in.admin.Get(o.t().Context(), api.Path("devices", o.phone.UDID())+"/explain", nil, &x))
	o.reasons = append(o.reasons, x.Explanation.Reason.Code)
	if os := o.phone.Snapshot().OSVersion; x.Device.OS != os {
		o.t().Errorf("%s: the server says iOS %s, the phone runs %s", o.kind.name, x.Device.OS, os)
	}
	return x
}

// letter is the cell of a mechanism as the server names it.
func letter(mechanism string) string {
	switch mechanism {
	case "":
		return "X"
	case "declaration":
		return "D"
	case "profile":
		return "R"
	case "command":
		return "C"
	default:
		return mechanism
	}
}

// beforeApproval reads what the server says of a phone while the gate is closed.
func (o *observed) beforeApproval() {
	o.t().Helper()
	x := o.explain()
	o.cells["hold as shown"] = letter(x.Device.HoldBy)
	if o.cells["hold as shown"] == "X" != (x.Device.Hold == "impossible") || x.Device.Hold == "pending" {
		o.t().Errorf("%s: hold %s %s by %q", o.kind.name, x.Device.Hold, x.Device.HoldWhy, x.Device.HoldBy)
	}
	o.cells["available"] = "X"
	if x.Explanation.Reason.Params[policy.ParamRelease] == matrixRelease {
		o.cells["available"] = "G" // the phone itself was not asked, or the journal will say so
	}
	if got := o.phone.Snapshot(); got.OSVersion != o.kind.os {
		o.t().Errorf("%s: runs %s before the approval", o.kind.name, got.OSVersion)
	}
	if told := o.journal.Entries(mdmtest.KindEnforcement, mdmtest.KindScheduled); len(told) > 0 {
		o.t().Errorf("%s: told to install before the approval: %+v", o.kind.name, told)
	}
}

// afterApproval reads what the server says of a phone that was told to install.
func (o *observed) afterApproval() {
	o.t().Helper()
	x := o.explain()
	o.cells["now as shown"] = letter(x.Device.UpdateBy)
	o.cells["percent"] = "X"
	if p := x.Device.Percent; p != nil {
		o.cells["percent"] = "C"
		if *p != 100 {
			o.t().Errorf("%s: the server says %d %% after three hours", o.kind.name, *p)
		}
	}
	noDeadline := slices.ContainsFunc(x.Explanation.Facts, func(r policy.Reason) bool { return r.Code == policy.FactNoDeadline })
	// Without a passcode the phone obeys the moment the command comes, which is
	// at the deadline. The server knows of the passcode from iOS 16.
	if want := x.Device.UpdateBy == "command" && !version.AtLeast(o.kind.os, "16.0"); noDeadline != want {
		o.t().Errorf("%s: the server says that there is no true deadline: %t, want %t", o.kind.name, noDeadline, want)
	}
}

// end reads the phone's journal, and that it got what it could be told.
func (o *observed) end() {
	o.t().Helper()
	for _, row := range []string{
		"hold", "older branch", "deadline", "now", "current OS", "progress", "silent updates", "improvements", "betas",
		"beyond 90 days", "downgrade", "single app mode",
	} {
		o.cells[row] = "X"
	}
	updated := false
	for _, e := range o.journal.Entries() {
		if e.Kind == mdmtest.KindCommand && removedBy27(e.Type) && (updated || version.AtLeast(o.kind.os, "27.0")) {
			o.t().Errorf("%s: a phone with iOS 27 was sent %s", o.kind.name, e.Type)
		}
		switch {
		case e.Kind == mdmtest.KindInstalled:
			updated = true // from here on it is a phone of another column
		case !updated:
			o.read(e)
		}
	}
	x := o.explain()
	if slices.Contains(o.reasons, policy.ReasonSingleAppMode) {
		o.cells["single app mode"] = "S"
	}
	wanted := map[bool]string{true: o.kind.os, false: matrixRelease}[o.cells["now"] == "X"]
	if x.Device.OS != wanted {
		o.t().Errorf("%s: in the end it runs %s, want %s", o.kind.name, x.Device.OS, wanted)
	}
}

func removedBy27(command string) bool {
	return slices.Contains([]string{"AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus", "Settings"}, command)
}

// read takes one entry of the journal.
func (o *observed) read(e mdmtest.Entry) {
	c := o.cells
	switch e.Kind { //nolint:exhaustive // the others are about no need
	case mdmtest.KindEnrolled:
		c["minimum at ADE"] = "X" // it was let in with what it runs
	case mdmtest.KindHold:
		o.readHold(e.Detail)
	case mdmtest.KindCadence:
		c["older branch"] = "C"
	case mdmtest.KindActive, mdmtest.KindProfile:
		o.readSettings(e)
	case mdmtest.KindEnforcement:
		c["now"] = "D"
		if e.Deadline != nil {
			c["deadline"] = "D"
		}
		o.readVersion(e.Version)
	case mdmtest.KindScheduled:
		c["now"] = "C"
		o.readVersion(e.Version)
	case mdmtest.KindStatus:
		for row, item := range map[string]string{"current OS": "device.operating-system.version", "progress": "softwareupdate.install-state"} {
			if strings.Contains(e.Detail+" ", " "+item+" ") {
				c[row] = "S"
			}
		}
	case mdmtest.KindCommand:
		switch {
		case e.Type == "AvailableOSUpdates":
			c["available"] = "C"
		case e.Type == "OSUpdateStatus":
			c["progress"] = "C"
		case e.Type == "DeviceInformation" && c["current OS"] == "X":
			c["current OS"] = "C"
		}
	}
}

func (o *observed) readHold(detail string) {
	switch detail {
	case "none":
	case "90 days by declaration":
		o.cells["hold"] = "D"
	case "90 days by profile":
		o.cells["hold"] = "R"
	default:
		o.cells["beyond 90 days"] = detail
	}
}

// readVersion looks for a release that is no update, which no mechanism brings.
func (o *observed) readVersion(release string) {
	if !version.Newer(release, o.kind.os) {
		o.cells["downgrade"] = release
	}
}

// readSettings reads a settings declaration or a restrictions profile.
func (o *observed) readSettings(e mdmtest.Entry) {
	o.t().Helper()
	if e.Settings == "" {
		return
	}
	var s struct {
		RecommendedCadence    string
		AutomaticActions      struct{ Download, InstallOSUpdates string }
		RapidSecurityResponse map[string]bool
		Beta                  struct{ ProgramEnrollment string }
		Restricted            *bool `json:"allowRapidSecurityResponseInstallation"`
	}
	o.in.must(json.Unmarshal([]byte(e.Settings), &s))
	for row, told := range map[string]bool{
		"older branch":   s.RecommendedCadence == "Oldest",
		"silent updates": s.AutomaticActions.Download == "AlwaysOff" && s.AutomaticActions.InstallOSUpdates == "AlwaysOff",
		"improvements":   s.RapidSecurityResponse["Enable"],
		"betas":          s.Beta.ProgramEnrollment == "AlwaysOff",
	} {
		if told {
			o.cells[row] = "D"
		}
	}
	if s.Restricted != nil {
		o.cells["improvements"] = "R"
	}
}
