package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// shopper is a phone that answers commands for apps with what a test says.
type shopper struct {
	*old
	status  mdm.Status        // of the answers to InstallApplication; "" acknowledges
	answer  map[string]any    // State, RejectionReason, ErrorChain
	managed map[string]string // states, by bundle identifier
	sent    []string          // app and purchase method of each InstallApplication
}

// talk polls and answers until there is nothing left, and returns what it was sent.
func (p *shopper) talk() []string {
	p.t.Helper()
	var got []string
	for c := p.idle(); c != nil; {
		if got = append(got, c.RequestType); len(got) > 20 {
			p.t.Fatalf("endless session: %v", got)
		}
		sync := c.RequestType == "DeclarativeManagement"
		c = p.reply(c)
		if sync {
			p.sync()
		}
	}
	return got
}

func (p *shopper) reply(c *mdm.Command) *mdm.Command {
	p.t.Helper()
	switch c.RequestType {
	case "InstallApplication":
		var body struct{ Command mdm.InstallApplicationCommand }
		p.must(plist.Unmarshal(c.Body, &body))
		p.sent = append(p.sent, fmt.Sprintf("%s %d %s", body.Command.Identifier, body.Command.Options.PurchaseMethod, body.Command.ChangeManagementState))
		status := p.status
		if status == "" {
			status = mdm.Acknowledged
		}
		return p.say(status, c.UUID, p.answer)
	case "ManagedApplicationList":
		list := map[string]any{}
		for id, state := range p.managed {
			list[id] = map[string]any{"Status": state, "ManagementFlags": 0}
		}
		return p.say(mdm.Acknowledged, c.UUID, map[string]any{"ManagedApplicationList": list})
	default:
		return p.old.reply(c)
	}
}

// appQueue returns the rows for apps in the phone's queue, a line for each.
func (p *shopper) appQueue() []string {
	p.t.Helper()
	rows, err := p.store.Queue(p.ctx, seg, p.udid)
	p.must(err)
	var lines []string
	for _, r := range rows {
		if strings.HasPrefix(r.Key, "app:") {
			lines = append(lines, strings.TrimSpace(string(r.State)+" "+r.Error))
		}
	}
	return lines
}

// why returns the code, the detail and the human step of the phone's reason.
func (p *shopper) why() string {
	p.t.Helper()
	x, err := p.fleet.Explain(p.ctx, seg, p.udid)
	p.must(err)
	e := x.Explanation
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Reason.Code, e.Reason.Params[policy.ParamWhy], e.NextHuman, e.Reason.Params[policy.ParamReason]))
}

func (w *world) deliver(app, how string) {
	w.t.Helper()
	_, err := w.fleet.SetApp(w.ctx, seg, w.act("licences bought"), app, fleet.AppChange{Deliver: &how})
	w.must(err)
}

// tooOld has a production phone with POS 1.0 and an app that is delivered, and a
// gate that was verified with POS 2.0 and not approved yet.
func (w *world) tooOld(os, deliver string) *shopper {
	w.t.Helper()
	w.deliver("com.example.pos", deliver)
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.apps["com.example.pos"] = "2.0"
	v.settle()
	p := w.shopper("P1", os)
	_, err := w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", release)
	w.must(err)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	return p
}

// shopper enrols a production phone with POS 1.0.
func (w *world) shopper(udid, os string) *shopper {
	w.t.Helper()
	p := &shopper{old: w.older(udid, os, storage.RingProduction), managed: map[string]string{}}
	p.talk()
	return p
}

func (w *world) approved() {
	w.t.Helper()
	_, err := w.approve("+3d")
	w.must(err)
}

// rung reports whether the phone is woken by an alarm now.
func (p *shopper) rung() bool {
	p.fleet.Ring()
	return p.wakes.take(p.udid)
}

