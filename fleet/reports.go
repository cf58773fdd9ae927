package fleet

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ReasonCount is how many phones share a reason.
type ReasonCount struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// RolloutView is how far a release is in a group: every phone with exactly one
// reason. The counts are of all phones, the lists are one page of them, read a
// moment later.
type RolloutView struct {
	RolloutHead
	Promise // of the approval that stands
	Rebased // what it has to do with another rollout
	// Waves are those of the approval that stands.
	Waves   []WaveView   `json:"waves,omitempty"`
	Breaker *BreakerView `json:"breaker,omitempty"` // nil when no approval stands
	// Override says that the gate was not verified, and who decided so.
	Override *policy.GateOverride `json:"override,omitempty"`
	// Lane says that it came by the emergency lane, and who decided so.
	Lane *policy.GateLane `json:"urgent_approval,omitempty"`
	// Declined are releases that the group declined, with what each leaves open on
	// production phones, done or not.
	Declined     []policy.LeftOpen `json:"declined,omitempty"`
	Production   int               `json:"production"`
	Done         int               `json:"done"`
	Reasons      []ReasonCount     `json:"reasons"`        // of production phones, most frequent first
	Verification []DeviceView      `json:"verification"`   // the verification phones
	Devices      []DeviceView      `json:"devices"`        // production phones that are not done
	Next         uint64            `json:"next,omitempty"` // After of the next page, 0 at the end
}

// RolloutQuery chooses a page of the phones that a rollout lists: the
// verification phones and those that are not done, in the order in which they
// first enrolled.
type RolloutQuery struct {
	After uint64 // Next of the page before
	Limit int    // phones on a page; 0 means 500, which is the most
}

// maxListed is how many phones a rollout lists on one page.
const maxListed = 500

// Rollout reports on a release in a group.
func (f *Fleet) Rollout(ctx context.Context, seg storage.Segment, group, release string, q RolloutQuery) (RolloutView, error) {
	w, err := f.world(seg)
	if err != nil {
		return RolloutView{}, err
	}
	s := w.current.Load()
	gate, err := f.gate(w, s, group, release)
	if err != nil {
		return RolloutView{}, err
	}
	v := RolloutView{
		RolloutHead: f.rolloutHead(gate), Override: gate.Override, Lane: gate.Lane,
		Reasons: []ReasonCount{}, Verification: []DeviceView{}, Devices: []DeviceView{},
	}
	v.Approval = gate.Approval
	if v.NoGate != nil {
		return v, nil
	}
	if approval, ok := standing(s, group, release, f.now()); ok {
		if v.Promise, err = f.promise(w, s, approval); err != nil {
			return RolloutView{}, err
		}
		v.Rebased = f.rebased(w, s, approval)
		v.Waves = f.waveViews(w, approval, gate.Phase)
		var seen *watch
		v.Breaker, seen = f.breakerView(w, s, approval)
		if v.Breaker.Phones, v.Breaker.PhonesCount, err = f.breakerPhones(ctx, seg, seen); err != nil {
			return RolloutView{}, err
		}
	}
	e := f.explainer(w)
	v.Declined = e.flaws.Declined(group)
	listed := page{after: q.After, limit: maxListed}
	if q.Limit > 0 {
		listed.limit = min(q.Limit, maxListed)
	}
	v.count(e, &listed)
	var members []member
	members, v.Next = listed.members()
	return v, v.list(ctx, e, members)
}

// done reports whether a phone needs to do no more for a release. A phone that
// has it is done with it, whatever newer release it waits for, but for one that
// the list of unapproved updates has.
func (f *Fleet) done(w *worldState, p *storage.Phone, release, reason string) bool {
	if reason == string(policy.ReasonDone) {
		return true
	}
	if !version.AtLeast(fullVersion(p), release) {
		return false
	}
	_, leaked := f.leakOf(w, p)
	return !leaked
}

// count counts the phones of the group and adds those to be listed to a page.
func (v *RolloutView) count(e explainer, listed *page) {
	counts := map[string]int{}
	e.survey(v.Group, func(m member, x explained) {
		p := &m.look.phone
		switch {
		case !m.enrolled():
			return
		case p.Ring == storage.RingVerification:
			listed.add(m)
			return
		}
		v.Production++
		if e.fleet.done(e.state, p, v.Release, string(x.reason)) {
			v.Done++
			counts[string(policy.ReasonDone)]++
			return
		}
		counts[string(x.reason)]++
		listed.add(m)
	})
	v.Reasons = sortedCounts(counts)
}

