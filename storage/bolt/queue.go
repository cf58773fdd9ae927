package bolt

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// retained is how many commands that are over a phone's queue keeps.
const retained = 20

// queueRow is a command without its body, which all rows with the same bytes
// share: one command for a thousand phones is a thousand small rows and one
// body.
type queueRow struct {
	storage.Command        // Body and Seq empty
	Hash            []byte `json:"hash,omitempty"` // SHA-256 of the body; none once the command is final

	key key
}

// over reports whether a row will never be offered again.
func (r queueRow) over(epoch uint64) bool {
	return r.State.Final() || r.Epoch != epoch
}

// queue returns a phone's rows in order.
func (t *tx) queue(seg storage.Segment, num uint64) ([]queueRow, error) {
	var rows []queueRow
	for r, err := range t.rows(bucketQueue, inSegment(seg).number(num), nil) {
		if err != nil {
			return nil, err
		}
		q, err := t.rowOf(r)
		if err != nil {
			return nil, err
		}
		rows = append(rows, q)
	}
	return rows, nil
}

// rowOf decodes a row and gives it its place in the queue.
func (t *tx) rowOf(r row) (queueRow, error) {
	q, err := t.parseRow(r)
	q.key, q.Seq = bytes.Clone(r.key), trailingNumber(r.key)
	return q, err
}

// saveRow stores a row. A caller that goes on with its row must have set times
// as they are stored.
//
// The body goes with a command's end: the phone gets it no more.
func (t *tx) saveRow(r queueRow) error {
	if r.State.Final() && len(r.Hash) > 0 {
		if err := t.releaseBody(segmentOf(r.key), r.Hash); err != nil {
			return err
		}
		r.Hash = nil
	}
	r.Seq, r.Body = 0, nil
	return save(t, bucketQueue, r.key, r)
}

// command returns a row with its body, or without one if it is final.
func (t *tx) command(seg storage.Segment, r queueRow) (storage.Command, error) {
	if r.State.Final() {
		return r.Command, nil
	}
	k := inSegment(seg).last(string(r.Hash))
	body, err := t.get(bucketCommand, k)
	if err != nil {
		return storage.Command{}, err
	}
	if body == nil {
		return storage.Command{}, missing(bucketCommand, k, storage.ErrNotFound)
	}
	r.Body = bytes.Clone(body)
	return r.Command, nil
}

