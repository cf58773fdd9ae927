package fleet

import (
	"slices"
	"unique"

	"github.com/kannuki-mdm/kannuki/storage"
)

// releasesOf returns what a phone ran and, last, what it runs.
func releasesOf(p *storage.Phone) []storage.Ran {
	list := append(slices.Clone(p.History), storage.Ran{Version: p.OS.Version, Since: p.OS.Since, Reasons: p.OS.Reasons})
	for i := range list {
		if list[i].Since.IsZero() { // it enrolled with it and has not reported since
			list[i].Since = p.EnrolledAt
		}
	}
	return list
}

// ranAt returns what a phone ran i releases after its first, and since when, as
// releasesOf does.
func ranAt(p *storage.Phone, i int) (version string, from int32) {
	version, since := p.OS.Version, p.OS.Since
	if i < len(p.History) {
		version, since = p.History[i].Version, p.History[i].Since
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
	out := make([]ran, len(p.History)+1)
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
	if len(list) != len(p.History)+1 || !p.RemovedAt.IsZero() || list[len(list)-1].until != 0 {
		return false
	}
	for i, r := range list {
		if version, from := ranAt(p, i); r.from != from || r.version.Value() != version {
			return false
		}
	}
	return true
}
