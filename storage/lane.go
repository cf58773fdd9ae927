package storage

import "time"

// KindUrgent is a proposal to approve a gate by the emergency lane: after quick
// checks, because the release fixes a flaw known to be exploited.
const KindUrgent = "urgent"

// UrgentRules are what a policy says about the emergency lane. A zero field is
// what the built-in policy has.
type UrgentRules struct {
	Off      bool          `json:"off,omitzero"`      // there is none
	Deadline time.Duration `json:"deadline,omitzero"` // from the signature, for proposals that name none; 0: 24 hours
}

// UrgentTerms are what is proposed for the emergency lane, and what was shown of
// it.
type UrgentTerms struct {
	Deadline string     `json:"deadline,omitzero"`  // offset from the signature, "+24h"
	CVEs     []string   `json:"cves,omitempty"`     // exploited ones that production lacks the fix of, sorted
	Apps     []ShownApp `json:"apps,omitempty"`     // how far each app is by quick checks
	Verdicts []string   `json:"verdicts,omitempty"` // it would rest on, sorted
	Hurries  string     `json:"hurries,omitzero"`   // ID of the approval whose rollout is to be hurried; "" for a new approval
}

// Lane marks an approval that two people gave by the emergency lane, or an ordinary
// one whose rollout two people hurried.
type Lane struct {
	Proposal     string   `json:"proposal,omitzero"` // ID
	By           string   `json:"by,omitzero"`       // person who proposed it
	Second       string   `json:"second,omitzero"`   // person who signed it
	Reason       string   `json:"reason,omitzero"`   // of the first
	SecondReason string   `json:"secondReason,omitzero"`
	CVEs         []string `json:"cves,omitempty"` // exploited ones that production lacked the fix of, sorted

	HurriedAt time.Time `json:"hurriedAt,omitzero"` // when the rollout was under way already; zero when it began by the lane
}
