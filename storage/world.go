package storage

import "time"

// World is everything decisions are made from, apart from the catalogue: small,
// read whole, replaced record by record.
type World struct {
	Revision  uint64 // grows by one with every change
	Apps      []App
	Groups    []Group
	Calendars []NamedCalendar
	Policies  []Policy // without the built-in one
	Verdicts  []Verdict
	Offers    []Offer
	Approvals []Approval
	Declines  []Decline
	HoldMarks []HoldMark
	Proposals []Proposal // acts that wait for a second person, and those that did
	Problems  []Problem
	Halt      Halt
	Paused    PausedChannels
	LeaksTold uint64 // number of the audit entry up to which people were told of unapproved updates, day by day
}

// WorldChange is one atomic change of the world: records to add or replace by
// their keys, keys to remove, and phones that change with them.
type WorldChange struct {
	Apps      []App           // by BundleID
	Groups    []Group         // by Name
	Calendars []NamedCalendar // by Name
	Policies  []Policy        // by Name
	Verdicts  []Verdict       // by ID
	Offers    []Offer         // by Group and Release
	Approvals []Approval      // by ID
	Declines  []Decline       // by Group and Release
	HoldMarks []HoldMark      // by Group and Release
	Proposals []Proposal      // by ID
	Problems  []Problem       // by ID

	Notices []Notice // by ID; one that is on record already stays as it is

	Halt   *Halt           // nil: as it is
	Paused *PausedChannels // nil: as they are

	LeaksTold *uint64 // nil: as it is

	Phones []PhoneUpdate `json:"-"` // changed first, in the order given

	RemoveApps      []string
	RemoveGroups    []string
	RemoveCalendars []string
	RemovePolicies  []string
	RemoveDeclines  []Decline
	RemoveHoldMarks []HoldMark
	Audit           []AuditEntry
}

// PhoneUpdate is a change of one phone that belongs to one of the world.
type PhoneUpdate struct {
	UDID   string
	Update func(*Phone) (PhoneChange, error) // by the rules of UpdatePhone
}

// App is a business app.
type App struct {
	BundleID   string    `json:"bundleID,omitzero"`
	Name       string    `json:"name,omitzero"`
	Importance string    `json:"importance,omitzero"` // critical, important, informational
	CreatedAt  time.Time `json:"createdAt,omitzero"`

	Owner         string   `json:"owner,omitzero"`         // the team that answers for it, no person's contact data
	VendorContact string   `json:"vendorContact,omitzero"` // where its vendor is reached
	Smoke         []string `json:"smoke,omitempty"`        // short checks of a tester, in order
	Deliver       string   `json:"deliver,omitzero"`       // how a version that a release needs comes to phones: none (also ""), store or licensed
}

// Group is phones that do the same work and so use the same business apps.
type Group struct {
	Name          string        `json:"name,omitzero"`
	Apps          []string      `json:"apps,omitempty"`     // bundle identifiers, sorted
	Candidate     string        `json:"candidate,omitzero"` // manual or auto
	Rights        string        `json:"rights,omitzero"`    // updates, managed or full: AccessRights of new enrolments
	Policy        string        `json:"policy,omitzero"`    // name of its policy; "" for the built-in one
	MinimumNotice time.Duration `json:"minimumNotice,omitzero"`
	CreatedAt     time.Time     `json:"createdAt,omitzero"`

	CandidateNotice time.Duration `json:"candidateNotice,omitzero"` // of verification phones; 0: the default
}

// Policy is what is decided beforehand about the gates of every group that
// names it. A zero field is what the built-in policy has.
//
// A field more is a line in each of: here, policy.Policy, fleet/policies.go
// (PolicyChange, PolicyView and what goes between them and the records) and
// fleet/settings.go; what editors show of it is in internal/policyfile/schema.go.
type Policy struct {
	Name        string    `json:"name,omitzero"`
	CarryOver   bool      `json:"carryOver,omitzero"`   // results of x.y count for its patches after a quick check
	VerdictDays int       `json:"verdictDays,omitzero"` // days a result counts after it was recorded; 0: for ever
	OnExpiry    string    `json:"onExpiry,omitzero"`    // extend-risk, release-to-users or enforce
	CreatedAt   time.Time `json:"createdAt,omitzero"`
	ChangedAt   time.Time `json:"changedAt,omitzero"`
	ChangedBy   string    `json:"changedBy,omitzero"` // actor: whoever answers for what it does by itself

	Waves    WaveShares    `json:"waves,omitempty"`   // those of the waves before counted in; none: all at once
	Soak     time.Duration `json:"soak,omitzero"`     // least time between the starts of two waves
	Deadline time.Duration `json:"deadline,omitzero"` // from the start of a wave; 0: whoever approves says
	Calendar Calendar      `json:"calendar,omitzero"` // zero when it names one

	CalendarName string `json:"calendarName,omitzero"` // of the calendar it follows; "": its own

	Improvements Improvements `json:"improvements,omitzero"`
	Chase        PolicyChase  `json:"chase,omitzero"`

	Breaker *BreakerSettings `json:"breaker,omitempty"` // nil: that of the built-in policy
	Majors  string           `json:"majors,omitzero"`   // hold (also "") or allow
	OnLeak  string           `json:"onLeak,omitzero"`   // record, tell (also "") or retest
	Beta    BetaPrograms     `json:"beta,omitzero"`

	Urgent UrgentRules `json:"urgent,omitzero"`

	ModelClass string `json:"modelClass,omitzero"` // phones that a result stands for: hardware (also ""), screen or any
}

