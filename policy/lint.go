package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Draft is a policy with all that it says, also of rollouts, and the groups it
// decides about: what [Lint] looks at.
type Draft struct {
	Policy
	Waves    []WaveShare   // those of the waves before counted in; none: all phones at once
	Soak     time.Duration // least time between the starts of two waves
	Deadline time.Duration // from the start of a wave; 0: whoever approves names one
	Calendar Calendar
	// LastHoliday is the last day of the holidays among the closed days of Calendar; "":
	// it has none.
	LastHoliday Date
	HolidaysOf  string // the shared calendar that has it; "": the policy itself
	Chase       Ladder
	Tests       Ladder       // about candidates that nobody tests
	Always      []ChaseKind  // that channels may deliver in quiet hours too
	Groups      []DraftGroup // in the order in which findings are to name them
}

// DraftGroup is a group as [Lint] looks at it.
type DraftGroup struct {
	Name          string
	MinimumNotice time.Duration // zero or less: DefaultMinimumNotice
	Apps          []Importance  // of its business apps
	// Production and Verification are numbers of phones.
	Production, Verification int
}

// Severity says what is to become of a finding.
type Severity string

// The severities.
const (
	// SeverityError is a contradiction: no rollout can be as the policy says.
	SeverityError Severity = "error"
	// SeverityWarning is what will not work as it seems to be meant.
	SeverityWarning Severity = "warning"
)

// Finding is one thing that is wrong with a policy.
type Finding struct {
	Code     Code              `json:"code"`
	Severity Severity          `json:"severity"`
	Field    string            `json:"field"` // the setting to change first, as files call it
	Params   map[string]string `json:"params"`
}

// What a policy can be found to do wrong.
const (
	LintBeyondHold         Code = "rollout-beyond-hold"
	LintNeverOpen          Code = "calendar-never-open"
	LintDeadlineNotice     Code = "deadline-under-notice"
	LintOutlivesRelease    Code = "rollout-outlives-release"
	LintCalendarDelays     Code = "calendar-delays-rollout"
	LintNeverReminded      Code = "reminders-never"
	LintHolidaysEnd        Code = "holidays-end"
	LintOpeningNotice      Code = "opening-under-notice"
	LintCarryOverOutlived  Code = "carry-over-outlived"
	LintSoakEndsFirst      Code = "soak-before-deadline"
	LintSoakBeforeSilence  Code = "soak-before-silence"
	LintSoakWithoutWaves   Code = "soak-without-waves"
	LintWavesTogether      Code = "waves-without-soak"
	LintWavesEmpty         Code = "waves-empty"
	LintEnforceNothing     Code = "enforce-without-apps"
	LintNoVerificationRing Code = "no-verification-phones"
	LintQuietAllDay        Code = "reminders-quiet"
	LintBeforeTold         Code = "reminder-before-told"
	LintNoticeLate         Code = "notice-after-deadline"
	LintAlwaysUnused       Code = "always-without-step"
	LintNeverStopped       Code = "stop-never"
	LintStopBeyondGroup    Code = "stop-beyond-group"
	LintUrgentUnused       Code = "urgent-off"
)

// Keys of Finding.Params, besides ParamGroup and ParamCount.
const (
	ParamCalendar = "calendar" // the name of a shared one
	ParamPolicy   = "policy"   // the name of the policy, where it has itself what else a shared calendar has
	ParamDay      = "day"      // a date, "2006-01-02"
	ParamStep     = "step"     // of a ladder, "message@deadline-24h", or a kind of step
	ParamLength   = "length"   // days and hours, "3d" or "2d12h"
	ParamLimit    = "limit"    // the same, of what it is compared with
)

// What is usual with Apple's releases. Of the 29 from 18.0 to 26.6 that were the
// newest for a phone, 25 were followed by another within UsualLife; a release x.y
// had its last patch, while it was the newest, up to CarryReach after it.
const (
	UsualLife  = 30 * day
	CarryReach = 49 * day
)

// rule is one thing that Lint looks for. It returns the values of each finding.
type rule struct {
	code     Code
	severity Severity
	field    string
	find     func(d *drafted) []map[string]string
}

