package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// passage is which closed gates phones that go elsewhere would open or get past,
// whether one by one or as many that are for testing.
type passage struct {
	kept    []storage.ShownGate // that would open once the phones have left
	escaped []storage.ShownGate // that are closed to phones where they are
	into    []storage.ShownGate // that let these phones in where they go

	drafts []storage.ShownDrafts // more phones to test than one person may say
}

// passage judges phones that go elsewhere. It is the one judge of everything that
// changes a phone's group or ring: moves, removals, and links for phones on
// record, when they are made and when they are used. A phone that has left is judged no more: who enrols it again holds a new
// one in his hands.
func (f *Fleet) passage(w *worldState, s *snapshot, m relocation) passage {
	now, seen := f.now(), passage{}
	there, groups := []storage.Phone{}, []string{m.group}
	for _, p := range m.phones {
		if p.State != storage.PhoneRemoved {
			there, groups = append(there, m.placed(p, now)), append(groups, p.Group)
		}
	}
	before, after := s.withCensus(w.census, now), s.policy.WithCensus(w.census.counted(now, there...))
	slices.Sort(groups)
	for _, name := range slices.Compact(groups) {
		for _, release := range policy.Loosened(before, after, name, now) {
			seen.kept = append(seen.kept, shownGate(policy.Evaluate(before, name, release, now)))
		}
	}
	if m.ring != storage.RingProduction {
		seen.drafts = w.overdrafted(m, now) // what is tested on a phone is not held from it
		return seen
	}
	for _, p := range m.phones {
		from := p.Origin()
		if p.State == storage.PhoneRemoved {
			continue
		}
		for _, release := range policy.Escaped(before, after, from, m.group, factsOf(s, &p), now) {
			seen.escaped = addGate(seen.escaped, policy.Evaluate(before, from, release, now))
			seen.into = addGate(seen.into, policy.Evaluate(after, m.group, release, now))
		}
	}
	return seen
}

func shownGate(g policy.Gate) storage.ShownGate {
	return storage.ShownGate{Group: g.Group, Release: g.Release, Phase: string(g.Phase), Fingerprint: g.Fingerprint}
}

func addGate(list []storage.ShownGate, g policy.Gate) []storage.ShownGate {
	if shown := shownGate(g); !slices.Contains(list, shown) {
		return append(list, shown)
	}
	return list
}

// closed returns all the gates that one person does not get phones past.
func (p passage) closed() []storage.ShownGate { return append(slices.Clone(p.kept), p.escaped...) }

// refusal says what a move would open, or nil.
func (p passage) refusal() error {
	if len(p.kept) > 0 {
		all := strings.Join(gateNames(p.kept), ", ")
		return refused("phone-keeps-gates", "without this phone closed gates would open without a test, now or later: %s; "+
			"record what is missing there first, decline the releases, or propose the move for a second person to sign (`kannuki device move --propose`)", all).with("gates", all)
	}
	if len(p.escaped) > 0 {
		all := strings.Join(gateNames(p.escaped), ", ")
		return refused("past-closed-gates", "moved there, phones could get what is closed to them where they are or were: %s; "+
			"record what is missing there first, or propose the move for a second person to sign (`kannuki device move --propose`)", all).with("gates", all)
	}
	return refuseDrafts(p.drafts)
}

// mayMove refuses moves that open a closed gate, as when a phone is the last of a
// model that nobody tested, and those that get phones past one, also by having many
// of them tested on. Whoever moves on
// the answer holds w.changes from before it until the census knows of the act:
// two moves at once could otherwise do what neither may.
func (f *Fleet) mayMove(w *worldState, s *snapshot, m relocation) error {
	return f.passage(w, s, m).refusal()
}

// MayEnrol refuses a grant that would put a phone on record, named by its UDID or
// its serial number, where it may not be moved. It judges by what is so when the
// grant is made, so that whoever makes it hears of it, and so takes no lock: what
// counts is [Fleet.Placing], when it is used.
func (f *Fleet) MayEnrol(ctx context.Context, seg storage.Segment, udid, serial, group string, ring storage.Ring) error {
	w, err := f.world(seg)
	if err != nil {
		return err
	}
	m := relocation{group: group, ring: ring}
	if serial != "" {
		if m.phones, err = f.store.PhonesBySerial(ctx, seg, serial); err != nil {
			return wrap("read phones", err)
		}
	}
	if udid != "" {
		p, err := f.store.Phone(ctx, seg, udid)
		if errors.Is(err, storage.ErrNotFound) {
			return nil // it is to come for the first time
		}
		if err != nil {
			return wrap("read phone", err)
		}
		m.phones = []storage.Phone{p}
	}
	return f.mayMove(w, w.current.Load(), m)
}

// Placing judges where phones on record may enrol again, when they do: enrol runs
// while no other decision is made, and the phone it returns is taken up. The judge
// returns the phone as it is once put into a group and ring, or as it was and why it
// may not go there.
func (f *Fleet) Placing(seg storage.Segment, enrol func(judge func(p storage.Phone, group string, ring storage.Ring) (there storage.Phone, why string)) (storage.Phone, error)) error {
	w, err := f.world(seg)
	if err != nil {
		return unavailable(err)
	}
	w.changes.Lock()
	defer w.changes.Unlock()
	p, err := enrol(func(p storage.Phone, group string, ring storage.Ring) (storage.Phone, string) {
		s, m := w.current.Load(), relocation{phones: []storage.Phone{p}, group: group, ring: ring}
		if _, err := s.group(group); group != "" && err != nil {
			return p, err.Error() // removed since the link was made
		}
		if err := f.mayMove(w, s, m); err != nil {
			return p, err.Error()
		}
		return m.placed(p, f.now()), ""
	})
	if err != nil {
		return err
	}
	return f.Noticed(seg, p)
}
