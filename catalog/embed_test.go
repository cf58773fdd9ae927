package catalog_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/version"
)

func embedded(t testing.TB) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	info, err := os.Stat("facts.json")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 300_000 {
		t.Errorf("the facts take %d bytes, more than 300,000", info.Size())
	}
	c := embedded(t)
	for _, r := range c.Releases() {
		if r.Synthetic || r.Posted.IsZero() {
			t.Errorf("%s: synthetic %t, posted %q", r.Version, r.Synthetic, r.Posted)
		}
	}
	if got := c.Models()["iPhone12,1"]; got != "iPhone 11" {
		t.Errorf("iPhone12,1 is called %q", got)
	}
}

// TestSupersededWithinAMonth recomputes a figure the product argues with: of the
// releases on the newest branch from 2024-09-16 to 2026-08-22, all but the
// current one were superseded, and 25 of those 29 in less than 30 days.
func TestSupersededWithinAMonth(t *testing.T) {
	t.Parallel()
	var line []catalog.Release
	releases := embedded(t).Releases()
	slices.Reverse(releases)
	first26 := date(t, "2025-09-15")
	for _, r := range releases {
		major := version.Major(r.Version)
		newest := major == 26 || (major == 18 && r.Posted.Before(first26))
		if newest && r.Class != catalog.Improvement {
			line = append(line, r)
		}
	}
	quick, exploited := 0, 0
	for i, r := range line {
		if i+1 < len(line) && line[i+1].Posted.DaysSince(r.Posted) < 30 {
			quick++
		}
		if slices.ContainsFunc(r.CVEs, func(c catalog.CVE) bool { return c.Exploited }) {
			exploited++
		}
	}
	if len(line) != 30 || quick != 25 || exploited != 10 {
		t.Errorf("%d releases, %d superseded within 30 days, %d with exploited CVEs, want 30, 25, 10",
			len(line), quick, exploited)
	}
	span := line[len(line)-1].Posted.DaysSince(line[0].Posted)
	if line[0].Version != "18.0" || span != 700 {
		t.Errorf("from %s over %d days, want 18.0 and 700", line[0].Version, span)
	}
}

// TestEmbeddedClocks holds days that the observed copies of Apple's list showed.
func TestEmbeddedClocks(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	const phone, oldPhone = "iPhone12,1", "iPhone11,8" // iPhone 11; iPhone XR, which cannot run 26
	for v, days := range map[string]int{"26.0": 104, "26.1": 129, "26.2": 135, "26.2.1": 106, "26.3": 111, "26.4": 105, "26.4.1": 104} {
		r, _ := c.Release(v)
		end, ok := c.ShelfLife(v, phone)
		if got := end.DaysSince(r.Posted); !ok || got != days {
			t.Errorf("shelf life of %s is %d days, want %d", v, got, days)
		}
	}
	offered := func(model, on string) []string {
		var list []string
		for _, r := range c.Offered(model, date(t, on)) {
			if version.Major(r.Version) == 18 {
				list = append(list, r.Version)
			}
		}
		return list
	}
	// The 18 branch was closed to the iPhone 11 from 2025-12-12 to 2026-04-01.
	if got := offered(phone, "2026-03-11"); !slices.Equal(got, []string{"18.7.2"}) {
		t.Errorf("18.x for the iPhone 11 on 2026-03-11: %v, want 18.7.2 only", got)
	}
	if got := offered(phone, "2026-03-12"); len(got) != 0 {
		t.Errorf("18.x for the iPhone 11 on 2026-03-12: %v, want none", got)
	}
	if got := offered(phone, "2026-04-01"); !slices.Equal(got, []string{"18.7.7"}) {
		t.Errorf("18.x for the iPhone 11 on 2026-04-01: %v, want 18.7.7", got)
	}
	if got := offered(oldPhone, "2026-03-20"); !slices.Equal(got, []string{"18.7.6", "18.7.5", "18.7.4", "18.7.3"}) {
		t.Errorf("18.x for the iPhone XR on 2026-03-20: %v", got)
	}
}

