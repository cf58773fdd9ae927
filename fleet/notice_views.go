package fleet

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Notices is a page of what somebody had to hear of, the newest first.
type Notices struct {
	Notices []NoticeView `json:"notices"`
	Next    uint64       `json:"next,omitempty"` // NoticeQuery.Before of the next page
}

// NoticeView is one notice as people see it. At is policy time; the times of
// deliveries are those of the server's own clock.
type NoticeView struct {
	ID         string            `json:"id"`
	Seq        uint64            `json:"seq"`
	Kind       string            `json:"kind"`
	At         time.Time         `json:"at"`
	Group      string            `json:"group,omitempty"`
	Release    string            `json:"release,omitempty"`
	Device     string            `json:"device,omitempty"`
	Holder     string            `json:"holder,omitempty"`
	Params     map[string]string `json:"params"`
	Deliveries []DeliveryView    `json:"deliveries"` // none: no channel carries it
}

// DeliveryView is what became of a notice on one channel.
type DeliveryView struct {
	Channel  string    `json:"channel"`
	State    string    `json:"state"` // pending, sent or dead
	Attempts int       `json:"attempts"`
	NextAt   time.Time `json:"next_at,omitzero"` // of a pending one; absent: at once
	At       time.Time `json:"at,omitzero"`      // of the last attempt
	Error    string    `json:"error,omitempty"`  // of the last attempt
	// Detail and Params name the error for its wording in other languages; absent of one
	// that an older server kept.
	Detail string            `json:"detail,omitempty"`
	Params map[string]string `json:"params,omitempty"`
	Paused bool              `json:"paused,omitempty"` // it is pending, and a person paused the channel
}

// NoticeQuery chooses a page of the notices.
type NoticeQuery struct {
	Before uint64 // Next of the page before
	Limit  int    // 0 means 1,000, which is the most
	State  string // only those with a delivery that is pending, sent or dead; "" for all
}

// Notices returns a page of the notices.
func (f *Fleet) Notices(ctx context.Context, seg storage.Segment, q NoticeQuery) (Notices, error) {
	states := []string{"", string(storage.DeliveryPending), string(storage.DeliverySent), string(storage.DeliveryDead)}
	if !slices.Contains(states, q.State) {
		return Notices{}, oneOf("state", q.State, states[1:]...)
	}
	if q.Limit <= 0 || q.Limit > pageSize {
		q.Limit = pageSize
	}
	w, err := f.world(seg)
	if err != nil {
		return Notices{}, err
	}
	list, err := f.store.Notices(ctx, seg, storage.NoticeQuery{Before: q.Before, Limit: q.Limit, State: storage.DeliveryState(q.State)})
	if err != nil {
		return Notices{}, wrap("read notices", err)
	}
	v := Notices{Notices: []NoticeView{}}
	for _, n := range list {
		v.Notices = append(v.Notices, w.noticeView(n))
	}
	if len(list) == q.Limit {
		v.Next = list[len(list)-1].Seq
	}
	return v, nil
}

// Notice returns one notice, or a *NotFoundError.
func (f *Fleet) Notice(ctx context.Context, seg storage.Segment, id string) (NoticeView, error) {
	w, err := f.world(seg)
	if err != nil {
		return NoticeView{}, err
	}
	n, err := f.storedNotice(ctx, seg, id)
	return w.noticeView(n), err
}

func (f *Fleet) storedNotice(ctx context.Context, seg storage.Segment, id string) (storage.Notice, error) {
	n, err := f.store.Notice(ctx, seg, id)
	if errors.Is(err, storage.ErrNotFound) {
		return n, &NotFoundError{What: "notice", Name: id}
	}
	return n, wrap("read notice", err)
}

