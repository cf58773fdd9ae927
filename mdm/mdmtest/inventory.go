package mdmtest

import (
	"slices"
	"strings"
)

// checkQueries records queries a correct server would not ask: Apple's devices
// leave out what they do not know, so the mistake would pass unseen.
func (p *Phone) checkQueries(cmd map[string]any) {
	names := schema().Commands["DeviceInformation"].key("Queries").Keys[0].Keys
	for _, q := range stringsOf(cmd, "Queries") {
		for _, pr := range p.reader().checkName("DeviceInformation query", q, names) {
			if pr.fault != faultTooNew && pr.fault != faultSupervised {
				p.violation("DeviceInformation query %.80q: %s", q, pr.fault)
			}
		}
	}
}

// anyQuery makes the schema check accept every query name, because a query the
// phone does not know is left out of the answer and does not fail the command.
func anyQuery(keys []*key) []*key {
	out := slices.Clone(keys)
	for i, k := range out {
		if k.Name == "Queries" {
			out[i] = &key{Name: k.Name, Type: k.Type, Required: true, Keys: []*key{{Name: "QueriesItem", Type: "string"}}}
		}
	}
	return out
}

// deviceInformation answers the queries the server may ask and the phone
// knows; others are left out.
func (p *Phone) deviceInformation(queries []string) map[string]any {
	names := schema().Commands["DeviceInformation"].key("Queries").Keys[0].Keys
	out := map[string]any{}
	for _, q := range queries {
		k := find(names, q)
		if k == nil || !p.enrolment.may(k.Rights) || p.reader().available(k.Introduced, k.Removed, k.Supervised) != "" {
			continue
		}
		if v := p.queryValue(q); v != nil {
			out[q] = v
		}
	}
	return out
}

func (p *Phone) queryValue(name string) any {
	switch name {
	case "UDID":
		return p.o.UDID
	case "SerialNumber":
		return p.o.SerialNumber
	case "DeviceName":
		return p.o.Name
	case "OSVersion":
		return p.version
	case "BuildVersion":
		return p.build
	case "SupplementalBuildVersion":
		return p.supplementalBuild()
	case "SupplementalOSVersionExtra":
		return p.improvement.extra
	case "ProductName", "SoftwareUpdateDeviceID":
		return p.o.ProductName
	case "ModelName":
		return p.modelFamily()
	case "SoftwareUpdateSettings":
		return map[string]any{"RecommendationsCadence": p.enrolment.cadenceNumber()}
	case "DeviceCapacity":
		return p.o.CapacityGB
	case "AvailableDeviceCapacity":
		return p.o.AvailableGB
	case "BatteryLevel":
		return p.o.Battery
	case "IsSupervised":
		return p.o.Supervised
	case "IsMultiUser", "AwaitingConfiguration", "IsMDMLostModeEnabled":
		return false
	case "TimeZone":
		return p.o.TimeZone
	case "IMEI":
		if p.o.IMEI == "" {
			return nil
		}
		return p.o.IMEI
	default:
		return nil
	}
}

func (p *Phone) modelFamily() string {
	return strings.TrimRight(p.o.ProductName, "0123456789,")
}

// appList answers InstalledApplicationList: all apps, or those asked for, with
// all items, or those asked for.
func (p *Phone) appList(cmd map[string]any) []any {
	out := []any{}
	if boolean(cmd, "ManagedAppsOnly") {
		return out
	}
	p.settleApps()
	wanted, items := stringsOf(cmd, "Identifiers"), stringsOf(cmd, "Items")
	for _, a := range p.apps {
		if len(wanted) > 0 && !slices.Contains(wanted, a.BundleID) {
			continue
		}
		all := map[string]any{
			"Identifier": a.BundleID, "Name": a.Name, "Version": a.Version, "ShortVersion": a.ShortVersion,
			"Installing": false, "IsValidated": true,
		}
		if len(items) > 0 {
			for k := range all {
				if k != "Identifier" && !slices.Contains(items, k) { // Identifier always comes (Apple, InstalledApplicationList)
					delete(all, k)
				}
			}
		}
		out = append(out, all)
	}
	return out
}
