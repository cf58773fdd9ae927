package catalog_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/catalog"
)

func TestDetect(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		data []byte
		want catalog.Kind
	}{
		{"GDMF", fixture(t, "gdmf.json"), catalog.GDMF},
		{"SOFA", fixture(t, "sofa.json"), catalog.SOFA},
		{"KEV", fixture(t, "kev.json"), catalog.KEV},
		{"bundle", []byte(mustMarshal(t, small(t))), catalog.Bundle},
		{"byte order mark", append([]byte("\xef\xbb\xbf"), fixture(t, "kev.json")...), catalog.KEV},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, report, err := empty().Import(tt.data, noon(t, "2026-08-22"))
			if report.Kind != tt.want || err != nil {
				t.Errorf("taken for %q, %v, want %q", report.Kind, err, tt.want)
			}
		})
	}
}

// TestRefused holds every input that must be refused, with the exact message.
func TestRefused(t *testing.T) {
	t.Parallel()
	change := func(name, from, to string) []byte {
		data := fixture(t, name)
		if !bytes.Contains(data, []byte(from)) {
			t.Fatalf("%s does not contain %s", name, from)
		}
		return bytes.Replace(data, []byte(from), []byte(to), 1)
	}
	full := fixture(t, "gdmf.json")
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty file", nil, "import: the file is empty"},
		{"white space", []byte(" \n"), "import: the file is empty"},
		{"HTML", []byte("<html>"), "import: not JSON: invalid character '<' looking for beginning of value"},
		{"truncated", full[:len(full)/2], "the file ends here, in mid document"},
		{"two documents", append(bytes.Clone(full), '{', '}'), "import: there is more after the end of the JSON document"},
		{"too large", bytes.Repeat([]byte(" "), catalog.MaxInput+1), "import: larger than 16777216 bytes"},
		{"too deep", []byte(strings.Repeat("[", 40)), "nested deeper than 32"},
		{"array", []byte("[]"), "import: not a release feed: the document is not an object"},
		{"unknown", []byte(`{"a": 1}`), "import: not a release feed: none of the keys of GDMF, SOFA v2, KEV or a Kannuki bundle"},
		{"SOFA v1", []byte(`{"UpdateHash": "", "OSVersions": []}`), "import: not a release feed: a SOFA feed, but not version 2 (use v2/ios_data_feed.json)"},
		{
			"repeated key", change("gdmf.json", `"Build": "23G83"`, `"Build": "23G83", "Build": "23G84"`),
			`import: PublicAssetSets.iOS[0]: key "Build" occurs twice`,
		},
		{
			"key in another case", change("gdmf.json", `"Build": "23G83"`, `"build": "23G83"`),
			"import gdmf: PublicAssetSets.iOS[0]: has no Build",
		},
		{
			"bad date", change("gdmf.json", `"PostingDate": "2026-08-06"`, `"PostingDate": "2026-13-01"`),
			`import gdmf: PublicAssetSets.iOS[2].PostingDate: "2026-13-01" is not a date`,
		},
		{
			"bad version", change("gdmf.json", `"18.7.10"`, `"18.7 beta"`),
			`import gdmf: PublicAssetSets.iOS[3].ProductVersion: "18.7 beta" is not a version`,
		},
		{
			"bad device", change("gdmf.json", `"iPhone12,1"`, `12`),
			"import gdmf: PublicAssetSets.iOS[0].SupportedDevices[0]: is not text",
		},
		{
			"list missing", []byte(`{"PublicAssetSets": {"iOS": []}}`),
			"import gdmf: has no AssetSets",
		},
		{
			"platform missing", []byte(`{"PublicAssetSets": {"iOS": []}, "AssetSets": {"macOS": []}}`),
			"import gdmf: AssetSets: has no iOS",
		},
		{
			"list is text", []byte(`{"PublicAssetSets": "none", "AssetSets": {"iOS": []}}`),
			"import gdmf: PublicAssetSets: is not an object",
		},
		{
			"no rows", []byte(`{"PublicAssetSets": {"iOS": []}, "AssetSets": {"iOS": []}}`),
			"import gdmf: the feed has no usable row",
		},
		{
			"shrunk", gdmf(t, []gdmfRow{row("26.6.1", "2026-08-17", "2026-11-20")}, nil),
			"import gdmf: the feed has shrunk: 2 rows, the last copy had 16",
		},
		{
			"SOFA of macOS", bytes.ReplaceAll(fixture(t, "sofa.json"), []byte("iOS and iPadOS"), []byte("macOS")),
			`import sofa: the feed has no usable row: no release of "iOS and iPadOS" (first: OSVersions[0].SecurityReleases[0]: macOS 26.6)`,
		},
		{
			"SOFA CVE", change("sofa.json", `"CVE-2026-0003"`, `"CVE-x"`),
			`import sofa: OSVersions[0].SecurityReleases[1].CVEs: "CVE-x" is not a CVE id`,
		},
		{
			"SOFA flag", change("sofa.json", `"InKEV": true`, `"InKEV": "yes"`),
			"import sofa: OSVersions[0].SecurityReleases[1].CVEs.CVE-2026-0002.InKEV: is not true or false",
		},
		{
			"SOFA list of flaws", change("sofa.json", `["CVE-2026-0007"]`, `["CVE-2026-0007", "x"]`),
			`import sofa: BackgroundSecurityImprovements.26[0].CVEs: "x" is not a CVE id`,
		},
		{
			"SOFA flaws", change("sofa.json", `["CVE-2026-0007"]`, `7`),
			`import sofa: BackgroundSecurityImprovements.26[0].CVEs: is not an object`,
		},
		{
			"SOFA improvement", change("sofa.json", `"VersionExtra": "(a)"`, `"VersionExtra": "[a]"`),
			`import sofa: BackgroundSecurityImprovements.26[0]: "26.6 [a]" is not the version of an improvement`,
		},
		{
			"KEV id", change("kev.json", "CVE-2026-0004", "2026-0004"),
			`import kev: vulnerabilities[1].cveID: "2026-0004" is not a CVE id`,
		},
		{
			"KEV date", change("kev.json", `"2026-05-14"`, `null`),
			"import kev: vulnerabilities[0]: has no dateAdded",
		},
		{
			"bundle of another version", []byte(`{"format": "kannuki-catalogue", "version": 2}`),
			"import bundle: bundle version 2 is not 1",
		},
		{
			"bundle with a bad list number",
			[]byte(`{"format": "kannuki-catalogue", "version": 1, "releases": [{"version": "26.0", "facts": [{"models": 1}]}]}`),
			"import bundle: releases[0].facts[0]: there is no model list 1",
		},
		{
			"bundle with a release twice",
			[]byte(`{"format": "kannuki-catalogue", "version": 1, "releases": [{"version": "26.0"}, {"version": "26"}]}`),
			"import bundle: build catalogue: release 26 occurs twice",
		},
	}
	c, _ := mustImport(t, empty(), full, "2026-08-22")
	before := mustMarshal(t, c)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			next, report, err := c.Import(tt.data, noon(t, "2026-08-23"))
			if err == nil || !strings.HasSuffix(err.Error(), tt.want) {
				t.Fatalf("error is %v, want %s", err, tt.want)
			}
			if next != nil || !cmp.Equal(report, catalog.Report{}) {
				t.Errorf("a refused import returned %v, %+v", next, report)
			}
			if mustMarshal(t, c) != before {
				t.Error("a refused import changed the catalogue")
			}
		})
	}
}

