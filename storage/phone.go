package storage

import (
	"slices"
	"time"
)

// PhoneState is where an enrolment stands.
type PhoneState string

// The states of an enrolment (Apple, MDM protocol: Authenticate, TokenUpdate,
// CheckOut).
const (
	PhoneAuthenticating PhoneState = "authenticating" // Authenticate seen, no TokenUpdate yet: cannot be woken
	PhoneEnrolled       PhoneState = "enrolled"
	PhoneRemoved        PhoneState = "removed" // checked out or removed by a person
)

// Supervision says what is known of a phone's supervision.
type Supervision string

// Supervision values; the zero value is unknown.
const (
	SupervisionUnknown Supervision = ""
	Supervised         Supervision = "yes"
	Unsupervised       Supervision = "no"
)

// Phone is one enrolled iPhone or iPad and everything it was told and has said.
// Contact data of people (names, numbers, mail addresses) has no field here on
// purpose; Holder is a reference that means nothing outside the company.
type Phone struct {
	Num   uint64     `json:"num,omitzero"`   // fixed 8-byte number, unique in the installation, assigned by the store
	UDID  string     `json:"udid,omitzero"`  // device key of the MDM protocol
	Epoch uint64     `json:"epoch,omitzero"` // counts enrolments; everything older than the current epoch is void
	State PhoneState `json:"state,omitzero"`

	Serial     string    `json:"serial,omitzero"`
	Group      string    `json:"group,omitzero"`  // "" ungrouped
	Ring       Ring      `json:"ring,omitzero"`   // "" ungrouped
	Former     string    `json:"former,omitzero"` // group in whose production ring it was last, while it is in none's
	Drafted    Draft     `json:"drafted,omitzero"`
	Left       Departure `json:"left,omitzero"`
	Kept       KeptPlace `json:"kept,omitzero"`
	Holder     string    `json:"holder,omitzero"` // opaque reference to who carries it, "" none; ends with the enrolment
	Rights     int       `json:"rights,omitzero"` // AccessRights of the profile it enrolled with
	EnrolledAt time.Time `json:"enrolledAt,omitzero"`
	RemovedAt  time.Time `json:"removedAt,omitzero"`
	Contact    time.Time `json:"contact,omitzero"` // last contact, at most one write a minute

	Certificate string   `json:"certificate,omitzero"` // fingerprint of the identity certificate in force
	Identity    Identity `json:"identity,omitzero"`
	Push        Push     `json:"push,omitzero"`
	UnlockToken []byte   `json:"unlockToken,omitempty"` // sealed; kept when a TokenUpdate does not carry one

	OS           OS             `json:"os,omitzero"`
	Model        string         `json:"model,omitzero"` // hardware identifier, "iPhone15,2"
	Supervision  Supervision    `json:"supervision,omitzero"`
	TimeZone     string         `json:"timeZone,omitzero"`    // IANA name, "" unknown
	AvailableGB  *float64       `json:"availableGB,omitzero"` // free space, decimal gigabytes
	Battery      *float64       `json:"battery,omitzero"`     // 0..1
	Passcode     *bool          `json:"passcode,omitzero"`    // a passcode is set
	Apps         []InstalledApp `json:"apps,omitempty"`
	Capabilities *Capabilities  `json:"capabilities,omitzero"` // nil until the phone reported them

	InfoAt   time.Time `json:"infoAt,omitzero"`   // last DeviceInformation answer
	AppsAt   time.Time `json:"appsAt,omitzero"`   // last InstalledApplicationList answer
	AppsFor  []string  `json:"appsFor,omitempty"` // bundle identifiers that answer was for, sorted
	AppsNo   time.Time `json:"appsNo,omitzero"`   // last time it refused to list its apps; zero after an answer
	StatusAt time.Time `json:"statusAt,omitzero"` // last declarative status report

	AppUpdates  []AppUpdate `json:"appUpdates,omitempty"` // apps that a release waits for, by when each was last asked for
	AppCommands uint64      `json:"appCommands,omitzero"` // counts the commands for them through the epoch

	Update       UpdateState        `json:"update,omitzero"`
	Declarations []DeclarationState `json:"declarations,omitempty"` // complete set of the last report
	Announced    Announced          `json:"announced,omitzero"`
	Sync         SyncState          `json:"sync,omitzero"`
	Arrival      *Arrival           `json:"arrival,omitzero"`   // how it came to a release its group had not opened
	Failed       *Failure           `json:"failed,omitzero"`    // the last installation that failed, until it runs that release; nil: none
	Reverted     []Reverted         `json:"lostApps,omitempty"` // business apps that went back, or are gone, on what it runs; as they were seen
	History      []Ran              `json:"history,omitempty"`  // what it ran before OS in this epoch, oldest first, at most MaxHistory
	Forgotten    int                `json:"forgotten,omitzero"` // releases before those of History
	Past         []Stay             `json:"past,omitempty"`     // what it ran in production elsewhere, and in earlier epochs; oldest first, at most MaxPast
	PlacedAt     time.Time          `json:"placedAt,omitzero"`  // when the last of Past ended, or it came to where it is; zero: it was nowhere else in this epoch
	Legacy       *Legacy            `json:"legacy,omitzero"`    // nil while it never needed a mechanism of iOS before 27
	Chase        *Chase             `json:"chase,omitzero"`     // nil while nobody was reminded
}