// rules are all of them, contradictions first. A new setting adds its rows here.
func rules() []rule {
	return []rule{
		{LintNeverOpen, SeverityError, "closed", (*drafted).neverOpen},
		{LintBeyondHold, SeverityError, "soak", (*drafted).beyondHold},
		{LintNeverReminded, SeverityError, "chase_off", (*drafted).neverReminded},
		{LintQuietAllDay, SeverityError, "chase_quiet", (*drafted).quietAllDay},
		{LintDeadlineNotice, SeverityError, "deadline", (*drafted).deadlineUnderNotice},
		{LintOutlivesRelease, SeverityWarning, "soak", (*drafted).outlivesRelease},
		{LintCalendarDelays, SeverityWarning, "closed", (*drafted).calendarDelays},
		{LintHolidaysEnd, SeverityWarning, "holidays", (*drafted).holidaysEnd},
		{LintOpeningNotice, SeverityWarning, "hours", (*drafted).openingUnderNotice},
		{LintCarryOverOutlived, SeverityWarning, "verdict_days", (*drafted).carryOverOutlived},
		{LintSoakEndsFirst, SeverityWarning, "soak", (*drafted).soakEndsFirst},
		{LintSoakBeforeSilence, SeverityWarning, "soak", (*drafted).soakBeforeSilence},
		{LintSoakWithoutWaves, SeverityWarning, "soak", (*drafted).soakWithoutWaves},
		{LintWavesTogether, SeverityWarning, "waves", (*drafted).wavesTogether},
		{LintWavesEmpty, SeverityWarning, "waves", (*drafted).wavesEmpty},
		{LintEnforceNothing, SeverityWarning, "on_expiry", (*drafted).enforceNothing},
		{LintNoVerificationRing, SeverityWarning, "groups", (*drafted).noVerificationPhones},
		{LintBeforeTold, SeverityWarning, "chase", (*drafted).reminderBeforeTold},
		{LintNoticeLate, SeverityWarning, "chase", (*drafted).noticeAfterDeadline},
		{LintAlwaysUnused, SeverityWarning, "chase_always", (*drafted).alwaysUnused},
		{LintNeverStopped, SeverityWarning, "breaker_reports", (*drafted).neverStopped},
		{LintStopBeyondGroup, SeverityWarning, "breaker_sample", (*drafted).stopBeyondGroup},
		{LintUrgentUnused, SeverityWarning, "urgent_deadline", (*drafted).urgentUnused},
	}
}

// LintCodes returns the code of everything that can be found.
func LintCodes() []Code {
	var codes []Code
	for _, r := range rules() {
		codes = append(codes, r.code)
	}
	return codes
}

// Lint returns what is wrong with a policy for rollouts that begin in the year
// after now: contradictions first, each kind in the order of the groups.
func Lint(d Draft, now time.Time) []Finding {
	seen := drafted{Draft: d}
	seen.measure(now)
	found := []Finding{}
	for _, r := range rules() {
		for _, params := range r.find(&seen) {
			found = append(found, Finding{Code: r.code, Severity: r.severity, Field: r.field, Params: params})
		}
	}
	return found
}

// drafted is a Draft with what its rollouts would be like.
type drafted struct {
	Draft
	today time.Time
	open  bool // on some day of the year
	// shortest and longest are how long a rollout takes, from its start to its
	// last deadline, when it begins on the best and on the worst day.
	shortest, longest time.Duration
	worst             time.Time
	told              time.Duration // the longest time from the start of a wave to its deadline
	stretch           time.Duration // the longest time in which no day is closed
}

// measure plans a rollout for each day of a year.
func (d *drafted) measure(now time.Time) {
	// A length by the clock on the wall is the same in every zone, so UTC will do.
	s := Schedule{Soak: d.Soak, Calendar: d.Calendar}
	today := now.UTC().Truncate(day)
	d.today = today
	_, d.open = d.Calendar.Next(today)
	days := farthest
	if d.Calendar.IsZero() || !d.open {
		days = 1
	}
	var run time.Duration
	for i := range days {
		from := today.AddDate(0, 0, i)
		took := s.length(from, max(1, len(d.Waves)), d.Deadline)
		if i == 0 || took < d.shortest {
			d.shortest = took
		}
		if took > d.longest {
			d.longest, d.worst = took, from
		}
		start, _ := d.Calendar.Next(from)
		d.told = max(d.told, s.length(start, 1, d.Deadline))
		if run += day; !d.Calendar.opens(from) {
			run = 0
		}
		d.stretch = max(d.stretch, run)
	}
	d.stretch -= day - d.Calendar.hours()
}

// length returns how long a rollout takes from a moment to its last deadline.
func (s Schedule) length(from time.Time, waves int, deadline time.Duration) time.Duration {
	start := from
	for i := range waves {
		if i > 0 {
			start = s.After(start, s.Soak)
		}
		start, _ = s.Calendar.Next(start)
	}
	end, _ := s.Calendar.Next(s.After(start, deadline))
	return end.Sub(from)
}

// once is the finding of a rule that is about the policy as a whole.
func once(wrong bool, params ...string) []map[string]string {
	if !wrong {
		return nil
	}
	return []map[string]string{paramsOf(params)}
}

func paramsOf(pairs []string) map[string]string {
	params := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		params[pairs[i]] = pairs[i+1]
	}
	return params
}

// each asks about every group; wrong returns the values of a finding, nil for
// none.
func (d *drafted) each(wrong func(g DraftGroup) []string) []map[string]string {
	var found []map[string]string
	for _, g := range d.Groups {
		if params := wrong(g); params != nil {
			found = append(found, paramsOf(append(params, ParamGroup, g.Name)))
		}
	}
	return found
}

