package fleet

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// tellOverrides records, once for each override that came to its end, that phones
// are asked no longer: in the transaction that remembers it.
func (f *Fleet) tellOverrides(ctx context.Context, w *worldState, j *gated) error {
	if j.halted() || len(overridesToTell(j.snapshot, j.now)) == 0 {
		return nil
	}
	var told storage.WorldChange
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		now := f.gatedNow(w, s)
		ended := overridesToTell(s, now.now)
		if s.halted() || len(ended) == 0 {
			return storage.WorldChange{}, errNothingToDo
		}
		told = storage.WorldChange{}
		for _, a := range ended {
			f.overrideEnded(&told, w, now, a)
		}
		return told, nil
	})
	if err != nil {
		return wrap("tell of ended exceptions", err)
	}
	for _, e := range told.Audit {
		f.o.Logger.WarnContext(ctx, "exception ended", "target", e.Target, "phones", e.Detail["count"])
	}
	return nil
}

// overridesToTell returns the overrides that stood until their end and of which
// nobody was told that it has come, however long ago: all may have stood still since.
// One that was withdrawn, with its gate declined or its group removed, or whose place
// another approval took, ended before.
func overridesToTell(s *snapshot, now time.Time) []storage.Approval {
	var list []storage.Approval
	for _, a := range s.records.Approvals {
		o := a.Override
		if o == nil || !o.EndToldAt.IsZero() || !a.WithdrawnAt.IsZero() || !over(a, now) {
			continue
		}
		replaced := func(b storage.Approval) bool {
			return b.Group == a.Group && b.Release == a.Release && b.At.After(a.At) && b.At.Before(o.Until)
		}
		if !slices.ContainsFunc(s.records.Approvals, replaced) {
			list = append(list, a)
		}
	}
	return list
}

// overrideEnded adds what there is to tell of the end of one override.
func (f *Fleet) overrideEnded(c *storage.WorldChange, w *worldState, j *gated, a storage.Approval) {
	gate, o := j.gate(a.Group, a.Release), a.Override
	phones, installing := f.releasedBy(w, j.snapshot, a)
	detail := map[string]string{
		"approval": a.ID, "proposal": o.Proposal, "by": o.By, "second": o.Second, "reason": o.Reason, "second_reason": o.SecondReason,
		"date": o.Until.Format(time.RFC3339), "count": strconv.Itoa(phones), "phase": string(gate.Phase),
	}
	if installing > 0 {
		detail["installing"] = strconv.Itoa(installing)
	}
	if gate.NextHuman != policy.StepNone && gate.Counts.Production > gate.Counts.Done {
		detail["step"] = string(gate.NextHuman)
	}
	entry := f.entry(Act{Actor: "kannuki"}, NoticeOverrideEnded, a.Group+"/"+a.Release, detail)
	notice := storage.Notice{ID: endKey(a), Kind: entry.Action, At: entry.At, Group: a.Group, Release: a.Release, Params: maps.Clone(detail)}
	c.Approvals = append(c.Approvals, endTold(a, j.now))
	c.Audit, c.Notices = append(c.Audit, entry), append(c.Notices, f.notice(w.segment, notice))
}

// endKey returns the key of what is told of the end of an override: the same in whichever
// copy of the records. A restored copy that is older than the end tells of it, as nobody
// may have heard; who did hear knows it by the key.
func endKey(a storage.Approval) string {
	return noticeID(storage.Notice{Kind: NoticeOverrideEnded, Group: a.Group, Release: a.Release, Params: map[string]string{
		"approval": a.ID, "number": strconv.Itoa(a.Override.EndsTold),
	}})
}

// endTold returns an override of whose end people were told at a moment.
func endTold(a storage.Approval, at time.Time) storage.Approval {
	o := *a.Override
	o.EndToldAt = at
	o.EndsTold++
	a.Override = &o
	return a
}

// standsAgain returns an override that a wrong clock had ended.
func standsAgain(a storage.Approval) storage.Approval {
	o := *a.Override
	o.EndToldAt = time.Time{}
	a.Override = &o
	return a
}

// releasedBy counts the phones that an override which ended would ask if it still
// stood: those that are asked no longer, and those that install already.
func (f *Fleet) releasedBy(w *worldState, s *snapshot, ended storage.Approval) (phones, installing int) {
	o := *ended.Override
	o.Until = f.now().Add(time.Hour) // any time to come
	standing := ended
	standing.Override = &o
	f.targets(w, s.with([]storage.Approval{standing}), s, ended.Group, func(_ member, was, is policy.Target) {
		asks := func(t policy.Target) bool { return t.Enforce != nil && t.Enforce.SourceID == ended.ID }
		switch {
		case asks(was) && asks(is):
			installing++
		case asks(was):
			phones++
		}
	})
	return phones, installing
}
