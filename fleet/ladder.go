package fleet

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ChaseSettings are what a policy says about reminding those whose phones are
// late.
type ChaseSettings struct {
	Chase         []string `json:"chase"`          // steps such as "push@+6h", "message@deadline-24h"; none: nobody is reminded
	ChaseTests    []string `json:"chase_tests"`    // the same while nobody tests a candidate: "message@+3d", "escalate@verify-by-30d"
	ChaseQuiet    string   `json:"chase_quiet"`    // hours without a step, "19:00-08:00", by each phone's own clock; "" none
	ChaseOff      []string `json:"chase_off"`      // weekdays without a step, "sat"
	ChasePerDay   int      `json:"chase_per_day"`  // steps for one phone a day; 0: as many as are due
	ChaseAlways   []string `json:"chase_always"`   // kinds of steps, "escalate", that a channel may deliver late in quiet hours too
	ChaseLanguage string   `json:"chase_language"` // of the words to those who carry phones: en or ja; "": that of the channel
}

// ChaseChange changes them; what is nil stays as it is.
type ChaseChange struct {
	Chase         *[]string `json:"chase,omitempty"`
	ChaseTests    *[]string `json:"chase_tests,omitempty"`
	ChaseQuiet    *string   `json:"chase_quiet,omitempty"`
	ChaseOff      *[]string `json:"chase_off,omitempty"`
	ChasePerDay   *int      `json:"chase_per_day,omitempty"` // 0 to 10
	ChaseAlways   *[]string `json:"chase_always,omitempty"`
	ChaseLanguage *string   `json:"chase_language,omitempty"`
}

// Bounds of a ladder.
const (
	maxChase       = 10 // steps
	maxChaseOff    = 6  // weekdays: one has to be left
	maxChasePerDay = 10
)

func chaseSettings(p storage.Policy) ChaseSettings {
	c := p.Chase
	s := ChaseSettings{
		Chase: append([]string{}, c.Steps...), ChaseTests: append([]string{}, testSteps(c)...), ChaseOff: append([]string{}, c.Off...), ChasePerDay: c.PerDay,
		ChaseAlways: append([]string{}, c.Always...), ChaseLanguage: c.Language,
	}
	if c.From != c.To {
		s.ChaseQuiet = clockText(c.From) + "-" + clockText(c.To)
	}
	return s
}

// chaseChange returns the change that leads to what a policy says.
func chaseChange(p storage.Policy) ChaseChange {
	s := chaseSettings(p)
	return ChaseChange{&s.Chase, &s.ChaseTests, &s.ChaseQuiet, &s.ChaseOff, &s.ChasePerDay, &s.ChaseAlways, &s.ChaseLanguage}
}

// detail is what the audit log keeps of them.
func (s ChaseSettings) detail() map[string]string {
	text, err := json.Marshal(s)
	if err != nil {
		return nil // cannot happen: strings and numbers
	}
	return map[string]string{"chase": string(text)}
}

// onto changes a policy, or returns an error about the value no policy can have.
func (c ChaseChange) onto(p *storage.Policy) error {
	to := &p.Chase
	if c.Chase != nil {
		if err := checkSteps("chase", *c.Chase, fromDeadline); err != nil {
			return err
		}
		to.Steps = *c.Chase
	}
	if c.ChaseTests != nil {
		if err := checkSteps("chase_tests", *c.ChaseTests, fromVerifyBy); err != nil {
			return err
		}
		setTestSteps(to, *c.ChaseTests)
	}
	if c.ChaseQuiet != nil {
		var ok bool
		if to.From, to.To, ok = parseQuiet(*c.ChaseQuiet); !ok {
			return invalid("chase_quiet", "not-quiet-hours", "%q: want hours such as 19:00-08:00, less than the whole day, or nothing for none", *c.ChaseQuiet).with("value", *c.ChaseQuiet)
		}
	}
	if c.ChaseOff != nil {
		off, err := parseWeekdays("chase_off", *c.ChaseOff)
		if err != nil {
			return err
		}
		if len(off) > maxChaseOff {
			return invalid("chase_off", "never-reminded", "all seven days: no step could ever be taken; want at most %d", maxChaseOff).with("most", strconv.Itoa(maxChaseOff))
		}
		to.Off = off
	}
	if n := c.ChasePerDay; n != nil {
		if *n < 0 || *n > maxChasePerDay {
			return invalid("chase_per_day", "steps-out-of-range", "%d: want between 0 (as many as are due) and %d", *n, maxChasePerDay).
				with("value", strconv.Itoa(*n), "most", strconv.Itoa(maxChasePerDay))
		}
		to.PerDay = *n
	}
	if c.ChaseAlways != nil {
		always, err := parseAlways(*c.ChaseAlways)
		if err != nil {
			return err
		}
		to.Always = always
	}
	if c.ChaseLanguage != nil {
		if err := oneOf("chase_language", *c.ChaseLanguage, "en", "ja"); err != nil {
			return err
		}
		to.Language = *c.ChaseLanguage
	}
	return nil
}

