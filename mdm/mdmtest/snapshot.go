package mdmtest

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Snapshot is the phone's state at one moment.
type Snapshot struct {
	UDID, SerialNumber string
	ProductName        string
	OSVersion, Build   string
	Improvement        string // letter of the background security improvement, "" for none
	Supervised         bool
	Enrolled           bool
	Offline, Locked    bool

	Apps []App // as installed

	// InstallState is what softwareupdate.install-state would say: none,
	// waiting, downloading, prepared, installing or failed.
	InstallState   string
	PendingVersion string
	FailureReason  string
	FailureCount   int

	Declarations []DeclarationState // sorted by identifier
	Enforcements []Enforcement      // in force, earliest deadline first
	// DeferralDays is the deferral in force, 0 for none.
	DeferralDays int
	// Cadence is which of two branches Settings shows: All, Oldest, Newest, or
	// "" when nobody said.
	Cadence string
	// Profiles are the identifiers of the profiles installed, sorted.
	Profiles []string
	// AutomaticInstallOff is true when silent installs are turned off by a
	// declaration in force.
	AutomaticInstallOff bool

	Violations  []string
	LastContact time.Time // by the phone's clock; zero when never
}

// DeclarationState is one declaration as the phone holds it.
type DeclarationState struct {
	Identifier, Type, ServerToken string
	Active                        bool
	Valid                         string   // valid, invalid or unknown
	Reasons                       []string // codes
}

// Enforcement is one update enforcement in force.
type Enforcement struct {
	Declaration, ServerToken string
	Version, Build           string    // Build is "" when the declaration names none
	Deadline                 time.Time // in the phone's zone
}

// Snapshot returns the phone's state without advancing its update.
func (p *Phone) Snapshot() Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settleApps()
	s := Snapshot{
		UDID: p.o.UDID, SerialNumber: p.o.SerialNumber, ProductName: p.o.ProductName,
		OSVersion: p.version, Build: p.build, Improvement: p.improvement.extra, Supervised: p.o.Supervised,
		Enrolled: p.enrolment != nil, Offline: p.offline, Locked: p.locked,
		InstallState: string(p.update.state), FailureReason: p.update.failReason, FailureCount: p.update.failCount,
		Enforcements: p.enforcements(), DeferralDays: p.deferralDays(), Cadence: p.cadence(), AutomaticInstallOff: !p.automaticAllowed(),
		Apps: slices.Clone(p.apps), Violations: slices.Clone(p.violations), LastContact: p.lastContact,
	}
	if p.update.state != stateNone {
		s.PendingVersion = p.update.target.Version
	}
	if p.enrolment == nil {
		return s
	}
	s.Profiles = slices.Sorted(maps.Keys(p.enrolment.profiles))
	for _, d := range p.enrolment.ddm.declarations {
		st := DeclarationState{Identifier: d.id, Type: d.typ, ServerToken: d.token, Active: d.active, Valid: d.valid}
		for _, r := range d.reasons {
			st.Reasons = append(st.Reasons, r.code)
		}
		s.Declarations = append(s.Declarations, st)
	}
	slices.SortFunc(s.Declarations, func(a, b DeclarationState) int { return cmp.Compare(a.Identifier, b.Identifier) })
	return s
}
