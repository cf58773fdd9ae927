package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// worldState is the world of one segment in memory: an immutable snapshot that
// readers take without a lock, and a census that follows the phones.
type worldState struct {
	segment storage.Segment
	changes sync.Mutex // serialises changes of the world
	current atomic.Pointer[snapshot]
	census  *census
	calm    atomic.Pointer[calm] // nil: nobody has looked

	leaksRead atomic.Uint64 // number of the audit entry up to which nobody is left to tell of; 0: as the records say
}

// snapshot is one revision of the world.
type snapshot struct {
	records storage.World
	catalog *catalog.Catalog
	zone    *time.Location      // of the installation
	policy  *policy.World       // without a census: what targets are computed from
	apps    map[string][]string // bundle identifiers of each group, sorted; never changed
	counted atomic.Pointer[countedWorld]
}

// countedWorld is the engine's world of a snapshot with counts of phones.
type countedWorld struct {
	counts *counts
	world  *policy.World
}

func (f *Fleet) loadWorld(ctx context.Context, seg storage.Segment, cat *catalog.Catalog) (*worldState, error) {
	records, err := f.store.World(ctx, seg)
	if err != nil {
		return nil, wrap("read world", err)
	}
	w := &worldState{segment: seg, census: newCensus()}
	w.current.Store(newSnapshot(records, cat, f.o.Location))
	err = f.eachPhone(ctx, w, storage.PhoneQuery{Enrolling: true, Removed: true}, func(p *storage.Phone, at uint64) error {
		w.census.heal(p, at)
		return nil
	})
	return w, err
}

// pageSize is how many phones are read at a time when all are looked at.
const pageSize = 1000

// errNothingToDo ends a change of the world that would change nothing.
var errNothingToDo = errors.New("nothing to do")

// change applies a change of the world and, on success, makes it the world
// that phones and people see. The build function gets the newest records; when
// another change came first it is asked again, and may then find that there is
// nothing to do any more. The audit entries of one change all get the time of its
// first, so that the log shows what was one decision.
func (f *Fleet) change(ctx context.Context, w *worldState, build func(*snapshot) (storage.WorldChange, error)) error {
	w.changes.Lock()
	defer w.changes.Unlock()
	for {
		s := w.current.Load()
		c, err := build(s)
		if errors.Is(err, errNothingToDo) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := f.soakAnew(w, s, &c); err != nil {
			return err
		}
		for i := range c.Audit {
			c.Audit[i].At = c.Audit[0].At
		}
		for i := range c.Notices {
			if len(c.Audit) > 0 { // it is told by what it tells of
				c.Notices[i].At = c.Audit[0].At
			}
		}
		stored := w.following(&c)
		_, err = f.store.ChangeWorld(ctx, w.segment, s.records.Revision, c)
		if err == nil {
			stored()
		}
		if err != nil && !errors.Is(err, storage.ErrConflict) {
			return wrap("change world", err)
		}
		// What is on disk is in force, whether or not the caller is still there
		// to hear of it.
		records, readErr := f.store.World(context.WithoutCancel(ctx), w.segment)
		if readErr != nil {
			f.forget(w)
			return wrap("read world", readErr)
		}
		w.current.Store(s.holding(records))
		if err == nil {
			return nil
		}
	}
}

// forget takes a world that may be older than the stored one out of use; the
// next sweep loads it again.
func (f *Fleet) forget(w *worldState) {
	f.worldsMu.Lock()
	defer f.worldsMu.Unlock()
	if f.worlds[w.segment] == w {
		delete(f.worlds, w.segment)
		f.incomplete = true
	}
}

func newSnapshot(records storage.World, cat *catalog.Catalog, zone *time.Location) *snapshot {
	empty := &snapshot{catalog: cat, zone: zone, policy: policy.NewWorld(policy.Parts{Releases: policyReleases(cat), Screens: catalog.Screens()})}
	return empty.holding(records)
}

