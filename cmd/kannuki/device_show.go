package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

func newDeviceShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show UDID",
		Short:   g.text.T("Show what is known of one phone"),
		Example: "kannuki device show 00008110-0123456789ABCDEF",
		Args:    g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("devices", args[0]), nil, func(d api.Device) answer {
				return answer{data: d, table: g.deviceTable([]fleet.DeviceView{d.DeviceView}), text: g.deviceText(d)}
			})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

// deviceText lists what is always worth a line, and of the rest what is there.
func (g *globals) deviceText(d api.Device) string {
	t := g.text
	model := d.Model
	if d.ModelName != "" {
		model = d.ModelName + " (" + d.Model + ")"
	}
	enrolled := g.word(d.State).shown + ", " + g.instant(d.EnrolledAt).shown
	if !d.RemovedAt.IsZero() {
		enrolled = g.word(d.State).shown + ", " + g.instant(d.RemovedAt).shown
	}
	var apps []string
	for _, a := range d.Apps {
		apps = append(apps, a.BundleID+" "+a.Version)
	}
	pairs := [][2]string{
		{t.T("Phone"), d.UDID},
		{t.T("Serial number"), plain(d.Serial).shown},
		{t.T("Model"), plain(model).shown},
		{"iOS", g.runsText(d)},
		{t.T("Beta program"), plain(d.BetaProgram).shown},
		{t.T("Group"), plain(d.Group).shown},
		{t.T("Ring"), g.word(d.Ring).shown},
		{t.T("Rights"), g.word(d.Rights).shown},
		{t.T("Enrollment"), enrolled},
		{t.T("Supervised"), g.supervised(d.Supervised)},
		{t.T("Hold"), g.by(g.holdText(d.Hold, d.HoldWhy), d.HoldBy)},
		{t.T("To install"), g.by(plain(d.Target).shown, d.UpdateBy)},
		{t.T("Deadline, phone's clock"), onClock(d.Deadline).shown},
		{t.T("Installing"), g.installText(d)},
		{t.T("Why not yet"), g.reasonWithCode(d.Reason)},
		{t.T("Last contact"), g.instant(d.LastContact).shown},
		{t.T("Business apps"), strings.Join(present(list(apps).shown, g.asked(d.AppsAt)), ", ")},
		{t.T("Updated unapproved"), strings.Join(present(plain(d.Leak).shown, g.since(d.LeakAt)), ", ")},
	}
	return fields(append(pairs, g.deviceExtras(d)...)...) + g.clockText(d.Clock)
}

// runsText says what a phone runs and since when; of one with a background improvement
// also since when its base.
func (g *globals) runsText(d api.Device) string {
	if d.Supplemental == "" {
		return strings.Join(present(strings.TrimSpace(d.OS+" "+d.Build), g.since(d.OSSince)), ", ")
	}
	improved := strings.Join(present(runs(d.DeviceView), g.since(d.ImprovedAt)), ", ")
	return improved + "; " + strings.Join(present(strings.TrimSpace(d.OS+" "+d.Build), g.since(d.OSSince)), ", ")
}

// supervised says whether a phone is, as far as it told.
func (g *globals) supervised(said string) string {
	if said == "" {
		return plain(said).shown
	}
	return g.yesNo(said == string(storage.Supervised))
}

