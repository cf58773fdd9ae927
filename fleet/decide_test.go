package fleet_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

const release = "26.6.1"

func refusal(t *testing.T, err error) *fleet.RefusedError {
	t.Helper()
	r, ok := errors.AsType[*fleet.RefusedError](err)
	if !ok {
		t.Fatalf("error = %v, want a refusal", err)
	}
	return r
}

func (w *world) approve(deadline string) (fleet.Effect, error) {
	return w.fleet.Approve(w.ctx, seg, w.act("all apps work"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: deadline})
}

func (w *world) verdict(udid, result string) error {
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: result, Device: udid, Note: "checked the till",
	})
	return err
}

func TestApprovalIsRefusedWhileAnAppIsMissing(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	_, err := w.approve("+3d")
	r := refusal(t, err)
	if len(r.Missing) != 1 || r.Missing[0].BundleID != "com.example.pos" || r.Missing[0].Name != "pos" || r.Missing[0].App.Why != "no-verdict" {
		t.Errorf("missing = %+v, want the app that was not tested", r.Missing)
	}
	if release, _ := p.enforcement(); release != "" {
		t.Errorf("production phone was asked to install %s", release)
	}
}

// TestRefusalNamesTheBrokenModel: the model on which an app does not work, not one on
// which nobody tried it. Somebody rings the vendor about it.
func TestRefusalNamesTheBrokenModel(t *testing.T) {
	w := newWorld(t)
	_, v := w.verified()
	other := newPhone(w, "P2")
	other.model = "iPhone12,1"
	other.again("sales", storage.RingProduction)
	other.settle()
	w.must(w.verdict(v.udid, "broken"))
	_, err := w.approve("+3d")
	missing := refusal(t, err).Missing
	proposed, err := w.fleet.ProposeOverride(w.ctx, seg, by("tanaka"), override())
	w.must(err)
	seen := []fleet.SeenView{{
		BundleID: "com.example.pos", Name: "pos", Importance: "critical", State: "broken", Why: "broken", Verdict: proposed.Override.Broken[0],
		MissingModels: []string{"iPhone12,1"}, BrokenModels: []string{"iPhone15,2"},
	}}
	if diff := cmp.Diff(seen, proposed.Shown.Missing); diff != "" {
		t.Errorf("shown to the second person (-want +got):\n%s", diff)
	}
	want := []fleet.Missing{{BundleID: "com.example.pos", Name: "pos", Why: "broken on iPhone15,2", App: seen[0]}}
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
}

func TestVerdictComesFromThePhonesOwnReport(t *testing.T) {
	w := newWorld(t)
	production := w.enrol("P1", "sales", storage.RingProduction)
	production.settle()
	production.install(release, "23G83")
	verification := w.enrol("V1", "sales", storage.RingVerification)
	verification.settle()
	for name, tc := range map[string]struct{ udid, code string }{
		"production phone": {"P1", "production-phone"},
		"not on release":   {"V1", "phone-not-on-release"},
	} {
		if r := refusal(t, w.verdict(tc.udid, "works")); r.Code != tc.code {
			t.Errorf("%s: refused as %s, want %s", name, r.Code, tc.code)
		}
	}
	if err := w.verdict("V9", "works"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown phone: %v, want not found", err)
	}
	if err := w.verdict("V1", "splendid"); !isInvalid(err) {
		t.Errorf("unknown result: %v, want invalid", err)
	}
	verification.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	list, err := w.fleet.Verdicts(seg, fleet.VerdictQuery{Release: release})
	w.must(err)
	if len(list) != 1 || list[0].AppVersion != "1.0" || list[0].Model != "iPhone15,2" || list[0].PhoneOS != release {
		t.Errorf("verdict = %+v, want app version, model and OS as the phone reported", list)
	}
}

func isInvalid(err error) bool {
	_, ok := errors.AsType[*fleet.InvalidError](err)
	return ok
}

