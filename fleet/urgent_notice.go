package fleet

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// tellUrgent records, once for each group, release and flaw, that the release is urgent
// there: in the transaction that remembers it.
func (f *Fleet) tellUrgent(ctx context.Context, w *worldState, j *gated) error {
	if c := f.urgentToTell(w, j); len(c.HoldMarks) == 0 {
		return nil
	}
	var told storage.WorldChange
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		if told = f.urgentToTell(w, f.gatedNow(w, s)); len(told.HoldMarks) == 0 {
			return told, errNothingToDo
		}
		return told, nil
	})
	if err != nil {
		return wrap("tell of urgent releases", err)
	}
	for _, e := range told.Audit {
		f.o.Logger.WarnContext(ctx, "release is urgent", "target", e.Target, "cves", e.Detail["flaws"], "phones", e.Detail["count"])
	}
	return nil
}

// urgentToTell returns the change that tells of every release that became urgent, or
// urgent for a further flaw, empty when there is nothing to tell.
func (f *Fleet) urgentToTell(w *worldState, j *gated) storage.WorldChange {
	var c storage.WorldChange
	s, now := j.snapshot, j.now
	for _, g := range s.records.Groups {
		for _, gate := range j.gates(g.Name) {
			mark := storage.HoldMark{Group: g.Name, Release: "urgent " + gate.Release, Urgent: true, At: now}
			i := slices.IndexFunc(s.records.HoldMarks, func(m storage.HoldMark) bool { return sameMark(m, mark) })
			if i >= 0 {
				mark.CVEs = s.records.HoldMarks[i].CVEs
			}
			if i >= 0 && len(mark.CVEs) == 0 && gate.Urgent != nil { // of a version that did not write down which flaws it told
				mark.CVEs = gate.Urgent.CVEs
				c.HoldMarks = append(c.HoldMarks, mark)
				continue
			}
			if gate.Lane != nil { // two people saw these
				mark.CVEs = sortedUnion(mark.CVEs, gate.Lane.CVEs)
			}
			if !worthTelling(gate) || !slices.ContainsFunc(gate.Urgent.CVEs, isNew(mark)) {
				continue
			}
			entry := f.entry(Act{Actor: "kannuki"}, NoticeReleaseUrgent, g.Name+"/"+gate.Release, urgentDetail(gate, mark))
			mark.CVEs = sortedUnion(mark.CVEs, gate.Urgent.CVEs)
			c.HoldMarks, c.Audit, c.Notices = append(c.HoldMarks, mark), append(c.Audit, entry), append(c.Notices, f.holdNotice(w.segment, entry, gate))
		}
	}
	return c
}

// worthTelling reports whether a release is urgent and phones can still get it. Of one
// that goes by the emergency lane already, people want to know which further flaws it is for.
func worthTelling(gate policy.Gate) bool {
	if gate.Urgent == nil {
		return false
	}
	switch gate.Phase {
	case policy.PhaseDeclined, policy.PhaseExpired, policy.PhaseSuperseded, policy.PhaseDone:
		return false
	case policy.PhasePaused, policy.PhaseBlocked, policy.PhaseRollingOut, policy.PhaseApproved, policy.PhaseVerified, policy.PhaseVerifying, policy.PhaseHeld:
	}
	return true
}

// isNew returns what reports whether a mark says nothing of a flaw.
func isNew(mark storage.HoldMark) func(string) bool {
	return func(flaw string) bool { return !slices.Contains(mark.CVEs, flaw) }
}

// urgentDetail says which flaws, beyond those that were told, make a gate urgent, for
// how many phones on what, and what a person can do next.
func urgentDetail(gate policy.Gate, told storage.HoldMark) map[string]string {
	phones, from, flaws := 0, []string{}, []string{}
	for _, v := range gate.Urgent.From {
		if slices.ContainsFunc(v.CVEs, isNew(told)) {
			phones += v.Phones
			from = append(from, v.Version)
		}
	}
	for _, flaw := range gate.Urgent.CVEs {
		if isNew(told)(flaw) {
			flaws = append(flaws, flaw)
		}
	}
	detail := map[string]string{
		"flaws": strings.Join(flaws, ", "), "count": strconv.Itoa(phones), "from": strings.Join(from, ", "),
		"phase": string(gate.Phase), "step": string(gate.NextHuman),
	}
	if len(told.CVEs) > 0 {
		detail["known"] = strings.Join(told.CVEs, ", ")
	}
	return detail
}
