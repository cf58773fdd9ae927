package policy

import "time"

// Facts are all that the target of one phone is computed from, besides the
// world: what the phone itself reported and what it was told. Battery, last
// contact and other fleeting values are no facts; see Live.
type Facts struct {
	Phone        string // stable identifier; decides the wave
	Group        string // "" or a group the world does not know: ungrouped
	Ring         Ring
	OSVersion    string // as reported, without the letter of a background improvement
	Extra        string // letter of the background improvement on it, "a"; "" for none
	Build        string
	Model        string
	Supervised   Supervision
	Capabilities Capabilities
	Apps         []InstalledApp
	AppsKnown    bool // Apps is complete for the group's bundle identifiers
	Install      Install
	// Announced is the enforcement the phone was last told and that has not
	// been retired; nil when there is none.
	Announced *Enforcement
	// Told is the wave that the phone keeps: Enforcement.Wave of the last
	// enforcement with one that it was told.
	Told ToldWave
}

// Supervision is whether a phone is supervised.
type Supervision string

// The values of Supervision. Any other value counts as unknown.
const (
	SupervisionUnknown Supervision = "unknown"
	Supervised         Supervision = "yes"
	Unsupervised       Supervision = "no"
)

// Capabilities are the declaration types a phone says it understands (status
// item management.client-capabilities). They are the best test for a feature,
// better than the version.
type Capabilities struct {
	Known       bool // the phone has reported
	Settings    bool // com.apple.configuration.softwareupdate.settings
	Enforcement bool // com.apple.configuration.softwareupdate.enforcement.specific
}

// InstalledApp is one app on a phone.
type InstalledApp struct {
	BundleID string
	Version  string // short version; "" while unknown
}

// InstallState is the status item softwareupdate.install-state.
type InstallState string

// The install states. Unknown ones are treated like InstallNone.
const (
	InstallNone        InstallState = "none"
	InstallWaiting     InstallState = "waiting"
	InstallDownloading InstallState = "downloading"
	InstallPrepared    InstallState = "prepared"
	InstallInstalling  InstallState = "installing"
	InstallFailed      InstallState = "failed"
)

// Install is what a phone reports about an update under way.
type Install struct {
	State          InstallState
	Reasons        []string // softwareupdate.install-reason
	PendingVersion string
	FailureCount   int
	FailureReason  string // free text of the OS, kept verbatim
	Deadline       LocalTime
}

// Live are fleeting values of one phone. They decide which reason is shown and
// never what the phone must do.
type Live struct {
	LastContact        time.Time // zero: never
	Removed            bool      // it left or was taken out, and when
	RemovedAt          time.Time
	LastPush           time.Time
	PushDead           bool      // APNs refused the token
	NotNowSince        time.Time // zero unless the last answer was NotNow
	SyncPending        bool      // what the phone was told is not yet its target
	DeclarationFetched bool      // the phone fetched the announced enforcement, or answered its command
	HoldConfirmed      bool      // the phone reported our deferral in force, by declaration or profile
	SettingsError      string    // the phone refused our settings declaration or hold profile
	AvailableGB        *float64  // nil: not reported
	BatteryLevel       *float64  // 0 to 1; nil: not reported
	PasscodePresent    *bool     // nil: not reported
	SingleApp          bool
	Leaked             bool      // it came to its release before anyone approved that, or a newer one, for its group
	LeakedAt           time.Time // when, and why that could be, "" not known; also when a newer one is approved since
	LeakedBy           Code
	LocalNow           LocalTime // the phone's own clock; "" when its zone is unknown
	Apps               []AppProgress
}

// Source says what an enforcement rests on.
type Source string

// The sources.
const (
	SourceApproval  Source = "approval"
	SourceCandidate Source = "candidate"
)

// Mechanism is how a phone is told something. Which one is decided for each
// phone: by its capabilities first, then by its iOS and supervision.
type Mechanism string

