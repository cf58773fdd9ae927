package mdmtest

import (
	"testing"
	"time"
)

// TestBetaProgram follows Apple's rules for the beta keys: a required program is
// joined, an offered one only by a user who wants it, AlwaysOff ends it all.
func TestBetaProgram(t *testing.T) {
	t.Parallel()
	subscribe := [2]string{typeSubscriptions, `{"StatusItems":[{"Name":"softwareupdate.beta-enrollment"}]}`}
	const program = `{"Description":"AppleSeed","Token":"t"}`
	for name, tt := range map[string]struct {
		rule  string
		joins bool
		want  string
	}{
		"required":        {`{"ProgramEnrollment":"AlwaysOn","RequireProgram":` + program + `}`, false, "AppleSeed"},
		"offered":         {`{"ProgramEnrollment":"AlwaysOn","OfferPrograms":[` + program + `]}`, false, ""},
		"offered, joined": {`{"ProgramEnrollment":"AlwaysOn","OfferPrograms":[` + program + `]}`, true, "AppleSeed"},
		"off":             {`{"ProgramEnrollment":"AlwaysOff"}`, true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := newFakeServer(t), newClock()
			p := fleetPhone(t, s, c, Options{Supervised: true, Apple: catalog{}, User: User{JoinsBeta: tt.joins}},
				map[string][2]string{"configuration/s": {typeSettings, `{"Beta":` + tt.rule + `}`}, "configuration/r": subscribe})
			run(t, p, c, c.Now().Add(26*time.Hour))
			if got := items(s.lastStatus(), "StatusItems", "softwareupdate", "beta-enrollment"); got != tt.want {
				t.Errorf("reported %v, want %q", got, tt.want)
			}
			wantNoViolations(t, p)
		})
	}
}
