package demo

import (
	"context"
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

const (
	downloadTime = 2 * time.Hour    // by the phones' clock
	installTime  = 30 * time.Minute // likewise
	// sharedKeys is how many RSA keys the phones share: making one takes a
	// tenth of a second, and every phone has a certificate of its own anyway.
	sharedKeys  = 4
	workers     = 8 // phones that act at the same time
	enrolAtOnce = 4
)

// member is one phone of the company.
type member struct {
	part

	phone *mdmtest.Phone
	mu    sync.Mutex
	stays []stay // where the demo put it, oldest first
}

// company is all phones of the story and the world they live in.
type company struct {
	lifetime context.Context //nolint:containedctx // of the running phones: longer than any call here
	clock    *clock
	journal  *mdmtest.Journal
	members  []*member

	mu      sync.Mutex
	byToken map[string]*mdmtest.Phone
	stop    context.CancelFunc // of the running population
	ended   chan struct{}
}

// newCompany makes n phones for the two big groups, and the older ones. Nobody
// has enrolled yet.
func newCompany(lifetime context.Context, n int, c *clock, facts *catalog.Catalog, roots *x509.CertPool, journal *mdmtest.Journal) (*company, error) {
	co := &company{lifetime: lifetime, clock: c, journal: journal, byToken: map[string]*mdmtest.Phone{}}
	apple := lab.NewApple(downloadTime, installTime)
	apple.Set(offers(facts))
	keys := mdmtest.NewKeyPool(0, sharedKeys)
	for range sharedKeys { // now, because enrolment is timed
		if _, err := keys.Get(); err != nil {
			return nil, fmt.Errorf("make phones: %w", err)
		}
	}
	for i, p := range append(parts(n), olderParts()...) {
		if p.build == "" {
			var err error
			if p.build, err = buildOf(facts, p.os); err != nil {
				return nil, err
			}
		}
		o := mdmtest.Options{
			UDID: udid(i), ProductName: p.model, Name: fmt.Sprintf("Phone %d", i+1), OSVersion: p.os, Build: p.build,
			Supervised: p.supervised, TimeZone: timeZone, Apps: p.apps(), Now: c.Now, Wall: wall, Roots: roots,
			Apple: apple, Journal: journal, Keys: keys,
		}
		o.User, o.Passcode = p.user(i)
		if p.role == full {
			o.AvailableGB = 1.5
		}
		phone, err := mdmtest.New(o)
		if err != nil {
			return nil, fmt.Errorf("make phone: %w", err)
		}
		co.members = append(co.members, &member{part: p, phone: phone})
	}
	return co, nil
}

// offers is Apple's world as far as the phones see it: the catalogue's
// releases, each from midnight UTC of the day it was posted.
func offers(facts *catalog.Catalog) []lab.Release {
	var out []lab.Release
	for _, r := range facts.Releases() {
		if len(r.Builds) == 0 {
			continue
		}
		release := lab.Release{Version: version.Base(r.Version), Extra: version.Extra(r.Version), Build: r.Builds[len(r.Builds)-1].ID, Posted: r.Posted.Time(time.UTC)}
		for _, m := range r.Models {
			release.Models = append(release.Models, m.Model)
		}
		out = append(out, release)
	}
	return out
}

// buildOf returns the build phones report for a release. Apple lists most
// versions under two, n and n+6000; the last in order is n.
func buildOf(facts *catalog.Catalog, version string) (string, error) {
	r, ok := facts.Release(version)
	if !ok || len(r.Builds) == 0 {
		return "", fmt.Errorf("the built-in release facts know no build of %s", version)
	}
	return r.Builds[len(r.Builds)-1].ID, nil
}

// with returns the phones of some roles.
func (co *company) with(roles ...role) []*member {
	return co.where(func(m *member) bool {
		for _, r := range roles {
			if m.role == r {
				return true
			}
		}
		return false
	})
}

func (co *company) where(want func(*member) bool) []*member {
	var out []*member
	for _, m := range co.members {
		if want(m) {
			out = append(out, m)
		}
	}
	return out
}

// in returns the phones the demo has put into a place and that have enrolled.
func (co *company) in(group, ring string) []*member {
	return co.where(func(m *member) bool { return m.phone.Enrolled() && m.now() == place{group, ring} })
}

// now is where the demo last put the phone.
func (m *member) now() place {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.stays) == 0 {
		return place{}
	}
	return m.stays[len(m.stays)-1].place
}

