package simulation

import (
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
)

// legacy is what a phone before declarations keeps of the commands it got.
type legacy struct {
	profile string    // UUID of the hold profile, "" without it
	release string    // it was told to install
	at      time.Time // from when it may
	spoiled spoiled
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

// values are what a message says beside its status.
type values = map[string]any

// answer is the message with which the phone answers a command.
func (p *phone) answer(w *world, c *mdm.Command) message {
	if p.locked(w, c.RequestType) {
		p.comesBack(w, c.UUID)
		return message{status: mdm.NotNow, uuid: c.UUID}
	}
	switch c.RequestType {
	case "DeviceInformation":
		return p.acknowledged(c, values{"QueryResponses": p.information()})
	case "InstallApplication":
		return p.acknowledged(c, p.installs(w, c))
	case "ManagedApplicationList":
		return p.acknowledged(c, p.managed(w))
	case "InstalledApplicationList":
		return p.acknowledged(c, values{"InstalledApplicationList": p.appList()})
	case "InstallProfile", "RemoveProfile", "ProfileList", "ScheduleOSUpdate", "OSUpdateStatus":
		body, err := read(c)
		if err != nil {
			w.violated("P0", p, "%s cannot be read: %v", c.RequestType, err)
		}
		return p.older(w, c, body)
	default:
		return p.acknowledged(c, nil)
	}
}

// older answers the commands that iOS 27 removed.
func (p *phone) older(w *world, c *mdm.Command, body command) message {
	switch c.RequestType {
	case "InstallProfile":
		if !p.supervised {
			return message{status: mdm.Error, uuid: c.UUID}
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
		list := []any{}
		if p.legacy.profile != "" {
			list = append(list, values{"PayloadIdentifier": "kannuki.hold", "PayloadUUID": p.legacy.profile})
		}
		return p.acknowledged(c, values{"ProfileList": list})
	case "ScheduleOSUpdate":
		if p.refuses(c) {
			return message{status: mdm.Error, uuid: c.UUID}
		}
		return p.acknowledged(c, p.schedule(w, body))
	case "OSUpdateStatus":
		return p.acknowledged(c, values{"OSUpdateStatus": p.progress()})
	}
	return p.acknowledged(c, nil)
}

// schedule begins what a ScheduleOSUpdate asks for: a download now, or the
// installation at once.
func (p *phone) schedule(w *world, body command) values {
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
		if fails := p.spoilt(u.InstallAction); fails != "" {
			return values{"UpdateResults": []any{spoiledResult(fails)}}
		}
	}
	p.machine(w)
	return values{"UpdateResults": []any{
		values{"ProductKey": productKey + p.legacy.release, "InstallAction": "DownloadOnly", "Status": status},
	}}
}

// progress is what the phone answers to OSUpdateStatus.
func (p *phone) progress() []any {
	entry := func(downloaded bool, status string) []any {
		return []any{values{"ProductKey": productKey + p.pending, "IsDownloaded": downloaded, "Status": status}}
	}
	switch p.state {
	case stateDownloading:
		return entry(false, "Downloading")
	case statePrepared:
		return entry(true, "Idle")
	case stateInstalling:
		return entry(true, "Installing")
	default:
		return []any{}
	}
}

func (p *phone) information() values {
	says := values{
		"UDID": p.udid, "SerialNumber": "S" + p.udid, "OSVersion": version.Base(p.os), "BuildVersion": p.build,
		"ProductName": p.model, "TimeZone": p.zone, "IsSupervised": p.supervised,
	}
	if letter := version.Extra(p.os); letter != "" {
		says["SupplementalOSVersionExtra"], says["SupplementalBuildVersion"] = "("+letter+")", p.build+letter
	} else if p.tookBack {
		says["SupplementalOSVersionExtra"], says["SupplementalBuildVersion"] = "", ""
	}
	return says
}

func (p *phone) appList() []any {
	var list []any
	for _, a := range businessApps() {
		if _, there := p.apps[a.bundleID]; !there {
			continue
		}
		v := strconv.Itoa(p.apps[a.bundleID]) + ".0"
		list = append(list, values{"Identifier": a.bundleID, "ShortVersion": v, "Version": v})
	}
	return list
}

// message is what a phone sends to the command URL.
type message struct {
	status mdm.Status
	uuid   string // of the command it answers, "" for a poll
	says   values
}

func (p *phone) acknowledged(c *mdm.Command, says values) message {
	return message{mdm.Acknowledged, c.UUID, says}
}

// result returns what the server makes of a message: on the wire of a property
// list that it decodes.
func (w *world) result(p *phone, m message) (*mdm.Result, error) {
	if !w.life.wire {
		return mdm.ResultOf(mdm.Enrollment{UDID: p.udid}, m.status, m.uuid, m.says), nil
	}
	whole := values{"UDID": p.udid, "Status": string(m.status)}
	if m.uuid != "" {
		whole["CommandUUID"] = m.uuid
	}
	maps.Copy(whole, m.says)
	body, err := plist.Marshal(whole)
	if err != nil {
		return nil, err
	}
	return mdm.DecodeResult(body, mdm.ResultLimits())
}
