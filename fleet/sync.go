package fleet

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// confirmAfter is how long a phone may take to report the declarations it
// acknowledged before it is asked to synchronise again.
const confirmAfter = time.Hour

// announce brings what the phone is told up to date and returns the phone as
// it is then. What it stores is what every later request of this
// synchronisation is answered from, so a world that moves on in between can
// neither contradict nor empty a manifest.
func (f *Fleet) announce(ctx context.Context, w *worldState, p storage.Phone) (storage.Phone, error) {
	s := w.current.Load()
	if p.Announced.Revision > s.records.Revision {
		return p, ErrNotReady
	}
	pl, err := f.plan(s, &p, f.now())
	if err != nil || pl.announcedTo(&p) {
		return p, err
	}
	updated, err := f.updatePhone(ctx, w, p, func(q *storage.Phone) (storage.PhoneChange, error) {
		// Planned again on the stored phone and the newest world: both may have
		// changed since they were read, and an older world must not overwrite
		// what a newer one announced.
		s := w.current.Load()
		if q.Announced.Revision > s.records.Revision {
			return storage.PhoneChange{}, ErrNotReady
		}
		pl, err := f.plan(s, q, f.now())
		if err != nil {
			return storage.PhoneChange{}, err
		}
		if pl.announcedTo(q) {
			return storage.PhoneChange{Unchanged: true}, nil
		}
		change := storage.PhoneChange{Declarations: pl.bodies, Audit: f.announceAudit(q, pl)}
		f.endAttempt(q, pl, &change)
		q.Announced.Enforcement, q.Announced.Revision = pl.enforcement, s.records.Revision
		if e := pl.target.Enforce; e != nil && e.Wave > 0 {
			q.Announced.Wave = storage.ToldWave{Approval: e.SourceID, Wave: e.Wave}
		}
		if pl.set.Token != q.Announced.Token {
			q.Announced.Token, q.Announced.Timestamp = pl.set.Token, nextTimestamp(q.Announced.Timestamp, f.now())
			// What it acknowledged was another announcement, even if an earlier one
			// was of this set: it may have heard of one in between.
			q.Sync.Acked, q.Sync.NotNowSince = "", time.Time{}
			change.Set = &pl.set
		}
		return change, nil
	})
	if err != nil {
		return p, wrap("announce", err)
	}
	return updated, nil
}

// announceAudit records that an enforcement begins or ends for a phone: the
// two facts a promise to a phone consists of.
func (f *Fleet) announceAudit(p *storage.Phone, pl plan) []storage.AuditEntry {
	was, is := p.Announced.Enforcement, pl.enforcement
	act := Act{Actor: "kannuki"}
	var entries []storage.AuditEntry
	if was != nil && (is == nil || is.Release != was.Release) {
		entries = append(entries, f.entry(act, "enforcement.ended", p.UDID, map[string]string{"release": was.Release}))
	}
	if is != nil && !samePromise(was, is) {
		entries = append(entries, f.entry(act, "enforcement.announced", p.UDID, map[string]string{
			"release": is.Release, "deadline": is.Deadline, "by": string(mechanism(is)), "source": is.Source, "source_id": is.SourceID,
			"group": p.Group, "ring": string(p.Ring),
		}))
	}
	return entries
}

// nextTimestamp returns now in whole seconds, moved on where needed so that a
// phone never sees two sets with one time or time going back; it tells by the
// timestamp which of two token sets is newer (Apple, Device Management,
// SynchronizationTokens).
func nextTimestamp(last, now time.Time) time.Time {
	next := now.UTC().Truncate(time.Second)
	if !next.After(last) {
		next = last.Add(time.Second)
	}
	return next
}

// syncDue reports whether the phone should be told to synchronise, after
// bringing the announcement up to date.
func (f *Fleet) syncDue(ctx context.Context, w *worldState, p storage.Phone) (storage.Phone, bool, error) {
	if !declarative(&p) && !commandsOnly(&p) {
		return p, false, nil // nothing is known of it yet
	}
	p, err := f.announce(ctx, w, p)
	if err != nil {
		return p, false, err
	}
	if !declarative(&p) {
		return p, false, nil
	}
	due, err := f.unconfirmed(w, &p)
	return p, due, err
}

// unconfirmed reports whether the phone still has to learn what was announced.
// One that acknowledged the command and then went silent is asked again.
func (f *Fleet) unconfirmed(w *worldState, p *storage.Phone) (bool, error) {
	switch {
	case p.Sync.Acked != p.Announced.Token:
		return true, nil
	case reported(p) || f.now().Sub(p.Sync.AckedAt) < confirmAfter:
		return false, nil
	}
	pl, err := f.plan(w.current.Load(), p, f.now())
	return err == nil && !lists(p, pl.set), err
}

// reported says whether the phone fetched the announced manifest and listed a
// declaration state since.
func reported(p *storage.Phone) bool {
	return p.Sync.Manifest == p.Announced.Token && p.StatusAt.After(p.Sync.ManifestAt.Add(-time.Second))
}

// overtaken says whether the phone fetched the manifest of another set than the
// announced one and has not reported since: it may hold that set, whatever it
// listed before. Where it never got the manifest, it is asked to synchronise
// again for nothing until its next report.
func overtaken(p *storage.Phone) bool {
	return p.Sync.Manifest != p.Announced.Token && p.StatusAt.Before(p.Sync.ManifestAt)
}

