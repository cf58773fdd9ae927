package simulation

import (
	"fmt"
	"strings"
	"time"

	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/mdm"
)

// legacy is what a phone before declarations keeps of the commands it got.
type legacy struct {
	profile string    // UUID of the hold profile, "" without it
	release string    // it was told to install
	at      time.Time // from when it may
}

// productKey begins the phone's own name of a release.
const productKey = "key of "

// command is what a phone reads of the commands that say something.
type command struct {
	Command struct {
		Payload    []byte
		Identifier string
		Updates    []struct{ ProductVersion, ProductKey, InstallAction string }
	}
}

func read(c *mdm.Command) (command, error) {
	var body command
	err := plist.Unmarshal(c.Body, &body)
	return body, err
}

// answer is the message with which the phone answers a command.
func (p *phone) answer(w *world, c *mdm.Command) string {
	switch c.RequestType {
	case "DeviceInformation":
		return p.result(mdm.Acknowledged, c.UUID, dict("QueryResponses", p.information()))
	case "InstalledApplicationList":
		return p.result(mdm.Acknowledged, c.UUID, p.appList())
	case "InstallProfile", "RemoveProfile", "ProfileList", "ScheduleOSUpdate", "OSUpdateStatus":
		body, err := read(c)
		if err != nil {
			w.violated("P0", p, "%s cannot be read: %v", c.RequestType, err)
		}
		return p.older(w, c, body)
	default:
		return p.result(mdm.Acknowledged, c.UUID, "")
	}
}

// older answers the commands that iOS 27 removed.
func (p *phone) older(w *world, c *mdm.Command, body command) string {
	switch c.RequestType {
	case "InstallProfile":
		if !p.supervised {
			return p.result(mdm.Error, c.UUID, "")
		}
		var profile struct{ PayloadIdentifier, PayloadUUID string }
		if err := plist.Unmarshal(body.Command.Payload, &profile); err != nil {
			w.violated("P0", p, "a profile cannot be read: %v", err)
		}
		p.legacy.profile = profile.PayloadUUID
	case "RemoveProfile":
		w.removesHold(p)
		p.legacy.profile = ""
	case "ProfileList":
		entry := ""
		if p.legacy.profile != "" {
			entry = "<dict>" + text("PayloadIdentifier", "kannuki.hold") + text("PayloadUUID", p.legacy.profile) + "</dict>"
		}
		return p.result(mdm.Acknowledged, c.UUID, "<key>ProfileList</key><array>"+entry+"</array>")
	case "ScheduleOSUpdate":
		return p.result(mdm.Acknowledged, c.UUID, p.schedule(w, body))
	case "OSUpdateStatus":
		return p.result(mdm.Acknowledged, c.UUID, p.progress())
	}
	return p.result(mdm.Acknowledged, c.UUID, "")
}

// schedule begins what a ScheduleOSUpdate asks for: a download now, or the
// installation at once.
func (p *phone) schedule(w *world, body command) string {
	status := "Downloading"
	for _, u := range body.Command.Updates {
		p.legacy.release = u.ProductVersion
		if u.ProductKey != "" {
			p.legacy.release = strings.TrimPrefix(u.ProductKey, productKey)
		}
		w.ordered(p, p.legacy.release, u.InstallAction)
		p.legacy.at = w.now.AddDate(1, 0, 0) // a download alone installs nothing
		if u.InstallAction == "InstallASAP" {
			p.legacy.at = w.now
			status = "Installing"
		}
	}
	p.machine(w)
	return fmt.Sprintf("<key>UpdateResults</key><array><dict>%s%s%s</dict></array>",
		text("ProductKey", productKey+p.legacy.release), text("InstallAction", "DownloadOnly"), text("Status", status))
}

// progress is what the phone answers to OSUpdateStatus.
func (p *phone) progress() string {
	entry := ""
	switch p.state {
	case stateDownloading:
		entry = "<false/>" + text("Status", "Downloading")
	case statePrepared:
		entry = "<true/>" + text("Status", "Idle")
	case stateInstalling:
		entry = "<true/>" + text("Status", "Installing")
	}
	if entry != "" {
		entry = "<dict>" + text("ProductKey", productKey+p.pending) + "<key>IsDownloaded</key>" + entry + "</dict>"
	}
	return "<key>OSUpdateStatus</key><array>" + entry + "</array>"
}

func (p *phone) information() string {
	supervised := "<false/>"
	if p.supervised {
		supervised = "<true/>"
	}
	return text("UDID", p.udid) + text("SerialNumber", "S"+p.udid) + text("OSVersion", p.os) + text("BuildVersion", p.build) +
		text("ProductName", p.model) + text("TimeZone", p.zone) + "<key>IsSupervised</key>" + supervised
}

func (p *phone) appList() string {
	var b strings.Builder
	b.WriteString("<key>InstalledApplicationList</key><array>")
	for _, a := range businessApps() {
		v := fmt.Sprintf("%d.0", p.apps[a.bundleID])
		b.WriteString("<dict>" + text("Identifier", a.bundleID) + text("ShortVersion", v) + text("Version", v) + "</dict>")
	}
	b.WriteString("</array>")
	return b.String()
}

func text(key, value string) string {
	return "<key>" + key + "</key><string>" + value + "</string>"
}

func dict(key, content string) string { return "<key>" + key + "</key><dict>" + content + "</dict>" }

// result is a message to the command URL.
func (p *phone) result(status mdm.Status, uuid, content string) string {
	if uuid != "" {
		content = text("CommandUUID", uuid) + content
	}
	return `<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` +
		`<plist version="1.0"><dict>` + text("UDID", p.udid) + text("Status", string(status)) + content + "</dict></plist>"
}