// TestAppComesFirst: the app, then the release, with the phone's own notice from
// then on. A phone of before declarations is treated alike.
func TestAppComesFirst(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, os, deliver, method, then string }{
		{"by declaration", "26.5", "licensed", "1", "DeclarativeManagement"},
		{"by command", oldRelease, "store", "0", "ScheduleOSUpdate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.tooOld(tt.os, tt.deliver)
			if p.talk(); len(p.sent) != 0 {
				t.Fatalf("before the approval it was told to update %v", p.sent)
			}
			w.approved()
			p.answer = map[string]any{"Identifier": "com.example.pos", "State": "Updating"}
			if got := p.talk(); !slices.Contains(got, "InstallApplication") || slices.Contains(got, tt.then) && tt.then == "ScheduleOSUpdate" {
				t.Errorf("after the approval it was sent %v, want the app alone", got)
			}
			if diff := cmp.Diff([]string{"com.example.pos " + tt.method + " Managed"}, p.sent); diff != "" {
				t.Errorf("told to update (-want +got):\n%s", diff)
			}
			if got := p.why(); got != "app-update-needed app-sent" {
				t.Errorf("reason = %q, want the app on its way", got)
			}
			if got := p.talk(); len(got) != 0 {
				t.Errorf("with nothing new it was sent %v", got)
			}

			w.clock.Add(15 * time.Minute)
			if !p.rung() {
				t.Error("not woken a quarter of an hour later")
			}
			p.managed["com.example.pos"] = "Updating"
			if diff := cmp.Diff([]string{"InstalledApplicationList", "ManagedApplicationList"}, information(p.talk())); diff != "" {
				t.Errorf("a quarter of an hour later it was asked (-want +got):\n%s", diff)
			}

			p.apps["com.example.pos"] = "2.4" // newer than the floor
			w.clock.Add(15 * time.Minute)
			if !p.rung() {
				t.Error("not woken after another quarter of an hour")
			}
			if got := p.talk(); !slices.Contains(got, tt.then) || slices.Contains(got, "ManagedApplicationList") {
				t.Errorf("with the app it was sent %v, want %s", got, tt.then)
			}
			s := p.stored()
			told := s.Announced.Enforcement
			if told == nil || told.Release != release || told.Deadline < "2026-08-21" {
				t.Errorf("told of %+v, want %s by three days after the approval", told, release)
			}
			if len(s.AppUpdates) != 0 {
				t.Errorf("still on record: %+v", s.AppUpdates)
			}
			if diff := cmp.Diff([]string{"acknowledged"}, p.appQueue()); diff != "" {
				t.Errorf("queue (-want +got):\n%s", diff)
			}
		})
	}
}

// information leaves out what an old phone is asked before it gets commands.
func information(types []string) []string {
	return slices.DeleteFunc(types, func(s string) bool { return s == "DeviceInformation" })
}

// TestAppFirstOwnNotice: the notice begins when the app is there, not when the
// release was approved.
func TestAppFirstOwnNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.tooOld("26.5", "store")
	w.approved()
	p.talk()
	w.clock.Add(5 * 24 * time.Hour) // the wave's deadline is over
	p.apps["com.example.pos"] = "2.0"
	p.talk()
	told := p.stored().Announced.Enforcement
	// Five days after 18 August, 09:00 UTC, by a phone in Tokyo, and a day of notice.
	if told == nil || told.Deadline != "2026-08-24T18:00:00" {
		t.Errorf("told of %+v, want a day of notice from the app on", told)
	}
}

