package fleet

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// maxVerdictDays bounds for how long a policy lets a result count: two years,
// longer than any release lasts.
const maxVerdictDays = 730

// PolicyChange says what becomes of a policy; what is nil stays as it is, or is
// as in the built-in policy when the policy is new.
type PolicyChange struct {
	CarryOver   *bool   `json:"carry_over,omitempty"`
	VerdictDays *int    `json:"verdict_days,omitempty"` // 0 to 730; 0: for ever
	OnExpiry    *string `json:"on_expiry,omitempty"`    // extend-risk, release-to-users or enforce
	RolloutChange
	ImprovementChange
	BreakerChange
	MajorChange
	ModelClassChange
	ChaseChange
	UrgentChange
	LeakChange
	BetaChange
}

// check refuses values no policy can have.
func (c PolicyChange) check() error {
	if c.OnExpiry != nil {
		if _, err := policy.ParseOnExpiry(*c.OnExpiry); err != nil {
			return notOneOf("on_expiry", *c.OnExpiry, "extend-risk", "release-to-users", "enforce")
		}
	}
	if c.VerdictDays != nil && (*c.VerdictDays < 0 || *c.VerdictDays > maxVerdictDays) {
		most := strconv.Itoa(maxVerdictDays)
		return invalid("verdict_days", "days-out-of-range", "%d: want between 0 (for ever) and %s", *c.VerdictDays, most).with("value", strconv.Itoa(*c.VerdictDays), "most", most)
	}
	return nil
}

// onto returns the policy with the change, made at now, or an error about what
// no policy can say of rollouts.
func (c PolicyChange) onto(p storage.Policy, now time.Time) (storage.Policy, error) {
	replace(&p.CarryOver, c.CarryOver)
	replace(&p.VerdictDays, c.VerdictDays)
	replace(&p.OnExpiry, c.OnExpiry)
	if err := cmp.Or(c.ImprovementChange.onto(&p), c.MajorChange.onto(&p), c.ModelClassChange.onto(&p), c.LeakChange.onto(&p)); err != nil {
		return p, err
	}
	if err := c.BreakerChange.onto(&p); err != nil {
		return p, err
	}
	if err := c.ChaseChange.onto(&p); err != nil {
		return p, err
	}
	if err := c.BetaChange.onto(&p); err != nil {
		return p, err
	}
	if err := c.UrgentChange.onto(&p); err != nil {
		return p, err
	}
	return c.RolloutChange.onto(p, now)
}

// PolicyView is a policy as people see it.
type PolicyView struct {
	Name        string `json:"name"`
	BuiltIn     bool   `json:"built_in"`
	CarryOver   bool   `json:"carry_over"`
	VerdictDays int    `json:"verdict_days"` // 0: for ever
	OnExpiry    string `json:"on_expiry"`
	RolloutDefaults
	ImprovementSettings
	BreakerLimits
	MajorSettings
	ModelClassSettings
	ChaseSettings
	UrgentDefaults
	LeakSettings
	BetaSettings
	Groups    []string  `json:"groups"` // that it decides about
	ChangedBy string    `json:"changed_by,omitempty"`
	ChangedAt time.Time `json:"changed_at,omitzero"`
}

// PolicyEdit is a policy that was set, or would be, and what that moves.
type PolicyEdit struct {
	PolicyView
	MovedWaves []WaveEffect `json:"moved_waves"` // that have not started and move, within minutes
}

func (f *Fleet) policyView(s *snapshot, p storage.Policy) PolicyView {
	v := PolicyView{
		Name: p.Name, BuiltIn: p.Name == policy.DefaultPolicy, CarryOver: p.CarryOver, VerdictDays: p.VerdictDays, OnExpiry: p.OnExpiry,
		RolloutDefaults: rolloutDefaults(p), ImprovementSettings: improvementSettings(p), BreakerLimits: breakerLimits(p), MajorSettings: majorSettings(p),
		ChaseSettings: chaseSettings(p), UrgentDefaults: urgentDefaults(p), LeakSettings: leakSettings(p), BetaSettings: betaSettings(p), ModelClassSettings: modelClassSettings(p),
		Groups: []string{}, ChangedBy: p.ChangedBy, ChangedAt: p.ChangedAt,
	}
	v.BetaMissing = f.lacksBeta(p)
	for _, g := range s.records.Groups {
		if policyName(g) == p.Name {
			v.Groups = append(v.Groups, g.Name)
		}
	}
	return v
}

// enginePolicy translates a record for the engine.
func enginePolicy(p storage.Policy) policy.Policy {
	return policy.Policy{
		Name: p.Name, CarryOver: p.CarryOver, VerdictDays: p.VerdictDays, OnExpiry: policy.OnExpiry(p.OnExpiry),
		Improvements: engineImprovements(p.Improvements), Breaker: engineBreaker(p.Breaker), Majors: policy.MajorMode(p.Majors),
		ModelClass: policy.ModelClass(p.ModelClass),
		Urgent:     policy.UrgentRules(p.Urgent), Beta: engineBeta(p.Beta),
	}
}

// builtInPolicy is the record the built-in policy would have.
func builtInPolicy() storage.Policy {
	p := policy.BuiltIn()
	return storage.Policy{Name: p.Name, CarryOver: p.CarryOver, VerdictDays: p.VerdictDays, OnExpiry: string(p.OnExpiry)}
}

func policyName(g storage.Group) string { return cmp.Or(g.Policy, policy.DefaultPolicy) }

