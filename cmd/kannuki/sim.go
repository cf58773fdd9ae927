package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/singleflight"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

func newSimCommand(g *globals) *cobra.Command {
	return g.noun("sim", g.text.T("Simulated phones"), newSimRunCommand(g))
}

type simOptions struct {
	phones       int
	verification int
	group        string
	os           []string
	unsupervised int
	models       []string
	appVersion   string
	apps         []string
	store        []string
	installAfter time.Duration
	life         time.Duration
	seed         uint64
	udidFile     string
}

func (o *simOptions) addFlags(g *globals, f *pflag.FlagSet) {
	t := g.text
	f.IntVar(&o.phones, "phones", 5, t.T("how many phones"))
	f.IntVar(&o.verification, "verification", 1, t.T("how many of them are verification phones"))
	f.StringVar(&o.group, "group", "", t.T("group they join (default: the only one)"))
	f.StringArrayVar(&o.os, "os", []string{"26.5"}, t.T("iOS they have, with its build when the catalogue does not know it, such as 14.8.1=18H107; repeated, they are handed out in turn"))
	f.IntVar(&o.unsupervised, "unsupervised", 0, t.T("how many of them, the last ones, are not supervised"))
	f.StringArrayVar(&o.models, "models", []string{"iPhone15,2"}, t.T("hardware identifier of the phones; repeated, they are handed out in turn"))
	f.StringVar(&o.appVersion, "app-version", "1.0", t.T("version of the group's business apps on them"))
	f.StringArrayVar(&o.apps, "set-app", nil, t.T("version of one app, such as com.example.pos=1.2; may be repeated"))
	f.StringArrayVar(&o.store, "store", nil, t.T("what the App Store has of an app, with a licence for each phone, such as com.example.pos=1.3; may be repeated"))
	f.DurationVar(&o.installAfter, "install-after", 0, t.T("how long after an update is ready its user installs it (0: waits for the deadline)"))
	f.DurationVar(&o.life, "for", 0, t.T("how long to run (0: until Ctrl-C)"))
	f.Uint64Var(&o.seed, "seed", 1, t.T("the same number gives the same UDIDs"))
	f.StringVar(&o.udidFile, "udid-file", "", t.T("file to write the UDIDs to, verification phones first, one a line"))
}

func newSimRunCommand(g *globals) *cobra.Command {
	var o simOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: g.text.T("Enroll simulated phones with a running lab server and let them live"),
		Long: g.text.T("Enroll simulated phones with a running lab server (init --lab) and let them live: they speak to it over the network as iPhones do. " +
			"Prints what happens on them, one event a line."),
		Example: "kannuki sim run --data ./lab --phones 5 --verification 1 --group sales --install-after 5s",
		Args:    g.args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runSim(cmd.Context(), g, cmd, o) },
	}
	o.addFlags(g, cmd.Flags())
	g.complete(cmd, "group", g.groupNames)
	g.complete(cmd, "os", g.releaseNames)
	return cmd
}

// simulation is a run of simulated phones against one server.
type simulation struct {
	g      *globals
	cmd    *cobra.Command
	o      simOptions
	client *api.Client
	config server.Config
	now    func() time.Time
	speed  float64
	apple  *lab.Apple
	asking singleflight.Group // phones that ask Apple at the same time share the answer
}

// Times of the simulated world, in real time: long enough to be
// seen, short enough to wait for.
const (
	simDownload = 500 * time.Millisecond
	simInstall  = 500 * time.Millisecond
)

func runSim(ctx context.Context, g *globals, cmd *cobra.Command, o simOptions) error {
	if g.server != "" {
		return usage(cmd, g.text.T("sim run needs the data directory of a lab on this machine, not --server"))
	}
	config, err := server.LoadConfig(g.data, g.getenv)
	if err != nil {
		return err
	}
	client, err := g.client(cmd)
	if err != nil {
		return err
	}
	s := &simulation{g: g, cmd: cmd, o: o, client: client, config: config}
	s.now, s.speed = config.PolicyClock(time.Now)
	s.apple = lab.NewApple(s.scaled(simDownload), s.scaled(simInstall))
	if o.life > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.life)
		defer cancel()
	}
	err = s.run(ctx)
	if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
		return nil // Ctrl-C and --for are how a simulation ends
	}
	return err
}

// scaled turns real time into time on the phones' clock.
func (s *simulation) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.speed)
}