// TestAppRefused: what the phone says becomes the reason, and is not asked about
// again on that day.
func TestAppRefused(t *testing.T) {
	t.Parallel()
	chain := []map[string]any{{"ErrorCode": 12064, "ErrorDomain": "MCMDMErrorDomain", "LocalizedDescription": "x", "USEnglishDescription": "License not found"}}
	type refusal struct {
		name    string
		status  mdm.Status
		answer  map[string]any
		managed string // told an hour later; "" not at all
		want    string
	}
	for deliver, list := range map[string][]refusal{
		"licensed": {
			{"error", mdm.Error, map[string]any{"ErrorChain": chain}, "", "app-refused update-app License not found"},
			{"no licence", "", map[string]any{"State": "PromptingForLogin"}, "", "app-no-licence assign-licence"},
		},
		"store": {
			{"rejected", mdm.Error, map[string]any{"RejectionReason": "AppStoreDisabled"}, "", "app-refused update-app AppStoreDisabled"},
			{"rejected with a reason", mdm.Error, map[string]any{"RejectionReason": "Other", "ErrorChain": chain}, "", "app-refused update-app Other: License not found"},
			{"error without a word", mdm.Error, nil, "", "app-refused update-app Error"},
			{"not parsed", mdm.CommandFormatError, nil, "", "app-refused update-app CommandFormatError"},
			{"rejected, acknowledged", "", map[string]any{"RejectionReason": "NotSupported"}, "", "app-refused update-app NotSupported"},
			{"queued before", mdm.Error, map[string]any{"RejectionReason": "AppAlreadyQueued"}, "Installing", "app-sent"},
			{"no account", "", map[string]any{"State": "PromptingForUpdateLogin"}, "PromptingForUpdateLogin", "app-sign-in sign-in-to-store"},
			{"to be redeemed", "", map[string]any{"State": "NeedsRedemption"}, "", "app-no-licence assign-licence"},
			{"asks", "", map[string]any{"State": "PromptingForManagement"}, "", "app-consent answer-on-phone"},
			{"rejected later", "", nil, "UpdateRejected", "app-refused update-app UpdateRejected"},
			{"failed later", "", nil, "Failed", "app-refused update-app Failed"},
			{"nothing newer in the store", "", nil, "Managed", "app-older publish-or-test-app"},
		},
	} {
		t.Run(deliver, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.tooOld("26.5", deliver)
			phones := make([]*shopper, len(list))
			for i, one := range list {
				phones[i] = w.shopper(fmt.Sprintf("R%d", i), "26.5")
				phones[i].status, phones[i].answer = one.status, one.answer
			}
			w.approved()
			for _, p := range phones {
				p.talk()
			}
			w.clock.Add(time.Hour)
			for i, one := range list {
				p := phones[i]
				if one.managed != "" {
					p.managed["com.example.pos"] = one.managed
					p.talk()
				}
				if got, want := p.why(), "app-update-needed "+one.want; got != want {
					t.Errorf("%s: reason = %q, want %q", one.name, got, want)
				}
				if len(p.sent) != 1 {
					t.Errorf("%s: told %d times on the first day, want once", one.name, len(p.sent))
				}
			}
		})
	}
}

func TestAppIsAskedForFiveTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.tooOld("26.5", "licensed")
	w.approved()
	looks := 0
	for range 10 * 8 {
		for _, s := range p.talk() {
			if s == "InstalledApplicationList" {
				looks++
			}
		}
		w.clock.Add(3 * time.Hour)
	}
	if len(p.sent) != 5 {
		t.Errorf("told %d times in ten days, want 5", len(p.sent))
	}
	// At each contact while it may come, then daily as of any phone.
	if looks < 5*7 || looks > 5*8+6 {
		t.Errorf("asked for its apps %d times in ten days", looks)
	}
	if got := p.why(); got != "app-update-needed app-gave-up update-app" {
		t.Errorf("reason = %q, want that it was told often enough", got)
	}
	if diff := cmp.Diff([]fleet.AppFirst{{BundleID: "com.example.pos", Floor: "2.0", Why: policy.WhyAppGaveUp, Phones: 1}}, w.waiting()); diff != "" {
		t.Errorf("the gate's phones (-want +got):\n%s", diff)
	}
	w.deliver("com.example.pos", "store") // another way is another try
	if p.talk(); len(p.sent) != 6 {
		t.Errorf("told %d times once the app comes in another way, want 6", len(p.sent))
	}
}

// waiting returns what the gate says of the phones that wait for an app.
func (w *world) waiting() []fleet.AppFirst {
	w.t.Helper()
	detail, err := w.fleet.GateDetail(seg, "sales", release)
	w.must(err)
	return detail.AppsFirst
}

