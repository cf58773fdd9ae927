package fleet

import (
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// waveOf returns the index of the wave of an approval that a phone belongs to, or
// -1 when it is in none. Where waves go by what phones run, that is the one the
// phone was told in; before that what it runs decides or, once it has the release
// without having been told, what it ran before.
func (m member) waveOf(a *policy.Approval) int {
	return a.WaveOf(m.udid, m.versionBefore(a.Release), policy.ToldWave(m.look.phone.Announced.Wave))
}

// memberOf returns of a phone as it is stored what its wave and its reminders
// follow from.
func memberOf(p *storage.Phone) member {
	return member{udid: p.UDID, look: &look{phone: *p}, reminded: remindedOf(p), ran: ranBy(p, nil)}
}

// versionBefore returns what a phone runs or, once it has the release or a newer
// one, what it ran before that.
func (m member) versionBefore(release string) string {
	for i := len(m.ran) - 1; i >= 0; i-- {
		if v := m.ran[i].version.Value(); version.Newer(release, v) {
			return v
		}
	}
	return fullVersion(&m.look.phone)
}
