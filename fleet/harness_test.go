package fleet_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

const seg = storage.DefaultSegment

// clock is a policy clock that only tests move.
type clock struct {
	mu   sync.Mutex
	now  time.Time
	tick time.Duration // by which each reading is later than the one before
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(c.tick)
	return c.now
}

func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// wakes remembers which phones were to be woken, and what was said of them.
type wakes struct {
	mu   sync.Mutex
	keys map[string]int
	said []string // "poll UDID"
}

func (w *wakes) Wake(key string) {
	w.say("wake " + key)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[key]++
}

func (w *wakes) Heard(key string)   { w.say("heard " + key) }
func (w *wakes) Contact(key string) { w.say("poll " + key) }
func (w *wakes) Cancel(key string)  { w.say("cancel " + key) }

func (w *wakes) say(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, strings.Replace(what, string(seg)+"/", "", 1))
}

// saying returns what was said while f ran.
func (w *wakes) saying(f func()) []string {
	w.mu.Lock()
	w.said = nil
	w.mu.Unlock()
	f()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said
}

func (w *wakes) take(udid string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := w.keys[string(seg)+"/"+udid]
	delete(w.keys, string(seg)+"/"+udid)
	return n > 0
}

// world is a fleet over a real store, without any transport.
type world struct {
	t     *testing.T
	ctx   context.Context
	clock *clock
	wakes *wakes
	path  string
	store *bolt.Store
	fleet *fleet.Fleet

	channels func(kind, group string) []string // that carry notices, from the next start on
	betas    map[string]string                 // tokens of beta programs, from the next start on
	zone     *time.Location                    // of the installation, from the next start on; nil: UTC
	ticks    func() time.Duration              // a clock that nobody sets, from the next start on
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, ctx: t.Context(), path: filepath.Join(t.TempDir(), "kannuki.db"), wakes: &wakes{keys: map[string]int{}},
		clock: &clock{now: time.Date(2026, 8, 18, 9, 0, 0, 0, time.UTC)},
	}
	instance := storage.Instance{ID: "test", URL: "https://mdm.example.com", CreatedAt: w.clock.now}
	if err := bolt.Create(w.path, instance, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	w.open()
	t.Cleanup(func() { _ = w.store.Close() })
	for _, app := range []string{"com.example.pos", "com.example.scan"} {
		_, err := w.fleet.AddApp(w.ctx, seg, w.act("setup"), fleet.AppRequest{BundleID: app, Name: strings.TrimPrefix(app, "com.example."), Importance: "critical"})
		w.must(err)
	}
	_, err := w.fleet.AddGroup(w.ctx, seg, w.act("setup"), fleet.GroupRequest{Name: "sales", Apps: []string{"com.example.pos"}})
	w.must(err)
	return w
}

// embedded reads the built-in facts, which nobody changes, once for all tests.
var embedded = sync.OnceValues(catalog.Embedded)

// open starts the fleet on the database, as a restart does.
func (w *world) open() {
	w.t.Helper()
	var err error
	w.store, err = bolt.Open(w.path, bolt.Options{})
	w.must(err)
	facts, err := embedded()
	w.must(err)
	channels := w.channels
	carry := func(of storage.Segment, kind, group string) []string {
		if of != seg {
			w.t.Errorf("notice of kind %s for segment %q, want %q", kind, of, seg)
		}
		if !slices.Contains(fleet.NoticeKinds(), kind) {
			w.t.Errorf("notice of kind %s, which no channel can be configured for", kind)
		}
		if channels == nil {
			return nil
		}
		return channels(kind, group)
	}
	w.fleet = fleet.New(w.store, w.wakes, w.clock.Now, fleet.Options{Organization: "Example", Facts: facts, Channels: carry, Ticks: w.ticks, BetaPrograms: w.betas, Location: w.zone})
	w.must(w.fleet.Load(w.ctx))
}

func (w *world) restart() {
	w.t.Helper()
	w.must(w.store.Close())
	w.open()
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) act(reason string) fleet.Act { return fleet.Act{Actor: "uid:1(test)", Reason: reason} }

// phone is the other end: it keeps nothing but what a test says.
type phone struct {
	*world
	udid   string
	os     string
	build  string
	model  string
	sup    bool
	zone   string
	apps   map[string]string
	serial string
	knows  []string // configurations it supports
}

// enrol stores an enrolled phone, as the check-in state machine leaves it.
func (w *world) enrol(udid, group string, ring storage.Ring) *phone {
	w.t.Helper()
	p := newPhone(w, udid)
	p.again(group, ring)
	return p
}

func newPhone(w *world, udid string) *phone {
	return &phone{
		world: w, udid: udid, os: "26.5", build: "23F79", model: "iPhone15,2", sup: true, zone: "Asia/Tokyo",
		apps: map[string]string{"com.example.pos": "1.0"}, serial: "S" + udid,
		knows: []string{mdm.TypeSoftwareUpdateSettings, mdm.TypeSoftwareUpdateEnforcement, mdm.TypeStatusSubscriptions},
	}
}

