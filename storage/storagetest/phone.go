package storagetest

import (
	"fmt"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

func phoneSentences() []sentence {
	return []sentence{
		{"every field comes back", func(t *testing.T, s Store) {
			p := enrol(t, s, segB, "u")
			want := filled[storage.Phone]()
			want.UDID, want.Num, want.Epoch = p.UDID, p.Num, p.Epoch
			wantEqual(t, setPhone(t, s, segB, "u", func(p *storage.Phone) { *p = want }), want)
			got, err := s.Phone(t.Context(), segB, "u")
			must(t, err)
			wantEqual(t, got, want)
		}},
		{"an unknown one is not found", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			_, err := s.Phone(t.Context(), segB, "u")
			wantError(t, err, storage.ErrNotFound)
			_, err = s.UpdatePhone(t.Context(), segB, "u", 0, func(*storage.Phone) (storage.PhoneChange, error) {
				t.Error("the updater ran")
				return storage.PhoneChange{}, nil
			})
			wantError(t, err, storage.ErrNotFound)
		}},
		{"one UDID in two segments is two phones", func(t *testing.T, s Store) {
			a, b := enrol(t, s, segA, "u"), enrol(t, s, segB, "u")
			if a.Num == b.Num {
				t.Errorf("both have number %d", a.Num)
			}
			setPhone(t, s, segB, "u", func(p *storage.Phone) { p.Model = "iPhone15,2" })
			got, err := s.Phone(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, a)
		}},
		{"another epoch is a conflict", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			for epoch, want := range map[uint64]error{0: nil, 1: nil, 2: storage.ErrConflict} {
				_, err := s.UpdatePhone(t.Context(), segA, "u", epoch, func(*storage.Phone) (storage.PhoneChange, error) {
					return storage.PhoneChange{}, nil
				})
				wantError(t, err, want)
			}
		}},
		{"an updater's error leaves nothing", func(t *testing.T, s Store) {
			want := enrol(t, s, segA, "u")
			end := auditEnd(t, s, segA)
			_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.Group = "other"
				return storage.PhoneChange{
					Declarations: []storage.DeclarationBody{{ServerToken: "d", JSON: []byte("{}")}},
					Audit:        []storage.AuditEntry{audit("a")},
				}, errUpdater
			})
			wantError(t, err, errUpdater)
			got, err := s.Phone(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, want)
			_, err = s.Declaration(t.Context(), segA, "d")
			wantError(t, err, storage.ErrNotFound)
			wantEqual(t, actions(t, s, segA, end), nil)
		}},
		{"an updater must not change UDID, number or epoch", func(t *testing.T, s Store) {
			want := enrol(t, s, segA, "u")
			for name, change := range map[string]func(*storage.Phone){
				"UDID":   func(p *storage.Phone) { p.UDID = "v" },
				"number": func(p *storage.Phone) { p.Num++ },
				"epoch":  func(p *storage.Phone) { p.Epoch++ },
			} {
				_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
					change(p)
					return storage.PhoneChange{}, nil
				})
				if err == nil {
					t.Errorf("%s: no error", name)
				}
			}
			got, err := s.Phone(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, want)
		}},
		{"a change that says it is none stores nothing", func(t *testing.T, s Store) {
			want := enrol(t, s, segA, "u")
			end := auditEnd(t, s, segA)
			got := changePhone(t, s, segA, "u", storage.PhoneChange{
				Unchanged: true, Audit: []storage.AuditEntry{audit("a")},
			}, func(p *storage.Phone) { p.Model = "iPhone15,2" })
			wantEqual(t, got, want)
			got, err := s.Phone(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, want)
			wantEqual(t, actions(t, s, segA, end), nil)
		}},
		{"a change writes what belongs to it", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segB, []string{"u"}, command("c1")))
			end := auditEnd(t, s, segB)
			set := filled[storage.DeclarationSet]()
			changePhone(t, s, segB, "u", storage.PhoneChange{
				Declarations: []storage.DeclarationBody{{ServerToken: "d", JSON: []byte(`{"a":1}`)}},
				Set:          &set,
				CancelQueue:  "moved",
				Audit:        []storage.AuditEntry{audit("phone.moved"), audit("queue.cancelled")},
			}, nil)
			got, err := s.DeclarationSet(t.Context(), segB, set.Token)
			must(t, err)
			wantEqual(t, got, set)
			body, err := s.Declaration(t.Context(), segB, "d")
			must(t, err)
			wantEqual(t, string(body), `{"a":1}`)
			queue, err := s.Queue(t.Context(), segB, "u")
			must(t, err)
			wantEqual(t, queue[0].State, storage.CommandCancelled)
			wantEqual(t, queue[0].Error, "moved")
			wantEqual(t, actions(t, s, segB, end), []string{"phone.moved", "queue.cancelled"})
		}},
	}
}

