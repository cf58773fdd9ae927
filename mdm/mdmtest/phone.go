package mdmtest

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
)

// Errors that callers may tell apart.
var (
	// ErrNotEnrolled is returned where an MDM enrolment is needed.
	ErrNotEnrolled = errors.New("phone is not enrolled")
	// ErrOffline is returned while the phone has no network or restarts to
	// install an update.
	ErrOffline = errors.New("phone is offline")
	// ErrUnenrolled is returned by the exchange after which the phone removed
	// its MDM profile.
	ErrUnenrolled = errors.New("phone removed its mdm profile")
	// ErrProfile wraps every reason for which a profile was refused.
	ErrProfile = errors.New("profile refused")
)

// Phone is one simulated iPhone. Its methods are safe for concurrent use;
// sessions with the server run one at a time.
type Phone struct {
	o    Options
	zone *time.Location

	// run serialises everything that talks to the server.
	run sync.Mutex
	// mu guards all that follows. It is released while a request is on the
	// wire (see exchange), so that setters and Snapshot never wait for the
	// network and a server in the same process may call them.
	mu sync.Mutex

	version, build string
	apps           []App
	managed        map[string]managedApp // by bundle id
	offline        bool
	noWiFi         bool // too poor a network to download updates
	locked         bool
	roots          *x509.CertPool
	enrolment      *enrolment // nil while unmanaged
	update         update
	catalog        []Offer // what Apple offered at catalogChecked
	catalogChecked time.Time
	visibleSince   map[string]time.Time // version -> when Settings first showed it
	passcodeReady  bool
	failInstalls   int
	failReason     string
	improvement    improvement
	hold           string // the deferral last noted, see noteHold

	wantsConnect bool
	retryAt      time.Time // earliest next attempt after a network failure
	failures     int       // network failures in a row
	lastContact  time.Time
	violations   []string
	wake         func() // tells a Population that something changed
}

// New returns a phone as o describes it. It fails when Now is missing or the
// time zone is unknown.
func New(o Options) (*Phone, error) {
	if o.Now == nil {
		return nil, errors.New("new phone: Now is required")
	}
	o.setDefaults()
	zone, err := time.LoadLocation(o.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("new phone: %w", err)
	}
	if o.UDID == "" {
		o.UDID = strings.ToUpper(uuid.NewString())
	}
	if o.SerialNumber == "" {
		sum := sha256.Sum256([]byte(o.UDID))
		o.SerialNumber = strings.ToUpper(hex.EncodeToString(sum[:5]))
	}
	roots, err := initialRoots(o.Roots)
	if err != nil {
		return nil, fmt.Errorf("new phone: %w", err)
	}
	p := &Phone{o: o, zone: zone, version: o.OSVersion, build: o.Build, roots: roots}
	p.apps = append(p.apps, o.Apps...)
	p.o.Store = slices.Clone(o.Store)
	p.update.state = stateNone
	p.visibleSince = map[string]time.Time{}
	return p, nil
}

func initialRoots(given *x509.CertPool) (*x509.CertPool, error) {
	if given != nil {
		return given.Clone(), nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("system roots: %w", err)
	}
	return pool, nil
}

func (p *Phone) now() time.Time { return p.o.Now() }

// UDID returns the phone's identifier.
func (p *Phone) UDID() string { return p.o.UDID }

// Enrolled reports whether the phone is managed.
func (p *Phone) Enrolled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.enrolment != nil
}

// PushToken returns the APNs device token, or nil while unmanaged.
func (p *Phone) PushToken() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.enrolment == nil {
		return nil
	}
	return append([]byte(nil), p.enrolment.pushToken...)
}

// PushMagic returns the secret a push must carry, or "" while unmanaged.
func (p *Phone) PushMagic() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.enrolment == nil {
		return ""
	}
	return p.enrolment.pushMagic
}

// Push delivers an APNs wake-up that carries magic. A push with another magic
// is ignored and recorded as a violation, as Apple's devices ignore it.
func (p *Phone) Push(magic string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.enrolment == nil || p.offline:
		return
	case magic != p.enrolment.pushMagic:
		p.violation("push with a wrong PushMagic")
		return
	}
	p.connectSoon()
}

// connectSoon makes the next step open a session. p.mu is held.
func (p *Phone) connectSoon() {
	p.wantsConnect = true
	p.retryAt = time.Time{}
	p.changed()
}

// changed tells whoever paces the phone that its next step may be due earlier.
func (p *Phone) changed() {
	if p.wake != nil {
		p.wake()
	}
}

// Connect runs one session: it sends what was not delivered before, asks for
// commands until there are none, synchronises declarations and reports status.
// It returns network and protocol errors; what could not be delivered is kept
// for the next session.
func (p *Phone) Connect(ctx context.Context) error {
	p.run.Lock()
	defer p.run.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance()
	err := p.connect(ctx, true)
	p.advance()
	return err
}

// Step brings the phone to Now: it advances downloads and installations, lets
// the user act, and talks to the server when there is a reason to. It returns
// network errors; the phone tries again by itself, see [Phone.NextStep].
func (p *Phone) Step(ctx context.Context) error {
	p.run.Lock()
	defer p.run.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance()
	var err error
	if p.due() {
		err = p.connect(ctx, p.pollDue())
		// What the session brought, such as an enforcement, starts at once.
		p.advance()
	}
	if err == nil && p.due() {
		err = p.connect(ctx, p.pollDue())
	}
	// The last thing the server hears before the restart is "installing".
	p.update.restarting = p.update.state == stateInstalling
	return err
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // crypto/rand.Read never fails; see its documentation
	return b
}
