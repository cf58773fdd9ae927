package fleet

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// paramDay names the day, by the installation's clock, of unapproved updates that
// people are told of together. Entries of servers that told of each have none.
const paramDay = "day"

// maxLeaksUnread bounds how much of the audit log is read again after a start,
// where no phone of it leaked.
const maxLeaksUnread = 10_000

// leakDay is what phones leaked to on one day.
type leakDay struct{ group, release, day string }

// dayOf returns the day of a moment by the installation's clock.
func (f *Fleet) dayOf(at time.Time) string { return at.In(f.o.Location).Format(time.DateOnly) }

// toldLeak returns what an audit entry says that a phone leaked to, and false of one
// that says nothing of it, or of which nobody is to be told.
func toldLeak(e storage.AuditEntry) (leakDay, bool) {
	d := leakDay{e.Detail["group"], e.Detail["to"], e.Detail[paramDay]}
	return d, e.Action == NoticePhoneLeaked && d.day != ""
}

// firstID names the notice of the first phone of the day.
func (d leakDay) firstID() string {
	return noticeID(storage.Notice{Kind: NoticePhoneLeaked, Group: d.group, Release: d.release, Params: map[string]string{paramDay: d.day}})
}

// tellLeaks writes, once a day is over, one notice for each group and release of the
// phones that came to it unapproved on that day, beside the first, of which people
// were told at once, and those for which it was approved since. It goes by the audit log, which forgets no phone that was
// moved, updated or removed since, and remembers in the same transaction how far it
// came.
func (f *Fleet) tellLeaks(ctx context.Context, w *worldState, j *gated) error {
	from := j.records.LeaksTold
	leaks, upTo, err := f.leaksSince(ctx, w, max(from, w.leaksRead.Load()))
	if err != nil {
		return wrap("read unapproved updates", err)
	}
	var notices []storage.Notice
	for _, l := range leaks {
		err := f.exceptFirst(ctx, w, &l)
		if err != nil {
			return wrap("read what was told of unapproved updates", err)
		}
		l.entries = slices.DeleteFunc(l.entries, func(e storage.AuditEntry) bool { return f.excusedSince(w, e.Target, l.leakDay) })
		if len(l.entries) > 0 {
			notices = append(notices, f.notice(w.segment, l.notice(j.gate(l.group, l.release))))
		}
	}
	if len(leaks) > 0 || upTo-from > maxLeaksUnread { // also of the first alone: its notice is forgotten one day
		err = f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
			if s.records.LeaksTold != from {
				return storage.WorldChange{}, errNothingToDo
			}
			return storage.WorldChange{LeaksTold: &upTo, Notices: slices.Clone(notices)}, nil
		})
	}
	if err == nil {
		w.leaksRead.Store(upTo)
	}
	return wrap("tell of unapproved updates", err)
}

// leaked are the audit entries of one day, group and release, in order.
type leaked struct {
	leakDay
	entries []storage.AuditEntry
}

// leaksSince reads the audit log from an entry on, and returns what phones leaked to
// on days that are over and the entry at which it ended: the last before the first
// leak of today. A day to come is that of a clock that ran ahead, and over.
func (f *Fleet) leaksSince(ctx context.Context, w *worldState, after uint64) (list []leaked, upTo uint64, err error) {
	today := f.dayOf(f.now())
	for upTo = after; ; {
		entries, err := f.store.Audit(ctx, w.segment, upTo, pageSize)
		if err != nil {
			return nil, 0, err
		}
		for _, e := range entries {
			d, told := toldLeak(e)
			if told && d.day == today {
				return list, upTo, nil
			}
			upTo = e.Seq
			if !told {
				continue
			}
			i := slices.IndexFunc(list, func(l leaked) bool { return l.leakDay == d })
			if i < 0 {
				i, list = len(list), append(list, leaked{leakDay: d})
			}
			list[i].entries = append(list[i].entries, e)
		}
		if len(entries) < pageSize {
			return list, upTo, nil
		}
	}
}

// exceptFirst takes out the phone of which people were told at once, and what else came
// of one phone on the same day.
func (f *Fleet) exceptFirst(ctx context.Context, w *worldState, l *leaked) error {
	first, err := f.store.Notice(ctx, w.segment, l.firstID())
	if err != nil && !errors.Is(err, storage.ErrNotFound) { // it may have been forgotten
		return err
	}
	seen := map[string]bool{first.Phone: true}
	l.entries = slices.DeleteFunc(l.entries, func(e storage.AuditEntry) bool {
		again := seen[e.Target]
		seen[e.Target] = true
		return again
	})
	return nil
}

// excusedSince reports whether the release that a phone leaked to was approved for it
// later on: the list of unapproved updates, to which the notice points, has it no more.
func (f *Fleet) excusedSince(w *worldState, udid string, d leakDay) bool {
	p, known := w.census.phone(udid)
	if !known || p.Group != d.group || p.Ring != storage.RingProduction {
		return false
	}
	a, excused := f.excuse(w, &p, d.release)
	return excused && version.Equal(a.Release, d.release)
}

// notice returns the notice of phones that leaked on one day, to a release that has
// the gate.
func (l leaked) notice(gate policy.Gate) storage.Notice {
	var named []string
	causes := map[string]int{}
	for i, e := range l.entries {
		causes[leakWhy(e)]++
		if i < maxNamed {
			named = append(named, e.Target)
		}
	}
	params := map[string]string{
		paramDay: l.day, policy.ParamCount: strconv.Itoa(len(l.entries)), "phones": strings.Join(named, ","), "causes": countList(causes),
	}
	if len(gate.Missing) > 0 {
		params["missing"] = strings.Join(gate.Missing, ",")
	}
	return storage.Notice{Kind: NoticePhoneLeaked, Group: l.group, Release: l.release, Params: params}
}