// again enrols the phone once more: a new epoch.
func (p *phone) again(group string, ring storage.Ring) {
	p.t.Helper()
	p.must(p.fleet.Noticed(seg, p.unnoticed(group, ring)))
}

// unnoticed enrols the phone once more, and the fleet has yet to hear of it.
func (p *phone) unnoticed(group string, ring storage.Ring) storage.Phone {
	p.t.Helper()
	id := fmt.Sprintf("%s-%d", p.udid, time.Now().UnixNano())
	now := p.clock.Now()
	p.must(p.store.CreateGrant(p.ctx, seg, storage.Grant{
		ID: id, Group: group, Ring: ring, CreatedAt: now, ExpiresAt: now.Add(time.Hour), ChallengeHash: id, Purpose: storage.PurposeNew,
	}, storage.AuditEntry{At: now, Actor: "test", Action: "grant"}))
	_, _, err := p.store.ReserveGrant(p.ctx, id, id, now)
	p.must(err)
	p.must(p.store.RecordCertificate(p.ctx, storage.Certificate{
		Fingerprint: id, Serial: id, Segment: seg, Grant: id, State: storage.CertificateIssued, IssuedAt: now, NotAfter: now.AddDate(1, 0, 0),
	}, storage.AuditEntry{At: now, Actor: "test", Action: "certificate"}))
	stored, err := p.store.UpdateEnrollment(p.ctx, seg, p.udid, id, func(e *storage.Enrollment) error {
		next := storage.Phone{UDID: p.udid, Epoch: 1}
		if e.Phone != nil {
			next.Num, next.Epoch, next.Announced.Timestamp = e.Phone.Num, e.Phone.Epoch+1, e.Phone.Announced.Timestamp
			next.Past = p.fleet.EndStay(*e.Phone).Past
			e.Retire = []string{e.Phone.Certificate}
			if ring != storage.RingProduction {
				next.Former = e.Phone.Origin()
			}
		}
		next.State, next.Group, next.Ring, next.Certificate = storage.PhoneEnrolled, group, ring, id
		next.EnrolledAt, next.Contact = now, now
		next.Rights = mdm.RightInspectProfiles | mdm.RightInstallProfiles | mdm.RightQueryDevice | mdm.RightQueryApps |
			mdm.RightQuerySecurity | mdm.RightSettings | mdm.RightManageApps
		next.Push = storage.Push{Topic: "t", Token: []byte{1}, Magic: "m", UpdatedAt: now}
		e.Phone = &next
		e.Certificate.State, e.Certificate.Phone, e.Certificate.Epoch = storage.CertificateCurrent, p.udid, next.Epoch
		e.CancelQueue = "again"
		return nil
	})
	p.must(err)
	return stored
}

func (p *phone) stored() storage.Phone {
	p.t.Helper()
	s, err := p.store.Phone(p.ctx, seg, p.udid)
	p.must(err)
	return s
}

// say sends a status and returns the next command.
func (p *phone) say(status mdm.Status, uuid string, extra map[string]any) *mdm.Command {
	p.t.Helper()
	doc := map[string]any{"UDID": p.udid, "Status": string(status)}
	if uuid != "" {
		doc["CommandUUID"] = uuid
	}
	for k, v := range extra {
		doc[k] = v
	}
	var body bytes.Buffer
	p.must(plist.NewEncoder(&body).Encode(doc))
	result, err := mdm.DecodeResult(body.Bytes(), mdm.ResultLimits())
	p.must(err)
	c, err := p.fleet.Report(p.ctx, seg, p.stored(), result)
	p.must(err)
	return c
}

func (p *phone) idle() *mdm.Command { return p.say(mdm.Idle, "", nil) }

// answer acknowledges a command with what a real phone would say.
func (p *phone) answer(c *mdm.Command) *mdm.Command {
	p.t.Helper()
	switch c.RequestType {
	case "DeviceInformation":
		if p.os == "" {
			return p.say(mdm.Acknowledged, c.UUID, map[string]any{"QueryResponses": map[string]any{"UDID": p.udid}})
		}
		return p.say(mdm.Acknowledged, c.UUID, map[string]any{"QueryResponses": map[string]any{
			"UDID": p.udid, "SerialNumber": p.serial, "OSVersion": p.os, "BuildVersion": p.build, "ProductName": p.model,
			"IsSupervised": p.sup, "TimeZone": p.zone, "AvailableDeviceCapacity": 42.5, "BatteryLevel": 0.8,
		}})
	case "InstalledApplicationList":
		var list []map[string]any
		for id, v := range p.apps {
			list = append(list, map[string]any{"Identifier": id, "ShortVersion": v, "Version": v + ".1"})
		}
		list = append(list, map[string]any{"Identifier": "com.private.diary", "ShortVersion": "9"})
		return p.say(mdm.Acknowledged, c.UUID, map[string]any{"InstalledApplicationList": list})
	default:
		return p.say(mdm.Acknowledged, c.UUID, nil)
	}
}

