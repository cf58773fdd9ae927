package main

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

func newAuditCommand(g *globals) *cobra.Command {
	return g.noun("audit", g.text.T("Who did what, when and why"), newAuditLogCommand(g), newAuditVerifyCommand(g), newAuditExportCommand(g))
}

// listPage is how many entries of a list are asked for at once, which is the most
// that the server gives.
const listPage = 1000

type auditOptions struct {
	after                 uint64
	limit                 int
	since, until          string
	actor, action, target string
	newest                bool
}

func (o *auditOptions) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.Uint64Var(&o.after, "after", 0, t.T("only entries with a higher number"))
	f.IntVar(&o.limit, "limit", 0, t.T("at most so many entries (0: all)"))
	f.StringVar(&o.since, "since", "", t.T("only entries from then on: 7d or 12h ago, 2026-11-20, or 2026-11-20T09:00:00Z"))
	f.StringVar(&o.until, "until", "", t.T("only entries before then, given as for --since"))
	f.StringVar(&o.actor, "actor", "", t.T("only what somebody did whose name holds this text"))
	f.StringVar(&o.action, "action", "", t.T("only this action, such as gate.approve, or all of a kind, such as gate"))
	f.StringVar(&o.target, "target", "", t.T("only what was done to something whose name holds this text"))
	f.BoolVar(&o.newest, "newest", false, t.T("newest first"))
}

// filter returns which entries are wanted.
func (o *auditOptions) filter(g *globals, cmd *cobra.Command, now time.Time) (func(api.AuditEntry) bool, error) {
	var since, until time.Time
	for _, bound := range []struct {
		flag, text string
		to         *time.Time
	}{{"since", o.since, &since}, {"until", o.until, &until}} {
		if bound.text == "" {
			continue
		}
		at, err := parseMoment(bound.text, now, ago)
		if err != nil {
			return nil, usage(cmd, g.text.T("--%s %q: want 7d, 2026-11-20 or 2026-11-20T09:00:00Z", bound.flag, bound.text))
		}
		*bound.to = at
	}
	return func(e api.AuditEntry) bool {
		return (since.IsZero() || !e.At.Before(since)) && (until.IsZero() || e.At.Before(until)) &&
			strings.Contains(e.Actor, o.actor) && strings.Contains(e.Target, o.target) &&
			(o.action == "" || e.Action == o.action || strings.HasPrefix(e.Action, o.action+"."))
	}, nil
}

func newAuditLogCommand(g *globals) *cobra.Command {
	var o auditOptions
	cmd := &cobra.Command{
		Use:   "log",
		Short: g.text.T("Show the audit log, oldest first"),
		Example: "kannuki audit log --newest --limit 20\nkannuki audit log --since 7d --action gate --actor tanaka\n" +
			"kannuki audit log --after 1200 -o json",
		Args: g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runAuditLog(cmd.Context(), g, cmd, o) },
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

func runAuditLog(ctx context.Context, g *globals, cmd *cobra.Command, o auditOptions) error {
	if o.limit < 0 {
		return usage(cmd, g.text.T("--limit %d: want 0 or more", o.limit))
	}
	wanted, err := o.filter(g, cmd, time.Now())
	if err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	out := api.Audit{Entries: []api.AuditEntry{}}
	err = eachAuditPage(ctx, client, o.after, func(entries []api.AuditEntry) bool {
		for _, e := range entries {
			if wanted(e) {
				out.Entries = append(out.Entries, e)
			}
		}
		return o.newest || o.limit <= 0 || len(out.Entries) < o.limit
	})
	if err != nil {
		return err
	}
	if o.newest {
		slices.Reverse(out.Entries)
	}
	if o.limit > 0 && len(out.Entries) > o.limit {
		out.Entries = out.Entries[:o.limit]
	}
	return g.show(cmd, answer{data: out, table: g.auditTable(out.Entries)})
}

func (g *globals) auditTable(entries []api.AuditEntry) table {
	t := g.text
	tab := table{columns: []column{
		{"seq", t.T("No.")},
		{"at", t.T("When")},
		{"actor", t.T("Who")},
		{"action", t.T("What")},
		{"target", t.T("To what")},
		{"reason", t.T("Reason")},
		{"detail", t.T("Details")},
		{"hash", t.T("Hash")},
	}}
	for _, e := range entries {
		hash := plain(e.Hash)
		hash.shown = e.Hash[:min(len(e.Hash), 12)]
		tab.add(plain(strconv.FormatUint(e.Seq, 10)), g.instant(e.At), plain(e.Actor), plain(e.Action), plain(e.Target), plain(e.Reason), detail(e.Detail), hash)
	}
	return tab
}

func detail(d map[string]string) cell {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(d)) {
		if d[k] != "" {
			parts = append(parts, k+"="+d[k])
		}
	}
	return plain(strings.Join(parts, " "))
}