func (w *worldState) noticeView(n storage.Notice) NoticeView {
	v := NoticeView{
		ID: n.ID, Seq: n.Seq, Kind: n.Kind, At: n.At, Group: n.Group, Release: n.Release, Device: n.Phone, Holder: n.Holder,
		Params: n.Params, Deliveries: []DeliveryView{},
	}
	if v.Params == nil {
		v.Params = map[string]string{}
	}
	stopped := w.current.Load().records.Paused
	for _, d := range n.Deliveries {
		_, paused := stopped.Of(d.Channel)
		v.Deliveries = append(v.Deliveries, DeliveryView{
			Channel: d.Channel, State: string(d.State), Attempts: d.Attempts, NextAt: d.Next, At: d.At, Error: d.Error,
			Detail: d.Detail, Params: d.Params,
			Paused: paused && d.State == storage.DeliveryPending,
		})
	}
	return v
}

// Retried is how much was given to the channels again.
type Retried struct {
	Notices    int `json:"notices"`
	Deliveries int `json:"deliveries"`
	// Unconfigured are deliveries left as they are, because the configuration
	// does not name their channel.
	Unconfigured int  `json:"unconfigured"`
	DryRun       bool `json:"dry_run"`
}

// RetryNotice gives the dead deliveries of one notice to their channels again,
// of those that are configured. It is refused when there is none.
func (f *Fleet) RetryNotice(ctx context.Context, seg storage.Segment, a Act, id string, configured []string) (Retried, error) {
	n, err := f.storedNotice(ctx, seg, id)
	if err != nil {
		return Retried{}, err
	}
	done := Retried{DryRun: a.DryRun}
	settled := done.retry(n, configured)
	switch {
	case done.Deliveries == 0 && done.Unconfigured > 0:
		return done, refused("no-such-channel", "no channel is configured that gave up notice %s", id).with("notice", id)
	case done.Deliveries == 0:
		return done, refused("nothing-dead", "no channel gave up notice %s", id).with("notice", id)
	}
	return done, f.settleRetry(ctx, seg, a, id, settled)
}

// RetryDeadNotices does so for every notice. What is dead may be more than one
// transaction carries: each has an audit entry of its own.
func (f *Fleet) RetryDeadNotices(ctx context.Context, seg storage.Segment, a Act, configured []string) (Retried, error) {
	done := Retried{DryRun: a.DryRun}
	for q := (storage.NoticeQuery{State: storage.DeliveryDead, Limit: pageSize}); ; {
		dead, err := f.store.Notices(ctx, seg, q)
		if err != nil {
			return done, wrap("read notices", err)
		}
		var settled []storage.Settlement
		for _, n := range dead {
			settled = append(settled, done.retry(n, configured)...)
		}
		if err := f.settleRetry(ctx, seg, a, "all", settled); err != nil {
			return done, err
		}
		if len(dead) < pageSize {
			return done, nil
		}
		q.Before = dead[len(dead)-1].Seq
	}
}

// retry returns how the dead deliveries of a notice become pending, and counts
// them.
func (r *Retried) retry(n storage.Notice, configured []string) []storage.Settlement {
	var settled []storage.Settlement
	for _, d := range n.Deliveries {
		switch {
		case d.State != storage.DeliveryDead:
		case !slices.Contains(configured, d.Channel):
			r.Unconfigured++
		default:
			again := storage.Delivery{Channel: d.Channel, State: storage.DeliveryPending}
			settled = append(settled, storage.Settlement{Notice: n.ID, Before: d, After: again})
		}
	}
	if len(settled) > 0 {
		r.Notices++
		r.Deliveries += len(settled)
	}
	return settled
}

func (f *Fleet) settleRetry(ctx context.Context, seg storage.Segment, a Act, target string, settled []storage.Settlement) error {
	if a.DryRun || len(settled) == 0 {
		return nil
	}
	entry := f.entry(a, "notice.retry", target, map[string]string{"deliveries": strconv.Itoa(len(settled))})
	return wrap("retry notices", f.store.SettleDeliveries(ctx, seg, settled, entry))
}
