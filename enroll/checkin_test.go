package enroll_test

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestNewPhone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.identity(sales())
	got, err := d.checkin(peer, authenticate(phone))
	d.must(err)
	want := storage.Phone{
		Num: got.Num, UDID: phone, Epoch: 1, State: storage.PhoneAuthenticating, Serial: "S" + phone, Group: "sales", Ring: storage.RingProduction,
		Rights: 7443, Contact: d.now, Certificate: peer.Fingerprint, OS: storage.OS{Version: "26.5", Build: "23F79"}, Model: "iPhone15,2",
		Identity: storage.Identity{Until: peer.Certificate.NotAfter, RenewAt: d.now.Add(identityLife * 2 / 3)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phone after Authenticate (-want +got):\n%s", diff)
	}

	d.now = d.now.Add(time.Minute)
	got, err = d.checkin(peer, tokenUpdate(phone))
	d.must(err)
	want.State, want.EnrolledAt, want.Contact = storage.PhoneEnrolled, d.now, d.now
	want.Push = storage.Push{Topic: topic, Token: []byte("token of " + phone), Magic: "magic", UpdatedAt: d.now}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phone after TokenUpdate (-want +got):\n%s", diff)
	}
	c := d.certificate(peer)
	if c.State != storage.CertificateCurrent || c.Phone != phone || c.Epoch != 1 {
		t.Errorf("certificate = %+v, want it bound to the phone's first epoch", c)
	}
	wantActions := []string{"grant.profile", "certificate.issued", "phone.authenticated", "phone.enrolled"}
	if diff := cmp.Diff(wantActions, d.actions()); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// A phone that never got the answer asks again with what it has.
func TestRepeatedMessagesAreHarmless(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	before, entries := d.phone(phone), len(d.audit())
	d.now = d.now.Add(time.Hour)
	got, err := d.checkin(peer, authenticate(phone))
	d.must(err)
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("repeated Authenticate changed the phone (-want +got):\n%s", diff)
	}
	got, err = d.checkin(peer, tokenUpdate(phone))
	d.must(err)
	before.Contact, before.Push.UpdatedAt = d.now, d.now
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("repeated TokenUpdate changed more than the push data's time (-want +got):\n%s", diff)
	}
	for range 2 {
		got, err = d.checkin(peer, checkOut(phone))
		d.must(err)
		if got.State != storage.PhoneRemoved || !got.RemovedAt.Equal(before.Contact) {
			t.Errorf("after CheckOut the phone is %s since %s, want removed since %s", got.State, got.RemovedAt, before.Contact)
		}
		d.now = d.now.Add(time.Minute)
	}
	if n := len(d.audit()); n != entries+1 {
		t.Errorf("%d audit entries for five messages, want one for the first CheckOut", n-entries)
	}
}

func TestReenrolmentStartsANewEpoch(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	first := d.enrol(phone)
	announced := time.Date(2026, 8, 17, 9, 0, 5, 0, time.UTC)
	_, err := d.store.UpdatePhone(t.Context(), storage.DefaultSegment, phone, 1, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Announced.Timestamp, p.Announced.Revision = announced, 7
		p.UnlockToken, p.Apps = []byte("sealed"), []storage.InstalledApp{{BundleID: "com.example.pos"}}
		return storage.PhoneChange{}, nil
	})
	d.must(err)
	_, err = d.store.Enqueue(t.Context(), storage.DefaultSegment, []string{phone},
		[]storage.Command{{UUID: "old", RequestType: "DeviceLock", Body: []byte("x"), Epoch: 1, State: storage.CommandQueued}}, nil)
	d.must(err)

	r := sales()
	r.Group, r.Ring, r.Phone = "stores", storage.RingVerification, phone
	second := d.identity(r)
	d.now = d.now.Add(time.Hour)
	got, err := d.checkin(second, authenticate(phone))
	d.must(err)
	want := storage.Phone{
		Num: got.Num, UDID: phone, Epoch: 2, State: storage.PhoneAuthenticating, Serial: "S" + phone, Group: "stores", Ring: storage.RingVerification, Former: "sales",
		Rights: 7443, Contact: d.now, Certificate: second.Fingerprint, OS: storage.OS{Version: "26.5", Build: "23F79"}, Model: "iPhone15,2",
		Announced: storage.Announced{Timestamp: announced},
		Identity:  storage.Identity{Until: second.Certificate.NotAfter, RenewAt: d.now.Add(-time.Hour + identityLife*2/3)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phone in its second epoch (-want +got):\n%s", diff)
	}
	if c := d.certificate(first); c.State != storage.CertificateRetired {
		t.Errorf("the old certificate is %s, want retired", c.State)
	}
	queue, err := d.store.Queue(t.Context(), storage.DefaultSegment, phone)
	d.must(err)
	for _, c := range queue {
		if c.State != storage.CommandCancelled {
			t.Errorf("command %s of the old epoch is %s, want cancelled", c.UUID, c.State)
		}
	}
	if next := d.next(phone); next != nil {
		t.Errorf("next command = %+v, want none", next)
	}
}

