package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// reminders are what a team decides beforehand about phones that are late.
type reminders struct {
	steps  []string
	night  bool // nobody is disturbed from 19 to 8
	week   bool // nor on Saturdays and Sundays
	perDay int  // steps of one phone; 0: any number
}

// firstStep is in every ladder, and due firstAfter a phone was told.
const (
	firstStep  = "push@+6h"
	firstAfter = 6 * time.Hour
)

// drawReminders has every team remind, by a policy of its own, and more users put
// off what their phones ask.
func drawReminders(r *rand.Rand, l *life) {
	for i := range l.teams {
		t := &l.teams[i]
		if t.rules.name == "" {
			t.rules = rules{name: "rules-" + t.name, onExpiry: extendRisk}
		}
		t.reminders = reminders{steps: []string{firstStep}, night: r.IntN(2) == 0, week: r.IntN(3) == 0, perDay: r.IntN(3)}
		for _, step := range []string{"notice@+10h", "message@+1d", "message@deadline+2h", "escalate@deadline+1d", "ticket@deadline+3d"} {
			if r.IntN(3) > 0 {
				t.reminders.steps = append(t.reminders.steps, step)
			}
		}
	}
	for i := range l.phones {
		if r.IntN(2) == 0 {
			l.phones[i].user = postpones
		}
	}
}

// change is what the policy of a team says about reminders.
func (d reminders) change() fleet.ChaseChange {
	var c fleet.ChaseChange
	if len(d.steps) == 0 {
		return c
	}
	c.Chase, c.ChasePerDay = &d.steps, &d.perDay
	if d.night {
		c.ChaseQuiet = new("19:00-08:00")
	}
	if d.week {
		c.ChaseOff = &[]string{"sat", "sun"}
	}
	return c
}

// disturbs reports whether somebody is disturbed at a wall time at which a team
// disturbs nobody.
func (t team) disturbs(local time.Time) bool {
	weekend := local.Weekday() == time.Saturday || local.Weekday() == time.Sunday
	days := t.rules.calendar
	days.from, days.to = 0, 0
	return t.reminders.week && weekend || t.reminders.night && (local.Hour() < 8 || local.Hour() >= 19) || !days.open(local)
}

// remind has the server take the steps that are due.
func (w *world) remind() {
	if !w.life.reminds || w.off() {
		return
	}
	w.reminding(func() error { return w.fleet.Chase(w.ctx) })
}

// reminding holds the steps that are taken while the server does something.
func (w *world) reminding(do func() error) {
	before := map[string]storage.Phone{}
	for _, p := range w.phones {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err == nil {
			before[p.udid] = stored // of what it points at nothing is ever changed in place
		}
	}
	if err := w.try(do); err != nil {
		w.violated("P0", nil, "taking steps: %v", err)
	}
	for _, p := range w.phones {
		stored, err := w.disk.Phone(w.ctx, seg, p.udid)
		if err != nil {
			w.violated("P0", p, "its record: %v", err)
			return
		}
		was := before[p.udid]
		w.checkSteps(p, &was, &stored)
		w.checkReminded(p, &stored)
	}
}

// checkSteps holds the steps that were taken for a phone.
func (w *world) checkSteps(p *phone, was, is *storage.Phone) {
	if is.Chase == nil {
		return
	}
	old := 0
	if was.Chase != nil && was.Chase.Approval == is.Chase.Approval {
		old = len(was.Chase.Steps)
	}
	i := slices.IndexFunc(w.records.Approvals, func(a storage.Approval) bool { return a.ID == is.Chase.Approval })
	for n, s := range is.Chase.Steps {
		key := fmt.Sprint(p.udid, " ", p.epoch, " ", is.Chase.Approval, " ", s.Step)
		switch at, done := w.book.steps[key]; {
		case done && (n >= old || !at.Equal(s.At)):
			w.violated("P17", p, "step %s is taken at %s, and was at %s", s.Step, s.At, at)
		case !done && i >= 0:
			w.book.steps[key] = s.At
			w.trace("step %s for %s", s.Step, p.udid)
			if s.At.Equal(w.serverNow()) { // not while the server started
				w.checkStep(p, was, w.records.Approvals[i], s, is.Chase.Steps[:n])
			}
		}
	}
}

