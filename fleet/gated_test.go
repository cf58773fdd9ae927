package fleet

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestGated: gates are worked out once, and anew when the world has changed.
func TestGated(t *testing.T) {
	t.Parallel()
	posted := catalog.DateOf(time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC))
	cat, err := catalog.New(catalog.Contents{Releases: []catalog.Release{{
		Version: "26.1", Posted: posted, Models: []catalog.ModelFacts{{Model: "iPhone15,2", Posted: posted, Listed: true}},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	f := New(nil, nil, func() time.Time { return time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC) }, Options{})
	w := &worldState{census: newCensus()}
	w.census.add(censusPhone("A", "26.0"), w.census.moment())
	records := storage.World{Groups: []storage.Group{{Name: "sales"}}}
	w.current.Store(newSnapshot(records, cat, time.UTC))
	j := f.gatedNow(w, w.current.Load())
	first, second := j.gates("sales"), j.gates("sales")
	if len(first) != 1 || &first[0] != &second[0] {
		t.Errorf("%d gates, worked out again: %v; want 1 and false", len(first), len(second) == 0 || &first[0] != &second[0])
	}
	if f.gatedSince(w, j) != j {
		t.Error("worked out anew although nothing changed")
	}
	records.Declines = []storage.Decline{{Group: "sales", Release: "26.1", At: f.now()}}
	w.current.Store(newSnapshot(records, cat, time.UTC))
	if got := f.gatedSince(w, j).gates("sales"); len(got) != 1 || got[0].Phase == first[0].Phase {
		t.Errorf("after the release was declined its gates are %v", got)
	}
}
