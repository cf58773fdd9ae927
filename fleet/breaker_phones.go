package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// maxShowing is how many phones that show a signal are named.
const maxShowing = 20

// BreakerPhone is a phone that shows what the circuit breaker counts, or showed it when
// the rollout stopped.
type BreakerPhone struct {
	UDID    string        `json:"udid"`
	Holder  string        `json:"holder,omitempty"`
	Signals []policy.Code `json:"signals"` // that it shows now, sorted
	// Failed is its last installation that failed, Reverted its business apps that went
	// back, and LastContact when it was last heard of.
	Failed      *FailureView   `json:"failed,omitempty"`
	Reverted    []RevertedView `json:"reverted,omitempty"`
	LastContact time.Time      `json:"last_contact,omitzero"`
}

// FailureView is an installation that failed.
type FailureView struct {
	Release string    `json:"release"`
	Reason  string    `json:"reason"` // in the phone's words, "" none
	At      time.Time `json:"at"`     // when the server first saw it
}

func failureView(p *storage.Phone) *FailureView {
	if p.Failed == nil {
		return nil
	}
	view := FailureView(*p.Failed)
	return &view
}

func revertedViews(p *storage.Phone) []RevertedView {
	var list []RevertedView
	for _, r := range p.Reverted {
		list = append(list, RevertedView(r))
	}
	return list
}

// showed returns the phones that show some of the signals, by UDID.
func (v *watch) showed(signals []policy.Code) []string {
	var list []string
	for _, s := range signals {
		list = append(list, v.showing[s]...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// breakerPhones describes the phones that a rollout was stopped for or that show a signal
// now, the first of them by UDID. One that left meanwhile, or is in another group, is counted and not described.
func (f *Fleet) breakerPhones(ctx context.Context, seg storage.Segment, v *watch) (list []BreakerPhone, count int, err error) {
	signals := map[string][]policy.Code{}
	for signal, udids := range v.showing {
		for _, udid := range udids {
			signals[udid] = append(signals[udid], signal)
		}
	}
	for _, udid := range v.approval.Breaker.Phones {
		signals[udid] = append([]policy.Code{}, signals[udid]...)
	}
	udids := slices.Sorted(maps.Keys(signals))
	for _, udid := range udids[:min(len(udids), maxShowing)] {
		p, err := f.store.Phone(ctx, seg, udid)
		if errors.Is(err, storage.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, 0, wrap("read phone", err)
		}
		if p.State != storage.PhoneEnrolled || p.Group != v.approval.Group {
			continue
		}
		slices.Sort(signals[udid])
		list = append(list, BreakerPhone{
			UDID: udid, Holder: p.Holder, Signals: signals[udid], Failed: failureView(&p), Reverted: revertedViews(&p), LastContact: p.Contact,
		})
	}
	return list, len(udids), nil
}

// leftBehind returns what phones showed of a rollout until now and, once a person lets it
// go on, stops it no more: the signals of the whole rollout that some phone shows.
func (f *Fleet) leftBehind(w *worldState, s *snapshot, a storage.Approval) []policy.Reading {
	view, _ := f.breakerView(w, s, a)
	return slices.DeleteFunc(view.Signals, func(r policy.Reading) bool { return r.Count == 0 || r.Wave > 0 })
}
