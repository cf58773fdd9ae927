package fleet

import (
	"context"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ApproveRequest is a person's decision to open a gate.
type ApproveRequest struct {
	Group   string `json:"group"`
	Release string `json:"release"`
	// Deadline is "+3d", "+12h" or a local wall time "2026-11-27T18:30". No phone
	// gets less than the group's minimum notice, whatever it says.
	// "" is what the group's policy says.
	Deadline string `json:"deadline"`
	// Start is when phones begin to be asked: "+2h", or "" for at once. Until
	// then the approval can be withdrawn.
	Start string `json:"start,omitempty"`
	// Waves are shares of the phones and when each starts: "5%@+0", "25%@+2d",
	// "100%@+4d:+7d" (with its own deadline), "20@+12h" (a number of phones). A
	// share counts the waves before it too, and offsets count from Start. Without
	// an offset a wave starts once the one before has soaked. None: those of the
	// group's policy.
	Waves []string `json:"waves,omitempty"`
	// Soak is the least time between the starts of two waves: "2d", "12h"; "" is
	// that of the group's policy.
	Soak string `json:"soak,omitempty"`
	// Rebase takes the waves over of the rollout of an older release that is
	// under way, in place of Start, Waves and Soak. Deadline is then for phones
	// that are told from now on; "" leaves each wave what it had.
	Rebase bool `json:"rebase,omitempty"`
	// Fingerprint is that of the gate as the person saw it; "" skips the check.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Approve opens a verified gate; an override of it gives way. It is refused with every missing app named
// when the gate is closed, and returns a *ChangedError when the gate is not
// the one the person saw. It tells no phone anything itself: the approval
// becomes part of the world that targets are computed from.
func (f *Fleet) Approve(ctx context.Context, seg storage.Segment, a Act, r ApproveRequest) (Effect, error) {
	w, err := f.world(seg)
	if err != nil {
		return Effect{}, err
	}
	var next foreseen
	detail := map[string]string{}
	effect, err := f.carry(ctx, seg, a, decision{action: "gate.approve", group: r.Group, release: r.Release, detail: detail, build: func(s *snapshot, gate policy.Gate) (storage.WorldChange, error) {
		if r.Fingerprint != "" && r.Fingerprint != gate.Fingerprint {
			return storage.WorldChange{}, &ChangedError{r.Group, r.Release}
		}
		if err := decidable(gate); err != nil {
			return storage.WorldChange{}, err
		}
		if err := policy.Approvable(gate); err != nil {
			return storage.WorldChange{}, closed(gate, err)
		}
		approval := f.newApproval(r.Group, r.Release, a.Actor, a.Reason, gate)
		approval.Models = gate.Models
		before, err := f.roll(w, s, r, &approval)
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := f.inTime(s, gate, approval); err != nil {
			return storage.WorldChange{}, err
		}
		maps.Copy(detail, approvalDetail(approval))
		changed := append(before, approval)
		next, err = f.foresee(w, s, changed)
		return storage.WorldChange{Approvals: changed}, err
	}})
	if err == nil {
		f.foretell(w, next, &effect)
	}
	return effect, err
}

// approvalDetail is what the audit log keeps of an approval that one person gives, or a
// policy: whom it lets install what and when, and what that rests on.
func approvalDetail(a storage.Approval) map[string]string {
	first, last := a.Waves[0], a.Waves[len(a.Waves)-1]
	detail := map[string]string{
		"approval": a.ID, "models": strings.Join(a.Models, ","), "verdicts": strings.Join(a.Verdicts, ","),
		"waves": strconv.Itoa(len(a.Waves)), "start": first.Start.UTC().Format(time.RFC3339), "deadline": first.Deadline,
	}
	if len(a.Waves) > 1 {
		detail["last_start"], detail["last_deadline"] = last.Start.UTC().Format(time.RFC3339), last.Deadline
	}
	if a.Soak > 0 {
		detail["soak"] = noticeText(a.Soak)
	}
	if a.RebasedFrom != "" {
		detail["rebased_from"] = a.RebasedFrom
	}
	var floors []string
	for _, f := range a.Floors {
		floors = append(floors, f.BundleID+" "+f.Version)
	}
	detail["floors"] = strings.Join(floors, ",")
	return detail
}
