package storagetest

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// moment returns a time n minutes into the tests, in a zone and with a
// precision that stores do not keep.
func moment(n int) time.Time {
	tokyo := time.FixedZone("JST", 9*60*60)
	return time.Date(2026, 11, 22, 9, 30, 0, 123_456_789, tokyo).Add(time.Duration(n) * time.Minute)
}

// stored returns a time as a store gives it back.
func stored(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func audit(action string) storage.AuditEntry {
	return storage.AuditEntry{At: moment(0), Actor: "kannuki", Action: action, Target: "test"}
}

// filled returns a T in which no exported field is zero, so that a field a
// store forgets shows. Times are as a store returns them.
func filled[T any]() T {
	var v T
	n := 0
	fill(reflect.ValueOf(&v).Elem(), &n)
	return v
}

func fill(v reflect.Value, n *int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text %d é 閂", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n)) //nolint:gosec // counts up from 1
	case reflect.Uint8:
		v.SetUint(255)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.25)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), n)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"first": "1", "second": "2"}))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(stored(moment(*n))))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	default:
		panic("storagetest: a record has a field of kind " + v.Kind().String())
	}
}

// newGrant returns a grant that is good for an hour.
func newGrant(id string) storage.Grant {
	return storage.Grant{
		ID: id, Purpose: storage.PurposeNew, Rights: 7443,
		CreatedBy: "tester", CreatedAt: stored(moment(0)), ExpiresAt: stored(moment(60)),
		LinkHash: "link of " + id, ChallengeHash: "challenge of " + id,
	}
}

// issue makes a grant and the certificate it leads to.
func issue(t *testing.T, s Store, seg storage.Segment, id string) storage.Certificate {
	t.Helper()
	c := storage.Certificate{
		Fingerprint: "certificate of " + id, Serial: "1", Segment: seg, Grant: id,
		State: storage.CertificateIssued, IssuedAt: stored(moment(1)), NotAfter: stored(moment(600)),
	}
	must(t, s.CreateGrant(t.Context(), seg, newGrant(id), audit("grant.created")))
	must(t, s.RecordCertificate(t.Context(), c, audit("certificate.issued")))
	return c
}

// enrol puts a phone with the given UDID into a segment.
func enrol(t *testing.T, s Store, seg storage.Segment, udid string) storage.Phone {
	t.Helper()
	c := issue(t, s, seg, fmt.Sprintf("%s in %s", udid, seg))
	p, err := s.UpdateEnrollment(t.Context(), seg, udid, c.Fingerprint, func(e *storage.Enrollment) error {
		e.Phone = &storage.Phone{
			UDID: udid, Epoch: 1, State: storage.PhoneEnrolled,
			Serial: "serial of " + udid, Group: "sales", Ring: storage.RingProduction,
			EnrolledAt: moment(2),
		}
		return nil
	})
	must(t, err)
	return p
}

// setPhone changes a phone without further ado.
func setPhone(t *testing.T, s Store, seg storage.Segment, udid string, set func(*storage.Phone)) storage.Phone {
	t.Helper()
	return changePhone(t, s, seg, udid, storage.PhoneChange{}, set)
}

// changePhone changes a phone and what goes with it.
func changePhone(t *testing.T, s Store, seg storage.Segment, udid string, c storage.PhoneChange, set func(*storage.Phone)) storage.Phone {
	t.Helper()
	p, err := s.UpdatePhone(t.Context(), seg, udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		if set != nil {
			set(p)
		}
		return c, nil
	})
	must(t, err)
	return p
}

// reenrol starts the next epoch of the phone "u".
func reenrol(t *testing.T, s Store, seg storage.Segment, cancel string) {
	t.Helper()
	const udid = "u"
	c := issue(t, s, seg, fmt.Sprintf("%s in %s again", udid, seg))
	_, err := s.UpdateEnrollment(t.Context(), seg, udid, c.Fingerprint, func(e *storage.Enrollment) error {
		e.Phone.Epoch++
		e.CancelQueue = cancel
		e.Audit = []storage.AuditEntry{audit("phone.enrolled")}
		return nil
	})
	must(t, err)
}

// actions returns what a segment's audit says was done, after the entry with
// the given sequence.
func actions(t *testing.T, s Store, seg storage.Segment, after uint64) []string {
	t.Helper()
	entries, err := s.Audit(t.Context(), seg, after, 0)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Action)
	}
	return all
}

// auditEnd returns the sequence of a segment's last audit entry.
func auditEnd(t *testing.T, s Store, seg storage.Segment) uint64 {
	t.Helper()
	entries, err := s.Audit(t.Context(), seg, 0, 0)
	must(t, err)
	return uint64(len(entries))
}
