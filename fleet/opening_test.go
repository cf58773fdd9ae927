package fleet_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// withUntested is a group whose gate only one app that nobody tested keeps
// closed.
func (w *world) withUntested() {
	w.t.Helper()
	w.verified()
	w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("more"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})))
}

// TestEditNeverHidesWhatKeepsAGateClosed: that a gate is closed for another
// reason, too, for a time, is no way around the app that closes it.
func TestEditNeverHidesWhatKeepsAGateClosed(t *testing.T) {
	t.Parallel()
	important, informational := "important", "informational"
	set := func(w *world, app, importance string) error {
		return second(w.fleet.SetApp(w.ctx, seg, w.act("edit"), app, fleet.AppChange{Importance: &importance}))
	}
	remove := func(w *world, app string) error { return second(w.fleet.RemoveApp(w.ctx, seg, w.act("edit"), app)) }
	takeOut := func(w *world, apps ...string) error {
		return second(w.fleet.SetGroup(w.ctx, seg, w.act("edit"), fleet.GroupRequest{Name: "sales", RemoveApps: apps}))
	}
	noTester := func(w *world) {
		w.withUntested()
		w.must(second(w.fleet.Move(w.ctx, seg, w.act("repair"), "V1", "", "")))
	}
	tests := map[string]struct {
		prepare func(*world)
		edit    func(*world) error
	}{
		"all apps":      {(*world).withUntested, func(w *world) error { return takeOut(w, "com.example.pos", "com.example.scan") }},
		"the last app":  {func(w *world) { w.unverified() }, func(w *world) error { return takeOut(w, "com.example.pos") }},
		"less strictly": {func(w *world) { w.unverified() }, func(w *world) error { return set(w, "com.example.pos", important) }},
		"paused": {func(w *world) {
			w.verified()
			w.must(second(w.approve("+3d")))
			w.must(w.verdict("V1", "broken"))
			w.must(second(w.fleet.Pause(w.ctx, seg, w.act("look"), "sales", release)))
		}, func(w *world) error { return remove(w, "com.example.pos") }},
		"no tester, removed": {noTester, func(w *world) error { return remove(w, "com.example.scan") }},
		"superseded by what was declined": {func(w *world) {
			w.unverified()
			w.decline(release)
		}, func(w *world) error { return remove(w, "com.example.pos") }},
		"verified on the newest, not on those before": {func(w *world) { w.verified() }, func(w *world) error { return remove(w, "com.example.pos") }},
		"no tester, lowered":                          {noTester, func(w *world) error { return set(w, "com.example.scan", informational) }},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.prepare(w)
			if r := refusal(t, tc.edit(w)); r.Code != "opens-gates" {
				t.Errorf("refused as %s, want opens-gates", r.Code)
			}
		})
	}
}

// TestEditOfWhatKeepsNothingClosed: an app goes when every gate has its result or was
// declined, and when the rollout it came to late is under way.
func TestEditOfWhatKeepsNothingClosed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*world) (app string){
		"verified": func(w *world) string {
			w.verified()
			w.decline("26.5.2", "26.6")
			return "com.example.pos"
		},
		"declined": func(w *world) string {
			w.withUntested()
			w.decline("26.5.2", "26.6", release)
			return "com.example.scan"
		},
		"no phones": func(w *world) string { return "com.example.pos" },
		"rolled out without it": func(w *world) string {
			w.verified()
			w.must(second(w.approve("+3d")))
			w.decline("26.5.2", "26.6")
			w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("more"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})))
			return "com.example.scan"
		},
	}
	for name, prepare := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			app := prepare(w)
			w.must(second(w.fleet.RemoveApp(w.ctx, seg, w.act("replaced"), app)))
		})
	}
}

func (w *world) decline(releases ...string) {
	w.t.Helper()
	for _, r := range releases {
		w.must(second(w.fleet.Decline(w.ctx, seg, w.act("skipped"), "sales", r)))
	}
}