// TestReenrolmentKeepsWhoHeldThePhone: out of production a phone keeps the group
// whose gates held it through any number of enrolments, unless it has left.
func TestReenrolmentKeepsWhoHeldThePhone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	for _, step := range []struct {
		group string
		ring  storage.Ring
		left  bool // before it
		want  string
	}{
		{"", "", false, "sales"},
		{"stores", storage.RingVerification, false, "sales"},
		{"", "", false, "sales"},
		{"stores", storage.RingProduction, false, ""},
		{"sales", storage.RingVerification, false, "stores"},
		{"", "", true, ""},
	} {
		if step.left {
			_, err := d.checkin(peer, checkOut(phone))
			d.must(err)
		}
		r := sales()
		r.Group, r.Ring, r.Phone = step.group, step.ring, phone
		peer = d.identity(r)
		got, err := d.checkin(peer, authenticate(phone))
		d.must(err)
		if got.Former != step.want {
			t.Errorf("enrolled in %s/%s, the phone keeps %q, want %q", step.group, step.ring, got.Former, step.want)
		}
		_, err = d.checkin(peer, tokenUpdate(phone))
		d.must(err)
	}
}

func TestWhoMayTakeOver(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		grant  func(*enroll.GrantRequest)
		serial string // in the Authenticate; "" for the phone's own
		gone   bool   // the phone has checked out before
		reason string // "" admits
	}{
		{name: "a grant for anybody", grant: func(*enroll.GrantRequest) {}, reason: "phone-enrolled-already"},
		{name: "a grant for anybody, the phone has left", grant: func(*enroll.GrantRequest) {}, gone: true},
		{name: "a grant that names the phone", grant: func(r *enroll.GrantRequest) { r.Phone = phone }},
		{name: "a grant that names its serial number", grant: func(r *enroll.GrantRequest) { r.Serial = " s" + phone + " " }},
		{name: "a grant that names another phone", grant: func(r *enroll.GrantRequest) { r.Phone = other }, reason: "certificate-of-another-phone"},
		{name: "a grant that names another serial number", grant: func(r *enroll.GrantRequest) { r.Serial = "S" + other }, reason: "serial-not-expected"},
		// The serial number in the message fits the grant, but it is not that
		// of the phone whose UDID the message claims.
		{
			name: "a grant for a serial number, with the UDID of another phone", grant: func(r *enroll.GrantRequest) { r.Serial = "S" + other },
			serial: "S" + other, reason: "phone-enrolled-already",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			first := d.enrol(phone)
			if test.gone {
				_, err := d.checkin(first, checkOut(phone))
				d.must(err)
			}
			before := d.phone(phone)
			r := sales()
			test.grant(&r)
			second := d.identity(r)
			m := authenticate(phone)
			if test.serial != "" {
				m.SerialNumber = test.serial
			}
			got, err := d.checkin(second, m)
			if test.reason == "" {
				d.must(err)
				if got.Epoch != 2 {
					t.Errorf("epoch = %d, want 2", got.Epoch)
				}
				return
			}
			if !errors.Is(err, mdm.ErrRefused) {
				t.Fatalf("Authenticate = %v, want a refusal", err)
			}
			if diff := cmp.Diff(before, d.phone(phone)); diff != "" {
				t.Errorf("a refused Authenticate changed the phone (-want +got):\n%s", diff)
			}
			if c := d.certificate(second); c.State != storage.CertificateIssued || c.Phone != "" {
				t.Errorf("a refused Authenticate bound the certificate: %+v", c)
			}
			if diff := cmp.Diff([]string{second.Fingerprint + " 1: " + test.reason + " 1"}, d.refusals()); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWrongTopic(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.identity(sales())
	m := authenticate(phone)
	m.Topic = "com.apple.mgmt.External.another"
	if _, err := d.checkin(peer, m); !errors.Is(err, mdm.ErrRefused) {
		t.Errorf("Authenticate with another topic = %v, want a refusal", err)
	}
	_, err := d.checkin(peer, authenticate(phone))
	d.must(err)
	update := tokenUpdate(phone)
	update.Topic = "com.apple.mgmt.External.another"
	if _, err := d.checkin(peer, update); !errors.Is(err, mdm.ErrRefused) {
		t.Errorf("TokenUpdate with another topic = %v, want a refusal", err)
	}
	if p := d.phone(phone); p.State != storage.PhoneAuthenticating || p.Push.Token != nil {
		t.Errorf("a refused TokenUpdate left %+v", p)
	}
}

func TestRevokedGrantOpensNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.identity(sales())
	_, err := d.store.UpdateGrant(t.Context(), storage.DefaultSegment, d.certificate(peer).Grant, func(g *storage.Grant) ([]storage.AuditEntry, error) {
		g.RevokedAt = d.now
		return nil, nil
	})
	d.must(err)
	if _, err := d.checkin(peer, authenticate(phone)); !errors.Is(err, mdm.ErrRefused) {
		t.Errorf("Authenticate on a revoked grant = %v, want a refusal", err)
	}
}

// A phone may send its TokenUpdate once in its life, so an answer without an
// error means that it is on disk.
func TestTokenUpdateIsDurable(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	want := d.phone(phone)
	d.reopen()
	if diff := cmp.Diff(want, d.phone(phone)); diff != "" {
		t.Errorf("phone after a restart (-want +got):\n%s", diff)
	}
	if _, got, err := d.Identify(t.Context(), peer, mdm.Enrollment{UDID: phone}); err != nil || got.State != storage.PhoneEnrolled {
		t.Errorf("Identify after a restart = %s, %v; want the enrolled phone", got.State, err)
	}
}

func TestUnlockToken(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	secret := []byte("unlock token that must not be read from the disk")
	peer := d.identity(sales())
	_, err := d.checkin(peer, authenticate(phone))
	d.must(err)
	m := tokenUpdate(phone)
	m.UnlockToken = secret
	p, err := d.checkin(peer, m)
	d.must(err)
	opened, err := certs.Open(keyring(t).SealingKey(), p.UnlockToken, []byte("unlock-token:"+phone))
	if err != nil || !bytes.Equal(opened, secret) {
		t.Errorf("the sealed token opens to %q, %v", opened, err)
	}
	if _, err := certs.Open(keyring(t).SealingKey(), p.UnlockToken, []byte("unlock-token:"+other)); err == nil {
		t.Error("the sealed token can be moved to another phone")
	}

	again, err := d.checkin(peer, tokenUpdate(phone)) // without one
	d.must(err)
	if !bytes.Equal(again.UnlockToken, p.UnlockToken) {
		t.Error("a TokenUpdate without an unlock token changed the stored one")
	}
	d.reopen()
	file, err := os.ReadFile(d.path)
	d.must(err)
	if bytes.Contains(file, secret) || bytes.Contains(file, secret[:16]) {
		t.Error("the unlock token is in the database in clear")
	}
}

// A phone restored from a backup, or whose CheckOut was an accident, announces
// itself with a TokenUpdate alone (Apple, Device Management, TokenUpdate).
func TestPhoneReturns(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	_, err := d.store.UpdatePhone(t.Context(), storage.DefaultSegment, phone, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Legacy = &storage.Legacy{Profile: "hold", ListedAt: d.now, Attempt: storage.Attempt{Number: 3, Step: "download"}}
		return storage.PhoneChange{}, nil
	})
	d.must(err)
	_, err = d.store.Enqueue(t.Context(), storage.DefaultSegment, []string{phone},
		[]storage.Command{{UUID: "old", RequestType: "ProfileList", Body: []byte("x"), Epoch: 1, State: storage.CommandQueued}}, nil)
	d.must(err)
	_, err = d.checkin(peer, checkOut(phone))
	d.must(err)
	if next := d.next(phone); next != nil {
		t.Errorf("next command of a phone that left = %+v, want none", next)
	}
	d.now = d.now.Add(24 * time.Hour)
	p, err := d.checkin(peer, tokenUpdate(phone))
	d.must(err)
	if p.State != storage.PhoneEnrolled || !p.RemovedAt.IsZero() || !p.EnrolledAt.Equal(d.now) || p.Epoch != 1 {
		t.Errorf("phone that returned = %+v", p)
	}
	if diff := cmp.Diff(&storage.Legacy{Attempt: storage.Attempt{Number: 3}}, p.Legacy); diff != "" {
		t.Errorf("what it said of profile and update is gone with the profile (-want +got):\n%s", diff)
	}
	actions := d.actions()
	if diff := cmp.Diff([]string{"phone.removed", "phone.returned"}, actions[len(actions)-2:]); diff != "" {
		t.Errorf("audit (-want +got):\n%s", diff)
	}
}