// Draft is when one person last said that a phone is for testing, which production
// gates held. The zero value: nobody did, or two people agreed to it.
type Draft struct {
	From string    `json:"from,omitzero"` // group whose gates held it
	At   time.Time `json:"at,omitzero"`
}

func (d Draft) same(e Draft) bool { return d.From == e.From && d.At.Equal(e.At) }

// Departure is when a phone last went from the production ring of a group to that of
// another, and which group it is a phone of all the same when it comes to test soon
// after. The zero value: it never did.
type Departure struct {
	From string    `json:"from,omitzero"`
	At   time.Time `json:"at,omitzero"`
}

func (d Departure) same(e Departure) bool { return d.From == e.From && d.At.Equal(e.At) }

// KeptPlace is where the link named a phone with which it enrolled again, and stayed where
// it was: its move was refused when the link was used. The zero value: it went where its
// link put it, or was moved since.
type KeptPlace struct {
	Group string    `json:"group,omitzero"`
	Ring  Ring      `json:"ring,omitzero"`
	At    time.Time `json:"at,omitzero"` // of that enrolment, by the server's clock
}

func (k KeptPlace) same(l KeptPlace) bool {
	return k.Group == l.Group && k.Ring == l.Ring && k.At.Equal(l.At)
}

// Chase is which steps were taken to have somebody bring a phone to a release, or
// test on it: those of the rollout, or of the candidate, that last had one.
type Chase struct {
	Approval string      `json:"approval,omitzero"` // its ID, or what tells the candidate from others
	Release  string      `json:"release,omitzero"`
	Steps    []ChaseStep `json:"steps,omitempty"` // in order, each once
}

// ChaseStep is one step that was taken.
type ChaseStep struct {
	Step string    `json:"step,omitzero"` // as the policy had it, "push@+6h"
	At   time.Time `json:"at,omitzero"`
}

// With returns what is on record after a further step for an approval or candidate
// of a release, and leaves c, which may be nil, as it is.
func (c *Chase) With(approval, release string, s ChaseStep) *Chase {
	next := &Chase{Approval: approval, Release: release}
	if c != nil && c.Approval == approval {
		next.Steps = slices.Clone(c.Steps)
	}
	next.Steps = append(next.Steps, s)
	return next
}

