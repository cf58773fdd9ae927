package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
		remembering.compiler.keep(fmt.Sprint(i), compiled{})
	}
	kept := 0
	remembering.compiler.sets.Range(func(any, any) bool { kept++; return true })
	if kept > maxCompiled {
		t.Errorf("%d sets are remembered, want at most %d", kept, maxCompiled)
	}
}
