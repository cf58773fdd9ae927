package server

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/certs"
	"github.com/kannuki-mdm/kannuki/certs/stepca"
	"github.com/kannuki-mdm/kannuki/enroll"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/mdm/apns/wake"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/server/notify"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// Options are what a server is started with.
type Options struct {
	Data    string // data directory
	Version string // of the program
	Logger  *slog.Logger
	Getenv  func(string) string
	Wall    func() time.Time
	// Timeouts of the listeners; a zero field takes its default.
	Timeouts Timeouts
	// Space tells how full the disk is that a folder is on; nil asks the
	// system. Tests have no disk to fill.
	Space func(folder string) (Space, error)
	// Ready is called once with the addresses in use when every listener
	// accepts connections.
	Ready func(Addresses)
}

// Addresses are where a server listens.
type Addresses struct {
	Device string
	Admin  string // "" when switched off
	Socket string
}

// Server is one running installation.
type Server struct {
	o        Options
	config   Config
	instance storage.Instance
	started  time.Time

	keys     *certs.Keyring
	store    *bolt.Store
	pusher   *pusher
	wakes    *wake.Scheduler
	enroll   *enroll.Service
	fleet    *fleet.Fleet
	sweeper  *fleet.Sweeper
	feeds    *feeds
	channels *notify.Channels
	ca       *stepca.Authority
	parses   *certs.Parses // of CMS messages, by verifier and authority together

	topicMu sync.RWMutex
	topic   string
	pushMu  sync.Mutex // one import of a push certificate at a time
}

// Run serves an installation until the context ends, and returns after
// everything it started has ended. While another server runs on the data
// directory it returns an error that wraps [ErrDatabaseLocked].
func Run(ctx context.Context, o Options) error {
	s, err := open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(s.run(ctx), s.close())
}

