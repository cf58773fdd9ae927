package policy

import (
	"slices"
	"time"
)

// ChaseKind is what is done about a phone that has not installed yet.
type ChaseKind string

// The kinds of steps. Notices and messages are for whoever carries the phone,
// escalations and tickets for whoever answers for the group.
const (
	ChaseNotice   ChaseKind = "notice"   // says that an update is coming
	ChasePush     ChaseKind = "push"     // wakes the phone again
	ChaseMessage  ChaseKind = "message"  // says what keeps the phone from it, and what helps
	ChaseEscalate ChaseKind = "escalate" // tells of the phones that are late
	ChaseTicket   ChaseKind = "ticket"   // hands them to the help desk
)

// ChaseKinds returns every kind of step.
func ChaseKinds() []ChaseKind {
	return []ChaseKind{ChaseNotice, ChasePush, ChaseMessage, ChaseEscalate, ChaseTicket}
}

// Personal reports whether a step of this kind is for whoever carries the phone.
func (k ChaseKind) Personal() bool { return k == ChaseNotice || k == ChaseMessage }

// ChaseStep is one step of a ladder.
type ChaseStep struct {
	Name string // as people wrote it, "message@deadline-24h"; what was done is remembered by it
	Kind ChaseKind
	// After counts from when the phone was told, or with FromDeadline from its
	// deadline, before which it is negative.
	After        time.Duration
	FromDeadline bool
}

// Ladder is what is done, step by step, about phones that were told to install
// and have not.
type Ladder struct {
	Steps  []ChaseStep
	Quiet  Quiet
	PerDay int // steps for one phone on one day of its own calendar; zero or less: any number
	// Calendar closes days for steps, by each phone's own clock. Its hours do not
	// count: they are for installations, and Quiet says when people are disturbed.
	Calendar Calendar
}

// Quiet is when nobody is disturbed, by each phone's own clock.
type Quiet struct {
	// From and To are times since midnight: from From up to but not including
	// To, over midnight when To is earlier. Both equal: at no hour.
	From, To time.Duration
	Days     []time.Weekday // wholly quiet; at most six
}

// ChaseTaken is a step that was taken for a phone.
type ChaseTaken struct {
	Step string // ChaseStep.Name
	At   time.Time
}

// ChaseFacts is what the next step for one phone follows from.
type ChaseFacts struct {
	Told      time.Time      // when it was told, or could first have been
	NotBefore time.Time      // no step is meant for an earlier moment: those before it come as much later as it is after Told; zero: for any
	Deadline  LocalTime      // "": steps that count from it are never due
	Zone      *time.Location // of the phone; nil: UTC
	Taken     []ChaseTaken   // so far, in order
	NoPush    bool           // it cannot be woken: steps that would are passed over
}

// ChaseDue is the next step for a phone.
type ChaseDue struct {
	Step  ChaseStep
	At    time.Time // when it is to be taken; not after now: it is due
	Meant time.Time // when it would be if nothing put it off
}

// farthestSlide bounds how many quiet stretches a step slides over.
const farthestSlide = 32

// NextStep returns the next step of a ladder for a phone, and false when none is
// left, or no day is open for it. Each step is taken once. A step that falls into
// quiet hours, on a closed day, or on one that has had its steps, slides to their
// end; when by then a later one is due as
// well, as after a long outage, only that one is taken and those before it are
// never made up for.
func NextStep(l Ladder, f ChaseFacts, now time.Time) (ChaseDue, bool) {
	open := l.open(f)
	if len(open) == 0 {
		return ChaseDue{}, false
	}
	at, ok := l.slide(f, latest(now, open[0].at))
	newest := open[0]
	for _, p := range open {
		if !p.at.After(at) {
			newest = p
		}
	}
	return ChaseDue{Step: newest.step, At: at, Meant: newest.at.UTC()}, ok
}

// Climb returns the steps that are taken for a phone that does nothing, from when
// it is told on, each at its earliest.
func Climb(l Ladder, f ChaseFacts) []ChaseDue {
	var list []ChaseDue
	for now := f.Told; ; now = list[len(list)-1].At {
		due, ok := NextStep(l, f, now)
		if !ok {
			return list
		}
		list = append(list, due)
		f.Taken = append(slices.Clip(f.Taken), ChaseTaken{due.Step.Name, due.At})
	}
}

// planned is a step and the moment it is meant for.
type planned struct {
	step ChaseStep
	at   time.Time
}

