package server_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// pushes returns how often Apple was asked to wake a phone.
func (in *installation) pushes(p *mdmtest.Phone) int {
	n := 0
	for _, e := range in.apns.Log() {
		if bytes.Equal(e.Token, p.PushToken()) {
			n++
		}
	}
	return n
}

// TestChasePush: a step that pushes reaches Apple, for a phone that has nothing
// else to learn or to answer, and the phone comes.
func TestChasePush(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	ladder := fleet.PolicyChange{ChaseChange: fleet.ChaseChange{Chase: &[]string{"push@+1h"}}}
	in.must(in.post(api.Path("policies", "reminding"), api.SetPolicyRequest{PolicyChange: ladder}, nil))
	in.must(in.post(api.Path("groups", "sales"), api.SetGroupRequest{GroupSettings: api.GroupSettings{Policy: "reminding"}}, nil))
	v := in.phone("00008120-V", nil)
	p := in.phone("00008120-P", func(o *mdmtest.Options) { o.User = mdmtest.User{} }) // waits for the deadline
	in.enrol(v, "sales", "verification")
	in.enrol(p, "sales", "production")
	in.must(in.post("/v1/gates/sales/26.6.1/offer", map[string]string{"reason": "candidate"}, nil))
	in.until("a verified release", func() bool {
		return in.post("/v1/verdicts", api.VerdictRequest{VerdictRequest: fleet.VerdictRequest{
			BundleID: "com.example.pos", Release: "26.6.1", Result: "works", Device: v.UDID(),
		}}, nil) == nil
	}, v, p)
	in.must(in.post("/v1/gates/sales/26.6.1/approve", api.ApproveRequest{Deadline: "+3d", Reason: "all work"}, nil))
	in.until("a phone that waits for its user", func() bool { return in.device(p.UDID()).Reason == "waiting-for-user" }, v, p)

	in.ahead.Add(int64(2 * time.Hour))
	before, contact := in.pushes(p), in.device(p.UDID()).LastContact
	in.must(in.post("/v1/apps", api.AddAppRequest{AppRequest: fleet.AppRequest{BundleID: "com.example.scan", Name: "Scan", Importance: "informational"}}, nil)) // and all phones are looked at
	in.until("a push", func() bool { return in.pushes(p) > before })
	in.until("a phone that came", func() bool { return in.device(p.UDID()).LastContact.After(contact) }, p)
	var chase fleet.ChaseView
	in.must(in.admin.Get(t.Context(), api.Path("rollouts", "sales", "26.6.1", "chase"), nil, &chase))
	if len(chase.Steps) != 1 || chase.Steps[0].Sent != 1 {
		t.Errorf("steps %+v, want that the phone was pushed once", chase.Steps)
	}
	noViolations(t, v, p)
}