func (s *simulation) run(ctx context.Context) error {
	phones, err := s.phones(ctx)
	if err != nil {
		return err
	}
	//nolint:contextcheck // the stand-in is ended by Close
	push, err := lab.OpenPush(s.g.data, s.config.Push.Host, time.Now, phones.Deliver)
	if errors.Is(err, lab.ErrNoLab) {
		return errors.New(s.g.text.T("%s is no lab: simulated phones need one made with `kannuki init --lab`.", s.g.data))
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return errors.New(s.g.text.T("%s, where the lab's push service listens, is taken, most likely by another `kannuki sim run` of this lab. End it first; --phones says how many phones one run has.", s.config.Push.Host))
	}
	if err != nil {
		return err
	}
	defer push.Close() //nolint:errcheck // the simulation is over
	if err := phones.Enroll(ctx, s.link); err != nil {
		return err
	}
	if s.o.udidFile != "" {
		if err := os.WriteFile(s.o.udidFile, []byte(strings.Join(phones.UDIDs(), "\n")+"\n"), 0o600); err != nil {
			return fmt.Errorf("write UDIDs: %w", err)
		}
	}
	phones.Run(ctx)
	return nil
}

// phones builds the population from what the server knows of group and
// release.
func (s *simulation) phones(ctx context.Context) (*lab.Phones, error) {
	group, err := s.findGroup(ctx)
	if err != nil {
		return nil, err
	}
	s.o.group = group.Name
	apps, err := s.installed(group)
	if err != nil {
		return nil, err
	}
	store, err := s.store()
	if err != nil {
		return nil, err
	}
	systems, err := s.systems(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.lookAtApple(ctx); err != nil {
		return nil, err
	}
	s.apple.Refresh = func() { s.askApple(ctx) }
	roots, err := readRoots(server.RootPath(s.g.data))
	if err != nil {
		return nil, err
	}
	return lab.NewPhones(lab.PhonesOptions{
		Phones: systems, Verification: s.o.verification, Apps: apps, Store: store, TimeZone: s.config.TimeZone, Seed: s.o.seed, InstallAfter: s.scaled(s.o.installAfter), Roots: roots,
		Apple: s.apple, Journal: mdmtest.NewJournal(s.journal()), Now: s.now, Wall: time.Now, Speed: s.speed, OnError: s.trouble,
	})
}

// systems says what each phone is: versions and models are handed out in turn,
// the last ones are not supervised.
func (s *simulation) systems(ctx context.Context) ([]mdmtest.System, error) {
	o := s.o
	switch {
	case o.phones < 1 || o.verification < 0 || o.verification > o.phones:
		return nil, usage(s.cmd, s.g.text.T("want at least one phone, and no more verification phones than phones"))
	case o.unsupervised < 0 || o.unsupervised > o.phones:
		return nil, usage(s.cmd, s.g.text.T("--unsupervised %d: want 0 to %d, the number of phones", o.unsupervised, o.phones))
	}
	kinds := make([]mdmtest.System, 0, len(o.os))
	for _, name := range o.os {
		kind, err := s.system(ctx, name)
		if err != nil {
			return nil, err
		}
		kinds = append(kinds, kind)
	}
	systems := make([]mdmtest.System, 0, o.phones)
	for i := range o.phones {
		system := kinds[i%len(kinds)]
		system.ProductName, system.Supervised = o.models[i%len(o.models)], i < o.phones-o.unsupervised
		systems = append(systems, system)
	}
	return systems, nil
}

// system reads a version, or a version and its build, of --os.
func (s *simulation) system(ctx context.Context, name string) (mdmtest.System, error) {
	number, build, given := strings.Cut(name, "=")
	if given {
		if !version.Valid(number) || build == "" {
			return mdmtest.System{}, usage(s.cmd, s.g.text.T("--os %q: want VERSION or VERSION=BUILD", name))
		}
		return mdmtest.System{Version: number, Build: build}, nil
	}
	var release fleet.ReleaseView
	if err := s.client.Get(ctx, api.Path("releases", number), nil, &release); err != nil {
		return mdmtest.System{}, err
	}
	if len(release.Builds) == 0 {
		return mdmtest.System{}, usage(s.cmd, s.g.text.T("--os %s: the catalogue has no build of it", number))
	}
	return mdmtest.System{Version: release.Version, Build: release.Builds[0]}, nil
}

// readRoots reads the certificates of a PEM file; it may hold their key too.
func readRoots(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path) //nolint:gosec // in the operator's data directory
	if err != nil {
		return nil, fmt.Errorf("read root certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read root certificate: %s holds none", path)
	}
	return roots, nil
}

