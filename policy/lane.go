package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// UrgentRules are what a policy says about releases that fix a flaw known to be
// exploited.
type UrgentRules struct {
	Off      bool          // the groups have no emergency lane
	Deadline time.Duration // from the signature, for proposals that name none; 0: MinLaneDeadline
}

// An approval by the emergency lane promises that phones install within these
// times of its second signature.
const (
	MinLaneDeadline = 24 * time.Hour
	MaxLaneDeadline = 48 * time.Hour
)

// Lane marks an approval by the emergency lane: two people gave it, for a flaw
// known to be exploited, after quick checks only. Results are required, and none
// may say broken. It lasts like any other approval, and knows no calendar. With
// HurriedAt it marks an ordinary approval whose rollout two people hurried.
type Lane struct {
	By           string // person who proposed it
	Second       string // person who signed it
	Reason       string // of the first
	SecondReason string
	CVEs         []string // exploited ones that production lacked the fix of then
	// HurriedAt is when the lane took up a rollout that was under way by an
	// ordinary approval; zero for one that began by the lane.
	HurriedAt time.Time
}

// GateLane is the approval by the emergency lane that stands at a gate.
type GateLane struct {
	By           string    `json:"by"`     // person who proposed it
	Second       string    `json:"second"` // person who signed it
	Reason       string    `json:"reason"` // of the first
	SecondReason string    `json:"second_reason"`
	At           time.Time `json:"at"` // of the second signature
	CVEs         []string  `json:"cves"`
	// Hurried says that the rollout was under way by then, by an ordinary approval.
	Hurried bool `json:"hurried,omitempty"`
	// Verified says that every app was verified in full meanwhile.
	Verified bool `json:"verified,omitempty"`
}

// Urgency says that production phones lack the fix of a flaw known to be
// exploited that a release brings, itself or because a release in between did,
// and how far the emergency lane is.
type Urgency struct {
	CVEs []string        `json:"cves"` // the flaws, sorted
	From []UrgentVersion `json:"from"` // what the phones run, the most exposed first
	// Others are production phones that wait for the release and lack no such fix.
	Others int `json:"others,omitempty"`
	// Off says that the policy of the group has no emergency lane.
	Off bool `json:"off,omitempty"`
	// Slow says that hurrying the rollout under way would bring a deadline forward.
	Slow bool `json:"slow,omitempty"`
	// Apps are those that can keep a gate closed, each with its results of any
	// method, and Missing those of them that keep the lane closed.
	Apps    []AppState `json:"apps"`
	Missing []string   `json:"missing,omitempty"`
	// What an approval by the lane takes over: hardware identifiers, app versions and
	// the identifiers of the results it rests on, all sorted.
	Models   []string `json:"models,omitempty"`
	Floors   []Floor  `json:"floors,omitempty"`
	Verdicts []string `json:"verdicts,omitempty"`
	// Fingerprint changes when anything changes that the lane rests on. What full
	// tests find and do not break leaves it as it is.
	Fingerprint string `json:"fingerprint"`
}

// UrgentVersion is a version on production phones with what they lack there.
type UrgentVersion struct {
	Version string   `json:"version"`
	Phones  int      `json:"phones"`
	CVEs    []string `json:"cves"` // that the release closes on one of their models, sorted
}

// reason says that an approval came by the emergency lane.
func (l *Lane) reason(releaseVersion string) Reason {
	code := GateUrgentApproval
	if !l.HurriedAt.IsZero() {
		code = GateHurried
	}
	return reason(code, ParamRelease, releaseVersion, ParamBy, l.By, ParamSecond, l.Second, ParamReason, l.Reason,
		ParamFlaws, strings.Join(l.CVEs, ", "))
}

// gateLane returns an approval by the lane as its gate shows it.
func (a *Approval) gateLane(verified bool) *GateLane {
	l := a.Lane
	g := &GateLane{
		By: l.By, Second: l.Second, Reason: l.Reason, SecondReason: l.SecondReason, At: a.At, CVEs: unique(l.CVEs), Verified: verified,
	}
	if a.hurried() {
		g.At, g.Hurried = l.HurriedAt, true
	}
	return g
}

// urgent completes a gate: whether it is urgent, how far the emergency lane is, and
// the approval by it that stands.
func (e *evaluation) urgent(gate *Gate) {
	if a := e.approval; a != nil && a.Lane != nil && gate.Phase != PhaseDeclined && gate.Phase != PhaseExpired {
		gate.Reasons = append(gate.Reasons, a.Lane.reason(a.Release))
		gate.Lane = a.gateLane(len(e.closed()) == 0)
	}
	if !e.g.gates(e.rel) {
		return
	}
	u := &Urgency{Off: e.g.policy.Urgent.Off, Apps: []AppState{}}
	if u.From, u.Others = e.exposed(); len(u.From) == 0 {
		return
	}
	for _, v := range u.From {
		u.CVEs = append(u.CVEs, v.CVEs...)
	}
	u.CVEs = unique(u.CVEs)
	for _, a := range e.g.apps {
		if a.Importance != ImportanceInformational {
			u.add(e.laneApp(a))
		}
	}
	slices.Sort(u.Verdicts)
	u.Models, u.Floors = e.coverage(u.Apps), floorsOf(u.Apps)
	u.Fingerprint = u.digest(gate)
	gate.Urgent = u
	if (gate.Phase == PhaseHeld || gate.Phase == PhaseVerifying) && LaneOpen(*gate) == nil {
		gate.NextHuman = StepApproveUrgent
	}
}

