package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// What the calendar puts off of a wave.
const (
	MovedStart    = "start"
	MovedDeadline = "deadline"
)

// MovedByWave is why a wave is put off that lies on no closed day itself: it keeps its
// distance to one before it.
const MovedByWave = "wave-before"

// WaveMove is a date of a wave that the calendar put off.
type WaveMove struct {
	What string `json:"what"`           // MovedStart or MovedDeadline
	From string `json:"from"`           // when it would have been: local time of the installation for a start, of each phone for a deadline
	By   string `json:"by"`             // closed-days, month-end, weekday or hours, or MovedByWave
	Days string `json:"days,omitempty"` // the closed days: "2026-12-28" or "2026-12-28..2027-01-04"
}

// RolloutHead is what every view of a rollout begins with.
type RolloutHead struct {
	Group   string    `json:"group"`
	Release string    `json:"release"`
	Phase   string    `json:"phase"`
	AsOf    time.Time `json:"as_of"`
	Clock   string    `json:"clock,omitempty"` // [ClockPolicy], or "" for the wall clock
	// NoGate is why the release has no gate for the group: what stands there is then the
	// approval, if there is one, which lies idle until there is a gate again.
	NoGate   *policy.Reason `json:"no_gate,omitempty"`
	Approval string         `json:"approval,omitempty"` // "" when none stands: nothing rolls out
}

// rolloutHead returns the head of what rolls out by a gate, without the approval.
func (f *Fleet) rolloutHead(gate policy.Gate) RolloutHead {
	return RolloutHead{
		Group: gate.Group, Release: gate.Release, Phase: string(gate.Phase), AsOf: f.now(), Clock: f.clock(), NoGate: noGate(gate),
	}
}

// RolloutDetail is a rollout as far as its dates go: its waves, what comes next,
// and, when asked for, each phone.
type RolloutDetail struct {
	RolloutHead
	By     string `json:"by,omitempty"` // who approved it, and why
	Reason string `json:"reason,omitempty"`
	Promise
	Rebased
	Soak   string      `json:"soak,omitempty"`
	Waves  []WaveView  `json:"waves"`
	Floors []FloorView `json:"floors"` // app versions below which a phone is not asked
	// AppsByHand are the apps that somebody has to update on production phones; nil for none.
	AppsByHand *AppsByHand   `json:"apps_by_hand,omitempty"`
	Reasons    []ReasonCount `json:"reasons"` // of production phones, most frequent first
	// Declined are releases that the group declined, with what each leaves open on
	// production phones, done or not.
	Declined []policy.LeftOpen `json:"declined,omitempty"`

	NextAutomatic string    `json:"next_automatic,omitempty"` // what happens by itself
	NextWave      time.Time `json:"next_wave,omitzero"`       // when the next wave starts by itself
	NextHuman     string    `json:"next_human,omitempty"`     // what a person can do

	Phones []RolloutPhone `json:"phones,omitempty"` // one page of the production phones
	Next   uint64         `json:"next,omitempty"`   // After of the next page, 0 at the end
}

// FloorView is the lowest version of an app that an approval stands for.
type FloorView struct {
	BundleID   string `json:"bundle_id"`
	MinVersion string `json:"min_version"`
}

// RolloutPhone is one production phone of a rollout. Times are its own local
// ones; those of a phone that was not told are empty.
type RolloutPhone struct {
	UDID     string    `json:"udid"`
	OS       string    `json:"os"`
	Wave     int       `json:"wave"`    // from 1; 0: in none
	Release  string    `json:"release"` // it is told to install
	ToldAt   time.Time `json:"told_at,omitzero"`
	Deadline string    `json:"deadline"`
	// StopUntil is the last moment at which stopping is sure to help.
	StopUntil string `json:"stop_until"`
	Reason    string `json:"reason"` // why it is not done, or "done"
}

// RolloutDates describes a rollout by its dates; its phones only for a query
// that is not nil.
func (f *Fleet) RolloutDates(ctx context.Context, seg storage.Segment, group, release string, q *RolloutQuery) (RolloutDetail, error) {
	w, err := f.world(seg)
	if err != nil {
		return RolloutDetail{}, err
	}
	s := w.current.Load()
	gate, err := f.gate(w, s, group, release)
	if err != nil {
		return RolloutDetail{}, err
	}
	v := RolloutDetail{RolloutHead: f.rolloutHead(gate), Waves: []WaveView{}, Floors: []FloorView{}, Reasons: []ReasonCount{}}
	a, ok := standing(s, group, release, f.now())
	if ok {
		v.Approval, v.By, v.Reason = a.ID, a.By, a.Reason
	}
	if v.NoGate != nil {
		return v, nil
	}
	v.NextWave = gate.NextWave
	if ok {
		if err := f.describe(w, s, a, gate.Phase, &v); err != nil {
			return RolloutDetail{}, err
		}
	}
	waits, err := f.rolloutPhones(ctx, w, a, &v, q)
	gate = waits.stepsForApps(gate)
	v.NextAutomatic, v.NextHuman = string(gate.NextAutomatic), string(gate.NextHuman)
	return v, err
}

