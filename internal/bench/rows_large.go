package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lab"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// measureStart: a start with all phones on record, three times.
func measureStart(ctx context.Context, b *bench) error {
	s, err := b.large(ctx)
	if err != nil {
		return err
	}
	var took, used []float64
	var peak, own float64
	for range 3 {
		err := b.with(ctx, s, noPushes, func(p *process) error {
			took = append(took, p.took.Seconds())
			before, err := p.cpu()
			if err != nil {
				return err
			}
			used = append(used, before.Seconds())
			if err := p.rest(ctx); err != nil {
				return err
			}
			most, err := p.peak()
			if err != nil {
				return err
			}
			rest, err := p.own()
			peak, own = max(peak, most), max(own, rest)
			return err
		})
		if err != nil {
			return err
		}
	}
	b.figure(figure{Row: "start", What: fmt.Sprintf("start with %d phones", s.all), Value: median(took), Unit: "s", Target: 5})
	b.figure(figure{Row: "start", What: "server CPU until it answers", Value: median(used), Unit: "s"})
	b.figure(figure{Row: "start", What: "RSS peak, first sweep included", Value: peak, Unit: "MiB", Target: 600})
	b.figure(figure{Row: "start", What: "RSS after it without mapped files", Value: own, Unit: "MiB"})
	return nil
}

// restFor is how long a server must have done nothing to be at rest.
const restFor = 500 * time.Millisecond

// rest waits until the server has nothing more to do by itself: after a start,
// until it has looked at every phone.
func (p *process) rest(ctx context.Context) error {
	ticker := time.NewTicker(restFor)
	defer ticker.Stop()
	last, err := p.cpu()
	for err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		var now time.Duration
		if now, err = p.cpu(); err == nil && now-last <= 2*clockTick {
			return nil
		}
		last = now
	}
	return err
}

// measureLists: every list and page of the API at the large installation.
func measureLists(ctx context.Context, b *bench) error {
	s, err := b.large(ctx)
	if err != nil {
		return err
	}
	udid := s.phones[0].udid
	lists := []struct {
		path  string
		query url.Values
	}{
		{"/v1/status", nil},
		{"/v1/devices", nil},
		{"/v1/devices", url.Values{"after": {strconv.Itoa(s.all / 2)}, "limit": {"100"}}},
		{"/v1/devices", url.Values{"group": {group}, "ring": {"verification"}}},
		{"/v1/devices", url.Values{"group": {group}, "reason": {"offline"}}},
		{api.Path("devices", udid), nil},
		{api.Path("devices", udid, "explain"), nil},
		{api.Path("devices", udid, "declarations"), nil},
		{"/v1/groups", nil},
		{"/v1/releases", nil},
		{"/v1/gates", nil},
		{api.Path("gates", group, nextRelease), nil},
		{api.Path("rollouts", group, nextRelease), nil},
		{"/v1/verdicts", nil},
		{"/v1/audit", nil},
		{"/v1/audit", url.Values{"after": {strconv.Itoa(3 * s.all)}}},
	}
	return b.with(ctx, s, noPushes, func(p *process) error {
		if err := p.rest(ctx); err != nil {
			return err
		}
		worst, slowest, others := 0.0, "", 0.0
		for _, l := range lists {
			const times = 20
			out, c, err := p.measure(ctx, func() outcome { return p.ask(ctx, times, l.path, l.query) })
			name := strings.TrimPrefix(l.path, "/v1/")
			if len(l.query) > 0 {
				name += "?" + l.query.Encode()
			}
			name = strings.ReplaceAll(name, udid, "UDID")
			st := b.load("lists", name, s, p, out, c)
			if err := errors.Join(err, out.err()); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			others = max(others, c.others)
			if st.P95 > worst {
				worst, slowest = st.P95, name
			}
		}
		b.figure(figure{Row: "lists", What: fmt.Sprintf("p95 of the slowest list at %d phones (%s)", s.all, slowest), Value: worst, Unit: "ms", Target: 100, Others: others})
		return nil
	})
}

// ask gets a list so many times, one after the other.
func (p *process) ask(ctx context.Context, times int, path string, query url.Values) outcome {
	var out outcome
	start := time.Now()
	for range times {
		begun := time.Now()
		var answer any
		err := p.client.Get(ctx, path, query, &answer)
		took := time.Since(begun)
		out.add(took, []time.Duration{took}, err)
	}
	out.wall = time.Since(start)
	return out
}

