package storage

// KindEdit is a proposal to change apps, policies or groups, or to move phones,
// although that takes away what keeps a gate closed.
const KindEdit = "edit"

// EditTerms are what is proposed of KindEdit. Whoever signs sees Acts and Gates,
// and signs for these.
type EditTerms struct {
	Acts   []EditAct   `json:"acts,omitempty"`   // as the audit log will have them, in order
	Gates  []ShownGate `json:"gates,omitempty"`  // that it opens, now or later
	Before string      `json:"before,omitzero"`  // digest of all apps, policies and groups when it was proposed
	Change []byte      `json:"change,omitempty"` // the WorldChange as JSON: a record cannot hold one of its own kind
	// Shown are the settings before and after it as JSON, as the proposer saw them; empty
	// of one that moves phones.
	Shown []byte `json:"shown,omitempty"`

	Moves []Move      `json:"moves,omitempty"` // phones that it puts elsewhere; Change is empty then
	Into  []ShownGate `json:"into,omitempty"`  // gates of where they go that are open to them and were not where they were

	Drafts []ShownDrafts `json:"drafts,omitempty"` // groups of which it makes more phones verification phones than one person may
}

// Move is a phone that is put elsewhere: from where it is to where it goes. Group
// and ring are both "" for a phone in no group.
type Move struct {
	Phone     string `json:"phone,omitzero"` // UDID
	Epoch     uint64 `json:"epoch,omitzero"` // enrolment of the phone that the move is for
	FromGroup string `json:"fromGroup,omitzero"`
	FromRing  Ring   `json:"fromRing,omitzero"`
	Group     string `json:"group,omitzero"`
	Ring      Ring   `json:"ring,omitzero"`
}

// ShownDrafts is how many phones that a group's gates held are for testing by one
// person's word, as the proposer saw it.
type ShownDrafts struct {
	Group  string `json:"group,omitzero"`
	Phones int    `json:"phones,omitzero"` // within the time that counts, with those proposed
	Most   int    `json:"most,omitzero"`   // that need nobody else
}

// EditAct is one act of an edit.
type EditAct struct {
	Action string            `json:"action,omitzero"`
	Target string            `json:"target,omitzero"`
	Detail map[string]string `json:"detail,omitempty"`
}

// ShownGate is a gate as the proposer saw it.
type ShownGate struct {
	Group       string `json:"group,omitzero"`
	Release     string `json:"release,omitzero"`
	Phase       string `json:"phase,omitzero"`
	Fingerprint string `json:"fingerprint,omitzero"`
}
