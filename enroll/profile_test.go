package enroll_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/micromdm/plist"
	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/storage"
)

var update = flag.Bool("update", false, "write the golden files anew")

const golden = "testdata/enroll.mobileconfig"

// normalize replaces what is different in each profile and in each test run.
func normalize(t *testing.T, profile []byte) string {
	t.Helper()
	text := strings.ReplaceAll(string(profile), challengeOf(t, profile), "CHALLENGE")
	text = regexp.MustCompile(`(?s)<data>.*?</data>`).ReplaceAllString(text, "<data>ROOT</data>")
	var seen []string
	return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllStringFunc(text, func(id string) string {
		if id == strings.TrimPrefix(topic, "com.apple.mgmt.External.") {
			return id
		}
		if !slices.Contains(seen, id) {
			seen = append(seen, id)
		}
		return "UUID-" + string(rune('A'+slices.Index(seen, id)))
	})
}

// TestProfileGolden shows the whole profile in a file, because a phone keeps it
// for years: AccessRights, ServerURL, CheckInURL and Topic can never be changed.
func TestProfileGolden(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	profile, _, err := d.CreateProfile(t.Context(), storage.DefaultSegment, sales(), true)
	d.must(err)
	got := normalize(t, profile)
	if *update {
		d.must(os.MkdirAll(filepath.Dir(golden), 0o750))
		d.must(os.WriteFile(golden, []byte(got), 0o600))
	}
	want, err := os.ReadFile(golden)
	d.must(err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("profile (-want +got, -update writes the file anew):\n%s", diff)
	}
}

// content returns the payload of a type, and how many payloads there are.
func content(t *testing.T, profile []byte, payloadType string) (map[string]any, int) {
	t.Helper()
	var doc struct{ PayloadContent []map[string]any }
	if err := plist.Unmarshal(profile, &doc); err != nil {
		t.Fatal(err)
	}
	for _, p := range doc.PayloadContent {
		if p["PayloadType"] == payloadType {
			return p, len(doc.PayloadContent)
		}
	}
	return nil, len(doc.PayloadContent)
}

func TestProfileFollowsTheRequest(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	c := config(t)
	c.SignMessage, c.Roots = true, nil
	d.configure(c)
	for name, rights := range map[string]uint64{"updates": 5395, "managed": 7443, "full": 7455} {
		r := sales()
		r.Rights = name
		profile, _, err := d.CreateProfile(t.Context(), storage.DefaultSegment, r, true)
		d.must(err)
		payload, n := content(t, profile, "com.apple.mdm")
		if payload["AccessRights"] != rights || payload["SignMessage"] != true {
			t.Errorf("%s: AccessRights %v, SignMessage %v; want %d, true", name, payload["AccessRights"], payload["SignMessage"], rights)
		}
		if n != 2 {
			t.Errorf("%s: %d payloads with a publicly trusted certificate, want identity and MDM alone", name, n)
		}
	}
}

// TestProfileFitsAppleSchema has a simulated iPhone read the profile. The phone
// is offline, so all that can be wrong is the profile.
func TestProfileFitsAppleSchema(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, unsigned := range []bool{true, false} {
		for _, os := range []string{"17.0", "18.1", "26.5"} {
			profile, _, err := d.CreateProfile(t.Context(), storage.DefaultSegment, sales(), unsigned)
			d.must(err)
			p, err := mdmtest.New(mdmtest.Options{UDID: phone, OSVersion: os, Build: "X", Now: time.Now})
			d.must(err)
			p.SetOffline(true)
			if err := p.InstallProfile(t.Context(), profile); !errors.Is(err, mdmtest.ErrOffline) {
				t.Errorf("iOS %s, unsigned %t: %v, want the phone to get as far as the network", os, unsigned, err)
			}
			for _, v := range p.Snapshot().Violations {
				t.Errorf("iOS %s, unsigned %t: %s", os, unsigned, v)
			}
		}
	}
}

func TestProfileSignature(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	plain, _, err := d.CreateProfile(t.Context(), storage.DefaultSegment, sales(), true)
	d.must(err)
	if !bytes.HasPrefix(plain, []byte("<?xml ")) {
		t.Errorf("the unsigned profile begins with %q, want plain XML", plain[:min(len(plain), 16)])
	}
	signed, _, err := d.CreateProfile(t.Context(), storage.DefaultSegment, sales(), false)
	d.must(err)
	p7, err := pkcs7.Parse(signed)
	d.must(err)
	roots := x509.NewCertPool()
	roots.AddCert(keyring(t).Root())
	if err := p7.VerifyWithChain(roots); err != nil {
		t.Errorf("the signature does not lead to the installation's root: %v", err)
	}
	if len(p7.Signers) != 1 || !p7.Signers[0].DigestAlgorithm.Algorithm.Equal(pkcs7.OIDDigestAlgorithmSHA256) {
		t.Errorf("%d signers, want one with SHA-256", len(p7.Signers))
	}
	if got, want := normalize(t, p7.Content), normalize(t, plain); got != want {
		t.Errorf("signed content differs from the unsigned profile:\n%s", cmp.Diff(want, got))
	}
	p7.Content[len(p7.Content)/2] ^= 1
	if err := p7.VerifyWithChain(roots); err == nil {
		t.Error("an altered profile still verifies")
	}
}

// TestProfilesShareNothing: identifiers of payloads are new in each profile,
// as is the challenge; the top-level identifier is not, so that a phone takes a
// later profile for an update of the first.
func TestProfilesShareNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	var uuids []string
	for range 2 {
		profile, _, err := d.CreateProfile(t.Context(), storage.DefaultSegment, sales(), true)
		d.must(err)
		uuids = append(uuids, regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{21}`).FindAllString(string(profile), -1)...)
		if !bytes.Contains(profile, []byte("<string>com.kannuki-mdm.0123456789abcdef.enroll</string>")) {
			t.Error("the profile's identifier is not that of the installation")
		}
		if !bytes.Contains(profile, []byte(base64.StdEncoding.EncodeToString(keyring(t).Root().Raw[:9]))) {
			t.Error("the profile does not carry the root")
		}
	}
	slices.Sort(uuids)
	// Each profile has five: itself, root, identity (named once more by the MDM payload) and MDM.
	if n := len(uuids); n != 12 {
		t.Fatalf("%d UUIDs in two profiles, want 12 with the topic's", n)
	}
	if n := len(slices.Compact(uuids)); n != 9 {
		t.Errorf("%d different UUIDs in two profiles, want 9: four each and the topic's", n)
	}
}