func (d *drafted) neverOpen() []map[string]string { return once(!d.open) }

func (d *drafted) beyondHold() []map[string]string {
	return once(d.open && d.shortest > HoldDays*day, ParamLength, lengthText(d.shortest), ParamLimit, lengthText(HoldDays*day))
}

func (d *drafted) deadlineUnderNotice() []map[string]string {
	return d.each(func(g DraftGroup) []string {
		if least := notice(g.MinimumNotice, DefaultMinimumNotice); d.Deadline > 0 && d.Deadline < least {
			return []string{ParamLength, lengthText(d.Deadline), ParamLimit, lengthText(least)}
		}
		return nil
	})
}

func (d *drafted) outlivesRelease() []map[string]string {
	wrong := d.open && d.shortest > UsualLife && d.shortest <= HoldDays*day
	return once(wrong, ParamLength, lengthText(d.shortest), ParamLimit, lengthText(UsualLife))
}

func (d *drafted) calendarDelays() []map[string]string {
	wrong := d.open && d.shortest <= UsualLife && d.longest > UsualLife
	return once(wrong, ParamLength, lengthText(d.longest), ParamLimit, lengthText(UsualLife), ParamDay, d.worst.Format(time.DateOnly))
}

// holidaysAhead is for how long holidays have to be known: somebody who reads of it has
// time to give those of the next year.
const holidaysAhead = 60 * day

// holidaysEnd finds holidays that are over, or soon will be: the days of the next year
// are open because nobody has given them.
func (d *drafted) holidaysEnd() []map[string]string {
	wrong := d.LastHoliday != "" && d.LastHoliday <= Date(d.today.Add(holidaysAhead).Format(time.DateOnly))
	of, name := ParamPolicy, d.Name
	if d.HolidaysOf != "" {
		of, name = ParamCalendar, d.HolidaysOf
	}
	return once(wrong, ParamDay, string(d.LastHoliday), of, name)
}

func (d *drafted) openingUnderNotice() []map[string]string {
	return d.each(func(g DraftGroup) []string {
		if least := notice(g.MinimumNotice, DefaultMinimumNotice); d.open && !d.Calendar.IsZero() && d.stretch < least {
			return []string{ParamLength, lengthText(d.stretch), ParamLimit, lengthText(least)}
		}
		return nil
	})
}

func (d *drafted) carryOverOutlived() []map[string]string {
	lasts := time.Duration(d.VerdictDays) * day
	return once(d.CarryOver && lasts > 0 && lasts < CarryReach, ParamLength, lengthText(lasts), ParamLimit, lengthText(CarryReach))
}

func (d *drafted) soakEndsFirst() []map[string]string {
	return once(len(d.Waves) > 1 && d.Soak > 0 && d.Soak < d.Deadline, ParamLength, lengthText(d.Soak), ParamLimit, lengthText(d.Deadline))
}

func (d *drafted) soakWithoutWaves() []map[string]string {
	return once(len(d.Waves) < 2 && d.Soak > 0, ParamLength, lengthText(d.Soak))
}

func (d *drafted) wavesTogether() []map[string]string {
	return once(len(d.Waves) > 1 && d.Soak == 0, ParamCount, strconv.Itoa(len(d.Waves)))
}

func (d *drafted) wavesEmpty() []map[string]string {
	return d.each(func(g DraftGroup) []string {
		reached := 0
		for i, share := range d.Waves {
			n := share.Of(g.Production)
			if g.Production > 0 && n <= reached {
				return []string{ParamWave, strconv.Itoa(i + 1), ParamCount, strconv.Itoa(g.Production)}
			}
			reached = n
		}
		return nil
	})
}

func (d *drafted) enforceNothing() []map[string]string {
	return d.each(func(g DraftGroup) []string {
		if d.OnExpiry != OnExpiryEnforce || slices.ContainsFunc(g.Apps, closes) {
			return nil
		}
		return []string{}
	})
}

func (d *drafted) noVerificationPhones() []map[string]string {
	return d.each(func(g DraftGroup) []string {
		if g.Production == 0 || g.Verification > 0 || !slices.ContainsFunc(g.Apps, closes) {
			return nil
		}
		return []string{ParamCount, strconv.Itoa(g.Production)}
	})
}

// closes reports whether an app of an importance can keep a gate closed.
func closes(i Importance) bool { return i != ImportanceInformational }

// lengthText writes a length as people give it, "3d" or "2d12h".
func lengthText(d time.Duration) string {
	days, hours, minutes := d/day, d%day/time.Hour, d%time.Hour/time.Minute
	var b strings.Builder
	for _, part := range []struct {
		n    time.Duration
		unit string
	}{{days, "d"}, {hours, "h"}, {minutes, "m"}} {
		if part.n > 0 {
			b.WriteString(strconv.Itoa(int(part.n)) + part.unit)
		}
	}
	return cmp.Or(b.String(), "0d")
}
