package lab_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/mdm/apns"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// install writes the files of a new lab into a data directory.
func install(t *testing.T) (string, lab.Push) {
	t.Helper()
	p, err := lab.NewPush(time.Now)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	for name, content := range p.Files {
		path := filepath.Join(data, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return data, p
}

// TestPushServiceOutlivesItself: what was made at init still fits after the
// stand-in was started twice.
func TestPushServiceOutlivesItself(t *testing.T) {
	t.Parallel()
	data, p := install(t)
	cert, err := apns.ParseCertificate(p.Certificate, p.Key, time.Now())
	if err != nil || cert.Topic != p.Topic {
		t.Fatalf("push certificate: topic %q, want %q (%v)", cert.Topic, p.Topic, err)
	}
	rootPEM, err := os.ReadFile(p.RootsPath(data))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(rootPEM)
	for range 2 {
		delivered := make(chan string, 1)
		s, err := lab.OpenPush(data, p.Host, time.Now, func(_ []byte, magic string) { delivered <- magic })
		if err != nil {
			t.Fatal(err)
		}
		client, err := apns.NewClient(cert, apns.Options{Host: p.Host, Roots: roots, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if r := client.Push(ctx, apns.Push{Token: make([]byte, 32), Magic: "magic", Topic: p.Topic}); r.Err != nil {
			t.Fatalf("push: %v", r.Err)
		}
		if got := <-delivered; got != "magic" {
			t.Errorf("delivered %q", got)
		}
		cancel()
		client.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOpenPushRefuses(t *testing.T) {
	t.Parallel()
	if _, err := lab.OpenPush(t.TempDir(), "https://127.0.0.1:1", time.Now, nil); !errors.Is(err, lab.ErrNoLab) {
		t.Errorf("a folder without a lab: got %v, want ErrNoLab", err)
	}
	data, _ := install(t)
	for _, host := range []string{"", "https://127.0.0.1", "http://127.0.0.1:1", "https://127.0.0.1:1/x"} {
		if _, err := lab.OpenPush(data, host, time.Now, nil); err == nil {
			t.Errorf("host %q was taken", host)
		}
	}
	if err := os.WriteFile(filepath.Join(data, "lab", "push-authority.pem"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := lab.OpenPush(data, "https://127.0.0.1:0", time.Now, nil); err == nil {
		t.Error("a damaged authority was taken")
	}
}

func options(count int) lab.PhonesOptions {
	now := func() time.Time { return time.Date(2026, 8, 25, 9, 0, 0, 0, time.UTC) }
	return lab.PhonesOptions{
		Phones: slices.Repeat([]mdmtest.System{{Version: "26.5", Build: "23F77", Supervised: true}}, count), Verification: 1, TimeZone: "Asia/Tokyo",
		Roots: x509.NewCertPool(), Apple: lab.NewApple(0, 0), Journal: mdmtest.NewJournal(nil), Now: now, Wall: now, Speed: 1,
	}
}

func TestUDIDsFollowTheSeed(t *testing.T) {
	t.Parallel()
	udids := func(seed uint64, count int) []string {
		o := options(count)
		o.Seed = seed
		p, err := lab.NewPhones(o)
		if err != nil {
			t.Fatal(err)
		}
		return p.UDIDs()
	}
	first := udids(1, 3)
	if diff := cmp.Diff(first, udids(1, 5)[:3]); diff != "" {
		t.Errorf("more phones changed the first ones:\n%s", diff)
	}
	if slices.Contains(udids(2, 3), first[0]) {
		t.Error("another seed gives the same phones")
	}
}

func TestNewPhonesRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*lab.PhonesOptions){
		"no phones":           func(o *lab.PhonesOptions) { o.Phones = nil },
		"too many testers":    func(o *lab.PhonesOptions) { o.Verification = 4 },
		"fewer than none":     func(o *lab.PhonesOptions) { o.Verification = -1 },
		"unknown time zone":   func(o *lab.PhonesOptions) { o.TimeZone = "Atlantis/Capital" },
		"no clock, no phones": func(o *lab.PhonesOptions) { o.Now = nil },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(3)
			change(&o)
			if _, err := lab.NewPhones(o); err == nil {
				t.Error("no error")
			}
		})
	}
}

// TestEnrollAsksForRings: one link each, for the ring the phone belongs to,
// and the first failure ends it.
func TestEnrollAsksForRings(t *testing.T) {
	t.Parallel()
	p, err := lab.NewPhones(options(1))
	if err != nil {
		t.Fatal(err)
	}
	refused := errors.New("refused")
	var rings []string
	err = p.Enroll(t.Context(), func(_ context.Context, _, ring string) (string, error) {
		rings = append(rings, ring)
		return "", refused
	})
	if !errors.Is(err, refused) || !slices.Equal(rings, []string{"verification"}) {
		t.Errorf("got %v for rings %v", err, rings)
	}
	p.Deliver([]byte("a token nobody has"), "magic") // must do nothing
}

func TestAppleOffersFromThePostingDay(t *testing.T) {
	t.Parallel()
	posted := time.Date(2026, 8, 24, 0, 0, 0, 0, time.UTC)
	a := lab.NewApple(time.Minute, time.Hour)
	a.Set([]lab.Release{
		{Version: "26.6.1", Build: "23G83", Posted: posted, Models: []string{"iPhone15,2"}},
		{Version: "26.6.1", Extra: "a", Build: "23G777a", Posted: posted, Models: []string{"iPhone15,2"}},
	})
	want := []mdmtest.Offer{
		{Version: "26.6.1", Build: "23G83", Posted: posted, DownloadTime: time.Minute, InstallTime: time.Hour},
		{Version: "26.6.1", Extra: "a", Build: "23G777a", Posted: posted, DownloadTime: time.Minute, InstallTime: time.Hour},
	}
	tests := []struct {
		name, model string
		now         time.Time
		want        []mdmtest.Offer
	}{
		{"on the day", "iPhone15,2", posted, want},
		{"the day before", "iPhone15,2", posted.Add(-time.Second), nil},
		{"another model", "iPhone14,5", posted, nil},
	}
	for _, tc := range tests {
		if diff := cmp.Diff(tc.want, a.Offered(tc.model, tc.now)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	a.Set(nil)
	if got := a.Offered("iPhone15,2", posted); got != nil {
		t.Errorf("still offered: %v", got)
	}
}
