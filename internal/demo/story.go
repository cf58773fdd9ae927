package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// play tells the story, a chapter after the other.
func (d *demo) play(ctx context.Context) error {
	for _, chapter := range []func(context.Context) error{
		d.aCompany, d.aRelease, d.aTest, d.olderPhones, d.aRollout, d.trouble, d.aFix, d.theRest, d.theEnd,
	} {
		if err := d.withinLimit(ctx, chapter); err != nil {
			return err
		}
	}
	return nil
}

// Limits of one chapter. They end a story that hangs, not one on a slow
// machine.
const (
	chapterLimit     = 2 * time.Minute
	chapterLimitDays = 30 // of policy time, on top
	chapterPerPhone  = 500 * time.Millisecond
)

var errTimeLimit = errors.New("nothing came of it within the time limit")

// withinLimit tells one chapter.
func (d *demo) withinLimit(ctx context.Context, chapter func(context.Context) error) error {
	limit := chapterLimit + chapterLimitDays*d.perDay + time.Duration(len(d.company.members))*chapterPerPhone
	ctx, cancel := context.WithTimeoutCause(ctx, limit, errTimeLimit)
	defer cancel()
	if err := chapter(ctx); err != nil {
		return d.why(ctx, err)
	}
	return nil
}

// why puts the reason for which the story was ended before what it caused: a
// server that died makes everything else fail as well.
func (d *demo) why(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("chapter %s: %w", d.current(), cause)
}

// aCompany makes groups and enrols the phones, at the pace of the wall clock.
func (d *demo) aCompany(ctx context.Context) error {
	t := d.text
	d.begin(t.T("A company with %d iPhones", len(d.company.members)))
	d.say(t.T("The real server with database and certificate authority; simulated iPhones; Apple's releases as published."))
	d.more(t.T("Dates are the story's own (%s). Command lines are what a person would type, with KANNUKI_DATA set.", timeZone))
	d.command("init", "--lab", "--url", d.url, "--data", d.data)
	d.command("serve", "--data", d.data)
	if err := d.server.start(ctx); err != nil {
		return err
	}
	if err := d.groups(ctx); err != nil {
		return err
	}
	d.company.live() //nolint:contextcheck // the phones live on after this chapter
	d.command("enroll", "link", "--group", sales, "--ring", production)
	begun := wall()
	if err := d.enrolEverybody(ctx); err != nil {
		return err
	}
	d.enrolment = wall().Sub(begun)
	if err := d.holds(ctx); err != nil {
		return err
	}
	d.server.stop()
	return d.pass(ctx, policy.DefaultMinimumNotice)
}

// groups names the business apps and the groups that need them.
func (d *demo) groups(ctx context.Context) error {
	t, phones := d.text, d.company.with(veteran)
	for _, a := range []fleet.AppRequest{
		{BundleID: appPOS, Name: "POS", Importance: "critical"},
		{BundleID: appMail, Name: "Mail", Importance: "informational"},
		{BundleID: appScanner, Name: "Scanner", Importance: "critical"},
		{BundleID: appKintai, Name: "Kintai", Importance: "important"},
	} {
		d.command("app", "add", a.BundleID, "--name", a.Name, "--importance", a.Importance)
		if err := d.post(ctx, api.Path("apps"), api.AddAppRequest{AppRequest: a}, nil); err != nil {
			return err
		}
	}
	for _, g := range []api.AddGroupRequest{
		{Name: sales, GroupSettings: api.GroupSettings{Apps: []string{appPOS, appMail}}},
		{Name: warehouse, GroupSettings: api.GroupSettings{Apps: []string{appScanner, appKintai}}},
		{Name: older, GroupSettings: api.GroupSettings{Apps: []string{appPOS, appMail}}},
	} {
		d.command("group", "add", g.Name, "--app", g.Apps[0], "--app", g.Apps[1])
		if err := d.post(ctx, api.Path("groups"), g, nil); err != nil {
			return err
		}
	}
	d.say(t.T("Two groups with different business apps: what is safe for one need not be for the other."))
	d.more(t.T("A third one with %d older phones: %d versions of iOS from %s on, supervised and not.",
		len(phones), len(phones)/2, phones[0].os))
	return nil
}

// link asks for an enrolment link for the phone's place.
func (d *demo) link(ctx context.Context, m *member) (string, error) {
	ring := m.place.ring
	if d.o.Plant == plantEarly && d.planted(m) {
		ring = verification
	}
	var link api.EnrollmentLink
	err := d.admin.Post(ctx, api.Path("enrollment", "links"), api.EnrollmentRequest{Group: m.place.group, Ring: ring}, &link)
	if err != nil {
		return "", fmt.Errorf("enrollment link: %w", err)
	}
	return link.URL, nil
}

// planted reports whether a phone is the one that spoils a story that is to be spoilt.
func (d *demo) planted(m *member) bool {
	switch d.o.Plant {
	case plantEarly:
		return m == d.company.with(ordinary)[0]
	case plantSupervision:
		return m == d.company.with(veteran)[0]
	default:
		return false
	}
}

