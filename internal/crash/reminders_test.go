package crash

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// reminding is the policy of every group.
const reminding = "reminding"

// ladder is what it reminds people by: as many steps as there may be, so close to
// each other that a server is often ended in the middle of one.
func ladder() []string {
	steps := []string{"notice@+0", "push@+2m"}
	for m := 4; m < 18; m += 2 {
		steps = append(steps, fmt.Sprintf("message@+%dm", m))
	}
	return append(steps, "escalate@+18m")
}

// reminder is a step of a rollout as one phone is reminded by it.
type reminder struct{ approval, step, udid string }

// reminded returns the notices of all steps, by what they remind of.
func (s *state) reminded() map[reminder][]storage.Notice {
	all := map[reminder][]storage.Notice{}
	for _, n := range s.Notices {
		if !strings.HasPrefix(n.Kind, "chase.") {
			continue
		}
		phones := []string{n.Phone}
		if n.Phone == "" {
			phones = strings.Split(n.Params["phones"], ",") // all are named: the campaign has fewer than a notice names
		}
		for _, udid := range phones {
			r := reminder{cmp.Or(n.Params["approval"], n.Params["candidate"]), n.Params["step"], udid}
			all[r] = append(all[r], n)
		}
	}
	return all
}

// reminders: a step that people hear of and the notice of it are on record both or
// neither, and each once. Of a phone that moved or enrolled again the steps are
// forgotten, so that it may hear the same again.
func (c *checker) reminders() {
	told := c.state.reminded()
	for _, udid := range slices.Sorted(maps.Keys(c.state.Phones)) {
		chase := c.state.Phones[udid].Chase
		if chase == nil {
			continue
		}
		for _, s := range chase.Steps {
			heard := !strings.HasPrefix(s.Step, string(policy.ChasePush)+"@")
			if heard && len(told[reminder{chase.Approval, s.Step, udid}]) == 0 {
				c.fault("I4: phone %s was reminded by %s of approval %s, and no notice tells of it", udid, s.Step, chase.Approval)
			}
		}
	}
	for r, notices := range told {
		p := c.log.phones[r.udid]
		if p == nil || p.epoch > 1 || p.cancelled {
			continue
		}
		if len(notices) > 1 {
			c.fault("I4: phone %s is reminded by %s of approval %s more than once", r.udid, r.step, r.approval)
		}
		if !taken(c.state.Phones[r.udid].Chase, r, notices[0]) {
			c.fault("I4: a notice reminds phone %s by %s of approval %s, which is not on its record", r.udid, r.step, r.approval)
		}
	}
}

// taken reports whether a step is on a phone's record, or was on it before those of
// a later rollout took its place.
func taken(c *storage.Chase, r reminder, n storage.Notice) bool {
	switch {
	case c == nil:
		return false
	case c.Approval != r.approval:
		return n.At.Before(c.Steps[0].At)
	}
	return slices.ContainsFunc(c.Steps, func(s storage.ChaseStep) bool { return s.Step == r.step })
}

// plantedReminders are steps and notices that are not of one piece, of a phone that
// enrolled once and never moved.
func plantedReminders(r *rehearsal) []plant {
	udid, step := r.tester.UDID(), storage.ChaseStep{Step: "message@+4m"}
	remind := func(e *evidence) {
		e.change(udid, func(p *storage.Phone) { p.Chase = p.Chase.With("a", "26.6.1", step) })
	}
	notice := storage.Notice{Kind: "chase.message", Phone: udid, Params: map[string]string{"approval": "a", "step": step.Step}}
	among := notice
	among.Phone, among.Params = "", map[string]string{"approval": "a", "step": step.Step, "phones": r.production.UDID() + "," + udid}
	return []plant{
		{"reminder that nobody hears of", "was reminded by " + step.Step, remind},
		{"reminder told twice", "is reminded by " + step.Step + " of approval a more than once", func(e *evidence) {
			e.state.Notices = []storage.Notice{notice, among}
			remind(e)
		}},
		{"reminder that is not on record", "which is not on its record", func(e *evidence) {
			e.state.Notices = []storage.Notice{among}
		}},
		{"reminder of a later rollout that is not on record", "which is not on its record", func(e *evidence) {
			later := notice
			later.Params = map[string]string{"approval": "b", "step": step.Step}
			e.state.Notices = []storage.Notice{later, notice}
			remind(e)
		}},
	}
}
