package fleet_test

import (
	"bytes"
	"testing"

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
