package fleet_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// office enrols production phones of sales, P1 and so on, and tells their names.
func (w *world) office(n int) []string {
	w.t.Helper()
	var udids []string
	for i := range n {
		udids = append(udids, fmt.Sprintf("P%d", i+1))
		w.enrol(udids[i], "sales", storage.RingProduction)
	}
	return udids
}

func (w *world) toTest(group string, udids ...string) error {
	return second(w.fleet.MoveAll(w.ctx, seg, w.act("x"), to(group, storage.RingVerification, udids...)))
}

func (w *world) toProduction(group string, udids ...string) error {
	return second(w.fleet.MoveAll(w.ctx, seg, w.act("x"), to(group, storage.RingProduction, udids...)))
}

// TestManyToTest: one person makes a few production phones verification phones, and
// not more within the time that a release can be hidden, by whatever way.
func TestManyToTest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first func(*world, []string) // after which P6 is one too many
	}{
		"one after another": {func(w *world, p []string) {
			for _, udid := range p[:5] {
				w.must(w.toTest("sales", udid))
			}
		}},
		"tested on and put back": {func(w *world, p []string) {
			w.must(w.toTest("sales", p[:5]...))
			w.must(second(w.fleet.MoveAll(w.ctx, seg, w.act("x"), to("sales", storage.RingProduction, p[:5]...))))
		}},
		"for another group": {func(w *world, p []string) { w.must(w.toTest("stock", p[:5]...)) }},
		"out of the group first": {func(w *world, p []string) {
			w.must(second(w.fleet.MoveAll(w.ctx, seg, w.act("x"), toNone(p[:6]...))))
			w.must(w.toTest("sales", p[:5]...))
		}},
		"joined again to test": {func(w *world, p []string) {
			for _, udid := range p[:5] {
				w.must(w.fleet.Placing(seg, w.joining(udid, "sales", storage.RingVerification)))
			}
		}},
		"by the production of other groups": {func(w *world, p []string) {
			w.must(w.toTest("sales", p[:4]...))
			w.must(w.toProduction("stock", p[4:7]...))
			w.must(w.toTest("stock", "P5"))
			w.must(w.toProduction("store", "P6"))
		}},
		"by another group and back": {func(w *world, p []string) {
			w.must(w.toProduction("stock", p...))
			w.must(w.toProduction("sales", p...))
			w.must(w.toTest("sales", p[:5]...))
		}},
		"tested on and again from another group": {func(w *world, p []string) {
			w.must(w.toTest("sales", p[:5]...))
			w.must(w.toProduction("stock", p[:5]...))
			w.must(w.toTest("stock", p[:5]...))
		}},
		"out of the group and into another": {func(w *world, p []string) {
			w.must(w.toTest("sales", p[:5]...))
			w.must(second(w.fleet.MoveAll(w.ctx, seg, w.act("x"), toNone("P6"))))
			w.must(w.toProduction("stock", "P6"))
		}},
		"across a restart": {func(w *world, p []string) { w.must(w.toTest("sales", p[:5]...)); w.restart() }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			for _, name := range []string{"stock", "store"} {
				w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act(name), fleet.GroupRequest{Name: name, Apps: []string{"com.example.pos"}})))
			}
			p := w.office(7)
			tc.first(w, p)
			r := refusal(t, w.toTest("sales", "P6"))
			if diff := cmp.Diff([]any{"many-to-test", map[string]string{"groups": "sales (6/5)", "days": "90"}}, []any{r.Code, r.Params}); diff != "" {
				t.Errorf("the sixth (-want +got):\n%s", diff)
			}
			wantCode(t, w.fleet.MayEnrol(w.ctx, seg, "P6", "", "stock", storage.RingVerification), "many-to-test")
			w.must(w.fleet.Placing(seg, w.joining("P6", "sales", storage.RingVerification)))
			if got := w.where("P6"); got == "sales/verification" {
				t.Error("a link made P6 the sixth")
			}
			w.must(w.toTest("sales", "P5")) // counted already
			w.enrol("V1", "sales", storage.RingVerification)
			w.must(w.toTest("stock", "V1"))
			w.days(90)
			w.must(w.toTest("sales", "P6"))
			w.wantCensus()
		})
	}
}

// joining is an enrolment of a phone on record, as package enroll has it.
func (w *world) joining(udid, group string, ring storage.Ring) func(func(storage.Phone, string, storage.Ring) (storage.Phone, string)) (storage.Phone, error) {
	return func(judge func(storage.Phone, string, storage.Ring) (storage.Phone, string)) (storage.Phone, error) {
		phones, err := w.store.UpdatePhones(w.ctx, seg, []string{udid}, func(q *storage.Phone) (storage.PhoneChange, error) {
			there, _ := judge(*q, group, ring)
			q.Group, q.Ring, q.Former, q.Drafted, q.Left = there.Group, there.Ring, there.Former, there.Drafted, there.Left
			return storage.PhoneChange{}, nil
		})
		w.must(err)
		return phones[0], nil
	}
}

// TestManyToTestByTwo: two people make as many as they agree on, and these take
// nothing away of what one may do.
func TestManyToTestByTwo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.office(12)
	wantCode(t, w.toTest("sales", p[:6]...), "many-to-test")
	wantCode(t, second(w.fleet.ProposeMove(w.ctx, seg, by("tanaka"), to("sales", storage.RingVerification, p[:5]...))), "one-person-suffices")
	proposed, err := w.fleet.ProposeMove(w.ctx, seg, by("tanaka"), to("sales", storage.RingVerification, p[:6]...))
	w.must(err)
	want := []fleet.ToTestView{{Group: "sales", Phones: 6, Most: 5}}
	if diff := cmp.Diff(want, proposed.Edit.ToTest); diff != "" {
		t.Errorf("proposed (-want +got):\n%s", diff)
	}
	waits := func(n storage.Notice) bool {
		return n.Kind == fleet.NoticeProposalWaiting && n.Params["about"] == "to-test"
	}
	if !slices.ContainsFunc(w.notices(), waits) {
		t.Error("no notice says what waits for a second person")
	}
	w.clock.Add(time.Hour)
	w.must(w.toTest("sales", "P7")) // what counts meanwhile is no reason not to sign, and shown
	now, err := w.fleet.Proposal(seg, proposed.ID)
	w.must(err)
	want[0].Phones = 7
	if diff := cmp.Diff(want, now.Edit.ToTest); diff != "" {
		t.Errorf("to be signed (-want +got):\n%s", diff)
	}
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), proposed.ID)))
	for _, udid := range p[:6] {
		if got := w.where(udid); got != "sales/verification" {
			t.Errorf("signed, and %s is in %s", udid, got)
		}
	}
	w.must(w.toTest("sales", p[7:11]...))
	wantCode(t, w.toTest("sales", "P12"), "many-to-test")
}

// TestManyToTestOfMany: of a large group it is a share.
func TestManyToTestOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.office(121)
	w.must(w.toTest("sales", p[:6]...))
	wantCode(t, w.toTest("sales", p[6]), "many-to-test")
}