// The user gave up between Authenticate and TokenUpdate and gets a new link.
func TestHalfFinishedEnrolmentLocksNobodyOut(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	_, err := d.checkin(d.identity(sales()), authenticate(phone))
	d.must(err)
	again := d.identity(sales())
	p, err := d.checkin(again, authenticate(phone))
	if err != nil {
		t.Fatalf("second attempt with a new grant = %v, want it accepted", err)
	}
	if p.Epoch != 2 || p.State != storage.PhoneAuthenticating {
		t.Errorf("epoch %d, %s; want 2, authenticating", p.Epoch, p.State)
	}
	if _, err := d.checkin(d.identity(sales()), authenticate(phone)); err == nil {
		t.Error("a third grant took over a phone that is enrolling again")
	}
}

// A phone that left and came back holds nothing that it was told before.
func TestReturnedPhoneStartsEmpty(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	_, err := d.store.UpdatePhone(t.Context(), storage.DefaultSegment, phone, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Announced = storage.Announced{Token: "t", Revision: 3, Timestamp: p.EnrolledAt}
		p.Sync = storage.SyncState{Acked: "t", Manifest: "t"}
		p.Declarations = []storage.DeclarationState{{Identifier: "kannuki.settings", Active: true, Valid: "valid"}}
		p.Capabilities = &storage.Capabilities{Settings: true}
		p.Holder = "S-1"
		return storage.PhoneChange{}, nil
	})
	d.must(err)
	p, err := d.checkin(peer, checkOut(phone))
	d.must(err)
	if p.Holder != "" {
		t.Errorf("after CheckOut %q still carries it", p.Holder)
	}
	if p.Announced.Token != "" || p.Sync != (storage.SyncState{}) || p.Declarations != nil || p.Capabilities != nil {
		t.Errorf("after CheckOut the record still says %+v %+v %v %v", p.Announced, p.Sync, p.Declarations, p.Capabilities)
	}
	if p.Announced.Timestamp.IsZero() {
		t.Error("the last timestamp was forgotten: the phone could see time go back")
	}
}
