package fleet

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		in    []uint64
		after uint64
		limit int
		want  []uint64
		next  uint64
	}{
		{"nothing", nil, 0, 2, []uint64{}, 0},
		{"all of it", []uint64{3, 1, 2}, 0, 3, []uint64{1, 2, 3}, 0},
		{"the lowest first", []uint64{5, 4, 3, 2, 1}, 0, 2, []uint64{1, 2}, 2},
		{"those after", []uint64{1, 2, 3, 4, 5}, 2, 2, []uint64{3, 4}, 4},
		{"the last page", []uint64{1, 5, 2, 4, 3}, 3, 2, []uint64{4, 5}, 0},
		{"nothing after", []uint64{1, 2}, 2, 2, []uint64{}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, next := pageOf(test.in, test.after, test.limit)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("page (-want +got):\n%s", diff)
			}
			if next != test.next {
				t.Errorf("next: got %d, want %d", next, test.next)
			}
		})
	}
}

// TestPages goes through a list in pages and must see each member once, in order.
func TestPages(t *testing.T) {
	t.Parallel()
	const all = 1000
	in := make([]uint64, all)
	for i, n := range rand.New(rand.NewPCG(1, 2)).Perm(all) {
		in[i] = uint64(n + 1)
	}
	var seen []uint64
	for after, pages := uint64(0), 0; pages == 0 || after != 0; pages++ {
		if pages > all {
			t.Fatal("the list has no end")
		}
		var got []uint64
		got, after = pageOf(in, after, 7)
		seen = append(seen, got...)
	}
	slices.Sort(in)
	if diff := cmp.Diff(in, seen); diff != "" {
		t.Errorf("members seen (-want +got):\n%s", diff)
	}
}

func pageOf(nums []uint64, after uint64, limit int) (got []uint64, next uint64) {
	p := page{after: after, limit: limit}
	for _, n := range nums {
		p.add(member{num: n})
	}
	list, next := p.members()
	got = make([]uint64, len(list))
	for i, m := range list {
		got[i] = m.num
	}
	return got, next
}