// TestAppIsAskedForAnew: what a phone answered and the step stay true after the
// last try, and a person or another approval has it told again.
func TestAppIsAskedForAnew(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(w *world){
		"refreshed": func(w *world) { w.must(second(w.fleet.Refresh(w.ctx, seg, w.act("licence assigned"), "P1"))) },
		"approved anew": func(w *world) { // what was on record was for another approval
			w.must(second(w.store.UpdatePhone(w.ctx, seg, "P1", 0, func(q *storage.Phone) (storage.PhoneChange, error) {
				q.AppUpdates[0].SourceID = "of before"
				return storage.PhoneChange{}, nil
			})))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.tooOld("26.5", "licensed")
			w.approved()
			p.answer = map[string]any{"State": "NeedsRedemption"}
			for _, want := range []policy.Code{policy.StepAppRetries, policy.StepAppSpent} {
				for range 5 {
					p.talk()
					w.clock.Add(24 * time.Hour)
				}
				if want == policy.StepAppRetries {
					w.clock.Add(-24 * time.Hour)
				}
				x, err := w.fleet.Explain(w.ctx, seg, "P1")
				w.must(err)
				if got := x.Explanation.NextAutomatic; got != want || len(p.sent) != 5 || p.why() != "app-update-needed app-no-licence assign-licence" {
					t.Errorf("told %d times: reason %q, next %q; want the licence and %q", len(p.sent), p.why(), got, want)
				}
				if got := w.waiting(); len(got) != 1 || got[0].Why != policy.WhyAppNoLicence {
					t.Errorf("the gate says %+v, want the licence", got)
				}
			}
			again(w)
			if p.talk(); len(p.sent) != 6 {
				t.Errorf("told %d times, want once more", len(p.sent))
			}
			for range 9 {
				w.clock.Add(24 * time.Hour)
				p.talk()
			}
			if len(p.sent) != 10 {
				t.Errorf("told %d times, want five times anew", len(p.sent))
			}
		})
	}
}

// TestAppOfAStoppedRollout: a command that waits for the phone is taken back with
// the rollout, and comes again with it.
func TestAppOfAStoppedRollout(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		stop  func(w *world)
		cause string
		again func(w *world) // nil: nothing is to come again
	}{
		{
			"paused", func(w *world) { w.must(second(w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release))) }, "no longer asked for: paused",
			func(w *world) { w.must(second(w.fleet.Resume(w.ctx, seg, w.act("go on"), "sales", release))) },
		},
		{
			"declined", func(w *world) { w.must(second(w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release))) }, "no longer asked for: gate-closed",
			nil,
		},
		{
			"moved", func(w *world) {
				w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "dock", Apps: []string{"com.example.scan"}})))
				w.must(second(w.fleet.Move(w.ctx, seg, w.act("m"), "P1", "dock", storage.RingProduction)))
			}, "the phone moved to another group",
			nil, // back past the closed gate it comes by two people only
		},
		{
			"no longer delivered", func(w *world) { w.deliver("com.example.pos", "none") }, "no longer asked for: app-update-needed",
			func(w *world) { w.deliver("com.example.pos", "store") },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.tooOld("26.5", "store")
			w.approved()
			p.status = mdm.NotNow
			p.talk()
			if diff := cmp.Diff([]string{"not-now"}, p.appQueue()); diff != "" {
				t.Fatalf("queue (-want +got):\n%s", diff)
			}
			if got := p.why(); got != "app-update-needed app-queued" {
				t.Errorf("reason = %q, want the command to wait", got)
			}
			rows, err := p.store.Queue(p.ctx, seg, "P1")
			w.must(err)
			command := rows[len(rows)-1].UUID
			_, err = w.fleet.CancelCommand(w.ctx, seg, w.act("tidy"), "P1", command)
			if r := refusal(t, err); r.Code != "command-of-update" {
				t.Errorf("refused with %s, want that it would be queued again", r.Code)
			}

			tt.stop(w)
			w.must(second(w.fleet.Sweep(w.ctx)))
			if diff := cmp.Diff([]string{"cancelled " + tt.cause}, p.appQueue()); diff != "" {
				t.Errorf("queue after the stop (-want +got):\n%s", diff)
			}
			p.say(mdm.Acknowledged, command, map[string]any{"State": "Updating"}) // it was on its way
			if p.talk(); len(p.sent) != 1 || len(p.stored().AppUpdates) != 0 {
				t.Errorf("told %d times, on record %+v; want nothing after the stop", len(p.sent), p.stored().AppUpdates)
			}
			if tt.again == nil {
				return
			}
			tt.again(w)
			p.status = ""
			if p.talk(); len(p.sent) != 2 || p.why() != "app-update-needed app-sent" {
				t.Errorf("told %d times, reason %q; want the app once more", len(p.sent), p.why())
			}
		})
	}
}

