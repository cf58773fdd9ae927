package fleet

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// enforceDeadline is how long phones have for what a policy that sets no deadline
// approves at the end of a hold; the group's minimum notice comes on top where it
// is longer.
const enforceDeadline = "+3d"

// tellHolds records every day of a hold that somebody has to hear of, and at
// its end does what the group's policy says: in the transaction that remembers
// it, so that each happens once, whenever the server stops. Of several days
// that passed unseen the newest is told. A policy that enforces and finds nothing
// verified at the end looks again until something is.
func (f *Fleet) tellHolds(ctx context.Context, w *worldState, j *gated) error {
	if j.halted() {
		return nil // what a policy would approve is not to begin
	}
	if c, err := f.holdsToTell(w, j, everywhere()); err != nil || len(c.HoldMarks) == 0 {
		return err
	}
	var told storage.WorldChange
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		var err error
		told, err = f.holdsToTell(w, f.gatedNow(w, s), everywhere())
		if err == nil && len(told.HoldMarks) == 0 {
			err = errNothingToDo
		}
		return told, err
	})
	if err != nil {
		return wrap("tell of holds", err)
	}
	for _, e := range told.Audit {
		f.o.Logger.WarnContext(ctx, "hold", "action", e.Action, "target", e.Target, "day", e.Detail["day"],
			"phase", e.Detail["phase"], "users_see_it_from", e.Detail["users_see_it_from"], "outcome", e.Detail["outcome"])
	}
	return nil
}

// holdsToTell returns the change that tells of every hold of the groups within reach, empty when there is
// nothing to tell.
func (f *Fleet) holdsToTell(w *worldState, j *gated, r reach) (storage.WorldChange, error) {
	var c storage.WorldChange
	for _, g := range j.records.Groups {
		if !r.has(g.Name) {
			continue
		}
		if err := f.holdsOf(&c, w, j, g); err != nil {
			return storage.WorldChange{}, err
		}
	}
	return c, nil
}

// holdsOf adds what there is to tell of the holds of one group. What several
// that end at one moment would approve is approved once.
func (f *Fleet) holdsOf(c *storage.WorldChange, w *worldState, j *gated, g storage.Group) error {
	s, now := j.snapshot, j.now
	decided, err := s.decided(policyName(g))
	if err != nil {
		decided = builtInPolicy()
	}
	enforces := decided.OnExpiry == string(policy.OnExpiryEnforce)
	gates := j.gates(g.Name)
	for _, gate := range gates {
		day, waiting := policy.HoldReached(j.world, gate, now)
		mark := markOf(s, gate)
		again := mark.Waits && enforces && day == policy.HoldDays
		switch {
		case day <= mark.Day && !again:
			continue
		case day < policy.HoldDays:
			c.HoldMarks = append(c.HoldMarks, storage.HoldMark{Group: g.Name, Release: gate.Release, Day: day, At: now})
			entry := f.holdEntry("hold.alarm", gate, policy.HoldDay(gate, now)) // the server may have been off
			c.Audit, c.Notices = append(c.Audit, entry), append(c.Notices, f.holdNotice(w.segment, entry, gate))
			continue
		}
		var approval storage.Approval
		enforced, outcome := policy.Gate{}, outcomeStaysClosed
		if enforces {
			if approval, enforced, outcome, err = f.enforceable(w, j, decided, g.Name, waiting, gate.Release); err != nil {
				return err
			}
		}
		if slices.ContainsFunc(c.Approvals, func(a storage.Approval) bool { return a.Group == g.Name && a.Release == enforced.Release }) {
			outcome = policy.EndDecided
		}
		looksAgain := outcome == policy.EndNoVerified || outcome == policy.EndBuildGone
		if again && looksAgain && string(outcome) == cmp.Or(mark.Outcome, string(policy.EndNoVerified)) {
			continue
		}
		entry := f.holdEntry("hold.ended", gate, day)
		if again {
			entry.Action, entry.Detail["day"] = "hold.settled", strconv.Itoa(policy.HoldDay(gate, now)) // days after its end
		}
		entry.Detail["policy"], entry.Detail["on_expiry"], entry.Detail["outcome"] = decided.Name, decided.OnExpiry, string(outcome)
		told := storage.HoldMark{Group: g.Name, Release: gate.Release, Day: day, At: now, Waits: looksAgain}
		if looksAgain {
			told.Outcome = string(outcome)
		}
		c.HoldMarks = append(c.HoldMarks, told)
		c.Audit = append(c.Audit, entry)
		if outcome == policy.EndApproved {
			f.approveAtEnd(c, approval, enforced, entry, gate.Release)
		}
		c.Notices = append(c.Notices, f.holdNotice(w.segment, entry, gate))
	}
	return nil
}

