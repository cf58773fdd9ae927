package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

const aDay = 24 * time.Hour

// sound is a policy that nothing is wrong with.
func sound() policy.Draft {
	breaker := policy.DefaultBreaker()
	breaker.SilentAfter = 2 * aDay
	return policy.Draft{
		Policy: policy.Policy{Name: "strict", CarryOver: true, VerdictDays: 180, OnExpiry: policy.OnExpiryEnforce, Breaker: breaker},
		Waves:  shares("10%", "50%", "100%"), Soak: 4 * aDay, Deadline: 3 * aDay,
		Groups: []policy.DraftGroup{{
			Name: group, MinimumNotice: aDay, Apps: []policy.Importance{policy.ImportanceImportant, policy.ImportanceInformational},
			Production: 10, Verification: 1,
		}},
	}
}

// lintCase is a change of a sound policy, and the one thing that makes wrong.
type lintCase struct {
	name   string
	change func(d *policy.Draft)
	want   policy.Finding
}

func found(severity policy.Severity, code policy.Code, field string, params ...string) policy.Finding {
	f := policy.Finding{Code: code, Severity: severity, Field: field, Params: map[string]string{}}
	for i := 0; i < len(params); i += 2 {
		f.Params[params[i]] = params[i+1]
	}
	return f
}

func lintCases() []lintCase {
	const failure, warning = policy.SeverityError, policy.SeverityWarning
	return []lintCase{
		{
			"no open day", func(d *policy.Draft) {
				d.Calendar.Closed = []policy.Days{{First: "2026-01-01", Last: "2028-01-01"}}
			},
			found(failure, policy.LintNeverOpen, "closed"),
		},
		{
			"longer than Apple's hold", func(d *policy.Draft) { d.Soak = 44 * aDay },
			found(failure, policy.LintBeyondHold, "soak", "length", "91d", "limit", "90d"),
		},
		{
			"deadline within the notice", func(d *policy.Draft) { d.Deadline = 12 * time.Hour },
			found(failure, policy.LintDeadlineNotice, "deadline", "length", "12h", "limit", "1d", "group", group),
		},
		{
			"reminders on the days that are closed", func(d *policy.Draft) {
				d.Calendar.Weekdays = []time.Weekday{time.Monday, time.Tuesday}
				d.Chase = policy.Ladder{Steps: steps("notice@+0"), Quiet: policy.Quiet{Days: []time.Weekday{time.Monday, time.Tuesday}}}
			},
			found(failure, policy.LintNeverReminded, "chase_off"),
		},
		{
			"reminders of tests on the days that are closed", func(d *policy.Draft) {
				d.Calendar.Weekdays = []time.Weekday{time.Monday}
				d.Chase = policy.Ladder{Quiet: policy.Quiet{Days: []time.Weekday{time.Monday}}}
				d.Tests = policy.Ladder{Steps: steps("escalate@deadline-14d")}
			},
			found(failure, policy.LintNeverReminded, "chase_off"),
		},
		{
			"deadline within the usual notice", func(d *policy.Draft) {
				d.Deadline, d.Groups[0].MinimumNotice = 23*time.Hour+30*time.Minute, 0
			},
			found(failure, policy.LintDeadlineNotice, "deadline", "length", "23h30m", "limit", "1d", "group", group),
		},
		{
			"longer than a release lasts", func(d *policy.Draft) { d.Soak = 14 * aDay },
			found(warning, policy.LintOutlivesRelease, "soak", "length", "31d", "limit", "30d"),
		},
		{
			"freeze at the end of the year", func(d *policy.Draft) {
				d.Calendar.Closed = []policy.Days{{First: "2026-12-01", Last: "2026-12-31"}}
			},
			// The last deadline of 20 November would be on 1 December.
			found(warning, policy.LintCalendarDelays, "closed", "length", "42d", "limit", "30d", "day", "2026-11-20"),
		},
		{
			"holidays that are over", func(d *policy.Draft) { d.LastHoliday = "2026-08-11" },
			found(warning, policy.LintHolidaysEnd, "holidays", "day", "2026-08-11", "policy", "strict"),
		},
		{
			"holidays of a calendar that are over", func(d *policy.Draft) { d.LastHoliday, d.HolidaysOf = "2026-08-11", "japan" },
			found(warning, policy.LintHolidaysEnd, "holidays", "calendar", "japan", "day", "2026-08-11"),
		},
		{
			"Saturday mornings", func(d *policy.Draft) {
				d.Calendar = policy.Calendar{Weekdays: []time.Weekday{time.Saturday}, From: 8 * time.Hour, To: 12 * time.Hour}
			},
			found(warning, policy.LintOpeningNotice, "hours", "length", "4h", "limit", "1d", "group", group),
		},
		{
			"one night a week", func(d *policy.Draft) {
				d.Calendar = policy.Calendar{Weekdays: []time.Weekday{time.Saturday}, From: 22 * time.Hour, To: 5 * time.Hour}
			},
			found(warning, policy.LintOpeningNotice, "hours", "length", "7h", "limit", "1d", "group", group),
		},
		{
			"results end before the last patch", func(d *policy.Draft) { d.VerdictDays = 48 },
			found(warning, policy.LintCarryOverOutlived, "verdict_days", "length", "48d", "limit", "49d"),
		},
		{
			"watching what nobody had to install", func(d *policy.Draft) { d.Soak = 2 * aDay },
			found(warning, policy.LintSoakEndsFirst, "soak", "length", "2d", "limit", "3d"),
		},
		{
			"watching for less than silence takes", func(d *policy.Draft) { d.Breaker.SilentAfter = 5 * aDay },
			found(warning, policy.LintSoakBeforeSilence, "soak", "length", "4d", "limit", "5d"),
		},
		{
			"watching nothing", func(d *policy.Draft) { d.Waves = nil },
			found(warning, policy.LintSoakWithoutWaves, "soak", "length", "4d"),
		},
		{
			"waves that start together", func(d *policy.Draft) { d.Soak = 0 },
			found(warning, policy.LintWavesTogether, "waves", "count", "3"),
		},
		{
			"wave without a phone", func(d *policy.Draft) { d.Groups[0].Production = 2 },
			found(warning, policy.LintWavesEmpty, "waves", "wave", "2", "count", "2", "group", group),
		},
		{
			"number of phones of a larger group", func(d *policy.Draft) { d.Waves = shares("10", "100%") },
			found(warning, policy.LintWavesEmpty, "waves", "wave", "2", "count", "10", "group", group),
		},
		{
			"part smaller than the number before it", func(d *policy.Draft) { d.Waves = shares("2", "6", "50%", "100%") },
			found(warning, policy.LintWavesEmpty, "waves", "wave", "3", "count", "10", "group", group),
		},
		{
			"nothing to verify", func(d *policy.Draft) { d.Groups[0].Apps = d.Groups[0].Apps[1:] },
			found(warning, policy.LintEnforceNothing, "on_expiry", "group", group),
		},
		{
			"nobody to test", func(d *policy.Draft) { d.Groups[0].Verification = 0 },
			found(warning, policy.LintNoVerificationRing, "groups", "count", "10", "group", group),
		},
	}
}

