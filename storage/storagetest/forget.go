package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// forget removes what ended before the given minute, and looks at every record.
func forget(t *testing.T, s Store, seg storage.Segment, minute int) storage.Forgotten {
	t.Helper()
	return forgetStep(t, s, seg, minute, "", 0)
}

// forgetStep looks at limit records from one on.
func forgetStep(t *testing.T, s Store, seg storage.Segment, minute int, from string, limit int) storage.Forgotten {
	t.Helper()
	gone, err := s.Forget(t.Context(), seg, moment(minute), from, limit, audit("retention"))
	must(t, err)
	return gone
}

// inState issues a certificate and puts it into a state. Its grant ends at
// minute 60, itself at minute 600.
func inState(t *testing.T, s Store, seg storage.Segment, id string, state storage.CertificateState) {
	t.Helper()
	c := issue(t, s, seg, id)
	_, err := s.UpdateEnrollment(t.Context(), seg, "u", c.Fingerprint, func(e *storage.Enrollment) error {
		e.Certificate.State = state
		return nil
	})
	must(t, err)
}

func forgetSentences() []sentence {
	states := []storage.CertificateState{
		storage.CertificateIssued, storage.CertificateCurrent, storage.CertificateOverlap, storage.CertificateRetired, storage.CertificateRevoked,
	}
	return []sentence{
		{"grants that expired before the time go, with link and challenge", func(t *testing.T, s Store) {
			g := newGrant("1")
			must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
			wantEqual(t, forget(t, s, segA, 60), storage.Forgotten{})
			wantEqual(t, forget(t, s, segA, 61), storage.Forgotten{Grants: 1})
			_, _, err := s.GrantByLink(t.Context(), g.LinkHash)
			wantError(t, err, storage.ErrNotFound)
			_, _, err = s.ReserveGrant(t.Context(), g.ChallengeHash, "key", moment(2))
			wantError(t, err, storage.ErrNotFound)
			must(t, s.CreateGrant(t.Context(), segA, g, audit("b"))) // nothing of it is left
		}},
		{"grants that were revoked before the time go", func(t *testing.T, s Store) {
			g := newGrant("1")
			g.ExpiresAt, g.RevokedAt = moment(1000), moment(5)
			must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
			wantEqual(t, forget(t, s, segA, 5), storage.Forgotten{})
			wantEqual(t, forget(t, s, segA, 6), storage.Forgotten{Grants: 1})
		}},
		{"a grant stays while its certificate waits to be shown", func(t *testing.T, s Store) {
			issue(t, s, segA, "1")
			wantEqual(t, forget(t, s, segA, 61), storage.Forgotten{})
			inState(t, s, segA, "2", storage.CertificateCurrent)
			wantEqual(t, forget(t, s, segA, 61), storage.Forgotten{Grants: 1})
		}},
		{"certificates that speak for nobody go after their end", func(t *testing.T, s Store) {
			for _, state := range states {
				inState(t, s, segB, string(state), state)
			}
			forget(t, s, segB, 61) // the grants
			wantEqual(t, forget(t, s, segB, 600).Certificates, 0)
			wantEqual(t, forget(t, s, segB, 601).Certificates, 3)
			list, err := s.Certificates(t.Context(), segB, "", 0)
			must(t, err)
			var left []storage.CertificateState
			for _, c := range list {
				left = append(left, c.State)
			}
			wantEqual(t, left, []storage.CertificateState{storage.CertificateCurrent, storage.CertificateOverlap})
			_, err = s.Certificate(t.Context(), "certificate of retired")
			wantError(t, err, storage.ErrNotFound)
		}},
		{"a certificate without an end stays", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segA, newGrant("1"), audit("a")))
			c := storage.Certificate{Fingerprint: "f", Serial: "1", Segment: segA, Grant: "1", State: storage.CertificateRetired}
			must(t, s.RecordCertificate(t.Context(), c, audit("b")))
			wantEqual(t, forget(t, s, segA, 60000), storage.Forgotten{Grants: 1})
		}},
		{"at most limit of both together are looked at in a step, each once", func(t *testing.T, s Store) {
			for i := range 3 {
				inState(t, s, segA, fmt.Sprint(i), storage.CertificateRetired)
			}
			must(t, s.CreateGrant(t.Context(), segA, storage.Grant{ID: "0 stays", ExpiresAt: moment(10000)}, audit("a")))
			var steps []storage.Forgotten
			for from := ""; len(steps) == 0 || from != ""; {
				step := forgetStep(t, s, segA, 601, from, 2)
				from = step.Next
				step.Next = ""
				steps = append(steps, step)
			}
			wantEqual(t, steps, []storage.Forgotten{{Grants: 1}, {Grants: 2}, {Certificates: 2}, {Certificates: 1}})
			wantEqual(t, forget(t, s, segA, 601), storage.Forgotten{})
		}},
		{"of other segments nothing goes", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segB, newGrant("1"), audit("a")))
			wantEqual(t, forget(t, s, segA, 61), storage.Forgotten{})
			_, _, err := s.GrantByLink(t.Context(), newGrant("1").LinkHash)
			must(t, err)
		}},
		{"one audit entry tells how much went, none that nothing did", func(t *testing.T, s Store) {
			inState(t, s, segA, "1", storage.CertificateRetired)
			end := auditEnd(t, s, segA)
			forget(t, s, segA, 60)
			wantEqual(t, actions(t, s, segA, end), nil)
			forget(t, s, segA, 601)
			entries, err := s.Audit(t.Context(), segA, end, 0)
			must(t, err)
			wantEqual(t, len(entries), 1)
			wantEqual(t, entries[0].Detail, map[string]string{"grants": "1", "certificates": "1"})
		}},
		{"a phone whose grant went goes on as it was", func(t *testing.T, s Store) {
			p := enrol(t, s, segA, "u")
			fingerprint := fmt.Sprintf("certificate of u in %s", segA)
			setCurrent := func(e *storage.Enrollment) error {
				e.Certificate.State = storage.CertificateCurrent
				return nil
			}
			_, err := s.UpdateEnrollment(t.Context(), segA, "u", fingerprint, setCurrent)
			must(t, err)
			wantEqual(t, forget(t, s, segA, int(365*24*time.Hour/time.Minute)), storage.Forgotten{Grants: 1})
			got, err := s.UpdateEnrollment(t.Context(), segA, "u", fingerprint, func(e *storage.Enrollment) error {
				wantEqual(t, e.Grant, nil)
				return nil
			})
			must(t, err)
			wantEqual(t, got, p)
		}},
	}
}
