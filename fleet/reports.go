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
// reason. Counts and list come from the same reading.
type RolloutView struct {
	Group        string        `json:"group"`
	Release      string        `json:"release"`
	Phase        string        `json:"phase"`
	AsOf         time.Time     `json:"as_of"`
	Approval     string        `json:"approval,omitempty"`
	Deadline     string        `json:"deadline,omitempty"` // local wall time of each phone
	Production   int           `json:"production"`
	Done         int           `json:"done"`
	Reasons      []ReasonCount `json:"reasons"`      // of production phones, most frequent first
	Verification []DeviceView  `json:"verification"` // the verification phones
	Devices      []DeviceView  `json:"devices"`      // production phones that are not done
}

// Rollout reports on a release in a group.
func (f *Fleet) Rollout(ctx context.Context, seg storage.Segment, group, release string) (RolloutView, error) {
	w, err := f.world(seg)
	if err != nil {
		return RolloutView{}, err
	}
	gate, err := f.gate(w, w.current.Load(), group, release)
	if err != nil {
		return RolloutView{}, err
	}
	v := RolloutView{
		Group: group, Release: release, Phase: string(gate.Phase), AsOf: f.now(), Approval: gate.Approval,
		Reasons: []ReasonCount{}, Verification: []DeviceView{}, Devices: []DeviceView{},
	}
	if approval, ok := standing(w.current.Load(), group, release); ok {
		v.Deadline = approval.Waves[0].Deadline
	}
	counts := map[string]int{}
	e := f.explainer(w)
	err = f.eachPhone(ctx, w, storage.PhoneQuery{Group: &group}, func(p *storage.Phone) error {
		d := e.view(p)
		if p.Ring == storage.RingVerification {
			v.Verification = append(v.Verification, d)
			return nil
		}
		v.Production++
		// A phone that has it is done with it, whatever newer release it waits for.
		if version.AtLeast(d.OS, release) && d.Leak == "" {
			d.Reason = string(policy.ReasonDone)
		}
		counts[d.Reason]++
		if d.Reason == string(policy.ReasonDone) {
			v.Done++
			return nil
		}
		v.Devices = append(v.Devices, d)
		return nil
	})
	v.Reasons = sortedCounts(counts)
	return v, err
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
	AsOf     time.Time     `json:"as_of"` // policy time
	Revision uint64        `json:"revision"`
	Phones   int           `json:"phones"`
	Holds    HoldCounts    `json:"holds"`
	Reasons  []ReasonCount `json:"reasons"`
	Gates    []GateLine    `json:"gates"` // those that wait for a person or are under way
	Sources  []SourceView  `json:"sources"`
	Newest   string        `json:"newest_release"`
}

// HoldCounts counts phones by the state of their hold; nothing claims a hold
// that a phone has not reported.
type HoldCounts struct {
	Confirmed  int `json:"confirmed"`
	Pending    int `json:"pending"`
	Impossible int `json:"impossible"`
}

// GateLine is one gate in one line.
type GateLine struct {
	Group   string   `json:"group"`
	Release string   `json:"release"`
	Phase   string   `json:"phase"`
	Missing []string `json:"missing"`
}

// Status reports on the whole segment.
func (f *Fleet) Status(ctx context.Context, seg storage.Segment) (StatusView, error) {
	w, err := f.world(seg)
	if err != nil {
		return StatusView{}, err
	}
	s := w.current.Load()
	v := StatusView{AsOf: f.now(), Revision: s.records.Revision, Gates: []GateLine{}, Sources: []SourceView{}}
	counts := map[string]int{}
	e := f.explainer(w)
	err = f.eachPhone(ctx, w, storage.PhoneQuery{}, func(p *storage.Phone) error {
		x := e.explain(p)
		v.Phones++
		counts[string(x.Reason.Code)]++
		switch x.Hold {
		case policy.HoldConfirmed:
			v.Holds.Confirmed++
		case policy.HoldPending:
			v.Holds.Pending++
		case policy.HoldImpossible:
			v.Holds.Impossible++
		}
		return nil
	})
	if err != nil {
		return StatusView{}, err
	}
	v.Reasons = sortedCounts(counts)
	for _, name := range e.world.GroupNames() {
		for _, g := range policy.Gates(e.world, name, e.now) {
			if g.Phase != policy.PhaseDone && g.Phase != policy.PhaseDeclined {
				v.Gates = append(v.Gates, GateLine{g.Group, g.Release, string(g.Phase), append([]string{}, g.Missing...)})
			}
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
