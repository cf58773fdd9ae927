package enroll_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// everyMessage returns each check-in message there is, for one enrolment.
func everyMessage(e mdm.Enrollment) []mdm.Checkin {
	return []mdm.Checkin{
		&mdm.Authenticate{Enrollment: e, Topic: topic, SerialNumber: "S" + e.UDID},
		&mdm.TokenUpdate{Enrollment: e, Topic: topic, Token: []byte("stolen"), PushMagic: "stolen"},
		&mdm.CheckOut{Enrollment: e, Topic: topic},
		&mdm.SetBootstrapToken{Enrollment: e, BootstrapToken: []byte("stolen")},
		&mdm.GetBootstrapToken{Enrollment: e},
		&mdm.GetToken{Enrollment: e},
		&mdm.UserAuthenticate{Enrollment: e},
		&mdm.DeclarativeManagement{Enrollment: e, Endpoint: "tokens"},
	}
}

// TestWhoMaySpeak sends every message with every identity that must be refused
// and looks for any trace of it in the records.
func TestWhoMaySpeak(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	a, b := d.enrol(phone), d.enrol(other)
	retired := d.enrol("00008120-C")
	r := sales()
	r.Phone = "00008120-C"
	newC := d.identity(r)
	_, err := d.checkin(newC, authenticate("00008120-C"))
	d.must(err)
	revoked := d.enrol("00008120-D")
	_, err = d.store.UpdateEnrollment(t.Context(), storage.DefaultSegment, "00008120-D", revoked.Fingerprint, func(e *storage.Enrollment) error {
		e.Certificate.State = storage.CertificateRevoked
		return nil
	})
	d.must(err)

	tests := []struct {
		name   string
		peer   mdm.Peer
		who    mdm.Enrollment
		reason string
	}{
		{"certificate of A, UDID of B", a, mdm.Enrollment{UDID: other}, "certificate-of-another-phone"},
		{"certificate of B, UDID of A", b, mdm.Enrollment{UDID: phone}, "certificate-of-another-phone"},
		{"certificate of A, UDID of nobody", a, mdm.Enrollment{UDID: "00008120-X"}, "certificate-of-another-phone"},
		{"unknown certificate", mdm.Peer{Fingerprint: "00"}, mdm.Enrollment{UDID: phone}, "certificate-unknown"},
		{"retired certificate", retired, mdm.Enrollment{UDID: "00008120-C"}, "certificate-retired"},
		{"revoked certificate", revoked, mdm.Enrollment{UDID: "00008120-D"}, "certificate-retired"},
		{"user channel", a, mdm.Enrollment{UDID: phone, UserID: "501"}, "enrolment-type"},
		{"shared iPad user", a, mdm.Enrollment{UDID: phone, UserID: "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", UserShortName: "x"}, "enrolment-type"},
		{"user enrolment", a, mdm.Enrollment{EnrollmentID: phone}, "enrolment-type"},
	}
	phones := []string{phone, other, "00008120-C", "00008120-D"}
	records := func() (out []storage.Phone) {
		for _, udid := range phones {
			out = append(out, d.phone(udid))
		}
		return out
	}
	before := records()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, m := range everyMessage(test.who) {
				if _, err := d.checkin(test.peer, m); !errors.Is(err, mdm.ErrRefused) {
					t.Errorf("%s = %v, want a refusal", m.MessageType(), err)
				}
			}
			if _, _, err := d.Identify(t.Context(), test.peer, test.who); !errors.Is(err, mdm.ErrRefused) {
				t.Errorf("Identify = %v, want a refusal", err)
			}
		})
	}
	if diff := cmp.Diff(before, records()); diff != "" {
		t.Errorf("a refused message left a trace (-want +got):\n%s", diff)
	}
	if _, err := d.store.Phone(t.Context(), storage.DefaultSegment, "00008120-X"); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a refused message made a phone: %v", err)
	}
	counts := map[string]map[string]int{}
	for _, test := range tests {
		if counts[test.peer.Fingerprint] == nil {
			counts[test.peer.Fingerprint] = map[string]int{}
		}
		counts[test.peer.Fingerprint][test.reason] += len(everyMessage(test.who)) + 1
	}
	var want []string
	for who, reasons := range counts {
		total, parts := 0, []string{}
		for _, reason := range slices.Sorted(maps.Keys(reasons)) {
			total += reasons[reason]
			parts = append(parts, fmt.Sprintf("%s %d", reason, reasons[reason]))
		}
		want = append(want, fmt.Sprintf("%s %d: %s", who, total, strings.Join(parts, ", ")))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, d.refusals()); diff != "" {
		t.Errorf("refusals, one entry per identity (-want +got):\n%s", diff)
	}
}

// TestMessagesNobodyAskedFor: this server declares no capability that would
// have a phone send them.
func TestMessagesNobodyAskedFor(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	before := d.phone(phone)
	for _, m := range everyMessage(mdm.Enrollment{UDID: phone})[3:] {
		if _, err := d.checkin(peer, m); !errors.Is(err, mdm.ErrRefused) {
			t.Errorf("%s = %v, want a refusal", m.MessageType(), err)
		}
	}
	if diff := cmp.Diff(before, d.phone(phone)); diff != "" {
		t.Errorf("a refused message left a trace (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{peer.Fingerprint + " 5: message-type 5"}, d.refusals()); diff != "" {
		t.Errorf("refusals (-want +got):\n%s", diff)
	}
}

// TestBeforeAuthenticate: a certificate says nothing about any phone until it
// was shown at an Authenticate.
func TestBeforeAuthenticate(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.enrol(phone)
	fresh := d.identity(sales())
	for _, udid := range []string{phone, "00008120-X"} {
		for _, m := range everyMessage(mdm.Enrollment{UDID: udid})[1:] {
			if _, err := d.checkin(fresh, m); !errors.Is(err, mdm.ErrRefused) {
				t.Errorf("%s for %s = %v, want a refusal", m.MessageType(), udid, err)
			}
		}
		if _, _, err := d.Identify(t.Context(), fresh, mdm.Enrollment{UDID: udid}); !errors.Is(err, mdm.ErrRefused) {
			t.Errorf("Identify %s = %v, want a refusal", udid, err)
		}
	}
}

// TestFaultIsNoRefusal: a phone that is refused may be given up on, one that
// meets a fault must try again.
func TestFaultIsNoRefusal(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	peer := d.enrol(phone)
	d.must(d.store.Close())
	for _, m := range everyMessage(mdm.Enrollment{UDID: phone}) {
		if _, err := d.checkin(peer, m); err == nil || errors.Is(err, mdm.ErrRefused) {
			t.Errorf("%s on a closed store = %v, want a fault", m.MessageType(), err)
		}
	}
	_, err := d.CreateLink(t.Context(), storage.DefaultSegment, sales())
	if err == nil || errors.Is(err, enroll.ErrLinkSpent) {
		t.Errorf("CreateLink on a closed store = %v, want a fault", err)
	}
	d.open()
}