func (s *simulation) findGroup(ctx context.Context) (fleet.GroupView, error) {
	var out api.Groups
	if err := s.client.Get(ctx, api.Path("groups"), nil, &out); err != nil {
		return fleet.GroupView{}, err
	}
	if s.o.group == "" && len(out.Groups) == 1 {
		return out.Groups[0], nil
	}
	i := slices.IndexFunc(out.Groups, func(v fleet.GroupView) bool { return v.Name == s.o.group })
	switch {
	case i >= 0:
		return out.Groups[i], nil
	case s.o.group == "":
		return fleet.GroupView{}, usage(s.cmd, s.g.text.T("--group is needed: there is not exactly one group"))
	default:
		return fleet.GroupView{}, &api.Error{Code: api.CodeNotFound, What: "group", Name: s.o.group, Message: fmt.Sprintf("no group %q", s.o.group)}
	}
}

// installed returns the apps of the phones: those of the group, and those
// named.
func (s *simulation) installed(group fleet.GroupView) ([]mdmtest.App, error) {
	versions := map[string]string{}
	for _, id := range group.Apps {
		versions[id] = s.o.appVersion
	}
	if err := s.versions(versions, "--set-app", s.o.apps); err != nil {
		return nil, err
	}
	var apps []mdmtest.App
	for id, version := range versions {
		apps = append(apps, mdmtest.App{BundleID: id, Name: id, Version: version, ShortVersion: version})
	}
	slices.SortFunc(apps, func(a, b mdmtest.App) int { return strings.Compare(a.BundleID, b.BundleID) })
	return apps, nil
}

// link gets a one-time link, as an administrator would: one that names the
// phone, since a run before this one may have enrolled it already.
func (s *simulation) link(ctx context.Context, udid, ring string) (string, error) {
	var link api.EnrollmentLink
	err := s.client.Post(ctx, api.Path("enrollment", "links"), api.EnrollmentRequest{
		Group: s.o.group, Ring: ring, Device: udid, Reason: "sim run",
	}, &link)
	return link.URL, err
}

// askApple brings what the simulated Apple offers in step with the catalogue,
// so that an import shows on the phones. A failure leaves it as it was.
func (s *simulation) askApple(ctx context.Context) {
	_, err, _ := s.asking.Do("releases", func() (any, error) { return nil, s.lookAtApple(ctx) })
	if err != nil && ctx.Err() == nil {
		s.trouble("-", err)
	}
}

func (s *simulation) lookAtApple(ctx context.Context) error {
	var out api.Releases
	if err := s.client.Get(ctx, api.Path("releases"), nil, &out); err != nil {
		return err
	}
	var releases []lab.Release
	for _, r := range out.Releases {
		posted, err := time.Parse(time.DateOnly, r.Posted)
		if err != nil || len(r.Builds) == 0 {
			continue // Apple offers nothing that has no date or no build
		}
		releases = append(releases, lab.Release{Version: version.Base(r.Version), Extra: version.Extra(r.Version), Build: r.Builds[0], Posted: posted, Models: r.Models})
	}
	s.apple.Set(releases)
	return nil
}

// journal is where phones write what happens to them.
func (s *simulation) journal() io.Writer {
	if s.g.output == formJSON {
		return s.cmd.OutOrStdout()
	}
	return &eventLines{g: s.g, w: s.cmd.OutOrStdout()}
}

// trouble says what went wrong on a phone. It may be called by several at
// once; each message is one write.
func (s *simulation) trouble(udid string, err error) {
	_, _ = fmt.Fprintf(s.cmd.ErrOrStderr(), "%s: %v\n", udid, err) // a message that cannot be shown is lost
}

// eventLines turns the journal's JSON, one object a write, into lines for
// people.
type eventLines struct {
	g *globals
	w io.Writer
}

// Write implements [io.Writer].
func (l *eventLines) Write(p []byte) (int, error) {
	var e mdmtest.Entry
	if err := json.Unmarshal(bytes.TrimSpace(p), &e); err != nil {
		return 0, fmt.Errorf("show event: %w", err)
	}
	words := []string{l.g.text.Time(e.Time), e.Phone, string(e.Kind)}
	for _, s := range []string{e.Type, e.Declaration, e.Version, e.Status, e.Detail} {
		if s != "" {
			words = append(words, s)
		}
	}
	if e.Deadline != nil {
		words = append(words, l.g.text.T("by %s on the phone's clock", e.Deadline.Format("2006-01-02 15:04")))
	}
	if _, err := fmt.Fprintln(l.w, oneLine(strings.Join(words, "  "))); err != nil {
		return 0, fmt.Errorf("show event: %w", err)
	}
	return len(p), nil
}
