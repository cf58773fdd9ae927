package storage

import "time"

// Proposal is an act that takes two people and waits for the second. Kind says
// which act; the terms of each kind are a part of their own.
type Proposal struct {
	ID       string    `json:"id,omitzero"`
	Kind     string    `json:"kind,omitzero"` // KindOverride, KindUrgent or KindEdit
	Group    string    `json:"group,omitzero"`
	Release  string    `json:"release,omitzero"`
	By       string    `json:"by,omitzero"` // actor
	Person   Person    `json:"person,omitzero"`
	Reason   string    `json:"reason,omitzero"`
	At       time.Time `json:"at,omitzero"`
	LapsesAt time.Time `json:"lapsesAt,omitzero"` // nobody can sign it from then on
	Shown    Shown     `json:"shown,omitzero"`

	Override *OverrideTerms `json:"override,omitempty"` // of KindOverride
	Urgent   *UrgentTerms   `json:"urgent,omitempty"`   // of KindUrgent
	Edit     *EditTerms     `json:"edit,omitempty"`     // of KindEdit, which names neither group nor release

	// How it ended; State is StateOpen until then.
	State       string    `json:"state,omitzero"`
	EndedAt     time.Time `json:"endedAt,omitzero"`
	EndedBy     string    `json:"endedBy,omitzero"`     // actor
	EndedPerson string    `json:"endedPerson,omitzero"` // its person
	EndedReason string    `json:"endedReason,omitzero"`
	Approval    string    `json:"approval,omitzero"` // ID of what signing it made
}

// KindOverride is a proposal to approve a gate that is not verified.
const KindOverride = "override"

// The states of a proposal. That it lapsed, or that what it is about changed,
// is not stored: both follow from the time and the world.
const (
	StateOpen      = "open"
	StateSigned    = "signed"
	StateRefused   = "refused"
	StateWithdrawn = "withdrawn"
)

// Shown is what the proposer saw of a gate.
type Shown struct {
	Revision    uint64     `json:"revision,omitzero"` // of the world
	Fingerprint string     `json:"fingerprint,omitzero"`
	Phase       string     `json:"phase,omitzero"`
	Missing     []ShownApp `json:"missing,omitempty"` // apps that keep it closed
}

// ShownApp is one app that keeps a gate closed, as the proposer saw it.
type ShownApp struct {
	BundleID      string   `json:"bundleID,omitzero"`
	Name          string   `json:"name,omitzero"`
	Importance    string   `json:"importance,omitzero"`
	State         string   `json:"state,omitzero"`
	Why           string   `json:"why,omitzero"`
	Verdict       string   `json:"verdict,omitzero"`
	MissingModels []string `json:"missingModels,omitempty"`
	BrokenModels  []string `json:"brokenModels,omitempty"` // on which it does not work
	Alone         []string `json:"alone,omitempty"`        // of the missing ones, those of which a smoke test is all there is
}

// OverrideTerms are what is proposed for an override. Offsets such as "+3d"
// count from the signature.
type OverrideTerms struct {
	Deadline string   `json:"deadline,omitzero"`
	Start    string   `json:"start,omitzero"` // "" at once
	Until    string   `json:"until,omitzero"`
	Models   []string `json:"models,omitempty"` // hardware identifiers covered, sorted
	Broken   []string `json:"broken,omitempty"` // verdicts that say broken, known and accepted
	Waves    []string `json:"waves,omitempty"`  // shares of the phones and when each starts; none: all at once
	Soak     string   `json:"soak,omitzero"`    // least time between the starts of two waves
	Rebase   bool     `json:"rebase,omitzero"`  // takes the waves over of the older rollout under way
}

// Override marks an approval of a gate that was not verified. It takes two
// people and ends by itself.
type Override struct {
	Proposal     string    `json:"proposal,omitzero"` // ID
	By           string    `json:"by,omitzero"`       // person who proposed it
	Second       string    `json:"second,omitzero"`   // person who signed it
	Reason       string    `json:"reason,omitzero"`   // of the first
	SecondReason string    `json:"secondReason,omitzero"`
	Until        time.Time `json:"until,omitzero"`
	Broken       []string  `json:"broken,omitempty"`   // verdicts accepted although they say broken
	EndToldAt    time.Time `json:"endToldAt,omitzero"` // when people were told that it had ended; zero: they were not
	EndsTold     int       `json:"endsTold,omitzero"`  // how often they were: what a wrong clock ended stands again and ends once more
}
