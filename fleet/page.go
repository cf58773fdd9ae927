package fleet

import (
	"cmp"
	"slices"
)

// page collects the members of a page of a list in the order in which they first
// enrolled: of those added, the limit with the lowest numbers above after. It
// keeps at most twice as many, because a list of all phones would cost more to
// copy and sort than the page costs to read.
type page struct {
	after uint64
	limit int // at least 1
	kept  []member
	more  bool // members beyond the page were dropped
}

// add offers a member to the page.
func (p *page) add(m member) {
	if m.num <= p.after {
		return
	}
	if len(p.kept) == 2*p.limit {
		p.cut()
	}
	p.kept = append(p.kept, m)
}

// cut sorts what is kept and drops what is beyond the page.
func (p *page) cut() {
	slices.SortFunc(p.kept, func(a, b member) int { return cmp.Compare(a.num, b.num) })
	if len(p.kept) > p.limit {
		p.kept, p.more = p.kept[:p.limit], true
	}
}

// members returns the page in order, and the number to go on after: 0 at the end
// of the list.
func (p *page) members() (list []member, next uint64) {
	p.cut()
	if p.more {
		next = p.kept[len(p.kept)-1].num
	}
	return p.kept, next
}
