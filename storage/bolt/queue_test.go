package bolt

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestBodiesAreKeptOnce follows a body that several rows share until the last
// of them is over.
func TestBodiesAreKeptOnce(t *testing.T) {
	t.Parallel()
	const seg = storage.DefaultSegment
	s := newStore(t)
	udids := []string{"u", "v"}
	err := s.updateIn(t.Context(), seg, func(t *tx) error {
		for _, udid := range udids {
			if _, err := t.savePhone(seg, nil, &storage.Phone{UDID: udid, Epoch: 1}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	queue := func(uuid, body string, udids ...string) {
		t.Helper()
		if _, err := s.Enqueue(t.Context(), seg, udids, []storage.Command{{UUID: uuid, Body: []byte(body)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	say := func(uuid string, state storage.CommandState, udids ...string) {
		t.Helper()
		for _, udid := range udids {
			st := storage.CommandStatus{UUID: uuid, State: state, At: time.Unix(1, 0)}
			if _, err := s.Exchange(t.Context(), seg, udid, 1, storage.Exchange{Status: &st}); err != nil {
				t.Fatal(err)
			}
		}
	}
	queue("1", "shared", udids...)
	queue("2", "shared", "u")
	wantUses(t, s, map[string]uint64{"shared": 3})
	say("1", storage.CommandNotNow, "u")
	wantUses(t, s, map[string]uint64{"shared": 3})
	say("1", storage.CommandDone, "u")
	say("1", storage.CommandDone, "u") // a phone repeats what it said until it is taken
	wantUses(t, s, map[string]uint64{"shared": 2})
	if _, err := s.CancelCommand(t.Context(), seg, "u", "2", "test", time.Unix(2, 0), storage.AuditEntry{}); err != nil {
		t.Fatal(err)
	}
	wantUses(t, s, map[string]uint64{"shared": 1})
	queue("3", "other", "u")
	say("1", storage.CommandFailed, "v")
	wantUses(t, s, map[string]uint64{"other": 1})
	for i := range retained + 1 { // the first rows are removed, and take no body along
		uuid := fmt.Sprint(100 + i)
		queue(uuid, "other", "u")
		say(uuid, storage.CommandDone, "u")
	}
	wantUses(t, s, map[string]uint64{"other": 1})
	if err := s.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// wantUses compares the bodies in the database and the counts of their rows.
func wantUses(t *testing.T, s *Store, want map[string]uint64) {
	t.Helper()
	got := map[string]uint64{}
	err := s.view(t.Context(), func(t *tx) error {
		for r, err := range t.rows(bucketCommand, nil, nil) {
			if err != nil {
				return err
			}
			uses, err := t.loadNumber(bucketCommandUse, r.key)
			if err != nil {
				return err
			}
			got[string(r.content)] = uses
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
