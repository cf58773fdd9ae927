package catalog_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
)

// TestImportGDMF reads a list that holds every oddity of the real one once.
func TestImportGDMF(t *testing.T) {
	t.Parallel()
	c, report := mustImport(t, empty(), fixture(t, "gdmf.json"), "2026-08-22")

	want := []string{"26.6.1 (a)", "26.6.1", "26.6", "26.5.1", "26.5", "18.7.10", "18.7.9", "18.7.8", "15.8.8"}
	if diff := cmp.Diff(want, versions(c.Releases())); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
	wantSkipped := []string{
		"PublicAssetSets.iOS[4]: 26.6 (23U67) is not for an iPhone, iPad or iPod touch",
		"PublicAssetSets.iOS[5]: 26.6 (23L773) is not for an iPhone, iPad or iPod touch",
	}
	if diff := cmp.Diff(wantSkipped, report.Skipped); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	both := []string{"iPhone12,1", "iPhone18,1"}
	got, _ := c.Release("26.6.1")
	if diff := cmp.Diff(catalog.Release{
		Version: "26.6.1", Class: catalog.Patch, Posted: date(t, "2026-08-17"),
		Builds: []catalog.Build{{ID: "23G6083", Models: both}, {ID: "23G83", Models: both}},
		Models: []catalog.ModelFacts{
			{Model: "iPhone12,1", Posted: date(t, "2026-08-17"), Listed: true, PrintedExpiry: date(t, "2026-11-20")},
			{Model: "iPhone18,1", Posted: date(t, "2026-08-17"), Listed: true, PrintedExpiry: date(t, "2026-11-20")},
		},
	}, got); diff != "" {
		t.Errorf("two builds of one version (-want +got):\n%s", diff)
	}
	improvement, _ := c.Release("26.6.1 (a)")
	if diff := cmp.Diff([]catalog.Build{
		{ID: "23G771083a", Prerequisite: "23G83", Models: []string{"iPhone12,1"}},
	}, improvement.Builds); diff != "" || improvement.Class != catalog.Improvement {
		t.Errorf("improvement: class %s, builds (-want +got):\n%s", improvement.Class, diff)
	}
	wantSource := catalog.Source{
		Kind: catalog.GDMF, FetchedAt: noon(t, "2026-08-22"), Entries: 16,
		Newest: date(t, "2026-08-20"), LastExpiry: date(t, "2026-11-20"),
	}
	source, _ := c.Source(catalog.GDMF)
	if source.Digest = ""; source != wantSource {
		t.Errorf("source = %+v, want %+v", source, wantSource)
	}
}

func TestImportGDMFModels(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), fixture(t, "gdmf.json"), "2026-08-22")
	tests := []struct {
		name, version, model           string
		posted, leftPublic, lastExpiry string
	}{
		{"minimum of the posting dates of two lists", "18.7.8", "iPhone12,1", "2026-04-22", "", "2026-11-20"},
		{"mixed row keeps the iPad", "15.8.8", "iPad5,1", "2026-05-11", "", "2026-11-20"},
		{"mixed row keeps the iPod", "15.8.8", "iPod9,1", "2026-08-17", "", "2026-11-20"},
		{"no printed expiry", "18.7.10", "iPhone11,8", "2026-08-17", "", ""},
		{"assets only: successor posted", "18.7.9", "iPhone11,8", "2026-05-11", "2026-08-17", "2026-11-15"},
		{"same build, own row", "26.5", "iPhone18,1", "2026-05-11", "2026-06-01", "2026-08-30"},
		{"same build, other row", "26.5", "iPhone12,1", "2026-05-18", "2026-07-27", "2026-11-15"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			want := catalog.ModelFacts{
				Model: tt.model, Listed: true, Posted: date(t, tt.posted),
				LeftPublic: date(t, tt.leftPublic), PrintedExpiry: date(t, tt.lastExpiry),
			}
			if diff := cmp.Diff(want, mustFacts(t, c, tt.version, tt.model)); diff != "" {
				t.Errorf("facts (-want +got):\n%s", diff)
			}
		})
	}
	for model, want := range map[string]bool{"iPhone12,1": false, "iPhone18,1": true} {
		if r, _ := c.Release("26.5.1"); r.AppliesTo(model) != want {
			t.Errorf("26.5.1 applies to %s: %t, want %t", model, !want, want)
		}
	}
	for _, r := range c.Releases() {
		if r.AppliesTo("Watch6,1") || r.AppliesTo("AppleTV5,3") {
			t.Errorf("%s applies to a watch or a TV", r.Version)
		}
	}
}

