package storagetest

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

func grantSentences() []sentence {
	return []sentence{
		{"comes back as it was created", func(t *testing.T, s Store) {
			g := filled[storage.Grant]()
			must(t, s.CreateGrant(t.Context(), segB, g, audit("grant.created")))
			seg, got, err := s.GrantByLink(t.Context(), g.LinkHash)
			must(t, err)
			wantEqual(t, seg, segB)
			wantEqual(t, got, g)
			wantEqual(t, actions(t, s, segB, 0), []string{"grant.created"})
		}},
		{"a known ID is refused, in its segment", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segA, storage.Grant{ID: "1"}, audit("a")))
			wantError(t, s.CreateGrant(t.Context(), segA, storage.Grant{ID: "1"}, audit("b")), storage.ErrExists)
			must(t, s.CreateGrant(t.Context(), segB, storage.Grant{ID: "1"}, audit("c")))
			wantEqual(t, actions(t, s, segA, 0), []string{"a"})
		}},
		{"a link or challenge known in any segment is refused", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segA, storage.Grant{ID: "1", LinkHash: "l", ChallengeHash: "c"}, audit("a")))
			for _, seg := range bothSegments() {
				wantError(t, s.CreateGrant(t.Context(), seg, storage.Grant{ID: "2", LinkHash: "l"}, audit("b")), storage.ErrExists)
				wantError(t, s.CreateGrant(t.Context(), seg, storage.Grant{ID: "2", ChallengeHash: "c"}, audit("b")), storage.ErrExists)
			}
			wantEqual(t, actions(t, s, segB, 0), nil)
		}},
		{"an unknown link is not found", func(t *testing.T, s Store) {
			_, _, err := s.GrantByLink(t.Context(), "l")
			wantError(t, err, storage.ErrNotFound)
		}},
		{"an update changes it with its audit entries", testUpdateGrant},
		{"an update of an unknown one or of another segment's is not found", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segA, newGrant("1"), audit("a")))
			_, err := s.UpdateGrant(t.Context(), segB, "1", func(*storage.Grant) ([]storage.AuditEntry, error) {
				t.Error("the updater ran")
				return nil, nil
			})
			wantError(t, err, storage.ErrNotFound)
		}},
		{"an updater's error leaves nothing", func(t *testing.T, s Store) {
			g := newGrant("1")
			must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
			_, err := s.UpdateGrant(t.Context(), segA, "1", func(g *storage.Grant) ([]storage.AuditEntry, error) {
				g.Group = "other"
				return []storage.AuditEntry{audit("b")}, errUpdater
			})
			wantError(t, err, errUpdater)
			_, got, err := s.GrantByLink(t.Context(), g.LinkHash)
			must(t, err)
			wantEqual(t, got, g)
			wantEqual(t, actions(t, s, segA, 0), []string{"a"})
		}},
		{"an updater must not change the ID", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segA, newGrant("1"), audit("a")))
			_, err := s.UpdateGrant(t.Context(), segA, "1", func(g *storage.Grant) ([]storage.AuditEntry, error) {
				g.ID = "2"
				return nil, nil
			})
			if err == nil {
				t.Error("the ID was changed")
			}
		}},
		{"a reservation admits the first key until the grant expires", testReserve},
		{"a grant without an expiry cannot be reserved", func(t *testing.T, s Store) {
			g := newGrant("1")
			g.ExpiresAt = time.Time{}
			must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
			_, _, err := s.ReserveGrant(t.Context(), g.ChallengeHash, "key", moment(2))
			wantError(t, err, storage.ErrSpent)
		}},
		{"a revoked grant cannot be reserved", func(t *testing.T, s Store) {
			g := newGrant("1")
			g.RevokedAt = moment(1)
			must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
			_, _, err := s.ReserveGrant(t.Context(), g.ChallengeHash, "key", moment(2))
			wantError(t, err, storage.ErrSpent)
		}},
		{"a fulfilled grant admits its own key only", testReserveFulfilled},
		{"an unknown challenge is not found", func(t *testing.T, s Store) {
			_, _, err := s.ReserveGrant(t.Context(), "challenge", "key", moment(2))
			wantError(t, err, storage.ErrNotFound)
		}},
	}
}

