package storagetest

import (
	"fmt"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// forgetHolderSentences are about how long notices say who carries a phone.
func forgetHolderSentences() []sentence {
	carry := func(t *testing.T, s Store, udid, holder string) {
		t.Helper()
		_, err := s.UpdatePhone(t.Context(), segA, udid, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
			p.Holder = holder
			return storage.PhoneChange{}, nil
		})
		must(t, err)
	}
	of := func(id, udid, holder string, deliveries ...storage.Delivery) storage.Notice {
		n := notice(id, deliveries...)
		n.Phone, n.Holder = udid, holder
		return n
	}
	forget := func(t *testing.T, s Store, limit int) int {
		t.Helper()
		forgot, err := s.ForgetHolders(t.Context(), segA, limit)
		must(t, err)
		return forgot
	}
	holders := func(t *testing.T, s Store, seg storage.Segment) []string { // the newest first
		t.Helper()
		list, err := s.Notices(t.Context(), seg, storage.NoticeQuery{})
		must(t, err)
		var names []string
		for _, n := range list {
			names = append(names, n.Holder)
		}
		return names
	}
	return []sentence{
		{"names who carries its phone as long as the phone's record does", func(t *testing.T, s Store) {
			enrol(t, s, segA, "a")
			enrol(t, s, segB, "a")
			carry(t, s, "a", "S-1")
			tell(t, s, segA, of("1", "a", "S-1", sent(pending("log", 1))), of("2", "a", "S-0"), of("3", "nobody", "S-9"), of("4", "a", ""))
			tell(t, s, segB, of("1", "a", "S-1"))
			wantEqual(t, forget(t, s, 0), 2)
			wantEqual(t, holders(t, s, segA), []string{"", "", "", "S-1"})
			carry(t, s, "a", "")
			wantEqual(t, forget(t, s, 0), 1)
			wantEqual(t, forget(t, s, 0), 0)
			wantEqual(t, holders(t, s, segB), []string{"S-1"})
			want := of("1", "a", "", sent(pending("log", 1)))
			want.Seq = 1
			got, err := s.Notice(t.Context(), segA, "1")
			must(t, err)
			wantEqual(t, got, want)
		}},
		{"names them until no channel is to carry it any more", func(t *testing.T, s Store) {
			tell(t, s, segA, of("1", "a", "S-1", pending("log", 1), sent(pending("hook", 1))))
			wantEqual(t, forget(t, s, 0), 0)
			wantEqual(t, due(t, s, "log", 9, 0), []string{"1"})
			must(t, settle(t, s, "1", pending("log", 1), sent(pending("log", 1))))
			wantEqual(t, forget(t, s, 0), 1)
			wantEqual(t, holders(t, s, segA), []string{""})
		}},
		{"are looked at anew whenever their phone changes hands", func(t *testing.T, s Store) {
			enrol(t, s, segA, "a")
			enrol(t, s, segA, "b")
			carry(t, s, "a", "S-1")
			carry(t, s, "b", "S-2")
			tell(t, s, segA, of("1", "a", "S-1", pending("log", 1)), of("2", "b", "S-2"), of("3", "a", "S-1"))
			wantEqual(t, forget(t, s, 0), 0)
			carry(t, s, "a", "S-3")
			wantEqual(t, forget(t, s, 0), 1)
			wantEqual(t, forget(t, s, 0), 0)
			must(t, settle(t, s, "1", pending("log", 1), sent(pending("log", 1))))
			wantEqual(t, forget(t, s, 0), 1)
			tell(t, s, segA, of("4", "a", "S-3"))
			carry(t, s, "a", "")
			carry(t, s, "a", "S-3") // and is theirs again
			wantEqual(t, forget(t, s, 0), 0)
			carry(t, s, "b", "S-3")
			wantEqual(t, holders(t, s, segA), []string{"S-3", "", "S-2", ""})
			wantEqual(t, forget(t, s, 0), 1)
			wantEqual(t, holders(t, s, segA), []string{"S-3", "", "", ""})
		}},
		{"that wait for a channel keep no others from forgetting", func(t *testing.T, s Store) {
			const waiting = 30
			for i := range waiting {
				id := fmt.Sprintf("%02d", i)
				tell(t, s, segA, of(id, "a"+id, "S-1", pending("log", 1)))
			}
			tell(t, s, segA, of("last", "b", "S-1"))
			forgot := 0
			for range waiting {
				forgot += forget(t, s, 1)
			}
			wantEqual(t, forgot, 1)
			wantEqual(t, holders(t, s, segA)[:2], []string{"", "S-1"})
			must(t, settle(t, s, "07", pending("log", 1), sent(pending("log", 1))))
			wantEqual(t, forget(t, s, 1), 1)
		}},
		{"at most so many forget at a time, the oldest first", func(t *testing.T, s Store) {
			tell(t, s, segA, of("1", "a", "S-1"), of("2", "a", "S-1"), of("3", "a", "S-1"))
			wantEqual(t, forget(t, s, 2), 2)
			wantEqual(t, holders(t, s, segA), []string{"S-1", "", ""})
		}},
	}
}
