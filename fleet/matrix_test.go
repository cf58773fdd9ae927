package fleet_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestMatrix: every app has a cell for each release, with the result it rests
// on; a release with a result is there although its gate is not.
func TestMatrix(t *testing.T) {
	t.Parallel()
	w, base, smoke := carrying(t)
	old, err := w.by("uid:3(kato)", "26.4", "pilot", "broken")
	w.must(err)
	_, err = w.fleet.SetGroup(w.ctx, seg, w.act("more"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.scan"}})
	w.must(err)
	list, err := w.fleet.Matrices(seg, "")
	w.must(err)
	if len(list) != 1 || len(list[0].Apps) != 2 {
		t.Fatalf("matrices: %+v, want one of two apps", list)
	}
	got := map[string]fleet.MatrixCell{}
	for i, c := range list[0].Apps[0].Cells {
		if c.Release != list[0].Releases[i] {
			t.Errorf("cell %d is of %s, want %s", i, c.Release, list[0].Releases[i])
		}
		got[c.Release] = c
	}
	now := w.clock.Now()
	for _, want := range []fleet.MatrixCell{
		{Release: release, State: "carried", Verdict: smoke.ID, Method: "smoke", By: "uid:2(sato)", At: now},
		{Release: older, State: "works", Verdict: base.ID, Method: "full", By: "uid:2(sato)", At: now},
		{Release: "26.4", State: "broken", Why: "broken", Verdict: old.ID, Method: "pilot", By: "uid:3(kato)", At: now},
	} {
		if diff := cmp.Diff(want, got[want.Release]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want.Release, diff)
		}
	}
	if cell := list[0].Apps[1].Cells[0]; cell.State != "untested" || cell.By != "" {
		t.Errorf("app without a result: %+v", cell)
	}
	if _, err := w.fleet.Matrices(seg, "salse"); !isNotFound(err) {
		t.Errorf("matrix of an unknown group: %v", err)
	}
	coverage, err := w.fleet.Coverage(seg, "sales")
	w.must(err)
	if len(coverage) != 1 || coverage[0].Production != 1 || coverage[0].Covered != 1 {
		t.Errorf("coverage: %+v, want one phone of one", coverage)
	}
}

func isNotFound(err error) bool {
	_, ok := errors.AsType[*fleet.NotFoundError](err)
	return ok
}
