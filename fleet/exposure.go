package fleet

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ExposureQuery narrows a report on what waiting for fixes cost. The zero value
// is about all enrolled phones and all that is known of them.
type ExposureQuery struct {
	Group   string // "-" for the phones in none
	Since   string // first day that counts, "2026-04-01" (UTC); "": all days
	Release string // only what waiting for this release cost, see [policy.Ledger.For]
	CVE     string // only this CVE, known to be exploited or not
}

// Exposure says what waiting for fixes cost production phones, each for the group it was
// in then: also those that were moved or left management since.
type Exposure struct {
	AsOf   time.Time      `json:"as_of"`
	Since  string         `json:"since,omitempty"` // date
	Total  ExposureLine   `json:"total"`
	Groups []ExposureLine `json:"groups"` // by name
	// Releases are those that would have spared phones something, newest first.
	// What they would have spared overlaps. Empty where Release or CVE was asked.
	Releases []ReleaseExposure `json:"releases"`
	CVEs     []FlawExposure    `json:"cves"`     // the exploited ones and the one that was asked for, costliest first
	Devices  []DeviceExposure  `json:"devices"`  // the most exposed, at most 20
	Declined []policy.LeftOpen `json:"declined"` // see [policy.Ledger.Declined]; by group, empty where Release or CVE was asked
}

// ExposureLine is what waiting cost the phones of one group, or all.
type ExposureLine struct {
	Group     string `json:"group"`
	Phones    int    `json:"phones"`
	Gone      int    `json:"gone_phones"`    // that are there no longer and whose days there are counted
	Exposed   int    `json:"exposed"`        // of them, those that lack the fix of an exploited CVE today, or of the one that was asked for
	CVEs      int    `json:"open_cves"`      // different ones that one of them lacks the fix of today
	Exploited int    `json:"open_exploited"` // of them, those known to be exploited
	// Declined is how many of Exposed lack such a fix because of a release that
	// the group declined; see [policy.Ledger.ExposedBy].
	Declined int `json:"declined_exposed"`
	policy.Cost
}

// ReleaseExposure is what waiting for one release cost.
type ReleaseExposure struct {
	Release string `json:"release"`
	policy.Cost
}

// FlawExposure is what one CVE contributed.
type FlawExposure struct {
	CVE       string `json:"cve"`
	Exploited bool   `json:"exploited"`
	Release   string `json:"release"` // the first one with the fix; the oldest over the models
	Phones    int    `json:"phones"`  // that lack the fix today
	policy.Cost
}

// DeviceExposure is what waiting cost one phone that is in production now.
type DeviceExposure struct {
	UDID  string `json:"udid"`
	Group string `json:"group"`
	OS    string `json:"os"`
	// ExposedBy is the release that its group declined and that leaves a flaw known
	// to be exploited open on it, "" for none; see [policy.Ledger.ExposedBy].
	ExposedBy string `json:"exposed_by,omitempty"`
	policy.Cost
}

// maxExposed is how many of the most exposed phones a report names.
const maxExposed = 20

const secondsPerDay = 24 * 60 * 60

// ran is a stretch of one phone as the census keeps it: a release, and the days
// (UTC, since 1970) on which it ran it.
type ran struct {
	version     unique.Handle[string]
	from, until int32 // until 0: it still runs it
}

func dayOf(t time.Time) int32 { return int32(t.Unix() / secondsPerDay) } //nolint:gosec // of a time within thousands of years

// stretch is what phones have in common that were of one kind and ran one
// release on the same days.
type stretch struct {
	place   place
	ran     ran
	counted int32 // days before it do not count
}

type place struct{ group, model string }

func (s stretch) policy() policy.Stretch {
	day := func(n int32) time.Time { return time.Unix(int64(n)*secondsPerDay, 0) }
	out := policy.Stretch{Group: s.place.group, Model: s.place.model, Version: s.ran.version.Value(), From: day(max(s.ran.from, s.counted))}
	if s.ran.until != 0 {
		out.Until = day(s.ran.until)
	}
	return out
}

// accounts counts what phones were exposed to, once for all that are alike.
type accounts struct {
	ledger    *policy.Ledger
	q         ExposureQuery
	counted   int32
	stretches map[stretch]int
	gone      map[string]int // phones that are counted and no longer there, by group
	goneAll   int            // of them, those that are nowhere in the report now
	known     map[stretch]policy.Cost
}

// lookRan stands for a stretch, and is cheaper to compare: a look is of one group
// and model.
type lookRan struct {
	look   *look
	ran    ran
	placed int32 // days before it do not count
}

