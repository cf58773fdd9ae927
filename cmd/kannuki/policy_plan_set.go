package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/internal/policyfile"
)

// planLine is a line of the change as a file would have it, and the flag that it
// stands for.
type planLine struct{ text, flag string }

// settings reads the change as files have it. What is wrong is said of the flags:
// nobody wrote a file.
func (o planOptions) settings(g *globals, cmd *cobra.Command, changed string, args []string) (*policyfile.Files, error) {
	var lines []planLine
	if len(o.set) > 0 {
		set, err := o.setLines(g, cmd, changed)
		if err != nil {
			return nil, err
		}
		lines = append(policyLines(changed), set...)
	}
	if len(args) > 0 && o.policy != "" {
		flag := "--policy " + o.policy
		lines = append(lines, planLine{"groups:", flag}, planLine{fmt.Sprintf("  - name: %q", args[0]), flag}, planLine{fmt.Sprintf("    policy: %q", o.policy), flag})
	}
	files, err := parseLines(lines)
	if err != nil {
		return nil, err
	}
	files.Relocate(func(p policyfile.Place) policyfile.Place {
		return policyfile.Place{File: lines[p.Line-1].flag, Key: p.Key}
	})
	return files, nil
}

func policyLines(name string) []planLine {
	return []planLine{{"policies:", "--policy " + name}, {fmt.Sprintf("  - name: %q", name), "--policy " + name}}
}

func parseLines(lines []planLine) (*policyfile.Files, error) {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(line.text + "\n")
	}
	return policyfile.Parse("--set", []byte(b.String()))
}

// settingPattern is one line that names a key and a value.
var settingPattern = regexp.MustCompile(`^([a-zA-Z_-]+)=([^\r\n]*)$`)

// setLines returns a line for each setting. Each is read by itself first: what one
// leaves open could otherwise end in the next.
func (o planOptions) setLines(g *globals, cmd *cobra.Command, changed string) ([]planLine, error) {
	t := g.text
	var lines []planLine
	given := map[string]string{}
	for _, setting := range o.set {
		parts := settingPattern.FindStringSubmatch(setting)
		if parts == nil {
			return nil, usage(cmd, t.T("--set %q: want one setting and its value, such as %s", setting, "deadline=3d"))
		}
		key := strings.ReplaceAll(parts[1], "-", "_")
		if key == "name" {
			return nil, usage(cmd, t.T("--set %q: a policy keeps its name", setting))
		}
		if before, twice := given[key]; twice {
			return nil, usage(cmd, t.T("--set %q and --set %q are the same setting", before, setting))
		}
		given[key] = setting
		line := planLine{fmt.Sprintf("    %s: %s", key, parts[2]), "--set " + setting}
		if _, err := parseLines(append(policyLines(changed), line)); err != nil {
			return nil, inFlag(err, line.flag)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// inFlag says of a fault of the settings that it is in a flag.
func inFlag(err error, flag string) error {
	if e, ok := errors.AsType[*policyfile.Error](err); ok {
		e.File, e.Line = flag, 0
	}
	return err
}