// arrived records that the phone belongs to a place from a moment on, and that
// the request that put it there was over at another.
func (m *member) arrived(p place, from, over time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n := len(m.stays); n > 0 {
		m.stays[n-1].leftBy = over
	}
	m.stays = append(m.stays, stay{place: p, from: from})
}

// deliver hands a push to the phone with the token. A token is not known
// before its phone has enrolled, so an unknown one is looked up.
func (co *company) deliver(token []byte, magic string) {
	co.mu.Lock()
	phone := co.byToken[string(token)]
	if phone == nil {
		for _, m := range co.members {
			if t := m.phone.PushToken(); t != nil {
				co.byToken[string(t)] = m.phone
			}
		}
		phone = co.byToken[string(token)]
	}
	co.mu.Unlock()
	if phone != nil {
		phone.Push(magic)
	}
}

// live lets the phones act until rest, or the end of everything. What goes
// wrong on a phone's network is not an error of the demo: phones try again by
// themselves.
func (co *company) live() {
	ctx, cancel := context.WithCancel(co.lifetime)
	phones := make([]*mdmtest.Phone, len(co.members))
	for i, m := range co.members {
		phones[i] = m.phone
	}
	population := mdmtest.NewPopulation(phones, mdmtest.PopulationOptions{Speed: co.clock.setting().Speed})
	ended := make(chan struct{})
	co.stop, co.ended = cancel, ended
	go func() {
		defer close(ended)
		_ = population.Run(ctx, workers) // it returns when ctx ends, with ctx's error
	}()
}

// rest stops the phones and waits for them.
func (co *company) rest() {
	if co.stop == nil {
		return
	}
	co.stop()
	<-co.ended
	co.stop = nil
}

// enrol lets phones join, each by a link that link gets for its place.
func (co *company) enrol(ctx context.Context, phones []*member, link func(context.Context, *member) (string, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(enrolAtOnce)
	for _, m := range phones {
		group.Go(func() error {
			asked := co.clock.Now()
			address, err := link(ctx, m)
			if err != nil {
				return err
			}
			if err := m.phone.InstallFromLink(ctx, address); err != nil {
				return fmt.Errorf("enroll %s: %w", m.phone.UDID(), err)
			}
			m.arrived(m.place, asked, co.clock.Now())
			return nil
		})
	}
	return group.Wait()
}

// onRelease counts phones that run the story's release.
func onRelease(phones []*member) int {
	n := 0
	for _, m := range phones {
		if m.phone.Snapshot().OSVersion == storyRelease {
			n++
		}
	}
	return n
}

// told counts phones that hold an enforcement or have carried one out.
func told(phones []*member) int {
	n := 0
	for _, m := range phones {
		s := m.phone.Snapshot()
		if s.OSVersion == storyRelease || len(s.Enforcements) > 0 {
			n++
		}
	}
	return n
}

// whenInstalled counts the enforced installations that ended before the
// deadline the phone had last been given, and the others.
func whenInstalled(entries []mdmtest.Entry) (early, atDeadline int) {
	deadlines := map[string]time.Time{}
	for _, e := range entries {
		switch {
		case e.Kind == mdmtest.KindEnforcement && e.Deadline != nil:
			deadlines[e.Phone] = *e.Deadline
		case e.Kind == mdmtest.KindInstalled && e.Declaration != "" && e.Time.Before(deadlines[e.Phone]):
			early++
		case e.Kind == mdmtest.KindInstalled && e.Declaration != "":
			atDeadline++
		}
	}
	return early, atDeadline
}
