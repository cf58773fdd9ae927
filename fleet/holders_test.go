package fleet_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestHolderReferences(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // code of the refusal, "" accepted
		"S-20417": "", "20417": "", "0001234567": "", "tanaka.k": "", "stock/7": "", "team:late#2": "", "2026110001": "", "": "",
		strings.Repeat("a", 64): "", strings.Repeat("a", 65): "holder-long",
		"tanaka@example.co.jp": "holder-address", "tanaka@corp": "holder-address",
		"Tanaka Ken": "holder-name", "田中　健": "holder-name", "田中健": "holder-name", "a\u00a0b": "holder-name", "a\tb": "holder-name",
		"03-1234-5678": "holder-number", "09012345678": "holder-number", "+819012345678": "holder-number", "(03) 1234 5678": "holder-number", "555-123-4567": "holder-number",
		"=S-1": "holder-name", "-1": "holder-start", "+12": "holder-name",
	}
	w := newWorld(t)
	w.enrol("P1", "sales", storage.RingProduction)
	for ref, want := range tests {
		_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P1", ref)
		code := ""
		if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
			code = e.Code
		} else if err != nil {
			t.Errorf("%q: %v", ref, err)
		}
		if code != want {
			t.Errorf("%q: refused with %q, want %q", ref, code, want)
		}
	}
}

// TestHolder follows one reference: found at once, after a restart too, never in
// the audit log, gone when the phone enrols anew.
func TestHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, udid := range []string{"P1", "P2"} {
		w.enrol(udid, "sales", storage.RingProduction)
	}
	carried := func() []string {
		t.Helper()
		page, err := w.fleet.Devices(w.ctx, seg, fleet.DeviceQuery{Holder: "S-1"})
		w.must(err)
		var udids []string
		for _, d := range page.Devices {
			udids = append(udids, d.UDID+" "+d.Holder)
		}
		return udids
	}
	dry := w.act("list")
	dry.DryRun = true
	view, err := w.fleet.SetHolder(w.ctx, seg, dry, "P1", "S-1")
	w.must(err)
	if view.Holder != "S-1" || carried() != nil {
		t.Errorf("only tried: shown %q, carried %v; want S-1 and none", view.Holder, carried())
	}
	for _, ref := range []string{"S-0", "S-1", "S-1"} {
		_, err = w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P1", ref)
		w.must(err)
	}
	for _, when := range []string{"at once", "after a restart"} {
		if diff := cmp.Diff([]string{"P1 S-1"}, carried()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
		w.restart()
	}
	_, err = w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P1", "")
	w.must(err)
	if got := carried(); got != nil {
		t.Errorf("taken away, and still %v", got)
	}
	entries, err := w.fleet.Audit(w.ctx, seg, 0, 0)
	w.must(err)
	var changes []string
	for _, e := range entries {
		if text, _ := json.Marshal(e); strings.Contains(string(text), "S-1") || strings.Contains(string(text), "S-0") {
			t.Errorf("the audit log keeps the reference: %s", text)
		}
		if e.Action == "device.holder" {
			changes = append(changes, e.Target+" "+e.Detail["change"])
		}
	}
	if diff := cmp.Diff([]string{"P1 set", "P1 changed", "P1 removed"}, changes); diff != "" {
		t.Errorf("audit log (-want +got):\n%s", diff)
	}
	_, err = w.fleet.SetHolder(w.ctx, seg, w.act("list"), "nobody", "S-1")
	if !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown phone: %v", err)
	}
}

func TestHoldersOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, udid := range []string{"P1", "P2", "P3"} {
		w.enrol(udid, "sales", storage.RingProduction)
		w.setSerial(udid, "SN-"+udid)
	}
	w.setSerial("P3", "SN-P2")
	_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P3", "S-3")
	w.must(err)

	for name, tc := range map[string]struct {
		list []fleet.HolderSetting
		at   string
		code string
	}{
		"unknown":        {[]fleet.HolderSetting{{Phone: "P1", Holder: "S-1"}, {Phone: "P9", Holder: "S-9"}}, "holders[1]", "no-such-phone"},
		"no name":        {[]fleet.HolderSetting{{Holder: "S-9"}}, "holders[0]", "no-such-phone"},
		"one of two":     {[]fleet.HolderSetting{{Phone: "SN-P2", Holder: "S-1"}}, "holders[0]", "serial-of-many"},
		"twice":          {[]fleet.HolderSetting{{Phone: "P1", Holder: "S-1"}, {Phone: "SN-P1", Holder: "S-1"}}, "holders[1]", "phone-twice"},
		"a mail address": {[]fleet.HolderSetting{{Phone: "P1", Holder: "S-1"}, {Phone: "P2", Holder: "a@b.c"}}, "holders[1]", "holder-address"},
	} {
		_, err := w.fleet.SetHolders(w.ctx, seg, w.act("list"), tc.list)
		entry, _ := errors.AsType[*fleet.EntryError](err)
		bad, _ := errors.AsType[*fleet.InvalidError](err)
		if entry == nil || bad == nil || entry.At != tc.at || bad.Code != tc.code {
			t.Errorf("%s: %v; want %s about %s", name, err, tc.code, tc.at)
		}
	}
	if _, err := w.fleet.SetHolders(w.ctx, seg, w.act("list"), make([]fleet.HolderSetting, 10_001)); err == nil {
		t.Error("10,001 phones at once were taken")
	}

	got, err := w.fleet.SetHolders(w.ctx, seg, w.act("list"), []fleet.HolderSetting{{Phone: "SN-P1", Holder: "S-1"}, {Phone: "P3", Holder: "S-3"}, {Phone: "P2", Holder: "S-2"}})
	w.must(err)
	want := fleet.Holders{Changes: []fleet.HolderChange{{UDID: "P1", Serial: "SN-P1", After: "S-1"}, {UDID: "P2", Serial: "SN-P2", After: "S-2"}}, Unchanged: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for udid, ref := range map[string]string{"P1": "S-1", "P2": "S-2", "P3": "S-3"} {
		if p, err := w.store.Phone(w.ctx, seg, udid); err != nil || p.Holder != ref {
			t.Errorf("%s is carried by %q (%v), want %s", udid, p.Holder, err, ref)
		}
	}
}

func (w *world) setSerial(udid, serial string) {
	w.t.Helper()
	_, err := w.store.UpdatePhone(w.ctx, seg, udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Serial = serial
		return storage.PhoneChange{}, nil
	})
	w.must(err)
}
