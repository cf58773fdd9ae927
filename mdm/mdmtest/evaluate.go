package mdmtest

import (
	"cmp"
	"maps"
	"slices"
)

const (
	valid   = "valid"
	invalid = "invalid"
	unknown = "unknown"
)

// evaluate decides which declarations are valid and active. It runs after
// every change of the set and after the operating system changed.
func (p *Phone) evaluate() {
	if p.enrolment == nil {
		return
	}
	all := p.enrolment.ddm.declarations
	ids := slices.Sorted(maps.Keys(all))
	before := map[string]declaration{}
	for _, id := range ids {
		before[id] = *all[id]
		p.validate(all[id])
	}
	referenced := map[string]bool{}
	for _, id := range ids {
		if d := all[id]; d.class == "activation" && d.valid == valid {
			p.activate(d, all)
			for _, c := range stringsOf(d.payload, "StandardConfigurations") {
				referenced[c] = referenced[c] || d.active
			}
		}
	}
	for _, id := range ids {
		if d := all[id]; d.class == "configuration" {
			p.applyConfiguration(d, referenced[id])
		}
	}
	for _, id := range ids {
		p.noteChange(before[id], all[id])
	}
	if n := len(p.enforcements()); n > 1 {
		p.note(Entry{Kind: KindManyEnforced})
	}
	p.noteHold()
}

// validate checks a declaration's type and payload.
func (p *Phone) validate(d *declaration) {
	d.active, d.reasons = false, nil
	r, it := p.reader(), schema().Declarations[d.typ]
	if !p.knows(d.typ) {
		d.reject("Error.UnknownDeclarationType", d.typ)
		return
	}
	if it.Supervised && !p.o.Supervised {
		d.reject("Error.ConfigurationNotSupported", string(faultSupervised))
		return
	}
	d.valid = valid
	var unknownKeys, other []string
	supervised := false
	for _, pr := range r.checkDict("", d.payload, it.Keys) {
		switch pr.fault {
		case faultUnknown, faultTooNew, faultRemoved:
			unknownKeys = append(unknownKeys, pr.path)
		case faultSupervised:
			supervised = true
			other = append(other, pr.String())
		default:
			other = append(other, pr.String())
		}
	}
	switch {
	case len(unknownKeys) > 0:
		d.reject("Error.UnknownPayloadKeys", "")
		d.reasons[0].details = map[string]any{"UnknownPayloadKeys": unknownKeys}
	case supervised:
		d.reject("Error.ConfigurationNotSupported", other[0])
	case len(other) > 0 && d.class == "configuration":
		d.reject("Error.ConfigurationCannotBeDeserialized", other[0])
	case len(other) > 0:
		d.reject("Error.InvalidPayload", other[0])
	case d.typ == typeSettings:
		d.checkBeta()
	case d.class == "asset":
		d.valid = unknown
		d.reasons = []reason{{code: "Info.NotReferencedByConfiguration"}}
	}
}

// checkBeta enforces how the beta keys exclude each other (Apple, Device
// Management, SoftwareUpdateSettings.Beta).
func (d *declaration) checkBeta() {
	beta := dict(d.payload, "Beta")
	offer, require := beta["OfferPrograms"] != nil, beta["RequireProgram"] != nil
	switch enrollment := str(beta, "ProgramEnrollment"); {
	case offer && require:
		d.reject("Error.ConfigurationIsInvalid", "Beta.OfferPrograms and Beta.RequireProgram exclude each other")
	case require && enrollment != "AlwaysOn":
		d.reject("Error.ConfigurationIsInvalid", "Beta.RequireProgram needs ProgramEnrollment AlwaysOn")
	case offer && enrollment == "AlwaysOff":
		d.reject("Error.ConfigurationIsInvalid", "Beta.OfferPrograms with ProgramEnrollment AlwaysOff")
	}
}

func (d *declaration) reject(code, description string) {
	d.valid = invalid
	d.reasons = []reason{{code: code, description: description, details: map[string]any{
		"Identifier": d.id, "ServerToken": d.token,
	}}}
}

// activate decides an activation: its predicate and its references.
func (p *Phone) activate(d *declaration, all map[string]*declaration) {
	predicate, has := d.payload["Predicate"].(string)
	switch {
	case has && predicate == "FALSEPREDICATE":
		d.reasons = []reason{{code: "Info.Predicate", description: predicate}}
		return
	case has && predicate != "TRUEPREDICATE":
		d.reject("Error.UnableToParsePredicate", "the simulated phone knows only TRUEPREDICATE and FALSEPREDICATE")
		return
	}
	var missing []string
	for _, id := range stringsOf(d.payload, "StandardConfigurations") {
		if c := all[id]; c == nil || c.class != "configuration" {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		d.reject("Error.MissingConfigurations", "")
		d.reasons[0].details["ConfigurationIdentifiers"] = missing
		return
	}
	d.active = true
}

// applyConfiguration decides a configuration. One whose payload was refused
// stays inactive; one that is fine but cannot be applied was seen on devices as
// active and invalid.
func (p *Phone) applyConfiguration(d *declaration, referenced bool) {
	switch {
	case d.valid == invalid:
	case !referenced:
		d.valid = unknown
		d.reasons = []reason{{code: "Info.NotReferencedByActivation"}}
	case d.typ == typeEnforcement && p.has(str(d.payload, "TargetOSVersion"), str(d.payload, "TargetBuildVersion")):
		// Apple documents an error for this case but not its code.
		d.reject("Error.ConfigurationCannotBeApplied", "the target version is not newer than the installed one")
		d.active = true
	default:
		d.active = true
	}
}

// noteChange records what became of a declaration.
func (p *Phone) noteChange(was declaration, d *declaration) {
	e := Entry{Declaration: d.id, Type: d.typ, ServerToken: d.token}
	switch {
	case d.valid == invalid && was.valid != invalid:
		e.Kind, e.Detail = KindRejected, d.reasons[0].code+": "+d.reasons[0].description
	case d.inForce() && !was.inForce():
		e.Kind = KindActive
		if d.typ == typeSettings {
			e.Settings = asJSON(d.payload)
		}
	case was.inForce() && !d.inForce():
		e.Kind = KindInactive
	default:
		return
	}
	p.note(e)
}

func (d *declaration) inForce() bool { return d.active && d.valid == valid }

// inForce returns the declarations of a type that are in force, by identifier.
func (p *Phone) inForce(typ string) []*declaration {
	if p.enrolment == nil {
		return nil
	}
	var out []*declaration
	for _, d := range p.enrolment.ddm.declarations {
		if d.typ == typ && d.inForce() {
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b *declaration) int { return cmp.Compare(a.id, b.id) })
	return out
}

// enforcements returns the update enforcements in force, earliest deadline
// first.
func (p *Phone) enforcements() []Enforcement {
	var out []Enforcement
	for _, d := range p.inForce(typeEnforcement) {
		out = append(out, Enforcement{
			Declaration: d.id, ServerToken: d.token,
			Version: str(d.payload, "TargetOSVersion"), Build: str(d.payload, "TargetBuildVersion"), Deadline: d.deadline,
		})
	}
	slices.SortStableFunc(out, func(a, b Enforcement) int { return a.Deadline.Compare(b.Deadline) })
	return out
}
