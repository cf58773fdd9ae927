package fleet

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// maxShownPhones bounds how many phones Effects names.
const maxShownPhones = 1000

// Effects are what a change of settings makes phones do at the moment, with what
// the server does by itself thereupon: rollouts that stop, waves that start or
// move, and holds that ended.
type Effects struct {
	EffectCounts
	// Phones are those of which anything changes, at most 1000 by identifier;
	// LeftOff counts the others.
	Phones  []PhoneEffect  `json:"phones"`
	LeftOff int            `json:"phones_left_off,omitempty"`
	Gates   []GateEffect   `json:"gates"`   // whose phase changes, or what they wait for
	Waves   []WaveEffect   `json:"waves"`   // that have not started and move
	Results []ResultEffect `json:"results"` // of a gate, that count until another day
	// Without are approvals that from then on go on past apps they were given without.
	Without []ApprovedWithout `json:"approved_without,omitempty"`
}

// EffectCounts are the phones that a change makes do something.
type EffectCounts struct {
	// Install counts phones that will be asked to install because of it,
	// Withdraw those whose open request will be taken back, TooLate those that
	// already prepared or install and can no longer be stopped for sure.
	Install  int `json:"install"`
	Withdraw int `json:"withdraw"`
	TooLate  int `json:"too_late"`
	// AppFirst counts those of which an app will be brought up to date, for a
	// release to follow.
	AppFirst int `json:"app_first,omitempty"`
}

// count counts one phone more.
func (c *EffectCounts) count(what string) {
	switch what {
	case EffectInstall:
		c.Install++
	case EffectWithdraw:
		c.Withdraw++
	case EffectTooLate:
		c.TooLate++
	case EffectApp:
		c.AppFirst++
	}
}

func noEffects() Effects {
	return Effects{Phones: []PhoneEffect{}, Gates: []GateEffect{}, Waves: []WaveEffect{}, Results: []ResultEffect{}}
}

// What becomes of a phone.
const (
	EffectInstall  = "install"  // it is asked to install, or to install something else
	EffectWithdraw = "withdraw" // the request is taken back
	EffectTooLate  = "too-late" // it would be, but the phone prepared it or installs
	EffectDeadline = "deadline" // it is given another deadline
	EffectApp      = "app"      // an app is brought up to date first
	EffectSettings = "settings" // other settings, such as those of background improvements
	EffectNone     = "none"     // of a phone that is proposed to be moved: it is asked for the same as before, or nothing
)

// PhoneEffect is what becomes of one phone.
type PhoneEffect struct {
	Device string   `json:"device"`
	Group  string   `json:"group"`
	Ring   string   `json:"ring"`
	Model  string   `json:"model"`
	OS     string   `json:"os"` // that it runs
	Effect string   `json:"effect"`
	Before *Request `json:"before,omitempty"` // absent: it is asked for nothing
	After  *Request `json:"after,omitempty"`
	// Why says, of a request that is taken back, of an app that comes first and of a
	// phone that moves and is asked for nothing, what the phone waits for then.
	Why policy.Reason `json:"why,omitzero"`
}

// Request is what a phone is asked to install.
type Request struct {
	Release  string           `json:"release"`
	Deadline policy.LocalTime `json:"deadline,omitempty"` // of its wave; "" of a candidate
	Source   policy.Source    `json:"source"`             // approval or candidate
}

// GateEffect is a gate before and after.
type GateEffect struct {
	Group         string       `json:"group"`
	Release       string       `json:"release"`
	PhaseBefore   policy.Phase `json:"phase_before,omitempty"` // absent: no gate
	PhaseAfter    policy.Phase `json:"phase_after,omitempty"`
	MissingBefore []string     `json:"missing_before,omitempty"` // apps that keep it closed
	MissingAfter  []string     `json:"missing_after,omitempty"`
}

// WaveEffect is a wave before and after.
type WaveEffect struct {
	Group          string           `json:"group"`
	Release        string           `json:"release"`
	Wave           int              `json:"wave"` // from 1
	StartBefore    time.Time        `json:"start_before"`
	StartAfter     time.Time        `json:"start_after"`
	DeadlineBefore policy.LocalTime `json:"deadline_before"`
	DeadlineAfter  policy.LocalTime `json:"deadline_after"`
}

// ResultEffect is for how long a test result counts before and after.
type ResultEffect struct {
	Group       string    `json:"group"`
	Release     string    `json:"release"` // whose gate it holds open, or did
	BundleID    string    `json:"bundle_id"`
	Verdict     string    `json:"verdict"`
	UntilBefore time.Time `json:"until_before,omitzero"` // absent: for ever
	UntilAfter  time.Time `json:"until_after,omitzero"`
}

