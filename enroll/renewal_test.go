package enroll_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/micromdm/plist"
	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

const identityLife = 2 * 365 * 24 * time.Hour

// poll sends a status as the phone, and returns the renewal it is offered.
func (d *desk) poll(peer mdm.Peer, r mdm.Result) (*mdm.Command, error) {
	d.t.Helper()
	if r.UDID == "" {
		r.UDID = phone
	}
	speaker, answered, err := d.Report(d.t.Context(), peer, &r)
	if err != nil || answered {
		return nil, err
	}
	return d.Renewal(d.t.Context(), speaker, &r)
}

func idle() mdm.Result { return mdm.Result{Status: mdm.Idle} }

// offered polls and wants an offer, and returns it with its profile.
func (d *desk) offered(peer mdm.Peer) (*mdm.Command, []byte) {
	d.t.Helper()
	c, err := d.poll(peer, idle())
	d.must(err)
	if c == nil {
		d.t.Fatalf("no renewal is offered at %s", d.now)
	}
	var command struct {
		Command struct {
			RequestType string
			Payload     []byte
		}
	}
	d.must(plist.Unmarshal(c.Body, &command))
	if command.Command.RequestType != "InstallProfile" {
		d.t.Fatalf("offered %s, want InstallProfile", command.Command.RequestType)
	}
	signed, err := pkcs7.Parse(command.Command.Payload)
	d.must(err)
	d.must(signed.Verify())
	return c, signed.Content
}

// notOffered polls and wants nothing.
func (d *desk) notOffered(peer mdm.Peer, why string) {
	d.t.Helper()
	c, err := d.poll(peer, idle())
	d.must(err)
	if c != nil {
		d.t.Errorf("a renewal is offered %s", why)
	}
}

// renewed goes the way from an offer to a certificate that was shown.
func (d *desk) renewed(old mdm.Peer) mdm.Peer {
	d.t.Helper()
	_, profile := d.offered(old)
	peer := d.redeemed(profile)
	_, err := d.checkin(peer, authenticate(phone))
	d.must(err)
	return peer
}

func (d *desk) redeemed(profile []byte) mdm.Peer {
	d.t.Helper()
	a, err := d.admit(challengeOf(d.t, profile), key(2))
	d.must(err)
	peer, err := d.issue(a)
	d.must(err)
	return peer
}

func (d *desk) states(peers ...mdm.Peer) []storage.CertificateState {
	d.t.Helper()
	var out []storage.CertificateState
	for _, p := range peers {
		out = append(out, d.certificate(p).State)
	}
	return out
}

func (d *desk) wantStates(what string, want []storage.CertificateState, peers ...mdm.Peer) {
	d.t.Helper()
	if diff := cmp.Diff(want, d.states(peers...)); diff != "" {
		d.t.Errorf("%s: certificates (-want +got):\n%s", what, diff)
	}
}

// TestRenewal follows a phone through the renewal of its identity, with a
// restart after each step.
func TestRenewal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	old := d.enrol(phone)
	_, err := d.store.Enqueue(t.Context(), storage.DefaultSegment, []string{phone},
		[]storage.Command{{UUID: "waiting", RequestType: "DeviceInformation", Body: []byte("x"), Epoch: 1, State: storage.CommandQueued}}, nil)
	d.must(err)
	d.now = d.now.Add(identityLife*2/3 - time.Second)
	d.notOffered(old, "before two thirds of the life are over")
	d.now = d.now.Add(time.Second)
	before := d.phone(phone)

	_, profile := d.offered(old)
	want, err := os.ReadFile(golden)
	d.must(err)
	if diff := cmp.Diff(string(want), normalize(t, profile)); diff != "" {
		t.Errorf("profile of the renewal, whose identifiers must be those of the enrolment (-want +got):\n%s", diff)
	}
	d.reopen()
	fresh := d.redeemed(profile)
	d.reopen()
	d.wantStates("issued", []storage.CertificateState{storage.CertificateCurrent, storage.CertificateIssued}, old, fresh)

	for range 2 { // the answer is lost once
		got, err := d.checkin(fresh, authenticate(phone))
		d.must(err)
		if got.Epoch != 1 || got.State != storage.PhoneEnrolled || !cmp.Equal(got.Push, before.Push) {
			t.Errorf("after Authenticate: epoch %d, %s, push %+v; want the same enrolment", got.Epoch, got.State, got.Push)
		}
		d.reopen()
	}
	until := storage.Identity{Until: fresh.Certificate.NotAfter, RenewAt: d.now.Add(identityLife * 2 / 3), Superseded: old.Fingerprint}
	got := d.phone(phone).Identity
	got.Renewal = storage.Renewal{}
	if diff := cmp.Diff(until, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
	_, err = d.checkin(fresh, tokenUpdate(phone))
	d.must(err)
	d.notOffered(old, "to a phone that still speaks with its old certificate") // and it is heard
	d.wantStates("installed", []storage.CertificateState{storage.CertificateOverlap, storage.CertificateCurrent}, old, fresh)

	d.notOffered(fresh, "to a phone that has just renewed")
	d.reopen()
	d.wantStates("seen at work", []storage.CertificateState{storage.CertificateRetired, storage.CertificateCurrent}, old, fresh)
	if _, err := d.poll(old, idle()); !errors.Is(err, mdm.ErrRefused) {
		t.Errorf("old certificate: %v, want a refusal", err)
	}
	queue, err := d.store.Queue(t.Context(), storage.DefaultSegment, phone)
	d.must(err)
	if queue[0].State != storage.CommandQueued {
		t.Errorf("the renewal left the queue %s", queue[0].State)
	}
	log := strings.Join(d.actions(), " ")
	if !strings.HasSuffix(log, "grant.renewal certificate.issued phone.renewed certificate.retired") {
		t.Errorf("audit log: %s", log)
	}
}

