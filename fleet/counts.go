package fleet

import (
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// counts are how many phones of each kind the groups have. They hold until a phone
// becomes one of another kind, comes or goes, or falls silent: what phones say each
// day changes none of that, so that gates cost no look at every phone. What one phone
// changes is taken off and added, so that a fleet that fills costs none either.
type counts struct {
	groups   map[string][]policy.Census // never changed; no group without phones is in it
	from, to time.Time                  // between which nobody falls silent, both included
}

// phoneKind is what phones are counted by.
type phoneKind struct {
	group       string
	ring        storage.Ring
	model       string
	os, letters string
}

func phoneKindOf(p *storage.Phone) phoneKind {
	return phoneKind{p.Group, p.Ring, p.Model, p.OS.Version, p.OS.SupplementalExtra}
}

// counts returns the counts of every group.
func (c *census) counts(now time.Time) *counts {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.countsLocked(now)
}

// countsLocked is counts for a caller that holds c.mu, if only for reading.
func (c *census) countsLocked(now time.Time) *counts {
	if k := c.tally.Load(); k != nil && !now.Before(k.from) && !now.After(k.to) {
		return k
	}
	k := &counts{from: now, to: now.Add(silentAfter)}
	byLook := map[*look]count{}
	for i := range c.members {
		m := &c.members[i]
		byLook[m.look] = byLook[m.look].plus(countOf(m.contact, now))
		k.to = heardUntil(m.contact, now, k.to)
	}
	kinds := map[phoneKind]count{}
	for l, n := range byLook {
		of := phoneKindOf(&l.phone)
		kinds[of] = kinds[of].plus(n)
	}
	k.groups = adjusted(nil, kinds)
	c.tally.Store(k) // while nobody can change a phone
	return k
}

// heardUntil returns the end of a time from now on in which a phone does not fall
// silent, to at the latest.
func heardUntil(contact instant, now, to time.Time) time.Time {
	if silent := contact.time().Add(silentAfter); silent.Before(to) && !now.After(silent) {
		return silent
	}
	return to
}

// recount takes up in the counts what a phone that is known now changes in them. The
// caller holds c.mu.
func (c *census) recount(before, after *member) {
	k := c.tally.Load()
	if k == nil {
		return
	}
	groups, to := k.groups, k.to
	if after != nil {
		to = heardUntil(after.contact, k.from, k.to)
	}
	if !k.same(before, after) {
		kinds := map[phoneKind]count{}
		if before != nil {
			of := phoneKindOf(&before.look.phone)
			kinds[of] = kinds[of].minus(countOf(before.contact, k.from))
		}
		if after != nil {
			of := phoneKindOf(&after.look.phone)
			kinds[of] = kinds[of].plus(countOf(after.contact, k.from))
		}
		groups = adjusted(k.groups, kinds)
	} else if to.Equal(k.to) {
		return
	}
	c.tally.Store(&counts{groups: groups, from: k.from, to: to})
}

// same reports whether a phone counts as it did before.
func (k *counts) same(before, after *member) bool {
	return before != nil && after != nil && countOf(before.contact, k.from) == countOf(after.contact, k.from) &&
		(before.look == after.look || phoneKindOf(&before.look.phone) == phoneKindOf(&after.look.phone))
}

// counted returns the counts of every group, with phones counted as something else
// than they are known as. It costs a look at these phones, not at every phone.
func (c *census) counted(now time.Time, instead ...storage.Phone) map[string][]policy.Census {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k := c.countsLocked(now)
	kinds := map[phoneKind]count{}
	for _, p := range instead {
		if i, known := c.index[p.UDID]; known {
			of := phoneKindOf(&c.members[i].look.phone)
			kinds[of] = kinds[of].minus(countOf(c.members[i].contact, now))
		}
		of := phoneKindOf(&p)
		kinds[of] = kinds[of].plus(countOf(instantOf(p.Contact), now))
	}
	return adjusted(k.groups, kinds)
}

// countedBack is counted with the phones that are in no group's production back in that
// of the group where they were last; nil where there are none. Every edit of the records
// asks for it, so that it copies no phone.
func (c *census) countedBack(now time.Time) map[string][]policy.Census {
	c.mu.RLock()
	defer c.mu.RUnlock()
	k, kinds := c.countsLocked(now), map[phoneKind]count{}
	for i := range c.members {
		p := &c.members[i].look.phone
		if p.Former == "" {
			continue
		}
		of, one := phoneKindOf(p), countOf(c.members[i].contact, now)
		kinds[of] = kinds[of].minus(one)
		of.group, of.ring = p.Former, storage.RingProduction
		kinds[of] = kinds[of].plus(one)
	}
	if len(kinds) == 0 {
		return nil
	}
	return adjusted(k.groups, kinds)
}

// adjusted returns counts as gates take them, by group, with more or fewer phones of
// some kinds. Who is in no group counts nowhere.
func adjusted(groups map[string][]policy.Census, kinds map[phoneKind]count) map[string][]policy.Census {
	out, own := make(map[string][]policy.Census, len(groups)), map[string]bool{}
	maps.Copy(out, groups)
	for k, n := range kinds {
		if k.group == "" || n == (count{}) {
			continue
		}
		if !own[k.group] {
			own[k.group], out[k.group] = true, slices.Clone(out[k.group])
		}
		if out[k.group] = adjustedRows(out[k.group], k, n); len(out[k.group]) == 0 {
			delete(out, k.group)
		}
	}
	return out
}

// adjustedRows changes the rows of one group.
func adjustedRows(list []policy.Census, k phoneKind, n count) []policy.Census {
	row := policy.Census{Ring: policy.Ring(k.ring), Model: k.model, OSVersion: version.WithExtra(k.os, k.letters)}
	i := slices.IndexFunc(list, func(r policy.Census) bool {
		return r.Ring == row.Ring && r.Model == row.Model && r.OSVersion == row.OSVersion
	})
	if i < 0 {
		i, list = len(list), append(list, row)
	}
	list[i].Count += n.all
	list[i].Silent += n.silent
	if list[i].Count == 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}

// count is how many phones there are, and how many of them are silent.
type count struct{ all, silent int }

// countOf returns the count of one phone by when it was last heard of.
func countOf(contact instant, now time.Time) count {
	if now.Sub(contact.time()) > silentAfter {
		return count{1, 1}
	}
	return count{1, 0}
}

func (n count) plus(m count) count { return count{n.all + m.all, n.silent + m.silent} }

func (n count) minus(m count) count { return count{n.all - m.all, n.silent - m.silent} }
