package storagetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// filledWorld returns a change that adds one record of each kind.
func filledWorld() storage.WorldChange {
	return storage.WorldChange{
		Apps:      []storage.App{filled[storage.App]()},
		Groups:    []storage.Group{filled[storage.Group]()},
		Calendars: []storage.NamedCalendar{filled[storage.NamedCalendar]()},
		Policies:  []storage.Policy{filled[storage.Policy]()},
		Verdicts:  []storage.Verdict{filled[storage.Verdict]()},
		Offers:    []storage.Offer{filled[storage.Offer]()},
		Approvals: []storage.Approval{filled[storage.Approval]()},
		Declines:  []storage.Decline{filled[storage.Decline]()},
		HoldMarks: []storage.HoldMark{filled[storage.HoldMark]()},
		Proposals: []storage.Proposal{filled[storage.Proposal]()},
		Problems:  []storage.Problem{filled[storage.Problem]()},
	}
}

func readWorld(t *testing.T, s Store, seg storage.Segment) storage.World {
	t.Helper()
	w, err := s.World(t.Context(), seg)
	must(t, err)
	return w
}

// changeWorld applies a change to the world as it is.
func changeWorld(t *testing.T, s Store, seg storage.Segment, c storage.WorldChange) {
	t.Helper()
	before := readWorld(t, s, seg).Revision
	after, err := s.ChangeWorld(t.Context(), seg, before, c)
	must(t, err)
	wantEqual(t, after, before+1)
	wantEqual(t, readWorld(t, s, seg).Revision, after)
}

