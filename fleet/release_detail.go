package fleet

import (
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ReleaseDetail is one release with what a person deciding about it looks up.
type ReleaseDetail struct {
	ReleaseView
	Fixes   []string        `json:"fixes"`   // identifiers of the flaws it fixes, sorted
	Windows []ReleaseWindow `json:"windows"` // by model
	Groups  []ReleaseGroup  `json:"groups"`  // groups that have a gate for it, by name
}

// ReleaseWindow says when one model can get a release. Dates are good to about
// a day and left out where they are not known.
type ReleaseWindow struct {
	Model       string `json:"model"`
	Posted      string `json:"posted,omitempty"`
	LeftPublic  string `json:"left_public,omitempty"`       // Apple stopped offering it to everybody
	Installable string `json:"installable_until,omitempty"` // last day; absent while nobody knows it
	Offered     bool   `json:"offered"`                     // Apple offers it to everybody, by the server's clock
}

// ReleaseGroup is where one group stands with a release.
type ReleaseGroup struct {
	Group   string   `json:"group"`
	Phase   string   `json:"phase"`
	Missing []string `json:"missing"` // bundle identifiers of the apps it waits for
	Next    string   `json:"next_human,omitempty"`
}

// Release returns one release, or a *NotFoundError naming near ones.
func (f *Fleet) Release(seg storage.Segment, version string) (ReleaseDetail, error) {
	w, err := f.world(seg)
	if err != nil {
		return ReleaseDetail{}, err
	}
	s := w.current.Load()
	r, err := s.release(version)
	if err != nil {
		return ReleaseDetail{}, err
	}
	d := ReleaseDetail{ReleaseView: releaseView(w, r), Fixes: []string{}, Windows: []ReleaseWindow{}, Groups: []ReleaseGroup{}}
	for _, c := range r.CVEs {
		d.Fixes = append(d.Fixes, c.ID)
	}
	now := f.now()
	for _, m := range r.Models {
		window := ReleaseWindow{Model: m.Model}
		if posted := r.PostedFor(m.Model); !posted.IsZero() {
			window.Posted = posted.String()
		}
		if !m.LeftPublic.IsZero() {
			window.LeftPublic = m.LeftPublic.String()
		}
		end, ends := s.catalog.ShelfLife(r.Version, m.Model)
		if ends {
			window.Installable = end.String()
		}
		// Of one that another replaced, the day on which it left is not always known.
		public := m.LeftPublic.IsZero() && !ends || m.LeftPublic.Time(time.UTC).After(now)
		window.Offered = public && !r.PostedFor(m.Model).IsZero() && !r.PostedFor(m.Model).Time(time.UTC).After(now)
		d.Windows = append(d.Windows, window)
	}
	world := s.withCensus(w.census, now)
	for _, name := range world.GroupNames() {
		for _, gate := range policy.Gates(world, name, now) {
			if gate.Release == r.Version {
				d.Groups = append(d.Groups, ReleaseGroup{
					Group: name, Phase: string(gate.Phase), Missing: append([]string{}, gate.WaitsFor()...), Next: string(gate.NextHuman),
				})
			}
		}
	}
	return d, nil
}
