package storagetest

import (
	"slices"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// pending returns a delivery that is due at the given minute.
func pending(channel string, minute int) storage.Delivery {
	return storage.Delivery{Channel: channel, State: storage.DeliveryPending, Next: stored(moment(minute))}
}

// notice returns a notice of minute 0 with the given deliveries.
func notice(id string, deliveries ...storage.Delivery) storage.Notice {
	return storage.Notice{ID: id, Kind: "hold.alarm", At: stored(moment(0)), Deliveries: deliveries}
}

// tell writes notices with a change of the world.
func tell(t *testing.T, s Store, seg storage.Segment, notices ...storage.Notice) {
	t.Helper()
	changeWorld(t, s, seg, storage.WorldChange{Notices: notices})
}

// settle replaces the delivery of a notice.
func settle(t *testing.T, s Store, id string, before, after storage.Delivery) error {
	t.Helper()
	return s.SettleDeliveries(t.Context(), segA, []storage.Settlement{{Notice: id, Before: before, After: after}})
}

func sent(d storage.Delivery) storage.Delivery {
	d.State, d.Attempts, d.At = storage.DeliverySent, d.Attempts+1, stored(moment(9))
	return d
}

func noticeIDs(notices []storage.Notice) []string {
	var ids []string
	for _, n := range notices {
		ids = append(ids, n.ID)
	}
	return ids
}

func allNotices(t *testing.T, s Store, seg storage.Segment, q storage.NoticeQuery) []string {
	t.Helper()
	notices, err := s.Notices(t.Context(), seg, q)
	must(t, err)
	return noticeIDs(notices)
}

func due(t *testing.T, s Store, channel string, minute, limit int) []string {
	t.Helper()
	notices, err := s.DueNotices(t.Context(), segA, channel, moment(minute), limit)
	must(t, err)
	return noticeIDs(notices)
}

func noticeSentences() []sentence {
	return slices.Concat(toldSentences(), deliverySentences(), forgetNoticeSentences(), forgetHolderSentences())
}

// toldSentences are about how notices come to be and are read.
func toldSentences() []sentence {
	return []sentence{
		{"every field comes back but the number, in its segment", func(t *testing.T, s Store) {
			want := filled[storage.Notice]()
			want.Deliveries[0].State, want.Deliveries[1].State = storage.DeliveryPending, storage.DeliverySent
			tell(t, s, segB, want)
			want.Seq = 1
			got, err := s.Notice(t.Context(), segB, want.ID)
			must(t, err)
			wantEqual(t, got, want)
			list, err := s.Notices(t.Context(), segB, storage.NoticeQuery{})
			must(t, err)
			wantEqual(t, list, []storage.Notice{want})
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), nil)
			_, err = s.Notice(t.Context(), segA, want.ID)
			wantError(t, err, storage.ErrNotFound)
		}},
		{"comes with the change of a phone, and not with one that fails or is none", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			changePhone(t, s, segA, "u", storage.PhoneChange{Notices: []storage.Notice{notice("a")}}, nil)
			_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(*storage.Phone) (storage.PhoneChange, error) {
				return storage.PhoneChange{Notices: []storage.Notice{notice("b")}}, errUpdater
			})
			wantError(t, err, errUpdater)
			changePhone(t, s, segA, "u", storage.PhoneChange{Unchanged: true, Notices: []storage.Notice{notice("c")}}, nil)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), []string{"a"})
		}},
		{"is not written with a change of the world that is refused", func(t *testing.T, s Store) {
			before := readWorld(t, s, segA)
			_, err := s.ChangeWorld(t.Context(), segA, before.Revision+1, storage.WorldChange{Notices: []storage.Notice{notice("a")}})
			wantError(t, err, storage.ErrConflict)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), nil)
		}},
		{"an impossible one is refused with the whole change", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			unknown := pending("log", 1)
			unknown.State = "asleep"
			for name, n := range map[string]storage.Notice{
				"no ID":                  notice(""),
				"no channel":             notice("a", pending("", 1)),
				"two of one channel":     notice("a", pending("log", 1), sent(pending("log", 1))),
				"an unknown state":       notice("a", unknown),
				"an ID that is no UTF-8": notice("\xff"),
			} {
				revision := readWorld(t, s, segA).Revision
				c := storage.WorldChange{Apps: []storage.App{{BundleID: "x"}}, Notices: []storage.Notice{notice("good"), n}}
				if _, err := s.ChangeWorld(t.Context(), segA, revision, c); err == nil {
					t.Errorf("%s: no error", name)
				}
				_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
					p.Model = "other"
					return storage.PhoneChange{Notices: []storage.Notice{n}}, nil
				})
				if err == nil {
					t.Errorf("%s with a phone: no error", name)
				}
			}
			wantEqual(t, readWorld(t, s, segA).Apps, nil)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), nil)
			wantEqual(t, due(t, s, "log", 99, 0), nil)
		}},
		{"one whose ID is on record already stays as it is", func(t *testing.T, s Store) {
			tell(t, s, segA, notice("a", pending("log", 1)), notice("a", pending("other", 1)))
			must(t, settle(t, s, "a", pending("log", 1), sent(pending("log", 1))))
			tell(t, s, segA, notice("a", pending("log", 1)), notice("b"))
			tell(t, s, segB, notice("a"))
			n, err := s.Notice(t.Context(), segA, "a")
			must(t, err)
			wantEqual(t, n.Deliveries, []storage.Delivery{sent(pending("log", 1))})
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), []string{"b", "a"})
			wantEqual(t, allNotices(t, s, segB, storage.NoticeQuery{}), []string{"a"})
			wantEqual(t, due(t, s, "log", 9, 0), nil)
		}},
		{"is numbered from 1 without gaps, and listed newest first, a page at a time", func(t *testing.T, s Store) {
			for _, seg := range bothSegments() {
				tell(t, s, seg, notice("a"), notice("b"), notice("c"))
				tell(t, s, seg, notice("d", pending("log", 1)))
			}
			list, err := s.Notices(t.Context(), segA, storage.NoticeQuery{Limit: 3})
			must(t, err)
			wantEqual(t, noticeIDs(list), []string{"d", "c", "b"})
			wantEqual(t, list[2].Seq, 2)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{Before: 2}), []string{"a"})
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{Before: 1}), nil)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{State: storage.DeliveryPending}), []string{"d"})
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{State: storage.DeliveryDead}), nil)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{State: storage.DeliveryPending, Before: 4}), nil)
		}},
	}
}