// checkStep holds one step: the phone is to install what it is about and has not,
// and it disturbs nobody.
func (w *world) checkStep(p *phone, was *storage.Phone, a storage.Approval, s storage.ChaseStep, before []storage.ChaseStep) {
	t, local := w.team(a.Group), s.At.In(zone(was.TimeZone))
	same := 0
	for _, b := range before {
		if b.At.In(local.Location()).Format(time.DateOnly) == local.Format(time.DateOnly) {
			same++
		}
	}
	switch o := w.objects(p, a.Release); {
	case p.group != a.Group || p.ring != storage.RingProduction:
		w.violated("P17", p, "step %s of group %s is taken", s.Step, a.Group)
	case o.why != "":
		w.violated("P17", p, "step %s for %s is taken: %s", s.Step, a.Release, o.why)
	case !newer(a.Release, was.OS.Version):
		w.violated("P17", p, "step %s for %s is taken, which it has", s.Step, a.Release)
	case was.TimeZone != "" && t.disturbs(local):
		w.violated("P17", p, "step %s disturbs somebody at %s", s.Step, local)
	case t.reminders.perDay > 0 && same >= t.reminders.perDay:
		w.violated("P17", p, "step %s is number %d of %s", s.Step, same+1, local.Format(time.DateOnly))
	case !slices.Contains(t.reminders.steps, s.Step):
		w.violated("P17", p, "step %s is none of %s", s.Step, strings.Join(t.reminders.steps, ", "))
	case s.Step == firstStep && s.At.Before(a.Waves[0].Start.Add(firstAfter)):
		w.violated("P17", p, "step %s is taken %s after the first wave began", s.Step, s.At.Sub(a.Waves[0].Start))
	}
}

// remindedBy is how long a phone that was told and does not install waits for its
// first reminder: over a weekend, and the quiet hours after it.
const remindedBy = 4 * day

// checkReminded holds that a phone which waits to be let install is reminded.
func (w *world) checkReminded(p *phone, stored *storage.Phone) {
	release, _ := p.told()
	a, ok := w.approval(p.group, release, w.decided())
	key := fmt.Sprint(p.udid, " ", p.epoch, " ", a.ID)
	waits := ok && p.ring == storage.RingProduction && p.state == statePrepared && w.undisturbed(p) && w.team(p.group).rules.calendar == (calendar{})
	if !waits {
		delete(w.book.unreminded, key)
		return
	}
	since, known := w.book.unreminded[key]
	if !known {
		w.book.unreminded[key] = w.now
	}
	taken := stored.Chase != nil && stored.Chase.Approval == a.ID
	if known && !taken && w.now.Sub(since) > remindedBy+firstAfter {
		w.violated("P17", p, "nobody was reminded of %s, which it has waited to install since %s", release, since)
	}
}

// intrusive are plants about reminders.
func intrusive() []plant {
	return []plant{
		{
			name: "a report makes the steps taken forgotten", property: "P17", seed: 126,
			store: phones(func(before, after *storage.Phone) {
				if !after.StatusAt.Equal(before.StatusAt) {
					after.Chase = nil
				}
			}),
		},
		{
			name: "nobody sleeps", property: "P17", seed: 126,
			store: reading(func(w *storage.World) {
				for i := range w.Policies {
					w.Policies[i].Chase.From = w.Policies[i].Chase.To
				}
			}),
		},
		{
			name: "nobody is reminded", property: "P17", seed: 30,
			store: reading(func(w *storage.World) {
				for i := range w.Policies {
					w.Policies[i].Chase.Steps = nil
				}
			}),
		},
	}
}
