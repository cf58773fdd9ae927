package fleet_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

func (p *phone) reportFull(items map[string]any) {
	p.t.Helper()
	data, err := json.Marshal(map[string]any{"StatusItems": items, "Errors": []any{}, "FullReport": true})
	p.must(err)
	_, err = p.declarative("status", data)
	p.must(err)
}

func TestStatusMerge(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	p.report(map[string]any{
		"passcode": map[string]any{"is-present": true},
		"softwareupdate": map[string]any{
			"install-state":   "downloading",
			"install-reason":  map[string]any{"reason": []string{"declaration"}, "declaration-id": "kannuki.enforce.26.6.1"},
			"pending-version": map[string]any{"os-version": "26.6.1", "build-version": "23G83", "target-local-date-time": "2026-08-21T09:00:00"},
		},
	})
	since := w.clock.Now()
	w.clock.Add(time.Hour)
	p.report(map[string]any{"softwareupdate": map[string]any{
		"install-state":  "downloading",
		"failure-reason": map[string]any{"count": 2, "reason": "insufficient disk space", "timestamp": "2026-08-18T10:00:00Z"},
	}})
	want := storage.UpdateState{
		Install: "downloading", Reasons: []string{"declaration"}, DeclarationID: "kannuki.enforce.26.6.1",
		PendingVersion: "26.6.1", PendingBuild: "23G83", PendingDeadline: "2026-08-21T09:00:00",
		Failures: 2, FailureReason: "insufficient disk space", FailureAt: time.Date(2026, 8, 18, 10, 0, 0, 0, time.UTC), FailureSeen: w.clock.Now(), Since: since,
	}
	if diff := cmp.Diff(want, p.stored().Update); diff != "" {
		t.Errorf("after two partial reports (-want +got):\n%s", diff)
	}
	if pass := p.stored().Passcode; pass == nil || !*pass {
		t.Error("a partial report without the passcode item lost it")
	}

	w.clock.Add(time.Hour)
	declared := p.stored().Declarations
	p.reportFull(map[string]any{"softwareupdate": map[string]any{"install-state": "none"}})
	if diff := cmp.Diff(storage.UpdateState{Install: "none", Since: w.clock.Now()}, p.stored().Update); diff != "" {
		t.Errorf("after a full report (-want +got):\n%s", diff)
	}
	if p.stored().Passcode != nil {
		t.Error("a full report without the passcode item kept the old one")
	}
	if diff := cmp.Diff(declared, p.stored().Declarations); diff != "" {
		t.Errorf("declarations (-before +after):\n%s", diff)
	}
}

func TestStatusWithUnknownThings(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	p.report(map[string]any{
		"future":         map[string]any{"item": 1},
		"softwareupdate": map[string]any{"install-state": "levitating", "pending-version": "not an object"},
	})
	if got := p.stored().Update.Install; got != "levitating" {
		t.Errorf("install state = %q, want the unknown value kept", got)
	}
	if _, err := p.declarative("status", []byte(`{"StatusItems":`)); err == nil {
		t.Error("a truncated report was accepted")
	}
	if _, err := w.fleet.Explain(w.ctx, seg, "P1"); err != nil {
		t.Errorf("explain: %v", err)
	}
}

func TestBackgroundImprovementIsNoOtherRelease(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	p.report(map[string]any{"device": map[string]any{"operating-system": map[string]any{
		"supplemental": map[string]any{"build-version": "23F79a", "extra-version": "a"},
	}}})
	s := p.stored()
	if s.OS.Version != "26.5" || s.OS.SupplementalExtra != "a" || s.Arrival != nil {
		t.Errorf("OS = %+v, arrival = %v; want 26.5 with the letter a, no leak", s.OS, s.Arrival)
	}
	p.report(map[string]any{"device": map[string]any{"operating-system": map[string]any{
		"supplemental": map[string]any{"build-version": "23F79", "extra-version": ""},
	}}})
	if got := p.stored().OS.SupplementalExtra; got != "" {
		t.Errorf("the user removed the improvement, the record still says %q", got)
	}
}

// TestHoldEnds: what the phone reported in force no longer counts as a hold
// once its user can see a release.
func TestHoldEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction).settle()
	for _, tt := range []struct {
		day  string // 26.5.2 was posted on 2026-06-29
		want fleet.HoldCounts
	}{
		{"2026-09-26", fleet.HoldCounts{Confirmed: 1}},
		{"2026-09-27", fleet.HoldCounts{Ended: 1}},
	} {
		day, err := time.Parse(time.DateOnly, tt.day)
		w.must(err)
		w.clock.Add(day.Sub(w.clock.Now()))
		st, err := w.fleet.Status(w.ctx, seg)
		w.must(err)
		if diff := cmp.Diff(tt.want, st.Holds); diff != "" {
			t.Errorf("%s: holds (-want +got):\n%s", tt.day, diff)
		}
		page, err := w.fleet.Devices(w.ctx, seg, fleet.DeviceQuery{Hold: "ended"})
		w.must(err)
		if len(page.Devices) != tt.want.Ended {
			t.Errorf("%s: %d phones listed as ended, want %d", tt.day, len(page.Devices), tt.want.Ended)
		}
	}
}

// TestReportIsNoPoll: a phone that reports asks for no command, so that the wish to have
// it poll stands: a push for a queued command may be on its way, or not sent yet.
func TestReportIsNoPoll(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	w.must(second(w.fleet.Refresh(w.ctx, seg, w.act("new app"), p.udid)))
	for _, tt := range []struct {
		name string
		does func()
		want []string
	}{
		{"report", func() { p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "none"}}) }, []string{"heard P1"}},
		{"manifest", func() { p.items() }, []string{"heard P1"}},
		{"idle", func() { p.idle() }, []string{"poll P1"}},
	} {
		if diff := cmp.Diff(tt.want, w.wakes.saying(tt.does)); diff != "" {
			t.Errorf("%s: the waker heard (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestPushedAnew: whatever a phone was pushed before, that was not for the token it has
// now, nor for the person who wants it pushed. Nobody wants one that left.
func TestPushedAnew(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	stored := p.stored()
	anew := []string{"cancel P1", "wake P1"}
	for _, tt := range []struct {
		name string
		does func()
		want []string
	}{
		{"new token", func() { w.must(w.fleet.Noticed(seg, stored)) }, anew},
		{"a person's push", func() { w.must(w.fleet.Push(w.ctx, seg, w.act("it is silent"), p.udid)) }, anew},
		{"gone", func() {
			gone := stored
			gone.State = storage.PhoneRemoved
			w.must(w.fleet.Noticed(seg, gone))
		}, []string{"cancel P1"}},
	} {
		if diff := cmp.Diff(tt.want, w.wakes.saying(tt.does)); diff != "" {
			t.Errorf("%s: the waker heard (-want +got):\n%s", tt.name, diff)
		}
	}
}
