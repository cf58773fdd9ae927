package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// command returns a command to queue.
func command(uuid string) storage.Command {
	return storage.Command{
		UUID: uuid, RequestType: "DeviceInformation", Body: []byte("body of " + uuid),
		CreatedAt: stored(moment(3)), CreatedBy: "tester",
	}
}

// keyed returns a command with a key.
func keyed(uuid, key string) storage.Command {
	c := command(uuid)
	c.Key = key
	return c
}

// enqueue queues commands, all of which must be new.
func enqueue(t *testing.T, s Store, seg storage.Segment, udids []string, commands ...storage.Command) error {
	t.Helper()
	n, err := s.Enqueue(t.Context(), seg, udids, commands, nil)
	if err == nil && n != len(udids)*len(commands) {
		return fmt.Errorf("enqueued %d of %d", n, len(udids)*len(commands))
	}
	return err
}

// next returns the UUID of the command to hand out, or "" for none.
func next(t *testing.T, s Store, seg storage.Segment, udid string, skip ...string) string {
	t.Helper()
	if c := hand(t, s, seg, udid, storage.Handout{Skip: skip, At: moment(4)}); c != nil {
		return c.UUID
	}
	return ""
}

// hand returns the command to hand out, or nil for none.
func hand(t *testing.T, s Store, seg storage.Segment, udid string, h storage.Handout) *storage.Command {
	t.Helper()
	done, err := s.Exchange(t.Context(), seg, udid, 0, storage.Exchange{Handout: &h})
	must(t, err)
	return done.Command
}

func status(t *testing.T, s Store, seg storage.Segment, udid, uuid string, state storage.CommandState, at time.Time) storage.Command {
	t.Helper()
	row := record(t, s, seg, udid, storage.CommandStatus{UUID: uuid, State: state, At: at})
	if row == nil {
		t.Fatalf("phone %q was never given %q", udid, uuid)
	}
	return *row
}

// record stores what a phone said of a command and returns the row as its
// updater got it, without a body; nil for a command it was never given.
func record(t *testing.T, s Store, seg storage.Segment, udid string, st storage.CommandStatus) *storage.Command {
	t.Helper()
	var row *storage.Command
	_, err := s.Exchange(t.Context(), seg, udid, 0, storage.Exchange{
		Status: &st,
		Update: func(_ *storage.Phone, r *storage.Command) (storage.PhoneChange, error) {
			row = r
			return storage.PhoneChange{Unchanged: true}, nil
		},
	})
	must(t, err)
	return row
}

// bodiless returns a row as an updater gets it.
func bodiless(c storage.Command) storage.Command {
	c.Body = nil
	return c
}

