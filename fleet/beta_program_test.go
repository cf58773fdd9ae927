package fleet_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestBetaProgram: verification phones are told of the program of the policy in
// force, production phones never are, and nobody is of one whose token is gone.
func TestBetaProgram(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.betas = map[string]string{"AppleSeed": "token-1"}
	w.restart()
	production, tester := w.enrol("P", "sales", storage.RingProduction), w.enrol("T", "sales", storage.RingVerification)
	unsupervised := w.enrol("U", "sales", storage.RingVerification)
	unsupervised.sup = false
	none := map[string]any{"ProgramEnrollment": "AlwaysOff"}
	program := map[string]any{"Description": "AppleSeed", "Token": "token-1"}
	check := func(when string, supervised, other map[string]any) {
		t.Helper()
		for _, tc := range []struct {
			phone *phone
			want  map[string]any
		}{{production, none}, {tester, supervised}, {unsupervised, other}} {
			tc.phone.settle()
			got, _ := tc.phone.sync()["kannuki.settings"].Payload["Beta"].(map[string]any)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", when, tc.phone.udid, diff)
			}
		}
	}
	says := func(mode string) {
		w.decides("strict", fleet.PolicyChange{BetaChange: fleet.BetaChange{Beta: &mode, BetaProgram: ptr("AppleSeed")}})
	}
	check("with the built-in policy", none, nil)
	says("require")
	check("required", map[string]any{"ProgramEnrollment": "AlwaysOn", "RequireProgram": program}, nil)
	says("offer")
	check("offered", map[string]any{"ProgramEnrollment": "AlwaysOn", "OfferPrograms": []any{program}}, map[string]any{"OfferPrograms": []any{program}})
	w.betas = nil
	w.restart()
	check("without its token", none, nil)
	if p, err := w.fleet.Policy(seg, "strict"); err != nil || !p.BetaMissing {
		t.Errorf("policy without its program: %+v, %v, want that it is missing", p.BetaSettings, err)
	}
	w.decides("strict", fleet.PolicyChange{VerdictDays: ptr(10)}) // what has nothing to do with it can still be changed
}

// TestBetaProgramReported: what the phone says it takes part in is on record.
func TestBetaProgramReported(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	tester := w.enrol("T", "sales", storage.RingVerification)
	tester.settle()
	for _, program := range []string{"AppleSeed", ""} {
		tester.report(map[string]any{"softwareupdate": map[string]any{"beta-enrollment": program}})
		d, err := w.fleet.Device(w.ctx, seg, "T")
		if w.must(err); d.BetaProgram != program {
			t.Errorf("reported %q, on record is %q", program, d.BetaProgram)
		}
	}
}

// TestBetaProgramRefused: a policy names a program that the server has the token
// of, whichever way it is written.
func TestBetaProgramRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		change fleet.BetaChange
		code   string
	}{
		"no such mode":    {fleet.BetaChange{Beta: ptr("always")}, "not-one-of"},
		"no program":      {fleet.BetaChange{Beta: ptr("offer")}, "beta-program-missing"},
		"unknown program": {fleet.BetaChange{Beta: ptr("require"), BetaProgram: ptr("AppleSeed")}, "beta-program-unknown"},
	} {
		_, set := w.fleet.SetPolicy(w.ctx, seg, w.act("try"), "strict", fleet.PolicyChange{BetaChange: tc.change})
		_, applied := w.fleet.Apply(w.ctx, seg, w.act("try"), fleet.ApplyRequest{Settings: fleet.Settings{
			Policies: []fleet.PolicySettings{{Name: "strict", PolicyChange: fleet.PolicyChange{BetaChange: tc.change}}},
		}})
		for way, err := range map[string]error{"set": set, "applied": applied} {
			if got := invalidity(t, err).Code; got != tc.code {
				t.Errorf("%s, %s: %v, want %s", name, way, err, tc.code)
			}
		}
	}
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("later"), "strict", fleet.PolicyChange{BetaChange: fleet.BetaChange{BetaProgram: ptr("AppleSeed")}})
	w.must(err) // while it is off, the token can still come
}
