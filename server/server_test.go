package server_test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/freeport"
	"github.com/kannuki-mdm/kannuki/mdm/apns/apnstest"
	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

const topic = "com.apple.mgmt.External.6ec6a3b8-0f0e-4b4e-9c5a-000000000001"

// installation is a whole server with its push service, on loopback.
type installation struct {
	t        *testing.T
	data     string
	url      string
	apns     *apnstest.Server
	admin    *api.Client
	roots    *x509.CertPool
	keys     *mdmtest.KeyPool
	cancel   context.CancelFunc
	done     chan error
	timeouts server.Timeouts // of the next start; zero for the defaults
	ahead    atomic.Int64    // how far the installation's clocks are ahead of real time, in nanoseconds

	log   bytes.Buffer                 // of the server; to be read once it has stopped
	space atomic.Pointer[server.Space] // of the disk; nil: plenty

	mu     sync.Mutex
	phones map[string]*mdmtest.Phone // by push token
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := freeport.Port(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func install(t *testing.T) *installation {
	t.Helper()
	in := &installation{t: t, data: filepath.Join(t.TempDir(), "d"), phones: map[string]*mdmtest.Phone{}, keys: mdmtest.NewKeyPool(2048, 2)}
	var err error
	in.apns, err = apnstest.New(apnstest.Options{Now: time.Now, Deliver: in.deliver})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.apns.Close() })
	roots := filepath.Join(t.TempDir(), "apns.pem")
	if err := os.WriteFile(roots, in.apns.RootPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	in.url = "https://localhost:" + port
	_, err = server.Init(t.Context(), server.InitOptions{
		Data: in.data, URL: in.url, Listen: "127.0.0.1:" + port, Organization: "Example", TimeZone: "Asia/Tokyo", Lab: true,
		Push: server.PushConfig{Host: in.apns.URL, Roots: roots, MinInterval: 20 * time.Millisecond},
	}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(filepath.Join(in.data, "keys", "root.pem"))
	if err != nil {
		t.Fatal(err)
	}
	in.roots = x509.NewCertPool()
	in.roots.AppendCertsFromPEM(pem)
	in.start()
	t.Cleanup(in.stop)
	return in
}

// now is the clock of the server and its phones.
func (in *installation) now() time.Time { return time.Now().Add(time.Duration(in.ahead.Load())) }

func (in *installation) start() {
	in.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	in.cancel, in.done = cancel, make(chan error, 1)
	go func() {
		in.done <- server.Run(ctx, server.Options{
			Data: in.data, Version: "test", Logger: slog.New(slog.NewTextHandler(io.MultiWriter(in.t.Output(), &in.log), &slog.HandlerOptions{Level: slog.LevelInfo})),
			Getenv: func(string) string { return "" }, Wall: in.now, Timeouts: in.timeouts,
			Ready: func(server.Addresses) { close(ready) },
			Space: func(string) (server.Space, error) {
				if s := in.space.Load(); s != nil {
					return *s, nil
				}
				return server.Space{Total: 1 << 40, Free: 1 << 39}, nil
			},
		})
	}()
	select {
	case <-ready:
	case err := <-in.done:
		cancel()
		in.cancel = nil // nothing is left to stop
		in.t.Fatalf("server did not start: %v", err)
	}
	in.admin = api.NewSocketClient(server.SocketPath(in.data))
}

func (in *installation) stop() {
	if in.cancel == nil {
		return
	}
	in.cancel()
	if err := <-in.done; err != nil {
		in.t.Errorf("server ended with %v", err)
	}
	in.cancel = nil
}

func (in *installation) deliver(token []byte, magic string) {
	in.mu.Lock()
	p := in.phones[string(token)]
	in.mu.Unlock()
	if p != nil {
		p.Push(magic)
	}
}

func (in *installation) must(err error) {
	in.t.Helper()
	if err != nil {
		in.t.Fatal(err)
	}
}

func (in *installation) post(path string, body, out any) error {
	if out == nil {
		out = &struct{}{}
	}
	return in.admin.Post(in.t.Context(), path, body, out)
}

// setUp imports the push certificate and makes a group with one app.
func (in *installation) setUp() {
	in.t.Helper()
	cert, key, err := in.apns.IssueCertificate(topic)
	in.must(err)
	in.must(in.post("/v1/push/certificate", api.PushCertificateRequest{
		Certificate: base64.StdEncoding.EncodeToString(cert), Key: base64.StdEncoding.EncodeToString(key),
	}, nil))
	in.must(in.post("/v1/apps", api.AddAppRequest{AppRequest: fleet.AppRequest{BundleID: "com.example.pos", Name: "POS", Importance: "critical"}}, nil))
	in.must(in.post("/v1/groups", api.AddGroupRequest{Name: "sales", GroupSettings: api.GroupSettings{Apps: []string{"com.example.pos"}}}, nil))
}

func (in *installation) link(group, ring string) string {
	in.t.Helper()
	var link api.EnrollmentLink
	in.must(in.post("/v1/enrollment/links", api.EnrollmentRequest{Group: group, Ring: ring}, &link))
	return link.URL
}

// releases is what Apple offers to the simulated phones.
type releases []mdmtest.Offer

func (r releases) Offered(string, time.Time) []mdmtest.Offer { return r }

func (in *installation) phone(udid string, change func(*mdmtest.Options)) *mdmtest.Phone {
	in.t.Helper()
	o := mdmtest.Options{
		UDID: udid, SerialNumber: "S" + udid, ProductName: "iPhone15,2", OSVersion: "26.5", Build: "23F79", Supervised: true,
		TimeZone: "Asia/Tokyo", Apps: []mdmtest.App{{BundleID: "com.example.pos", Name: "POS", Version: "10", ShortVersion: "1.0"}},
		Now: in.now, Roots: in.roots, Keys: in.keys,
		Apple: releases{{Version: "26.6.1", Build: "23G83", Posted: time.Date(2026, 8, 17, 0, 0, 0, 0, time.UTC), DownloadTime: time.Millisecond, InstallTime: time.Millisecond}},
		User:  mdmtest.User{InstallsEarly: time.Nanosecond},
	}
	if change != nil {
		change(&o)
	}
	p, err := mdmtest.New(o)
	in.must(err)
	return p
}

// issuing lets one phone at a time ask for its certificate: the authority's
// library encrypts answers by a global setting that each server of a process
// guards for itself only.
var issuing sync.Mutex

// install has a phone install the profile behind a link.
func (in *installation) install(p *mdmtest.Phone, link string) error {
	issuing.Lock()
	defer issuing.Unlock()
	return p.InstallFromLink(in.t.Context(), link)
}

func (in *installation) enrol(p *mdmtest.Phone, group, ring string) {
	in.t.Helper()
	in.must(in.install(p, in.link(group, ring)))
	in.mu.Lock()
	in.phones[string(p.PushToken())] = p
	in.mu.Unlock()
}

func (in *installation) device(udid string) fleet.DeviceView {
	in.t.Helper()
	var d fleet.DeviceView
	in.must(in.admin.Get(in.t.Context(), api.Path("devices", udid), nil, &d))
	return d
}

// held reports whether the phone said that its hold is in force. How long ago
// Apple posted something depends on the day on which the tests run.
func (in *installation) held(p *mdmtest.Phone) bool {
	in.t.Helper()
	hold := policy.HoldStatus(in.device(p.UDID()).Hold)
	return hold == policy.HoldConfirmed || hold == policy.HoldEnded
}

// until steps the phones until a condition holds.
func (in *installation) until(what string, ok func() bool, phones ...*mdmtest.Phone) {
	in.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			for _, p := range phones {
				in.t.Logf("%s: %+v", p.UDID(), p.Snapshot())
				in.t.Logf("server: %+v", in.device(p.UDID()))
			}
			in.t.Fatalf("%s did not happen", what)
		}
		for _, p := range phones {
			if err := p.Step(in.t.Context()); err != nil && !errors.Is(err, context.Canceled) {
				in.t.Logf("step %s: %v", p.UDID(), err)
			}
		}
		<-time.After(10 * time.Millisecond)
	}
}

