package server_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.mozilla.org/pkcs7"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestLegacyCrypto: SHA-1 message signatures are refused, unless the switch is
// on, and then nobody can miss it.
func TestLegacyCrypto(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.setUp()
	a := mint(t, in.deviceCA(), nil)
	in.record(a)
	in.enrolRaw(a, "PHONE-A")
	body, header := messageNamed(t, "Idle").of(t, udid("PHONE-A"))
	poll := func(digest string) int {
		h := header.Clone()
		h.Set("Mdm-Signature", a.sign(t, body))
		if digest == "SHA-1" {
			h.Set("Mdm-Signature", a.signBy(t, pkcs7.OIDDigestAlgorithmSHA1, body))
		}
		status, _ := in.as(nil).do(http.MethodPut, "/mdm/command", h, body)
		return status
	}
	type told struct {
		status  bool // GET /v1/status says so
		doctor  bool // doctor warns
		refused int  // audit entries
		used    int
	}
	look := func() (got told) {
		var st api.Status
		in.must(in.admin.Get(t.Context(), "/v1/status", nil, &st))
		got.status = st.Server.LegacyCrypto
		findings := server.Diagnose(t.Context(), server.DiagnoseOptions{
			Data: in.data, Getenv: func(string) string { return "" }, Wall: time.Now, Text: lang.New("en"),
			Database: func(context.Context) error { return nil },
		})
		got.doctor = slices.ContainsFunc(findings, func(f server.Finding) bool { return f.Check == "crypto" && f.Grade == server.GradeWarn })
		_, log := in.records()
		for _, e := range log[storage.DefaultSegment] {
			switch e.Action + " " + e.Target + " " + e.Detail["reasons"] {
			case "security.refused none weak-signature 1":
				got.refused++
			case "security.legacy-crypto " + a.fingerprint() + " sha1-signature 2":
				got.used++
			}
		}
		return got
	}

	if status := poll("SHA-1"); status != http.StatusBadRequest {
		t.Errorf("SHA-1 with the switch off: %d, want 400", status)
	}
	if got, want := look(), (told{refused: 1}); got != want {
		t.Errorf("off: %+v, want %+v", got, want)
	}
	in.reconfigure("legacy_crypto: false", "legacy_crypto: true")
	for _, digest := range []string{"SHA-256", "SHA-1", "SHA-1"} {
		if status := poll(digest); status != http.StatusOK {
			t.Errorf("%s with the switch on: %d, want 200", digest, status)
		}
	}
	if got, want := look(), (told{status: true, doctor: true, refused: 1, used: 1}); got != want {
		t.Errorf("on: %+v, want %+v", got, want)
	}
}
