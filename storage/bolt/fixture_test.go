package bolt_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// start is when the phones of these tests enrolled.
var start = time.Date(2026, 11, 22, 1, 30, 0, 123456000, time.UTC)

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// uuid returns the hash of s in the shape of a UUID.
func uuid(s string) string {
	h := hash(s)
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

// fillStore enrols n phones the way the server does, each with its grant, its
// certificate, its audit entries and what an idle phone has reported, and
// returns them.
func fillStore(t testing.TB, s *bolt.Store, n int) []storage.Phone {
	t.Helper()
	phones := make([]storage.Phone, n)
	for i := range n { // one after the other, so that numbers follow the order
		phones[i] = enrol(t, s, i)
	}
	return phones
}

// fillParallel is fillStore for many phones, in no order.
func fillParallel(t testing.TB, s *bolt.Store, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for first := range 64 {
		wg.Go(func() {
			for i := first; i < n; i += 64 {
				enrol(t, s, i)
			}
		})
	}
	wg.Wait()
}

func enrol(t testing.TB, s *bolt.Store, i int) storage.Phone {
	t.Helper()
	for _, step := range enrolment(s, i) {
		if err := step.run(t.Context()); err != nil {
			t.Errorf("%s: %v", step.name, err)
		}
	}
	p, err := s.Phone(t.Context(), storage.DefaultSegment, udid(i))
	if err != nil {
		t.Error(err)
	}
	return p
}

// step is one transaction of a longer story.
type step struct {
	name string
	run  func(context.Context) error
}

func grantID(i int) string     { return hash(fmt.Sprint("grant", i))[:32] }
func fingerprint(i int) string { return hash("cert" + grantID(i)) }

// enrolment returns the steps in which phone i enrols.
func enrolment(s *bolt.Store, i int) []step {
	const seg = storage.DefaultSegment
	id := grantID(i)
	act := func(action string) storage.AuditEntry {
		return storage.AuditEntry{At: start, Actor: "phone:" + udid(i), Action: action, Target: udid(i)}
	}
	return []step{
		{"grant", func(ctx context.Context) error {
			return s.CreateGrant(ctx, seg, storage.Grant{
				ID: id, Group: "sales", Ring: storage.RingProduction, Rights: 7443, Purpose: storage.PurposeNew,
				CreatedBy: "uid:1000(tanaka)", CreatedAt: start, ExpiresAt: start.Add(24 * time.Hour),
				LinkHash: hash("link" + id), ChallengeHash: hash("challenge" + id),
			}, act("grant.created"))
		}},
		{"reserve", func(ctx context.Context) error {
			_, _, err := s.ReserveGrant(ctx, hash("challenge"+id), hash("key"+id), start)
			return err
		}},
		{"certificate", func(ctx context.Context) error {
			return s.RecordCertificate(ctx, storage.Certificate{
				Fingerprint: fingerprint(i), Serial: "337362841034971932461892", Segment: seg, Grant: id,
				State: storage.CertificateIssued, IssuedAt: start, NotAfter: start.AddDate(1, 0, 0),
			}, act("certificate.issued"))
		}},
		{"phone", func(ctx context.Context) error {
			_, err := s.UpdateEnrollment(ctx, seg, udid(i), fingerprint(i), func(e *storage.Enrollment) error {
				full := idlePhone(i, fingerprint(i))
				e.Phone = &storage.Phone{
					UDID: full.UDID, Epoch: 1, State: storage.PhoneAuthenticating, Serial: full.Serial, Model: full.Model,
					Group: full.Group, Ring: full.Ring, Rights: full.Rights, OS: full.OS, Certificate: full.Certificate,
				}
				e.Certificate.State, e.Certificate.Phone, e.Certificate.Epoch = storage.CertificateCurrent, full.UDID, 1
				e.Audit = []storage.AuditEntry{act("phone.enrolled")}
				return nil
			})
			return err
		}},
		{"details", func(ctx context.Context) error {
			_, err := s.UpdatePhone(ctx, seg, udid(i), 1, func(p *storage.Phone) (storage.PhoneChange, error) {
				num := p.Num
				*p = idlePhone(i, fingerprint(i))
				p.Num = num
				return storage.PhoneChange{}, nil
			})
			return err
		}},
	}
}

func udid(i int) string { return fmt.Sprintf("00008110-%016X", i) }

// idlePhone returns what the server knows of a phone that is enrolled, up to
// date and in order.
func idlePhone(i int, certificate string) storage.Phone {
	space, battery, passcode := 41.5, 0.8, true
	token := sha256.Sum256([]byte(udid(i)))
	p := storage.Phone{
		UDID: udid(i), Epoch: 1, State: storage.PhoneEnrolled, Serial: fmt.Sprintf("F2L%09d", i),
		Group: "sales", Ring: storage.RingProduction, Rights: 7443, EnrolledAt: start, Contact: start,
		Certificate: certificate,
		Push: storage.Push{
			Topic: "com.apple.mgmt.External.8b1a9953-c461-4f37-9f8b-2a5f6a1d7c11",
			Token: token[:], Magic: strings.ToUpper(uuid(fmt.Sprint("magic", i))), UpdatedAt: start,
		},
		OS:    storage.OS{Version: "26.5", Build: "23F79", Since: start},
		Model: "iPhone15,2", Supervision: storage.Supervised, TimeZone: "Asia/Tokyo",
		AvailableGB: &space, Battery: &battery, Passcode: &passcode,
		Capabilities: &storage.Capabilities{Settings: true, Enforcement: true, StatusItems: []string{
			"device.operating-system.build-version", "device.operating-system.version",
			"softwareupdate.failure-reason", "softwareupdate.install-state", "softwareupdate.pending-version",
		}},
		InfoAt: start, AppsAt: start, AppsFor: []string{"com.example.pos"}, StatusAt: start,
		Update: storage.UpdateState{Install: "none", Since: start},
		Announced: storage.Announced{
			Token: hash("set")[:32], Revision: 12, Timestamp: start.Truncate(time.Second),
		},
		Sync: storage.SyncState{Acked: hash("set")[:32], AckedAt: start, Manifest: hash("set")[:32], ManifestAt: start},
	}
	for _, app := range []string{"pos", "stock", "mail", "chat"} {
		p.Apps = append(p.Apps, storage.InstalledApp{BundleID: "com.example." + app, Version: "4120", ShortVersion: "4.12.0"})
	}
	for class, id := range map[string]string{"activation": "a.base", "configuration": "c.update", "management": "m.org"} {
		p.Declarations = append(p.Declarations, storage.DeclarationState{
			Class: class, Identifier: "jp.kannuki." + id, ServerToken: hash(id)[:32], Active: true, Valid: "valid",
		})
	}
	return p
}

func audit(t testing.TB, s *bolt.Store, seg storage.Segment) []storage.AuditEntry {
	t.Helper()
	entries, err := s.Audit(t.Context(), seg, 0, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

// contents is what dump reads.
type contents struct {
	Instance storage.Instance
	Phones   []storage.Phone
	World    storage.World
	Audit    []storage.AuditEntry
}

// dump reads back what fillStore wrote.
func dump(t testing.TB, s *bolt.Store) contents {
	t.Helper()
	inst, err := s.Instance(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	phones, err := s.Phones(t.Context(), storage.DefaultSegment, storage.PhoneQuery{})
	if err != nil {
		t.Fatal(err)
	}
	world, err := s.World(t.Context(), storage.DefaultSegment)
	if err != nil {
		t.Fatal(err)
	}
	return contents{inst, phones, world, audit(t, s, storage.DefaultSegment)}
}
