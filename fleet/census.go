package fleet

import (
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// silentAfter is how long a phone may stay away before a rollout no longer
// waits for it to be called done. Reports still list it.
const silentAfter = 7 * 24 * time.Hour

// census knows what every phone of a segment is like, kept current with every
// change of a phone. Phones that differ in nothing any decision or reason
// depends on share one look, so that counting and explaining all phones costs
// little more than explaining each look once.
type census struct {
	moments atomic.Uint64
	mu      sync.RWMutex
	members []member
	index   map[string]int // into members, by UDID
	looks   looks
	gone    map[string]departed    // phones that left and cost something before, by UDID
	shown   atomic.Uint64          // moves on when a phone shows something else than before
	tally   atomic.Pointer[counts] // as they are; nil: nobody has counted yet
}

// member is one phone as the census knows it. There is one for each phone, so it is
// kept small: what few phones have is behind a pointer.
type member struct {
	udid    string
	num     uint64
	epoch   uint64
	contact instant
	look    *look
	// When its certificate is due for renewal, and when it ends; zero unknown.
	renewAt, until instant
	holder         string // reference to who carries it
	reminded       *reminded
	told           told
	ways           *ways // nil: it has nothing of that
	signs          signs
	ran            []ran  // oldest first, never changed
	known          uint64 // moment at which this was so
}

// ways are what few phones have: how one last came to test, which group it left, what it ran
// where it was before, and the installation that failed.
type ways struct {
	drafted storage.Draft
	left    storage.Departure
	failed  storage.Failure // the last installation that did
	placed  int32           // day from which on it counts for where it is; 0: its enrolment
	past    []stay
}

// waysOf returns nil for a phone of which there is nothing to know.
func waysOf(p *storage.Phone) *ways {
	if p.Drafted == (storage.Draft{}) && p.Left == (storage.Departure{}) && p.PlacedAt.IsZero() && p.Past == nil && p.Failed == nil {
		return nil
	}
	x := &ways{drafted: p.Drafted, left: p.Left, placed: placedOn(p), past: staysOf(p)}
	if p.Failed != nil {
		x.failed = *p.Failed
	}
	return x
}

// drafted returns when one person last said that the phone is for testing.
func (m member) drafted() storage.Draft {
	if m.ways == nil {
		return storage.Draft{}
	}
	return m.ways.drafted
}

// left returns when the phone last went from one group's production to another's.
func (m member) left() storage.Departure {
	if m.ways == nil {
		return storage.Departure{}
	}
	return m.ways.left
}

// failed returns the last installation that did; the zero value: none.
func (m member) failed() storage.Failure {
	if m.ways == nil {
		return storage.Failure{}
	}
	return m.ways.failed
}

// placed returns the day from which on the phone counts for where it is; 0: its enrolment.
func (m member) placed() int32 {
	if m.ways == nil {
		return 0
	}
	return m.ways.placed
}

// past returns what the phone ran in production where it is no longer.
func (m member) past() []stay {
	if m.ways == nil {
		return nil
	}
	return m.ways.past
}

// look is what phones that share it have in common.
type look struct {
	key   uint64        // in looks
	phone storage.Phone // without what tells the phones apart; never changed
	count int           // phones that have it
}

func newCensus() *census {
	return &census{index: map[string]int{}, looks: newLooks(), gone: map[string]departed{}}
}

// bare returns a phone without what tells it from others and without the times
// and amounts that no reason depends on.
func bare(p *storage.Phone) storage.Phone {
	b := *p
	b.Num, b.UDID, b.Epoch, b.Serial, b.Certificate, b.UnlockToken, b.Holder = 0, "", 0, "", "", nil, ""
	b.Rights = p.Rights & mdm.RightManageApps // whether apps can be updated
	b.Identity = storage.Identity{}
	b.EnrolledAt, b.RemovedAt, b.Contact = time.Time{}, time.Time{}, time.Time{}
	b.InfoAt, b.AppsNo, b.StatusAt, b.OS.Since, b.OS.SupplementalSince = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	if !b.AppsAt.IsZero() {
		b.AppsAt = time.Unix(0, 0).UTC() // only whether it ever answered counts
	}
	b.Drafted, b.Left, b.Kept = storage.Draft{}, storage.Departure{}, storage.KeptPlace{}
	b.OS.Reasons, b.History, b.Forgotten, b.Chase = nil, nil, 0, nil
	b.Past, b.PlacedAt = nil, time.Time{}
	b.AppUpdates, b.AppCommands = bareApps(p.AppUpdates), 0
	b.Push = storage.Push{DeadSince: b.Push.DeadSince}
	b.AvailableGB, b.Battery = policy.CoarseSpace(b.AvailableGB), policy.CoarseCharge(b.Battery)
	b.Update.FailureAt, b.Update.FailureSeen, b.Update.Since = time.Time{}, time.Time{}, time.Time{}
	b.Sync = storage.SyncState{NotNowSince: b.Sync.NotNowSince}
	b.Announced, b.Reverted, b.Failed = storage.Announced{Wave: p.Announced.Wave}, nil, nil
	if e := p.Announced.Enforcement; e != nil {
		told := *e
		told.FirstAt = time.Time{}
		b.Announced.Enforcement = &told
	}
	if p.Arrival != nil {
		b.Arrival = &storage.Arrival{Release: p.Arrival.Release}
	}
	return b
}

// lookOf returns the look of a phone that had another before, nil for none. Most
// phones that say something say what they said before: then none is looked for. The
// caller holds c.mu.
func (c *census) lookOf(p *storage.Phone, before *look) *look {
	content := bare(p)
	if before != nil && before.phone.Same(&content) {
		return before
	}
	return c.looks.with(content)
}

// moment returns a number greater than any before. One taken by the updater
// that changes a phone tells which of two changes came later: whoever has to
// run again because the other was faster takes another.
func (c *census) moment() uint64 { return c.moments.Add(1) }

// add takes up a phone as a change at that moment left it, unless a later
// change is known.
func (c *census) add(p *storage.Phone, at uint64) { c.put(p, at, at) }

// heal takes up a phone as it was read, unless a change after that moment is
// known. A change under way then is not yet in what was read, so the reading
// does not count as newer.
func (c *census) heal(p *storage.Phone, before uint64) { c.put(p, before, 0) }

func (c *census) put(p *storage.Phone, at, known uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, old := c.index[p.UDID]
	if old {
		if c.members[i].known > at {
			return
		}
		known = max(known, c.members[i].known)
	}
	if p.State == storage.PhoneRemoved {
		if old {
			c.remove(i)
		}
		if len(p.Past) > 0 {
			c.gone[p.UDID] = departed{p.Model, staysOf(p)}
		}
		return
	}
	delete(c.gone, p.UDID)
	var before member
	if old {
		before = c.members[i]
	}
	l := c.lookOf(p, before.look)
	l.count++
	m := member{
		udid: p.UDID, num: p.Num, epoch: p.Epoch, contact: instantOf(p.Contact), look: l, known: known,
		renewAt: instantOf(p.Identity.RenewAt), until: instantOf(p.Identity.Until), holder: p.Holder,
		reminded: remindedOf(p), told: toldTo(p, before.told), ways: waysOf(p), signs: signsOf(p), ran: ranBy(p, before.ran),
	}
	if !old || !m.showsAs(&before) {
		c.shown.Add(1)
	}
	if !old {
		c.recount(nil, &m)
		c.index[p.UDID] = len(c.members)
		c.members = append(c.members, m)
		return
	}
	c.recount(&before, &m)
	c.drop(before.look)
	c.members[i] = m
}

// remove forgets a member; the last one takes its place.
func (c *census) remove(i int) {
	c.recount(&c.members[i], nil)
	c.shown.Add(1)
	c.drop(c.members[i].look)
	delete(c.index, c.members[i].udid)
	last := len(c.members) - 1
	if i != last {
		c.members[i] = c.members[last]
		c.index[c.members[i].udid] = i
	}
	c.members[last] = member{}
	c.members = c.members[:last]
}

// drop ends one member's use of a look.
func (c *census) drop(l *look) {
	if l.count--; l.count == 0 {
		c.looks.forget(l)
	}
}

// has reports whether a phone with this UDID is known, as those are that have
// not left.
func (c *census) has(udid string) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, known := c.index[udid]
	return known
}

