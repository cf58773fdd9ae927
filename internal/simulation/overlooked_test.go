package simulation

import (
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

// drawUndecided has every policy enforce what is verified when a hold ends, and testers
// try the newest release of the higher of two major versions when that of the first does.
func drawUndecided(l *life, add func(time.Duration, kind, int, int)) {
	newest, ends := 0, l.days
	for i, r := range l.releases {
		if version.Major(r.version) > version.Major(firstOlder) && r.posted+policy.HoldDays < l.days {
			ends = min(ends, r.posted+policy.HoldDays)
			if r.posted < ends-15 && (newest == 0 || newer(r.version, l.releases[newest].version)) {
				newest = i
			}
		}
	}
	if newest == 0 {
		return
	}
	for i := range l.teams {
		d := &l.teams[i].rules
		if d.name == "" {
			*d = rules{name: "rules-" + l.teams[i].name}
		}
		d.onExpiry, d.majors, d.verdictDays = enforce, "hold", 0
		at := time.Duration(l.releases[newest].posted) * day
		add(at+day, kindOffer, i, newest)
		for _, days := range []time.Duration{4, 6, 9} {
			add(at+days*day, kindTest, i, newest)
		}
	}
}

// overlooked are plants about what was decided or found before and is overlooked
// when something begins.
func overlooked() []plant {
	return []plant{
		{
			name: "a policy approves the higher major version", property: "P1", seed: 112,
			store: func(_ *world, s *memory.Store) fleet.Store { return &upgrader{liar: liar{Store: s}} },
		},
		{
			name: "what was found since an edit was proposed changes nothing in it", property: "P5", seed: 850,
			store: reading(func(w *storage.World) {
				for _, p := range w.Proposals {
					if p.Edit != nil && p.State == storage.StateOpen {
						w.Verdicts = asProposed(w.Verdicts, p)
					}
				}
			}),
		},
	}
}

// upgrader is a store in which policies let higher major versions in for as long as
// the end of a hold is decided, and no longer: their phones go on keeping to the older.
type upgrader struct {
	liar

	ending bool
}

func (u *upgrader) ChangeWorld(ctx context.Context, seg storage.Segment, revision uint64, c storage.WorldChange) (uint64, error) {
	ends := slices.ContainsFunc(c.HoldMarks, func(m storage.HoldMark) bool { return m.Day == policy.HoldDays })
	if u.ending = ends && !u.ending; u.ending {
		return 0, storage.ErrConflict // it is read, and decided, anew
	}
	return u.Store.ChangeWorld(ctx, seg, revision, c)
}

func (u *upgrader) World(ctx context.Context, seg storage.Segment) (storage.World, error) {
	w, err := u.Store.World(ctx, seg)
	for i := range w.Policies {
		if u.ending {
			w.Policies[i].Majors = majorsAllow
		}
	}
	return w, err
}

// asProposed returns results as they were for the gates of an edit when it was
// proposed.
func asProposed(all []storage.Verdict, p storage.Proposal) []storage.Verdict {
	about := func(v storage.Verdict) bool {
		return slices.ContainsFunc(p.Edit.Gates, func(g storage.ShownGate) bool { return g.Group == v.Group && g.Release == v.Release })
	}
	return slices.DeleteFunc(all, func(v storage.Verdict) bool { return about(v) && v.At.After(p.At) })
}
