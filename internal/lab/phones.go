package lab

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// The rings of a group, as links name them.
const (
	verification = "verification"
	production   = "production"
)

// PhonesOptions describe a population of simulated iPhones.
type PhonesOptions struct {
	Phones       []mdmtest.System // what each of them is, at least one
	Verification int              // so many of them, the first ones, are verification phones
	Apps         []mdmtest.App
	Store        []mdmtest.StoreApp // what the App Store has for each of them
	TimeZone     string             // IANA name
	Seed         uint64             // the same seed gives the same UDIDs
	// InstallAfter is how long after an update is ready its user installs it,
	// by the phone's clock; 0 waits for the deadline.
	InstallAfter time.Duration
	Roots        *x509.CertPool // trusted before enrolment
	Apple        mdmtest.Apple
	Journal      *mdmtest.Journal

	Now   func() time.Time // the phones' clock: policy time
	Wall  func() time.Time
	Speed float64 // seconds of Now per second of Wall
	// OnError is told what went wrong on a phone, which goes on by itself. It
	// may be called from several goroutines.
	OnError func(udid string, err error)
}

// Phones is a population of simulated iPhones.
type Phones struct {
	o      PhonesOptions
	phones []*mdmtest.Phone

	mu      sync.Mutex
	byToken map[string]*mdmtest.Phone
}

// keysInUse is how many RSA keys the phones share: making one takes long.
const keysInUse = 2

// NewPhones returns phones that are not enrolled yet.
func NewPhones(o PhonesOptions) (*Phones, error) {
	if len(o.Phones) == 0 || o.Verification < 0 || o.Verification > len(o.Phones) {
		return nil, errors.New("new phones: want at least one phone, and no more verification phones than phones")
	}
	p := &Phones{o: o, byToken: map[string]*mdmtest.Phone{}}
	base := mdmtest.Options{
		TimeZone: o.TimeZone, Apps: o.Apps, Store: o.Store, Now: o.Now, Wall: o.Wall, Roots: o.Roots, Apple: o.Apple, Journal: o.Journal,
		Keys: mdmtest.NewKeyPool(0, min(len(o.Phones), keysInUse)), User: mdmtest.User{InstallsEarly: o.InstallAfter, TakesImprovements: takesImprovements},
	}
	for i, options := range mdmtest.Variants(base, o.Phones) {
		options.UDID, options.Name = udid(o.Seed, i), fmt.Sprintf("%s %d", p.ring(i), i+1)
		phone, err := mdmtest.New(options)
		if err != nil {
			return nil, fmt.Errorf("new phones: %w", err)
		}
		p.phones = append(p.phones, phone)
	}
	return p, nil
}

// takesImprovements is how long after Apple posts a background security
// improvement phones take it by themselves, unless they are told otherwise.
const takesImprovements = 24 * time.Hour

// udid returns the UDID of a phone in the form of iPhones since 2018: chip and
// a number of its own.
func udid(seed uint64, i int) string {
	b := binary.BigEndian.AppendUint64(nil, seed)
	b = binary.BigEndian.AppendUint64(b, uint64(i)) //nolint:gosec // an index is not negative
	sum := sha256.Sum256(b)
	return fmt.Sprintf("00008110-%016X", sum[:8])
}

func (p *Phones) ring(i int) string {
	if i < p.o.Verification {
		return verification
	}
	return production
}

// UDIDs returns the UDIDs of the verification phones, then those of the
// others.
func (p *Phones) UDIDs() []string {
	var out []string
	for _, phone := range p.phones {
		out = append(out, phone.UDID())
	}
	return out
}

// enrolAtOnce is how many phones enrol at the same time.
const enrolAtOnce = 4

// Enroll enrols every phone by a one-time link of its own, which link gets for
// its UDID and a ring, "verification" or "production". It stops at the first that fails.
func (p *Phones) Enroll(ctx context.Context, link func(ctx context.Context, udid, ring string) (string, error)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(enrolAtOnce)
	for i, phone := range p.phones {
		group.Go(func() error {
			address, err := link(ctx, phone.UDID(), p.ring(i))
			if err != nil {
				return err
			}
			if err := phone.InstallFromLink(ctx, address); err != nil {
				return fmt.Errorf("enrol phone %s: %w", phone.UDID(), err)
			}
			return nil
		})
	}
	return group.Wait()
}

// Deliver hands a push to the phone with the token; to none when none has it.
func (p *Phones) Deliver(token []byte, magic string) {
	if phone := p.withToken(string(token)); phone != nil {
		phone.Push(magic)
	}
}

// withToken finds a phone by its push token. A token is not known before its
// phone enrolled, and the first push may come before enrolling has returned.
func (p *Phones) withToken(token string) *mdmtest.Phone {
	p.mu.Lock()
	defer p.mu.Unlock()
	if phone, ok := p.byToken[token]; ok {
		return phone
	}
	for _, phone := range p.phones {
		if t := phone.PushToken(); t != nil {
			p.byToken[string(t)] = phone
		}
	}
	return p.byToken[token]
}

// workers is how many phones act at the same time.
const workers = 8

// Run lets the phones live until ctx ends.
func (p *Phones) Run(ctx context.Context) {
	onError := func(phone *mdmtest.Phone, err error) {
		if p.o.OnError != nil && ctx.Err() == nil {
			p.o.OnError(phone.UDID(), err)
		}
	}
	// It returns when ctx ends, with no other error than ctx's.
	_ = mdmtest.NewPopulation(p.phones, mdmtest.PopulationOptions{Speed: p.o.Speed, OnError: onError}).Run(ctx, workers)
}
