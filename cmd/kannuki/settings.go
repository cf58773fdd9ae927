package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/policyfile"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// settingsFlags name the files that settings are read from.
type settingsFlags struct {
	file  string
	prune bool
}

func (o *settingsFlags) addFlags(g *globals, cmd *cobra.Command) {
	t, f := g.text, cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", t.T("file, or folder whose .yaml and .yml files are read, with those in folders below"))
	f.BoolVar(&o.prune, "prune", false, t.T("also remove every app, calendar, policy and group that is in none of the files"))
}

type applyOptions struct {
	edit
	settingsFlags
	fingerprint string
	yes         bool
}

func newApplyCommand(g *globals) *cobra.Command {
	var o applyOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "apply",
		Short: t.T("Make apps, calendars, policies and groups what files say"),
		Long: t.T("Make apps, calendars, policies and groups what files say: all of it or, when anything is wrong, nothing. A key that a file does not have stays as it is; " +
			"what is in no file is left alone, unless --prune removes it. The changes are shown first; if they are others when the request arrives, nothing is done (exit 5). " +
			"What would open a closed gate is refused, with the gates named (exit 3). `kannuki export` writes such files."),
		Example: "kannuki apply -f settings --dry-run\n" +
			"kannuki apply -f settings --reason \"reviewed by retail systems\"",
		Args: g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.propose {
				return proposeSettings(g, cmd, o)
			}
			return runApply(cmd.Context(), g, cmd, o)
		},
	}
	o.edit.addFlags(g, cmd.Flags())
	o.settingsFlags.addFlags(g, cmd)
	cmd.Flags().StringVar(&o.fingerprint, "fingerprint", "", t.T("apply only the changes that were shown with this fingerprint (default: as they are now)"))
	cmd.Flags().BoolVar(&o.yes, "yes", false, t.T("do not ask"))
	return cmd
}

// runApply tries the settings, asks a person who sits at a terminal, and only
// then makes exactly the changes that were shown.
func runApply(ctx context.Context, g *globals, cmd *cobra.Command, o applyOptions) error {
	post, err := g.settingsFrom(cmd, o.settingsFlags)
	if err != nil {
		return err
	}
	request := api.ApplyRequest{Edit: api.Edit{Reason: o.Reason, DryRun: true}}
	request.Fingerprint = o.fingerprint
	result, err := post(ctx, request)
	if err != nil {
		return err
	}
	if !o.DryRun {
		if len(result.Changes) > 0 && !o.yes && onTerminal(cmd.InOrStdin()) && onTerminal(cmd.ErrOrStderr()) {
			if err := write(cmd.ErrOrStderr(), g.changesText(result)); err != nil {
				return err
			}
			if err := g.confirm(ctx, cmd, g.text.T("Apply these changes? Type apply:"), "apply"); err != nil {
				return err
			}
		}
		request.DryRun, request.Fingerprint = false, result.Fingerprint
		if result, err = post(ctx, request); err != nil {
			return err
		}
	}
	text := g.changesText(result)
	if o.DryRun {
		text = g.done(true, "") + text
	} else if len(result.Changes) > 0 {
		text += g.text.T("Applied.") + "\n"
	}
	return g.show(cmd, answer{data: result, table: g.changesTable(result.Changes), text: text})
}

// proposeSettings has what files say proposed for a second person to sign.
func proposeSettings(g *globals, cmd *cobra.Command, o applyOptions) error {
	if err := g.need(cmd, "file"); err != nil {
		return err
	}
	files, err := policyfile.Read(o.file)
	if err != nil {
		return err
	}
	request := api.ApplyRequest{Edit: o.body()}
	request.Settings, request.Prune, request.Fingerprint = files.Settings, o.prune, o.fingerprint
	return g.inFiles(files, showPost(g, cmd, api.Path("apply"), request, g.proposed))
}

func newDiffCommand(g *globals) *cobra.Command {
	var o settingsFlags
	t := g.text
	cmd := &cobra.Command{
		Use:   "diff",
		Short: t.T("Show what applying files would change"),
		Long: t.T("Show what applying files would change, and what that would make phones do. The exit code is 0 if nothing, 1 if something would change; " +
			"other codes are those of `kannuki apply`, which takes the fingerprint shown here."),
		Example: "kannuki diff -f settings\n" +
			"kannuki diff -f settings --prune",
		Args: g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDiff(cmd.Context(), g, cmd, o) },
	}
	o.addFlags(g, cmd)
	return cmd
}

