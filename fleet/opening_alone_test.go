package fleet_test

import (
	"context"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// opener is an edit that opens a closed gate in a world made for it.
type opener struct {
	world func(*testing.T) *world
	edit  func(context.Context, *world, fleet.Act) error
	move  fleet.MoveRequest // that opens it, or that two people make first
}

// openers are every way of opening a closed gate that is no decision about it.
func openers() map[string]opener {
	made := func(prepare func(*world)) func(*testing.T) *world {
		return func(t *testing.T) *world {
			w := newWorld(t)
			prepare(w)
			return w
		}
	}
	untested := made(func(w *world) { w.unverified() })
	short := made(func(w *world) { // results count for a day, which is over
		w.decides("strict", fleet.PolicyChange{VerdictDays: ptr(1)})
		w.verified()
		w.days(2)
	})
	twins := made(func(w *world) { w.twinScreens("hardware") })
	rollingTwins := made(func(w *world) {
		w.twinScreens("hardware")
		w.testedOn("iPhone15,4")
		_, err := w.fleet.Approve(w.ctx, seg, w.act("r"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"})
		w.must(err)
		w.joined("P7", "iPhone17,3")
	})
	reverify := func(t *testing.T) *world { w, _, _ := reverifies(t); return w }
	leftOut := func(t *testing.T) *world { // approved and begun for one model; another joined
		w, p, tester := reverifies(t)
		w.must(second(w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", improvement)))
		tester.improve("a", "23D771330a")
		tester.settle()
		w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: improvement, Result: "works", Device: "T", Note: "seen"})))
		w.must(second(w.fleet.Approve(w.ctx, seg, w.act("a"), fleet.ApproveRequest{Group: "sales", Release: improvement, Deadline: "+3d"})))
		p.settle()
		q := newPhone(w, "P8")
		q.model, q.os, q.build = "iPhone14,5", "26.3.1", "23D8133"
		q.again("sales", storage.RingProduction)
		q.settle()
		return w
	}
	odd, rolling := made((*world).oddModel), made(func(w *world) { w.unverified(); w.dockRolls() })
	again := func(group string, ring storage.Ring) func(*testing.T) *world {
		return made(func(w *world) { p := w.unverified(); w.dockRolls(); p.again(group, ring); p.settle() })
	}
	apply := func(text string, prune bool) func(context.Context, *world, fleet.Act) error {
		return func(ctx context.Context, w *world, a fleet.Act) error {
			return second(w.fleet.Apply(ctx, seg, a, fleet.ApplyRequest{Settings: settings(w.t, text), Prune: prune}))
		}
	}
	group := func(r fleet.GroupRequest) func(context.Context, *world, fleet.Act) error {
		return func(ctx context.Context, w *world, a fleet.Act) error {
			return second(w.fleet.SetGroup(ctx, seg, a, r))
		}
	}
	policy := func(c fleet.PolicyChange) func(context.Context, *world, fleet.Act) error {
		return func(ctx context.Context, w *world, a fleet.Act) error {
			return second(w.fleet.SetPolicy(ctx, seg, a, "strict", c))
		}
	}
	app := func(importance string) func(context.Context, *world, fleet.Act) error {
		return func(ctx context.Context, w *world, a fleet.Act) error {
			return second(w.fleet.SetApp(ctx, seg, a, "com.example.pos", fleet.AppChange{Importance: &importance}))
		}
	}
	remove := func(ctx context.Context, w *world, a fleet.Act) error {
		return second(w.fleet.RemoveApp(ctx, seg, a, "com.example.pos"))
	}
	leave := func(ctx context.Context, w *world, _ fleet.Act) error {
		return w.fleet.Remove(ctx, seg, "P9", func(context.Context) (storage.Phone, error) {
			w.t.Error("the phone was removed")
			return storage.Phone{}, nil
		})
	}
	link := func(udid, serial, group string) func(context.Context, *world, fleet.Act) error {
		return func(ctx context.Context, w *world, _ fleet.Act) error {
			w.setSerial("P1", "SP1")
			return w.fleet.MayEnrol(ctx, seg, udid, serial, group, storage.RingProduction)
		}
	}
	accept := fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("accept")}}
	return map[string]opener{
		"app set, less strict":          {untested, app("important"), fleet.MoveRequest{}},
		"app set, not strict":           {untested, app("informational"), fleet.MoveRequest{}},
		"app remove":                    {untested, remove, fleet.MoveRequest{}},
		"group set, without an app":     {untested, group(fleet.GroupRequest{Name: "sales", RemoveApps: []string{"com.example.pos"}}), fleet.MoveRequest{}},
		"group set, another policy":     {short, group(fleet.GroupRequest{Name: "sales", Policy: "default"}), fleet.MoveRequest{}},
		"group set, to accept":          {reverify, group(fleet.GroupRequest{Name: "sales", Policy: "default"}), fleet.MoveRequest{}},
		"policy set, results for ever":  {short, policy(fleet.PolicyChange{VerdictDays: ptr(0)}), fleet.MoveRequest{}},
		"policy set, a wider class":     {twins, policy(fleet.PolicyChange{ModelClassChange: fleet.ModelClassChange{ModelClass: ptr("screen")}}), fleet.MoveRequest{}},
		"policy set, for one left out":  {rollingTwins, policy(fleet.PolicyChange{ModelClassChange: fleet.ModelClassChange{ModelClass: ptr("any")}}), fleet.MoveRequest{}},
		"apply, a wider class":          {twins, apply(`{"policies":[{"name":"strict","model_class":"any"}]}`, false), fleet.MoveRequest{}},
		"policy set, improvements":      {reverify, policy(accept), fleet.MoveRequest{}},
		"policy set, one left out":      {leftOut, policy(accept), fleet.MoveRequest{}},
		"apply, an app":                 {untested, apply(`{"apps":[{"bundle_id":"com.example.pos","importance":"important"}]}`, false), fleet.MoveRequest{}},
		"apply, a group's apps":         {untested, apply(`{"groups":[{"name":"sales","apps":["com.example.scan"]}]}`, false), fleet.MoveRequest{}},
		"apply, a group's policy":       {short, apply(`{"groups":[{"name":"sales","policy":"default"}]}`, false), fleet.MoveRequest{}},
		"apply, a policy":               {short, apply(`{"policies":[{"name":"strict","verdict_days":90}]}`, false), fleet.MoveRequest{}},
		"apply, improvements":           {reverify, apply(`{"policies":[{"name":"strict","improvements":"accept"}]}`, false), fleet.MoveRequest{}},
		"apply and prune":               {untested, apply(`{"groups":[{"name":"sales","apps":["com.example.scan"]}],"apps":[{"bundle_id":"com.example.scan"}]}`, true), fleet.MoveRequest{}},
		"device move, out":              {odd, nil, toNone("P9")},
		"device move, to test":          {odd, nil, to("sales", storage.RingVerification, "P9")},
		"device move, past a gate":      {rolling, nil, to("dock", storage.RingProduction, "P1")},
		"device move, among others":     {rolling, nil, to("dock", storage.RingProduction, "D1", "P1")},
		"device remove":                 {odd, leave, toNone("P9")},
		"device move, enrolled to test": {again("dock", storage.RingVerification), nil, to("dock", storage.RingProduction, "P1")},
		"device move, enrolled nowhere": {again("", ""), nil, to("dock", storage.RingProduction, "P1")},
		"enroll link, enrolled nowhere": {again("", ""), link("P1", "", "dock"), to("dock", storage.RingProduction, "P1")},
		"enroll link, by its UDID":      {rolling, link("P1", "", "dock"), to("dock", storage.RingProduction, "P1")},
		"enroll link, by its serial":    {rolling, link("", "SP1", "dock"), to("dock", storage.RingProduction, "P1")},
		"enroll link, of the only such": {odd, link("P9", "", ""), toNone("P9")},
	}
}

