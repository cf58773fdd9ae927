package policy

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Escaped returns the releases, newest first, that a phone of the production ring
// can get in one group and could not in the one it was in, neither them nor newer
// ones: before is the world with the phone where it was, after the one with the
// phone where it goes.
//
// What a phone can get is what stands there whatever a person pauses, or takes away
// for a time: a release with an approval for its model that no app stops, one
// whose apps are verified so that one person can approve it, and an improvement
// that phones of the group take by themselves. It is nil for a group that does
// not exist.
func Escaped(before, after *World, from, to string, f Facts, now time.Time) []string {
	was, is := before.groups[from], after.groups[to]
	if was == nil || is == nil || from == to {
		return nil
	}
	var found []string
	for _, r := range after.all {
		window, ok := r.windows[f.Model]
		if !ok || !window.open(now) || version.Valid(f.OSVersion) && !version.Newer(r.Version, version.WithExtra(f.OSVersion, f.Extra)) {
			continue
		}
		if before.admits(was, before.known[r.Version], f, now) {
			break // it is to get this one, and with it whatever is older
		}
		if after.admits(is, r, f, now) {
			found = append(found, r.Version)
		}
	}
	return found
}

// admits reports whether a production phone of a group can get a release without
// another test.
func (w *World) admits(g *group, r *release, f Facts, now time.Time) bool {
	switch {
	case r == nil:
		return false
	case g.letsIn(r):
		if version.Equal(version.Base(r.Version), version.Base(f.OSVersion)) {
			return true
		}
		base := w.known[version.Base(r.Version)] // it comes along with that
		below := !version.Valid(f.OSVersion) || base != nil && version.Newer(base.Version, f.OSVersion)
		return base != nil && below && base.windows[f.Model].open(now) && w.admits(g, base, f, now)
	case !g.gates(r) || g.isDeclined(r.Version, now):
		return false
	}
	if a := g.approval(r.Version, now); a != nil && a.covers(f.Model) {
		return !slices.ContainsFunc(g.apps, func(app App) bool {
			revoked, broken := g.stopping(app, approvalOf{a, r}, now)
			return revoked != nil || len(broken) > 0
		})
	}
	gate := Evaluate(w, g.Name, r.Version, now)
	class := g.class(f.Model)
	return len(gate.Missing) == 0 && slices.Contains(covered(gate.Apps, []string{class}), class)
}
