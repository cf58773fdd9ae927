package fleet_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// placed is in which wave each view of an urgent rollout has a phone.
type placed struct {
	List, Chase int    // the wave of the phone where phones are listed; 0: not listed
	Phones      []int  // of each wave
	Reminded    []int  // of each wave, by the first step
	NotBefore   string // when the first phone installs that still has to
}

func (w *world) placed(udid string) placed {
	w.t.Helper()
	var got placed
	dates, err := w.fleet.RolloutDates(w.ctx, seg, "sales", release, &fleet.RolloutQuery{})
	w.must(err)
	got.NotBefore = dates.NotBefore
	for _, p := range dates.Phones {
		if p.UDID == udid {
			got.List = p.Wave
		}
	}
	got.Phones = counted(w.waves())
	chase, err := w.fleet.RolloutChase(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	for _, p := range chase.Devices {
		if p.UDID == udid {
			got.Chase = p.Wave
		}
	}
	for _, v := range chase.Waves {
		got.Reminded = append(got.Reminded, v.Steps[0].Sent)
	}
	return got
}

// TestToldPhoneKeepsItsWaveInEveryView: a phone that was told in the first wave of
// an urgent rollout installs an older release with the fix by itself, which would
// make it one of the last wave. It stays where it was told, over a restart, a pause, and
// when it has the release.
func TestToldPhoneKeepsItsWaveInEveryView(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones := w.urgent(2)
	w.ladder(fleet.ChaseChange{Chase: &[]string{"push@+0"}})
	w.hurry(inTheLane())
	for _, p := range phones {
		p.settle()
	}
	i := slices.IndexFunc(phones, func(p *phone) bool { r, _ := p.enforcement(); return r == release })
	first := phones[i]
	w.tick()
	want := placed{List: 1, Chase: 1, Phones: []int{1, 1, 2}, Reminded: []int{1, 0, 0}, NotBefore: "2026-08-18T22:00:00"}
	check := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, w.placed(first.udid)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", when, diff)
		}
	}
	check("told")
	first.install("26.5", "23F77")
	check("on a release between")
	w.restart()
	check("after a restart")

	_, err := w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)
	w.must(err)
	first.settle()
	if r, _ := first.enforcement(); r != "" {
		t.Fatalf("asked for %s during a pause", r)
	}
	_, err = w.fleet.Resume(w.ctx, seg, w.act("go on"), "sales", release)
	w.must(err)
	first.settle()
	if r, deadline := first.enforcement(); r != release || deadline != want.NotBefore {
		t.Errorf("after a pause it is asked for %q until %s, want its first deadline", r, deadline)
	}
	check("after a pause")

	first.install(release, "23G83")
	want.List, want.Chase, want.NotBefore = 1, 0, "2026-08-19T04:00:00"
	check("with the release")
	if v := w.waves(); v[0].Done != 1 || v[0].State != fleet.WaveDone {
		t.Errorf("the first wave is %+v, want it done", v[0])
	}
}
