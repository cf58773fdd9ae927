package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// operator does at random what people do with the command line.
type operator struct {
	*campaign
	random *rand.Rand
}

func firstGroups() []string { return []string{"sales", "field"} }

// moreGroups are added in the course of the campaign; each brings a gate that
// nobody has decided about.
func moreGroups() []string { return []string{"depot", "night"} }

func bundleIDs() []string { return []string{"com.example.pos", "com.example.scan"} }

// do sends a request and writes it and its outcome to the journal. The answer
// is in out when told is called.
func (c *campaign) do(ctx context.Context, a *act, path string, body, out any, told func()) error {
	a.Stage = begun
	c.journal.act(*a)
	err := c.admin.Post(ctx, path, body, out)
	answer, answered := errors.AsType[*api.Error](err)
	switch {
	case err == nil:
		a.Stage = acknowledged
		if told != nil {
			told()
		}
	case answered:
		a.Stage, a.Error = refused, answer.Code+": "+answer.Message
	default:
		a.Stage, a.Error = lost, err.Error()
	}
	c.journal.act(*a)
	return err
}

// work acts until the context ends.
func (o *operator) work(ctx context.Context) {
	for ctx.Err() == nil {
		o.alive.RLock()
		o.once(ctx)
		o.alive.RUnlock()
		o.pause(ctx, between(o.random, time.Millisecond, 6*time.Millisecond))
	}
}

// once does one act. Most go by the state of a gate, so that rollouts happen;
// the others test what a refusal leaves behind.
func (o *operator) once(ctx context.Context) {
	switch n := o.random.IntN(20); {
	case n == 0:
		o.editApp(ctx)
	case n == 1:
		action := pick(o.random, []string{"group.add", "group.set"})
		o.editGroup(ctx, action, pick(o.random, slices.Concat(firstGroups(), moreGroups())), bundleIDs()[:1+o.random.IntN(2)])
	case n < 4:
		o.move(ctx)
	case n < 7:
		o.refresh(ctx)
	case n < 8:
		o.revoke(ctx)
	case n < 9:
		o.carry(ctx)
	default:
		o.decide(ctx)
	}
}

func pick[T any](r *rand.Rand, list []T) T { return list[r.IntN(len(list))] }

// editApp adds an app, or changes one: which of the two is refused depends on
// what went before.
func (o *operator) editApp(ctx context.Context) {
	id := fmt.Sprintf("com.example.app%d", o.random.IntN(30))
	a := act{ID: o.id(), Action: "app.add", Target: id}
	name, importance := "App "+a.ID, pick(o.random, []string{"critical", "informational"})
	path, body := api.Path("apps"), any(api.AddAppRequest{AppRequest: fleet.AppRequest{BundleID: id, Name: name, Importance: importance}, Reason: a.ID})
	if o.random.IntN(2) == 0 {
		a.Action, path = "app.set", api.Path("apps", id)
		body = api.SetAppRequest{AppChange: fleet.AppChange{Name: &name, Importance: &importance}, Edit: api.Edit{Reason: a.ID}}
	}
	var app api.App
	_ = o.do(ctx, &a, path, body, &app, func() {
		a.Told = map[string]string{"name": app.Name, "importance": app.Importance}
	})
}

func (c *campaign) editGroup(ctx context.Context, action, name string, apps []string) {
	a := act{ID: c.id(), Action: action, Target: name}
	settings := api.GroupSettings{Apps: apps, Policy: reminding, MinimumNotice: "3h", Reason: a.ID}
	path, body := api.Path("groups"), any(api.AddGroupRequest{Name: name, GroupSettings: settings})
	if action == "group.set" {
		path, body = api.Path("groups", name), api.SetGroupRequest{GroupSettings: settings}
	}
	var g fleet.GroupView
	_ = c.do(ctx, &a, path, body, &g, func() {
		a.Told = map[string]string{"apps": strings.Join(g.Apps, ",")}
	})
}

// move puts a phone somewhere else than it is.
func (o *operator) move(ctx context.Context) {
	p := pick(o.random, o.phones)
	if p.stays {
		return
	}
	p.place.Lock()
	defer p.place.Unlock()
	var was, is fleet.DeviceView
	var groups api.Groups
	if o.admin.Get(ctx, api.Path("devices", p.UDID()), nil, &was) != nil || o.admin.Get(ctx, api.Path("groups"), nil, &groups) != nil {
		return // not enrolled yet, or no server
	}
	group, ring := pick(o.random, groups.Groups).Name, pick(o.random, []string{"production", "verification"})
	if group == was.Group && ring == was.Ring {
		return
	}
	a := act{ID: o.id(), Action: "device.move", Target: p.UDID(), Phone: p.UDID(), Group: group, Ring: ring}
	_ = o.do(ctx, &a, api.Path("devices", p.UDID(), "move"), api.MoveRequest{Group: group, Ring: ring, Reason: a.ID}, &is, func() {
		a.Told = map[string]string{"to": is.Group + "/" + is.Ring}
	})
}

// refresh queues commands, and reads them back.
func (o *operator) refresh(ctx context.Context) {
	udid := pick(o.random, o.phones).UDID()
	a := act{ID: o.id(), Action: "device.refresh", Target: udid}
	var done api.Done
	var queue api.Queue
	_ = o.do(ctx, &a, api.Path("devices", udid, "refresh"), map[string]string{"reason": a.ID}, &done, func() {
		if done.Queued == 0 || o.admin.Get(ctx, api.Path("devices", udid, "queue"), nil, &queue) != nil {
			return
		}
		for _, row := range queue.Commands {
			a.Commands = append(a.Commands, row.UUID)
		}
	})
}

