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
		p.InfoAt = forgottenAnswer() // it did answer; nobody knows what it would say now
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

// forgottenAnswer stands for an answer of before a restore, and is older than any other.
func forgottenAnswer() time.Time { return time.Unix(0, 0).UTC() }

// AnsweredAt returns when a phone last answered about itself: zero when it never did,
// and from a restore until it answers again.
func (p *Phone) AnsweredAt() time.Time {
	if p.InfoAt.Equal(forgottenAnswer()) {
		return time.Time{}
	}
	return p.InfoAt
}