// noGate returns why a group has no gate for a release, nil where it has one.
func noGate(gate policy.Gate) *policy.Reason {
	if because, none := policy.NoGate(gate); none {
		return &because
	}
	return nil
}

// describe adds what an approval lets phones do, and when.
func (f *Fleet) describe(w *worldState, s *snapshot, a storage.Approval, phase policy.Phase, v *RolloutDetail) error {
	var err error
	if v.Promise, err = f.promise(w, s, a); err != nil {
		return err
	}
	v.Rebased, v.Waves = f.rebased(w, s, a), f.waveViews(w, a, phase)
	v.AppsByHand = f.appsByHand(w, s, v.Group, v.Release)
	if a.Soak > 0 {
		v.Soak = noticeText(a.Soak)
	}
	for _, fl := range s.policy.Floors(a.Group, a.ID, "", f.now()) {
		v.Floors = append(v.Floors, FloorView{fl.BundleID, fl.MinVersion})
	}
	return nil
}

// movedBy returns what the calendar did to the dates of one of the waves.
func movedBy(schedule policy.Schedule, waves []policy.Wave, i int) []WaveMove {
	start, deadline := schedule.Moves(waves[i])
	moved := waveMove(MovedStart, start)
	if pushedOn(waves, i) {
		moved = []WaveMove{{What: MovedStart, From: string(policy.FormatLocal(waves[i].Planned, schedule.Location)), By: MovedByWave}}
	}
	return append(moved, waveMove(MovedDeadline, deadline)...)
}

// pushedOn reports whether a wave that waits comes later than planned only because the
// calendar put off one before it.
func pushedOn(waves []policy.Wave, i int) bool {
	w := waves[i]
	return w.Waits && w.Closed.IsZero() && w.Start.After(w.Planned) &&
		slices.ContainsFunc(waves[:i], func(before policy.Wave) bool { return before.Waits && !before.Closed.IsZero() })
}

func waveMove(what string, m *policy.Move) []WaveMove {
	if m == nil {
		return nil
	}
	days := string(m.Days.First)
	if m.Days.Last != m.Days.First {
		days += ".." + string(m.Days.Last)
	}
	return []WaveMove{{What: what, From: string(m.From), By: string(m.By), Days: days}}
}

// rolloutPhones counts the production phones by reason, adds a page of them, and
// returns which wait for an app.
func (f *Fleet) rolloutPhones(ctx context.Context, w *worldState, a storage.Approval, v *RolloutDetail, q *RolloutQuery) (appWaits, error) {
	e := f.explainer(w)
	v.Declined = e.flaws.Declined(v.Group)
	listed := page{limit: maxListed}
	if q != nil {
		listed.after = q.After
		if q.Limit > 0 {
			listed.limit = min(q.Limit, maxListed)
		}
	}
	counts, waits := map[string]int{}, appWaits{release: v.Release}
	for m, x := range e.surveyed(func(m member) bool { return m.look.phone.Group == v.Group && inProduction(m) }) {
		counts[f.rolloutReason(w, &m.look.phone, v.Release, string(x.reason))]++
		listed.add(m)
		waits.add(e, m, x)
	}
	v.Reasons = sortedCounts(counts)
	if q == nil {
		return waits, nil
	}
	members, next := listed.members()
	v.Next, v.Phones = next, []RolloutPhone{}
	phones, err := f.phonesOf(ctx, w.segment, members)
	approval := policyApproval(a)
	for i := range phones {
		if p := &phones[i]; p.Group == v.Group && p.State == storage.PhoneEnrolled && p.Ring == storage.RingProduction {
			v.Phones = append(v.Phones, f.rolloutPhone(p, &approval, f.rolloutReason(w, p, v.Release, e.view(p).Reason)))
		}
	}
	return waits, err
}

func (f *Fleet) rolloutReason(w *worldState, p *storage.Phone, release, reason string) string {
	if f.done(w, p, release, reason) {
		return string(policy.ReasonDone)
	}
	return reason
}

func (f *Fleet) rolloutPhone(p *storage.Phone, a *policy.Approval, reason string) RolloutPhone {
	v := RolloutPhone{UDID: p.UDID, OS: p.OS.Version, Wave: memberOf(p).waveOf(a) + 1, Reason: reason}
	if e := p.Announced.Enforcement; e != nil {
		v.Release, v.ToldAt, v.Deadline, v.StopUntil = e.Release, e.FirstAt, e.Deadline, string(policy.LocalTime(e.Deadline).StopUntil(f.location(p)))
	}
	return v
}
