package bolt

import (
	"context"
	"fmt"

	"github.com/kannuki-mdm/kannuki/storage"
)

// UpdatePhones implements the store of package fleet.
func (s *Store) UpdatePhones(ctx context.Context, seg storage.Segment, udids []string, update func(*storage.Phone) (storage.PhoneChange, error)) ([]storage.Phone, error) {
	phones := make([]storage.Phone, len(udids))
	x := storage.Exchange{
		Update: func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) { return update(p) },
	}
	err := s.updateIn(ctx, seg, func(t *tx) error {
		for i, udid := range udids {
			p, err := t.planPhone(seg, subject{udid: udid}, x)
			if err == nil {
				_, err = t.applyPlan(seg, p, nil)
			}
			if err == nil { // as it is stored: times have lost what is below a microsecond
				phones[i], err = t.parsePhone(row{p.key, p.after})
			}
			if err != nil {
				return fmt.Errorf("phone %q: %w", udid, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("update phones: %w", err)
	}
	return phones, nil
}