// The mechanisms. Profiles and commands are those of iOS before 27, which
// removed them, and of supervised phones only.
const (
	ByNothing     Mechanism = ""            // it cannot be told
	ByDeclaration Mechanism = "declaration" // softwareupdate.settings or .enforcement.specific
	ByProfile     Mechanism = "profile"     // deferral keys of the restrictions payload
	ByCommand     Mechanism = "command"     // ScheduleOSUpdate, Settings
)

// Enforcement is one release a phone is to install.
type Enforcement struct {
	Release string `json:"release"`
	// Deadline is that of the phone's wave, "" for a candidate. The caller
	// tells the phone the later of it and the first announced local time plus
	// Notice, and keeps to what it announced first.
	Deadline LocalTime     `json:"deadline,omitempty"`
	Notice   time.Duration `json:"notice"` // in nanoseconds when marshalled
	Source   Source        `json:"source"`
	// Urgent says that the approval came by the emergency lane: no calendar moves
	// a deadline then.
	Urgent bool `json:"urgent,omitempty"`
	// Hurried is when two people hurried what the phone may have been told before:
	// a deadline told until then gives way to an earlier one. Zero for nothing.
	Hurried time.Time `json:"hurried,omitzero"`
	// Wave is the wave of an approval whose waves go by what phones run, from 1,
	// and 0 of any other. The caller keeps it and gives it back as Facts.Told.
	Wave     int       `json:"wave,omitempty"`
	SourceID string    `json:"source_id"`      // Approval.ID, or the release for a candidate
	By       Mechanism `json:"by"`             // ByDeclaration or ByCommand
	Keep     bool      `json:"keep,omitempty"` // not what would be chosen now: kept because it is prepared or installing
}

// Target is what one phone must hide and what it must install.
type Target struct {
	Hold    Hold         `json:"hold"`
	Enforce *Enforcement `json:"enforce,omitempty"` // nil when nothing is to be installed
	// Release is the release the phone is to install or waits for, "" when
	// there is none.
	Release string `json:"release,omitempty"`
	// Blocked says why Enforce is nil; its zero value when Enforce is not.
	Blocked Reason `json:"blocked,omitzero"`
	// Apps are what can be brought up to date for Release to follow, with
	// ReasonAppUpdateNeeded only.
	Apps []AppInstall `json:"apps,omitempty"`
}

// Hold is the standing deferral. It is part of every target, whatever is
// enforced: an enforcement beats a deferral, so a release is never let in by
// lifting it.
type Hold struct {
	Days int `json:"days"` // Apple's maximum, HoldDays
	// Supervised says that the supervised-only keys, the deferral among them,
	// may be sent: an unsupervised phone rejects the whole declaration.
	Supervised bool `json:"supervised"`
	// By is what hides new releases: ByDeclaration, ByProfile, or ByNothing when
	// the phone cannot hide them or is not known to be able to.
	By Mechanism `json:"by"`
	// Cadence is what makes users see only the older of two branches:
	// ByDeclaration, ByCommand or ByNothing.
	Cadence Mechanism `json:"cadence"`
	// AllowMajors says that users see both branches all the same.
	AllowMajors bool `json:"allow_majors,omitempty"`
	// HideImprovements says that background security improvements are not
	// offered, and KeepImprovements that nobody can remove one.
	HideImprovements bool `json:"hide_improvements,omitempty"`
	KeepImprovements bool `json:"keep_improvements,omitempty"`
	// Beta is BetaOffer or BetaRequire and BetaProgram the program of a phone that
	// may take part in one; "" on every other, which is kept out of all of them.
	Beta        BetaMode `json:"beta,omitempty"`
	BetaProgram string   `json:"beta_program,omitempty"`
}

// HoldDays is the longest deferral Apple allows (Device Management,
// SoftwareUpdateSettings, Deferrals.CombinedPeriodInDays).
const HoldDays = 90
