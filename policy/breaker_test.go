package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

func reading(signal policy.Code, count, of, stopsAt int) policy.Reading {
	return policy.Reading{Signal: signal, Count: count, Of: of, StopsAt: stopsAt}
}

// TestBreakerThresholds: each signal stops a rollout at its threshold and not
// one phone below, and a share of too few phones never does.
func TestBreakerThresholds(t *testing.T) {
	t.Parallel()
	b := policy.Breaker{Sample: 10, FailedPercent: 10, SilentPercent: 20, SilentAfter: time.Hour, RevertedPercent: 5, Reports: 3}
	tests := []struct {
		name string
		s    policy.Signals
		want []policy.Reading
	}{
		{"nothing", policy.Signals{}, nil},
		{"failed, one below", policy.Signals{Told: 40, Failed: 3}, nil},
		{"failed", policy.Signals{Told: 40, Failed: 4}, []policy.Reading{reading(policy.WhyInstallsFailed, 4, 40, 4)}},
		{"failed, no whole phone, below", policy.Signals{Told: 41, Failed: 4}, nil},
		{"failed, no whole phone", policy.Signals{Told: 41, Failed: 5}, []policy.Reading{reading(policy.WhyInstallsFailed, 5, 41, 5)}},
		{"failed, all of a small sample", policy.Signals{Told: 9, Failed: 9}, nil},
		{"failed, the least sample", policy.Signals{Told: 10, Failed: 1}, []policy.Reading{reading(policy.WhyInstallsFailed, 1, 10, 1)}},
		{"silent, one below", policy.Signals{Told: 100, Installed: 10, Silent: 1}, nil},
		{"silent", policy.Signals{Told: 100, Installed: 10, Silent: 2}, []policy.Reading{reading(policy.WhyPhonesSilent, 2, 10, 2)}},
		{"silent, few installed", policy.Signals{Told: 100, Installed: 9, Silent: 9}, nil},
		{"reverted, one below", policy.Signals{Told: 40, Installed: 40, Reverted: 1}, nil},
		{"reverted", policy.Signals{Told: 40, Installed: 40, Reverted: 2}, []policy.Reading{reading(policy.WhyAppsReverted, 2, 40, 2)}},
		{"reports, one below", policy.Signals{Told: 1, Reports: 2}, nil},
		{"reports need no sample", policy.Signals{Told: 1, Reports: 3}, []policy.Reading{reading(policy.WhyAppsReported, 3, 0, 3)}},
		{"several", policy.Signals{Told: 10, Failed: 2, Installed: 10, Silent: 3, Reverted: 1, Reports: 4}, []policy.Reading{
			reading(policy.WhyInstallsFailed, 2, 10, 1), reading(policy.WhyPhonesSilent, 3, 10, 2), reading(policy.WhyAppsReverted, 1, 10, 1), reading(policy.WhyAppsReported, 4, 0, 3),
		}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, b.Crossed(tc.s)); diff != "" {
				t.Errorf("crossed (-want +got):\n%s", diff)
			}
		})
	}
}

