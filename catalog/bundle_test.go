package catalog_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
)

func TestBundleRoundTrip(t *testing.T) {
	t.Parallel()
	c := small(t)
	c, err := c.Synthetic(catalog.Release{
		Version: "27.0", Posted: date(t, "2026-09-14"), SecurityURL: "https://support.apple.com/1",
		Builds: []catalog.Build{{ID: "24A1a", Prerequisite: "24A1", Models: []string{"iPhone12,1"}}},
		Models: []catalog.ModelFacts{{Model: "iPhone12,1", Inferred: true}},
		CVEs:   []catalog.CVE{{ID: "CVE-2026-0009", KEV: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := mustMarshal(t, c)
	read, err := catalog.Unmarshal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Releases(), read.Releases()); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.Sources(), read.Sources()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	if got := mustMarshal(t, read); got != text {
		t.Errorf("bytes differ:\n%s", cmp.Diff(text, got))
	}
}

func TestImportBundle(t *testing.T) {
	t.Parallel()
	may, _ := mustImport(t, empty(), gdmf(t,
		[]gdmfRow{row("26.4.1", "2026-04-08", "2026-08-10")}, []gdmfRow{row("26.4", "2026-03-24", "2026-07-07")}), "2026-05-12")
	june, _ := mustImport(t, empty(), gdmf(t,
		[]gdmfRow{row("26.5", "2026-05-25", "2026-09-01")}, []gdmfRow{row("26.4.1", "2026-04-09", "2026-08-23")}), "2026-06-03")
	june, err := june.Synthetic(catalog.Release{Version: "27.0"})
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]*catalog.Catalog{"newer": {may, june}, "older": {june, may}} {
		got, report := mustImport(t, pair[0], []byte(mustMarshal(t, pair[1])), "2026-06-04")
		if f := mustFacts(t, got, "26.4.1", "iPhone12,1"); f.Posted != date(t, "2026-04-08") || f.LeftPublic != date(t, "2026-05-25") {
			t.Errorf("%s: 26.4.1 posted %s, left public %s, want 2026-04-08, 2026-05-25", name, f.Posted, f.LeftPublic)
		}
		if s, _ := got.Source(catalog.GDMF); s.FetchedAt != noon(t, "2026-06-03") {
			t.Errorf("%s: source is of %s, want the newer", name, s.FetchedAt)
		}
		if _, ok := got.Release("26.4"); !ok {
			t.Errorf("%s: 26.4 was forgotten", name)
		}
		if _, ok := got.Release("27.0"); ok != (name == "older") {
			t.Errorf("%s: synthetic release present: %t", name, ok)
		}
		if name == "newer" && !cmp.Equal(report.Skipped, []string{"27.0: synthetic release"}) {
			t.Errorf("skipped %v, want the synthetic release", report.Skipped)
		}
	}
}
