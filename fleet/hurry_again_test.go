package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestHurryOnceMore: two people can hurry a rollout again, to an earlier end than they
// promised before. Phones keep their waves, and none is told a later deadline.
func TestHurryOnceMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones, _ := w.slowly()
	first := inTheLane()
	first.Deadline = "+48h"
	w.hurry(first)
	was := deadlines(phones)
	w.clock.Add(time.Hour)
	if _, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), first); refusal(t, err).Code != "lane-promised" || refusal(t, err).Params["least"] != "24h" {
		t.Errorf("hurried to a later end: %v", err)
	}
	if g := w.gate(); g.NextHuman == "hurry" || g.Urgent.Slow {
		t.Errorf("a person is asked to hurry again, for flaws that two people saw: %s", g.NextHuman)
	}

	effect := w.hurry(inTheLane())
	if effect.Haste == nil || effect.Haste.LastAfter >= effect.Haste.LastBefore || effect.Haste.Sooner != 2 || effect.Haste.Waiting != 2 {
		t.Errorf("hurried once more: %+v", effect.Haste)
	}
	told := 0
	for i, d := range deadlines(phones) {
		switch {
		case was[i] != "" && (d == "" || d >= was[i]):
			t.Errorf("phone %d was told %s and now %q", i, was[i], d)
		case was[i] != "":
			told++
		}
	}
	if told != 2 {
		t.Errorf("%d phones were told an earlier deadline, want 2", told)
	}
	w.after(12 * time.Hour)
	w.after(6 * time.Hour)
	for i, d := range deadlines(phones) {
		if d == "" {
			t.Errorf("phone %d is not told after all waves began", i)
		}
	}
	var notices []storage.Notice
	for _, n := range w.notices() {
		if n.Kind == fleet.NoticeRolloutHurried {
			notices = append(notices, n)
		}
	}
	if entries := len(w.acts("rollout.hurry")); len(notices) != 2 || entries != 2 {
		t.Errorf("%d notices and %d audit entries, want 2 of each", len(notices), entries)
	}
}

// TestHurryOnceMoreLeavesNobodyOut: a wave for some versions is full for those alone, so
// that what a second hurry puts in the place of the others is for everybody else.
func TestHurryOnceMoreLeavesNobodyOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones, _ := w.slowly()
	first := inTheLane()
	first.Deadline = "+48h"
	w.hurry(first)
	w.after(6 * time.Hour)
	last := func() storage.Wave {
		world, err := w.store.World(w.ctx, seg)
		w.must(err)
		waves := world.Approvals[len(world.Approvals)-1].Waves
		return waves[len(waves)-1]
	}
	if begun := last(); !begun.Waits {
		t.Fatalf("all waves have begun: %+v", begun)
	}
	w.hurry(inTheLane())
	if got := last(); got.Threshold != policy.Buckets || len(got.UpTo) > 0 {
		t.Errorf("the last wave is not for all phones: %+v", got)
	}
	w.after(12 * time.Hour)
	w.after(12 * time.Hour)
	for i, d := range deadlines(phones) {
		if d == "" {
			t.Errorf("phone %d is never told", i)
		}
	}
}

// TestLateSweepKeepsThePromise: what a second hurry is held to, and phones are told, is
// the end that two people promised, however late a wave starts.
func TestLateSweepKeepsThePromise(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	phones, _ := w.slowly()
	w.clock.Add(time.Hour)
	first := inTheLane()
	first.Deadline = "+48h"
	promised := w.hurry(first).Haste.LastAfter
	w.after(6 * time.Hour)
	w.clock.Add(14 * time.Hour) // nobody sweeps
	w.after(0)
	w.after(6 * time.Hour)
	if last := slices.Max(deadlines(phones)); last != promised {
		t.Errorf("the last phone was told %s, want %s, which was promised", last, promised)
	}
	again := inTheLane()
	again.Deadline = "+24h"
	if _, err := w.fleet.ProposeUrgent(w.ctx, seg, by("tanaka"), again); refusal(t, err).Params["deadline"] != promised {
		t.Errorf("a second hurry is held to %q (%v), want %s", refusal(t, err).Params["deadline"], err, promised)
	}
}
