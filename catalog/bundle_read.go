package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxExpanded bounds the models of all releases and builds together: a short
// file could otherwise refer to one long list very often.
const maxExpanded = 1_000_000

// Unmarshal reads a bundle. Errors are InputErrors with the place, or say what
// New refused.
func Unmarshal(data []byte) (*Catalog, error) {
	root, err := parseJSON(data)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	c, err := readBundle(root)
	if err != nil {
		return nil, fmt.Errorf("read bundle: %w", err)
	}
	return c, nil
}

// importBundle merges another catalogue. What has left Apple's list is taken
// from the one with the newer copy of it.
func (c *Catalog) importBundle(root *node, report *Report) (*Catalog, error) {
	other, err := readBundle(root)
	if err != nil {
		return nil, err
	}
	if len(other.releases) == 0 {
		return nil, ErrEmptyFeed
	}
	newer := other.listDay().After(c.listDay())
	d := c.draft()
	for _, r := range other.releases {
		if r.Synthetic {
			report.Skipped = append(report.Skipped, r.Version+": synthetic release")
			continue
		}
		d.merge(r, newer)
	}
	for model, name := range other.names {
		if _, known := d.names[model]; newer || !known {
			d.names[model] = name
		}
	}
	for id, added := range other.kev {
		d.kev[id] = earliest(d.kev[id], added)
	}
	for _, s := range other.sources {
		if have, ok := d.sources[s.Kind]; !ok || s.FetchedAt.After(have.FetchedAt) {
			d.sources[s.Kind] = s
		}
	}
	return d.catalog()
}

// merge adds the facts of one release of another catalogue.
func (d *draft) merge(other Release, newer bool) {
	r := d.release(other.Version)
	r.Posted = earliest(r.Posted, other.Posted)
	if other.SecurityURL != "" && (newer || r.SecurityURL == "") {
		r.SecurityURL = other.SecurityURL
	}
	for _, b := range other.Builds {
		r.addBuild(b.ID, b.Prerequisite, b.Models)
	}
	for _, cve := range other.CVEs {
		r.addCVE(cve)
	}
	for _, theirs := range other.Models {
		have, known := r.Facts(theirs.Model)
		f := r.model(theirs.Model)
		merged := have
		if !known || (theirs.Listed && (newer || !have.Listed)) {
			merged = theirs
		}
		merged.Posted = earliest(have.Posted, theirs.Posted)
		merged.Inferred = theirs.Inferred && (!known || have.Inferred)
		*f = merged
	}
}

func readBundle(root *node) (*Catalog, error) {
	f := &fields{n: root}
	format, v := f.text("format"), f.count("version")
	switch {
	case f.err != nil:
		return nil, f.err
	case format != bundleFormat:
		return nil, root.fail("other-format", fmt.Sprintf("format is %q, not %q", clip(format), bundleFormat), "value", clip(format), "want", bundleFormat)
	case v != bundleVersion:
		return nil, root.fail("other-bundle", fmt.Sprintf("bundle version %d is not %d", v, bundleVersion), "value", strconv.Itoa(v), "want", strconv.Itoa(bundleVersion))
	}
	contents := Contents{Models: map[string]string{}, KEV: map[string]Date{}}
	if err := readBundleHead(f, &contents); err != nil {
		return nil, err
	}
	lists := &modelTable{}
	for _, n := range f.items("lists") {
		models, err := n.texts()
		if err != nil {
			return nil, err
		}
		lists.lists = append(lists.lists, ours(models))
	}
	for _, n := range f.items("releases") {
		r, err := readBundleRelease(n, lists)
		if err != nil {
			return nil, err
		}
		contents.Releases = append(contents.Releases, r)
	}
	if f.err != nil {
		return nil, f.err
	}
	return New(contents)
}

