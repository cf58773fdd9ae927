package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// counts are how many phones of each kind the groups have. They hold until a phone
// becomes one of another kind, comes or goes, or falls silent: what phones say each
// day changes none of that, so that gates cost no look at every phone.
type counts struct {
	groups   map[string][]policy.Census // never changed
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
	if k := c.tally.Load(); k != nil && !now.Before(k.from) && !now.After(k.to) {
		return k
	}
	k := &counts{from: now, to: now.Add(silentAfter)}
	byLook := map[*look]count{}
	for i := range c.members {
		m := &c.members[i]
		byLook[m.look] = byLook[m.look].plus(m.contact.time(), now)
		if silent := m.contact.time().Add(silentAfter); silent.Before(k.to) && !now.After(silent) {
			k.to = silent
		}
	}
	kinds := map[phoneKind]count{}
	for l, n := range byLook {
		of := phoneKindOf(&l.phone)
		kinds[of] = count{kinds[of].all + n.all, kinds[of].silent + n.silent}
	}
	k.groups = rows(kinds)
	c.tally.Store(k) // while nobody can change a phone
	return k
}

// recount forgets the counts if a phone that is known now changes them. The caller
// holds c.mu.
func (c *census) recount(before, after *member) {
	k := c.tally.Load()
	if k == nil {
		return
	}
	same := before != nil && after != nil && (before.look == after.look || phoneKindOf(&before.look.phone) == phoneKindOf(&after.look.phone)) &&
		after.contact >= before.contact && k.from.Sub(before.contact.time()) <= silentAfter
	if !same {
		c.tally.Store(nil)
	}
}

// counted returns the counts of every group, with phones counted as something else
// than they are known as.
func (c *census) counted(now time.Time, instead ...storage.Phone) map[string][]policy.Census {
	if len(instead) == 0 {
		return c.counts(now).groups
	}
	other := map[string]bool{}
	for _, p := range instead {
		other[p.UDID] = true
	}
	kinds := map[phoneKind]count{}
	for m := range c.all() {
		if k := phoneKindOf(&m.look.phone); !other[m.udid] {
			kinds[k] = kinds[k].plus(m.contact.time(), now)
		}
	}
	for _, p := range instead {
		k := phoneKindOf(&p)
		kinds[k] = kinds[k].plus(p.Contact, now)
	}
	return rows(kinds)
}

// rows returns counts as gates take them, by group. Who is in none counts nowhere.
func rows(kinds map[phoneKind]count) map[string][]policy.Census {
	out := map[string][]policy.Census{}
	for k, n := range kinds {
		if k.group != "" {
			row := policy.Census{Ring: policy.Ring(k.ring), Model: k.model, OSVersion: version.WithExtra(k.os, k.letters), Count: n.all, Silent: n.silent}
			out[k.group] = append(out[k.group], row)
		}
	}
	return out
}

// count is how many phones there are, and how many of them are silent.
type count struct{ all, silent int }

// plus returns the count with a phone last heard of at a time.
func (n count) plus(contact, now time.Time) count {
	n.all++
	if now.Sub(contact) > silentAfter {
		n.silent++
	}
	return n
}