// Improvements is what a policy says about Apple's background security
// improvements.
type Improvements struct {
	Mode string `json:"mode,omitzero"` // accept (also ""), reverify or off
	Keep bool   `json:"keep,omitzero"` // nobody can remove one from a phone
}

// BetaPrograms is what a policy says about Apple's beta programs on verification
// phones.
type BetaPrograms struct {
	Mode    string `json:"mode,omitzero"`    // off (also ""), offer or require
	Program string `json:"program,omitzero"` // its name in the configuration, which has the token
}

// PolicyChase is what a policy says about reminding those whose phones are late.
type PolicyChase struct {
	Steps    []string      `json:"steps,omitempty"`   // in order, "push@+6h"; none: nobody is reminded
	Tests    []string      `json:"tests,omitempty"`   // those about candidates that nobody tests; none: the built-in ones
	NoTests  bool          `json:"noTests,omitzero"`  // there are none about candidates
	From     time.Duration `json:"from,omitzero"`     // hours without a step, from midnight; both equal: none
	To       time.Duration `json:"to,omitzero"`       // earlier than From: on the next day
	Off      []string      `json:"off,omitempty"`     // weekdays without a step, "mon" to "sun", in this order
	PerDay   int           `json:"perDay,omitzero"`   // steps for one phone a day; 0: any number
	Always   []string      `json:"always,omitempty"`  // kinds of steps whose notices a channel carries late in quiet hours too
	Language string        `json:"language,omitzero"` // of the words to those who carry phones: en or ja; "": whichever the channel speaks
}

// Verdict is the result of testing an app on a release.
type Verdict struct {
	ID         string    `json:"id,omitzero"`
	BundleID   string    `json:"bundleID,omitzero"`
	AppVersion string    `json:"appVersion,omitzero"`
	Release    string    `json:"release,omitzero"`
	Model      string    `json:"model,omitzero"`
	Group      string    `json:"group,omitzero"`
	Phone      string    `json:"phone,omitzero"`      // UDID; "" for an external verdict
	Ring       Ring      `json:"ring,omitzero"`       // of that phone when it was recorded
	PhoneOS    string    `json:"phoneOS,omitzero"`    // what that phone reported when it was recorded
	PhoneBuild string    `json:"phoneBuild,omitzero"` // the build it reported then; "" of results from before it was kept
	PhoneExtra string    `json:"phoneExtra,omitzero"` // letter of the background improvement it reported then, "a"
	Result     string    `json:"result,omitzero"`     // works, works-with-note, broken
	Method     string    `json:"method,omitzero"`     // full, smoke, automated, pilot; "" is full: from before there were methods
	Note       string    `json:"note,omitzero"`
	Evidence   string    `json:"evidence,omitzero"`
	By         string    `json:"by,omitzero"`
	External   bool      `json:"external,omitzero"`
	At         time.Time `json:"at,omitzero"`
	Expires    time.Time `json:"expires,omitzero"` // zero: never
	RevokedAt  time.Time `json:"revokedAt,omitzero"`
	RevokedBy  string    `json:"revokedBy,omitzero"`
	RevokedFor string    `json:"revokedFor,omitzero"`

	EvidenceFiles []EvidenceFile `json:"evidenceFiles,omitempty"`
}

// EvidenceFile tells a file that supports a verdict from any other. The file
// itself stays with whoever recorded the verdict.
type EvidenceFile struct {
	Name   string `json:"name,omitzero"`   // without folders
	SHA256 string `json:"sha256,omitzero"` // 64 lower-case hexadecimal digits
}

// Offer releases a candidate to a group's verification ring.
type Offer struct {
	Group     string    `json:"group,omitzero"`
	Release   string    `json:"release,omitzero"`
	By        string    `json:"by,omitzero"`
	Reason    string    `json:"reason,omitzero"`
	At        time.Time `json:"at,omitzero"`
	Withdrawn time.Time `json:"withdrawn,omitzero"`
}

