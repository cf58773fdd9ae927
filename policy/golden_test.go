package policy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// realReleases are releases of iOS as Apple posted them: version, class, day,
// and the day its successor took its place on these models. Dates, numbers of
// CVEs and exploited ones are those of SOFA's iOS feed of 2026-08-22.
var realReleases = []struct {
	version, class, posted, left string
	cves                         int
	exploited                    []string
}{
	{"26.3", "update", "2026-02-11", "2026-03-04", 46, []string{"CVE-2026-20700", "CVE-2025-43529", "CVE-2025-14174"}},
	{"26.3.1", "patch", "2026-03-04", "2026-03-24", 0, nil},
	{"26.4", "update", "2026-03-24", "2026-04-08", 44, nil},
	{"26.4.1", "patch", "2026-04-08", "2026-04-22", 0, nil},
	{"26.4.2", "patch", "2026-04-22", "2026-05-11", 1, nil},
	{"26.5", "update", "2026-05-11", "2026-06-29", 61, nil},
	{"26.5.2", "patch", "2026-06-29", "2026-07-27", 38, nil},
	{"26.6", "update", "2026-07-27", "2026-08-17", 86, nil},
	{"26.6.1", "patch", "2026-08-17", "", 29, nil},
}

// realWorld returns the story of one group testing 26.4, with the releases as
// they were known at the given day: the shelf life of a release is known only
// once its successor is out.
func realWorld(at time.Time) policy.Parts {
	p := policy.Parts{
		Apps: []policy.App{
			{BundleID: pos, Name: "POS", Importance: policy.ImportanceCritical},
			{BundleID: scan, Name: "Scanner", Importance: policy.ImportanceImportant},
		},
		Groups: []policy.Group{{
			Name: group, Apps: []string{pos, scan}, Policy: policy.DefaultPolicy,
			Census: []policy.Census{
				{Ring: policy.RingProduction, Model: small, OSVersion: "26.3", Count: 40},
				{Ring: policy.RingProduction, Model: large, OSVersion: "26.3.1", Count: 160},
				{Ring: policy.RingVerification, Model: small, OSVersion: "26.4", Count: 1},
				{Ring: policy.RingVerification, Model: large, OSVersion: "26.4", Count: 1},
			},
		}},
		Offers: []policy.Offer{{Group: group, Release: "26.4", At: day("2026-03-24").Add(6 * time.Hour)}},
	}
	for _, r := range realReleases {
		if day(r.posted).After(at) {
			continue
		}
		rel := policy.Release{Version: r.version, Class: r.class, Models: windows(r.posted, small, large)}
		if r.left != "" && !day(r.left).After(at) {
			for i := range rel.Models {
				rel.Models[i].LeftPublic = day(r.left)
				rel.Models[i].Expires = day(r.left).AddDate(0, 0, 90)
			}
		}
		for _, id := range r.exploited {
			rel.CVEs = append(rel.CVEs, policy.CVE{ID: id, Exploited: true})
		}
		for i := len(r.exploited); i < r.cves; i++ {
			rel.CVEs = append(rel.CVEs, policy.CVE{ID: fmt.Sprintf("CVE-of-%s-%d", r.version, i)})
		}
		p.Releases = append(p.Releases, rel)
	}
	tested := func(id, app, model, appVersion, on string, result policy.Result) {
		v := works(id, app, model)
		v.AppVersion, v.Release, v.PhoneOS, v.Result = appVersion, "26.4", "26.4", result
		v.At, v.Expires = day(on).Add(3*time.Hour), day(on).AddDate(0, 6, 0)
		p.Verdicts = append(p.Verdicts, v)
	}
	tested("v1", pos, small, "5.0", "2026-03-30", policy.ResultWorks)
	tested("v2", pos, large, "5.0", "2026-04-10", policy.ResultBroken)
	tested("v3", scan, small, "2.4", "2026-04-12", policy.ResultWorksWithNote)
	tested("v4", pos, large, "5.0.1", "2026-06-19", policy.ResultWorks)
	p.Approvals = []policy.Approval{{
		ID: "a1", Group: group, Release: "26.4", By: "tanaka", Reason: "vendor fix 5.0.1 tested", At: day("2026-06-22").Add(8 * time.Hour),
		Deadline: "2026-06-25T18:00:00", Models: []string{small, large},
		Floors: []policy.Floor{{BundleID: pos, MinVersion: "5.0.1"}, {BundleID: scan, MinVersion: "2.4"}},
	}}
	return p
}

// TestGolden goes through the hold of iOS 26.4, posted on 2026-03-24: tested at
// once, broken on day 17, fixed on day 87, visible to users and approved on day
// 90. The files are rewritten with go test -run Golden -update.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 45, 89, 90, 91} {
		t.Run(fmt.Sprintf("day %d", n), func(t *testing.T) {
			t.Parallel()
			at := day("2026-03-24").AddDate(0, 0, n)
			w := policy.NewWorld(realWorld(at))
			f := phone()
			f.OSVersion, f.Model = "26.3.1", large
			f.Apps = []policy.InstalledApp{{BundleID: pos, Version: "5.0.1"}, {BundleID: scan, Version: "2.4"}}
			l := policy.Live{LastContact: at.Add(-time.Hour), HoldConfirmed: true}
			type line struct {
				Release string       `json:"release"`
				Phase   policy.Phase `json:"phase"`
			}
			var lines []line
			for _, g := range policy.Gates(w, group, at) {
				lines = append(lines, line{g.Release, g.Phase})
			}
			target := policy.TargetFor(w, f, at)
			golden(t, fmt.Sprintf("26.4-day-%02d.json", n), map[string]any{
				"day": at.Format(time.DateOnly), "gate": policy.Evaluate(w, group, "26.4", at), "gates": lines,
				"target": target, "explanation": policy.Explain(w, f, l, target, at),
			})
		})
	}
}

