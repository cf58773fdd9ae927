package fleet

import (
	"slices"
	"time"

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
}

// survey calls visit with every enrolled phone and its explanation.
func (e explainer) survey(visit func(m member, x explained)) {
	type key struct {
		look   *look
		silent bool
		udid   string
	}
	s := surveyor{snapshots: []*snapshot{e.snap}}
	known := map[key]explained{}
	for _, m := range e.state.census.all() {
		if !m.enrolled() {
			continue
		}
		silent := m.contact.IsZero() || e.now.Sub(m.contact) >= policy.OfflineAfter
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
			full := e.explain(&p)
			x = explained{full.Reason.Code, full.Hold}
			known[k] = x
		}
		visit(m, x)
	}
}