// effects works out what a change of the world makes phones do.
func (f *Fleet) effects(ctx context.Context, w *worldState, before, after *snapshot) (Effects, error) {
	e := noEffects()
	was, err := f.settled(ctx, w, before, everywhere())
	if err != nil {
		return e, err
	}
	is, err := f.settled(ctx, w, after, everywhere())
	if err != nil {
		return e, err
	}
	f.targets(w, was, is, "", func(m member, was, is policy.Target) {
		if one := effectOn(&m.look.phone, was, is); one.Effect != "" {
			one.Device = m.udid
			e.add(one)
		}
	})
	slices.SortFunc(e.Phones, func(a, b PhoneEffect) int { return cmp.Compare(a.Device, b.Device) })
	if more := len(e.Phones) - maxShownPhones; more > 0 {
		e.Phones, e.LeftOff = e.Phones[:maxShownPhones], more
	}
	e.Gates = f.gateEffects(w, was, is)
	e.Waves = waveEffects(was, is)
	e.Results = f.resultEffects(w, was, is)
	e.Without = f.approvedWithout(w, was, is, everywhere())
	return e, nil
}

// add counts what becomes of one phone more.
func (e *Effects) add(one PhoneEffect) {
	e.count(one.Effect)
	e.Phones = append(e.Phones, one)
}

// settled returns a world after what is due in it by itself: rollouts that stop,
// what policies do at the end of a hold for groups within reach, and waves that start or
// move.
func (f *Fleet) settled(ctx context.Context, w *worldState, s *snapshot, r reach) (*snapshot, error) {
	s = s.with(f.rolloutsToStop(w, s).Approvals)
	ended, err := f.holdsToTell(w, f.gatedNow(w, s), r)
	if err != nil {
		return nil, err
	}
	s = s.with(ended.Approvals)
	return s.with(f.wavesDue(ctx, w, s).Approvals), nil
}

// with returns the world with other approvals.
func (s *snapshot) with(approvals []storage.Approval) *snapshot {
	if len(approvals) == 0 {
		return s
	}
	return s.after(storage.WorldChange{Approvals: approvals})
}

// measure counts what moving from one world to another makes the phones of the
// effect's group do.
func (f *Fleet) measure(w *worldState, before, after *snapshot, e *Effect) {
	e.EffectCounts = EffectCounts{}
	f.targets(w, before, after, e.Group, func(m member, was, is policy.Target) {
		e.count(effectOn(&m.look.phone, was, is).Effect)
	})
}

// targets calls visit with every enrolled phone of a group, or of all when it is
// "", and its targets in two worlds.
func (f *Fleet) targets(w *worldState, before, after *snapshot, group string, visit func(m member, was, is policy.Target)) {
	type key struct {
		look *look
		part string
	}
	type pair struct{ was, is policy.Target }
	now, s, known := f.now(), surveyor{snapshots: []*snapshot{before, after}}, map[key]pair{}
	for m := range w.census.all() {
		if !m.enrolled() || (group != "" && m.look.phone.Group != group) {
			continue
		}
		k := key{m.look, s.part(m)}
		t, ok := known[k]
		if !ok {
			p := s.stand(m)
			t = pair{policy.TargetFor(before.policy, factsOf(before, &p), now), policy.TargetFor(after.policy, factsOf(after, &p), now)}
			known[k] = t
		}
		visit(m, t.was, t.is)
	}
}

// effectOn compares two targets of a phone; Effect is "" when nothing changes.
func effectOn(p *storage.Phone, before, after policy.Target) PhoneEffect {
	e := PhoneEffect{Group: p.Group, Ring: string(p.Ring), Model: p.Model, OS: p.OS.Version, Before: requestOf(before), After: requestOf(after)}
	was, is := before.Enforce, after.Enforce
	switch {
	case is != nil && (was == nil || was.Release != is.Release):
		e.Effect = EffectInstall
	case was != nil && is == nil:
		e.Effect, e.Why = EffectWithdraw, after.Blocked
	case is == nil && moreApps(before, after):
		e.Effect, e.Why = EffectApp, after.Blocked
	case is != nil && is.Keep && !was.Keep:
		e.Effect = EffectTooLate
	case is != nil && is.Deadline != was.Deadline && !announced(p, is):
		e.Effect = EffectDeadline
	case before.Hold != after.Hold:
		e.Effect = EffectSettings
	}
	return e
}

// announced reports whether a phone was told of an enforcement, which fixed its
// deadline.
func announced(p *storage.Phone, e *policy.Enforcement) bool {
	told := p.Announced.Enforcement
	return told != nil && told.Release == e.Release && told.SourceID == e.SourceID
}

func requestOf(t policy.Target) *Request {
	if t.Enforce == nil {
		return nil
	}
	return &Request{Release: t.Enforce.Release, Deadline: t.Enforce.Deadline, Source: t.Enforce.Source}
}
