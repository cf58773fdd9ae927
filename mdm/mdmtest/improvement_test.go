package mdmtest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// improved returns the improvements that came and went, and the releases.
func improved(p *Phone) []string {
	out := []string{}
	for _, e := range p.o.Journal.Entries(KindImproved, KindInstalled) {
		out = append(out, fmt.Sprintf("%s %s %s: %s", e.Kind, e.Version, e.Build, e.Detail))
	}
	return out
}

func settings(rule string) [2]string {
	return [2]string{typeSettings, `{"RapidSecurityResponse":` + rule + `}`}
}

func build(version, build string) [2]string {
	return [2]string{typeEnforcement, fmt.Sprintf(`{"TargetOSVersion":%q,"TargetBuildVersion":%q,"TargetLocalDateTime":"2026-11-02T12:00:00"}`, version, build)}
}

// TestImprovements follows Apple's rules: the settings hide an improvement from
// the phone, not from an enforcement, and an enforcement without a build brings
// the improvements of its release along.
func TestImprovements(t *testing.T) {
	t.Parallel()
	apple := catalog{
		{Version: "26.6", Build: "23G1", Posted: posted},
		{Version: "26.6", Extra: "a", Build: "23G777a", Posted: posted},
		release,
		{Version: "26.7", Extra: "a", Build: "23H777a", Posted: posted, DownloadTime: time.Minute},
	}
	const hidden, taken = `{"Enable":false,"EnableRollback":true}`, `{"Enable":true,"EnableRollback":true}`
	tests := map[string]struct {
		set  map[string][2]string
		want []string
		on   string // improvement in the end
	}{
		"taken":  {map[string][2]string{"configuration/s": settings(taken)}, []string{"improved 26.6 (a) 23G777a: by itself"}, "a"},
		"hidden": {map[string][2]string{"configuration/s": settings(hidden)}, []string{}, ""},
		"enforced though hidden": {
			map[string][2]string{"configuration/s": settings(hidden), "configuration/e": build("26.6", "23G777a")},
			[]string{"improved 26.6 (a) 23G777a: declaration", "installed 26.6 23G1: declaration"},
			"a",
		},
		"enforced with its base": {
			map[string][2]string{"configuration/s": settings(hidden), "configuration/e": build("26.7", "23H777a")},
			[]string{"improved 26.7 (a) 23H777a: declaration", "installed 26.7 23H1: declaration"},
			"a",
		},
		"along with a release": {
			map[string][2]string{"configuration/s": settings(hidden), "configuration/e": enforce("26.7", "2026-11-02T12:00:00")},
			[]string{"improved 26.7 (a) 23H777a: with 26.7", "installed 26.7 23H1: declaration"},
			"a",
		},
		"not with the release's own build": {
			map[string][2]string{"configuration/s": settings(hidden), "configuration/e": build("26.7", "23H1")},
			[]string{"installed 26.7 23H1: declaration"},
			"",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, c := newFakeServer(t), newClock()
			p := fleetPhone(t, s, c, Options{Supervised: true, Apple: apple, User: User{TakesImprovements: 12 * time.Hour}}, tt.set)
			run(t, p, c, time.Date(2026, 11, 4, 0, 0, 0, 0, time.UTC))
			if d := cmp.Diff(tt.want, improved(p)); d != "" {
				t.Errorf("improvements (-want +got):\n%s", d)
			}
			if got := p.Snapshot().Improvement; got != tt.on {
				t.Errorf("improvement %q, want %q", got, tt.on)
			}
			wantNoViolations(t, p)
		})
	}
}

// TestImprovementReported: the letter is reported beside the release, and gone
// again when the user takes the improvement off, where that is allowed.
func TestImprovementReported(t *testing.T) {
	t.Parallel()
	for rollback, want := range map[string]string{"true": "", "false": "a"} {
		s, c := newFakeServer(t), newClock()
		apple := catalog{{Version: "26.6", Extra: "a", Build: "23G777a", Posted: posted}}
		subscribe := [2]string{typeSubscriptions, `{"StatusItems":[{"Name":"device.operating-system.supplemental.extra-version"},{"Name":"device.operating-system.supplemental.build-version"}]}`}
		p := fleetPhone(t, s, c, Options{Supervised: true, Apple: apple, User: User{TakesImprovements: time.Nanosecond}},
			map[string][2]string{"configuration/s": settings(`{"EnableRollback":` + rollback + `}`), "configuration/r": subscribe})
		run(t, p, c, c.Now().Add(26*time.Hour))
		if got := items(s.lastStatus(), "StatusItems", "device", "operating-system", "supplemental"); !cmp.Equal(got, any(map[string]any{"extra-version": "a", "build-version": "23G777a"})) {
			t.Errorf("rollback %s: reported %v, want (a)", rollback, got)
		}
		if removed := p.RemoveImprovement(); removed != (want == "") {
			t.Errorf("rollback %s: removed %v", rollback, removed)
		}
		run(t, p, c, c.Now().Add(26*time.Hour))
		if got := items(s.lastStatus(), "StatusItems", "device", "operating-system", "supplemental", "extra-version"); got != want {
			t.Errorf("rollback %s: then reported %v, want %q", rollback, got, want)
		}
		wantNoViolations(t, p)
	}
}
