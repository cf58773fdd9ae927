package bolt

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestBodiesAreKeptOnce follows a body that several rows share until the last
// of them is gone.
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
	// run queues a command with the given body and ends it everywhere.
	run := func(i int, body string, udids ...string) {
		t.Helper()
		uuid := fmt.Sprint(i)
		if _, err := s.Enqueue(t.Context(), seg, udids, []storage.Command{{UUID: uuid, Body: []byte(body)}}, nil); err != nil {
			t.Fatal(err)
		}
		for _, udid := range udids {
			st := storage.CommandStatus{UUID: uuid, State: storage.CommandDone, At: time.Unix(int64(i), 0)}
			if _, err := s.Exchange(t.Context(), seg, udid, 1, storage.Exchange{Status: &st}); err != nil {
				t.Fatal(err)
			}
		}
	}
	run(0, "shared", udids...)
	run(1, "shared", "u")
	wantUses(t, s, map[string]uint64{"shared": 3})
	for i := range retained - 1 {
		run(2+i, "other", "u")
	}
	wantUses(t, s, map[string]uint64{"shared": 2, "other": retained - 1}) // the oldest row of u is gone
	run(100, "other", "u")
	wantUses(t, s, map[string]uint64{"shared": 1, "other": retained})
	for i := range retained {
		run(200+i, "third", "v")
	}
	wantUses(t, s, map[string]uint64{"other": retained, "third": retained})
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