// carry says who carries a phone, each time somebody else.
func (o *operator) carry(ctx context.Context) {
	a := act{ID: o.id(), Action: "device.holder", Target: pick(o.random, o.phones).UDID()}
	r := map[string]string{"holder": "S-" + strings.TrimPrefix(a.ID, "act "), "reason": a.ID}
	_ = o.do(ctx, &a, api.Path("devices", a.Target), r, &fleet.DeviceView{}, nil)
}

func (o *operator) revoke(ctx context.Context) {
	var verdicts api.Verdicts
	if o.random.IntN(3) > 0 || o.admin.Get(ctx, api.Path("verdicts"), nil, &verdicts) != nil || len(verdicts.Verdicts) == 0 {
		return
	}
	v := pick(o.random, verdicts.Verdicts)
	a := act{ID: o.id(), Action: "verdict.revoke", Target: v.BundleID + "/" + v.Release}
	var is api.Verdict
	_ = o.do(ctx, &a, api.Path("verdicts", v.ID, "revoke"), map[string]string{"reason": a.ID}, &is, func() {
		a.Told = map[string]string{"id": is.ID}
	})
}

// decide does what a gate waits for, or now and then something else.
func (o *operator) decide(ctx context.Context) {
	group := pick(o.random, slices.Concat(firstGroups(), moreGroups()))
	var gate policy.Gate
	if o.admin.Get(ctx, api.Path("gates", group, candidate), nil, &gate) != nil {
		return
	}
	verbs := []string{"offer", "approve", "pause", "resume", "withdraw", "verdict"}
	if o.random.IntN(4) > 0 {
		verbs = fitting(gate.Phase)
	}
	if group != firstGroups()[0] && o.random.IntN(200) == 0 {
		verbs = []string{"decline"} // for good, so the first group is spared
	}
	o.act(ctx, pick(o.random, verbs), gate)
}

// fitting returns what is sensible in a phase.
func fitting(phase policy.Phase) []string {
	switch phase {
	case policy.PhaseHeld:
		return []string{"offer"}
	case policy.PhaseVerifying, policy.PhaseBlocked:
		return []string{"verdict"}
	case policy.PhaseVerified:
		return []string{"approve"}
	case policy.PhaseApproved, policy.PhaseRollingOut, policy.PhaseDone:
		return []string{"pause", "verdict", "offer"}
	case policy.PhasePaused:
		return []string{"resume", "verdict"} // a person paused it, or a result that was taken back
	case policy.PhaseDeclined, policy.PhaseExpired, policy.PhaseSuperseded:
	}
	return []string{"offer"}
}

func (o *operator) act(ctx context.Context, verb string, gate policy.Gate) {
	a := act{ID: o.id(), Target: gate.Group + "/" + gate.Release, Group: gate.Group, Release: gate.Release}
	reason := map[string]string{"reason": a.ID}
	var effect fleet.Effect
	switch verb {
	case "verdict":
		o.verdict(ctx, &a, gate)
	case "approve":
		a.Action = "gate.approve"
		r := api.ApproveRequest{Deadline: "+6h", Fingerprint: gate.Fingerprint, Reason: a.ID}
		_ = o.do(ctx, &a, api.Path("gates", gate.Group, gate.Release, verb), r, &effect, func() {
			a.Told = map[string]string{"approval": effect.Approval, "deadline": effect.Deadline}
		})
	case "pause", "resume":
		a.Action = "rollout." + verb
		_ = o.do(ctx, &a, api.Path("rollouts", gate.Group, gate.Release, verb), reason, &effect, nil)
	default:
		a.Action = "gate." + verb
		_ = o.do(ctx, &a, api.Path("gates", gate.Group, gate.Release, verb), reason, &effect, nil)
	}
}

// verdict records that an app works, or rarely that it does not, on a phone
// that has the release if there is one.
func (o *operator) verdict(ctx context.Context, a *act, gate policy.Gate) {
	var page fleet.DevicePage
	if o.admin.Get(ctx, api.Path("devices"), url.Values{"group": {gate.Group}, "ring": {"verification"}}, &page) != nil {
		return
	}
	there := slices.DeleteFunc(slices.Clone(page.Devices), func(d fleet.DeviceView) bool { return d.OS != gate.Release })
	if len(there) == 0 {
		there = page.Devices
	}
	if len(there) == 0 || len(gate.Apps) == 0 {
		return
	}
	r := api.VerdictRequest{Reason: a.ID, VerdictRequest: fleet.VerdictRequest{
		BundleID: pick(o.random, gate.Apps).BundleID, Release: gate.Release, Result: "works", Device: pick(o.random, there).UDID,
	}}
	if o.random.IntN(12) == 0 {
		r.Result, r.Note = "broken", "crashes at start"
	}
	a.Action, a.Target = "verdict.record", r.BundleID+"/"+r.Release
	var v api.Verdict
	_ = o.do(ctx, a, api.Path("verdicts"), r, &v, func() {
		a.Told = map[string]string{"id": v.ID, "result": v.Result, "group": v.Group, "phone": v.Device, "model": v.Model, "app_version": v.AppVersion}
	})
}