// remindersAndStops are the cases of ladders, of the automatic stop and of the
// emergency lane.
func remindersAndStops() []lintCase {
	const failure, warning = policy.SeverityError, policy.SeverityWarning
	return []lintCase{
		{
			"reminders in no full hour", func(d *policy.Draft) {
				d.Chase = policy.Ladder{Steps: steps("escalate@deadline+1d"), Quiet: policy.Quiet{From: 9 * time.Hour, To: 8*time.Hour + time.Minute}}
			},
			found(failure, policy.LintQuietAllDay, "chase_quiet", "length", "59m", "limit", "1h"),
		},
		{
			"reminders of tests in a minute", func(d *policy.Draft) {
				d.Chase.Quiet = policy.Quiet{To: aDay - time.Minute}
				d.Tests = policy.Ladder{Steps: steps("escalate@deadline+1d")}
			},
			found(failure, policy.LintQuietAllDay, "chase_quiet", "length", "1m", "limit", "1h"),
		},
		{
			"a message before anybody is told", func(d *policy.Draft) {
				d.Deadline = 3*aDay - time.Hour
				d.Chase.Steps = []policy.ChaseStep{{Name: "message@deadline-3d", Kind: policy.ChaseMessage, After: -3 * aDay, FromDeadline: true}}
			},
			found(warning, policy.LintBeforeTold, "chase", "step", "message@deadline-3d", "length", "2d23h"),
		},
		{
			"a notice that comes on the deadline", func(d *policy.Draft) {
				d.Chase.Steps = []policy.ChaseStep{{Name: "notice@+3d", Kind: policy.ChaseNotice, After: 3 * aDay}}
			},
			found(warning, policy.LintNoticeLate, "chase", "step", "notice@+3d"),
		},
		{
			"a notice after any deadline", func(d *policy.Draft) {
				d.Deadline = 0
				d.Chase.Steps = []policy.ChaseStep{{Name: "notice@deadline+1h", Kind: policy.ChaseNotice, After: time.Hour, FromDeadline: true}}
			},
			found(warning, policy.LintNoticeLate, "chase", "step", "notice@deadline+1h"),
		},
		{
			"at any hour, but never", func(d *policy.Draft) {
				d.Chase.Steps, d.Tests.Steps = steps("push@+6h"), steps("escalate@deadline+1d")
				d.Always = []policy.ChaseKind{policy.ChaseEscalate, policy.ChaseTicket}
			},
			found(warning, policy.LintAlwaysUnused, "chase_always", "step", "ticket"),
		},
		{
			"a stop that never stops", func(d *policy.Draft) { d.Breaker = policy.Breaker{Sample: 20, SilentAfter: aDay} },
			found(warning, policy.LintNeverStopped, "breaker_reports"),
		},
		{
			"a stop that a group is too small for", func(d *policy.Draft) { d.Breaker.Sample, d.Breaker.WaveSample, d.Breaker.Reports = 20, 11, 0 },
			found(warning, policy.LintStopBeyondGroup, "breaker_sample", "count", "10", "limit", "11", "group", group),
		},
		{
			"a deadline of a lane there is not", func(d *policy.Draft) { d.Urgent = policy.UrgentRules{Off: true, Deadline: 36 * time.Hour} },
			found(warning, policy.LintUrgentUnused, "urgent_deadline", "length", "1d12h"),
		},
	}
}

