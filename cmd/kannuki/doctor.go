package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

func newDoctorCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: g.text.T("Look at the installation as a phone sees it, and say what to mend"),
		Long: g.text.T("Look at configuration, keys and certificates, database, disk, clock, the device listener as a phone sees it, the push certificate, the way to Apple's push service and the age of the catalogue. " +
			"Each line says ok, warn or fail; the exit code is 1 if any fails."),
		Example: "kannuki doctor --data /var/lib/kannuki\nkannuki doctor -o json",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runDoctor(cmd.Context(), g, cmd) },
	}
	cmd.AddCommand(newDoctorDatabaseCommand(g))
	return cmd
}

// diagnosis is what doctor found, for programs.
type diagnosis struct {
	Findings []server.Finding `json:"findings"`
}

func runDoctor(ctx context.Context, g *globals, cmd *cobra.Command) error {
	if g.server != "" {
		return usage(cmd, g.text.T("doctor looks at the data directory on this machine; it cannot use --server"))
	}
	found := diagnosis{server.Diagnose(ctx, server.DiagnoseOptions{
		Data: g.data, Getenv: g.getenv, Wall: time.Now, Text: g.text, Database: g.checkDatabase,
	})}
	found.Findings = append(found.Findings, g.askServer(ctx)...)
	for i := range found.Findings {
		found.Findings[i].Fix = g.repeat(found.Findings[i].Fix)
	}
	t := g.text
	tab := table{columns: []column{{"check", t.T("Check")}, {"grade", t.T("Result")}, {"message", t.T("Found")}, {"fix", t.T("What to do")}}}
	var text strings.Builder
	failed := 0
	for _, f := range found.Findings {
		tab.add(plain(f.Check), plain(string(f.Grade)), plain(f.Message), plain(f.Fix))
		fmt.Fprintf(&text, "%-4s  %s: %s\n", f.Grade, f.Check, oneLine(f.Message))
		if f.Fix != "" {
			fmt.Fprintf(&text, "      -> %s\n", f.Fix)
		}
		if f.Grade == server.GradeFail {
			failed++
		}
	}
	if err := g.show(cmd, answer{data: found, table: tab, text: text.String()}); err != nil {
		return err
	}
	if failed > 0 {
		return &shownError{exit: exitError}
	}
	return nil
}

// feedWarning is the age at which the catalogue no longer tells what Apple
// offers.
const feedWarning = 7 * 24 * time.Hour

// pushes warns of a push that failed, unless Apple took one since: what was in the way
// is over then.
func (g *globals) pushes(h api.Health) []server.Finding {
	if h.PushProblem == "" || h.PushSentAt.After(h.ProblemAt) {
		return nil
	}
	return []server.Finding{{
		Check: "pushes", Grade: server.GradeWarn, Message: g.text.T("The last push failed: %s", g.pushProblem(h)),
		Fix: g.text.T("See what the check push-service says."),
	}}
}

// askServer checks what only a running server can tell.
func (g *globals) askServer(ctx context.Context) []server.Finding {
	t := g.text
	var s api.Status
	if err := g.look(ctx, api.Path("status"), &s); err != nil {
		f := describe(t, err)
		return []server.Finding{{Check: "server", Grade: server.GradeFail, Message: f.Message, Fix: f.Next}}
	}
	out := []server.Finding{{Check: "server", Grade: server.GradeOK, Message: t.T("The server answers on its socket; version %s.", s.Server.Version)}}
	out = append(out, g.pushes(s.Server)...)
	if p := s.Server.Push; p.Topic != p.EnrolledTopic {
		out = append(out, server.Finding{
			Check: "topic", Grade: server.GradeFail, Message: t.T("The push certificate is for topic %s, phones are enrolled with %s: none can be woken.", p.Topic, p.EnrolledTopic),
			Fix: t.T("Put the right certificate back, or renew the entry of that topic at identity.apple.com/pushcert and import it."),
		})
	} else if p.Installed {
		out = append(out, server.Finding{Check: "topic", Grade: server.GradeOK, Message: t.T("The push certificate is for the topic that phones are enrolled with.")})
	}
	if message, fix := g.haltText(s.Fleet.Halt); message != "" {
		out = append(out, server.Finding{Check: "halt", Grade: server.GradeFail, Message: message, Fix: fix})
	}
	out = append(out, g.databaseSize(s.Server.Database))
	out = append(out, g.channels(ctx)...)
	out = append(out, g.betaPrograms(ctx)...)
	out = append(out, g.identities(s.Fleet.Certificates)...)
	if len(s.Server.Feeds) > 0 {
		return out // the feeds have checks of their own
	}
	return append(out, g.feedAge(s.Fleet))
}

