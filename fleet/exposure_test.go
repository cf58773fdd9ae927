package fleet_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// days moves the clock.
func (w *world) days(n int) { w.clock.Add(time.Duration(n) * 24 * time.Hour) }

// exposed is a group with two phones on 26.2, which lacks the fix of a CVE that
// is known to be exploited, one on 26.5, which has it, and a verification phone.
// The other group has one on 26.2.
func exposed(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	_, err := w.fleet.AddGroup(w.ctx, seg, w.act("setup"), fleet.GroupRequest{Name: "stock"})
	w.must(err)
	for _, p := range []struct{ udid, group, os string }{{"P1", "sales", "26.2"}, {"P2", "sales", "26.2"}, {"P3", "sales", "26.5"}, {"Q1", "stock", "26.2"}} {
		phone := w.enrol(p.udid, p.group, storage.RingProduction)
		phone.os = p.os
		phone.settle()
	}
	w.enrol("V1", "sales", storage.RingVerification).settle()
	return w
}

func (w *world) exposure(q fleet.ExposureQuery) fleet.Exposure {
	w.t.Helper()
	v, err := w.fleet.Exposure(seg, q)
	w.must(err)
	return v
}

// per is what so many CVE-days make when n phones have them.
func per(n, testing, avoidable, rollout int) policy.Cost {
	return policy.Cost{Days: n * (testing + avoidable), Testing: n * testing, Avoidable: n * avoidable, Rollout: n * rollout}
}

// TestExposureReport: ten days without a test, five with a verified gate, two
// with an approval; one phone installs by itself after ten days.
func TestExposureReport(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	flaws := w.exposure(fleet.ExposureQuery{}).Total.Exploited
	if flaws == 0 {
		t.Fatalf("iOS 26.2 lacks the fix of no exploited CVE, want some")
	}
	w.days(10)
	w.phoneOf("P2").install("26.6.1", "23G83")
	v := w.phoneOf("V1")
	_, err := w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", release)
	w.must(err)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	w.days(5)
	_, err = w.approve("+3d")
	w.must(err)
	w.days(2)
	w.restart() // what is counted is read back

	p1, p2, q1 := per(flaws, 10, 7, 2), per(flaws, 10, 0, 0), per(flaws, 17, 0, 0)
	var sales, all policy.Cost
	sales.Add(p1, 1)
	sales.Add(p2, 1)
	all.Add(sales, 1)
	all.Add(q1, 1)
	got := w.exposure(fleet.ExposureQuery{})
	ignore := cmpopts.IgnoreFields(fleet.ExposureLine{}, "CVEs")
	lines := []fleet.ExposureLine{
		{Group: "sales", Phones: 3, Exposed: 1, Exploited: flaws, Cost: sales},
		{Group: "stock", Phones: 1, Exposed: 1, Exploited: flaws, Cost: q1},
	}
	if diff := cmp.Diff(lines, got.Groups, ignore); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(fleet.ExposureLine{Phones: 4, Exposed: 2, Exploited: flaws, Cost: all}, got.Total, ignore); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	if got.Total.CVEs <= flaws || got.Total.CVEs < got.Groups[1].CVEs {
		t.Errorf("%d open CVEs in all, %d in stock; want those of 26.2, not only the exploited ones", got.Total.CVEs, got.Groups[1].CVEs)
	}
	devices := []fleet.DeviceExposure{
		{UDID: "P1", Group: "sales", OS: "26.2", Cost: p1}, {UDID: "Q1", Group: "stock", OS: "26.2", Cost: q1}, {UDID: "P2", Group: "sales", OS: "26.6.1", Cost: p2},
	}
	if diff := cmp.Diff(devices, got.Devices); diff != "" {
		t.Errorf("most exposed (-want +got):\n%s", diff)
	}
	if len(got.CVEs) != flaws || got.CVEs[0].Phones != 2 || got.CVEs[0].Days != all.Days/flaws {
		t.Errorf("CVEs %+v, want %d, each with 2 phones and %d days", got.CVEs, flaws, all.Days/flaws)
	}
	if n := len(got.Releases); n < 2 || got.Releases[0] != (fleet.ReleaseExposure{Release: release, Cost: all}) {
		t.Errorf("releases %+v, want %s first, with all there is", got.Releases, release)
	}
	waited, err := w.fleet.Waited(seg, "sales", release)
	if w.must(err); waited != sales {
		t.Errorf("waiting for %s cost %+v, want %+v", release, waited, sales)
	}
}