// verified brings the gate to verified with one production phone waiting.
func (w *world) verified() (production, verification *phone) {
	w.t.Helper()
	production = w.enrol("P1", "sales", storage.RingProduction)
	production.settle()
	verification = w.enrol("V1", "sales", storage.RingVerification)
	verification.settle()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("candidate"), "sales", release)
	w.must(err)
	verification.settle()
	if got, _ := verification.enforcement(); got != release {
		w.t.Fatalf("verification phone is asked for %q, want the candidate", got)
	}
	if got, _ := production.enforcement(); got != "" {
		w.t.Fatalf("production phone is asked for %q before its gate is approved", got)
	}
	verification.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	return production, verification
}

func TestApprovalReachesProductionAndRetires(t *testing.T) {
	w := newWorld(t)
	production, verification := w.verified()
	if got, _ := verification.enforcement(); got != "" {
		t.Errorf("verification phone still holds the enforcement of %s it has installed", got)
	}
	dry, err := w.fleet.Approve(w.ctx, seg, fleet.Act{Actor: "uid:1(test)", Reason: "r", DryRun: true},
		fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"})
	w.must(err)
	if dry.Install != 1 {
		t.Errorf("dry run says %d phones would install, want 1", dry.Install)
	}
	if got, _ := production.enforcement(); got != "" {
		t.Errorf("a dry run made the phone be asked for %s", got)
	}
	effect, err := w.approve("+3d")
	w.must(err)
	if effect.Install != 1 || effect.Deadline != "2026-08-21T09:00:00" {
		t.Errorf("effect = %+v, want one phone by 2026-08-21T09:00:00", effect)
	}
	got, deadline := production.enforcement()
	if got != release || deadline != "2026-08-21T09:00:00" {
		t.Errorf("production phone is asked for %q by %s, want %s by 2026-08-21T09:00:00", got, deadline, release)
	}
	production.install(release, "23G83")
	if got, _ := production.enforcement(); got != "" {
		t.Errorf("phone still holds the enforcement of %s it has installed", got)
	}
	view, err := w.fleet.Rollout(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	if view.Phase != "done" || view.Done != 1 || len(view.Devices) != 0 {
		t.Errorf("rollout = %s, %d done, %d not; want done, 1, 0", view.Phase, view.Done, len(view.Devices))
	}
	w.clock.Add(10 * 24 * time.Hour)
	view, err = w.fleet.Rollout(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	if want := (fleet.Promise{Deadline: "2026-08-21T09:00:00", Notice: "24h"}); view.Promise != want {
		t.Errorf("a rollout that is done and over promises %+v, want %+v", view.Promise, want)
	}
	d, err := w.fleet.Device(w.ctx, seg, "P1")
	w.must(err)
	if d.Leak != "" {
		t.Errorf("an approved install counts as a leak of %s", d.Leak)
	}
}

// TestWallDeadlineOnAClockThatGoes: a wall time is kept although time passes
// while the approval is worked out, as it does outside of tests.
func TestWallDeadlineOnAClockThatGoes(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	w.clock.tick = time.Millisecond
	const want = "2026-08-28T10:00:00"
	effect, err := w.approve("2026-08-28T10:00")
	w.must(err)
	if effect.Deadline != want {
		t.Errorf("effect names the deadline %s, want %s", effect.Deadline, want)
	}
	if _, got := production.enforcement(); got != want {
		t.Errorf("production phone is asked to install by %s, want %s", got, want)
	}
}

func TestDeadlineIsFixedOnceAndNeverSentInThePast(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	_, err := w.approve("+1h")
	w.must(err)
	// The group's notice of a day is longer than the deadline that was given;
	// the phone's clock is in Tokyo.
	_, first := production.enforcement()
	if first != "2026-08-19T18:00:00" {
		t.Errorf("deadline = %s, want a day from now on the phone's clock", first)
	}
	w.clock.Add(20 * time.Hour)
	w.restart()
	if _, again := production.enforcement(); again != first {
		t.Errorf("deadline moved from %s to %s", first, again)
	}
	late := w.enrol("P2", "sales", storage.RingProduction)
	w.clock.Add(48 * time.Hour)
	late.settle()
	late.settle()
	now := w.clock.Now().In(time.FixedZone("JST", 9*3600)).Format("2006-01-02T15:04:05")
	got, deadline := late.enforcement()
	if got != release || deadline <= now {
		t.Errorf("late phone is asked for %q by %s, its clock says %s", got, deadline, now)
	}
}

// TestEffectNamesTheNotice: what a person is shown before and after approving,
// and of the rollout, is what the phone is told and not what was asked for.
func TestEffectNamesTheNotice(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	want := fleet.Promise{Deadline: "2026-08-18T10:00:00", NotBefore: "2026-08-19T18:00:00", Notice: "24h"} // its clock is in Tokyo
	check := func(what string, got fleet.Promise, err error) {
		t.Helper()
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
	}
	rollout := func(what string) {
		t.Helper()
		v, err := w.fleet.Rollout(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
		check(what, v.Promise, err)
	}
	dry := w.act("r")
	dry.DryRun = true
	request := fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+1h"}
	tried, err := w.fleet.Approve(w.ctx, seg, dry, request)
	check("dry run", tried.Promise, err)
	effect, err := w.approve("+1h")
	check("approval", effect.Promise, err)
	w.clock.Add(2 * time.Hour)
	want.NotBefore = "2026-08-19T20:00:00"
	rollout("before the phone was told")
	if _, told := production.enforcement(); told != want.NotBefore {
		t.Errorf("phone is told %s, want %s", told, want.NotBefore)
	}
	w.clock.Add(3 * time.Hour)
	rollout("after the phone was told")

	later := newWorld(t)
	later.verified()
	request.Start = "+2d"
	effect, err = later.fleet.Approve(later.ctx, seg, later.act("r"), request)
	want.Deadline, want.NotBefore = "2026-08-20T10:00:00", "2026-08-21T18:00:00"
	check("start in two days", effect.Promise, err)
}

func TestDeadlineThatPassedBeforeTheFetchIsReplaced(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	_, err := w.approve("+3d")
	w.must(err)
	if c := production.idle(); c == nil { // announced, then the phone goes offline
		t.Fatal("no synchronisation after an approval")
	}
	announced := production.stored().Announced.Enforcement.Deadline
	w.clock.Add(10 * 24 * time.Hour)
	_, deadline := production.enforcement()
	now := w.clock.Now().In(time.FixedZone("JST", 9*3600)).Format("2006-01-02T15:04:05")
	if deadline <= now || deadline == announced {
		t.Errorf("deadline = %s (announced %s), the phone's clock says %s", deadline, announced, now)
	}
}

func TestPauseWithdrawsAndResumeGoesOn(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	_, err := w.approve("+3d")
	w.must(err)
	if got, _ := production.enforcement(); got != release {
		t.Fatalf("asked for %q, want %s", got, release)
	}
	_, err = w.fleet.Pause(w.ctx, seg, w.act("tills are down"), "sales", release)
	w.must(err)
	if got, _ := production.enforcement(); got != "" {
		t.Errorf("paused, and the phone is still asked for %s", got)
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Reason.Code != "paused" {
		t.Errorf("reason = %s, want paused", x.Explanation.Reason.Code)
	}
	_, err = w.fleet.Resume(w.ctx, seg, w.act("tills are up"), "sales", release)
	w.must(err)
	if got, _ := production.enforcement(); got != release {
		t.Errorf("resumed, and the phone is asked for %q", got)
	}
}

func TestRevokedVerdictPausesTheRollout(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	_, err := w.approve("+3d")
	w.must(err)
	list, err := w.fleet.Verdicts(seg, fleet.VerdictQuery{Release: release})
	w.must(err)
	w.clock.Add(time.Minute)
	_, err = w.fleet.RevokeVerdict(w.ctx, seg, w.act("wrong phone"), list[0].ID)
	w.must(err)
	gate, err := w.fleet.Gate(seg, "sales", release)
	w.must(err)
	if gate.Phase != "paused" {
		t.Errorf("phase = %s, want paused", gate.Phase)
	}
	if got, _ := production.enforcement(); got != "" {
		t.Errorf("the phone is still asked for %s", got)
	}
}

func TestApproveRefusesAGateThatChangedSinceItWasShown(t *testing.T) {
	w := newWorld(t)
	w.verified()
	gate, err := w.fleet.Gate(seg, "sales", release)
	w.must(err)
	w.clock.Add(time.Minute)
	w.must(w.verdict("V1", "works-with-note"))
	_, err = w.fleet.Approve(w.ctx, seg, w.act("r"), fleet.ApproveRequest{
		Group: "sales", Release: release, Deadline: "+3d", Fingerprint: gate.Fingerprint,
	})
	if !errors.Is(err, storage.ErrConflict) {
		t.Errorf("error = %v, want a conflict", err)
	}
}

func TestPhoneBelowTheFloorWaitsForItsApp(t *testing.T) {
	w := newWorld(t)
	production, verification := w.verified()
	verification.apps["com.example.pos"] = "2.0"
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("new version"), "V1")
	w.must(err)
	verification.settle()
	w.must(w.verdict("V1", "broken"))
	w.clock.Add(time.Minute)
	verification.apps["com.example.pos"] = "2.1"
	_, err = w.fleet.Refresh(w.ctx, seg, w.act("vendor fix"), "V1")
	w.must(err)
	verification.settle()
	w.must(w.verdict("V1", "works"))
	_, err = w.approve("+3d")
	w.must(err)
	if got, _ := production.enforcement(); got != "" {
		t.Errorf("phone with app 1.0 is asked for %s, want it to wait for 2.1", got)
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Reason.Code != "app-update-needed" {
		t.Errorf("reason = %s, want app-update-needed", x.Explanation.Reason.Code)
	}
	production.apps["com.example.pos"] = "2.1"
	w.clock.Add(24 * time.Hour)
	production.settle()
	if got, _ := production.enforcement(); got != release {
		t.Errorf("after the app update the phone is asked for %q, want %s", got, release)
	}
}

func TestMoveKeepsTheHoldAndEndsTheEnforcement(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	_, err := w.approve("+3d")
	w.must(err)
	if got, _ := production.enforcement(); got != release {
		t.Fatalf("asked for %q, want %s", got, release)
	}
	_, err = w.fleet.Move(w.ctx, seg, w.act("left the team"), "P1", "", "")
	w.must(err)
	held := production.sync()
	if _, ok := held["kannuki.settings"]; !ok {
		t.Error("the hold left the phone with its group")
	}
	if ids := keysOf(held); slices.ContainsFunc(ids, func(id string) bool { return strings.HasPrefix(id, "kannuki.enforce") }) {
		t.Errorf("the ungrouped phone holds %v", ids)
	}
}

func keysOf[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	return out
}

func TestLeakIsRemembered(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	p.report(map[string]any{"softwareupdate": map[string]any{"install-reason": map[string]any{"reason": []string{"system-settings"}}}})
	p.install(release, "23G83")
	d, err := w.fleet.Device(w.ctx, seg, "P1")
	w.must(err)
	if d.Leak != release || d.Reason != "newer-than-verified" {
		t.Errorf("leak = %q, reason = %s; want %s, newer-than-verified", d.Leak, d.Reason, release)
	}
	entries, err := w.fleet.Audit(w.ctx, seg, 0, 0)
	w.must(err)
	if !slices.ContainsFunc(entries, func(e storage.AuditEntry) bool {
		return e.Action == "phone.leaked" && e.Detail["install_reason"] == "system-settings"
	}) {
		t.Error("the leak is not in the audit log")
	}
}

func TestGroupWithPhonesCannotBeRemoved(t *testing.T) {
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction)
	if r := refusal(t, w.fleet.RemoveGroup(w.ctx, seg, w.act("r"), "sales")); r.Code != "group-has-phones" {
		t.Errorf("refused as %s, want group-has-phones", r.Code)
	}
}

// TestGroupThatHoldsPhonesCannotBeRemoved: a group made again would not hold from
// phones what it did.
func TestGroupThatHoldsPhonesCannotBeRemoved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction)
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "stock"})))
	for _, detour := range []fleet.MoveRequest{toNone("P1"), to("stock", storage.RingVerification, "P1")} {
		w.must(second(w.fleet.MoveAll(w.ctx, seg, w.act("on"), detour)))
		w.restart()
		r := refusal(t, w.fleet.RemoveGroup(w.ctx, seg, w.act("r"), "sales"))
		if r.Code != "group-holds-phones" || r.Params["phones"] != "P1" || r.Params["count"] != "1" {
			t.Errorf("refused as %s %v, want group-holds-phones with P1 alone", r.Code, r.Params)
		}
	}
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("to work"), "P1", "stock", storage.RingProduction)))
	w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("r"), "sales"))
}