// TestRenewalIsOfferedOnceADay follows the offers that a phone makes nothing of.
func TestRenewalIsOfferedOnceADay(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	d.now = d.now.Add(identityLife * 2 / 3)
	first, _ := d.offered(peer)
	d.notOffered(peer, "again in the next session")
	d.now = d.now.Add(24*time.Hour - time.Second)
	d.reopen()
	d.notOffered(peer, "before a day is over")
	d.now = d.now.Add(time.Second)
	second, challenged := d.offered(peer)
	if first.UUID == second.UUID {
		t.Error("two offers share a UUID: the answer to one would count for the other")
	}

	for _, status := range []mdm.Status{mdm.Error, mdm.CommandFormatError, mdm.Acknowledged} {
		_, err := d.poll(peer, mdm.Result{Status: status, CommandUUID: second.UUID, ErrorChain: []mdm.ErrorItem{{USEnglish: "no space"}}})
		d.must(err)
		if got, failed := d.phone(phone).Identity.Renewal.Error, status != mdm.Acknowledged; (got == string(status)+": no space") != failed {
			t.Errorf("after %s the record says %q", status, got)
		}
		d.notOffered(peer, "right after the answer "+string(status))
	}
	if _, err := d.admit(challengeOf(t, challenged), key(2)); err != nil {
		t.Errorf("the challenge of an offer within its day: %v", err)
	}
}

// TestFailingRenewalLeavesOneGrant: a phone that fails every day costs the
// database one grant and one audit entry, until a key claims the grant.
func TestFailingRenewalLeavesOneGrant(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	d.now = d.now.Add(identityLife * 2 / 3)
	grants := func() int { return strings.Count(strings.Join(d.actions(), " "), "grant.renewal") }
	var first string
	var last []byte
	for day := range 3 {
		c, profile := d.offered(peer)
		_, err := d.poll(peer, mdm.Result{Status: mdm.Error, CommandUUID: c.UUID})
		d.must(err)
		if day == 0 {
			first = challengeOf(t, profile)
		}
		last = profile
		d.now = d.now.Add(24 * time.Hour)
		d.reopen()
	}
	if n := grants(); n != 1 {
		t.Errorf("%d grants after three days, want 1", n)
	}
	d.now = d.now.Add(-24 * time.Hour)
	if _, err := d.admit(first, key(2)); err == nil {
		t.Error("the challenge of the first day is still good")
	}
	if _, err := d.admit(challengeOf(t, last), key(2)); err != nil {
		t.Errorf("the challenge of the last day: %v", err)
	}
	d.now = d.now.Add(24 * time.Hour)
	d.offered(peer)
	if n := grants(); n != 2 {
		t.Errorf("%d grants after a key claimed the first, want 2", n)
	}
}

// TestRenewalIsDeferred: a locked phone answers NotNow and forgets the command.
func TestRenewalIsDeferred(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	d.now = d.now.Add(identityLife * 2 / 3)
	if c, err := d.poll(peer, mdm.Result{Status: mdm.NotNow, CommandUUID: "of something else"}); c != nil || err != nil {
		t.Fatalf("in answer to a NotNow: %v, %v; want nothing", c, err)
	}
	first, forgotten := d.offered(peer)
	notNow := mdm.Result{Status: mdm.NotNow, CommandUUID: first.UUID}
	for range 3 {
		c, err := d.poll(peer, notNow)
		d.must(err)
		if c != nil {
			t.Fatal("offered again in the session in which the phone said NotNow")
		}
		d.reopen()
		again, _ := d.offered(peer)
		if again.UUID != first.UUID {
			t.Errorf("command %s after NotNow, want %s again", again.UUID, first.UUID)
		}
	}
	_, err := d.poll(peer, notNow)
	d.must(err)
	_, profile := d.offered(peer)
	if n := strings.Count(strings.Join(d.actions(), " "), "grant.renewal"); n != 1 {
		t.Errorf("%d grants for one renewal, want 1", n)
	}
	if _, err := d.admit(challengeOf(t, forgotten), key(2)); err == nil {
		t.Error("the challenge of a command that the phone forgot is still good")
	}
	d.redeemed(profile)
}

