package fleet_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// A phone was told of a set, and before it acknowledged, the world went back
// to the set before. Sets are named by content, so the phone had acknowledged
// this one once already; it has to hear of it all the same, or its next
// synchronisation begins with one token and ends with another.
func TestSetThatComesBackIsAnnouncedAgain(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingVerification)
	p.settle()
	before := p.tokens().SyncTokens
	_, err := w.fleet.Offer(w.ctx, seg, w.act("try"), "sales", "26.6.1")
	w.must(err)
	offered := p.idle()
	_, err = w.fleet.Withdraw(w.ctx, seg, w.act("wrong one"), "sales", "26.6.1")
	w.must(err)
	w.restart()

	again := p.answer(offered)
	if again == nil || again.RequestType != "DeclarativeManagement" || again.UUID == offered.UUID {
		t.Fatalf("the phone was told of the offer and then got %v, want to be told that it is gone", again)
	}
	after := p.tokens().SyncTokens
	if after.DeclarationsToken != before.DeclarationsToken || !after.Timestamp.After(before.Timestamp) {
		t.Errorf("tokens = %+v, want those from before the offer with a later time than %+v", after, before)
	}
	if next := p.answer(again); next != nil {
		t.Errorf("after it acknowledged, the phone got %s, want nothing", next.RequestType)
	}
}

// TestUnchangedAfterALostManifest: the manifest of a set was lost on its way, and
// the world went back to the set before. The phone is told the token it has and
// fetches nothing; from its next report on its own list says that it holds what
// it should, and it counts as one that does. One that lists something else is
// asked again.
func TestUnchangedAfterALostManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingVerification)
	p.settle()
	holds := p.tokens().SyncTokens.DeclarationsToken
	_, err := w.fleet.Offer(w.ctx, seg, w.act("try"), "sales", release)
	w.must(err)
	p.answer(p.idle())
	w.clock.Add(time.Minute)
	p.items() // on its way to the phone it was lost
	_, err = w.fleet.Withdraw(w.ctx, seg, w.act("wrong one"), "sales", release)
	w.must(err)
	c := p.idle()
	if got := p.tokens().SyncTokens.DeclarationsToken; got != holds {
		t.Fatalf("told token %s, want %s, which the phone holds", got, holds)
	}
	p.answer(c)

	w.clock.Add(2 * time.Hour)
	p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "none"}})
	w.wakes.take(p.udid)
	if _, err := w.fleet.Sweep(w.ctx); err != nil || w.wakes.take(p.udid) {
		t.Errorf("the phone was woken to learn what it holds (%v)", err)
	}
	if got := p.idle(); got != nil {
		t.Errorf("two hours later it was sent %s, want nothing", got.RequestType)
	}
	if v, err := w.fleet.Declarations(w.ctx, seg, p.udid); err != nil || !v.Synchronised {
		t.Errorf("synchronised %t (%v), want true", v.Synchronised, err)
	}
	w.wantDeclared("lists the set it was told", 1, 0)

	p.report(map[string]any{"management": map[string]any{"declarations": map[string]any{
		"activations": []any{}, "assets": []any{}, "configurations": []any{}, "management": []any{},
	}}})
	if got := p.idle(); got == nil || got.RequestType != "DeclarativeManagement" {
		t.Errorf("the phone lists nothing and was sent %s, want to be asked to synchronise", typeOf(got))
	}
	if v, err := w.fleet.Declarations(w.ctx, seg, p.udid); err != nil || v.Synchronised {
		t.Errorf("synchronised %t (%v) of a phone that lists nothing, want false", v.Synchronised, err)
	}
	w.wantDeclared("lists nothing", 0, 1)
}

// TestListFromBeforeAManifest: a phone fetched an enforcement whole but did not
// report before it was taken back, and was not heard of after it was told so.
// What it listed before that is no word for what it holds, or it would keep the
// enforcement with its deadline.
func TestListFromBeforeAManifest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingVerification)
	p.settle()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("try"), "sales", release)
	w.must(err)
	p.answer(p.idle())
	w.clock.Add(time.Minute)
	for path := range p.items().all() {
		p.decode("declaration/"+path, &declaration{})
	}
	_, err = w.fleet.Withdraw(w.ctx, seg, w.act("wrong one"), "sales", release)
	w.must(err)
	p.answer(p.idle())

	w.clock.Add(2 * time.Hour)
	w.wantDeclared("fetched the offer since it reported", 0, 1)
	if v, err := w.fleet.Declarations(w.ctx, seg, p.udid); err != nil || v.Synchronised {
		t.Errorf("synchronised %t (%v) although it may hold the offer, want false", v.Synchronised, err)
	}
	w.wakes.take(p.udid)
	if _, err := w.fleet.Sweep(w.ctx); err != nil || !w.wakes.take(p.udid) {
		t.Errorf("the phone may hold the offer and was not woken (%v)", err)
	}
	if got := p.idle(); got == nil || got.RequestType != "DeclarativeManagement" {
		t.Errorf("the phone may hold the offer and was sent %s, want to be asked to synchronise", typeOf(got))
	}
	if got, _ := p.enforcement(); got != "" {
		t.Errorf("after it synchronised it is asked for %s, want nothing", got)
	}
	w.wantDeclared("reported", 1, 0)
}

