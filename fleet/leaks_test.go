package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestLeaks: each production phone on a release nobody approved is listed with
// why nothing kept it from that, and goes when the release is approved.
func TestLeaks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settings := map[string]any{"softwareupdate": map[string]any{"install-reason": map[string]any{"reason": []string{"system-settings"}}}}
	move := func(udid, from, to string, begin func(*phone)) {
		p := w.enrol(udid, "sales", storage.RingProduction)
		p.os = from
		begin(p)
		if to != "" {
			p.report(settings)
			p.install(to, "23G83")
		}
	}
	move("A1", "26.5", release, (*phone).settle)
	move("A2", "26.5", release, func(p *phone) {
		p.sup = false
		p.settle()
	})
	move("A3", "26.5", release, func(p *phone) { p.answer(p.idle()) }) // says what it is, and no more
	move("A4", "26.2", "26.5", (*phone).settle)                        // posted 99 days before
	move("A5", "26.5", "", (*phone).settle)                            // stays
	move("A6", release, "", (*phone).settle)
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83") // where it belongs
	w.restart()

	leak := func(udid, from, to string, cause policy.Code, reasons ...string) fleet.LeakView {
		return fleet.LeakView{UDID: udid, Group: "sales", Model: "iPhone15,2", Release: to, From: from, Cause: string(cause), Reasons: reasons, Phase: "held", Unverified: []string{"com.example.pos"}, Reaction: "told"}
	}
	var told []string
	for _, n := range w.notices() {
		if n.Kind == fleet.NoticePhoneLeaked {
			told = append(told, fmt.Sprint(n.Phone, " ", n.Group, " ", n.Params["from"], ">", n.Release, " ", n.Params["why"], " ", n.Params["missing"]))
		}
	}
	slices.Sort(told)
	const missing = " com.example.pos"
	wantTold := []string{"A1 sales 26.5>" + release + " " + string(policy.WhyDespiteHold) + missing, "A4 sales 26.2>26.5 " + string(policy.WhyHoldPast) + missing}
	if diff := cmp.Diff(wantTold, told); diff != "" {
		t.Errorf("notices, at once of the first on each release (-want +got):\n%s", diff)
	}
	old := leak("A4", "26.2", "26.5", policy.WhyHoldPast, "system-settings")
	want := []fleet.LeakView{
		leak("A1", "26.5", release, policy.WhyDespiteHold, "system-settings"),
		leak("A2", "26.5", release, policy.WhyUnsupervised, "system-settings"),
		leak("A3", "26.5", release, policy.WhyHoldMissing, "system-settings"),
		old,
		leak("A6", "", release, policy.WhyArrivedNewer, "enrolled"),
	}
	got, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{Group: "sales"})
	w.must(err)
	if diff := cmp.Diff(want, got.Leaks, cmpopts.IgnoreFields(fleet.LeakView{}, "Since", "Phase")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, l := range got.Leaks {
		if !l.Since.Equal(w.clock.Now()) || l.Phase == "" {
			t.Errorf("%s: since %v, gate %q", l.UDID, l.Since, l.Phase)
		}
	}
	x, err := w.fleet.Explain(w.ctx, seg, "A1")
	w.must(err)
	named := func(r policy.Reason) bool {
		return r.Code == policy.FactLeaked && r.Params[policy.ParamWhy] == string(policy.WhyDespiteHold)
	}
	if !slices.ContainsFunc(x.Explanation.Facts, named) {
		t.Errorf("explained by %v, want how it came there", x.Explanation.Facts)
	}

	first, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{Limit: 2})
	w.must(err)
	rest, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{Limit: 9, After: first.Next})
	if w.must(err); len(first.Leaks) != 2 || len(rest.Leaks) != 3 || rest.Leaks[0].UDID != "A3" {
		t.Errorf("pages of %d and %d", len(first.Leaks), len(rest.Leaks))
	}
	w.must(w.verdict("V1", "works"))
	_, err = w.approve("+3d")
	w.must(err)
	got, err = w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
	w.must(err)
	// A4 did not get the release that is approved: it stays, with what answers it.
	old.Answered, old.AnsweredAt = release, w.clock.Now()
	if diff := cmp.Diff([]fleet.LeakView{old}, got.Leaks, cmpopts.IgnoreFields(fleet.LeakView{}, "Since", "Phase")); diff != "" {
		t.Errorf("after the approval (-want +got):\n%s", diff)
	}
	for udid, want := range map[string]string{"A1": "", "A4": "26.5"} {
		d, err := w.fleet.Device(w.ctx, seg, udid)
		if w.must(err); d.Leak != want || d.LeakAt.IsZero() != (want == "") {
			t.Errorf("%s: leak %q since %v, want %q", udid, d.Leak, d.LeakAt, want)
		}
	}
	x, err = w.fleet.Explain(w.ctx, seg, "A4")
	if w.must(err); x.Explanation.Reason.Code == policy.ReasonNewerThanVerified {
		t.Errorf("explained by %+v, though a newer release is approved", x.Explanation.Reason)
	}
	if !slices.ContainsFunc(x.Explanation.Facts, func(r policy.Reason) bool { return r.Code == policy.FactLeaked }) {
		t.Errorf("explained by %v, want how it came there", x.Explanation.Facts)
	}
	if _, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{Group: "none"}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown group: %v", err)
	}
}

