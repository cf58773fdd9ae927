package policy

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// hiddenUntil returns the day from which users of the model can see the
// release, or zero when its posting date is unknown.
func (m ModelWindow) hiddenUntil() time.Time {
	if m.Posted.IsZero() {
		return time.Time{}
	}
	return m.Posted.AddDate(0, 0, HoldDays)
}

// visible returns the newest release that the phone's user can see in spite of
// the hold, and since when. It is seldom the newest there is: Apple's releases
// follow each other faster than a hold ends.
func (w *World) visible(f Facts, now time.Time) (string, time.Time) {
	for _, r := range w.releases {
		m, ok := r.windows[f.Model]
		if !ok || !m.open(now) {
			continue
		}
		if since := m.hiddenUntil(); reached(since, now) && version.Newer(r.Version, f.OSVersion) {
			return r.Version, since
		}
	}
	return "", time.Time{}
}

// clocks returns the dates each model of the gate runs against, sorted by model,
// and the earliest of each over all of them; the shelf life over those that can
// still install it, as long as there are any: a model that Apple stopped offering the
// release for early stands in nobody's way.
func (e *evaluation) clocks() (Clocks, []ModelClocks) {
	var all Clocks
	var list []ModelClocks
	anyOpen := slices.ContainsFunc(e.windows, func(m ModelWindow) bool { return m.open(e.now) })
	for _, m := range e.windows {
		c := e.complete(Clocks{HiddenUntil: e.rel.hiddenUntil(m), ShelfLife: m.Expires, Branch: e.branchStopped(m.Model)})
		list = append(list, ModelClocks{m.Model, c})
		all.HiddenUntil = earliest(all.HiddenUntil, c.HiddenUntil)
		if !anyOpen || m.open(e.now) {
			all.ShelfLife = earliest(all.ShelfLife, c.ShelfLife)
		}
		all.Branch = earliest(all.Branch, c.Branch)
	}
	return e.complete(all), list
}

// complete adds what follows from the three clocks.
func (e *evaluation) complete(c Clocks) Clocks {
	c.VerifyBy = earliest(earliest(c.HiddenUntil, c.ShelfLife), c.Branch)
	c.Passed = e.approval == nil && reached(c.VerifyBy, e.now)
	return c
}

// branchStopped returns the day on which the older branch stopped for a model:
// its production still is on an older branch than the release, and the newest
// release of that branch for the model has left Apple's public list. Until the
// gate opens these phones get no fixes at all.
func (e *evaluation) branchStopped(model string) time.Time {
	c, _ := e.branchClock(model)
	return c.Stopped
}

// oldest returns the oldest version on a production phone of the models that
// can get the release.
func (e *evaluation) oldest(of func(model string) bool) (string, bool) {
	found := ""
	for _, c := range e.g.ran {
		_, applicable := e.rel.windows[c.Model]
		if c.Ring == RingVerification || !applicable || !of(c.Model) || !version.Valid(c.OSVersion) {
			continue
		}
		if found == "" || version.Newer(found, c.OSVersion) {
			found = c.OSVersion
		}
	}
	return found, found != ""
}

// cves returns how many vulnerabilities the release fixes for the oldest
// production phone, what that phone runs, and which of them are known to be
// exploited: the union over every release and improvement in between for a model of the gate
// that was posted no later than this one, so that a later fix in an older branch
// is not promised, without what that phone's own branch had fixed before: releases
// name some flaws again. With no production phone only the release's own count.
func (e *evaluation) cves() (count int, from string, known []string) {
	from, ok := e.oldest(func(string) bool { return true })
	if ok && !version.Newer(e.rel.Version, from) {
		return 0, from, nil
	}
	fixed, exploited, had := e.w.noFlaws(), e.w.noFlaws(), e.w.noFlaws()
	for _, r := range e.w.all {
		if ok && r.branch == version.Major(from) && !version.Newer(r.Version, from) && e.applies(r) {
			had.add(r.fixes)
		}
		between := ok && r.rank <= e.rel.rank && !r.posted.After(e.rel.posted) && e.applies(r) &&
			version.Newer(r.Version, from)
		if r != e.rel && !between {
			continue
		}
		fixed.add(r.fixes)
		exploited.add(r.fixesExploited)
	}
	fixed.remove(had)
	exploited.remove(had)
	return fixed.size(), from, e.w.named(exploited)
}

// applies reports whether r is made for one of the models of the gate.
func (e *evaluation) applies(r *release) bool {
	return slices.ContainsFunc(e.windows, func(m ModelWindow) bool {
		_, ok := r.windows[m.Model]
		return ok
	})
}

// earliest returns the earlier of two times, ignoring zero ones.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