// OS is what a phone runs.
type OS struct {
	Version           string    `json:"version,omitzero"` // "26.5"
	Build             string    `json:"build,omitzero"`   // "23F79"
	SupplementalBuild string    `json:"supplementalBuild,omitzero"`
	SupplementalExtra string    `json:"supplementalExtra,omitzero"` // letter of a background improvement, "a"
	SupplementalSince time.Time `json:"supplementalSince,omitzero"` // when the server first saw that letter on this version, or one gone; zero: there was none, or before it kept this
	Since             time.Time `json:"since,omitzero"`             // when the server first saw this version on the phone
	BetaProgram       string    `json:"betaProgram,omitzero"`       // that the phone says it takes part in, "" for none
	Reasons           []string  `json:"reasons,omitempty"`          // install-reason with which it came to this version and letter; none when it enrolled with it
}

// MaxHistory is how many of the releases that a phone ran before are kept one by
// one: a year of them for a phone that takes each one Apple posts.
const MaxHistory = 18

// Ran is a release that a phone ran, until the next one or what it runs now.
type Ran struct {
	Version string    `json:"version,omitzero"`  // with the letter of an improvement, "26.3.1 (a)"
	Since   time.Time `json:"since,omitzero"`    // as [OS].Since or [OS].SupplementalSince, in whole seconds
	Reasons []string  `json:"reasons,omitempty"` // as [OS].Reasons
}

// MaxPast is how many stays of a phone are kept.
const MaxPast = 24

// Stay is a time in which a phone ran one release in production in one group. It is
// over: the phone was moved, left management or enrolled again.
type Stay struct {
	Version string    `json:"version,omitzero"` // with the letter of an improvement, "26.3.1 (a)"
	Group   string    `json:"group,omitzero"`   // "" ungrouped
	Since   time.Time `json:"since,omitzero"`   // in whole seconds, like Until
	Until   time.Time `json:"until,omitzero"`
}

// Push is what a wake-up through Apple's push service needs.
type Push struct {
	Topic     string    `json:"topic,omitzero"`
	Token     []byte    `json:"token,omitempty"`
	Magic     string    `json:"magic,omitzero"`
	UpdatedAt time.Time `json:"updatedAt,omitzero"` // of the TokenUpdate that brought it
	DeadSince time.Time `json:"deadSince,omitzero"` // Apple said Unregistered; zero while usable
}

// InstalledApp is one business app on a phone.
type InstalledApp struct {
	BundleID     string `json:"bundleID,omitzero"`
	Version      string `json:"version,omitzero"`      // build number of the vendor
	ShortVersion string `json:"shortVersion,omitzero"` // what users see
}

// Capabilities is what management.client-capabilities said, reduced to what
// Kannuki uses.
type Capabilities struct {
	Settings    bool     `json:"settings,omitzero"`     // com.apple.configuration.softwareupdate.settings
	Enforcement bool     `json:"enforcement,omitzero"`  // com.apple.configuration.softwareupdate.enforcement.specific
	StatusItems []string `json:"statusItems,omitempty"` // those of the status items Kannuki knows that the phone supports, sorted
}

// UpdateState is the last reported state of the phone's update machine
// (status items softwareupdate.*).
type UpdateState struct {
	Install         string    `json:"install,omitzero"`  // none, waiting, downloading, prepared, installing, failed or an unknown string
	Reasons         []string  `json:"reasons,omitempty"` // install-reason
	DeclarationID   string    `json:"declarationID,omitzero"`
	PendingVersion  string    `json:"pendingVersion,omitzero"`
	PendingBuild    string    `json:"pendingBuild,omitzero"`
	PendingDeadline string    `json:"pendingDeadline,omitzero"` // local time of the phone, no zone
	Failures        int       `json:"failures,omitzero"`
	FailureReason   string    `json:"failureReason,omitzero"`
	FailureAt       time.Time `json:"failureAt,omitzero"`   // by the phone's clock
	FailureSeen     time.Time `json:"failureSeen,omitzero"` // when the server first saw this failure
	Since           time.Time `json:"since,omitzero"`       // when Install last changed, as the server saw it
}