// approveAtEnd adds the approval that a policy gives because the hold of a
// release ended, and says so in the entry of that.
func (f *Fleet) approveAtEnd(c *storage.WorldChange, approval storage.Approval, enforced policy.Gate, entry storage.AuditEntry, release string) {
	entry.Detail["approved"], entry.Detail["approval"] = approval.Release, approval.ID
	c.Approvals = append(c.Approvals, approval)
	c.Audit = append(c.Audit, f.entry(Act{Actor: "kannuki", Reason: approval.Reason}, "gate.approve", approval.Group+"/"+approval.Release, map[string]string{
		"phase_before": string(enforced.Phase), "by": approval.By, "hold_of": release,
	}))
	maps.Copy(c.Audit[len(c.Audit)-1].Detail, approvalDetail(approval))
}

// markOf returns what was told of a gate's hold, a zero mark for nothing.
func markOf(s *snapshot, gate policy.Gate) storage.HoldMark {
	i := slices.IndexFunc(s.records.HoldMarks, func(m storage.HoldMark) bool { return m.Group == gate.Group && m.Release == gate.Release })
	if i < 0 {
		return storage.HoldMark{}
	}
	return s.records.HoldMarks[i]
}

func (f *Fleet) holdEntry(action string, gate policy.Gate, day int) storage.AuditEntry {
	return f.entry(Act{Actor: "kannuki"}, action, gate.Group+"/"+gate.Release, map[string]string{
		"day": strconv.Itoa(day), "users_see_it_from": gate.Clocks.HiddenUntil.Format(time.DateOnly),
		"phase": string(gate.Phase), "missing": strings.Join(gate.Missing, ","),
	})
}

// outcomeStaysClosed is what comes of the end of a hold where the policy approves
// nothing.
const outcomeStaysClosed policy.HoldOutcome = "stays-closed"

// lastApproval returns what finds the newest approval of a release in a group.
func (s *snapshot) lastApproval(group string) func(release string) *policy.Approval {
	return func(release string) *policy.Approval {
		found, ok := newestApproval(s, group, release)
		if !ok {
			return nil
		}
		a := policyApproval(found)
		return &a
	}
}

// enforceable returns the approval that a policy gives because the hold of a release
// ended for the models that wait, and the gate it opens, when the outcome is
// [policy.EndApproved].
func (f *Fleet) enforceable(w *worldState, j *gated, decided storage.Policy, group string, waiting []string, release string) (storage.Approval, policy.Gate, policy.HoldOutcome, error) {
	var approval storage.Approval
	var failed error
	opens := func(gate policy.Gate) bool {
		a, lasts, err := f.approveByPolicy(w, j.snapshot, decided, gate, release)
		approval, failed = a, errors.Join(failed, err)
		return lasts
	}
	enforced, outcome := policy.Enforceable(j.gates(group), waiting, j.lastApproval(group), opens, j.now)
	return approval, enforced, outcome, failed
}

// approveByPolicy returns the approval of a verified gate that a policy gives
// for whoever wrote it, because the hold of a release ended. It takes the
// policy's waves and calendar, and all phones at once when a wave would not end in
// time for the build: nobody is there to choose between late phones and none. It reports
// false where the build may be gone before what phones would be told then too, or where a closed
// calendar would keep their wave.
func (f *Fleet) approveByPolicy(w *worldState, s *snapshot, decided storage.Policy, gate policy.Gate, release string) (storage.Approval, bool, error) {
	approval := f.newApproval(gate.Group, gate.Release, byPolicy(decided), "the hold of "+release+" ended; the policy approves the newest verified release", gate)
	approval.Models = gate.Models
	r := ApproveRequest{Group: gate.Group, Release: gate.Release}.or(decided)
	r.Deadline = cmp.Or(r.Deadline, enforceDeadline)
	var err error
	if approval.Waves, approval.Soak, err = f.waves(w, s, r, approval); err != nil {
		return storage.Approval{}, false, err
	}
	if f.inTime(s, gate, approval) == nil {
		return approval, true, nil
	}
	r.Waves, r.Soak = nil, ""
	if approval.Waves, approval.Soak, err = f.waves(w, s, r, approval); err != nil {
		return storage.Approval{}, false, err
	}
	return approval, f.scheduleOf(s, approval).Opens(gate, engineWaves(approval.Waves), f.now()), nil
}