// deliverySentences are about what becomes of notices.
func deliverySentences() []sentence {
	return []sentence{
		{"is due from the time of its delivery on, by that channel, the longest due first", func(t *testing.T, s Store) {
			tell(t, s, segA, notice("late", pending("log", 5)), notice("early", pending("log", 3)), notice("same", pending("log", 3)))
			tell(t, s, segA, notice("at once", storage.Delivery{Channel: "log", State: storage.DeliveryPending}))
			tell(t, s, segA, notice("other", pending("log-2", 1)), notice("sent", sent(pending("log", 1))))
			tell(t, s, segB, notice("elsewhere", pending("log", 1)))
			wantEqual(t, due(t, s, "log", 2, 0), []string{"at once"})
			wantEqual(t, due(t, s, "log", 3, 0), []string{"at once", "early", "same"})
			wantEqual(t, due(t, s, "log", 9, 0), []string{"at once", "early", "same", "late"})
			wantEqual(t, due(t, s, "log", 9, 2), []string{"at once", "early"})
			wantEqual(t, due(t, s, "log-2", 9, 0), []string{"other"})
			wantEqual(t, due(t, s, "lo", 9, 0), nil)
		}},
		{"a delivery is settled once, and others of the notice stay", func(t *testing.T, s Store) {
			tell(t, s, segA, notice("a", pending("log", 1), pending("hook", 1)))
			must(t, settle(t, s, "a", pending("hook", 1), sent(pending("hook", 1))))
			wantError(t, settle(t, s, "a", pending("hook", 1), sent(pending("hook", 1))), storage.ErrConflict)
			n, err := s.Notice(t.Context(), segA, "a")
			must(t, err)
			wantEqual(t, n.Deliveries, []storage.Delivery{pending("log", 1), sent(pending("hook", 1))})
			wantEqual(t, due(t, s, "log", 9, 0), []string{"a"})
			wantEqual(t, due(t, s, "hook", 9, 0), nil)
		}},
		{"one that is put off is due again at its new time", func(t *testing.T, s Store) {
			tell(t, s, segA, notice("a", pending("log", 1)))
			later := pending("log", 7)
			later.Attempts, later.Error = 1, "refused"
			must(t, settle(t, s, "a", pending("log", 1), later))
			wantEqual(t, due(t, s, "log", 6, 0), nil)
			wantEqual(t, due(t, s, "log", 7, 0), []string{"a"})
			wantError(t, settle(t, s, "a", pending("log", 1), sent(later)), storage.ErrConflict)
			dead := later
			dead.State = storage.DeliveryDead
			must(t, settle(t, s, "a", later, dead))
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{State: storage.DeliveryDead}), []string{"a"})
			must(t, settle(t, s, "a", dead, pending("log", 8)))
			wantEqual(t, due(t, s, "log", 8, 0), []string{"a"})
		}},
		{"a time is compared as it is stored", func(t *testing.T, s Store) {
			d := storage.Delivery{Channel: "log", State: storage.DeliveryPending, Next: moment(1)}
			tell(t, s, segA, notice("a", d))
			must(t, settle(t, s, "a", d, sent(d)))
		}},
		{"several are settled together or not at all, with the audit entries", func(t *testing.T, s Store) {
			tell(t, s, segA, notice("a", pending("log", 1)), notice("b", pending("log", 1)))
			both := []storage.Settlement{
				{Notice: "a", Before: pending("log", 1), After: sent(pending("log", 1))},
				{Notice: "b", Before: pending("log", 2), After: sent(pending("log", 1))},
			}
			wantError(t, s.SettleDeliveries(t.Context(), segA, both, audit("settled")), storage.ErrConflict)
			wantEqual(t, due(t, s, "log", 9, 0), []string{"a", "b"})
			wantEqual(t, actions(t, s, segA, 0), nil)
			both[1].Before = pending("log", 1)
			must(t, s.SettleDeliveries(t.Context(), segA, both, audit("settled")))
			wantEqual(t, due(t, s, "log", 9, 0), nil)
			wantEqual(t, actions(t, s, segA, 0), []string{"settled"})
		}},
		{"what does not exist or cannot be is not settled", func(t *testing.T, s Store) {
			tell(t, s, segA, notice("a", pending("log", 1)))
			d := pending("log", 1)
			wantError(t, settle(t, s, "b", d, sent(d)), storage.ErrNotFound)
			wantError(t, settle(t, s, "a", pending("hook", 1), sent(d)), storage.ErrNotFound)
			unknown := d
			unknown.State = "asleep"
			if settle(t, s, "a", d, unknown) == nil {
				t.Error("an unknown state: no error")
			}
			wantEqual(t, due(t, s, "log", 9, 0), []string{"a"})
		}},
	}
}

