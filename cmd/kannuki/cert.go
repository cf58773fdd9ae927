package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newCertCommand(g *globals) *cobra.Command {
	push := g.noun("push", g.text.T("The certificate with which the server wakes phones"),
		newPushRequestCommand(g), newPushImportCommand(g), newPushShowCommand(g))
	return g.noun("cert", g.text.T("Certificates of the installation"), newCertShowCommand(g), newCertListCommand(g), newCertRevokeCommand(g), push)
}

func newCertShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   g.text.T("Show the installation's own certificates and when they end"),
		Long:    g.text.T("Show the installation's own certificates and when they end. Reads the data directory, so it works without a server."),
		Example: "kannuki cert show --data /var/lib/kannuki",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			certificates, err := server.Certificates(g.data, g.getenv)
			if err != nil {
				return err
			}
			t := g.text
			tab := table{columns: []column{
				{"name", t.T("Certificate")}, {"subject", t.T("Issued to")}, {"not_after", t.T("Valid until")}, {"sha256", ""}, {"file", t.T("File")},
			}}
			for _, c := range certificates {
				tab.add(plain(c.Name), plain(c.Subject), g.instant(c.NotAfter), plain(c.Fingerprint), plain(c.File))
			}
			return g.show(cmd, answer{data: struct {
				Certificates []server.CertificateInfo `json:"certificates"`
			}{certificates}, table: tab})
		},
	}
}

type pushRequestOptions struct {
	request      string
	key          string
	organization string
	country      string
}

func (o *pushRequestOptions) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringVar(&o.request, "out", "push-request.csr", t.T("file for the request"))
	f.StringVar(&o.key, "key", "push.key", t.T("file for the private key; keep it, nobody else needs it"))
	f.StringVar(&o.organization, "organization", "", t.T("name of the organisation in the request"))
	f.StringVar(&o.country, "country", "JP", t.T("country in the request, two letters"))
}

func newPushRequestCommand(g *globals) *cobra.Command {
	var o pushRequestOptions
	cmd := &cobra.Command{
		Use:     "request",
		Short:   g.text.T("Make a key and a request for a push certificate"),
		Example: "kannuki cert push request --organization \"Example K.K.\" --out push-request.csr --key push.key",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runPushRequest(g, cmd, o) },
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

func runPushRequest(g *globals, cmd *cobra.Command, o pushRequestOptions) error {
	if n := len(o.country); n != 0 && n != 2 {
		return usage(cmd, g.text.T("--country %q: want two letters, such as JP", o.country))
	}
	request, key, err := server.NewPushRequest(o.organization, o.country)
	if err != nil {
		return err
	}
	if err := writeNewFile(o.key, key); err != nil {
		return err
	}
	if err := writeNewFile(o.request, request); err != nil {
		return err
	}
	t := g.text
	tab := table{columns: []column{{"request", ""}, {"key", ""}}}
	tab.add(plain(o.request), plain(o.key))
	return g.show(cmd, answer{data: struct {
		Request string `json:"request"`
		Key     string `json:"key"`
	}{o.request, o.key}, table: tab, text: t.T("Wrote %s and its key %s.", o.request, o.key) + "\n" +
		t.T("1. A holder of Apple's MDM vendor certificate signs the request: your MDM vendor, or a service for organisations.") + "\n" +
		t.T("2. Upload the signed request at identity.apple.com/pushcert with an Apple account of the organisation.") + "\n" +
		t.T("3. Import the certificate that Apple gives: kannuki cert push import CERTIFICATE --key %s", o.key) + "\n"})
}

type pushImportOptions struct {
	act
	key string
}

func newPushImportCommand(g *globals) *cobra.Command {
	var o pushImportOptions
	cmd := &cobra.Command{
		Use:   "import CERTIFICATE",
		Short: g.text.T("Take a push certificate into use"),
		Long: g.text.T("Take a push certificate into use. The first one fixes the topic for the life of the installation; " +
			"one with another topic is refused, because no enrolled phone would ever hear the server again."),
		Example: "kannuki cert push import MDM_Example.pem --key push.key",
		Args:    g.args("CERTIFICATE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPushImport(g, cmd, o, args[0])
		},
	}
	o.addFlags(g, cmd.Flags())
	cmd.Flags().StringVar(&o.key, "key", "", g.text.T("file with the private key the request was made with"))
	return cmd
}

func runPushImport(g *globals, cmd *cobra.Command, o pushImportOptions, certFile string) error {
	if err := g.need(cmd, "key"); err != nil {
		return err
	}
	cert, err := os.ReadFile(certFile) //nolint:gosec // the operator names the file
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	key, err := os.ReadFile(o.key)
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	request := api.PushCertificateRequest{
		Certificate: base64.StdEncoding.EncodeToString(cert), Key: base64.StdEncoding.EncodeToString(key),
		Reason: o.Reason, DryRun: o.DryRun,
	}
	return showPost(g, cmd, api.Path("push", "certificate"), request, func(p api.PushCertificate) answer {
		return answer{data: p, table: g.pushTable(p), text: g.done(o.DryRun, g.text.T("In use: push certificate %s.", g.pushText(p)))}
	})
}

func newPushShowCommand(g *globals) *cobra.Command {
	return &cobra.Command{
		Use:     "show",
		Short:   g.text.T("Show the push certificate in use"),
		Example: "kannuki cert push show",
		Args:    g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return showGet(g, cmd, api.Path("status"), nil, func(s api.Status) answer {
				p := s.Server.Push
				return answer{data: p, table: g.pushTable(p), text: g.text.T("Push certificate: %s.", g.pushText(p)) + "\n"}
			})
		},
	}
}

func (g *globals) pushTable(p api.PushCertificate) table {
	tab := table{columns: []column{{"topic", ""}, {"not_after", ""}, {"days_left", ""}, {"installed", ""}}}
	end := p.NotAfter
	if !p.Installed {
		end = time.Time{}
	}
	tab.add(plain(p.Topic), g.instant(end), number(p.DaysLeft), boolean(p.Installed))
	return tab
}