// TestTesterComesBack: a verification phone more is a phone to test on, and no
// way around a test.
func TestTesterComesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("repair"), "V1", "", "")))
	if g := w.gate(); g.Phase == "verified" {
		t.Fatal("the gate is verified without a verification phone")
	}
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("repaired"), "V1", "sales", storage.RingVerification)))
	if g := w.gate(); g.Phase != "verified" {
		t.Errorf("gate is %s, want verified again", g.Phase)
	}
}

// TestMovesAtOnceDoNotOpenAGate: each of two phones of an untested model may
// go, and not both, however close together they are told to.
func TestMovesAtOnceDoNotOpenAGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, udid := range []string{"P8", "P9"} {
		odd := w.enrol(udid, "sales", storage.RingProduction)
		odd.model = "iPhone14,5"
		odd.settle()
	}
	w.verified()
	move := func(udid string) error { return second(w.fleet.Move(w.ctx, seg, w.act("gone"), udid, "", "")) }
	remove := func(udid string) error {
		return w.fleet.Remove(w.ctx, seg, udid, func(ctx context.Context) (storage.Phone, error) {
			p, err := w.store.Phone(ctx, seg, udid)
			if err != nil {
				return p, err
			}
			return w.store.UpdatePhone(ctx, seg, udid, p.Epoch, func(q *storage.Phone) (storage.PhoneChange, error) {
				q.Group, q.Ring = "", ""
				return storage.PhoneChange{}, nil
			})
		})
	}
	for range 4 {
		done := make(chan error, 2)
		go func() { done <- move("P8") }()
		go func() { done <- remove("P9") }()
		refusals := 0
		for range 2 {
			if err := <-done; err != nil {
				if e, ok := errors.AsType[*fleet.RefusedError](err); !ok || e.Code != "phone-keeps-gates" {
					t.Fatalf("moving a phone: %v", err)
				}
				refusals++
			}
		}
		if g := w.gate(); refusals != 1 || g.Phase == "verified" {
			t.Fatalf("%d refused and the gate %s, want one refused and the gate closed", refusals, g.Phase)
		}
		for _, udid := range []string{"P8", "P9"} {
			w.must(second(w.fleet.Move(w.ctx, seg, w.act("back"), udid, "sales", storage.RingProduction)))
		}
	}
}

// TestOpeningSaysWhatDeclinesHelp: an untested improvement that phones would take by
// themselves stays refused when it is declined, so that nobody is sent there.
func TestOpeningSaysWhatDeclinesHelp(t *testing.T) {
	t.Parallel()
	accept := func(w *world) error {
		return second(w.fleet.SetPolicy(w.ctx, seg, w.act("edit"), "strict", fleet.PolicyChange{ImprovementChange: fleet.ImprovementChange{Improvements: ptr("accept")}}))
	}
	tests := map[string]struct {
		prepare func(*testing.T) *world
		edit    func(*world) error
		helps   bool
	}{
		"an app taken away": {func(t *testing.T) *world {
			w := newWorld(t)
			w.unverified()
			return w
		}, func(w *world) error { return second(w.fleet.RemoveApp(w.ctx, seg, w.act("edit"), "com.example.pos")) }, true},
		"an improvement let in": {func(t *testing.T) *world {
			w, _, _ := reverifies(t)
			return w
		}, accept, false},
		"a declined improvement let in": {func(t *testing.T) *world {
			w, _, _ := reverifies(t)
			w.decline(improvement)
			return w
		}, accept, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := refusal(t, tc.edit(tc.prepare(t)))
			decline := ""
			if tc.helps {
				decline = r.Params["gates"]
			}
			if r.Code != "opens-gates" || r.Params["decline"] != decline {
				t.Errorf("refused as %s, to decline %q; want opens-gates, %q", r.Code, r.Params["decline"], decline)
			}
			if says := strings.Contains(r.Error(), "decline the releases"); says != tc.helps {
				t.Errorf("%v", r)
			}
		})
	}
}