func noViolations(t *testing.T, phones ...*mdmtest.Phone) {
	t.Helper()
	for _, p := range phones {
		for _, v := range p.Snapshot().Violations {
			t.Errorf("%s: %s", p.UDID(), v)
		}
	}
}

func TestPhoneEnrolsAndIsHeld(t *testing.T) {
	in := install(t)
	in.setUp()
	p := in.phone("00008120-000A1B2C3D4E001E", nil)
	in.enrol(p, "sales", "production")
	in.until("a confirmed hold", func() bool { return in.held(p) }, p)
	d := in.device(p.UDID())
	if d.OS != "26.5" || d.Supervised != "yes" || len(d.Apps) != 1 || d.Apps[0].Version != "1.0" {
		t.Errorf("device = %+v, want what the phone reported", d)
	}
	if got := p.Snapshot().DeferralDays; got != 90 {
		t.Errorf("the phone defers for %d days, want 90", got)
	}
	noViolations(t, p)
}

func TestGateFromCandidateToProduction(t *testing.T) {
	in := install(t)
	in.setUp()
	in.postMatrixRelease()
	apple := func(o *mdmtest.Options) {
		o.Apple = releases{{Version: matrixRelease, Build: matrixBuild, Posted: in.now().AddDate(0, 0, -1), DownloadTime: time.Millisecond, InstallTime: time.Millisecond}}
	}
	v := in.phone("00008120-V", apple)
	p := in.phone("00008120-P", apple)
	in.enrol(v, "sales", "verification")
	in.enrol(p, "sales", "production")
	in.until("confirmed holds", func() bool {
		return in.held(v) && in.held(p)
	}, v, p)

	approve := api.ApproveRequest{Deadline: "+3d", Reason: "all work"}
	err := in.post("/v1/gates/sales/"+matrixRelease+"/approve", approve, nil)
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Code != api.CodeRefused || len(e.Missing) != 1 || e.Missing[0].Name != "POS" {
		t.Fatalf("approving an untested gate = %v, want a refusal that names POS", err)
	}
	reason := map[string]string{"reason": "candidate"}
	in.must(in.post("/v1/gates/sales/"+matrixRelease+"/offer", reason, nil))
	in.until("the candidate on the verification phone", func() bool { return in.device(v.UDID()).OS == matrixRelease }, v, p)
	if got := p.Snapshot().OSVersion; got != "26.5" {
		t.Fatalf("production phone is on %s before its gate is approved", got)
	}
	// Refused until the phone has told which version of the app it runs there.
	in.until("an accepted verdict", func() bool {
		return in.post("/v1/verdicts", api.VerdictRequest{VerdictRequest: fleet.VerdictRequest{
			BundleID: "com.example.pos", Release: matrixRelease, Result: "works", Device: v.UDID(),
		}}, nil) == nil
	}, v, p)
	in.must(in.post("/v1/gates/sales/"+matrixRelease+"/approve", approve, nil))
	in.until("the release on the production phone", func() bool {
		d := in.device(p.UDID())
		return d.OS == matrixRelease && d.Reason == "done" && d.Target == ""
	}, v, p)
	noViolations(t, v, p)
}