func TestImportGDMFOldImprovementKey(t *testing.T) {
	t.Parallel()
	data := bytes.Replace(fixture(t, "gdmf.json"),
		[]byte("PublicBackgroundSecurityImprovements"), []byte("PublicRapidSecurityResponses"), 1)
	c, _ := mustImport(t, empty(), data, "2026-08-22")
	if _, ok := c.Release("26.6.1 (a)"); !ok {
		t.Error("improvement under the older key is missing")
	}
}

// TestGDMFComesAndGoes follows one release through daily copies.
func TestGDMFComesAndGoes(t *testing.T) {
	t.Parallel()
	const model = "iPhone12,1"
	var (
		old     = row("26.4", "2026-03-24", "2026-07-10")
		next    = row("26.4.1", "2026-04-08", "2026-07-10")
		frozen  = row("26.4", "2026-03-24", "2026-07-07")
		rolling = row("26.4.1", "2026-04-08", "2026-10-05")
	)
	steps := []struct {
		name, day            string
		public, assets       []gdmfRow
		leftPublic, leftList string
	}{
		{"offered", "2026-04-06", []gdmfRow{old}, nil, "", ""},
		{"still offered beside its successor", "2026-04-09", []gdmfRow{old, next}, nil, "", ""},
		{"superseded: not before the last sighting", "2026-04-11", []gdmfRow{next}, []gdmfRow{old}, "2026-04-09", ""},
		{"offered again after a faulty copy", "2026-04-12", []gdmfRow{old, next}, nil, "", ""},
		{"superseded for good", "2026-04-14", []gdmfRow{next}, []gdmfRow{frozen}, "2026-04-12", ""},
		{"gone", "2026-07-08", []gdmfRow{rolling}, nil, "2026-04-12", "2026-07-08"},
		{"gone for longer", "2026-07-09", []gdmfRow{rolling}, nil, "2026-04-12", "2026-07-08"},
	}
	c := empty()
	for _, step := range steps {
		c, _ = mustImport(t, c, gdmf(t, step.public, step.assets), step.day)
		f := mustFacts(t, c, "26.4", model)
		if f.LeftPublic != date(t, step.leftPublic) || f.LeftAssets != date(t, step.leftList) {
			t.Errorf("%s: left public %q, left list %q, want %q, %q",
				step.name, f.LeftPublic, f.LeftAssets, step.leftPublic, step.leftList)
		}
	}
	if end, ok := c.ShelfLife("26.4", model); !ok || end != date(t, "2026-07-07") {
		t.Errorf("shelf life %s, %t, want the printed 2026-07-07", end, ok)
	}
}

// TestGDMFMissingCopies dates a change by the successor when no copy is near.
func TestGDMFMissingCopies(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), gdmf(t, []gdmfRow{row("26.4", "2026-03-24", "2026-06-23")}, nil), "2026-03-25")
	c, _ = mustImport(t, c, gdmf(t, []gdmfRow{row("26.4.1", "2026-04-08", "2026-09-29")}, nil), "2026-07-01")
	f := mustFacts(t, c, "26.4", "iPhone12,1")
	if f.LeftPublic != date(t, "2026-04-08") || f.LeftAssets != date(t, "2026-07-01") {
		t.Errorf("left public %s, left list %s, want 2026-04-08, 2026-07-01", f.LeftPublic, f.LeftAssets)
	}
}

// TestGDMFClockBehind: a release ends with its successor, also where that is posted
// tomorrow by a clock that is behind. Between the two days the branch would look left.
func TestGDMFClockBehind(t *testing.T) {
	t.Parallel()
	old, next := row("26.4", "2026-03-24", "2026-07-10"), row("26.4.1", "2026-04-08", "2026-07-10")
	c, _ := mustImport(t, empty(), gdmf(t, []gdmfRow{old}, nil), "2026-04-06")
	c, _ = mustImport(t, c, gdmf(t, []gdmfRow{next}, []gdmfRow{old}), "2026-04-07")
	if f := mustFacts(t, c, "26.4", "iPhone12,1"); f.LeftPublic != date(t, "2026-04-08") {
		t.Errorf("left public %s, want 2026-04-08", f.LeftPublic)
	}
}

// TestGDMFBranchClosed: 18.7.3 left the public list for most models without a
// successor for them. Seen first after that, only the printed date tells when.
func TestGDMFBranchClosed(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), gdmf(t,
		[]gdmfRow{row("26.4.1", "2026-04-08", "2026-07-10")},
		[]gdmfRow{row("18.7.3", "2025-12-12", "2026-06-30")}), "2026-04-11")
	if f := mustFacts(t, c, "18.7.3", "iPhone12,1"); f.LeftPublic != date(t, "2026-04-01") {
		t.Errorf("left public %s, want 2026-04-01", f.LeftPublic)
	}
}