// newAccounts counts the stretches of the production phones that are wanted, from
// a day on.
func newAccounts(w *worldState, ledger *policy.Ledger, q ExposureQuery, since time.Time) *accounts {
	a := &accounts{ledger: ledger, q: q, counted: dayOf(since), stretches: map[stretch]int{}, gone: map[string]int{}, known: map[stretch]policy.Cost{}}
	counts := map[lookRan]int{}
	for m := range w.census.all() {
		here := q.wants(m)
		if here {
			for _, r := range m.ran {
				counts[lookRan{m.look, r, m.placed()}]++
			}
		}
		if past := m.past(); past != nil {
			groups := a.add(m.look.phone.Model, past)
			a.leave(groups, m.look.phone.Group, here)
		}
	}
	for k, n := range counts {
		a.stretches[a.stretch(k)] += n
	}
	for d := range w.census.left() {
		a.leave(a.add(d.model, d.past), "", false)
	}
	return a
}

func (a *accounts) stretch(k lookRan) stretch {
	return stretch{place{k.look.phone.Group, k.look.phone.Model}, k.ran, max(a.counted, k.placed)}
}

// add counts the stays of a phone that are over, and returns the groups they were in.
func (a *accounts) add(model string, past []stay) map[string]bool {
	groups := map[string]bool{}
	for _, s := range past {
		if group := s.group.Value(); a.q.about(group) && s.ran.until > a.counted {
			a.stretches[stretch{place{group, model}, s.ran, a.counted}]++
			groups[group] = true
		}
	}
	return groups
}

// leave counts a phone that was in groups, in those where it is no longer. It is counted in
// the group it is in now if it is here.
func (a *accounts) leave(groups map[string]bool, now string, here bool) {
	if !here && len(groups) > 0 {
		a.goneAll++
	}
	for group := range groups {
		if !here || group != now {
			a.gone[group]++
		}
	}
}

// wants reports whether a phone is one that the report is about, where it is now.
func (q ExposureQuery) wants(m member) bool {
	p := &m.look.phone
	return m.enrolled() && p.Ring != storage.RingVerification && q.about(p.Group)
}

// about reports whether the report is about the phones of a group, "" for those in none.
func (q ExposureQuery) about(group string) bool {
	return q.Group == "" || q.Group == group || q.Group == "-" && group == ""
}

// wanted reports whether a CVE is one that the report lists.
func (a *accounts) wanted(c policy.CVE) bool {
	if a.q.CVE != "" {
		return c.ID == a.q.CVE
	}
	return c.Exploited
}

// cost returns what a stretch cost each of its phones.
func (a *accounts) cost(s stretch) policy.Cost {
	cost, ok := a.known[s]
	if ok {
		return cost
	}
	if a.q.CVE == "" {
		cost = a.ledger.Cost(s.policy())
	} else {
		for _, f := range a.ledger.Flaws(s.policy(), a.wanted) {
			cost.Add(f.Cost, 1)
		}
	}
	a.known[s] = cost
	return cost
}

// Exposure reports what waiting for fixes cost. It decodes no phone.
func (f *Fleet) Exposure(seg storage.Segment, q ExposureQuery) (Exposure, error) {
	w, err := f.world(seg)
	if err != nil {
		return Exposure{}, err
	}
	s := w.current.Load()
	if err := s.groupOrNone(q.Group); err != nil {
		return Exposure{}, err
	}
	if err := s.exists(q); err != nil {
		return Exposure{}, err
	}
	var since time.Time
	if q.Since != "" {
		if since, _, err = monthOrDay("since", q.Since); err != nil {
			return Exposure{}, err
		}
	}
	now := f.now()
	whole := policy.NewLedger(s.withCensus(w.census, now), now)
	a := newAccounts(w, whole.For(q.Release), q, since)
	v := Exposure{AsOf: now, Groups: []ExposureLine{}, Releases: []ReleaseExposure{}, CVEs: []FlawExposure{}, Devices: []DeviceExposure{}, Declined: []policy.LeftOpen{}}
	if !since.IsZero() {
		v.Since = since.Format(time.DateOnly)
	}
	phones := w.census.running(q)
	a.lines(phones, &v)
	v.CVEs = a.flaws(phones)
	if q.Release == "" && q.CVE == "" {
		v.Releases = a.releases(s)
		v.declined(whole, phones)
	}
	v.Devices = a.most(w, q, whole)
	return v, nil
}

// exists refuses a release or a CVE that no release of the catalogue knows.
func (s *snapshot) exists(q ExposureQuery) error {
	if q.Release != "" {
		if _, err := s.release(q.Release); err != nil {
			return err
		}
	}
	if q.CVE == "" {
		return nil
	}
	for _, r := range s.catalog.Releases() {
		for _, c := range r.CVEs {
			if c.ID == q.CVE {
				return nil
			}
		}
	}
	return &NotFoundError{What: "cve", Name: q.CVE}
}

