package fleet_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

func (w *world) addApp(group, app string) {
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: group, Apps: []string{app}})
	w.must(err)
}

// newFloor approves a release that rests on version 2.0 of an app the group got
// only lately. The production phone has 1.0 and was never asked for it.
func (w *world) newFloor() *phone {
	w.t.Helper()
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.apps["com.example.scan"] = "1.0"
	p.settle()
	w.addApp("sales", "com.example.scan")
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.apps["com.example.scan"] = "2.0"
	v.settle()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", release)
	w.must(err)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	_, err = w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.scan", Release: release, Result: "works", Device: "V1"})
	w.must(err)
	_, err = w.approve("+3d")
	w.must(err)
	return p
}

func TestFloorOfAnAppThatWasNeverAskedForHolds(t *testing.T) {
	w := newWorld(t)
	p := w.newFloor()
	// The phone synchronises by itself, before it is asked for the app.
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("phone with scan 1.0 (floor 2.0, never asked) is told to install %s", got)
	}
	p.settle()
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Reason.Code != "app-update-needed" {
		t.Errorf("reason = %s once the phone told its version, want app-update-needed", x.Explanation.Reason.Code)
	}
}

func TestRefusedAppListIsNoVersion(t *testing.T) {
	w := newWorld(t)
	p := w.newFloor()
	c := p.idle()
	if c == nil || c.RequestType != "InstalledApplicationList" {
		t.Fatalf("first command = %v, want the app list", c)
	}
	p.say(mdm.Error, c.UUID, nil)
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("the app list was refused, and the phone is told to install %s", got)
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Reason.Code != "app-version-unknown" {
		t.Errorf("reason = %s, want app-version-unknown", x.Explanation.Reason.Code)
	}
}

func TestAppListAskedForTheOldGroupDoesNotCount(t *testing.T) {
	w := newWorld(t)
	_, err := w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "dock", Apps: []string{"com.example.scan"}})
	w.must(err)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.apps = map[string]string{"com.example.pos": "1.0", "com.example.scan": "1.0"}
	c := p.idle()
	c = p.answer(c)
	if c.RequestType != "InstalledApplicationList" {
		t.Fatal(c.RequestType)
	}
	_, err = w.fleet.Move(w.ctx, seg, w.act("m"), "P1", "dock", storage.RingProduction)
	w.must(err)
	// the phone answers what it was asked: pos only
	n := p.say(mdm.Acknowledged, c.UUID, map[string]any{"InstalledApplicationList": []map[string]any{{"Identifier": "com.example.pos", "ShortVersion": "1.0"}}})
	if n == nil || n.RequestType != "InstalledApplicationList" {
		s := p.stored()
		t.Errorf("next=%v; dock's apps count as known: AppsAt=%v apps=%v", n, s.AppsAt, s.Apps)
	}
}

func TestGroupOfTheSameNameStartsAnew(t *testing.T) {
	w := newWorld(t)
	p, v := w.verified()
	_, err := w.approve("+3d")
	w.must(err)
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "depot"})))
	for _, x := range []*phone{p, v} {
		w.must(second(w.fleet.Move(w.ctx, seg, w.act("m"), x.udid, "depot", storage.RingProduction)))
		x.settle()
	}
	w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("r"), "sales"))
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})))
	_, err = w.fleet.Move(w.ctx, seg, w.act("m"), "P1", "sales", storage.RingProduction)
	w.must(err)
	p.apps["com.example.scan"] = "0.1"
	p.settle()
	if got, _ := p.enforcement(); got != "" {
		g, _ := w.fleet.Gate(seg, "sales", release)
		t.Errorf("new group sales (scan, never tested): phone told to install %s; gate %s", got, g.Phase)
	}
}

func TestResultWithoutUUIDDoesNotLoop(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1")
	w.must(err)
	c := p.idle()
	n := 0
	for ; c != nil && n < 100; n++ {
		c = p.say(mdm.Error, "", nil)
	}
	if n == 100 {
		t.Errorf("100 answers without a usable CommandUUID got 100 commands in one session")
	}
}

func TestDeadlineOfAnOlderRevisionIsNotTheNewOne(t *testing.T) {
	w := newWorld(t)
	p, _ := w.verified()
	_, err := w.approve("+1d")
	w.must(err)
	if got, _ := p.enforcement(); got != release {
		t.Fatal(got)
	}
	p.settle()
	_, err = w.fleet.Pause(w.ctx, seg, w.act("x"), "sales", release)
	w.must(err)
	c := p.idle() // announced without; the phone defers and does not fetch
	p.say(mdm.NotNow, c.UUID, nil)
	w.clock.Add(2 * time.Hour)
	_, err = w.fleet.Resume(w.ctx, seg, w.act("x"), "sales", release)
	w.must(err)
	c = p.idle()
	p.say(mdm.NotNow, c.UUID, nil)
	t.Log("announced", p.stored().Announced.Enforcement.Deadline)
	w.clock.Add(30 * time.Hour)
	_, dl := p.enforcement()
	now := w.clock.Now().In(time.FixedZone("JST", 9*3600)).Format("2006-01-02T15:04:05")
	if dl != "" && dl <= now {
		t.Errorf("past deadline %s sent at %s", dl, now)
	}
}

