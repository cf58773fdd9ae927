package main

import (
	"context"
	"time"
)

// cost is what a step used.
type cost struct {
	server, client time.Duration // CPU time
	others         float64       // cores used by everybody else
	commits        uint64        // of the database: each is a sync of the disk
	requests       int
}

// quiet is how many cores others may use before a figure is called disturbed.
const quiet = 0.3

// perRequest returns a duration in milliseconds a request.
func (c cost) perRequest(d time.Duration) float64 {
	return milliseconds(d) / float64(max(1, c.requests))
}

func (c *cost) add(other cost) {
	c.server += other.server
	c.client += other.client
	c.commits += other.commits
	c.requests += other.requests
	c.others = max(c.others, other.others)
}

// reading is the state of all counters at one moment.
type reading struct {
	at                      time.Time
	server, client, machine time.Duration
	commits                 uint64
}

func (p *process) read(ctx context.Context) (r reading, err error) {
	// Asked first and subtracted with the rest, it costs the step nothing.
	health, err := p.health(ctx)
	if err != nil {
		return r, err
	}
	r.commits = health.Database.Commits
	if r.server, err = p.cpu(); err != nil {
		return r, err
	}
	if r.client, err = ownCPU(); err != nil {
		return r, err
	}
	r.machine, err = machineCPU()
	r.at = time.Now()
	return r, err
}

// measure runs a step and returns what it used. Asking for the counters is not
// part of it.
func (p *process) measure(ctx context.Context, step func() outcome) (outcome, cost, error) {
	before, err := p.read(ctx)
	if err != nil {
		return outcome{}, cost{}, err
	}
	out := step()
	server, err := p.cpu()
	if err != nil {
		return out, cost{}, err
	}
	client, err := ownCPU()
	if err != nil {
		return out, cost{}, err
	}
	machine, err := machineCPU()
	if err != nil {
		return out, cost{}, err
	}
	wall := time.Since(before.at)
	health, err := p.health(ctx)
	if err != nil {
		return out, cost{}, err
	}
	c := cost{
		server: server - before.server, client: client - before.client, commits: health.Database.Commits - before.commits,
		requests: len(out.requests),
	}
	c.others = max(0, float64(machine-before.machine-c.server-c.client)/float64(wall))
	return out, c, nil
}