func worldSentences() []sentence {
	return []sentence{
		{"begins empty", func(t *testing.T, s Store) {
			for _, seg := range bothSegments() {
				wantEqual(t, readWorld(t, s, seg), storage.World{Revision: readWorld(t, s, seg).Revision})
			}
		}},
		{"every field of every record comes back, in its segment", func(t *testing.T, s Store) {
			c := filledWorld()
			changeWorld(t, s, segB, c)
			got := readWorld(t, s, segB)
			wantEqual(t, got, storage.World{
				Revision: got.Revision, Apps: c.Apps, Groups: c.Groups, Calendars: c.Calendars, Policies: c.Policies, Verdicts: c.Verdicts,
				Offers: c.Offers, Approvals: c.Approvals, Declines: c.Declines, HoldMarks: c.HoldMarks, Proposals: c.Proposals, Problems: c.Problems,
			})
			wantEqual(t, readWorld(t, s, segA), storage.World{Revision: readWorld(t, s, segA).Revision})
		}},
		{"records are replaced by their keys", func(t *testing.T, s Store) {
			c := filledWorld()
			changeWorld(t, s, segA, c)
			c.Apps[0].Name = "new"
			c.Groups[0].Apps = []string{"new"}
			c.Calendars[0].Calendar.Closed = []string{"new"}
			c.Policies[0].OnExpiry = "new"
			c.Verdicts[0].Note = "new"
			c.Offers[0].Reason = "new"
			c.Approvals[0].Reason = "new"
			c.Declines[0].Reason = "new"
			c.HoldMarks[0].Day = 83
			c.Proposals[0].State = "new"
			c.Problems[0].ClosedFor = "new"
			changeWorld(t, s, segA, c)
			got := readWorld(t, s, segA)
			wantEqual(t, got, storage.World{
				Revision: got.Revision, Apps: c.Apps, Groups: c.Groups, Calendars: c.Calendars, Policies: c.Policies, Verdicts: c.Verdicts,
				Offers: c.Offers, Approvals: c.Approvals, Declines: c.Declines, HoldMarks: c.HoldMarks, Proposals: c.Proposals, Problems: c.Problems,
			})
		}},
		{"group and release together are the key of an offer, a decline and a mark", func(t *testing.T, s Store) {
			changeWorld(t, s, segA, storage.WorldChange{
				Offers:   []storage.Offer{{Group: "a", Release: "b1"}, {Group: "ab", Release: "1"}},
				Declines: []storage.Decline{{Group: "a", Release: "b1"}, {Group: "ab", Release: "1"}},

				HoldMarks: []storage.HoldMark{{Group: "a", Release: "b1"}, {Group: "ab", Release: "1"}},
			})
			w := readWorld(t, s, segA)
			wantEqual(t, len(w.Offers), 2)
			wantEqual(t, len(w.Declines), 2)
			wantEqual(t, len(w.HoldMarks), 2)
		}},
		{"phones change with the world, or neither does", func(t *testing.T, s Store) {
			a, b := enrol(t, s, segA, "a"), enrol(t, s, segA, "b")
			elsewhere := enrol(t, s, segB, "a")
			move := func(udid string, err error) storage.PhoneUpdate {
				return storage.PhoneUpdate{UDID: udid, Update: func(p *storage.Phone) (storage.PhoneChange, error) {
					p.Group = "dock"
					return storage.PhoneChange{Audit: []storage.AuditEntry{audit("move " + udid)}}, err
				}}
			}
			c := filledWorld()
			c.Audit = []storage.AuditEntry{audit("world")}
			before, end := readWorld(t, s, segA), auditEnd(t, s, segA)
			phone := func(seg storage.Segment, udid string) storage.Phone {
				p, err := s.Phone(t.Context(), seg, udid)
				must(t, err)
				return p
			}
			for _, fault := range []struct {
				revision uint64
				second   storage.PhoneUpdate
				want     error
			}{
				{before.Revision + 1, move("b", nil), storage.ErrConflict},
				{before.Revision, move("nobody", nil), storage.ErrNotFound},
				{before.Revision, move("b", errUpdater), errUpdater},
			} {
				c.Phones = []storage.PhoneUpdate{move("a", nil), fault.second}
				_, err := s.ChangeWorld(t.Context(), segA, fault.revision, c)
				wantError(t, err, fault.want)
				wantEqual(t, readWorld(t, s, segA), before)
				wantEqual(t, []storage.Phone{phone(segA, "a"), phone(segA, "b")}, []storage.Phone{a, b})
				wantEqual(t, actions(t, s, segA, end), nil)
			}
			c.Phones = []storage.PhoneUpdate{move("b", nil), move("a", nil)}
			changeWorld(t, s, segA, c)
			a.Group, b.Group = "dock", "dock"
			wantEqual(t, []storage.Phone{phone(segA, "a"), phone(segA, "b")}, []storage.Phone{a, b})
			wantEqual(t, readWorld(t, s, segA).Apps, c.Apps)
			wantEqual(t, actions(t, s, segA, end), []string{"move b", "move a", "world"})
			wantEqual(t, phone(segB, "a"), elsewhere)
		}},
		{"apps, groups, calendars, policies, declines and marks can be removed", func(t *testing.T, s Store) {
			c := filledWorld()
			changeWorld(t, s, segA, c)
			changeWorld(t, s, segB, c)
			changeWorld(t, s, segA, storage.WorldChange{
				RemoveApps:      []string{c.Apps[0].BundleID, "unknown"},
				RemoveGroups:    []string{c.Groups[0].Name, "unknown"},
				RemovePolicies:  []string{c.Policies[0].Name, "unknown"},
				RemoveCalendars: []string{c.Calendars[0].Name, "unknown"},
				RemoveDeclines:  []storage.Decline{{Group: c.Declines[0].Group, Release: c.Declines[0].Release}, {Group: "un", Release: "known"}},

				RemoveHoldMarks: []storage.HoldMark{{Group: c.HoldMarks[0].Group, Release: c.HoldMarks[0].Release}, {Group: "un", Release: "known"}},
			})
			got := readWorld(t, s, segA)
			wantEqual(t, got, storage.World{Revision: got.Revision, Verdicts: c.Verdicts, Offers: c.Offers, Approvals: c.Approvals, Proposals: c.Proposals, Problems: c.Problems})
			wantEqual(t, readWorld(t, s, segB).Apps, c.Apps)
		}},
		{"is listed in the order of the keys' bytes", func(t *testing.T, s Store) {
			names := []string{"b", "B", "a-long-name", "é", "a", "閂", "Z", "a b"}
			var c storage.WorldChange
			for _, n := range names {
				c.Apps = append(c.Apps, storage.App{BundleID: n})
				c.Offers = append(c.Offers, storage.Offer{Group: n, Release: "26.10"}, storage.Offer{Group: n, Release: "26.1"})
			}
			changeWorld(t, s, segA, c)
			w := readWorld(t, s, segA)
			want := []string{"B", "Z", "a", "a b", "a-long-name", "b", "é", "閂"}
			var apps, offers, wantOffers []string
			for _, a := range w.Apps {
				apps = append(apps, a.BundleID)
			}
			for _, o := range w.Offers {
				offers = append(offers, o.Group+" "+o.Release)
			}
			for _, n := range want {
				wantOffers = append(wantOffers, n+" 26.1", n+" 26.10")
			}
			wantEqual(t, apps, want)
			wantEqual(t, offers, wantOffers)
		}},
		{"a change of another revision is a conflict and writes nothing", func(t *testing.T, s Store) {
			changeWorld(t, s, segA, storage.WorldChange{})
			before := readWorld(t, s, segA)
			c := filledWorld()
			c.Audit = []storage.AuditEntry{audit("a")}
			for _, revision := range []uint64{before.Revision - 1, before.Revision + 1} {
				_, err := s.ChangeWorld(t.Context(), segA, revision, c)
				wantError(t, err, storage.ErrConflict)
			}
			wantEqual(t, readWorld(t, s, segA), before)
			wantEqual(t, actions(t, s, segA, 0), nil)
		}},
		{"a record without a key is refused and nothing written", func(t *testing.T, s Store) {
			before := readWorld(t, s, segA)
			c := filledWorld()
			c.Declines[0].Group = ""
			if _, err := s.ChangeWorld(t.Context(), segA, before.Revision, c); err == nil {
				t.Error("no error")
			}
			wantEqual(t, readWorld(t, s, segA), before)
		}},
		{"a halt comes back, in its segment, until it is ended", func(t *testing.T, s Store) {
			h := filled[storage.Halt]()
			changeWorld(t, s, segB, storage.WorldChange{Halt: &h})
			changeWorld(t, s, segB, storage.WorldChange{}) // which says nothing of it
			wantEqual(t, readWorld(t, s, segB).Halt, h)
			wantEqual(t, readWorld(t, s, segA).Halt, storage.Halt{})
			changeWorld(t, s, segB, storage.WorldChange{Halt: &storage.Halt{}})
			wantEqual(t, readWorld(t, s, segB).Halt, storage.Halt{})
		}},
		{"how far people were told of unapproved updates comes back, in its segment, until it is further", func(t *testing.T, s Store) {
			changeWorld(t, s, segB, storage.WorldChange{LeaksTold: new(uint64(7))})
			changeWorld(t, s, segB, storage.WorldChange{}) // which says nothing of it
			wantEqual(t, readWorld(t, s, segB).LeaksTold, 7)
			wantEqual(t, readWorld(t, s, segA).LeaksTold, 0)
			changeWorld(t, s, segB, storage.WorldChange{LeaksTold: new(uint64(9))})
			wantEqual(t, readWorld(t, s, segB).LeaksTold, 9)
		}},
		{"paused channels come back, in their segment, until they are replaced", func(t *testing.T, s Store) {
			paused := storage.PausedChannels{filled[storage.PausedChannel]()}
			changeWorld(t, s, segB, storage.WorldChange{Paused: &paused})
			changeWorld(t, s, segB, storage.WorldChange{}) // which says nothing of them
			wantEqual(t, readWorld(t, s, segB).Paused, paused)
			wantEqual(t, len(readWorld(t, s, segA).Paused), 0)
			changeWorld(t, s, segB, storage.WorldChange{Paused: &storage.PausedChannels{}})
			wantEqual(t, len(readWorld(t, s, segB).Paused), 0)
		}},
		{"the time noted last comes back, be it earlier or later", func(t *testing.T, s Store) {
			for _, want := range []time.Time{{}, time.Date(2026, 8, 2, 3, 4, 5, 6000, time.UTC), time.Date(2026, 8, 1, 3, 4, 5, 0, time.UTC)} {
				if !want.IsZero() {
					must(t, s.NoteClock(t.Context(), want))
				}
				got, err := s.Clock(t.Context())
				must(t, err)
				wantEqual(t, got, want)
			}
		}},
		{"audit entries come with the change", func(t *testing.T, s Store) {
			changeWorld(t, s, segB, storage.WorldChange{Audit: []storage.AuditEntry{audit("gate.approved")}})
			wantEqual(t, actions(t, s, segB, 0), []string{"gate.approved"})
		}},
		{"segments are listed sorted, the default always, others from their first record on", func(t *testing.T, s Store) {
			segments := func() []storage.Segment {
				all, err := s.Segments(t.Context())
				must(t, err)
				return all
			}
			wantEqual(t, segments(), []storage.Segment{storage.DefaultSegment})
			readWorld(t, s, "zz") // looking makes nothing
			changeWorld(t, s, "zz", storage.WorldChange{})
			must(t, s.RecordAudit(t.Context(), "aaaaaaaaaa", []storage.AuditEntry{audit("a")}))
			wantEqual(t, segments(), []storage.Segment{"aaaaaaaaaa", storage.DefaultSegment, "zz"})
		}},
	}
}