// decided returns the policy with a name, the built-in one included, or a
// *NotFoundError.
func (s *snapshot) decided(name string) (storage.Policy, error) {
	all := s.policies()
	i := slices.IndexFunc(all, func(p storage.Policy) bool { return p.Name == name })
	if i < 0 {
		names := make([]string, len(all))
		for j, p := range all {
			names[j] = p.Name
		}
		return storage.Policy{}, &NotFoundError{What: "policy", Name: name, Near: near(name, names)}
	}
	return all[i], nil
}

// policies returns the built-in policy and then the others, sorted by name.
func (s *snapshot) policies() []storage.Policy {
	return slices.Concat([]storage.Policy{builtInPolicy()}, s.records.Policies)
}

// Policies returns the built-in policy and then the others, sorted by name.
func (f *Fleet) Policies(seg storage.Segment) ([]PolicyView, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	s := w.current.Load()
	out := []PolicyView{}
	for _, p := range s.policies() {
		out = append(out, f.policyView(s, p))
	}
	return out, nil
}

// Policy returns one policy, or a *NotFoundError.
func (f *Fleet) Policy(seg storage.Segment, name string) (PolicyView, error) {
	w, err := f.world(seg)
	if err != nil {
		return PolicyView{}, err
	}
	s := w.current.Load()
	p, err := s.decided(name)
	if err != nil {
		return PolicyView{}, err
	}
	return f.policyView(s, p), nil
}

// SetPolicy makes a policy, or changes one that exists. What a policy says
// holds at once, for results recorded before as well, so a change that would
// open a closed gate of one of its groups is refused with every such gate
// named. The waves of those groups that move come with it. The built-in policy
// cannot be changed.
func (f *Fleet) SetPolicy(ctx context.Context, seg storage.Segment, a Act, name string, c PolicyChange) (PolicyEdit, error) {
	if err := cmp.Or(checkName(name), c.check()); err != nil {
		return PolicyEdit{}, err
	}
	var done PolicyEdit
	var err error
	done.MovedWaves, err = f.editWaves(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		if err := refuseBuiltIn(name); err != nil {
			return storage.WorldChange{}, err
		}
		was, err := s.decided(name)
		if err != nil {
			was = newPolicy(name, f.now())
		}
		p, err := c.onto(was, f.now())
		if err != nil {
			return storage.WorldChange{}, err
		}
		if err := f.checkBeta(was, p); err != nil {
			return storage.WorldChange{}, err
		}
		if p.CalendarName != "" {
			if _, err := s.calendar(p.CalendarName); err != nil {
				return storage.WorldChange{}, err
			}
		}
		change := f.settingPolicy(a, p)
		done.PolicyView = f.policyView(s, change.Policies[0])
		return change, nil
	})
	return done, err
}

// newPolicy is a policy of which nothing was said yet.
func newPolicy(name string, now time.Time) storage.Policy {
	p := builtInPolicy()
	p.Name, p.CreatedAt = name, now
	return p
}

func (f *Fleet) settingPolicy(a Act, p storage.Policy) storage.WorldChange {
	p.ChangedAt, p.ChangedBy = f.now(), a.Actor
	return storage.WorldChange{Policies: []storage.Policy{p}, Audit: []storage.AuditEntry{f.policyEntry(a, "policy.set", p)}}
}

// RemovePolicy removes a policy that no group names.
func (f *Fleet) RemovePolicy(ctx context.Context, seg storage.Segment, a Act, name string) (PolicyView, error) {
	var view PolicyView
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		if err := refuseBuiltIn(name); err != nil {
			return storage.WorldChange{}, err
		}
		p, err := s.decided(name)
		if err != nil {
			return storage.WorldChange{}, err
		}
		view = f.policyView(s, p)
		return f.removingPolicy(a, p), view.refuseUse()
	})
	return view, err
}

// refuseUse refuses to remove a policy that a group has.
func (v PolicyView) refuseUse() error {
	if len(v.Groups) == 0 {
		return nil
	}
	groups := strings.Join(v.Groups, ", ")
	return refused("policy-in-use", "policy %s decides about %s; give them another one first", v.Name, groups).with("policy", v.Name, "groups", groups)
}

func (f *Fleet) removingPolicy(a Act, p storage.Policy) storage.WorldChange {
	return storage.WorldChange{RemovePolicies: []string{p.Name}, Audit: []storage.AuditEntry{f.policyEntry(a, "policy.remove", p)}}
}

func refuseBuiltIn(name string) error {
	if name != policy.DefaultPolicy {
		return nil
	}
	refusal := refused("built-in-policy", "policy %s is built in and stays as it is; make one of your own with `kannuki policy set`", name).with("policy", name)
	refusal.Field = "name"
	return refusal
}

func (f *Fleet) policyEntry(a Act, action string, p storage.Policy) storage.AuditEntry {
	detail := map[string]string{
		"carry_over": strconv.FormatBool(p.CarryOver), "verdict_days": strconv.Itoa(p.VerdictDays), "on_expiry": p.OnExpiry,
	}
	maps.Copy(detail, rolloutDefaults(p).detail())
	maps.Copy(detail, improvementSettings(p).detail())
	maps.Copy(detail, betaSettings(p).detail())
	maps.Copy(detail, breakerLimits(p).detail())
	maps.Copy(detail, majorSettings(p).detail())
	maps.Copy(detail, modelClassSettings(p).detail())
	maps.Copy(detail, chaseSettings(p).detail())
	maps.Copy(detail, urgentDefaults(p).detail())
	maps.Copy(detail, leakSettings(p).detail())
	return f.entry(a, action, p.Name, detail)
}
