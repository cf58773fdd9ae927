package fleet

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestAllInOrder: whatever order a map has, the segments come in that of their names.
func TestAllInOrder(t *testing.T) {
	t.Parallel()
	f := &Fleet{worlds: map[storage.Segment]*worldState{}}
	var want []storage.Segment
	for i := range 20 {
		seg := storage.Segment(fmt.Sprintf("s%02d", i))
		f.worlds[seg] = &worldState{segment: seg}
		want = append(want, seg)
	}
	var got []storage.Segment
	for _, w := range f.all() {
		got = append(got, w.segment)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("segments (-want +got):\n%s", diff)
	}
}
