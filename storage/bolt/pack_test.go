package bolt

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/storage"
)

// longRecord returns a phone with all that an idle one has, and what it ran before.
func longRecord(releases int) storage.Phone {
	at := time.Date(2026, 1, 7, 3, 11, 29, 123456000, time.UTC)
	half, yes, token := 0.5, true, strings.Repeat("5e", 32)
	p := storage.Phone{
		Num: 12345, UDID: "00008110-000A1B2C3D4E5F60", Epoch: 1, State: storage.PhoneEnrolled, Serial: "F2L000000123",
		Group: "sales", Ring: storage.RingProduction, Rights: 7443, EnrolledAt: at, Contact: at, Certificate: token,
		Push: storage.Push{Topic: "com.apple.mgmt.External.0a1b2c3d", Token: []byte(token)[:32], Magic: "0A1B2C3D-AAAA-BBBB-CCCC-0123456789AB", UpdatedAt: at},
		OS:   storage.OS{Version: "26.6.1", Build: "23G83", Since: at}, Model: "iPhone15,2", Supervision: storage.Supervised, TimeZone: "Asia/Tokyo",
		AvailableGB: &half, Battery: &half, Passcode: &yes, Apps: []storage.InstalledApp{{BundleID: "com.example.pos", Version: "1.0", ShortVersion: "1.0"}},
		Capabilities: &storage.Capabilities{Settings: true, Enforcement: true, StatusItems: []string{
			"device.model.identifier", "device.operating-system.build-version", "device.operating-system.version", "passcode.is-present",
			"softwareupdate.beta-enrollment", "softwareupdate.failure-reason", "softwareupdate.install-reason", "softwareupdate.install-state",
		}},
		InfoAt: at, AppsAt: at, AppsFor: []string{"com.example.pos"}, StatusAt: at, Update: storage.UpdateState{Install: "none", Since: at},
		Announced: storage.Announced{Token: token, Revision: 12, Timestamp: at.Truncate(time.Second)},
		Sync:      storage.SyncState{Acked: token, AckedAt: at, Manifest: token, ManifestAt: at},
	}
	for _, id := range []string{"activation", "organization", "settings", "status"} {
		p.Declarations = append(p.Declarations, storage.DeclarationState{Class: "configuration", Identifier: "kannuki." + id, ServerToken: token, Active: true, Valid: "valid"})
	}
	for i := range releases {
		p.History = append(p.History, storage.Ran{
			Version: fmt.Sprintf("26.%d.1", i), Since: at.AddDate(0, 0, 19*i-400).Truncate(time.Second), Reasons: []string{"declaration"},
		})
	}
	return p
}

// TestUnpackIsCheap: what a phone ran before makes its record little dearer to read.
// Allocations stand for time, which a busy machine tells nothing about.
func TestUnpackIsCheap(t *testing.T) { // not parallel: it counts allocations
	var pk packer
	for _, c := range []struct{ releases, most int }{{0, 50}, {storage.MaxHistory, 90}} {
		p := longRecord(c.releases)
		content, err := pack(&pk, bucketPhones, p)
		if err != nil {
			t.Fatal(err)
		}
		var got storage.Phone
		allocations := testing.AllocsPerRun(100, func() {
			if got, err = unpack[storage.Phone](&pk, content); err != nil {
				t.Fatal(err)
			}
		})
		if allocations > float64(c.most) {
			t.Errorf("%d releases: %.0f allocations, want at most %d", c.releases, allocations, c.most)
		}
		if diff := cmp.Diff(p, got); diff != "" {
			t.Errorf("%d releases (-want +got):\n%s", c.releases, diff)
		}
	}
}

// BenchmarkUnpack is what reading a phone costs beside the database itself.
func BenchmarkUnpack(b *testing.B) {
	for _, releases := range []int{0, 4, storage.MaxHistory} {
		b.Run(fmt.Sprintf("%d releases before", releases), func(b *testing.B) {
			var pk packer
			content, err := pack(&pk, bucketPhones, longRecord(releases))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(len(content)), "bytes")
			b.ReportAllocs()
			for b.Loop() {
				if _, err := unpack[storage.Phone](&pk, content); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