func testUpdateGrant(t *testing.T, s Store) {
	must(t, s.CreateGrant(t.Context(), segB, newGrant("1"), audit("a")))
	want := filled[storage.Grant]()
	want.ID = "1"
	got, err := s.UpdateGrant(t.Context(), segB, "1", func(g *storage.Grant) ([]storage.AuditEntry, error) {
		*g = want
		return []storage.AuditEntry{audit("b"), audit("c")}, nil
	})
	must(t, err)
	wantEqual(t, got, want)
	wantEqual(t, actions(t, s, segB, 0), []string{"a", "b", "c"})

	// Link and challenge lead to it by their new values only.
	_, got, err = s.GrantByLink(t.Context(), want.LinkHash)
	must(t, err)
	wantEqual(t, got, want)
	_, _, err = s.GrantByLink(t.Context(), newGrant("1").LinkHash)
	wantError(t, err, storage.ErrNotFound)
	_, _, err = s.ReserveGrant(t.Context(), newGrant("1").ChallengeHash, "key", moment(1))
	wantError(t, err, storage.ErrNotFound)

	// It cannot take what belongs to another.
	must(t, s.CreateGrant(t.Context(), segA, newGrant("2"), audit("d")))
	_, err = s.UpdateGrant(t.Context(), segB, "1", func(g *storage.Grant) ([]storage.AuditEntry, error) {
		g.ChallengeHash = newGrant("2").ChallengeHash
		return nil, nil
	})
	wantError(t, err, storage.ErrExists)
}

func testReserve(t *testing.T, s Store) {
	g := newGrant("1")
	must(t, s.CreateGrant(t.Context(), segB, g, audit("a")))
	seg, got, err := s.ReserveGrant(t.Context(), g.ChallengeHash, "key", moment(2))
	must(t, err)
	wantEqual(t, seg, segB)
	want := g
	want.PublicKey, want.ReservedAt = "key", stored(moment(2))
	wantEqual(t, got, want)

	_, got, err = s.ReserveGrant(t.Context(), g.ChallengeHash, "key", moment(59))
	must(t, err)
	wantEqual(t, got, want) // the first use counts

	_, _, err = s.ReserveGrant(t.Context(), g.ChallengeHash, "other", moment(3))
	wantError(t, err, storage.ErrSpent)
	for _, key := range []string{"key", "other"} {
		_, _, err = s.ReserveGrant(t.Context(), g.ChallengeHash, key, g.ExpiresAt)
		wantError(t, err, storage.ErrSpent)
	}
}

func testReserveFulfilled(t *testing.T, s Store) {
	g := newGrant("1")
	must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
	_, _, err := s.ReserveGrant(t.Context(), g.ChallengeHash, "key", moment(2))
	must(t, err)
	must(t, s.RecordCertificate(t.Context(), storage.Certificate{
		Fingerprint: "f", Segment: segA, Grant: "1", State: storage.CertificateIssued,
	}, audit("b")))

	_, got, err := s.ReserveGrant(t.Context(), g.ChallengeHash, "key", moment(3))
	must(t, err)
	wantEqual(t, got.Certificate, "f")
	_, _, err = s.ReserveGrant(t.Context(), g.ChallengeHash, "other", moment(3))
	wantError(t, err, storage.ErrSpent)
}