func TestDecisionsNeedAReason(t *testing.T) {
	w := newWorld(t)
	if _, err := w.fleet.Offer(w.ctx, seg, fleet.Act{Actor: "x"}, "sales", release); !isInvalid(err) {
		t.Errorf("offer without a reason = %v, want invalid", err)
	}
}

func TestApprovalCanBeWithdrawnUntilItsWaveStarts(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	approve := func() {
		t.Helper()
		_, err := w.fleet.Approve(w.ctx, seg, w.act("r"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d", Start: "+2h"})
		w.must(err)
	}
	approve()
	if got, _ := production.enforcement(); got != "" {
		t.Errorf("before its wave the phone is asked for %s", got)
	}
	_, err := w.fleet.Withdraw(w.ctx, seg, w.act("wrong group"), "sales", release)
	w.must(err)
	w.clock.Add(3 * time.Hour)
	if got, _ := production.enforcement(); got != "" {
		t.Errorf("withdrawn, and the phone is asked for %s", got)
	}
	approve()
	if !w.after(3 * time.Hour) {
		t.Error("the first wave did not start")
	}
	if got, _ := production.enforcement(); got != release {
		t.Errorf("after the wave started the phone is asked for %q, want %s", got, release)
	}
	_, err = w.fleet.Withdraw(w.ctx, seg, w.act("too late"), "sales", release)
	if r := refusal(t, err); r.Code != "wave-started" {
		t.Errorf("refused as %s, want wave-started", r.Code)
	}
}

func TestMoveThatWouldOpenAGateIsRefused(t *testing.T) {
	w := newWorld(t)
	odd := w.enrol("P9", "sales", storage.RingProduction)
	odd.model = "iPhone14,5"
	odd.settle()
	w.verified()
	gate, err := w.fleet.Gate(seg, "sales", release)
	w.must(err)
	if gate.Phase != "verifying" {
		t.Fatalf("phase = %s, want verifying while a model is untested", gate.Phase)
	}
	_, err = w.fleet.Move(w.ctx, seg, w.act("out of the way"), "P9", "", "")
	if r := refusal(t, err); r.Code != "phone-keeps-gates" {
		t.Errorf("refused as %s, want phone-keeps-gates", r.Code)
	}
	if odd.stored().Group != "sales" {
		t.Error("the phone was moved all the same")
	}
}

func TestRolloutIsDoneWhateverComesNext(t *testing.T) {
	w := newWorld(t)
	production, _ := w.verified()
	_, err := w.approve("+3d")
	w.must(err)
	production.settle()
	production.install(release, "23G83")
	_, err = w.approve("+3d")
	if r := refusal(t, err); r.Code != "approved-already" {
		t.Errorf("second approval refused as %s, want approved-already", r.Code)
	}
	// An older release is done with, too, on a phone that went beyond it.
	older, err := w.fleet.Rollout(w.ctx, seg, "sales", "26.6", fleet.RolloutQuery{})
	w.must(err)
	if older.Done != 1 || len(older.Devices) != 0 {
		t.Errorf("rollout of 26.6: %d done, %d not; want 1 and 0", older.Done, len(older.Devices))
	}
}

func TestGroupSettingsStayUnlessGiven(t *testing.T) {
	w := newWorld(t)
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", Candidate: "auto", MinimumNotice: 48 * time.Hour})
	w.must(err)
	g, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})
	w.must(err)
	if g.Candidate != "auto" || g.MinimumNotice != "48h" || len(g.Apps) != 2 {
		t.Errorf("group = %+v, want the settings given before kept and the app added", g)
	}
}