func catalogSentences() []sentence {
	return []sentence{
		{"is not found before it was put", func(t *testing.T, s Store) {
			_, err := s.Catalog(t.Context())
			wantError(t, err, storage.ErrNotFound)
		}},
		{"comes back as it was put, and the entry is the default segment's", func(t *testing.T, s Store) {
			for _, want := range []string{"first", "second, \x00 longer"} {
				must(t, s.PutCatalog(t.Context(), []byte(want), audit("catalog."+want[:5])))
				got, err := s.Catalog(t.Context())
				must(t, err)
				wantEqual(t, string(got), want)
			}
			wantEqual(t, actions(t, s, storage.DefaultSegment, 0), []string{"catalog.first", "catalog.secon"})
		}},
		{"may be put without an entry", func(t *testing.T, s Store) {
			must(t, s.PutCatalog(t.Context(), []byte("c")))
			got, err := s.Catalog(t.Context())
			must(t, err)
			wantEqual(t, string(got), "c")
			wantEqual(t, len(actions(t, s, storage.DefaultSegment, 0)), 0)
		}},
		{"raises every segment's revision by one", func(t *testing.T, s Store) {
			changeWorld(t, s, segB, filledWorld())
			a, b := readWorld(t, s, segA), readWorld(t, s, segB)
			must(t, s.PutCatalog(t.Context(), []byte("c"), audit("a")))
			a.Revision++
			b.Revision++
			wantEqual(t, readWorld(t, s, segA), a)
			wantEqual(t, readWorld(t, s, segB), b)
			_, err := s.ChangeWorld(t.Context(), segB, b.Revision-1, storage.WorldChange{})
			wantError(t, err, storage.ErrConflict)
		}},
	}
}

