package fleet

import (
	"context"
	"encoding/binary"
	"errors"
	"iter"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// draw is how the waves of approvals tell phones apart that look alike.
type draw struct {
	release    string // that the phones of the waves were drawn for
	thresholds []int  // of the waves that take some phones only, ascending
}

// draws returns how the waves of the approvals of a group tell phones apart, none where
// they do not.
func draws(group string, snapshots []*snapshot) []draw {
	thresholds := map[string][]int{}
	for _, snap := range snapshots {
		for _, a := range snap.records.Approvals {
			if a.Group != group || !a.WithdrawnAt.IsZero() {
				continue
			}
			for _, w := range a.Waves {
				if w.Threshold < policy.Buckets {
					thresholds[drawn(a)] = append(thresholds[drawn(a)], w.Threshold)
				}
			}
		}
	}
	var list []draw
	for release, of := range thresholds {
		slices.Sort(of)
		list = append(list, draw{release, slices.Compact(of)})
	}
	return list
}

// surveyor visits phones of the census and computes what depends on their look
// once for each look, and for each part of the waves that phones with it are in.
type surveyor struct {
	snapshots []*snapshot // whose waves may tell phones apart
	drawn     map[string][]draw
}

// draws returns how phones of a group are told apart that look alike.
func (s *surveyor) draws(group string) []draw {
	list, known := s.drawn[group]
	if !known {
		list = draws(group, s.snapshots)
		if s.drawn == nil {
			s.drawn = map[string][]draw{}
		}
		s.drawn[group] = list
	}
	return list
}

// part tells in which waves a phone is: for two with one look and one part, everything
// that a look decides is the same. It is "" where no waves tell phones apart.
func (s *surveyor) part(m member) string {
	list := s.draws(m.look.phone.Group)
	if len(list) == 0 {
		return ""
	}
	part := make([]byte, 0, 2*len(list))
	for _, d := range list {
		i, _ := slices.BinarySearch(d.thresholds, int(policy.Bucket(d.release, m.udid))+1)
		part = binary.AppendUvarint(part, uint64(i)) //nolint:gosec // an index
	}
	return string(part)
}

// stand returns a phone that stands for all with its look and part: its look, and its
// identifier only where that makes a difference.
func (s *surveyor) stand(m member) storage.Phone {
	p := m.look.phone
	if len(s.draws(p.Group)) > 0 {
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
		part   string
	}
	return func(yield func(member, explained) bool) {
		s := surveyor{snapshots: []*snapshot{e.snap}}
		known := map[key]explained{}
		for m := range e.state.census.all() {
			if !wanted(m) {
				continue
			}
			silent := m.contact == 0 || e.now.Sub(m.contact.time()) >= policy.OfflineAfter
			k := key{look: m.look, silent: silent, part: s.part(m)}
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