func certificateSentences() []sentence {
	return []sentence{
		{"are listed by fingerprint, a page at a time", func(t *testing.T, s Store) {
			var want []storage.Certificate
			for _, id := range []string{"1", "11", "2"} { // one is the beginning of another
				want = append(want, issue(t, s, segB, id))
			}
			issue(t, s, segA, "3")
			for limit := range 4 {
				var got []storage.Certificate
				after := ""
				for {
					page, err := s.Certificates(t.Context(), segB, after, limit)
					must(t, err)
					if len(page) == 0 {
						break
					}
					if limit > 0 && len(page) > limit {
						t.Errorf("%d on a page of %d", len(page), limit)
					}
					got = append(got, page...)
					after = page[len(page)-1].Fingerprint
				}
				wantEqual(t, got, want)
			}
		}},
		{"is found by its fingerprint whatever its segment", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segB, newGrant("1"), audit("a")))
			want := filled[storage.Certificate]()
			want.Segment, want.Grant = segB, "1"
			must(t, s.RecordCertificate(t.Context(), want, audit("b")))
			got, err := s.Certificate(t.Context(), want.Fingerprint)
			must(t, err)
			wantEqual(t, got, want)
			wantEqual(t, actions(t, s, segB, 0), []string{"a", "b"})
			wantEqual(t, actions(t, s, segA, 0), nil)

			_, g, err := s.GrantByLink(t.Context(), newGrant("1").LinkHash)
			must(t, err)
			wantEqual(t, g.Certificate, want.Fingerprint)
		}},
		{"an unknown one is not found", func(t *testing.T, s Store) {
			_, err := s.Certificate(t.Context(), "f")
			wantError(t, err, storage.ErrNotFound)
		}},
		{"a known fingerprint is refused", func(t *testing.T, s Store) {
			c := issue(t, s, segA, "1")
			must(t, s.CreateGrant(t.Context(), segB, newGrant("2"), audit("a")))
			c.Segment, c.Grant = segB, "2"
			wantError(t, s.RecordCertificate(t.Context(), c, audit("b")), storage.ErrExists)
		}},
		{"one for an unknown grant or another segment's is not found", func(t *testing.T, s Store) {
			c := issue(t, s, segA, "1")
			c.Fingerprint, c.Segment = "f", segB
			wantError(t, s.RecordCertificate(t.Context(), c, audit("a")), storage.ErrNotFound)
			_, err := s.Certificate(t.Context(), "f")
			wantError(t, err, storage.ErrNotFound)
			wantEqual(t, actions(t, s, segB, 0), nil)
		}},
		{"a second retires the first while that was never shown", func(t *testing.T, s Store) {
			first := issue(t, s, segB, "1")
			second := first
			second.Fingerprint = "second"
			must(t, s.RecordCertificate(t.Context(), second, audit("b")))
			got, err := s.Certificate(t.Context(), first.Fingerprint)
			must(t, err)
			wantEqual(t, got.State, storage.CertificateRetired)
			_, g, err := s.GrantByLink(t.Context(), newGrant("1").LinkHash)
			must(t, err)
			wantEqual(t, g.Certificate, "second")
		}},
		{"a second after the first was shown is spent", func(t *testing.T, s Store) {
			first := issue(t, s, segA, "1")
			_, err := s.UpdateEnrollment(t.Context(), segA, "u", first.Fingerprint, func(e *storage.Enrollment) error {
				e.Certificate.State = storage.CertificateCurrent
				return nil
			})
			must(t, err)
			second := first
			second.Fingerprint = "second"
			end := auditEnd(t, s, segA)
			wantError(t, s.RecordCertificate(t.Context(), second, audit("b")), storage.ErrSpent)
			_, err = s.Certificate(t.Context(), "second")
			wantError(t, err, storage.ErrNotFound)
			wantEqual(t, actions(t, s, segA, end), nil)
		}},
		{"one for a revoked grant is spent", func(t *testing.T, s Store) {
			g := newGrant("1")
			g.RevokedAt = moment(1)
			must(t, s.CreateGrant(t.Context(), segA, g, audit("a")))
			c := storage.Certificate{Fingerprint: "f", Segment: segA, Grant: "1"}
			wantError(t, s.RecordCertificate(t.Context(), c, audit("b")), storage.ErrSpent)
		}},
	}
}

