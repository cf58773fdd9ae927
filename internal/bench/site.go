package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/freeport"
	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// The world of every site.
const (
	policyStart = "2026-08-25T09:00:00Z" // the release below can be installed then
	group       = "sales"
	appID       = "com.example.pos"
	appVersion  = "1.0"
	osVersion   = "26.5"
	osBuild     = "23F77"
	nextRelease = "26.6.1"
	nextBuild   = "23G83"
	model       = "iPhone15,2"
	timeZone    = "Asia/Tokyo"
)

// site is one installation: a data directory and the phones that speak to it.
type site struct {
	data   string
	host   string // of the push stand-in
	listen string
	topic  string

	all     int      // phones on record
	phones  []*phone // production phones that can speak
	spare   []*phone // with a certificate, not enrolled
	pattern struct{ verification, production storage.Phone }

	bytesPerPhone float64
}

// foundation makes the site that all others are copies of: set up by its API,
// with one verification and one production phone that enrolled over TLS, took
// their declarations and reported, so that nothing is left to be asked of them.
func foundation(ctx context.Context, program, dir string) (*site, error) {
	s := &site{data: filepath.Join(dir, "foundation")}
	out, err := exec.CommandContext(ctx, program, "init", "--data", s.data, "--lab", "--start", policyStart).CombinedOutput() //nolint:gosec // our own binary
	if err != nil {
		return nil, fmt.Errorf("init: %w\n%s", err, out)
	}
	config, err := server.LoadConfig(s.data, func(string) string { return "" })
	if err != nil {
		return nil, err
	}
	s.listen, s.host = config.Listen, config.Push.Host
	p, err := s.serve(ctx, program, 6000)
	if err != nil {
		return nil, err
	}
	udids, err := s.settle(ctx, p, config)
	if err := errors.Join(err, p.stop()); err != nil {
		return nil, err
	}
	return s, s.readPattern(ctx, udids)
}

// settle sets the world up and lets the two phones enrol and become idle.
func (s *site) settle(ctx context.Context, p *process, config server.Config) ([]string, error) {
	var ignored struct{}
	app := api.AddAppRequest{AppRequest: fleet.AppRequest{BundleID: appID, Name: "POS", Importance: "critical"}}
	if err := p.client.Post(ctx, api.Path("apps"), app, &ignored); err != nil {
		return nil, err
	}
	if err := p.client.Post(ctx, api.Path("groups"), api.AddGroupRequest{Name: group, GroupSettings: api.GroupSettings{Apps: []string{appID}}}, &ignored); err != nil {
		return nil, err
	}
	roots, err := readRoots(server.RootPath(s.data))
	if err != nil {
		return nil, err
	}
	now, speed := config.PolicyClock(time.Now)
	phones, err := lab.NewPhones(lab.PhonesOptions{
		Phones:       slices.Repeat([]mdmtest.System{{Version: osVersion, Build: osBuild, ProductName: model, Supervised: true}}, 2),
		Verification: 1, TimeZone: timeZone, Seed: 1, Roots: roots,
		Apps:  []mdmtest.App{{BundleID: appID, Name: appID, Version: appVersion, ShortVersion: appVersion}},
		Apple: lab.NewApple(time.Second, time.Second), Journal: mdmtest.NewJournal(io.Discard), Now: now, Wall: time.Now, Speed: speed,
	})
	if err != nil {
		return nil, err
	}
	push, err := lab.OpenPush(s.data, s.host, time.Now, phones.Deliver) //nolint:contextcheck // ended by Close
	if err != nil {
		return nil, err
	}
	defer push.Close() //nolint:errcheck // its work is done
	err = phones.Enroll(ctx, func(ctx context.Context, _, ring string) (string, error) {
		var link api.EnrollmentLink
		err := p.client.Post(ctx, api.Path("enrollment", "links"), api.EnrollmentRequest{Group: group, Ring: ring}, &link)
		return link.URL, err
	})
	if err != nil {
		return nil, err
	}
	health, err := p.health(ctx)
	if err != nil {
		return nil, err
	}
	s.topic = health.Push.Topic
	living, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() { defer close(ended); phones.Run(living) }()
	err = settled(ctx, p, phones.UDIDs())
	stop()
	<-ended
	return phones.UDIDs(), err
}

// settled waits until the phones have told all they will be asked and hold what
// they were told.
func settled(ctx context.Context, p *process, udids []string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		idle := 0
		for _, udid := range udids {
			var d fleet.DeviceView
			var told fleet.DeclarationsView
			if err := p.client.Get(ctx, api.Path("devices", udid), nil, &d); err != nil {
				return err
			}
			if err := p.client.Get(ctx, api.Path("devices", udid, "declarations"), nil, &told); err != nil {
				return err
			}
			held := d.Hold == string(policy.HoldConfirmed) || d.Hold == string(policy.HoldEnded)
			if held && len(d.Apps) > 0 && told.Synchronised {
				idle++
			}
		}
		if idle == len(udids) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d phones became idle: %w", idle, len(udids), ctx.Err())
		case <-ticker.C:
		}
	}
}

func readRoots(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path) //nolint:gosec // of our own data directory
	if err != nil {
		return nil, fmt.Errorf("read root certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("read root certificate: %s holds none", path)
	}
	return roots, nil
}

// readPattern reads the records that the phones of other sites are made from.
func (s *site) readPattern(ctx context.Context, udids []string) (err error) {
	store, err := bolt.Open(s.database(), bolt.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if s.pattern.verification, err = store.Phone(ctx, storage.DefaultSegment, udids[0]); err != nil {
		return err
	}
	s.pattern.production, err = store.Phone(ctx, storage.DefaultSegment, udids[1])
	return err
}

func (s *site) database() string { return filepath.Join(s.data, "kannuki.db") }

// copyTo makes a site of its own that listens without TLS, as behind a proxy.
func (s *site) copyTo(ctx context.Context, data string) (*site, error) {
	// Modes belong to it: keys that others can read are refused.
	if out, err := exec.CommandContext(ctx, "cp", "-a", s.data, data).CombinedOutput(); err != nil { //nolint:gosec // our own folders
		return nil, fmt.Errorf("copy site: %w\n%s", err, out)
	}
	c := &site{data: data, host: s.host, topic: s.topic, pattern: s.pattern}
	config, err := server.LoadConfig(data, func(string) string { return "" })
	if err != nil {
		return nil, err
	}
	if c.listen, err = freeport.Address(ctx); err != nil {
		return nil, err
	}
	config.Listen, config.SignMessage, config.TLS.Off = c.listen, true, true
	text, err := yaml.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("copy site: %w", err)
	}
	if err := os.WriteFile(filepath.Join(data, "config.yaml"), text, 0o600); err != nil {
		return nil, fmt.Errorf("copy site: %w", err)
	}
	return c, nil
}
