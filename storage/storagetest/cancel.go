package storagetest

import (
	"context"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// testCancelled calls every method with a context that is over.
func testCancelled(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
	c := issue(t, s, segA, "1")
	must(t, s.CreateGrant(t.Context(), segA, newGrant("2"), audit("a")))
	must(t, s.PutCatalog(t.Context(), []byte("c"), audit("a")))
	tell(t, s, segA, notice("n", pending("log", 1)))
	world, end := readWorld(t, s, segA), auditEnd(t, s, segA)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"CreateGrant": func() error { return s.CreateGrant(ctx, segA, newGrant("3"), audit("b")) },
		"UpdateGrant": func() error {
			_, err := s.UpdateGrant(ctx, segA, "2", func(g *storage.Grant) ([]storage.AuditEntry, error) {
				g.Group = "x"
				return nil, nil
			})
			return err
		},
		"GrantByLink": func() error { _, _, err := s.GrantByLink(ctx, newGrant("2").LinkHash); return err },
		"ReserveGrant": func() error {
			_, _, err := s.ReserveGrant(ctx, newGrant("2").ChallengeHash, "key", moment(1))
			return err
		},
		"RecordCertificate": func() error {
			return s.RecordCertificate(ctx, storage.Certificate{Fingerprint: "f", Segment: segA, Grant: "2"}, audit("b"))
		},
		"Certificate":  func() error { _, err := s.Certificate(ctx, c.Fingerprint); return err },
		"Certificates": func() error { _, err := s.Certificates(ctx, segA, "", 0); return err },
		"UpdateEnrollment": func() error {
			_, err := s.UpdateEnrollment(ctx, segA, "v", c.Fingerprint, func(e *storage.Enrollment) error {
				e.Phone = &storage.Phone{UDID: "v"}
				return nil
			})
			return err
		},
		"RecordAudit": func() error { return s.RecordAudit(ctx, segA, []storage.AuditEntry{audit("b")}) },
		"Phone":       func() error { _, err := s.Phone(ctx, segA, "u"); return err },
		"Phones":      func() error { _, err := s.Phones(ctx, segA, storage.PhoneQuery{}); return err },
		"UpdatePhone": func() error {
			_, err := s.UpdatePhone(ctx, segA, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.Group = "x"
				return storage.PhoneChange{}, nil
			})
			return err
		},
		"PhonesBySerial": func() error { _, err := s.PhonesBySerial(ctx, segA, "serial of u"); return err },
		"UpdatePhones": func() error {
			_, err := s.UpdatePhones(ctx, segA, []string{"u"}, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.Group = "x"
				return storage.PhoneChange{}, nil
			})
			return err
		},
		"DeclarationSet":    func() error { _, err := s.DeclarationSet(ctx, segA, "t"); return err },
		"Declaration":       func() error { _, err := s.Declaration(ctx, segA, "t"); return err },
		"SweepDeclarations": func() error { _, err := s.SweepDeclarations(ctx, segA); return err },
		"Enqueue": func() error {
			_, err := s.Enqueue(ctx, segA, []string{"u"}, []storage.Command{command("c2")}, nil)
			return err
		},
		"Exchange": func() error {
			_, err := s.Exchange(ctx, segA, "u", 0, storage.Exchange{
				Status: &storage.CommandStatus{UUID: "c1", State: storage.CommandDone}, Handout: &storage.Handout{},
			})
			return err
		},
		"CancelCommand": func() error {
			_, err := s.CancelCommand(ctx, segA, "u", "c1", "x", moment(1), audit("b"))
			return err
		},
		"Queue":    func() error { _, err := s.Queue(ctx, segA, "u"); return err },
		"Segments": func() error { _, err := s.Segments(ctx); return err },
		"World":    func() error { _, err := s.World(ctx, segA); return err },
		"ChangeWorld": func() error {
			_, err := s.ChangeWorld(ctx, segA, world.Revision, filledWorld())
			return err
		},
		"Catalog":    func() error { _, err := s.Catalog(ctx); return err },
		"PutCatalog": func() error { return s.PutCatalog(ctx, []byte("d"), audit("b")) },
		"Notice":     func() error { _, err := s.Notice(ctx, segA, "n"); return err },
		"Notices":    func() error { _, err := s.Notices(ctx, segA, storage.NoticeQuery{}); return err },
		"DueNotices": func() error { _, err := s.DueNotices(ctx, segA, "log", moment(9), 0); return err },
		"SettleDeliveries": func() error {
			d := pending("log", 1)
			return s.SettleDeliveries(ctx, segA, []storage.Settlement{{Notice: "n", Before: d, After: d}}, audit("b"))
		},
		"ForgetNotices": func() error { _, err := s.ForgetNotices(ctx, segA, moment(99), 0, 0); return err },
		"ForgetHolders": func() error { _, err := s.ForgetHolders(ctx, segA, 0); return err },
		"Audit":         func() error { _, err := s.Audit(ctx, segA, 0, 0); return err },
	} {
		t.Run(name, func(t *testing.T) { wantError(t, call(), context.Canceled) })
	}

	wantEqual(t, readWorld(t, s, segA), world)
	wantEqual(t, actions(t, s, segA, end), nil)
	_, g, err := s.GrantByLink(t.Context(), newGrant("2").LinkHash)
	must(t, err)
	wantEqual(t, g, newGrant("2"))
	n, err := s.Notice(t.Context(), segA, "n")
	must(t, err)
	wantEqual(t, n.Deliveries, []storage.Delivery{pending("log", 1)})
	queue, err := s.Queue(t.Context(), segA, "u")
	must(t, err)
	wantEqual(t, len(queue), 1)
	wantEqual(t, queue[0].State, storage.CommandQueued)
}