// hookStore lets a test act between two steps of a use case.
type hookStore struct {
	fleet.Store
	afterChange  func()
	beforeUpdate func()
	afterSet     func()
}

func (h *hookStore) ChangeWorld(ctx context.Context, s storage.Segment, rev uint64, c storage.WorldChange) (uint64, error) {
	n, err := h.Store.ChangeWorld(ctx, s, rev, c)
	if f := h.afterChange; f != nil {
		f()
	}
	return n, err
}

func (h *hookStore) UpdatePhone(ctx context.Context, s storage.Segment, udid string, epoch uint64, u func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error) {
	if f := h.beforeUpdate; f != nil {
		h.beforeUpdate = nil
		f()
	}
	return h.Store.UpdatePhone(ctx, s, udid, epoch, u)
}

func (h *hookStore) DeclarationSet(ctx context.Context, s storage.Segment, tok string) (storage.DeclarationSet, error) {
	d, err := h.Store.DeclarationSet(ctx, s, tok)
	if f := h.afterSet; f != nil {
		h.afterSet = nil
		f()
	}
	return d, err
}

func (w *world) hook() *hookStore {
	h := &hookStore{Store: w.store}
	facts, err := embedded()
	w.must(err)
	w.fleet = fleet.New(h, w.wakes, w.clock.Now, fleet.Options{Organization: "Example", Facts: facts})
	w.must(w.fleet.Load(w.ctx))
	return h
}

func TestPauseIsInForceWhenItsCallerLeft(t *testing.T) {
	w := newWorld(t)
	p, _ := w.verified()
	h := w.hook()
	_, err := w.approve("+3d")
	w.must(err)
	ctx, cancel := context.WithCancel(w.ctx)
	h.afterChange = cancel
	_, err = w.fleet.Pause(ctx, seg, w.act("stop!"), "sales", release)
	h.afterChange = nil
	t.Log("pause:", err)
	world, _ := w.store.World(w.ctx, seg)
	t.Log("on disk paused:", world.Approvals[0].PausedAt)
	if got, _ := p.enforcement(); got != "" && !world.Approvals[0].PausedAt.IsZero() {
		t.Errorf("pause is on disk and audited, phone still told to install %s", got)
	}
}

func TestOlderWorldNeverOverwritesANewerAnnouncement(t *testing.T) {
	w := newWorld(t)
	p, _ := w.verified()
	h := w.hook()
	_, err := w.approve("+3d")
	w.must(err)
	h.beforeUpdate = func() { // between plan and write: somebody pauses, and the phone's poll announces that
		_, err := w.fleet.Pause(w.ctx, seg, w.act("x"), "sales", release)
		w.must(err)
		p.tokens()
	}
	p.tokens()
	a := p.stored().Announced
	if a.Enforcement != nil {
		t.Errorf("announced revision %d with enforcement of %s, after the pause was announced", a.Revision, a.Enforcement.Release)
	}
}

