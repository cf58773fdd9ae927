package enroll_test

import (
	"context"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

const (
	topic = "com.apple.mgmt.External.6ec6a3b8-0f0e-4b4e-9c5a-000000000001"
	phone = "00008120-A"
	other = "00008120-B"
)

// desk is enrolment over a real database, with a clock that stands still.
type desk struct {
	t     *testing.T
	path  string
	store *bolt.Store
	topic string
	now   time.Time
	certs int64 // identity certificates made so far
	*enroll.Service
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{t: t, path: filepath.Join(t.TempDir(), "kannuki.db"), topic: topic, now: time.Date(2026, 8, 17, 9, 0, 0, 0, time.UTC)}
	d.must(bolt.Create(d.path, storage.Instance{ID: "0123456789abcdef"}, bolt.Options{}))
	d.open()
	t.Cleanup(func() { d.must(d.store.Close()) })
	return d
}

// config is of an installation that phones can reach.
func config(t *testing.T) enroll.Config {
	t.Helper()
	return enroll.Config{
		URL: "https://mdm.example.co.jp:8443", InstanceID: "0123456789abcdef", Organization: "Example",
		Roots: [][]byte{keyring(t).Root().Raw},
	}
}

func (d *desk) open() {
	d.t.Helper()
	var err error
	d.store, err = bolt.Open(d.path, bolt.Options{})
	d.must(err)
	d.configure(config(d.t))
}

func (d *desk) configure(c enroll.Config) {
	d.t.Helper()
	d.Service = enroll.NewService(d.store, keyring(d.t), sealer{keyring(d.t).SealingKey()}, c,
		func() string { return d.topic }, func() time.Time { return d.now })
}

// reopen is a restart: what is not on disk is gone.
func (d *desk) reopen() {
	d.t.Helper()
	d.must(d.store.Close())
	d.open()
}

func (d *desk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

type sealer struct{ key []byte }

func (s sealer) Seal(plaintext, associated []byte) ([]byte, error) {
	return certs.Seal(s.key, plaintext, associated)
}

// keyring returns the keys all tests share; making them takes a second.
func keyring(t *testing.T) *certs.Keyring {
	t.Helper()
	k, err := sharedKeyring()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var sharedKeyring = sync.OnceValues(func() (*certs.Keyring, error) {
	tmp, err := os.MkdirTemp("", "enroll-test-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	dir := filepath.Join(tmp, "keys")
	// The CMS library checks profiles against the machine's clock.
	if err := certs.CreateKeyring(dir, certs.KeyringOptions{Host: "mdm.example.co.jp", Organization: "Example", Now: time.Now()}); err != nil {
		return nil, err
	}
	return certs.OpenKeyring(dir)
})

// challengeOf returns the SCEP challenge of an unsigned profile.
func challengeOf(t *testing.T, profile []byte) string {
	t.Helper()
	var doc struct {
		PayloadContent []map[string]any
	}
	if err := plist.Unmarshal(profile, &doc); err != nil {
		t.Fatal(err)
	}
	for _, p := range doc.PayloadContent {
		if content, ok := p["PayloadContent"].(map[string]any); ok && p["PayloadType"] == "com.apple.security.scep" {
			challenge, _ := content["Challenge"].(string)
			return challenge
		}
	}
	t.Fatal("the profile has no challenge")
	return ""
}

// challenge makes a grant and returns its SCEP challenge.
func (d *desk) challenge(r enroll.GrantRequest) string {
	d.t.Helper()
	profile, _, err := d.CreateProfile(d.t.Context(), storage.DefaultSegment, r, true)
	d.must(err)
	return challengeOf(d.t, profile)
}

func key(n byte) (hash [32]byte) {
	hash[0] = n
	return hash
}

func (d *desk) admit(challenge string, key [32]byte) (certs.Admission, error) {
	return d.Admit(d.t.Context(), certs.AdmitRequest{Challenge: challenge, PublicKey: key, Now: d.now})
}

// issue records a new certificate for an admission and returns who holds it.
func (d *desk) issue(a certs.Admission) (mdm.Peer, error) {
	d.certs++
	cert := &x509.Certificate{Raw: fmt.Appendf(nil, "certificate %d", d.certs), SerialNumber: big.NewInt(d.certs), NotAfter: d.now.Add(a.Lifetime)}
	return mdm.Peer{Fingerprint: certs.Fingerprint(cert), Certificate: cert}, d.Issued(d.t.Context(), a, cert)
}

// identity goes the way of a phone from a grant to a certificate.
func (d *desk) identity(r enroll.GrantRequest) mdm.Peer {
	d.t.Helper()
	a, err := d.admit(d.challenge(r), key(1))
	d.must(err)
	peer, err := d.issue(a)
	d.must(err)
	return peer
}

func sales() enroll.GrantRequest {
	return enroll.GrantRequest{Group: "sales", Ring: storage.RingProduction, Actor: "uid:1000(tanaka)"}
}

func authenticate(udid string) *mdm.Authenticate {
	return &mdm.Authenticate{
		Enrollment: mdm.Enrollment{UDID: udid}, Topic: topic, OSVersion: "26.5", BuildVersion: "23F79",
		ProductName: "iPhone15,2", SerialNumber: "S" + udid,
	}
}

func tokenUpdate(udid string) *mdm.TokenUpdate {
	return &mdm.TokenUpdate{Enrollment: mdm.Enrollment{UDID: udid}, Topic: topic, Token: []byte("token of " + udid), PushMagic: "magic"}
}

func checkOut(udid string) *mdm.CheckOut {
	return &mdm.CheckOut{Enrollment: mdm.Enrollment{UDID: udid}, Topic: topic}
}

func (d *desk) checkin(peer mdm.Peer, m mdm.Checkin) (storage.Phone, error) {
	_, p, err := d.Checkin(d.t.Context(), peer, m)
	return p, err
}

// enrol takes a phone all the way and returns its identity.
func (d *desk) enrol(udid string) mdm.Peer {
	d.t.Helper()
	peer := d.identity(sales())
	for _, m := range []mdm.Checkin{authenticate(udid), tokenUpdate(udid)} {
		_, err := d.checkin(peer, m)
		d.must(err)
	}
	return peer
}

func (d *desk) phone(udid string) storage.Phone {
	d.t.Helper()
	p, err := d.store.Phone(d.t.Context(), storage.DefaultSegment, udid)
	d.must(err)
	return p
}

// next returns the command that a phone would be handed from its queue.
func (d *desk) next(udid string) *storage.Command {
	d.t.Helper()
	done, err := d.store.Exchange(d.t.Context(), storage.DefaultSegment, udid, 0, storage.Exchange{Handout: &storage.Handout{At: d.now}})
	d.must(err)
	return done.Command
}

func (d *desk) certificate(peer mdm.Peer) storage.Certificate {
	d.t.Helper()
	c, err := d.store.Certificate(d.t.Context(), peer.Fingerprint)
	d.must(err)
	return c
}

// flush writes what was counted and returns the entries.
func (d *desk) flush() []storage.AuditEntry {
	d.t.Helper()
	entries, err := d.FlushRefusals(d.t.Context())
	d.must(err)
	return entries
}

// refusals flushes and returns what the audit log says of refusals, as
// "identity total: reason count, reason count".
func (d *desk) refusals() []string {
	d.t.Helper()
	d.flush()
	var out []string
	for _, e := range d.audit() {
		if e.Action == "security.refused" {
			out = append(out, e.Target+" "+e.Detail["count"]+": "+e.Detail["reasons"])
		}
	}
	return out
}

// audit returns the whole log.
func (d *desk) audit() []storage.AuditEntry {
	d.t.Helper()
	var all []storage.AuditEntry
	for after := uint64(0); ; {
		entries, err := d.store.Audit(context.WithoutCancel(d.t.Context()), storage.DefaultSegment, after, 1000)
		d.must(err)
		if len(entries) == 0 {
			return all
		}
		all = append(all, entries...)
		after = entries[len(entries)-1].Seq
	}
}

func (d *desk) actions() []string {
	d.t.Helper()
	var out []string
	for _, e := range d.audit() {
		out = append(out, e.Action)
	}
	return out
}
