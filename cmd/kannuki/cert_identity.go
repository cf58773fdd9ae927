package main

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kannuki-mdm/kannuki/server/api"
)

type certListOptions struct {
	expiringBefore string
	all            bool
}

func newCertListCommand(g *globals) *cobra.Command {
	var o certListOptions
	t := g.text
	cmd := &cobra.Command{
		Use:     "list",
		Short:   t.T("List the phones' certificates and when they end"),
		Long:    t.T("List the phones' certificates and when they end. The installation's own are shown by `kannuki cert show`."),
		Example: "kannuki cert list --expiring-before 60d\nkannuki cert list --all -o csv",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runCertList(cmd.Context(), g, cmd, o) },
	}
	cmd.Flags().StringVar(&o.expiringBefore, "expiring-before", "", t.T("only those that end before: 60d from now, 2027-01-31, or 2027-01-31T09:00:00Z"))
	cmd.Flags().BoolVar(&o.all, "all", false, t.T("also those that are replaced or revoked"))
	return cmd
}

func runCertList(ctx context.Context, g *globals, cmd *cobra.Command, o certListOptions) error {
	query := url.Values{"all": {strconv.FormatBool(o.all)}}
	if o.expiringBefore != "" {
		before, err := parseMoment(o.expiringBefore, time.Now(), ahead)
		if err != nil {
			return usage(cmd, g.text.T("--expiring-before %q: want 60d, 2027-01-31 or 2027-01-31T09:00:00Z", o.expiringBefore))
		}
		query.Set("expiring_before", before.UTC().Format(time.RFC3339))
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	all := api.Identities{Identities: []api.Identity{}}
	for {
		var page api.Identities
		if err := client.Get(ctx, api.Path("identities"), query, &page); err != nil {
			return err
		}
		all.Identities = append(all.Identities, page.Identities...)
		if page.Next == "" {
			break
		}
		query.Set("after", page.Next)
	}
	a := answer{data: all, table: g.identityTable(all.Identities)}
	if len(all.Identities) == 0 {
		a.text = g.text.T("No certificates.") + "\n"
	}
	return g.show(cmd, a)
}

func (g *globals) identityTable(identities []api.Identity) table {
	t := g.text
	tab := table{columns: []column{
		{"device", t.T("Phone")}, {"state", t.T("State")}, {"not_after", t.T("Valid until")}, {"issued_at", t.T("Issued")}, {"fingerprint", ""},
	}}
	for _, i := range identities {
		tab.add(plain(i.Device), g.word(i.State), g.instant(i.NotAfter), g.instant(i.IssuedAt), plain(i.Fingerprint))
	}
	return tab
}

func newCertRevokeCommand(g *globals) *cobra.Command {
	return newDeedCommand(g, deed[api.Identity]{
		use: "revoke UDID", short: g.text.T("Make a phone's certificate speak for nobody, at once"),
		long: g.text.T("Make a phone's certificate speak for nobody, at once, for instance when a copy of it may be elsewhere. " +
			"The phone stays counted and listed; it comes back with `kannuki enroll link --device UDID`, or goes with `kannuki device remove`."),
		example:     "kannuki cert revoke 00008110-0123456789ABCDEF --reason \"found in a backup\"",
		needsReason: true,
		path:        func(args []string) string { return api.Path("devices", args[0], "identity", "revoke") },
		complete:    completeArg(g.deviceNames),
		shown: func(args []string, i api.Identity) (table, string) {
			return g.identityTable([]api.Identity{i}),
				g.text.T("Revoked the certificate of %s. It comes back with a new link: kannuki enroll link --device %s", args[0], args[0])
		},
	})
}

// ahead and ago say which way an offset without a sign counts.
const (
	ahead = 1
	ago   = -1
)

// parseMoment reads a time as people give it: RFC 3339, a day (midnight where
// the person is), or an offset from now, "60d" or "12h".
func parseMoment(text string, now time.Time, direction int) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, text, time.Local); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		return now.AddDate(0, 0, direction*int(n)), err
	}
	d, err := time.ParseDuration(text)
	return now.Add(time.Duration(direction) * d), err
}
