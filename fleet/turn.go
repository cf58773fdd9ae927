package fleet

import (
	"context"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// contactEvery bounds how often the time of the last contact is written.
const contactEvery = time.Minute

// turn is one request of a phone within its conversation. What it says and the
// command it is handed from its queue are stored in one transaction, because
// each transaction is a sync of the disk that the phone waits for.
type turn struct {
	*worldState
	*session

	result  *mdm.Result
	handout *storage.Handout // nil: the queue is asked later
	asked   bool             // the queue was asked with what the phone said
	next    *storage.Command // what it gave, nil for none
	misread error            // why the answer was not understood
}

// wantNext lets the queue be asked together with what the phone said, unless
// something else comes before it.
func (f *Fleet) wantNext(t *turn, p *storage.Phone) {
	if !t.lost() && !ownQueued(p) {
		t.handout = f.handout(t.session)
	}
}

func (f *Fleet) handout(s *session) *storage.Handout {
	return &storage.Handout{Skip: s.offered, At: f.now(), Admit: s.admit}
}

// exchange stores what the phone said, of a command with st, and keeps the
// census in step.
func (f *Fleet) exchange(ctx context.Context, t *turn, p storage.Phone, st *storage.CommandStatus, update func(q *storage.Phone, row *storage.Command) storage.PhoneChange) (storage.Phone, error) {
	var at uint64
	var changed bool
	done, err := f.store.Exchange(ctx, t.segment, p.UDID, p.Epoch, storage.Exchange{
		Status: st,
		Update: func(q *storage.Phone, row *storage.Command) (storage.PhoneChange, error) {
			at = t.census.moment() // the last run is the one that counts
			t.misread = nil
			c := update(q, row)
			changed = !c.Unchanged
			return c, nil
		},
		Handout: t.handout,
	})
	if err != nil {
		return p, wrap("take report", err)
	}
	if t.misread != nil {
		f.o.Logger.WarnContext(ctx, "answer not understood", "udid", p.UDID, "error", t.misread)
	}
	if changed {
		t.census.add(&done.Phone, at)
	}
	t.asked, t.next = t.handout != nil, done.Command
	return done.Phone, nil
}

// touch notes that the phone spoke.
func (f *Fleet) touch(ctx context.Context, t *turn, p storage.Phone) (storage.Phone, error) {
	return f.exchange(ctx, t, p, nil, func(q *storage.Phone, _ *storage.Command) storage.PhoneChange { return f.touched(q) })
}

func (f *Fleet) touched(q *storage.Phone) storage.PhoneChange {
	now := f.now()
	if since := now.Sub(q.Contact); since >= 0 && since < contactEvery {
		return storage.PhoneChange{Unchanged: true}
	}
	q.Contact = now
	return storage.PhoneChange{}
}

// fromQueue returns the next command that has a row, or none.
func (f *Fleet) fromQueue(ctx context.Context, t *turn, p *storage.Phone) (*mdm.Command, error) {
	if !t.asked {
		done, err := f.store.Exchange(ctx, t.segment, p.UDID, p.Epoch, storage.Exchange{Handout: f.handout(t.session)})
		if err != nil {
			return nil, wrap("next command", err)
		}
		t.next = done.Command
	}
	row := t.next
	t.asked, t.next = false, nil // a step of an update may have been queued when it is asked again
	if row == nil {
		return nil, nil
	}
	return t.hand(kindQueue, mdm.Command{UUID: row.UUID, RequestType: row.RequestType, Body: row.Body}), nil
}
