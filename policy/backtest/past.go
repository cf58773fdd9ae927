package backtest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// past is a History made ready for replays, which only read it.
type past struct {
	from, until time.Time
	kinds       []kind               // sorted by model
	releases    []policy.Release     // newest first; only for the models of kinds, only exploited CVEs
	seen        []seen               // releases that count, in the order of posting
	dates       map[time.Time]bool   // days on which a release was posted or withdrawn
	known       map[string]time.Time // since when CVEs were known to be exploited
	modelClass  policy.ModelClass
	screens     map[string]string
	broken      []broken
}

// kind is a number of phones whose models Apple treated alike. They behave
// alike too, so one model stands for all of them.
type kind struct {
	model  string
	models []string // all of them
	count  int
	joins  time.Time // first day
	start  string    // version on that day
}

// seen is a release that was the newest for one of the kinds when it came out.
type seen struct {
	policy.Release
	posted time.Time // for the first of them
}

func newPast(h History) (*past, error) {
	p := &past{until: h.Until, known: h.Known, dates: map[time.Time]bool{}, modelClass: h.ModelClass, screens: h.Screens}
	all := slices.DeleteFunc(slices.Clone(h.Releases), func(r policy.Release) bool {
		return r.Synthetic || r.Class == policy.ClassImprovement || !version.Valid(r.Version)
	})
	slices.SortFunc(all, func(a, b policy.Release) int { return version.Order(b.Version, a.Version) })
	p.addKinds(all, h.Phones)
	for _, r := range all {
		p.addRelease(r)
	}
	if err := p.addBroken(h.Broken); err != nil {
		return nil, err
	}
	for _, r := range p.releases {
		for _, w := range r.Models {
			if !w.Posted.Before(h.Since) && !w.Posted.After(h.Until) && (p.from.IsZero() || w.Posted.Before(p.from)) {
				p.from = w.Posted
			}
		}
	}
	if p.from.IsZero() {
		return nil, fmt.Errorf("from %s to %s: %w", date(h.Since), date(h.Until), ErrNoRelease)
	}
	for i := range p.kinds {
		p.begin(&p.kinds[i], firstPosting(all))
	}
	p.kinds = slices.DeleteFunc(p.kinds, func(k kind) bool { return k.joins.After(p.until) })
	p.addSeen()
	return p, nil
}

// addKinds puts phones together whose models have the same history.
func (p *past) addKinds(all []policy.Release, phones []Phones) {
	counts := map[string]int{}
	for _, row := range phones {
		counts[row.Model] += max(row.Count, 0)
	}
	histories := map[string]*strings.Builder{}
	var models []string
	for _, r := range all {
		for _, w := range r.Models {
			if counts[w.Model] < 1 {
				continue
			}
			if histories[w.Model] == nil {
				histories[w.Model] = &strings.Builder{}
				models = append(models, w.Model)
			}
			fmt.Fprintln(histories[w.Model], r.Version, w.Posted, w.LeftPublic, w.Expires)
		}
	}
	slices.Sort(models)
	first := map[string]int{} // position in kinds by history
	for _, m := range models {
		text := histories[m].String()
		i, ok := first[text]
		if !ok {
			i = len(p.kinds)
			first[text] = i
			p.kinds = append(p.kinds, kind{model: m})
		}
		p.kinds[i].count += counts[m]
		p.kinds[i].models = append(p.kinds[i].models, m)
	}
}

// addRelease takes up what one release is to the kinds.
func (p *past) addRelease(r policy.Release) {
	r.CVEs = slices.DeleteFunc(slices.Clone(r.CVEs), func(c policy.CVE) bool { return !c.Exploited })
	var windows []policy.ModelWindow
	for i := range p.kinds {
		w, ok := window(r, p.kinds[i].model)
		if !ok || w.Posted.IsZero() {
			continue // not for it, or nobody knows since when
		}
		windows = append(windows, w)
		p.dates[w.Posted], p.dates[w.LeftPublic], p.dates[w.Expires] = true, true, true
	}
	if r.Models = windows; len(windows) > 0 {
		p.releases = append(p.releases, r)
	}
}

// begin says since when phones of a kind are there, and what they run then: the
// newest release that was out before. A model that the history names later than
// others joins with the first release for it, as its phones come out of their
// boxes. One that is named by the very first release was there before, and runs
// some release of the line before, of which the history does not tell.
func (p *past) begin(k *kind, first time.Time) {
	var box policy.Release
	var boxed time.Time
	for _, r := range p.releases { // newest first
		w, ok := window(r, k.model)
		switch {
		case !ok:
		case w.Posted.Before(p.from):
			k.joins, k.start = p.from, r.Version
			return
		case boxed.IsZero() || w.Posted.Before(boxed):
			box, boxed = r, w.Posted
		}
	}
	k.joins, k.start = boxed, box.Version
	if boxed.Equal(first) {
		k.start = fmt.Sprintf("%d.0", version.Major(box.Version)-1)
	}
}

// firstPosting returns the day from which the history names models.
func firstPosting(all []policy.Release) time.Time {
	var first time.Time
	for _, r := range all {
		for _, w := range r.Models {
			if !w.Posted.IsZero() && (first.IsZero() || w.Posted.Before(first)) {
				first = w.Posted
			}
		}
	}
	return first
}

// addSeen finds the releases that were the newest for some kind when they came
// out. Those of an older branch beside a newer one are not what anybody tests.
func (p *past) addSeen() {
	for i, r := range p.releases {
		s := seen{Release: r}
		for _, k := range p.kinds {
			w, ok := window(r, k.model)
			if !ok || w.Posted.Before(p.from) || w.Posted.After(p.until) {
				continue
			}
			newer := func(n policy.Release) bool {
				nw, ok := window(n, k.model)
				return ok && !nw.Posted.After(w.Posted)
			}
			if !slices.ContainsFunc(p.releases[:i], newer) && (s.posted.IsZero() || w.Posted.Before(s.posted)) {
				s.posted = w.Posted
			}
		}
		if !s.posted.IsZero() {
			p.seen = append(p.seen, s)
		}
	}
	slices.Reverse(p.seen)
	slices.SortStableFunc(p.seen, func(a, b seen) int { return a.posted.Compare(b.posted) })
}

// exploitedAt returns the releases as they were known on a day: with those of
// their CVEs that were known to be exploited.
func (p *past) exploitedAt(now time.Time) []policy.Release {
	out := slices.Clone(p.releases)
	for i, r := range out {
		out[i].CVEs = slices.DeleteFunc(slices.Clone(r.CVEs), func(c policy.CVE) bool { return p.known[c.ID].After(now) })
	}
	return out
}

// window returns when a model can get a release.
func window(r policy.Release, model string) (policy.ModelWindow, bool) {
	i := slices.IndexFunc(r.Models, func(w policy.ModelWindow) bool { return w.Model == model })
	if i < 0 {
		return policy.ModelWindow{}, false
	}
	return r.Models[i], true
}