// TestLint: each rule finds what it is for, and nothing else does.
func TestLint(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff([]policy.Finding{}, policy.Lint(sound(), now)); diff != "" {
		t.Fatalf("a sound policy (-want +got):\n%s", diff)
	}
	covered := map[policy.Code]bool{}
	for _, tc := range slices.Concat(lintCases(), remindersAndStops()) {
		covered[tc.want.Code] = true
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := sound()
			tc.change(&d)
			if diff := cmp.Diff([]policy.Finding{tc.want}, policy.Lint(d, now)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
	for _, code := range policy.LintCodes() {
		if !covered[code] {
			t.Errorf("nothing fires %s", code)
		}
	}
}

// TestLintIsQuiet: values just on the good side, and what cannot be told yet.
func TestLintIsQuiet(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(d *policy.Draft){
		"built in":                       func(d *policy.Draft) { *d = policy.Draft{Policy: policy.BuiltIn(), Groups: d.Groups} },
		"no group yet":                   func(d *policy.Draft) { d.Groups = nil },
		"no phone yet":                   func(d *policy.Draft) { d.Groups[0].Production, d.Groups[0].Verification = 0, 0 },
		"as long as a release lasts":     func(d *policy.Draft) { d.Soak, d.Deadline = 13*aDay, 4*aDay },
		"a deadline as long as a notice": func(d *policy.Draft) { d.Deadline = aDay },
		"no deadline":                    func(d *policy.Draft) { d.Deadline = 0 },
		"results for ever":               func(d *policy.Draft) { d.VerdictDays = 0 },
		"short results, no carry-over":   func(d *policy.Draft) { d.CarryOver, d.VerdictDays = false, 10 },
		"a phone for each wave":          func(d *policy.Draft) { d.Groups[0].Production = 3 },
		"a full hour for reminders": func(d *policy.Draft) {
			d.Chase = policy.Ladder{Steps: steps("escalate@deadline+1d"), Quiet: policy.Quiet{From: 9 * time.Hour, To: 8 * time.Hour}}
		},
		"nobody is reminded": func(d *policy.Draft) { d.Chase.Quiet = policy.Quiet{To: aDay - time.Minute} },
		"a message when phones are told": func(d *policy.Draft) {
			d.Chase.Steps = []policy.ChaseStep{{Name: "message@deadline-3d", Kind: policy.ChaseMessage, After: -3 * aDay, FromDeadline: true}}
		},
		"a message before a deadline that the calendar moves": func(d *policy.Draft) {
			d.Calendar.Closed = []policy.Days{{First: "2026-10-01", Last: "2026-10-02"}}
			d.Chase.Steps = []policy.ChaseStep{{Name: "message@deadline-4d", Kind: policy.ChaseMessage, After: -4 * aDay, FromDeadline: true}}
		},
		"reports stop a small group": func(d *policy.Draft) { d.Breaker.Sample = 1000 },
		"a small group, sampled":     func(d *policy.Draft) { d.Breaker.Sample, d.Breaker.WaveSample, d.Breaker.Reports = 20, 10, 0 },
		"no lane":                    func(d *policy.Draft) { d.Urgent.Off = true },
		"working hours": func(d *policy.Draft) {
			d.Calendar = policy.Calendar{
				Weekdays: []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}, From: 9 * time.Hour, To: 17 * time.Hour,
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := sound()
			change(&d)
			if diff := cmp.Diff([]policy.Finding{}, policy.Lint(d, now)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

// Waves that nobody watches start together.
func ExampleLint() {
	d := policy.Draft{Policy: policy.BuiltIn(), Waves: shares("5%", "25%", "100%"), Deadline: 72 * time.Hour}
	for _, f := range policy.Lint(d, time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)) {
		fmt.Println(f.Severity, f.Field, f.Code)
	}
	// Output: warning waves waves-without-soak
}
