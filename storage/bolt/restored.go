package bolt

import (
	"context"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Restored brings a segment of an older copy into a present that the copy knows
// nothing of, in one transaction: grants that led to no certificate are
// revoked, because they may have been used since; commands that are not final
// are cancelled, because phones may have carried them out; tokens are revoked,
// because somebody may have taken them away; and what phones were told is told
// again as of the entry's time, because a phone ignores what is older than the
// last it heard. The segment stands still until a person lets it go on, because
// what was paused or withdrawn since is in force in the copy. The numbers of each stand in the detail of the entry.
//
// The times of all of it, and who revoked, are those of the entry, which is
// written even when there was nothing else to do.
func (s *Store) Restored(ctx context.Context, seg storage.Segment, audit storage.AuditEntry) error {
	err := s.updateIn(ctx, seg, func(t *tx) error {
		entry := audit
		entry.Detail = maps.Clone(audit.Detail)
		if entry.Detail == nil {
			entry.Detail = map[string]string{}
		}
		for _, step := range []struct {
			name string
			run  func(storage.Segment, storage.AuditEntry) (int, error)
		}{
			{"grants", t.revokeGrants}, {"tokens", t.revokeTokens}, {"phones", t.announceAgain}, {"commands", t.cancelCommands},
		} {
			n, err := step.run(seg, audit)
			if err != nil {
				return fmt.Errorf("%s: %w", step.name, err)
			}
			entry.Detail[step.name] = strconv.Itoa(n)
		}
		if err := t.haltRestored(seg, audit.At); err != nil {
			return err
		}
		return t.appendAudit(seg, entry)
	})
	if err != nil {
		return fmt.Errorf("restored segment %q: %w", seg, err)
	}
	return nil
}

// haltRestored keeps anything from beginning until a person has looked at what the
// copy knows nothing of.
func (t *tx) haltRestored(seg storage.Segment, at time.Time) error {
	st, err := t.segment(seg)
	if err != nil {
		return err
	}
	at = at.UTC().Truncate(time.Microsecond)
	st.Halt = storage.Halt{Cause: storage.HaltRestore, At: at, Was: at}
	st.Revision++
	return save(t, bucketSegments, inSegment(seg), st)
}

func (t *tx) revokeGrants(seg storage.Segment, audit storage.AuditEntry) (n int, err error) {
	grants, err := list[storage.Grant](t, bucketGrants, inSegment(seg))
	for _, g := range grants {
		if err != nil {
			return n, err
		}
		if g.Certificate != "" || !g.RevokedAt.IsZero() {
			continue
		}
		old := g
		g.RevokedAt = audit.At
		err = t.saveGrant(seg, old, g)
		n++
	}
	return n, err
}

func (t *tx) revokeTokens(seg storage.Segment, audit storage.AuditEntry) (n int, err error) {
	tokens, err := list[storage.Token](t, bucketTokens, inSegment(seg))
	for _, token := range tokens {
		if err != nil {
			return n, err
		}
		if !token.RevokedAt.IsZero() {
			continue
		}
		token.RevokedAt, token.RevokedBy = audit.At, audit.Actor
		err = save(t, bucketTokens, inSegment(seg).last(token.Name), token)
		n++
	}
	return n, err
}

// announceAgain dates what phones were told anew and forgets that they
// acknowledged it, so that the next poll of each starts a synchronisation.
func (t *tx) announceAgain(seg storage.Segment, audit storage.AuditEntry) (n int, err error) {
	all, err := t.allPhones(seg)
	for _, p := range all {
		if err != nil {
			return n, err
		}
		old := p.Clone()
		p.Restored(audit.At)
		_, err = t.savePhone(seg, &old, &p)
		if p.Announced.Token != "" {
			n++
		}
	}
	return n, err
}

func (t *tx) cancelCommands(seg storage.Segment, audit storage.AuditEntry) (n int, err error) {
	all, err := t.allPhones(seg)
	for _, p := range all {
		if err != nil {
			return n, err
		}
		rows, err := t.queue(seg, p.Num)
		if err != nil {
			return n, err
		}
		for _, r := range rows {
			if r.over(p.Epoch) {
				continue
			}
			if err := t.cancelRow(r, "restored from a backup", audit.At); err != nil {
				return n, err
			}
			n++
		}
		if err := t.trimQueue(seg, handle{p.Num, p.Epoch}); err != nil {
			return n, err
		}
	}
	return n, err
}

func (t *tx) allPhones(seg storage.Segment) ([]storage.Phone, error) {
	var all []storage.Phone
	err := t.phones(seg, 0, math.MaxInt, func(p storage.Phone) bool {
		all = append(all, p)
		return true
	})
	return all, err
}
