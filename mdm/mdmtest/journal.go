package mdmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Kind says what a journal entry is about.
type Kind string

// The kinds of journal entries.
const (
	KindEnrolled     Kind = "enrolled"
	KindUnenrolled   Kind = "unenrolled"
	KindErased       Kind = "erased"
	KindTrust        Kind = "profile-signature" // Detail: verified, not verified, not signed
	KindProfile      Kind = "profile-installed"
	KindProfileGone  Kind = "profile-removed"
	KindCommand      Kind = "command" // received
	KindAnswer       Kind = "answer"  // what the phone decided: Status, and Detail for errors and updates
	KindLost         Kind = "lost"    // the server's answer was lost on the way back
	KindSync         Kind = "sync"    // Detail: unchanged, applied
	KindActive       Kind = "declaration-active"
	KindInactive     Kind = "declaration-inactive"
	KindRejected     Kind = "declaration-rejected"
	KindRemoved      Kind = "declaration-removed"
	KindMissing      Kind = "declaration-missing" // 404 between manifest and fetch
	KindEnforcement  Kind = "enforcement"         // received; Version, Deadline
	KindPastDeadline Kind = "past-deadline"       // received with a deadline already over
	KindManyEnforced Kind = "more-than-one-enforcement"
	KindEmptied      Kind = "manifest-emptied"
	KindStatus       Kind = "status-report"
	KindUpdate       Kind = "update"    // Detail: waiting, downloading, prepared, installing, failed
	KindInstalled    Kind = "installed" // Version, Build, Detail: the reason
	KindImproved     Kind = "improved"  // Version with the letter, Build, Detail: why; or without, "removed"
	KindPasscode     Kind = "passcode-requested"
	KindPutOff       Kind = "put-off"       // the user answered the request with "later"
	KindHold         Kind = "hold"          // Detail: the deferral in force and its mechanism, or none
	KindCadence      Kind = "cadence"       // set by a Settings command; Detail: All, Oldest, Newest
	KindScheduled    Kind = "scheduled"     // by ScheduleOSUpdate; Version, Detail: the action asked for
	KindApp          Kind = "app-installed" // by InstallApplication; Version, Detail: the bundle id
	KindViolation    Kind = "violation"     // the server did what a correct server never does
)

// Entry is one thing that happened on a phone. Fields that do not apply are
// empty.
type Entry struct {
	Phone string    `json:"phone"` // UDID
	Time  time.Time `json:"time"`  // the phone's clock
	Wall  time.Time `json:"wall"`
	Kind  Kind      `json:"kind"`

	Detail      string     `json:"detail,omitempty"`
	Declaration string     `json:"declaration,omitempty"` // identifier
	Type        string     `json:"type,omitempty"`        // declaration or request type
	ServerToken string     `json:"server_token,omitempty"`
	Version     string     `json:"version,omitempty"`
	Build       string     `json:"build,omitempty"`
	Deadline    *time.Time `json:"deadline,omitempty"` // the instant in the phone's zone
	CommandUUID string     `json:"command_uuid,omitempty"`
	Status      string     `json:"status,omitempty"`
	// Settings is the payload of a settings declaration, or of restrictions in
	// a profile, that began to act: JSON.
	Settings string `json:"settings,omitempty"`
}

// Journal is an append-only log of what happened on one or many phones. It is
// safe for concurrent use.
type Journal struct {
	mu      sync.Mutex
	enc     *json.Encoder
	entries []Entry
	err     error
}

// NewJournal returns a journal that keeps its entries in memory and, when w is
// not nil, also writes each as one line of JSON.
func NewJournal(w io.Writer) *Journal {
	j := &Journal{}
	if w != nil {
		j.enc = json.NewEncoder(w)
		j.enc.SetEscapeHTML(false)
	}
	return j
}

// Err returns the first error met while writing.
func (j *Journal) Err() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

// Entries returns a copy of the entries of the given kinds, in order; without
// kinds it returns all.
func (j *Journal) Entries(kinds ...Kind) []Entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(kinds) == 0 {
		return slices.Clone(j.entries)
	}
	var out []Entry
	for _, e := range j.entries {
		if slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

// Violations returns the details of all violations, each led by the phone.
func (j *Journal) Violations() []string {
	var out []string
	for _, e := range j.Entries(KindViolation) {
		out = append(out, e.Phone+": "+e.Detail)
	}
	return out
}

func (j *Journal) add(e Entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, e)
	if j.enc == nil || j.err != nil {
		return
	}
	if err := j.enc.Encode(e); err != nil {
		j.err = fmt.Errorf("write journal: %w", err)
	}
}

// note stamps and appends an entry. p.mu is held.
func (p *Phone) note(e Entry) {
	e.Phone, e.Time, e.Wall = p.o.UDID, p.now(), p.o.Wall()
	if e.Kind == KindViolation {
		p.violations = append(p.violations, e.Detail)
	}
	p.o.Journal.add(e)
}

// violation records something a correct server never does. p.mu is held.
func (p *Phone) violation(format string, args ...any) {
	p.note(Entry{Kind: KindViolation, Detail: fmt.Sprintf(format, args...)})
}
