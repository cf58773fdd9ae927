package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server/api"
)

type deviceSetOptions struct {
	act
	holder string
}

func newDeviceSetCommand(g *globals) *cobra.Command {
	var o deviceSetOptions
	t := g.text
	cmd := &cobra.Command{
		Use:   "set UDID",
		Short: t.T("Say who carries a phone, by a reference of your own"),
		Long: t.T("Say who carries a phone, by a reference that only your company can resolve: a staff number or a mailbox alias. It goes with the notices about the phone, so that your own systems can reach whoever it is. " +
			"Kannuki keeps no names, mail addresses or phone numbers and refuses what looks like one. The reference is gone once the phone is removed, leaves or enrolls anew."),
		Example: "kannuki device set 00008110-0123456789ABCDEF --holder S-20417 --reason \"handed over\"\n" +
			"kannuki device set 00008110-0123456789ABCDEF --holder \"\"",
		Args: g.args("UDID"),
		RunE: func(cmd *cobra.Command, args []string) error { return runDeviceSet(g, cmd, o, args[0]) },
	}
	f := cmd.Flags()
	o.addFlags(g, f)
	f.StringVar(&o.holder, "holder", "", t.T("reference to who carries it, at most 64 characters; \"\" takes it away"))
	cmd.ValidArgsFunction = completeArg(g.deviceNames)
	return cmd
}

func runDeviceSet(g *globals, cmd *cobra.Command, o deviceSetOptions, udid string) error {
	if !cmd.Flags().Changed("holder") {
		return usage(cmd, g.text.T("nothing to change: give at least one setting"))
	}
	request := api.SetDeviceRequest{Holder: &o.holder, Reason: o.Reason, DryRun: o.DryRun}
	return showPost(g, cmd, api.Path("devices", udid), request, func(d fleet.DeviceView) answer {
		text := g.text.T("%s is carried by %s.", udid, d.Holder)
		if d.Holder == "" {
			text = g.text.T("Nobody is named as carrying %s.", udid)
		}
		return answer{data: d, table: g.deviceTable([]fleet.DeviceView{d}), text: g.done(o.DryRun, text)}
	})
}

func newDeviceHoldersCommand(g *globals) *cobra.Command {
	return g.noun("holders", g.text.T("Who carries the phones, by references of your own"), newDeviceHoldersImportCommand(g))
}

func newDeviceHoldersImportCommand(g *globals) *cobra.Command {
	var o act
	t := g.text
	cmd := &cobra.Command{
		Use:   "import FILE",
		Short: t.T("Say who carries many phones, from a CSV file"),
		Long: t.T("Say who carries many phones, from a CSV file in UTF-8. Its first line is udid,holder or serial,holder; each other line names a phone and the reference to who carries it, as `kannuki device set` takes it (nothing: taken away). " +
			"Phones that are not in the file keep what they have. One wrong line, and nothing is changed."),
		Example: "kannuki device holders import holders.csv --dry-run\nkannuki device holders import holders.csv --reason \"list of November\"",
		Args:    g.args("FILE"),
		RunE:    func(cmd *cobra.Command, args []string) error { return runHoldersImport(g, cmd, o, args[0]) },
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

func runHoldersImport(g *globals, cmd *cobra.Command, o act, name string) error {
	text, err := os.ReadFile(name) //nolint:gosec // the user names it
	if err != nil {
		return fmt.Errorf("read holders: %w", err)
	}
	list, lines, err := g.parseHolders(string(text))
	if err != nil {
		return usage(cmd, name+", "+err.Error())
	}
	request := api.HoldersRequest{Holders: list, Reason: o.Reason, DryRun: o.DryRun}
	err = showPost(g, cmd, api.Path("holders"), request, func(done fleet.Holders) answer {
		return answer{data: done, table: g.holdersTable(done.Changes), text: g.holdersText(done)}
	})
	return inLine(err, name, lines)
}

// holdersColumns are the first lines that a file may have.
func holdersColumns() [][]string { return [][]string{{"udid", "holder"}, {"serial", "holder"}} }

// parseHolders reads a list of who carries which phone, and the line of each
// entry. The errors begin with the line.
func (g *globals) parseHolders(text string) ([]fleet.HolderSetting, []int, error) {
	t := g.text
	text = strings.TrimPrefix(text, "\ufeff") // spreadsheets put it before UTF-8
	if !utf8.ValidString(text) {
		return nil, nil, errors.New(t.T("line %d: not UTF-8; save it as \"CSV UTF-8\"", invalidLine(text)))
	}
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = -1
	list, lines := []fleet.HolderSetting{}, []int{}
	for first := true; ; first = false {
		record, err := r.Read()
		if fault, ok := errors.AsType[*csv.ParseError](err); ok {
			return nil, nil, errors.New(t.T("line %d: not CSV (%s)", fault.Line, fault.Err.Error()))
		}
		if first && (err != nil || !slices.ContainsFunc(holdersColumns(), func(c []string) bool { return slices.Equal(c, record) })) {
			return nil, nil, errors.New(t.T("line %d: want udid,holder or serial,holder", 1))
		}
		if err != nil { // the end: a text has no other fault
			return list, lines, nil
		}
		line, _ := r.FieldPos(0)
		switch {
		case first:
		case len(record) != 2:
			return nil, nil, errors.New(t.T("line %d: %d values; want a phone and a reference", line, len(record)))
		default:
			list, lines = append(list, fleet.HolderSetting{Phone: record[0], Holder: record[1]}), append(lines, line)
		}
	}
}

// invalidLine returns the first line that is not UTF-8.
func invalidLine(text string) int {
	return 1 + slices.IndexFunc(strings.Split(text, "\n"), func(line string) bool { return !utf8.ValidString(line) })
}

// inLine makes an error about an entry one about a line of a file: "holders[2]"
// becomes "holders.csv, line 4".
func inLine(err error, name string, lines []int) error {
	fault, ok := errors.AsType[*api.Error](err)
	if !ok {
		return err
	}
	at, _, entry := strings.Cut(strings.TrimPrefix(fault.Field, "holders["), "]")
	i, wrong := strconv.Atoi(at)
	if !entry || wrong != nil || i < 0 || i >= len(lines) {
		return err
	}
	located := *fault
	located.Field = fmt.Sprintf("%s:%d", name, lines[i])
	_, said, _ := strings.Cut(fault.Message, ": ")
	located.Message = located.Field + ": " + said
	return &located
}

func (g *globals) holdersTable(changes []fleet.HolderChange) table {
	t := g.text
	tab := table{columns: []column{
		{"udid", t.T("Phone")},
		{"serial", t.T("Serial number")},
		{"before", t.T("Carried by so far")},
		{"after", t.T("Carried by")},
	}}
	for _, c := range changes {
		tab.add(plain(c.UDID), plain(c.Serial), plain(c.Before), plain(c.After))
	}
	return tab
}

func (g *globals) holdersText(done fleet.Holders) string {
	t := g.text
	text := t.T("Phones that change: %d. As they are already: %d.", len(done.Changes), done.Unchanged) + "\n"
	if len(done.Changes) > 0 {
		tab := g.holdersTable(done.Changes)
		text = tab.text() + "\n" + text
	}
	if done.DryRun {
		text += t.T("Only tried; nothing was changed.") + "\n"
	}
	return text
}
