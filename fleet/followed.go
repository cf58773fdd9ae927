package fleet

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// followed are the releases whose rollouts can show something, by group: those
// that a production phone runs or was told to install, and those with an open
// report. Approvals stand for years; of most of them there is nothing to see any
// more, and what looks at rollouts leaves them out by this.
type followed map[string][]string

func (f followed) add(group, release string) {
	if release != "" && !slices.Contains(f[group], release) {
		f[group] = append(f[group], release)
	}
}

func (f followed) has(a storage.Approval) bool {
	return slices.ContainsFunc(f[a.Group], func(release string) bool { return version.Equal(release, a.Release) })
}

// followed returns the releases whose rollouts can show something. It costs a
// look at each look, not at each phone.
func (c *census) followed(s *snapshot) followed {
	f := followed{}
	c.mu.RLock()
	for l := range c.looks.all() {
		p := &l.phone
		if p.Ring != storage.RingProduction || p.State != storage.PhoneEnrolled {
			continue
		}
		f.add(p.Group, s.runs(p))
		if e := p.Announced.Enforcement; e != nil && e.Source == string(policy.SourceApproval) {
			f.add(p.Group, e.Release)
		}
	}
	c.mu.RUnlock()
	for _, p := range s.records.Problems {
		if p.ClosedAt.IsZero() {
			f.add(p.Group, p.Release)
		}
	}
	return f
}
