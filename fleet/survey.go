package fleet

import (
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// phased reports whether the waves of an approval treat phones of the group
// apart that look alike.
func (s *snapshot) phased(group string) bool {
	return slices.ContainsFunc(s.records.Approvals, func(a storage.Approval) bool {
		return a.Group == group && a.WithdrawnAt.IsZero() &&
			slices.ContainsFunc(a.Waves, func(w storage.Wave) bool { return w.Threshold < policy.Buckets })
	})
}

// surveyor visits phones of the census and computes what depends on their look
// once for each look.
type surveyor struct {
	snapshots []*snapshot // whose waves may tell phones apart
	split     map[string]bool
}

// apart reports whether phones of a group must be looked at one by one.
func (s *surveyor) apart(group string) bool {
	split, known := s.split[group]
	if !known {
		split = slices.ContainsFunc(s.snapshots, func(snap *snapshot) bool { return snap.phased(group) })
		if s.split == nil {
			s.split = map[string]bool{}
		}
		s.split[group] = split
	}
	return split
}

// stand returns a phone that stands for a member: its look, and its identifier
// only where that makes a difference, so that equal ones can share a result.
func (s *surveyor) stand(m member) storage.Phone {
	p := m.look.phone
	if s.apart(p.Group) {
		p.UDID = m.udid
	}
	return p
}

// enrolled reports whether reports count the member: not while it enrols.
func (m member) enrolled() bool { return m.look.phone.State == storage.PhoneEnrolled }

// explained is what an explanation comes down to in a report.
type explained struct {
	reason policy.Code
	hold   policy.HoldStatus
	waits  policy.Reason // of a phone that waits for an app; else its zero value
}

// survey calls visit with every phone of a group, or of all when it is "", and its
// explanation.
func (e explainer) survey(group string, visit func(m member, x explained)) {
	for m, x := range e.surveyed(func(m member) bool { return group == "" || m.look.phone.Group == group }) {
		visit(m, x)
	}
}

// surveyed returns the phones that are wanted, each with its explanation.
func (e explainer) surveyed(wanted func(member) bool) iter.Seq2[member, explained] {
	type key struct {
		look   *look
		silent bool
		udid   string
	}
	return func(yield func(member, explained) bool) {
		s := surveyor{snapshots: []*snapshot{e.snap}}
		known := map[key]explained{}
		for m := range e.state.census.all() {
			if !wanted(m) {
				continue
			}
			silent := m.contact == 0 || e.now.Sub(m.contact.time()) >= policy.OfflineAfter
			k := key{look: m.look, silent: silent}
			if s.apart(m.look.phone.Group) {
				k.udid = m.udid
			}
			x, ok := known[k]
			if !ok {
				p := s.stand(m)
				if p.Contact = e.now; silent {
					p.Contact = time.Time{}
				}
				x = e.explained(&p)
				known[k] = x
			}
			if !yield(m, x) {
				return
			}
		}
	}
}

func (e explainer) explained(p *storage.Phone) explained {
	_, _, full := e.explain(p)
	x := explained{reason: full.Reason.Code, hold: full.Hold}
	if x.reason == policy.ReasonAppUpdateNeeded {
		x.waits = full.Reason
	}
	return x
}

// phonesOf reads the phones of a page, on all processors because decoding them
// is what it costs. One that is gone meanwhile is left out.
func (f *Fleet) phonesOf(ctx context.Context, seg storage.Segment, members []member) ([]storage.Phone, error) {
	phones := make([]storage.Phone, len(members))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for i, m := range members {
		group.Go(func() error {
			p, err := f.store.Phone(ctx, seg, m.udid)
			if errors.Is(err, storage.ErrNotFound) {
				return nil
			}
			phones[i] = p
			return wrap("read phone", err)
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	gone := func(p storage.Phone) bool { return p.UDID == "" || p.State == storage.PhoneRemoved }
	return slices.DeleteFunc(phones, gone), nil
}