func TestErrorKinds(t *testing.T) {
	t.Parallel()
	_, _, err := empty().Import([]byte(`{"vulnerabilities": [{"cveID": 1}], "catalogVersion": "1"}`), noon(t, "2026-08-22"))
	var input *catalog.InputError
	if !errors.As(err, &input) || input.Path != "vulnerabilities[0].cveID" {
		t.Errorf("error %v is no InputError with the path", err)
	}
	if _, _, err := empty().Import([]byte(`{}`), noon(t, "2026-08-22")); !errors.Is(err, catalog.ErrUnknownKind) {
		t.Errorf("error %v is not ErrUnknownKind", err)
	}
	_, _, err = empty().Import([]byte(`{"vulnerabilities": [], "catalogVersion": "1"}`), noon(t, "2026-08-22"))
	if !errors.Is(err, catalog.ErrEmptyFeed) {
		t.Errorf("error %v is not ErrEmptyFeed", err)
	}
}

// TestImportTwice: the same files again, in any order, change nothing.
func TestImportTwice(t *testing.T) {
	t.Parallel()
	files := [][]byte{fixture(t, "gdmf.json"), fixture(t, "sofa.json"), fixture(t, "kev.json")}
	c := empty()
	for _, data := range files {
		c, _ = mustImport(t, c, data, "2026-08-22")
	}
	want := mustMarshal(t, c)
	for _, data := range append(files, []byte(want)) {
		again, report := mustImport(t, c, data, "2026-08-22")
		if got := mustMarshal(t, again); got != want {
			t.Errorf("%s changed the catalogue:\n%s", report.Kind, cmp.Diff(want, got))
		}
		if len(report.New)+len(report.Changed) > 0 || report.Unchanged != len(c.Releases()) {
			t.Errorf("%s reports a change: %+v", report.Kind, report)
		}
	}
}

