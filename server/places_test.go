package server_test

import (
	"testing"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestLinkIsJudgedWhenUsed: a phone that enrols again with a link stays where it is
// when that may not put it elsewhere any more.
func TestLinkIsJudgedWhenUsed(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	in.must(in.post("/v1/groups", api.AddGroupRequest{Name: "dock"}, nil))
	p := in.phone("00008120-E", nil)
	in.enrol(p, "sales", "production")
	in.must(p.Step(t.Context()))
	var link api.EnrollmentLink
	in.must(in.post("/v1/enrollment/links", api.EnrollmentRequest{Device: p.UDID(), Group: "dock", Ring: "production"}, &link))
	in.must(in.post("/v1/groups/dock/remove", map[string]string{"reason": "not needed"}, nil))
	erased := in.phone(p.UDID(), nil)
	in.must(in.install(erased, link.URL))
	if d := in.device(p.UDID()); d.Group != "sales" || d.Ring != "production" || d.Epoch != 2 {
		t.Errorf("the phone is in %s/%s, epoch %d, want where it was, in a new epoch", d.Group, d.Ring, d.Epoch)
	}
	noViolations(t, erased)
}
