package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kannuki-mdm/kannuki/server/api"
)

// row is one line of the figures to reach.
type row struct {
	name    string
	measure func(ctx context.Context, b *bench) error
}

// rows returns the rows in the order in which they can share installations:
// what spoils one comes last.
func rows() []row {
	return []row{
		{"poll", measurePoll},
		{"latency", measureLatency},
		{"burst", measureBurst},
		{"enrol", measureEnrol},
		{"start", measureStart},
		{"lists", measureLists},
		{"event", measureEvent},
		{"approve", measureApprove},
		{"disk", measureDisk},
		{"policy", measurePolicy},
		{"backtest", measureBacktest},
		{"simulation", measureSimulation},
	}
}

func rowNames() []string {
	var names []string
	for _, r := range rows() {
		names = append(names, r.name)
	}
	return names
}

// Sizes of installations.
const (
	small    = 1000
	medium   = 10_000
	large    = 100_000
	speakers = 1000 // phones of the large one that can speak
	spares   = 1000 // phones that can enrol at the small and the medium one
	workers  = 16   // sessions at the same time
)

// noPushes is the least ceiling: pushes would only disturb rows without them.
const noPushes = 1

func (b *bench) small(ctx context.Context) (*site, error) {
	return b.site(ctx, "small", b.scaled(small, 100), small, b.scaled(spares, 50))
}

func (b *bench) medium(ctx context.Context) (*site, error) {
	return b.site(ctx, "medium", b.scaled(medium, 1000), medium, b.scaled(spares, 50))
}

func (b *bench) large(ctx context.Context) (*site, error) {
	return b.site(ctx, "large", b.scaled(large, 2000), b.scaled(speakers, 100), newcomers)
}

// with runs f against a server on a site.
func (b *bench) with(ctx context.Context, s *site, pushes int, f func(p *process) error) error {
	p, err := s.serve(ctx, b.options.program, pushes)
	if err != nil {
		return err
	}
	return errors.Join(f(p), p.stop())
}

// queue queues two commands for each phone, its inventory, as a person would.
func (p *process) queue(ctx context.Context, phones []*phone) outcome {
	return closed(ctx, phones, workers, func(ctx context.Context, ph *phone) ([]time.Duration, error) {
		start := time.Now()
		var done api.Done
		err := p.client.Post(ctx, api.Path("devices", ph.udid, "refresh"), struct{}{}, &done)
		return []time.Duration{time.Since(start)}, err
	})
}

// poll is one session on a connection of its own: Idle, each command
// acknowledged, and the empty answer.
func (p *process) poll(ctx context.Context, ph *phone) ([]time.Duration, error) {
	s, err := dial(ctx, p.listen, ph)
	if err != nil {
		return nil, err
	}
	defer s.close()
	_, err = s.poll()
	return s.took, err
}

// busyPoll is poll for a phone with two commands waiting: it must get them.
func (p *process) busyPoll(ctx context.Context, ph *phone) ([]time.Duration, error) {
	s, err := dial(ctx, p.listen, ph)
	if err != nil {
		return nil, err
	}
	defer s.close()
	n, err := s.poll()
	if err == nil && n != 2 {
		err = fmt.Errorf("got %d commands, want 2", n)
	}
	return s.took, err
}

