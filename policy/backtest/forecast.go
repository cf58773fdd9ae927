package backtest

import (
	"cmp"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Forecast is what [Forward] foresees.
type Forecast struct {
	From  string `json:"from"`  // today, in UTC
	Until string `json:"until"` // the last day
	// Run sums it up. Its history are the releases that wait for a decision today
	// and those that come.
	Run  Run   `json:"summary"`
	Days []Day `json:"days"` // today, the days on which something happens, and the last day
}

// Day is one day of a forecast, as it is at its end.
type Day struct {
	Day    int             `json:"day"` // 0 is today
	Date   string          `json:"date"`
	Events []Event         `json:"events"`
	Phones []VersionPhones `json:"phones"`   // production, newest version first
	Open   int             `json:"exposure"` // exploited CVEs that a release out fixes, added up over the phones without it
}

// On returns how a day is: that of the forecast, or the last before it.
func (f Forecast) On(day int) Day {
	var found Day
	for _, d := range f.Days {
		if d.Day <= day {
			found = d
		}
	}
	return found
}

// On returns how many phones run a version.
func (d Day) On(version string) int {
	for _, p := range d.Phones {
		if p.Version == version {
			return p.Phones
		}
	}
	return 0
}

// VersionPhones are the production phones on one version.
type VersionPhones struct {
	Version string `json:"version"`
	Phones  int    `json:"phones"`
}

// EventKind says what happens on a day of a forecast.
type EventKind string

// The kinds of events.
const (
	EventPosted    EventKind = "posted"          // Apple posts the release
	EventPhase     EventKind = "phase"           // its gate comes to another phase
	EventOffered   EventKind = "offered"         // it goes to the testers
	EventWave      EventKind = "wave"            // a wave starts
	EventInstalled EventKind = "installed"       // phones reach their deadline
	EventUsers     EventKind = "users-install"   // users install what they see since Apple's hold ended
	EventAlarm     EventKind = "alarm"           // a day of the hold on which somebody is told
	EventHoldEnded EventKind = "hold-ended"      // Apple's 90 days are over
	EventRebased   EventKind = "rebased"         // it takes over the waves of another release
	EventRefused   EventKind = "refused"         // its approval, whose last deadline is too late for the build
	EventEnforced  EventKind = "policy-approved" // the policy approves it as a hold ends
	EventExpired   EventKind = "not-installable" // the build is gone for one of the models
	EventExploited EventKind = "exploited"       // a flaw that it fixes becomes known to be exploited
	EventUrgent    EventKind = "emergency-lane"  // two people approve it by the emergency lane
	EventFailed    EventKind = "failed"          // the installation fails on phones
	EventStopped   EventKind = "stopped"         // its rollout stops by itself
	EventResumed   EventKind = "resumed"         // a person lets that go on
	EventGivenBack EventKind = "given-back"      // it takes back the waves that another release took over
	EventShortened EventKind = "shortened"       // it is approved with a deadline that the build lives to see
)

// Event is something that happens on a day of a forecast.
type Event struct {
	Kind     EventKind       `json:"event"`
	Release  string          `json:"release"`
	Phase    policy.Phase    `json:"phase,omitempty"` // of EventPhase, and of alarms
	Wave     int             `json:"wave,omitempty"`  // from 1
	Phones   int             `json:"phones,omitempty"`
	HoldDay  int             `json:"hold_day,omitempty"`  // of alarms: 45, 60, 75 or 83; 90 when it ended
	OnExpiry policy.OnExpiry `json:"on_expiry,omitempty"` // of EventHoldEnded: what the policy says
	Models   []string        `json:"models,omitempty"`    // of alarms: that wait
	// From is the release whose waves are taken over, or whose hold ended.
	From string `json:"from,omitempty"`
	// Latest is, of EventRefused, the last deadline that an approval may have.
	Latest policy.LocalTime `json:"latest,omitempty"`
	Why    policy.Code      `json:"why,omitempty"` // of EventStopped: the signal
	Of     int              `json:"of,omitempty"`  // of EventStopped: phones that those are a part of
	// At is what the clocks of the installation show; absent at midnight UTC, when
	// people act.
	At policy.LocalTime `json:"at,omitempty"`
}

// ahead is what a replay keeps of a group that is played on. A nil one, of a
// replay of the past, keeps nothing.
type ahead struct {
	ready      map[string]time.Time // when a gate could be approved for the first time
	phases     map[string]policy.Phase
	alarms     map[string]int
	soaks      map[string]time.Duration
	refused    map[string]bool // releases whose approval was refused
	settled    map[string]bool // releases whose hold ended and was decided about
	faults     faults
	resumeDays int
	stopped    map[string]time.Time   // when the breaker stopped approvals that are paused
	pulled     map[time.Time][]string // what Apple takes back, by the day
	signing    map[string]time.Time   // when the second signature of the emergency lane is due
	today      []Event
	days       []Day
}

// decides reports whether somebody has had a night to decide about a gate.
func (a *ahead) decides(g policy.Gate, now time.Time) bool {
	if a == nil {
		return true
	}
	if policy.Approvable(g) != nil {
		delete(a.ready, g.Release)
		return false
	}
	since, ok := a.ready[g.Release]
	if !ok {
		a.ready[g.Release] = now
	}
	return ok && now.After(since) && !a.leaves(g)
}

// awaits reports whether a gate will be approved tomorrow. Before that nobody takes
// up the release that would take its place.
func (a *ahead) awaits(gates []policy.Gate) bool {
	return a != nil && slices.ContainsFunc(gates, func(g policy.Gate) bool {
		return g.Approval == "" && policy.Approvable(g) == nil && !a.leaves(g) && !a.refused[g.Release]
	})
}

// refuse notes, once, that the approval of a gate is refused, and reports false.
func (a *ahead) refuse(g policy.Gate, latest policy.LocalTime) bool {
	if !a.refused[g.Release] {
		a.refused[g.Release] = true
		a.note(Event{Kind: EventRefused, Release: g.Release, Latest: latest})
	}
	return false
}

// keepSoak notes the least time between the waves of an approval.
func (a *ahead) keepSoak(id string, soak time.Duration) {
	if a != nil {
		a.soaks[id] = soak
	}
}

// leaves reports whether people leave a release alone: the policy keeps phones on
// the older branch while that lives.
func (a *ahead) leaves(g policy.Gate) bool { return a != nil && g.Branch != nil && g.Branch.Held }

// note adds an event to today's, or its phones to the like one of today.
func (a *ahead) note(e Event) {
	if a == nil {
		return
	}
	i := slices.IndexFunc(a.today, func(o Event) bool {
		return o.Kind == e.Kind && o.Release == e.Release && o.Wave == e.Wave && o.At == e.At
	})
	if i < 0 {
		a.today = append(a.today, e)
		return
	}
	a.today[i].Phones += e.Phones
}

// noteWave notes that the wave of an approval at an index started, if it did.
func (r *replay) noteWave(a policy.Approval, i int, now time.Time) {
	if r.ahead == nil || !a.Waves[i].Begun(now) {
		return
	}
	e := Event{Kind: EventWave, Release: a.Release, Wave: i + 1, At: r.clock(now)}
	for _, p := range r.phones {
		if slices.Contains(a.Models, p.model) && a.WaveOf(p.id, p.os, p.keeps) == i && !version.AtLeast(p.os, a.Release) {
			e.Phones += p.count
		}
	}
	r.ahead.note(e)
}

// observe writes down what a day brought that began at a moment and on which
// something last happened at another.
func (r *replay) observe(day int, now, end time.Time) {
	if day == 0 {
		for _, g := range r.gates(now) {
			r.ahead.decides(g, now)
		}
	}
	a := r.ahead
	notes := a.today
	a.today = nil
	if day > 0 {
		r.observePostings(now)
	}
	r.observeGates(end)
	for _, e := range notes {
		a.note(e)
	}
	if len(a.today) > 0 || day == 0 || now.Equal(r.past.until) {
		a.days = append(a.days, Day{Day: day, Date: date(now), Events: append([]Event{}, a.today...), Phones: r.versions(), Open: r.open(end)})
	}
	a.today = nil
}

func (r *replay) observePostings(now time.Time) {
	for _, rel := range r.past.releases {
		posted, gone := false, false
		for _, p := range r.phones {
			w, ok := window(rel, p.model)
			posted = posted || ok && w.Posted.Equal(now)
			gone = gone || ok && w.Expires.Equal(now) && !version.Newer(p.os, rel.Version)
		}
		if posted {
			r.ahead.note(Event{Kind: EventPosted, Release: rel.Version})
		}
		if gone {
			r.ahead.note(Event{Kind: EventExpired, Release: rel.Version})
		}
	}
}

// observeGates notes what changed about the gates, oldest release first: also of
// those that are none any more, because all phones are there.
func (r *replay) observeGates(now time.Time) {
	a := r.ahead
	shown := r.gates(now)
	for _, rel := range slices.Backward(r.past.releases) {
		before, known := a.phases[rel.Version]
		i := slices.IndexFunc(shown, func(g policy.Gate) bool { return g.Release == rel.Version })
		var g policy.Gate
		switch {
		case i >= 0:
			g = shown[i]
		case known:
			g = policy.Evaluate(r.snapshot(), r.group, rel.Version, now)
		default:
			continue
		}
		if g.Phase != before {
			a.phases[rel.Version] = g.Phase
			a.note(Event{Kind: EventPhase, Release: rel.Version, Phase: g.Phase})
		}
		day, models := policy.HoldReached(r.snapshot(), g, now)
		if day <= a.alarms[rel.Version] {
			continue
		}
		a.alarms[rel.Version] = day
		e := Event{Kind: EventAlarm, Release: rel.Version, Phase: g.Phase, HoldDay: day, Models: models}
		if day == policy.HoldDays {
			e.Kind, e.OnExpiry = EventHoldEnded, r.parts.Policies[0].OnExpiry
		}
		a.note(e)
	}
}

// versions counts the production phones by what they run.
func (r *replay) versions() []VersionPhones {
	counts := map[string]int{}
	for _, p := range r.phones {
		counts[p.os] += p.count
	}
	list := []VersionPhones{}
	for v, n := range counts {
		list = append(list, VersionPhones{v, n})
	}
	slices.SortFunc(list, func(a, b VersionPhones) int {
		return cmp.Or(version.Order(b.Version, a.Version), cmp.Compare(a.Version, b.Version))
	})
	return list
}

// open returns what phones are exposed to at the moment.
func (r *replay) open(now time.Time) int {
	ledger := policy.NewLedger(r.snapshot(), now)
	type runs struct{ model, os string }
	known := map[runs]int{}
	total := 0
	for _, p := range r.phones {
		key := runs{p.model, p.os}
		n, ok := known[key]
		if !ok {
			for _, c := range ledger.Open(p.model, p.os) {
				if c.Exploited {
					n++
				}
			}
			known[key] = n
		}
		total += n * p.count
	}
	return total
}
