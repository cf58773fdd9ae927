package fleet

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/storage"
)

// DeclarationDiff compares what a phone was last told with what it would be
// told now. Nothing is announced by looking.
type DeclarationDiff struct {
	Announced string              `json:"announced"` // token of what it was told, "" when it was told nothing
	Computed  string              `json:"computed"`  // token of what it would be told now
	Changes   []DeclarationChange `json:"changes"`   // by identifier
}

// DeclarationChange is one declaration that differs.
type DeclarationChange struct {
	Identifier string          `json:"identifier"`
	Change     string          `json:"change"`           // added, dropped or altered
	Before     json.RawMessage `json:"before,omitempty"` // as told
	After      json.RawMessage `json:"after,omitempty"`  // as it would be told
}

// Values of [DeclarationChange.Change].
const (
	changeAdded   = "added"
	changeDropped = "dropped"
	changeAltered = "altered"
)

// DiffDeclarations computes what a phone should be told now and compares it
// with what it was told. A phone that cannot be managed by declarations, or is
// not enrolled, is refused.
func (f *Fleet) DiffDeclarations(ctx context.Context, seg storage.Segment, udid string) (DeclarationDiff, error) {
	w, err := f.world(seg)
	if err != nil {
		return DeclarationDiff{}, err
	}
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return DeclarationDiff{}, err
	}
	if p.State != storage.PhoneEnrolled || !declarative(&p) {
		return DeclarationDiff{}, refused("no-declarations", "phone %s is told nothing by declarations: it is %s with iOS %s", udid, p.State, orUnknown(p.OS.Version)).
			with("phone", udid)
	}
	told, err := f.Declarations(ctx, seg, udid)
	if err != nil {
		return DeclarationDiff{}, err
	}
	pl, err := f.plan(w.current.Load(), &p, f.now())
	if err != nil {
		return DeclarationDiff{}, err
	}
	after := make([]json.RawMessage, len(pl.bodies))
	for i, b := range pl.bodies {
		after[i] = b.JSON
	}
	d := DeclarationDiff{Announced: told.Token, Computed: pl.set.Token}
	d.Changes, err = diffDeclarations(told.Declarations, after)
	return d, err
}

func diffDeclarations(before, after []json.RawMessage) ([]DeclarationChange, error) {
	was, err := byIdentifier(before)
	if err != nil {
		return nil, err
	}
	is, err := byIdentifier(after)
	if err != nil {
		return nil, err
	}
	changes := []DeclarationChange{}
	for id, body := range was {
		switch now, still := is[id]; {
		case !still:
			changes = append(changes, DeclarationChange{Identifier: id, Change: changeDropped, Before: body})
		case !slices.Equal(now, body):
			changes = append(changes, DeclarationChange{Identifier: id, Change: changeAltered, Before: body, After: now})
		}
	}
	for id, body := range is {
		if _, had := was[id]; !had {
			changes = append(changes, DeclarationChange{Identifier: id, Change: changeAdded, After: body})
		}
	}
	slices.SortFunc(changes, func(a, b DeclarationChange) int { return strings.Compare(a.Identifier, b.Identifier) })
	return changes, nil
}

func byIdentifier(bodies []json.RawMessage) (map[string]json.RawMessage, error) {
	out := map[string]json.RawMessage{}
	for _, body := range bodies {
		var named struct{ Identifier string }
		if err := json.Unmarshal(body, &named); err != nil {
			return nil, wrap("read declaration", err)
		}
		out[named.Identifier] = body
	}
	return out, nil
}
