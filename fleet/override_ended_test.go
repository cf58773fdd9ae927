package fleet_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// fortnight is how long an override of these tests lasts.
const fortnight = 14 * aDay

// overrideEnds returns what people were told of ended overrides, and checks that the
// audit log says the same.
func (w *world) overrideEnds() []map[string]string {
	w.t.Helper()
	var told, logged []map[string]string
	for _, n := range w.notices() {
		if n.Kind != fleet.NoticeOverrideEnded {
			continue
		}
		if n.Group != "sales" || n.Release != release {
			w.t.Errorf("told of %s for %s", n.Release, n.Group)
		}
		told = append(told, n.Params)
	}
	for _, e := range w.acts(fleet.NoticeOverrideEnded) {
		if e.Actor != "kannuki" || e.Target != "sales/"+release {
			w.t.Errorf("audit entry of %s about %s", e.Actor, e.Target)
		}
		logged = append(logged, e.Detail)
	}
	if diff := cmp.Diff(logged, told); diff != "" {
		w.t.Errorf("audit entries and notices (-entries +notices):\n%s", diff)
	}
	return told
}

// TestOverrideEndIsTold: once, with whom it concerns and what to do next, whatever
// sweeps and restarts follow, and not a minute early.
func TestOverrideEndIsTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.overridden()
	until := w.clock.Now().Add(fortnight)
	approval := w.gate().Approval
	w.clock.Add(fortnight - time.Minute)
	w.sweep()
	if told := w.overrideEnds(); len(told) != 0 {
		t.Fatalf("told before the end: %v", told)
	}
	w.clock.Add(time.Minute)
	w.restart() // the server was off when it came
	w.sweep()
	gate := w.gate()
	want := []map[string]string{{
		"approval": approval, "proposal": w.acts("gate.override")[0].Detail["proposal"], "by": "tanaka", "second": "sato",
		"reason": "tanaka says so", "second_reason": "sato says so", "date": until.Format(time.RFC3339), "count": "1",
		"phase": string(policy.PhaseHeld), "step": string(gate.NextHuman),
	}}
	if diff := cmp.Diff(want, w.overrideEnds()); diff != "" || gate.NextHuman == policy.StepNone {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for range 2 {
		w.sweep()
		w.clock.Add(aDay)
		w.restart()
	}
	if told := w.overrideEnds(); len(told) != 1 {
		t.Errorf("told %d times, want once", len(told))
	}
}

// TestOverrideEndCountsPhones: those that have the release are asked for nothing
// anyway, one that installs it goes on, and nobody is sent to a gate that no phone
// waits for.
func TestOverrideEndCountsPhones(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.overridden().install(release, "23G83")
	w.clock.Add(fortnight)
	w.sweep()
	told := w.overrideEnds()
	if len(told) != 1 || told[0]["count"] != "0" || told[0]["step"] != "" {
		t.Errorf("every phone has the release, and told: %v", told)
	}

	w = newWorld(t)
	p := w.overridden()
	p.settle()
	p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "installing", "pending-version": map[string]any{"os-version": release}}})
	w.clock.Add(fortnight)
	w.sweep()
	if told := w.overrideEnds(); len(told) != 1 || told[0]["count"] != "0" || told[0]["installing"] != "1" {
		t.Errorf("the phone installs it already, and told: %v", told)
	}
}

// TestOverrideEndIsNotTold: of one that a person ended before.
func TestOverrideEndIsNotTold(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*world){
		"declined": func(w *world) { w.decline(release) },
		"the group is removed": func(w *world) {
			for _, udid := range []string{"P1", "V1", "V2"} {
				w.must(second(w.store.UpdatePhone(w.ctx, seg, udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
					p.State, p.RemovedAt = storage.PhoneRemoved, w.clock.Now()
					return storage.PhoneChange{}, nil
				})))
			}
			w.restart()
			w.must(w.fleet.RemoveGroup(w.ctx, seg, w.act("closed"), "sales"))
		},
		"approved meanwhile": func(w *world) {
			w.must(w.verdict("V2", "works"))
			w.must(second(w.approve("+3d")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.overridden()
			w.clock.Add(time.Hour)
			end(w)
			w.clock.Add(fortnight)
			w.sweep()
			if told := w.overrideEnds(); len(told) != 0 {
				t.Errorf("told: %v", told)
			}
		})
	}
}