func TestGDMFConfirmsInferred(t *testing.T) {
	t.Parallel()
	c, err := catalog.New(catalog.Contents{Releases: []catalog.Release{
		{Version: "26.5", Models: []catalog.ModelFacts{{Model: "iPhone12,1", Inferred: true}, {Model: "iPhone12,3", Inferred: true}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	c, report := mustImport(t, c, gdmf(t, []gdmfRow{row("26.5", "2026-05-11", "2026-08-10")}, nil), "2026-05-12")
	if f := mustFacts(t, c, "26.5", "iPhone12,1"); f.Inferred || !f.Listed {
		t.Errorf("facts of the model named: %+v", f)
	}
	if f := mustFacts(t, c, "26.5", "iPhone12,3"); !f.Inferred || f.Listed {
		t.Errorf("facts of the model not named: %+v", f)
	}
	if len(report.Changed) != 1 {
		t.Errorf("changes: %+v, want one", report.Changed)
	}
}

// TestGDMFPrintedTooLate is the defect of macOS 26.4.1, 15.7.5 and 14.8.5, whose
// printed expiry went on rolling after they were superseded.
func TestGDMFPrintedTooLate(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), gdmf(t, []gdmfRow{row("26.4.1", "2026-04-08", "2026-08-09")}, nil), "2026-05-11")
	c, _ = mustImport(t, c, gdmf(t,
		[]gdmfRow{row("26.5", "2026-05-11", "2026-11-07")},
		[]gdmfRow{row("26.4.1", "2026-04-08", "2026-11-07")}), "2026-08-09")
	if end, ok := c.ShelfLife("26.4.1", "iPhone12,1"); !ok || end != date(t, "2026-08-09") {
		t.Errorf("shelf life %s, %t, want 2026-08-09", end, ok)
	}
}

func TestGDMFImprovementListMissing(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), fixture(t, "gdmf.json"), "2026-08-22")
	renamed := bytes.Replace(fixture(t, "gdmf.json"),
		[]byte("PublicBackgroundSecurityImprovements"), []byte("SomeNewName"), 1)
	renamed = bytes.ReplaceAll(renamed, []byte("2026-11-20"), []byte("2026-11-21")) // a day on
	c, _ = mustImport(t, c, renamed, "2026-08-23")
	if f := mustFacts(t, c, "26.6.1 (a)", "iPhone12,1"); !f.LeftAssets.IsZero() {
		t.Errorf("improvement left on %s although its list is unknown", f.LeftAssets)
	}
	other := bytes.Replace(fixture(t, "gdmf.json"),
		[]byte(`"ProductVersionExtra": "(a)"`), []byte(`"ProductVersionExtra": "(b)"`), 1)
	other = bytes.ReplaceAll(other, []byte("2026-11-20"), []byte("2026-11-22"))
	c, _ = mustImport(t, c, other, "2026-08-24")
	if f := mustFacts(t, c, "26.6.1 (a)", "iPhone12,1"); f.LeftAssets != date(t, "2026-08-24") {
		t.Errorf("improvement left on %q, want 2026-08-24", f.LeftAssets)
	}
}

func TestImportKeepsEarlierPosting(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), gdmf(t, []gdmfRow{row("17.7.11", "2026-05-11", "2026-08-10")}, nil), "2026-05-12")
	c, report := mustImport(t, c, gdmf(t, []gdmfRow{row("17.7.11", "2026-08-17", "2026-11-20")}, nil), "2026-08-22")
	r, _ := c.Release("17.7.11")
	if want := date(t, "2026-05-11"); r.Posted != want || r.PostedFor("iPhone12,1") != want {
		t.Errorf("posted %s, for the model %s, want %s", r.Posted, r.PostedFor("iPhone12,1"), want)
	}
	if report.Unchanged != 1 || len(report.Changed) != 0 {
		t.Errorf("a rolling expiry was reported: %+v", report)
	}
}

