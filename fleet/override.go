package fleet

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// proposalLife is how long a proposal waits for the second person: over a
// weekend, and no longer than somebody remembers what he was asked to accept.
const proposalLife = 72 * time.Hour

// maxOverride bounds how long an override may last: as long as Apple lets a
// release be held, after which users can install it anyway.
const maxOverride = 90 * 24 * time.Hour

// OverrideRequest proposes to approve a gate that is not verified, or that is in
// the last week of its build. Offsets count from the signature, because nothing happens before it.
type OverrideRequest struct {
	Group    string   `json:"group"`
	Release  string   `json:"release"`
	Deadline string   `json:"deadline"`         // as in ApproveRequest; what the policy says holds as it is now
	Start    string   `json:"start,omitempty"`  // as in ApproveRequest
	Until    string   `json:"until"`            // "+14d" or a wall time of the installation: when the override ends
	Models   []string `json:"models,omitempty"` // hardware identifiers; none: those of the whole production ring
	Waves    []string `json:"waves,omitempty"`  // as in ApproveRequest, shares of the phones of these models
	Soak     string   `json:"soak,omitempty"`   // as in ApproveRequest
	Rebase   bool     `json:"rebase,omitempty"` // as in ApproveRequest; the waves are those of the rollout when it is signed
	// Fingerprint is that of the gate as the person saw it; "" skips the check.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Proposed is a proposal and what it would make phones do if it were signed
// now.
type Proposed struct {
	ProposalView
	Effect Effect `json:"effect"`
	DryRun bool   `json:"dry_run,omitempty"`
}

// ProposeOverride records that a person wants a gate approved that is not
// verified, or too late for an ordinary approval, with what that person was shown.
// It changes nothing for phones: that takes the signature of another. A verified
// gate is opened in one wave unless the request says otherwise, and no deadline may
// come when its build may be gone. It is refused for a gate that is
// verified in time, approved and not stopped, or expired, for a release no production phone
// could take, and while another proposal for the gate waits; it returns
// a *ChangedError when the gate is not the one the person saw.
func (f *Fleet) ProposeOverride(ctx context.Context, seg storage.Segment, a Act, r OverrideRequest) (Proposed, error) {
	return f.propose(ctx, seg, a, r.Group, r.Release, func(s *snapshot, gate policy.Gate) (storage.Proposal, error) {
		return f.proposal(s, a, r, gate)
	})
}

// proposal builds the record of a proposed override, or says why there can be
// none.
func (f *Fleet) proposal(s *snapshot, a Act, r OverrideRequest, gate policy.Gate) (storage.Proposal, error) {
	if r.Fingerprint != "" && r.Fingerprint != gate.Fingerprint {
		return storage.Proposal{}, &ChangedError{r.Group, r.Release}
	}
	kept := f.keepsWave(s, gate)
	if err := overridable(gate, s.policy.Schedule(r.Group, nil).LastWeek(gate, f.now()), kept); err != nil {
		return storage.Proposal{}, err
	}
	models, err := scope(r.Models, gate)
	if err != nil {
		return storage.Proposal{}, err
	}
	rollout := r.rollout()
	if !r.Rebase {
		tested := gate.Phase == policy.PhaseVerified || kept && gate.Phase != policy.PhaseBlocked
		if tested && len(rollout.Waves) == 0 {
			rollout.Waves = []string{"100%"} // its last week is no time for waves
		}
		// What the policy says is part of what the second person signs.
		rollout = rollout.or(s.rollout(r.Group))
	}
	p := f.newProposal(s, a, gate)
	p.Kind = storage.KindOverride
	p.Override = &storage.OverrideTerms{
		Deadline: rollout.Deadline, Start: r.Start, Until: r.Until, Models: models, Broken: gate.Broken, Waves: rollout.Waves, Soak: rollout.Soak,
		Rebase: r.Rebase,
	}
	return p, nil
}

// overridable refuses gates that need no override or cannot have one. A
// blocked gate can: its broken apps are named and knowingly accepted. So can a
// declined one, because what one person closed two may open, and one
// whose approval stands still; the new one takes its place. Where it is too late for
// one person, in the last week of its build, a verified one can, and one with a wave that is
// kept for that.
func overridable(gate policy.Gate, lastWeek, kept bool) error {
	params := map[string]string{"release": gate.Release, "group": gate.Group, "phase": string(gate.Phase)}
	refuse := func(code, message string) error {
		return &RefusedError{Code: code, Params: params, Message: gate.Release + " for group " + gate.Group + ": " + message}
	}
	goesOn := gate.Phase != policy.PhasePaused && gate.Phase != policy.PhaseBlocked
	switch {
	case gate.Phase == policy.PhaseExpired:
		return refuse("cannot-override", "the gate is "+string(gate.Phase)+" and cannot be overridden")
	case gate.Approval != "" && goesOn && !kept:
		params["pause"] = gate.Release
		return refuse("approved-already", "it is approved already; the gate is "+string(gate.Phase)+"; to put an exception in its place, stop it first with `kannuki rollout pause`")
	case gate.Phase == policy.PhaseVerified && !lastWeek:
		return refuse("use-approve", "the gate is verified and needs no exception; use `kannuki gate approve`")
	case len(gate.ProductionModels) == 0, gate.Counts.Production == gate.Counts.Done:
		return refuse("no-phone", "no production phone could take it")
	default:
		return nil
	}
}

// takenBack returns the decline that ends when a proposal about the gate is signed.
func takenBack(p storage.Proposal, gate policy.Gate) []storage.Decline {
	if p.Kind != storage.KindOverride || gate.Phase != policy.PhaseDeclined {
		return nil
	}
	return []storage.Decline{{Group: p.Group, Release: p.Release}}
}

// scope returns the models an override covers. They are fixed when it is
// proposed: a model that joins later waits.
func scope(wanted []string, gate policy.Gate) ([]string, error) {
	if len(wanted) == 0 {
		return gate.ProductionModels, nil
	}
	for _, m := range wanted {
		if !slices.Contains(gate.ProductionModels, m) {
			models := strings.Join(gate.ProductionModels, ", ")
			return nil, invalid("models", "model-not-in-group", "no production phone of group %s that can take %s is a %q; there are: %s", gate.Group, gate.Release, m, models).
				with("group", gate.Group, "release", gate.Release, "model", m, "models", models)
		}
	}
	models := slices.Sorted(slices.Values(wanted))
	return slices.Compact(models), nil
}

func shown(s *snapshot, gate policy.Gate) storage.Shown {
	seen := storage.Shown{Revision: s.records.Revision, Fingerprint: gate.Fingerprint, Phase: string(gate.Phase)}
	for _, app := range gate.Apps {
		if slices.Contains(gate.Missing, app.BundleID) {
			seen.Missing = append(seen.Missing, shownApp(app))
		}
	}
	return seen
}

func shownApp(app policy.AppState) storage.ShownApp {
	return storage.ShownApp{
		BundleID: app.BundleID, Name: app.Name, Importance: string(app.Importance), State: string(app.State),
		Why: string(app.Why), Verdict: app.Verdict, MissingModels: app.MissingModels, BrokenModels: app.BrokenModels, Alone: app.Alone,
	}
}

// overriding builds the approval a proposal leads to when it is signed now, after
// that of the rollout whose waves it takes over. An app without a result has no floor.
func (f *Fleet) overriding(w *worldState, s *snapshot, p storage.Proposal, second Act, gate policy.Gate) ([]storage.Approval, error) {
	t := p.Override
	approval := f.newApproval(p.Group, p.Release, second.Actor, p.Reason, gate)
	approval.Models = t.Models
	rollout := ApproveRequest{Group: p.Group, Release: p.Release, Deadline: t.Deadline, Start: t.Start, Waves: t.Waves, Soak: t.Soak, Rebase: t.Rebase}
	var before []storage.Approval
	var err error
	if t.Rebase {
		before, err = f.takeOver(w, s, rollout, &approval)
	} else {
		approval.Waves, approval.Soak, err = f.waves(w, s, rollout, approval)
	}
	if err == nil {
		err = f.offered(s, gate, approval)
	}
	if err != nil {
		return nil, err
	}
	until, err := f.parseUntil(t.Until)
	if err != nil {
		return nil, err
	}
	schedule := f.scheduleOf(s, approval)
	for _, wave := range engineWaves(approval.Waves) {
		if told := schedule.Told(wave, f.now()); policy.FormatLocal(until, f.o.Location).Compare(told) <= 0 {
			return nil, invalid("until", "until-too-early", "%s is not after the last start and the last deadline that phones are told, %s; phones would be asked no longer before they install",
				t.Until, told).with("value", t.Until, "deadline", string(told))
		}
	}
	approval.Override = &storage.Override{
		Proposal: p.ID, By: p.Person.Name, Second: second.Person.Name, Reason: p.Reason, SecondReason: second.Reason,
		Until: until, Broken: t.Broken,
	}
	return append(before, approval), nil
}

// rollout is what an override and an ordinary approval have in common.
func (r OverrideRequest) rollout() ApproveRequest {
	return ApproveRequest{Group: r.Group, Release: r.Release, Deadline: r.Deadline, Start: r.Start, Waves: r.Waves, Soak: r.Soak, Rebase: r.Rebase}
}

// parseUntil reads when an override ends: "+14d", or a wall time in the
// installation's time zone.
func (f *Fleet) parseUntil(text string) (time.Time, error) {
	now := f.now()
	until, err := time.ParseInLocation("2006-01-02T15:04", text, f.o.Location)
	if err != nil {
		d, offsetErr := ParseOffset(text)
		if offsetErr != nil {
			return time.Time{}, invalid("until", "not-an-offset-or-time", "%q: want +14d, +12h or a local time such as 2026-11-27T18:30", text).with("value", text)
		}
		until = minuteUp(now.Add(d))
	}
	if !until.After(now) || until.Sub(now) > maxOverride+time.Minute {
		return time.Time{}, invalid("until", "until-out-of-range", "%s: want a time in the future, at most 90 days away", text).with("value", text)
	}
	return until.UTC(), nil
}