// DeclarationState is what a phone says of one declaration.
type DeclarationState struct {
	Class       string   `json:"class,omitzero"` // activation, configuration, asset, management
	Identifier  string   `json:"identifier,omitzero"`
	ServerToken string   `json:"serverToken,omitzero"`
	Active      bool     `json:"active,omitzero"`
	Valid       string   `json:"valid,omitzero"`    // valid, invalid, unknown
	Reasons     []string `json:"reasons,omitempty"` // "Error.UnknownDeclarationType", …
}

// Announced is what a phone was last told: the set that its manifest requests
// are answered from. It is written only when it changes.
type Announced struct {
	Token       string                `json:"token,omitzero"`     // declarations token, "" when nothing was announced in this epoch
	Revision    uint64                `json:"revision,omitzero"`  // world revision it was computed from
	Timestamp   time.Time             `json:"timestamp,omitzero"` // whole seconds; never goes back within an epoch or across one
	Enforcement *AnnouncedEnforcement `json:"enforcement,omitzero"`
	Wave        ToldWave              `json:"wave,omitzero"`
}

// ToldWave is the wave in which a phone was last told to install by an approval
// whose waves go by what phones run. It stays when the enforcement has ended, because
// by then the phone runs something else.
type ToldWave struct {
	Approval string `json:"approval,omitzero"`
	Wave     int    `json:"wave,omitzero"` // from 1
}

// AnnouncedEnforcement is the one enforcement a phone was told, with the
// deadline that was fixed when it was first announced.
type AnnouncedEnforcement struct {
	Release  string    `json:"release,omitzero"`
	Deadline string    `json:"deadline,omitzero"` // the phone's local wall time, "2006-01-02T15:04:05"
	Source   string    `json:"source,omitzero"`   // approval or candidate
	SourceID string    `json:"sourceID,omitzero"`
	By       string    `json:"by,omitzero"`    // "command", or "" for the enforcement declaration
	Build    string    `json:"build,omitzero"` // the one build of the release, "" for whichever Apple has
	FirstAt  time.Time `json:"firstAt,omitzero"`
}

// Legacy is what a phone said about the mechanisms that iOS 27 removed: the
// hold by profile, the older branch and updates by command.
type Legacy struct {
	Profile   string    `json:"profile,omitzero"`   // UUID of the hold profile in its last profile list, "" when absent
	ListedAt  time.Time `json:"listedAt,omitzero"`  // last profile list; zero: to be asked for
	TriedAt   time.Time `json:"triedAt,omitzero"`   // last answer to the installation of the profile
	Refused   string    `json:"refused,omitzero"`   // why it did not take the profile, bounded
	CadenceAt time.Time `json:"cadenceAt,omitzero"` // last answer to the choice of the older branch
	Attempt   Attempt   `json:"attempt,omitzero"`
}

// Attempt is one command that tries to bring a phone to a release, and what
// came of it. The queue holds the command itself.
type Attempt struct {
	Number     uint64    `json:"number,omitzero"`  // counts the attempts of the epoch, 0: none yet
	Rollout    string    `json:"rollout,omitzero"` // AnnouncedEnforcement.SourceID
	Release    string    `json:"release,omitzero"`
	Step       string    `json:"step,omitzero"`       // list, download or install
	At         time.Time `json:"at,omitzero"`         // when it was queued
	AnsweredAt time.Time `json:"answeredAt,omitzero"` // when the phone answered the command
	PolledAt   time.Time `json:"polledAt,omitzero"`   // last answer about the progress
	EndedAt    time.Time `json:"endedAt,omitzero"`    // final result or time-out; zero while open
	Result     string    `json:"result,omitzero"`     // why it ended, bounded
	Told       bool      `json:"told,omitzero"`       // an attempt of this rollout and release was answered
	ProductKey string    `json:"productKey,omitzero"` // the phone's own name of the release, where it needs that
	Downloaded bool      `json:"downloaded,omitzero"` // the phone said that it can install
	Percent    int       `json:"percent,omitzero"`    // of the download, 0 to 100
}

