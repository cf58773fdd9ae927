package demo

import (
	"context"
	"fmt"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// verdict is what testers find on each verification phone of a group.
type verdict struct {
	group        string
	app, name    string
	result, note string
}

// aTest gives the candidate to the verification phones and records what
// testers find.
func (d *demo) aTest(ctx context.Context) error {
	t := d.text
	d.begin(t.T("The verification phones get it first"))
	d.server.stop()
	if err := d.pass(ctx, policy.DefaultCandidateNotice); err != nil {
		return err
	}
	for _, group := range []string{sales, warehouse} {
		const reason = "candidate of this month"
		d.command("gate", "offer", storyRelease, "--group", group, "--reason", reason)
		var effect fleet.Effect
		if err := d.post(ctx, api.Path("gates", group, storyRelease, "offer"), act{Reason: reason}, &effect); err != nil {
			return err
		}
		d.say(t.T("Verification phones of %s that are asked to install it: %d.", group, effect.Install))
	}
	if err := d.offerLines(ctx); err != nil {
		return err
	}
	d.say(t.T("Somebody in a hurry tries to approve it before anything was tested:"))
	if err := d.tooEarly(ctx, sales); err != nil {
		return err
	}
	testers := d.company.with(tester)
	if err := d.allOf(ctx, t.T("verification phones install iOS %s", storyRelease), testers, func(_ *member, v fleet.DeviceView) bool {
		return v.OS == storyRelease && v.Target == "" && len(v.Apps) > 1
	}); err != nil {
		return err
	}
	d.say(t.T("All %d verification phones run iOS %s. Production phones on it: %d (the user of before).",
		len(testers), storyRelease, onRelease(d.company.where(func(m *member) bool { return m.place.ring == production }))))
	if err := d.record(ctx, storyRelease, verdict{sales, appPOS, "POS", "works", ""}, verdict{sales, appMail, "Mail", "works-with-note", "opens slowly"},
		verdict{warehouse, appKintai, "Kintai", "works", ""}, verdict{warehouse, appScanner, "Scanner", "broken", "reads no barcodes"}); err != nil {
		return err
	}
	if err := d.untilPhase(ctx, sales, storyRelease, policy.PhaseVerified); err != nil {
		return err
	}
	if err := d.untilPhase(ctx, warehouse, storyRelease, policy.PhaseBlocked); err != nil {
		return err
	}
	for _, group := range []string{sales, warehouse} {
		if err := d.tellGate(ctx, group); err != nil {
			return err
		}
	}
	return d.tooEarly(ctx, warehouse)
}

// act is the body of decisions that need no more than a reason.
type act struct {
	Reason string `json:"reason"`
	DryRun bool   `json:"dry_run"`
}

// deadline of every approval in the story.
const deadline = "+3d"

// tooEarly tries to approve a gate that is closed.
func (d *demo) tooEarly(ctx context.Context, group string) error {
	const reason = "it will be all right"
	d.command("gate", "approve", storyRelease, "--group", group, "--deadline", deadline, "--reason", reason)
	return d.refused(ctx, api.Path("gates", group, storyRelease, "approve"), api.ApproveRequest{Deadline: deadline, Reason: reason})
}

// record enters results for a release from every verification phone of the
// verdicts' groups that is there to test it.
func (d *demo) record(ctx context.Context, release string, verdicts ...verdict) error {
	for _, v := range verdicts {
		phones := d.company.where(func(m *member) bool { return m.tests(v.group, release) })
		for i, m := range phones {
			udid := m.phone.UDID()
			if i == 0 {
				words := []string{"verdict", "record", v.app, "--release", release, "--device", udid, "--result", v.result}
				if v.note != "" {
					words = append(words, "--note", v.note)
				}
				d.command(words...)
			}
			if err := d.untilAppsKnown(ctx, udid); err != nil {
				return err
			}
			var out api.Verdict
			if err := d.post(ctx, api.Path("verdicts"), api.VerdictRequest{VerdictRequest: fleet.VerdictRequest{
				BundleID: v.app, Release: release, Result: v.result, Device: udid, Note: v.note,
			}}, &out); err != nil {
				return err
			}
			if i == len(phones)-1 {
				d.say(d.text.N(len(phones), "%[2]s %[3]s: %[4]s (tested on %[1]d phone).", "%[2]s %[3]s: %[4]s (tested on %[1]d phones).",
					v.name, out.AppVersion, d.text.Word(v.result)))
			}
		}
	}
	return nil
}

// untilAppsKnown waits until a phone told the versions of its apps on the iOS it
// runs: a result is about both.
func (d *demo) untilAppsKnown(ctx context.Context, udid string) error {
	return d.until(ctx, d.text.T("app versions of %s", udid), func(ctx context.Context) (bool, string, error) {
		var v fleet.DeviceDetail
		err := d.get(ctx, api.Path("devices", udid), nil, &v)
		return !v.AppsAt.IsZero(), "", err
	})
}

// approve opens a verified gate.
func (d *demo) approve(ctx context.Context, group, release, reason string) error {
	d.command("gate", "approve", release, "--group", group, "--deadline", deadline, "--reason", reason)
	var effect fleet.Effect
	err := d.post(ctx, api.Path("gates", group, release, "approve"), api.ApproveRequest{Deadline: deadline, Reason: reason}, &effect)
	if err != nil {
		return err
	}
	d.say(d.text.T("Approved. Phones that are asked to install it now: %d. Deadline on their own clocks: %s.",
		effect.Install, localTime(effect.Deadline)))
	return nil
}

// localTime shows a phone's own time without its seconds.
func localTime(deadline string) string {
	if len(deadline) < len(dateLayout) {
		return deadline
	}
	return fmt.Sprintf("%s %s", deadline[:10], deadline[11:16])
}