// phone returns a phone as far as decisions depend on it, unless it has left.
func (c *census) phone(udid string) (storage.Phone, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	i, known := c.index[udid]
	if !known {
		return storage.Phone{}, false
	}
	p := c.members[i].look.phone
	p.UDID, p.Epoch, p.Contact = udid, c.members[i].epoch, c.members[i].contact.time()
	return p, true
}

// all yields every phone, in no order. Changes of phones wait for the loop, so
// it must be short and not use the census; a copy of all phones for each report
// would cost more than the report.
func (c *census) all() iter.Seq[member] {
	return func(yield func(member) bool) {
		c.mu.RLock()
		defer c.mu.RUnlock()
		for _, m := range c.members {
			if !yield(m) {
				return
			}
		}
	}
}

// left yields the phones that left and ran something in production before, under the
// conditions of all.
func (c *census) left() iter.Seq[departed] {
	return func(yield func(departed) bool) {
		c.mu.RLock()
		defer c.mu.RUnlock()
		for _, d := range c.gone {
			if !yield(d) {
				return
			}
		}
	}
}

// eachLook yields every look with how many phones have it, under the conditions of all.
func (c *census) eachLook() iter.Seq[*look] {
	return func(yield func(*look) bool) {
		c.mu.RLock()
		defer c.mu.RUnlock()
		for l := range c.looks.all() {
			if !yield(l) {
				return
			}
		}
	}
}

// size returns how many phones a group has, by ring.
func (c *census) size(group string, now time.Time) map[storage.Ring]int {
	out := map[storage.Ring]int{}
	for _, row := range c.counts(now).groups[group] {
		out[storage.Ring(row.Ring)] += row.Count
	}
	return out
}

// formerOf returns the phones out of production that were last in that of one of some
// groups, by UDID.
func (c *census) formerOf(groups ...string) []string {
	last := map[string]bool{}
	for _, g := range groups {
		last[g] = true
	}
	var list []string
	for m := range c.all() {
		if last[m.look.phone.Former] {
			list = append(list, m.udid)
		}
	}
	slices.Sort(list)
	return list
}

// looksOf returns each look that phones of a group have. They must not be changed.
func (c *census) looksOf(group string) []*storage.Phone {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var out []*storage.Phone
	for l := range c.looks.all() {
		if l.phone.Group == group {
			out = append(out, &l.phone)
		}
	}
	return out
}

// below counts the phones that can run a release and are not on it yet.
func (c *census) below(release string, runs func(model string) bool) int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	n := 0
	for l := range c.looks.all() {
		if runs(l.phone.Model) && version.Newer(release, fullVersion(&l.phone)) {
			n += l.count
		}
	}
	return n
}
