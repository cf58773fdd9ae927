package mdmtest

import (
	"fmt"
	"time"
)

// The update commands that iOS 27 removed (Apple, Device Management,
// AvailableOSUpdates, ScheduleOSUpdate, OSUpdateStatus).

// Answers of ScheduleOSUpdate.
const (
	actionDownload = "DownloadOnly"
	actionInstall  = "InstallASAP"
	actionError    = "Error"

	statusIdle        = "Idle"
	statusDownloading = "Downloading"
	statusInstalling  = "Installing"
)

// availableUpdates lists what the user would be offered, whichever branch is
// recommended, without what a declaration manages.
func (p *Phone) availableUpdates() []any {
	managed, _, _ := p.enforced()
	out := []any{}
	for _, o := range p.undeferred(p.offers(), p.now()) {
		if o.Version == managed.Version {
			continue
		}
		entry := map[string]any{
			"ProductKey": o.productKey(), "HumanReadableName": "iOS " + o.Version, "ProductName": "iOS",
			"Version": o.Version, "Build": o.Build,
			"DownloadSize": int64(o.need() * 1e9 / 2), "InstallSize": int64(o.need() * 1e9 / 2),
			"IsCritical": false, "RestartRequired": true, "AllowsInstallLater": true,
		}
		if compareVersions(p.version, "16.2") >= 0 {
			entry["IsSecurityResponse"], entry["SupplementalBuildVersion"] = false, o.Build
		}
		out = append(out, entry)
	}
	return out
}

// productKey is the phone's own name of an offer. Apple documents no form.
func (o Offer) productKey() string { return "iOSUpdate" + o.Build }

// updateStatus tells how far the update has come; of one that a declaration
// manages it tells nothing.
func (p *Phone) updateStatus() []any {
	u := &p.update
	status, progress := statusIdle, 0.0
	switch u.state {
	case stateNone:
		return []any{}
	case stateDownloading, stateWaiting:
		status = statusDownloading
		if u.target.DownloadTime > 0 {
			progress = 1 - float64(u.left)/float64(u.target.DownloadTime)
		}
	case stateInstalling:
		status, progress = statusInstalling, 1
	case statePrepared, stateFailed:
		progress = 1
	}
	if u.reason == reasonDeclaration {
		return []any{}
	}
	return []any{map[string]any{
		"ProductKey": u.target.productKey(), "IsDownloaded": !u.prepared.IsZero(),
		"DownloadPercentComplete": progress, "Status": status,
	}}
}

// scheduleUpdates downloads, or installs what is downloaded already. While a
// declaration manages the update the command is ignored and answered with an
// error. A phone that has the release by now, as after a restart that swallowed
// the answer, has nothing to tell.
func (p *Phone) scheduleUpdates(id string, cmd map[string]any) (string, map[string]any) {
	results := []any{}
	_, _, managed := p.enforced()
	for _, v := range list(cmd, "Updates") {
		up, _ := v.(map[string]any)
		key, version := str(up, "ProductKey"), str(up, "ProductVersion")
		if key == "" && version == "" {
			p.violation("ScheduleOSUpdate with neither ProductKey nor ProductVersion")
			return badFormat, errorChain(12003, "MCMDMErrorDomain", "neither ProductKey nor ProductVersion")
		}
		o, offered := p.findOffer(key, version)
		p.noteScheduled(id, o, up)
		switch {
		case managed || version != "" && compareVersions(version, p.version) <= 0:
		case !offered:
			results = append(results, scheduled(key, actionError, statusIdle, "The update is not available."))
		default:
			results = append(results, p.schedule(p.now(), o, str(up, "InstallAction")))
		}
	}
	switch {
	case managed:
		return failed, errorChain(12021, "MCMDMErrorDomain", errSuperseded.Error())
	case len(results) == 0:
		return acknowledged, nil
	}
	return acknowledged, map[string]any{"UpdateResults": results}
}

// noteScheduled records the command the moment it arrives, carried out or not:
// from then on it can no longer be taken back.
func (p *Phone) noteScheduled(id string, o Offer, up map[string]any) {
	e := Entry{Kind: KindScheduled, CommandUUID: id, Version: str(up, "ProductVersion"), Detail: str(up, "InstallAction")}
	if o.Version != "" {
		e.Version, e.Build = o.Version, o.Build
	}
	p.note(e)
}

// schedule takes the next step with an offer.
func (p *Phone) schedule(now time.Time, o Offer, action string) map[string]any {
	u := &p.update
	answer := func(action, status, text string) map[string]any {
		return scheduled(o.productKey(), action, status, text)
	}
	same := u.state != stateNone && u.target.Version == o.Version
	switch {
	case u.state == stateInstalling:
		return answer(actionInstall, statusInstalling, "")
	case !same:
		if status, text := p.downloadHindered(o); status != "" {
			return answer(actionError, status, text)
		}
		p.begin(now, o, reasonMDM, Enforcement{})
		return answer(actionDownload, statusDownloading, "")
	case u.state == stateFailed && u.cause == causeInstall:
		text := u.failReason
		p.update.cause = causeNone
		p.setState(statePrepared, "waiting for the next command")
		u.accepted = false
		return answer(actionError, "InstallFailed", text)
	case u.prepared.IsZero():
		return answer(actionDownload, statusDownloading, "")
	case action == actionDownload:
		return answer(actionDownload, statusIdle, "")
	case p.o.Battery < minBattery:
		return answer(actionError, "InstallInsufficientPower", "The battery is too low.")
	case p.o.AvailableGB < o.need()/2:
		return answer(actionError, "InstallInsufficientSpace", "There is not enough space.")
	}
	u.reason, u.accepted = reasonMDM, true
	if p.o.Passcode {
		return answer(actionInstall, statusIdle, "") // until the user has entered it
	}
	return answer(actionInstall, statusInstalling, "")
}

// downloadHindered says why an update cannot be downloaded now, "" when it can.
func (p *Phone) downloadHindered(o Offer) (status, text string) {
	switch {
	case p.o.AvailableGB < o.need():
		return "DownloadInsufficientSpace", fmt.Sprintf("%.1f GB are needed.", o.need())
	case p.o.Battery < minBattery:
		return "DownloadInsufficientPower", "The battery is too low."
	case p.noWiFi:
		return "DownloadInsufficientNetwork", "The network is too slow."
	}
	return "", ""
}

// scheduled is one entry of UpdateResults.
func scheduled(key, action, status, text string) map[string]any {
	m := map[string]any{"ProductKey": key, "InstallAction": action, "Status": status}
	if text != "" {
		m["ErrorChain"] = errorChain(2201, "SUErrorDomain", text)["ErrorChain"]
	}
	return m
}

func (p *Phone) findOffer(productKey, version string) (Offer, bool) {
	for _, o := range p.offers() {
		if compareVersions(o.Version, p.version) > 0 && (o.productKey() == productKey || o.Version == version) {
			return o, true
		}
	}
	return Offer{}, false
}

// swallows reports whether the phone restarts before it can answer the command
// it just carried out.
func (p *Phone) swallows() bool {
	u := &p.update
	if p.o.Faults.SwallowAnswer == 0 || u.state != statePrepared || !u.accepted || u.reason != reasonMDM || p.o.Passcode {
		return false
	}
	p.o.Faults.SwallowAnswer--
	p.note(Entry{Kind: KindLost, Detail: "answer to a command, swallowed by the restart"})
	return true
}
