package policy

import (
	"slices"
	"strings"
)

// Lacking is Open with the release that first brings each fix. It says nothing of what
// that cost: of a fix that is not offered for a whole day, nothing yet.
func (l *Ledger) Lacking(model, osVersion string) []FlawCost {
	var list []FlawCost
	for _, g := range l.gapsOf(Stretch{Model: model, Version: osVersion}) {
		for _, c := range g.flaws {
			list = append(list, FlawCost{CVE: c, Release: g.release})
		}
	}
	slices.SortFunc(list, func(a, b FlawCost) int { return strings.Compare(a.ID, b.ID) })
	return list
}
