package catalog

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Catalog is an immutable set of releases with their sources. The zero Catalog
// is empty and ready for use.
type Catalog struct {
	releases []Release      // newest version first
	index    map[string]int // canonical version -> position in releases
	names    map[string]string
	kev      map[string]Date
	sources  []Source // sorted by kind
}

// Source records the newest accepted copy of one kind of input.
type Source struct {
	Kind      Kind
	FetchedAt time.Time // UTC
	Digest    string    // SHA-256 of the file, hexadecimal
	Entries   int       // rows that concern this catalogue
	Newest    Date      // newest posting date, or date added for KEV
	// LastExpiry is the latest ExpirationDate in a GDMF copy. Apple rolls it
	// forward daily, so it tells a new copy from an old one even after a release
	// was withdrawn.
	LastExpiry Date
}

// Contents is everything in a Catalog, for building one from parts.
type Contents struct {
	Releases []Release
	Models   map[string]string // hardware identifier -> marketing name
	KEV      map[string]Date   // CVE id -> day CISA added it
	Sources  []Source
}

// New builds a catalogue. It copies the contents, sorts them, derives the class
// of each release and the KEV flags of its CVEs. Versions that do not parse or
// occur twice, and repeated models, builds or sources are errors.
func New(contents Contents) (*Catalog, error) {
	c := &Catalog{
		releases: make([]Release, 0, len(contents.Releases)),
		index:    make(map[string]int, len(contents.Releases)),
		names:    maps.Clone(contents.Models),
		kev:      maps.Clone(contents.KEV),
		sources:  slices.Clone(contents.Sources),
	}
	for _, r := range contents.Releases {
		if !version.Valid(r.Version) {
			return nil, fmt.Errorf("build catalogue: %q is not a version", r.Version)
		}
		r = r.clone()
		if err := c.normalise(&r); err != nil {
			return nil, fmt.Errorf("build catalogue: release %s: %w", r.Version, err)
		}
		c.releases = append(c.releases, r)
	}
	slices.SortFunc(c.releases, func(a, b Release) int { return version.Order(b.Version, a.Version) })
	for i, r := range c.releases {
		key := canonical(r.Version)
		if _, dup := c.index[key]; dup {
			return nil, fmt.Errorf("build catalogue: release %s occurs twice", r.Version)
		}
		c.index[key] = i
	}
	slices.SortFunc(c.sources, func(a, b Source) int { return strings.Compare(string(a.Kind), string(b.Kind)) })
	for i := range c.sources {
		c.sources[i].FetchedAt = c.sources[i].FetchedAt.UTC()
		if i > 0 && c.sources[i].Kind == c.sources[i-1].Kind {
			return nil, fmt.Errorf("build catalogue: source %s occurs twice", c.sources[i].Kind)
		}
	}
	return c, nil
}

// normalise sorts the parts of r and fills in what follows from the rest.
func (c *Catalog) normalise(r *Release) error {
	r.Class = ClassOf(r.Version)
	slices.SortFunc(r.Models, func(a, b ModelFacts) int { return strings.Compare(a.Model, b.Model) })
	slices.SortFunc(r.Builds, func(a, b Build) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(r.CVEs, func(a, b CVE) int { return strings.Compare(a.ID, b.ID) })
	for i := 1; i < len(r.Models); i++ {
		if r.Models[i].Model == r.Models[i-1].Model {
			return fmt.Errorf("model %s occurs twice", r.Models[i].Model)
		}
	}
	for i := 1; i < len(r.Builds); i++ {
		if r.Builds[i].ID == r.Builds[i-1].ID {
			return fmt.Errorf("build %s occurs twice", r.Builds[i].ID)
		}
	}
	for i := range r.Builds {
		slices.Sort(r.Builds[i].Models)
		r.Builds[i].Models = slices.Compact(r.Builds[i].Models)
	}
	r.CVEs = slices.CompactFunc(r.CVEs, func(a, b CVE) bool { return a.ID == b.ID })
	for i := range r.CVEs {
		if r.CVEs[i].ID == "" {
			return errors.New("a CVE has no id")
		}
		if added, ok := c.kev[r.CVEs[i].ID]; ok {
			r.CVEs[i].KEV, r.CVEs[i].KEVAdded = true, added
		}
	}
	return nil
}

// Contents returns a deep copy of everything in the catalogue.
func (c *Catalog) Contents() Contents {
	releases := make([]Release, len(c.releases))
	for i, r := range c.releases {
		releases[i] = r.clone()
	}
	return Contents{
		Releases: releases,
		Models:   maps.Clone(c.names),
		KEV:      maps.Clone(c.kev),
		Sources:  slices.Clone(c.sources),
	}
}

// Releases returns every release, newest version first. The slice is the
// caller's; what its elements point to is shared and must not be changed.
func (c *Catalog) Releases() []Release { return slices.Clone(c.releases) }

// Release returns the release of a version; "26" finds "26.0".
func (c *Catalog) Release(v string) (Release, bool) {
	i, ok := c.find(v)
	if !ok {
		return Release{}, false
	}
	return c.releases[i], true
}

func (c *Catalog) find(v string) (int, bool) {
	if !version.Valid(v) {
		return 0, false
	}
	i, ok := c.index[canonical(v)]
	return i, ok
}

// Models returns Apple's marketing names by hardware identifier. The map is the
// caller's. A release may name models that have no marketing name here.
func (c *Catalog) Models() map[string]string {
	names := maps.Clone(c.names)
	if names == nil {
		names = map[string]string{}
	}
	return names
}

// Sources returns the newest accepted copy of each kind of input, sorted by
// kind.
func (c *Catalog) Sources() []Source { return slices.Clone(c.sources) }

// Source returns the newest accepted copy of one kind.
func (c *Catalog) Source(kind Kind) (Source, bool) {
	for _, s := range c.sources {
		if s.Kind == kind {
			return s, true
		}
	}
	return Source{}, false
}

// Synthetic returns a catalogue with the given releases added and marked
// synthetic, replacing synthetic ones of the same version. It is an error to
// replace a release that Apple published.
func (c *Catalog) Synthetic(releases ...Release) (*Catalog, error) {
	contents := c.Contents()
	for _, r := range releases {
		if old, ok := c.Release(r.Version); ok && !old.Synthetic {
			return nil, fmt.Errorf("add synthetic release: %s is a real release", r.Version)
		}
		contents.Releases = slices.DeleteFunc(contents.Releases, func(have Release) bool {
			return version.Equal(have.Version, r.Version)
		})
		r.Synthetic = true
		contents.Releases = append(contents.Releases, r)
	}
	return New(contents)
}
