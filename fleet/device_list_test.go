package fleet_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestDeviceFilters(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("OLD", "sales", storage.RingProduction).settle()
	w.clock.Add(48 * time.Hour)
	fresh := w.enrol("FRESH", "sales", storage.RingVerification)
	fresh.os, fresh.model = "26.6", "iPhone14,5"
	fresh.settle()
	w.enrol("SILENT", "", "")
	removed := w.enrol("GONE", "sales", storage.RingProduction)
	_, err := w.store.UpdatePhone(w.ctx, seg, removed.udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.State = storage.PhoneRemoved
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	tests := []struct {
		name  string
		query fleet.DeviceQuery
		want  []string
	}{
		{"all", fleet.DeviceQuery{}, []string{"OLD", "FRESH", "SILENT"}},
		{"ring", fleet.DeviceQuery{Ring: "verification"}, []string{"FRESH"}},
		{"no group", fleet.DeviceQuery{Group: "-"}, []string{"SILENT"}},
		{"hold", fleet.DeviceQuery{Hold: "confirmed"}, []string{"OLD", "FRESH"}},
		{"os", fleet.DeviceQuery{OS: "26.6"}, []string{"FRESH"}},
		{"model", fleet.DeviceQuery{Model: "iPhone15,2"}, []string{"OLD"}},
		{"silent for a day", fleet.DeviceQuery{ContactBefore: "1d"}, []string{"OLD"}},
		{"silent since a day", fleet.DeviceQuery{ContactBefore: "2026-08-19"}, []string{"OLD"}},
		{"silent since a time", fleet.DeviceQuery{ContactBefore: "2026-08-18T09:00:00+09:00"}, nil},
		{"reason", fleet.DeviceQuery{Reason: "ungrouped"}, []string{"SILENT"}},
		{"two at once", fleet.DeviceQuery{Group: "sales", Model: "iPhone15,2"}, []string{"OLD"}},
		{"removed", fleet.DeviceQuery{Removed: true}, []string{"GONE"}},
	}
	for _, tc := range tests {
		page, err := w.fleet.Devices(w.ctx, seg, tc.query)
		w.must(err)
		var got []string
		for _, d := range page.Devices {
			got = append(got, d.UDID)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	var paged []string
	for q := (fleet.DeviceQuery{Limit: 1}); ; {
		page, err := w.fleet.Devices(w.ctx, seg, q)
		w.must(err)
		for _, d := range page.Devices {
			paged = append(paged, d.UDID)
		}
		if q.After = page.Next; q.After == 0 {
			break
		}
	}
	if diff := cmp.Diff([]string{"OLD", "FRESH", "SILENT"}, paged); diff != "" {
		t.Errorf("page by page (-want +got):\n%s", diff)
	}
	for field, query := range map[string]fleet.DeviceQuery{
		"ring": {Ring: "pilot"}, "hold": {Hold: "maybe"}, "certificate": {Certificate: "old"}, "contact_before": {ContactBefore: "yesterday"},
	} {
		_, err := w.fleet.Devices(w.ctx, seg, query)
		if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Field != field {
			t.Errorf("%s: %v, want it invalid", field, err)
		}
	}
}

func TestCancelCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), p.udid)
	w.must(err)
	rows, err := w.fleet.Queue(w.ctx, seg, p.udid)
	w.must(err)
	first, second := rows[0].UUID, rows[1].UUID

	tried := w.act("")
	tried.DryRun = true
	_, err = w.fleet.CancelCommand(w.ctx, seg, tried, p.udid, first)
	w.must(err)
	c := p.idle()
	if c == nil || c.UUID != first {
		t.Fatalf("after trying, the phone got %v, want %s", c, first)
	}
	got, err := w.fleet.CancelCommand(w.ctx, seg, w.act("wrong phone"), p.udid, first)
	w.must(err)
	if got.State != "cancelled" || got.Deliveries != 1 {
		t.Errorf("command is %s after %d deliveries, want cancelled after one", got.State, got.Deliveries)
	}
	if next := p.answer(c); next == nil || next.UUID != second {
		t.Errorf("after the cancelled one came %v, want %s", next, second)
	}
	if _, err := w.fleet.CancelCommand(w.ctx, seg, w.act(""), p.udid, first); refusal(t, err).Code != "command-over" {
		t.Errorf("cancelling again = %v, want command-over", err)
	}
	if _, err := w.fleet.CancelCommand(w.ctx, seg, w.act(""), p.udid, "nonsense"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown command = %v, want not found", err)
	}
}

// TestMayRemove: the last phone of a model that nobody tested keeps a gate
// closed, and taking it out would open it.
func TestMayRemove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	odd := w.enrol("P2", "sales", storage.RingProduction)
	odd.model = "iPhone14,5"
	odd.settle()
	w.must(w.fleet.MayRemove(w.ctx, seg, "P2"))
	w.verified()
	if err := w.fleet.MayRemove(w.ctx, seg, "P2"); refusal(t, err).Code != "phone-keeps-gates" {
		t.Errorf("the only phone of an untested model = %v, want phone-keeps-gates", err)
	}
	w.must(w.fleet.MayRemove(w.ctx, seg, "P1"))
	if err := w.fleet.MayRemove(w.ctx, seg, "P9"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown phone = %v, want not found", err)
	}
}
