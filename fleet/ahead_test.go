package fleet_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestApprovalOfAClockAhead: an approval that was given while the clock ran ahead is
// stopped when it rests on a result that was taken back later, be it before the clock
// was set right or after, although its time comes only then.
func TestApprovalOfAClockAhead(t *testing.T) {
	t.Parallel()
	const ahead = 20 * 24 * time.Hour
	for name, whileAhead := range map[string]bool{"taken back while it ran ahead": true, "taken back once it was right": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p, revoke := w.twoModels()
			w.steady()
			w.clock.Add(ahead)
			w.must(second(w.approve("+5d")))
			w.clock.Add(time.Hour)
			if whileAhead {
				revoke()
			}
			w.sweep()
			w.clock.Add(-ahead)
			w.sweep()
			_, err := w.fleet.EndHalt(w.ctx, seg, w.act("NTP works again"), storage.HaltClock)
			w.must(err)
			if !whileAhead {
				revoke()
			}
			w.ticks = nil // from here on the clock goes by leaps
			w.restart()
			w.clock.Add(ahead)
			w.sweep()
			g := w.gate()
			if g.Phase != policy.PhasePaused || g.Reasons[0].Code != policy.GateVerdictRevoked || g.NextHuman != policy.StepRecordVerdicts {
				t.Errorf("when its time comes the gate is %s because of %v, next %v, want it paused because of the result", g.Phase, g.Reasons, g.NextHuman)
			}
			if got, _ := p.enforcement(); got != "" {
				t.Errorf("the phone is told to install %s", got)
			}
		})
	}
}

// twoModels has a release verified for two models. The function returned takes back
// one of the results: that which is not the newest of the app, and which an approval
// need not name.
func (w *world) twoModels() (p *phone, revoke func()) {
	w.t.Helper()
	p, _ = w.verified()
	first, err := w.fleet.Verdicts(seg, fleet.VerdictQuery{})
	w.must(err)
	for _, ring := range []storage.Ring{storage.RingProduction, storage.RingVerification} {
		odd := w.enrol("odd in "+string(ring), "sales", ring)
		odd.model = "iPhone14,5"
		odd.settle()
		if ring == storage.RingVerification {
			odd.install(release, "23G83")
		}
	}
	w.clock.Add(time.Minute)
	w.must(w.verdict("odd in verification", "works"))
	return p, func() {
		w.must(second(w.fleet.RevokeVerdict(w.ctx, seg, w.act("the wrong phone"), first[0].ID)))
	}
}
