package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestAppsByHand: what somebody has to update is named before its wave comes, and only
// where that is all there is to do.
func TestAppsByHand(t *testing.T) {
	t.Parallel()
	byHand := func(bundleID, floor, installed string) policy.AppInstall {
		return policy.AppInstall{BundleID: bundleID, Floor: floor, Version: installed, Deliver: policy.DeliverNone, SourceID: "a1"}
	}
	want := []policy.AppInstall{byHand(pos, "3.1", "2.9")}
	none := func(*policy.Facts) {}
	same := func(*policy.Parts) {}
	tests := []struct {
		name  string
		world func(*policy.Parts)
		facts func(*policy.Facts)
		want  []policy.AppInstall
	}{
		{"below the floor", same, none, want},
		{"two apps", same, func(f *policy.Facts) { f.Apps[1].Version = "3.0" }, append(want[:1:1], byHand(scan, "3.1", "3.0"))},
		{"the other app is delivered", func(p *policy.Parts) { p.Apps[1].Deliver = policy.DeliverStore }, func(f *policy.Facts) { f.Apps[1].Version = "3.0" }, want},
		{"delivered", func(p *policy.Parts) { p.Apps[0].Deliver = policy.DeliverStore }, none, nil},
		{"delivered, unsupervised", func(p *policy.Parts) { p.Apps[0].Deliver = policy.DeliverStore }, func(f *policy.Facts) { f.Supervised = policy.Unsupervised }, want},
		{"delivered, supervision unknown", func(p *policy.Parts) { p.Apps[0].Deliver = policy.DeliverStore }, func(f *policy.Facts) { f.Supervised = policy.SupervisionUnknown }, nil},
		{"wave not started", startLater, none, want},
		{"paused", pause, none, want},
		{"at the floor", same, func(f *policy.Facts) { f.Apps[0].Version = "3.1" }, nil},
		{"not on the phone", same, func(f *policy.Facts) { f.Apps = f.Apps[1:] }, nil},
		{"versions unknown", same, func(f *policy.Facts) { f.AppsKnown = false }, nil},
		{"the release is there", same, func(f *policy.Facts) { f.OSVersion = next }, nil},
		{"not approved", func(p *policy.Parts) { p.Approvals = nil }, none, nil},
		{"withdrawn", func(p *policy.Parts) { p.Approvals[0].Withdrawn = before }, none, nil},
		{"model not verified", func(p *policy.Parts) { p.Approvals[0].Models = []string{large} }, none, nil},
		{"model cannot run it", same, func(f *policy.Facts) { f.Model = "iPhone3,1" }, nil},
		{"cannot be told to install", same, func(f *policy.Facts) { f.OSVersion, f.Capabilities = "8.4", policy.Capabilities{} }, nil},
		{"verification phone", same, func(f *policy.Facts) { f.Ring = policy.RingVerification }, nil},
		{"no group", same, func(f *policy.Facts) { f.Group = "" }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := approved(), old()
			tt.world(&p)
			tt.facts(&f)
			got := policy.AppsByHand(policy.NewWorld(p), f, next, now)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("apps by hand (-want +got):\n%s", diff)
			}
		})
	}
}
