package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/storage"
)

// history returns what is kept of the releases a phone ran and runs, a line for
// each: version, days after the first, reasons.
func (p *phone) history() []string {
	p.t.Helper()
	s := p.stored()
	now := storage.Ran{Version: s.OS.Version, Since: s.OS.Since, Reasons: s.OS.Reasons}
	if !s.OS.SupplementalSince.IsZero() {
		now.Version, now.Since = version.WithExtra(s.OS.Version, s.OS.SupplementalExtra), s.OS.SupplementalSince
	}
	all := append(s.History, now)
	var out []string
	for _, r := range all {
		out = append(out, fmt.Sprint(r.Version, " +", int(r.Since.Sub(all[0].Since).Hours()/24), " ", r.Reasons))
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

// TestHistoryOfImprovements: what a phone ran has the letters of its improvements, from
// when each came until it went; one that is told of with the release is no step of its own.
func TestHistoryOfImprovements(t *testing.T) {
	t.Parallel()
	w, p, _ := reverifies(t)
	w.days(2)
	p.improve("a", "23D771330a")
	w.days(3)
	p.improve("a", "23D771330a") // again is no step
	p.improve("", "23D8133")
	w.days(1)
	p.improve("b", "23D771331b")
	w.days(4)
	p.install("26.4", "23E246")
	p.improve("a", "23E771340a") // told in the same session
	w.restart()
	want := []string{"26.3.1 +0 []", "26.3.1 (a) +2 []", "26.3.1 +5 []", "26.3.1 (b) +6 []", "26.4 (a) +10 []"}
	if diff := cmp.Diff(want, p.history()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestHistoryOfAnOlderServer: where a letter was noted without what the phone ran before it,
// that was its base.
func TestHistoryOfAnOlderServer(t *testing.T) {
	t.Parallel()
	w, p, _ := reverifies(t)
	now := w.clock.Now()
	_, err := w.store.UpdatePhone(w.ctx, seg, p.udid, p.stored().Epoch, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.History = []storage.Ran{{Version: "26.2", Since: now.AddDate(0, -2, 0)}}
		q.OS.Since, q.OS.SupplementalExtra, q.OS.SupplementalSince = now.AddDate(0, -1, 0), "a", now
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	w.restart()
	got, err := w.fleet.DeviceExposure(w.ctx, seg, p.udid)
	w.must(err)
	if len(got.Ran) != 3 || !got.Ran[0].Until.Equal(now.AddDate(0, -1, 0)) || got.Ran[1].Release != "26.3.1" || !got.Ran[1].Until.Equal(now) || got.Ran[2].Release != improvement {
		t.Errorf("it ran %+v, want 26.2 until a month ago, 26.3.1 until now, and its letter", got.Ran)
	}
	if all := w.exposure(fleet.ExposureQuery{}); all.Total.Days != got.Days {
		t.Errorf("the report counts %d CVE-days, the phone %d", all.Total.Days, got.Days)
	}
}
