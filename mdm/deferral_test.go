package mdm_test

import (
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/mdm"
)

func deferral() mdm.DeferralProfile {
	return mdm.DeferralProfile{
		Identifier: "com.kannuki-mdm.example.hold", UUID: "0E0B2B60-3C1C-4E0A-9C8E-6A0D9A6D1A01",
		PayloadUUID: "0E0B2B60-3C1C-4E0A-9C8E-6A0D9A6D1A02", Name: "Update hold", Organization: "Example", Days: 90,
	}
}

func TestDeferralProfile(t *testing.T) {
	t.Parallel()
	body, err := deferral().Encode()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "deferral-profile.mobileconfig", body)
}

func TestDeferralProfileRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*mdm.DeferralProfile){
		"identifier": func(p *mdm.DeferralProfile) { p.Identifier = "" },
		"two UUIDs":  func(p *mdm.DeferralProfile) { p.PayloadUUID = "" },
		"UUIDs":      func(p *mdm.DeferralProfile) { p.UUID = "" },
		"name":       func(p *mdm.DeferralProfile) { p.Name = "" },
		"0 days":     func(p *mdm.DeferralProfile) { p.Days = 0 },
		"91 days":    func(p *mdm.DeferralProfile) { p.Days = 91 },
	} {
		p := deferral()
		change(&p)
		if _, err := p.Encode(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}
