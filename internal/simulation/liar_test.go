package simulation

import (
	"context"
	"slices"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// liar is a store that changes what goes through it.
type liar struct {
	fleet.Store

	world  func(*storage.World)
	change func(*storage.WorldChange)
	phone  func(before, after *storage.Phone)
	set    func(*storage.DeclarationSet)
}

func (l liar) World(ctx context.Context, seg storage.Segment) (storage.World, error) {
	w, err := l.Store.World(ctx, seg)
	if err == nil && l.world != nil {
		l.world(&w)
	}
	return w, err
}

func (l liar) ChangeWorld(ctx context.Context, seg storage.Segment, revision uint64, c storage.WorldChange) (uint64, error) {
	if l.change != nil {
		l.change(&c)
	}
	for i, p := range c.Phones {
		c.Phones[i].Update = l.updating(p.Update)
	}
	return l.Store.ChangeWorld(ctx, seg, revision, c)
}

func (l liar) changed(p, q *storage.Phone, c storage.PhoneChange, err error) {
	if err == nil && !c.Unchanged && l.phone != nil {
		l.phone(p, q)
	}
}

func (l liar) UpdatePhone(ctx context.Context, seg storage.Segment, udid string, epoch uint64, update func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error) {
	return l.Store.UpdatePhone(ctx, seg, udid, epoch, l.updating(update))
}

func (l liar) UpdatePhones(ctx context.Context, seg storage.Segment, udids []string, update func(*storage.Phone) (storage.PhoneChange, error)) ([]storage.Phone, error) {
	return l.Store.UpdatePhones(ctx, seg, udids, l.updating(update))
}

func (l liar) updating(update func(*storage.Phone) (storage.PhoneChange, error)) func(*storage.Phone) (storage.PhoneChange, error) {
	return func(q *storage.Phone) (storage.PhoneChange, error) {
		before := q.Clone()
		c, err := update(q)
		l.changed(&before, q, c, err)
		return c, err
	}
}

func (l liar) Exchange(ctx context.Context, seg storage.Segment, udid string, epoch uint64, x storage.Exchange) (storage.Exchanged, error) {
	if update := x.Update; update != nil {
		x.Update = func(q *storage.Phone, row *storage.Command) (storage.PhoneChange, error) {
			before := q.Clone()
			c, err := update(q, row)
			l.changed(&before, q, c, err)
			return c, err
		}
	}
	return l.Store.Exchange(ctx, seg, udid, epoch, x)
}

func (l liar) DeclarationSet(ctx context.Context, seg storage.Segment, token string) (storage.DeclarationSet, error) {
	set, err := l.Store.DeclarationSet(ctx, seg, token)
	if err == nil && l.set != nil {
		l.set(&set)
	}
	return set, err
}

// reading is a plant that changes the records as the server reads them.
func reading(change func(*storage.World)) func(*world, *memory.Store) fleet.Store {
	return func(_ *world, s *memory.Store) fleet.Store { return liar{Store: s, world: change} }
}

// approvals is a plant that changes each approval as the server reads it.
func approvals(change func(*storage.Approval)) func(*world, *memory.Store) fleet.Store {
	return reading(func(w *storage.World) {
		for i := range w.Approvals {
			change(&w.Approvals[i])
		}
	})
}

// phones is a plant that changes a phone's record as it is stored.
func phones(change func(before, after *storage.Phone)) func(*world, *memory.Store) fleet.Store {
	return func(_ *world, s *memory.Store) fleet.Store { return liar{Store: s, phone: change} }
}

// losing is a plant that stores no audit entry of an action.
func losing(action string) func(*world, *memory.Store) fleet.Store {
	return func(_ *world, s *memory.Store) fleet.Store {
		return liar{Store: s, change: func(c *storage.WorldChange) {
			c.Audit = slices.DeleteFunc(c.Audit, func(e storage.AuditEntry) bool { return e.Action == action })
		}}
	}
}
