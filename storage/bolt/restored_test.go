package bolt_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestRestored: what a copy promised and a newer history may have used up is
// void, what is over stays as it was, and another segment is not touched.
func TestRestored(t *testing.T) {
	t.Parallel()
	s := open(t, create(t))
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx, at := t.Context(), time.Date(2026, 11, 22, 9, 0, 0, 500, time.UTC)
	for _, seg := range []storage.Segment{"a", "b"} {
		prefix := string(seg)
		for _, id := range []string{"open", "used"} {
			g := storage.Grant{ID: id, LinkHash: prefix + id, CreatedAt: at.Add(-time.Hour), ExpiresAt: at.Add(time.Hour)}
			ok(s.CreateGrant(ctx, seg, g, entry("grant")))
		}
		ok(s.RecordCertificate(ctx, storage.Certificate{Fingerprint: prefix + "1", Segment: seg, Grant: "used", State: storage.CertificateIssued}, entry("cert")))
		_, err := s.UpdateEnrollment(ctx, seg, "u", prefix+"1", func(e *storage.Enrollment) error {
			e.Phone = &storage.Phone{UDID: "u", State: storage.PhoneEnrolled, Epoch: 1}
			return nil
		})
		ok(err)
		_, err = s.UpdatePhone(ctx, seg, "u", 1, func(p *storage.Phone) (storage.PhoneChange, error) {
			p.Announced.Token, p.Announced.Timestamp, p.Sync.Acked = "t", at.Add(-time.Hour).Truncate(time.Second), "t"
			p.Announced.Enforcement = &storage.AnnouncedEnforcement{Release: "26.6.1", Deadline: "2026-11-22T12:00:00"}
			p.Declarations = []storage.DeclarationState{{Identifier: "kannuki.enforce.26.6.1", ServerToken: "e", Active: true, Valid: "valid"}}
			p.Legacy = &storage.Legacy{Attempt: storage.Attempt{Number: 3, Release: "26.6.1", Step: "install", Told: true}}
			p.AppUpdates = []storage.AppUpdate{{BundleID: "com.example.pos", Floor: "2.0", Number: 1, At: at.Add(-time.Hour)}}
			return storage.PhoneChange{}, nil
		})
		ok(err)
		_, err = s.Enqueue(ctx, seg, []string{"u"}, []storage.Command{{UUID: "c", Key: "k", RequestType: "DeviceInformation", Body: []byte("x")}}, nil)
		ok(err)
		ok(s.CreateToken(ctx, storage.Token{Segment: seg, Name: "ci", Hash: prefix + "h"}, entry("token")))
	}

	act := entry("backup.restore")
	act.At, act.Actor, act.Detail = at, "uid:0", map[string]string{"copy": "f.db"}
	ok(s.Restored(ctx, "a", act))

	type left struct {
		Open, Used, Token bool // revoked
		Command           storage.CommandState
		Told              time.Time
		Acked             string
		Enforced          string
		Holds             int // declarations
		Apps              int // that it was told to update
		Attempt           storage.Attempt
	}
	look := func(seg storage.Segment) (l left) {
		for id, revoked := range map[string]*bool{"open": &l.Open, "used": &l.Used} {
			_, err := s.UpdateGrant(ctx, seg, id, func(g *storage.Grant) ([]storage.AuditEntry, error) {
				*revoked = !g.RevokedAt.IsZero()
				return nil, nil
			})
			ok(err)
		}
		tokens, err := s.Tokens(ctx, seg)
		ok(err)
		queue, err := s.Queue(ctx, seg, "u")
		ok(err)
		p, err := s.Phone(ctx, seg, "u")
		ok(err)
		l.Token, l.Command, l.Told, l.Acked = !tokens[0].RevokedAt.IsZero(), queue[0].State, p.Announced.Timestamp, p.Sync.Acked
		l.Enforced, l.Holds, l.Apps, l.Attempt = p.Announced.Enforcement.Release, len(p.Declarations), len(p.AppUpdates), p.Legacy.Attempt
		return l
	}
	// What was announced still is; whether the phone has it by now, nobody knows.
	want := left{Open: true, Token: true, Command: storage.CommandCancelled, Told: at.Truncate(time.Second), Enforced: "26.6.1", Attempt: storage.Attempt{Number: 3}}
	if diff := cmp.Diff(want, look("a")); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	want = left{
		Command: storage.CommandQueued, Told: at.Add(-time.Hour).Truncate(time.Second), Acked: "t",
		Enforced: "26.6.1", Holds: 1, Apps: 1, Attempt: storage.Attempt{Number: 3, Release: "26.6.1", Step: "install", Told: true},
	}
	if diff := cmp.Diff(want, look("b")); diff != "" {
		t.Errorf("another segment (-want +got):\n%s", diff)
	}
	entries := audit(t, s, "a")
	last := entries[len(entries)-1]
	wantDetail := map[string]string{"copy": "f.db", "grants": "1", "tokens": "1", "phones": "1", "commands": "1"}
	if diff := cmp.Diff(wantDetail, last.Detail); diff != "" || last.Action != "backup.restore" {
		t.Errorf("the audit entry %s (-want +got):\n%s", last.Action, diff)
	}

	// A time the copy knows already is never taken back.
	act.At = at.Add(-24 * time.Hour)
	ok(s.Restored(ctx, "a", act))
	if got := look("a").Told; !got.Equal(at.Truncate(time.Second)) {
		t.Errorf("told at %s after a restore with a slow clock, want %s", got, at.Truncate(time.Second))
	}
}