func phoneListSentences() []sentence {
	list := func(t *testing.T, s Store, seg storage.Segment, q storage.PhoneQuery) []string {
		t.Helper()
		phones, err := s.Phones(t.Context(), seg, q)
		must(t, err)
		var udids []string
		for _, p := range phones {
			udids = append(udids, p.UDID)
		}
		return udids
	}
	group := func(name string) *string { return &name }
	return []sentence{
		{"is ordered by number, after a number, up to a limit", func(t *testing.T, s Store) {
			var nums []uint64
			for _, udid := range []string{"c", "a", "d", "b"} {
				nums = append(nums, enrol(t, s, segA, udid).Num)
				enrol(t, s, segB, "other "+udid)
			}
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{}), []string{"c", "a", "d", "b"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Limit: 2}), []string{"c", "a"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{After: nums[1], Limit: 1}), []string{"d"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{After: nums[1], Group: group("sales")}), []string{"d", "b"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{After: nums[3]}), nil)
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{After: ^uint64(0)}), nil)
		}},
		{"without a limit has at most 1,000", func(t *testing.T, s Store) {
			c := issue(t, s, segA, "1")
			errs := parallel(1001, func(i int) error {
				udid := fmt.Sprintf("u%04d", i)
				_, err := s.UpdateEnrollment(t.Context(), segA, udid, c.Fingerprint, func(e *storage.Enrollment) error {
					e.Phone = &storage.Phone{UDID: udid, State: storage.PhoneEnrolled}
					return nil
				})
				return err
			})
			wantEqual(t, count(t, errs), 1001)
			wantEqual(t, len(list(t, s, segA, storage.PhoneQuery{})), 1000)
			wantEqual(t, len(list(t, s, segA, storage.PhoneQuery{Limit: 2000})), 1001)
		}},
		{"selects by group and ring as they are now", func(t *testing.T, s Store) {
			for _, udid := range []string{"a", "b", "c", "d"} {
				enrol(t, s, segA, udid)
				enrol(t, s, segB, udid)
			}
			setPhone(t, s, segA, "b", func(p *storage.Phone) { p.Group = "sales 2" })
			setPhone(t, s, segA, "c", func(p *storage.Phone) { p.Group, p.Ring = "", "" })
			setPhone(t, s, segA, "d", func(p *storage.Phone) { p.Ring = storage.RingVerification })
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Group: group("sales")}), []string{"a", "d"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Group: group("sales 2")}), []string{"b"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Group: group("")}), []string{"c"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Group: group("unknown")}), nil)
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Ring: storage.RingProduction}), []string{"a", "b"})
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Group: group("sales"), Ring: storage.RingVerification}), []string{"d"})
			setPhone(t, s, segA, "c", func(p *storage.Phone) { p.Group = "sales" })
			wantEqual(t, list(t, s, segA, storage.PhoneQuery{Group: group("sales")}), []string{"a", "c", "d"})
		}},
		{"leaves out removed and enrolling phones unless asked for", func(t *testing.T, s Store) {
			for _, udid := range []string{"a", "b", "c"} {
				enrol(t, s, segB, udid)
			}
			setPhone(t, s, segB, "a", func(p *storage.Phone) { p.State = storage.PhoneRemoved })
			setPhone(t, s, segB, "b", func(p *storage.Phone) { p.State = storage.PhoneAuthenticating })
			wantEqual(t, list(t, s, segB, storage.PhoneQuery{}), []string{"c"})
			wantEqual(t, list(t, s, segB, storage.PhoneQuery{Removed: true}), []string{"a", "c"})
			wantEqual(t, list(t, s, segB, storage.PhoneQuery{Enrolling: true}), []string{"b", "c"})
		}},
	}
}

