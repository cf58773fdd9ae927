package simulation

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// What a run is told by its environment; make sim sets it.
const (
	seedsVariable  = "KANNUKI_SIM_SEEDS"  // how many lives; 10 when unset, 4 with -short
	firstVariable  = "KANNUKI_SIM_FIRST"  // the seed of the first; 1 when unset
	seedVariable   = "KANNUKI_SIM_SEED"   // this life alone, with everything that happens in it
	keepVariable   = "KANNUKI_SIM_KEEP"   // and of it only so much, as printed by a run that failed
	searchVariable = "KANNUKI_SIM_SEARCH" // not "": search the planted faults instead of going to where they are
)

func searching() bool { return os.Getenv(searchVariable) != "" }

// small is the size of the lives of a plain run: what many of them find, a large
// one would find later. One in sixteen is long enough for the end of a hold,
// in one of eight flaws are exploited, in another users complain, on more phones.
func small(seed uint64) size {
	of := plain(seed)
	of.locked = seed%16 == 12
	of.edited = seed%16 == 2 || seed%32 == 20
	of.older = seed%32 == 31
	of.rearranged = seed%32 == 26
	of.removed = seed%32 == 25
	// None of those that are lived twice: by a start nobody was silent for longer.
	if seed%32 == 29 {
		of.phones, of.troubled = 20, true
	}
	if seed%32 == 23 {
		of.phones, of.failing = 14, true
	}
	if seed%32 == 8 {
		of.phones, of.edited, of.classes = 14, true, true
	}
	if seed%64 == 33 || seed%64 == 49 {
		of.phones, of.ordered, of.improves = 16, true, seed%64 == 49
	}
	if seed%32 == 10 {
		of.phones, of.counts = 20, true
	}
	return of
}

func plain(seed uint64) size {
	if seed%16 == 0 {
		return size{phones: 8, days: 125, slow: true, majors: seed%64 == 48}
	}
	if seed%32 == 14 {
		return size{phones: 8, days: 40, delivers: true}
	}
	if seed%32 == 30 {
		return size{phones: 8, days: 40, reminds: true}
	}
	if seed%16 == 6 {
		return size{phones: 8, days: 40, majors: true}
	}
	if seed%16 == 5 {
		return size{phones: 14, days: 40, complains: true}
	}
	if seed%32 == 24 {
		return size{phones: 10, days: 40, improves: true}
	}
	if seed%32 == 19 {
		return size{phones: 14, days: 40, onceMore: true}
	}
	if seed%8 == 3 {
		return size{phones: 14, days: 40, flawed: true}
	}
	return size{phones: 8, days: 40}
}

// large is the size that the figures are about.
func large() size { return size{phones: 100, days: 120} }

// examine lives a life and reports the first property that does not hold. With
// twice it is lived once more without the faults, and must end the same: that is
// P11.
func examine(t *testing.T, l life, pl plant, twice bool) (violation, bool) {
	t.Helper()
	o := live(t.Context(), l, options{plant: pl})
	if v, bad := o.violates(""); bad {
		return v, true
	}
	if replays(l, pl) {
		if p := replay(t, l, pl, o.asked); len(p.violations) > 0 {
			return p.violations[0], true
		}
	}
	if !twice {
		return violation{}, false
	}
	other := live(t.Context(), l, options{plant: pl, faultless: true})
	if other.end == o.end {
		return violation{}, false
	}
	return violation{"P11", l.start.AddDate(0, 0, l.days), "without faults it ends otherwise:\n" + differences(other.end, o.end)}, true
}

// differences returns the lines that only one of two texts has.
func differences(want, got string) string {
	var b strings.Builder
	only := func(mark, from, not string) {
		for line := range strings.Lines(from) {
			if !strings.Contains(not, line) {
				b.WriteString(mark + line)
			}
		}
	}
	only("- ", want, got)
	only("+ ", got, want)
	return b.String()
}

// TestLives holds every property in life after life.
func TestLives(t *testing.T) {
	t.Parallel()
	if os.Getenv(seedVariable) != "" {
		one(t)
		return
	}
	n := number64(t, seedsVariable, 1, 10)
	if testing.Short() && os.Getenv(seedsVariable) == "" {
		n = 4
	}
	first := number64(t, firstVariable, 0, 1)
	var next, violations atomic.Uint64
	var workers sync.WaitGroup
	next.Store(first)
	const enough = 4 // violations are worth nobody's time any more
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := next.Add(1) - 1; seed < first+n && violations.Load() < enough; seed = next.Add(1) - 1 {
				l := draw(seed, small(seed))
				v, bad := examine(t, l, plant{}, seed%twiceEach == 0)
				if bad {
					violations.Add(1)
					t.Errorf("seed %d: %s\nagain: %s", seed, v, again(t, l, v.property))
				}
			}
		})
	}
	workers.Wait()
	t.Logf("%d lives, from seed %d", n, first)
	if os.Getenv(seedsVariable) != "" && !t.Failed() {
		cost(t)
	}
}

