package enroll_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// guards says one thing of every place, and remembers what it was asked and told.
type guards struct {
	why   string
	err   error
	asked []string
	taken []string // places that were taken up
}

// EndStay keeps in which state a stay ended, in the place of what was run.
func (g *guards) EndStay(p storage.Phone) storage.Phone {
	p.Past = append(slices.Clone(p.Past), storage.Stay{Version: string(p.State), Group: p.Group})
	return p
}

func (g *guards) Placing(_ storage.Segment, enrol func(func(storage.Phone, string, storage.Ring) (storage.Phone, string)) (storage.Phone, error)) error {
	if g.err != nil {
		return g.err
	}
	p, err := enrol(func(p storage.Phone, group string, ring storage.Ring) (storage.Phone, string) {
		g.asked = append(g.asked, p.Group+"/"+string(p.Ring)+" to "+group+"/"+string(ring))
		if g.why == "" {
			p.Former = p.Origin()
			p.Group, p.Ring = group, ring
			if ring == storage.RingProduction {
				p.Former = ""
			}
		}
		return p, g.why
	})
	if err == nil {
		g.taken = append(g.taken, p.Group+"/"+string(p.Ring))
	}
	return err
}

// guarded is enrolment with somebody who judges places.
func guarded(t *testing.T, g *guards) *desk {
	t.Helper()
	d, c := newDesk(t), config(t)
	c.Places = g
	d.configure(c)
	return d
}

// made is a grant for the phone on record.
func made(group string, ring storage.Ring) enroll.GrantRequest {
	return enroll.GrantRequest{Group: group, Ring: ring, Phone: phone, Actor: "uid:1000(tanaka)"}
}

// TestPlaceIsJudgedWhenUsed: a grant made for a phone on record is judged when the
// phone uses it, days later, and only where it would put the phone elsewhere.
func TestPlaceIsJudgedWhenUsed(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		grant  enroll.GrantRequest
		before func(*desk, *guards)
		why    string
		asked  []string
		place  string
		former string
	}{
		"to where it may go": {made("dock", storage.RingProduction), nil, "", []string{"sales/production to dock/production"}, "dock/production", ""},
		"out of production":  {made("dock", storage.RingVerification), nil, "", []string{"sales/production to dock/verification"}, "dock/verification", "sales"},
		"to where it may not go": {
			made("dock", storage.RingProduction), nil, "a gate is closed", []string{"sales/production to dock/production"}, "sales/production", "",
		},
		"to where it is": {made("sales", storage.RingProduction), nil, "a gate is closed", nil, "sales/production", ""},
		"named by its serial number": {
			enroll.GrantRequest{Group: "dock", Ring: storage.RingProduction, Serial: "S" + phone},
			nil, "a gate is closed",
			[]string{"sales/production to dock/production"},
			"sales/production", "",
		},
		"moved since the link was made": {
			made("sales", storage.RingProduction), func(d *desk, _ *guards) { d.moved("dock", storage.RingVerification, "sales") },
			"a gate is closed",
			[]string{"dock/verification to sales/production"},
			"dock/verification", "sales",
		},
		"left since the link was made": {
			made("dock", storage.RingProduction), func(d *desk, _ *guards) { d.left() }, "a gate is closed", nil, "dock/production", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := &guards{}
			d := guarded(t, g)
			d.enrol(phone)
			if len(g.asked) > 0 {
				t.Errorf("a new phone was judged: %v", g.asked)
			}
			peer := d.identity(tc.grant)
			if tc.before != nil {
				tc.before(d, g)
			}
			d.now, g.why = d.now.Add(12*time.Hour), tc.why
			p, err := d.checkin(peer, authenticate(phone))
			d.must(err)
			if got := p.Group + "/" + string(p.Ring); got != tc.place || p.Former != tc.former || p.State != storage.PhoneAuthenticating {
				t.Errorf("the phone is in %s, was in %q, %s; want %s, %q, authenticating", got, p.Former, p.State, tc.place, tc.former)
			}
			if diff := cmp.Diff(tc.asked, g.asked); diff != "" {
				t.Errorf("judged (-want +got):\n%s", diff)
			}
			if len(tc.asked) > 0 && !cmp.Equal(g.taken, []string{tc.place}) {
				t.Errorf("taken up: %v, want %s", g.taken, tc.place)
			}
			if actions := d.actions(); tc.why != "" && len(tc.asked) > 0 && !cmp.Equal(actions[len(actions)-2:], []string{"phone.authenticated", "phone.place-kept"}) {
				t.Errorf("the log ends with %v, want the enrolment first", actions)
			}
			wantKept := storage.KeptPlace{}
			if tc.why != "" && len(tc.asked) > 0 {
				wantKept = storage.KeptPlace{Group: tc.grant.Group, Ring: tc.grant.Ring, At: d.now}
			}
			if diff := cmp.Diff(wantKept, p.Kept); diff != "" {
				t.Errorf("on record (-want +got):\n%s", diff)
			}
			d.wantKept(tc.why != "" && len(tc.asked) > 0, tc.place, tc.grant, tc.why)
			again, err := d.checkin(peer, authenticate(phone)) // the answer was lost
			d.must(err)
			if again.Epoch != p.Epoch || len(g.asked) != len(tc.asked) {
				t.Errorf("asked again: epoch %d, %d times judged, want what it was", again.Epoch, len(g.asked))
			}
		})
	}
}