// channels judges whether channels are paused, which is forgotten easily, and whether
// their filters name what there is. A name that there is not yet is no fault, but often
// a misspelled one.
func (g *globals) channels(ctx context.Context) []server.Finding {
	var v api.Channels
	if err := g.look(ctx, api.Path("channels"), &v); err != nil {
		f := describe(g.text, err)
		return []server.Finding{{Check: "notify-filters", Grade: server.GradeWarn, Message: f.Message, Fix: f.Next}}
	}
	var out []server.Finding
	for _, p := range v.Paused {
		message, fix := g.pausedText(p, v.Channels)
		out = append(out, server.Finding{Check: "notify-paused", Grade: server.GradeWarn, Message: message, Fix: fix})
	}
	for _, u := range v.Unmatched {
		message, fix := g.unmatchedText(u)
		out = append(out, server.Finding{Check: "notify-filters", Grade: server.GradeWarn, Message: message, Fix: fix})
	}
	return out
}

// betaPrograms judges whether the configuration has the beta programs of the
// policies.
func (g *globals) betaPrograms(ctx context.Context) []server.Finding {
	var v api.Policies
	if err := g.look(ctx, api.Path("policies"), &v); err != nil {
		f := describe(g.text, err)
		return []server.Finding{{Check: "beta-programs", Grade: server.GradeWarn, Message: f.Message, Fix: f.Next}}
	}
	var out []server.Finding
	for _, p := range v.Policies {
		if p.BetaMissing {
			out = append(out, server.Finding{
				Check: "beta-programs", Grade: server.GradeWarn,
				Message: g.text.T("Policy %s names the beta program %s, which the configuration does not have: its verification phones take part in none.", p.Name, p.BetaProgram),
				Fix:     g.text.T("Add it to beta_programs in config.yaml with its token and restart the server, or `kannuki policy set %s --beta off`.", p.Name),
			})
		}
	}
	return out
}

// identities judges the certificates of phones. Those that are due renew when
// they come; one that has ended cannot come any more.
func (g *globals) identities(c fleet.CertificateCounts) []server.Finding {
	t := g.text
	var out []server.Finding
	if c.Due > 0 {
		out = append(out, server.Finding{
			Check: "identities", Grade: server.GradeWarn,
			Message: t.N(c.Due, "%d phone has not renewed its certificate yet; it ends %s.",
				"%d phones have not renewed their certificates yet; the first ends %s.", t.Time(c.FirstEnd)),
			Fix: t.T("Wake them while there is time: `kannuki device list --certificate due`, then `kannuki device push UDID`; `kannuki device show UDID` says what a phone answered."),
		})
	}
	if c.Ended > 0 {
		out = append(out, server.Finding{
			Check: "identities", Grade: server.GradeWarn,
			Message: t.N(c.Ended, "%d phone is no longer heard: its certificate has ended.", "%d phones are no longer heard: their certificates have ended."),
			Fix:     t.T("Have each join again: `kannuki device list --certificate ended`, then `kannuki enroll link --device UDID`."),
		})
	}
	if len(out) == 0 {
		out = append(out, server.Finding{Check: "identities", Grade: server.GradeOK, Message: t.T("No phone's certificate needs looking after.")})
	}
	return out
}

// A database file never shrinks by itself. Free pages are used again, so they
// matter only when they are much.
const (
	freeWarnPercent = 30
	freeWarnBytes   = 256 << 20
)

func (g *globals) databaseSize(d api.Database) server.Finding {
	t := g.text
	f := server.Finding{Check: "database-size", Grade: server.GradeOK, Message: t.T("The database has %d MiB, %d MiB of it in use.", d.Bytes>>20, d.UsedBytes>>20)}
	if free := d.Bytes - d.UsedBytes; free > freeWarnBytes && free*100 > d.Bytes*freeWarnPercent {
		f.Grade = server.GradeWarn
		f.Fix = t.T("The free part is used again by itself; it only matters when the disk is short of room.")
	}
	return f
}

