package storage

import "time"

// Restored brings the record of an older copy into the present, which a restore at
// that moment does to each phone: what the phone runs, holds, installs and carried
// out by now is not what the copy says, so that it is asked first; a deadline that
// has passed since may not be sent to it as one it knows; and a phone ignores what is
// dated before the last that it heard. That an installation failed stays true.
func (p *Phone) Restored(at time.Time) {
	p.Declarations, p.AppUpdates = nil, nil
	p.Update = p.Update.failure()
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

// failure returns what is known of the last installation that failed, and nothing of
// one that may be under way. It stays known over a restore: a phone reports the same
// failure again, and whoever let a rollout go on has seen it.
func (u UpdateState) failure() UpdateState {
	if u.FailureSeen.IsZero() {
		return UpdateState{}
	}
	f := UpdateState{Failures: u.Failures, FailureReason: u.FailureReason, FailureAt: u.FailureAt, FailureSeen: u.FailureSeen}
	if u.Install == installFailed {
		f.Install, f.Since, f.PendingVersion, f.PendingBuild = u.Install, u.Since, u.PendingVersion, u.PendingBuild
	}
	return f
}

// installFailed is what a phone says of an installation that failed (Apple, Device
// Management, StatusSoftwareUpdateInstallState).
const installFailed = "failed"

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
