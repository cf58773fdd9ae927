package simulation

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// neighbour is another organisation in the same installation, with groups, apps
// and phones of the same names. Nobody acts there and no phone of it comes, so
// nothing of it may ever change.
const neighbour = storage.Segment("neighbour")

// setUpNeighbour puts on record what the neighbour has.
func (w *world) setUpNeighbour() {
	var c storage.WorldChange
	var apps []string
	for _, app := range businessApps() {
		apps = append(apps, app.bundleID)
		c.Apps = append(c.Apps, storage.App{BundleID: app.bundleID, Name: app.bundleID, Importance: app.importance})
	}
	for _, t := range w.life.teams {
		c.Groups = append(c.Groups, storage.Group{Name: t.name, Apps: apps, Candidate: "manual", Rights: "managed"})
	}
	_, err := w.disk.ChangeWorld(w.ctx, neighbour, 0, c)
	errs := []error{err}
	for i, c := range w.life.phones[:min(3, len(w.life.phones))] {
		p := &phone{character: c, group: w.life.teams[i%2].name}
		_, err := w.stored(neighbour, p, "of the neighbour "+c.udid)
		errs = append(errs, err)
		// It runs what is newer than everything, so that nothing has to be told of it.
		_, err = w.disk.UpdatePhone(w.ctx, neighbour, c.udid, 0, func(q *storage.Phone) (storage.PhoneChange, error) {
			q.OS.Version, q.Model, q.InfoAt = "99.0", c.model, w.now
			return storage.PhoneChange{}, nil
		})
		row := storage.Command{UUID: "of the neighbour " + c.udid, RequestType: "DeviceInformation", Key: "k", Body: []byte("x"), CreatedAt: w.now}
		_, queueErr := w.disk.Enqueue(w.ctx, neighbour, []string{c.udid}, []storage.Command{row}, nil)
		errs = append(errs, err, queueErr)
	}
	if err := errors.Join(errs...); err != nil {
		w.violated("P0", nil, "the neighbour: %v", err)
	}
	w.book.neighbour = w.fingerprint(neighbour)
}

// fingerprint stands for everything a segment holds. Its revision is left out: the
// catalogue belongs to all segments. So does the clock, which halts all.
func (w *world) fingerprint(of storage.Segment) [sha256.Size]byte {
	records, err := w.disk.World(w.ctx, of)
	records.Revision, records.Halt = 0, storage.Halt{}
	phones, phonesErr := w.disk.Phones(w.ctx, of, storage.PhoneQuery{Enrolling: true})
	audit, auditErr := w.disk.Audit(w.ctx, of, 0, 0)
	audit = slices.DeleteFunc(audit, func(e storage.AuditEntry) bool { return e.Action == "engine.halt" || e.Action == "engine.resume" })
	certificates, certErr := w.disk.Certificates(w.ctx, of, "", 0)
	all := []any{records, phones, audit, certificates}
	for _, p := range phones {
		rows, err := w.disk.Queue(w.ctx, of, p.UDID)
		all, auditErr = append(all, rows), errors.Join(auditErr, err)
	}
	text, jsonErr := json.Marshal(all)
	if err := errors.Join(err, phonesErr, auditErr, certErr, jsonErr); err != nil {
		w.violated("P0", nil, "segment %s cannot be read: %v", of, err)
	}
	return sha256.Sum256(text)
}

// checkNeighbour holds that nothing done here changed anything there.
func (w *world) checkNeighbour() {
	if w.fingerprint(neighbour) != w.book.neighbour {
		w.violated("P10", nil, "what segment %s holds has changed", neighbour)
	}
}

// crossing is a store in which a change of one segment's world happens in both.
type crossing struct{ fleet.Store }

func (c crossing) ChangeWorld(ctx context.Context, of storage.Segment, revision uint64, change storage.WorldChange) (uint64, error) {
	next, err := c.Store.ChangeWorld(ctx, of, revision, change)
	if err == nil && of == seg && len(change.Offers) > 0 {
		if there, readErr := c.World(ctx, neighbour); readErr == nil {
			_, _ = c.Store.ChangeWorld(ctx, neighbour, there.Revision, storage.WorldChange{Offers: change.Offers})
		}
	}
	return next, err
}

// mistaken is a store that tells phones apart by their UDID alone when they ask for
// something.
type mistaken struct{ fleet.Store }

func (m mistaken) Exchange(ctx context.Context, of storage.Segment, udid string, epoch uint64, x storage.Exchange) (storage.Exchanged, error) {
	if x.Status != nil {
		_, _ = m.Store.Exchange(ctx, neighbour, udid, 0, storage.Exchange{Handout: x.Handout})
	}
	return m.Store.Exchange(ctx, of, udid, epoch, x)
}

// strangers are plants that let one segment reach into another.
func strangers() []plant {
	return []plant{
		{
			name: "an offer is stored in every segment", property: "P10", seed: 1,
			store: func(_ *world, s *memory.Store) fleet.Store { return crossing{s} },
		},
		{
			name: "phones are told apart by their UDID alone", property: "P10", seed: 4,
			store: func(_ *world, s *memory.Store) fleet.Store { return mistaken{s} },
		},
	}
}