// feedAge judges the older of the two sources that tell of releases, by the
// clock that release dates follow.
func (g *globals) feedAge(s fleet.StatusView) server.Finding {
	t := g.text
	var fetched time.Time
	for _, src := range s.Sources {
		tells := src.Kind == string(catalog.GDMF) || src.Kind == string(catalog.SOFA)
		if tells && (fetched.IsZero() || src.FetchedAt.Before(fetched)) {
			fetched = src.FetchedAt
		}
	}
	fix := t.T("Import a feed: `kannuki release import https://sofafeed.macadmins.io/v2/ios_data_feed.json`.")
	switch {
	case fetched.IsZero():
		return server.Finding{Check: "feed", Grade: server.GradeWarn, Message: t.T("The catalogue has no source."), Fix: fix}
	case s.AsOf.Sub(fetched) > feedWarning:
		return server.Finding{Check: "feed", Grade: server.GradeWarn, Message: t.T("The catalogue is from %s: newer releases are not known.", t.Time(fetched)), Fix: fix}
	default:
		return server.Finding{Check: "feed", Grade: server.GradeOK, Message: t.T("The catalogue is from %s.", t.Time(fetched))}
	}
}

// newDoctorDatabaseCommand is the part of doctor that runs in a process of its
// own, because a badly damaged database can end the process that reads it.
func newDoctorDatabaseCommand(g *globals) *cobra.Command {
	var stage bool
	cmd := &cobra.Command{
		Use:    databaseCheck,
		Hidden: true,
		Args:   g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			check := server.CheckDatabase
			if stage {
				check = server.CheckStage
			}
			err := check(cmd.Context(), g.data)
			switch {
			case errors.Is(err, server.ErrDatabaseLocked):
				return &shownError{exit: exitLocked}
			case errors.Is(err, server.ErrDatabaseOlder):
				return &shownError{exit: exitOlder}
			case errors.Is(err, server.ErrDatabaseNewer):
				return &shownError{exit: exitNewer}
			case notChecked(err):
				_, _ = fmt.Fprintln(cmd.ErrOrStderr(), err) // for who started this process
				return &shownError{exit: exitNotChecked}
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&stage, stageFlag, false, "migrate an older database first")
	return cmd
}

const (
	databaseCheck = "check-database"
	stageFlag     = "stage"
	// These tell who started the check that a server has the database open, that it
	// is of an older or a newer Kannuki, and that the system got in the way. They are
	// no part of the command contract.
	exitLocked     = 75
	exitOlder      = 76
	exitNewer      = 77
	exitNotChecked = 78
)

// errNotChecked means that a check could not be made, which says nothing of the
// database.
var errNotChecked = errors.New("the check could not be made")

// errEndedCheck means that a check came upon pages that nothing can be made of.
var errEndedCheck = errors.New("the file is damaged so badly that reading it ended the check")

// brokeOnPages reports whether the runtime ended a check because of what it read: a page
// that is not where it should be, or says what cannot be. Else it lacked something of the
// system, memory or a thread.
func brokeOnPages(said string) bool {
	return strings.Contains(said, "unexpected fault address") || strings.HasPrefix(said, "panic:")
}

// notChecked reports whether a check ended because of the system: a full disk, a
// missing right, an interrupt.
func notChecked(err error) bool {
	_, system := errors.AsType[syscall.Errno](err)
	return system || errors.Is(err, storage.ErrFull) || errors.Is(err, context.Canceled)
}

// checkDatabase runs the check of the data directory in another process.
func (g *globals) checkDatabase(ctx context.Context) error { return checkApart(ctx, g.data) }

// checkApart checks the database in a folder in another process.
func checkApart(ctx context.Context, data string, flags ...string) error {
	program, err := exec.LookPath(os.Args[0])
	if err != nil {
		return fmt.Errorf("check database: %w", err)
	}
	//nolint:gosec // this very program, with arguments of its own
	check := exec.CommandContext(ctx, program, append([]string{"doctor", databaseCheck, "--data", data, "--lang", "en"}, flags...)...)
	var problem bytes.Buffer
	check.Stderr = &problem
	err = check.Run()
	exit, ended := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return nil
	case ended && exit.ExitCode() == exitLocked:
		return server.ErrDatabaseLocked
	case ended && exit.ExitCode() == exitOlder:
		return server.ErrDatabaseOlder
	case ended && exit.ExitCode() == exitNewer:
		return server.ErrDatabaseNewer
	case ended && exit.Exited():
		message, said := strings.CutPrefix(problem.String(), "kannuki: ")
		message, _, _ = strings.Cut(message, "\n")
		switch {
		case !said && brokeOnPages(problem.String()):
			return errEndedCheck
		case !said, exit.ExitCode() == exitNotChecked:
			return fmt.Errorf("%w: %s", errNotChecked, message)
		}
		return fmt.Errorf("check database: %s", message)
	default: // it did not start, or somebody ended it
		return fmt.Errorf("%w: %w", errNotChecked, err)
	}
}