func queueSentences() []sentence {
	return []sentence{
		{"every field comes back, the epoch being the phone's", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			reenrol(t, s, segB, "")
			want := keyed("c1", "key")
			must(t, enqueue(t, s, segB, []string{"u"}, want))
			got, err := s.Queue(t.Context(), segB, "u")
			must(t, err)
			want.Seq, want.Epoch, want.State = got[0].Seq, 2, storage.CommandQueued
			wantEqual(t, got, []storage.Command{want})
		}},
		{"an unknown phone means that nothing is written", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			enrol(t, s, segB, "v")
			end := auditEnd(t, s, segA)
			_, err := s.Enqueue(t.Context(), segA, []string{"u", "v"}, []storage.Command{command("c1")}, []storage.AuditEntry{audit("a")})
			wantError(t, err, storage.ErrNotFound)
			wantEqual(t, next(t, s, segA, "u"), "")
			wantEqual(t, next(t, s, segB, "v"), "")
			wantEqual(t, actions(t, s, segA, end), nil)
			_, err = s.Queue(t.Context(), segA, "v")
			wantError(t, err, storage.ErrNotFound)
			_, err = s.Exchange(t.Context(), segA, "v", 0, storage.Exchange{Handout: &storage.Handout{}})
			wantError(t, err, storage.ErrNotFound)
		}},
		{"a UUID that is in the queue is refused", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			enrol(t, s, segA, "v")
			must(t, enqueue(t, s, segA, []string{"v"}, command("c1")))
			wantError(t, enqueue(t, s, segA, []string{"u", "v"}, command("c1")), storage.ErrExists)
			wantEqual(t, next(t, s, segA, "u"), "")
		}},
		{"one command for many phones is one for each, with the same body", func(t *testing.T, s Store) {
			for _, udid := range []string{"u", "v"} {
				enrol(t, s, segA, udid)
			}
			must(t, enqueue(t, s, segA, []string{"u", "v"}, command("c1")))
			for _, udid := range []string{"u", "v"} {
				c := hand(t, s, segA, udid, storage.Handout{})
				wantEqual(t, string(c.Body), "body of c1")
				status(t, s, segA, udid, "c1", storage.CommandDone, moment(5))
			}
		}},
		{"is first in, first out for each phone", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			enrol(t, s, segB, "u")
			var commands []storage.Command
			var got, want []string
			for i := range 300 { // the 256th is where a key of one byte would fold over
				want = append(want, fmt.Sprintf("c%d", i))
				commands = append(commands, command(want[i]))
			}
			must(t, enqueue(t, s, segA, []string{"u"}, commands[:100]...))
			must(t, enqueue(t, s, segB, []string{"u"}, command("other")))
			must(t, enqueue(t, s, segA, []string{"u"}, commands[100:]...))
			queue, err := s.Queue(t.Context(), segA, "u")
			must(t, err)
			for _, c := range queue {
				got = append(got, c.UUID)
			}
			wantEqual(t, got, want)
			for _, uuid := range want[:5] {
				wantEqual(t, next(t, s, segA, "u"), uuid)
				status(t, s, segA, "u", uuid, storage.CommandDone, moment(5))
			}
			wantEqual(t, next(t, s, segB, "u"), "other")
			status(t, s, segB, "u", "other", storage.CommandDone, moment(5))
			wantEqual(t, next(t, s, segB, "u"), "")
		}},
		{"a key that is waiting is not queued again", testKeys},
		{"the command that was sent comes first, and counts its deliveries", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1"), command("c2")))
			wantEqual(t, next(t, s, segA, "u", "c1"), "c2")
			c := hand(t, s, segA, "u", storage.Handout{At: moment(7)})
			want := command("c2")
			want.Seq, want.Epoch, want.State = c.Seq, 1, storage.CommandSent
			want.SentAt, want.Deliveries = stored(moment(7)), 2
			wantEqual(t, *c, want)
			queue, err := s.Queue(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, queue[1], want)
		}},
		{"a command in skip is not handed out, sent or not", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1"), command("c2")))
			wantEqual(t, next(t, s, segA, "u"), "c1")
			wantEqual(t, next(t, s, segA, "u", "c1"), "c2")
			wantEqual(t, next(t, s, segA, "u", "c1", "c2"), "")
		}},
		{"waiting names the phones with a command that is not final", func(t *testing.T, s Store) {
			for _, u := range []string{"w", "u", "v"} {
				enrol(t, s, segA, u)
			}
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segA, []string{"u", "v", "w"}, command("c1")))
			must(t, enqueue(t, s, segB, []string{"u"}, command("c1")))
			status(t, s, segA, "v", "c1", storage.CommandDone, moment(5))
			status(t, s, segA, "w", "c1", storage.CommandNotNow, moment(5))
			waiting, err := s.Waiting(t.Context(), segA)
			must(t, err)
			wantEqual(t, waiting, []string{"u", "w"})
			reenrol(t, s, segA, "")
			waiting, err = s.Waiting(t.Context(), segA)
			must(t, err)
			wantEqual(t, waiting, []string{"w"})
		}},
		{"a deferred command is skipped and offered again later", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segB, []string{"u"}, command("c1"), command("c2")))
			wantEqual(t, next(t, s, segB, "u"), "c1")
			status(t, s, segB, "u", "c1", storage.CommandNotNow, moment(5))
			wantEqual(t, next(t, s, segB, "u", "c1"), "c2")
			status(t, s, segB, "u", "c2", storage.CommandNotNow, moment(5))
			wantEqual(t, next(t, s, segB, "u", "c1", "c2"), "")
			wantEqual(t, next(t, s, segB, "u"), "c1")
		}},
		{"a command of another epoch is never offered and holds no key", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, keyed("c1", "key")))
			wantEqual(t, next(t, s, segA, "u"), "c1")
			reenrol(t, s, segA, "")
			wantEqual(t, next(t, s, segA, "u"), "")
			must(t, enqueue(t, s, segA, []string{"u"}, keyed("c2", "key")))
			wantEqual(t, next(t, s, segA, "u"), "c2")
		}},
		{"a cancelled command is never offered", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			reenrol(t, s, segA, "enrolled again")
			wantEqual(t, next(t, s, segA, "u"), "")
		}},
		{"keeps the 20 that were finished last and all that wait", testRetention},
		{"audit entries come with it", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			end := auditEnd(t, s, segB)
			_, err := s.Enqueue(t.Context(), segB, []string{"u"}, []storage.Command{command("c1")}, []storage.AuditEntry{audit("command.queued")})
			must(t, err)
			wantEqual(t, actions(t, s, segB, end), []string{"command.queued"})
		}},
	}
}