// lists reports whether the phone last listed just the declarations of a set, and
// that is not overtaken. A phone that is told the token it has fetches no manifest: it never got the one
// it fetched last, or a restored copy knows only an older one.
func lists(p *storage.Phone, set storage.DeclarationSet) bool {
	missing := func(it storage.DeclarationItem) bool {
		return !slices.ContainsFunc(p.Declarations, func(d storage.DeclarationState) bool {
			return d.Identifier == it.Identifier && d.ServerToken == it.ServerToken
		})
	}
	return !overtaken(p) && len(p.Declarations) == len(set.Items) && !slices.ContainsFunc(set.Items, missing)
}

// Declarative answers a DeclarativeManagement check-in of a phone.
func (f *Fleet) Declarative(ctx context.Context, seg storage.Segment, p storage.Phone, m *mdm.DeclarativeManagement) (mdm.Reply, error) {
	w, err := f.world(seg)
	if err != nil {
		return mdm.Reply{}, unavailable(err)
	}
	if err := f.keepTime(ctx); err != nil {
		return mdm.Reply{}, unavailable(err)
	}
	if p.State != storage.PhoneEnrolled {
		return mdm.Reply{}, mdm.ErrRefused
	}
	endpoint, err := mdm.ParseEndpoint(m.Endpoint)
	if err != nil {
		return mdm.Reply{}, err
	}
	if commandsOnly(&p) {
		return mdm.Reply{}, mdm.ErrNotFound // declarations were never turned on for it
	}
	f.waker.Heard(wakeKey(seg, p.UDID))
	reply := mdm.Reply{ContentType: "application/json"}
	switch endpoint.Kind {
	case mdm.EndpointTokens:
		reply.Body, err = f.tokens(ctx, w, p)
	case mdm.EndpointItems:
		reply.Body, err = f.items(ctx, w, p)
	case mdm.EndpointDeclaration:
		reply.Body, err = f.declaration(ctx, w, p, endpoint)
	case mdm.EndpointStatus:
		reply = mdm.Reply{}
		err = f.status(ctx, w, p, m.Data)
	default:
		return mdm.Reply{}, mdm.ErrNotFound
	}
	if err != nil {
		return mdm.Reply{}, unavailable(err)
	}
	return reply, nil
}

// unavailable turns what heals by itself into the answer that makes a phone
// come again, and leaves every other error as it is.
func unavailable(err error) error {
	if errors.Is(err, ErrNotReady) || errors.Is(err, storage.ErrConflict) || errors.Is(err, storage.ErrClosed) {
		return errors.Join(mdm.ErrUnavailable, err)
	}
	return err
}

func (f *Fleet) tokens(ctx context.Context, w *worldState, p storage.Phone) ([]byte, error) {
	p, err := f.announce(ctx, w, p)
	if err != nil {
		return nil, err
	}
	return mdm.TokensJSON(p.Announced.Token, p.Announced.Timestamp), nil
}

func (f *Fleet) items(ctx context.Context, w *worldState, p storage.Phone) ([]byte, error) {
	if p.Announced.Token == "" {
		var err error
		if p, err = f.announce(ctx, w, p); err != nil {
			return nil, err
		}
	}
	// The manifest is recorded before it is read, so that nothing it names can
	// be swept away in between.
	p, err := f.updatePhone(ctx, w, p, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.Sync.Manifest, q.Sync.ManifestAt = q.Announced.Token, f.now()
		return storage.PhoneChange{}, nil
	})
	if err != nil {
		return nil, wrap("record manifest", err)
	}
	set, err := f.store.DeclarationSet(ctx, w.segment, p.Sync.Manifest)
	if err != nil {
		// The set was announced, so it must exist; an empty or missing
		// manifest would make the phone drop everything.
		return nil, errors.Join(ErrNotReady, wrap("read announced set", err))
	}
	return mdmSet(set).ItemsJSON(), nil
}

func mdmSet(set storage.DeclarationSet) mdm.Set {
	items := make([]mdm.Item, len(set.Items))
	for i, it := range set.Items {
		items[i] = mdm.Item(it)
	}
	return mdm.NewSet(items)
}

// declaration answers from the manifest the phone fetched, not from the newest
// one. Only a declaration that manifest does not list is a 404.
func (f *Fleet) declaration(ctx context.Context, w *worldState, p storage.Phone, e mdm.Endpoint) ([]byte, error) {
	token := p.Sync.Manifest
	if token == "" {
		token = p.Announced.Token
	}
	set, err := f.store.DeclarationSet(ctx, w.segment, token)
	if err != nil {
		// A 404 would make the phone drop what it asked for.
		return nil, errors.Join(ErrNotReady, wrap("read manifest", err))
	}
	for _, it := range set.Items {
		if it.Class == e.Class && it.Identifier == e.Identifier {
			body, err := f.store.Declaration(ctx, w.segment, it.ServerToken)
			if errors.Is(err, storage.ErrNotFound) {
				return nil, errors.Join(ErrNotReady, err)
			}
			return body, wrap("read declaration", err)
		}
	}
	return nil, mdm.ErrNotFound
}

// commandID derives the UUID of a command that has no queue row from what it
// is about, so that the same need is the same command, after a restart too.
func commandID(p *storage.Phone, kind string, about string) string {
	const most = 192 // of what most commands are about
	text := append(append(make([]byte, 0, most), p.UDID...), 0)
	text = append(append(strconv.AppendUint(text, p.Epoch, 10), 0), kind...)
	sum := sha256.Sum256(append(append(text, 0), about...))
	id := uuid.UUID(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: made by our own rule (RFC 9562)
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