// open returns the steps that come after the last one taken, in the order of
// their moments.
func (l Ladder) open(f ChaseFacts) []planned {
	var all []planned
	for _, s := range l.Steps {
		at, dated := s.moment(f)
		if dated && (s.Kind != ChasePush || !f.NoPush) {
			all = append(all, planned{s, f.putOff(at)})
		}
	}
	slices.SortStableFunc(all, func(a, b planned) int { return a.at.Compare(b.at) })
	if len(f.Taken) > 0 {
		last := f.Taken[len(f.Taken)-1]
		if i := slices.IndexFunc(all, func(p planned) bool { return p.step.Name == last.Step }); i >= 0 {
			all = all[i+1:]
		} else { // the ladder has changed since
			all = slices.DeleteFunc(all, func(p planned) bool { return !p.at.After(last.At) })
		}
	}
	return slices.DeleteFunc(all, func(p planned) bool {
		return slices.ContainsFunc(f.Taken, func(t ChaseTaken) bool { return t.Step == p.step.Name })
	})
}

// putOff returns when a step is meant for that would be at a moment. Steps before
// NotBefore keep their distance, so that the first of them is not passed over.
func (f ChaseFacts) putOff(at time.Time) time.Time {
	if !at.Before(f.NotBefore) {
		return at
	}
	return latest(at, f.Told).Add(f.NotBefore.Sub(f.Told))
}

// moment returns when the step is meant for a phone. What counts from a deadline
// is on its clock: a day after is the same time of day, whatever the clocks do
// in between.
func (s ChaseStep) moment(f ChaseFacts) (time.Time, bool) {
	if !s.FromDeadline {
		return f.Told.Add(s.After), true
	}
	t, err := time.Parse(localLayout, string(f.Deadline))
	if err != nil {
		return time.Time{}, false
	}
	t = t.Add(s.After)
	y, m, d := t.Date()
	return time.Date(y, m, d, t.Hour(), t.Minute(), t.Second(), 0, f.zone()), true
}

func (f ChaseFacts) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// slide returns the first moment from t on at which a step may be taken, and
// false when none is found.
func (l Ladder) slide(f ChaseFacts, t time.Time) (time.Time, bool) {
	local := t.In(f.zone())
	for range farthestSlide {
		next, ok := l.Allowed(local)
		if !ok {
			return t, false
		}
		if !l.spent(f, next) {
			return next.UTC(), true
		}
		y, m, d := next.Date()
		local = time.Date(y, m, d+1, 0, 0, 0, 0, next.Location())
	}
	return t, false
}

// Allowed returns the first moment from t on, by the clock of t's location, at
// which people may be disturbed: on a day that the calendar leaves open, and not
// in quiet hours. It returns t itself and false when none is found. What a phone
// has had that day does not count.
func (l Ladder) Allowed(t time.Time) (time.Time, bool) {
	days := l.Calendar
	days.From, days.To = 0, 0
	next := t
	for range farthestSlide {
		open, ok := days.Next(next)
		if !ok {
			break
		}
		loud := l.Quiet.Until(open)
		if loud.Equal(next) {
			return next, true
		}
		next = loud
	}
	return t, false
}

// spent reports whether the day of a local moment has had its steps.
func (l Ladder) spent(f ChaseFacts, local time.Time) bool {
	day, n := local.Format(time.DateOnly), 0
	for _, t := range f.Taken {
		if t.At.In(local.Location()).Format(time.DateOnly) == day {
			n++
		}
	}
	return l.PerDay > 0 && n >= l.PerDay
}

// Until returns the first moment from t on, by the clock of t's location, that
// is not quiet.
func (q Quiet) Until(t time.Time) time.Time {
	for range farthestSlide {
		next, quiet := q.end(t)
		if !quiet {
			break
		}
		for !next.After(t) { // an end that the clocks skip can be read as before t
			next = next.Add(time.Hour)
		}
		t = next
	}
	return t
}

// end returns when the quiet stretch ends that t lies in.
func (q Quiet) end(t time.Time) (time.Time, bool) {
	y, m, d := t.Date()
	at := func(days int, sinceMidnight time.Duration) time.Time {
		return time.Date(y, m, d+days, 0, int(sinceMidnight.Minutes()), 0, 0, t.Location())
	}
	clock := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
	switch {
	case slices.Contains(q.Days, t.Weekday()):
		return at(1, 0), true
	case q.From < q.To && q.From <= clock && clock < q.To, q.To < q.From && clock < q.To:
		return at(0, q.To), true
	case q.To < q.From && q.From <= clock:
		return at(1, q.To), true
	default:
		return t, false
	}
}

// Chased reports whether somebody can do something about a phone with this
// reason: whoever carries it, or whoever looks for it. Of the others a decision
// is missing, or nothing is to be done.
func Chased(reason Code) bool {
	switch reason {
	case ReasonSyncPending, ReasonDeclarationNotFetched, ReasonLocked, ReasonOffline, ReasonPushUnreachable, ReasonDownloading,
		ReasonWaitingForUser, ReasonPasscodeNeeded, ReasonNoSpace, ReasonBattery, ReasonInstallFailed, ReasonSingleAppMode:
		return true
	default:
		return false
	}
}

// ParseChaseKind returns the kind of step named s.
func ParseChaseKind(s string) (ChaseKind, error) {
	return oneOf("kind of step", ChaseKind(s), ChaseKinds()...)
}