// forgetNoticeSentences are about how long notices are kept.
func forgetNoticeSentences() []sentence {
	forget := func(t *testing.T, s Store, minute int, keep uint64, limit int) int {
		t.Helper()
		gone, err := s.ForgetNotices(t.Context(), segA, moment(minute), keep, limit)
		must(t, err)
		return gone
	}
	at := func(id string, minute int, deliveries ...storage.Delivery) storage.Notice {
		n := notice(id, deliveries...)
		n.At = stored(moment(minute))
		return n
	}
	return []sentence{
		{"goes when it is from before the time and nothing of it is pending", func(t *testing.T, s Store) {
			dead := pending("log", 1)
			dead.State = storage.DeliveryDead
			tell(t, s, segA, at("sent", 1, sent(pending("log", 1))), at("dead", 2, dead), at("none", 3), at("pending", 3, pending("log", 1)), at("new", 5))
			tell(t, s, segB, at("sent", 1), at("new", 5))
			wantEqual(t, forget(t, s, 1, 0, 0), 0)
			wantEqual(t, forget(t, s, 3, 0, 0), 2)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), []string{"new", "pending", "none"})
			wantEqual(t, forget(t, s, 99, 0, 0), 1)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), []string{"new", "pending"})
			wantEqual(t, allNotices(t, s, segB, storage.NoticeQuery{}), []string{"new", "sent"})
			_, err := s.Notice(t.Context(), segA, "sent")
			wantError(t, err, storage.ErrNotFound)
		}},
		{"one that is younger ends the search", func(t *testing.T, s Store) {
			tell(t, s, segA, at("a", 1), at("b", 7), at("c", 2), at("d", 8))
			wantEqual(t, forget(t, s, 5, 0, 0), 1)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), []string{"d", "c", "b"})
		}},
		{"goes when so many newer ones followed it", func(t *testing.T, s Store) {
			tell(t, s, segA, at("a", 1), at("b", 2, pending("log", 1)), at("c", 3), at("d", 4), at("e", 5))
			wantEqual(t, forget(t, s, 0, 5, 0), 0)
			wantEqual(t, forget(t, s, 0, 2, 0), 2)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), []string{"e", "d", "b"})
		}},
		{"at most so many go at a time, the oldest first", func(t *testing.T, s Store) {
			tell(t, s, segA, at("a", 1), at("b", 2), at("c", 3), at("d", 4))
			wantEqual(t, forget(t, s, 9, 0, 2), 2)
			wantEqual(t, allNotices(t, s, segA, storage.NoticeQuery{}), []string{"d", "c"})
		}},
		{"the newest stays, and what went may be told again with the next number", func(t *testing.T, s Store) {
			tell(t, s, segA, at("a", 1), at("b", 2))
			wantEqual(t, forget(t, s, 9, 1, 0), 1)
			wantEqual(t, forget(t, s, 9, 1, 0), 0)
			tell(t, s, segA, at("a", 3))
			n, err := s.Notice(t.Context(), segA, "a")
			must(t, err)
			wantEqual(t, n.Seq, 3)
		}},
	}
}
