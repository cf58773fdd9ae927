// Package backtest replays a release history, day by day, against a way of
// testing: what would have been approved and what missed, for how long phones
// would have been held back, and what that would have cost.
//
// It plays the people (testers who finish after so many days, somebody who
// approves what may be approved) and the phones (which do what their target
// says, on its deadline). What may be approved and what a phone must install is
// not decided here: package policy is asked, with records made up for each day.
// Like policy, the package reads no clock, does no I/O, and gives equal outputs
// for equal inputs.
package backtest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
)

// History is what Apple did and whom it concerned.
type History struct {
	// Releases are as package policy takes them, all that are known: also those
	// after Until, which the replay does not look at, and those before Since,
	// which say what the phones ran. Synthetic ones are left out.
	Releases []policy.Release
	// Known says since when a CVE was known to be exploited. One that is not
	// named was known when a release that fixes it was first posted.
	Known map[string]time.Time
	// Phones are the production phones, by model. Rows with a count below one
	// and models that no release is for are left out.
	Phones []Phones
	// Broken are times in which the business apps do not work. A release that the
	// history does not name never was.
	Broken []Broken
	// ModelClass says which phones a result may stand for where a way of testing
	// names no policy, and Screens which have the same screen.
	ModelClass policy.ModelClass
	Screens    map[string]string
	// Since and Until are days, as midnight UTC. The replay begins with the
	// first release that is posted on or after Since for one of the models, and
	// ends with Until.
	Since, Until time.Time
}

// Phones are production phones of one model.
type Phones struct {
	Model string // hardware identifier, such as "iPhone15,2"
	Count int
}

// Way is a way of testing.
type Way struct {
	Strategy    Strategy
	TestDays    int // a full test of the business apps takes so many days: 1 to MaxDays
	SmokeDays   int // a smoke test does: 1 to TestDays; only for strategies that carry results over
	InstallDays int // from the approval to the deadline of the phones: 0 to MaxDays
	// Policy is a policy as it is set, nil for a way of testing alone. Strategy is
	// then Finish, or CarryOver for a policy with carry-over.
	Policy *Stored
	// Lane says that two people use the emergency lane that the policy has, as they
	// do with Emergency, after a quick check of SmokeDays.
	Lane bool
	// SignHours is how long the second of them takes in a forecast: 0 to MaxSignHours.
	SignHours int
}

// MaxDays is the largest number of days a Way may name.
const MaxDays = 365

// EmergencyInstallDays is how many days after its approval phones install what is
// urgent and verified, unless InstallDays are less; the emergency lane has waves.
const EmergencyInstallDays = 1

// Faults of a History or a Way that callers tell apart.
var (
	// ErrNoRelease: no release of the history was posted for one of the models
	// from Since to Until.
	ErrNoRelease = errors.New("no release was posted for these models in this time")
	// ErrDays: a number of days of a Way is out of its range.
	ErrDays = errors.New("number of days out of range")
)

// Report compares ways of testing over one history.
type Report struct {
	From     string   `json:"from"`     // date of the first release, the first day
	Until    string   `json:"until"`    // date of the last day
	Days     int      `json:"days"`     // from the first release to the last day
	Phones   int      `json:"phones"`   // production phones at the end
	Models   []string `json:"models"`   // of theirs, sorted
	Releases int      `json:"releases"` // that were the newest for one of the models when they came out
	Runs     []Run    `json:"runs"`     // in the order of the ways
}

