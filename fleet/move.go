package fleet

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// maxMoved bounds how many phones move in one call: in one transaction, judged
// together.
const maxMoved = 500

// MoveRequest says which phones go where.
type MoveRequest struct {
	Devices []string     // UDIDs, 1 to 500
	Group   string       // "", without a ring: none
	Ring    storage.Ring // verification or production
}

// check refuses a place that no phone can be in.
func (r MoveRequest) check(s *snapshot) error {
	if len(r.Devices) == 0 || len(r.Devices) > maxMoved {
		return invalid("devices", "devices-out-of-range", "%d phones; 1 to %d move at once", len(r.Devices), maxMoved).with("most", strconv.Itoa(maxMoved))
	}
	if (r.Group == "") != (r.Ring == "") {
		return invalid("ring", "group-and-ring", "a group needs a ring and a ring needs a group")
	}
	if r.Group == "" {
		return nil
	}
	if !slices.Contains([]storage.Ring{storage.RingVerification, storage.RingProduction}, r.Ring) {
		return notOneOf("ring", string(r.Ring), string(storage.RingVerification), string(storage.RingProduction))
	}
	_, err := s.group(r.Group)
	return err
}

// Move is [Fleet.MoveAll] for one phone.
func (f *Fleet) Move(ctx context.Context, seg storage.Segment, a Act, udid, group string, ring storage.Ring) (DeviceView, error) {
	views, err := f.MoveAll(ctx, seg, a, MoveRequest{Devices: []string{udid}, Group: group, Ring: ring})
	if err != nil {
		return DeviceView{}, err
	}
	return views[0], nil
}

// MoveAll puts phones into a group and ring, or into none when both are "", all or
// none of them. The hold stays on them through it; the old group's enforcement
// ends and commands queued for it are cancelled. It is refused when that would
// open a closed gate or get phones past one; [Fleet.ProposeMove] has another
// person agree to it.
func (f *Fleet) MoveAll(ctx context.Context, seg storage.Segment, a Act, r MoveRequest) ([]DeviceView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	w.changes.Lock()
	defer w.changes.Unlock()
	m, err := f.relocation(ctx, w, w.current.Load(), r)
	if err != nil {
		return nil, err
	}
	if err := f.mayMove(w, w.current.Load(), m); err != nil {
		return nil, err
	}
	m = f.withGates(w, m)
	update := func(q *storage.Phone) (storage.PhoneChange, error) { return f.relocate(w, q, m, f.moveEntry(a, q, m)) }
	if a.DryRun {
		return f.tried(w, m, update)
	}
	phones, err := f.updatePhones(ctx, w, m.udids(), update)
	if err != nil {
		return nil, err
	}
	views := []DeviceView{}
	for i := range phones {
		f.waker.Wake(wakeKey(seg, phones[i].UDID))
		views = append(views, f.explainer(w).view(&phones[i]))
	}
	return views, nil
}

// tried returns what phones would be like after a change.
func (f *Fleet) tried(w *worldState, m relocation, update func(*storage.Phone) (storage.PhoneChange, error)) ([]DeviceView, error) {
	views := []DeviceView{}
	for _, p := range m.phones {
		if _, err := update(&p); err != nil {
			return nil, err
		}
		views = append(views, f.explainer(w).view(&p))
	}
	return views, nil
}

// updatePhones changes phones, all or none, and keeps the census in step.
func (f *Fleet) updatePhones(ctx context.Context, w *worldState, udids []string, update func(*storage.Phone) (storage.PhoneChange, error)) ([]storage.Phone, error) {
	moments := map[string]uint64{}
	phones, err := f.store.UpdatePhones(ctx, w.segment, udids, func(q *storage.Phone) (storage.PhoneChange, error) {
		moments[q.UDID] = w.census.moment() // the last run is the one that counts
		return update(q)
	})
	if err != nil {
		return nil, wrap("update phones", err)
	}
	for i := range phones {
		w.census.add(&phones[i], moments[phones[i].UDID])
	}
	return phones, nil
}

// relocation is phones that go to one place.
type relocation struct {
	phones []storage.Phone // as they are
	group  string
	ring   storage.Ring
	signed bool                 // by two people
	gates  func() []policy.Gate // of the group, with all these phones in it
}

