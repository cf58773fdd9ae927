package enroll_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

func ending() enroll.Ending {
	return enroll.Ending{Phone: phone, Actor: "uid:1000(tanaka)", Reason: "lost"}
}

// speaks returns what becomes of every message a phone can send by itself.
func (d *desk) speaks(peer mdm.Peer, udid string) map[string]bool {
	d.t.Helper()
	_, _, err := d.Identify(d.t.Context(), peer, mdm.Enrollment{UDID: udid})
	heard := map[string]bool{"identify": err == nil}
	for name, m := range map[string]mdm.Checkin{"authenticate": authenticate(udid), "token": tokenUpdate(udid), "checkout": checkOut(udid)} {
		_, err := d.checkin(peer, m)
		if err != nil && !errors.Is(err, mdm.ErrRefused) {
			d.t.Errorf("%s: %v, want a refusal", name, err)
		}
		heard[name] = err == nil
	}
	return heard
}

// TestEndedIdentityIsSilent: after either ending the certificate speaks for
// nobody, whatever it says, and a restart changes nothing.
func TestEndedIdentityIsSilent(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*enroll.Service, context.Context, storage.Segment, enroll.Ending) (storage.Phone, error){
		"device.remove": (*enroll.Service).Remove, "certificate.revoke": (*enroll.Service).RevokeIdentity,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			peer, bystander := d.enrol(phone), d.enrol(other)
			before := d.phone(phone)
			p, err := end(d.Service, t.Context(), storage.DefaultSegment, ending())
			d.must(err)
			d.reopen()
			if diff := cmp.Diff(p, d.phone(phone)); diff != "" {
				t.Errorf("stored phone (-returned +stored):\n%s", diff)
			}
			if p.Epoch != before.Epoch+1 || len(p.Push.Token) > 0 {
				t.Errorf("epoch %d, push token %q; want epoch %d and no token", p.Epoch, p.Push.Token, before.Epoch+1)
			}
			if got := d.certificate(peer).State; got != storage.CertificateRevoked {
				t.Errorf("certificate is %s, want revoked", got)
			}
			want := map[string]bool{"identify": false, "authenticate": false, "token": false, "checkout": false}
			if diff := cmp.Diff(want, d.speaks(peer, phone)); diff != "" {
				t.Errorf("heard (-want +got):\n%s", diff)
			}
			last := d.audit()[len(d.audit())-1]
			if last.Action != name || last.Actor != "uid:1000(tanaka)" || last.Reason != "lost" || last.Target != phone {
				t.Errorf("audit entry %+v, want %s of %s by tanaka", last, name, phone)
			}
			if _, _, err := d.Identify(t.Context(), bystander, mdm.Enrollment{UDID: other}); err != nil {
				t.Errorf("another phone is affected: %v", err)
			}
		})
	}
}

// TestRemovedPhoneComesBack: by a plain new link, with nothing of before.
func TestRemovedPhoneComesBack(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.enrol(phone)
	d.must(d.MayRemove(t.Context(), storage.DefaultSegment, phone))
	p, err := d.Remove(t.Context(), storage.DefaultSegment, ending())
	d.must(err)
	if err := d.MayRemove(t.Context(), storage.DefaultSegment, phone); !errors.Is(err, enroll.ErrRemoved) {
		t.Errorf("trying to remove again = %v, want ErrRemoved", err)
	}
	if p.State != storage.PhoneRemoved || !p.RemovedAt.Equal(d.now) {
		t.Errorf("phone is %s since %s, want removed since %s", p.State, p.RemovedAt, d.now)
	}
	if _, err := d.Remove(t.Context(), storage.DefaultSegment, ending()); !errors.Is(err, enroll.ErrRemoved) {
		t.Errorf("removing again = %v, want ErrRemoved", err)
	}
	d.enrol(phone)
	if got := d.phone(phone); got.State != storage.PhoneEnrolled || got.Epoch != p.Epoch+1 {
		t.Errorf("phone is %s in epoch %d, want enrolled in %d", got.State, got.Epoch, p.Epoch+1)
	}
}

// TestRevokedPhoneNeedsItsOwnLink: its UDID is no secret, so a plain link does
// not let anybody take the place of a phone that is still counted.
func TestRevokedPhoneNeedsItsOwnLink(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.enrol(phone)
	p, err := d.RevokeIdentity(t.Context(), storage.DefaultSegment, ending())
	d.must(err)
	if p.State != storage.PhoneEnrolled {
		t.Errorf("phone is %s, want it to stay enrolled", p.State)
	}
	if _, err := d.RevokeIdentity(t.Context(), storage.DefaultSegment, ending()); !errors.Is(err, enroll.ErrIdentityEnded) {
		t.Errorf("revoking again = %v, want ErrIdentityEnded", err)
	}
	if _, err := d.checkin(d.identity(sales()), authenticate(phone)); !errors.Is(err, mdm.ErrRefused) {
		t.Errorf("with a plain link = %v, want a refusal", err)
	}
	request := sales()
	request.Phone = phone
	if _, err := d.checkin(d.identity(request), authenticate(phone)); err != nil {
		t.Errorf("with its own link: %v", err)
	}
}

// TestCheckedOutPhoneCanBeRemoved: one that left by itself could come back with
// its old certificate until a person removes it.
func TestCheckedOutPhoneCanBeRemoved(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	left, err := d.checkin(peer, checkOut(phone))
	d.must(err)
	d.now = d.now.Add(1)
	p, err := d.Remove(t.Context(), storage.DefaultSegment, ending())
	d.must(err)
	if !p.RemovedAt.Equal(left.RemovedAt) {
		t.Errorf("removed at %s, want the time it left, %s", p.RemovedAt, left.RemovedAt)
	}
	if _, err := d.checkin(peer, tokenUpdate(phone)); !errors.Is(err, mdm.ErrRefused) {
		t.Errorf("coming back = %v, want a refusal", err)
	}
}

func TestEndingUnknownPhone(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.enrol(other)
	_, err := d.Remove(t.Context(), storage.DefaultSegment, ending())
	_, err2 := d.RevokeIdentity(t.Context(), storage.DefaultSegment+"-2", enroll.Ending{Phone: other})
	if !errors.Is(err, storage.ErrNotFound) || !errors.Is(err2, storage.ErrNotFound) {
		t.Errorf("got %v and %v, want ErrNotFound", err, err2)
	}
}
