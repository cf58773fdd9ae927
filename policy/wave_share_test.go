package policy_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// shares reads shares that are known to be readable.
func shares(texts ...string) []policy.WaveShare {
	out := make([]policy.WaveShare, len(texts))
	for i, text := range texts {
		out[i], _ = policy.ParseWaveShare(text)
	}
	return out
}

func TestParseWaveShare(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]policy.WaveShare{
		"5%": {Percent: 5}, "100%": policy.Everybody(), "1": {Phones: 1}, "100": {Phones: 100}, "0020": {Phones: 20},
	} {
		if got, ok := policy.ParseWaveShare(text); !ok || got != want {
			t.Errorf("%q is %+v, %t; want %+v", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "%", "0", "0%", "101%", "-5", "5.0", "5 %", "5%%", "5%@+0", "many", "99999999999999999999"} {
		if got, ok := policy.ParseWaveShare(text); ok {
			t.Errorf("%q is %+v, want it refused", text, got)
		}
	}
}

func TestWaveShareOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		share        string
		phones, want int
	}{
		{"1%", 1, 1},
		{"5%", 20, 1},
		{"5%", 21, 2},
		{"50%", 3, 2},
		{"100%", 7, 7},
		{"10%", 0, 0},
		{"20", 100, 20},
		{"20", 20, 20},
		{"20", 7, 7},
		{"20", 0, 0},
	} {
		if got := shares(tc.share)[0].Of(tc.phones); got != tc.want {
			t.Errorf("%s of %d phones are %d, want %d", tc.share, tc.phones, got, tc.want)
		}
	}
}

// TestThresholds: each wave lets in so many of the phones that wait, and never
// fewer than the one before it.
func TestThresholds(t *testing.T) {
	t.Parallel()
	const all = policy.Buckets
	for name, tc := range map[string]struct {
		shares []policy.WaveShare
		phones int // in buckets 0, 10, 20 and so on
		want   []uint32
	}{
		"parts":                       {shares("10%", "50%", "100%"), 10, []uint32{1, 41, all}},
		"numbers":                     {shares("1", "4", "100%"), 10, []uint32{1, 31, all}},
		"a number first":              {shares("3", "50%", "100%"), 10, []uint32{21, 41, all}},
		"a part first":                {shares("10%", "4", "100%"), 10, []uint32{1, 31, all}},
		"a part that is fewer":        {shares("6", "50%", "100%"), 10, []uint32{51, 51, all}},
		"a number that is fewer":      {shares("50%", "2", "100%"), 10, []uint32{41, 41, all}},
		"a number of all":             {shares("10", "100%"), 10, []uint32{all, all}},
		"a number of more than all":   {shares("20", "50%", "100%"), 10, []uint32{all, all, all}},
		"a part while nobody waits":   {shares("10%", "50%", "100%"), 0, []uint32{1000, 5000, all}},
		"a number while nobody waits": {shares("10%", "5", "100%"), 0, []uint32{1000, all, all}},
	} {
		var buckets []uint32
		for i := range tc.phones {
			buckets = append(buckets, uint32(i*10))
		}
		if diff := cmp.Diff(tc.want, policy.Thresholds(tc.shares, buckets)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A share of the lane's first wave is of the most exposed phones, and nobody goes
// first when there are none.
func TestFirstOfLane(t *testing.T) {
	t.Parallel()
	if got := policy.FirstOfLane([]uint32{3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37}); got != 6 {
		t.Errorf("of eleven phones those below %d go first, want two, below 6", got)
	}
	if got := policy.FirstOfLane(nil); got != policy.Buckets {
		t.Errorf("of no phones those below %d go first, want no wave of their own", got)
	}
}

func ExampleThresholds() {
	waiting := []uint32{120, 480, 2200, 5100, 9000}
	first, _ := policy.ParseWaveShare("2")
	fmt.Println(first, policy.Thresholds([]policy.WaveShare{first, policy.Everybody()}, waiting))
	// Output: 2 [481 10000]
}

// FuzzParseWaveShare: what is read is written as it can be read again, grows from
// nothing smaller, and is never more than the phones there are.
func FuzzParseWaveShare(f *testing.F) {
	for _, text := range []string{"5%", "100%", "101%", "20", "0", "-1", "+7", "007%", "1e3", "5%@+2d", "９", "9223372036854775807"} {
		f.Add(text, 30)
	}
	f.Fuzz(func(t *testing.T, text string, phones int) {
		s, ok := policy.ParseWaveShare(text)
		if !ok {
			return
		}
		if again, ok := policy.ParseWaveShare(s.String()); !ok || again != s {
			t.Errorf("%q is %+v and read again %+v", text, s, again)
		}
		if s.Grows(s) {
			t.Errorf("%q follows itself", text)
		}
		phones &= 1<<20 - 1
		if n := s.Of(phones); n < 0 || n > phones || phones > 0 && n == 0 {
			t.Errorf("%q of %d phones are %d", text, phones, n)
		}
		waiting := make([]uint32, phones&0xff)
		for i := range waiting {
			waiting[i] = policy.Bucket("26.6", fmt.Sprint(i))
		}
		slices.Sort(waiting)
		if got := policy.Thresholds([]policy.WaveShare{s, policy.Everybody()}, waiting); got[0] > got[1] || got[1] != policy.Buckets {
			t.Errorf("%q of %d phones: %v", text, len(waiting), got)
		}
	})
}
