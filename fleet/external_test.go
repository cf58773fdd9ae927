package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// elsewhere returns a result made elsewhere that nothing is wrong with.
func elsewhere() fleet.VerdictRequest {
	return fleet.VerdictRequest{
		BundleID: "com.example.pos", Release: release, Result: "works",
		External: true, Evidence: "letter", Group: "sales", Model: "iPhone15,2", AppVersion: "1.0",
	}
}

// TestResultThatCannotBe: what nobody could have tested, or what would count for
// nothing, is refused and not recorded.
func TestResultThatCannotBe(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		wrong       func(r *fleet.VerdictRequest, now time.Time)
		field, code string
		near        []string
	}{
		"model of no release":    {func(r *fleet.VerdictRequest, _ time.Time) { r.Model = "iPhone1,1" }, "model", "model-not-of-release", []string{"iPhone12,1", "iPhone12,3", "iPhone12,5"}},
		"model of this day only": {func(r *fleet.VerdictRequest, _ time.Time) { r.Model = "iPhone11,8" }, "model", "model-not-of-release", []string{"iPhone12,1", "iPhone12,3", "iPhone12,5"}},
		"model in another case":  {func(r *fleet.VerdictRequest, _ time.Time) { r.Model = "iphone15,2" }, "model", "model-not-of-release", []string{"iPhone15,2"}},
		"no model":               {func(r *fleet.VerdictRequest, _ time.Time) { r.Model = "" }, "model", "model-missing", nil},
		"app version":            {func(r *fleet.VerdictRequest, _ time.Time) { r.AppVersion = "abc" }, "app_version", "not-an-app-version", nil},
		"a phone too":            {func(r *fleet.VerdictRequest, _ time.Time) { r.Device = "V1" }, "device", "device-of-external", nil},
		"over already":           {func(r *fleet.VerdictRequest, now time.Time) { r.Expires = now }, "expires", "expires-past", nil},
		"a phone's own, with a model": {func(r *fleet.VerdictRequest, _ time.Time) {
			*r = fleet.VerdictRequest{BundleID: r.BundleID, Release: release, Result: "works", Device: "V1", Model: r.Model}
		}, "model", "only-external", nil},
		"a phone's own, over already": {func(r *fleet.VerdictRequest, now time.Time) {
			*r = fleet.VerdictRequest{BundleID: r.BundleID, Release: release, Result: "works", Device: "V1", Expires: now.Add(-time.Hour)}
		}, "expires", "expires-past", nil},
	}
	w := newWorld(t)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := elsewhere()
			tc.wrong(&r, w.clock.Now())
			e := invalidity(t, second(w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), r)))
			if e.Field != tc.field || e.Code != tc.code {
				t.Errorf("refused as %s of %s (%v), want %s of %s", e.Code, e.Field, e, tc.code, tc.field)
			}
			if diff := cmp.Diff(tc.near, e.Near); diff != "" {
				t.Errorf("nearest (-want +got):\n%s", diff)
			}
		})
	}
	if n := len(w.records().Verdicts); n != 0 {
		t.Errorf("%d results are on record, want none", n)
	}
}

// TestOddVersionOfAPhone: how an app numbers itself is its vendor's business, and what
// a phone reports can have been tested elsewhere too.
func TestOddVersionOfAPhone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.apps["com.example.pos"] = "R4-final"
	p.settle()
	r := elsewhere()
	r.AppVersion = "R4-final"
	w.must(second(w.fleet.RecordVerdict(w.ctx, seg, w.act("test"), r)))
}
