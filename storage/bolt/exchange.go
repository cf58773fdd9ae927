package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Exchange implements the store of package fleet.
func (s *Store) Exchange(ctx context.Context, seg storage.Segment, udid string, epoch uint64, x storage.Exchange) (storage.Exchanged, error) {
	done, err := s.exchange(ctx, seg, subject{udid, epoch}, x)
	if err != nil {
		return storage.Exchanged{}, fmt.Errorf("exchange with phone %q: %w", udid, err)
	}
	return done, nil
}

// UpdatePhone implements the store of package fleet.
func (s *Store) UpdatePhone(ctx context.Context, seg storage.Segment, udid string, epoch uint64, update func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error) {
	done, err := s.exchange(ctx, seg, subject{udid, epoch}, storage.Exchange{
		Update: func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) { return update(p) },
	})
	if err != nil {
		return storage.Phone{}, fmt.Errorf("update phone %q: %w", udid, err)
	}
	return done.Phone, nil
}

// subject is the phone that somebody means to speak with.
type subject struct {
	udid  string
	epoch uint64 // 0: any
}

// exchange plans in a read transaction, on the caller's goroutine: a poll that
// changes nothing and finds an empty queue, which most do, then never waits for
// the disk, and the writer only has to see that all is still as it was read.
func (s *Store) exchange(ctx context.Context, seg storage.Segment, of subject, x storage.Exchange) (storage.Exchanged, error) {
	var p *phonePlan
	var d delivery
	err := s.viewIn(ctx, seg, func(t *tx) (err error) {
		if p, err = t.planPhone(seg, of, x); err == nil && !p.writes() && x.Handout != nil {
			d, err = t.nextRow(seg, &p.phone, x.Handout)
		}
		return err
	})
	if err == nil && (p.writes() || !d.nothing()) {
		err = s.updateIn(ctx, seg, func(t *tx) error {
			// Kept apart from p and d until it succeeded: this job may be run again.
			again, err := p, error(nil)
			if still, err := t.isAsPlanned(seg, p, x); err != nil {
				return err
			} else if !still {
				if again, err = t.planPhone(seg, of, x); err != nil {
					return err
				}
			}
			handed, err := t.applyPlan(seg, again, x.Handout)
			if err == nil {
				p, d = again, handed
			}
			return err
		})
	}
	if err != nil {
		return storage.Exchanged{}, err
	}
	done := storage.Exchanged{Phone: p.phone}
	if d.next != nil {
		done.Command = &d.command
	}
	if !p.change.Unchanged {
		done.Phone, err = s.packer.phones.decode(p.key, p.after, storage.Phone.Clone, func() (storage.Phone, error) {
			return unpack[storage.Phone](s.packer, p.after)
		})
	}
	return done, err
}

// phonePlan is what an exchange makes of a phone and of the command it speaks of.
type phonePlan struct {
	key           key
	before, after []byte // the phone's record as read and as it is to be
	stale         []indexEntry
	carried       string // who carried the phone
	phone         storage.Phone
	change        storage.PhoneChange

	said []byte    // the record of the command's row as read; nil: none
	row  *queueRow // that row as it is to be; nil: it stays as it is
}

// writes reports whether the plan changes anything.
func (p *phonePlan) writes() bool { return p.row != nil || !p.change.Unchanged }

// isAsPlanned reports whether what a plan was made from is still so.
func (t *tx) isAsPlanned(seg storage.Segment, p *phonePlan, x storage.Exchange) (bool, error) {
	now, err := t.get(bucketPhones, p.key)
	if err != nil || x.Status == nil || !bytes.Equal(now, p.before) {
		return bytes.Equal(now, p.before), err
	}
	_, said, err := t.recordOfRow(seg, p.phone.Num, x.Status.UUID)
	return bytes.Equal(said, p.said), err
}

