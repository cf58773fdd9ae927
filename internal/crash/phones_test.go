package crash

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server/api"
)

const (
	timeZone  = "Asia/Tokyo"
	model     = "iPhone15,2"
	oldOS     = "26.5"
	oldBuild  = "23F79"
	candidate = "26.6.1"
)

// home is the installation's time zone, which has no daylight saving time.
var home = time.FixedZone(timeZone, 9*60*60)

// phone is a simulated iPhone and whoever holds it.
type phone struct {
	*mdmtest.Phone
	random *rand.Rand
	// place is held while the phone enrols or is moved, so that an operator
	// who moves it knows where it was.
	place sync.Mutex
	// pushed is held for reading while a push is on its way, so that a push
	// for the old enrolment never reaches the new one.
	pushed sync.RWMutex
	stays  bool   // it is never erased or moved
	tests  bool   // it is for the verification ring
	link   string // a link that may not be spent, and where it leads
	group  string
	ring   string
}

// newPhones makes n phones. The first third begins in the verification rings.
func newPhones(n int, in *installation, j *journal, seed uint64) ([]*phone, error) {
	apple := lab.NewApple(time.Minute, time.Minute)
	apple.Set([]lab.Release{{Version: candidate, Build: "23G83", Posted: time.Date(2026, 8, 17, 0, 0, 0, 0, time.UTC), Models: []string{model}}})
	entries, keys := mdmtest.NewJournal(j.phones()), mdmtest.NewKeyPool(2048, 4)
	var all []*phone
	for i := range n {
		user := mdmtest.User{InstallsEarly: time.Nanosecond}
		if i%4 == 3 {
			user = mdmtest.User{} // waits for the deadline
		}
		p, err := mdmtest.New(mdmtest.Options{
			UDID: fmt.Sprintf("00008120-%016X", i+1), ProductName: model, OSVersion: oldOS, Build: oldBuild, Supervised: true, TimeZone: timeZone,
			Apps: []mdmtest.App{
				{BundleID: "com.example.pos", Name: "POS", Version: "10", ShortVersion: "1.0"},
				{BundleID: "com.example.scan", Name: "Scan", Version: "31", ShortVersion: "3.1"},
			},
			Now: in.now, Wall: time.Now, Roots: in.roots, Apple: apple, User: user, Journal: entries, Keys: keys,
		})
		if err != nil {
			return nil, err
		}
		ring := "production"
		if i < n/3 {
			ring = "verification"
		}
		one := &phone{
			Phone: p, random: rand.New(rand.NewPCG(seed, uint64(i))), group: firstGroups()[i%len(firstGroups())], ring: ring, tests: ring == "verification",
		}
		if user.InstallsEarly == 0 && ring == "production" { // late long enough to be reminded of a rollout to the end
			one.stays, one.group = true, firstGroups()[0]
		}
		all = append(all, one)
	}
	return all, nil
}

// deliver hands a push to the phone with the token.
func (c *campaign) deliver(token []byte, magic string) {
	for _, p := range c.phones {
		p.pushed.RLock()
		if bytes.Equal(p.PushToken(), token) {
			p.Push(magic)
		}
		p.pushed.RUnlock()
	}
}

// live lets a phone do what phones and their users do, until the context ends.
func (c *campaign) live(ctx context.Context, p *phone) {
	for ctx.Err() == nil {
		c.alive.RLock()
		if p.Enrolled() {
			c.use(ctx, p)
		} else {
			c.enrol(ctx, p)
		}
		c.alive.RUnlock()
		c.pause(ctx, between(p.random, time.Millisecond, 20*time.Millisecond))
	}
}

// use is a moment in the life of an enrolled phone.
func (c *campaign) use(ctx context.Context, p *phone) {
	switch p.random.IntN(60) {
	case 0:
		if p.stays {
			break
		}
		p.pushed.Lock()
		p.Erase()
		p.pushed.Unlock()
		if p.random.IntN(2) == 0 {
			p.SetOSVersion(oldOS, oldBuild) // another one, out of the box
		}
		return
	case 1, 2:
		p.SetLocked(true)
	case 3, 4, 5, 6:
		p.SetLocked(false)
	case 7:
		p.BlockLostResponse(1)
	}
	c.session(ctx, p)
}

// session is one complete conversation with the server: whatever is due by
// itself, and a poll in any case, as after a push.
func (c *campaign) session(ctx context.Context, p *phone) {
	v := visit{Phone: p.UDID(), Stage: begun}
	c.journal.visit(v)
	due := p.Step(ctx) // also moves downloads and installations on
	v.end(p, p.Connect(ctx))
	if due != nil {
		v.Error = due.Error() + "; " + v.Error
	}
	c.journal.visit(v)
}

// end fills in how a visit went.
func (v *visit) end(p *phone, err error) {
	if err != nil {
		v.Stage, v.Error = lost, err.Error()
		return
	}
	s := p.Snapshot()
	v.Stage, v.PushToken, v.OS = acknowledged, p.PushToken(), s.OSVersion
	for _, d := range s.Declarations {
		v.Declarations = append(v.Declarations, declaration{d.Identifier, d.ServerToken})
	}
}

// enrol gets a link, unless there is one left of an attempt that was cut off,
// and installs what it leads to.
func (c *campaign) enrol(ctx context.Context, p *phone) {
	p.place.Lock()
	defer p.place.Unlock()
	if p.link == "" && !c.newLink(ctx, p) {
		return
	}
	v := visit{Phone: p.UDID(), Stage: begun, Enrol: true, Group: p.group, Ring: p.ring}
	c.journal.visit(v)
	v.end(p, p.InstallFromLink(ctx, p.link))
	c.journal.visit(v)
	if v.Stage == acknowledged || p.Enrolled() || linkSpent(v.Error) {
		p.link = ""
	}
}

func (c *campaign) newLink(ctx context.Context, p *phone) bool {
	if p.random.IntN(4) == 0 && !p.stays {
		p.group = firstGroups()[p.random.IntN(len(firstGroups()))]
	}
	if p.tests && p.random.IntN(2) == 0 {
		p.ring = "verification"
	}
	var link api.EnrollmentLink
	a := act{Action: "grant.link", Group: p.group, Ring: p.ring, Phone: p.UDID()}
	a.ID = c.id()
	// Named in the link, because the server may know the phone from an attempt
	// whose answer was lost.
	err := c.do(ctx, &a, api.Path("enrollment", "links"), api.EnrollmentRequest{Group: p.group, Ring: p.ring, Device: p.UDID(), Reason: a.ID}, &link, func() {
		a.Target, a.Told = link.Grant, map[string]string{"group": p.group, "ring": p.ring, "phone": p.UDID()}
	})
	if a.Stage == refused {
		// More phones came to test than one person may say: this one does not.
		p.ring = "production"
	}
	if err != nil {
		return false
	}
	p.link = link.URL
	return true
}

// linkSpent recognises the answer to a link that led to a certificate already.
func linkSpent(message string) bool { return strings.Contains(message, "answered 410") }