// lines fills the line of each group and that of all.
func (a *accounts) lines(phones map[running]int, v *Exposure) {
	lines := map[string]*ExposureLine{}
	of := func(group string) *ExposureLine {
		if lines[group] == nil {
			lines[group] = &ExposureLine{Group: group}
		}
		return lines[group]
	}
	all, open := map[string]bool{}, map[string]map[string]bool{} // CVEs, by group too, and whether they are exploited
	for p, n := range phones {
		line := of(p.group)
		if open[p.group] == nil {
			open[p.group] = map[string]bool{}
		}
		exposed := 0
		for _, c := range a.ledger.Open(p.model, p.full()) {
			if a.wanted(c) {
				exposed = n
			} else if a.q.CVE != "" {
				continue
			}
			open[p.group][c.ID] = open[p.group][c.ID] || c.Exploited
			all[c.ID] = all[c.ID] || c.Exploited
		}
		line.Phones += n
		line.Exposed += exposed
		v.Total.Phones += n
		v.Total.Exposed += exposed
	}
	for s, n := range a.stretches {
		cost := a.cost(s)
		of(s.place.group).Add(cost, n)
		v.Total.Add(cost, n)
	}
	for group, n := range a.gone {
		of(group).Gone = n
	}
	v.Total.Gone = a.goneAll
	for group, line := range lines {
		line.tally(open[group])
		v.Groups = append(v.Groups, *line)
	}
	v.Total.tally(all)
	slices.SortFunc(v.Groups, func(x, y ExposureLine) int { return strings.Compare(x.Group, y.Group) })
}

func (l *ExposureLine) tally(open map[string]bool) {
	l.CVEs = len(open)
	for _, exploited := range open {
		if exploited {
			l.Exploited++
		}
	}
}

// flaws returns what each CVE that the report lists contributed; one that phones lack
// the fix of for less than a day has cost nothing yet, and is listed as well.
func (a *accounts) flaws(phones map[running]int) []FlawExposure {
	found := map[string]*FlawExposure{}
	row := func(f policy.FlawCost) *FlawExposure {
		r := found[f.ID]
		if r == nil {
			r = &FlawExposure{CVE: f.ID, Release: f.Release}
			found[f.ID] = r
		}
		r.Exploited = r.Exploited || f.Exploited
		if version.Newer(r.Release, f.Release) {
			r.Release = f.Release
		}
		return r
	}
	for s, n := range a.stretches {
		for _, f := range a.ledger.Flaws(s.policy(), a.wanted) {
			row(f).Add(f.Cost, n)
		}
	}
	for p, n := range phones {
		for _, f := range a.ledger.Lacking(p.model, p.full()) {
			if a.wanted(f.CVE) {
				row(f).Phones += n
			}
		}
	}
	out := []FlawExposure{}
	for _, row := range found {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(x, y FlawExposure) int { return cmp.Or(y.Days-x.Days, strings.Compare(x.CVE, y.CVE)) })
	return out
}

// releases returns what waiting for each release cost, newest first.
func (a *accounts) releases(s *snapshot) []ReleaseExposure {
	out := []ReleaseExposure{}
	oldest := ""
	for st := range a.stretches {
		if v := st.ran.version.Value(); oldest == "" || version.Newer(oldest, v) {
			oldest = v
		}
	}
	for _, r := range s.catalog.Releases() {
		if !version.Newer(r.Version, oldest) {
			continue // nobody waited for it
		}
		row := ReleaseExposure{Release: r.Version}
		ledger := a.ledger.For(r.Version)
		for st, n := range a.stretches {
			row.Add(ledger.Cost(st.policy()), n)
		}
		if row.Days > 0 {
			out = append(out, row)
		}
	}
	return out
}

// most returns the phones that waiting cost most, of those that the report is about where
// they are now, each with what exposes it today, whatever release was asked for.
func (a *accounts) most(w *worldState, q ExposureQuery, whole *policy.Ledger) []DeviceExposure {
	type costly struct {
		DeviceExposure
		look *look
	}
	var found []costly
	least := 1 // days of a phone that is still of interest
	sort := func() {
		slices.SortFunc(found, func(x, y costly) int { return cmp.Or(y.Days-x.Days, strings.Compare(x.UDID, y.UDID)) })
		if len(found) >= maxExposed {
			found = found[:maxExposed]
			least = found[maxExposed-1].Days
		}
	}
	costs := map[lookRan]policy.Cost{}
	for m := range w.census.all() {
		if !q.wants(m) {
			continue
		}
		d := costly{DeviceExposure{UDID: m.udid, Group: m.look.phone.Group, OS: fullVersion(&m.look.phone)}, m.look}
		for _, r := range m.ran {
			k := lookRan{m.look, r, m.placed()}
			cost, ok := costs[k]
			if !ok {
				cost = a.cost(a.stretch(k))
				costs[k] = cost
			}
			d.Add(cost, 1)
		}
		for _, s := range m.past() {
			if q.about(s.group.Value()) {
				d.Add(a.cost(stretch{place{s.group.Value(), m.look.phone.Model}, s.ran, a.counted}), 1)
			}
		}
		if d.Days < least {
			continue
		}
		if found = append(found, d); len(found) == 50*maxExposed { // so that few are kept, and sorted seldom
			sort()
		}
	}
	sort()
	out := make([]DeviceExposure, 0, len(found))
	for _, d := range found {
		d.ExposedBy = whole.ExposedBy(d.Group, censusOf(&d.look.phone))
		out = append(out, d.DeviceExposure)
	}
	return out
}
