package demo

import (
	"context"
	"fmt"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// aRollout approves the release for sales while pushes get lost and some
// phones cannot be reached.
func (d *demo) aRollout(ctx context.Context) error {
	t := d.text
	d.begin(t.T("Sales is approved, in bad weather"))
	for _, m := range d.company.with(away, drawer) {
		m.phone.SetOffline(true)
	}
	for _, m := range d.company.with(locked) {
		m.phone.SetLocked(true)
	}
	d.say(t.T("Switched off phones: %d. Locked: %d. Out of space: %d. With a passcode nobody enters: %d.",
		len(d.company.with(away, drawer)), len(d.company.with(locked)), len(d.company.with(full)), len(d.company.with(asleep))))
	d.apns.LoseAll(true)
	lost := d.apns.Counts().Lost
	if err := d.approve(ctx, sales, storyRelease, "POS works on every model"); err != nil {
		return err
	}
	phones := d.company.in(sales, production)
	if err := d.until(ctx, t.T("pushes get lost"), func(context.Context) (bool, string, error) {
		n := d.apns.Counts().Lost - lost
		return n >= len(phones)/2, t.T("%d of %d", n, len(phones)), nil
	}); err != nil {
		return err
	}
	d.say(t.T("Apple's push service accepts pushes and loses them: %d so far.", d.apns.Counts().Lost-lost))
	d.apns.LoseAll(false)
	part := len(phones) / 3
	if err := d.until(ctx, t.T("phones hear of it all the same"), func(context.Context) (bool, string, error) {
		n := told(phones)
		return n >= part, t.T("%d of %d", n, len(phones)), nil
	}); err != nil {
		return err
	}
	d.say(t.T("It works again, and phones report once a day anyway: %d of %d have the instruction.", told(phones), len(phones)))
	if err := d.moves(ctx); err != nil {
		return err
	}
	return d.crash(ctx)
}

// moves gives some phones other work while the rollout is under way.
func (d *demo) moves(ctx context.Context) error {
	for _, m := range d.company.with(mover) {
		if err := d.move(ctx, m, place{warehouse, production}); err != nil {
			return err
		}
	}
	became := d.company.with(switcher)
	for _, m := range became {
		if err := d.move(ctx, m, place{warehouse, verification}); err != nil {
			return err
		}
	}
	// They have little notice, as verification phones, and the server is about
	// to be killed.
	return d.until(ctx, d.text.T("new verification phones are told"), func(context.Context) (bool, string, error) {
		return told(became) == len(became), "", nil
	})
}

// crash kills the server in the middle and starts it again.
func (d *demo) crash(ctx context.Context) error {
	t := d.text
	before, err := d.audit(ctx)
	if err != nil {
		return err
	}
	d.server.kill()
	d.say(t.T("The server is killed in the middle of it (kill -9)."))
	if err := d.pass(ctx, policy.DefaultMinimumNotice); err != nil {
		return err
	}
	after, err := d.audit(ctx)
	if err != nil {
		return err
	}
	kept := len(after) >= len(before)
	for i := range min(len(before), len(after)) {
		kept = kept && before[i].Hash == after[i].Hash
	}
	if !kept {
		return fmt.Errorf("chapter %s: the audit log had %d entries before the server was killed and has not kept them all (%d now)",
			d.current(), len(before), len(after))
	}
	d.command("serve", "--data", d.data)
	d.say(t.T("Started again: all %d entries of the audit log are there, and the rollout goes on.", len(before)))
	return nil
}

// trouble lets some phones join late and brings the missing ones back.
func (d *demo) trouble(ctx context.Context) error {
	t := d.text
	d.begin(t.T("New phones arrive, lost ones return"))
	newcomers := d.company.with(late, stranger)
	if err := d.company.enrol(ctx, newcomers, d.link); err != nil {
		return err
	}
	d.say(t.T("New phones on iOS %s enroll after the approval: %d. It stands, so they get it too, with a notice of their own.",
		oldRelease, len(newcomers)))
	if err := d.allOf(ctx, t.T("new phones are told"), d.company.with(late), func(_ *member, v fleet.DeviceView) bool {
		return v.Target == storyRelease || v.OS == storyRelease
	}); err != nil {
		return err
	}
	return d.comeBack(ctx)
}

// move puts a phone elsewhere.
func (d *demo) move(ctx context.Context, m *member, to place) error {
	udid, from := m.phone.UDID(), m.now()
	const reason = "the work moved"
	d.command("device", "move", udid, "--group", to.group, "--ring", to.ring, "--reason", reason)
	asked := d.clock.Now()
	var v fleet.DeviceView
	err := d.post(ctx, api.Path("devices", udid, "move"), api.MoveRequest{Group: to.group, Ring: to.ring, Reason: reason}, &v)
	if err != nil {
		return err
	}
	m.arrived(to, asked, d.clock.Now())
	d.say(d.text.T("From %s (%s) to %s (%s): the hold stays on the phone, what the old place asked of it is taken back.",
		from.group, d.text.Word(from.ring), to.group, d.text.Word(to.ring)))
	return nil
}

// comeBack waits a while and brings back the phones that were away.
func (d *demo) comeBack(ctx context.Context) error {
	t := d.text
	back := d.company.with(away)
	if err := d.allOf(ctx, t.T("silent phones are noticed"), back, func(_ *member, v fleet.DeviceView) bool {
		return v.Reason == string(policy.ReasonOffline)
	}); err != nil {
		return err
	}
	d.command("device", "explain", back[0].phone.UDID())
	if err := d.explain(ctx, back[0].phone.UDID()); err != nil {
		return err
	}
	for _, m := range back {
		m.phone.SetOffline(false)
	}
	for _, m := range d.company.with(locked) {
		m.phone.SetLocked(false)
	}
	d.say(t.T("Phones switched on again: %d. Unlocked: %d.", len(back), len(d.company.with(locked))))
	if err := d.allOf(ctx, t.T("they hear of it"), d.company.with(away, locked), func(_ *member, v fleet.DeviceView) bool {
		return v.Target == storyRelease || v.OS == storyRelease
	}); err != nil {
		return err
	}
	return d.tellRollout(ctx, sales)
}

// tellRollout tells how far a group is.
func (d *demo) tellRollout(ctx context.Context, group string) error {
	var v fleet.RolloutView
	if err := d.get(ctx, api.Path("rollouts", group, storyRelease), nil, &v); err != nil {
		return err
	}
	d.command("rollout", "status", storyRelease, "--group", group)
	d.say(d.text.T("%s: %d of %d production phones are done [%s].", group, v.Done, v.Production, v.Phase))
	return nil
}

// aFix brings the version of Scanner that works: to the verification phones
// first, then, after the approval, to the others.
func (d *demo) aFix(ctx context.Context) error {
	t := d.text
	d.begin(t.T("The vendor fixes Scanner"))
	d.say(t.T("Scanner %s is there. The verification phones of the warehouse get it first.", fixedScanner))
	testers := d.company.where(func(m *member) bool { return m.role == tester && m.place.group == warehouse })
	d.updateScanner(testers)
	for i, m := range testers {
		if i == 0 {
			d.command("device", "refresh", m.phone.UDID())
		}
		if err := d.post(ctx, api.Path("devices", m.phone.UDID(), "refresh"), act{Reason: "new Scanner"}, nil); err != nil {
			return err
		}
	}
	if err := d.allOf(ctx, t.T("verification phones report Scanner %s", fixedScanner), testers, hasFixed); err != nil {
		return err
	}
	if err := d.record(ctx, storyRelease, verdict{warehouse, appScanner, "Scanner", "works", ""}); err != nil {
		return err
	}
	if err := d.untilPhase(ctx, warehouse, storyRelease, policy.PhaseVerified); err != nil {
		return err
	}
	if err := d.tellGate(ctx, warehouse); err != nil {
		return err
	}
	if err := d.approve(ctx, warehouse, storyRelease, "Scanner "+fixedScanner+" reads barcodes again"); err != nil {
		return err
	}
	return d.appFirst(ctx)
}

func hasFixed(_ *member, v fleet.DeviceView) bool { return appVersion(v, appScanner) == fixedScanner }

// appFirst waits a day with the approval given and the old app still on the
// production phones: none of them may be told to install.
func (d *demo) appFirst(ctx context.Context) error {
	t := d.text
	waiting := d.company.where(func(m *member) bool {
		return m.now() == place{warehouse, production} && m.phone.Enrolled() &&
			m.phone.Snapshot().OSVersion != storyRelease
	})
	if err := d.allOf(ctx, t.T("the old Scanner holds them back"), waiting, func(_ *member, v fleet.DeviceView) bool {
		return v.Reason == string(policy.ReasonAppUpdateNeeded)
	}); err != nil {
		return err
	}
	d.say(t.T("Production phones that still have Scanner %s: %d. iOS waits for the app:", brokenScanner, len(waiting)))
	if err := d.explain(ctx, waiting[0].phone.UDID()); err != nil {
		return err
	}
	if err := d.untilTime(ctx, t.T("a day passes"), d.clock.Now().Add(day)); err != nil {
		return err
	}
	d.say(t.T("A day later, of these, told to install iOS %s: %d.", storyRelease, told(waiting)))
	ready := d.company.where(func(m *member) bool { return m.now().group == warehouse && m.role != tester && m.role != stale })
	d.updateScanner(ready)
	d.say(t.T("Scanner %s reaches all of them but %d.", fixedScanner, len(d.company.with(stale))))
	return nil
}

// theRest waits until every phone is where its part in the story ends.
func (d *demo) theRest(ctx context.Context) error {
	t := d.text
	d.begin(t.T("The last ones"))
	begun := d.clock.Now()
	enrolled := d.company.where(func(m *member) bool { return !d.planted(m) })
	if err := d.allOf(ctx, t.T("phones install, or say why not"), enrolled, (*member).ends); err != nil {
		return err
	}
	d.say(t.N(max(1, int(d.clock.Now().Sub(begun).Round(day)/day)), "%d day later every phone has it, or there is a reason why not.",
		"%d days later every phone has it, or there is a reason why not."))
	early, atDeadline := whenInstalled(d.company.journal.Entries())
	d.more(t.T("Installed when it suited the user: %d. When the deadline came, or after: %d.", early, atDeadline))
	for _, group := range []string{sales, warehouse} {
		if err := d.tellRollout(ctx, group); err != nil {
			return err
		}
	}
	return nil
}
