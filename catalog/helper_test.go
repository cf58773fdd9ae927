package catalog_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
)

// date parses a date that a test states; "" is the unknown date.
func date(t testing.TB, s string) catalog.Date {
	t.Helper()
	var d catalog.Date
	if err := d.UnmarshalText([]byte(s)); err != nil {
		t.Fatal(err)
	}
	return d
}

// noon is a time on a day, for Import.
func noon(t testing.TB, day string) time.Time {
	t.Helper()
	return date(t, day).Time(time.UTC).Add(12 * time.Hour)
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// realData reads a file of the real samples and skips the test without them.
func realData(t testing.TB, name string) []byte {
	t.Helper()
	dir := os.Getenv("KANNUKI_DATA_DIR")
	if dir == "" {
		t.Skip("KANNUKI_DATA_DIR is not set: the real samples are not at hand")
	}
	data, err := os.ReadFile(filepath.Join(dir, "releases", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// mustImport imports a file that must be accepted.
func mustImport(t testing.TB, c *catalog.Catalog, data []byte, day string) (*catalog.Catalog, catalog.Report) {
	t.Helper()
	next, report, err := c.Import(data, noon(t, day))
	if err != nil {
		t.Fatal(err)
	}
	return next, report
}

func empty() *catalog.Catalog { return &catalog.Catalog{} }

func mustMarshal(t testing.TB, c *catalog.Catalog) string {
	t.Helper()
	data, err := c.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mustFacts(t testing.TB, c *catalog.Catalog, version, model string) catalog.ModelFacts {
	t.Helper()
	r, ok := c.Release(version)
	if !ok {
		t.Fatalf("release %s is missing", version)
	}
	f, ok := r.Facts(model)
	if !ok {
		t.Fatalf("release %s does not name %s", version, model)
	}
	return f
}

// gdmfRow is one row of a list written by a test.
type gdmfRow struct {
	ProductVersion   string
	Build            string
	PostingDate      string
	ExpirationDate   string `json:",omitempty"`
	SupportedDevices []string
}

// row is a row for one phone or the models given, with a build made up from the
// version.
func row(version, posted, expiry string, models ...string) gdmfRow {
	if len(models) == 0 {
		models = []string{"iPhone12,1"}
	}
	return gdmfRow{
		ProductVersion: version, Build: "B" + version, PostingDate: posted,
		ExpirationDate: expiry, SupportedDevices: models,
	}
}

// gdmf writes a copy of Apple's list. Everything public is installable too.
func gdmf(t testing.TB, public, assetsOnly []gdmfRow) []byte {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"PublicAssetSets": map[string]any{"iOS": public},
		"AssetSets":       map[string]any{"iOS": append(append([]gdmfRow{}, public...), assetsOnly...)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func versions(releases []catalog.Release) []string {
	out := make([]string, len(releases))
	for i, r := range releases {
		out[i] = r.Version
	}
	return out
}

func ids(cves []catalog.CVE) []string {
	out := make([]string, len(cves))
	for i, c := range cves {
		out[i] = c.ID
	}
	return out
}