func testKeys(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	enrol(t, s, segA, "v")
	add := func(want int, udids []string, commands ...storage.Command) {
		t.Helper()
		n, err := s.Enqueue(t.Context(), segA, udids, commands, nil)
		must(t, err)
		wantEqual(t, n, want)
	}
	add(1, []string{"u"}, keyed("c1", "key"))
	add(0, []string{"u"}, keyed("c2", "key"))
	add(1, []string{"u", "v"}, keyed("c3", "key")) // v has none
	add(1, []string{"u"}, keyed("c4", "other"), keyed("c5", "other"))
	add(2, []string{"u"}, command("c6"), command("c7")) // no key, no limit
	wantEqual(t, next(t, s, segA, "u"), "c1")
	add(0, []string{"u"}, keyed("c8", "key")) // sent is not final
	status(t, s, segA, "u", "c1", storage.CommandNotNow, moment(5))
	add(0, []string{"u"}, keyed("c8", "key")) // nor is deferred
	status(t, s, segA, "u", "c1", storage.CommandFailed, moment(6))
	add(1, []string{"u"}, keyed("c8", "key"))
}

func testRetention(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	must(t, enqueue(t, s, segA, []string{"u"}, command("waits")))
	for i := range 25 {
		uuid := fmt.Sprintf("c%d", i)
		must(t, enqueue(t, s, segA, []string{"u"}, command(uuid)))
		wantEqual(t, next(t, s, segA, "u", "waits"), uuid)
		status(t, s, segA, "u", uuid, storage.CommandDone, moment(i))
	}
	queue, err := s.Queue(t.Context(), segA, "u")
	must(t, err)
	var got []string
	for _, c := range queue {
		got = append(got, c.UUID)
	}
	want := []string{"waits"}
	for i := 5; i < 25; i++ {
		want = append(want, fmt.Sprintf("c%d", i))
	}
	wantEqual(t, got, want)
	wantEqual(t, record(t, s, segA, "u", storage.CommandStatus{UUID: "c0", State: storage.CommandDone}), nil)

	// The last to finish is kept even if it was the first to be queued.
	status(t, s, segA, "u", "waits", storage.CommandDone, moment(99))
	queue, err = s.Queue(t.Context(), segA, "u")
	must(t, err)
	wantEqual(t, len(queue), 20)
	wantEqual(t, queue[0].UUID, "waits")
	wantEqual(t, queue[1].UUID, "c6")
}

func cancelSentences() []sentence {
	cancel := func(t *testing.T, s Store, seg storage.Segment, uuid string) (storage.Command, error) {
		return s.CancelCommand(t.Context(), seg, "u", uuid, "not needed", moment(7), audit("command.cancel"))
	}
	return []sentence{
		{"ends one command and leaves the others", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segB, []string{"u"}, command("c1"), command("c2")))
			wantEqual(t, next(t, s, segB, "u"), "c1")
			end := auditEnd(t, s, segB)
			got, err := cancel(t, s, segB, "c1")
			must(t, err)
			wantEqual(t, got.State, storage.CommandCancelled)
			wantEqual(t, got.Error, "not needed")
			wantEqual(t, got.FinishedAt, stored(moment(7)))
			wantEqual(t, next(t, s, segB, "u"), "c2")
			wantEqual(t, actions(t, s, segB, end), []string{"command.cancel"})
		}},
		{"makes what the phone says later count for nothing", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			want, err := cancel(t, s, segA, "c1")
			must(t, err)
			wantEqual(t, status(t, s, segA, "u", "c1", storage.CommandDone, moment(8)), bodiless(want))
		}},
		{"frees the key for a new command", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, keyed("c1", "key")))
			_, err := cancel(t, s, segA, "c1")
			must(t, err)
			must(t, enqueue(t, s, segA, []string{"u"}, keyed("c2", "key")))
		}},
		{"refuses what is over or unknown, and writes nothing", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("done"), command("old")))
			must(t, enqueue(t, s, segB, []string{"u"}, command("elsewhere")))
			status(t, s, segA, "u", "done", storage.CommandDone, moment(5))
			reenrol(t, s, segA, "")
			want, err := s.Queue(t.Context(), segA, "u")
			must(t, err)
			end := auditEnd(t, s, segA)
			for uuid, wanted := range map[string]error{
				"done": storage.ErrConflict, "old": storage.ErrConflict, "elsewhere": storage.ErrNotFound, "none": storage.ErrNotFound,
			} {
				_, err := cancel(t, s, segA, uuid)
				wantError(t, err, wanted)
			}
			_, err = s.CancelCommand(t.Context(), segA, "v", "done", "x", moment(7), audit("command.cancel"))
			wantError(t, err, storage.ErrNotFound)
			got, err := s.Queue(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, want)
			wantEqual(t, actions(t, s, segA, end), nil)
		}},
	}
}