// list reads the phones of one page. One that changed since it was counted is
// shown as it is now, one that left is not.
func (v *RolloutView) list(ctx context.Context, e explainer, members []member) error {
	phones, err := e.fleet.phonesOf(ctx, e.state.segment, members)
	for i := range phones {
		p := &phones[i]
		d := e.view(p)
		switch {
		case p.Group != v.Group || p.State != storage.PhoneEnrolled:
		case p.Ring == storage.RingVerification:
			v.Verification = append(v.Verification, d)
		case !e.fleet.done(e.state, p, v.Release, d.Reason):
			v.Devices = append(v.Devices, d)
		}
	}
	return err
}

func sortedCounts(counts map[string]int) []ReasonCount {
	out := []ReasonCount{}
	for reason, n := range counts {
		out = append(out, ReasonCount{reason, n})
	}
	slices.SortFunc(out, func(a, b ReasonCount) int {
		if a.Count != b.Count {
			return b.Count - a.Count
		}
		return strings.Compare(a.Reason, b.Reason)
	})
	return out
}

// StatusView is the installation at a glance.
type StatusView struct {
	AsOf     time.Time  `json:"as_of"`           // policy time
	Clock    string     `json:"clock,omitempty"` // [ClockPolicy], or "" for the wall clock
	Revision uint64     `json:"revision"`
	Phones   int        `json:"phones"`
	Holds    HoldCounts `json:"holds"`
	// Certificates are those of enrolled phones.
	Certificates CertificateCounts `json:"certificates"`
	Reasons      []ReasonCount     `json:"reasons"`
	Gates        []GateLine        `json:"gates"` // those that wait for a person or are under way
	Sources      []SourceView      `json:"sources"`
	Waiting      int               `json:"proposals_waiting"` // for a second person
	Newest       string            `json:"newest_release"`
	Halt         *HaltView         `json:"halt,omitempty"` // nothing begins until a person lets it
}

// HoldCounts counts phones by the state of their hold; nothing claims a hold
// that a phone has not reported.
type HoldCounts struct {
	Confirmed  int `json:"confirmed"`
	Pending    int `json:"pending"`
	Impossible int `json:"impossible"`
	Ended      int `json:"ended"` // reported in force, and past Apple's 90 days for a release the phone could install
}

// Add counts one phone with a hold as [DeviceView] has it.
func (h *HoldCounts) Add(hold string) {
	switch policy.HoldStatus(hold) {
	case policy.HoldConfirmed:
		h.Confirmed++
	case policy.HoldPending:
		h.Pending++
	case policy.HoldImpossible:
		h.Impossible++
	case policy.HoldEnded:
		h.Ended++
	}
}

// Status reports on the whole segment.
func (f *Fleet) Status(ctx context.Context, seg storage.Segment) (StatusView, error) {
	w, err := f.world(seg)
	if err != nil {
		return StatusView{}, err
	}
	s := w.current.Load()
	v := StatusView{AsOf: f.now(), Clock: f.clock(), Revision: s.records.Revision, Halt: f.haltView(s.records.Halt), Gates: []GateLine{}, Sources: []SourceView{}}
	counts := map[string]int{}
	e := f.explainer(w)
	wall := f.o.Wall()
	e.survey("", func(m member, x explained) {
		if !m.enrolled() {
			return
		}
		v.Phones++
		v.Certificates.add(m, wall)
		counts[string(x.reason)]++
		v.Holds.Add(string(x.hold))
	})
	v.Reasons = sortedCounts(counts)
	for _, name := range e.world.GroupNames() {
		gates := policy.Gates(e.world, name, e.now)
		for i, line := range LinesOf(gates) {
			if (gates[i].Phase != policy.PhaseDone || line.Override != nil) && gates[i].Phase != policy.PhaseDeclined {
				v.Gates = append(v.Gates, line)
			}
		}
	}
	for _, p := range s.records.Proposals {
		if f.proposalState(w, s, p) == storage.StateOpen {
			v.Waiting++
		}
	}
	for _, src := range s.catalog.Sources() {
		v.Sources = append(v.Sources, SourceView{string(src.Kind), src.FetchedAt, src.Entries, src.Newest.String()})
	}
	if releases := s.catalog.Releases(); len(releases) > 0 {
		v.Newest = releases[0].Version
	}
	return v, nil
}

// Audit returns audit entries with a sequence above after, in order.
func (f *Fleet) Audit(ctx context.Context, seg storage.Segment, after uint64, limit int) ([]storage.AuditEntry, error) {
	entries, err := f.store.Audit(ctx, seg, after, limit)
	return entries, wrap("read audit log", err)
}
