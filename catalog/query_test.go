package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
)

// small is a catalogue of two branches for phone A; phone B runs only the older.
// A copy of Apple's list of 2026-06-10 stands behind it.
func small(t *testing.T) *catalog.Catalog {
	t.Helper()
	facts := func(model, posted, left, gone, printed string) catalog.ModelFacts {
		return catalog.ModelFacts{
			Model: model, Posted: date(t, posted), Listed: true, LeftPublic: date(t, left),
			LeftAssets: date(t, gone), PrintedExpiry: date(t, printed),
		}
	}
	const a, b = "iPhone12,1", "iPhone11,8"
	c, err := catalog.New(catalog.Contents{
		Sources: []catalog.Source{{Kind: catalog.GDMF, FetchedAt: noon(t, "2026-06-10"), Entries: 9}},
		KEV:     map[string]catalog.Date{"CVE-2026-0002": date(t, "2026-03-01")},
		Releases: []catalog.Release{
			{
				Version: "26.2", Posted: date(t, "2026-06-01"),
				Models: []catalog.ModelFacts{facts(a, "2026-06-01", "", "", "2026-09-08")},
				CVEs:   []catalog.CVE{{ID: "CVE-2026-0005"}, {ID: "CVE-2026-0001"}},
			},
			{
				Version: "26.1 (a)", Posted: date(t, "2026-05-10"),
				Models: []catalog.ModelFacts{facts(a, "2026-05-10", "", "", "2026-09-08")},
				CVEs:   []catalog.CVE{{ID: "CVE-2026-0004"}},
			},
			{
				Version: "26.1", Posted: date(t, "2026-05-01"),
				Models: []catalog.ModelFacts{facts(a, "2026-05-01", "2026-06-01", "", "2026-08-30")},
				CVEs:   []catalog.CVE{{ID: "CVE-2026-0002"}, {ID: "CVE-2026-0003", Exploited: true}},
			},
			{Version: "26.0.1", Posted: date(t, "2026-04-15"), CVEs: []catalog.CVE{{ID: "CVE-2026-0006"}}},
			{
				Version: "26.0", Posted: date(t, "2026-02-01"),
				Models: []catalog.ModelFacts{facts(a, "2026-02-01", "2026-02-20", "2026-05-21", "2026-05-21")},
				CVEs:   []catalog.CVE{{ID: "CVE-2026-0003"}},
			},
			{
				Version: "18.8", Posted: date(t, "2026-06-01"),
				Models: []catalog.ModelFacts{facts(b, "2026-06-01", "", "", "2026-09-08")},
				CVEs:   []catalog.CVE{{ID: "CVE-2026-0001"}},
			},
			{
				Version: "18.7", Posted: date(t, "2026-05-01"),
				Models: []catalog.ModelFacts{
					facts(a, "2026-05-20", "", "", "2026-09-08"), facts(b, "2026-05-01", "2026-06-01", "", "2026-08-30"),
				},
				CVEs: []catalog.CVE{{ID: "CVE-2026-0002", Exploited: true}},
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestOffered(t *testing.T) {
	t.Parallel()
	c := small(t)
	tests := []struct {
		name, model, on string
		want            []string
		newest          string
	}{
		{"before anything", "iPhone12,1", "2026-01-31", nil, ""},
		{"posting day", "iPhone12,1", "2026-02-01", []string{"26.0"}, "26.0"},
		{"last day in the list", "iPhone12,1", "2026-05-20", []string{"26.1 (a)", "26.1", "26.0", "18.7"}, "26.1"},
		{"gone from the list", "iPhone12,1", "2026-05-21", []string{"26.1 (a)", "26.1", "18.7"}, "26.1"},
		{"two branches", "iPhone12,1", "2026-06-10", []string{"26.2", "26.1 (a)", "26.1", "18.7"}, "26.2"},
		{"last day of the shelf life", "iPhone12,1", "2026-08-30", []string{"26.2", "26.1 (a)", "26.1", "18.7"}, "26.2"},
		{"after all shelf lives that have begun", "iPhone12,1", "2027-01-01", []string{"26.2", "18.7"}, "26.2"},
		{"other model", "iPhone11,8", "2026-06-10", []string{"18.8", "18.7"}, "18.8"},
		{"unknown model", "iPhone99,9", "2026-06-10", nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			on := date(t, tt.on)
			got := versions(c.Offered(tt.model, on))
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("offered (-want +got):\n%s", diff)
			}
			newest, ok := c.Newest(tt.model, on)
			if newest.Version != tt.newest || ok != (tt.newest != "") {
				t.Errorf("newest = %q, %t, want %q", newest.Version, ok, tt.newest)
			}
			for _, r := range c.Releases() {
				offered := false
				for _, v := range tt.want {
					offered = offered || v == r.Version
				}
				if c.Installable(r.Version, tt.model, on) != offered {
					t.Errorf("installable(%s) disagrees with offered", r.Version)
				}
			}
		})
	}
}

func TestClocks(t *testing.T) {
	t.Parallel()
	c := small(t)
	tests := []struct {
		version, model             string
		supersededBy, shelf, until string
	}{
		{"26.0", "iPhone12,1", "26.1", "2026-05-21", "2026-05-02"},
		{"26.1", "iPhone12,1", "26.2", "2026-08-30", "2026-07-30"},
		{"26.1 (a)", "iPhone12,1", "26.2", "2026-08-30", "2026-08-08"},
		{"26.2", "iPhone12,1", "", "", "2026-08-30"},
		{"18.7", "iPhone12,1", "", "", "2026-08-18"},
		{"18.7", "iPhone11,8", "18.8", "2026-08-30", "2026-07-30"},
		{"18.8", "iPhone12,1", "", "", "2026-08-30"},
		{"27.0", "iPhone12,1", "", "", ""},
		{"nonsense", "iPhone12,1", "", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.version+" "+tt.model, func(t *testing.T) {
			t.Parallel()
			if next, ok := c.SupersededBy(tt.version, tt.model); next.Version != tt.supersededBy || ok != (tt.supersededBy != "") {
				t.Errorf("superseded by %q, %t, want %q", next.Version, ok, tt.supersededBy)
			}
			if end, ok := c.ShelfLife(tt.version, tt.model); end != date(t, tt.shelf) || ok != (tt.shelf != "") {
				t.Errorf("shelf life %q, %t, want %q", end, ok, tt.shelf)
			}
			if got := c.HiddenUntil(tt.version, tt.model); got != date(t, tt.until) {
				t.Errorf("hidden until %q, want %q", got, tt.until)
			}
		})
	}
}

func TestCVEsBetween(t *testing.T) {
	t.Parallel()
	c := small(t)
	const a, b = "iPhone12,1", "iPhone11,8"
	tests := []struct {
		name, installed, target, model string
		want, open                     []string
	}{
		{
			"every release between, the one of unknown models too", "26.0", "26.2", a,
			[]string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0003", "CVE-2026-0004", "CVE-2026-0005", "CVE-2026-0006"},
			[]string{"CVE-2026-0001", "CVE-2026-0002", "CVE-2026-0004", "CVE-2026-0005", "CVE-2026-0006"},
		},
		{"target included, installed not", "26.1 (a)", "26.2", a, []string{"CVE-2026-0001", "CVE-2026-0005"}, []string{"CVE-2026-0001", "CVE-2026-0005"}},
		{
			"other branch: fixed before", "18.7", "26.1", a,
			[]string{"CVE-2026-0002", "CVE-2026-0003", "CVE-2026-0006"},
			[]string{"CVE-2026-0003", "CVE-2026-0006"},
		},
		{"releases for other models do not count", "18.7", "18.8", a, []string{}, []string{}},
		{"own branch of the other model", "18.7", "18.8", b, []string{"CVE-2026-0001"}, []string{"CVE-2026-0001"}},
		{"already there", "26.2", "26.2", a, []string{}, []string{}},
		{"unreadable version", "?", "26.2", a, []string{}, []string{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, ids(c.CVEsBetween(tt.installed, tt.target, tt.model))); diff != "" {
				t.Errorf("between (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.open, ids(c.OpenCVEs(tt.installed, tt.target, tt.model))); diff != "" {
				t.Errorf("open (-want +got):\n%s", diff)
			}
		})
	}
	// One CVE is exploited by the word of the older release, one by the newer's.
	got := c.CVEsBetween("18.6", "26.2", a)[1:3]
	if diff := cmp.Diff([]catalog.CVE{
		{ID: "CVE-2026-0002", Exploited: true, KEV: true, KEVAdded: date(t, "2026-03-01")},
		{ID: "CVE-2026-0003", Exploited: true},
	}, got); diff != "" {
		t.Errorf("flags of two releases are not united (-want +got):\n%s", diff)
	}
	if got := c.FixOffered("CVE-2026-0002", "18.0", a); got != date(t, "2026-05-01") {
		t.Errorf("fix offered %s, want 2026-05-01 (26.1), before 18.7 came to the model", got)
	}
	if got := c.FixOffered("CVE-2026-0002", "26.1", a); !got.IsZero() {
		t.Errorf("fix offered %s after it was installed", got)
	}
}

// TestStillListed: a copy that still names a release is right, whatever was
// computed.
func TestStillListed(t *testing.T) {
	t.Parallel()
	contents := small(t).Contents()
	for i := range contents.Releases {
		if r := &contents.Releases[i]; r.Version == "26.0" {
			r.Models[0].LeftAssets = catalog.Date{}
		}
	}
	c, err := catalog.New(contents)
	if err != nil {
		t.Fatal(err)
	}
	for day, want := range map[string]bool{"2026-06-10": true, "2026-06-11": false} {
		if got := c.Installable("26.0", "iPhone12,1", date(t, day)); got != want {
			t.Errorf("installable on %s: %t, want %t (computed end is 2026-05-21)", day, got, want)
		}
	}
}

// TestSupersededByPostedLater: a newer version that was out first, as when a
// model gets the older one late, takes no one's place.
func TestSupersededByPostedLater(t *testing.T) {
	t.Parallel()
	release := func(v, posted string) catalog.Release {
		return catalog.Release{Version: v, Posted: date(t, posted), Models: []catalog.ModelFacts{{Model: "iPhone12,1"}}}
	}
	c, err := catalog.New(catalog.Contents{Releases: []catalog.Release{
		release("18.7.3", "2026-05-01"), release("18.7.2", "2026-03-31"), release("18.7.1", "2026-04-01"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if next, _ := c.SupersededBy("18.7.1", "iPhone12,1"); next.Version != "18.7.3" {
		t.Errorf("18.7.1 superseded by %q, want 18.7.3", next.Version)
	}
}

func TestContentsAreCopied(t *testing.T) {
	t.Parallel()
	contents := small(t).Contents()
	c, err := catalog.New(contents)
	if err != nil {
		t.Fatal(err)
	}
	want := mustMarshal(t, c)
	for _, out := range []catalog.Contents{contents, c.Contents()} {
		for i := range out.Releases {
			for j := range out.Releases[i].CVEs {
				out.Releases[i].CVEs[j].Exploited = true
			}
			for j := range out.Releases[i].Models {
				out.Releases[i].Models[j].Listed = false
			}
		}
		out.KEV["CVE-2026-0001"] = date(t, "2026-01-01")
	}
	if got := mustMarshal(t, c); got != want {
		t.Errorf("the catalogue shares memory with its contents:\n%s", cmp.Diff(want, got))
	}
}

// TestAnnouncedOnly: SOFA alone names a release that Apple's list should name.
func TestAnnouncedOnly(t *testing.T) {
	t.Parallel()
	announced := catalog.Release{
		Version: "26.3", Posted: date(t, "2026-06-09"), Models: []catalog.ModelFacts{{Model: "iPhone12,1"}},
	}
	contents := small(t).Contents()
	contents.Releases = append(contents.Releases, announced)
	c, err := catalog.New(contents)
	if err != nil {
		t.Fatal(err)
	}
	if c.Installable("26.3", "iPhone12,1", date(t, "2026-06-11")) {
		t.Error("installable although a newer copy of the list does not name it")
	}
	contents.Releases[len(contents.Releases)-1].Posted = date(t, "2026-06-10")
	if c, err = catalog.New(contents); err != nil {
		t.Fatal(err)
	}
	if !c.Installable("26.3", "iPhone12,1", date(t, "2026-06-11")) {
		t.Error("not installable although no copy of the list is newer")
	}
}

func TestSynthetic(t *testing.T) {
	t.Parallel()
	base := small(t)
	made := catalog.Release{
		Version: "27.0", Posted: date(t, "2026-05-30"), Models: []catalog.ModelFacts{{Model: "iPhone12,1", Listed: true}},
	}
	c, err := base.Synthetic(made)
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := c.Release("27"); !r.Synthetic || r.Class != catalog.Upgrade {
		t.Errorf("release is %+v, want a synthetic upgrade", r)
	}
	if newest, _ := c.Newest("iPhone12,1", date(t, "2026-06-10")); newest.Version != "27.0" {
		t.Errorf("newest is %s, want 27.0", newest.Version)
	}
	if _, err := c.Synthetic(catalog.Release{Version: "26.2"}); err == nil {
		t.Error("a real release was replaced by a synthetic one")
	}
	// Copies of Apple's list do not retire it; the real release takes its place.
	c, _ = mustImport(t, c, fixture(t, "gdmf.json"), "2026-08-22")
	if f := mustFacts(t, c, "27.0", "iPhone12,1"); !f.LeftAssets.IsZero() {
		t.Errorf("synthetic release left the list on %s", f.LeftAssets)
	}
	rows := []gdmfRow{row("27.0", "2026-09-14", "2026-12-14")}
	for range 3 {
		rows = append(rows, rows[0])
	}
	c, _ = mustImport(t, c, gdmf(t, rows, rows), "2026-09-15")
	if r, _ := c.Release("27.0"); r.Synthetic || r.Posted != date(t, "2026-09-14") {
		t.Errorf("release is %+v, want Apple's", r)
	}
}

func TestClassOf(t *testing.T) {
	t.Parallel()
	for v, want := range map[string]catalog.Class{
		"26": catalog.Upgrade, "26.0": catalog.Upgrade, "26.6": catalog.Update, "26.6.1": catalog.Patch,
		"26.0.1": catalog.Patch, "26.3.1 (a)": catalog.Improvement, "26 (a)": catalog.Improvement, "x": "",
	} {
		if got := catalog.ClassOf(v); got != want {
			t.Errorf("ClassOf(%q) = %q, want %q", v, got, want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for want, contents := range map[string]catalog.Contents{
		`build catalogue: "beta" is not a version`: {Releases: []catalog.Release{{Version: "beta"}}},
		"build catalogue: release 26.0 occurs twice": {
			Releases: []catalog.Release{{Version: "26.0"}, {Version: "26.0"}},
		},
		"build catalogue: release 26.0: model iPad1,1 occurs twice": {
			Releases: []catalog.Release{{Version: "26.0", Models: []catalog.ModelFacts{{Model: "iPad1,1"}, {Model: "iPad1,1"}}}},
		},
		"build catalogue: release 26.0: build 23A1 occurs twice": {
			Releases: []catalog.Release{{Version: "26.0", Builds: []catalog.Build{{ID: "23A1"}, {ID: "23A1"}}}},
		},
		"build catalogue: source kev occurs twice": {Sources: []catalog.Source{{Kind: catalog.KEV}, {Kind: catalog.KEV}}},
	} {
		if _, err := catalog.New(contents); err == nil || err.Error() != want {
			t.Errorf("error is %v, want %s", err, want)
		}
	}
}
