package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// leftOpen returns what each view shows of the releases that sales declined.
func (w *world) leftOpen() map[string][]policy.LeftOpen {
	w.t.Helper()
	dates, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, nil)
	w.must(err)
	rollout, err := w.fleet.Rollout(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	phone, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	return map[string][]policy.LeftOpen{
		"rollout dates": dates.Declined, "rollout": rollout.Declined, "phone": phone.Declined,
		"exposure": w.exposure(fleet.ExposureQuery{}).Declined,
	}
}

// TestDeclinedStaysARisk: every view says what a declined release leaves open, until
// a release is approved that brings it. Once all there is was declined, the phones
// have nothing to install and are done, which is their one reason; what they lack
// is shown all the same.
func TestDeclinedStaysARisk(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	exploited := w.exposure(fleet.ExposureQuery{}).Total.Exploited
	check := func(when, of string, listed bool) {
		t.Helper()
		one, err := w.fleet.LeftOpen(seg, "sales", of)
		w.must(err)
		if one == nil || one.Phones != 3 || (one.CVEs > 0) != listed || listed && (one.Exposed != 2 || len(one.Exploited) != exploited || one.CVEs <= exploited) {
			t.Fatalf("%s: %s leaves open %+v; want it on 3 phones, something: %t, and then %d exploited flaws on 2 of them", when, of, one, listed, exploited)
		}
		for view, list := range w.leftOpen() {
			switch {
			case !listed && len(list) > 0:
				t.Errorf("%s: %s shows %+v, want nothing", when, view, list)
			case !listed:
			case len(list) == 0:
				t.Errorf("%s: %s shows nothing, want %s", when, view, of)
			default:
				want := *one
				if view == "phone" { // P3 may lack what P1 has
					want.CVEs = list[0].CVEs
				}
				if diff := cmp.Diff(want, list[0]); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", when, view, diff)
				}
			}
		}
	}

	w.decline("26.6")
	check("one declined", "26.6", true)
	if open, err := w.fleet.LeftOpen(seg, "sales", release); err != nil || open != nil {
		t.Errorf("%s, which is not declined: %+v, %v", release, open, err)
	}

	v := w.phoneOf("V1")
	_, err := w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", release)
	w.must(err)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	_, err = w.approve("+3d")
	w.must(err)
	check("a newer one approved", "26.6", false)

	w.decline(release)
	gates, err := w.fleet.Gates(seg, "sales")
	w.must(err)
	for _, g := range gates {
		if g.Phase != policy.PhaseDeclined {
			w.decline(g.Release)
		}
	}
	check("all declined", release, true)
	p1, err := w.fleet.Explain(w.ctx, seg, "P1")
	if w.must(err); p1.Explanation.Reason.Code != policy.ReasonDone {
		t.Errorf("P1 is %s, want %s: what is open is no reason of its own", p1.Explanation.Reason.Code, policy.ReasonDone)
	}
	tester := w.enrol("V2", "sales", storage.RingVerification)
	tester.os = "26.2"
	tester.settle()
	for udid, by := range map[string]string{"P1": release, "V2": release, "V1": "", "Q1": ""} { // V1 has it, Q1 is of another group
		x, err := w.fleet.Explain(w.ctx, seg, udid)
		if w.must(err); (len(x.Declined) > 0) != (by != "") || x.Device.ExposedBy != by {
			t.Errorf("%s: exposed by %q, shows %+v, want %q", udid, x.Device.ExposedBy, x.Declined, by)
		}
	}
	if one, err := w.fleet.LeftOpen(seg, "sales", release); err != nil || one.Verification != 1 || one.Phones != 3 {
		t.Errorf("%s leaves open %+v, %v; want 1 verification phone beside 3 of production", release, one, err)
	}
	if asked := w.exposure(fleet.ExposureQuery{Release: release}); len(asked.Declined) != 0 || asked.Total.Declined != 0 {
		t.Errorf("a report on one release counts %d and lists %+v", asked.Total.Declined, asked.Declined)
	}
	w.days(1)
	for _, q := range []fleet.ExposureQuery{{}, {Release: "26.6"}} {
		exposed := map[string]string{}
		for _, d := range w.exposure(q).Devices {
			exposed[d.UDID] = d.ExposedBy
		}
		if diff := cmp.Diff(map[string]string{"P1": release, "P2": release, "Q1": ""}, exposed); diff != "" {
			t.Errorf("%+v: the most exposed phones, and by what (-want +got):\n%s", q, diff)
		}
	}
	report := w.exposure(fleet.ExposureQuery{})
	got := map[string]int{"": report.Total.Declined}
	for _, line := range report.Groups {
		got[line.Group] = line.Declined
	}
	if diff := cmp.Diff(map[string]int{"": 2, "sales": 2, "stock": 0}, got); diff != "" {
		t.Errorf("phones exposed because a release was declined (-want +got):\n%s", diff)
	}
	for group, want := range map[string]int{"": len(report.Declined), "sales": len(report.Declined), "stock": 0} {
		if list, err := w.fleet.Declined(seg, group); err != nil || len(list) != want {
			t.Errorf("group %q: %d declined releases leave something open, %v; want %d", group, len(list), err, want)
		}
	}
}