// checkSteps refuses steps that cannot be read, come twice, or whose times do
// not rise among those that count from the same moment; from is what they can
// count from beside their beginning.
func checkSteps(field string, list []string, from string) error {
	if len(list) > maxChase {
		return invalid(field, "too-many-steps", "%d steps: want at most %d", len(list), maxChase).with("most", strconv.Itoa(maxChase))
	}
	last := map[bool]policy.ChaseStep{}
	for _, text := range list {
		s, ok := parseStep(text, from)
		if !ok {
			return invalid(field, "step-not-readable", "%q: want what is done and when, such as notice@+0, push@+6h, message@%[2]s-24h, escalate@%[2]s+1d or ticket@%[2]s+3d", text, from).
				with("value", text, "from", from)
		}
		if before, ok := last[s.FromDeadline]; ok && s.After <= before.After {
			return invalid(field, "steps-not-rising", "%s after %s: times that count from the same moment must rise", text, before.Name).with("value", text, "before", before.Name)
		}
		last[s.FromDeadline] = s
	}
	return nil
}

// What steps can count from beside their beginning.
const (
	fromDeadline = "deadline"  // of the phone
	fromVerifyBy = "verify-by" // the day by which the gate is to be verified
)

// parseStep reads one step: "push@+6h" counts from when the phone was told,
// "message@deadline-24h" from its deadline or whatever else from names.
func parseStep(text, from string) (policy.ChaseStep, bool) {
	kind, when, _ := strings.Cut(text, "@")
	s := policy.ChaseStep{Name: text, Kind: policy.ChaseKind(kind)}
	offset, ok := strings.CutPrefix(when, from)
	if s.FromDeadline = ok; offset == "" && ok {
		offset = "+0"
	}
	length, before := strings.CutPrefix(offset, "-")
	if !before {
		var after bool
		if length, after = strings.CutPrefix(offset, "+"); !after {
			return s, false
		}
	}
	d, err := parseOffset(length)
	if err != nil || strings.ContainsAny(length, "+-") || d > maxDeadline || d%time.Minute != 0 || before && !s.FromDeadline {
		return s, false
	}
	if s.After = d; before {
		s.After = -d
	}
	_, err = policy.ParseChaseKind(kind)
	return s, err == nil
}

// parseQuiet reads "19:00-08:00", over midnight or not; "" is none.
func parseQuiet(text string) (from, to time.Duration, ok bool) {
	if text == "" {
		return 0, 0, true
	}
	first, last, _ := strings.Cut(text, "-")
	from, okFrom := parseClock(first)
	to, okTo := parseClock(last)
	if to == 24*time.Hour {
		to = 0
	}
	return from, to, okFrom && okTo && from != to && from < 24*time.Hour
}

// ladder translates what a policy says for the engine, with the calendar that
// steps are put off by. It was checked when it was written.
func ladder(c storage.PolicyChase, calendar policy.Calendar) policy.Ladder {
	return ladderOf(c.Steps, fromDeadline, c, calendar)
}

// ladderOf is ladder for steps that count from something else.
func ladderOf(steps []string, from string, c storage.PolicyChase, calendar policy.Calendar) policy.Ladder {
	l := policy.Ladder{PerDay: c.PerDay, Calendar: calendar, Quiet: policy.Quiet{From: c.From, To: c.To}}
	for _, text := range steps {
		if s, ok := parseStep(text, from); ok {
			l.Steps = append(l.Steps, s)
		}
	}
	for _, name := range c.Off {
		l.Quiet.Days = append(l.Quiet.Days, time.Weekday(slices.Index(weekdayNames(), name)))
	}
	return l
}

// ladder returns that of a policy as a rollout follows it: on the days that the
// policy's calendar leaves open, which the urgent route does not ask.
func (s *snapshot) ladder(p storage.Policy, a storage.Approval) policy.Ladder {
	if a.Lane != nil {
		return ladder(p.Chase, policy.Calendar{})
	}
	return ladder(p.Chase, s.calendarOf(p))
}
