package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
)

// SimulateEvents are what happens to a group that is played on, each at most 50
// times. Days count from today.
type SimulateEvents struct {
	// Exploited are releases that fix a flaw which becomes known to be exploited:
	// "26.7=+6d", or "26.7" from its posting on.
	Exploited []string `json:"exploited,omitempty"`
	// Fails are shares of the phones on which an installation fails: "26.7:15%".
	Fails []string `json:"fails,omitempty"`
	// FallsSilent are shares of the phones that install a release and are not heard
	// of any more: "26.7:15%".
	FallsSilent []string `json:"falls_silent,omitempty"`
	// TakenBack are releases that Apple takes back: "26.7=+12d".
	TakenBack []string `json:"taken_back,omitempty"`
	// Away are shares of the production phones that are off for a while:
	// "20%@+10d:14d", from the tenth day on for 14 days.
	Away []string `json:"away,omitempty"`
}

// into reads the events for a group that is played on, with the releases that are
// known or expected.
func (e SimulateEvents) into(p *backtest.Present, known []policy.Release) error {
	for _, read := range []func(*backtest.Present, []policy.Release) error{e.exploited, e.faults, e.takenBack, e.away} {
		if err := read(p, known); err != nil {
			return err
		}
	}
	return nil
}

func (e SimulateEvents) exploited(p *backtest.Present, known []policy.Release) error {
	return each("exploited", e.Exploited, known, func(text string) (string, bool) {
		name, offset, later := strings.Cut(text, "=+")
		flaw, ok := backtest.Exploited{Release: name}, true
		if later {
			flaw.Day, ok = wholeDays(offset)
		}
		p.Exploited = append(p.Exploited, flaw)
		return name, ok
	}, "26.7=+6d")
}

func (e SimulateEvents) faults(p *backtest.Present, known []policy.Release) error {
	read := func(silent bool) func(string) (string, bool) {
		return func(text string) (string, bool) {
			name, share, _ := strings.Cut(text, ":")
			percent, ok := percentOf(share)
			p.Faults = append(p.Faults, backtest.Fault{Release: name, Percent: percent, Silent: silent})
			return name, ok
		}
	}
	if err := each("fails", e.Fails, known, read(false), "26.7:15%"); err != nil {
		return err
	}
	return each("falls_silent", e.FallsSilent, known, read(true), "26.7:15%")
}

func (e SimulateEvents) takenBack(p *backtest.Present, known []policy.Release) error {
	return each("taken_back", e.TakenBack, known, func(text string) (string, bool) {
		name, offset, later := strings.Cut(text, "=+")
		days, ok := wholeDays(offset)
		p.Pulled = append(p.Pulled, backtest.Pulled{Release: name, Day: days})
		return name, later && ok && days > 0
	}, "26.7=+12d")
}

func (e SimulateEvents) away(p *backtest.Present, _ []policy.Release) error {
	return each("away", e.Away, nil, func(text string) (string, bool) {
		when, length, _ := strings.Cut(text, ":")
		share, offset, later := strings.Cut(when, "@+")
		percent, ok := percentOf(share)
		from, begins := wholeDays(offset)
		days, lasts := wholeDays(length)
		p.Away = append(p.Away, backtest.Away{Percent: percent, From: from, Days: days})
		return "", ok && later && begins && lasts && days > 0
	}, "20%@+10d:14d")
}

// each reads events of one kind, and refuses those of a release that is neither
// known nor expected. What is read returns the release, "" for none, and whether
// it could be read.
func each(field string, list []string, known []policy.Release, read func(string) (string, bool), example string) error {
	if len(list) > maxExpected {
		most := strconv.Itoa(maxExpected)
		return invalid(field, "too-many-events", "%d times, want at most %s", len(list), most).with("most", most)
	}
	for _, text := range list {
		release, ok := read(text)
		if !ok || release != "" && !version.Valid(release) {
			return invalid(field, "not-such-an-event", "%q: want the form %s, with days up to %d and shares from 1%% to 100%%", text, example, backtest.MaxDays).
				with("value", text, "example", example, "most", strconv.Itoa(backtest.MaxDays))
		}
		named := func(r policy.Release) bool { return version.Equal(r.Version, release) }
		if release != "" && !slices.ContainsFunc(known, named) {
			return invalid(field, "release-not-known", "%q: the catalogue has no release %q", text, release).with("value", text, "release", release)
		}
	}
	return nil
}

// percentOf reads "15%", from 1 to 100.
func percentOf(text string) (int, bool) {
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	return n, percent && err == nil && n >= 1 && n <= wholeGroup
}

// given returns which kinds of events were given, as assumptions.
func (e SimulateEvents) given() []string {
	var list []string
	for _, kind := range []struct {
		given []string
		code  string
	}{{e.Exploited, AssumeExploited}, {slices.Concat(e.Fails, e.FallsSilent), AssumeFaults}, {e.TakenBack, AssumeTakenBack}, {e.Away, AssumeAway}} {
		if len(kind.given) > 0 {
			list = append(list, kind.code)
		}
	}
	return list
}

// checkPeople refuses people who take too long.
func (q SimulateQuery) checkPeople() error {
	for _, limit := range []struct {
		field, text string
		got, most   int
	}{
		{"sign_hours", "a second signature after %d hours, want 1 to %d", q.SignHours, backtest.MaxSignHours},
		{"resume_days", "a stopped rollout that goes on after %d days, want 1 to %d", q.ResumeDays, backtest.MaxDays},
	} {
		if limit.got < 1 || limit.got > limit.most {
			detail := fmt.Sprintf(limit.text, limit.got, limit.most)
			return invalid(limit.field, "way-out-of-range", "%s", detail).with("detail", detail)
		}
	}
	return nil
}
