package catalog

import (
	"fmt"
	"slices"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// gdmfCopy is what one copy of Apple's list says about our platform.
//
// Apple's text calls AssetSets a subset of PublicAssetSets; in every copy seen
// it is the larger list. So PublicAssetSets is what users are offered, and the
// union of both is what can be installed.
type gdmfCopy struct {
	rows []gdmfRow
	// improvements tells whether the copy has that list at all: the key changed
	// its name once, and an unknown name must not look like an empty list.
	improvements bool
}

type gdmfRow struct {
	version, build, prerequisite string
	posted, expiry               Date
	models                       []string
	public                       bool
}

// listing is one model of one version in a copy.
type listing struct {
	version string // canonical
	model   string
}

// listed sums up all rows of a listing.
type listed struct {
	public bool
	expiry Date
}

func (c *Catalog) importGDMF(root *node, src Source, report *Report) (*Catalog, error) {
	copied, err := parseGDMF(root, report)
	if err != nil {
		return nil, err
	}
	src.Entries = len(copied.rows)
	for _, row := range copied.rows {
		src.Newest = latest(src.Newest, row.posted)
		src.LastExpiry = latest(src.LastExpiry, row.expiry)
	}
	stale, err := c.admit(src, report)
	if err != nil {
		return nil, err
	}
	d := c.draft()
	seen := d.addRows(copied)
	// Which release replaced which is known only once all rows are in.
	withRows, err := d.catalog()
	if err != nil {
		return nil, err
	}
	m := gdmfMerge{before: c, after: withRows, seen: seen, copied: copied, day: DateOf(src.FetchedAt)}
	if stale {
		m.addOld(d)
	} else {
		m.update(d)
		d.sources[GDMF] = src
	}
	return d.catalog()
}

func parseGDMF(root *node, report *Report) (gdmfCopy, error) {
	var copied gdmfCopy
	// A required list that is missing would look as if every release had left it.
	for _, name := range []string{"PublicAssetSets", "AssetSets"} {
		top := &fields{n: root}
		sets := top.need(name)
		if top.err != nil {
			return gdmfCopy{}, top.err
		}
		inside := &fields{n: sets}
		if inside.need("iOS"); inside.err != nil {
			return gdmfCopy{}, inside.err
		}
		if err := copied.addList(sets, name == "PublicAssetSets", report); err != nil {
			return gdmfCopy{}, err
		}
	}
	for _, name := range []string{
		"PublicBackgroundSecurityImprovements",
		"PublicRapidSecurityResponses", // the older name
	} {
		sets := root.get(name)
		if sets == nil {
			continue
		}
		copied.improvements = true
		if err := copied.addList(sets, true, report); err != nil {
			return gdmfCopy{}, err
		}
	}
	return copied, nil
}

func (copied *gdmfCopy) addList(sets *node, public bool, report *Report) error {
	if _, err := sets.object(); err != nil {
		return err
	}
	f := &fields{n: sets}
	rows := f.items("iOS")
	if f.err != nil {
		return f.err
	}
	for _, n := range rows {
		row, ok, err := parseGDMFRow(n, report)
		if err != nil {
			return err
		}
		row.public = public
		if ok {
			copied.rows = append(copied.rows, row)
		}
	}
	return nil
}

func parseGDMFRow(n *node, report *Report) (gdmfRow, bool, error) {
	f := &fields{n: n}
	f.need("SupportedDevices")
	models := ours(f.texts("SupportedDevices"))
	row := gdmfRow{
		version:      f.text("ProductVersion"),
		build:        f.text("Build"),
		prerequisite: f.optText("PrerequisiteBuild"),
		models:       models,
	}
	if f.err == nil && len(models) == 0 {
		report.Skipped = append(report.Skipped,
			fmt.Sprintf("%s: %s (%s) is not for an iPhone, iPad or iPod touch", n.path(), clip(row.version), clip(row.build)))
		return gdmfRow{}, false, nil
	}
	row.posted = f.date("PostingDate")
	row.expiry = f.optDate("ExpirationDate")
	row.version = joinExtra(row.version, f.optText("ProductVersionExtra"))
	if f.err != nil {
		return gdmfRow{}, false, f.err
	}
	if !version.Valid(row.version) {
		return gdmfRow{}, false, n.get("ProductVersion").fail("not-a-version", fmt.Sprintf("%q is not a version", clip(row.version)), "value", clip(row.version))
	}
	return row, true, nil
}

// ours returns the models of our platform, sorted.
func ours(models []string) []string {
	models = slices.DeleteFunc(models, func(m string) bool {
		_, ok := PlatformOf(m)
		return !ok
	})
	slices.Sort(models)
	return slices.Compact(models)
}

// joinExtra writes an improvement the way phones and Apple's pages do.
func joinExtra(v, extra string) string {
	if extra == "" {
		return v
	}
	return v + " " + extra
}

// addRows adds what is true however old the copy is: releases, builds, models,
// and earlier posting dates (Apple posts a release again under a later date).
func (d *draft) addRows(copied gdmfCopy) map[listing]listed {
	seen := map[listing]listed{}
	for _, row := range copied.rows {
		r := d.release(row.version)
		r.Posted = earliest(r.Posted, row.posted)
		r.addBuild(row.build, row.prerequisite, row.models)
		for _, model := range row.models {
			f := r.model(model)
			f.Posted = earliest(f.Posted, row.posted)
			key := listing{version: canonical(row.version), model: model}
			sum := seen[key]
			sum.public = sum.public || row.public
			// A model can be in rows of several builds that expire on different days;
			// the version stays installable until the last.
			sum.expiry = latest(sum.expiry, row.expiry)
			seen[key] = sum
		}
	}
	return seen
}

// gdmfMerge takes over when listings came and went.
type gdmfMerge struct {
	before *Catalog // the catalogue before the import
	after  *Catalog // with the rows of the copy
	seen   map[listing]listed
	copied gdmfCopy
	day    Date // of the copy
}

// update applies a copy that is at least as new as any before.
func (m gdmfMerge) update(d *draft) {
	for key, r := range d.releases {
		if r.Synthetic || (r.isImprovement() && !m.copied.improvements) {
			continue
		}
		for i := range r.Models {
			f := &r.Models[i]
			now, here := m.seen[listing{version: key, model: f.Model}]
			switch {
			case here && now.public:
				f.LeftPublic, f.LeftAssets = Date{}, Date{}
			case here:
				f.LeftAssets = Date{}
			case !f.Listed:
				continue // another source's word only; its absence here says nothing
			case f.LeftAssets.IsZero():
				f.LeftAssets = m.day
			}
			f.Listed = true
			if !now.expiry.IsZero() {
				f.PrintedExpiry = now.expiry
			}
			if !now.public && f.LeftPublic.IsZero() {
				f.LeftPublic = m.leftPublic(r.Version, *f)
			}
		}
	}
}

// leftPublic dates the end of the offer as exactly as the facts allow: not after
// this copy, normally when the successor was posted, and not before the last
// copy that still had it. A successor that this copy offers was never posted
// later: the clock that dates the copy is behind, and an end before the successor
// would look like a branch that Apple has left.
func (m gdmfMerge) leftPublic(v string, f ModelFacts) Date {
	day := m.day
	if next, ok := m.after.SupersededBy(v, f.Model); ok {
		posted := next.PostedFor(f.Model)
		if m.seen[listing{version: next.Version, model: f.Model}].public {
			day = posted
		}
		day = earliest(day, posted)
	}
	var offered Date // a day on which it is known to have been offered
	if old, ok := m.before.Release(v); ok {
		if was, ok := old.Facts(f.Model); ok && was.Listed {
			offered = m.before.listDay()
		}
	}
	if offered.IsZero() {
		// First seen when already superseded: the printed date has stopped rolling.
		day = earliest(day, f.PrintedExpiry.AddDays(-shelfDays))
	}
	return latest(day, offered, f.Posted)
}

// addOld applies a copy that is older than the newest one. A model it names and
// the newer copy did not had left by then.
func (m gdmfMerge) addOld(d *draft) {
	newer := m.before.listDay()
	for key, r := range d.releases {
		for i := range r.Models {
			f := &r.Models[i]
			then, here := m.seen[listing{version: key, model: f.Model}]
			if !here || f.Listed {
				continue
			}
			f.Listed = true
			f.PrintedExpiry = then.expiry
			f.LeftAssets = latest(earliest(newer, then.expiry), f.Posted)
			f.LeftPublic = f.LeftAssets
			if next, ok := m.after.SupersededBy(r.Version, f.Model); ok {
				f.LeftPublic = latest(earliest(f.LeftPublic, next.PostedFor(f.Model)), f.Posted)
			}
		}
	}
}

func (r *Release) isImprovement() bool { return ClassOf(r.Version) == Improvement }
