package demo

import (
	"context"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// line is a release that Apple still makes for some older models, and the
// phones of the story that can get it.
type line struct {
	release string
	model   string
	// systems are what the phones run, oldest first: there is one supervised
	// and one unsupervised phone of each. The supervised one of the newest is
	// the verification phone of the line.
	systems []mdmtest.System
}

// lines returns the lines of the third group: twelve versions of iOS with all
// that changed between them, on models that really ran them. Builds stand here
// for versions older than the built-in facts. Of iOS 27 nothing is published.
func lines() []line {
	return []line{
		{"15.8.8", "iPhone9,1", []mdmtest.System{
			{Version: "12.4.1", Build: "16G102"},
			{Version: "13.7", Build: "17H35"},
			{Version: "14.4", Build: "18D52"},
			{Version: "14.8.1", Build: "18H107"},
			{Version: "15.8.7"},
		}},
		{"16.7.16", "iPhone10,4", []mdmtest.System{{Version: "16.7.11"}, {Version: "16.7.15"}}},
		{"18.7.10", "iPhone11,8", []mdmtest.System{{Version: "17.7.2"}, {Version: "18.5"}, {Version: "18.7.9"}}},
		{storyRelease, "iPhone12,1", []mdmtest.System{{Version: "26.4.1"}, {Version: oldRelease}}},
	}
}

// olderParts returns the phones of the third group, oldest iOS first.
func olderParts() []part {
	var out []part
	for _, l := range lines() {
		newest := l.systems[len(l.systems)-1].Version
		for _, s := range mdmtest.BothWays(l.systems) {
			p := part{
				role: veteran, place: place{older, production}, model: l.model,
				os: s.Version, build: s.Build, goal: l.release, supervised: s.Supervised,
			}
			if s.Supervised && s.Version == newest {
				p.place.ring = verification
			}
			out = append(out, p)
		}
	}
	return out
}

// offerLines gives the releases of the older lines to their verification
// phones.
func (d *demo) offerLines(ctx context.Context) error {
	const reason = "last release of its line"
	for _, l := range lines() {
		d.command("gate", "offer", l.release, "--group", older, "--reason", reason)
		if err := d.post(ctx, api.Path("gates", older, l.release, "offer"), act{Reason: reason}, nil); err != nil {
			return err
		}
	}
	d.say(d.text.T("Older models get releases of their own, so group %s has %d gates at a time.", older, len(lines())))
	return nil
}

// olderPhones tests and approves the releases of the older lines. What follows
// from it happens beside the rest of the story.
func (d *demo) olderPhones(ctx context.Context) error {
	t := d.text
	d.begin(t.T("Older phones, each by what its iOS understands"))
	testers := d.company.in(older, verification)
	if err := d.allOf(ctx, t.T("verification phones of %s install", older), testers, func(m *member, v fleet.DeviceView) bool {
		return v.OS == m.goal && v.Target == "" && len(v.Apps) > 1
	}); err != nil {
		return err
	}
	for _, l := range lines() {
		if err := d.record(ctx, l.release, verdict{older, appPOS, "POS", "works", ""}); err != nil {
			return err
		}
		if err := d.untilPhase(ctx, older, l.release, policy.PhaseVerified); err != nil {
			return err
		}
		if err := d.approve(ctx, older, l.release, "POS works on "+l.release); err != nil {
			return err
		}
	}
	d.say(t.T("Those that know declarations are told by declaration, supervised ones before iOS 17 by command, at their deadline."))
	return nil
}

// olderTable shows, for each version of iOS with and without supervision, what
// the phone's own journal says it was held and updated by, and why it is where
// it is.
func (d *demo) olderTable(views map[string]fleet.DeviceView, diaries map[string]diary) string {
	t := d.text
	rows := [][]string{{"iOS", t.T("Supervised"), t.T("Held"), t.T("Since"), t.T("Told to install"), t.T("Installed"), t.T("Why")}}
	for _, m := range d.company.with(veteran) {
		udid := m.phone.UDID()
		j := diaries[udid]
		row := []string{m.os, t.T("no"), d.mechanism(j.hold), "—", d.mechanism(j.update), "—", t.Reason(views[udid].Reason).Label}
		if m.supervised {
			row[1] = t.T("yes")
		}
		if !j.held.IsZero() {
			row[3] = j.held.In(d.zone).Format(dateLayout)
		}
		if n := len(j.installed); n > 0 {
			row[5] = j.installed[n-1].release + "  " + j.installed[n-1].at.In(d.zone).Format(dateLayout)
		}
		rows = append(rows, row)
	}
	return aligned(rows)
}

// mechanism names a mechanism, or none.
func (d *demo) mechanism(by mechanism) string {
	if by == byNothing {
		return "—"
	}
	return d.text.Word(string(by))
}

// kinds returns what the demo knows about each phone that enrolled.
func (d *demo) kinds() map[string]kind {
	out := map[string]kind{}
	for _, m := range d.company.where(func(m *member) bool { return m.phone.Enrolled() }) {
		k := kind{os: m.os, supervised: m.supervised, place: m.now()}
		if m.role == veteran {
			k.goal = m.goal
		}
		out[m.phone.UDID()] = k
	}
	return out
}

// ends reports whether a phone is where its part in the story ends.
func (m *member) ends(v fleet.DeviceView) bool {
	want := m.role.expected()
	if m.role == veteran && (kind{os: m.os, supervised: m.supervised}).updateBy() == byNothing {
		want = string(policy.ReasonNotControllable)
	}
	if want != string(policy.ReasonDone) {
		return v.Reason == want
	}
	return v.OS == m.goal
}

// tests reports whether a phone tests a release in a group.
func (m *member) tests(group, release string) bool {
	return m.place == place{group, verification} && m.goal == release
}