func auditSentences() []sentence {
	return []sentence{
		{"every field comes back but those the store assigns", func(t *testing.T, s Store) {
			want := filled[storage.AuditEntry]()
			must(t, s.RecordAudit(t.Context(), segB, []storage.AuditEntry{want}))
			got, err := s.Audit(t.Context(), segB, 0, 0)
			must(t, err)
			want.Seq, want.Prev, want.Hash = 1, "", got[0].Hash
			wantEqual(t, got, []storage.AuditEntry{want})
			wantEqual(t, got[0].Hash, got[0].Digest())
		}},
		{"is numbered from 1 without gaps and chained, in each segment", func(t *testing.T, s Store) {
			for range 3 {
				for _, seg := range bothSegments() {
					must(t, s.RecordAudit(t.Context(), seg, []storage.AuditEntry{audit("a"), audit("b")}))
				}
				_ = s.CreateGrant(t.Context(), segA, storage.Grant{}, audit("refused: no ID"))
			}
			for _, seg := range bothSegments() {
				got, err := s.Audit(t.Context(), seg, 0, 0)
				must(t, err)
				wantEqual(t, len(got), 6)
				must(t, storage.VerifyAudit(storage.AuditEntry{}, got))
			}
		}},
		{"is read after a sequence, up to a limit", func(t *testing.T, s Store) {
			var entries []storage.AuditEntry
			for i := range 1005 {
				entries = append(entries, audit(fmt.Sprint(i+1)))
			}
			must(t, s.RecordAudit(t.Context(), segA, entries))
			read := func(after uint64, limit int) string {
				t.Helper()
				got, err := s.Audit(t.Context(), segA, after, limit)
				must(t, err)
				if len(got) == 0 {
					return ""
				}
				return fmt.Sprintf("%s to %s", got[0].Action, got[len(got)-1].Action)
			}
			wantEqual(t, read(0, 2), "1 to 2")
			wantEqual(t, read(2, 3), "3 to 5")
			wantEqual(t, read(0, 0), "1 to 1000")
			wantEqual(t, read(1000, 0), "1001 to 1005")
			wantEqual(t, read(1005, 0), "")
			wantEqual(t, read(^uint64(0), 0), "")
		}},
	}
}

