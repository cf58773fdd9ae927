package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// outcome is what became of many sessions.
type outcome struct {
	requests []time.Duration // of each request
	sessions []time.Duration // of each session, connecting and signing included
	failed   int             // sessions that ended with an error
	faults   int             // answers of 500 and above
	first    error           // the first error, for a person
	wall     time.Duration
}

// work is one session of a load.
type work func(ctx context.Context, p *phone) ([]time.Duration, error)

// add takes up one session.
func (o *outcome) add(took time.Duration, requests []time.Duration, err error) {
	o.sessions = append(o.sessions, took)
	o.requests = append(o.requests, requests...)
	if err == nil {
		return
	}
	o.failed++
	if status, ok := errors.AsType[statusError](err); ok && status >= 500 {
		o.faults++
	}
	if o.first == nil {
		o.first = err
	}
}

func (o *outcome) err() error {
	if o.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d sessions failed, the first with: %w", o.failed, len(o.sessions), o.first)
}

// merge adds the sessions of another load that ran after this one.
func (o *outcome) merge(other outcome) {
	o.requests = append(o.requests, other.requests...)
	o.sessions = append(o.sessions, other.sessions...)
	o.failed += other.failed
	o.faults += other.faults
	o.wall += other.wall
	if o.first == nil {
		o.first = other.first
	}
}

// closed runs one session for each phone, so many at a time, each as soon as
// another has ended.
func closed(ctx context.Context, phones []*phone, atOnce int, do work) outcome {
	start := time.Now()
	next := make(chan *phone)
	var mu sync.Mutex
	var out outcome
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for p := range next {
				begun := time.Now()
				requests, err := do(ctx, p)
				took := time.Since(begun)
				mu.Lock()
				out.add(took, requests, err)
				mu.Unlock()
			}
		})
	}
	for _, p := range phones {
		if ctx.Err() != nil {
			break
		}
		next <- p
	}
	close(next)
	workers.Wait()
	out.wall = time.Since(start)
	return out
}

// open starts one session for each phone at a fixed rate, whether or not those
// before have ended.
func open(ctx context.Context, phones []*phone, perSecond int, do work) outcome {
	start := time.Now()
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	var mu sync.Mutex
	var out outcome
	var running sync.WaitGroup
	for _, p := range phones {
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			begun := time.Now()
			requests, err := do(ctx, p)
			took := time.Since(begun)
			mu.Lock()
			out.add(took, requests, err)
			mu.Unlock()
		})
	}
	running.Wait()
	out.wall = time.Since(start)
	return out
}

// quantile returns the value that the given share of all does not exceed.
func quantile(all []time.Duration, share float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*share))]
}

// median returns the middle one.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