func TestManifestSurvivesASweep(t *testing.T) {
	w := newWorld(t)
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	h := w.hook()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("x"), "sales", release)
	w.must(err)
	v.tokens()
	h.afterSet = func() {
		_, err := w.fleet.Withdraw(w.ctx, seg, w.act("x"), "sales", release)
		w.must(err)
		v.tokens()
		_, err = w.fleet.Sweep(w.ctx)
		w.must(err)
	}
	for path := range v.items().all() {
		if _, err := v.declarative("declaration/"+path, nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestQueuedCommandsAreOpenWorkAfterARestart(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1")
	w.must(err)
	w.wakes.take("P1")
	w.restart()
	_, err = w.fleet.Sweep(w.ctx)
	w.must(err)
	if !w.wakes.take("P1") {
		t.Error("two commands wait, and the sweep after a restart wakes nobody")
	}
}

func TestArrivingOnAClosedReleaseIsALeak(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P0", "sales", storage.RingProduction)
	p.settle()
	q := w.enrol("P9", "sales", storage.RingProduction)
	q.os, q.build = release, "23G83"
	q.settle()
	d, err := w.fleet.Device(w.ctx, seg, "P9")
	w.must(err)
	if d.Leak == "" {
		t.Errorf("enrolled on closed %s: leak %q, reason %s", release, d.Leak, d.Reason)
	}
	v := w.enrol("V9", "sales", storage.RingVerification)
	v.os, v.build = release, "23G83"
	v.settle()
	_, err = w.fleet.Move(w.ctx, seg, w.act("m"), "V9", "sales", storage.RingProduction)
	w.must(err)
	d, err = w.fleet.Device(w.ctx, seg, "V9")
	w.must(err)
	if d.Leak == "" {
		t.Errorf("moved to production on closed %s: leak %q, reason %s", release, d.Leak, d.Reason)
	}
}

// TestArrivingTogether: which of several phones is moved first does not matter for which of
// them is ahead of the gate of its new group.
func TestArrivingTogether(t *testing.T) {
	t.Parallel()
	for _, newer := range []string{"P1", "P3"} {
		w := newWorld(t)
		_, err := w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "field", Apps: []string{"com.example.pos"}})
		w.must(err)
		udids := []string{"P1", "P2", "P3"}
		for _, udid := range udids {
			p := w.enrol(udid, "sales", storage.RingProduction)
			if udid == newer {
				p.os, p.build = release, "23G83"
			}
			p.settle()
		}
		_, err = w.fleet.MoveAll(w.ctx, seg, w.act("m"), fleet.MoveRequest{Devices: udids, Group: "field", Ring: storage.RingProduction})
		w.must(err)
		for _, udid := range udids {
			d, err := w.fleet.Device(w.ctx, seg, udid)
			w.must(err)
			if (d.Leak != "") != (udid == newer) {
				t.Errorf("%s is on %s, %s on %s: leak %q, %s", newer, release, udid, d.OS, d.Leak, d.Reason)
			}
		}
	}
}

func TestCountsDoNotChangeWithARestart(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	s := p.stored()
	s2, err := w.store.UpdatePhone(w.ctx, seg, "P1", 0, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.State = storage.PhoneAuthenticating
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	_ = s
	w.must(w.fleet.Noticed(seg, s2))
	g1, _ := w.fleet.Gate(seg, "sales", release)
	w.restart()
	g2, _ := w.fleet.Gate(seg, "sales", release)
	if g1.Counts != g2.Counts {
		t.Errorf("counts %+v before a restart, %+v after", g1.Counts, g2.Counts)
	}
}

func TestAnswerToACancelledCommandDoesNotCount(t *testing.T) {
	w := newWorld(t)
	_, err := w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "dock", Apps: []string{"com.example.scan"}})
	w.must(err)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	_, err = w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1")
	w.must(err)
	c := p.answer(p.idle())
	if c.RequestType != "InstalledApplicationList" {
		t.Fatal(c.RequestType)
	}
	_, err = w.fleet.Move(w.ctx, seg, w.act("m"), "P1", "dock", storage.RingProduction)
	w.must(err)
	n := p.say(mdm.Acknowledged, c.UUID, map[string]any{"InstalledApplicationList": []map[string]any{{"Identifier": "com.example.pos", "ShortVersion": "1.0"}}})
	s := p.stored()
	if !s.AppsAt.IsZero() {
		t.Errorf("answer of a cancelled row taken: AppsAt=%v apps=%v next=%v", s.AppsAt, s.Apps, n != nil && strings.Contains(n.RequestType, "Installed"))
	}
}

// TestAddRefusesWhatExists: adding makes, setting changes. What exists is left
// as it is.
func TestAddRefusesWhatExists(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	before, err := w.store.World(w.ctx, seg)
	w.must(err)
	tests := map[string]error{
		"app-exists":   second(w.fleet.AddApp(w.ctx, seg, w.act("x"), fleet.AppRequest{BundleID: "com.example.pos", Importance: "informational"})),
		"group-exists": second(w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", Candidate: "auto"})),
	}
	for want, err := range tests {
		if r := refusal(t, err); r.Code != want {
			t.Errorf("refused as %s, want %s", r.Code, want)
		}
	}
	after, err := w.store.World(w.ctx, seg)
	w.must(err)
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the world (-before +after):\n%s", diff)
	}
}

func TestPausedEnforcementIsNotSentForAnotherInstall(t *testing.T) {
	w := newWorld(t)
	p, _ := w.verified()
	_, err := w.approve("+1d")
	w.must(err)
	c := p.idle() // announced, deferred: the phone never fetched it
	p.say(mdm.NotNow, c.UUID, nil)
	p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "installing", "pending-version": map[string]any{"os-version": "26.5.2"}}})
	_, err = w.fleet.Pause(w.ctx, seg, w.act("stop"), "sales", release)
	w.must(err)
	w.clock.Add(48 * time.Hour)
	got, dl := p.enforcement()
	if got != "" {
		t.Errorf("paused; phone that never fetched it is told %s by %s, its clock says %s", got, dl, w.clock.Now().In(time.FixedZone("JST", 9*3600)).Format("2006-01-02T15:04:05"))
	}
}