// TestRenewalBelongsToItsEnrolment shows a renewed certificate where it must
// not count.
func TestRenewalBelongsToItsEnrolment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, reason string
		meanwhile    func(d *desk)
		message      *mdm.Authenticate
	}{
		{
			"another phone", "certificate-of-another-phone", func(d *desk) { d.enrol(other) },
			&mdm.Authenticate{Enrollment: mdm.Enrollment{UDID: other}, Topic: topic, SerialNumber: "S" + phone},
		},
		{"another serial number", "serial-not-expected", nil, &mdm.Authenticate{Enrollment: mdm.Enrollment{UDID: phone}, Topic: topic, SerialNumber: "S"}},
		{"enrolled again", "certificate-retired", func(d *desk) {
			r := sales()
			r.Phone = phone
			_, err := d.checkin(d.identity(r), authenticate(phone))
			d.must(err)
		}, authenticate(phone)},
		{"left", "certificate-retired", func(d *desk) {
			_, err := d.checkin(mdm.Peer{Fingerprint: d.phone(phone).Certificate}, checkOut(phone))
			d.must(err)
		}, authenticate(phone)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			old := d.enrol(phone)
			d.now = d.now.Add(identityLife * 2 / 3)
			_, profile := d.offered(old)
			fresh := d.redeemed(profile)
			if test.meanwhile != nil {
				test.meanwhile(d)
			}
			before := d.phone(phone)
			if _, err := d.checkin(fresh, test.message); !errors.Is(err, mdm.ErrRefused) {
				t.Errorf("Authenticate = %v, want a refusal", err)
			}
			if diff := cmp.Diff(before, d.phone(phone)); diff != "" {
				t.Errorf("phone (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{fresh.Fingerprint + " 1: " + test.reason + " 1"}, d.refusals()); diff != "" {
				t.Errorf("refusals (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRenewalRolledBack is a phone that shows its new certificate, cannot
// finish the installation, and goes back to its old profile (Apple: if the
// update fails, the old configuration is restored).
func TestRenewalRolledBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	old := d.enrol(phone)
	d.now = d.now.Add(identityLife * 2 / 3)
	first := d.renewed(old)
	d.now = d.now.Add(24 * time.Hour)
	second := d.renewed(old) // still heard, and offered another
	d.wantStates("second", []storage.CertificateState{storage.CertificateOverlap, storage.CertificateRetired, storage.CertificateCurrent}, old, first, second)

	// Enrolled again by hand: nothing of it counts any more.
	r := sales()
	r.Phone = phone
	_, err := d.checkin(d.identity(r), authenticate(phone))
	d.must(err)
	d.wantStates("new epoch", []storage.CertificateState{storage.CertificateRetired, storage.CertificateRetired, storage.CertificateRetired}, old, first, second)
}

// TestRenewalOfOldRecord: a phone enrolled before the end of its certificate
// was kept has it on record with its next TokenUpdate.
func TestRenewalOfOldRecord(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	want := d.phone(phone).Identity
	_, err := d.store.UpdatePhone(t.Context(), storage.DefaultSegment, phone, 1, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Identity = storage.Identity{}
		return storage.PhoneChange{}, nil
	})
	d.must(err)
	_, err = d.checkin(peer, tokenUpdate(phone))
	d.must(err)
	if diff := cmp.Diff(want, d.phone(phone).Identity); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

// TestRenewalRefusedAtLength: a long error in characters of three bytes is cut
// between two of them.
func TestRenewalRefusedAtLength(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	d.now = d.now.Add(identityLife * 2 / 3)
	c, _ := d.offered(peer)
	_, err := d.poll(peer, mdm.Result{Status: mdm.Error, CommandUUID: c.UUID, ErrorChain: []mdm.ErrorItem{{USEnglish: strings.Repeat("空", 100)}}})
	d.must(err)
	if got, want := d.phone(phone).Identity.Renewal.Error, "Error: "+strings.Repeat("空", 64); got != want {
		t.Errorf("the record says %q, want %q", got, want)
	}
}
