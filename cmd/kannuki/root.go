package main

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// defaultData is the data directory when nothing names one.
const defaultData = "/var/lib/kannuki"

// Forms in which reads are shown.
const (
	formTable = "table"
	formJSON  = "json"
	formCSV   = "csv"
)

// globals is what every command shares.
type globals struct {
	data      string
	server    string
	tokenFile string
	output    string
	language  string
	timeout   time.Duration // for which a server may say nothing

	where      string // --data and --server as they were typed and a shell reads them, for the commands that hints name
	as         string // --token-file, likewise
	forProgram bool   // what is shown is JSON
	text       *lang.Printer
	getenv     func(string) string
}

// newGlobals finds the language before there are commands, because their help
// speaks it too.
func newGlobals(args []string, getenv func(string) string) *globals {
	g := &globals{getenv: getenv, text: lang.FromEnv(getenv), output: formTable}
	for i, arg := range args {
		if tag, ok := strings.CutPrefix(arg, "--lang="); ok {
			g.text = lang.New(tag)
		} else if arg == "--lang" && i+1 < len(args) {
			g.text = lang.New(args[i+1])
		}
	}
	if g.forProgram = asksForJSON(args); g.forProgram {
		g.text = lang.New(lang.English)
	}
	return g
}

// asksForJSON reports whether what is shown is for a program, which reads
// English whatever the locale. It is asked before flags are parsed, because the
// texts of commands and flags are made first.
func asksForJSON(args []string) bool {
	for i, arg := range args {
		switch arg {
		case "-ojson", "-o=json", "--output=json":
			return true
		case "-o", "--output":
			if i+1 < len(args) && args[i+1] == formJSON {
				return true
			}
		}
	}
	return false
}

// Groups of commands in the help of the program.
const (
	groupDecide = "decide"
	groupPhones = "phones"
	groupServer = "server"
	groupTry    = "try"
)

func newRootCommand(g *globals) *cobra.Command {
	t := g.text
	root := &cobra.Command{
		Use:               "kannuki",
		Short:             t.T("Hold iOS releases back until every business app is verified"),
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.ArbitraryArgs,
		RunE:              g.runNoun,
		PersistentPreRunE: g.check,
	}
	f := root.PersistentFlags()
	f.StringVar(&g.data, "data", cmp.Or(g.getenv("KANNUKI_DATA"), defaultData), t.T("data directory of the server on this machine (KANNUKI_DATA)"))
	f.StringVar(&g.server, "server", "", t.T("URL of a server's admin listener, instead of the socket in the data directory"))
	f.StringVar(&g.tokenFile, "token-file", g.getenv("KANNUKI_TOKEN_FILE"), t.T("file with the API token for --server (KANNUKI_TOKEN_FILE, or the token itself in KANNUKI_TOKEN)"))
	f.StringVarP(&g.output, "output", "o", formTable, t.T("how to show results: table, json or csv"))
	f.StringVar(&g.language, "lang", "", t.T("language of texts: en or ja (default from LC_ALL, LC_MESSAGES, LANG)"))
	f.DurationVar(&g.timeout, "timeout", defaultTimeout, t.T("how long to wait for a server that says nothing; 0 is without end (KANNUKI_TIMEOUT)"))
	f.BoolP("help", "h", false, t.T("show what the command is for and how to use it"))
	root.SetFlagErrorFunc(g.flagFault)
	g.complete(root, "output", func(*cobra.Command) []string { return []string{formTable, formJSON, formCSV} })
	g.complete(root, "lang", func(*cobra.Command) []string { return []string{lang.English, lang.Japanese} })
	root.AddGroup(
		&cobra.Group{ID: groupDecide, Title: t.T("Decide about releases:")},
		&cobra.Group{ID: groupPhones, Title: t.T("Work with phones:")},
		&cobra.Group{ID: groupServer, Title: t.T("Run the server:")},
		&cobra.Group{ID: groupTry, Title: t.T("Try it without a phone:")},
	)
	addTo(root, groupDecide, newReleaseCommand(g), newAppCommand(g), newGroupCommand(g), newPolicyCommand(g), newCalendarCommand(g), newVerdictCommand(g), newGateCommand(g), newApprovalCommand(g), newRolloutCommand(g), newProblemCommand(g), newExposureCommand(g), newApplyCommand(g), newDiffCommand(g), newExportCommand(g))
	addTo(root, groupPhones, newEnrollCommand(g), newDeviceCommand(g), newDeclarationCommand(g), newLeakCommand(g))
	addTo(root, groupServer, newInitCommand(g), newServeCommand(g), newStatusCommand(g), newDoctorCommand(g), newCertCommand(g), newBackupCommand(g), newDBCommand(g), newTokenCommand(g), newNotifyCommand(g), newAuditCommand(g))
	addTo(root, groupTry, newDemoCommand(g), newSimCommand(g))
	addTo(root, "", newManCommand(g), newVersionCommand(g))
	root.SetHelpCommand(g.helpTopics())
	g.addCompletion(root)
	root.SetUsageFunc(g.showUsage)
	root.SetHelpFunc(g.showHelp)
	return root
}

