package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestCertificates: certificates of phones are counted, listed and explained
// by where their life stands.
func TestCertificates(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.clock.Now()
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	for udid, identity := range map[string]storage.Identity{
		"UNKNOWN": {},
		"VALID":   {RenewAt: hour(1), Until: hour(3), Renewal: storage.Renewal{OfferedAt: hour(-3), Error: "of the last time"}},
		"DUE":     {RenewAt: hour(0), Until: hour(2)},
		"ASKED":   {RenewAt: hour(-2), Until: hour(1), Renewal: storage.Renewal{OfferedAt: hour(-1), NotNow: true, Error: "no space"}},
		"LAST":    {RenewAt: hour(-2), Until: hour(0)},
		"ENDED":   {RenewAt: hour(-2), Until: hour(-1)},
		"GONE":    {RenewAt: hour(-2), Until: hour(-1)},
	} {
		w.enrol(udid, "", "")
		p, err := w.store.UpdatePhone(w.ctx, seg, udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
			p.Identity = identity
			if udid == "GONE" {
				p.State = storage.PhoneRemoved
			}
			return storage.PhoneChange{}, nil
		})
		w.must(err)
		w.must(w.fleet.Noticed(seg, p))
	}
	states := map[string]string{}
	for _, state := range []string{"", "valid", "due", "ended"} {
		page, err := w.fleet.Devices(w.ctx, seg, fleet.DeviceQuery{Certificate: state})
		w.must(err)
		for _, d := range page.Devices {
			if state != "" && d.CertificateState != state {
				t.Errorf("%s is listed under %q, and is %q", d.UDID, state, d.CertificateState)
			}
			states[d.UDID] = d.CertificateState
		}
	}
	want := map[string]string{"UNKNOWN": "", "VALID": "valid", "DUE": "due", "ASKED": "due", "LAST": "due", "ENDED": "ended"}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	status, err := w.fleet.Status(w.ctx, seg)
	w.must(err)
	if diff := cmp.Diff(fleet.CertificateCounts{Due: 3, Ended: 1, FirstEnd: hour(0)}, status.Certificates); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	for udid, want := range map[string]*fleet.RenewalView{
		"UNKNOWN": nil,
		"VALID":   {DueAt: hour(1)},
		"DUE":     {DueAt: hour(0)},
		"ASKED":   {DueAt: hour(-2), OfferedAt: hour(-1), Deferred: true, Error: "no space"},
		"GONE":    nil,
	} {
		d, err := w.fleet.Device(w.ctx, seg, udid)
		w.must(err)
		if diff := cmp.Diff(want, d.Renewal); diff != "" {
			t.Errorf("renewal of %s (-want +got):\n%s", udid, diff)
		}
	}
}