// deviceExtras are the lines that only phones have that said so much.
func (g *globals) deviceExtras(d api.Device) [][2]string {
	t := g.text
	var pairs [][2]string
	add := func(name, value string) {
		if value != "" {
			pairs = append(pairs, [2]string{name, value})
		}
	}
	add(t.T("Carried by"), d.Holder)
	add(t.T("Its link named"), g.keptPlaceText(d.KeptPlace))
	if d.Identity != nil {
		add(t.T("Certificate"), t.T("%s, valid until %s", g.word(d.Identity.State).shown, t.Time(d.Identity.NotAfter)))
	}
	if d.Renewal != nil {
		add(t.T("Its renewal"), g.renewalText(d))
	}
	if !d.PushDeadSince.IsZero() {
		add(t.T("Cannot be woken since"), t.Time(d.PushDeadSince))
	}
	if d.Waiting > 0 {
		add(t.T("Commands that wait"), strconv.Itoa(d.Waiting))
	}
	if d.AvailableGB != nil {
		add(t.T("Free space"), strconv.FormatFloat(*d.AvailableGB, 'f', 1, 64)+" GB")
	}
	if d.Battery != nil {
		add(t.T("Battery"), strconv.FormatFloat(*d.Battery*100, 'f', 0, 64)+"%")
	}
	if d.Passcode != nil {
		add(t.T("Passcode set"), strconv.FormatBool(*d.Passcode))
	}
	add(t.T("Time zone"), d.TimeZone)
	if d.Failures > 0 {
		add(t.T("Failed installs"), strings.Join(present(strconv.Itoa(d.Failures), d.FailureReason, g.since(d.FailureAt)), ", "))
	}
	if f := d.Failed; f != nil {
		add(t.T("Last failed install"), strings.Join(present("iOS "+f.Release, f.Reason, t.Time(f.At)), ", "))
	}
	for _, r := range d.Reverted {
		label := t.T("App that went back")
		if r.Gone {
			label = t.T("App that is gone")
		}
		add(label, strings.Join([]string{r.BundleID, t.T("was %s", r.From), g.since(r.At)}, ", "))
	}
	if !d.ToldAt.IsZero() {
		add(t.T("Told last"), t.Time(d.ToldAt))
	}
	if !d.StatusAt.IsZero() {
		add(t.T("Reported last"), t.Time(d.StatusAt))
	}
	return pairs
}

// renewalText says how the renewal of a phone's certificate stands, and what to
// do when it is too late for one.
func (g *globals) renewalText(d api.Device) string {
	t, r := g.text, d.Renewal
	switch {
	case d.CertificateState == fleet.CertificateEnded:
		return t.T("too late, the phone is no longer heard; have it join again: kannuki enroll link --device %s", d.UDID)
	case d.CertificateState != fleet.CertificateDue:
		return t.T("by itself from %s on", t.Time(r.DueAt))
	case r.OfferedAt.IsZero():
		return t.T("due since %s; offered when the phone comes next", t.Time(r.DueAt))
	case r.Deferred:
		return t.T("offered %s; the phone put it off and is asked again", t.Time(r.OfferedAt))
	case r.Error != "":
		return t.T("offered %s; the phone could not: %s", t.Time(r.OfferedAt), r.Error)
	default:
		return t.T("offered %s; asked again after a day", t.Time(r.OfferedAt))
	}
}

// keptPlaceText says where a phone's link named, and that it stayed; "" for none.
func (g *globals) keptPlaceText(k *fleet.KeptPlaceView) string {
	if k == nil {
		return ""
	}
	return g.text.T("%s, %s; that move was refused when it enrolled (%s), so that it kept its place: kannuki audit log, phone.place-kept", plain(k.Group).shown, g.word(k.Ring).shown, g.text.Time(k.At))
}

func (g *globals) holdText(hold, why string) string {
	text := g.word(hold).shown
	if why != "" {
		text += ": " + g.text.Why(why)
	}
	return text
}

func (g *globals) reasonWithCode(code string) string {
	if code == "" {
		return none
	}
	return g.reason(code).shown + " [" + code + "]"
}

func (g *globals) installText(d api.Device) string {
	pending, percent := "", ""
	if d.Percent != nil {
		percent = strconv.Itoa(*d.Percent) + "%"
	}
	switch {
	case d.PendingVersion != "" && d.PendingDeadline == "":
		pending = "iOS " + d.PendingVersion
	case d.PendingVersion != "":
		pending = g.text.T("iOS %s on %s, phone's clock", d.PendingVersion, onClock(d.PendingDeadline).shown)
	}
	return strings.Join(present(g.word(d.InstallState).shown, percent, pending, g.since(d.InstallSince)), ", ")
}

func (g *globals) since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return g.text.T("since %s", g.text.Time(t))
}

func (g *globals) asked(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return g.text.T("as of %s", g.text.Time(t))
}

// present returns those of the parts that are not empty.
func present(parts ...string) []string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return out
}
