package fleet

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// maxDeadline bounds how far away a deadline may lie.
const maxDeadline = 90 * 24 * time.Hour

func sprintf(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// parseDeadline reads a deadline as people give it: "+3d" or "+12h" from now,
// or a wall time "2026-11-27T18:30" by each phone's own clock. Offsets are
// counted in the installation's time zone and rounded up to the minute.
func (f *Fleet) parseDeadline(text string, now time.Time) (policy.LocalTime, error) {
	if offset, relative := strings.CutPrefix(text, "+"); relative {
		d, err := parseOffset(offset)
		if err != nil || d <= 0 || d > maxDeadline {
			return "", invalid("deadline", "offset-too-far", "%q: want an offset such as +3d or +12h, at most +90d", text).with("value", text, "most", "+90d")
		}
		return policy.FormatLocal(minuteUp(now.Add(d)), f.o.Location), nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		deadline := policy.FormatLocal(t, time.UTC)
		if shown, _ := time.ParseInLocation(layout, text, f.o.Location); policy.FormatLocal(shown, f.o.Location) != deadline {
			return "", invalid("deadline", "deadline-skipped", "no clock in %s shows %s: clocks go forward then; want an hour earlier or later", f.o.Location, text).with("value", text, "zone", f.o.Location.String())
		}
		if deadline.Compare(policy.FormatLocal(now, f.o.Location)) <= 0 {
			return "", invalid("deadline", "deadline-past", "%s is in the past; a past deadline would restart phones within the hour", text).with("value", text)
		}
		if t.Sub(now) > maxDeadline+24*time.Hour {
			return "", invalid("deadline", "deadline-too-far", "%s is more than 90 days away", text).with("value", text)
		}
		return deadline, nil
	}
	return "", invalid("deadline", "not-an-offset-or-time", "%q: want +3d, +12h or a local time such as 2026-11-27T18:30", text).with("value", text)
}

// maxStart bounds how long an approval may wait for its first wave.
const maxStart = 30 * 24 * time.Hour

// parseStart reads when a wave begins: "" is now, "+2h" later.
func parseStart(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return now, nil
	}
	d, err := ParseOffset(text)
	if err != nil || d > maxStart {
		return time.Time{}, invalid("start", "offset-too-far", "%q: want an offset such as +2h or +1d, at most +30d", text).with("value", text, "most", "+30d")
	}
	return now.Add(d), nil
}

// ParseOffset reads a time from now as people give it: "+90d" or "+12h".
func ParseOffset(text string) (time.Duration, error) {
	offset, relative := strings.CutPrefix(text, "+")
	d, err := parseOffset(offset)
	if !relative || err != nil || d <= 0 {
		return 0, fmt.Errorf("%q: want an offset such as +90d or +12h", text)
	}
	return d, nil
}

func parseOffset(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 3650 { // far below zero, the product would come out above it
			return 0, fmt.Errorf("%q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	return time.ParseDuration(s)
}
