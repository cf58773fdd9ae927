package main

import "github.com/kannuki-mdm/kannuki/fleet"

// testRemindersText says which verification phones lack a result, and what the
// reminders about that did.
func (g *globals) testRemindersText(v *fleet.TestReminders) string {
	if v == nil || v.Count == 0 {
		return ""
	}
	t := g.text
	phones := table{columns: []column{
		{"udid", t.T("Without a result")},
		{"holder", t.T("Carried by")},
		{"reason", t.T("Why there is none")},
		{"last", t.T("Last reminder")},
		{"last_at", t.T("Sent")},
		{"next", t.T("Next reminder")},
		{"next_at", t.T("Due")},
	}}
	for _, p := range v.Phones {
		phones.add(plain(p.UDID), plain(p.Holder), cell{p.Reason, t.Lateness(p.Reason)}, plain(p.Last), g.instant(p.LastAt), plain(p.Next), g.instant(p.NextAt))
	}
	text := "\n" + phones.text()
	if more := v.Count - len(v.Phones); more > 0 {
		text += t.T("and %d more", more) + "\n"
	}
	steps := table{columns: []column{
		{"step", t.T("Reminder")},
		{"sent", t.T("Sent to")},
		{"moved", t.T("Result within a day")},
		{"waiting", t.T("Still without")},
	}}
	for _, s := range v.Steps {
		steps.add(plain(s.Step), number(s.Sent), number(s.Moved), number(s.Waiting))
	}
	return text + "\n" + steps.text()
}
