package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/server/api"
)

func newEnrollCommand(g *globals) *cobra.Command {
	return g.noun("enroll", g.text.T("Let phones join: links and profiles"), newEnrollLinkCommand(g), newEnrollProfileCommand(g))
}

// grantFlags say who may enrol and into which place.
type grantFlags struct {
	request api.EnrollmentRequest
}

func (o *grantFlags) addFlags(g *globals, f *pflag.FlagSet) {
	t, r := g.text, &o.request
	f.StringVar(&r.Group, "group", "", t.T("group the phone joins (default: that of --device, otherwise none; it is held and never updated)"))
	f.StringVar(&r.Ring, "ring", "", t.T("place in the group: verification or production"))
	f.StringVar(&r.Rights, "rights", "", t.T("what the server may do: updates, managed or full (default: the group's)"))
	f.StringVar(&r.Life, "life", "", t.T("how long it may be used, such as 24h (the default), at most 720h"))
	f.StringVar(&r.Serial, "serial", "", t.T("only for the phone with this serial number"))
	f.StringVar(&r.Device, "device", "", t.T("UDID of an enrolled phone that may enroll again, into its group and ring unless --group and --ring say otherwise"))
	f.StringVar(&r.Reason, "reason", "", t.T("why; kept in the audit log"))
	f.BoolVar(&r.DryRun, "dry-run", false, t.T("say what would happen and change nothing"))
}

func (o *grantFlags) completions(g *globals, cmd *cobra.Command) {
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "ring", func(*cobra.Command) []string { return []string{"verification", "production"} })
	g.complete(cmd, "rights", func(*cobra.Command) []string { return []string{"updates", "managed", "full"} })
	g.complete(cmd, "device", g.deviceNames)
}

// check refuses a place that is only half said.
func (o *grantFlags) check(g *globals, cmd *cobra.Command) error {
	switch {
	case o.request.Group != "" && o.request.Ring == "":
		return usage(cmd, g.text.T("--group needs --ring verification or --ring production"))
	case o.request.Group == "" && o.request.Ring != "":
		return usage(cmd, g.text.T("--ring needs --group"))
	default:
		return nil
	}
}

// placeText says which place the phone gets, and what becomes of one that joins
// without.
func (g *globals) placeText(group, ring string) string {
	if group != "" {
		return g.text.T("The phone joins group %s, ring %s.", group, g.word(ring).shown) + "\n"
	}
	return g.text.T("The phone will be in no group: it is held and never updated. --group and --ring give it a place, later `kannuki device move` does.") + "\n"
}

func newEnrollLinkCommand(g *globals) *cobra.Command {
	var o grantFlags
	cmd := &cobra.Command{
		Use:     "link",
		Short:   g.text.T("Make a link with which one phone can enroll, once"),
		Long:    g.text.T("Make a link with which one phone can enroll, once. The link is a secret: it is shown here and nowhere else."),
		Example: "kannuki enroll link --group sales --ring production",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runEnrollLink(g, cmd, o) },
	}
	o.addFlags(g, cmd.Flags())
	o.completions(g, cmd)
	return cmd
}

func runEnrollLink(g *globals, cmd *cobra.Command, o grantFlags) error {
	if err := o.check(g, cmd); err != nil {
		return err
	}
	return showPost(g, cmd, api.Path("enrollment", "links"), o.request, func(link api.EnrollmentLink) answer {
		tab := table{columns: []column{{"url", ""}, {"grant", ""}, {"expires_at", ""}, {"group", ""}, {"ring", ""}}}
		tab.add(plain(link.URL), plain(link.Grant), g.instant(link.ExpiresAt), plain(link.Group), g.word(link.Ring))
		text := link.URL + "\n" + g.text.T("One phone can enroll with it until %s.", g.text.Time(link.ExpiresAt))
		return answer{data: link, table: tab, text: g.done(link.DryRun, text) + g.placeText(link.Group, link.Ring)}
	})
}

type profileOptions struct {
	grantFlags
	file string
}

func newEnrollProfileCommand(g *globals) *cobra.Command {
	var o profileOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "profile",
		Short: t.T("Write an enrollment profile for one phone"),
		Long:  t.T("Write an enrollment profile for one phone. The profile is a secret: whoever installs it first joins."),
		Example: "kannuki enroll profile --group sales --ring verification -o sales.mobileconfig\n" +
			"kannuki enroll profile --group sales --ring production --unsigned -o -",
		Args: g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runEnrollProfile(cmd.Context(), g, cmd, o) },
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.BoolVar(&o.request.Unsigned, "unsigned", false, t.T("do not sign it, for a program that adds payloads"))
	// In this command -o is the file, as in other programs that write one.
	f.StringVarP(&o.file, "output", "o", "", t.T("file to write, which must not exist; - is standard output"))
	o.completions(g, cmd)
	return cmd
}

func runEnrollProfile(ctx context.Context, g *globals, cmd *cobra.Command, o profileOptions) error {
	if err := g.need(cmd, "output"); err != nil {
		return err
	}
	if slices.Contains([]string{formTable, formJSON, formCSV}, o.file) {
		return usage(cmd, g.text.T("-o %s: this command's -o names the file to write; write ./%s for a file of that name, or - for standard output", o.file, o.file))
	}
	if err := o.check(g, cmd); err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var p api.EnrollmentProfile
	if err := client.Post(ctx, api.Path("enrollment", "profiles"), o.request, &p); err != nil {
		return err
	}
	if p.DryRun {
		return write(cmd.OutOrStdout(), g.done(true, "")+g.placeText(p.Group, p.Ring))
	}
	if o.file == "-" {
		return write(cmd.OutOrStdout(), string(p.Profile))
	}
	if err := writeNewFile(o.file, p.Profile); err != nil {
		return err
	}
	said := g.text.T("Wrote %s. One phone can enroll with it until %s.", o.file, g.text.Time(p.ExpiresAt))
	return write(cmd.OutOrStdout(), said+"\n"+g.placeText(p.Group, p.Ring))
}

// writeNewFile writes a file that only its owner can read and that did not
// exist.
func writeNewFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator names the file
	if errors.Is(err, fs.ErrExist) {
		return &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}
	}
	if err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	_, err = f.Write(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write file: %w", err), os.Remove(path))
	}
	return nil
}
