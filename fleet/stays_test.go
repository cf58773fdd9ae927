package fleet_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// lines are the costs of a report, by group; "" is all.
func lines(v fleet.Exposure) map[string]fleet.ExposureLine {
	out := map[string]fleet.ExposureLine{"": v.Total}
	for _, l := range v.Groups {
		out[l.Group] = l
	}
	return out
}

// leaves ends the enrolment of a phone as package enroll does.
func (p *phone) leaves() {
	p.t.Helper()
	gone, err := p.store.UpdatePhone(p.ctx, seg, p.udid, 0, func(q *storage.Phone) (storage.PhoneChange, error) {
		*q = p.fleet.EndStay(*q)
		q.State, q.RemovedAt = storage.PhoneRemoved, p.clock.Now()
		return storage.PhoneChange{}, nil
	})
	p.must(err)
	p.must(p.fleet.Noticed(seg, gone))
}

func (w *world) moves(udid, group string, ring storage.Ring) {
	w.t.Helper()
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("moved"), udid, group, ring)))
}

// TestExposureStaysWhereItWas: what waiting cost is counted for the group in which a phone
// waited, whatever became of the phone since.
func TestExposureStaysWhereItWas(t *testing.T) {
	t.Parallel()
	type days struct{ phones, gone, days int }
	for name, tc := range map[string]struct {
		play func(w *world) // days 10 to 15
		want map[string]days
	}{
		"nothing happens": {
			func(w *world) { w.days(5) },
			map[string]days{"": {4, 0, 45}, "sales": {3, 0, 30}, "stock": {1, 0, 15}},
		},
		"moved to another group": {
			func(w *world) { w.moves("P1", "stock", storage.RingProduction); w.days(5) },
			map[string]days{"": {4, 0, 45}, "sales": {2, 1, 25}, "stock": {2, 0, 20}},
		},
		"moved there and back": {
			func(w *world) {
				w.moves("P1", "stock", storage.RingProduction)
				w.days(2)
				w.moves("P1", "sales", storage.RingProduction)
				w.days(3)
			},
			map[string]days{"": {4, 0, 45}, "sales": {3, 0, 28}, "stock": {1, 1, 17}},
		},
		"moved twice on a day": {
			func(w *world) {
				w.moves("P1", "stock", storage.RingProduction)
				w.moves("P1", "sales", storage.RingProduction)
				w.days(5)
			},
			map[string]days{"": {4, 0, 45}, "sales": {3, 0, 30}, "stock": {1, 0, 15}},
		},
		"a verification phone for two days": {
			func(w *world) {
				w.moves("P1", "sales", storage.RingVerification)
				w.days(2)
				w.moves("P1", "sales", storage.RingProduction)
				w.days(3)
			},
			map[string]days{"": {4, 0, 43}, "sales": {3, 0, 28}, "stock": {1, 0, 15}},
		},
		"a verification phone since": {
			func(w *world) { w.moves("P1", "sales", storage.RingVerification); w.days(5) },
			map[string]days{"": {3, 1, 40}, "sales": {2, 1, 25}, "stock": {1, 0, 15}},
		},
		"updated after it was moved": {
			func(w *world) {
				w.moves("P1", "stock", storage.RingProduction)
				w.days(2)
				w.phoneOf("P1").install("26.6.1", "23G83")
				w.days(3)
			},
			map[string]days{"": {4, 0, 42}, "sales": {2, 1, 25}, "stock": {2, 0, 17}},
		},
		"left management": {
			func(w *world) { w.phoneOf("P1").leaves(); w.days(5) },
			map[string]days{"": {3, 1, 40}, "sales": {2, 1, 25}, "stock": {1, 0, 15}},
		},
		"left, and was enrolled in another group two days later": {
			func(w *world) {
				p := w.phoneOf("P1")
				p.leaves()
				w.days(2)
				p.again("stock", storage.RingProduction)
				p.settle()
				w.days(3)
			},
			map[string]days{"": {4, 0, 43}, "sales": {2, 1, 25}, "stock": {2, 0, 18}},
		},
		"erased and enrolled again": {
			func(w *world) {
				p := w.phoneOf("P1")
				w.days(2)
				p.again("sales", storage.RingProduction)
				p.settle()
				w.days(3)
			},
			map[string]days{"": {4, 0, 45}, "sales": {3, 0, 30}, "stock": {1, 0, 15}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := exposed(t)
			flaws := w.exposure(fleet.ExposureQuery{}).Total.Exploited
			w.days(10)
			tc.play(w)
			for range 2 {
				got := lines(w.exposure(fleet.ExposureQuery{}))
				for group, d := range tc.want {
					l := got[group]
					if l.Phones != d.phones || l.Gone != d.gone || l.Days != d.days*flaws {
						t.Errorf("%q: %d phones, %d gone, %d days; want %+v", group, l.Phones, l.Gone, l.Days/flaws, d)
					}
					if group == "" {
						continue
					}
					if one := w.exposure(fleet.ExposureQuery{Group: group}).Total; one.Days != l.Days || one.Gone != l.Gone || one.Phones != l.Phones {
						t.Errorf("%q alone: %+v, want what the line has: %+v", group, one, l)
					}
				}
				w.restart() // what is counted is read back
			}
		})
	}
}