// TestOverrideEndOfASecond: the end of an override that took the place of another is
// told once, for the second.
func TestOverrideEndOfASecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.overridden()
	w.clock.Add(aDay)
	w.must(second(w.fleet.Pause(w.ctx, seg, w.act("longer"), "sales", release)))
	w.must(second(w.fleet.Sign(w.ctx, seg, by("sato"), w.propose(by("tanaka")))))
	w.clock.Add(fortnight - time.Hour) // the first would have ended
	w.sweep()
	if told := w.overrideEnds(); len(told) != 0 {
		t.Errorf("told of the end of what was replaced: %v", told)
	}
	w.clock.Add(time.Hour)
	w.sweep()
	if told := w.overrideEnds(); len(told) != 1 {
		t.Errorf("told %d times, want once", len(told))
	}
}

// TestOverrideEndIsKnownAfterARestore: a copy that is older than the end knows nothing of
// what people were told, and tells it once; with the same key, by which a receiver knows
// that it has it. Of an end that the copy knows to be told nothing is told again.
func TestOverrideEndIsKnownAfterARestore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.overridden()
	older := w.copied()
	w.clock.Add(fortnight)
	w.sweep()
	before := w.endKeys()
	newer := w.copied()
	for name, copied := range map[string][]byte{"older than the end": older, "of after it": newer} {
		w.clock.Add(time.Hour)
		w.from(copied)
		w.restored()
		w.goOn()
		w.sweep()
		w.restart()
		w.sweep()
		if diff := cmp.Diff(before, w.endKeys()); diff != "" || len(before) != 1 {
			t.Errorf("a copy %s (-told before it +told in all):\n%s", name, diff)
		}
	}
}

// endKeys returns the keys under which receivers are told of ends.
func (w *world) endKeys() []string {
	w.t.Helper()
	var keys []string
	for _, n := range w.notices() {
		if n.Kind == fleet.NoticeOverrideEnded {
			keys = append(keys, n.ID)
		}
	}
	return keys
}

// copied returns a backup of the database.
func (w *world) copied() []byte {
	w.t.Helper()
	var b bytes.Buffer
	w.must(second(w.store.Backup(w.ctx, &b)))
	return b.Bytes()
}

// from goes on with a backup instead of the database.
func (w *world) from(backup []byte) {
	w.t.Helper()
	w.must(w.store.Close())
	w.must(os.WriteFile(w.path, backup, 0o600))
	w.open()
}

// TestOverrideEndWaitsForThePerson: while everything stands still nobody is told; and
// one that a clock which ran ahead ended stands again once that is right, and ends
// once more.
func TestOverrideEndWaitsForThePerson(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.overridden()
	w.steady()
	confirm := func() {
		t.Helper()
		w.must(second(w.fleet.EndHalt(w.ctx, seg, w.act("looked"), storage.HaltClock)))
		w.sweep()
	}
	w.clock.Add(fortnight)
	w.sweep()
	if told := w.overrideEnds(); len(told) != 0 || w.halt() != storage.HaltClock {
		t.Fatalf("the clock jumped (%q), and told: %v", w.halt(), told)
	}
	confirm()
	if told := w.overrideEnds(); len(told) != 1 {
		t.Fatalf("told %d times after that, want once", len(told))
	}
	w.clock.Add(-aDay) // the clock was wrong
	w.sweep()
	confirm()
	if told := w.overrideEnds(); len(told) != 1 {
		t.Errorf("told %d times while it stands again, want once", len(told))
	}
	w.steady()
	w.clock.Add(aDay + time.Hour)
	w.sweep()
	confirm()
	if told := w.overrideEnds(); len(told) != 2 {
		t.Errorf("told %d times, want once more", len(told))
	}
	if keys := w.endKeys(); keys[0] == keys[1] {
		t.Errorf("the second end has the key of the first, %s: a receiver would drop it", keys[0])
	}
}

// TestOverrideEndAfterALongHalt: however long everything stood still, the end is told
// once when it goes on.
func TestOverrideEndAfterALongHalt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.overridden()
	w.steady()
	w.clock.Add(fortnight + 40*aDay)
	w.sweep()
	if told := w.overrideEnds(); len(told) != 0 || w.halt() != storage.HaltClock {
		t.Fatalf("the clock jumped (%q), and told: %v", w.halt(), told)
	}
	w.must(second(w.fleet.EndHalt(w.ctx, seg, w.act("it was off"), storage.HaltClock)))
	for range 2 {
		w.sweep()
		w.restart()
	}
	if told := w.overrideEnds(); len(told) != 1 {
		t.Errorf("told %d times, want once", len(told))
	}
}
