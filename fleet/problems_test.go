package fleet_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestProblemRecord: what was reported is what the phone told of itself, and a
// report that is closed stays on record.
func TestProblemRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	dry := w.act("called")
	dry.DryRun = true
	request := fleet.ProblemRequest{BundleID: "com.example.pos", Device: "P1", Note: "prints nothing"}
	_, err := w.fleet.ReportProblem(w.ctx, seg, dry, request)
	w.must(err)
	got := w.problem(p)
	want := fleet.ProblemView{
		ID: got.ID, BundleID: "com.example.pos", AppVersion: "1.0", Release: "26.5", Group: "sales", Device: "P1", Model: "iPhone15,2",
		Note: "prints nothing", By: "uid:1(test)", At: w.clock.Now(), Open: true,
	}
	w.enrol("P2", "sales", storage.RingProduction).settle()
	w.clock.Add(aDay)
	second := w.problem(w.phoneOf("P2"))
	list := func(q fleet.ProblemQuery) []fleet.ProblemView {
		t.Helper()
		l, err := w.fleet.Problems(seg, q)
		w.must(err)
		return l
	}
	if diff := cmp.Diff([]fleet.ProblemView{want, second}, list(fleet.ProblemQuery{Group: "sales", Release: "26.5"})); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if a, b := list(fleet.ProblemQuery{Group: "stock"}), list(fleet.ProblemQuery{Release: "26.6"}); len(a)+len(b) != 0 {
		t.Errorf("of another group %v, of another release %v", a, b)
	}
	_, err = w.fleet.CloseProblem(w.ctx, seg, w.act("a cable"), got.ID)
	w.must(err)
	want.Open, want.ClosedAt, want.ClosedBy, want.ClosedFor = false, w.clock.Now(), "uid:1(test)", "a cable"
	if diff := cmp.Diff([]fleet.ProblemView{want, second}, list(fleet.ProblemQuery{})); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]fleet.ProblemView{second}, list(fleet.ProblemQuery{Open: true})); diff != "" {
		t.Errorf("open reports (-want +got):\n%s", diff)
	}
	if n, m := len(w.acts("problem.report")), len(w.acts("problem.close")); n != 2 || m != 1 {
		t.Errorf("%d reports and %d ends in the log", n, m)
	}
	w.problem(p) // again, since the first was closed
}

func TestProblemsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	w.enrol("V1", "sales", storage.RingVerification).settle()
	w.enrol("U1", "", "").settle()
	w.enrol("N1", "sales", storage.RingProduction) // has told nothing
	first := w.problem(w.phoneOf("P1"))
	report := func(app, device, note string) error {
		_, err := w.fleet.ReportProblem(w.ctx, seg, w.act("called"), fleet.ProblemRequest{BundleID: app, Device: device, Note: note})
		return err
	}
	const pos = "com.example.pos"
	for code, err := range map[string]error{
		"not-a-production-phone": report(pos, "V1", "x"),
		"app-not-in-group":       report("com.example.scan", "P1", "x"),
		"release-unknown":        report(pos, "N1", "x"),
		"reported-already":       report(pos, "P1", "x"),
	} {
		if r := refusal(t, err); r.Code != code {
			t.Errorf("%s, want %s", r.Code, code)
		}
	}
	if r := refusal(t, report(pos, "U1", "x")); r.Code != "not-a-production-phone" {
		t.Errorf("of no group: %s", r.Code)
	}
	if i := invalidity(t, report(pos, "P1", " ")); i.Field != "note" {
		t.Errorf("without a note: %v", i)
	}
	if i := invalidity(t, report(pos, "", "x")); i.Field != "device" {
		t.Errorf("without a phone: %v", i)
	}
	for _, err := range []error{report("com.example.none", "P1", "x"), report(pos, "P9", "x")} {
		if !isNotFound(err) {
			t.Errorf("%v, want not found", err)
		}
	}
	closing := func(id, reason string) error {
		_, err := w.fleet.CloseProblem(w.ctx, seg, w.act(reason), id)
		return err
	}
	if i := invalidity(t, closing(first.ID, "")); i.Field != "reason" {
		t.Errorf("closed without a reason: %v", i)
	}
	if !isNotFound(closing("none", "x")) {
		t.Error("closed what does not exist")
	}
	w.must(closing(first.ID, "x"))
	if r := refusal(t, closing(first.ID, "x")); r.Code != "problem-closed" {
		t.Errorf("closed twice: %s", r.Code)
	}
}

// TestProblemsGoWithTheirGroup: a group of the same name is another one.
func TestProblemsGoWithTheirGroup(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	w.problem(p)
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "depot"})))
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("closed shop"), "P1", "depot", storage.RingProduction)))
	w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("closed shop"), "sales"))
	if list, err := w.fleet.Problems(seg, fleet.ProblemQuery{Open: true}); err != nil || len(list) != 0 {
		t.Errorf("still open: %v, %v", list, err)
	}
}

func invalidity(t *testing.T, err error) *fleet.InvalidError {
	t.Helper()
	i, ok := errors.AsType[*fleet.InvalidError](err)
	if !ok {
		t.Fatalf("error = %v, want a value that cannot be used", err)
	}
	return i
}