// session polls and answers until there is nothing left, and returns the
// request types it was sent.
func (p *phone) session() []string {
	p.t.Helper()
	var types []string
	for c := p.idle(); c != nil; {
		if len(types) > 10 {
			p.t.Fatalf("endless session: %v", types)
		}
		types = append(types, c.RequestType)
		sync := c.RequestType == "DeclarativeManagement"
		c = p.answer(c)
		if sync {
			p.sync()
		}
	}
	return types
}

func (p *phone) declarative(endpoint string, data []byte) ([]byte, error) {
	p.t.Helper()
	r, err := p.fleet.Declarative(p.ctx, seg, p.stored(), &mdm.DeclarativeManagement{Endpoint: endpoint, Data: data})
	return r.Body, err
}

type tokensAnswer struct {
	SyncTokens struct {
		DeclarationsToken string
		Timestamp         time.Time
	}
}

func (p *phone) tokens() tokensAnswer {
	p.t.Helper()
	var out tokensAnswer
	p.decode("tokens", &out)
	return out
}

type item struct{ Identifier, ServerToken string }

type itemsAnswer struct {
	DeclarationsToken string
	Declarations      map[string][]item
}

func (a itemsAnswer) all() map[string]item {
	out := map[string]item{}
	for class, list := range a.Declarations {
		for _, it := range list {
			out[strings.TrimSuffix(strings.ToLower(class), "s")+"/"+it.Identifier] = it
		}
	}
	return out
}

func (p *phone) items() itemsAnswer {
	p.t.Helper()
	var out itemsAnswer
	p.decode("declaration-items", &out)
	return out
}

func (p *phone) decode(endpoint string, out any) {
	p.t.Helper()
	body, err := p.declarative(endpoint, nil)
	p.must(err)
	p.must(json.Unmarshal(body, out))
}

type declaration struct {
	Type, Identifier, ServerToken string
	Payload                       map[string]any
}

// sync fetches everything and reports it, as iOS does, and returns what the
// phone now holds by identifier.
func (p *phone) sync() map[string]declaration {
	p.t.Helper()
	p.tokens()
	held := map[string]declaration{}
	var configurations, other []map[string]any
	for path, it := range p.items().all() {
		var d declaration
		p.decode("declaration/"+path, &d)
		if d.ServerToken != it.ServerToken {
			p.t.Errorf("%s: fetched %s, manifest says %s", path, d.ServerToken, it.ServerToken)
		}
		held[d.Identifier] = d
		state := map[string]any{"identifier": d.Identifier, "server-token": d.ServerToken, "active": true, "valid": "valid"}
		if strings.HasPrefix(path, "configuration/") {
			configurations = append(configurations, state)
		} else {
			other = append(other, state)
		}
	}
	p.report(map[string]any{"management": map[string]any{
		"declarations": map[string]any{"configurations": configurations, "activations": other, "assets": []any{}, "management": []any{}},
		"client-capabilities": map[string]any{"supported-payloads": map[string]any{
			"declarations": map[string]any{
				"activations":    []string{mdm.TypeActivationSimple},
				"configurations": p.knows,
				"management":     []string{mdm.TypeOrganizationInfo},
			},
			"status-items": []string{"device.operating-system.version", "softwareupdate.install-state", "softwareupdate.pending-version"},
		}},
	}})
	return held
}

// report sends a partial status report.
func (p *phone) report(items map[string]any) {
	p.t.Helper()
	data, err := json.Marshal(map[string]any{"StatusItems": items, "Errors": []any{}})
	p.must(err)
	_, err = p.declarative("status", data)
	p.must(err)
}

// settle lets the phone talk until it has nothing more to learn.
func (p *phone) settle() {
	p.t.Helper()
	for range 6 {
		if len(p.session()) == 0 {
			return
		}
	}
	p.t.Fatalf("phone %s does not settle", p.udid)
}

// install moves the phone to a release, tells the server and answers it.
func (p *phone) install(version, build string) {
	p.t.Helper()
	p.os, p.build = version, build
	p.report(map[string]any{
		"device":         map[string]any{"operating-system": map[string]any{"version": version, "build-version": build}},
		"softwareupdate": map[string]any{"install-state": "none"},
	})
	p.settle() // the server wakes it for what it wants to know of the new release
}

func (p *phone) enforcement() (release, deadline string) {
	p.t.Helper()
	found := 0
	for id, d := range p.sync() {
		if strings.HasPrefix(id, "kannuki.enforce.") {
			found++
			release, _ = d.Payload["TargetOSVersion"].(string)
			deadline, _ = d.Payload["TargetLocalDateTime"].(string)
		}
	}
	if found > 1 {
		p.t.Errorf("phone %s has %d enforcements, want at most one", p.udid, found)
	}
	return release, deadline
}