// TestNoEditOpensAlone goes through every command that changes what a gate demands
// or whom it holds: none opens a closed gate by one person, and none says no
// without a way for two.
func TestNoEditOpensAlone(t *testing.T) {
	t.Parallel()
	all := openers()
	maps.Copy(all, detours())
	for name, tc := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := tc.world(t)
			before, propose := w.state(), func() (fleet.Proposed, error) { return w.fleet.ProposeMove(t.Context(), seg, by("tanaka"), tc.move) }
			if tc.edit == nil {
				tc.edit = func(ctx context.Context, w *world, a fleet.Act) error {
					return second(w.fleet.MoveAll(ctx, seg, a, tc.move))
				}
			}
			if len(tc.move.Devices) == 0 {
				propose = func() (fleet.Proposed, error) {
					return w.fleet.ProposeEdit(t.Context(), seg, by("tanaka"), func(ctx context.Context, a fleet.Act) error { return tc.edit(ctx, w, a) })
				}
			}
			refused := refusal(t, tc.edit(t.Context(), w, by("tanaka")))
			if codes := []string{"opens-gates", "phone-keeps-gates", "past-closed-gates"}; !slices.Contains(codes, refused.Code) || refused.Params["gates"] == "" {
				t.Errorf("refused as %s %v, want one of %v with the gates", refused.Code, refused.Params, codes)
			}
			if diff := cmp.Diff(before, w.state()); diff != "" {
				t.Errorf("refused, and changed (-before +after):\n%s", diff)
			}
			p, err := propose()
			w.must(err)
			w.must(second(w.fleet.Sign(t.Context(), seg, by("sato"), p.ID)))
			if cmp.Equal(before, w.state()) {
				t.Error("signed, and nothing changed")
			}
		})
	}
}

// state is what edits change.
func (w *world) state() any {
	w.t.Helper()
	records := w.records()
	places := map[string]string{}
	list, err := w.fleet.Devices(w.ctx, seg, fleet.DeviceQuery{})
	w.must(err)
	for _, d := range list.Devices {
		places[d.UDID] = d.Group + "/" + d.Ring
	}
	return []any{records.Apps, records.Groups, records.Policies, places}
}