func TestRestartKeepsEverything(t *testing.T) {
	in := install(t)
	in.setUp()
	p := in.phone("00008120-P", nil)
	in.enrol(p, "sales", "production")
	in.stop()
	in.start()
	in.until("a confirmed hold", func() bool { return in.held(p) }, p)
	noViolations(t, p)
}

func TestLinkEnrolsOnePhone(t *testing.T) {
	in := install(t)
	in.setUp()
	link := in.link("sales", "production")
	in.must(in.install(in.phone("00008120-A", nil), link))
	err := in.install(in.phone("00008120-B", nil), link)
	if err == nil || !strings.Contains(err.Error(), "410") {
		t.Errorf("second phone: %v, want the link to be gone", err)
	}
}

func TestProfileNeedsAPushCertificate(t *testing.T) {
	in := install(t)
	in.must(in.post("/v1/apps", api.AddAppRequest{AppRequest: fleet.AppRequest{BundleID: "com.example.pos", Importance: "critical"}}, nil))
	in.must(in.post("/v1/groups", api.AddGroupRequest{Name: "sales", GroupSettings: api.GroupSettings{Apps: []string{"com.example.pos"}}}, nil))
	err := in.post("/v1/enrollment/links", api.EnrollmentRequest{Group: "sales", Ring: "production"}, nil)
	e, ok := errors.AsType[*api.Error](err)
	if !ok || e.Detail != "no-push-certificate" {
		t.Errorf("link without a push certificate = %v, want a refusal", err)
	}
	var st api.Status
	in.must(in.admin.Get(t.Context(), "/v1/status", nil, &st))
	if len(st.Server.Missing) != 1 || !strings.Contains(st.Server.Missing[0], "identity.apple.com") {
		t.Errorf("missing = %q, want how to get a push certificate", st.Server.Missing)
	}
}
