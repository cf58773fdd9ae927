// Package crash ends the whole server without warning, again and again, while
// phones and operators use it, and holds what it has on disk against what it
// had acknowledged to them.
//
// The server runs in a process of its own, which gets SIGKILL at a random
// moment. Everything its clients were told stands in a journal outside of it.
// The package consists of tests only; docs/architecture.md, "Sudden death",
// says what they hold.
package crash

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

const (
	killsVariable = "KANNUKI_CRASH_KILLS" // how many servers to end; 50 when unset, 5 with -short
	seedVariable  = "KANNUKI_CRASH_SEED"  // repeats the choices of a run, though not its timing

	phonesInUse = 12
	operators   = 2
	slowStart   = 5 * time.Second
)

// TestMain lets the test binary be the server that is ended.
func TestMain(m *testing.M) {
	data := os.Getenv(childVariable)
	if data == "" {
		os.Exit(m.Run())
	}
	if err := serve(data); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// campaign is one installation, everyone who uses it, and whoever ends it.
type campaign struct {
	t       *testing.T
	in      *installation
	journal *journal
	admin   *api.Client
	random  *rand.Rand
	phones  []*phone
	server  *child

	// alive is held for reading by whoever uses the server, and for writing
	// while the server is down and looked into: then nothing is under way.
	alive sync.RWMutex
	acts  atomic.Int64

	state    *state // as found by the last check, nil before
	settled  map[string]storage.CommandState
	reported map[string]bool
	kills    int
	slowest  time.Duration
}

func newCampaign(t *testing.T, seed uint64) *campaign {
	t.Helper()
	dir := t.ArtifactDir()
	j, err := newJournal(filepath.Join(dir, "journal"))
	if err != nil {
		t.Fatal(err)
	}
	c := &campaign{
		t: t, journal: j, random: rand.New(rand.NewPCG(seed, 0)), settled: map[string]storage.CommandState{}, reported: map[string]bool{},
	}
	if c.in, err = newInstallation(t.Context(), dir, c.deliver); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(c.in.close(), j.close()); err != nil {
			t.Error(err)
		}
	})
	c.admin = api.NewSocketClient(server.SocketPath(c.in.data))
	if c.phones, err = newPhones(phonesInUse, c.in, j, seed); err != nil {
		t.Fatal(err)
	}
	return c
}

// id returns the name of the next act.
func (c *campaign) id() string { return fmt.Sprintf("act %d", c.acts.Add(1)) }

// pause waits, as people and phones do between two doings.
func (c *campaign) pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// run makes the basics, ends the server so many times while everybody uses it,
// lets it recover and stops it in good order. Whoever leaves it holds alive.
func (c *campaign) run(seed uint64, kills int) {
	ctx, cancel := context.WithCancel(c.t.Context())
	var users sync.WaitGroup
	c.alive.Lock()
	defer func() {
		cancel()
		_ = c.server.cmd.Process.Kill() // when a check ended the test
		c.alive.Unlock()
		users.Wait()
	}()
	c.start()
	c.prepare()
	for i := range operators {
		o := &operator{c, rand.New(rand.NewPCG(seed, uint64(1000+i)))}
		users.Go(func() { o.work(ctx) })
	}
	for _, p := range c.phones {
		users.Go(func() { c.live(ctx, p) })
	}
	for c.kills < kills {
		c.alive.Unlock()
		c.pause(ctx, between(c.random, 20*time.Millisecond, 500*time.Millisecond))
		c.end(c.alive.Lock)
		if c.kills < kills && c.random.IntN(5) == 0 { // not even started
			c.spawn()
			c.pause(ctx, between(c.random, 0, 150*time.Millisecond))
			c.end(func() {})
		}
		c.start()
	}
	c.recover(ctx)
	cancel()
	c.alive.Unlock()
	users.Wait()
	c.alive.Lock()
	if err := c.server.stop(); err != nil {
		c.t.Errorf("the server did not stop in good order: %v", err)
	}
	c.check()
}

// prepare makes what every campaign begins with.
func (c *campaign) prepare() {
	for _, id := range bundleIDs() {
		a := act{ID: c.id(), Action: "app.add", Target: id}
		r := map[string]string{"bundle_id": id, "name": id, "importance": "critical", "reason": a.ID}
		_ = c.do(c.t.Context(), &a, api.Path("apps"), r, &api.App{}, nil)
	}
	a := act{ID: c.id(), Action: "policy.set", Target: reminding}
	_ = c.do(c.t.Context(), &a, api.Path("policies", reminding), map[string]any{"chase": ladder(), "reason": a.ID}, &fleet.PolicyView{}, nil)
	for _, name := range firstGroups() {
		c.editGroup(c.t.Context(), "group.add", name, bundleIDs()[:1])
	}
}

func (c *campaign) spawn() {
	var err error
	if c.server, err = c.in.spawn(); err != nil {
		c.t.Fatal(err)
	}
}

// start starts the server and compares what it says with what is on disk.
func (c *campaign) start() {
	c.spawn()
	took, err := c.server.ready()
	if err != nil {
		c.t.Fatalf("%v; %s tells more", err, c.in.log.Name())
	}
	c.slowest = max(c.slowest, took)
	if took > slowStart {
		c.t.Errorf("the server took %s to start, want at most %s", took, slowStart)
	}
	c.journal.add(record{Server: "started"})
	if c.state != nil {
		c.report(compareServer(c.t.Context(), c.admin, c.state))
	}
}