// after returns the world that a change would make of this one.
func (s *snapshot) after(c storage.WorldChange) *snapshot {
	return s.holding(applied(s.records, c))
}

// holding returns these records with the same catalogue. To translate and index
// that for the engine would cost more than all else.
func (s *snapshot) holding(records storage.World) *snapshot {
	next := &snapshot{records: records, catalog: s.catalog, zone: s.zone, apps: make(map[string][]string, len(records.Groups))}
	next.policy = s.policy.With(next.parts())
	for _, g := range records.Groups {
		next.apps[g.Name] = slices.Sorted(slices.Values(g.Apps))
	}
	return next
}

// withCensus returns the world that gates are computed from. It is made once for
// the same counts.
func (s *snapshot) withCensus(c *census, now time.Time) *policy.World {
	k := c.counts(now)
	if known := s.counted.Load(); known != nil && known.counts == k {
		return known.world
	}
	world := s.policy.WithCensus(k.groups)
	s.counted.Store(&countedWorld{k, world})
	return world
}

// parts translates the records into the engine's own types, without releases and screens.
func (s *snapshot) parts() policy.Parts {
	p := policy.Parts{Revision: s.records.Revision, Halt: engineHalt(s.records.Halt), Location: s.zone}
	for _, a := range s.records.Apps {
		p.Apps = append(p.Apps, policy.App{BundleID: a.BundleID, Name: a.Name, Importance: policy.Importance(a.Importance), Deliver: policy.Delivery(a.Deliver)})
	}
	calendars := make(map[string]policy.Calendar) // by policy: most groups share one
	for _, g := range s.records.Groups {
		follows := policyName(g)
		if _, ok := calendars[follows]; !ok {
			decided, err := s.decided(follows)
			if err != nil {
				decided = builtInPolicy()
			}
			calendars[follows] = s.calendarOf(decided)
		}
		pg := policy.Group{
			Name: g.Name, Apps: g.Apps, Candidate: policy.Candidate(g.Candidate),
			Policy:        g.Policy,
			MinimumNotice: g.MinimumNotice, CandidateNotice: g.CandidateNotice, Calendar: calendars[follows],
		}
		p.Groups = append(p.Groups, pg)
	}
	for _, decided := range s.records.Policies {
		p.Policies = append(p.Policies, enginePolicy(decided))
	}
	p.Verdicts = make([]policy.Verdict, len(s.records.Verdicts)) // of which there are by far the most
	for i, v := range s.records.Verdicts {
		p.Verdicts[i] = policyVerdict(v)
	}
	for _, o := range s.records.Offers {
		p.Offers = append(p.Offers, policy.Offer{
			Group: o.Group, Release: o.Release, By: o.By, Reason: o.Reason, At: o.At, Withdrawn: o.Withdrawn,
		})
	}
	for _, a := range s.records.Approvals {
		p.Approvals = append(p.Approvals, policyApproval(a))
	}
	for _, d := range s.records.Declines {
		p.Declines = append(p.Declines, policy.Decline{Group: d.Group, Release: d.Release, By: d.By, Reason: d.Reason, At: d.At})
	}
	return p
}

func policyVerdict(v storage.Verdict) policy.Verdict {
	return policy.Verdict{
		ID: v.ID, BundleID: v.BundleID, AppVersion: v.AppVersion, Release: v.Release, Model: v.Model,
		Group: v.Group, Phone: v.Phone, Ring: policy.Ring(v.Ring), PhoneOS: v.PhoneOS, PhoneBuild: v.PhoneBuild, PhoneExtra: v.PhoneExtra,
		Result: policy.Result(v.Result), Method: policy.Method(v.Method), By: v.By, At: v.At, Expires: v.Expires,
		External: v.External, Evidence: v.Evidence, Note: v.Note,
		RevokedAt: v.RevokedAt, RevokedBy: v.RevokedBy,
		// Until people have roles, whoever may use the socket may test.
		AllowedTester: true,
	}
}

