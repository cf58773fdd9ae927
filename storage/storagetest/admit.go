package storagetest

import (
	"errors"
	"fmt"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// admitSentences are about commands that may wait in a queue and still must not
// be handed out, and about changes of a phone that come with commands.
func admitSentences() []sentence {
	return []sentence{
		{"a command that is not admitted is cancelled with the error, and never handed out", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1"), command("c2"), command("c3")))
			must(t, enqueue(t, s, segB, []string{"u"}, command("c1")))
			wantEqual(t, next(t, s, segA, "u", "c2", "c3"), "c1") // one that was sent already
			bodies := map[string]string{}
			got := hand(t, s, segA, "u", storage.Handout{At: moment(7), Admit: func(_ *storage.Phone, c storage.Command) error {
				bodies[c.UUID] = string(c.Body)
				if c.UUID != "c3" {
					return errors.New("removed")
				}
				return nil
			}})
			wantEqual(t, got.UUID, "c3")
			wantEqual(t, bodies, map[string]string{"c1": "body of c1", "c2": "body of c2", "c3": "body of c3"})
			wantEqual(t, states(t, s, segA), []string{"c1 cancelled removed 1", "c2 cancelled removed 0", "c3 sent  1"})
			queue, err := s.Queue(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, queue[1].FinishedAt, stored(moment(7)))
			wantEqual(t, states(t, s, segB), []string{"c1 queued  0"})
		}},
		{"when none is admitted there is none, and they are cancelled all the same", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			got := hand(t, s, segA, "u", storage.Handout{At: moment(7), Admit: func(*storage.Phone, storage.Command) error { return errors.New("removed") }})
			wantEqual(t, got, nil)
			wantEqual(t, states(t, s, segA), []string{"c1 cancelled removed 0"})
		}},
		{"a deferred command stays as it is and holds back no other", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1"), command("c2")))
			later := func(_ *storage.Phone, c storage.Command) error {
				if c.UUID == "c1" {
					return fmt.Errorf("ask first: %w", storage.ErrDeferred)
				}
				return nil
			}
			got := hand(t, s, segA, "u", storage.Handout{At: moment(7), Admit: later})
			wantEqual(t, got.UUID, "c2")
			wantEqual(t, hand(t, s, segA, "u", storage.Handout{Skip: []string{"c2"}, At: moment(7), Admit: later}), nil)
			wantEqual(t, states(t, s, segA), []string{"c1 queued  0", "c2 sent  1"})
		}},
		{"commands of another epoch and those in skip are not asked about", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("old")))
			reenrol(t, s, segA, "")
			must(t, enqueue(t, s, segA, []string{"u"}, command("skipped")))
			got := hand(t, s, segA, "u", storage.Handout{Skip: []string{"skipped"}, Admit: func(_ *storage.Phone, c storage.Command) error {
				t.Errorf("asked about %s", c.UUID)
				return nil
			}})
			wantEqual(t, got, nil)
		}},
		{"a change of a phone cancels the commands whose key begins so, and no others", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			enrol(t, s, segA, "v")
			must(t, enqueue(t, s, segA, []string{"u"}, keyed("c1", "update:1"), keyed("c2", "refresh"), command("c3"), keyed("c4", "update:2")))
			must(t, enqueue(t, s, segA, []string{"v"}, keyed("c1", "update:1")))
			changePhone(t, s, segA, "u", storage.PhoneChange{CancelQueue: "paused", CancelKeys: "update:"}, nil)
			wantEqual(t, states(t, s, segA), []string{"c1 cancelled paused 0", "c2 queued  0", "c3 queued  0", "c4 cancelled paused 0"})
			wantEqual(t, next(t, s, segA, "v"), "c1")
		}},
		{"a change of a phone appends commands, after what it cancels", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, keyed("c1", "update:1"), keyed("c2", "refresh")))
			changePhone(t, s, segA, "u", storage.PhoneChange{
				CancelQueue: "timed out", CancelKeys: "update:",
				Enqueue: []storage.Command{keyed("c3", "update:1"), keyed("c4", "refresh")},
			}, nil)
			wantEqual(t, states(t, s, segA), []string{"c1 cancelled timed out 0", "c2 queued  0", "c3 queued  0"})
			wantEqual(t, next(t, s, segA, "u", "c2"), "c3")
		}},
		{"a change of a phone whose command cannot be queued is not made", func(t *testing.T, s Store) {
			want := enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			_, err := s.UpdatePhone(t.Context(), segA, "u", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.Model = "iPhone15,2"
				return storage.PhoneChange{Enqueue: []storage.Command{command("c1")}}, nil
			})
			wantError(t, err, storage.ErrExists)
			got, err := s.Phone(t.Context(), segA, "u")
			must(t, err)
			wantEqual(t, got, want)
		}},
	}
}

// states returns the queue of the phone "u", one line for each command: UUID,
// state, error, deliveries.
func states(t *testing.T, s Store, seg storage.Segment) []string {
	t.Helper()
	queue, err := s.Queue(t.Context(), seg, "u")
	must(t, err)
	var lines []string
	for _, c := range queue {
		lines = append(lines, fmt.Sprintf("%s %s %s %d", c.UUID, c.State, c.Error, c.Deliveries))
	}
	return lines
}
