package fleet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// leakTexts returns what people were told of unapproved updates, in order: of one phone,
// or of those of a day.
func (w *world) leakTexts() []string {
	w.t.Helper()
	texts := []string{}
	for _, n := range w.notices() {
		switch {
		case n.Kind != fleet.NoticePhoneLeaked:
		case n.Phone != "":
			texts = append(texts, fmt.Sprint(n.Group, " ", n.Release, ": ", n.Phone, " ", n.Params["why"]))
		default:
			texts = append(texts, fmt.Sprint(n.Group, " ", n.Release, ", ", n.Params["day"], ": ", n.Params["count"], " ", n.Params["phones"], "; ", n.Params["causes"], "; ", n.Params["missing"]))
		}
	}
	return texts
}

// TestLeaksOfADayAreToldTogether: the first phone of a group on a release at once, the
// others of the day in one notice once it is over, whatever became of them meanwhile,
// once over restarts; and each has its audit entry.
func TestLeaksOfADayAreToldTogether(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tokyo := time.FixedZone("JST", 9*60*60)
	w.zone = tokyo
	w.restart()
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "stock", Apps: []string{"com.example.pos"}})))
	enrols := func(udid, group, runs string) *phone {
		p := newPhone(w, udid)
		p.os = runs
		p.again(group, storage.RingProduction)
		p.settle()
		return p
	}
	want := []string{"sales 26.6.1: A1 arrived-newer", "stock 26.6.1: B1 arrived-newer", "sales 26.6: C1 arrived-newer"}
	check := func(when string) {
		t.Helper()
		w.sweep()
		w.restart()
		w.sweep()
		if diff := cmp.Diff(want, w.leakTexts()); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", when, diff)
		}
	}
	jumps := enrols("A3", "sales", "26.5")
	enrols("B0", "stock", "26.5")
	enrols("A1", "sales", release)
	enrols("B1", "stock", release)
	enrols("C1", "sales", "26.6")
	moved := enrols("A2", "sales", release)
	enrols("A0", "sales", "26.5")
	jumps.install(release, "23G83")
	check("on the same day")

	w.must(second(w.fleet.Move(w.ctx, seg, w.act("elsewhere"), moved.udid, "", "")))
	w.clock.Add(6*time.Hour - time.Minute) // 23:59 in Tokyo
	check("before the day is over")
	w.clock.Add(time.Minute)
	want = append(want, "sales 26.6.1, 2026-08-18: 2 A2,A3; arrived-newer=1,despite-hold=1; com.example.pos")
	check("once it is over")

	enrols("A4", "sales", release)
	want = append(want, "sales 26.6.1: A4 arrived-newer")
	check("on the next day")
	w.clock.Add(2 * aDay)
	check("when nobody came beside the first")

	w.clock.Add(91 * aDay)
	want = []string{}
	check("once the notices are forgotten")
	if n := len(w.acts("phone.leaked")); n != 6 {
		t.Errorf("%d audit entries, want one for each of 6 phones", n)
	}
}

// TestLeaksThatWereApprovedTheSameDay: a phone whose release is approved before the day
// is over is on no list any more, so that nobody is sent there to look for it.
func TestLeaksThatWereApprovedTheSameDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	v.install(release, "23G83")
	comes := func(udid, model, runs string) {
		p := newPhone(w, udid)
		p.model, p.os = model, runs
		p.again("sales", storage.RingProduction)
		p.settle()
	}
	comes("A0", "iPhone15,2", "26.5")
	comes("A1", "iPhone15,2", release)
	comes("A2", "iPhone15,2", release)
	comes("B1", "iPhone15,2", "26.6")
	comes("B2", "iPhone15,2", "26.6")
	w.must(w.verdict("V1", "works"))
	w.must(second(w.approve("+3d")))
	comes("C1", "iPhone12,1", release) // a model that the approval does not cover
	w.clock.Add(aDay)
	w.sweep()
	want := []string{
		"sales 26.6.1: A1 arrived-newer", "sales 26.6: B1 arrived-newer",
		"sales 26.6.1, 2026-08-18: 1 C1; arrived-newer=1; com.example.pos",
		"sales 26.6, 2026-08-18: 1 B2; arrived-newer=1; com.example.pos",
	}
	if diff := cmp.Diff(want, w.leakTexts()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestLeaksOfALargeFleet: all are counted and the first named; and what was read of the
// audit log is not read again after a start.
func TestLeaksOfALargeFleet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.enrol("P99", "sales", storage.RingProduction).settle()
	for i := range 30 {
		p := newPhone(w, fmt.Sprintf("P%02d", i))
		p.os = release
		p.again("sales", storage.RingProduction)
		p.settle()
	}
	w.clock.Add(aDay)
	w.sweep()
	texts := w.leakTexts()
	if len(texts) != 2 || !strings.Contains(texts[1], ": 29 P01,P02,") || !strings.Contains(texts[1], ",P20; arrived-newer=29;") {
		t.Errorf("told %q, want the first and 29 others of which 20 are named", texts)
	}
	records, err := w.store.World(w.ctx, seg)
	w.must(err)
	entries := w.acts("phone.leaked")
	if last := entries[len(entries)-1].Seq; records.LeaksTold < last {
		t.Errorf("told up to entry %d, want the last leak, %d", records.LeaksTold, last)
	}
}

// TestLeaksOfAnOlderServer: entries without a day were told one by one.
func TestLeaksOfAnOlderServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old := storage.AuditEntry{At: w.clock.Now(), Actor: "kannuki", Action: "phone.leaked", Target: "P1", Detail: map[string]string{"to": release, "group": "sales", "on_leak": "tell"}}
	w.must(w.store.RecordAudit(w.ctx, seg, []storage.AuditEntry{old, old}))
	w.clock.Add(2 * aDay)
	w.sweep()
	if texts := w.leakTexts(); len(texts) != 0 {
		t.Errorf("told again: %q", texts)
	}
}