// TestImportOrder: which feed comes first makes no difference to the facts.
func TestImportOrder(t *testing.T) {
	t.Parallel()
	files := []string{"gdmf.json", "sofa.json", "kev.json"}
	orders := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
	var first string
	for _, order := range orders {
		c := empty()
		for _, i := range order {
			c, _ = mustImport(t, c, fixture(t, files[i]), "2026-08-22")
		}
		got := mustMarshal(t, c)
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("order %v differs:\n%s", order, cmp.Diff(first, got))
		}
	}
}

func TestImportSOFA(t *testing.T) {
	t.Parallel()
	c, report := mustImport(t, empty(), fixture(t, "sofa.json"), "2026-08-22")
	want := []string{"26.6 (a)", "26.6", "26.5", "18.7.10", "18.7.8", "18.7.7"}
	if diff := cmp.Diff(want, versions(c.Releases())); diff != "" {
		t.Errorf("releases (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, report.New); diff != "" {
		t.Errorf("reported as new (-want +got):\n%s", diff)
	}
	improvement, _ := c.Release("26.6 (a)")
	if diff := cmp.Diff([]catalog.CVE{{ID: "CVE-2026-0007"}}, improvement.CVEs); diff != "" || improvement.SecurityURL != "https://support.apple.com/en-us/126604" {
		t.Errorf("the improvement is described at %q and fixes (-want +got):\n%s", improvement.SecurityURL, diff)
	}
	r, _ := c.Release("26.6")
	if diff := cmp.Diff([]catalog.Build{{ID: "23G71"}}, r.Builds); diff != "" {
		t.Errorf("builds of watch and TV were not left out (-want +got):\n%s", diff)
	}
	if r, _ = c.Release("26.5"); len(r.Models) != 0 {
		t.Errorf("a release without devices has %d models", len(r.Models))
	}
	if diff := cmp.Diff([]catalog.CVE{
		{ID: "CVE-2026-0002", Exploited: true, KEV: true}, {ID: "CVE-2026-0003"},
	}, r.CVEs); diff != "" {
		t.Errorf("CVEs of 26.5 (-want +got):\n%s", diff)
	}
	if r, _ = c.Release("18.7.7"); r.Posted != date(t, "2026-03-24") || len(r.CVEs) != 2 {
		t.Errorf("version listed twice: posted %s with %d CVEs, want 2026-03-24 with 2", r.Posted, len(r.CVEs))
	}
	if diff := cmp.Diff(map[string]string{"iPhone12,1": "iPhone 11"}, c.Models()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if s, _ := c.Source(catalog.SOFA); s.Entries != 6 || s.Newest != date(t, "2026-08-17") {
		t.Errorf("source has %d entries, newest %s, want 6 and 2026-08-17", s.Entries, s.Newest)
	}
}

// TestImportKEV: KEV only flags, whether the CVE is known before or after.
func TestImportKEV(t *testing.T) {
	t.Parallel()
	onlyKEV, report := mustImport(t, empty(), fixture(t, "kev.json"), "2026-08-22")
	if len(onlyKEV.Releases()) != 0 || len(report.New) != 0 {
		t.Error("KEV added a release")
	}
	c, _ := mustImport(t, empty(), fixture(t, "sofa.json"), "2026-08-22")
	c, report = mustImport(t, c, fixture(t, "kev.json"), "2026-08-22")
	inKEV := func(id string) []catalog.Difference {
		return []catalog.Difference{{Code: catalog.DiffCVEsInKEV, Params: map[string]string{catalog.ParamCVEs: id}}}
	}
	want := []catalog.Change{{Version: "26.5", What: inKEV("CVE-2026-0002")}, {Version: "18.7.10", What: inKEV("CVE-2026-0004")}}
	if diff := cmp.Diff(want, report.Changed); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if s, _ := c.Source(catalog.KEV); s.Entries != 3 || s.Newest != date(t, "2026-08-18") {
		t.Errorf("source has %d entries, newest %s, want 3 and 2026-08-18", s.Entries, s.Newest)
	}
	r, _ := c.Release("18.7.10")
	if diff := cmp.Diff([]catalog.CVE{
		{ID: "CVE-2026-0001"},
		{ID: "CVE-2026-0004", Exploited: true, KEV: true, KEVAdded: date(t, "2026-08-18")},
	}, r.CVEs); diff != "" {
		t.Errorf("CVEs (-want +got):\n%s", diff)
	}
}

// TestImportIsPure: neither the old catalogue nor what it gave out changes.
func TestImportIsPure(t *testing.T) {
	t.Parallel()
	old, _ := mustImport(t, empty(), gdmf(t, []gdmfRow{row("26.5", "2026-05-11", "2026-08-20")}, nil), "2026-05-12")
	before, releases := mustMarshal(t, old), old.Releases()
	mustImport(t, old, fixture(t, "gdmf.json"), "2026-08-22")
	mustImport(t, old, fixture(t, "sofa.json"), "2026-08-22")
	if got := mustMarshal(t, old); got != before {
		t.Errorf("the old catalogue changed:\n%s", cmp.Diff(before, got))
	}
	if diff := cmp.Diff(old.Releases(), releases); diff != "" {
		t.Errorf("releases given out before changed:\n%s", diff)
	}
}

func TestReportWords(t *testing.T) {
	t.Parallel()
	c, _ := mustImport(t, empty(), gdmf(t, []gdmfRow{row("26.5", "2026-05-18", "2026-08-20")}, nil), "2026-05-19")
	_, report := mustImport(t, c, gdmf(t, []gdmfRow{row("26.6", "2026-07-27", "2026-11-20")},
		[]gdmfRow{row("26.5", "2026-05-11", "2026-10-25", "iPhone12,1", "iPhone18,1")}), "2026-08-22")
	want := []string{
		"posted 2026-05-11 instead of 2026-05-18",
		"build B26.5 for 2 models instead of 1",
		"added for 1 model",
		"expiry 2026-10-25 for 1 model",
		"no longer offered since 2026-07-27 for 1 model",
		"posted 2026-05-11 instead of 2026-05-18 for 1 model",
	}
	var got []string
	for _, change := range report.Changed {
		for _, d := range change.What {
			got = append(got, d.String())
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || report.Changed[0].Version != "26.5" {
		t.Errorf("changes of %v (-want +got):\n%s", report.Changed[0].Version, diff)
	}
}

// FuzzImport feeds damaged files. Run it with -fuzzminimizetime 20x: shrinking the
// large seeds otherwise takes all the time.
func FuzzImport(f *testing.F) {
	for _, name := range []string{"gdmf.json", "sofa.json", "kev.json"} {
		f.Add(fixture(f, name))
	}
	base, _ := mustImport(f, empty(), fixture(f, "gdmf.json"), "2026-08-22")
	base, _ = mustImport(f, base, fixture(f, "kev.json"), "2026-08-22")
	f.Add([]byte(mustMarshal(f, base)))
	f.Fuzz(func(t *testing.T, data []byte) {
		next, _, err := base.Import(data, noon(t, "2026-08-23"))
		if err != nil {
			return
		}
		for _, r := range base.Releases() {
			if _, ok := next.Release(r.Version); !ok {
				t.Errorf("release %s was forgotten", r.Version)
			}
		}
		again, report, err := next.Import(data, noon(t, "2026-08-23"))
		if err != nil || len(report.New)+len(report.Changed) > 0 {
			t.Fatalf("second import: %v, %+v", err, report)
		}
		text := mustMarshal(t, next)
		if got := mustMarshal(t, again); got != text {
			t.Errorf("second import changed the catalogue:\n%s", cmp.Diff(text, got))
		}
		read, err := catalog.Unmarshal([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := mustMarshal(t, read); got != text {
			t.Errorf("bundle does not survive reading:\n%s", cmp.Diff(text, got))
		}
	})
}

// FuzzUnmarshal reads damaged bundles: refused, or as good as one of ours.
func FuzzUnmarshal(f *testing.F) {
	c, _ := mustImport(f, empty(), fixture(f, "gdmf.json"), "2026-08-22")
	c, _ = mustImport(f, c, fixture(f, "kev.json"), "2026-08-22")
	f.Add([]byte(mustMarshal(f, c)))
	f.Add([]byte(mustMarshal(f, empty())))
	f.Add([]byte(`{"format":1,"releases":[{"version":"26.6","posted":"2026-02-30"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := catalog.Unmarshal(data)
		if err != nil {
			return
		}
		text := mustMarshal(t, c)
		again, err := catalog.Unmarshal([]byte(text))
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if got := mustMarshal(t, again); got != text {
			t.Errorf("the bundle does not survive reading:\n%s", cmp.Diff(text, got))
		}
	})
}
