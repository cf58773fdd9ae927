package policy_test

import (
	"fmt"
	"testing"

	"github.com/kannuki-mdm/kannuki/policy"
)

// largeWorld is a busy installation: 60 releases for 40 models, 20 groups with
// ten apps each, and 40 results per group for the release under test.
func largeWorld(phones int) policy.Parts {
	p := policy.Parts{}
	models := make([]string, 40)
	for i := range models {
		models[i] = fmt.Sprintf("iPhone%d,1", i+10)
	}
	for i := range 60 {
		p.Releases = append(p.Releases, policy.Release{
			Version: fmt.Sprintf("26.%d", i), Class: "update", Models: windows("2026-07-27", models...), CVEs: []policy.CVE{{ID: fmt.Sprint("CVE-", i)}},
		})
	}
	for a := range 10 {
		p.Apps = append(p.Apps, policy.App{BundleID: fmt.Sprint("com.example.", a), Importance: policy.ImportanceCritical})
	}
	for i := range 20 {
		g := policy.Group{Name: fmt.Sprint("group-", i)}
		a := approval()
		a.ID, a.Group, a.Release, a.Models, a.Floors = fmt.Sprint("a", i), g.Name, "26.59", models, nil
		for _, app := range p.Apps {
			g.Apps = append(g.Apps, app.BundleID)
			a.Floors = append(a.Floors, policy.Floor{BundleID: app.BundleID, MinVersion: "3.1"})
			for _, m := range models[:4] {
				v := works(fmt.Sprint("v", len(p.Verdicts)), app.BundleID, m)
				v.Group, v.Release, v.PhoneOS = g.Name, "26.59", "26.59"
				p.Verdicts = append(p.Verdicts, v)
			}
		}
		for _, m := range models[:4] {
			g.Census = append(
				g.Census, policy.Census{Ring: policy.RingProduction, Model: m, OSVersion: "26.57", Count: phones},
				policy.Census{Ring: policy.RingVerification, Model: m, OSVersion: "26.59", Count: 1},
			)
		}
		p.Groups, p.Approvals = append(p.Groups, g), append(p.Approvals, a)
	}
	return p
}

func BenchmarkTargetFor(b *testing.B) {
	for _, phones := range []int{10, 100_000} {
		b.Run(fmt.Sprintf("%d-phones", phones), func(b *testing.B) {
			p := largeWorld(phones)
			w, f := policy.NewWorld(p), phone()
			f.Group, f.Model, f.OSVersion, f.Apps = "group-7", "iPhone11,1", "26.57", nil
			for _, app := range p.Apps {
				f.Apps = append(f.Apps, policy.InstalledApp{BundleID: app.BundleID, Version: "3.2"})
			}
			b.ReportAllocs()
			for b.Loop() {
				if policy.TargetFor(w, f, now).Enforce == nil {
					b.Fatal("nothing to install")
				}
			}
		})
	}
}

func BenchmarkEvaluate(b *testing.B) {
	p := largeWorld(1000)
	p.Approvals = nil
	w := policy.NewWorld(p)
	b.ReportAllocs()
	for b.Loop() {
		if g := policy.Evaluate(w, "group-7", "26.59", now); g.Phase != policy.PhaseVerified {
			b.Fatalf("phase %s %v", g.Phase, g.Reasons)
		}
	}
}

func BenchmarkNewWorld(b *testing.B) {
	p := largeWorld(1000)
	b.ReportAllocs()
	for b.Loop() {
		policy.NewWorld(p)
	}
}

// BenchmarkVirtualDays follows 100 phones of a busy installation for 120 days:
// each day the counts are taken up, every gate of the group is evaluated and
// every phone gets its target and its reason; each week a decision makes a new
// world. The figure to reach stands in docs/performance.md.
func BenchmarkVirtualDays(b *testing.B) {
	parts, days, phones := largeWorld(100), 120, make([]policy.Facts, 100)
	for i := range phones {
		f := phone()
		f.Phone, f.Group, f.Model, f.OSVersion, f.Apps = fmt.Sprint("phone-", i), "group-7", fmt.Sprintf("iPhone%d,1", 10+i%4), "26.57", nil
		for _, app := range parts.Apps {
			f.Apps = append(f.Apps, policy.InstalledApp{BundleID: app.BundleID, Version: "3.2"})
		}
		phones[i] = f
	}
	census := map[string][]policy.Census{}
	for _, g := range parts.Groups {
		census[g.Name] = g.Census
	}
	b.ReportAllocs()
	for b.Loop() {
		var world *policy.World
		for day := range days {
			at := now.AddDate(0, 0, day)
			if day%7 == 0 {
				world = policy.NewWorld(parts)
			}
			w := world.WithCensus(census)
			if len(policy.Gates(w, "group-7", at)) == 0 {
				b.Fatal("no gate")
			}
			e := policy.NewExplainer(w, at)
			for _, f := range phones {
				if x := e.Explain(f, policy.Live{LastContact: at}, policy.TargetFor(w, f, at)); x.Reason.Code == "" {
					b.Fatal("no reason")
				}
			}
		}
	}
}