// TestMoveForgetsApps: how often a phone was told counts for the group it was in.
func TestMoveForgetsApps(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.tooOld("26.5", "store")
	w.approved()
	p.talk()
	if got := len(p.stored().AppUpdates); got != 1 {
		t.Fatalf("%d apps on record, want the one it was told to update", got)
	}
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("m"), "P1", "", "")))
	if got := p.stored().AppUpdates; len(got) != 0 {
		t.Errorf("on record after the move: %+v", got)
	}
}

// TestStoppedAppIsNotHandedOut: the stop holds although no sweep came in between.
func TestStoppedAppIsNotHandedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.tooOld("26.5", "store")
	w.approved()
	p.status = mdm.NotNow
	p.talk()
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)))
	if c := p.idle(); c != nil {
		t.Errorf("after the pause it was handed %s", c.RequestType)
	}
	if len(p.sent) != 1 {
		t.Errorf("told %d times, want once", len(p.sent))
	}
}

func TestAppIsNeverSentTo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.tooOld("26.5", "store")
	changes := map[string]func(p *shopper, q *storage.Phone){
		"unsupervised":   func(p *shopper, q *storage.Phone) { p.sup, q.Supervision = false, storage.Unsupervised },
		"without-right":  func(_ *shopper, q *storage.Phone) { q.Rights &^= mdm.RightManageApps },
		"has-it":         func(p *shopper, _ *storage.Phone) { p.apps["com.example.pos"] = "2.0" },
		"without-app":    func(p *shopper, _ *storage.Phone) { delete(p.apps, "com.example.pos") },
		"does-not-say":   func(p *shopper, _ *storage.Phone) { p.refuse["InstalledApplicationList"] = mdm.Error },
		"should-get-it":  func(*shopper, *storage.Phone) {},
		"already-newest": func(p *shopper, _ *storage.Phone) { p.apps["com.example.pos"] = "3" },
	}
	phones := map[string]*shopper{}
	for name, change := range changes {
		p := w.shopper(name, "26.5")
		w.must(second(w.store.UpdatePhone(w.ctx, seg, name, 0, func(q *storage.Phone) (storage.PhoneChange, error) {
			change(p, q)
			q.Apps, q.AppsAt, q.AppsFor = nil, time.Time{}, nil // asked anew
			return storage.PhoneChange{}, nil
		})))
		phones[name] = p
	}
	w.restart() // the census takes up what was changed behind its back
	w.approved()
	for name, p := range phones {
		if p.talk(); len(p.sent) > 0 != (name == "should-get-it") {
			t.Errorf("phone %s was told to update %v", name, p.sent)
		}
	}
	for name, want := range map[string]string{
		"unsupervised": "app-update-needed app-by-hand update-app", "without-right": "app-update-needed app-no-right enroll-again",
		"does-not-say": "app-version-unknown",
	} {
		if got := phones[name].why(); !strings.HasPrefix(got, want) {
			t.Errorf("phone %s: reason = %q, want %q", name, got, want)
		}
	}
	detail, err := w.fleet.GateDetail(seg, "sales", release)
	w.must(err)
	want := []fleet.AppFirst{
		{BundleID: "com.example.pos", Floor: "2.0", Why: policy.WhyAppByHand, Phones: 1},
		{BundleID: "com.example.pos", Floor: "2.0", Why: policy.WhyAppNoRight, Phones: 1},
		{BundleID: "com.example.pos", Floor: "2.0", Why: policy.WhyAppQueued, Phones: 1},
		{BundleID: "com.example.pos", Floor: "2.0", Why: policy.WhyAppSent, Phones: 1},
	}
	if diff := cmp.Diff(want, detail.AppsFirst); diff != "" {
		t.Errorf("phones that wait for an app (-want +got):\n%s", diff)
	}
}

func TestPlanCountsAppsFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.tooOld("26.5", "store")
	r := fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"}
	plan, err := w.fleet.PlanRollout(seg, r)
	w.must(err)
	tried := w.act("try")
	tried.DryRun = true
	effect, err := w.fleet.Approve(w.ctx, seg, tried, r)
	w.must(err)
	if plan.AppFirst != 1 || plan.Install != 0 || effect.AppFirst != 1 || effect.Install != 0 {
		t.Errorf("plan %+v, effect %+v; want one phone to get its app first", plan, effect)
	}
	w.deliver("com.example.pos", "none")
	w.approved()
	licensed := "licensed"
	applied, err := w.fleet.Apply(w.ctx, seg, tried, fleet.ApplyRequest{Settings: fleet.Settings{
		Apps: []fleet.AppSettings{{BundleID: "com.example.pos", AppChange: fleet.AppChange{Deliver: &licensed}}},
	}})
	w.must(err)
	e := applied.Effects
	if e.AppFirst != 1 || e.Install != 0 || len(e.Phones) != 1 || e.Phones[0].Effect != fleet.EffectApp || e.Phones[0].Why.Code != policy.ReasonAppUpdateNeeded {
		t.Errorf("effects of a new delivery = %+v, want one phone to get its app first", e)
	}
	if p.talk(); len(p.sent) != 0 {
		t.Errorf("trying told the phone to update %v", p.sent)
	}
}

func TestDeliveryOfAnApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	app, err := w.fleet.App(seg, "com.example.pos")
	w.must(err)
	if app.Deliver != "none" {
		t.Errorf("delivery %q of an app that says nothing, want none", app.Deliver)
	}
	pigeon := "pigeon"
	_, err = w.fleet.SetApp(w.ctx, seg, w.act("x"), "com.example.pos", fleet.AppChange{Deliver: &pigeon})
	if err == nil || !strings.Contains(err.Error(), "none, store, licensed") {
		t.Errorf("error %v, want one that names what can stand there", err)
	}
	app, err = w.fleet.AddApp(w.ctx, seg, w.act("x"), fleet.AppRequest{BundleID: "com.example.till", Importance: "critical", Deliver: "licensed"})
	w.must(err)
	if app.Deliver != "licensed" {
		t.Errorf("delivery %q, want licensed", app.Deliver)
	}
}

// TestGateStepIsTheApp: while every phone that is left waits for a person because of an
// app, the gate and the rollout say what there is to do, and not that nothing is.
func TestGateStepIsTheApp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := w.tooOld("17.6", "none")
	w.approved()
	steps := func() [4]string {
		t.Helper()
		gate, err := w.fleet.Gate(seg, "sales", release)
		w.must(err)
		listed, err := w.fleet.Gates(seg, "sales")
		w.must(err)
		i := slices.IndexFunc(listed, func(g policy.Gate) bool { return g.Release == release })
		if l := listed[i]; l.NextAutomatic != gate.NextAutomatic || l.NextHuman != gate.NextHuman {
			t.Errorf("next in the list = %q, %q; in the gate %q, %q", l.NextAutomatic, l.NextHuman, gate.NextAutomatic, gate.NextHuman)
		}
		detail, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, nil)
		w.must(err)
		return [4]string{string(gate.NextAutomatic), string(gate.NextHuman), detail.NextAutomatic, detail.NextHuman}
	}
	automatic, human := string(policy.StepEnforceAfterApp), string(policy.StepUpdateApp)
	if got, want := steps(), [4]string{automatic, human, automatic, human}; got != want {
		t.Errorf("next of gate and rollout = %q, want %q", got, want)
	}
	updated := w.enrol("P2", "sales", storage.RingProduction)
	updated.apps["com.example.pos"] = "2.0"
	updated.settle()
	automatic, human = string(policy.StepPhonesInstall), string(policy.StepHurry)
	if got, want := steps(), [4]string{automatic, human, automatic, human}; got != want {
		t.Errorf("with a phone that waits for nobody: %q, want %q", got, want)
	}
	w.clock.Add(20 * 24 * time.Hour) // the one that waits for its app is out of contact
	updated.settle()
	human = string(policy.StepNone) // it is too late to hurry
	if got, want := steps(), [4]string{automatic, human, automatic, human}; got != want {
		t.Errorf("with one that is out of contact beside it: %q, want %q", got, want)
	}
	old.talk() // it is back, and still lacks its app
	human = string(policy.StepUpdateApp)
	if got, want := steps(), [4]string{automatic, human, automatic, human}; got != want {
		t.Errorf("with one beside it that waits for an app: %q, want %q", got, want)
	}
}
