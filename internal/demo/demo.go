// Package demo plays Kannuki's main job as a story: the real server in a
// process of its own, with its database and certificate authority, a stand-in
// for Apple's push service, and simulated iPhones over real TLS, over real
// release facts. A release is posted, tested, found broken, fixed, approved and
// installed while phones and server get into every kind of trouble. It ends
// with a check, made from the phones' own journals, that no production phone
// was told to install anything before its gate was verified and approved, and
// that none was held or told by a mechanism its iOS does not have.
//
// The package drives the server from outside, as a person with a command line
// would, and holds no rule of its own about who may install what.
//
// Two clocks run. Policy time, which releases, deadlines and the phones' own
// clocks follow, passes much faster than the wall clock; TLS, certificates,
// enrolment links and pushes keep to the wall clock.
package demo

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/internal/freeport"
	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// Options say how the story is played.
type Options struct {
	Phones int           // in the two big groups, between 20 and 1,000
	Day    time.Duration // wall time of a day of policy time, at its fastest
	Exit   bool          // end by itself instead of leaving everything running
	Data   string        // data directory, absent or empty before; "" makes a temporary one
	// Plant spoils the story on purpose, to prove that the check at its end
	// finds it: "early-enforcement" has one production phone enrol as a
	// verification phone, so that the candidate reaches it before any approval;
	// "wrong-supervision" has the company believe that a supervised older phone
	// is not, so that its journal shows what such a phone cannot do.
	Plant string

	Program  string // binary whose "serve" command is the server
	Text     *lang.Printer
	Out      io.Writer
	Terminal bool // Out is a terminal: waiting is shown
}

// The ways to spoil the story.
const (
	plantEarly       = "early-enforcement"
	plantSupervision = "wrong-supervision"
)

// UnsafeError says that the check at the end found what must never happen. The
// findings have been told already.
type UnsafeError struct{ Problems int }

func (e *UnsafeError) Error() string {
	return fmt.Sprintf("the check found %d violations", e.Problems)
}

// InvalidError says that an option cannot be used.
type InvalidError struct{ Option, Message string }

func (e *InvalidError) Error() string { return e.Option + ": " + e.Message }

func (o *Options) check() error {
	switch {
	case o.Phones < minPhones || o.Phones > maxPhones:
		return &InvalidError{"phones", fmt.Sprintf("want between %d and %d", minPhones, maxPhones)}
	case o.Day < 100*time.Millisecond || o.Day > day:
		return &InvalidError{"speed", "want a day in between 100ms and 24h"}
	case o.Plant != "" && o.Plant != plantEarly && o.Plant != plantSupervision:
		return &InvalidError{"plant", "want " + plantEarly + " or " + plantSupervision}
	default:
		return nil
	}
}

// demo is a story being played.
type demo struct {
	*narrator

	o       Options
	data    string
	url     string
	clock   *clock
	facts   *catalog.Catalog
	server  *serverProcess
	apns    *apnstest.Server
	admin   *api.Client
	company *company
	journal *os.File
	posted  time.Time // of the release the story is about

	enrolment time.Duration // wall time everybody's took
	perDay    time.Duration // wall time of a day of policy time, as it turned out

	fail context.CancelCauseFunc // ends everything
}

