package fleet

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// session is one phone's conversation: it starts with an Idle and lives in
// memory only, because a restart ends every conversation anyway.
type session struct {
	mu       sync.Mutex // one request of a phone at a time
	offered  []string   // UUIDs handed out since the last Idle: each once per session
	inflight *mdm.Command
	kind     kind
	fresh    bool // the phone said what it runs since its last Idle
	told     bool // it answered that question, with whatever: it is asked once
	ask      bool // something waits until it says so
	seen     time.Time
}

type sessionKey struct {
	segment storage.Segment
	udid    string
	epoch   uint64
}

// sessions holds the conversations of phones that spoke lately.
type sessions struct {
	mu sync.Mutex
	by map[sessionKey]*session
}

func newSessions() *sessions { return &sessions{by: map[sessionKey]*session{}} }

func (s *sessions) get(k sessionKey) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, ok := s.by[k]
	if !ok {
		v = &session{}
		s.by[k] = v
	}
	return v
}

// expire forgets conversations that have not moved since a time.
func (s *sessions) expire(before time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.by {
		if v.mu.TryLock() {
			if v.seen.Before(before) {
				delete(s.by, k)
			}
			v.mu.Unlock()
		}
	}
}

// Report takes what a phone sent to the command URL and returns the next
// command, or nil when there is none. What it takes is on disk when it returns
// without an error.
func (f *Fleet) Report(ctx context.Context, seg storage.Segment, p storage.Phone, r *mdm.Result) (*mdm.Command, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, unavailable(err)
	}
	if err := f.keepTime(ctx); err != nil {
		return nil, unavailable(err)
	}
	// The result that caused a renewal can arrive before the TokenUpdate; an
	// enrolment that cannot be woken yet has nothing to be asked.
	if p.State != storage.PhoneEnrolled {
		return nil, nil
	}
	f.waker.Contact(wakeKey(seg, p.UDID))
	s := f.sessions.get(sessionKey{seg, p.UDID, p.Epoch})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = f.now()
	t := &turn{worldState: w, session: s, result: r}
	p, err = f.take(ctx, t, p)
	if err != nil {
		return nil, unavailable(err)
	}
	next, err := f.next(ctx, t, p)
	if err != nil {
		return nil, unavailable(err)
	}
	return next, nil
}

// take stores what the phone said, and what the phone is handed from its queue
// with it.
func (f *Fleet) take(ctx context.Context, t *turn, p storage.Phone) (storage.Phone, error) {
	r := t.result
	if r.Status == mdm.Idle {
		t.offered, t.fresh, t.told, t.ask = nil, false, false, false
		f.wantNext(t, &p)
		return f.touch(ctx, t, p)
	}
	k := kindOf(t.current.Load(), &p, r.CommandUUID, t.kind)
	switch {
	case t.inflight == nil:
	case t.inflight.UUID == r.CommandUUID:
		t.inflight = nil
	case r.CommandUUID != "":
		// A phone answers a command before it says anything else: it never got
		// the one that is out, because the answer to this result was lost the
		// first time. It gets that command again.
		t.offered = slices.DeleteFunc(t.offered, func(id string) bool { return id == t.inflight.UUID })
	}
	f.wantNext(t, &p)
	switch k {
	case kindSync:
		return f.takeSync(ctx, t, p)
	case kindInformation:
		return f.exchange(ctx, t, p, nil, func(q *storage.Phone, _ *storage.Command) storage.PhoneChange {
			return f.informed(t, q)
		})
	case kindHold, kindProfiles, kindLift, kindCadence:
		return f.takeHold(ctx, t, p, k)
	case kindProgress:
		return f.takeProgress(ctx, t, p)
	case kindUpdate:
		return f.takeUpdate(ctx, t, p)
	case kindApps:
		return f.exchange(ctx, t, p, nil, func(q *storage.Phone, _ *storage.Command) storage.PhoneChange {
			return f.listedApps(t, q, func(bundleIDs []string) bool { return r.CommandUUID == appsID(q, bundleIDs) })
		})
	case kindManaged:
		return f.takeManaged(ctx, t, p)
	case kindQueue, kindNone:
		return f.takeQueued(ctx, t, p)
	default:
		return p, nil
	}
}

