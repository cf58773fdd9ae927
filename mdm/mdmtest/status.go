package mdmtest

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// fullReportEvery is the distance of complete status reports ("safety sync";
// Apple says about a day).
const fullReportEvery = 24 * time.Hour

const (
	itemDeclarations = "management.declarations"
	itemCapabilities = "management.client-capabilities"
)

// reportDue reports whether something the server subscribed to changed since
// it last confirmed a report, or the daily complete report is due.
func (p *Phone) reportDue() bool {
	e := p.enrolment
	if e == nil || !e.ddm.enabled || e.ddm.token == "" {
		return false
	}
	return p.fullReportDue() || len(p.changedItems()) > 0 || e.ddm.reportedCaps != p.capabilitiesKey()
}

func (p *Phone) fullReportDue() bool {
	d := &p.enrolment.ddm
	return major(p.version) >= 17 && !d.lastFull.IsZero() && !p.now().Before(d.lastFull.Add(fullReportEvery))
}

// capabilitiesKey changes when the list of capabilities does.
func (p *Phone) capabilitiesKey() string { return fmt.Sprint(p.version, p.o.Supervised) }

// subscribed returns the status items the server wants, sorted.
func (p *Phone) subscribed() []string {
	names := map[string]bool{itemDeclarations: true}
	for _, d := range p.inForce(typeSubscriptions) {
		for _, v := range list(d.payload, "StatusItems") {
			if m, ok := v.(map[string]any); ok {
				names[str(m, "Name")] = true
			}
		}
	}
	delete(names, itemCapabilities) // reported in any case
	return slices.Sorted(maps.Keys(names))
}

// changedItems returns the current JSON of every subscribed item that differs
// from what the server confirmed. An item the phone does not have is "".
func (p *Phone) changedItems() map[string]string {
	out := map[string]string{}
	for _, name := range p.subscribed() {
		now := p.itemJSON(name)
		if was, ok := p.enrolment.ddm.reported[name]; !ok || was != now {
			out[name] = now
		}
	}
	return out
}

func (p *Phone) itemJSON(name string) string {
	v, ok := p.statusValue(name)
	if !ok {
		return ""
	}
	return asJSON(v)
}

// asJSON returns a value made of maps, strings and numbers, which always
// marshals, as JSON.
func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}

// report sends what changed, or everything when the daily report is due.
func (p *Phone) report(ctx context.Context, s *session) error {
	d := &s.e.ddm
	full := p.fullReportDue()
	items, caps := p.changedItems(), d.reportedCaps != p.capabilitiesKey()
	if full {
		d.reported = map[string]string{}
		items, caps = p.changedItems(), true
	}
	capsKey := p.capabilitiesKey()
	body, err := p.statusReport(items, caps, full)
	if err != nil {
		return err
	}
	// What the server knows of these is open until it answers: it may have
	// taken the report and the answer may be lost, and then even the value of
	// before is news to it.
	for name := range items {
		delete(d.reported, name)
	}
	answer, err := p.declarative(ctx, s, "status", body)
	if err != nil {
		return err
	}
	if len(answer) > 0 {
		p.violation("answer to status has a body of %d bytes, want none", len(answer))
	}
	if p.o.Faults.LoseStatus > 0 {
		p.o.Faults.LoseStatus--
		p.note(Entry{Kind: KindLost, Detail: "answer to a status report"})
		return errLost
	}
	maps.Copy(d.reported, items)
	if caps {
		d.reportedCaps = capsKey
	}
	if full || d.lastFull.IsZero() {
		d.lastFull = p.now()
	}
	kind := "partial: "
	if full {
		kind = "full: "
	}
	p.note(Entry{Kind: KindStatus, Detail: kind + strings.Join(slices.Sorted(maps.Keys(items)), " ")})
	return nil
}

// statusReport encodes a report.
func (p *Phone) statusReport(items map[string]string, caps, full bool) ([]byte, error) {
	tree := map[string]any{}
	errs := []any{}
	for _, name := range slices.Sorted(maps.Keys(items)) {
		if items[name] == "" {
			errs = append(errs, map[string]any{"StatusItem": name, "Reasons": []any{map[string]any{
				"Code": "Error.UnsupportedStatusItem", "Description": "The status item is not supported.",
			}}})
			continue
		}
		place(tree, name, json.RawMessage(items[name]))
	}
	if caps {
		place(tree, itemCapabilities, p.capabilities())
	}
	report := map[string]any{"StatusItems": tree, "Errors": errs}
	if full {
		report["FullReport"] = true
	}
	b, err := json.Marshal(report)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return b, nil
}

