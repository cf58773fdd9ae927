package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// keptPlaceShown is how long views say that a phone is not where its link named.
const keptPlaceShown = 30 * 24 * time.Hour

// KeptPlaceView is the place that the link named with which a phone enrolled again. It
// stayed where it was, because its move was refused by then; the audit log has why
// (phone.place-kept).
type KeptPlaceView struct {
	Group string    `json:"group"`
	Ring  string    `json:"ring"`
	At    time.Time `json:"at"` // of the enrolment, by the server's clock
}

// keptPlace returns what a phone's link named instead of its place, nil for none and once
// that was 30 days ago.
func (f *Fleet) keptPlace(p *storage.Phone) *KeptPlaceView {
	k := p.Kept
	if k.At.IsZero() || p.State == storage.PhoneRemoved || f.o.Wall().Sub(k.At) >= keptPlaceShown {
		return nil
	}
	return &KeptPlaceView{Group: k.Group, Ring: string(k.Ring), At: k.At}
}
