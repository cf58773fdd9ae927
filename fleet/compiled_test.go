package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestCompiledIsWhatCompileWrites: what is remembered is what would be written
// now, for every need that differs.
func TestCompiledIsWhatCompileWrites(t *testing.T) {
	t.Parallel()
	remembering := New(nil, nil, time.Now, Options{Organization: "Example"})
	phones := []storage.Phone{
		{Supervision: storage.Supervised},
		{Supervision: storage.Unsupervised},
		{},
		{Supervision: storage.Supervised, Capabilities: &storage.Capabilities{StatusItems: []string{"softwareupdate.install-state"}}},
	}
	holds := []policy.Hold{{Days: 90, Supervised: true, By: policy.ByDeclaration, Cadence: policy.ByDeclaration}, {Days: 90, Cadence: policy.ByDeclaration}, {Days: 90}}
	enforcements := []*storage.AnnouncedEnforcement{nil, {Release: "26.6", Deadline: "2026-08-21T09:00:00"}, {Release: "26.6", Deadline: "2026-08-21T09:01:00"}, {Release: "26.7", Deadline: "2026-08-21T09:00:00"}}
	tokens := map[string]bool{}
	for range 2 { // the second time from memory
		for _, p := range phones {
			for _, hold := range holds {
				for _, e := range enforcements {
					got, err := remembering.compiled(&p, hold, e)
					if err != nil {
						t.Fatal(err)
					}
					want, err := New(nil, nil, time.Now, Options{Organization: "Example"}).compiled(&p, hold, e)
					if err != nil {
						t.Fatal(err)
					}
					if diff := cmp.Diff(want, got, cmp.AllowUnexported(compiled{})); diff != "" {
						t.Fatalf("%+v %+v %+v (-now +remembered):\n%s", p, hold, e, diff)
					}
					tokens[got.set.Token] = true
				}
			}
		}
	}
	if len(tokens) < len(phones)*len(enforcements) {
		t.Errorf("%d sets for all of them: something makes no difference", len(tokens))
	}
	for i := range 2 * maxCompiled {
		remembering.compiler.keep(&remembering.compiler.sets, fmt.Sprint(i), compiled{})
	}
	kept := 0
	remembering.compiler.sets.Range(func(any, any) bool { kept++; return true })
	if kept > maxCompiled {
		t.Errorf("%d sets are remembered, want at most %d", kept, maxCompiled)
	}
}

// TestQuestionIsWhatNewCommandMakes: a question that is remembered is the one that
// would be encoded now, for whichever phone asks first.
func TestQuestionIsWhatNewCommandMakes(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	remembering := New(nil, nil, func() time.Time { return now }, Options{})
	groups := []storage.Group{{Name: "a", Apps: []string{"x"}}, {Name: "b", Apps: []string{"x", "y"}}, {Name: "c", Apps: []string{"Version"}}}
	w := &worldState{}
	w.current.Store(newSnapshot(storage.World{Groups: groups}, nil, time.UTC))
	for range 2 { // the second time from memory
		for _, g := range groups {
			for _, os := range []string{"13.0", "26.0"} {
				for _, infoAt := range []time.Time{{}, now} {
					p := storage.Phone{UDID: g.Name + os, Group: g.Name, OS: storage.OS{Version: os}, InfoAt: infoAt}
					got, _, err := remembering.inventoryDue(w, &session{}, &p)
					if err != nil || got == nil {
						t.Fatalf("%s: %v, %v", p.UDID, got, err)
					}
					var asked mdm.Payload = mdm.DeviceInformationCommand{Queries: informationQueries()}
					if !infoAt.IsZero() {
						asked = mdm.InstalledApplicationListCommand{Identifiers: g.Apps, Items: appItems(&p)}
					}
					want, err := mdm.NewCommand(got.UUID, asked)
					if diff := cmp.Diff(&want, got); err != nil || diff != "" {
						t.Errorf("%s: %v (-encoded +got):\n%s", p.UDID, err, diff)
					}
				}
			}
		}
	}
}

// TestInventoryEvery: how old an answer may get is an option, with a day when
// nothing is said.
func TestInventoryEvery(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for _, test := range []struct{ every, want time.Duration }{
		{every: 0, want: 24 * time.Hour},
		{every: 72 * time.Hour, want: 72 * time.Hour},
	} {
		f := New(nil, nil, func() time.Time { return now }, Options{InventoryEvery: test.every})
		if f.stale(now.Add(time.Second-test.want)) || !f.stale(now.Add(-test.want)) || !f.stale(time.Time{}) {
			t.Errorf("%s: an answer does not get old at %s", test.every, test.want)
		}
	}
}
