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
	Releases []string    `json:"releases"` // newest first: those with a gate, and those with a result
	Apps     []MatrixRow `json:"apps"`     // sorted by bundle identifier
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
	by := map[string]storage.Verdict{}
	for _, gate := range policy.Gates(world, group, now) {
		m.Releases = append(m.Releases, gate.Release)
	}
	for _, v := range s.records.Verdicts {
		by[v.ID] = v
		if _, known := s.catalog.Release(v.Release); known && v.Group == group {
			m.Releases = append(m.Releases, v.Release)
		}
	}
	slices.SortFunc(m.Releases, func(a, b string) int { return version.Order(b, a) })
	m.Releases = slices.Compact(m.Releases)
	for _, release := range m.Releases {
		for i, app := range policy.Evaluate(world, group, release, now).Apps {
			if i == len(m.Apps) {
				m.Apps = append(m.Apps, MatrixRow{BundleID: app.BundleID, Name: app.Name, Importance: string(app.Importance)})
			}
			cell := MatrixCell{Release: release, State: string(app.State), Why: string(app.Why), Verdict: app.Verdict}
			if v, ok := by[app.Verdict]; ok {
				cell.Method, cell.By, cell.At = cmp.Or(v.Method, string(policy.MethodFull)), v.By, v.At
			}
			m.Apps[i].Cells = append(m.Apps[i].Cells, cell)
		}
	}
	return m
}
