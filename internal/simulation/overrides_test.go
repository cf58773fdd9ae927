package simulation

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// overrideEnd is the end of one override, as two people signed it, and what was told of it.
type overrideEnd struct {
	at     time.Time
	told   bool
	silent int // days on which it should have been told
}

// stoodToItsEnd reports whether nobody withdrew an override, or put another approval in
// its place, before its end.
func (w *world) stoodToItsEnd(a storage.Approval) bool {
	end := a.Override.Until
	return !passed(a.WithdrawnAt, end) && !slices.ContainsFunc(w.records.Approvals, func(b storage.Approval) bool {
		return b.Group == a.Group && b.Release == a.Release && b.At.After(a.At) && b.At.Before(end)
	})
}

// checkOverrideEnd holds what the audit log tells of the end of an override: once, not
// before it, and of none that ended otherwise.
func (w *world) checkOverrideEnd(e storage.AuditEntry) {
	i := slices.IndexFunc(w.records.Approvals, func(a storage.Approval) bool { return a.ID == e.Detail["approval"] && a.Override != nil })
	if i < 0 {
		w.violated("P5", nil, "the audit log tells of the end of an override of %s that there is none of", e.Target)
		return
	}
	a := w.records.Approvals[i]
	end := w.book.ends[a.ID]
	switch {
	case e.Target != a.Group+"/"+a.Release:
		w.violated("P5", nil, "the end of the override of %s/%s stands in the audit log as that of %s", a.Group, a.Release, e.Target)
	case e.At.Before(end.at):
		w.violated("P5", nil, "the override of %s ends at %s, and its end is told at %s", e.Target, end.at, e.At)
	case !w.stoodToItsEnd(a):
		w.violated("P5", nil, "the end of the override of %s is told, which ended before", e.Target)
	case end.told && !w.book.reset: // a clock that ran ahead may have ended it too early
		w.violated("P5", nil, "the end of the override of %s is told again", e.Target)
	}
	end.told = true
	w.book.ends[a.ID] = end
	w.checkEndNotices(a)
}

// checkEndNotices holds that people hear of the end of an override as often as the
// audit log has it.
func (w *world) checkEndNotices(a storage.Approval) {
	list, err := w.disk.Notices(w.ctx, seg, storage.NoticeQuery{Limit: 1000})
	if err != nil {
		w.violated("P0", nil, "the notices: %v", err)
	}
	notices := 0
	for _, n := range list {
		if n.Kind == fleet.NoticeOverrideEnded && n.Params["approval"] == a.ID {
			notices++
		}
	}
	if notices != 1 && !w.book.reset {
		w.violated("P5", nil, "there are %d notices of the end of the override of %s/%s", notices, a.Group, a.Release)
	}
}

// checkOverrideEnds holds that no override ends in silence.
func (w *world) checkOverrideEnds() {
	for _, a := range w.records.Approvals {
		end := w.book.ends[a.ID]
		if a.Override == nil || end.told {
			continue
		}
		end.silent++
		if w.skew != 0 || w.halted() || w.serverNow().Before(end.at) || !w.stoodToItsEnd(a) {
			end.silent = 0
		}
		if w.book.ends[a.ID] = end; end.silent > 3 {
			w.violated("P5", nil, "the override of %s/%s ended at %s, and nobody is told", a.Group, a.Release, end.at)
		}
	}
}

// silenced are plants about the end of overrides.
func silenced() []plant {
	return []plant{
		{
			name: "an override ends a day early", property: "P5", seed: 7,
			store: approvals(func(a *storage.Approval) {
				if a.Override != nil {
					a.Override.Until = a.Override.Until.Add(-day)
				}
			}),
		},
		{name: "the end of an override leaves no trace", property: "P5", seed: 7, store: losing(fleet.NoticeOverrideEnded)},
		{
			name: "that the end of an override was told is forgotten", property: "P5", seed: 37,
			store: approvals(func(a *storage.Approval) {
				if a.Override != nil {
					a.Override.EndToldAt = time.Time{}
				}
			}),
		},
	}
}
