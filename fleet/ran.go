package fleet

import (
	"slices"
	"time"
	"unique"

	"github.com/kannuki-mdm/kannuki/storage"
)

// releasesOf returns what a phone ran and, last, what it runs.
func releasesOf(p *storage.Phone) []storage.Ran {
	list := slices.Clone(p.History)
	if unremembered(p) {
		list = append(list, storage.Ran{Version: p.OS.Version, Since: p.OS.Since})
	}
	list = append(list, runsNow(p))
	for i := range list {
		if list[i].Since.IsZero() { // it enrolled with it and has not reported since
			list[i].Since = p.EnrolledAt
		}
	}
	return list
}

// runsNow returns what a phone runs, as its history will have it.
func runsNow(p *storage.Phone) storage.Ran {
	return storage.Ran{Version: fullVersion(p), Since: runsSince(p), Reasons: p.OS.Reasons}
}

// runsSince returns when a phone was first seen on what it runs, its improvement or
// the lack of one included; zero for one that has not reported since it enrolled.
func runsSince(p *storage.Phone) time.Time {
	if p.OS.SupplementalSince.IsZero() {
		return p.OS.Since
	}
	return p.OS.SupplementalSince
}

// unremembered reports whether the history lacks what a phone ran before it had its
// letter, its base alone: older servers did not keep it.
func unremembered(p *storage.Phone) bool {
	n, since := len(p.History), p.OS.Since
	return !since.IsZero() && p.OS.SupplementalSince.Sub(since) > sameSession && (n == 0 || p.History[n-1].Since.Before(since.Truncate(time.Second)))
}

// stretches returns how many releases ranAt knows of.
func stretches(p *storage.Phone) int {
	if unremembered(p) {
		return len(p.History) + 2
	}
	return len(p.History) + 1
}

// improvedAt returns when the improvement was first seen that a phone has, zero where it has none.
func improvedAt(p *storage.Phone) time.Time {
	if p.OS.SupplementalExtra == "" {
		return time.Time{}
	}
	return p.OS.SupplementalSince
}

// sameSession is within what time a phone tells all that it runs: its version and its
// letter may come in two messages.
const sameSession = time.Minute

// remember adds what a phone ran to its history, once it runs something else.
func remember(p *storage.Phone, was storage.Ran) {
	was.Since = was.Since.UTC().Truncate(time.Second)
	p.History = append(p.History, was)
	if over := len(p.History) - storage.MaxHistory; over > 0 {
		p.History = slices.Delete(p.History, 0, over)
		p.Forgotten += over
	}
}

// ranAt returns what a phone ran i releases after its first, and since when, as
// releasesOf does.
func ranAt(p *storage.Phone, i int) (version string, from int32) {
	version, since := fullVersion(p), runsSince(p)
	switch {
	case i < len(p.History):
		version, since = p.History[i].Version, p.History[i].Since
	case i == len(p.History) && unremembered(p):
		version, since = p.OS.Version, p.OS.Since
	}
	if since.IsZero() {
		since = p.EnrolledAt
	}
	return version, dayOf(since)
}

// ranBy returns the stretches of a phone, oldest first. Those that it had before,
// which most phones have still, are returned as they are.
func ranBy(p *storage.Phone, before []ran) []ran {
	if ranAs(p, before) {
		return before
	}
	out := make([]ran, stretches(p))
	for i := range out {
		version, from := ranAt(p, i)
		out[i] = ran{version: unique.Make(version), from: from}
		if i > 0 {
			out[i-1].until = from
		}
	}
	if !p.RemovedAt.IsZero() {
		out[len(out)-1].until = dayOf(p.RemovedAt)
	}
	return out
}

// ranAs reports whether a phone that has not left has these stretches.
func ranAs(p *storage.Phone, list []ran) bool {
	if len(list) != stretches(p) || !p.RemovedAt.IsZero() || list[len(list)-1].until != 0 {
		return false
	}
	for i, r := range list {
		if version, from := ranAt(p, i); r.from != from || r.version.Value() != version {
			return false
		}
	}
	return true
}
