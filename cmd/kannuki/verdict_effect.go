package main

import (
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// judgedText says what recording or taking back a result does: which gates change,
// what phones are asked for, and what still keeps the app from being verified.
func (g *globals) judgedText(v api.Verdict) string {
	e, t := v.Effect, g.text
	if e == nil || e.App == nil {
		return ""
	}
	var b strings.Builder
	for _, gate := range e.Gates {
		if gate.PhaseBefore == gate.PhaseAfter {
			b.WriteString(t.T("Gate of %s for iOS %s: %s, as before; not verified: %s (before: %s).", gate.Group, gate.Release,
				t.Phase(string(gate.PhaseAfter)).Label, list(gate.MissingAfter).shown, list(gate.MissingBefore).shown) + "\n")
			continue
		}
		b.WriteString(t.T("Gate of %s for iOS %s: %s (before: %s).", gate.Group, gate.Release,
			t.Phase(string(gate.PhaseAfter)).Label, t.Phase(string(gate.PhaseBefore)).Label) + "\n")
	}
	if len(e.Gates) == 0 {
		b.WriteString(t.T("It changes no gate. That of %s for iOS %s: %s.", v.Group, v.Release, t.Phase(string(e.Phase)).Label) + "\n")
	}
	if e.App.Why != "" {
		b.WriteString("  " + classNamer{g.text, e.Classes, v.ModelNames}.seenLine(*e.App) + "\n")
	}
	if e.RestsOnNothing {
		b.WriteString(t.T("This quick check alone does not verify the app on %s: no full test carries over to it. Test it in full there.", v.Model) + "\n")
	}
	if e.UrgentOpen {
		b.WriteString(t.Step(string(policy.StepApproveUrgent)) + "\n")
	}
	b.WriteString(g.askedText(*e, v.Group))
	if e.VersionUnseen {
		b.WriteString(t.T("No phone of %s reports version %s of the app or a newer one; production phones wait for it before iOS.", v.Group, v.AppVersion) + "\n")
	}
	return b.String()
}

// askedText says what phones are asked for because of a result. What the policy
// approves by itself because of it asks them soon, and takes the place of "nothing".
func (g *globals) askedText(e fleet.VerdictEffect, group string) string {
	asked := fleet.Effect{EffectCounts: e.EffectCounts}
	if len(e.PolicyApproves) == 0 {
		return g.effectText(asked)
	}
	lines := g.effectLines(asked)
	for _, p := range e.PolicyApproves {
		lines = append(lines, g.policyApprovesText(p, group))
	}
	return strings.Join(lines, "\n") + "\n"
}

// policyApprovesText says that nobody is asked about a release any more, and how to keep
// it from phones.
func (g *globals) policyApprovesText(p fleet.PolicyApproval, group string) string {
	t := g.text
	if p.At.IsZero() {
		return t.T("The 90 days of iOS %s are over: policy %s now approves iOS %s for %s by itself, and tells production phones to install it. `kannuki rollout pause %s --group %s --reason …` stops phones that have not started.",
			p.HoldOf, p.Policy, p.Release, group, lang.ShellWord(p.Release), group)
	}
	return t.T("Policy %s approves iOS %s for %s by itself when the 90 days of iOS %s end, at %s, unless somebody decides before: `kannuki gate approve %s --group %s` or `kannuki gate decline %s --group %s`.",
		p.Policy, p.Release, group, p.HoldOf, t.Time(p.At), lang.ShellWord(p.Release), group, lang.ShellWord(p.Release), group)
}
