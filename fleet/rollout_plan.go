package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// RolloutPlan is what approving a gate now would do, wave by wave.
type RolloutPlan struct {
	Group   string    `json:"group"`
	Release string    `json:"release"`
	Phase   string    `json:"phase"` // of the gate now
	AsOf    time.Time `json:"as_of"`
	Clock   string    `json:"clock,omitempty"` // [ClockPolicy], or "" for the wall clock
	// Approvable says that the gate can be approved as it is. Where it cannot, the
	// plan takes every production model to be verified by then, and Missing are
	// the apps that are not.
	Approvable bool     `json:"approvable"`
	Missing    []string `json:"missing"`
	Models     []string `json:"models"` // hardware identifiers that it would cover
	// Production counts the production phones of the group, whatever they run.
	Production int `json:"production"`
	// Install counts production phones asked at once, and InstallVerification
	// verification phones that do not have the release.
	Install             int `json:"install"`
	InstallVerification int `json:"install_verification"`
	AppFirst            int `json:"app_first,omitempty"` // production phones of which an app is brought up to date at once, for the release to follow
	// AppsByHand are apps that somebody has to update on production phones; nil for none.
	AppsByHand *AppsByHand `json:"apps_by_hand,omitempty"`
	Promise
	Rebased
	Soak  string     `json:"soak,omitempty"`
	Waves []WaveView `json:"waves"`
	// LanePromises are deadlines that phones keep from the urgent route of an older
	// release, before that of their wave.
	LanePromises []LanePromise `json:"urgent_promises,omitempty"`
	// Reminders are what follows for a phone that does nothing, wave by wave.
	Reminders []PlannedReminder `json:"reminders"`
	// ShelfLife is when the build may be gone, zero when that is not known, and
	// Latest the last deadline that an approval may have.
	ShelfLife time.Time `json:"shelf_life,omitzero"`
	Latest    string    `json:"latest,omitempty"`
	Outlives  bool      `json:"outlives,omitempty"` // a deadline comes after Latest: the approval would be refused
}

// PlanRollout works out what approving a gate now would do, whether or not it
// is verified yet. It changes nothing. It is refused for a gate that is
// approved, declined or expired, and of a release that the group has no gate for.
func (f *Fleet) PlanRollout(seg storage.Segment, r ApproveRequest) (RolloutPlan, error) {
	w, err := f.world(seg)
	if err != nil {
		return RolloutPlan{}, err
	}
	s := w.current.Load()
	gate, err := f.gate(w, s, r.Group, r.Release)
	if err != nil {
		return RolloutPlan{}, err
	}
	if err := decidable(gate); err != nil {
		return RolloutPlan{}, err
	}
	notNow := policy.Approvable(gate)
	if gate.Phase == policy.PhaseDeclined || gate.Phase == policy.PhaseExpired || gate.Approval != "" && notNow != nil {
		return RolloutPlan{}, closed(gate, notNow)
	}
	a := f.newApproval(r.Group, r.Release, "", "", gate)
	a.Models = gate.Models
	if notNow != nil {
		a.Models = slices.Concat(a.Models, gate.ProductionModels)
		slices.Sort(a.Models)
		a.Models = slices.Compact(a.Models)
	}
	before, err := f.roll(w, s, r, &a)
	if err != nil {
		return RolloutPlan{}, err
	}
	return f.planned(w, s, gate, a, before)
}

// planned describes an approval that nobody gave.
func (f *Fleet) planned(w *worldState, s *snapshot, gate policy.Gate, a storage.Approval, before []storage.Approval) (RolloutPlan, error) {
	after := s.with(append(before, a))
	approved, err := f.gate(w, after, a.Group, a.Release)
	if err != nil {
		return RolloutPlan{}, err
	}
	promised, err := f.promise(w, s, a)
	v := RolloutPlan{
		Group: a.Group, Release: a.Release, Phase: string(gate.Phase), AsOf: f.now(), Clock: f.clock(),
		Approvable: policy.Approvable(gate) == nil, Missing: append([]string{}, gate.Missing...), Models: append([]string{}, a.Models...),
		Production: gate.Counts.Production + gate.Counts.CannotRun,
		Promise:    promised, Rebased: f.rebased(w, s, a),
		Waves: f.waveViews(w, a, approved.Phase), Reminders: f.plannedReminders(s, a), ShelfLife: gate.Clocks.ShelfLife, Latest: string(f.scheduleOf(s, a).LastDeadline(gate)), Outlives: f.inTime(s, gate, a) != nil,
	}
	for i := range v.Waves {
		if state := &v.Waves[i].State; *state == WaveStarted || *state == WaveSoaking {
			*state = WaveAtOnce
		}
	}
	f.targets(w, s, after, a.Group, func(m member, was, is policy.Target) {
		p := &m.look.phone
		switch effect := effectOn(p, was, is).Effect; {
		case effect == EffectApp:
			v.AppFirst++
		case effect != EffectInstall:
		case p.Ring == storage.RingProduction:
			v.Install++
		default:
			v.InstallVerification++
		}
	})
	v.LanePromises, v.AppsByHand = f.lanePromises(w, after, a), f.appsByHand(w, after, a.Group, a.Release)
	if a.Soak > 0 {
		v.Soak = noticeText(a.Soak)
	}
	return v, err
}
