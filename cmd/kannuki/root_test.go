package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/internal/lang"
)

// TestEveryCommandExplainsItself walks the whole tree in both languages.
func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	for _, tag := range []string{lang.English, lang.Japanese} {
		g := testGlobals(tag)
		exit := g.text.T("EXIT STATUS")
		walk(newRootCommand(g), func(cmd *cobra.Command) {
			path := cmd.CommandPath()
			if cmd.Hidden {
				return
			}
			if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
				t.Errorf("%s (%s): short text %q, want one without a full stop", path, tag, cmd.Short)
			}
			if !cmd.HasSubCommands() && !strings.HasPrefix(cmd.Example, path) {
				t.Errorf("%s: the example is %q, want one that starts with the command", path, cmd.Example)
			}
			if cmd.Args == nil || cmd.RunE == nil {
				t.Errorf("%s: no check of arguments, or nothing to run", path)
			}
			cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
				// The library takes what stands in backquotes for the value's name.
				if strings.Contains(f.Usage, "`") {
					t.Errorf("%s (%s): backquotes in the text of --%s: %s", path, tag, f.Name, f.Usage)
				}
			})
			if usage := g.usageOf(cmd); !strings.Contains(usage, exit) {
				t.Errorf("%s (%s): no exit status in the help:\n%s", path, tag, usage)
			}
		})
	}
}

func walk(cmd *cobra.Command, visit func(*cobra.Command)) {
	visit(cmd)
	for _, c := range cmd.Commands() {
		walk(c, visit)
	}
}

// TestContract holds the commands that scripts rely on.
func TestContract(t *testing.T) {
	t.Parallel()
	root := newRootCommand(testGlobals(lang.English))
	for _, line := range []string{
		"init", "serve", "status", "doctor", "version", "release import", "release list", "release show", "app add", "group add",
		"enroll profile", "enroll link", "gate offer", "gate show", "gate list", "gate approve", "gate decline", "gate withdraw", "gate override", "gate extend",
		"approval list", "approval show", "approval sign", "approval refuse", "approval withdraw",
		"verdict record", "device list", "device show", "device explain", "device push", "device queue", "rollout status",
		"rollout show", "rollout plan", "rollout pause", "rollout resume", "declaration show", "backup create", "audit log", "audit verify", "sim run",
		"cert push import", "token create", "token list", "token revoke", "device remove", "device queue cancel",
		"app show", "app set", "app remove", "group show", "group set", "cert list", "cert revoke", "declaration diff",
		"verdict list", "verdict show", "audit export", "backup verify", "backup restore", "db check", "db stats", "man",
	} {
		cmd, rest, err := root.Find(strings.Fields(line))
		if err != nil || len(rest) > 0 {
			t.Errorf("%s: found %q, %v over (%v)", line, cmd.CommandPath(), rest, err)
		}
	}
}

func TestLanguage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, locale string
		args         []string
		want         string
	}{
		{"nothing", "", nil, "en"},
		{"locale", "ja_JP.UTF-8", nil, "ja"},
		{"flag wins", "ja_JP.UTF-8", []string{"status", "--lang", "en"}, "en"},
		{"flag with =", "C", []string{"--lang=ja", "status"}, "ja"},
		{"flag without a value", "ja_JP.UTF-8", []string{"--lang"}, "ja"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			g := newGlobals(tc.args, func(name string) string { return map[string]string{"LANG": tc.locale}[name] })
			if got := g.text.Lang(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