// Approval is a person's decision to open a gate.
type Approval struct {
	ID          string    `json:"id,omitzero"`
	Group       string    `json:"group,omitzero"`
	Release     string    `json:"release,omitzero"`
	By          string    `json:"by,omitzero"`
	Reason      string    `json:"reason,omitzero"`
	At          time.Time `json:"at,omitzero"`
	Waves       []Wave    `json:"waves,omitempty"`    // in order
	Models      []string  `json:"models,omitempty"`   // hardware identifiers covered when it was given, sorted
	Floors      []Floor   `json:"floors,omitempty"`   // app versions the verdicts stand for, by bundle identifier
	Verdicts    []string  `json:"verdicts,omitempty"` // verdicts it rests on; revoking one pauses it
	PausedAt    time.Time `json:"pausedAt,omitzero"`
	PausedBy    string    `json:"pausedBy,omitzero"`
	PauseReason string    `json:"pauseReason,omitzero"`
	WithdrawnAt time.Time `json:"withdrawnAt,omitzero"`
	WithdrawnBy string    `json:"withdrawnBy,omitzero"`
	Override    *Override `json:"override,omitempty"` // nil for the approval of a verified gate

	Soak time.Duration `json:"soak,omitzero"`  // least time between the starts of two waves
	Lane *Lane         `json:"lane,omitempty"` // of an approval by the emergency lane

	ApprovalRebase

	Extensions []Extension `json:"extensions,omitempty"` // models added since it was given, in order of time

	Breaker BreakerState `json:"breaker,omitzero"`
}

// ApprovalRebase says how an approval came to its waves, or what became of them.
type ApprovalRebase struct {
	WavesOf      string `json:"wavesOf,omitzero"`      // release that the phones of the waves were drawn for; "" its own
	RebasedFrom  string `json:"rebasedFrom,omitzero"`  // release whose rollout it took over; "" none
	SupersededBy string `json:"supersededBy,omitzero"` // release whose approval took its waves over; "" none
}

// Wave is a part of a rollout: the phones whose hash lies below the threshold and
// whose version the wave is for.
type Wave struct {
	Start     time.Time `json:"start,omitzero"`
	Threshold int       `json:"threshold,omitzero"` // of 10,000
	Deadline  string    `json:"deadline,omitzero"`  // the phones' local wall time, "2006-01-02T15:04:05"

	Waits   bool          `json:"waits,omitzero"`   // not started yet, even if Start has passed
	Planned time.Time     `json:"planned,omitzero"` // when it was meant to start
	Within  time.Duration `json:"within,omitzero"`  // from its start to its deadline; 0: Deadline is fixed
	Closed  time.Time     `json:"closed,omitzero"`  // when it would have started but for the calendar
	Kept    bool          `json:"kept,omitzero"`    // it was due and did not start, because its build would not outlive it for long enough
	UpTo    []string      `json:"upTo,omitempty"`   // for phones on one of these versions, one of each branch, or an older one of it; none: on any
}

// Floor is the lowest version of an app that a verdict stands for.
type Floor struct {
	BundleID string `json:"bundleID,omitzero"`
	Version  string `json:"version,omitzero"`
}

// Decline closes a gate for good.
type Decline struct {
	Group   string    `json:"group,omitzero"`
	Release string    `json:"release,omitzero"`
	By      string    `json:"by,omitzero"`
	Reason  string    `json:"reason,omitzero"`
	At      time.Time `json:"at,omitzero"`
}

// HoldMark remembers how far a group was told about the end of Apple's longest
// hold of a release, so that each day of it is told once.
type HoldMark struct {
	Group   string    `json:"group,omitzero"`
	Release string    `json:"release,omitzero"`
	Day     int       `json:"day,omitzero"` // the last day told: 45, 60, 75, 83 or 90
	At      time.Time `json:"at,omitzero"`
	// Waits says that on day 90 a policy was to approve what is verified, and
	// could not. Outcome is then why, as people were told it last; "" is that nothing
	// was verified.
	Waits   bool   `json:"waits,omitzero"`
	Outcome string `json:"outcome,omitzero"`
	// Branch is what was told of an older branch, quiet or stopped; Release is
	// then that branch, "iOS 26".
	Branch string `json:"branch,omitzero"`
	// Urgent says that the group was told that a release fixes flaws known to be
	// exploited; Release is then "urgent 26.6.1", and CVEs are those told.
	Urgent bool     `json:"urgent,omitzero"`
	CVEs   []string `json:"cves,omitempty"`
	// Declined says that the group was told that a release which it declined leaves
	// flaws open that are known to be exploited; Release is then "declined 26.6.1",
	// and CVEs are those told.
	Declined bool `json:"declined,omitzero"`
}