// eachAuditPage hands out the log in order until it ends or use returns false.
func eachAuditPage(ctx context.Context, client *api.Client, after uint64, use func([]api.AuditEntry) bool) error {
	for {
		var page api.Audit
		query := url.Values{"after": {strconv.FormatUint(after, 10)}, "limit": {strconv.Itoa(listPage)}}
		if err := client.Get(ctx, api.Path("audit"), query, &page); err != nil {
			return err
		}
		if len(page.Entries) == 0 || !use(page.Entries) {
			return nil
		}
		after = page.Entries[len(page.Entries)-1].Seq
	}
}

func newAuditVerifyCommand(g *globals) *cobra.Command {
	var known string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: g.text.T("Compute the chain of the audit log anew and compare"),
		Long: g.text.T("Compute the chain of the audit log anew from its entries and compare. " +
			"Note number and hash of the last entry elsewhere, and give them with --known next time: that shows whether entries were cut off."),
		Example: "kannuki audit verify\nkannuki audit verify --known 1200:8a1f…",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runAuditVerify(cmd.Context(), g, cmd, known) },
	}
	cmd.Flags().StringVar(&known, "known", "", g.text.T("number and hash of an entry noted before, NUMBER:HASH, that must be there unchanged"))
	return cmd
}

// verified is what a check of the audit log found.
type verified struct {
	Entries uint64 `json:"entries"`
	Head    string `json:"head"` // "NUMBER:HASH" of the last entry
}

func runAuditVerify(ctx context.Context, g *globals, cmd *cobra.Command, known string) error {
	seq, hash, err := parseKnown(known)
	if err != nil {
		return usage(cmd, g.text.T("--known %q: want NUMBER:HASH", known))
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	var before storage.AuditEntry
	var fault error
	err = eachAuditPage(ctx, client, 0, func(page []api.AuditEntry) bool {
		entries := make([]storage.AuditEntry, len(page))
		for i, e := range page {
			entries[i] = stored(e)
			if e.Seq == seq && e.Hash == hash {
				seq = 0
			}
		}
		fault = storage.VerifyAudit(before, entries)
		before = entries[len(entries)-1]
		return fault == nil
	})
	if fault != nil {
		fault = &wordedError{g.text.T("the audit log was altered: %v", fault), fault}
	}
	if err := errors.Join(err, fault); err != nil {
		return err
	}
	if seq != 0 {
		return &wordedError{g.text.T("audit entry %d is gone or was altered", seq), storage.ErrCorrupt}
	}
	v := verified{Entries: before.Seq, Head: strconv.FormatUint(before.Seq, 10) + ":" + before.Hash}
	tab := table{columns: []column{{"entries", ""}, {"head", ""}}}
	tab.add(plain(strconv.FormatUint(v.Entries, 10)), plain(v.Head))
	text := g.text.T("The audit log is whole: %d entries. Note its end elsewhere: %s", v.Entries, v.Head) + "\n"
	return g.show(cmd, answer{data: v, table: tab, text: text})
}

// stored is an entry as its hash is computed over.
func stored(e api.AuditEntry) storage.AuditEntry {
	return storage.AuditEntry{
		Seq: e.Seq, At: e.At, Actor: e.Actor, Action: e.Action, Target: e.Target, Reason: e.Reason,
		Detail: e.Detail, Prev: e.Prev, Hash: e.Hash,
	}
}

func parseKnown(known string) (seq uint64, hash string, err error) {
	if known == "" {
		return 0, "", nil
	}
	n, hash, _ := strings.Cut(known, ":")
	seq, err = strconv.ParseUint(n, 10, 64)
	if err == nil && (seq == 0 || hash == "") {
		err = errors.New("no entry is named")
	}
	return seq, hash, err
}