// TestBreakerOfWaves: each wave is judged by itself, by its own least number of
// phones, and so is the rollout as a whole.
func TestBreakerOfWaves(t *testing.T) {
	t.Parallel()
	b := policy.Breaker{Sample: 20, WaveSample: 10, FailedPercent: 10, SilentPercent: 20, SilentAfter: time.Hour, RevertedPercent: 10, Reports: 3}
	well, failing := policy.Signals{Told: 1000, Installed: 1000}, policy.Signals{Told: 10, Failed: 1}
	of := func(wave int, r policy.Reading) policy.Reading {
		r.Wave = wave
		return r
	}
	tests := []struct {
		name       string
		waveSample int
		whole      policy.Signals
		waves      []policy.Signals
		want       []policy.Reading
	}{
		{"a large wave hides no small one", 10, policy.Signals{Told: 1010, Failed: 1, Installed: 1000}, []policy.Signals{well, failing}, []policy.Reading{of(2, reading(policy.WhyInstallsFailed, 1, 10, 1))}},
		{"of too few phones", 11, policy.Signals{Told: 1010, Failed: 1, Installed: 1000}, []policy.Signals{well, failing}, nil},
		{"as many as the whole needs", 0, policy.Signals{Told: 1010, Failed: 1, Installed: 1000}, []policy.Signals{well, failing}, nil},
		{"each goes well", 10, policy.Signals{Told: 2000, Installed: 2000}, []policy.Signals{well, well}, nil},
		{
			"only one began: said once", 10,
			policy.Signals{Told: 20, Failed: 2},
			[]policy.Signals{{Told: 20, Failed: 2}, {}},
			[]policy.Reading{of(1, reading(policy.WhyInstallsFailed, 2, 20, 2))},
		},
		{
			"the whole by waves that are too small", 10,
			policy.Signals{Told: 27, Failed: 3},
			[]policy.Signals{{Told: 9, Failed: 1}, {Told: 9, Failed: 1}, {Told: 9, Failed: 1}},
			[]policy.Reading{reading(policy.WhyInstallsFailed, 3, 27, 3)},
		},
		{
			"the whole and one of them", 10,
			policy.Signals{Told: 40, Failed: 5},
			[]policy.Signals{{Told: 20, Failed: 1}, {Told: 20, Failed: 4}},
			[]policy.Reading{reading(policy.WhyInstallsFailed, 5, 40, 4), of(2, reading(policy.WhyInstallsFailed, 4, 20, 2))},
		},
		{
			"each signal", 10,
			policy.Signals{Told: 1010, Installed: 1010, Silent: 2, Reverted: 1, Reports: 2},
			[]policy.Signals{well, {Told: 10, Installed: 10, Silent: 2, Reverted: 1}},
			[]policy.Reading{of(2, reading(policy.WhyPhonesSilent, 2, 10, 2)), of(2, reading(policy.WhyAppsReverted, 1, 10, 1))},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			breaker, s := b, tc.whole
			breaker.WaveSample, s.Waves = tc.waveSample, tc.waves
			if diff := cmp.Diff(tc.want, breaker.Crossed(s)); diff != "" {
				t.Errorf("crossed (-want +got):\n%s", diff)
			}
		})
	}
	var waves []int
	for _, r := range b.Read(policy.Signals{Told: 10, Waves: []policy.Signals{{}, failing}}) {
		waves = append(waves, r.Wave)
	}
	if diff := cmp.Diff([]int{0, 0, 0, 0, 2, 2, 2}, waves); diff != "" {
		t.Errorf("the waves that are read (-want +got):\n%s", diff)
	}
}

// TestBreakerSwitchedOff: a signal whose number is zero is not even read.
func TestBreakerSwitchedOff(t *testing.T) {
	t.Parallel()
	all := policy.Signals{Told: 100, Failed: 100, Installed: 100, Silent: 100, Reverted: 100, Reports: 100}
	whole := policy.DefaultBreaker()
	tests := map[policy.Code]func(*policy.Breaker){
		policy.WhyInstallsFailed: func(b *policy.Breaker) { b.FailedPercent = 0 },
		policy.WhyPhonesSilent:   func(b *policy.Breaker) { b.SilentPercent = 0 },
		policy.WhyAppsReverted:   func(b *policy.Breaker) { b.RevertedPercent = 0 },
		policy.WhyAppsReported:   func(b *policy.Breaker) { b.Reports = 0 },
	}
	for off, set := range tests {
		b := whole
		set(&b)
		var want []policy.Reading
		for _, r := range whole.Crossed(all) {
			if r.Signal != off {
				want = append(want, r)
			}
		}
		if diff := cmp.Diff(want, b.Crossed(all)); diff != "" || len(want) != len(tests)-1 {
			t.Errorf("without %s (-want +got):\n%s", off, diff)
		}
	}
	if got := (policy.Breaker{}).Read(all); got != nil {
		t.Errorf("the zero breaker reads %v", got)
	}
	whole.SilentAfter = 0
	if got := whole.Read(all); len(got) != len(tests)-1 {
		t.Errorf("without a time for silence it reads %v", got)
	}
}

