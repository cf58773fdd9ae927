package fleet_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestEditNeverOpensAGate: taking away what keeps a gate closed is a decision
// about that gate, not an edit; so is what lets a blocked rollout go on.
func TestEditNeverOpensAGate(t *testing.T) {
	t.Parallel()
	informational := "informational"
	edits := map[string]func(*world, string) error{
		"lower": func(w *world, app string) error {
			_, err := w.fleet.SetApp(w.ctx, seg, w.act("edit"), app, fleet.AppChange{Importance: &informational})
			return err
		},
		"remove": func(w *world, app string) error {
			_, err := w.fleet.RemoveApp(w.ctx, seg, w.act("edit"), app)
			return err
		},
		"take out of the group": func(w *world, app string) error {
			_, err := w.fleet.SetGroup(w.ctx, seg, w.act("edit"), fleet.GroupRequest{Name: "sales", RemoveApps: []string{app}})
			return err
		},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, tester := w.verified()
			_, err := w.fleet.SetGroup(w.ctx, seg, w.act("more"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})
			w.must(err)
			before, err := w.store.World(w.ctx, seg)
			w.must(err)
			r := refusal(t, edit(w, "com.example.scan"))
			if r.Code != "opens-gates" || !strings.Contains(r.Params["gates"], "sales/"+release) {
				t.Errorf("untested app: %s %v, want opens-gates naming sales/%s", r.Code, r.Params, release)
			}
			after, err := w.store.World(w.ctx, seg)
			w.must(err)
			if before.Revision != after.Revision {
				t.Error("the refused edit changed the world")
			}

			tester.apps["com.example.scan"] = "3.0"
			_, err = w.fleet.Refresh(w.ctx, seg, w.act("look"), tester.udid)
			w.must(err)
			tester.settle()
			w.must(w.record("com.example.scan", "works"))
			_, err = w.approve("+3d")
			w.must(err)
			w.must(w.record("com.example.scan", "broken"))
			if r := refusal(t, edit(w, "com.example.scan")); r.Code != "opens-gates" {
				t.Errorf("broken app of a rollout: %s, want opens-gates", r.Code)
			}
		})
	}
}

func (w *world) record(app, result string) error {
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), fleet.VerdictRequest{
		BundleID: app, Release: release, Result: result, Device: "V1", Note: "seen",
	})
	return err
}

func TestSetGroupNeedsAGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "salse", Candidate: "auto"})
	if e, ok := errors.AsType[*fleet.NotFoundError](err); !ok || len(e.Near) != 1 {
		t.Errorf("unknown group = %v, want not found with a near name", err)
	}
	g, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", CandidateNotice: 150 * time.Minute})
	w.must(err)
	if g.CandidateNotice != "2h30m" || g.MinimumNotice != "24h" {
		t.Errorf("notices %s and %s, want 2h30m and the default 24h", g.CandidateNotice, g.MinimumNotice)
	}
}

// TestCandidateNotice: the verification phones get the notice of their group.
func TestCandidateNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", CandidateNotice: 600 * time.Minute})
	w.must(err)
	tester := w.enrol("V1", "sales", storage.RingVerification)
	tester.zone = "UTC"
	tester.settle()
	_, err = w.fleet.Offer(w.ctx, seg, w.act("candidate"), "sales", release)
	w.must(err)
	tester.settle()
	if _, deadline := tester.enforcement(); deadline != "2026-08-18T19:00:00" {
		t.Errorf("deadline %s, want ten hours after 09:00", deadline)
	}
}

// TestAppTextsWithoutControlCharacters: what names an app is shown in one line, on
// terminals that obey an escape.
func TestAppTextsWithoutControlCharacters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, c := range map[string]fleet.AppChange{
		"name": {Name: ptr("P\x1b[31mOS")}, "owner": {Owner: ptr("till\nteam")}, "vendor_contact": {Vendor: ptr("a\u009b1m")}, "smoke": {Smoke: &[]string{"log in\nlog out"}},
	} {
		_, err := w.fleet.SetApp(w.ctx, seg, w.act("x"), pos, c)
		if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Field != name {
			t.Errorf("%s: %v, want it refused", name, err)
		}
	}
	_, err := w.fleet.AddApp(w.ctx, seg, w.act("x"), fleet.AppRequest{BundleID: "com.example.new", Name: "New\t", Importance: "critical"})
	if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Code != "control-characters" {
		t.Errorf("a new app: %v, want it refused", err)
	}
}

// TestNoticesAreRecordedAsGiven: the audit log, and a proposal that shows what it would
// record, have lengths of time as people write them.
func TestNoticesAreRecordedAsGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(second(w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", MinimumNotice: 12 * time.Hour, CandidateNotice: 150 * time.Minute})))
	got := w.acts("group.set")[0].Detail
	if got["minimum_notice"] != "12h" || got["candidate_notice"] != "2h30m" {
		t.Errorf("recorded %q and %q, want 12h and 2h30m", got["minimum_notice"], got["candidate_notice"])
	}
}
