package policy_test

import (
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// A group with one critical app: its gate opens when a verification phone that
// runs the release has shown that the app works.
func ExampleEvaluate() {
	now := time.Date(2026, 8, 20, 9, 0, 0, 0, time.UTC)
	posted := time.Date(2026, 8, 17, 0, 0, 0, 0, time.UTC)
	parts := policy.Parts{
		Releases: []policy.Release{{
			Version: "26.6.1", Class: "patch", Models: []policy.ModelWindow{{Model: "iPhone15,2", Posted: posted}},
		}},
		Apps: []policy.App{{BundleID: "com.example.pos", Name: "POS", Importance: policy.ImportanceCritical}},
		Groups: []policy.Group{{Name: "sales", Apps: []string{"com.example.pos"}, Census: []policy.Census{
			{Ring: policy.RingProduction, Model: "iPhone15,2", OSVersion: "26.6", Count: 120},
			{Ring: policy.RingVerification, Model: "iPhone15,2", OSVersion: "26.6.1", Count: 2},
		}}},
		Offers: []policy.Offer{{Group: "sales", Release: "26.6.1", At: posted}},
	}
	gate := policy.Evaluate(policy.NewWorld(parts), "sales", "26.6.1", now)
	fmt.Println(gate.Phase, gate.Missing, gate.Clocks.VerifyBy.Format(time.DateOnly))
	fmt.Println(policy.Approvable(gate))

	parts.Verdicts = []policy.Verdict{{
		ID: "1", BundleID: "com.example.pos", AppVersion: "4.2", Release: "26.6.1", Model: "iPhone15,2",
		Group: "sales", Phone: "T1", Ring: policy.RingVerification, PhoneOS: "26.6.1",
		Result: policy.ResultWorks, By: "sato", At: now, AllowedTester: true,
	}}
	gate = policy.Evaluate(policy.NewWorld(parts), "sales", "26.6.1", now)
	fmt.Println(gate.Phase, gate.Models, gate.Floors)
	// Output:
	// verifying [com.example.pos] 2026-11-15
	// gate of group sales for release 26.6.1 is verifying: app-missing, offered; missing: POS (com.example.pos: untested, no-verdict on iPhone15,2)
	// verified [iPhone15,2] [{com.example.pos 4.2}]
}
