package fleet

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// tellDeclined records, once for each group, release and flaw, that a release which
// the group declined leaves a flaw open on production phones that is known to be
// exploited: in the transaction that remembers it.
func (f *Fleet) tellDeclined(ctx context.Context, w *worldState, j *gated) error {
	if c := f.declinedToTell(w, j); len(c.HoldMarks) == 0 {
		return nil
	}
	var told storage.WorldChange
	err := f.change(ctx, w, func(s *snapshot) (storage.WorldChange, error) {
		if told = f.declinedToTell(w, f.gatedNow(w, s)); len(told.HoldMarks) == 0 {
			return told, errNothingToDo
		}
		return told, nil
	})
	if err != nil {
		return wrap("tell of declined releases", err)
	}
	for _, e := range told.Audit {
		f.o.Logger.WarnContext(ctx, "declined release leaves exploited flaws open", "target", e.Target, "cves", e.Detail["flaws"], "phones", e.Detail["count"])
	}
	return nil
}

// declinedToTell returns the change that tells what declined releases newly leave
// open, empty when there is nothing to tell. Of releases that would close the same
// flaw the newest tells it.
func (f *Fleet) declinedToTell(w *worldState, j *gated) storage.WorldChange {
	var c storage.WorldChange
	if len(j.records.Declines) == 0 {
		return c
	}
	ledger := policy.NewLedger(j.world, j.now)
	for _, g := range j.records.Groups {
		var newer []string // flaws that a newer release tells of
		for _, open := range ledger.Declined(g.Name) {
			mark := storage.HoldMark{Group: g.Name, Release: "declined " + open.Release, Declined: true, At: j.now}
			if i := slices.IndexFunc(j.records.HoldMarks, func(m storage.HoldMark) bool { return sameMark(m, mark) }); i >= 0 {
				mark.CVEs = j.records.HoldMarks[i].CVEs
			}
			flaws := slices.DeleteFunc(slices.Clone(open.OnProduction), func(flaw string) bool {
				return slices.Contains(newer, flaw) || slices.Contains(mark.CVEs, flaw)
			})
			newer = append(newer, open.OnProduction...)
			if len(flaws) == 0 {
				continue
			}
			entry := f.entry(Act{Actor: "kannuki"}, NoticeReleaseLeftOpen, g.Name+"/"+open.Release, leftOpenDetail(open, flaws, mark.CVEs))
			mark.CVEs = sortedUnion(mark.CVEs, flaws)
			notice := storage.Notice{Kind: entry.Action, At: entry.At, Group: g.Name, Release: open.Release, Params: maps.Clone(entry.Detail)}
			c.HoldMarks, c.Audit, c.Notices = append(c.HoldMarks, mark), append(c.Audit, entry), append(c.Notices, f.notice(w.segment, notice))
		}
	}
	return c
}

// leftOpenDetail says which flaws, beyond those that were told, a declined release
// leaves open, and on how many phones flaws known to be exploited are.
func leftOpenDetail(open policy.LeftOpen, flaws, told []string) map[string]string {
	detail := map[string]string{"flaws": strings.Join(flaws, ", "), "count": strconv.Itoa(open.Exposed)}
	if open.VerificationExposed > 0 {
		detail["verification"] = strconv.Itoa(open.VerificationExposed)
	}
	if len(told) > 0 {
		detail["known"] = strings.Join(told, ", ")
	}
	return detail
}
