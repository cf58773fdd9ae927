package fleet

import (
	"hash/maphash"
	"iter"
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// looks are those that phones have, by a hash of most of their content. Whether
// two are the same, only comparing them tells.
type looks struct {
	seed maphash.Seed
	by   map[uint64][]*look
}

func newLooks() looks { return looks{seed: maphash.MakeSeed(), by: map[uint64][]*look{}} }

// hash returns a number that is the same for looks with the same content. What
// phones differ in most is in it, so that few others share it.
func (k looks) hash(p *storage.Phone) uint64 {
	var h maphash.Hash
	h.SetSeed(k.seed)
	for _, text := range []string{
		p.Group, string(p.Ring), p.Model, p.OS.Version, p.OS.Build, string(p.State), p.TimeZone,
		p.Update.Install, p.Update.PendingVersion, p.Update.FailureReason,
	} {
		maphash.WriteComparable(&h, text)
	}
	if e := p.Announced.Enforcement; e != nil {
		maphash.WriteComparable(&h, e.SourceID)
		maphash.WriteComparable(&h, e.Deadline)
	}
	if p.Battery != nil {
		maphash.WriteComparable(&h, *p.Battery)
	}
	if p.AvailableGB != nil {
		maphash.WriteComparable(&h, *p.AvailableGB)
	}
	for _, a := range p.Apps {
		maphash.WriteComparable(&h, a)
	}
	for _, d := range p.Declarations {
		maphash.WriteComparable(&h, d.ServerToken)
	}
	return h.Sum64()
}

// with returns the look with some content, which is new when there was none.
func (k looks) with(content storage.Phone) *look {
	key := k.hash(&content)
	for _, l := range k.by[key] {
		if l.phone.Same(&content) {
			return l
		}
	}
	l := &look{key: key, phone: content}
	k.by[key] = append(k.by[key], l)
	return l
}

// forget removes a look that no phone has any more.
func (k looks) forget(l *look) {
	left := slices.DeleteFunc(k.by[l.key], func(other *look) bool { return other == l })
	if k.by[l.key] = left; len(left) == 0 {
		delete(k.by, l.key)
	}
}

// all yields every look, in no order.
func (k looks) all() iter.Seq[*look] {
	return func(yield func(*look) bool) {
		for _, list := range k.by {
			for _, l := range list {
				if !yield(l) {
					return
				}
			}
		}
	}
}
