package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// retained is how many commands that are over a phone's queue keeps.
const retained = 20

// over reports whether a command will never be offered again.
func over(c storage.Command, epoch uint64) bool { return c.State.Final() || c.Epoch != epoch }

// Waiting implements the store of package fleet.
func (s *Store) Waiting(ctx context.Context, seg storage.Segment) ([]string, error) {
	var udids []string
	err := s.view(ctx, seg, func(in *segment) error {
		for udid, rows := range in.queues {
			epoch := in.phones[udid].Epoch // a phone with a queue has a record
			if slices.ContainsFunc(rows, func(c storage.Command) bool { return !over(c, epoch) }) {
				udids = append(udids, udid)
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
	err := s.view(ctx, seg, func(in *segment) error {
		if _, known := in.phones[udid]; !known {
			return storage.ErrNotFound
		}
		for _, c := range in.queues[udid] {
			commands = append(commands, given(s, c))
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
// queue holds already.
func (s *Store) Enqueue(ctx context.Context, seg storage.Segment, udids []string, commands []storage.Command, audit []storage.AuditEntry) (int, error) {
	added := 0
	err := s.update(ctx, "Enqueue", seg, func(t *tx, in *segment) error {
		for _, udid := range udids {
			p, known := in.phones[udid]
			if !known {
				return fmt.Errorf("phone %q: %w", udid, storage.ErrNotFound)
			}
			n, err := t.enqueue(in, p, commands)
			if err != nil {
				return fmt.Errorf("phone %q: %w", udid, err)
			}
			added += n
		}
		return t.appendAudit(in, audit...)
	})
	if err != nil {
		return 0, fmt.Errorf("enqueue: %w", err)
	}
	return added, nil
}

// enqueue appends commands to a phone's queue and returns how many were added.
func (t *tx) enqueue(in *segment, p *storage.Phone, commands []storage.Command) (int, error) {
	rows := slices.Clone(in.queues[p.UDID])
	added := 0
	for _, c := range commands {
		if err := checkName("UUID", c.UUID); err != nil {
			return 0, err
		}
		if c.Key != "" && slices.ContainsFunc(rows, func(r storage.Command) bool { return r.Key == c.Key && !over(r, p.Epoch) }) {
			continue
		}
		if slices.ContainsFunc(rows, func(r storage.Command) bool { return r.UUID == c.UUID }) {
			return 0, fmt.Errorf("command %q: %w", c.UUID, storage.ErrExists)
		}
		row, err := kept(t.store, storage.Command{
			Seq: 1, UUID: c.UUID, RequestType: c.RequestType, Body: c.Body, Key: c.Key,
			Epoch: p.Epoch, State: storage.CommandQueued, CreatedAt: c.CreatedAt, CreatedBy: c.CreatedBy,
		})
		if err != nil {
			return 0, err
		}
		if len(rows) > 0 {
			row.Seq = rows[len(rows)-1].Seq + 1
		}
		rows = append(rows, row)
		added++
	}
	if added > 0 {
		put(t, in.queues, p.UDID, rows)
	}
	return added, nil
}

// takeStatus records what a phone said of a command and returns the row as it
// is then without its body, nil when there is none.
func (t *tx) takeStatus(in *segment, p *storage.Phone, st *storage.CommandStatus) (*storage.Command, error) {
	if st == nil {
		return nil, nil
	}
	if st.State != storage.CommandNotNow && !st.State.Final() {
		return nil, fmt.Errorf("%q is no status of a phone", st.State)
	}
	rows := slices.Clone(in.queues[p.UDID])
	i := slices.IndexFunc(rows, func(c storage.Command) bool { return c.UUID == st.UUID })
	if i < 0 {
		return nil, nil
	}
	if !over(rows[i], p.Epoch) {
		row, err := kept(t.store, withStatus(rows[i], *st))
		if err != nil {
			return nil, err
		}
		rows[i] = row
		put(t, in.queues, p.UDID, rows)
	}
	said := rows[i]
	said.Body = nil
	if said.State.Final() {
		t.trimQueue(in, p)
	}
	return &said, nil
}

// withStatus returns a row after the phone said something of its command. The
// body goes with a command's end: the phone gets it no more.
func withStatus(c storage.Command, st storage.CommandStatus) storage.Command {
	c.State, c.Error = st.State, st.Error
	if st.State == storage.CommandNotNow {
		c.NotNows++
		if c.NotNowSince.IsZero() {
			c.NotNowSince = st.At
		}
		return c
	}
	c.NotNowSince, c.FinishedAt, c.Body = time.Time{}, st.At, nil
	return c
}

// handOut marks the command that a phone is handed as sent and returns it, nil
// when there is none, and cancels those that are not admitted.
func (t *tx) handOut(in *segment, p *storage.Phone, o *storage.Handout) *storage.Command {
	rows := slices.Clone(in.queues[p.UDID])
	var next *storage.Command
	changed := false
	for _, i := range offered(rows, p.Epoch, o.Skip) {
		refused := error(nil)
		if o.Admit != nil {
			phone := t.store.give(p)
			refused = o.Admit(&phone, given(t.store, rows[i]))
		}
		if errors.Is(refused, storage.ErrDeferred) {
			continue
		}
		changed = true
		if refused == nil {
			rows[i].State, rows[i].SentAt = storage.CommandSent, stamp(o.At)
			rows[i].Deliveries++
			handed := given(t.store, rows[i])
			next = &handed
			break
		}
		rows[i] = cancelled(rows[i], refused.Error(), stamp(o.At))
	}
	if changed {
		put(t, in.queues, p.UDID, rows)
		t.trimQueue(in, p)
	}
	return next
}

// offered returns the places of the rows that may be handed out, the one
// already sent first.
func offered(rows []storage.Command, epoch uint64, skip []string) []int {
	var places []int
	for i, c := range rows {
		if !over(c, epoch) && !slices.Contains(skip, c.UUID) {
			places = append(places, i)
		}
	}
	unsent := func(i int) int {
		if rows[i].State == storage.CommandSent {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(places, func(i, j int) int { return cmp.Compare(unsent(i), unsent(j)) })
	return places
}

func stamp(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func cancelled(c storage.Command, reason string, at time.Time) storage.Command {
	c.State, c.Error, c.NotNowSince, c.FinishedAt, c.Body = storage.CommandCancelled, reason, time.Time{}, at, nil
	return c
}

// cancelQueue ends the commands of a phone that are not final, all of them or
// those the change names. They finish at the time of the change's last audit
// entry; without one, when they were last touched.
func (t *tx) cancelQueue(in *segment, p *storage.Phone, c storage.PhoneChange) {
	rows := slices.Clone(in.queues[p.UDID])
	changed := false
	for i, r := range rows {
		if r.State.Final() || !strings.HasPrefix(r.Key, c.CancelKeys) {
			continue
		}
		at := r.SentAt
		if at.IsZero() {
			at = r.CreatedAt
		}
		if n := len(c.Audit); n > 0 {
			at = stamp(c.Audit[n-1].At)
		}
		rows[i], changed = cancelled(r, c.CancelQueue, at), true
	}
	if changed {
		put(t, in.queues, p.UDID, rows)
		t.trimQueue(in, p)
	}
}

// CancelCommand implements the store of package fleet.
func (s *Store) CancelCommand(ctx context.Context, seg storage.Segment, udid, uuid, reason string, at time.Time, audit storage.AuditEntry) (storage.Command, error) {
	var command storage.Command
	err := s.update(ctx, "CancelCommand", seg, func(t *tx, in *segment) error {
		p, known := in.phones[udid]
		rows := slices.Clone(in.queues[udid])
		i := slices.IndexFunc(rows, func(c storage.Command) bool { return c.UUID == uuid })
		switch {
		case !known, i < 0:
			return storage.ErrNotFound
		case over(rows[i], p.Epoch):
			return fmt.Errorf("it is %s: %w", rows[i].State, storage.ErrConflict)
		}
		row, err := kept(t.store, cancelled(rows[i], reason, at))
		if err != nil {
			return err
		}
		rows[i], command = row, row
		put(t, in.queues, udid, rows)
		t.trimQueue(in, p)
		return t.appendAudit(in, audit)
	})
	if err != nil {
		return storage.Command{}, fmt.Errorf("cancel command %q of %q: %w", uuid, udid, err)
	}
	return command, nil
}

// trimQueue removes the rows that are over, apart from those finished last.
func (t *tx) trimQueue(in *segment, p *storage.Phone) {
	var ended []storage.Command
	for _, c := range in.queues[p.UDID] {
		if over(c, p.Epoch) {
			ended = append(ended, c)
		}
	}
	if len(ended) <= retained {
		return
	}
	slices.SortStableFunc(ended, func(a, b storage.Command) int { return a.FinishedAt.Compare(b.FinishedAt) })
	ended = ended[:len(ended)-retained]
	rows := slices.DeleteFunc(slices.Clone(in.queues[p.UDID]), func(c storage.Command) bool {
		return slices.ContainsFunc(ended, func(e storage.Command) bool { return e.UUID == c.UUID })
	})
	put(t, in.queues, p.UDID, rows)
}
