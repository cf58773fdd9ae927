package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newVerdictCommand(g *globals) *cobra.Command {
	return g.noun("verdict", g.text.T("Test results of business apps on a release"),
		newVerdictRecordCommand(g), newVerdictListCommand(g), newVerdictShowCommand(g), newVerdictRevokeCommand(g),
		newVerdictMatrixCommand(g), newVerdictCoverageCommand(g))
}

type verdictOptions struct {
	act
	request fleet.VerdictRequest
	expires string
	files   []string // of evidence
}

func newVerdictRecordCommand(g *globals) *cobra.Command {
	var o verdictOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "record BUNDLE-ID",
		Short: t.T("Record what a test of an app found"),
		Long: t.T("Record what a test of an app found. Release, model and app version come from the phone's own report, not from you. " +
			"A result made elsewhere needs --external with --evidence and is shown as such for ever. " +
			"On a phone with a beta the release may be one that Apple has not posted yet: such a result is a head start and opens or closes no gate. " +
			"A quick check (--method smoke) counts for a patch such as 26.6.1 only, on top of a full result of an earlier release of 26.6, and where the group's policy carries results over."),
		Example: "kannuki verdict record com.example.pos --release 26.6.1 --device 00008110-0123456789ABCDEF --result works\n" +
			"kannuki verdict record com.example.pos --release 26.6.1 --device 00008110-0123456789ABCDEF --result works --method smoke --evidence-file run.log\n" +
			"kannuki verdict record com.example.pos --release 26.6.1 --external --group sales --model iPhone15,2 \\\n" +
			"    --app-version 4.2 --result works --evidence \"vendor's letter of 20 November\"",
		Args: g.args("BUNDLE-ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runVerdictRecord(g, cmd, o, args[0])
		},
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	r := &o.request
	f.StringVar(&r.Release, "release", "", t.T("release it was tested on"))
	f.StringVar(&r.Result, "result", "", t.T("works, works-with-note or broken"))
	f.StringVar(&r.Method, "method", string(policy.MethodFull), t.T("how it was tested: full, smoke (the quick check), automated or pilot (used for work)"))
	f.StringArrayVar(&o.files, "evidence-file", nil, t.T("file that supports the result; its name and SHA-256 are recorded, the file stays here; may be repeated"))
	f.StringVar(&r.Device, "device", "", t.T("UDID of the verification phone it was tested on"))
	f.StringVar(&r.Note, "note", "", t.T("what was seen; needed unless it works"))
	f.StringVar(&o.expires, "expires", "", t.T("day from which it has to be tested again, such as 2026-12-31"))
	f.BoolVar(&r.External, "external", false, t.T("the test was made elsewhere, not on a phone of the group"))
	f.StringVar(&r.Evidence, "evidence", "", t.T("with --external: where the result comes from and who can confirm it"))
	f.StringVar(&r.Group, "group", "", t.T("with --external: group it counts for"))
	f.StringVar(&r.Model, "model", "", t.T("with --external: model it was tested on, such as iPhone15,2"))
	f.StringVar(&r.AppVersion, "app-version", "", t.T("with --external: app version that was tested"))
	g.complete(cmd, "release", g.releaseNames)
	g.complete(cmd, "result", func(*cobra.Command) []string { return []string{"works", "works-with-note", "broken"} })
	g.complete(cmd, "method", func(*cobra.Command) []string { return []string{"full", "smoke", "automated", "pilot"} })
	g.complete(cmd, "device", g.deviceNames)
	g.complete(cmd, "group", g.groupNames)
	cmd.ValidArgsFunction = completeArg(g.appNames)
	return cmd
}

