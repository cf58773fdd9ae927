package wake_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
	"github.com/kannuki-mdm/kannuki/mdm/apns/wake"
)

// The real client against the stand-in: one phone in twenty has a dead token,
// the service goes away for a moment, and every other phone still gets its
// push.
func TestLive(t *testing.T) {
	t.Parallel()
	const phones = 500
	var (
		mu      sync.Mutex
		woken   = map[string]int{}
		settled = make(chan struct{})
		missing = phones - phones/20
	)
	var service *apnstest.Server // Deliver uses it; nothing is pushed before it is set
	service, err := apnstest.New(apnstest.Options{Now: time.Now, Deliver: func(token []byte, _ string) {
		mu.Lock()
		defer mu.Unlock()
		if woken[string(token)]++; woken[string(token)] > 1 {
			return
		}
		switch missing--; missing {
		case phones / 2:
			service.Down(true)
			service.Down(false)
		case 0:
			close(settled)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := service.Close(); err != nil {
			t.Error(err)
		}
	}()
	certPEM, keyPEM, err := service.IssueCertificate(topic)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := apns.ParseCertificate(certPEM, keyPEM, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	client, err := apns.NewClient(certificate, apns.Options{Host: service.URL, Roots: service.Roots, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()

	store := &store{dead: map[string]bool{}}
	s := wake.New(client, store, store, wake.Options{Now: time.Now, PerMinute: 600_000, Debounce: time.Millisecond})
	for i := range phones {
		key := fmt.Sprintf("phone %03d", i)
		if i%20 == 0 {
			service.Respond([]byte(key), 410, "Unregistered")
		}
		s.Wake(key)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-settled:
	case <-time.After(20 * time.Second):
		t.Errorf("not all phones were woken: %+v", s.Stats())
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	if len(store.dead) == 0 {
		t.Error("no token was called dead")
	}
	for key := range store.dead {
		if woken[key] > 0 {
			t.Errorf("%s is called dead", key)
		}
	}
	if got := service.Counts().Connections; got < 2 {
		t.Errorf("%d connections, want another one after the break", got)
	}
}

// store believes every 410.
type store struct {
	mu   sync.Mutex
	dead map[string]bool
}

// Target implements wake.Source.
func (s *store) Target(_ context.Context, key string) (wake.Target, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return wake.Target{Key: key, Token: []byte(key), Magic: "magic", Topic: topic}, !s.dead[key], nil
}

// Pushed implements wake.Reporter.
func (s *store) Pushed(_ context.Context, key string, _ time.Time, r apns.Result) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Outcome == apns.Unregistered {
		s.dead[key] = true
	}
	return nil
}