// wantDeclared holds how many phones hold what they were told, and how many
// have not said yet, in both views of that; none is at fault.
func (w *world) wantDeclared(when string, confirmed, pending int) {
	w.t.Helper()
	list, err := w.fleet.Declared(w.ctx, seg, fleet.DeclaredQuery{})
	w.must(err)
	check, err := w.fleet.CheckDeclared(w.ctx, seg, fleet.DeclaredQuery{})
	w.must(err)
	if len(list.Sets) != 1 || list.Sets[0].Confirmed != confirmed || list.Sets[0].Pending != pending || list.Sets[0].Invalid != 0 {
		w.t.Errorf("%s: sets %+v, want %d confirmed and %d pending", when, list.Sets, confirmed, pending)
	}
	if check.Pending != pending || check.Faulty != 0 {
		w.t.Errorf("%s: %d pending and %d faulty, want %d and none", when, check.Pending, check.Faulty, pending)
	}
}

// The answer to a result was lost, and with it the next command. The phone
// repeats the result and gets the command again, from a server that has
// restarted in between too.
func TestRepeatedResultBringsTheCommandAgain(t *testing.T) {
	for _, restarts := range []bool{false, true} {
		w := newWorld(t)
		p := w.enrol("P1", "sales", storage.RingProduction)
		for c := p.idle(); c != nil; {
			lost := p.answer(c)
			if restarts {
				w.restart()
				lost = p.answer(c)
			}
			next := p.answer(c)
			switch {
			case lost == nil && next == nil:
			case lost == nil || next == nil || lost.UUID != next.UUID || !bytes.Equal(lost.Body, next.Body):
				t.Fatalf("restarts %t: the result of %s brought %s and, repeated, %s; want the same bytes", restarts, c.RequestType, typeOf(lost), typeOf(next))
			}
			c = next
		}
	}
}

func typeOf(c *mdm.Command) string {
	if c == nil {
		return "nothing"
	}
	return c.RequestType
}

// TestRestoreSendsNoPastDeadline: a copy says that a phone has its enforcement,
// which the phone may have dropped since. When the deadline has passed before the
// restore, the phone gets its notice anew and installs nothing at once.
func TestRestoreSendsNoPastDeadline(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		told func(*world) *old // that the release is approved
	}{
		{"by declaration", func(w *world) *old {
			p, _ := w.verified()
			_, err := w.approve("+1d")
			w.must(err)
			p.settle()
			return &old{phone: p}
		}},
		{"by command", func(w *world) *old {
			p := w.oldVerified(oldRelease)
			_, err := w.approve("+1d")
			w.must(err)
			p.talk()
			p.updates = []map[string]any{{"ProductKey": "key", "IsDownloaded": true, "Status": "Idle"}}
			w.clock.Add(15 * time.Minute)
			p.talk()
			return p
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := tt.told(w)
			w.clock.Add(72 * time.Hour)
			w.restored()
			p.talk()
			if e := p.stored().Announced.Enforcement; e != nil {
				t.Errorf("before a person lets it go on the phone is told %+v", e)
			}
			w.goOn()
			if len(p.talk()) == 0 {
				t.Error("the phone was sent nothing after the restore")
			}
			now := w.clock.Now().In(time.FixedZone("JST", 9*3600)).Format(mdm.LocalDateTimeLayout)
			if e := p.stored().Announced.Enforcement; e == nil || e.Release != release || e.Deadline <= now {
				t.Errorf("told %+v at %s, want %s with a deadline to come", e, now, release)
			}
			for _, u := range p.scheduled {
				if u["InstallAction"] == "InstallASAP" {
					t.Error("the phone was told to install at once")
				}
			}
		})
	}
}

// A phone in the middle of its enrolment belongs to its group, before and
// after a restart of the server.
func TestRestartCountsPhonesThatAreEnrolling(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	stored, err := w.store.UpdatePhone(w.ctx, seg, p.udid, 0, func(s *storage.Phone) (storage.PhoneChange, error) {
		s.State = storage.PhoneAuthenticating
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	w.must(w.fleet.Noticed(seg, stored))
	for _, when := range []string{"before", "after"} {
		groups, err := w.fleet.Groups(seg)
		w.must(err)
		if got := groups[0].Production; got != 1 {
			t.Errorf("%s a restart the group has %d production phones, want 1", when, got)
		}
		if err := w.fleet.RemoveGroup(w.ctx, seg, w.act("tidy"), "sales"); err == nil {
			t.Errorf("%s a restart the group of a phone that is enrolling could be removed", when)
		}
		w.restart()
	}
}
