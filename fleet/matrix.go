package fleet

import (
	"cmp"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Matrix is how far the apps of one group are on its releases.
type Matrix struct {
	Group    string      `json:"group"`
	Releases []string    `json:"releases"`        // newest first: those with a gate, and those with a result
	Betas    []string    `json:"betas,omitempty"` // those of Releases that Apple has not posted, of which there are results on betas
	Apps     []MatrixRow `json:"apps"`            // sorted by bundle identifier
}

// MatrixRow is one app.
type MatrixRow struct {
	BundleID   string       `json:"bundle_id"`
	Name       string       `json:"name"`
	Importance string       `json:"importance"`
	Cells      []MatrixCell `json:"cells"` // in the order of Matrix.Releases
}

// MatrixCell is one app on one release, and the result it rests on.
type MatrixCell struct {
	Release string    `json:"release"`
	State   string    `json:"state"`
	Why     string    `json:"why,omitempty"`
	Verdict string    `json:"verdict,omitempty"`
	Method  string    `json:"method,omitempty"`
	By      string    `json:"by,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Matrices returns the results of one group, or of all when it is "".
func (f *Fleet) Matrices(seg storage.Segment, group string) ([]Matrix, error) {
	out := []Matrix{}
	err := f.eachGroup(seg, group, func(s *snapshot, world *policy.World, name string, now time.Time) {
		out = append(out, matrix(s, world, name, now))
	})
	return out, err
}

// Coverage returns how much of production the verification phones of one group
// stand for, or those of all groups when it is "".
func (f *Fleet) Coverage(seg storage.Segment, group string) ([]policy.Coverage, error) {
	out := []policy.Coverage{}
	err := f.eachGroup(seg, group, func(_ *snapshot, world *policy.World, name string, _ time.Time) {
		out = append(out, policy.Covers(world, name))
	})
	return out, err
}

func matrix(s *snapshot, world *policy.World, group string, now time.Time) Matrix {
	m := Matrix{Group: group, Releases: []string{}, Apps: []MatrixRow{}}
	by, early := map[string]storage.Verdict{}, s.headStarts(group, now)
	for _, gate := range policy.Gates(world, group, now) {
		m.Releases = append(m.Releases, gate.Release)
	}
	for _, v := range s.records.Verdicts {
		by[v.ID] = v
		if _, known := s.catalog.Release(v.Release); known && v.Group == group {
			m.Releases = append(m.Releases, v.Release)
		}
	}
	for _, v := range early {
		if _, known := s.catalog.Release(v.Release); !known {
			m.Releases, m.Betas = append(m.Releases, v.Release), append(m.Betas, v.Release)
		}
	}
	m.Releases, m.Betas = newestReleases(m.Releases), newestReleases(m.Betas)
	g, _ := world.Group(group)
	for _, bundleID := range g.Apps {
		if app, err := s.app(bundleID); err == nil {
			m.Apps = append(m.Apps, MatrixRow{BundleID: bundleID, Name: app.Name, Importance: app.Importance, Cells: []MatrixCell{}})
		}
	}
	for _, release := range m.Releases {
		gate := policy.Evaluate(world, group, release, now)
		for i := range m.Apps {
			row := &m.Apps[i]
			row.Cells = append(row.Cells, cellOf(gate, row.BundleID, by, early))
		}
	}
	return m
}

func newestReleases(list []string) []string {
	slices.SortFunc(list, func(a, b string) int { return version.Order(b, a) })
	return slices.Compact(list)
}

// cellOf returns how far an app is at a gate. Where nobody has tested the release
// itself it is what a beta showed.
func cellOf(gate policy.Gate, bundleID string, by map[string]storage.Verdict, early []storage.Verdict) MatrixCell {
	app := policy.AppState{State: policy.StatusUntested, Why: policy.WhyNoVerdict} // at a release that is to come
	if i := slices.IndexFunc(gate.Apps, func(a policy.AppState) bool { return a.BundleID == bundleID }); i >= 0 {
		app = gate.Apps[i]
	}
	cell := MatrixCell{Release: gate.Release, State: string(app.State), Why: string(app.Why), Verdict: app.Verdict}
	if v, ok := headStart(early, bundleID, gate.Release); ok && app.State == policy.StatusUntested {
		cell.State, cell.Why, cell.Verdict = betaState(v), string(policy.WhyBeta), v.ID
	}
	if v, ok := by[cell.Verdict]; ok {
		cell.Method, cell.By, cell.At = cmp.Or(v.Method, string(policy.MethodFull)), v.By, v.At
	}
	return cell
}
