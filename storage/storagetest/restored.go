package storagetest

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// restoredSentences are about a copy that a newer history knows more than.
func restoredSentences() []sentence {
	at := moment(100)
	entry := func() storage.AuditEntry {
		return storage.AuditEntry{At: at, Actor: "uid:0", Action: "backup.restore", Target: "database", Detail: map[string]string{"copy": "f.db"}}
	}
	told := func(t *testing.T, s Store, seg storage.Segment) storage.Phone {
		t.Helper()
		enrol(t, s, seg, "u")
		must(t, enqueue(t, s, seg, []string{"u"}, command("c1")))
		p, err := s.UpdatePhone(t.Context(), seg, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
			p.Announced.Token, p.Announced.Timestamp, p.Sync.Acked = "t", stored(moment(1)).Truncate(time.Second), "t"
			p.Declarations = []storage.DeclarationState{{Identifier: "i", ServerToken: "e", Active: true, Valid: "valid"}}
			p.InfoAt, p.Update = stored(moment(1)), storage.UpdateState{Install: "prepared", PendingVersion: "26.6.1"}
			p.Legacy = &storage.Legacy{Attempt: storage.Attempt{Number: 3, Release: "26.6.1", Step: "install", Told: true}}
			return storage.PhoneChange{}, nil
		})
		must(t, err)
		return p
	}
	return []sentence{
		{"what phones were told is told again as of the restore, and what they hold is forgotten", func(t *testing.T, s Store) {
			want, other := told(t, s, segA), told(t, s, segB)
			must(t, s.Restored(t.Context(), segA, entry()))
			want.Announced.Timestamp, want.Sync.Acked, want.Declarations = stored(at).Truncate(time.Second), "", nil
			want.InfoAt, want.Update = time.Unix(0, 0).UTC(), storage.UpdateState{}
			want.Legacy = &storage.Legacy{Attempt: storage.Attempt{Number: 3}}
			got, err := s.Phone(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, want)
			got, err = s.Phone(t.Context(), segB, "u")
			must(t, err)
			wantEqual(t, got, other)
		}},
		{"an installation that failed, and when that was seen, stays known", func(t *testing.T, s Store) {
			told(t, s, segA)
			failed := storage.UpdateState{
				Install: "failed", Since: stored(moment(2)), PendingVersion: "26.6.1", PendingBuild: "23G83",
				Failures: 2, FailureReason: "power", FailureAt: stored(moment(2)), FailureSeen: stored(moment(3)),
			}
			again := failed
			again.Install, again.PendingVersion, again.PendingBuild, again.PendingDeadline = "downloading", "26.6.2", "23G90", "2026-08-19T18:00:00"
			again.Reasons = []string{"declaration"}
			kept := storage.UpdateState{Failures: 2, FailureReason: "power", FailureAt: failed.FailureAt, FailureSeen: failed.FailureSeen}
			for _, test := range []struct{ was, want storage.UpdateState }{{failed, failed}, {again, kept}} {
				_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
					p.Update = test.was
					return storage.PhoneChange{}, nil
				})
				must(t, err)
				must(t, s.Restored(t.Context(), segA, entry()))
				got, err := s.Phone(t.Context(), segA, "u")
				must(t, err)
				wantEqual(t, got.Update, test.want)
			}
		}},
		{"commands that are not over are cancelled", func(t *testing.T, s Store) {
			told(t, s, segA)
			told(t, s, segB)
			must(t, s.Restored(t.Context(), segA, entry()))
			wantEqual(t, states(t, s, segA), []string{"c1 cancelled restored from a backup 0"})
			wantEqual(t, states(t, s, segB), []string{"c1 queued  0"})
		}},
		{"links that nobody used are revoked", func(t *testing.T, s Store) {
			must(t, s.CreateGrant(t.Context(), segA, storage.Grant{ID: "open", LinkHash: "h", ExpiresAt: moment(200)}, audit("grant")))
			must(t, s.Restored(t.Context(), segA, entry()))
			_, err := s.UpdateGrant(t.Context(), segA, "open", func(g *storage.Grant) ([]storage.AuditEntry, error) {
				wantEqual(t, g.RevokedAt, stored(at))
				return nil, nil
			})
			must(t, err)
		}},
		{"the segment stands still, as a change with one entry that has the numbers", func(t *testing.T, s Store) {
			told(t, s, segA)
			before, err := s.World(t.Context(), segA)
			must(t, err)
			must(t, s.Restored(t.Context(), segA, entry()))
			w, err := s.World(t.Context(), segA)
			must(t, err)
			wantEqual(t, w.Halt, storage.Halt{Cause: storage.HaltRestore, At: stored(at), Was: stored(at)})
			wantEqual(t, w.Revision, before.Revision+1)
			entries, err := s.Audit(t.Context(), segA, 0, 0)
			must(t, err)
			last := entries[len(entries)-1]
			delete(last.Detail, "tokens") // not every store has some
			wantEqual(t, last.Action, "backup.restore")
			wantEqual(t, last.Detail, map[string]string{"copy": "f.db", "grants": "0", "phones": "1", "commands": "1"})
		}},
	}
}
