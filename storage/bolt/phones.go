package bolt

import (
	"context"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// UpdatePhones implements the store of package fleet.
func (s *Store) UpdatePhones(ctx context.Context, seg storage.Segment, udids []string, update func(*storage.Phone) (storage.PhoneChange, error)) ([]storage.Phone, error) {
	phones := make([]storage.Phone, len(udids))
	err := s.updateIn(ctx, seg, func(t *tx) (err error) {
		for i, udid := range udids {
			if phones[i], err = t.updatePhone(seg, udid, update); err != nil {
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

// updatePhone changes one phone within a transaction and returns it as it is
// stored: times have lost what is below a microsecond.
func (t *tx) updatePhone(seg storage.Segment, udid string, update func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error) {
	var phone storage.Phone
	p, err := t.planPhone(seg, subject{udid: udid}, storage.Exchange{
		Update: func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) { return update(p) },
	})
	if err == nil {
		_, err = t.applyPlan(seg, p, nil)
	}
	if err == nil {
		phone, err = t.parsePhone(row{p.key, p.after})
	}
	if err != nil {
		return storage.Phone{}, fmt.Errorf("phone %q: %w", udid, err)
	}
	return phone, nil
}
