package fleet

import (
	"cmp"
	"container/heap"
	"slices"
)

// page collects the members of a page of a list in the order in which they first
// enrolled: of those added, the limit with the lowest numbers above after. It
// keeps no more than these, because a list of all phones would cost more to copy
// and sort than the page costs to read.
type page struct {
	after uint64
	limit int // at least 1
	kept  highestFirst
	more  bool
}

// add offers a member to the page.
func (p *page) add(m member) {
	switch {
	case m.num <= p.after:
	case len(p.kept) < p.limit:
		heap.Push(&p.kept, m)
	default:
		p.more = true
		if m.num < p.kept[0].num {
			p.kept[0] = m
			heap.Fix(&p.kept, 0)
		}
	}
}

// members returns the page in order, and the number to go on after: 0 at the end
// of the list.
func (p *page) members() (list []member, next uint64) {
	list = slices.SortedFunc(slices.Values(p.kept), func(a, b member) int { return cmp.Compare(a.num, b.num) })
	if p.more {
		next = list[len(list)-1].num
	}
	return list, next
}

// highestFirst is a heap.Interface.
type highestFirst []member

func (h highestFirst) Len() int           { return len(h) }
func (h highestFirst) Less(i, j int) bool { return h[i].num > h[j].num }
func (h highestFirst) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *highestFirst) Push(x any)        { *h = append(*h, x.(member)) }

func (h *highestFirst) Pop() any {
	last := len(*h) - 1
	m := (*h)[last]
	*h = (*h)[:last]
	return m
}