// TestExposureSinceStays: a report from a day on counts nothing before it, and names no phone
// that had left by then.
func TestExposureSinceStays(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	flaws := w.exposure(fleet.ExposureQuery{}).Total.Exploited
	w.days(10)
	w.moves("P1", "stock", storage.RingProduction)
	w.days(5)
	for day, want := range map[int]fleet.ExposureLine{
		8:  {Phones: 2, Gone: 1, Cost: per(flaws, 2+7, 0, 0)},
		10: {Phones: 2, Cost: per(flaws, 5, 0, 0)},
		12: {Phones: 2, Cost: per(flaws, 3, 0, 0)},
	} {
		since := w.clock.Now().AddDate(0, 0, day-15).Format(time.DateOnly)
		got := lines(w.exposure(fleet.ExposureQuery{Since: since}))["sales"]
		if got.Phones != want.Phones || got.Gone != want.Gone || got.Cost != want.Cost {
			t.Errorf("from day %d on: %+v, want %+v", day, got, want)
		}
	}
}

// TestDeviceExposureElsewhere: what one phone ran before it was moved is listed with what
// it cost there, and is part of the sum.
func TestDeviceExposureElsewhere(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	flaws := w.exposure(fleet.ExposureQuery{}).Total.Exploited
	began := w.clock.Now().Truncate(time.Second)
	w.days(10)
	w.moves("P1", "stock", storage.RingProduction)
	w.days(2)
	w.phoneOf("P1").install("26.6.1", "23G83")
	w.days(3)
	got, err := w.fleet.DeviceExposure(w.ctx, seg, "P1")
	w.must(err)
	past := []fleet.PastView{{Release: "26.2", Group: "sales", Since: began, Until: began.AddDate(0, 0, 10), Cost: per(flaws, 10, 0, 0)}}
	if diff := cmp.Diff(past, got.Past); diff != "" {
		t.Errorf("before (-want +got):\n%s", diff)
	}
	ran := []fleet.RanView{{Release: "26.2", Cost: per(flaws, 2, 0, 0)}, {Release: "26.6.1"}}
	if diff := cmp.Diff(ran, got.Ran, cmpopts.EquateEmpty(), cmpopts.IgnoreTypes(time.Time{})); diff != "" {
		t.Errorf("where it is (-want +got):\n%s", diff)
	}
	if want := per(flaws, 12, 0, 0); got.Cost != want {
		t.Errorf("in all %+v, want %+v", got.Cost, want)
	}
	if d := w.exposure(fleet.ExposureQuery{}).Devices; len(d) == 0 || !containsDevice(d, "P1", per(flaws, 12, 0, 0)) {
		t.Errorf("the phones it cost most: %+v, want P1 with all its days", d)
	}
	if d := w.exposure(fleet.ExposureQuery{Group: "stock"}).Devices; !containsDevice(d, "P1", per(flaws, 2, 0, 0)) {
		t.Errorf("the phones of stock that it cost most: %+v, want P1 with its days there", d)
	}
}

func containsDevice(list []fleet.DeviceExposure, udid string, cost policy.Cost) bool {
	for _, d := range list {
		if d.UDID == udid {
			return d.Cost == cost
		}
	}
	return false
}

// TestPastIsBounded: of a phone that is moved all the time the newest stays are kept.
func TestPastIsBounded(t *testing.T) {
	t.Parallel()
	w := exposed(t)
	for i := range storage.MaxPast + 5 {
		w.days(1)
		w.moves("P1", []string{"stock", "sales"}[i%2], storage.RingProduction)
	}
	p := w.phoneOf("P1").stored()
	if len(p.Past) != storage.MaxPast {
		t.Fatalf("%d stays, want %d", len(p.Past), storage.MaxPast)
	}
	for i, s := range p.Past {
		if want := []string{"stock", "sales"}[i%2]; s.Group != want || i > 0 && !s.Since.Equal(p.Past[i-1].Until) {
			t.Errorf("stay %d: %s, want %s without a gap", i, fmt.Sprint(s), want)
		}
	}
}
