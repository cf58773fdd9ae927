package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kannuki-mdm/kannuki/internal/freeport"
	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server"
)

// defaultAdminListen is where the admin listener of a new installation is.
const defaultAdminListen = "127.0.0.1:8444"

// labPushInterval is the shortest time between two pushes to one phone in a
// lab, where nobody has a battery to save.
const labPushInterval = 200 * time.Millisecond

type initOptions struct {
	url          string
	listen       string
	adminListen  string
	organization string
	timeZone     string
	lab          bool
	start        string
	speed        float64
}

func (o *initOptions) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.StringVar(&o.url, "url", "", t.T("public URL of the device listener; phones keep it for ever"))
	f.StringVar(&o.listen, "listen", "", t.T("address of the device listener (default: the port of --url)"))
	f.StringVar(&o.adminListen, "admin-listen", defaultAdminListen, t.T("loopback address of the admin listener; \"\" has none (a lab has none unless asked)"))
	f.StringVar(&o.organization, "organization", "", t.T("name shown to the phones' users (default: the host of --url)"))
	f.StringVar(&o.timeZone, "time-zone", "UTC", t.T("time zone (IANA) of phones that have not told theirs"))
	f.BoolVar(&o.lab, "lab", false, t.T("make an installation for simulated phones on this machine; it never talks to Apple"))
	f.StringVar(&o.start, "start", "", t.T("with --lab: policy time at init, such as 2026-08-25T09:00:00Z (default: now)"))
	f.Float64Var(&o.speed, "speed", 1, t.T("with --lab: seconds of policy time per second"))
}

func newInitCommand(g *globals) *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: g.text.T("Make a new installation: keys, database, configuration"),
		Example: "kannuki init --data /var/lib/kannuki --url https://mdm.example.co.jp:8443\n" +
			"kannuki init --data ./lab --lab",
		Args: g.args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.adminListenChosen(cmd)
			return runInit(cmd.Context(), g, cmd, o)
		},
	}
	o.addFlags(g, cmd.Flags())
	return cmd
}

// adminListenChosen switches the admin listener of a lab off unless it was
// asked for: two labs on one machine would want the same port.
func (o *initOptions) adminListenChosen(cmd *cobra.Command) {
	if o.lab && !cmd.Flags().Changed("admin-listen") {
		o.adminListen = ""
	}
}

// initAnswer is what init made, for programs.
type initAnswer struct {
	Data   string `json:"data"`
	URL    string `json:"url"`
	Config string `json:"config"`
	Token  string `json:"token_file"`
	Socket string `json:"socket"`
	Topic  string `json:"topic,omitempty"`
	Lab    bool   `json:"lab,omitempty"`
}

func runInit(ctx context.Context, g *globals, cmd *cobra.Command, o initOptions) error {
	if !o.lab {
		if cmd.Flags().Changed("start") || cmd.Flags().Changed("speed") {
			return usage(cmd, g.text.T("--start and --speed need --lab"))
		}
		if err := g.need(cmd, "url"); err != nil {
			return err
		}
	}
	init := server.InitOptions{
		Data: g.data, URL: o.url, Listen: o.listen, AdminListen: o.adminListen,
		Organization: o.organization, TimeZone: o.timeZone, Lab: o.lab,
	}
	topic := ""
	if o.lab {
		push, err := o.prepareLab(ctx, g, cmd, &init)
		if err != nil {
			return err
		}
		topic = push.Topic
	}
	made, err := server.Init(ctx, init, time.Now)
	if err != nil {
		return err
	}
	a := initAnswer{
		Data: g.data, URL: strings.TrimSuffix(init.URL, "/"), Config: made.ConfigPath, Token: made.TokenPath,
		Socket: made.SocketPath, Topic: topic, Lab: o.lab,
	}
	tab := table{columns: []column{{"data", ""}, {"url", ""}, {"config", ""}, {"token_file", ""}, {"topic", ""}}}
	tab.add(plain(a.Data), plain(a.URL), plain(a.Config), plain(a.Token), plain(a.Topic))
	return g.show(cmd, answer{data: a, table: tab, text: g.initText(a)})
}

