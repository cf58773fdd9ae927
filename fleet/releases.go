package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// policyReleases translates the catalogue for the engine.
func policyReleases(cat *catalog.Catalog) []policy.Release {
	if cat == nil {
		return nil
	}
	releases := cat.Releases()
	out := make([]policy.Release, 0, len(releases))
	for _, r := range releases {
		pr := policy.Release{Version: r.Version, Class: string(r.Class), Synthetic: r.Synthetic}
		for _, m := range r.Models {
			window := policy.ModelWindow{Model: m.Model, Posted: dateTime(r.PostedFor(m.Model)), LeftPublic: dateTime(m.LeftPublic)}
			if end, ok := cat.ShelfLife(r.Version, m.Model); ok {
				window.Expires = dateTime(end)
			}
			pr.Models = append(pr.Models, window)
		}
		for _, c := range r.CVEs {
			pr.CVEs = append(pr.CVEs, policy.CVE{ID: c.ID, Exploited: c.KnownExploited()})
		}
		out = append(out, pr)
	}
	return out
}

func dateTime(d catalog.Date) time.Time {
	if d.IsZero() {
		return time.Time{}
	}
	return d.Time(time.UTC)
}

// ReleaseView is one release as people see it.
type ReleaseView struct {
	Version   string   `json:"version"`
	Class     string   `json:"class"`
	Posted    string   `json:"posted"` // date
	Builds    []string `json:"builds"`
	CVEs      int      `json:"cves"`
	Exploited []string `json:"exploited"`
	Models    []string `json:"models"`
	Synthetic bool     `json:"synthetic,omitempty"`
	URL       string   `json:"security_url,omitempty"`
	// Applies counts enrolled phones whose model can run it and that are not
	// on it or newer yet.
	Applies int `json:"applies"`
}

// Releases returns the catalogue, newest first.
func (f *Fleet) Releases(seg storage.Segment) ([]ReleaseView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	releases := w.current.Load().catalog.Releases()
	out := make([]ReleaseView, 0, len(releases))
	for _, r := range releases {
		out = append(out, releaseView(w, r))
	}
	return out, nil
}

func releaseView(w *worldState, r catalog.Release) ReleaseView {
	v := ReleaseView{
		Version: r.Version, Class: string(r.Class), Posted: r.Posted.String(), CVEs: len(r.CVEs),
		Builds: []string{}, Exploited: []string{}, Models: []string{}, Synthetic: r.Synthetic, URL: r.SecurityURL,
	}
	for _, b := range r.Builds {
		v.Builds = append(v.Builds, b.ID)
	}
	for _, c := range r.CVEs {
		if c.KnownExploited() {
			v.Exploited = append(v.Exploited, c.ID)
		}
	}
	for _, m := range r.Models {
		v.Models = append(v.Models, m.Model)
	}
	v.Applies = w.census.below(r.Version, r.AppliesTo)
	return v
}

// SourceView says how fresh one source of the catalogue is.
type SourceView struct {
	Kind      string    `json:"kind"`
	FetchedAt time.Time `json:"fetched_at"`
	Entries   int       `json:"entries"`
	Newest    string    `json:"newest"`
}

// ImportView is what an import did.
type ImportView struct {
	Kind      string       `json:"kind"`
	New       []string     `json:"new"` // versions that were not known before
	Changed   []ChangeView `json:"changed"`
	Unchanged int          `json:"unchanged"`
	Skipped   []string     `json:"skipped"`  // rows that do not concern iPhones and iPads, with the cause
	Warnings  []string     `json:"warnings"` // for a person to read, in English
	// WarningCodes are the same with codes and values.
	WarningCodes []catalog.Warning `json:"warning_codes"`
	DryRun       bool              `json:"dry_run,omitempty"`
}

// ChangeView says what is different about a release.
type ChangeView struct {
	Version string   `json:"version"`
	What    []string `json:"what"` // for a person to read, in English
	// WhatCodes are the same with codes and values.
	WhatCodes []catalog.Difference `json:"what_codes"`
}

func importView(r catalog.Report, dryRun bool) ImportView {
	v := ImportView{
		Kind: string(r.Kind), New: append([]string{}, r.New...), Changed: []ChangeView{}, Unchanged: r.Unchanged,
		Skipped: append([]string{}, r.Skipped...), Warnings: []string{}, WarningCodes: append([]catalog.Warning{}, r.Warnings...), DryRun: dryRun,
	}
	for _, w := range r.Warnings {
		v.Warnings = append(v.Warnings, w.String())
	}
	for _, c := range r.Changed {
		view := ChangeView{Version: c.Version, What: []string{}, WhatCodes: c.What}
		for _, d := range c.What {
			view.What = append(view.What, d.String())
		}
		v.Changed = append(v.Changed, view)
	}
	return v
}

// Import takes a release feed into the catalogue: SOFA v2, GDMF, KEV or a
// bundle of ours, told apart by their content. A feed that is damaged, empty or
// shrunken is refused and changes nothing; importing twice changes nothing.
func (f *Fleet) Import(ctx context.Context, a Act, data []byte) (ImportView, error) {
	view, _, err := f.takeCatalog(ctx, a, data, func(catalog.Report) (bool, error) { return true, nil })
	return view, err
}

