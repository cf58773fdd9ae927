package fleet

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// LintView is what is wrong with policies.
type LintView struct {
	Policies []string        `json:"policies"` // looked at, in order
	Errors   int             `json:"errors"`   // findings that `policy set` and `apply` refuse
	Warnings int             `json:"warnings"`
	Findings []PolicyFinding `json:"findings"` // policy by policy, errors first
}

// PolicyFinding is one thing that is wrong with a policy.
type PolicyFinding struct {
	Policy string `json:"policy"`
	// At is where in the settings that were given it comes from: "policies[0].soak".
	// It is absent when they are not what it comes from.
	At string `json:"at,omitempty"`
	policy.Finding
}

// Lint looks for contradictions in a policy, and for what will not work as it
// seems to be meant; "" looks at all policies, the built-in one included. A
// policy that does not exist is a *NotFoundError.
func (f *Fleet) Lint(seg storage.Segment, name string) (LintView, error) {
	w, err := f.world(seg)
	if err != nil {
		return LintView{}, err
	}
	s := w.current.Load()
	if name == "" {
		return f.lint(w, s, s.policies()), nil
	}
	p, err := s.decided(name)
	if err != nil {
		return LintView{}, err
	}
	return f.lint(w, s, []storage.Policy{p}), nil
}

// LintSettings looks at all policies as they would be after settings were
// applied. Settings that cannot be applied for another reason than a
// contradiction are refused as by [Fleet.Apply].
func (f *Fleet) LintSettings(seg storage.Segment, r ApplyRequest) (LintView, error) {
	w, err := f.world(seg)
	if err != nil {
		return LintView{}, err
	}
	p := applying{f: f, w: w, s: w.current.Load(), r: r}
	if err := p.plan(); err != nil {
		return LintView{}, err
	}
	after := p.after()
	v := f.lint(w, after, after.policies())
	for i := range v.Findings {
		v.Findings[i].At = r.findingAt(after, v.Findings[i])
	}
	return v, nil
}

func (f *Fleet) lint(w *worldState, s *snapshot, policies []storage.Policy) LintView {
	v := LintView{Policies: []string{}, Findings: []PolicyFinding{}}
	for _, p := range policies {
		v.Policies = append(v.Policies, p.Name)
		for _, found := range policy.Lint(draft(w, s, p, f.now()), f.now()) {
			v.Findings = append(v.Findings, PolicyFinding{Policy: p.Name, Finding: found})
			if found.Severity == policy.SeverityError {
				v.Errors++
			} else {
				v.Warnings++
			}
		}
	}
	return v
}

// draft is a policy as the engine looks for faults in it.
func draft(w *worldState, s *snapshot, p storage.Policy, now time.Time) policy.Draft {
	d := policy.Draft{
		Policy: enginePolicy(p), Waves: engineShares(p.Waves), Soak: p.Soak, Deadline: p.Deadline, Calendar: s.calendarOf(p),
		Chase: ladder(p.Chase, policy.Calendar{}), Tests: s.testLadder(p),
	}
	d.LastHoliday, d.HolidaysOf = s.lastHoliday(p)
	for _, kind := range p.Chase.Always {
		d.Always = append(d.Always, policy.ChaseKind(kind))
	}
	for _, g := range s.records.Groups {
		if policyName(g) != p.Name {
			continue
		}
		size := w.census.size(g.Name, now)
		group := policy.DraftGroup{
			Name: g.Name, MinimumNotice: g.MinimumNotice,
			Production: size[storage.RingProduction], Verification: size[storage.RingVerification],
		}
		for _, id := range g.Apps {
			if a, err := s.app(id); err == nil {
				group.Apps = append(group.Apps, policy.Importance(a.Importance))
			}
		}
		d.Groups = append(d.Groups, group)
	}
	return d
}

// contradicts refuses a change that makes a policy contradict itself, the calendar
// it follows or a group that has it.
func (f *Fleet) contradicts(w *worldState, s *snapshot, c storage.WorldChange) error {
	if found, wrong := f.contradiction(w, s, c); wrong {
		return contradicting(found)
	}
	return nil
}

// contradiction finds what a change makes wrong with a policy, the calendar it
// follows or a group that has it. What was wrong before is not found.
func (f *Fleet) contradiction(w *worldState, s *snapshot, c storage.WorldChange) (PolicyFinding, bool) {
	if len(c.Policies)+len(c.Groups)+len(c.Calendars) == 0 {
		return PolicyFinding{}, false
	}
	after := &snapshot{records: applied(s.records, c), catalog: s.catalog}
	before := f.lint(w, s, s.policies()).Findings
	for _, found := range f.lint(w, after, after.policies()).Findings {
		same := func(was PolicyFinding) bool {
			return was.Policy == found.Policy && was.Code == found.Code && was.Params[policy.ParamGroup] == found.Params[policy.ParamGroup]
		}
		if found.Severity == policy.SeverityError && !slices.ContainsFunc(before, same) {
			return found, true
		}
	}
	return PolicyFinding{}, false
}

// contradicting is the refusal of a finding; its code and values are those of
// the finding.
func contradicting(found PolicyFinding) *RefusedError {
	what := found.Field
	for _, key := range slices.Sorted(maps.Keys(found.Params)) {
		what += fmt.Sprintf(", %s %s", key, found.Params[key])
	}
	return &RefusedError{
		Code: string(found.Code), Field: found.Field, Message: fmt.Sprintf("policy %s contradicts itself: %s (%s)", found.Policy, found.Code, what), Params: found.Params,
	}
}