// labURL returns the URL of a lab that listens at an address: its phones are on this
// machine.
func labURL(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "https://" + listen // which is refused with the reason
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "https://" + net.JoinHostPort(host, port)
}

// prepareLab fills what a lab needs beside a plain installation: an address
// that nobody else uses, a push service of its own, and its clock.
func (o *initOptions) prepareLab(ctx context.Context, g *globals, cmd *cobra.Command, init *server.InitOptions) (lab.Push, error) {
	if init.URL == "" {
		if init.Listen == "" {
			address, err := freeport.Address(ctx)
			if err != nil {
				return lab.Push{}, err
			}
			init.Listen = address
		}
		init.URL = labURL(init.Listen)
	}
	if o.start != "" || o.speed != 1 {
		now := time.Now().UTC()
		init.Clock = server.LabConfig{Origin: now, Start: now, Speed: o.speed}
		if o.start != "" {
			start, err := time.Parse(time.RFC3339, o.start)
			if err != nil {
				return lab.Push{}, usage(cmd, g.text.T("--start %q: want a time such as 2026-08-25T09:00:00Z", o.start))
			}
			init.Clock.Start = start.UTC()
		}
	}
	push, err := lab.NewPush(time.Now) //nolint:contextcheck // what it starts has ended when it returns
	if err != nil {
		return lab.Push{}, err
	}
	data, err := filepath.Abs(g.data)
	if err != nil {
		return lab.Push{}, fmt.Errorf("data directory: %w", err)
	}
	init.Push = server.PushConfig{Host: push.Host, Roots: push.RootsPath(data), MinInterval: labPushInterval}
	init.PushCertificate, init.PushKey, init.Files = push.Certificate, push.Key, push.Files
	return push, nil
}

func (g *globals) initText(a initAnswer) string {
	t := g.text
	topic := a.Topic
	if topic == "" {
		topic = t.T("fixed by the first push certificate")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", t.T("Made a new installation in %s.", a.Data))
	fmt.Fprintf(&b, "%s\n", t.T("What can never be changed once a phone is enrolled:"))
	b.WriteString(indented(fields([2]string{t.T("URL and port"), urlWithPort(a.URL)}, [2]string{t.T("Push topic"), topic})))
	fmt.Fprintf(&b, "\n%s\n", t.T("Files to know:"))
	b.WriteString(indented(fields(
		[2]string{t.T("Configuration"), a.Config},
		[2]string{t.T("Admin token"), a.Token},
		[2]string{t.T("Socket"), a.Socket},
	)))
	fmt.Fprintf(&b, "\n%s\n", t.T("The keys in the data directory are the installation: back them up, and guard the copy like the original."))
	fmt.Fprintf(&b, "\n%s\n", t.T("Next:"))
	d := "--data " + lang.ShellWord(a.Data)
	next := [][]string{{"kannuki serve " + d, t.T("start the server")}}
	if a.Lab {
		next = append(next,
			[]string{"kannuki app add com.example.pos --name POS --importance critical " + d, t.T("name a business app")},
			[]string{"kannuki group add sales --app com.example.pos " + d, t.T("make a group of phones")},
			[]string{"kannuki sim run --phones 5 --group sales " + d, t.T("enroll simulated phones")})
	} else {
		next = append(next,
			[]string{"kannuki doctor " + d, t.T("check the installation as a phone sees it")},
			[]string{"kannuki cert push request " + d, t.T("begin to get a push certificate")})
	}
	b.WriteString(indented(aligned(next)))
	return b.String()
}

// urlWithPort writes the port out even when it is the usual one, because it is
// part of what cannot be changed.
func urlWithPort(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Port() != "" {
		return raw
	}
	return raw + ":443"
}

func indented(lines string) string { return indent(lines) + "\n" }
