package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// says has the phone report other states of what it holds than real ones.
func (p *phone) says(change func([]storage.DeclarationState) []storage.DeclarationState) {
	p.t.Helper()
	q, err := p.store.UpdatePhone(p.ctx, seg, p.udid, 0, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.Declarations = change(q.Declarations)
		return storage.PhoneChange{}, nil
	})
	p.must(err)
	p.fleet.Changed(seg, q)
}

// setting changes what the phone says of the settings declaration.
func setting(change func(*storage.DeclarationState)) func([]storage.DeclarationState) []storage.DeclarationState {
	return func(all []storage.DeclarationState) []storage.DeclarationState {
		i := slices.IndexFunc(all, func(d storage.DeclarationState) bool { return d.Identifier == "kannuki.settings" })
		change(&all[i])
		return all
	}
}

func TestCheckDeclared(t *testing.T) {
	t.Parallel()
	refused := func(d *storage.DeclarationState) {
		d.Active, d.Valid, d.Reasons = false, "invalid", []string{"Error.ConfigurationCannotBeApplied"}
	}
	tests := []struct {
		name   string
		change func([]storage.DeclarationState) []storage.DeclarationState
		want   []fleet.DeclaredFault
		atOnce bool
	}{
		{"as told", slices.Clone[[]storage.DeclarationState], nil, false},
		{"refused", setting(refused), []fleet.DeclaredFault{{Identifier: "kannuki.settings", Problem: fleet.FaultInvalid, Reasons: []string{"Error.ConfigurationCannotBeApplied"}}}, true},
		{"not judged", setting(func(d *storage.DeclarationState) { d.Valid = "unknown" }), []fleet.DeclaredFault{{Identifier: "kannuki.settings", Problem: fleet.FaultUndecided}}, false},
		{"not in force", setting(func(d *storage.DeclarationState) { d.Active = false }), []fleet.DeclaredFault{{Identifier: "kannuki.settings", Problem: fleet.FaultInactive}}, false},
		{"another revision", setting(func(d *storage.DeclarationState) { d.ServerToken = "old" }), []fleet.DeclaredFault{{Identifier: "kannuki.settings", Problem: fleet.FaultOutdated}}, false},
		{"another name", setting(func(d *storage.DeclarationState) { d.Identifier = "other.settings" }), []fleet.DeclaredFault{
			{Identifier: "kannuki.settings", Problem: fleet.FaultAbsent}, {Identifier: "other.settings", Problem: fleet.FaultForeign},
		}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.enrol("P1", "sales", storage.RingProduction)
			p.settle()
			p.says(tt.change)
			faulty := func() []fleet.DeclaredFault {
				c, err := w.fleet.CheckDeclared(w.ctx, seg, fleet.DeclaredQuery{})
				w.must(err)
				if c.Checked != 1 || c.Faulty != len(c.Devices) {
					t.Errorf("checked %d, %d faulty, %d listed", c.Checked, c.Faulty, len(c.Devices))
				}
				if len(c.Devices) == 0 {
					return nil
				}
				return c.Devices[0].Problems
			}
			if got := faulty(); tt.atOnce != (got != nil) {
				t.Errorf("at once: %v", got)
			}
			w.clock.Add(time.Hour)
			if diff := cmp.Diff(tt.want, faulty()); diff != "" {
				t.Errorf("after an hour (-want +got):\n%s", diff)
			}
			w.restart()
			if diff := cmp.Diff(tt.want, faulty()); diff != "" {
				t.Errorf("after a restart (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDeclared: each phone is counted once, in the place where it is, with the
// set it was told.
func TestDeclared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, udid := range []string{"P1", "P2", "P3"} {
		w.enrol(udid, "sales", storage.RingProduction).settle()
	}
	refusing := w.enrol("P4", "sales", storage.RingProduction)
	refusing.settle()
	refusing.says(setting(func(d *storage.DeclarationState) { d.Valid = "invalid" }))
	w.enrol("V1", "sales", storage.RingVerification).settle()
	w.enrol("NEW", "", "")
	slow := w.enrol("P5", "sales", storage.RingProduction)
	slow.settle()
	q, err := w.store.UpdatePhone(w.ctx, seg, "P5", 0, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.Sync.Acked, q.Declarations = "", nil
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	w.fleet.Changed(seg, q)

	row := func(s fleet.DeclaredSet) []any {
		return []any{s.Group, s.Ring, s.Phones, s.Confirmed, s.Pending, s.Invalid, len(s.Declarations)}
	}
	for _, tc := range []struct {
		query  fleet.DeclaredQuery
		want   [][]any
		untold int
	}{
		{fleet.DeclaredQuery{}, [][]any{{"sales", "production", 5, 3, 1, 1, 4}, {"sales", "verification", 1, 1, 0, 0, 4}}, 1},
		{fleet.DeclaredQuery{Group: "sales", Ring: "verification"}, [][]any{{"sales", "verification", 1, 1, 0, 0, 4}}, 0},
		{fleet.DeclaredQuery{Group: "-"}, nil, 1},
	} {
		list, err := w.fleet.Declared(w.ctx, seg, tc.query)
		w.must(err)
		var got [][]any
		for _, s := range list.Sets {
			got = append(got, row(s))
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || list.Untold != tc.untold {
			t.Errorf("%+v: %d told nothing, want %d (-want +got):\n%s", tc.query, list.Untold, tc.untold, diff)
		}
	}
	if _, err := w.fleet.Declared(w.ctx, seg, fleet.DeclaredQuery{Ring: "pilot"}); err == nil {
		t.Error("a ring that does not exist was taken")
	}
}

// TestCheckDeclaredByPages: the pages together list each faulty phone once.
func TestCheckDeclaredByPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want := []string{"P1", "P2", "P3"}
	for _, udid := range want {
		p := w.enrol(udid, "sales", storage.RingProduction)
		p.settle()
		p.says(setting(func(d *storage.DeclarationState) { d.Valid = "invalid" }))
	}
	var got []string
	for q := (fleet.DeclaredQuery{Limit: 2}); ; {
		c, err := w.fleet.CheckDeclared(w.ctx, seg, q)
		w.must(err)
		if c.Faulty != len(want) {
			t.Errorf("%d faulty, want %d on every page", c.Faulty, len(want))
		}
		for _, d := range c.Devices {
			got = append(got, d.UDID)
		}
		if q.After = c.Next; q.After == 0 {
			break
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phones (-want +got):\n%s", diff)
	}
}