func addTo(root *cobra.Command, group string, commands ...*cobra.Command) {
	for _, c := range commands {
		c.GroupID = group
		root.AddCommand(c)
	}
}

// check looks at the values of the global flags before a command runs.
func (g *globals) check(cmd *cobra.Command, _ []string) error {
	for _, name := range []string{"data", "server", "token-file"} {
		f := cmd.Flags().Lookup(name)
		switch {
		case f == nil || !f.Changed:
		case name == "token-file":
			g.as = " --" + name + " " + lang.ShellWord(f.Value.String())
		default:
			g.where += " --" + name + " " + lang.ShellWord(f.Value.String())
		}
	}
	if !slices.Contains([]string{formTable, formJSON, formCSV}, g.output) {
		wrong := g.output
		g.output = formTable
		return usage(cmd, g.text.T("-o %q: want table, json or csv", wrong))
	}
	if g.language != "" && g.language != lang.English && g.language != lang.Japanese {
		return usage(cmd, g.text.T("--lang %q: want en or ja", g.language))
	}
	return nil
}

// noun returns a command that only holds others.
func (g *globals) noun(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Args: cobra.ArbitraryArgs, RunE: g.runNoun}
	cmd.AddCommand(commands...)
	return cmd
}

// runNoun shows the help of a command that only holds others, and refuses
// what is none of them.
func (g *globals) runNoun(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	cmd.SuggestionsMinimumDistance = 2
	near := cmd.SuggestionsFor(args[0])
	message := g.text.T("%q is not a command of %s", args[0], cmd.CommandPath())
	if len(near) > 0 {
		message += g.text.T("; did you mean %s?", strings.Join(near, ", "))
	}
	return usage(cmd, message)
}

// args wants exactly the arguments named, for instance "RELEASE".
func (g *globals) args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return usage(cmd, g.text.T("%s is missing", names[len(args)]))
		case len(args) > len(names):
			return usage(cmd, g.text.T("%q is too much", args[len(names)]))
		default:
			return nil
		}
	}
}

// optional refuses more than one argument.
func (g *globals) optional() cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 1 {
			return usage(cmd, g.text.T("%q is too much", args[1]))
		}
		return nil
	}
}

// need refuses a command whose flag has no value.
func (g *globals) need(cmd *cobra.Command, flags ...string) error {
	for _, name := range flags {
		if f := cmd.Flags().Lookup(name); f.Value.String() == "" {
			return usage(cmd, g.text.T("--%s is needed: %s", name, f.Usage))
		}
	}
	return nil
}

// client returns how to speak to the server: its socket, or its admin listener
// with a token.
func (g *globals) client(cmd *cobra.Command) (*api.Client, error) {
	if err := g.setTimeout(cmd); err != nil {
		return nil, err
	}
	if g.server == "" {
		socket := server.SocketPath(g.data)
		return api.NewSocketClient(socket).With(g.patience(cmd, socket)), nil
	}
	u, err := url.Parse(g.server)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, usage(cmd, g.text.T("--server %q: want https://host[:port]", g.server))
	}
	token, err := g.token(cmd)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return nil, usage(cmd, g.text.T("--server %q: the token would travel unprotected; use https", g.server))
	}
	return api.NewRemoteClient(g.server, token, http.DefaultTransport).With(g.patience(cmd, g.server)), nil
}

func loopback(host string) bool {
	return host == "localhost" || host == "127.0.0.1" || host == "::1"
}

func (g *globals) token(cmd *cobra.Command) (string, error) {
	if g.tokenFile == "" {
		token := g.getenv("KANNUKI_TOKEN")
		if token == "" {
			return "", usage(cmd, g.text.T("--server needs a token: name its file with --token-file"))
		}
		return token, nil
	}
	text, err := os.ReadFile(g.tokenFile) //nolint:gosec // the operator names the file
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	info, err := os.Stat(g.tokenFile) //nolint:gosec // as above
	// A program reads errors from there, and nothing else.
	if err == nil && info.Mode().Perm()&0o004 != 0 && !g.forProgram {
		_, err = fmt.Fprintln(cmd.ErrOrStderr(), "kannuki: "+g.text.T("%s can be read by every user of this machine; it is a secret: `chmod 600 %s`.", g.tokenFile, lang.ShellWord(g.tokenFile)))
	}
	if err != nil {
		return "", fmt.Errorf("read token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