// TestStaleGDMF imports an older copy after a newer one: it may only add.
func TestStaleGDMF(t *testing.T) {
	t.Parallel()
	older := gdmf(t,
		[]gdmfRow{row("26.4.1", "2026-04-08", "2026-07-10")},
		[]gdmfRow{row("26.4", "2026-03-24", "2026-07-07"), row("26.3.1", "2026-03-04", "2026-06-22")})
	newer := gdmf(t,
		[]gdmfRow{row("26.5", "2026-05-11", "2026-08-10")},
		[]gdmfRow{row("26.4.1", "2026-04-08", "2026-08-09")})
	before, _ := mustImport(t, empty(), newer, "2026-05-12")
	after, report := mustImport(t, before, older, "2026-05-13")

	want := catalog.Warning{Code: catalog.WarningOlder, Params: map[string]string{"fetched": "2026-05-12", "newest": "2026-05-11", "here": "2026-04-08"}}
	if diff := cmp.Diff([]catalog.Warning{want}, report.Warnings); diff != "" || len(report.Changed) != 0 {
		t.Errorf("%d changes, want none; warnings (-want +got):\n%s", len(report.Changed), diff)
	}
	if diff := cmp.Diff([]string{"26.4", "26.3.1"}, report.New); diff != "" {
		t.Errorf("new releases (-want +got):\n%s", diff)
	}
	if f := mustFacts(t, after, "26.5", "iPhone12,1"); !f.LeftAssets.IsZero() || !f.LeftPublic.IsZero() {
		t.Errorf("the older copy took 26.5 off the list: %+v", f)
	}
	// The newer copy did not have 26.4 any more.
	if f := mustFacts(t, after, "26.4", "iPhone12,1"); f.LeftPublic != date(t, "2026-04-08") || f.LeftAssets != date(t, "2026-05-12") {
		t.Errorf("26.4 left public %s, list %s, want 2026-04-08, 2026-05-12", f.LeftPublic, f.LeftAssets)
	}
	if diff := cmp.Diff(before.Sources(), after.Sources()); diff != "" {
		t.Errorf("the older copy replaced the newer (-want +got):\n%s", diff)
	}
}

// TestWithdrawnRelease: the newest date goes back, but the copy is not stale.
func TestWithdrawnRelease(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), gdmf(t,
		[]gdmfRow{row("26.5", "2026-05-11", "2026-09-01"), row("26.6", "2026-06-02", "2026-09-01")}, nil), "2026-06-03")
	c, _ = mustImport(t, c, gdmf(t, []gdmfRow{row("26.5", "2026-05-11", "2026-09-02")}, nil), "2026-06-04")
	if c.Installable("26.6", "iPhone12,1", date(t, "2026-06-04")) {
		t.Error("the withdrawn release counts as installable")
	}
	if newest, _ := c.Newest("iPhone12,1", date(t, "2026-06-04")); newest.Version != "26.5" {
		t.Errorf("newest is %s, want 26.5", newest.Version)
	}
}

// TestReplayedGDMF: a copy from before a release was withdrawn does not bring it
// back, although its newest date is later than that of the last copy.
func TestReplayedGDMF(t *testing.T) {
	t.Parallel()
	older := gdmf(t, []gdmfRow{row("26.5", "2026-05-11", "2026-09-01"), row("26.6", "2026-06-02", "2026-09-01")}, nil)
	c, _ := mustImport(t, empty(), older, "2026-06-03")
	c, _ = mustImport(t, c, gdmf(t, []gdmfRow{row("26.5", "2026-05-11", "2026-09-02")}, nil), "2026-06-04")
	c, report := mustImport(t, c, older, "2026-06-05")
	if c.Installable("26.6", "iPhone12,1", date(t, "2026-06-05")) || !report.Stale {
		t.Errorf("the withdrawn release came back; report %+v", report)
	}
}

// TestEarlierFetch: a copy fetched before the newest one is stale too.
func TestEarlierFetch(t *testing.T) {
	t.Parallel()
	both := []gdmfRow{row("26.5", "2026-05-11", "2026-08-18"), row("18.7.9", "2026-05-11", "2026-08-18")}
	c, _ := mustImport(t, empty(), gdmf(t, both, nil), "2026-05-20")
	c, report := mustImport(t, c, gdmf(t, both[:1], nil), "2026-05-19")
	if f := mustFacts(t, c, "18.7.9", "iPhone12,1"); !f.LeftAssets.IsZero() || len(report.Warnings) != 1 {
		t.Errorf("a copy of the day before took 18.7.9 off the list on %s; warnings %v", f.LeftAssets, report.Warnings)
	}
}

func TestShrunkByHalf(t *testing.T) {
	t.Parallel()
	rows := []gdmfRow{
		row("26.5", "2026-05-11", "2026-08-18"), row("18.7.9", "2026-05-11", "2026-08-18"),
		row("17.7.11", "2026-05-11", "2026-08-18"),
	}
	c, _ := mustImport(t, empty(), gdmf(t, rows, rows[:1]), "2026-05-19") // 7 rows
	if _, _, err := c.Import(gdmf(t, rows[:1], rows[:1]), noon(t, "2026-05-20")); !errors.Is(err, catalog.ErrShrunkFeed) {
		t.Errorf("3 rows after 7: error is %v, want ErrShrunkFeed", err)
	}
	mustImport(t, c, gdmf(t, rows[:2], nil), "2026-05-20") // 4 rows
}
