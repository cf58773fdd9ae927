package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// The last releases of iPhone9,1: Apple posted 15.8.7 on 2026-03-11 and 15.8.8,
// the newest that it can run, on 2026-05-11. Models as iPhone15,2 never got
// either.
const (
	lineModel   = "iPhone9,1"
	lineEnd     = "15.8.8"
	beforeEnd   = "15.8.7"
	currentLine = "iPhone15,2"
)

// runs is a production phone that was there before.
type runs struct{ model, os string }

// production enrols a phone into the production ring and lets it say what it is.
func (w *world) production(udid string, r runs) *old {
	w.t.Helper()
	o := w.older(udid, r.os, storage.RingProduction)
	o.model = r.model
	o.talk()
	return o
}

// verifyAndApprove opens a gate with a test on one model.
func (w *world) verifyAndApprove(release, model string) {
	w.t.Helper()
	v := w.older("V-"+release, release, storage.RingVerification)
	v.model = model
	v.talk()
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("tested"), fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works", Device: v.udid,
	})
	w.must(err)
	_, err = w.fleet.Approve(w.ctx, seg, w.act("all apps work"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: "+3d"})
	w.must(err)
}

// TestEndOfALine: what is said of a phone whose model stops at an older line of
// releases. One on the newest that its model can run has leaked when its group
// has, or had while it moved there itself, a closed gate for that release;
// gates of releases it cannot run neither accuse nor excuse it.
func TestEndOfALine(t *testing.T) {
	t.Parallel()
	modern, older := runs{currentLine, "26.5"}, runs{lineModel, beforeEnd}
	type said struct{ Leak, Reason, Release string }
	leaked := said{Leak: lineEnd, Reason: "newer-than-verified"}
	tests := []struct {
		name     string
		day      string // "" for 2026-08-18
		others   []runs
		approved map[string]string // model of the test by release
		os       string            // that it arrives with
		moves    string            // that it moves to by itself then, "" for no move
		want     said
	}{
		{"newest, alone", "", nil, nil, lineEnd, "", said{Reason: "done"}},
		{"newest, among newer models", "", []runs{modern}, nil, lineEnd, "", said{Reason: "done"}},
		{"newest, newer models are approved theirs", "", []runs{modern}, map[string]string{"26.6.1": currentLine}, lineEnd, "", said{Reason: "model-cannot-run", Release: "26.6.1"}},
		{"newest, its gate is closed", "", []runs{older}, nil, lineEnd, "", leaked},
		{"newest, its gate is closed and that of newer models open", "", []runs{older, modern}, map[string]string{"26.6.1": currentLine}, lineEnd, "", leaked},
		{"newest, approved, as theirs is for newer models", "", []runs{older, modern}, map[string]string{lineEnd: lineModel, "26.6.1": currentLine}, lineEnd, "", said{Reason: "done"}},
		{"moved to what is approved, as theirs is for newer models", "", []runs{older, modern}, map[string]string{lineEnd: lineModel, "26.6.1": currentLine}, beforeEnd, lineEnd, said{Reason: "done"}},
		{"newest, approved", "", []runs{older}, map[string]string{lineEnd: lineModel}, lineEnd, "", said{Reason: "done"}},
		{"moved by itself", "", nil, nil, beforeEnd, lineEnd, leaked},
		{"moved by itself, newer models are approved theirs", "", []runs{modern}, map[string]string{"26.6.1": currentLine}, beforeEnd, lineEnd, leaked},
		{"moved to what is approved", "", []runs{older}, map[string]string{lineEnd: lineModel}, beforeEnd, lineEnd, said{Reason: "done"}},
		{"one behind, not shown to users yet", "2026-08-08", nil, nil, beforeEnd, "", said{Reason: "gate-closed", Release: lineEnd}},
		{"one behind, shown since day 90", "2026-08-09", nil, nil, beforeEnd, "", said{Reason: "hold-ended", Release: lineEnd}},
		{"two lines behind, the superseded one is shown", "2026-08-08", nil, nil, "14.8.1", "", said{Reason: "hold-ended", Release: beforeEnd}},
		{"two lines behind, shown since day 90", "", nil, nil, "14.8.1", "", said{Reason: "hold-ended", Release: lineEnd}},
		{"two lines behind, newer models are approved theirs", "", []runs{modern}, map[string]string{"26.6.1": currentLine}, "14.8.1", "", said{Reason: "hold-ended", Release: lineEnd}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if tt.day != "" {
				day, err := time.Parse(time.DateOnly, tt.day)
				w.must(err)
				w.clock.Add(day.Add(9 * time.Hour).Sub(w.clock.Now()))
			}
			for i, r := range tt.others {
				w.production(fmt.Sprintf("P%d", i), r)
			}
			for release, model := range tt.approved {
				w.verifyAndApprove(release, model)
			}
			p := w.production("P", runs{lineModel, tt.os})
			if tt.moves != "" {
				w.clock.Add(25 * time.Hour)
				p.os = tt.moves
				p.talk()
			}
			x, err := w.fleet.Explain(w.ctx, seg, "P")
			w.must(err)
			got := said{x.Device.Leak, string(x.Explanation.Reason.Code), x.Explanation.Reason.Params["release"]}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("what is said (-want +got):\n%s", diff)
			}
		})
	}
}
