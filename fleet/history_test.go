package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// history returns what is kept of the releases a phone ran and runs, a line for
// each: version, days after the first, reasons.
func (p *phone) history() []string {
	p.t.Helper()
	s := p.stored()
	first := s.OS.Since
	if len(s.History) > 0 {
		first = s.History[0].Since
	}
	var out []string
	for _, r := range append(s.History, storage.Ran{Version: s.OS.Version, Since: s.OS.Since, Reasons: s.OS.Reasons}) {
		out = append(out, fmt.Sprint(r.Version, " +", int(r.Since.Sub(first).Hours()/24), " ", r.Reasons))
	}
	return out
}

// TestHistory: a phone's record says what it ran from when on and what the phone
// gave as the reason; a new enrolment begins anew.
func TestHistory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	w.clock.Add(3 * 24 * time.Hour)
	p.report(map[string]any{"softwareupdate": map[string]any{"install-reason": map[string]any{"reason": []string{"declaration"}}}})
	p.install("26.5.2", "23F84")
	w.clock.Add(4 * 24 * time.Hour)
	p.report(map[string]any{"softwareupdate": map[string]any{"install-reason": map[string]any{"reason": []string{"system-settings"}}}})
	p.install("26.6", "23G82")
	p.install("26.6", "23G82") // again is no move
	w.restart()
	want := []string{"26.5 +0 []", "26.5.2 +3 [declaration]", "26.6 +7 [system-settings]"}
	if diff := cmp.Diff(want, p.history()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	for i := range storage.MaxHistory {
		p.install(fmt.Sprintf("27.%d", i), "24A1")
	}
	s := p.stored()
	if len(s.History) != storage.MaxHistory || s.Forgotten != 2 || s.History[0].Version != "26.6" {
		t.Errorf("%d releases from %s on, %d forgotten; want %d from 26.6 on, 2 forgotten", len(s.History), s.History[0].Version, s.Forgotten, storage.MaxHistory)
	}
	p.again("sales", storage.RingProduction)
	p.settle()
	if s := p.stored(); len(s.History) != 0 || s.Forgotten != 0 {
		t.Errorf("after a new enrolment: %v, %d forgotten", s.History, s.Forgotten)
	}
}