func enrollmentSentences() []sentence {
	return []sentence{
		{"creates the phone with a number unique in the installation", func(t *testing.T, s Store) {
			seen := map[uint64]bool{0: true}
			for _, seg := range bothSegments() {
				for _, udid := range []string{"u1", "u2"} {
					p := enrol(t, s, seg, udid)
					if seen[p.Num] {
						t.Errorf("number %d was given before", p.Num)
					}
					seen[p.Num] = true
					got, err := s.Phone(t.Context(), seg, udid)
					must(t, err)
					wantEqual(t, got, p)
				}
			}
		}},
		{"reads and writes phone, certificate and grant together", testEnrollment},
		{"without a phone it changes the rest", func(t *testing.T, s Store) {
			c := issue(t, s, segA, "1")
			p, err := s.UpdateEnrollment(t.Context(), segA, "u", c.Fingerprint, func(e *storage.Enrollment) error {
				if e.Phone != nil {
					t.Error("an unknown phone is not nil")
				}
				e.Certificate.State = storage.CertificateRevoked
				return nil
			})
			must(t, err)
			wantEqual(t, p, storage.Phone{})
			got, err := s.Certificate(t.Context(), c.Fingerprint)
			must(t, err)
			wantEqual(t, got.State, storage.CertificateRevoked)
			_, err = s.Phone(t.Context(), segA, "u")
			wantError(t, err, storage.ErrNotFound)
		}},
		{"a certificate of another segment is not found", func(t *testing.T, s Store) {
			c := issue(t, s, segA, "1")
			_, err := s.UpdateEnrollment(t.Context(), segB, "u", c.Fingerprint, func(*storage.Enrollment) error {
				t.Error("the updater ran")
				return nil
			})
			wantError(t, err, storage.ErrNotFound)
		}},
		{"an updater's error leaves nothing", func(t *testing.T, s Store) {
			c := issue(t, s, segA, "1")
			end := auditEnd(t, s, segA)
			_, err := s.UpdateEnrollment(t.Context(), segA, "u", c.Fingerprint, func(e *storage.Enrollment) error {
				e.Phone = &storage.Phone{UDID: "u"}
				e.Certificate.State = storage.CertificateCurrent
				e.Audit = []storage.AuditEntry{audit("b")}
				return errUpdater
			})
			wantError(t, err, errUpdater)
			_, err = s.Phone(t.Context(), segA, "u")
			wantError(t, err, storage.ErrNotFound)
			got, err := s.Certificate(t.Context(), c.Fingerprint)
			must(t, err)
			wantEqual(t, got, c)
			wantEqual(t, actions(t, s, segA, end), nil)
		}},
		{"what identifies a record cannot be changed", func(t *testing.T, s Store) {
			p := enrol(t, s, segA, "u")
			c := issue(t, s, segA, "1")
			for name, change := range map[string]func(*storage.Enrollment){
				"phone removed":       func(e *storage.Enrollment) { e.Phone = nil },
				"UDID":                func(e *storage.Enrollment) { e.Phone.UDID = "v" },
				"number":              func(e *storage.Enrollment) { e.Phone.Num++ },
				"certificate removed": func(e *storage.Enrollment) { e.Certificate = nil },
				"fingerprint":         func(e *storage.Enrollment) { e.Certificate.Fingerprint = "f" },
				"segment":             func(e *storage.Enrollment) { e.Certificate.Segment = segB },
				"grant":               func(e *storage.Enrollment) { e.Grant.ID = "2" },
			} {
				_, err := s.UpdateEnrollment(t.Context(), segA, "u", c.Fingerprint, func(e *storage.Enrollment) error {
					change(e)
					return nil
				})
				if err == nil {
					t.Errorf("%s: no error", name)
				}
			}
			got, err := s.Phone(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, p)
		}},
		{"only a current certificate is put in overlap", func(t *testing.T, s Store) {
			before, after := issue(t, s, segA, "1"), issue(t, s, segA, "2")
			_, err := s.UpdateEnrollment(t.Context(), segA, "u", before.Fingerprint, func(e *storage.Enrollment) error {
				e.Certificate.State = storage.CertificateCurrent
				return nil
			})
			must(t, err)
			for range 2 { // issued stays issued, overlap stays overlap
				_, err = s.UpdateEnrollment(t.Context(), segA, "u", after.Fingerprint, func(e *storage.Enrollment) error {
					e.Overlap = []string{before.Fingerprint, after.Fingerprint, "unknown"}
					return nil
				})
				must(t, err)
			}
			got, err := s.Certificate(t.Context(), before.Fingerprint)
			must(t, err)
			wantEqual(t, got.State, storage.CertificateOverlap)
			got, err = s.Certificate(t.Context(), after.Fingerprint)
			must(t, err)
			wantEqual(t, got, after)
		}},
		{"a revoked certificate is not made a retired one, an unknown one is skipped", func(t *testing.T, s Store) {
			revoked := issue(t, s, segA, "1")
			other := issue(t, s, segB, "2")
			_, err := s.UpdateEnrollment(t.Context(), segA, "u", revoked.Fingerprint, func(e *storage.Enrollment) error {
				e.Certificate.State = storage.CertificateRevoked
				e.Retire = []string{revoked.Fingerprint, other.Fingerprint, "unknown"}
				return nil
			})
			must(t, err)
			got, err := s.Certificate(t.Context(), revoked.Fingerprint)
			must(t, err)
			wantEqual(t, got.State, storage.CertificateRevoked)
			got, err = s.Certificate(t.Context(), other.Fingerprint)
			must(t, err)
			wantEqual(t, got, other)
		}},
	}
}

