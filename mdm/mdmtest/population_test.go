package mdmtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// scaled is a phone clock that runs ahead of the wall clock.
type scaled struct {
	start time.Time
	wall  func() time.Time
	began time.Time
	speed float64
}

func (s scaled) Now() time.Time {
	return s.start.Add(time.Duration(float64(s.wall().Sub(s.began)) * s.speed))
}

// installLog closes all when that many phones have installed an update. The
// journal writes one entry at a time.
type installLog struct {
	bytes.Buffer
	want int
	all  chan struct{}
}

func (l *installLog) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte(`"kind":"installed"`)) {
		if l.want--; l.want == 0 {
			close(l.all)
		}
	}
	return l.Buffer.Write(line)
}

func TestPopulation(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	const speed = 200_000 // a day in about 0.4 s
	wall := time.Now
	clk := scaled{start: newClock().Now(), wall: wall, began: wall(), speed: speed}
	log := &installLog{want: 20, all: make(chan struct{})}
	journal := NewJournal(log)
	var phones []*Phone
	for i := range 20 {
		p, err := New(Options{
			UDID: fmt.Sprintf("phone-%d", i), Now: clk.Now, Journal: journal, Apple: catalog{release},
			OSVersion: "26.6", Build: "23G1", User: User{TapsInstall: time.Hour},
		})
		if err != nil {
			t.Fatal(err)
		}
		phones = append(phones, p)
	}
	pop := NewPopulation(phones, PopulationOptions{Speed: speed, OnError: func(p *Phone, err error) { t.Errorf("%s: %v", p.UDID(), err) }})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() { _ = pop.Run(ctx, 2) })
	phones[0].SetBattery(0.1) // a phone that waits is woken by a setter
	phones[0].SetBattery(0.8)
	select {
	case <-log.all:
	case <-ctx.Done():
	}
	cancel()
	wg.Wait()
	if n := len(journal.Entries(KindInstalled)); n != len(phones) {
		t.Errorf("%d of %d phones installed the update", n, len(phones))
	}
	var lines int
	for dec := json.NewDecoder(&log.Buffer); dec.More(); lines++ {
		var e Entry
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(journal.Entries()); lines != n || journal.Err() != nil {
		t.Errorf("%d lines for %d entries, error %v", lines, n, journal.Err())
	}
}

func TestKeyPool(t *testing.T) {
	t.Parallel()
	a, err := testKeys.Get()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 5 {
		k, err := testKeys.Get()
		if err != nil {
			t.Fatal(err)
		}
		seen[k.N.String()] = true
	}
	if len(seen) != 2 || a.N.BitLen() != 2048 {
		t.Errorf("pool of 2 gave %d keys of %d bits", len(seen), a.N.BitLen())
	}
}
