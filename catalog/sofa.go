package catalog

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// cvePattern is the form of a CVE id (CVE Program, "CVE ID syntax").
var cvePattern = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,19}$`)

// sofaProduct is the ProductName of the releases we hold. SOFA publishes feeds
// of the same shape for macOS, tvOS and others.
const sofaProduct = "iOS and iPadOS"

// importSOFA adds from a SOFA v2 feed what Apple's security pages say: dates,
// CVEs, exploited flags, links and marketing names. SOFA copies builds, models
// and expiry from Apple's list; the list itself stays the authority for when a
// release can be installed, so ExpirationDate is not read.
func (c *Catalog) importSOFA(root *node, src Source, report *Report) (*Catalog, error) {
	d := c.draft()
	s := sofaImport{d: d, report: report}
	top := &fields{n: root}
	top.need("OSVersions")
	branches := top.items("OSVersions")
	if top.err != nil {
		return nil, top.err
	}
	for _, n := range branches {
		if err := s.branch(n); err != nil {
			return nil, err
		}
	}
	if improvements := root.get("BackgroundSecurityImprovements"); improvements != nil {
		if err := s.improvements(improvements); err != nil {
			return nil, err
		}
	}
	if devices := root.get("Devices"); devices != nil {
		if err := s.devices(devices); err != nil {
			return nil, err
		}
	}
	src.Entries, src.Newest = s.rows, s.newest
	if s.rows == 0 && len(report.Skipped) > 0 {
		return nil, fmt.Errorf("%w: %w", ErrEmptyFeed, inputError("", "no-release-of", fmt.Sprintf("no release of %q (first: %s)", sofaProduct, report.Skipped[0]),
			"value", sofaProduct, "first", report.Skipped[0]))
	}
	stale, err := c.admit(src, report)
	if err != nil {
		return nil, err
	}
	if stale {
		maps.Copy(d.names, c.names) // the newer copy's names stay
	} else {
		d.sources[SOFA] = src
	}
	return d.catalog()
}

type sofaImport struct {
	d      *draft
	report *Report
	rows   int
	newest Date
}

func (s *sofaImport) branch(n *node) error {
	f := &fields{n: n}
	f.need("SecurityReleases")
	rows := f.items("SecurityReleases")
	// Latest repeats one of the rows and is not always the highest version, but
	// were it ever missing from them it should not be lost.
	latestRow := f.optional("Latest")
	if f.err != nil {
		return f.err
	}
	s.rows += len(rows)
	if latestRow != nil {
		rows = append(slices.Clone(rows), latestRow)
	}
	for _, row := range rows {
		ours, err := s.release(row)
		if err != nil {
			return err
		}
		if !ours && row != latestRow {
			s.rows--
		}
	}
	return nil
}

// release reads one row of a branch. It reports false for another product.
func (s *sofaImport) release(n *node) (bool, error) {
	f := &fields{n: n}
	v, product := f.text("ProductVersion"), f.text("ProductName")
	if f.err != nil {
		return false, f.err
	}
	if product != sofaProduct {
		s.report.Skipped = append(s.report.Skipped, fmt.Sprintf("%s: %s %s", n.path(), clip(product), clip(v)))
		return false, nil
	}
	if !version.Valid(v) {
		return false, n.get("ProductVersion").fail("not-a-version", fmt.Sprintf("%q is not a version", clip(v)), "value", clip(v))
	}
	posted := f.date("ReleaseDate")
	models := ours(f.texts("SupportedDevices"))
	builds := append(f.texts("AllBuilds"), f.optText("Build"))
	if f.err != nil {
		return false, f.err
	}
	r := s.d.release(v)
	s.add(r, posted, models)
	for _, b := range builds {
		if runsOnPhones(b) {
			r.addBuild(b, "", nil)
		}
	}
	return true, s.security(n, r)
}

// security reads what Apple's security page of a release says, and where it is.
func (s *sofaImport) security(n *node, r *Release) error {
	f := &fields{n: n}
	link := f.optText("SecurityInfo")
	exploited := f.texts("ActivelyExploitedCVEs")
	if f.err != nil {
		return f.err
	}
	switch {
	case strings.HasPrefix(link, "https://"):
		r.SecurityURL = link
	case link != "":
		s.report.Warnings = append(s.report.Warnings, Warning{WarningNoHTTPS, map[string]string{ParamPlace: n.path() + ".SecurityInfo"}})
	}
	if err := addCVEs(r, n.get("ActivelyExploitedCVEs"), exploited, true); err != nil {
		return err
	}
	return cves(n.get("CVEs"), r)
}

// addCVEs adds the flaws of a list.
func addCVEs(r *Release, list *node, ids []string, exploited bool) error {
	for _, id := range ids {
		if !cvePattern.MatchString(id) {
			return list.fail("not-a-cve", fmt.Sprintf("%q is not a CVE id", clip(id)), "value", clip(id))
		}
		r.addCVE(CVE{ID: id, Exploited: exploited})
	}
	return nil
}

func (s *sofaImport) add(r *Release, posted Date, models []string) {
	s.newest = latest(s.newest, posted)
	r.Posted = earliest(r.Posted, posted)
	for _, m := range models {
		f := r.model(m)
		f.Posted = earliest(f.Posted, posted)
	}
}

// cves reads the flaws that a release fixes: a table with what is known of each, or, for
// an improvement, a list (schema of SOFA's feeds, BackgroundSecurityImprovement).
func cves(table *node, r *Release) error {
	if table == nil {
		return nil
	}
	if _, list := table.value.([]*node); list {
		ids, err := table.texts()
		if err != nil {
			return err
		}
		return addCVEs(r, table, ids, false)
	}
	entries, err := table.object()
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(entries)) {
		entry := entries[id]
		if !cvePattern.MatchString(id) {
			return table.fail("not-a-cve", fmt.Sprintf("%q is not a CVE id", clip(id)), "value", clip(id))
		}
		flags := &fields{n: entry}
		r.addCVE(CVE{ID: id, Exploited: flags.flag("ActivelyExploited"), KEV: flags.flag("InKEV")})
		if flags.err != nil {
			return flags.err
		}
	}
	return nil
}

func (s *sofaImport) improvements(n *node) error {
	majors, err := n.object()
	if err != nil {
		return err
	}
	for _, major := range slices.Sorted(maps.Keys(majors)) {
		rows, err := majors[major].array()
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := s.improvement(row); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sofaImport) improvement(n *node) error {
	f := &fields{n: n}
	v := joinExtra(f.text("Version"), f.text("VersionExtra"))
	build, prerequisite := f.text("Build"), f.optText("PrerequisiteBuild")
	posted := f.date("PostingDate")
	models := ours(f.texts("SupportedDevices"))
	if f.err != nil {
		return f.err
	}
	if !version.Valid(v) || ClassOf(v) != Improvement {
		return n.fail("not-an-improvement", fmt.Sprintf("%q is not the version of an improvement", clip(v)), "value", clip(v))
	}
	r := s.d.release(v)
	s.add(r, posted, models)
	r.addBuild(build, prerequisite, nil)
	return s.security(n, r)
}

func (s *sofaImport) devices(n *node) error {
	entries, err := n.object()
	if err != nil {
		return err
	}
	for _, model := range slices.Sorted(maps.Keys(entries)) {
		f := &fields{n: entries[model]}
		name := f.optText("MarketingName")
		if f.err != nil {
			return f.err
		}
		if _, ok := PlatformOf(model); ok && name != "" && len(model) <= maxText {
			s.d.names[model] = name
		}
	}
	return nil
}

// runsOnPhones tells the builds of iOS from those of watchOS and tvOS, which
// SOFA mixes up when the version numbers are equal (26.6: 23G71, 23U67, 23L773).
// Apple's train letter, the first after the number, has been A to I for iOS and
// iPadOS, J and later for the others, in every copy of its list.
func runsOnPhones(build string) bool {
	i := strings.IndexFunc(build, func(r rune) bool { return r < '0' || r > '9' })
	return i > 0 && build[i] >= 'A' && build[i] <= 'I'
}
