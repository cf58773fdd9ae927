package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/wake"
	"github.com/kannuki-mdm/kannuki/storage"
)

// NewPushRequest makes a key for a push certificate and the request for it, both
// PEM, as [apns.NewRequest] does. The organisation and the country, two letters,
// may be empty.
func NewPushRequest(organization, country string) (csrPEM, keyPEM []byte, err error) {
	return apns.NewRequest(apns.RequestName{CommonName: "Kannuki push", Organization: organization, Country: country})
}

// pusher is the push client of an installation, which may have none yet.
type pusher struct {
	options apns.Options

	mu     sync.RWMutex
	client *apns.Client // nil before a push certificate was imported
}

// errNoPushCertificate is what every push gets before a certificate exists.
var errNoPushCertificate = errors.New("no push certificate")

// Push implements wake.Pusher.
func (p *pusher) Push(ctx context.Context, push apns.Push) apns.Result {
	p.mu.RLock()
	client := p.client
	p.mu.RUnlock()
	if client == nil {
		return apns.Result{Outcome: apns.CertificateProblem, Reason: "none", Err: errNoPushCertificate}
	}
	return client.Push(ctx, push)
}

// use takes a certificate into use, for all phones at once.
func (p *pusher) use(c apns.Certificate) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		return p.client.Replace(c)
	}
	client, err := apns.NewClient(c, p.options)
	if err != nil {
		return err
	}
	p.client = client
	return nil
}

func (p *pusher) certificate() (apns.Certificate, bool) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if p.client == nil {
		return apns.Certificate{}, false
	}
	return p.client.Certificate(), true
}

func (p *pusher) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.client != nil {
		p.client.Close()
	}
}

// newPusher returns the push client, with the certificate of the data
// directory when there is one.
func newPusher(data string, c Config, getenv func(string) string, wall func() time.Time) (*pusher, error) {
	o, err := c.pushOptions(getenv)
	if err != nil {
		return nil, err
	}
	o.Now = wall
	p := &pusher{options: o}
	pair, err := os.ReadFile(filepath.Join(data, keysDir, pushFile)) //nolint:gosec // in the data directory
	if errors.Is(err, os.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read push certificate: %w", err)
	}
	cert, err := apns.ParseCertificate(pair, pair, wall())
	if _, expired := errors.AsType[*apns.ExpiredError](err); expired {
		// Phones cannot be woken, but those that come by themselves must still
		// be served; status says what is wrong.
		return p, nil
	}
	if err != nil {
		return nil, fmt.Errorf("push certificate in use: %w", err)
	}
	return p, p.use(cert)
}

// pushSource tells the wake-up scheduler how to reach a phone, and takes note
// of what Apple says of it.
type pushSource struct {
	store   fleet.PhoneStore
	changed func(storage.Segment, storage.Phone) // told of every phone it changed
}

func splitKey(key string) (storage.Segment, string) {
	seg, udid, _ := strings.Cut(key, "/")
	return storage.Segment(seg), udid
}

// Target implements wake.Source.
func (s pushSource) Target(ctx context.Context, key string) (wake.Target, bool, error) {
	seg, udid := splitKey(key)
	p, err := s.store.Phone(ctx, seg, udid)
	if errors.Is(err, storage.ErrNotFound) {
		return wake.Target{}, false, nil
	}
	if err != nil {
		return wake.Target{}, false, fmt.Errorf("read phone to push: %w", err)
	}
	usable := p.State == storage.PhoneEnrolled && len(p.Push.Token) > 0 && p.Push.DeadSince.IsZero()
	return wake.Target{Key: key, Token: p.Push.Token, Magic: p.Push.Magic, Topic: p.Push.Topic}, usable, nil
}

// Pushed implements wake.Reporter. Only one answer changes anything: Apple
// says that the token is dead, and says so of the token the phone has now.
func (s pushSource) Pushed(ctx context.Context, key string, at time.Time, r apns.Result) error {
	if r.Outcome != apns.Unregistered {
		return nil
	}
	seg, udid := splitKey(key)
	p, err := s.store.UpdatePhone(ctx, seg, udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		if !r.Since.IsZero() && p.Push.UpdatedAt.After(r.Since) {
			return storage.PhoneChange{Unchanged: true}, nil
		}
		p.Push.DeadSince = at
		return storage.PhoneChange{}, nil
	})
	if errors.Is(err, storage.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("record dead push token: %w", err)
	}
	s.changed(seg, p)
	return nil
}