func statusSentences() []sentence {
	return []sentence{
		{"is stored with its error", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segB, []string{"u"}, command("c1")))
			wantEqual(t, next(t, s, segB, "u"), "c1")
			got := record(t, s, segB, "u", storage.CommandStatus{
				UUID: "c1", State: storage.CommandFailed, At: moment(5), Error: "12021 unknown command",
			})
			want := command("c1")
			want.Seq, want.Epoch, want.State = got.Seq, 1, storage.CommandFailed
			want.SentAt, want.Deliveries = stored(moment(4)), 1
			want.FinishedAt, want.Error = stored(moment(5)), "12021 unknown command"
			wantEqual(t, *got, bodiless(want))
			queue, err := s.Queue(t.Context(), segB, "u")
			must(t, err)
			wantEqual(t, queue, []storage.Command{bodiless(want)}) // the phone gets it no more
		}},
		{"a deferral counts and keeps its beginning", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			for i := range 3 {
				wantEqual(t, next(t, s, segA, "u"), "c1")
				c := status(t, s, segA, "u", "c1", storage.CommandNotNow, moment(5+i))
				wantEqual(t, c.State, storage.CommandNotNow)
				wantEqual(t, c.NotNows, 1+i)
				wantEqual(t, c.NotNowSince, stored(moment(5)))
			}
			c := status(t, s, segA, "u", "c1", storage.CommandDone, moment(9))
			wantEqual(t, c.NotNowSince, time.Time{})
			wantEqual(t, c.NotNows, 3)
		}},
		{"the first final one counts", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			want := status(t, s, segA, "u", "c1", storage.CommandDone, moment(5))
			for _, state := range []storage.CommandState{storage.CommandDone, storage.CommandFailed, storage.CommandNotNow} {
				got := record(t, s, segA, "u", storage.CommandStatus{UUID: "c1", State: state, At: moment(6), Error: "late"})
				wantEqual(t, *got, want)
			}
		}},
		{"one of a command of another epoch changes nothing", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			wantEqual(t, next(t, s, segA, "u"), "c1")
			want, err := s.Queue(t.Context(), segA, "u")
			must(t, err)
			reenrol(t, s, segA, "")
			wantEqual(t, status(t, s, segA, "u", "c1", storage.CommandDone, moment(6)), bodiless(want[0]))
			got, err := s.Queue(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, want)
		}},
		{"one for a command the phone was never given changes nothing", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			enrol(t, s, segA, "v")
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			for _, c := range []struct {
				seg        storage.Segment
				udid, uuid string
			}{{segA, "u", "c2"}, {segA, "v", "c1"}, {segB, "u", "c1"}} {
				wantEqual(t, record(t, s, c.seg, c.udid, storage.CommandStatus{UUID: c.uuid, State: storage.CommandDone, At: moment(5)}), nil)
			}
			wantEqual(t, states(t, s, segA), []string{"c1 queued  0"})
		}},
		{"only a phone's statuses are taken", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			for _, state := range []storage.CommandState{"", "unknown", storage.CommandQueued, storage.CommandSent} {
				st := &storage.CommandStatus{UUID: "c1", State: state}
				if _, err := s.Exchange(t.Context(), segA, "u", 0, storage.Exchange{Status: st}); err == nil {
					t.Errorf("state %q: no error", state)
				}
			}
			wantEqual(t, next(t, s, segA, "u"), "c1")
		}},
	}
}