// enrolEverybody enrols all phones but the late ones.
func (d *demo) enrolEverybody(ctx context.Context) error {
	t := d.text
	phones := d.company.where(func(m *member) bool { return !m.role.joinsLate() })
	done := make(chan error, 1)
	enrolling, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { done <- d.company.enrol(enrolling, phones, d.link) }()
	waited := d.until(ctx, t.T("phones enroll"), func(context.Context) (bool, string, error) {
		select {
		case err := <-done:
			done <- err
			return true, "", err
		default:
			n := len(d.company.where(func(m *member) bool { return m.phone.Enrolled() }))
			return false, t.T("%d of %d", n, len(phones)), nil
		}
	})
	cancel()
	if err := <-done; waited == nil && err != nil {
		return err
	}
	if waited != nil {
		return waited
	}
	d.say(t.T("%d phones enrolled over TLS, each with a one-time link and a certificate of its own.", len(phones)))
	d.more(t.T("Verification phones: %d. In no group: %d. Not supervised: %d.",
		len(d.company.where(func(m *member) bool { return m.place.ring == verification })), len(d.company.with(nowhere)),
		len(d.company.where(func(m *member) bool { return !m.supervised }))))
	return nil
}

// holds waits until every phone has said whether it hides updates.
func (d *demo) holds(ctx context.Context) error {
	t := d.text
	var st api.Status
	if err := d.until(ctx, t.T("phones report their holds"), func(ctx context.Context) (bool, string, error) {
		err := d.get(ctx, api.Path("status"), nil, &st)
		return st.Fleet.Holds.Pending == 0, t.T("%d pending", st.Fleet.Holds.Pending), err
	}); err != nil {
		return err
	}
	enrolled := d.company.where(func(m *member) bool { return m.phone.Enrolled() })
	if err := d.allOf(ctx, t.T("phones report their apps"), enrolled, func(m *member, v fleet.DeviceView) bool {
		return m.place.group == "" || len(v.Apps) > 1
	}); err != nil {
		return err
	}
	h := st.Fleet.Holds
	d.command("status")
	d.say(t.T("Holds, as the phones report them: %d confirmed, %d pending, %d not possible (not supervised).", h.Confirmed, h.Pending, h.Impossible))
	if h.Ended > 0 {
		d.more(t.N(h.Ended, "%d more was in force, and has ended: Apple posted what its user can see more than 90 days ago.",
			"%d more were in force, and have ended: Apple posted what their users can see more than 90 days ago."))
	}
	return nil
}

// aRelease lets Apple post a release and looks at who can see it.
func (d *demo) aRelease(ctx context.Context) error {
	t := d.text
	d.begin(t.T("Apple posts iOS %s", storyRelease))
	if err := d.untilTime(ctx, t.T("Apple posts iOS %s", storyRelease), d.posted.Add(time.Minute)); err != nil {
		return err
	}
	release, _ := d.facts.Release(storyRelease)
	d.command("gate", "list")
	d.say(t.T("iOS %s is out: %d vulnerabilities fixed, %d of them known to be exploited.", storyRelease, len(release.CVEs), exploited(release.CVEs)))
	for _, group := range []string{sales, warehouse} {
		if err := d.tellGate(ctx, group); err != nil {
			return err
		}
	}
	held := d.company.where(func(m *member) bool { return m.phone.Enrolled() && m.supervised })
	seen := 0
	for _, m := range held {
		if slices.ContainsFunc(m.phone.OfferedUpdates(), func(o mdmtest.Offer) bool { return o.Version == storyRelease }) {
			seen++
		}
	}
	d.say(t.T("Settings > Software Update on %d supervised phones: %d show it.", len(held), seen))
	free := d.company.where(func(m *member) bool { return m.phone.Enrolled() && !m.supervised })
	d.more(t.N(len(free), "%d phone is not supervised and cannot be held: its user may install it at any time.",
		"%d phones are not supervised and cannot be held: their users may install it at any time."))
	return d.leak(ctx)
}

func exploited(cves []catalog.CVE) int {
	n := 0
	for _, c := range cves {
		if c.KnownExploited() {
			n++
		}
	}
	return n
}

// leak waits for the user who installs what nobody has tested.
func (d *demo) leak(ctx context.Context) error {
	t := d.text
	who := d.company.with(tapper)
	if err := d.allOf(ctx, t.T("a user installs it"), who, func(_ *member, v fleet.DeviceView) bool {
		return v.Leak == storyRelease
	}); err != nil {
		return err
	}
	udid := who[0].phone.UDID()
	d.say(t.T("One user installs it. Nobody has tested it:"))
	d.command("device", "explain", udid)
	return d.explain(ctx, udid)
}

// explain tells the reason the server gives for one phone.
func (d *demo) explain(ctx context.Context, udid string) error {
	var x fleet.ExplainView
	if err := d.get(ctx, api.Path("devices", udid, "explain"), nil, &x); err != nil {
		return err
	}
	code := string(x.Explanation.Reason.Code)
	reason := d.text.Reason(code)
	d.say(fmt.Sprintf("%s [%s]", reason.Label, code))
	d.more(d.text.Fill(reason.Sentence, x.Explanation.Reason.Params))
	return nil
}

// tellGate tells where the gate of a group stands.
func (d *demo) tellGate(ctx context.Context, group string) error {
	var g policy.Gate
	if err := d.get(ctx, api.Path("gates", group, storyRelease), nil, &g); err != nil {
		return err
	}
	phase := d.text.Phase(string(g.Phase))
	d.say(d.text.T("Gate of %s: %s [%s]. %s", group, phase.Label, string(g.Phase), phase.Line))
	return nil
}

// untilPhase waits for a gate.
func (d *demo) untilPhase(ctx context.Context, group, release string, want policy.Phase) error {
	what := d.text.T("gate of %s: %s", group, d.text.Phase(string(want)).Label)
	return d.until(ctx, what, func(ctx context.Context) (bool, string, error) {
		var g policy.Gate
		err := d.get(ctx, api.Path("gates", group, release), nil, &g)
		return g.Phase == want, strings.ToLower(string(g.Phase)), err
	})
}