// cost prints what a large life costs: the median of some, because they differ.
func cost(t *testing.T) {
	t.Helper()
	const lives = 3
	var each []time.Duration
	for seed := range uint64(lives) {
		r := testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				if v, bad := live(t.Context(), draw(1+seed, large()), options{}).violates(""); bad {
					t.Errorf("seed %d of the large lives: %s", 1+seed, v)
				}
			}
		})
		each = append(each, r.T/time.Duration(r.N))
	}
	slices.Sort(each)
	t.Logf("a life of 100 phones and 120 days takes %d ms", each[lives/2].Milliseconds())
}

// twiceEach is how many lives one is lived twice of.
const twiceEach = 4

// again returns the command line that repeats as little of a life as still
// violates the property.
func again(t *testing.T, l life, property string) string {
	t.Helper()
	least := shrink(l, func(smaller life) bool {
		v, bad := examine(t, smaller, plant{}, property == "P11")
		return bad && v.property == property
	})
	return fmt.Sprintf("make sim SEED=%d KEEP='%s'", l.seed, least.kept())
}

// one lives a single life and tells what happens in it.
func one(t *testing.T) {
	t.Helper()
	seed := number64(t, seedVariable, 0, 0)
	l := draw(seed, small(seed))
	l, err := l.keep(os.Getenv(keepVariable))
	if err != nil {
		t.Fatal(err)
	}
	var story strings.Builder
	o := live(t.Context(), l, options{lines: func(line string) { story.WriteString(line) }})
	t.Logf("what happened:\n%s\nwhere everything ends:\n%s\ntrace %s", &story, o.end, o.hash)
	if v, bad := examine(t, l, plant{}, seed%twiceEach == 0); bad {
		t.Error(v)
	}
}

// number64 returns what a variable says, or something else where it says nothing.
func number64(t *testing.T, variable string, least, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return otherwise
	}
	n, err := numeral(text, least)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// numeral reads a number of lives or a seed, which is not below least.
func numeral(text string, least uint64) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n < least {
		return 0, fmt.Errorf("%q: want a whole number from %d to %d", text, least, uint32(math.MaxUint32))
	}
	return n, nil
}

// TestNumerals: a run of no lives at all would hold everything.
func TestNumerals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text  string
		least uint64
		want  uint64
		fails bool
	}{
		{text: "2000", least: 1, want: 2000},
		{text: "0", least: 0, want: 0},
		{text: "0", least: 1, fails: true},
		{text: "-1", least: 0, fails: true},
		{text: "many", least: 0, fails: true},
		{text: "4294967296", least: 0, fails: true},
	} {
		if n, err := numeral(tt.text, tt.least); n != tt.want || (err != nil) != tt.fails {
			t.Errorf("numeral(%q, %d) = %d, %v", tt.text, tt.least, n, err)
		}
	}
}

// TestSameSeedSameLife: a life is the same each time it is lived, to the letter. In
// that of seed 47 the server dies between two segments.
func TestSameSeedSameLife(t *testing.T) {
	t.Parallel()
	hashes := map[string]uint64{}
	for _, seed := range []uint64{7, 20, 23, 29, 47} {
		l := draw(seed, small(seed))
		first := live(t.Context(), l, options{})
		if second := live(t.Context(), l, options{}); first.hash != second.hash || first.end != second.end || !slices.Equal(first.asked, second.asked) {
			t.Errorf("seed %d has the traces %s and %s", seed, first.hash, second.hash)
		}
		if same, ok := hashes[first.hash]; ok {
			t.Errorf("seeds %d and %d have the same trace %s", same, seed, first.hash)
		}
		hashes[first.hash] = seed
	}
}

// TestSameLifeOnTheWire: what most lives do without, the encoding of messages and
// a store that copies every record, changes nothing in them.
func TestSameLifeOnTheWire(t *testing.T) {
	t.Parallel()
	l := draw(11, small(11))
	plain := live(t.Context(), l, options{})
	l.wire = !l.wire
	wired := live(t.Context(), l, options{})
	if plain.hash != wired.hash || plain.end != wired.end {
		t.Errorf("traces %s and %s; the ends differ by:\n%s", plain.hash, wired.hash, differences(plain.end, wired.end))
	}
}

// BenchmarkLife is the cost of a life, with all checks: of the size of a plain
// run, and of the one that the figure is about.
func BenchmarkLife(b *testing.B) {
	for name, of := range map[string]size{"small": small(1), "long": small(0), "100x120": large()} {
		b.Run(name, func(b *testing.B) {
			seed := uint64(0)
			for b.Loop() {
				seed++
				if v, bad := live(b.Context(), draw(seed, of), options{}).violates(""); bad {
					b.Fatalf("seed %d: %s", seed, v)
				}
			}
		})
	}
}
