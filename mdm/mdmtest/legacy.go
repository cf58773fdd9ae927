package mdmtest

// legacyUpdate answers the update commands that iOS 27 removed.
func (p *Phone) legacyUpdate(requestType string, cmd map[string]any) (string, map[string]any) {
	switch requestType {
	case "AvailableOSUpdates":
		return acknowledged, map[string]any{"AvailableOSUpdates": p.availableUpdates()}
	case "OSUpdateStatus":
		return acknowledged, map[string]any{"OSUpdateStatus": p.updateStatus()}
	default:
		return p.scheduleUpdate(cmd)
	}
}

// availableUpdates leaves out what a declaration manages, as Apple documents.
func (p *Phone) availableUpdates() []any {
	managed, _, _ := p.enforced()
	out := []any{}
	for _, o := range p.newestOffers() {
		if o.Version == managed.Version {
			continue
		}
		out = append(out, map[string]any{
			"ProductKey": o.Build, "HumanReadableName": "iOS " + o.Version, "ProductName": "iOS",
			"Version": o.Version, "Build": o.Build, "IsSecurityResponse": false,
			"DownloadSize": int64(o.need() * 1e9 / 2), "InstallSize": int64(o.need() * 1e9 / 2),
			"IsCritical": false, "RestartRequired": true, "AllowsInstallLater": true,
		})
	}
	return out
}

// newestOffers is what the commands see: they are not bound by a deferral.
func (p *Phone) newestOffers() []Offer {
	var out []Offer
	for _, o := range p.offers() {
		newer := compareVersions(o.Version, p.version) > 0
		for _, other := range p.offers() {
			if major(other.Version) == major(o.Version) && compareVersions(other.Version, o.Version) > 0 {
				newer = false
			}
		}
		if newer {
			out = append(out, o)
		}
	}
	return out
}

func (p *Phone) updateStatus() []any {
	u := &p.update
	status, progress := "Idle", 0.0
	switch u.state {
	case stateNone:
		return []any{}
	case stateDownloading, stateWaiting:
		status = "Downloading"
		if u.target.DownloadTime > 0 {
			progress = 1 - float64(u.left)/float64(u.target.DownloadTime)
		}
	case stateInstalling:
		status, progress = "Installing", 1
	case statePrepared, stateFailed:
		progress = 1
	}
	return []any{map[string]any{
		"ProductKey": u.target.Build, "IsDownloaded": !u.prepared.IsZero(),
		"DownloadPercentComplete": progress, "Status": status,
	}}
}

// scheduleUpdate downloads, or installs what is downloaded already. While a
// declaration manages the update the command is ignored and answered with an
// error.
func (p *Phone) scheduleUpdate(cmd map[string]any) (string, map[string]any) {
	if _, _, ok := p.enforced(); ok {
		return failed, errorChain(12021, "MCMDMErrorDomain", errSuperseded.Error())
	}
	results := []any{}
	for _, v := range list(cmd, "Updates") {
		up, _ := v.(map[string]any)
		results = append(results, p.schedule(up))
	}
	return acknowledged, map[string]any{"UpdateResults": results}
}

func (p *Phone) schedule(up map[string]any) map[string]any {
	o, ok := p.findOffer(str(up, "ProductKey"), str(up, "ProductVersion"))
	action := str(up, "InstallAction")
	res := map[string]any{"ProductKey": o.Build, "InstallAction": "Error", "Status": "Idle"}
	u := &p.update
	switch {
	case !ok || (action != "Default" && action != "DownloadOnly" && action != "InstallASAP"):
		return res
	case u.state == stateNone || u.target.Version != o.Version:
		if u.state == stateInstalling {
			return res
		}
		p.begin(p.now(), o, reasonMDM, Enforcement{})
		res["InstallAction"], res["Status"] = "DownloadOnly", "Downloading"
	case u.state == statePrepared && action != "DownloadOnly":
		u.accepted = true
		res["InstallAction"], res["Status"] = "InstallASAP", "Installing"
	default:
		res["InstallAction"], res["Status"] = "DownloadOnly", "Downloading"
	}
	return res
}

func (p *Phone) findOffer(productKey, version string) (Offer, bool) {
	for _, o := range p.offers() {
		if compareVersions(o.Version, p.version) > 0 && (o.Build == productKey || o.Version == version) {
			return o, true
		}
	}
	return Offer{}, false
}
