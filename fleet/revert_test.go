package fleet_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

const pos, scan = "com.example.pos", "com.example.scan"

// twoApps has the group use a second app, once the release is approved.
func twoApps(t *testing.T) (*world, []*phone) {
	t.Helper()
	w, phones := watched(t)
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("they scan too"), fleet.GroupRequest{Name: "sales", Apps: []string{pos, scan}})
	w.must(err)
	for _, p := range phones {
		p.apps[pos], p.apps[scan] = "1.2", "2.0"
		p.settle()
	}
	return w, phones
}

// lists has a phone tell its apps a day later; "" is an app that it does not have.
func (p *phone) lists(posVersion, scanVersion string) {
	p.t.Helper()
	p.clock.Add(aDay)
	for id, v := range map[string]string{pos: posVersion, scan: scanVersion} {
		if p.apps[id] = v; v == "" {
			delete(p.apps, id)
		}
	}
	p.settle()
}

// TestAppsThatWentBackOrAreGone: each app of the group is followed by itself.
func TestAppsThatWentBackOrAreGone(t *testing.T) {
	t.Parallel()
	w, phones := twoApps(t)
	p := phones[0]
	p.install(release, "23G83")
	installed := w.clock.Now()
	on := func(day int) time.Time { return installed.Add(time.Duration(day) * aDay) }
	for i, step := range []struct {
		name      string
		pos, scan string
		want      []fleet.RevertedView
	}{
		{"as before", "1.2", "2.0", nil},
		{"one is gone", "", "2.0", []fleet.RevertedView{{BundleID: pos, From: "1.2", At: on(2), Gone: true}}},
		{"the other went back", "", "1.9", []fleet.RevertedView{{BundleID: pos, From: "1.2", At: on(2), Gone: true}, {BundleID: scan, From: "2.0", At: on(3)}}},
		{"and lower still", "", "1.0", []fleet.RevertedView{{BundleID: pos, From: "1.2", At: on(2), Gone: true}, {BundleID: scan, From: "2.0", At: on(4)}}},
		{"the first is there again, not as it was", "1.1", "1.0", []fleet.RevertedView{{BundleID: pos, From: "1.2", At: on(2)}, {BundleID: scan, From: "2.0", At: on(4)}}},
		{"the other is gone too", "1.1", "", []fleet.RevertedView{{BundleID: pos, From: "1.2", At: on(2)}, {BundleID: scan, From: "2.0", At: on(6), Gone: true}}},
		{"the first is back", "1.2", "", []fleet.RevertedView{{BundleID: scan, From: "2.0", At: on(6), Gone: true}}},
		{"both are", "1.3", "2.0", nil},
	} {
		p.lists(step.pos, step.scan)
		d, err := w.fleet.Device(w.ctx, seg, p.udid)
		w.must(err)
		if diff := cmp.Diff(step.want, d.Reverted); diff != "" {
			t.Errorf("day %d, %s (-want +got):\n%s", i+1, step.name, diff)
		}
	}
}

// TestAppNobodyAskedForIsNotGone: an app that the group does not use any more is
// not in the phone's answer.
func TestAppNobodyAskedForIsNotGone(t *testing.T) {
	t.Parallel()
	w, phones := twoApps(t)
	p := phones[0]
	p.install(release, "23G83")
	p.lists("1.1", "1.9")
	w.decline("26.5.2", "26.6")
	if _, err := w.fleet.SetGroup(w.ctx, seg, w.act("they scan no more"), fleet.GroupRequest{Name: "sales", RemoveApps: []string{scan}}); err != nil {
		t.Fatal(err)
	}
	p.lists("1.1", "1.9")
	d, err := w.fleet.Device(w.ctx, seg, p.udid)
	w.must(err)
	if len(d.Reverted) != 1 || d.Reverted[0].BundleID != pos {
		t.Errorf("the phone lost %+v, want the app that is asked for alone", d.Reverted)
	}
}

// TestBreakerStopsForAppsThatAreGone: an app that was taken off counts as one that
// went back does, and another app later counts anew.
func TestBreakerStopsForAppsThatAreGone(t *testing.T) {
	t.Parallel()
	w, phones := twoApps(t)
	for _, p := range phones[:3] {
		p.install(release, "23G83")
	}
	phones[0].lists("", "2.0")
	if w.stopped() {
		t.Fatal("stopped by one phone of three")
	}
	phones[1].lists("", "2.0")
	want := []policy.Reading{{Signal: policy.WhyAppsReverted, Count: 2, Of: 3, StopsAt: 2}}
	if stopped := w.stopped(); !stopped || cmp.Diff(want, w.breaker().Stopped) != "" {
		t.Fatalf("stopped %v by %+v, want %+v", stopped, w.breaker().Stopped, want)
	}
	w.resume()
	phones[0].lists("", "1.9")
	if w.stopped() {
		t.Fatal("stopped by what was seen, and one phone")
	}
	phones[1].lists("", "1.9")
	if !w.stopped() {
		t.Errorf("the second app of two phones stops nothing: %+v", w.breaker())
	}
}

// TestAppsLostElsewhere: what a phone lost in one group is no sign in the next.
func TestAppsLostElsewhere(t *testing.T) {
	t.Parallel()
	w, phones := twoApps(t)
	p := phones[0]
	p.install(release, "23G83")
	p.lists("", "2.0")
	if len(p.stored().Reverted) != 1 {
		t.Fatalf("lost apps %+v, want one", p.stored().Reverted)
	}
	w.must(second(w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "dock", Apps: []string{pos, scan}})))
	w.must(second(w.fleet.Move(w.ctx, seg, w.act("to work"), p.udid, "dock", storage.RingVerification)))
	if got := p.stored().Reverted; len(got) != 0 {
		t.Errorf("lost apps %+v, want none after the move", got)
	}
}
