package enroll_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestAdmit(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	challenge := d.challenge(sales())
	a, err := d.admit(challenge, key(1))
	d.must(err)
	want := certs.Admission{
		GrantID: a.GrantID, Segment: "default", CommonName: "Kannuki device " + a.GrantID[:8],
		URI: "urn:kannuki:0123456789abcdef:grant:" + a.GrantID, Lifetime: 2 * 365 * 24 * time.Hour,
	}
	if diff := cmp.Diff(want, a); diff != "" {
		t.Errorf("admission (-want +got):\n%s", diff)
	}
	for name, ask := range map[string]func() (certs.Admission, error){
		"no challenge":      func() (certs.Admission, error) { return d.admit("", key(1)) },
		"a guess":           func() (certs.Admission, error) { return d.admit(strings.Repeat("A", 43), key(1)) },
		"another key":       func() (certs.Admission, error) { return d.admit(challenge, key(2)) },
		"the grant's ID":    func() (certs.Admission, error) { return d.admit(a.GrantID, key(1)) },
		"half a challenge":  func() (certs.Admission, error) { return d.admit(challenge[:20], key(1)) },
		"a longer one":      func() (certs.Admission, error) { return d.admit(challenge+"A", key(1)) },
		"another case":      func() (certs.Admission, error) { return d.admit(swapCase(challenge), key(1)) },
		"surrounding space": func() (certs.Admission, error) { return d.admit(challenge+" ", key(1)) },
	} {
		if got, err := ask(); !errors.Is(err, certs.ErrNotAdmitted) {
			t.Errorf("%s: %+v, %v; want ErrNotAdmitted", name, got, err)
		}
	}
	again, err := d.admit(challenge, key(1))
	if err != nil || again != a {
		t.Errorf("the same key again = %+v, %v; want the same admission", again, err)
	}
	d.now = d.now.Add(24 * time.Hour)
	if _, err := d.admit(challenge, key(1)); !errors.Is(err, certs.ErrNotAdmitted) {
		t.Errorf("the same key after the grant's life: %v, want ErrNotAdmitted", err)
	}
}

func swapCase(s string) string {
	if upper := strings.ToUpper(s); upper != s {
		return upper
	}
	return strings.ToLower(s)
}

// TestOneKeyWins: however many ask at once with one challenge, one gets a
// certificate.
func TestOneKeyWins(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	challenge := d.challenge(sales())
	var wg sync.WaitGroup
	results := make([]error, 100)
	for i := range results {
		wg.Go(func() { _, results[i] = d.admit(challenge, key(byte(i))) })
	}
	wg.Wait()
	admitted := 0
	for i, err := range results {
		switch {
		case err == nil:
			admitted++
		case !errors.Is(err, certs.ErrNotAdmitted):
			t.Errorf("key %d: %v", i, err)
		}
	}
	if admitted != 1 {
		t.Errorf("%d of 100 keys were admitted, want exactly 1", admitted)
	}
	if diff := cmp.Diff([]string{"scep 99: challenge 99"}, d.refusals()); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

// A phone whose answer was lost asks again and gets a second certificate,
// which voids the first as long as that was never used.
func TestSecondCertificate(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	challenge := d.challenge(sales())
	a, err := d.admit(challenge, key(1))
	d.must(err)
	lost, err := d.issue(a)
	d.must(err)
	a, err = d.admit(challenge, key(1))
	d.must(err)
	used, err := d.issue(a)
	d.must(err)
	if got := d.certificate(lost).State; got != storage.CertificateRetired {
		t.Errorf("the first certificate is %s, want retired", got)
	}
	if _, err := d.checkin(lost, authenticate(phone)); !errors.Is(err, mdm.ErrRefused) {
		t.Errorf("Authenticate with the first = %v, want a refusal", err)
	}
	_, err = d.checkin(used, authenticate(phone))
	d.must(err)

	a, err = d.admit(challenge, key(1))
	d.must(err)
	third, err := d.issue(a)
	if !errors.Is(err, storage.ErrSpent) {
		t.Errorf("a third certificate after Authenticate = %v, want it withheld", err)
	}
	if _, err := d.store.Certificate(t.Context(), third.Fingerprint); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the withheld certificate is on record: %v", err)
	}
	if got := d.certificate(used).State; got != storage.CertificateCurrent {
		t.Errorf("the certificate in use is %s, want current", got)
	}
}

// A fault is told apart from a refusal: the phone must come again.
func TestAdmitFault(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	challenge := d.challenge(sales())
	d.must(d.store.Close())
	if _, err := d.admit(challenge, key(1)); err == nil || errors.Is(err, certs.ErrNotAdmitted) {
		t.Errorf("Admit on a closed store = %v, want a fault", err)
	}
	d.open()
}