// syncID names an announcement: one set can be announced again after another.
func syncID(p *storage.Phone) string {
	return commandID(p, "sync", p.Announced.Token+" "+p.Announced.Timestamp.Format(time.RFC3339))
}

// updatePhone changes a phone and keeps the census in step.
func (f *Fleet) updatePhone(ctx context.Context, w *worldState, p storage.Phone, update func(*storage.Phone) (storage.PhoneChange, error)) (storage.Phone, error) {
	var at uint64
	q, err := f.store.UpdatePhone(ctx, w.segment, p.UDID, p.Epoch, func(q *storage.Phone) (storage.PhoneChange, error) {
		at = w.census.moment() // the last run is the one that counts
		return update(q)
	})
	if err != nil {
		return p, wrap("update phone", err)
	}
	w.census.add(&q, at)
	return q, nil
}

func (f *Fleet) takeSync(ctx context.Context, t *turn, p storage.Phone) (storage.Phone, error) {
	r, now := t.result, f.now()
	return f.exchange(ctx, t, p, nil, func(q *storage.Phone, _ *storage.Command) storage.PhoneChange {
		q.Contact = now
		if r.Status == mdm.NotNow {
			if q.Sync.NotNowSince.IsZero() {
				q.Sync.NotNowSince = now
			}
			return storage.PhoneChange{}
		}
		q.Sync.NotNowSince = time.Time{}
		if r.CommandUUID == syncID(q) && r.Status == mdm.Acknowledged {
			q.Sync.Acked = q.Announced.Token
			q.Sync.AckedAt = now
		}
		return storage.PhoneChange{}
	})
}

// takeQueued stores the status of a command from the queue. A UUID the phone
// was never given is answered like any other, because a phone repeats a result
// until it is taken; it changes nothing.
func (f *Fleet) takeQueued(ctx context.Context, t *turn, p storage.Phone) (storage.Phone, error) {
	known := false
	p, err := f.exchange(ctx, t, p, f.statusOf(t.result), func(q *storage.Phone, row *storage.Command) storage.PhoneChange {
		known = row != nil
		if known && strings.HasPrefix(row.Key, appKeys) {
			return f.appAnswered(t, q, row)
		}
		// A row that was cancelled, or of an older epoch, was about something else.
		if !known || row.State != storage.CommandDone || row.Epoch != q.Epoch {
			return f.touched(q)
		}
		// A person asked for the inventory now: the answer counts like the daily one.
		switch row.RequestType {
		case requestInformation:
			return f.informed(t, q)
		case requestApps:
			return f.listedApps(t, q, func(bundleIDs []string) bool { return row.Key == refreshKey(requestApps, bundleIDs) })
		default:
			return f.touched(q)
		}
	})
	if err == nil && !known {
		f.o.Logger.InfoContext(ctx, "result for an unknown command", "udid", p.UDID, "status", string(t.result.Status))
	}
	return p, err
}

func (f *Fleet) statusOf(r *mdm.Result) *storage.CommandStatus {
	return &storage.CommandStatus{UUID: r.CommandUUID, At: f.now(), State: stateOf(r.Status), Error: firstError(r)}
}

func stateOf(s mdm.Status) storage.CommandState {
	switch s {
	case mdm.Acknowledged:
		return storage.CommandDone
	case mdm.NotNow:
		return storage.CommandNotNow
	case mdm.CommandFormatError:
		return storage.CommandMalformed
	case mdm.Idle, mdm.Error:
		return storage.CommandFailed
	default:
		return storage.CommandFailed
	}
}

func firstError(r *mdm.Result) string {
	if len(r.ErrorChain) == 0 {
		return ""
	}
	e := r.ErrorChain[0]
	text := e.USEnglish
	if text == "" {
		text = e.Localized
	}
	if text == "" {
		text = e.Domain
	}
	return mdm.Excerpt(text)
}