// Run is what one way of testing would have led to.
type Run struct {
	Policy      string   `json:"policy,omitempty"` // its name; absent for a way of testing alone
	Strategy    Strategy `json:"strategy"`
	TestDays    int      `json:"test_days"`
	SmokeDays   int      `json:"smoke_days,omitempty"` // 0 when the strategy knows no smoke test
	InstallDays int      `json:"install_days"`

	Approved int `json:"approved"` // releases that were ever approved
	Urgent   int `json:"urgent"`   // of them by two people in the emergency lane
	Missed   int `json:"missed"`   // superseded or expired before any approval
	Open     int `json:"open"`     // neither, on the last day

	// HeldMedian and HeldMax are days from the posting of a release until it, or
	// a newer one for the same models, was approved; until the last day when
	// none was.
	HeldMedian int `json:"held_median_days"`
	HeldMax    int `json:"held_max_days"`

	Exposure Exposure `json:"exposure"`
	// Restarts are installations per phone and year, each with a restart.
	Restarts float64 `json:"restarts_per_phone_year"`

	// Dropped are releases whose test was begun and given up for a newer release
	// that it does not count for; Unused those whose test was finished and that no
	// production phone ever installed.
	Dropped int `json:"dropped"`
	Unused  int `json:"unused"`

	History []Step `json:"history"` // in the order of posting
}

// Exposure is in exploited-CVE-days per phone and year: for each phone and day,
// the CVEs that are or later became known to be exploited, that a release out
// for its model fixes and its own does not.
type Exposure struct {
	Total float64 `json:"total"`
	// Testing and Avoidable are its parts as in policy.Cost: no gate of a release
	// with the fix could be opened, or one could and the phone had not installed it.
	Testing   float64 `json:"testing"`
	Avoidable float64 `json:"avoidable"`
}

// Outcome is what became of a release.
type Outcome string

// The outcomes.
const (
	Approved   Outcome = "approved"
	Urgent     Outcome = "urgent"     // approved by two people in the emergency lane
	Superseded Outcome = "superseded" // a newer release took its place first
	Expired    Outcome = "expired"    // Apple withdrew it first
	Open       Outcome = "open"       // none of these by the last day
)

// Step is one release in a run. Dates are empty for what did not happen.
type Step struct {
	Release   string  `json:"release"`
	Posted    string  `json:"posted"`
	Exploited int     `json:"exploited"` // CVEs it fixes that are known to be exploited
	Tested    string  `json:"tested,omitempty"`
	Finished  string  `json:"finished,omitempty"`
	Approved  string  `json:"approved,omitempty"`
	Installed string  `json:"installed,omitempty"` // by the first phone
	Phones    int     `json:"phones"`              // that installed it
	Outcome   Outcome `json:"outcome"`
	HeldDays  int     `json:"held_days"`
}

// Replay replays a history against each of the ways. It returns ErrNoRelease or
// ErrDays, wrapped, when there is nothing to replay.
func Replay(h History, ways []Way) (Report, error) {
	p, err := newPast(h)
	if err != nil {
		return Report{}, err
	}
	r := Report{From: date(p.from), Until: date(p.until), Days: days(p.from, p.until), Models: []string{}, Releases: len(p.seen), Runs: []Run{}}
	for _, k := range p.kinds {
		r.Phones += k.count
		r.Models = append(r.Models, k.models...)
	}
	slices.Sort(r.Models)
	for _, w := range ways {
		if err := w.check(); err != nil {
			return Report{}, err
		}
		r.Runs = append(r.Runs, newReplay(p, w).run())
	}
	return r, nil
}

func (w Way) check() error {
	type limit struct {
		what           string
		got, low, high int
	}
	limits := []limit{{"a full test", w.TestDays, 1, MaxDays}, {"an installation", w.InstallDays, 0, MaxDays}}
	if w.Strategy.carries() || w.lane() {
		limits = append(limits, limit{"a smoke test", w.SmokeDays, 1, w.TestDays})
	}
	for _, l := range limits {
		if l.got < l.low || l.got > l.high {
			return fmt.Errorf("%s of %d days, want %d to %d: %w", l.what, l.got, l.low, l.high, ErrDays)
		}
	}
	if w.SignHours < 0 || w.SignHours > MaxSignHours {
		return fmt.Errorf("a second signature after %d hours, want 0 to %d: %w", w.SignHours, MaxSignHours, ErrDays)
	}
	if !slices.Contains(Strategies(), w.Strategy) {
		return fmt.Errorf("no strategy %q", string(w.Strategy))
	}
	return nil
}

// date formats a day, "" for none.
func date(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

// days counts the days from one midnight UTC to another.
func days(from, to time.Time) int { return int(to.Sub(from) / (24 * time.Hour)) }