func runVerdictRecord(g *globals, cmd *cobra.Command, o verdictOptions, bundleID string) error {
	if err := g.need(cmd, "release", "result"); err != nil {
		return err
	}
	o.request.BundleID = bundleID
	if o.expires != "" {
		day, err := time.Parse(time.DateOnly, o.expires)
		if err != nil {
			return usage(cmd, g.text.T("--expires %q: want a day such as 2026-12-31", o.expires))
		}
		o.request.Expires = day
	}
	for _, name := range o.files {
		file, err := evidenceFile(name)
		if err != nil {
			return err
		}
		o.request.EvidenceFiles = append(o.request.EvidenceFiles, file)
	}
	request := api.VerdictRequest{VerdictRequest: o.request, Reason: o.Reason, DryRun: o.DryRun}
	return showPost(g, cmd, api.Path("verdicts"), request, func(v api.Verdict) answer {
		text := g.text.T("Recorded: %s %s on iOS %s (%s): %s.", v.BundleID, v.AppVersion, v.Release, plain(v.Model).shown, g.result(v).shown)
		if v.Beta != "" {
			text += " " + g.text.T("It was a beta (%s): the result opens and closes no gate.", v.Build)
		}
		if v.AskVendor {
			text += "\n" + g.text.T("Next step: %s", g.askVendor(v))
		}
		return answer{data: v, table: g.verdictTable([]api.Verdict{v}), text: g.done(o.DryRun, text) + g.judgedText(v)}
	})
}

// evidenceFile returns what tells a file from any other.
func evidenceFile(name string) (fleet.EvidenceFile, error) {
	f, err := os.Open(name) //nolint:gosec // the file its user named
	if err != nil {
		return fleet.EvidenceFile{}, fmt.Errorf("--evidence-file: %w", err)
	}
	defer func() { _ = f.Close() }() // only read
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return fleet.EvidenceFile{}, fmt.Errorf("--evidence-file %s: %w", name, err)
	}
	return fleet.EvidenceFile{Name: filepath.Base(name), SHA256: hex.EncodeToString(hash.Sum(nil))}, nil
}

type verdictListOptions struct {
	release, app, group, device, result string
	inForce                             bool
}

func newVerdictListCommand(g *globals) *cobra.Command {
	var o verdictListOptions
	t := g.text
	cmd := &cobra.Command{
		Use:     "list",
		Short:   t.T("List the test results, oldest first"),
		Example: "kannuki verdict list --release 26.6.1\nkannuki verdict list --app com.example.pos --result broken --in-force",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runVerdictList(g, cmd, o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.release, "release", "", t.T("only results of this release"))
	f.StringVar(&o.app, "app", "", t.T("only results of this app"))
	f.StringVar(&o.group, "group", "", t.T("only results that count for this group"))
	f.StringVar(&o.device, "device", "", t.T("only results from this phone"))
	f.StringVar(&o.result, "result", "", t.T("only this result: works, works-with-note or broken"))
	f.BoolVar(&o.inForce, "in-force", false, t.T("only results that are neither withdrawn nor expired, nor of a beta whose release has its own"))
	g.complete(cmd, "release", g.releaseNames)
	g.complete(cmd, "app", g.appNames)
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "device", g.deviceNames)
	g.complete(cmd, "result", func(*cobra.Command) []string { return []string{"works", "works-with-note", "broken"} })
	return cmd
}

func runVerdictList(g *globals, cmd *cobra.Command, o verdictListOptions) error {
	query := url.Values{
		"release": {o.release}, "bundle_id": {o.app}, "group": {o.group}, "device": {o.device}, "result": {o.result},
		"in_force": {strconv.FormatBool(o.inForce)},
	}
	return showGet(g, cmd, api.Path("verdicts"), query, func(out api.Verdicts) answer {
		a := answer{data: out, table: g.verdictTable(out.Verdicts)}
		if len(out.Verdicts) == 0 {
			a.text = g.text.T("No test results. Record one with `kannuki verdict record`.") + "\n"
		}
		return a
	})
}

func newVerdictShowCommand(g *globals) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show ID",
		Short:   g.text.T("Show one test result"),
		Example: "kannuki verdict show 0b6f1f0e-…",
		Args:    g.args("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showGet(g, cmd, api.Path("verdicts", args[0]), nil, func(v api.Verdict) answer {
				return answer{data: v, table: g.verdictTable([]api.Verdict{v}), text: g.verdictText(v)}
			})
		},
	}
	cmd.ValidArgsFunction = completeArg(g.verdictNames)
	return cmd
}

