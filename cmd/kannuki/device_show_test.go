package main

import (
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestRenewalText: whatever became of a renewal, a person reads what is so and
// what comes next.
func TestRenewalText(t *testing.T) {
	t.Parallel()
	due := time.Date(2028, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, test := range []struct {
		name, state string
		renewal     fleet.RenewalView
		want        string
	}{
		{"not yet", fleet.CertificateValid, fleet.RenewalView{DueAt: due}, "by itself from 2028"},
		{"due", fleet.CertificateDue, fleet.RenewalView{DueAt: due}, "offered when the phone comes next"},
		{"offered", fleet.CertificateDue, fleet.RenewalView{DueAt: due, OfferedAt: due}, "asked again after a day"},
		{"deferred", fleet.CertificateDue, fleet.RenewalView{DueAt: due, OfferedAt: due, Deferred: true}, "put it off"},
		{"failed", fleet.CertificateDue, fleet.RenewalView{DueAt: due, OfferedAt: due, Error: "Error: no space"}, "could not: Error: no space"},
		{"ended", fleet.CertificateEnded, fleet.RenewalView{DueAt: due}, "kannuki enroll link --device PHONE"},
	} {
		g := testGlobals("en")
		d := api.Device{}
		d.UDID, d.CertificateState, d.Renewal = "PHONE", test.state, &test.renewal
		if got := g.renewalText(d); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want it to say %q", test.name, got, test.want)
		}
	}
}

// TestIdentityFindings: doctor names what is due, what has ended, or neither.
func TestIdentityFindings(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		counts fleet.CertificateCounts
		want   string
	}{
		{fleet.CertificateCounts{}, "ok"},
		{fleet.CertificateCounts{Due: 2}, "warn --certificate due"},
		{fleet.CertificateCounts{Ended: 1}, "warn --certificate ended"},
		{fleet.CertificateCounts{Due: 1, Ended: 1}, "warn --certificate due warn --certificate ended"},
	} {
		g := testGlobals("en")
		var got []string
		for _, f := range g.identities(test.counts) {
			got = append(got, string(f.Grade))
			if _, rest, found := strings.Cut(f.Fix, "--certificate "); found {
				state, _, _ := strings.Cut(rest, "`")
				got = append(got, "--certificate "+state)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%+v: %s, want %s", test.counts, got, test.want)
		}
	}
}