func runDiff(ctx context.Context, g *globals, cmd *cobra.Command, o settingsFlags) error {
	post, err := g.settingsFrom(cmd, o)
	if err != nil {
		return err
	}
	result, err := post(ctx, api.ApplyRequest{Edit: api.Edit{DryRun: true}})
	if err != nil {
		return err
	}
	if err := g.show(cmd, answer{data: result, table: g.changesTable(result.Changes), text: g.changesText(result)}); err != nil {
		return err
	}
	if len(result.Changes) > 0 {
		return &shownError{exit: exitError}
	}
	return nil
}

// askSettings sends settings to be applied, with the request's other values.
type askSettings func(context.Context, api.ApplyRequest) (fleet.ApplyResult, error)

// settingsFrom reads files and returns what sends them, with errors that say
// which line they are about.
func (g *globals) settingsFrom(cmd *cobra.Command, o settingsFlags) (askSettings, error) {
	if err := g.need(cmd, "file"); err != nil {
		return nil, err
	}
	files, err := policyfile.Read(o.file)
	if err != nil {
		return nil, err
	}
	return g.ask(cmd, files, o.prune)
}

func (g *globals) ask(cmd *cobra.Command, files *policyfile.Files, prune bool) (askSettings, error) {
	client, err := g.client(cmd)
	if err != nil {
		return nil, err
	}
	post := func(ctx context.Context, request api.ApplyRequest) (result fleet.ApplyResult, err error) {
		request.Settings, request.Prune = files.Settings, prune
		return result, client.Post(ctx, api.Path("apply"), request, &result)
	}
	var shown []fleet.SettingsChange // by the request before
	return func(ctx context.Context, request api.ApplyRequest) (fleet.ApplyResult, error) {
		result, err := post(ctx, request)
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.CodeConflict {
			now, again := post(ctx, api.ApplyRequest{Edit: api.Edit{DryRun: true}})
			if again != nil {
				return now, g.inFiles(files, again)
			}
			return now, g.changedSince(files, shown, now.Changes, err)
		}
		shown = result.Changes
		return result, g.inFiles(files, err)
	}, nil
}

// askAbout sends the settings of files to a route that only looks at them.
func (g *globals) askAbout(cmd *cobra.Command, o settingsFlags, path string, answer any) (*policyfile.Files, error) {
	files, err := policyfile.Read(o.file)
	if err != nil {
		return nil, err
	}
	client, err := g.client(cmd)
	if err != nil {
		return nil, err
	}
	request := api.SettingsRequest{Settings: files.Settings, Prune: o.prune}
	return files, g.inFiles(files, client.Post(cmd.Context(), path, request, answer))
}

func (g *globals) changesTable(changes []fleet.SettingsChange) table {
	t := g.text
	tab := table{columns: []column{
		{"action", t.T("Change")}, {"kind", t.T("Kind")}, {"name", t.T("Name")}, {"field", t.T("Setting")}, {"before", t.T("Before")}, {"after", t.T("After")},
	}}
	for _, c := range changes {
		head := []cell{{c.Action, g.actionWord(c.Action)}, {c.Kind, g.kindWord(c.Kind)}, plain(c.Name)}
		if len(c.Fields) == 0 {
			tab.add(append(head, plain(""), plain(""), plain(""))...)
		}
		for _, f := range c.Fields {
			tab.add(append(slices.Clone(head), plain(f.Field), plain(string(f.Before)), plain(string(f.After)))...)
		}
	}
	return tab
}

func (g *globals) actionWord(action string) string {
	switch action {
	case fleet.ActionAdd:
		return g.text.T("added")
	case fleet.ActionRemove:
		return g.text.T("removed")
	default:
		return g.text.T("changed")
	}
}

func (g *globals) kindWord(kind string) string {
	switch kind {
	case "app":
		return g.text.T("App")
	case "calendar":
		return g.text.T("Calendar")
	case "policy":
		return g.text.T("Policy")
	default:
		return g.text.T("Group")
	}
}

func (g *globals) changesText(r fleet.ApplyResult) string {
	t := g.text
	if len(r.Changes) == 0 {
		return t.T("Nothing changes: everything is as the files say.") + "\n"
	}
	tab := g.changesTable(r.Changes)
	text := tab.text() + "\n"
	text += g.effectsText(r.Effects) + "\n"
	return text + t.T("Fingerprint: %s", r.Fingerprint) + "\n"
}