func testEnrollment(t *testing.T, s Store) {
	old := enrol(t, s, segB, "u")
	must(t, enqueue(t, s, segB, []string{"u"}, command("c1")))
	first, err := s.Certificate(t.Context(), "certificate of u in "+string(segB))
	must(t, err)
	second := issue(t, s, segB, "2")
	end := auditEnd(t, s, segB)

	p, err := s.UpdateEnrollment(t.Context(), segB, "u", second.Fingerprint, func(e *storage.Enrollment) error {
		wantEqual(t, *e.Phone, old)
		wantEqual(t, *e.Certificate, second)
		wantEqual(t, e.Grant.ID, "2")
		e.Phone.Epoch = 2
		e.Phone.Certificate = second.Fingerprint
		e.Certificate.State, e.Certificate.Phone, e.Certificate.Epoch = storage.CertificateCurrent, "u", 2
		e.Grant.Group = "moved"
		e.Retire = []string{first.Fingerprint}
		e.CancelQueue = "enrolled again"
		a := audit("phone.enrolled")
		a.At = moment(9)
		e.Audit = []storage.AuditEntry{a}
		return nil
	})
	must(t, err)
	want := old
	want.Epoch, want.Certificate = 2, second.Fingerprint
	wantEqual(t, p, want)

	got, err := s.Certificate(t.Context(), second.Fingerprint)
	must(t, err)
	second.State, second.Phone, second.Epoch = storage.CertificateCurrent, "u", 2
	wantEqual(t, got, second)
	got, err = s.Certificate(t.Context(), first.Fingerprint)
	must(t, err)
	wantEqual(t, got.State, storage.CertificateRetired)
	_, g, err := s.GrantByLink(t.Context(), newGrant("2").LinkHash)
	must(t, err)
	wantEqual(t, g.Group, "moved")
	queue, err := s.Queue(t.Context(), segB, "u")
	must(t, err)
	wantEqual(t, queue[0].State, storage.CommandCancelled)
	wantEqual(t, queue[0].Error, "enrolled again")
	wantEqual(t, queue[0].FinishedAt, stored(moment(9)))
	wantEqual(t, actions(t, s, segB, end), []string{"phone.enrolled"})
}