// planPhone reads a phone and makes the plan.
func (t *tx) planPhone(seg storage.Segment, of subject, x storage.Exchange) (*phonePlan, error) {
	h, err := t.find(seg, of.udid)
	if err != nil {
		return nil, err
	}
	k := inSegment(seg).number(h.num)
	content, err := t.get(bucketPhones, k)
	if err != nil {
		return nil, err
	}
	p := &phonePlan{key: k, before: bytes.Clone(content)}
	if p.phone, err = t.parsePhone(row{k, content}); err != nil {
		return nil, err
	}
	if of.epoch != 0 && h.epoch != of.epoch {
		return nil, fmt.Errorf("epoch is %d, not %d: %w", h.epoch, of.epoch, storage.ErrConflict)
	}
	p.stale, p.carried = phoneIndexes(seg, p.phone), p.phone.Holder
	said, err := t.planStatus(seg, h, x.Status, p)
	if err != nil {
		return nil, err
	}
	p.change.Unchanged = true
	if x.Update != nil {
		err = protect(func() (err error) {
			p.change, err = x.Update(&p.phone, said)
			return err
		})
	}
	if err != nil {
		return nil, err
	}
	if p.change.Unchanged { // whatever the updater did to its copy
		p.after = p.before
		p.phone, err = t.parsePhone(row{k, content})
		return p, err
	}
	if p.phone.UDID != of.udid || p.phone.Num != h.num || p.phone.Epoch != h.epoch {
		return nil, errors.New("the updater changed the UDID, the number or the epoch")
	}
	if err := checkPhone(p.phone); err != nil {
		return nil, err
	}
	p.after, err = pack(t.packer, bucketPhones, p.phone)
	return p, err
}

// planStatus plans what a status does to the row of its command, and returns
// the row as it is then without its body, or nil when there is none.
func (t *tx) planStatus(seg storage.Segment, h handle, st *storage.CommandStatus, p *phonePlan) (*storage.Command, error) {
	if st == nil {
		return nil, nil
	}
	if st.State != storage.CommandNotNow && !st.State.Final() {
		return nil, fmt.Errorf("%q is no status of a phone", st.State)
	}
	k, content, err := t.recordOfRow(seg, h.num, st.UUID)
	if err != nil || content == nil {
		return nil, err
	}
	r, err := t.rowOf(row{k, content})
	if err != nil {
		return nil, err
	}
	p.said = bytes.Clone(content)
	if !r.over(h.epoch) {
		r = withStatus(r, *st)
		p.row = &r
	}
	said := r.Command
	return &said, nil
}

// applyPlan writes a plan made for the phone as it is now, and hands out what
// may be handed out.
func (t *tx) applyPlan(seg storage.Segment, p *phonePlan, o *storage.Handout) (delivery, error) {
	h := handle{p.phone.Num, p.phone.Epoch}
	if err := t.applyStatus(seg, h, p.row); err != nil {
		return delivery{}, err
	}
	if err := t.applyPhone(seg, h, p); err != nil {
		return delivery{}, err
	}
	if o == nil {
		return delivery{}, nil
	}
	d, err := t.nextRow(seg, &p.phone, o)
	if err != nil {
		return d, err
	}
	return d, t.deliver(seg, h, &d, o.At)
}

func (t *tx) applyStatus(seg storage.Segment, h handle, r *queueRow) error {
	if r == nil {
		return nil
	}
	if err := t.saveRow(*r); err != nil {
		return err
	}
	if !r.State.Final() {
		return nil
	}
	return t.trimQueue(seg, h)
}

func (t *tx) applyPhone(seg storage.Segment, h handle, p *phonePlan) error {
	if p.change.Unchanged {
		return nil
	}
	if err := t.saveDeclarations(seg, p.change); err != nil {
		return err
	}
	if err := t.putPhone(seg, p.stale, p.carried, p.phone, p.after); err != nil {
		return err
	}
	if p.change.CancelQueue != "" {
		if err := t.cancelQueue(seg, h, p.change); err != nil {
			return err
		}
	}
	if _, err := t.enqueueAll(seg, []handle{h}, p.change.Enqueue); err != nil {
		return err
	}
	if err := t.addNotices(seg, p.change.Notices); err != nil {
		return err
	}
	return t.appendAudit(seg, p.change.Audit...)
}