// TestEmbeddedIsCurrent: the copies that the facts were made of add nothing.
func TestEmbeddedIsCurrent(t *testing.T) {
	t.Parallel()
	c := embedded(t)
	for _, name := range []string{"gdmf_pmv.json", "gdmf_pmv_2026-04-11.json", "ios_data_feed.json", "kev_apple.json"} {
		_, report := mustImport(t, c, realData(t, name), "2026-08-23")
		if len(report.New)+len(report.Changed) > 0 || report.Unchanged != len(c.Releases()) {
			t.Errorf("%s changes the built-in facts: %+v", name, report)
		}
	}
}

// sofaRelease is what the test reads from SOFA on its own.
type sofaRelease struct {
	ProductVersion        string
	AllBuilds             []string
	ReleaseDate           string
	SupportedDevices      []string
	UniqueCVEsCount       int
	ActivelyExploitedCVEs []string
}

// TestRealSOFA compares every release of the real feed with the source, both
// imported into an empty catalogue and built in.
func TestRealSOFA(t *testing.T) {
	t.Parallel()
	data := realData(t, "ios_data_feed.json")
	var feed struct {
		OSVersions []struct{ SecurityReleases []sofaRelease }
	}
	if err := json.Unmarshal(data, &feed); err != nil {
		t.Fatal(err)
	}
	imported, _ := mustImport(t, empty(), data, "2026-08-22")
	rows := map[string]sofaRelease{}
	for _, branch := range feed.OSVersions {
		for _, r := range branch.SecurityReleases {
			// Versions that occur twice: the earlier date counts.
			if was, twice := rows[r.ProductVersion]; !twice || r.ReleaseDate < was.ReleaseDate {
				rows[r.ProductVersion] = r
			}
		}
	}
	if len(rows) < 60 {
		t.Fatalf("the feed has only %d versions", len(rows))
	}
	for v, want := range rows {
		for name, c := range map[string]*catalog.Catalog{"imported": imported, "built in": embedded(t)} {
			got, ok := c.Release(v)
			if !ok {
				t.Errorf("%s: %s is missing", name, v)
				continue
			}
			compareSOFA(t, name, want, got)
		}
	}
}

func compareSOFA(t *testing.T, name string, want sofaRelease, got catalog.Release) {
	t.Helper()
	if got.Posted.String() != want.ReleaseDate[:10] {
		t.Errorf("%s: %s posted %s, want %s", name, got.Version, got.Posted, want.ReleaseDate)
	}
	if len(got.CVEs) != want.UniqueCVEsCount {
		t.Errorf("%s: %s has %d CVEs, want %d", name, got.Version, len(got.CVEs), want.UniqueCVEsCount)
	}
	var exploited []string
	for _, cve := range got.CVEs {
		if cve.Exploited {
			exploited = append(exploited, cve.ID)
		}
	}
	slices.Sort(want.ActivelyExploitedCVEs)
	if !slices.Equal(exploited, want.ActivelyExploitedCVEs) {
		t.Errorf("%s: %s exploited %v, want %v", name, got.Version, exploited, want.ActivelyExploitedCVEs)
	}
	for _, b := range want.AllBuilds {
		foreign := strings.ContainsAny(b[:3], "LTU") // tvOS and watchOS in this feed
		has := slices.ContainsFunc(got.Builds, func(have catalog.Build) bool { return have.ID == b })
		if has == foreign {
			t.Errorf("%s: %s has build %s: %t", name, got.Version, b, has)
		}
	}
	var models []string
	for _, f := range got.Models {
		if !f.Inferred {
			models = append(models, f.Model)
		}
	}
	slices.Sort(want.SupportedDevices)
	if len(want.SupportedDevices) > 0 || name == "imported" {
		if diff := cmp.Diff(want.SupportedDevices, models); len(models)+len(want.SupportedDevices) > 0 && diff != "" {
			t.Errorf("%s: %s models (-want +got):\n%s", name, got.Version, diff)
		}
	}
}

// TestRealForeignFeeds: the feeds of other systems are refused as a whole.
func TestRealForeignFeeds(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"macos_data_feed.json", "tvos_data_feed.json"} {
		if _, _, err := empty().Import(realData(t, name), noon(t, "2026-08-22")); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

func BenchmarkEmbedded(b *testing.B) {
	for b.Loop() {
		embedded(b)
	}
}
