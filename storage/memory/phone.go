package memory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Phone implements the stores of packages enroll and fleet.
func (s *Store) Phone(ctx context.Context, seg storage.Segment, udid string) (storage.Phone, error) {
	var p storage.Phone
	err := s.view(ctx, seg, func(in *segment) (err error) {
		p, err = s.phone(in, udid)
		return err
	})
	if err != nil {
		return storage.Phone{}, fmt.Errorf("phone %q: %w", udid, err)
	}
	return p, nil
}

// phone returns a phone's record as callers get it.
func (s *Store) phone(in *segment, udid string) (storage.Phone, error) {
	p, known := in.phones[udid]
	if !known {
		return storage.Phone{}, storage.ErrNotFound
	}
	return s.give(p), nil
}

// give returns a copy of a phone's record, or the record when the store is
// trusting.
func (s *Store) give(p *storage.Phone) storage.Phone {
	if s.o.Trusting {
		return *p
	}
	return p.Clone()
}

// Phones implements the store of package fleet.
func (s *Store) Phones(ctx context.Context, seg storage.Segment, q storage.PhoneQuery) ([]storage.Phone, error) {
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	var phones []storage.Phone
	err := s.view(ctx, seg, func(in *segment) error {
		phones = make([]storage.Phone, 0, min(q.Limit, len(in.order)))
		for _, udid := range in.order {
			if p := in.phones[udid]; p.Num > q.After && matches(q, p) {
				phones = append(phones, s.give(p))
			}
			if len(phones) == q.Limit {
				break
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("phones: %w", err)
	}
	return phones, nil
}

// PhonesBySerial implements the store of package fleet.
func (s *Store) PhonesBySerial(ctx context.Context, seg storage.Segment, serial string) ([]storage.Phone, error) {
	var phones []storage.Phone
	err := s.view(ctx, seg, func(in *segment) error {
		for _, udid := range in.order {
			if p := in.phones[udid]; serial != "" && p.Serial == serial {
				phones = append(phones, s.give(p))
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("phones with serial number %q: %w", serial, err)
	}
	return phones, nil
}

func matches(q storage.PhoneQuery, p *storage.Phone) bool {
	switch {
	case q.Group != nil && *q.Group != p.Group:
		return false
	case q.Ring != "" && q.Ring != p.Ring:
		return false
	case p.State == storage.PhoneRemoved:
		return q.Removed
	case p.State == storage.PhoneAuthenticating:
		return q.Enrolling
	}
	return true
}

// savePhone stores a phone, which is the store's from then on. A new one gets its
// number.
func (t *tx) savePhone(in *segment, p *storage.Phone) error {
	err := errors.Join(
		checkOptional("serial number", p.Serial), checkOptional("group", p.Group),
		checkOptional("announced token", p.Announced.Token), checkOptional("manifest token", p.Sync.Manifest),
	)
	if err != nil {
		return err
	}
	if !t.store.o.Trusting {
		own, err := stored(*p)
		if err != nil {
			return err
		}
		p = &own
	}
	if _, known := in.phones[p.UDID]; !known {
		p.Num = t.store.lastNum + 1
		assign(t, &t.store.lastNum, p.Num)
		assign(t, &in.order, append(in.order, p.UDID))
	}
	put(t, in.phones, p.UDID, p)
	return nil
}

// UpdatePhone implements the stores of packages enroll and fleet.
func (s *Store) UpdatePhone(ctx context.Context, seg storage.Segment, udid string, epoch uint64, update func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error) {
	done, err := s.exchange(ctx, "UpdatePhone", seg, udid, epoch, storage.Exchange{
		Update: func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) { return update(p) },
	})
	if err != nil {
		return storage.Phone{}, fmt.Errorf("update phone %q: %w", udid, err)
	}
	return done.Phone, nil
}

// UpdatePhones implements the store of package fleet.
func (s *Store) UpdatePhones(ctx context.Context, seg storage.Segment, udids []string, update func(*storage.Phone) (storage.PhoneChange, error)) ([]storage.Phone, error) {
	phones := make([]storage.Phone, len(udids))
	err := s.update(ctx, "UpdatePhones", seg, func(t *tx, in *segment) error {
		for i, udid := range udids {
			if err := t.changePhone(in, udid, update); err != nil {
				return err
			}
			var err error
			if phones[i], err = s.phone(in, udid); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("update phones: %w", err)
	}
	return phones, nil
}

// changePhone lets an updater change a phone, whatever its epoch.
func (t *tx) changePhone(in *segment, udid string, update func(*storage.Phone) (storage.PhoneChange, error)) error {
	p, known := in.phones[udid]
	err := storage.ErrNotFound
	if known {
		err = t.updatePhone(in, p, nil, func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) { return update(p) })
	}
	if err != nil {
		return fmt.Errorf("phone %q: %w", udid, err)
	}
	return nil
}

// Exchange implements the store of package fleet.
func (s *Store) Exchange(ctx context.Context, seg storage.Segment, udid string, epoch uint64, x storage.Exchange) (storage.Exchanged, error) {
	done, err := s.exchange(ctx, "Exchange", seg, udid, epoch, x)
	if err != nil {
		return storage.Exchanged{}, fmt.Errorf("exchange with phone %q: %w", udid, err)
	}
	return done, nil
}

func (s *Store) exchange(ctx context.Context, op string, seg storage.Segment, udid string, epoch uint64, x storage.Exchange) (storage.Exchanged, error) {
	var done storage.Exchanged
	err := s.update(ctx, op, seg, func(t *tx, in *segment) error {
		p, known := in.phones[udid]
		if !known {
			return storage.ErrNotFound
		}
		if epoch != 0 && p.Epoch != epoch {
			return fmt.Errorf("epoch is %d, not %d: %w", p.Epoch, epoch, storage.ErrConflict)
		}
		said, err := t.takeStatus(in, p, x.Status)
		if err != nil {
			return err
		}
		if x.Update != nil {
			if err := t.updatePhone(in, p, said, x.Update); err != nil {
				return err
			}
		}
		done.Phone = s.give(in.phones[udid])
		if x.Handout != nil {
			done.Command = t.handOut(in, in.phones[udid], x.Handout)
		}
		return nil
	})
	if err != nil {
		return storage.Exchanged{}, err
	}
	return done, nil
}

// updatePhone lets an updater change a copy of a phone's record and stores what
// it made of it.
func (t *tx) updatePhone(in *segment, before *storage.Phone, said *storage.Command, update func(*storage.Phone, *storage.Command) (storage.PhoneChange, error)) error {
	p := before.Clone()
	c, err := update(&p, said)
	if err != nil || c.Unchanged {
		return err
	}
	if p.UDID != before.UDID || p.Num != before.Num || p.Epoch != before.Epoch {
		return errors.New("the updater changed the UDID, the number or the epoch")
	}
	if err := t.saveDeclarations(in, c); err != nil {
		return err
	}
	if err := t.savePhone(in, &p); err != nil {
		return err
	}
	if c.CancelQueue != "" {
		t.cancelQueue(in, &p, c)
	}
	if _, err := t.enqueue(in, &p, c.Enqueue); err != nil {
		return err
	}
	if err := t.addNotices(in, c.Notices); err != nil {
		return err
	}
	return t.appendAudit(in, c.Audit...)
}

// saveDeclarations stores the bodies and the set of a change. Both are named by
// their content; the same name with other content is storage.ErrConflict.
func (t *tx) saveDeclarations(in *segment, c storage.PhoneChange) error {
	for _, body := range c.Declarations {
		if err := checkName("server token", body.ServerToken); err != nil {
			return err
		}
		old, known := in.bodies[body.ServerToken]
		if known && !bytes.Equal(old, body.JSON) {
			return fmt.Errorf("declaration %q: stored with other content: %w", body.ServerToken, storage.ErrConflict)
		}
		put(t, in.bodies, body.ServerToken, bytes.Clone(body.JSON))
	}
	if c.Set == nil {
		return nil
	}
	if err := checkName("declarations token", c.Set.Token); err != nil {
		return err
	}
	set, err := stored(*c.Set)
	if err != nil {
		return err
	}
	if old, known := in.sets[set.Token]; known && !slices.Equal(old.Items, set.Items) {
		return fmt.Errorf("declaration set %q: stored with other content: %w", set.Token, storage.ErrConflict)
	}
	put(t, in.sets, set.Token, set)
	return nil
}

// DeclarationSet implements the store of package fleet.
func (s *Store) DeclarationSet(ctx context.Context, seg storage.Segment, token string) (storage.DeclarationSet, error) {
	var set storage.DeclarationSet
	err := s.view(ctx, seg, func(in *segment) error {
		found, known := in.sets[token]
		if !known {
			return storage.ErrNotFound
		}
		set = copied(found)
		return nil
	})
	if err != nil {
		return storage.DeclarationSet{}, fmt.Errorf("declaration set %q: %w", token, err)
	}
	return set, nil
}

// Declaration implements the store of package fleet.
func (s *Store) Declaration(ctx context.Context, seg storage.Segment, serverToken string) ([]byte, error) {
	var body []byte
	err := s.view(ctx, seg, func(in *segment) error {
		found, known := in.bodies[serverToken]
		if !known {
			return storage.ErrNotFound
		}
		body = bytes.Clone(found)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("declaration %q: %w", serverToken, err)
	}
	return body, nil
}

// SweepDeclarations implements the store of package fleet.
func (s *Store) SweepDeclarations(ctx context.Context, seg storage.Segment) (int, error) {
	swept := 0
	err := s.update(ctx, "SweepDeclarations", seg, func(t *tx, in *segment) error {
		sets, bodies := map[string]bool{}, map[string]bool{}
		for _, p := range in.phones {
			sets[p.Announced.Token], sets[p.Sync.Manifest] = true, true
		}
		for token, set := range in.sets {
			if !sets[token] {
				remove(t, in.sets, token)
				swept++
				continue
			}
			for _, item := range set.Items {
				bodies[item.ServerToken] = true
			}
		}
		for token := range in.bodies {
			if !bodies[token] {
				remove(t, in.bodies, token)
				swept++
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sweep declarations: %w", err)
	}
	return swept, nil
}