// open builds a server from its data directory without serving anything yet.
func open(ctx context.Context, o Options) (*Server, error) {
	config, err := LoadConfig(o.Data, o.Getenv)
	if err != nil {
		return nil, err
	}
	keys, err := certs.OpenKeyring(filepath.Join(o.Data, keysDir))
	if err != nil {
		return nil, fmt.Errorf("open keys: %w", err)
	}
	store, err := openDatabase(o.Data, bolt.Options{})
	if err != nil {
		return nil, err
	}
	if o.Space == nil {
		o.Space = diskSpace
	}
	s := &Server{o: o, config: config, started: o.Wall(), keys: keys, store: store, parses: certs.NewParses(0)}
	if err := s.build(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *Server) build(ctx context.Context) error {
	var err error
	if s.instance, err = s.store.Instance(ctx); err != nil {
		return fmt.Errorf("read installation: %w", err)
	}
	if s.instance.URL != s.config.URL {
		return fmt.Errorf("config url %s is not the one phones were enrolled with, %s; it can never be changed", s.config.URL, s.instance.URL)
	}
	if !s.instance.Lab && !s.config.Lab.Start.IsZero() {
		return errors.New("config lab: this installation was not made with --lab; remove the section")
	}
	s.topic = s.instance.Topic
	renewed, err := s.keys.RenewLeaves(s.o.Wall())
	if err != nil {
		return fmt.Errorf("renew certificates: %w", err)
	}
	for _, name := range renewed {
		s.o.Logger.InfoContext(ctx, "certificate renewed", "certificate", name)
	}
	if s.pusher, err = newPusher(s.o.Data, s.config, s.o.Getenv, s.o.Wall); err != nil {
		return err
	}
	source := pushSource{s.store, func(seg storage.Segment, p storage.Phone) { s.fleet.Changed(seg, p) }}
	s.wakes = wake.New(s.pusher, source, source, wake.Options{
		PerMinute: s.config.Push.PerMinute, MinInterval: s.config.Push.MinInterval,
		Debounce: min(pushDebounce, orMinute(s.config.Push.MinInterval)), Now: s.o.Wall, Logger: s.o.Logger,
	})
	if err := s.buildCore(); err != nil {
		return err
	}
	u, err := parseURL(s.config.URL)
	if err != nil {
		return err
	}
	s.ca, err = stepca.New(stepca.Options{
		Keyring: s.keys, Gatekeeper: s.enroll, Prefix: enroll.SCEPPath, Host: u.Host, Organization: s.config.Organization,
		Now: s.o.Wall, Parses: s.parses, Logger: s.o.Logger,
		LegacyCrypto: s.config.LegacyCrypto, LegacyUsed: s.noteLegacy("des-request"),
		Refused: func(reason string) { s.enroll.NoteRefusal("scep", reason) },
	})
	if err != nil {
		return fmt.Errorf("start certificate authority: %w", err)
	}
	if s.config.LegacyCrypto {
		s.o.Logger.WarnContext(ctx, "legacy_crypto is on: SHA-1 message signatures and certificate requests encrypted with DES are accepted")
	}
	if err := s.fleet.Load(ctx); err != nil {
		return fmt.Errorf("load world: %w", err)
	}
	s.warnOfFilters(ctx)
	s.warnOfChannels(ctx)
	s.warnOfBetaPrograms(ctx)
	return nil
}

// buildCore makes the parts that hold the rules.
func (s *Server) buildCore() error {
	facts, err := catalog.Embedded()
	if err != nil {
		return fmt.Errorf("read built-in release facts: %w", err)
	}
	betas, err := readBetaPrograms(s.config.BetaPrograms)
	if err != nil {
		return badConfig(err)
	}
	now := s.config.Lab.clock(s.o.Wall)
	s.channels = s.newChannels()
	s.fleet = fleet.New(s.store, s.wakes, now, fleet.Options{
		Organization: s.config.Organization, Location: s.config.location(), Logger: s.o.Logger, Facts: facts,
		Wall: s.o.Wall, Scaled: !s.config.Lab.Start.IsZero(), Channels: s.channels.For, Ticks: s.ticks(), BetaPrograms: betas,
	})
	interval := time.Duration(float64(time.Hour) / s.config.Lab.speed())
	s.sweeper = fleet.NewSweeper(s.fleet, max(interval, minSweep))
	s.feeds, err = newFeeds(&feeds{
		configs: s.config.Feeds, path: filepath.Join(s.o.Data, feedsFile), proxy: proxy(s.o.Getenv, s.config.Proxy),
		fleet: s.fleet, wall: s.o.Wall, changed: s.sweeper.Mark, logger: s.o.Logger,
	})
	if err != nil {
		return err
	}
	var roots [][]byte
	if s.config.TLS.Certificate == "" && !s.config.TLS.Off {
		roots = [][]byte{s.keys.Root().Raw}
	}
	s.enroll = enroll.NewService(s.store, s.keys, sealer{s.keys.SealingKey()}, enroll.Config{
		URL: s.config.URL, InstanceID: s.instance.ID, Organization: s.config.Organization, Roots: roots,
		SignMessage: s.config.SignMessage, Lab: s.instance.Lab, Places: s.fleet,
	}, s.currentTopic, s.o.Wall)
	return nil
}

// minSweep keeps a scaled clock from turning the hourly sweep into a busy loop.
const minSweep = 250 * time.Millisecond

// sealer is the key for secrets at rest.
type sealer struct{ key []byte }

// Seal implements [enroll.Sealer].
func (s sealer) Seal(plaintext, associated []byte) ([]byte, error) {
	return certs.Seal(s.key, plaintext, associated)
}

func (s *Server) currentTopic() string {
	s.topicMu.RLock()
	defer s.topicMu.RUnlock()
	return s.topic
}

func (s *Server) close() error {
	var errs []error
	if s.ca != nil {
		errs = append(errs, s.ca.Close())
	}
	if s.pusher != nil {
		s.pusher.close()
	}
	return errors.Join(append(errs, s.store.Close())...)
}

// run serves until the context ends or one part fails.
func (s *Server) run(ctx context.Context) error {
	listeners, err := s.listen(ctx)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error { return l.serve(ctx) })
	}
	group.Go(func() error { return s.wakes.Run(ctx) })
	group.Go(func() error { return s.sweeper.Run(ctx) })
	group.Go(func() error { return s.housekeeping(ctx) })
	group.Go(func() error { return s.feeds.run(ctx) })
	group.Go(func() error { return s.newDelivery().Run(ctx) })
	group.Go(func() error { return s.watchDisk(ctx) })
	group.Go(func() error { return s.store.WaitFailure(ctx) })
	s.announce(ctx, listeners)
	return group.Wait()
}

// announce says where the server listens and what is missing.
func (s *Server) announce(ctx context.Context, listeners []*listener) {
	var a Addresses
	for _, l := range listeners {
		switch l.name {
		case listenDevice:
			a.Device = l.net.Addr().String()
		case listenAdmin:
			a.Admin = l.net.Addr().String()
		case listenSocket:
			a.Socket = l.net.Addr().String()
		}
	}
	s.o.Logger.InfoContext(ctx, "serving", "url", s.config.URL, "listen", a.Device, "admin", a.Admin, "socket", a.Socket, "version", s.o.Version)
	for _, m := range s.Health(ctx).Missing {
		s.o.Logger.WarnContext(ctx, "not set up yet", "missing", m)
	}
	if s.o.Ready != nil {
		s.o.Ready(a)
	}
}

// housekeeping does what has to happen now and then.
func (s *Server) housekeeping(ctx context.Context) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	hour := time.NewTicker(time.Hour)
	defer hour.Stop()
	daily := time.NewTicker(day)
	defer daily.Stop()
	alarms := expiries{said: map[string]int{}}
	s.lookAtExpiries(ctx, &alarms)
	s.forget(ctx) // a server that is restarted each night would never come to it
	for {
		select {
		case <-ctx.Done():
			// The refusals of the last minute are still to be written.
			flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
			defer cancel()
			return s.tellRefusals(flush)
		case <-minute.C:
			if err := s.tellRefusals(ctx); err != nil && ctx.Err() == nil {
				s.o.Logger.ErrorContext(ctx, "record refusals", "error", err)
			}
		case <-hour.C:
			s.lookAtExpiries(ctx, &alarms)
		case <-daily.C:
			if _, err := s.keys.RenewLeaves(s.o.Wall()); err != nil {
				s.o.Logger.ErrorContext(ctx, "renew certificates", "error", err)
			}
			s.forget(ctx)
		}
	}
}

