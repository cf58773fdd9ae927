package fleet_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestPreviewAppliesWhatTheStoreApplies: a preview and the store make the same
// world of a change, whatever part of it is given.
func TestPreviewAppliesWhatTheStoreApplies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	now := w.clock.Now()
	records := func() storage.World {
		t.Helper()
		r, err := w.store.World(w.ctx, seg)
		w.must(err)
		return r
	}
	change := func(c storage.WorldChange) {
		t.Helper()
		before := records()
		want := fleet.Applied(before, c)
		_, err := w.store.ChangeWorld(w.ctx, seg, before.Revision, c)
		w.must(err)
		if diff := cmp.Diff(records(), want, cmpopts.EquateEmpty(), byKey()); diff != "" {
			t.Errorf("world after the change (-store +preview):\n%s", diff)
		}
	}
	audit := []storage.AuditEntry{{At: now, Actor: "test", Action: "test"}}
	decline := storage.Decline{Group: "sales", Release: release, At: now}
	mark := storage.HoldMark{Group: "sales", Release: release, Day: 45, At: now}
	change(storage.WorldChange{Declines: []storage.Decline{decline}, Policies: []storage.Policy{{Name: "old"}}, Calendars: []storage.NamedCalendar{{Name: "old"}}, HoldMarks: []storage.HoldMark{mark}, Audit: audit})
	whole := storage.WorldChange{
		Apps: []storage.App{{BundleID: "com.example.new", CreatedAt: now}}, Groups: []storage.Group{{Name: "depot", CreatedAt: now}},
		Calendars: []storage.NamedCalendar{{Name: "shops", ChangedAt: now}},
		Policies:  []storage.Policy{{Name: "strict", VerdictDays: 30}},
		Verdicts:  []storage.Verdict{{ID: "v", Group: "sales", Release: release, BundleID: "com.example.pos", At: now}},
		Offers:    []storage.Offer{{Group: "sales", Release: release, At: now}},
		Approvals: []storage.Approval{{ID: "a", Group: "sales", Release: release, At: now}},
		Declines:  []storage.Decline{{Group: "sales", Release: "26.6", At: now}},
		HoldMarks: []storage.HoldMark{{Group: "sales", Release: "26.6", Day: 60, At: now}},
		Problems:  []storage.Problem{{ID: "r", Group: "sales", Release: release, BundleID: "com.example.pos", At: now}},
		Proposals: []storage.Proposal{{ID: "p", Kind: storage.KindOverride, Group: "sales", Release: release, At: now}},
		Halt:      &storage.Halt{Cause: storage.HaltClock, At: now, Was: now},
		LeaksTold: new(uint64(7)),
		Paused:    &storage.PausedChannels{{Channel: "chat", By: "uid:1(test)", At: now}},
		Notices:   []storage.Notice{{ID: "n", Kind: "hold.alarm", At: now}}, // which are not part of the world

		RemoveApps: []string{"com.example.scan"}, RemoveGroups: []string{"sales"}, RemoveCalendars: []string{"old"}, RemovePolicies: []string{"old"}, RemoveDeclines: []storage.Decline{decline},
		RemoveHoldMarks: []storage.HoldMark{mark}, Audit: audit,
		Phones: []storage.PhoneUpdate{}, // which are not part of the world either
	}
	for v, i := reflect.ValueOf(whole), 0; i < v.NumField(); i++ {
		if v.Field(i).IsZero() {
			t.Errorf("the change leaves %s out", v.Type().Field(i).Name)
		}
	}
	change(whole)
}

// byKey compares records without their order, which is the store's own.
func byKey() cmp.Option {
	return cmp.Options{
		cmpopts.SortSlices(func(a, b storage.App) bool { return a.BundleID < b.BundleID }),
		cmpopts.SortSlices(func(a, b storage.Group) bool { return a.Name < b.Name }),
		cmpopts.SortSlices(func(a, b storage.Decline) bool { return a.Release < b.Release }),
	}
}
