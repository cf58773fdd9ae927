package fleet_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

func isUnavailable(err error) bool { return errors.Is(err, mdm.ErrUnavailable) }

func TestHoldOfASupervisedPhone(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	held := p.sync()
	settings := held["kannuki.settings"].Payload
	want := map[string]any{
		"Notifications": true, "RecommendedCadence": "Oldest",
		"Deferrals":             map[string]any{"CombinedPeriodInDays": 90.0},
		"AutomaticActions":      map[string]any{"Download": "AlwaysOff", "InstallOSUpdates": "AlwaysOff"},
		"RapidSecurityResponse": map[string]any{"Enable": true, "EnableRollback": true},
		"Beta":                  map[string]any{"ProgramEnrollment": "AlwaysOff"},
	}
	if diff := cmp.Diff(want, settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	for id := range held {
		if strings.HasPrefix(id, "kannuki.enforce.") {
			t.Errorf("phone holds %s without an approval", id)
		}
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Hold != "confirmed" {
		t.Errorf("hold = %s (%s), want confirmed", x.Explanation.Hold, x.Explanation.HoldWhy)
	}
}

func TestUnsupervisedPhoneGetsNoSupervisedKeys(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.sup = false
	p.settle()
	want := map[string]any{"Notifications": true, "RecommendedCadence": "Oldest"}
	if diff := cmp.Diff(want, p.sync()["kannuki.settings"].Payload); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Hold != "impossible" {
		t.Errorf("hold = %s, want impossible", x.Explanation.Hold)
	}
}

func TestTokenIsStable(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingVerification)
	p.settle()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("try"), "sales", "26.6.1")
	w.must(err)
	first := p.tokens()
	for i := range 1000 {
		w.clock.Add(time.Second)
		if i%100 == 0 {
			w.restart()
		}
		got := p.tokens()
		if got.SyncTokens.DeclarationsToken != first.SyncTokens.DeclarationsToken {
			t.Fatalf("evaluation %d gave another token of the same world", i)
		}
		if !got.SyncTokens.Timestamp.Equal(first.SyncTokens.Timestamp) {
			t.Fatalf("evaluation %d gave another timestamp of the same world", i)
		}
	}
}

// TestSetComesBack: a set that is announced again after another is told again,
// in the same conversation too; otherwise the phone would ask for the manifest of
// a set that is announced no more.
func TestSetComesBack(t *testing.T) {
	t.Parallel()
	for name, talk := range map[string]func(w *world, p *phone, offer, withdraw func()) (first, last *mdm.Command){
		"while the phone answers": func(_ *world, p *phone, offer, withdraw func()) (first, last *mdm.Command) {
			offer()
			first = p.idle()
			withdraw()
			between := p.answer(first)
			offer()
			return first, p.answer(between)
		},
		"after an answer that got lost": func(_ *world, p *phone, offer, withdraw func()) (first, last *mdm.Command) {
			offer()
			lost := p.idle()
			withdraw()
			p.tokens()
			return lost, p.answer(p.idle())
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.enrol("P1", "sales", storage.RingVerification)
			p.settle()
			first, last := talk(w, p,
				func() { w.must(second(w.fleet.Offer(w.ctx, seg, w.act("try"), "sales", "26.6.1"))) },
				func() { w.must(second(w.fleet.Withdraw(w.ctx, seg, w.act("wrong one"), "sales", "26.6.1"))) })
			if first == nil || last == nil || first.RequestType != "DeclarativeManagement" || last.RequestType != "DeclarativeManagement" || first.UUID == last.UUID {
				t.Fatalf("first command: %v, last: %v; want two different ones to synchronise", first != nil, last != nil)
			}
			var told struct{ Command struct{ Data []byte } }
			w.must(plist.Unmarshal(last.Body, &told))
			announced := p.stored().Announced
			if diff := cmp.Diff(string(mdm.TokensJSON(announced.Token, announced.Timestamp)), string(told.Command.Data)); diff != "" {
				t.Errorf("the last command tells of another set than the announced one (-want +got):\n%s", diff)
			}
			if next := p.answer(last); next != nil {
				t.Errorf("after it the phone got %s, want nothing", next.RequestType)
			}
			if got, want := p.items().DeclarationsToken, p.stored().Announced.Token; got != want {
				t.Errorf("the manifest is of %s, want the announced %s", got, want)
			}
		})
	}
}

func TestWorldMovesOnInMidSync(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingVerification)
	p.settle()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("try"), "sales", "26.6.1")
	w.must(err)
	before := p.tokens()
	manifest := p.items()

	// The world changes and the server restarts, and even another request of
	// the phone announces the newer set.
	_, err = w.fleet.Withdraw(w.ctx, seg, w.act("wrong one"), "sales", "26.6.1")
	w.must(err)
	w.restart()
	after := p.tokens()
	if after.SyncTokens.DeclarationsToken == before.SyncTokens.DeclarationsToken {
		t.Fatal("the world changed and the token did not")
	}
	if !after.SyncTokens.Timestamp.After(before.SyncTokens.Timestamp) {
		t.Errorf("timestamp went from %s to %s", before.SyncTokens.Timestamp, after.SyncTokens.Timestamp)
	}
	if _, err := w.fleet.Sweep(w.ctx); err != nil {
		t.Fatal(err)
	}
	for path, it := range manifest.all() {
		var d declaration
		body, err := p.declarative("declaration/"+path, nil)
		if err != nil {
			t.Errorf("%s: %v, want the declaration the manifest named", path, err)
			continue
		}
		decodeInto(t, body, &d)
		if d.ServerToken != it.ServerToken {
			t.Errorf("%s: got revision %s, manifest says %s", path, d.ServerToken, it.ServerToken)
		}
	}
	if release, _ := p.enforcement(); release != "" {
		t.Errorf("after the next synchronisation the phone is asked for %q, want nothing", release)
	}
}

func TestUnknownDeclarationIsGone(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	for _, endpoint := range []string{"declaration/configuration/kannuki.enforce.99.9", "declaration/activation/kannuki.settings"} {
		if _, err := p.declarative(endpoint, nil); !errors.Is(err, mdm.ErrNotFound) {
			t.Errorf("%s = %v, want not found", endpoint, err)
		}
	}
	if _, err := p.declarative("declaration/../../etc/passwd", nil); err == nil || isUnavailable(err) {
		t.Errorf("a hostile endpoint = %v, want a parse error", err)
	}
}

func TestStatusWakesAPhoneThatMovesOn(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.answer(p.answer(p.idle()))
	w.wakes.take("P1")
	p.sync() // reports capabilities: now the settings can be sent
	if !w.wakes.take("P1") {
		t.Error("the phone's target moved with its report and it was not woken")
	}
}

func TestClockGoingBackKeepsTimestampsRising(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingVerification)
	p.settle()
	first := p.tokens().SyncTokens.Timestamp
	w.clock.Add(-6 * time.Hour)
	_, err := w.fleet.Offer(w.ctx, seg, w.act("try"), "sales", "26.6.1")
	w.must(err)
	if second := p.tokens().SyncTokens.Timestamp; !second.After(first) {
		t.Errorf("timestamp went from %s to %s", first, second)
	}
}
