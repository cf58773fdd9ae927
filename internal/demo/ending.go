package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// theEnd shows why each phone is where it is and checks the story.
func (d *demo) theEnd(ctx context.Context) error {
	d.begin(d.text.T("Who has it, who has not, and why"))
	views, err := d.views(ctx)
	if err != nil {
		return err
	}
	reasons, err := d.reasonTable(ctx, views)
	if err != nil {
		return err
	}
	// Journals first: whatever a phone has received by now, the server's log
	// must explain when it is read after that.
	entries := d.company.journal.Entries()
	log, err := d.audit(ctx)
	if err != nil {
		return err
	}
	f := check(entries, d.book(), readRecords(log))
	diaries, contradictions := readDiaries(entries, d.kinds())
	f.problems = append(f.problems, contradictions...)
	d.write(reasons + "\n" + d.groupTable(views) + "\n")
	d.write(d.text.T("What the older phones' own journals show:") + "\n" + d.olderTable(views, diaries) + "\n")
	return d.tell(f)
}

// book is where the demo put each phone, by its own record.
func (d *demo) book() map[string][]stay {
	book := map[string][]stay{}
	for _, m := range d.company.members {
		m.mu.Lock()
		book[m.phone.UDID()] = slices.Clone(m.stays)
		m.mu.Unlock()
	}
	return book
}

// tell tells what the check found. It returns an *UnsafeError when that is
// anything at all.
func (d *demo) tell(f findings) error {
	t := d.text
	if len(f.problems) == 0 && f.enforcements > 0 {
		d.write(t.T("No production phone received an enforcement before its gate was verified and approved: %d phones, %d enforcements checked.",
			f.phones, f.enforcements) + "\n")
		d.write(t.T("Nor did any phone get a deadline that was over, two enforcements at once, or anything its iOS or Apple's protocol forbids.") + "\n")
		return d.failed()
	}
	for _, p := range f.problems {
		d.write("VIOLATION " + p.String() + "\n")
	}
	if f.enforcements == 0 {
		// A check of nothing proves nothing.
		d.write("VIOLATION " + t.T("no production phone received any enforcement: there was nothing to check") + "\n")
	}
	return &UnsafeError{Problems: max(1, len(f.problems))}
}

// reasonTable counts phones by reason, and says what happens next.
func (d *demo) reasonTable(ctx context.Context, views map[string]fleet.DeviceView) (string, error) {
	t := d.text
	byReason := map[string][]string{}
	for _, udid := range sortedKeys(views) {
		reason := views[udid].Reason
		byReason[reason] = append(byReason[reason], udid)
	}
	reasons := sortedKeys(byReason)
	slices.SortStableFunc(reasons, func(a, b string) int { return cmp.Compare(len(byReason[b]), len(byReason[a])) })
	rows := [][]string{{t.T("Phones"), t.T("Why not yet"), t.T("What happens next, what a person can do")}}
	for _, reason := range reasons {
		var x fleet.ExplainView
		if err := d.get(ctx, api.Path("devices", byReason[reason][0], "explain"), nil, &x); err != nil {
			return "", err
		}
		rows = append(rows, []string{
			strconv.Itoa(len(byReason[reason])), fmt.Sprintf("%s [%s]", t.Reason(reason).Label, reason), d.next(x),
		})
	}
	return aligned(rows), nil
}

// next says what follows by itself and what a person can do.
func (d *demo) next(x fleet.ExplainView) string {
	automatic, human := string(x.Explanation.NextAutomatic), string(x.Explanation.NextHuman)
	step := func(code string) string { return d.text.Fill(d.text.Step(code), x.Explanation.Reason.Params) }
	switch {
	case automatic != "" && human != "":
		return d.text.T("%s %s", step(automatic), step(human))
	case automatic != "":
		return step(automatic)
	default:
		return step(human)
	}
}

// groupTable counts the production phones of each group.
func (d *demo) groupTable(views map[string]fleet.DeviceView) string {
	t := d.text
	rows := [][]string{{t.T("Group"), t.T("Production phones"), t.T("Done"), t.T("Not done")}}
	for _, group := range []string{sales, warehouse} {
		total, done := 0, 0
		for _, v := range views {
			if v.Group != group || v.Ring != production {
				continue
			}
			total++
			if v.Reason == "done" {
				done++
			}
		}
		rows = append(rows, []string{group, strconv.Itoa(total), strconv.Itoa(done), strconv.Itoa(total - done)})
	}
	return aligned(rows)
}

// aligned puts cells under each other by what a terminal shows.
func aligned(rows [][]string) string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], lang.Width(cell))
		}
	}
	out := ""
	for _, row := range rows {
		out += "  "
		for i, cell := range row {
			if i < len(row)-1 {
				cell = lang.Pad(cell, widths[i]+2)
			}
			out += cell
		}
		out += "\n"
	}
	return out
}

// updateScanner puts the fixed Scanner on phones, as an app store would.
func (d *demo) updateScanner(phones []*member) {
	for _, m := range phones {
		m.phone.SetApp(mdmtest.App{BundleID: appScanner, Name: "Scanner", Version: "430", ShortVersion: fixedScanner})
	}
}