// TestLeakThatMoves: a move does not hide why a phone leaked.
func TestLeakThatMoves(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.fleet.AddGroup(w.ctx, seg, w.act("other shop"), fleet.GroupRequest{Name: "stock", Apps: []string{"com.example.pos"}})
	w.must(err)
	p := w.enrol("P1", "sales", storage.RingProduction)
	for _, group := range []string{"sales", "stock"} { // gates to come past
		other := w.enrol("P-"+group, group, storage.RingProduction)
		other.os = "26.5"
		other.settle()
	}
	p.os = "26.5"
	p.settle()
	p.install(release, "23G83")
	for _, group := range []string{"stock", "sales"} {
		w.must(second(w.fleet.Move(w.ctx, seg, w.act("m"), "P1", group, storage.RingProduction)))
	}
	got, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{})
	w.must(err)
	if len(got.Leaks) != 1 || got.Leaks[0].From != "26.5" || got.Leaks[0].Cause != string(policy.WhyDespiteHold) || got.Leaks[0].Group != "sales" {
		t.Errorf("leaks %+v, want that of P1 from 26.5 in spite of the hold", got.Leaks)
	}
}

// TestLeaksOfOtherModels: an approval answers for the models it covers, and for one
// that was added from then on. A phone of another model gets nothing by it.
func TestLeaksOfOtherModels(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.joins()
	phones[0].install(release, "23G83") // by hand
	older := newPhone(w, "N5")
	older.model, older.os = newModel, "26.2"
	older.again("sales", storage.RingProduction)
	older.settle()
	older.install("26.5", "23F79")
	w.restart()
	answers := func() map[string]string {
		v, err := w.fleet.Leaks(w.ctx, seg, fleet.LeakQuery{Group: "sales"})
		w.must(err)
		out := map[string]string{}
		for _, l := range v.Leaks {
			out[l.UDID] = l.Release + " " + l.Answered
		}
		return out
	}
	if diff := cmp.Diff(map[string]string{"N1": release + " ", "N5": "26.5 "}, answers()); diff != "" {
		t.Errorf("approved for another model (-want +got):\n%s", diff)
	}
	w.testNewModel("full")
	w.must(second(w.extend(w.act("tested"), newModel)))
	if diff := cmp.Diff(map[string]string{"N5": "26.5 " + release}, answers()); diff != "" {
		t.Errorf("extended to the model (-want +got):\n%s", diff)
	}
}