// measureEvent: what one phone's event costs among ten phones and among all, in
// turns.
func measureEvent(ctx context.Context, b *bench) error {
	tiny, err := b.site(ctx, "tiny", 10, 8, newcomers)
	if err != nil {
		return err
	}
	huge, err := b.large(ctx)
	if err != nil {
		return err
	}
	return b.with(ctx, tiny, noPushes, func(p *process) error {
		return b.with(ctx, huge, noPushes, func(q *process) error {
			if err := q.rest(ctx); err != nil {
				return err
			}
			for _, e := range events() {
				if err := b.event(ctx, e, []*side{{site: tiny, process: p}, {site: huge, process: q}}); err != nil {
					return fmt.Errorf("%s: %w", e.name, err)
				}
			}
			return nil
		})
	})
}

// event measures one event on both sides.
func (b *bench) event(ctx context.Context, e event, sides []*side) error {
	turns := b.scaled(eventTurns, 2)
	for turn := range turns {
		for _, sd := range sides {
			if err := sd.event(ctx, turn, e); err != nil {
				return err
			}
		}
	}
	if e.comes {
		for _, sd := range sides {
			if err := sd.listed(ctx, turns*comesPerTurn); err != nil {
				return err
			}
		}
	}
	a, z := b.compare("event", e.name, sides)
	b.figure(figure{
		Row: "event", What: fmt.Sprintf("%s: CPU at %d / at %d phones", e.name, z.site.all, a.site.all),
		Value: z.used.perRequest(z.used.server) / a.used.perRequest(a.used.server), Target: 1.2, Others: max(a.used.others, z.used.others),
	})
	return nil
}

// event is something a phone does.
type event struct {
	name string
	do   func(sd *side, turn int) work
	// comes says that it is a phone's first word: each phone has it once.
	comes bool
}

func events() []event {
	return []event{
		{name: "idle poll", do: func(sd *side, _ int) work { return sd.process.poll }},
		{name: "inventory", do: func(sd *side, _ int) work { return sd.process.sessionAfterQueue }},
		{name: "status report", do: func(sd *side, _ int) work { return sd.process.reports(osVersion, osBuild) }},
		{name: "new version", do: func(sd *side, turn int) work {
			if turn%2 == 0 {
				return sd.process.reports(nextRelease, nextBuild)
			}
			return sd.process.reports(osVersion, osBuild)
		}},
		{name: "enrolment, unapproved", do: func(sd *side, _ int) work { return sd.comesUnapproved }, comes: true},
	}
}

// sessionAfterQueue queues the commands and lets the phone poll. What it cost to
// queue them counts for the event, but not among the phone's requests.
func (p *process) sessionAfterQueue(ctx context.Context, ph *phone) ([]time.Duration, error) {
	var done api.Done
	if err := p.client.Post(ctx, api.Path("devices", ph.udid, "refresh"), struct{}{}, &done); err != nil {
		return nil, err
	}
	return p.busyPoll(ctx, ph)
}

// comesUnapproved is a phone that enrols with a release that nobody approved, and
// says so when it is asked.
func (sd *side) comesUnapproved(ctx context.Context, ph *phone) ([]time.Duration, error) {
	ph.version, ph.build = nextRelease, nextBuild
	s, err := dial(ctx, sd.process.listen, ph)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.enrol(sd.site.topic); err != nil {
		return s.took, err
	}
	_, err = s.poll()
	return s.took, err
}

// listed returns an error unless the server lists every phone that came unapproved.
func (sd *side) listed(ctx context.Context, came int) error {
	var list fleet.Leaks
	if err := sd.process.client.Get(ctx, api.Path("leaks"), nil, &list); err != nil {
		return err
	}
	if len(list.Leaks) < came {
		return fmt.Errorf("%d phones came unapproved, the server lists %d", came, len(list.Leaks))
	}
	return nil
}

// reports is a phone that sends a status report.
func (p *process) reports(version, build string) work {
	return func(ctx context.Context, ph *phone) ([]time.Duration, error) {
		s, err := dial(ctx, p.listen, ph)
		if err != nil {
			return nil, err
		}
		defer s.close()
		err = s.report(version, build)
		return s.took, err
	}
}

const (
	// eventsPerTurn is how many events each side takes before it is the other's
	// turn, and eventTurns how many turns each side has.
	eventsPerTurn = 200
	eventTurns    = 8
	// comesPerTurn is how many phones enrol in a turn: so few that ten phones stay
	// few, and newcomers how many there are.
	comesPerTurn = 25
	newcomers    = eventTurns * comesPerTurn
)