// TestBreakerReading: while a rollout runs each reading says when it stops, and
// that it cannot yet.
func TestBreakerReading(t *testing.T) {
	t.Parallel()
	want := []policy.Reading{
		reading(policy.WhyInstallsFailed, 2, 40, 4), reading(policy.WhyPhonesSilent, 0, 19, 0), reading(policy.WhyAppsReverted, 1, 19, 0), reading(policy.WhyAppsReported, 1, 0, 3),
	}
	got := policy.DefaultBreaker().Read(policy.Signals{Told: 40, Failed: 2, Installed: 19, Reverted: 1, Reports: 1})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}

// TestFailureOf tells a failure that may be the release's fault from a lack of
// space or charge.
func TestFailureOf(t *testing.T) {
	t.Parallel()
	little, much := 1.0, 50.0
	tests := []struct {
		text string
		gb   *float64
		want policy.Code
	}{
		{"SUMacControllerError 7723", &much, policy.ReasonInstallFailed},
		{"SUMacControllerError 7723", &little, policy.ReasonInstallFailed},
		{"Insufficient disk SPACE", &much, policy.ReasonNoSpace},
		{"", &little, policy.ReasonNoSpace},
		{"", nil, policy.ReasonInstallFailed},
		{"BatteryTooLow", nil, policy.ReasonBattery},
	}
	for _, tc := range tests {
		if got := policy.FailureOf(tc.text, tc.gb); got != tc.want {
			t.Errorf("%q with %v GB: %s, want %s", tc.text, tc.gb, got, tc.want)
		}
	}
}

// TestStoppedByBreaker: a gate, and a phone that waits for it, say that nobody
// stopped the rollout, what did, and what a person has to do.
func TestStoppedByBreaker(t *testing.T) {
	t.Parallel()
	p := approved()
	a := &p.Approvals[0]
	a.PausedAt, a.PausedBy, a.PauseReason = now, "kannuki", "the installation failed on 4 of 40 phones (stops at 4)"
	a.Stopped = []policy.Reading{reading(policy.WhyInstallsFailed, 4, 40, 4), reading(policy.WhyAppsReported, 3, 0, 3)}
	w := policy.NewWorld(p)
	gate := policy.Evaluate(w, group, next, now)
	want := policy.Reason{Code: policy.GateStoppedByBreaker, Params: map[string]string{
		policy.ParamBy: "kannuki", policy.ParamWhy: string(policy.WhyInstallsFailed), policy.ParamCount: "4", policy.ParamOf: "40", policy.ParamLimit: "4",
	}}
	if diff := cmp.Diff([]policy.Reason{want}, gate.Reasons); diff != "" {
		t.Errorf("reasons of the gate (-want +got):\n%s", diff)
	}
	if gate.Phase != policy.PhasePaused || !gate.Paused() || gate.NextAutomatic != policy.StepNone || gate.NextHuman != policy.StepLookAndResume {
		t.Errorf("gate %s, paused %v, next %q and %q", gate.Phase, gate.Paused(), gate.NextAutomatic, gate.NextHuman)
	}
	f := phone()
	target := policy.TargetFor(w, f, now)
	x := policy.NewExplainer(w, now).Explain(f, policy.Live{LastContact: now}, target)
	if target.Enforce != nil || x.Reason.Code != policy.ReasonPaused || x.NextHuman != policy.StepLookAndResume || x.NextAutomatic != policy.StepNone {
		t.Errorf("phone is told %v, reason %s, next %q and %q", target.Enforce, x.Reason.Code, x.NextAutomatic, x.NextHuman)
	}
	a.Stopped = a.Stopped[1:]
	a.Stopped[0].Wave = 2
	gate = policy.Evaluate(policy.NewWorld(p), group, next, now)
	if _, of := gate.Reasons[0].Params[policy.ParamOf]; of || gate.Reasons[0].Params[policy.ParamWhy] != string(policy.WhyAppsReported) {
		t.Errorf("a signal that is no share: %v", gate.Reasons[0].Params)
	}
	if got := gate.Reasons[0].Params[policy.ParamWave]; got != "2" {
		t.Errorf("the gate names wave %q, want 2", got)
	}
}