// next chooses what to hand out: a person's commands first, then what keeps
// the phone's facts fresh, then what it should be told. Whatever is handed out
// is handed out at most once between two Idles.
func (f *Fleet) next(ctx context.Context, t *turn, p storage.Phone) (*mdm.Command, error) {
	w, s := t.worldState, t.session
	if s.lost() { // it gets the same bytes again
		s.offered = append(s.offered, s.inflight.UUID)
		return s.inflight, nil
	}
	if ownQueued(&p) { // it may not be wanted any more
		var err error
		if p, err = f.stopQueued(ctx, w, p); err != nil {
			return nil, err
		}
	}
	if c, err := f.fromQueue(ctx, t, &p); c != nil || err != nil {
		return c, err
	}
	if c, k, err := f.inventoryDue(w, s, &p); c != nil || err != nil {
		return s.handed(k, c, err)
	}
	if c, err := f.holdNext(w, s, &p); c != nil || err != nil {
		return c, err
	}
	p, due, err := f.syncDue(ctx, w, p)
	if err != nil {
		return nil, err
	}
	if due && !slices.Contains(s.offered, syncID(&p)) {
		c, err := mdm.NewCommand(syncID(&p), mdm.DeclarativeManagementCommand{Data: mdm.TokensJSON(p.Announced.Token, p.Announced.Timestamp)})
		return s.handed(kindSync, &c, err)
	}
	if len(f.appsToSend(w.current.Load(), &p)) > 0 {
		if p, err = f.queueApps(ctx, w, p); err != nil {
			return nil, err
		}
		return f.fromQueue(ctx, t, &p)
	}
	return f.legacyNext(ctx, t, p)
}

// holdNext returns the next command of the hold, or none.
func (f *Fleet) holdNext(w *worldState, s *session, p *storage.Phone) (*mdm.Command, error) {
	list, err := f.holdDue(p, f.holdOf(w, p))
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(d due) bool { return slices.Contains(s.offered, d.id) })
	switch {
	case len(list) == 0:
		return nil, nil
	case list[0].feature != "" && !s.fresh:
		return f.askInformation(s, p)
	default:
		return f.synthesised(s, list[0])
	}
}

// askInformation asks the phone what it runs, once in a session.
func (f *Fleet) askInformation(s *session, p *storage.Phone) (*mdm.Command, error) {
	if s.told {
		return nil, nil
	}
	return f.synthesised(s, due{kindInformation, informationID(p), mdm.DeviceInformationCommand{Queries: informationQueries()}, ""})
}

// synthesised hands out a command without a row, once in a session.
func (f *Fleet) synthesised(s *session, d due) (*mdm.Command, error) {
	if slices.Contains(s.offered, d.id) {
		return nil, nil
	}
	c, err := mdm.NewCommand(d.id, d.payload)
	return s.handed(d.kind, &c, err)
}

// lost reports whether a command is out that the phone never got.
func (s *session) lost() bool {
	return s.inflight != nil && s.kind.repeats() && !slices.Contains(s.offered, s.inflight.UUID)
}

func (s *session) hand(k kind, c mdm.Command) *mdm.Command {
	s.offered = append(s.offered, c.UUID)
	s.inflight = &c
	s.kind = k
	return &c
}

func (s *session) handed(k kind, c *mdm.Command, err error) (*mdm.Command, error) {
	if err != nil {
		return nil, wrap("build command", err)
	}
	return s.hand(k, *c), nil
}

// AskedForApps reports whether the phone was handed a request for its app list
// and has not answered: only then is a large answer expected of it.
func (f *Fleet) AskedForApps(seg storage.Segment, udid string, epoch uint64) bool {
	s := f.sessions.get(sessionKey{seg, udid, epoch})
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inflight != nil && s.inflight.RequestType == requestApps
}

// Changed takes up a phone whose record something else has changed, so that
// reports follow.
func (f *Fleet) Changed(seg storage.Segment, p storage.Phone) {
	if w, err := f.world(seg); err == nil { // otherwise it counts when the world is loaded
		w.census.add(&p, w.census.moment())
	}
}

// Noticed takes up a phone that enrolled, returned or left: the counts that
// gates are computed from follow, and a phone that can be woken is woken, whatever it
// was pushed before: that went to a token it may have no more.
func (f *Fleet) Noticed(seg storage.Segment, p storage.Phone) error {
	w, err := f.world(seg)
	if err != nil {
		// What was stored stays stored; the world counts it when it loads.
		return unavailable(err)
	}
	w.census.add(&p, w.census.moment())
	if p.State == storage.PhoneEnrolled {
		f.wakeAnew(seg, p.UDID)
	} else {
		f.waker.Cancel(wakeKey(seg, p.UDID))
	}
	return nil
}