// measurePoll: poll and acknowledge, sixteen sessions at a time.
func measurePoll(ctx context.Context, b *bench) error {
	for _, make := range []func(context.Context) (*site, error){b.small, b.medium} {
		s, err := make(ctx)
		if err != nil {
			return err
		}
		err = b.with(ctx, s, noPushes, func(p *process) error {
			rounds := 3
			if len(s.phones) > small {
				rounds = 1
			}
			var all outcome
			var used cost
			for range rounds {
				queued, c, err := p.measure(ctx, func() outcome { return p.queue(ctx, s.phones) })
				b.load("poll", "queue", s, p, queued, c)
				if err := errors.Join(err, queued.err()); err != nil {
					return err
				}
				out, c, err := p.measure(ctx, func() outcome { return closed(ctx, s.phones, workers, p.busyPoll) })
				if err := errors.Join(err, out.err()); err != nil {
					return err
				}
				all.merge(out)
				used.add(c)
			}
			st := b.load("poll", "poll+ack", s, p, all, used)
			idle, c, err := p.measure(ctx, func() outcome { return closed(ctx, s.phones, workers, p.poll) })
			b.load("poll", "idle", s, p, idle, c)
			b.figure(figure{Row: "poll", What: fmt.Sprintf("poll+ack, %d phones", s.all), Value: st.PerSecond, Unit: "req/s", Target: 1600, AtLeast: true, Others: used.others})
			b.figure(figure{Row: "poll", What: fmt.Sprintf("server CPU, %d phones", s.all), Value: st.Server, Unit: "ms/req", Target: 0.8, Others: used.others})
			b.figure(figure{Row: "poll", What: fmt.Sprintf("commits, %d phones", s.all), Value: st.Commits, Unit: "per req", Others: used.others})
			return errors.Join(err, idle.err())
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// measureLatency: forty sessions a second, whatever the server does.
func measureLatency(ctx context.Context, b *bench) error {
	s, err := b.medium(ctx)
	if err != nil {
		return err
	}
	return b.with(ctx, s, noPushes, func(p *process) error {
		phones := s.phones[:min(len(s.phones), b.scaled(800, 80))]
		if queued := p.queue(ctx, phones); queued.err() != nil {
			return queued.err()
		}
		out, c, err := p.measure(ctx, func() outcome { return open(ctx, phones, 40, p.busyPoll) })
		st := b.load("latency", "40 sessions/s", s, p, out, c)
		b.figure(figure{Row: "latency", What: "p99 of a request, 40 sessions/s", Value: st.P99, Unit: "ms", Others: c.others})
		b.figure(figure{Row: "latency", What: "p99 of a session (3 requests), 40 sessions/s", Value: st.Session99, Unit: "ms", Target: 15, Others: c.others})
		return errors.Join(err, out.err())
	})
}

// measureBurst: everybody at once.
func measureBurst(ctx context.Context, b *bench) error {
	s, err := b.medium(ctx)
	if err != nil {
		return err
	}
	return b.with(ctx, s, noPushes, func(p *process) error {
		phones := s.phones[:min(len(s.phones), b.scaled(2048, 256))]
		if queued := p.queue(ctx, phones); queued.err() != nil {
			return queued.err()
		}
		out, c, err := p.measure(ctx, func() outcome { return closed(ctx, phones, 256, p.busyPoll) })
		b.load("burst", "256 sessions", s, p, out, c)
		b.figure(figure{Row: "burst", What: "failed sessions, 256 at once", Value: float64(out.failed), Unit: "sessions", Others: c.others})
		b.figure(figure{Row: "burst", What: "answers of 500 and above", Value: float64(out.faults), Unit: "answers", Others: c.others})
		return errors.Join(err, out.err())
	})
}

// measureEnrol: Authenticate and TokenUpdate with certificates issued before,
// in turns at two installations so that whatever disturbs one disturbs both.
func measureEnrol(ctx context.Context, b *bench) error {
	one, err := b.small(ctx)
	if err != nil {
		return err
	}
	two, err := b.medium(ctx)
	if err != nil {
		return err
	}
	return b.with(ctx, one, noPushes, func(p *process) error {
		return b.with(ctx, two, noPushes, func(q *process) error {
			sides := []*side{{site: one, process: p}, {site: two, process: q}}
			const batches = 8
			n := len(one.spare) / batches
			for i := range batches {
				for _, sd := range sides {
					err := sd.run(ctx, sd.site.spare[i*n:(i+1)*n], func(ctx context.Context, ph *phone) ([]time.Duration, error) {
						s, err := dial(ctx, sd.process.listen, ph)
						if err != nil {
							return nil, err
						}
						defer s.close()
						err = s.enrol(sd.site.topic)
						return s.took, err
					})
					if err != nil {
						return err
					}
				}
			}
			a, z := b.compare("enrol", "Authenticate+TokenUpdate", sides)
			b.figure(figure{Row: "enrol", What: fmt.Sprintf("rate at %d / at %d phones", two.all, one.all), Value: z.rate / a.rate, Unit: "", Target: 0.95, AtLeast: true, Others: max(a.used.others, z.used.others)})
			b.figure(figure{Row: "enrol", What: fmt.Sprintf("CPU at %d / at %d phones", two.all, one.all), Value: z.used.perRequest(z.used.server) / a.used.perRequest(a.used.server), Unit: "", Others: max(a.used.others, z.used.others)})
			return nil
		})
	})
}

// side is one of two installations that are measured in turns.
type side struct {
	site    *site
	process *process
	all     outcome
	used    cost
	rates   []float64
	rate    float64 // median, set by compare
}

func (sd *side) run(ctx context.Context, phones []*phone, do work) error {
	out, c, err := sd.process.measure(ctx, func() outcome { return closed(ctx, phones, workers, do) })
	sd.all.merge(out)
	sd.used.add(c)
	sd.rates = append(sd.rates, float64(len(out.requests))/out.wall.Seconds())
	return errors.Join(err, out.err())
}

// compare records both sides.
func (b *bench) compare(row, name string, sides []*side) (first, last *side) {
	for _, sd := range sides {
		sd.rate = median(sd.rates)
		b.load(row, name, sd.site, sd.process, sd.all, sd.used)
	}
	return sides[0], sides[len(sides)-1]
}
