package catalog

import (
	"maps"
	"slices"
)

// draft is a catalogue being changed. It owns deep copies of everything.
type draft struct {
	releases map[string]*Release // canonical version -> release
	names    map[string]string
	kev      map[string]Date
	sources  map[Kind]Source
}

func (c *Catalog) draft() *draft {
	contents := c.Contents()
	d := &draft{
		releases: make(map[string]*Release, len(contents.Releases)),
		names:    contents.Models,
		kev:      contents.KEV,
		sources:  map[Kind]Source{},
	}
	if d.names == nil {
		d.names = map[string]string{}
	}
	if d.kev == nil {
		d.kev = map[string]Date{}
	}
	for i := range contents.Releases {
		d.releases[canonical(contents.Releases[i].Version)] = &contents.Releases[i]
	}
	for _, s := range contents.Sources {
		d.sources[s.Kind] = s
	}
	return d
}

func (d *draft) catalog() (*Catalog, error) {
	contents := Contents{Models: d.names, KEV: d.kev, Sources: slices.Collect(maps.Values(d.sources))}
	for _, r := range d.releases {
		contents.Releases = append(contents.Releases, *r)
	}
	return New(contents)
}

// release returns the release of a valid version, adding it if need be. A
// synthetic release gives way to the real one.
func (d *draft) release(v string) *Release {
	key := canonical(v)
	r, ok := d.releases[key]
	if !ok || r.Synthetic {
		r = &Release{Version: v}
		d.releases[key] = r
	}
	return r
}

// model returns the facts of a model, adding it if need be. The pointer is good
// until the next call. Being named by a source ends an inference.
func (r *Release) model(model string) *ModelFacts {
	i, ok := slices.BinarySearchFunc(r.Models, model, compareModel)
	if !ok {
		r.Models = slices.Insert(r.Models, i, ModelFacts{Model: model})
	}
	r.Models[i].Inferred = false
	return &r.Models[i]
}

// addBuild adds a build and the models it is known for.
func (r *Release) addBuild(id, prerequisite string, models []string) {
	i, ok := slices.BinarySearchFunc(r.Builds, id, compareBuild)
	if !ok {
		r.Builds = slices.Insert(r.Builds, i, Build{ID: id})
	}
	b := &r.Builds[i]
	if prerequisite != "" {
		b.Prerequisite = prerequisite
	}
	for _, m := range models {
		if at, known := slices.BinarySearch(b.Models, m); !known {
			b.Models = slices.Insert(b.Models, at, m)
		}
	}
}

// addCVE adds a CVE. Flags are only ever raised.
func (r *Release) addCVE(cve CVE) {
	i, ok := slices.BinarySearchFunc(r.CVEs, cve.ID, compareCVE)
	if !ok {
		r.CVEs = slices.Insert(r.CVEs, i, cve)
		return
	}
	have := &r.CVEs[i]
	have.Exploited = have.Exploited || cve.Exploited
	have.KEV = have.KEV || cve.KEV
	have.KEVAdded = earliest(have.KEVAdded, cve.KEVAdded)
}
