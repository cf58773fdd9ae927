package fleet_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// variety enrols phones that differ in everything a reason can depend on.
func (w *world) variety(n int) {
	w.t.Helper()
	change := []func(p *storage.Phone){
		func(*storage.Phone) {},
		func(p *storage.Phone) { p.Contact = p.Contact.Add(-30 * time.Hour) },
		func(p *storage.Phone) {
			p.Contact, p.Push.DeadSince = p.Contact.Add(-30*time.Hour), p.Contact
		},
		func(p *storage.Phone) { low := 1.5; p.AvailableGB = &low },
		func(p *storage.Phone) { p.Supervision, p.Declarations = storage.Unsupervised, nil },
		func(p *storage.Phone) { p.Sync.NotNowSince = p.Contact },
		func(p *storage.Phone) { p.OS.Version, p.OS.Build = release, "23G83" },
		func(p *storage.Phone) { p.OS.Version, p.Arrival = "26.6", &storage.Arrival{Release: "26.6"} },
		func(p *storage.Phone) { p.Apps[0].ShortVersion = "0.9" },
		func(p *storage.Phone) { p.Update.Install, p.Update.FailureReason = "failed", "no space left" },
		func(p *storage.Phone) { p.Model = "iPhone14,5" },
		func(p *storage.Phone) { p.Announced.Enforcement = nil; p.Update.Install = "downloading" },
		func(p *storage.Phone) { p.State = storage.PhoneAuthenticating },
		func(p *storage.Phone) { p.Group, p.Ring = "", "" },
	}
	for i := range n {
		p := w.enrol(fmt.Sprintf("N%03d", i), "sales", storage.RingProduction)
		p.settle()
		_, err := w.store.UpdatePhone(w.ctx, seg, p.udid, 0, func(q *storage.Phone) (storage.PhoneChange, error) {
			change[i%len(change)](q)
			return storage.PhoneChange{}, nil
		})
		w.must(err)
	}
}

// TestReportsAgreeWithEachPhone holds the counts of status and rollout, which
// are made from looks, against every phone explained on its own.
func TestReportsAgreeWithEachPhone(t *testing.T) {
	t.Parallel()
	for _, waves := range []bool{false, true} {
		t.Run(fmt.Sprintf("waves=%v", waves), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.verified()
			effect, err := w.approve("+3d")
			w.must(err)
			w.variety(28)
			if waves {
				w.splitWaves(effect.Approval)
			}
			w.restart()
			w.agree()
			// And they follow what the phones say.
			w.again("N004")
			w.again("N005")
			w.agree()
		})
	}
}

// splitWaves makes an approval let in some phones only.
func (w *world) splitWaves(id string) {
	w.t.Helper()
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	i := slices.IndexFunc(records.Approvals, func(a storage.Approval) bool { return a.ID == id })
	a := records.Approvals[i]
	first := a.Waves[0]
	first.Threshold = 5000
	second := a.Waves[0]
	second.Start = second.Start.Add(48 * time.Hour)
	a.Waves = []storage.Wave{first, second}
	_, err = w.store.ChangeWorld(w.ctx, seg, records.Revision, storage.WorldChange{Approvals: []storage.Approval{a}})
	w.must(err)
}

// again has a phone poll and report.
func (w *world) again(udid string) {
	p := &phone{world: w, udid: udid, os: "26.5", build: "23F79", model: "iPhone15,2", sup: true, zone: "Asia/Tokyo", apps: map[string]string{"com.example.pos": "1.0"}, serial: "S" + udid}
	p.settle()
}

func (w *world) agree() {
	w.t.Helper()
	phones, err := w.store.Phones(w.ctx, seg, storage.PhoneQuery{})
	w.must(err)
	reasons, holds, left := map[string]int{}, fleet.HoldCounts{}, []string{}
	for _, p := range phones {
		d, err := w.fleet.Device(w.ctx, seg, p.UDID)
		w.must(err)
		reasons[d.Reason]++
		holds.Add(d.Hold)
		if p.Group == "sales" && (p.Ring == storage.RingVerification || d.Reason != "done" && (d.OS != release || d.Leak != "")) {
			left = append(left, p.UDID)
		}
	}
	st, err := w.fleet.Status(w.ctx, seg)
	w.must(err)
	counted := map[string]int{}
	for _, r := range st.Reasons {
		counted[r.Reason] = r.Count
	}
	if diff := cmp.Diff(reasons, counted); diff != "" || len(reasons) < 6 {
		w.t.Errorf("reasons of %d phones (-one by one +status):\n%s", len(phones), diff)
	}
	if diff := cmp.Diff(holds, st.Holds); diff != "" || st.Phones != len(phones) {
		w.t.Errorf("holds of %d phones, %d counted (-one by one +status):\n%s", len(phones), st.Phones, diff)
	}
	var listed []string
	var q fleet.RolloutQuery
	for q.Limit = 3; ; {
		v, err := w.fleet.Rollout(w.ctx, seg, "sales", release, q)
		w.must(err)
		if v.Production == 0 || v.Production-v.Done != len(left)-1 {
			w.t.Errorf("rollout counts %d of %d done, want %d not done", v.Done, v.Production, len(left)-1)
		}
		for _, d := range append(v.Verification, v.Devices...) {
			listed = append(listed, d.UDID)
		}
		if q.After = v.Next; v.Next == 0 {
			break
		}
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(left)), slices.Sorted(slices.Values(listed))); diff != "" {
		w.t.Errorf("listed page by page (-one by one +rollout):\n%s", diff)
	}
}