// SyncState follows a phone through declarative synchronisation.
type SyncState struct {
	Acked       string    `json:"acked,omitzero"`    // token of the last acknowledged DeclarativeManagement command
	AckedAt     time.Time `json:"ackedAt,omitzero"`  //
	Manifest    string    `json:"manifest,omitzero"` // token of the last manifest the phone fetched; declaration fetches are answered from it
	ManifestAt  time.Time `json:"manifestAt,omitzero"`
	NotNowSince time.Time `json:"notNowSince,omitzero"` // the phone deferred the command since; zero: not deferred
}

// Arrival tells how a production phone came to a release that was closed for
// its group.
type Arrival struct {
	Release string    `json:"release,omitzero"`
	At      time.Time `json:"at,omitzero"`
	Reasons []string  `json:"reasons,omitempty"` // install-reason at that time, or "enrolled"
	From    string    `json:"from,omitzero"`     // what it ran before, "" when it arrived with it
	Cause   string    `json:"cause,omitzero"`    // why nothing kept it from that, as package policy calls it
	Told    bool      `json:"told,omitzero"`     // people are told of it: at once, or together with others of its day
}

// Failure is an installation that failed. Unlike what [UpdateState] says of it, it is
// kept when the phone is not asked to install any more.
type Failure struct {
	Release string    `json:"release,omitzero"`
	Reason  string    `json:"reason,omitzero"` // in the phone's words, "" none
	At      time.Time `json:"at,omitzero"`     // when the server first saw it
}

// Reverted tells of a business app that went back to a lower version, or that was
// taken off the phone.
type Reverted struct {
	BundleID string    `json:"bundleID,omitzero"`
	From     string    `json:"from,omitzero"` // the version it had
	At       time.Time `json:"at,omitzero"`   // when the server last saw it go down, or be gone
	Gone     bool      `json:"gone,omitzero"` // it is not on the phone
}

// DeclarationBody is one declaration as sent, addressed by its content: equal
// declarations of many phones are one record.
type DeclarationBody struct {
	ServerToken string
	JSON        []byte
}

// DeclarationSet lists what one declarations token stands for.
type DeclarationSet struct {
	Token string            `json:"token,omitzero"`
	Items []DeclarationItem `json:"items,omitempty"` // sorted
}

// Origin returns the group whose gates hold the phone, or did last: its own in the
// production ring, Former elsewhere, "" when none did.
func (p *Phone) Origin() string {
	if p.Ring == RingProduction {
		return p.Group
	}
	return p.Former
}

// DeclarationItem is one row of a manifest.
type DeclarationItem struct {
	Class       string `json:"class,omitzero"`
	Identifier  string `json:"identifier,omitzero"`
	ServerToken string `json:"serverToken,omitzero"`
}

// PhoneChange is what an updater of a phone wants stored beside the phone.
type PhoneChange struct {
	Unchanged    bool // nothing to store; the transaction writes nothing
	Declarations []DeclarationBody
	Set          *DeclarationSet
	CancelQueue  string    // cancel all commands that are not final, giving this reason
	CancelKeys   string    // restricts CancelQueue to commands whose Key begins so
	Enqueue      []Command // appended to the queue after that, by the rules of QueueStore.Enqueue
	Notices      []Notice  // by ID; one that is on record already stays as it is
	Audit        []AuditEntry
}

// PhoneQuery selects phones for a list. Results are ordered by number.
type PhoneQuery struct {
	After     uint64 // only phones with a higher number
	Limit     int    // at most so many; 0 means 1,000
	Group     *string
	Ring      Ring
	Removed   bool // include removed phones
	Enrolling bool // include phones that have not sent a TokenUpdate
}