// TestPlaceUnjudged: while nobody can judge, the phone is asked to come again and
// nothing changes.
func TestPlaceUnjudged(t *testing.T) {
	t.Parallel()
	g := &guards{}
	d := guarded(t, g)
	d.enrol(phone)
	peer := d.identity(made("dock", storage.RingProduction))
	before := len(d.audit())
	g.err = errors.New("not ready")
	if _, err := d.checkin(peer, authenticate(phone)); !errors.Is(err, g.err) {
		t.Errorf("unjudged = %v, want %v", err, g.err)
	}
	if p := d.phone(phone); p.Epoch != 1 || p.Group != "sales" || len(d.audit()) != before {
		t.Errorf("unjudged, and the phone is in %s, epoch %d", p.Group, p.Epoch)
	}
	g.err = nil
	p, err := d.checkin(peer, authenticate(phone))
	d.must(err)
	if p.Group != "dock" {
		t.Errorf("judged, and the phone is in %s, want dock", p.Group)
	}
}

func (d *desk) moved(group string, ring storage.Ring, former string) {
	d.t.Helper()
	_, err := d.store.UpdatePhone(d.t.Context(), storage.DefaultSegment, phone, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Group, p.Ring, p.Former = group, ring, former
		return storage.PhoneChange{}, nil
	})
	d.must(err)
}

func (d *desk) left() {
	d.t.Helper()
	_, err := d.Remove(d.t.Context(), storage.DefaultSegment, enroll.Ending{Phone: phone, Actor: "uid:1000(tanaka)"})
	d.must(err)
}

// wantKept checks that the log says so when a phone was not put where its grant
// says, and only then.
func (d *desk) wantKept(kept bool, place string, r enroll.GrantRequest, why string) {
	d.t.Helper()
	var got []map[string]string
	for _, e := range d.audit() {
		if e.Action == "phone.place-kept" {
			delete(e.Detail, "grant")
			got = append(got, e.Detail)
		}
	}
	var want []map[string]string
	if kept {
		want = append(want, map[string]string{"place": place, "link": r.Group + "/" + string(r.Ring), "why": why})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// TestStaysEnd: what a phone ran is settled when it leaves, returns or enrols again, once
// each, and a new epoch keeps it.
func TestStaysEnd(t *testing.T) {
	t.Parallel()
	enrolled, removed := storage.Stay{Version: "enrolled", Group: "sales"}, storage.Stay{Version: "removed", Group: "sales"}
	for name, tc := range map[string]struct {
		play func(*desk, mdm.Peer)
		want []storage.Stay
	}{
		"it stays":                  {func(*desk, mdm.Peer) {}, nil},
		"it leaves":                 {func(d *desk, peer mdm.Peer) { d.says(peer, checkOut(phone)) }, []storage.Stay{enrolled}},
		"its word comes twice":      {func(d *desk, peer mdm.Peer) { d.says(peer, checkOut(phone), checkOut(phone)) }, []storage.Stay{enrolled}},
		"it leaves and returns":     {func(d *desk, peer mdm.Peer) { d.says(peer, checkOut(phone), tokenUpdate(phone)) }, []storage.Stay{enrolled, removed}},
		"it tells a new push token": {func(d *desk, peer mdm.Peer) { d.says(peer, tokenUpdate(phone)) }, nil},
		"it enrols again": {func(d *desk, _ mdm.Peer) {
			d.says(d.identity(made("sales", storage.RingProduction)), authenticate(phone))
		}, []storage.Stay{enrolled}},
		"it enrols again, elsewhere": {func(d *desk, _ mdm.Peer) {
			d.says(d.identity(made("dock", storage.RingProduction)), authenticate(phone))
		}, []storage.Stay{enrolled}},
		"a person removes it": {func(d *desk, _ mdm.Peer) {
			_, err := d.Remove(t.Context(), storage.DefaultSegment, enroll.Ending{Phone: phone, Actor: "uid:1000(tanaka)"})
			d.must(err)
		}, []storage.Stay{enrolled}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := guarded(t, &guards{})
			tc.play(d, d.enrol(phone))
			if diff := cmp.Diff(tc.want, d.phone(phone).Past); diff != "" {
				t.Errorf("past (-want +got):\n%s", diff)
			}
		})
	}
}

// says sends check-in messages.
func (d *desk) says(peer mdm.Peer, messages ...mdm.Checkin) {
	d.t.Helper()
	for _, m := range messages {
		_, err := d.checkin(peer, m)
		d.must(err)
	}
}
