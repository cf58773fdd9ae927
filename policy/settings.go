package policy

import (
	"strings"
	"time"
)

// DefaultPolicy is the name of the built-in policy: that of every group that
// names no other.
const DefaultPolicy = "default"

// Policy is what is decided beforehand about the gates of every group that
// names it.
type Policy struct {
	Name string
	// CarryOver lets results of a release x.y count for its patches x.y.z after
	// a smoke test there.
	CarryOver bool
	// VerdictDays is for how many days a works result counts after it was
	// recorded, if it does not name an earlier day itself; zero or less: for ever.
	VerdictDays int
	OnExpiry    OnExpiry
	ModelClass  ModelClass // "" is ModelClassHardware

	Improvements Improvements
	Breaker      Breaker
	Majors       MajorMode // "" is MajorsHold
	Beta         BetaPrograms

	Urgent UrgentRules
}

// BuiltIn returns the policy named DefaultPolicy, which nobody can change:
// every release is tested in full, a result counts until the day it names, what
// users install after 90 days is a risk taken, phones take background security
// improvements by themselves, and a rollout that goes wrong is stopped.
func BuiltIn() Policy {
	return Policy{
		Name: DefaultPolicy, OnExpiry: OnExpiryExtendRisk, Improvements: Improvements{Mode: ImprovementsAccept}, Breaker: DefaultBreaker(),
		Majors: MajorsHold, ModelClass: ModelClassHardware,
	}
}

// policies indexes the policies of a world by name.
func policies(list []Policy) map[string]Policy {
	byName := make(map[string]Policy, len(list)+1)
	for _, p := range sorted(list, func(a, b Policy) int { return strings.Compare(a.Name, b.Name) }) {
		switch p.OnExpiry {
		case OnExpiryExtendRisk, OnExpiryReleaseToUsers, OnExpiryEnforce:
		default:
			p.OnExpiry = OnExpiryExtendRisk
		}
		p.Improvements.Mode = p.Improvements.Mode.resolved()
		p.ModelClass = p.ModelClass.resolved()
		byName[p.Name] = p
	}
	builtIn := BuiltIn()
	byName[builtIn.Name], byName[""] = builtIn, builtIn
	return byName
}

// Expires returns from when a works result counts no more under the policy; zero:
// never.
func (p Policy) Expires(v Verdict) time.Time {
	if p.VerdictDays <= 0 {
		return v.Expires
	}
	return earliest(v.Expires, v.At.AddDate(0, 0, p.VerdictDays))
}
