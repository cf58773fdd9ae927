package policy_test

import (
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// The world most tests start from: one group with a critical, an important and
// an informational app, production on two models, a verification phone of each,
// and three releases. "now" is day 20 after 26.6 was posted.
const (
	small = "iPhone12,1"
	large = "iPhone15,2"
	pos   = "com.example.pos"
	scan  = "com.example.scan"
	news  = "com.example.news"
	group = "sales"
	next  = "26.6"
)

func day(s string) time.Time {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return t
}

var (
	now    = day("2026-08-16").Add(9 * time.Hour)
	before = now.Add(-48 * time.Hour)
	after  = now.Add(48 * time.Hour)
)

func windows(posted string, models ...string) []policy.ModelWindow {
	var list []policy.ModelWindow
	for _, m := range models {
		list = append(list, policy.ModelWindow{Model: m, Posted: day(posted)})
	}
	return list
}

func parts() policy.Parts {
	return policy.Parts{
		Revision: 7,
		Releases: []policy.Release{
			{Version: "26.5", Class: "update", Models: windows("2026-05-11", small, large), CVEs: []policy.CVE{{ID: "CVE-1"}}},
			{Version: "26.5.2", Class: "patch", Models: windows("2026-06-29", small, large), CVEs: []policy.CVE{{ID: "CVE-2", Exploited: true}}},
			{Version: next, Class: "update", Models: windows("2026-07-27", small, large), CVEs: []policy.CVE{{ID: "CVE-2"}, {ID: "CVE-3"}}},
		},
		Apps: []policy.App{
			{BundleID: pos, Name: "POS", Importance: policy.ImportanceCritical},
			{BundleID: scan, Name: "Scanner", Importance: policy.ImportanceImportant},
			{BundleID: news, Name: "News", Importance: policy.ImportanceInformational},
		},
		Groups: []policy.Group{{
			Name: group, Apps: []string{pos, scan, news}, Candidate: policy.CandidateManual,
			Census: []policy.Census{
				{Ring: policy.RingProduction, Model: small, OSVersion: "26.5", Count: 10},
				{Ring: policy.RingProduction, Model: large, OSVersion: "26.5.2", Count: 5},
				{Ring: policy.RingVerification, Model: small, OSVersion: next, Count: 1},
				{Ring: policy.RingVerification, Model: large, OSVersion: next, Count: 1},
			},
		}},
		Offers: []policy.Offer{{Group: group, Release: next, At: before}},
	}
}

func works(id, app, model string) policy.Verdict {
	return policy.Verdict{
		ID: id, BundleID: app, AppVersion: "3.1", Release: next, Model: model, Group: group, Phone: "T-" + model,
		Ring: policy.RingVerification, PhoneOS: next, Result: policy.ResultWorks, By: "sato", At: before,
		Expires: now.AddDate(0, 3, 0), AllowedTester: true,
	}
}

// verified returns the world in which the gate of 26.6 is verified.
func verified() policy.Parts {
	p := parts()
	p.Verdicts = []policy.Verdict{works("v1", pos, small), works("v2", pos, large), works("v3", scan, small)}
	return p
}

func approval() policy.Approval {
	return policy.Approval{
		ID: "a1", Group: group, Release: next, By: "tanaka", Reason: "tested", At: now.Add(-time.Hour),
		Deadline: "2026-08-19T18:00:00", Models: []string{small, large},
		Floors: []policy.Floor{{BundleID: pos, MinVersion: "3.1"}, {BundleID: scan, MinVersion: "3.1"}},
	}
}

// approved returns the world in which 26.6 is approved.
func approved() policy.Parts {
	p := verified()
	p.Approvals = []policy.Approval{approval()}
	return p
}

// phone returns the facts of a production phone that may take 26.6 once it is
// approved.
func phone() policy.Facts {
	return policy.Facts{
		Phone: "P-1", Group: group, Ring: policy.RingProduction, OSVersion: "26.5", Model: small,
		Supervised:   policy.Supervised,
		Capabilities: policy.Capabilities{Known: true, Settings: true, Enforcement: true},
		Apps:         []policy.InstalledApp{{BundleID: pos, Version: "3.1"}, {BundleID: scan, Version: "3.2"}}, AppsKnown: true,
	}
}

// tester returns the facts of a verification phone that is not on 26.6 yet.
func tester() policy.Facts {
	f := phone()
	f.Phone, f.Ring, f.Apps, f.AppsKnown = "T-1", policy.RingVerification, nil, false
	return f
}

func announced(f policy.Facts, state policy.InstallState) policy.Facts {
	f.Announced = &policy.Enforcement{
		Release: next, Deadline: "2026-08-19T18:00:00", Notice: 24 * time.Hour,
		Source: policy.SourceApproval, SourceID: "a1", By: policy.ByDeclaration,
	}
	f.Install = policy.Install{State: state, PendingVersion: next}
	return f
}

// widen gives the group of a world a policy with this model class.
func widen(p *policy.Parts, class policy.ModelClass) {
	wide := policy.BuiltIn()
	wide.Name, wide.ModelClass = "wide", class
	p.Policies, p.Groups[0].Policy = append(p.Policies, wide), wide.Name
}

func ptr[T any](v T) *T { return &v }
