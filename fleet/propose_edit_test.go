package fleet_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestProposedEdits: each edit that opens a closed gate is refused to one person,
// changes nothing when it is proposed, and is made when another signs.
func TestProposedEdits(t *testing.T) {
	t.Parallel()
	lower := "informational"
	edits := map[string]func(context.Context, *world, fleet.Act) error{
		"app set": func(ctx context.Context, w *world, a fleet.Act) error {
			_, err := w.fleet.SetApp(ctx, seg, a, "com.example.pos", fleet.AppChange{Importance: &lower})
			return err
		},
		"app remove": func(ctx context.Context, w *world, a fleet.Act) error {
			_, err := w.fleet.RemoveApp(ctx, seg, a, "com.example.pos")
			return err
		},
		"group set": func(ctx context.Context, w *world, a fleet.Act) error {
			_, err := w.fleet.SetGroup(ctx, seg, a, fleet.GroupRequest{Name: "sales", RemoveApps: []string{"com.example.pos"}})
			return err
		},
		"apply": func(ctx context.Context, w *world, a fleet.Act) error {
			settings := fleet.Settings{Apps: []fleet.AppSettings{{BundleID: "com.example.pos", AppChange: fleet.AppChange{Importance: &lower}}}}
			_, err := w.fleet.Apply(ctx, seg, a, fleet.ApplyRequest{Settings: settings})
			return err
		},
	}
	changed := map[string][2]string{ // what becomes of the thing, and one of its settings
		"app set":    {fleet.ActionChange, `importance "critical" "informational"`},
		"app remove": {fleet.ActionRemove, ""},
		"group set":  {fleet.ActionChange, `apps ["com.example.pos"] []`},
		"apply":      {fleet.ActionChange, `importance "critical" "informational"`},
	}
	for name, edit := range edits {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.enrol("P", "sales", storage.RingProduction).settle()
			wantCode(t, edit(t.Context(), w, by("tanaka")), "opens-gates")
			before, err := w.fleet.Settings(seg)
			w.must(err)
			p, err := w.fleet.ProposeEdit(t.Context(), seg, by("tanaka"), func(ctx context.Context, a fleet.Act) error { return edit(ctx, w, a) })
			w.must(err)
			if p.Edit == nil || len(p.Edit.Gates) == 0 || len(p.Edit.Acts) == 0 {
				t.Fatalf("proposal %+v, want the acts and the gates they open", p.ProposalView)
			}
			if len(p.Edit.Changes) == 0 || p.Edit.Changes[0].Action != changed[name][0] || !slices.ContainsFunc(p.Edit.Changes[0].Fields, func(f fleet.FieldChange) bool {
				return strings.Join([]string{f.Field, string(f.Before), string(f.After)}, " ") == changed[name][1]
			}) && changed[name][1] != "" {
				t.Errorf("changes %+v, want first %q", p.Edit.Changes, changed[name])
			}
			after, err := w.fleet.Settings(seg)
			w.must(err)
			if diff := cmp.Diff(before, after); diff != "" {
				t.Fatalf("proposing changed settings (-before +after):\n%s", diff)
			}
			_, err = w.fleet.Sign(t.Context(), seg, by("tanaka"), p.ID)
			wantCode(t, err, "same-person")
			w.restart()
			_, err = w.fleet.Sign(t.Context(), seg, by("sato"), p.ID)
			w.must(err)
			if after, err = w.fleet.Settings(seg); err != nil || cmp.Equal(before, after) {
				t.Errorf("signed, and nothing changed (%v)", err)
			}
			got, err := w.fleet.Proposal(seg, p.ID)
			w.must(err)
			if got.State != storage.StateSigned || got.EndedPerson != "sato" {
				t.Errorf("proposal = %s by %s, want signed by sato", got.State, got.EndedPerson)
			}
			if diff := cmp.Diff(p.Edit.Changes, got.Edit.Changes); diff != "" {
				t.Errorf("what it changed, once it was signed (-proposed +signed):\n%s", diff)
			}
		})
	}
}

// TestProposedEditOutdated: what was shown is signed, or nothing.
func TestProposedEditOutdated(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world){
		"a setting": func(w *world) {
			owner := "retail systems"
			_, err := w.fleet.SetApp(w.ctx, seg, w.act("team"), "com.example.scan", fleet.AppChange{Owner: &owner})
			w.must(err)
		},
		"a calendar": func(w *world) {
			_, err := w.fleet.SetCalendar(w.ctx, seg, w.act("a works holiday"), "works", fleet.NamedCalendarChange{CalendarChange: fleet.CalendarChange{Closed: &[]string{"2026-12-28..2026-12-31"}}})
			w.must(err)
		},
		"a gate": func(w *world) {
			_, err := w.fleet.Decline(w.ctx, seg, w.act("not for us"), "sales", "26.6.1")
			w.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.enrol("P", "sales", storage.RingProduction).settle()
			p, err := w.fleet.ProposeEdit(t.Context(), seg, by("tanaka"), func(ctx context.Context, a fleet.Act) error {
				_, err := w.fleet.RemoveApp(ctx, seg, a, "com.example.pos")
				return err
			})
			w.must(err)
			change(w)
			if _, err := w.fleet.Sign(t.Context(), seg, by("sato"), p.ID); !errors.Is(err, storage.ErrConflict) {
				t.Errorf("sign = %v, want a conflict", err)
			}
			got, err := w.fleet.Proposal(seg, p.ID)
			w.must(err)
			if got.State != "changed" {
				t.Errorf("state = %s, want changed", got.State)
			}
			if diff := cmp.Diff(p.Edit.Changes, got.Edit.Changes); diff != "" || len(got.Edit.Changes) == 0 {
				t.Errorf("what it would have changed (-proposed +now):\n%s", diff)
			}
			if _, err := w.fleet.App(seg, "com.example.pos"); err != nil {
				t.Errorf("the app is gone: %v", err)
			}
		})
	}
}

// TestProposedEditNotNeeded: what opens nothing takes one person.
func TestProposedEditNotNeeded(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.fleet.ProposeEdit(t.Context(), seg, by("tanaka"), func(ctx context.Context, a fleet.Act) error {
		name := "Till"
		_, err := w.fleet.SetApp(ctx, seg, a, "com.example.pos", fleet.AppChange{Name: &name})
		return err
	})
	wantCode(t, err, "one-person-suffices")
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if got := refusal(t, err).Code; got != code {
		t.Errorf("refused with %s, want %s", got, code)
	}
}