func policyApproval(a storage.Approval) policy.Approval {
	p := policy.Approval{
		ID: a.ID, Group: a.Group, Release: a.Release, By: a.By, Reason: a.Reason, At: a.At,
		Models: a.Models, Verdicts: a.Verdicts, PausedAt: a.PausedAt, PausedBy: a.PausedBy, PauseReason: a.PauseReason,
		Stopped: engineReadings(a.Breaker.Stopped), Withdrawn: a.WithdrawnAt,
	}
	if o := a.Override; o != nil {
		p.Override = &policy.Override{
			By: o.By, Second: o.Second, Reason: o.Reason, SecondReason: o.SecondReason, Until: o.Until, Broken: o.Broken,
		}
	}
	if l := a.Lane; l != nil {
		p.Lane = &policy.Lane{By: l.By, Second: l.Second, Reason: l.Reason, SecondReason: l.SecondReason, CVEs: l.CVEs, HurriedAt: l.HurriedAt}
	}
	p.Waves, p.WavesOf, p.SupersededBy = engineWaves(a.Waves), a.WavesOf, a.SupersededBy
	p.Floors, p.Extensions = engineFloors(a.Floors), engineExtensions(a.Extensions)
	return p
}

func (s *snapshot) group(name string) (storage.Group, error) {
	i := slices.IndexFunc(s.records.Groups, func(g storage.Group) bool { return g.Name == name })
	if i < 0 {
		names := make([]string, len(s.records.Groups))
		for j, g := range s.records.Groups {
			names[j] = g.Name
		}
		return storage.Group{}, &NotFoundError{What: "group", Name: name, Near: near(name, names)}
	}
	return s.records.Groups[i], nil
}

// groupOrNone refuses a group that does not exist. A query names it, or "-" for
// the phones in none, or nothing.
func (s *snapshot) groupOrNone(name string) error {
	if name == "" || name == "-" {
		return nil
	}
	_, err := s.group(name)
	return err
}

func (s *snapshot) app(bundleID string) (storage.App, error) {
	i := slices.IndexFunc(s.records.Apps, func(a storage.App) bool { return a.BundleID == bundleID })
	if i < 0 {
		names := make([]string, len(s.records.Apps))
		for j, a := range s.records.Apps {
			names[j] = a.BundleID
		}
		return storage.App{}, &NotFoundError{What: "app", Name: bundleID, Near: near(bundleID, names)}
	}
	return s.records.Apps[i], nil
}

// release returns a release that somebody names as the catalogue does, or a
// *NotFoundError naming near ones.
func (s *snapshot) release(version string) (catalog.Release, error) {
	r, ok := s.catalog.Release(version)
	switch {
	case !ok:
		return catalog.Release{}, &NotFoundError{What: "release", Name: version, Near: near(version, s.releaseNames())}
	case r.Version != version: // what is decided about another spelling would be about nothing
		return catalog.Release{}, &NotFoundError{What: "release", Name: version, Near: []string{r.Version}}
	}
	return r, nil
}

func (s *snapshot) releaseNames() []string {
	var names []string
	for _, r := range s.catalog.Releases() {
		names = append(names, r.Version)
	}
	return names
}

// near returns at most three names that share the longest start with the one
// that was not found.
func near(name string, names []string) []string {
	type scored struct {
		name  string
		score int
	}
	var found []scored
	for _, n := range names {
		score := 0
		for score < min(len(n), len(name)) && n[score] == name[score] {
			score++
		}
		if score > 0 {
			found = append(found, scored{n, score})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int {
		if a.score != b.score {
			return b.score - a.score
		}
		return strings.Compare(a.name, b.name)
	})
	var out []string
	for _, s := range found[:min(len(found), 3)] {
		out = append(out, s.name)
	}
	return out
}