// exposed returns the versions of production phones for which the release closes
// a flaw known to be exploited, the most exposed first and then the oldest, and
// how many phones wait for it on others.
func (e *evaluation) exposed() (list []UrgentVersion, others int) {
	found := map[string]*UrgentVersion{}
	for _, c := range e.g.ran {
		if c.Ring == RingVerification || !version.Newer(e.rel.Version, c.OSVersion) || !e.rel.windows[c.Model].open(e.now) {
			continue
		}
		flaws := e.closes(looks{c.Model, c.OSVersion})
		if len(flaws) == 0 {
			others += c.Count
			continue
		}
		v := found[c.OSVersion]
		if v == nil {
			v = &UrgentVersion{Version: c.OSVersion}
			found[c.OSVersion] = v
		}
		v.Phones += c.Count
		v.CVEs = append(v.CVEs, flaws...)
	}
	for _, v := range found {
		v.CVEs = unique(v.CVEs)
		list = append(list, *v)
	}
	slices.SortFunc(list, func(a, b UrgentVersion) int {
		return cmp.Or(cmp.Compare(len(b.CVEs), len(a.CVEs)), version.Order(a.Version, b.Version), strings.Compare(a.Version, b.Version))
	})
	return list, others
}

// closes returns the flaws known to be exploited that a version leaves open on a
// model and that the release closes, but for those that phones which the policy keeps
// on an older branch can get closed there.
func (e *evaluation) closes(k looks) []string {
	if _, applicable := e.rel.windows[k.model]; !applicable {
		return nil
	}
	var flaws []string
	for _, h := range e.w.findHoles(k, e.now, func(r *release) []CVE { return r.exploited }) {
		if !slices.Contains(h.closers, e.rel) || e.closedBelow(k, h.closers) {
			continue
		}
		for _, c := range h.flaws {
			flaws = append(flaws, c.ID)
		}
	}
	return flaws
}

// closedBelow reports whether the policy keeps a phone off the higher branch of the
// release, and one of the releases that close a flaw is of the phone's own and can be had.
func (e *evaluation) closedBelow(k looks, closers []*release) bool {
	branch := version.Major(k.version)
	return e.g.policy.Majors != MajorsAllow && e.rel.branch > branch && slices.ContainsFunc(closers, func(r *release) bool {
		return r.branch == branch && e.g.has(r) && r.windows[k.model].open(e.now) && !e.g.isDeclined(r.Version, e.now)
	})
}

// laneApp returns the state of one app as far as the emergency lane is concerned,
// with the results it rests on. Those of any method count, on this very release; only a
// full test clears one that says broken, as everywhere.
func (e *evaluation) laneApp(a App) (AppState, []string) {
	key := appRelease{a.BundleID, e.rel.Version}
	list := e.g.verdicts[key]
	s := AppState{BundleID: a.BundleID, Name: a.Name, Importance: a.Importance}
	passed, stale := newestByClass(list, e.now, e.now)
	s.rest(passed, e.classes)
	if newest := newestOf(passed); newest != nil {
		s.Verdict = newest.ID
	}
	switch broken := uncleared(list, e.now); {
	case len(broken) > 0:
		s.fail(broken)
	case len(passed) == 0 && len(stale) > 0:
		s.State, s.Why, s.Verdict = StatusStale, WhyExpired, newestOf(stale).ID
	case len(passed) == 0:
		s.State, s.Why = StatusUntested, e.w.whyNot(e.g, key, e.rel, e.now)
	case len(s.MissingModels) > 0:
		s.State, s.Why = StatusPartial, whyPartial(s.MissingModels, stale)
	case s.Noted:
		s.State = StatusWorksWithNote
	default:
		s.State = StatusWorks
	}
	var ids []string
	for _, v := range passed {
		ids = append(ids, v.ID)
	}
	return s, ids
}

func (u *Urgency) add(s AppState, verdicts []string) {
	u.Apps, u.Verdicts = append(u.Apps, s), append(u.Verdicts, verdicts...)
	if s.Why != "" {
		u.Missing = append(u.Missing, s.BundleID)
	}
}

// digest names what two people approving by the lane should both have seen.
func (u *Urgency) digest(g *Gate) string {
	parts := []string{"lane", g.Group, g.Release, g.Approval}
	for _, a := range u.Apps {
		parts = append(parts, "app", a.BundleID, string(a.Importance), string(a.State), a.Floor, strings.Join(a.Models, ","))
	}
	parts = append(append(parts, "models"), u.Models...)
	parts = append(append(parts, "verdicts"), u.Verdicts...)
	return digits(hash(append(append(parts, "broken"), g.Broken...)...))
}

// digits writes a hash with its leading zeros.
func digits(h uint64) string {
	const width = 16
	text := strconv.FormatUint(h, width)
	return strings.Repeat("0", width-len(text)) + text
}

// markExploited notes which flaws of each release are known to be exploited,
// whichever release says so.
func markExploited(releases []*release) {
	known := map[string]bool{}
	for _, r := range releases {
		for _, c := range r.CVEs {
			if c.Exploited {
				known[c.ID] = true
			}
		}
	}
	for _, r := range releases {
		r.exploited = nil
		for _, c := range r.CVEs {
			if known[c.ID] {
				r.exploited = append(r.exploited, CVE{c.ID, true})
			}
		}
	}
}