// Run plays the story. It returns an *InvalidError for options that cannot be
// used, an *UnsafeError when the check at the end failed, and the context's
// cause when it was interrupted. Whatever it started has ended when it returns.
func Run(ctx context.Context, o Options) (err error) {
	if err := o.check(); err != nil {
		return err
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	d := &demo{o: o, fail: fail}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.setUp(ctx); err != nil {
		return err
	}
	if err := d.play(ctx); err != nil {
		return err
	}
	if o.Exit {
		return d.failed()
	}
	return d.stay(ctx)
}

// setUp makes the installation and the phones, and starts nothing but the
// stand-in for Apple's push service.
func (d *demo) setUp(ctx context.Context) error {
	zone, err := time.LoadLocation(timeZone)
	if err != nil {
		return fmt.Errorf("time zone of the story: %w", err)
	}
	if d.facts, err = catalog.Embedded(); err != nil {
		return fmt.Errorf("read release facts: %w", err)
	}
	release, ok := d.facts.Release(storyRelease)
	if !ok {
		return fmt.Errorf("the built-in release facts do not know %s", storyRelease)
	}
	d.posted = release.Posted.Time(time.UTC)
	d.clock = newClock(d.posted.Add(-15 * time.Hour))
	d.narrator = &narrator{out: d.o.Out, text: d.o.Text.In(zone), now: d.clock.Now, zone: zone, terminal: d.o.Terminal}
	if d.data, err = dataDirectory(d.o.Data); err != nil {
		return err
	}
	port, err := freeport.Port(ctx)
	if err != nil {
		return err
	}
	d.url = "https://localhost:" + port
	made, host, err := d.install(ctx, port)
	if err != nil {
		return err
	}
	if d.journal, err = os.OpenFile(filepath.Join(d.data, journalFile), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
		return fmt.Errorf("open journal of the phones: %w", err)
	}
	roots, err := readRoots(made.RootPath)
	if err != nil {
		return err
	}
	d.company, err = newCompany(ctx, d.o.Phones, d.clock, d.facts, roots, mdmtest.NewJournal(d.journal))
	if err != nil {
		return err
	}
	for _, m := range d.company.members {
		if d.o.Plant == plantSupervision && d.planted(m) {
			m.supervised = false
		}
	}
	if d.apns, err = lab.OpenPush(d.data, host, wall, d.company.deliver); err != nil { //nolint:contextcheck // it lives until it is closed
		return err
	}
	if d.server, err = newServerProcess(ctx, d.fail, d.o.Program, d.data); err != nil {
		return err
	}
	d.admin = d.server.client
	return nil
}

// journalFile is what happened on the phones, a line of JSON each.
const journalFile = "demo-phones.jsonl"

// pushInterval replaces the minute between two pushes to a phone: in a minute
// of wall time weeks of policy time may pass.
const pushInterval = 50 * time.Millisecond

// install makes the installation: what `kannuki init --lab` does, with the
// story's clock.
func (d *demo) install(ctx context.Context, port string) (made server.Initialized, pushHost string, err error) {
	push, err := lab.NewPush(wall) //nolint:contextcheck // it runs for a moment only
	if err != nil {
		return made, "", err
	}
	made, err = server.Init(ctx, server.InitOptions{
		Data: d.data, URL: d.url, Listen: "127.0.0.1:" + port, Organization: "Kannuki demo", TimeZone: timeZone,
		Lab: true, Clock: d.clock.setting(),
		Push:            server.PushConfig{Host: push.Host, Roots: push.RootsPath(d.data), MinInterval: pushInterval, PerMinute: 600_000},
		PushCertificate: push.Certificate, PushKey: push.Key, Files: push.Files,
	}, wall)
	if err != nil {
		return made, "", fmt.Errorf("make installation: %w", err)
	}
	return made, push.Host, nil
}

// dataDirectory returns the directory the installation goes to.
func dataDirectory(named string) (string, error) {
	if named != "" {
		path, err := filepath.Abs(named)
		if err != nil {
			return "", fmt.Errorf("data directory: %w", err)
		}
		return path, nil
	}
	// Short, because the path of a Unix socket may have about 100 characters.
	path, err := os.MkdirTemp("", "kannuki-demo-")
	if err != nil {
		return "", fmt.Errorf("make data directory: %w", err)
	}
	return path, nil
}

func readRoots(path string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(path) //nolint:gosec // what init has just made
	if err != nil {
		return nil, fmt.Errorf("read root certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("read root certificate: %s holds none", path)
	}
	return pool, nil
}

// close ends everything the demo started, phones first, and removes the data
// directory when it was a temporary one.
func (d *demo) close() error {
	d.fail(nil)
	if d.company != nil {
		d.company.rest()
	}
	if d.server != nil {
		d.server.close()
	}
	var errs []error
	if d.apns != nil {
		errs = append(errs, d.apns.Close())
	}
	if d.journal != nil {
		errs = append(errs, d.journal.Close())
	}
	if d.o.Data == "" && d.data != "" {
		errs = append(errs, os.RemoveAll(d.data))
	}
	return errors.Join(errs...)
}

// stay leaves server and phones running until ctx ends.
func (d *demo) stay(ctx context.Context) error {
	t := d.text
	// At the pace of the story the hold would end while somebody is reading.
	d.server.stop()
	if err := d.restart(ctx, day); err != nil {
		return err
	}
	d.write("\n" + t.T("Server and phones go on, from here in real time. In another terminal:") + "\n")
	group, release := "--group "+sales, storyRelease
	for _, line := range []string{
		"status", "gate list", "gate show " + release + " " + group, "rollout status " + release + " " + group,
		"device list", "device explain " + d.company.with(drawer)[0].phone.UDID(), "audit log",
	} {
		d.write("    $ kannuki " + line + " --data " + lang.ShellWord(d.data) + "\n")
	}
	d.write(t.T("The phones' own journal: %s", filepath.Join(d.data, journalFile)) + "\n")
	d.write(t.T("Ctrl-C ends it.") + "\n")
	if err := d.failed(); err != nil {
		return err
	}
	<-ctx.Done()
	if cause := context.Cause(ctx); errors.Is(cause, errServerDied) {
		return cause
	}
	return nil // Ctrl-C is how it is meant to end
}