func readBundleHead(f *fields, contents *Contents) error {
	for _, n := range f.items("sources") {
		s := &fields{n: n}
		src := Source{
			Kind: Kind(s.text("kind")), Digest: s.text("digest"), Entries: s.count("entries"),
			Newest: s.optDate("newest"), LastExpiry: s.optDate("lastExpiry"),
		}
		fetched := s.text("fetchedAt")
		if s.err != nil {
			return s.err
		}
		at, err := time.Parse(time.RFC3339Nano, fetched)
		if err != nil {
			return n.get("fetchedAt").fail("not-a-time", fmt.Sprintf("%q is not a time", clip(fetched)), "value", clip(fetched))
		}
		if !slices.Contains([]Kind{GDMF, SOFA, KEV}, src.Kind) {
			return n.get("kind").fail("not-a-source", fmt.Sprintf("%q is not a kind of source", clip(string(src.Kind))), "value", clip(string(src.Kind)))
		}
		src.FetchedAt = at
		contents.Sources = append(contents.Sources, src)
	}
	for _, table := range []string{"models", "kev"} {
		n := f.optional(table)
		if n == nil {
			continue
		}
		entries, err := n.object()
		if err != nil {
			return err
		}
		for _, key := range slices.Sorted(maps.Keys(entries)) {
			switch {
			case table == "models":
				contents.Models[key], err = entries[key].text()
			case cvePattern.MatchString(key):
				contents.KEV[key], err = entries[key].date()
			default:
				err = n.fail("not-a-cve", fmt.Sprintf("%q is not a CVE id", clip(key)), "value", clip(key))
			}
			if err != nil {
				return err
			}
		}
	}
	return f.err
}

func readBundleRelease(n *node, lists *modelTable) (Release, error) {
	f := &fields{n: n}
	r := Release{
		Version: f.text("version"), Synthetic: f.flag("synthetic"), Posted: f.optDate("posted"),
		SecurityURL: f.optText("securityURL"),
	}
	if r.SecurityURL != "" && !strings.HasPrefix(r.SecurityURL, "https://") {
		return Release{}, n.fail("not-https", "securityURL is not an https address")
	}
	for _, item := range f.items("builds") {
		b := &fields{n: item}
		r.Builds = append(r.Builds, Build{
			ID: b.text("id"), Prerequisite: b.optText("prerequisite"), Models: lists.field(b),
		})
		if b.err != nil {
			return Release{}, b.err
		}
	}
	for _, item := range f.items("facts") {
		g := &fields{n: item}
		shared := ModelFacts{
			Posted: g.optDate("posted"), Listed: g.flag("listed"), LeftPublic: g.optDate("leftPublic"),
			LeftAssets: g.optDate("leftAssets"), PrintedExpiry: g.optDate("printedExpiry"), Inferred: g.flag("inferred"),
		}
		for _, model := range lists.field(g) {
			shared.Model = model
			r.Models = append(r.Models, shared)
		}
		if g.err != nil {
			return Release{}, g.err
		}
	}
	return r, f.readBundleCVEs(&r)
}

// modelTable is the table of model lists of a bundle being read.
type modelTable struct {
	lists    [][]string
	expanded int
}

// field resolves the field "models" of f.
func (t *modelTable) field(f *fields) []string {
	number := f.count("models")
	switch {
	case f.err != nil || number == 0:
		return nil
	case number > len(t.lists):
		f.err = f.n.fail("no-model-list", fmt.Sprintf("there is no model list %d", number), "value", strconv.Itoa(number))
		return nil
	}
	models := t.lists[number-1]
	if t.expanded += len(models); t.expanded > maxExpanded {
		f.err = f.n.fail("too-many-models", fmt.Sprintf("more than %d models in all releases together", maxExpanded), "most", strconv.Itoa(maxExpanded))
		return nil
	}
	return slices.Clone(models)
}

func (f *fields) readBundleCVEs(r *Release) error {
	ids, exploited, kev := f.texts("cves"), f.texts("exploited"), f.texts("kev")
	if f.err != nil {
		return f.err
	}
	for _, id := range slices.Concat(ids, exploited, kev) {
		if !cvePattern.MatchString(id) {
			return f.n.fail("not-a-cve", fmt.Sprintf("%q is not a CVE id", clip(id)), "value", clip(id))
		}
	}
	for _, id := range ids {
		r.CVEs = append(r.CVEs, CVE{ID: id})
	}
	slices.SortFunc(r.CVEs, func(a, b CVE) int { return strings.Compare(a.ID, b.ID) })
	r.CVEs = slices.Compact(r.CVEs)
	for _, id := range exploited {
		r.addCVE(CVE{ID: id, Exploited: true})
	}
	for _, id := range kev {
		r.addCVE(CVE{ID: id, KEV: true})
	}
	return nil
}