func (g *globals) verdictText(v api.Verdict) string {
	t := g.text
	withdrawn := none
	if !v.RevokedAt.IsZero() {
		withdrawn = strings.Join(present(t.Time(v.RevokedAt), v.RevokedBy, v.RevokedFor), ", ")
	}
	files := names(v.EvidenceFiles, func(f fleet.EvidenceFile) string { return f.Name + " (SHA-256 " + f.SHA256 + ")" })
	shown := [][2]string{
		{t.T("Id"), v.ID},
		{t.T("App"), v.BundleID + " " + v.AppVersion},
		{t.T("Release"), "iOS " + v.Release},
		{t.T("Model"), plain(v.Model).shown},
		{t.T("Group"), plain(v.Group).shown},
		{t.T("Result"), g.result(v).shown},
		{t.T("Method"), t.Method(v.Method)},
		{t.T("Note"), plain(v.Note).shown},
		{t.T("Evidence files"), list(files).shown},
		{t.T("When"), t.Time(v.At)},
		{t.T("By"), v.By},
		{t.T("Phone"), plain(v.Device).shown},
		{t.T("From outside"), plain(v.Evidence).shown},
		{t.T("To be tested again"), day(v.Expires).shown},
		{t.T("Withdrawn"), withdrawn},
	}
	if v.Beta != "" {
		shown = append(shown, [2]string{t.T("Beta"), v.Build})
	}
	if v.AskVendor {
		shown = append(shown, [2]string{t.T("Next step"), g.askVendor(v)})
	}
	return fields(shown...)
}

// result words what was found; what was found on a beta is marked as such.
func (g *globals) result(v api.Verdict) cell {
	return cell{v.Result, g.text.Word(cmp.Or(v.Beta, v.Result))}
}

// askVendor says what a person has to do before the release exists.
func (g *globals) askVendor(v api.Verdict) string {
	if v.Vendor == "" {
		return g.text.T("Ask the vendor of %s for a version that works on iOS %s, before Apple posts it. Nobody recorded how to reach them: `kannuki app set %s --vendor-contact …`.",
			v.BundleID, v.Release, v.BundleID)
	}
	return g.text.T("Ask the vendor of %s (%s) for a version that works on iOS %s, before Apple posts it.", v.BundleID, v.Vendor, v.Release)
}

func (g *globals) verdictTable(verdicts []api.Verdict) table {
	t := g.text
	tab := table{columns: []column{
		{"id", t.T("Id")},
		{"at", t.T("When")},
		{"bundle_id", t.T("App")},
		{"app_version", t.T("Version")},
		{"release", t.T("Release")},
		{"model", t.T("Model")},
		{"group", t.T("Group")},
		{"result", t.T("Result")},
		{"by", t.T("By")},
		{"device", ""},
		{"external", t.T("From outside")},
		{"expires", ""},
		{"revoked_at", t.T("Withdrawn")},
		{"note", t.T("Note")},
		{"method", t.T("Method")},
		{"improvement", ""},
		{"beta", ""},
	}}
	for _, v := range verdicts {
		external := boolean(v.External)
		external.shown = plain(v.Evidence).shown
		tab.add(plain(v.ID), g.instant(v.At), plain(v.BundleID), plain(v.AppVersion), plain(v.Release), plain(v.Model), plain(v.Group),
			g.result(v), plain(v.By), plain(v.Device), external, day(v.Expires), g.instant(v.RevokedAt), plain(v.Note),
			cell{v.Method, t.Method(v.Method)}, plain(v.Improvement), plain(v.Beta))
	}
	return tab
}

func newVerdictRevokeCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[api.Verdict]{
		use: "revoke ID", short: g.text.T("Withdraw a test result; a rollout that rests on it is paused"),
		example:     "kannuki verdict revoke 0b6f1f0e-… --reason \"tested the wrong version\"",
		needsReason: true,
		path:        func(args []string) string { return api.Path("verdicts", args[0], "revoke") },
		complete:    completeArg(g.verdictNames),
		shown: func(_ []string, v api.Verdict) (table, string) {
			return g.verdictTable([]api.Verdict{v}), g.text.T("Withdrawn: %s on iOS %s. The result stays in the history.", v.BundleID, v.Release)
		},
		effect: func(v api.Verdict) string {
			return g.judgedText(v)
		},
	})
}
