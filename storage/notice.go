package storage

import (
	"fmt"
	"slices"
	"time"
)

// Notice is something that somebody has to hear of. It is written in the
// transaction of what it tells, and its deliveries are carried out later, so
// that neither is ever there without the other. It holds no text: what it says
// is made of its kind and its params, in the language of whoever reads it.
type Notice struct {
	ID      string            `json:"id,omitzero"`  // names what is told, so that the same is told once
	Seq     uint64            `json:"seq,omitzero"` // assigned by the store, starts at 1 in each segment, no gaps
	Kind    string            `json:"kind,omitzero"`
	At      time.Time         `json:"at,omitzero"`
	Group   string            `json:"group,omitzero"`   // "" for what concerns no group
	Release string            `json:"release,omitzero"` // "" for what concerns no release
	Phone   string            `json:"phone,omitzero"`   // UDID; "" for what concerns no single phone
	Holder  string            `json:"holder,omitzero"`  // opaque reference to who carries the phone, kept as long as the phone's record has it
	Params  map[string]string `json:"params,omitempty"` // further facts, small

	Zone       string     `json:"zone,omitzero"`        // by whose clock it may have to wait, of the time zone database; "": that of the installation
	Deliveries []Delivery `json:"deliveries,omitempty"` // one for each channel that is to carry it
}

// DeliveryState is how far a delivery has come.
type DeliveryState string

// The states of a delivery. Sent and dead ones are over; a dead one can be made
// pending again.
const (
	DeliveryPending DeliveryState = "pending"
	DeliverySent    DeliveryState = "sent" // the channel took it
	DeliveryDead    DeliveryState = "dead" // given up
)

// Delivery is what became of a notice on one channel.
type Delivery struct {
	Channel  string        `json:"channel,omitzero"` // unique in its notice
	State    DeliveryState `json:"state,omitzero"`
	Attempts int           `json:"attempts,omitzero"` // made so far
	Next     time.Time     `json:"next,omitzero"`     // when a pending one is tried next
	At       time.Time     `json:"at,omitzero"`       // of the last attempt; zero before the first
	Error    string        `json:"error,omitzero"`    // why the last attempt failed, bounded
	// Detail and Params name the failure for its wording in other languages; Detail is ""
	// of one that an older server kept.
	Detail string            `json:"detail,omitzero"`
	Params map[string]string `json:"params,omitempty"`
}

// Same reports whether a delivery is still as it was seen: of the same channel,
// with as many attempts, and the next one due at the same time.
func (d Delivery) Same(seen Delivery) bool {
	return d.Channel == seen.Channel && d.State == seen.State && d.Attempts == seen.Attempts && d.Next.Equal(seen.Next.Truncate(time.Microsecond))
}

// Settlement is one delivery of a notice, as it was seen and as it is to be.
type Settlement struct {
	Notice        string // its ID
	Before, After Delivery
}

// Settled returns the notice with one of its deliveries replaced. It returns
// [ErrNotFound] when the notice has no delivery by that channel, [ErrConflict]
// when the delivery is not as it was seen, and an error for an impossible one.
func (n Notice) Settled(s Settlement) (Notice, error) {
	i := slices.IndexFunc(n.Deliveries, func(d Delivery) bool { return d.Channel == s.Before.Channel })
	switch {
	case i < 0:
		return n, fmt.Errorf("delivery by %q: %w", s.Before.Channel, ErrNotFound)
	case !n.Deliveries[i].Same(s.Before):
		return n, fmt.Errorf("delivery by %q: %w", s.Before.Channel, ErrConflict)
	}
	n.Deliveries = slices.Clone(n.Deliveries)
	n.Deliveries[i] = s.After
	return n, n.Check()
}

// Check returns what is wrong with the deliveries of a notice: a channel that
// comes twice, or an unknown state.
func (n Notice) Check() error {
	for i, d := range n.Deliveries {
		switch d.State {
		case DeliveryPending, DeliverySent, DeliveryDead:
		default:
			return fmt.Errorf("delivery by %q: %q is no state", d.Channel, d.State)
		}
		if slices.ContainsFunc(n.Deliveries[:i], func(e Delivery) bool { return e.Channel == d.Channel }) {
			return fmt.Errorf("two deliveries by %q", d.Channel)
		}
	}
	return nil
}

// Has reports whether a delivery of the notice is in the given state.
func (n Notice) Has(state DeliveryState) bool {
	return slices.ContainsFunc(n.Deliveries, func(d Delivery) bool { return d.State == state })
}

// Outdated reports whether a notice may be forgotten once nothing of it is
// pending: it is not the newest, whose number is last, and it is from before
// the given time or at least keep newer ones followed it (0: by time alone).
func (n Notice) Outdated(before time.Time, keep, last uint64) bool {
	if n.Seq >= last {
		return false
	}
	return n.At.Before(before.Truncate(time.Microsecond)) || keep > 0 && last-n.Seq >= keep
}

// HolderGone reports whether a notice is to forget the reference it has: the
// record of its phone, which names holder ("" for nobody, or without a record),
// has another by now, and no channel is to carry the notice any more.
func (n Notice) HolderGone(holder string) bool {
	return n.Holder != "" && n.Holder != holder && !n.Has(DeliveryPending)
}

// PausedChannel is a channel that carries nothing until a person lets it go on: what
// it is to carry waits.
type PausedChannel struct {
	Channel string    `json:"channel,omitzero"`
	By      string    `json:"by,omitzero"`
	At      time.Time `json:"at,omitzero"`
	Reason  string    `json:"reason,omitzero"`
}

// PausedChannels are all those of a segment, in the order in which they were paused.
type PausedChannels []PausedChannel

// Of returns the pause of a channel, and false where there is none.
func (l PausedChannels) Of(channel string) (PausedChannel, bool) {
	if i := slices.IndexFunc(l, func(p PausedChannel) bool { return p.Channel == channel }); i >= 0 {
		return l[i], true
	}
	return PausedChannel{}, false
}

// NoticeQuery selects notices for a list, the newest first.
type NoticeQuery struct {
	Before uint64        // only notices with a lower number; 0: all
	Limit  int           // at most so many; 0 means 1,000
	State  DeliveryState // only notices with such a delivery; "": all
}
