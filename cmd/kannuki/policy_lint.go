package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/policyfile"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newPolicyLintCommand(g *globals) *cobra.Command {
	var o settingsFlags
	t := g.text
	cmd := &cobra.Command{
		Use:   "lint [POLICY]",
		Short: t.T("Look for contradictions in policies"),
		Long: t.T("Look for contradictions in policies, and for what will not work as it seems to be meant: in one policy, in all, or with -f in all as they would be after `kannuki apply`. " +
			"Contradictions are errors: `kannuki policy set` and `kannuki apply` refuse them, and the exit code here is 3. Warnings are shown only."),
		Example: "kannuki policy lint\n" +
			"kannuki policy lint -f settings",
		Args: g.optional(),
		RunE: func(cmd *cobra.Command, args []string) error { return runPolicyLint(g, cmd, o, args) },
	}
	o.addFlags(g, cmd)
	cmd.ValidArgsFunction = completeArg(g.policyNames)
	return cmd
}

func runPolicyLint(g *globals, cmd *cobra.Command, o settingsFlags, args []string) error {
	v, err := g.lint(cmd, o, args)
	if err != nil {
		return err
	}
	tab := g.lintTable(v)
	if err := g.show(cmd, answer{data: v, table: tab, text: g.lintText(v)}); err != nil {
		return err
	}
	if v.Errors > 0 {
		return &shownError{exit: exitRefused}
	}
	return nil
}

// lintedFiles are findings with the lines of the files they come from.
type lintedFiles struct {
	fleet.LintView
	Findings []placedFinding `json:"findings"`
}

// placedFinding is a finding; the place is the zero value when no file has it.
type placedFinding struct {
	fleet.PolicyFinding
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"` // from 1
	Key  string `json:"key,omitempty"`  // "policies.soak"
}

// place returns "settings/policies.yaml:7: ", or "".
func (f placedFinding) place() string {
	if f.File == "" {
		return ""
	}
	return policyfile.Place{File: f.File, Line: f.Line}.String() + ": "
}

func inLines(files *policyfile.Files, v fleet.LintView) lintedFiles {
	out := lintedFiles{LintView: v, Findings: []placedFinding{}}
	for _, f := range v.Findings {
		placed := placedFinding{PolicyFinding: f}
		if p, ok := files.Place(f.At); ok {
			placed.File, placed.Line, placed.Key = p.File, p.Line, p.Key
		}
		out.Findings = append(out.Findings, placed)
	}
	return out
}

func (g *globals) lint(cmd *cobra.Command, o settingsFlags, args []string) (lintedFiles, error) {
	var v fleet.LintView
	no := lintedFiles{}
	if o.file != "" {
		if len(args) > 0 {
			return no, usage(cmd, g.text.T("give a policy or --file, not both"))
		}
		files, err := g.askAbout(cmd, o, api.Path("lint"), &v)
		if err != nil {
			return no, err
		}
		return inLines(files, v), nil
	}
	if o.prune {
		return no, usage(cmd, g.text.T("--prune needs --file"))
	}
	client, err := g.client(cmd)
	if err != nil {
		return no, err
	}
	query := url.Values{}
	if len(args) > 0 {
		query.Set("policy", args[0])
	}
	err = client.Get(cmd.Context(), api.Path("lint"), query, &v)
	return inLines(&policyfile.Files{}, v), err
}

func (g *globals) lintTable(v lintedFiles) table {
	t := g.text
	tab := table{columns: []column{
		{"severity", t.T("Finding")},
		{"policy", t.T("Policy")},
		{"field", t.T("Setting")},
		{"code", t.T("Code")},
		{"group", t.T("Group")},
		{"why", ""},
		{"change", ""},
		{"file", ""},
		{"line", ""},
		{"key", ""},
	}}
	for _, f := range v.Findings {
		text, line := t.Lint(string(f.Code)), plain("")
		if f.Line > 0 {
			line = number(f.Line)
		}
		tab.add(cell{string(f.Severity), g.severity(f.Severity)}, plain(f.Policy), plain(f.Field), plain(string(f.Code)), plain(f.Params[policy.ParamGroup]),
			plain(t.Fill(text.Why, f.Params)), plain(t.Fill(text.Change, f.Params)),
			plain(f.File), line, plain(f.Key))
	}
	return tab
}

func (g *globals) severity(s policy.Severity) string {
	if s == policy.SeverityError {
		return g.text.T("error")
	}
	return g.text.T("warning")
}

// lintText gives every finding a paragraph: what is wrong, and what to change.
func (g *globals) lintText(v lintedFiles) string {
	t := g.text
	var b strings.Builder
	for _, f := range v.Findings {
		text := t.Lint(string(f.Code))
		fmt.Fprintf(&b, "%s%s\n  %s\n  %s\n\n", f.place(), t.T("%s: policy %s, %s (%s)", g.severity(f.Severity), f.Policy, f.Field, f.Code), t.Fill(text.Why, f.Params), t.Fill(text.Change, f.Params))
	}
	fmt.Fprintf(&b, "%s\n", t.T("Policies: %s. Errors: %d, warnings: %d.", list(v.Policies).shown, v.Errors, v.Warnings))
	return b.String()
}
