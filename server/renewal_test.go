package server_test

import (
	"context"
	"slices"
	"testing"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// age makes the certificate of a phone look issued so long ago that two thirds
// of its life are over, and returns it.
func (in *installation) age(who string) (old storage.Certificate) {
	in.t.Helper()
	in.offline(func(ctx context.Context, s *bolt.Store) {
		p, err := s.Phone(ctx, storage.DefaultSegment, who)
		in.must(err)
		_, err = s.UpdateEnrollment(ctx, storage.DefaultSegment, who, p.Certificate, func(e *storage.Enrollment) error {
			e.Certificate.IssuedAt = e.Certificate.IssuedAt.Add(-3 * e.Certificate.NotAfter.Sub(e.Certificate.IssuedAt))
			old = *e.Certificate
			return nil
		})
		in.must(err)
	})
	return old
}

// TestIdentityIsRenewed has phones renew their identity through the whole
// server. It is not parallel, because phones renew when they like (see issuing).
func TestIdentityIsRenewed(t *testing.T) {
	for _, test := range []struct {
		name         string
		sign, locked bool
	}{{"over TLS", false, false}, {"signing", true, false}, {"locked at first", false, true}} {
		t.Run(test.name, func(t *testing.T) {
			in := install(t)
			in.setUp()
			if test.sign {
				in.reconfigure("sign_message: false", "sign_message: true")
			}
			journal := mdmtest.NewJournal(nil)
			p := in.phone("00008120-R", func(o *mdmtest.Options) { o.Journal = journal })
			in.enrol(p, "sales", "production")
			in.until("a confirmed hold", func() bool { return in.held(p) }, p)
			old := in.age(p.UDID())
			p.SetLocked(test.locked)
			in.must(in.post("/v1/devices/"+p.UDID()+"/push", map[string]string{"reason": "test"}, nil))
			if test.locked {
				deferred := func() bool {
					return slices.ContainsFunc(journal.Entries(mdmtest.KindAnswer), func(e mdmtest.Entry) bool {
						return e.Type == "InstallProfile" && e.Status == "NotNow"
					})
				}
				in.until("a NotNow", deferred, p)
				p.SetLocked(false)
			}
			in.until("another certificate", func() bool {
				var d api.Device
				in.must(in.admin.Get(t.Context(), api.Path("devices", p.UDID()), nil, &d))
				return d.Identity.IssuedAt.After(old.IssuedAt)
			}, p)
			in.must(p.Step(t.Context())) // whatever it has still to say
			in.offline(func(ctx context.Context, s *bolt.Store) {
				got, err := s.Certificate(ctx, old.Fingerprint)
				in.must(err)
				phone, err := s.Phone(ctx, storage.DefaultSegment, p.UDID())
				in.must(err)
				if got.State != storage.CertificateRetired || phone.Epoch != 1 || phone.State != storage.PhoneEnrolled || phone.Certificate == old.Fingerprint {
					t.Errorf("old certificate %s; phone %s in epoch %d with %s; want the same enrolment with a new certificate", got.State, phone.State, phone.Epoch, phone.Certificate)
				}
			})
			if !in.held(p) {
				t.Errorf("hold %s after the renewal, want it as before", in.device(p.UDID()).Hold)
			}
			noViolations(t, p)
		})
	}
}