// phoneOf returns a phone that enrolled before, as it is.
func (w *world) phoneOf(udid string) *phone {
	w.t.Helper()
	p := newPhone(w, udid)
	s := p.stored()
	p.os, p.build = s.OS.Version, s.OS.Build
	return p
}

// TestExposureQuery: what is asked for is all that is counted.
func TestExposureQuery(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	w.days(10)
	all := w.exposure(fleet.ExposureQuery{})
	one := all.Total.Days / all.Total.Exploited
	for _, test := range []struct {
		name    string
		q       fleet.ExposureQuery
		phones  int
		days    int
		cves    int
		devices int
	}{
		{"all", fleet.ExposureQuery{}, 4, 30 * all.Total.Exploited, all.Total.Exploited, 3},
		{"a group", fleet.ExposureQuery{Group: "stock"}, 1, 10 * all.Total.Exploited, all.Total.Exploited, 1},
		{"those in none", fleet.ExposureQuery{Group: "-"}, 0, 0, 0, 0},
		{"since a day", fleet.ExposureQuery{Since: w.clock.Now().AddDate(0, 0, -4).Format(time.DateOnly)}, 4, 12 * all.Total.Exploited, all.Total.Exploited, 3},
		{"since tomorrow", fleet.ExposureQuery{Since: w.clock.Now().AddDate(0, 0, 1).Format(time.DateOnly)}, 4, 0, all.Total.Exploited, 0},
		{"a CVE", fleet.ExposureQuery{CVE: all.CVEs[0].CVE}, 4, one, 1, 3},
		{"a release that the phones have", fleet.ExposureQuery{Release: "26.1"}, 4, 0, 0, 0},
		{"a release", fleet.ExposureQuery{Release: "26.5.2"}, 4, 30 * all.Total.Exploited, all.Total.Exploited, 3},
		{"a release and a CVE", fleet.ExposureQuery{Release: "26.5.2", CVE: all.CVEs[0].CVE, Group: "stock"}, 1, 10, 1, 1},
	} {
		got := w.exposure(test.q)
		if got.Total.Phones != test.phones || got.Total.Days != test.days || len(got.CVEs) != test.cves || len(got.Devices) != test.devices {
			t.Errorf("%s: %+v with %d CVEs and %d phones named, want %+v", test.name, got.Total, len(got.CVEs), len(got.Devices), test)
		}
	}
	for _, q := range []fleet.ExposureQuery{{Group: "none"}, {Release: "99.9"}, {CVE: "CVE-1999-0001"}} {
		if _, err := w.fleet.Exposure(seg, q); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("%+v: %v, want not found", q, err)
		}
	}
	_, err := w.fleet.Exposure(seg, fleet.ExposureQuery{Since: "spring"})
	if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Field != "since" {
		t.Errorf("since spring: %v", err)
	}
	plain := fleet.ExposureQuery{CVE: "CVE-2026-43794"}
	if got := w.exposure(plain); len(got.CVEs) != 1 || got.CVEs[0].Exploited || got.CVEs[0].Release != "26.6.1" {
		t.Errorf("%s: %+v, want it fixed by 26.6.1", plain.CVE, got.CVEs)
	}
}

