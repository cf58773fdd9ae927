package storage

import "time"

// Restored brings the record of an older copy into the present, which a restore at
// that moment does to each phone: what the phone runs, holds, installs and carried
// out by now is not what the copy says, so that it is asked first; a deadline that
// has passed since may not be sent to it as one it knows; and a phone ignores what is
// dated before the last that it heard.
func (p *Phone) Restored(at time.Time) {
	p.Declarations, p.AppUpdates = nil, nil
	p.Update = UpdateState{}
	if !p.InfoAt.IsZero() {
		p.InfoAt = time.Unix(0, 0).UTC() // it did answer; nobody knows what it would say now
	}
	if p.Legacy != nil {
		p.Legacy.Attempt = Attempt{Number: p.Legacy.Attempt.Number}
	}
	if p.Announced.Token == "" {
		return
	}
	if floor := at.UTC().Truncate(time.Second); floor.After(p.Announced.Timestamp) {
		p.Announced.Timestamp = floor
	}
	p.Sync.Acked = ""
}