func ruleSentences() []sentence {
	return []sentence{
		{"times are UTC with microseconds", testTimes},
		{"slices that went in or came out are not shared", testUnshared},
		{"a cancelled context writes nothing and returns its error", testCancelled},
		{"text that is not UTF-8 is refused, not altered", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.Update.Reasons = []string{"\xff"}
				return storage.PhoneChange{}, nil
			})
			if err == nil {
				t.Error("no error")
			}
		}},
		{"a segment's name must be possible", func(t *testing.T, s Store) {
			for _, seg := range []storage.Segment{"", "a\x00b", "\xff", storage.Segment(strings.Repeat("a", 300))} {
				if _, err := s.World(t.Context(), seg); err == nil {
					t.Errorf("World of %q: no error", seg)
				}
				if err := s.RecordAudit(t.Context(), seg, []storage.AuditEntry{audit("a")}); err == nil {
					t.Errorf("RecordAudit in %q: no error", seg)
				}
			}
		}},
		{"a closed store says so", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, s.Close())
			_, err := s.Phone(t.Context(), segA, "u")
			wantError(t, err, storage.ErrClosed)
			wantError(t, s.RecordAudit(t.Context(), segA, []storage.AuditEntry{audit("a")}), storage.ErrClosed)
			must(t, s.Close()) // again is no error
		}},
	}
}

func testTimes(t *testing.T, s Store) {
	p := enrol(t, s, segA, "u")
	if got, want := p.EnrolledAt, stored(moment(2)); got != want { // not Equal: the zone counts
		t.Errorf("returned by the writer: got %v, want %v", got, want)
	}
	at := moment(7)
	arrival := &storage.Arrival{At: at}
	setPhone(t, s, segA, "u", func(p *storage.Phone) {
		p.Arrival = arrival
		p.Announced.Enforcement = &storage.AnnouncedEnforcement{FirstAt: at}
	})
	if arrival.At != at {
		t.Error("the store changed the caller's record")
	}
	p, err := s.Phone(t.Context(), segA, "u")
	must(t, err)
	if got, want := p.Arrival.At, stored(at); got != want {
		t.Errorf("behind a pointer: got %v, want %v", got, want)
	}
	if !p.Contact.IsZero() {
		t.Errorf("zero time: got %v", p.Contact)
	}
	changeWorld(t, s, segA, storage.WorldChange{Approvals: []storage.Approval{{ID: "1", Waves: []storage.Wave{{Start: at}}}}})
	if got, want := readWorld(t, s, segA).Approvals[0].Waves[0].Start, stored(at); got != want {
		t.Errorf("in a slice: got %v, want %v", got, want)
	}
}

func testUnshared(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	in := []storage.InstalledApp{{BundleID: "app", Version: "1"}}
	out := setPhone(t, s, segA, "u", func(p *storage.Phone) { p.Apps = in })
	in[0].Version = "in"
	wantEqual(t, out.Apps[0].Version, "1")
	out.Apps[0].Version = "out"
	listed, err := s.Phones(t.Context(), segA, storage.PhoneQuery{})
	must(t, err)
	wantEqual(t, listed[0].Apps[0].Version, "1")

	// Large enough that a store has reason not to copy it.
	text := strings.Repeat("body", 5000)
	body := []byte(text)
	c := command("c1")
	c.Body = body
	must(t, enqueue(t, s, segA, []string{"u"}, c))
	body[0] = 'x'
	first := hand(t, s, segA, "u", storage.Handout{At: moment(4)})
	wantEqual(t, string(first.Body), text)
	first.Body[0] = 'x'
	second := hand(t, s, segA, "u", storage.Handout{At: moment(4)})
	wantEqual(t, string(second.Body), text)

	for range 2 {
		queue, err := s.Queue(t.Context(), segA, "u")
		must(t, err)
		wantEqual(t, string(queue[0].Body), text)
		queue[0].Body[0] = 'x'
	}

	changePhone(t, s, segA, "u", storage.PhoneChange{Declarations: []storage.DeclarationBody{{ServerToken: "d", JSON: []byte(text)}}}, nil)
	for range 2 {
		json, err := s.Declaration(t.Context(), segA, "d")
		must(t, err)
		wantEqual(t, string(json), text)
		json[0] = 'x'
	}

	must(t, s.PutCatalog(t.Context(), []byte(text), audit("a")))
	catalog, err := s.Catalog(t.Context())
	must(t, err)
	catalog[0] = 'x'
	again, err := s.Catalog(t.Context())
	must(t, err)
	wantEqual(t, string(again), text)
}