func (sd *side) event(ctx context.Context, turn int, e event) error {
	do := e.do(sd, turn)
	if e.comes {
		return sd.run(ctx, sd.site.spare[turn*comesPerTurn:(turn+1)*comesPerTurn], do)
	}
	phones := sd.site.phones[:8] // the same few on both sides
	var many []*phone
	for len(many) < eventsPerTurn {
		many = append(many, phones...)
	}
	var locks sync.Map // a phone has one conversation at a time
	return sd.run(ctx, many, func(ctx context.Context, ph *phone) ([]time.Duration, error) {
		lock, _ := locks.LoadOrStore(ph.udid, new(sync.Mutex))
		mu, _ := lock.(*sync.Mutex)
		mu.Lock()
		defer mu.Unlock()
		return do(ctx, ph)
	})
}

// pushCeiling is the ceiling of pushes per minute while a release is approved
// for everybody: 6,000, as shipped, would take a quarter of an hour.
const pushCeiling = 120_000

// measureApprove: one approval for everybody.
func measureApprove(ctx context.Context, b *bench) error {
	s, err := b.large(ctx)
	if err != nil {
		return err
	}
	pushed := newArrivals()
	//nolint:contextcheck // ended by Close
	stand, err := lab.OpenPush(b.foundation.data, s.host, time.Now, func(token []byte, _ string) { pushed.add(token) })
	if err != nil {
		return err
	}
	defer stand.Close() //nolint:errcheck // the row is over
	return b.with(ctx, s, pushCeiling, func(p *process) error {
		if err := p.verify(ctx); err != nil {
			return err
		}
		if err := p.rest(ctx); err != nil {
			return err
		}
		pushed.reset()
		before, err := p.cpu()
		if err != nil {
			return err
		}
		start := time.Now()
		effect, err := p.approve(ctx)
		if err != nil {
			return err
		}
		answered := time.Since(start)
		perSecond := pushCeiling / 60
		limit := 4*time.Duration(effect.Install/perSecond)*time.Second + time.Minute
		if err := pushed.wait(ctx, effect.Install, limit); err != nil {
			return err
		}
		used, err := p.cpu()
		if err != nil {
			return err
		}
		first, last := pushed.span(start)
		peak, err := p.peak()
		b.figure(figure{Row: "approve", What: fmt.Sprintf("phones asked to install, of %d", s.all), Value: float64(effect.Install), Unit: "phones"})
		b.figure(figure{Row: "approve", What: "answer to the person", Value: answered.Seconds(), Unit: "s"})
		b.figure(figure{Row: "approve", What: "approval to first push", Value: first.Seconds(), Unit: "s", Target: 1})
		b.figure(figure{
			Row: "approve", What: "approval to last push, against the ceiling's time", Value: last.Seconds() / (float64(effect.Install) / float64(perSecond)),
			Unit: "", Target: 1.1,
		})
		b.figure(figure{Row: "approve", What: "approval to last push", Value: last.Seconds(), Unit: "s"})
		b.figure(figure{Row: "approve", What: "server CPU for a phone, push included", Value: milliseconds(used-before) / float64(max(1, effect.Install)), Unit: "ms"})
		if err != nil {
			return err
		}
		own, err := p.own()
		b.figure(figure{Row: "approve", What: "RSS peak", Value: peak, Unit: "MiB", Target: 600})
		b.figure(figure{Row: "approve", What: "RSS after it without mapped files", Value: own, Unit: "MiB"})
		return err
	})
}

// verify records what opens the gate: a result from outside, for the model of
// all phones.
func (p *process) verify(ctx context.Context) error {
	var ignored struct{}
	return p.client.Post(ctx, api.Path("verdicts"), api.VerdictRequest{Reason: "bench", VerdictRequest: fleet.VerdictRequest{
		BundleID: appID, Release: nextRelease, Result: "works", External: true, Evidence: "bench", Group: group, Model: model, AppVersion: appVersion,
	}}, &ignored)
}

func (p *process) approve(ctx context.Context) (fleet.Effect, error) {
	var gate policy.Gate
	if err := p.client.Get(ctx, api.Path("gates", group, nextRelease), nil, &gate); err != nil {
		return fleet.Effect{}, err
	}
	var effect fleet.Effect
	err := p.client.Post(ctx, api.Path("gates", group, nextRelease, "approve"), api.ApproveRequest{
		Deadline: "+3d", Fingerprint: gate.Fingerprint, Reason: "bench",
	}, &effect)
	return effect, err
}

// arrivals are the pushes that reached phones.
type arrivals struct {
	mu          sync.Mutex
	seen        map[string]bool
	first, last time.Time
}

func newArrivals() *arrivals { return &arrivals{seen: map[string]bool{}} }

