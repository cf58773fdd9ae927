package storagetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/kannuki-mdm/kannuki/storage"
)

// exchangeSentences are about the parts of an exchange together; those about
// each part stand with the phones and the queue.
func exchangeSentences() []sentence {
	done := &storage.CommandStatus{UUID: "c1", State: storage.CommandDone, At: moment(5)}
	return []sentence{
		{"records the status, changes the phone and hands out what is next", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			must(t, enqueue(t, s, segB, []string{"u"}, command("c1"), command("c2")))
			wantEqual(t, next(t, s, segB, "u"), "c1")
			end := auditEnd(t, s, segB)
			got, err := s.Exchange(t.Context(), segB, "u", 1, storage.Exchange{
				Status: done,
				Update: func(p *storage.Phone, row *storage.Command) (storage.PhoneChange, error) {
					p.Model = string(row.State)
					return storage.PhoneChange{Audit: []storage.AuditEntry{audit("answered")}}, nil
				},
				Handout: &storage.Handout{At: moment(6)},
			})
			must(t, err)
			p, err := s.Phone(t.Context(), segB, "u")
			must(t, err)
			wantEqual(t, p.Model, string(storage.CommandDone))
			wantEqual(t, got.Phone, p)
			wantEqual(t, states(t, s, segB), []string{"c1 acknowledged  1", "c2 sent  1"})
			queue, err := s.Queue(t.Context(), segB, "u")
			must(t, err)
			wantEqual(t, *got.Command, queue[1])
			wantEqual(t, actions(t, s, segB, end), []string{"answered"})
		}},
		{"asks for admission with the phone as it has become, and offers what the change queued", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			got, err := s.Exchange(t.Context(), segA, "u", 1, storage.Exchange{
				Status: done,
				Update: func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) {
					p.Model = "new"
					return storage.PhoneChange{Enqueue: []storage.Command{command("c2")}}, nil
				},
				Handout: &storage.Handout{At: moment(6), Admit: func(p *storage.Phone, c storage.Command) error {
					wantEqual(t, c.UUID, "c2")
					wantEqual(t, p.Model, "new")
					return nil
				}},
			})
			must(t, err)
			wantEqual(t, got.Command.UUID, "c2")
		}},
		{"an updater that changes nothing leaves the phone as it is for everybody", func(t *testing.T, s Store) {
			want := enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			got, err := s.Exchange(t.Context(), segA, "u", 1, storage.Exchange{
				Update: func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) {
					p.Model = "a draft"
					return storage.PhoneChange{Unchanged: true}, nil
				},
				Handout: &storage.Handout{Admit: func(p *storage.Phone, _ storage.Command) error {
					wantEqual(t, *p, want)
					return storage.ErrDeferred
				}},
			})
			must(t, err)
			wantEqual(t, got, storage.Exchanged{Phone: want})
		}},
		{"an updater's error or another epoch means that nothing is written", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1"), command("c2")))
			for _, c := range []struct {
				epoch uint64
				err   error
				want  error
			}{{1, errUpdater, errUpdater}, {2, nil, storage.ErrConflict}} {
				_, err := s.Exchange(t.Context(), segA, "u", c.epoch, storage.Exchange{
					Status: done,
					Update: func(p *storage.Phone, _ *storage.Command) (storage.PhoneChange, error) {
						p.Model = "lost"
						return storage.PhoneChange{}, c.err
					},
					Handout: &storage.Handout{},
				})
				wantError(t, err, c.want)
				wantEqual(t, states(t, s, segA), []string{"c1 queued  0", "c2 queued  0"})
			}
		}},
		{"what cannot be queued takes the status back", func(t *testing.T, s Store) {
			enrol(t, s, segA, "u")
			must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
			_, err := s.Exchange(t.Context(), segA, "u", 1, storage.Exchange{
				Status: done,
				Update: func(*storage.Phone, *storage.Command) (storage.PhoneChange, error) {
					return storage.PhoneChange{Enqueue: []storage.Command{command("c1")}}, nil
				},
			})
			wantError(t, err, storage.ErrExists)
			wantEqual(t, states(t, s, segA), []string{"c1 queued  0"})
		}},
		{"a phone that was never enrolled is not found", func(t *testing.T, s Store) {
			enrol(t, s, segB, "u")
			_, err := s.Exchange(t.Context(), segA, "u", 0, storage.Exchange{Status: done})
			wantError(t, err, storage.ErrNotFound)
		}},
	}
}

// testOneFirstStatus has a phone answer a command many times at once: one
// answer is the first, and only its updater is told so.
func testOneFirstStatus(t *testing.T, s Store) {
	enrol(t, s, segA, "u")
	must(t, enqueue(t, s, segA, []string{"u"}, command("c1")))
	firsts := make([]bool, 40)
	errs := parallel(len(firsts), func(i int) error {
		mine := storage.CommandStatus{UUID: "c1", State: storage.CommandFailed, At: moment(i), Error: fmt.Sprintf("answer %d", i)}
		_, err := s.Exchange(t.Context(), segA, "u", 1, storage.Exchange{
			Status: &mine,
			Update: func(_ *storage.Phone, row *storage.Command) (storage.PhoneChange, error) {
				firsts[i] = row.Error == mine.Error // the last run is the one that counts
				return storage.PhoneChange{Unchanged: true}, nil
			},
		})
		return err
	})
	wantEqual(t, count(t, errs), len(errs))
	first := slices.Index(firsts, true)
	wantEqual(t, states(t, s, segA), []string{fmt.Sprintf("c1 error answer %d 0", first)})
	wantEqual(t, slices.Contains(firsts[first+1:], true), false)
}