// forget removes what ended long ago, in every segment.
func (s *Server) forget(ctx context.Context) {
	segments, err := s.store.Segments(ctx)
	for _, seg := range segments {
		gone, forgetErr := s.enroll.Forget(ctx, seg)
		err = errors.Join(err, forgetErr)
		if gone.Grants+gone.Certificates > 0 {
			s.o.Logger.InfoContext(ctx, "forgot what ended", "segment", seg, "grants", gone.Grants, "certificates", gone.Certificates)
		}
	}
	if err != nil && ctx.Err() == nil {
		s.o.Logger.ErrorContext(ctx, "forget what ended", "error", err)
	}
}

// tellRefusals puts what was refused to phones and strangers, or let through in
// spite of weak cryptography, since the last time into the audit log, and one line
// for each identity into the server's.
func (s *Server) tellRefusals(ctx context.Context) error {
	entries, err := s.enroll.FlushRefusals(ctx)
	for _, e := range entries {
		s.o.Logger.WarnContext(ctx, "security", "action", e.Action, "identity", e.Target, "count", e.Detail["count"], "reasons", e.Detail["reasons"])
	}
	return err
}

// deviceHandler serves phones. Nothing here ever answers 401.
func (s *Server) deviceHandler() http.Handler {
	id := identifier{
		verifier: certs.NewVerifier([]*x509.Certificate{s.keys.DeviceCA()}, certs.VerifierOptions{
			Now: s.o.Wall, Parses: s.parses, LegacyCrypto: s.config.LegacyCrypto,
		}),
		legacy: s.noteLegacy("sha1-signature"),
	}
	devices := &deviceService{enroll: s.enroll, fleet: s.fleet, logger: s.o.Logger}
	h := mdm.NewHandler(devices, id, mdm.HandlerOptions{
		Logger:       s.o.Logger,
		ResultLimits: s.resultLimits,
		Refused: func(_ context.Context, r mdm.Refusal) {
			if _, counted := errors.AsType[*enroll.RefusedError](r.Err); counted {
				return
			}
			identity := r.Peer.Fingerprint
			if identity == "" {
				identity = "none"
			}
			s.enroll.NoteRefusal(identity, refusalReason(r.Err))
		},
		Quarantine: func(ctx context.Context, peer mdm.Peer, r *mdm.Result, reason string) {
			s.o.Logger.WarnContext(ctx, "result not understood", "certificate", peer.Fingerprint[:12], "bytes", len(r.Raw), "reason", reason)
		},
	})
	mux := http.NewServeMux()
	for _, r := range deviceRoutes() {
		mux.Handle(r.pattern, r.handler(s, h))
	}
	return mux
}

// resultLimits admits a large answer only from a phone that was just asked for
// its app list.
func (s *Server) resultLimits(ctx context.Context, peer mdm.Peer) mdm.Limits {
	cert, err := s.store.Certificate(ctx, peer.Fingerprint)
	if err == nil && s.fleet.AskedForApps(cert.Segment, cert.Phone, cert.Epoch) {
		return mdm.AppListLimits()
	}
	return mdm.ResultLimits()
}

func refusalReason(err error) string {
	if r, ok := errors.AsType[*certs.RefusedError](err); ok {
		return r.Reason
	}
	if errors.Is(err, mdm.ErrRefused) {
		return "phone-not-enrolled" // fleet speaks to enrolled phones only
	}
	return "identity"
}

// adminHandler serves people and their programs. Who has no access is counted as
// what is refused to phones is: anybody may ask at any rate, and nothing that a
// stranger chose himself goes into a log.
func (s *Server) adminHandler(authenticate api.Authenticate) http.Handler {
	counted := func(r *http.Request) (api.Principal, error) {
		p, err := authenticate(r)
		if err != nil {
			s.enroll.NoteRefusal("admin", "token")
		}
		return p, err
	}
	return api.NewHandler(s.fleet, s.enroll, s, counted, s.sweeper.Mark, s.o.Logger)
}

// removeStaleSocket clears the way for a new socket after a crash. The
// database lock has already proved that no other server runs here.
func removeStaleSocket(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if info.Mode()&os.ModeSocket == 0 {
		return fmt.Errorf("socket: %s exists and is not a socket", path)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	return nil
}

// pushDebounce is how long a phone that is to be woken waits for more to be
// wanted of it. A person who approved sees the first push within a second.
const pushDebounce = 250 * time.Millisecond

// orMinute is the interval between two pushes to a phone that is in force.
func orMinute(d time.Duration) time.Duration {
	if d == 0 {
		return time.Minute
	}
	return d
}