// Waiting implements the store of package fleet.
func (s *Store) Waiting(ctx context.Context, seg storage.Segment) ([]string, error) {
	var udids []string
	err := s.viewIn(ctx, seg, func(t *tx) error {
		last := uint64(0) // phone numbers start at 1
		for r, err := range t.rows(bucketQueue, inSegment(seg), nil) {
			if err != nil {
				return err
			}
			num := trailingNumber(r.key[:len(r.key)-8])
			if num == last {
				continue
			}
			q, err := parse[queueRow](t, bucketQueue, r)
			if err != nil {
				return err
			}
			if q.State.Final() {
				continue
			}
			k := inSegment(seg).number(num)
			p, err := load[storage.Phone](t, bucketPhones, k)
			if err != nil {
				return missing(bucketPhones, k, err)
			}
			if !q.over(p.Epoch) {
				udids, last = append(udids, p.UDID), num
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("phones with waiting commands: %w", err)
	}
	slices.Sort(udids)
	return udids, nil
}

// Queue implements the store of package fleet.
func (s *Store) Queue(ctx context.Context, seg storage.Segment, udid string) ([]storage.Command, error) {
	var commands []storage.Command
	err := s.viewIn(ctx, seg, func(t *tx) error {
		h, err := t.find(seg, udid)
		if err != nil {
			return err
		}
		rows, err := t.queue(seg, h.num)
		if err != nil {
			return err
		}
		for _, r := range rows {
			c, err := t.command(seg, r)
			if err != nil {
				return err
			}
			commands = append(commands, c)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("queue of %q: %w", udid, err)
	}
	return commands, nil
}

// Enqueue implements the store of package fleet. Beyond its contract, it
// returns storage.ErrExists, with nothing written, for a UUID that the phone's
// queue holds already. It sets State to queued and clears what only delivery
// fills in. A command of an earlier epoch does not stand in the way of a new
// one with its key, because it will never be offered.
func (s *Store) Enqueue(ctx context.Context, seg storage.Segment, udids []string, commands []storage.Command, audit []storage.AuditEntry) (int, error) {
	added := 0
	err := s.updateIn(ctx, seg, func(t *tx) error {
		phones := make([]handle, len(udids))
		for i, udid := range udids {
			var err error
			if phones[i], err = t.find(seg, udid); err != nil {
				return fmt.Errorf("phone %q: %w", udid, err)
			}
		}
		var err error
		if added, err = t.enqueueAll(seg, phones, commands); err != nil {
			return err
		}
		return t.appendAudit(seg, audit...)
	})
	if err != nil {
		return 0, fmt.Errorf("enqueue: %w", err)
	}
	return added, nil
}

// enqueueAll appends commands to phones' queues and returns how many rows it
// added.
func (t *tx) enqueueAll(seg storage.Segment, phones []handle, commands []storage.Command) (int, error) {
	for _, c := range commands {
		if err := checkName("UUID", c.UUID); err != nil {
			return 0, err
		}
	}
	uses := make([]uint64, len(commands))
	for _, h := range phones {
		if err := t.enqueue(seg, h, commands, uses); err != nil {
			return 0, fmt.Errorf("phone %d: %w", h.num, err)
		}
	}
	added := 0
	for i, c := range commands {
		if err := t.useBody(seg, c.Body, uses[i]); err != nil {
			return 0, err
		}
		added += int(uses[i]) //nolint:gosec // at most the number of phones
	}
	return added, nil
}

// enqueue appends commands to one phone's queue and counts the rows of each in
// uses.
func (t *tx) enqueue(seg storage.Segment, h handle, commands []storage.Command, uses []uint64) error {
	rows, err := t.queue(seg, h.num)
	if err != nil {
		return err
	}
	var seq uint64
	keys := map[string]bool{}
	for _, r := range rows {
		seq = r.Seq
		if r.Key != "" && !r.over(h.epoch) {
			keys[r.Key] = true
		}
	}
	for i, c := range commands {
		if keys[c.Key] {
			continue
		}
		if c.Key != "" {
			keys[c.Key] = true
		}
		index := inSegment(seg).number(h.num).last(c.UUID)
		if t.has(bucketQueueUUID, index) {
			return fmt.Errorf("command %q: %w", c.UUID, storage.ErrExists)
		}
		seq++
		if err := t.saveNumber(bucketQueueUUID, index, seq); err != nil {
			return err
		}
		hash := sha256.Sum256(c.Body)
		err := t.saveRow(queueRow{
			key:  inSegment(seg).number(h.num).number(seq),
			Hash: hash[:],
			Command: storage.Command{
				UUID: c.UUID, RequestType: c.RequestType, Key: c.Key,
				Epoch: h.epoch, State: storage.CommandQueued,
				CreatedAt: c.CreatedAt, CreatedBy: c.CreatedBy,
			},
		})
		if err != nil {
			return err
		}
		uses[i]++
	}
	return nil
}

// useBody notes that n more rows refer to a body, and stores it if it is new.
func (t *tx) useBody(seg storage.Segment, body []byte, n uint64) error {
	if n == 0 {
		return nil
	}
	hash := sha256.Sum256(body)
	k := inSegment(seg).last(string(hash[:]))
	uses, err := t.loadNumber(bucketCommandUse, k)
	if err != nil {
		return err
	}
	if err := t.put(bucketCommand, k, body); err != nil {
		return err
	}
	return t.saveNumber(bucketCommandUse, k, uses+n)
}

// releaseBody notes that a row refers to a body no more, and removes the body with the last.
func (t *tx) releaseBody(seg storage.Segment, hash []byte) error {
	k := inSegment(seg).last(string(hash))
	uses, err := t.loadNumber(bucketCommandUse, k)
	if err != nil {
		return err
	}
	if uses > 1 {
		return t.saveNumber(bucketCommandUse, k, uses-1)
	}
	if err := t.remove(bucketCommandUse, k); err != nil {
		return err
	}
	return t.remove(bucketCommand, k)
}

// delivery is what a poll does to a queue.
type delivery struct {
	next    *queueRow // nil: none
	command storage.Command
	void    []queueRow // not admitted: to be cancelled, Error says why
}

func (d *delivery) nothing() bool { return d.next == nil && len(d.void) == 0 }

// nextRow looks for the row to hand out to a phone.
func (t *tx) nextRow(seg storage.Segment, p *storage.Phone, o *storage.Handout) (delivery, error) {
	var d delivery
	rows, err := t.queue(seg, p.Num)
	if err != nil {
		return d, err
	}
	rows = slices.DeleteFunc(rows, func(r queueRow) bool { return r.over(p.Epoch) || slices.Contains(o.Skip, r.UUID) })
	slices.SortStableFunc(rows, func(a, b queueRow) int { return cmp.Compare(sentFirst(a), sentFirst(b)) })
	for _, r := range rows {
		if d.command, err = t.command(seg, r); err != nil {
			return d, err
		}
		refused := error(nil)
		if o.Admit != nil {
			refused = o.Admit(p, d.command)
		}
		switch {
		case refused == nil:
			d.next = &r
			return d, nil
		case !errors.Is(refused, storage.ErrDeferred):
			r.Error = refused.Error()
			d.void = append(d.void, r)
		}
	}
	return d, nil
}

func sentFirst(r queueRow) int {
	if r.State == storage.CommandSent {
		return 0
	}
	return 1
}

// deliver cancels what was not admitted and marks the row to hand out as sent.
// NotNowSince of a command that is offered again stays, so that it tells since
// when the phone has been deferring.
func (t *tx) deliver(seg storage.Segment, h handle, d *delivery, at time.Time) error {
	for _, r := range d.void {
		if err := t.cancelRow(r, r.Error, at); err != nil {
			return err
		}
	}
	if len(d.void) > 0 {
		if err := t.trimQueue(seg, h); err != nil {
			return err
		}
	}
	if d.next == nil {
		return nil
	}
	r := *d.next
	r.State, r.SentAt, r.Body = storage.CommandSent, stored(at), d.command.Body
	r.Deliveries++
	d.command = r.Command
	return t.saveRow(r)
}

func (t *tx) cancelRow(r queueRow, reason string, at time.Time) error {
	r.State, r.Error, r.NotNowSince, r.FinishedAt = storage.CommandCancelled, reason, time.Time{}, at
	return t.saveRow(r)
}

// withStatus returns a row after the phone said something of its command.
func withStatus(r queueRow, st storage.CommandStatus) queueRow {
	st.At = stored(st.At)
	r.State, r.Error = st.State, st.Error
	if st.State == storage.CommandNotNow {
		r.NotNows++
		if r.NotNowSince.IsZero() {
			r.NotNowSince = st.At
		}
		return r
	}
	r.NotNowSince, r.FinishedAt = time.Time{}, st.At
	return r
}

func (t *tx) rowByUUID(seg storage.Segment, num uint64, uuid string) (queueRow, error) {
	k, content, err := t.recordOfRow(seg, num, uuid)
	if err != nil {
		return queueRow{}, err
	}
	if content == nil {
		return queueRow{}, storage.ErrNotFound
	}
	return t.rowOf(row{k, content})
}

// recordOfRow returns the key and the content of a phone's row, nil when there
// is none.
func (t *tx) recordOfRow(seg storage.Segment, num uint64, uuid string) (key, []byte, error) {
	seq, err := t.loadNumber(bucketQueueUUID, inSegment(seg).number(num).last(uuid))
	if err != nil || seq == 0 {
		return nil, nil, err
	}
	k := inSegment(seg).number(num).number(seq)
	content, err := t.get(bucketQueue, k)
	if err == nil && content == nil {
		err = missing(bucketQueue, k, storage.ErrNotFound)
	}
	return k, content, err
}

// cancelQueue ends the commands of a phone that are not final, all of them or
// those the change names. They finish at the time of the change's last audit
// entry; a change without one has no time of its own, and they finish when they
// were last touched.
func (t *tx) cancelQueue(seg storage.Segment, h handle, c storage.PhoneChange) error {
	rows, err := t.queue(seg, h.num)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.State.Final() || !strings.HasPrefix(r.Key, c.CancelKeys) {
			continue
		}
		at := cmp.Or(r.SentAt, r.CreatedAt)
		if len(c.Audit) > 0 {
			at = c.Audit[len(c.Audit)-1].At
		}
		if err := t.cancelRow(r, c.CancelQueue, at); err != nil {
			return err
		}
	}
	return t.trimQueue(seg, h)
}

// trimQueue removes the rows that are over, apart from those finished last.
func (t *tx) trimQueue(seg storage.Segment, h handle) error {
	// Most queues are short, and counting their rows is cheaper than decoding them.
	if keys, err := t.keys(bucketQueue, inSegment(seg).number(h.num)); err != nil || len(keys) <= retained {
		return err
	}
	rows, err := t.queue(seg, h.num)
	if err != nil {
		return err
	}
	rows = slices.DeleteFunc(rows, func(r queueRow) bool { return !r.over(h.epoch) })
	slices.SortStableFunc(rows, func(a, b queueRow) int { return a.FinishedAt.Compare(b.FinishedAt) })
	for _, r := range rows[:max(0, len(rows)-retained)] {
		err := errors.Join(
			t.remove(bucketQueue, r.key),
			t.remove(bucketQueueUUID, inSegment(seg).number(h.num).last(r.UUID)),
		)
		if err == nil && len(r.Hash) > 0 { // of an older epoch, or of an older kannuki
			err = t.releaseBody(seg, r.Hash)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