// TakeFeed is [Fleet.Import] for a feed that nobody has looked at: one of
// another kind, or older than the newest copy, is refused as well, and a copy
// that tells nothing new leaves no audit entry. It reports whether there was
// news.
func (f *Fleet) TakeFeed(ctx context.Context, a Act, kind catalog.Kind, data []byte) (view ImportView, news bool, err error) {
	return f.takeCatalog(ctx, a, data, func(r catalog.Report) (bool, error) {
		switch {
		case r.Kind != kind:
			return false, invalid("feed", "feed-other-kind", "this is a feed of kind %s, not %s", r.Kind, kind).with("value", string(r.Kind), "want", string(kind))
		case r.Stale:
			return false, staleFeed(r.Warnings)
		}
		return len(r.New) > 0 || len(r.Changed) > 0, nil
	})
}

// takeCatalog imports a feed that the function judge does not refuse. What it calls
// news has an audit entry.
func (f *Fleet) takeCatalog(ctx context.Context, a Act, data []byte, judge func(catalog.Report) (news bool, err error)) (ImportView, bool, error) {
	f.catalogMu.Lock()
	defer f.catalogMu.Unlock()
	w, err := f.world(storage.DefaultSegment)
	if err != nil {
		return ImportView{}, false, err
	}
	old := w.current.Load().catalog
	next, report, err := old.Import(data, f.now())
	if err != nil {
		return ImportView{}, false, unusableFeed(err)
	}
	news, err := judge(report)
	if err != nil {
		return ImportView{}, false, err
	}
	view := importView(report, a.DryRun)
	if a.DryRun {
		return view, news, nil
	}
	encoded, err := next.Marshal()
	if err != nil {
		return ImportView{}, false, wrap("encode catalogue", err)
	}
	if before, err := old.Marshal(); err == nil && slices.Equal(before, encoded) {
		return view, false, nil
	}
	var audit []storage.AuditEntry
	if news {
		audit = append(audit, f.entry(a, "catalog.import", string(report.Kind), map[string]string{
			"new": strconv.Itoa(len(report.New)), "changed": strconv.Itoa(len(report.Changed)),
		}))
	}
	if err := f.store.PutCatalog(ctx, encoded, audit...); err != nil {
		return ImportView{}, false, wrap("store catalogue", err)
	}
	return view, news, f.useCatalog(context.WithoutCancel(ctx), next)
}

// staleFeed refuses a copy that is older than the one before.
func staleFeed(warnings []catalog.Warning) error {
	i := slices.IndexFunc(warnings, func(w catalog.Warning) bool { return w.Code == catalog.WarningOlder })
	if i < 0 {
		return invalid("feed", "feed-stale", "older than the copy before")
	}
	p := warnings[i].Params
	return invalid("feed", "feed-stale", "%s", warnings[i]).
		with("fetched", p[catalog.ParamFetched], "newest", p[catalog.ParamNewest], "here", p[catalog.ParamHere])
}

// SourceDigest returns the SHA-256, hexadecimal, of the newest copy of a kind
// that the catalogue took, "" when there is none.
func (f *Fleet) SourceDigest(kind catalog.Kind) string {
	w, err := f.world(storage.DefaultSegment)
	if err != nil {
		return ""
	}
	source, _ := w.current.Load().catalog.Source(kind)
	return source.Digest
}

// unusableFeed refuses a feed that cannot be taken: what is wrong with it, and where,
// stands in fault and place with the values of that.
func unusableFeed(err error) *InvalidError {
	refused := invalid("feed", feedFault(err), "%v", err).with("detail", err.Error())
	if e, ok := errors.AsType[*catalog.InputError](err); ok {
		maps.Copy(refused.Params, e.Params)
		refused.Params["fault"] = e.Code
		if e.Path != "" {
			refused.Params["place"] = e.Path
		}
	}
	return refused
}

// feedFault says what kind of fault keeps a feed out.
func feedFault(err error) string {
	switch {
	case errors.Is(err, catalog.ErrUnknownKind):
		return "feed-unknown"
	case errors.Is(err, catalog.ErrEmptyFeed):
		return "feed-empty"
	case errors.Is(err, catalog.ErrShrunkFeed):
		return "feed-shrunk"
	default:
		return "feed-damaged"
	}
}

// useCatalog makes a stored catalogue the one every segment computes from.
func (f *Fleet) useCatalog(ctx context.Context, cat *catalog.Catalog) error {
	for _, w := range f.all() {
		w.changes.Lock()
		records, err := f.store.World(ctx, w.segment)
		if err == nil {
			w.current.Store(newSnapshot(records, cat, f.o.Location))
		}
		w.changes.Unlock()
		if err != nil {
			defer f.forget(w) // the catalogue is stored; this world is not in step with it
			return wrap("read world", err)
		}
	}
	return nil
}