func declarationSentences() []sentence {
	return []sentence{
		{"an unknown set or body is not found", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			changePhone(t, s, segA, "u", declarations("token", "d"), nil)
			_, err := s.DeclarationSet(t.Context(), segB, "token")
			wantError(t, err, storage.ErrNotFound)
			_, err = s.Declaration(t.Context(), segB, "d")
			wantError(t, err, storage.ErrNotFound)
		}},
		{"the same content again is no error, other content is", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			changePhone(t, s, segA, "u", declarations("token", "d"), nil)
			changePhone(t, s, segA, "u", declarations("token", "d"), nil)
			_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(*storage.Phone) (storage.PhoneChange, error) {
				return storage.PhoneChange{Declarations: []storage.DeclarationBody{{ServerToken: "d", JSON: []byte("[]")}}}, nil
			})
			wantError(t, err, storage.ErrConflict)
			_, err = s.UpdatePhone(t.Context(), segA, "u", 0, func(*storage.Phone) (storage.PhoneChange, error) {
				return declarations("token", "e"), nil
			})
			wantError(t, err, storage.ErrConflict)
		}},
		{"a sweep keeps what a phone was announced or has fetched", testSweep},
	}
}

// declarations returns a change that stores a set and its bodies.
func declarations(token string, serverTokens ...string) storage.PhoneChange {
	c := storage.PhoneChange{Set: &storage.DeclarationSet{Token: token}}
	for _, st := range serverTokens {
		c.Declarations = append(c.Declarations, storage.DeclarationBody{ServerToken: st, JSON: []byte("{}")})
		c.Set.Items = append(c.Set.Items, storage.DeclarationItem{Class: "configuration", Identifier: "i", ServerToken: st})
	}
	return c
}

func testSweep(t *testing.T, s Store) {
	for _, seg := range bothSegments() {
		enrol(t, s, seg, "u")
		enrol(t, s, seg, "v")
		changePhone(t, s, seg, "u", declarations("old", "shared", "1"), func(p *storage.Phone) {
			p.Announced.Token, p.Sync.Manifest = "old", "old"
		})
		changePhone(t, s, seg, "u", declarations("new", "shared", "2"), func(p *storage.Phone) {
			p.Announced.Token = "new" // it may still fetch what it saw in the old manifest
		})
		changePhone(t, s, seg, "v", declarations("unused", "shared", "3"), nil)
	}
	sweep := func(want int, gone, kept []string) {
		t.Helper()
		n, err := s.SweepDeclarations(t.Context(), segA)
		must(t, err)
		wantEqual(t, n, want)
		for _, st := range kept {
			_, err := s.Declaration(t.Context(), segA, st)
			must(t, err)
		}
		for _, st := range gone {
			_, err := s.Declaration(t.Context(), segA, st)
			wantError(t, err, storage.ErrNotFound)
		}
	}
	sweep(2, []string{"3"}, []string{"shared", "1", "2"}) // set and body
	_, err := s.DeclarationSet(t.Context(), segA, "unused")
	wantError(t, err, storage.ErrNotFound)
	sweep(0, nil, []string{"shared", "1", "2"})

	setPhone(t, s, segA, "u", func(p *storage.Phone) { p.Sync.Manifest = "new" })
	sweep(2, []string{"1"}, []string{"shared", "2"})
	setPhone(t, s, segA, "u", func(p *storage.Phone) { p.Announced.Token, p.Sync.Manifest = "", "" })
	sweep(3, []string{"shared", "2"}, nil)

	for _, token := range []string{"old", "new", "unused"} { // the other segment's
		_, err := s.DeclarationSet(t.Context(), segB, token)
		must(t, err)
	}
}