// place puts a value at a dotted path.
func place(tree map[string]any, path string, v any) {
	parts := strings.Split(path, ".")
	for _, part := range parts[:len(parts)-1] {
		next, ok := tree[part].(map[string]any)
		if !ok {
			next = map[string]any{}
			tree[part] = next
		}
		tree = next
	}
	tree[parts[len(parts)-1]] = v
}

// capabilities lists what this phone supports at its version.
func (p *Phone) capabilities() map[string]any {
	r, t := p.reader(), schema()
	declarations := map[string][]string{"activations": {}, "assets": {}, "configurations": {}, "management": {}}
	plural := map[string]string{"activation": "activations", "asset": "assets", "configuration": "configurations", "management": "management"}
	for typ, it := range t.Declarations {
		if r.available(it.Introduced, it.Removed, it.Supervised) == "" {
			class := plural[strings.SplitN(typ, ".", 4)[2]]
			declarations[class] = append(declarations[class], typ)
		}
	}
	for _, l := range declarations {
		slices.Sort(l)
	}
	var items []string
	for name, it := range t.Status {
		if r.available(it.Introduced, it.Removed, it.Supervised) == "" {
			items = append(items, name)
		}
	}
	slices.Sort(items)
	return map[string]any{
		"supported-versions": []string{"1.0.0"}, "supported-features": map[string]any{},
		"supported-payloads": map[string]any{"declarations": declarations, "status-items": items},
	}
}

// statusValue returns an item's value; false means the phone does not have it.
func (p *Phone) statusValue(name string) (any, bool) {
	it := schema().Status[name]
	if it == nil || p.reader().available(it.Introduced, it.Removed, it.Supervised) != "" {
		return nil, false
	}
	u := &p.update
	switch name {
	case itemDeclarations:
		return p.declarationStates(), true
	case "softwareupdate.install-state":
		return string(u.state), true
	case "softwareupdate.install-reason":
		return u.reasonItem(), true
	case "softwareupdate.pending-version":
		return u.pendingItem(), true
	case "softwareupdate.failure-reason":
		return u.failureItem(), true
	case "softwareupdate.beta-enrollment":
		return p.betaProgram(), true
	case "device.operating-system.supplemental.extra-version":
		return p.improvement.extra, true
	case "device.operating-system.supplemental.build-version":
		return p.supplementalBuild(), true
	case "softwareupdate.device-id", "device.model.identifier":
		return p.o.ProductName, true
	case "device.operating-system.version":
		return p.version, true
	case "device.operating-system.build-version":
		return p.build, true
	case "device.operating-system.family":
		return "iOS", true
	case "device.operating-system.marketing-name":
		return "iOS " + p.version, true
	case "device.model.family", "device.model.marketing-name":
		return p.modelFamily(), true
	case "device.identifier.serial-number":
		return p.o.SerialNumber, true
	case "device.identifier.udid":
		return p.o.UDID, true
	case "device.power.battery-health":
		return "normal", true
	case "passcode.is-present":
		return p.o.Passcode, true
	case "passcode.is-compliant":
		return true, true
	case "app.managed.list", "mdm.app":
		return []any{}, true
	}
	return p.mdmItem(name)
}

// mdmItem covers the items about the enrolment itself, new in iOS 27.
func (p *Phone) mdmItem(name string) (any, bool) {
	switch name {
	case "mdm.enrollment-type":
		if p.o.Supervised {
			return "supervised", true
		}
		return "device", true
	case "mdm.is-awaiting-configuration", "mdm.is-return-to-service", "mdm.is-shared-ipad":
		return false, true
	case "mdm.push-magic":
		return p.enrolment.pushMagic, true
	case "mdm.push-token":
		return hex.EncodeToString(p.enrolment.pushToken), true
	default:
		return nil, false
	}
}

// declarationStates is the value of management.declarations: always all of
// them.
func (p *Phone) declarationStates() map[string][]any {
	out := map[string][]any{"activations": {}, "assets": {}, "configurations": {}, "management": {}}
	all := p.enrolment.ddm.declarations
	for _, id := range slices.Sorted(maps.Keys(all)) {
		d := all[id]
		st := map[string]any{"identifier": d.id, "server-token": d.token, "active": d.active, "valid": d.valid}
		var reasons []any
		for _, r := range d.reasons {
			m := map[string]any{"code": r.code, "description": r.description}
			if r.details != nil {
				m["details"] = r.details
			}
			reasons = append(reasons, m)
		}
		if reasons != nil {
			st["reasons"] = reasons
		}
		array := d.class
		if array != "management" {
			array += "s"
		}
		out[array] = append(out[array], st)
	}
	return out
}