// relocation reads the phones that a request moves.
func (f *Fleet) relocation(ctx context.Context, w *worldState, s *snapshot, r MoveRequest) (relocation, error) {
	if err := r.check(s); err != nil {
		return relocation{}, err
	}
	m := relocation{group: r.Group, ring: r.Ring}
	for _, udid := range slices.Compact(slices.Sorted(slices.Values(r.Devices))) {
		p, err := f.phone(ctx, w.segment, udid)
		if err != nil {
			return relocation{}, err
		}
		if p.State == storage.PhoneRemoved {
			return relocation{}, notEnrolled(&p)
		}
		m.phones = append(m.phones, p)
	}
	return m, nil
}

func (m relocation) udids() []string {
	var list []string
	for _, p := range m.phones {
		list = append(list, p.UDID)
	}
	return list
}

// placed returns a phone where it goes, the rest as it is. Once out of the
// production ring it keeps the name of the group whose gates held it: what was
// closed there must not open because it goes to another group by a detour.
func (m relocation) placed(p storage.Phone, now time.Time) storage.Phone {
	p.Drafted, p.Left = m.draft(p, now), m.departure(p, now)
	p.Former = p.Origin()
	p.Group, p.Ring, p.Kept = m.group, m.ring, storage.KeptPlace{}
	if p.Ring == storage.RingProduction {
		p.Former = ""
	}
	return p
}

func (f *Fleet) moveEntry(a Act, p *storage.Phone, m relocation) storage.AuditEntry {
	return f.entry(a, "device.move", p.UDID, moveDetail(placeName(p.Group, p.Ring), placeName(m.group, m.ring)))
}

func moveDetail(from, to string) map[string]string { return map[string]string{"from": from, "to": to} }

// placeName names a group and ring in the audit log, "/" for none.
func placeName(group string, ring storage.Ring) string { return group + "/" + string(ring) }

// withGates completes what goes together by the gates of the group with all of it there:
// which phone is moved first must not matter.
func (f *Fleet) withGates(w *worldState, m relocation) relocation {
	there := make([]storage.Phone, len(m.phones))
	for i, p := range m.phones {
		there[i] = m.placed(p, f.now())
	}
	m.gates = f.gatesWith(w, m.group, there...)
	return m
}

// relocate puts a phone where it goes, on record as the entry says. It returns
// storage.ErrConflict when the phone is not where it was judged: it enrolled again, or left.
func (f *Fleet) relocate(w *worldState, q *storage.Phone, m relocation, entry storage.AuditEntry) (storage.PhoneChange, error) {
	judged := func(p storage.Phone) bool { return p.UDID == q.UDID && p.Epoch == q.Epoch }
	switch {
	case !slices.ContainsFunc(m.phones, judged), q.State == storage.PhoneRemoved:
		return storage.PhoneChange{}, storage.ErrConflict
	case q.Group == m.group && q.Ring == m.ring:
		return storage.PhoneChange{Unchanged: true}, nil
	}
	*q = m.placed(f.EndStay(*q), f.now())
	q.Apps, q.AppsAt, q.AppsFor, q.AppsNo, q.AppUpdates = nil, time.Time{}, nil, time.Time{}, nil // other apps matter there
	how := q.Arrival
	q.Arrival, q.Chase, q.Reverted, q.Failed = nil, nil, nil, nil // what was lost elsewhere is no sign there
	const cause = "the phone moved to another group"
	if unanswered(attemptOf(q)) { // one that was answered has no command left to cancel
		stopAttempt(q, cause, f.now())
	}
	audit := append([]storage.AuditEntry{entry}, f.arrived(w, q, "moved", m.gates)...)
	if q.Arrival != nil && how != nil && how.Release == q.Arrival.Release && how.From != "" {
		// Why it leaked is what it did, not that it was moved since.
		q.Arrival.From, q.Arrival.Cause, q.Arrival.Reasons = how.From, how.Cause, how.Reasons
	}
	return storage.PhoneChange{CancelQueue: cause, Audit: audit, Notices: f.leakNotices(w, q, audit)}, nil
}
