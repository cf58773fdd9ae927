package mdmtest

import (
	"strings"
	"time"
)

// combinedFrom is the first major version whose enforcements bring the
// background security improvements of their release along (Apple, Device
// Management, SoftwareUpdateEnforcementSpecific).
const combinedFrom = 18

// improvement is the background security improvement on a phone; the zero value
// is none.
type improvement struct{ extra, build string }

// supplementalBuild is the build with the improvement, that of the release when
// there is none.
func (p *Phone) supplementalBuild() string {
	if p.improvement.build != "" {
		return p.improvement.build
	}
	return p.build
}

// improvementRule merges a key of RapidSecurityResponse, as Apple's settings
// still call improvements: off as soon as one declaration turns it off.
func (p *Phone) improvementRule(name string) bool {
	for _, d := range p.inForce(typeSettings) {
		if allowed, set := dict(d.payload, "RapidSecurityResponse")[name].(bool); set && !allowed {
			return false
		}
	}
	return true
}

// nextImprovement is the newest improvement for what the phone runs that it does
// not have.
func (p *Phone) nextImprovement() (Offer, bool) {
	var next Offer
	for _, o := range p.catalog {
		if o.Version == p.version && o.Extra > p.improvement.extra && o.Extra > next.Extra {
			next = o
		}
	}
	return next, next.Extra != ""
}

// improvementDue is when the phone takes an improvement by itself; zero means
// never.
func (p *Phone) improvementDue() time.Time {
	o, found := p.nextImprovement()
	if wait := p.o.User.TakesImprovements; found && wait > 0 && p.improvementRule("Enable") && !p.offline {
		return o.Posted.Add(wait)
	}
	return time.Time{}
}

// improve takes an improvement that is due, and reports whether it did.
func (p *Phone) improve(now time.Time) bool {
	due := p.improvementDue()
	if due.IsZero() || now.Before(due) {
		return false
	}
	o, _ := p.nextImprovement()
	p.take(o, "by itself")
	return true
}

func (p *Phone) take(o Offer, why string) {
	p.improvement = improvement{o.Extra, o.Build}
	p.note(Entry{Kind: KindImproved, Version: o.Version + " (" + o.Extra + ")", Build: o.Build, Detail: why})
}

// has reports whether an enforcement of a release, or of one build of it, has
// nothing left to do on the phone.
func (p *Phone) has(version, build string) bool {
	switch order := compareVersions(version, p.version); {
	case order != 0:
		return order < 0
	case build == "" || build == p.build:
		return true
	default:
		// The build of an improvement ends in a lower-case letter.
		improves := strings.TrimRight(build, "abcdefghijklmnopqrstuvwxyz") != build
		return !improves || build == p.improvement.build
	}
}

// settle ends an installation: what the phone runs now, and what came along.
func (p *Phone) settle(done update) {
	o := done.target
	if o.Extra == "" {
		p.arrive(o.Version, o.Build)
		if next, found := p.nextImprovement(); found && done.combined && major(p.version) >= combinedFrom {
			p.take(next, "with "+o.Version)
		}
		return
	}
	build := p.build
	for _, base := range p.catalog {
		if base.Version == o.Version && base.Extra == "" {
			build = base.Build
		}
	}
	p.arrive(o.Version, build)
	p.take(o, done.reason)
}

// RemoveImprovement has the user take the background security improvement off
// the phone. It reports whether the phone had one and let them.
func (p *Phone) RemoveImprovement() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.improvement.extra == "" || !p.improvementRule("EnableRollback") {
		return false
	}
	p.improvement = improvement{}
	p.o.User.TakesImprovements = 0 // nobody wants back what they took off
	p.evaluate()
	p.note(Entry{Kind: KindImproved, Version: p.version, Build: p.build, Detail: "removed"})
	p.changed()
	return true
}