type exportOptions struct {
	folder        string
	schema, force bool
}

func newExportCommand(g *globals) *cobra.Command {
	var o exportOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "export",
		Short: t.T("Write apps, calendars, policies and groups as files for `kannuki apply`"),
		Long: t.T("Write apps, calendars, policies and groups with all their settings: as one file to the standard output, or with -f into a folder, with a JSON Schema that editors check them by. " +
			"Applied unchanged they change nothing."),
		Example: "kannuki export -f settings\n" +
			"kannuki export --schema",
		Args: g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runExport(g, cmd, o) },
	}
	f := cmd.Flags()
	f.StringVarP(&o.folder, "file", "f", "", t.T("folder to write into, made if there is none"))
	f.BoolVar(&o.schema, "schema", false, t.T("print the JSON Schema of such files, without asking a server"))
	f.BoolVar(&o.force, "force", false, t.T("replace the files of an earlier export"))
	return cmd
}

func runExport(g *globals, cmd *cobra.Command, o exportOptions) error {
	if o.schema {
		text, err := policyfile.SchemaText()
		if err != nil {
			return err
		}
		return write(cmd.OutOrStdout(), string(text))
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var settings fleet.Settings
	if err := client.Get(cmd.Context(), api.Path("settings"), nil, &settings); err != nil {
		return err
	}
	if o.folder != "" {
		return g.exportTo(cmd, o, settings)
	}
	text, err := policyfile.Text(settings)
	if err != nil {
		return err
	}
	tab, err := settingsTable(settings)
	if err != nil {
		return err
	}
	return g.show(cmd, answer{data: settings, table: tab, text: string(text)})
}

// exportTo writes a folder; nothing is touched when one of its files stands
// there already.
func (g *globals) exportTo(cmd *cobra.Command, o exportOptions, settings fleet.Settings) error {
	files, err := policyfile.Texts(settings)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(files))
	for _, name := range names {
		path := filepath.Join(o.folder, name)
		if _, err := os.Lstat(path); err == nil && !o.force {
			return &nextError{&fs.PathError{Op: "create", Path: path, Err: fs.ErrExist}, g.text.T("Replace it with --force.")}
		}
	}
	if err := os.MkdirAll(o.folder, 0o750); err != nil {
		return err
	}
	if err := replaceFiles(o.folder, files); err != nil {
		return err
	}
	out, tab := exported{}, table{columns: []column{{"file", g.text.T("File")}}}
	for _, name := range names {
		path := filepath.Join(o.folder, name)
		out.Files = append(out.Files, path)
		tab.add(plain(path))
	}
	return g.show(cmd, answer{data: out, table: tab})
}

// replaceFiles writes files beside their places in a folder and moves them there
// when all of them are whole: settings of which a part is missing could be
// applied.
func replaceFiles(folder string, files map[string][]byte) (err error) {
	written := map[string]string{} // by place
	defer func() {
		for _, path := range written {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	for name, content := range files {
		f, err := os.CreateTemp(folder, name+".new-*") // mode 0600
		if err != nil {
			return fmt.Errorf("write file: %w", err)
		}
		written[filepath.Join(folder, name)] = f.Name()
		_, err = f.Write(content)
		if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
	}
	for path, whole := range written {
		if err := os.Rename(whole, path); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
		delete(written, path)
	}
	return nil
}

// exported are the files of an export into a folder.
type exported struct {
	Files []string `json:"files"`
}

// settingsTable shows every setting in a row of its own.
func settingsTable(s fleet.Settings) (table, error) {
	tab := table{columns: []column{{"kind", ""}, {"name", ""}, {"field", ""}, {"value", ""}}}
	add := func(kind, name string, settings any) error {
		text, err := json.Marshal(settings)
		if err != nil {
			return fmt.Errorf("encode settings: %w", err)
		}
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(text, &fields); err != nil {
			return fmt.Errorf("decode settings: %w", err)
		}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			tab.add(plain(kind), plain(name), plain(field), plain(string(fields[field])))
		}
		return nil
	}
	var err error
	for _, a := range s.Apps {
		err = errors.Join(err, add("app", a.BundleID, a))
	}
	for _, c := range s.Calendars {
		err = errors.Join(err, add("calendar", c.Name, c))
	}
	for _, p := range s.Policies {
		err = errors.Join(err, add("policy", p.Name, p))
	}
	for _, v := range s.Groups {
		err = errors.Join(err, add("group", v.Name, v))
	}
	return tab, err
}
