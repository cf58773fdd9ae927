package simulation

import (
	"os"
	"strings"
	"testing"
	"fmt"
	"sync"
)

// TestTmp: KANNUKI_TMP="mod rem from to plant-substring|-"
func TestTmp(t *testing.T) {
	var mod, rem, from, to uint64
	var name string
	f := strings.SplitN(os.Getenv("KANNUKI_TMP"), " ", 5)
	fmt.Sscan(strings.Join(f[:4], " "), &mod, &rem, &from, &to)
	name = f[4]
	pl := plant{}
	if name != "-" {
		for _, p := range plants() {
			if strings.Contains(p.name, name) {
				pl = p
			}
		}
		if pl.name == "" { t.Fatal("no plant") }
	}
	n, found := 0, 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan uint64)
	for range 2 {
		wg.Go(func() {
			for seed := range next {
				v, bad := examine(t, draw(seed, small(seed)), pl, seed%twiceEach == 0)
				mu.Lock()
				n++
				if bad { found++; t.Logf("seed %d: %s", seed, v) }
				mu.Unlock()
			}
		})
	}
	for s := from; s <= to; s++ {
		if s%mod == rem && (pl.name == "" || found < 6) { next <- s }
	}
	close(next)
	wg.Wait()
	t.Logf("%d lives, %d found", n, found)
}