func (a *arrivals) reset() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen, a.first, a.last = map[string]bool{}, time.Time{}, time.Time{}
}

func (a *arrivals) add(token []byte) {
	now := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) == 0 {
		a.first = now
	}
	if !a.seen[string(token)] {
		a.seen[string(token)], a.last = true, now
	}
}

func (a *arrivals) span(start time.Time) (first, last time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.first.Sub(start), a.last.Sub(start)
}

// wait returns when so many phones were reached.
func (a *arrivals) wait(ctx context.Context, n int, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		a.mu.Lock()
		have := len(a.seen)
		a.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%d of %d phones were pushed within %s", have, n, limit)
		case <-ticker.C:
		}
	}
}

// measureDisk: the database of idle phones, and what a year does to it.
func measureDisk(ctx context.Context, b *bench) error {
	s, err := b.site(ctx, "year", b.scaled(small, 200), 0, 0)
	if err != nil {
		return err
	}
	b.figure(figure{Row: "disk", What: fmt.Sprintf("database for an idle phone, of %d", s.all), Value: s.bytesPerPhone, Unit: "bytes", Target: 4096})
	days := b.scaled(365, 30)
	if err := s.live(ctx, days); err != nil {
		return err
	}
	if err := s.weigh(ctx, s.all); err != nil {
		return err
	}
	b.figure(figure{Row: "disk", What: fmt.Sprintf("the same after %d days of reports", days), Value: s.bytesPerPhone, Unit: "bytes", Target: 4096})
	return nil
}

// live lets days pass for idle phones.
func (s *site) live(ctx context.Context, days int) (err error) {
	store, err := bolt.Open(s.database(), bolt.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	phones, err := store.Phones(ctx, storage.DefaultSegment, storage.PhoneQuery{Limit: s.all})
	if err != nil {
		return err
	}
	for day := range days {
		if err := aDay(ctx, store, phones, day+1); err != nil {
			return err
		}
	}
	return nil
}

// aDay is what an idle phone makes the server write in a day: its inventory and
// a status report.
func aDay(ctx context.Context, store *bolt.Store, phones []storage.Phone, day int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(fillAtOnce)
	for i, phone := range phones {
		group.Go(func() error {
			at := phone.Contact.AddDate(0, 0, day)
			_, err := store.UpdatePhone(ctx, storage.DefaultSegment, phone.UDID, 0, func(p *storage.Phone) (storage.PhoneChange, error) {
				battery := float64((day*37+i)%100) / 100
				p.Contact, p.InfoAt, p.AppsAt, p.StatusAt, p.Battery = at, at, at, at, &battery
				return storage.PhoneChange{}, nil
			})
			return err
		})
	}
	return group.Wait()
}

// measurePolicy: the engine alone, by its own benchmark.
func measurePolicy(ctx context.Context, b *bench) error {
	seconds, err := goBenchmark(ctx, "./policy", "BenchmarkVirtualDays")
	if err == nil {
		b.figure(figure{Row: "policy", What: "100 phones x 120 virtual days", Value: seconds, Unit: "s", Target: 0.15})
	}
	return err
}

// measureSimulation: a life of make sim on a large scale, by its own benchmark. It
// has no target here: it is far from the one in docs/performance.md.
func measureSimulation(ctx context.Context, b *bench) error {
	seconds, err := goBenchmark(ctx, "./internal/simulation", "BenchmarkLife/100x120")
	if err == nil {
		b.figure(figure{Row: "simulation", What: "a life of 100 phones x 120 days", Value: seconds, Unit: "s"})
	}
	return err
}

// measureBacktest: the replay of past releases, by its own benchmark.
func measureBacktest(ctx context.Context, b *bench) error {
	seconds, err := goBenchmark(ctx, "./fleet", "BenchmarkBacktest")
	if err == nil {
		b.figure(figure{Row: "backtest", What: "two years of releases, 16 ways of testing", Value: seconds, Unit: "s", Target: 1})
	}
	return err
}

// goBenchmark returns how many seconds a benchmark of a package takes a round.
func goBenchmark(ctx context.Context, dir, name string) (float64, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run=^$", "-bench=^"+name+"$", "-benchtime=3x", dir).CombinedOutput() //nolint:gosec // both are named above
	if err != nil {
		return 0, fmt.Errorf("go test: %w\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], name) {
			continue
		}
		nanoseconds, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return 0, fmt.Errorf("read benchmark: %w", err)
		}
		return nanoseconds / 1e9, nil
	}
	return 0, fmt.Errorf("no benchmark in\n%s", out)
}