// end kills the server, has everything end that was under way, and looks at
// what the server left.
func (c *campaign) end(quiet func()) {
	err := c.server.kill()
	quiet()
	if err != nil {
		c.t.Fatalf("%v; %s tells more", err, c.in.log.Name())
	}
	c.kills++
	c.journal.add(record{Server: "killed"})
	c.check()
}

func (c *campaign) check() {
	var known []storage.AuditEntry
	if c.state != nil {
		known = c.state.Audit
	}
	s, err := readState(c.t.Context(), filepath.Join(c.in.data, databaseFile), known)
	if err != nil {
		c.t.Fatalf("after kill %d: %v", c.kills, err)
	}
	c.state = s
	c.report(check(c.journal.all(), s, c.settled))
}

// maxReports bounds what one run prints: one fault can lead to many.
const maxReports = 20

func (c *campaign) report(faults []string) {
	for _, f := range faults {
		if c.reported[f] {
			continue // every check reads the journal from its start
		}
		c.reported[f] = true
		if len(c.reported) <= maxReports {
			c.t.Errorf("after kill %d: %s", c.kills, f)
			c.background(f)
		}
	}
}

// What a fault can be about: a phone of the campaign, and a gate.
var (
	udidPattern = regexp.MustCompile(`\b[0-9A-F]{8}-[0-9A-F]{16}\b`)
	gatePattern = regexp.MustCompile(`\b[a-z]+/[0-9]+(\.[0-9]+)+\b`)
)

// background prints what the journal last holds of the phone and the gate that a fault
// names, and what the log says that the phone was told: no other run of the campaign goes
// the same way.
func (c *campaign) background(fault string) {
	udid, gate := udidPattern.FindString(fault), gatePattern.FindString(fault)
	if udid == "" && gate == "" {
		return
	}
	about := func(named, it string) bool { return it != "" && named == it }
	var visits, acts, promises []string
	for _, r := range c.journal.all() {
		switch {
		case r.Act != nil && r.Act.Stage != begun && (about(r.Act.Target, gate) || about(r.Act.Phone, udid)):
			acts = append(acts, c.line(r))
		case r.Server != "", r.Visit != nil && about(r.Visit.Phone, udid), r.Phone != nil && about(r.Phone.Phone, udid):
			visits = append(visits, c.line(r))
		}
	}
	if c.state != nil {
		for _, e := range c.state.Audit {
			if about(e.Target, udid) && strings.HasPrefix(e.Action, "enforcement.") {
				promises = append(promises, c.line(e))
			}
		}
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"the phone", visits}, {"acts about the gate and the phone", acts}, {"what the log says that the phone was told", promises}} {
		c.t.Logf("the last of %s:\n%s", part.title, strings.Join(part.lines[max(0, len(part.lines)-60):], "\n"))
	}
}

func (c *campaign) line(v any) string {
	line, err := json.Marshal(v)
	if err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf("%.400s", line)
}

// recover waits until every phone has had a whole conversation.
func (c *campaign) recover(ctx context.Context) {
	from := len(c.journal.all())
	deadline := time.Now().Add(30 * time.Second)
	c.alive.Unlock()
	defer c.alive.Lock()
	for {
		well := map[string]bool{}
		for _, r := range c.journal.all()[from:] {
			if r.Visit != nil && r.Visit.Stage == acknowledged {
				well[r.Visit.Phone] = true
			}
		}
		if len(well) == len(c.phones) {
			return
		}
		if time.Now().After(deadline) {
			for _, p := range c.phones {
				if fault := p.UDID() + " does not speak to the server again"; !well[p.UDID()] {
					c.t.Error(fault)
					c.background(fault)
				}
			}
			return
		}
		c.pause(ctx, 20*time.Millisecond)
	}
}

// summary is the one line a run ends with.
func (c *campaign) summary(seed uint64) string {
	acts, visits := 0, 0
	for _, r := range c.journal.all() {
		switch {
		case r.Act != nil && r.Act.Stage == acknowledged:
			acts++
		case r.Visit != nil && r.Visit.Stage == acknowledged:
			visits++
		}
	}
	return fmt.Sprintf("%d kills, %d acts of which %d acknowledged, %d acknowledged visits of phones, %d reminders, %d audit entries, %d violations, slowest start %s, seed %d",
		c.kills, c.acts.Load(), acts, visits, len(c.state.reminded()), len(c.state.Audit), len(c.reported), c.slowest.Round(time.Millisecond), seed)
}

func kills(t *testing.T) int {
	t.Helper()
	text := os.Getenv(killsVariable)
	switch {
	case text == "" && testing.Short():
		return 5
	case text == "":
		return 50
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number of kills", killsVariable, text)
	}
	return n
}

func seed(t *testing.T) uint64 {
	t.Helper()
	text := os.Getenv(seedVariable)
	if text == "" {
		return rand.Uint64()
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s=%q is not a seed", seedVariable, text)
	}
	return n
}

// TestSuddenDeath is the campaign.
func TestSuddenDeath(t *testing.T) {
	n, seed := kills(t), seed(t)
	t.Logf("seed %d", seed)
	c := newCampaign(t, seed)
	c.run(seed, n)
	t.Log(c.summary(seed))
}
