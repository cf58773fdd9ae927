package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// notices returns what was told, the oldest first.
func (w *world) notices() []storage.Notice {
	w.t.Helper()
	all, err := w.store.Notices(w.ctx, seg, storage.NoticeQuery{})
	w.must(err)
	slices.Reverse(all)
	return all
}

// noticed returns what was told of the hold of a release, as told does for the
// audit log.
func (w *world) noticed(of string) []string {
	w.t.Helper()
	var out []string
	for _, n := range w.notices() {
		if n.Group == "sales" && n.Release == of {
			out = append(out, n.Kind+" "+n.Params["day"])
		}
	}
	return out
}

// TestNoticeOfHold: a notice carries the facts of its audit entry, and waits on
// the channels that were named for its kind and group.
func TestNoticeOfHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	w.channels = func(kind, group string) []string { return []string{"log", kind + " of " + group} }
	w.restart()
	w.at(46)
	w.sweep()
	all := w.notices()
	i := slices.IndexFunc(all, func(n storage.Notice) bool { return n.Release == release })
	if i < 0 {
		t.Fatalf("notices %+v, want one of %s", all, release)
	}
	want := storage.Notice{
		ID: all[i].ID, Seq: all[i].Seq, Kind: fleet.NoticeHoldAlarm, At: w.clock.Now().UTC(), Group: "sales", Release: release,
		Params: map[string]string{"day": "45", "users_see_it_from": "2026-11-15", "phase": "held", "missing": "com.example.pos"},
		Deliveries: []storage.Delivery{
			{Channel: "log", State: storage.DeliveryPending}, {Channel: "hold.alarm of sales", State: storage.DeliveryPending},
		},
	}
	if diff := cmp.Diff(want, all[i]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoticesAreForgotten: after 90 days a notice goes, unless a channel is still
// to carry it.
func TestNoticesAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	_, err := w.store.ChangeWorld(w.ctx, seg, w.revision(), storage.WorldChange{Notices: []storage.Notice{
		{ID: "finished", At: w.clock.Now()},
		{ID: "pending", At: w.clock.Now(), Deliveries: []storage.Delivery{{Channel: "log", State: storage.DeliveryPending}}},
		{ID: "young", At: w.clock.Now().Add(time.Hour)},
		{ID: "newest", At: w.clock.Now().Add(time.Hour)},
	}})
	w.must(err)
	w.restart()
	w.clock.Add(90*24*time.Hour + time.Minute)
	w.sweep()
	var left []string
	for _, n := range w.notices()[:3] {
		left = append(left, n.ID)
	}
	if diff := cmp.Diff([]string{"pending", "young", "newest"}, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoticesHaveTheTimeOfTheirEntries: what one change tells of at several
// moments has one time in the log, and so have its notices.
func TestNoticesHaveTheTimeOfTheirEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	facts, err := catalog.Embedded()
	w.must(err)
	w.fleet = fleet.New(w.store, w.wakes, func() time.Time {
		w.clock.Add(time.Millisecond)
		return w.clock.Now()
	}, fleet.Options{Organization: "Example", Facts: facts})
	w.must(w.fleet.Load(w.ctx))
	w.at(46)
	w.sweep()
	entries, err := w.fleet.Audit(w.ctx, seg, 0, 0)
	w.must(err)
	notices := w.notices()
	if len(notices) < 2 {
		t.Fatalf("%d notices, want several", len(notices))
	}
	for _, n := range notices {
		of := func(e storage.AuditEntry) bool {
			return e.Action == n.Kind && e.Target == n.Group+"/"+n.Release && e.At.Equal(n.At)
		}
		if !slices.ContainsFunc(entries, of) {
			t.Errorf("no entry of the notice %s of %s at %s", n.Kind, n.Release, n.At)
		}
	}
}
