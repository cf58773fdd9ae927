package fleet

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Kinds of notices. Their names are stable: channels are configured by them.
const (
	NoticeHoldAlarm   = "hold.alarm"   // Apple's longest hold of a release comes near its end
	NoticeHoldEnded   = "hold.ended"   // it ended, and what the policy did then
	NoticeHoldSettled = "hold.settled" // what the policy waited for at the end has come

	noticeBranch        = "branch." // then the state of the branch
	NoticeBranchQuiet   = noticeBranch + string(policy.BranchQuiet)
	NoticeBranchStopped = noticeBranch + string(policy.BranchStopped) // the older branch that phones are on gets no more fixes

	NoticeReleaseUrgent = "release.urgent" // production lacks the fix of a flaw known to be exploited that it brings

	NoticeReleaseLeftOpen = "release.left-open" // a release that the group declined would fix a flaw known to be exploited, and nothing else does

	NoticeOverrideEnded = "override.ended" // an exception came to its end: phones are asked no longer

	NoticePhoneLeaked     = "phone.leaked"      // a production phone came to a release that nobody approved for its group
	NoticeRolloutStopped  = "rollout.stopped"   // a rollout stopped itself, and waits for a person
	NoticeWaveKept        = "rollout.wave-kept" // a wave came due so late that its build would not outlive it for long enough
	NoticeRolloutHurried  = "rollout.hurried"   // two people hurried a rollout under way: phones install sooner than planned
	NoticeProposalWaiting = "proposal.waiting"  // an act waits for a second person
	NoticeProposalSigned  = "proposal.signed"
	NoticeProposalRefused = "proposal.refused"
)

// NoticeKinds returns every kind there is, sorted.
func NoticeKinds() []string {
	kinds := []string{
		NoticeHoldAlarm, NoticeHoldEnded, NoticeHoldSettled, NoticeBranchQuiet, NoticeBranchStopped, NoticeReleaseUrgent, NoticeReleaseLeftOpen, NoticeOverrideEnded, NoticePhoneLeaked, NoticeRolloutStopped, NoticeRolloutHurried, NoticeWaveKept,
		NoticeProposalWaiting, NoticeProposalSigned, NoticeProposalRefused,
		NoticeChaseNotice, NoticeChaseMessage, NoticeChaseEscalate, NoticeChaseTicket,
		NoticeTestsNotice, NoticeTestsMessage, NoticeTestsEscalate, NoticeTestsTicket, NoticeBetaBroken,
	}
	slices.Sort(kinds)
	return kinds
}

// How long notices are kept once no channel is to carry them any more, and how
// many of them at most.
const (
	noticeLife = 90 * 24 * time.Hour
	maxNotices = 50_000
)

// forgetNotices removes the notices that were kept long enough.
func (f *Fleet) forgetNotices(ctx context.Context, w *worldState) error {
	for {
		n, err := f.store.ForgetNotices(ctx, w.segment, f.now().Add(-noticeLife), maxNotices, pageSize)
		if err != nil || n < pageSize {
			return wrap("forget notices", err)
		}
	}
}

// forgetHolders takes references to people out of notices once nobody knows the
// phone by them any more: it left, enrolled anew, or somebody else carries it. What
// one transaction does not carry is left to the next sweep.
func (f *Fleet) forgetHolders(ctx context.Context, w *worldState) error {
	_, err := f.store.ForgetHolders(ctx, w.segment, pageSize)
	return wrap("forget who carried phones", err)
}

// notice completes what somebody has to hear of: the moment and the ID, unless
// it has them, and the channels of its segment that carry it, which try at once. The ID is made
// of all that the notice says but who carries the phone: nobody may guess the
// reference from it once that is forgotten. One that comes with an audit entry has
// its time.
func (f *Fleet) notice(seg storage.Segment, n storage.Notice) storage.Notice {
	if n.At.IsZero() {
		n.At = f.now()
	}
	if n.ID == "" {
		n.ID = noticeID(n)
	}
	if f.o.Channels == nil {
		return n
	}
	for _, channel := range f.o.Channels(seg, n.Kind, n.Group) {
		n.Deliveries = append(n.Deliveries, storage.Delivery{Channel: channel, State: storage.DeliveryPending})
	}
	return n
}

func noticeID(n storage.Notice) string {
	parts := []string{n.Kind, n.At.UTC().Format(time.RFC3339Nano), n.Group, n.Release, n.Phone}
	for _, k := range slices.Sorted(maps.Keys(n.Params)) {
		parts = append(parts, k, n.Params[k])
	}
	sum := sha256.New()
	for _, part := range parts {
		sum.Write([]byte(part + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// holdNotice returns the notice of what an entry says of a gate: of the hold of its
// release, of the older branch, or that it is urgent.
func (f *Fleet) holdNotice(seg storage.Segment, entry storage.AuditEntry, gate policy.Gate) storage.Notice {
	return f.notice(seg, storage.Notice{Kind: entry.Action, At: entry.At, Group: gate.Group, Release: gate.Release, Params: maps.Clone(entry.Detail)})
}

// editAbout is a code for what a proposed edit takes two people for.
func editAbout(e *storage.EditTerms) string {
	switch {
	case len(e.Moves) == 0:
		return storage.KindEdit
	case len(e.Gates) == 0 && len(e.Into) == 0:
		return "to-test"
	default:
		return "past-gates"
	}
}

// proposalNotice returns the notice that a proposal waits for a second person, or
// of how it ended.
func (f *Fleet) proposalNotice(seg storage.Segment, kind string, p storage.Proposal) storage.Notice {
	named := map[string]string{"id": p.ID, "kind": p.Kind, "proposer": p.Person.Name}
	if p.Edit != nil {
		named["about"] = editAbout(p.Edit)
	}
	if kind == NoticeProposalWaiting {
		named["date"] = p.LapsesAt.UTC().Format(time.RFC3339)
	} else {
		named["by"] = p.EndedPerson
	}
	return f.notice(seg, storage.Notice{Kind: kind, Group: p.Group, Release: p.Release, Params: named})
}
