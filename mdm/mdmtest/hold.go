package mdmtest

import (
	"fmt"
	"slices"
)

// restrictionsEnd is the first major version that knows neither the deferral
// of restriction profiles nor the cadence of the Settings command.
const restrictionsEnd = 27

// deferralDays is the deferral in force: the largest of all settings (they
// merge by maximum) and, before iOS 27, of restriction profiles. Both need
// supervision, which the schema has seen to.
func (p *Phone) deferralDays() int {
	byDeclaration, byProfile := p.deferrals()
	return max(byDeclaration, byProfile)
}

// deferrals returns the days each mechanism asks for, 0 for none.
func (p *Phone) deferrals() (byDeclaration, byProfile int) {
	if p.enrolment == nil {
		return 0, 0
	}
	for _, d := range p.inForce(typeSettings) {
		byDeclaration = max(byDeclaration, int(integer(dict(d.payload, "Deferrals"), "CombinedPeriodInDays")))
	}
	if major(p.version) < restrictionsEnd {
		for _, prof := range p.enrolment.profiles {
			byProfile = max(byProfile, prof.deferralDays)
		}
	}
	return byDeclaration, byProfile
}

// noteHold records a deferral that began, ended, or changed its length or its
// mechanism.
func (p *Phone) noteHold() {
	byDeclaration, byProfile := p.deferrals()
	hold := ""
	switch {
	case byDeclaration > 0 && byProfile > 0:
		hold = fmt.Sprintf("%d days by declaration, %d by profile", byDeclaration, byProfile)
	case byDeclaration > 0:
		hold = fmt.Sprintf("%d days by declaration", byDeclaration)
	case byProfile > 0:
		hold = fmt.Sprintf("%d days by profile", byProfile)
	}
	if hold == p.hold {
		return
	}
	p.hold = hold
	if hold == "" {
		hold = "none"
	}
	p.note(Entry{Kind: KindHold, Version: p.version, Detail: hold})
}

// cadence merges RecommendedCadence: the last in Apple's list wins. Without a
// declaration, what the Settings command said counts, before iOS 27.
func (p *Phone) cadence() string {
	rank := []string{"", "All", "Oldest", "Newest"}
	best := 0
	for _, d := range p.inForce(typeSettings) {
		best = max(best, slices.Index(rank, str(d.payload, "RecommendedCadence")))
	}
	if best == 0 && p.enrolment != nil && major(p.version) < restrictionsEnd {
		return p.enrolment.cadence
	}
	return rank[best]
}

// automaticAllowed reports whether updates may install by themselves: off as
// soon as one declaration turns off downloading or installing.
func (p *Phone) automaticAllowed() bool {
	for _, d := range p.inForce(typeSettings) {
		a := dict(d.payload, "AutomaticActions")
		if str(a, "Download") == "AlwaysOff" || str(a, "InstallOSUpdates") == "AlwaysOff" {
			return false
		}
	}
	return true
}