// TestGoldenCarryOver goes on to 26.4.1, which Apple posted on day 15, with
// carry-over: before its smoke tests, after them, and when a result of 26.4 they
// rest on is revoked during the rollout.
func TestGoldenCarryOver(t *testing.T) {
	t.Parallel()
	const patch = "26.4.1"
	at := day("2026-04-12").Add(9 * time.Hour)
	story := func() policy.Parts {
		p := realWorld(at)
		p.Policies = []policy.Policy{{Name: "retail", CarryOver: true, VerdictDays: 180, OnExpiry: policy.OnExpiryEnforce}}
		p.Groups[0].Policy = "retail"
		for i := range p.Groups[0].Census[2:] {
			p.Groups[0].Census[i+2].OSVersion = patch
		}
		p.Offers = append(p.Offers, policy.Offer{Group: group, Release: patch, At: day("2026-04-08").Add(6 * time.Hour)})
		p.Verdicts = []policy.Verdict{works("v1", pos, small), works("v2", pos, large), works("v3", scan, small)}
		for i := range p.Verdicts {
			v := &p.Verdicts[i]
			v.Release, v.PhoneOS, v.Method, v.At, v.Expires = "26.4", "26.4", policy.MethodFull, at.AddDate(0, 0, -7), time.Time{}
		}
		p.Approvals = nil
		return p
	}
	smoke := func(p *policy.Parts) {
		for _, v := range []policy.Verdict{works("s1", pos, small), works("s2", pos, large), works("s3", scan, small)} {
			v.Release, v.PhoneOS, v.Method, v.At, v.Expires = patch, patch, policy.MethodSmoke, at.AddDate(0, 0, -1), time.Time{}
			p.Verdicts = append(p.Verdicts, v)
		}
	}
	for name, change := range map[string]func(*policy.Parts){
		"provisional": func(*policy.Parts) {},
		"carried":     smoke,
		"revoked": func(p *policy.Parts) {
			smoke(p)
			p.Approvals = []policy.Approval{{
				ID: "a1", Group: group, Release: patch, By: "tanaka", Reason: "quick check", At: at.Add(-2 * time.Hour), Deadline: "2026-04-15T18:00:00",
				Models: []string{small, large}, Floors: []policy.Floor{{BundleID: pos, MinVersion: "3.1"}, {BundleID: scan, MinVersion: "3.1"}},
				Verdicts: []string{"s1", "s2", "s3", "v1", "v2", "v3"},
			}}
			p.Verdicts[1].RevokedAt, p.Verdicts[1].RevokedBy = at.Add(-time.Hour), "sato"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := story()
			change(&p)
			w, f := policy.NewWorld(p), phone()
			f.OSVersion, f.Model = "26.3.1", large
			l := policy.Live{LastContact: at.Add(-time.Hour), HoldConfirmed: true}
			target := policy.TargetFor(w, f, at)
			golden(t, "carry-"+name+".json", map[string]any{
				"gate": policy.Evaluate(w, group, patch, at), "target": target, "explanation": policy.Explain(w, f, l, target, at),
			})
		})
	}
}

func golden(t *testing.T, name string, value any) {
	t.Helper()
	got, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		t.Fatalf("marshal: %v", err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatalf("golden folder: %v", err)
		}
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatalf("write golden file: %v", err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("read golden file (go test -update makes it): %v", err)
	}
	if !bytes.Equal(want, got) {
		t.Errorf("%s (-want +got):\n%s", path, cmp.Diff(string(want), string(got)))
	}
}

// TestRealReleases checks the dates above against the feed they come from.
func TestRealReleases(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("KANNUKI_DATA_DIR")
	if dir == "" {
		t.Skip("KANNUKI_DATA_DIR is not set: the release dates of the golden files are not checked against SOFA's feed")
	}
	data, err := os.ReadFile(filepath.Join(dir, "releases", "ios_data_feed.json"))
	if err != nil {
		t.Fatal(err)
	}
	var feed struct {
		OSVersions []struct {
			SecurityReleases []struct {
				ProductVersion        string
				ReleaseDate           time.Time
				CVEs                  map[string]json.RawMessage
				ActivelyExploitedCVEs []string
			}
		}
	}
	if err := json.Unmarshal(data, &feed); err != nil {
		t.Fatalf("decode feed: %v", err)
	}
	type facts struct {
		posted    string
		cves      int
		exploited int
	}
	feedFacts := make(map[string]facts)
	for _, branch := range feed.OSVersions {
		for _, r := range branch.SecurityReleases {
			feedFacts[r.ProductVersion] = facts{r.ReleaseDate.Format(time.DateOnly), len(r.CVEs), len(r.ActivelyExploitedCVEs)}
		}
	}
	for _, r := range realReleases {
		if got := (facts{r.posted, r.cves, len(r.exploited)}); got != feedFacts[r.version] {
			t.Errorf("%s: fixture %+v, feed %+v", r.version, got, feedFacts[r.version])
		}
	}
}