// TestExposureOnItsFirstDay: a flaw that is open is named before a whole day has passed,
// at no cost, for all phones and for one.
func TestExposureOnItsFirstDay(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	got := w.exposure(fleet.ExposureQuery{})
	if got.Total.Days != 0 || len(got.CVEs) == 0 || len(got.CVEs) != got.Total.Exploited {
		t.Fatalf("%+v with %d flaws named, want each of those that are open, at no cost", got.Total, len(got.CVEs))
	}
	one, err := w.fleet.DeviceExposure(w.ctx, seg, "P1")
	w.must(err)
	if len(one.CVEs) != one.Exploited {
		t.Errorf("one phone: %d flaws named, want %d", len(one.CVEs), one.Exploited)
	}
	want := fleet.FlawExposure{CVE: got.CVEs[0].CVE, Exploited: true, Release: "26.3", Phones: 3}
	if diff := cmp.Diff(want, got.CVEs[0]); diff != "" {
		t.Errorf("flaw (-want +got):\n%s", diff)
	}
}

// TestDeviceExposure: what a phone ran, with what each release cost it.
func TestDeviceExposure(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	flaws := w.exposure(fleet.ExposureQuery{}).Total.Exploited
	began := w.clock.Now()
	w.days(10)
	w.phoneOf("P1").install("26.6", "23G82")
	w.days(3)
	got, err := w.fleet.DeviceExposure(w.ctx, seg, "P1")
	w.must(err)
	moved := began.AddDate(0, 0, 10)
	want := []fleet.RanView{
		{Release: "26.2", Since: began, Until: moved, Cost: per(flaws, 10, 0, 0)},
		{Release: "26.6", Since: moved},
	}
	if diff := cmp.Diff(want, got.Ran, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
	if got.Cost != per(flaws, 10, 0, 0) || got.Exploited != 0 || got.Open == 0 || len(got.CVEs) != flaws || got.CVEs[0].Phones != 0 {
		t.Errorf("%+v", got)
	}
	if _, err := w.fleet.DeviceExposure(w.ctx, seg, "nobody"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("unknown phone: %v", err)
	}
}

// TestExposureOfImprovements: a phone lacks the fix of an improvement until it has that
// letter, and anew once its user takes it off; the gate of the improvement is urgent.
func TestExposureOfImprovements(t *testing.T) {
	t.Parallel()
	w, p, _ := reverifies(t)
	_, err := w.fleet.Import(w.ctx, w.act("feed"), []byte(`{"format":"kannuki-catalogue","version":1,"sources":[],"models":{},"kev":{},"lists":[],"releases":[
		{"version":"26.3.1 (a)","posted":"2026-03-17","cves":["CVE-2026-99999"],"exploited":["CVE-2026-99999"]}]}`))
	w.must(err)
	w.days(2)
	gate, err := w.fleet.Gate(seg, "sales", improvement)
	w.must(err)
	if u := gate.Urgent; u == nil || len(u.From) != 1 || u.From[0].Version != "26.3.1" {
		t.Errorf("the gate of the improvement: %+v", u)
	}
	p.improve("a", "23D771330a")
	w.days(3)
	p.improve("", "23D8133")
	w.days(1)
	got, err := w.fleet.DeviceExposure(w.ctx, seg, "P")
	w.must(err)
	want := []fleet.RanView{{Release: "26.3.1", Cost: per(1, 2, 0, 0)}, {Release: improvement}, {Release: "26.3.1", Cost: per(1, 1, 0, 0)}}
	if diff := cmp.Diff(want, got.Ran, cmpopts.EquateEmpty(), cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
	if got.OS != "26.3.1" || got.Exploited != 1 || len(got.CVEs) != 1 || got.CVEs[0].Release != improvement {
		t.Errorf("on %s, %d exploited flaws open: %+v", got.OS, got.Exploited, got.CVEs)
	}
	all := w.exposure(fleet.ExposureQuery{Group: "sales"})
	if all.Total.Exposed != 1 || all.Total.Cost != per(1, 3, 0, 0) || !slices.ContainsFunc(all.Releases, func(r fleet.ReleaseExposure) bool { return r.Release == improvement && r.Days == 3 }) {
		t.Errorf("the report: %+v, by release %+v", all.Total, all.Releases)
	}
	p.improve("a", "23D771330a")
	if all := w.exposure(fleet.ExposureQuery{Group: "sales"}); all.Total.Exposed != 0 || all.Devices[0].OS != improvement {
		t.Errorf("with the improvement: %+v, %+v", all.Total, all.Devices)
	}
}
