package bolt_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

func stats(t testing.TB, s *bolt.Store) bolt.Stats {
	t.Helper()
	st, err := s.Stats(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func touch(t testing.TB, s *bolt.Store, i int, at time.Time) {
	t.Helper()
	_, err := s.UpdatePhone(t.Context(), storage.DefaultSegment, udid(i), 1, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Contact = at
		return storage.PhoneChange{}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestSizePerPhone holds the store to less than 4 KiB for an enrolled, idle
// phone with all that belongs to it, however often it reports. Commands of
// updates that are over come on top.
func TestSizePerPhone(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]func(t *testing.T, s *bolt.Store, i int){
		"by declaration":         func(*testing.T, *bolt.Store, int) {},
		"by profile and command": rememberLegacy,
		"after six releases":     rememberReleases,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const phones = 500
			s := open(t, create(t))
			empty := stats(t, s)
			fillParallel(t, s, phones)
			each := func(f func(i int)) {
				var wg sync.WaitGroup
				for first := range 50 {
					wg.Go(func() {
						for i := first; i < phones; i += 50 {
							f(i)
						}
					})
				}
				wg.Wait()
			}
			perPhone := func() int {
				st := stats(t, s)
				return (st.UsedPages - empty.UsedPages) * st.PageBytes / phones
			}
			each(func(i int) { more(t, s, i) })
			enrolled := perPhone()
			for day := range 5 {
				each(func(i int) { touch(t, s, i, start.AddDate(0, 0, day+1)) })
			}
			later := perPhone()
			t.Logf("%d bytes a phone when enrolled, %d after many reports", enrolled, later)
			if enrolled >= 4096 || later >= 4096 {
				t.Errorf("got %d and %d bytes a phone, want less than 4096", enrolled, later)
			}
		})
	}
}

// rememberLegacy fills in all that the mechanisms before iOS 27 leave in a
// phone's record: the hold profile, the choice of a branch, and an update by
// command that did not succeed yet.
func rememberLegacy(t *testing.T, s *bolt.Store, i int) {
	_, err := s.UpdatePhone(t.Context(), storage.DefaultSegment, udid(i), 1, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.OS.Version = "16.7.11"
		p.Legacy = &storage.Legacy{
			Profile: uuid("hold"), ListedAt: start, TriedAt: start, CadenceAt: start,
			Attempt: storage.Attempt{
				Number: 3, Rollout: uuid("approval"), Release: "26.6.1", Step: "install", At: start, AnsweredAt: start, PolledAt: start,
				EndedAt: start, Result: "InstallInsufficientPower", Told: true, ProductKey: "iOSUpdate20H370", Downloaded: true, Percent: 100,
			},
		}
		return storage.PhoneChange{}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// rememberReleases fills in what a phone ran before.
func rememberReleases(t *testing.T, s *bolt.Store, i int) {
	_, err := s.UpdatePhone(t.Context(), storage.DefaultSegment, udid(i), 1, func(p *storage.Phone) (storage.PhoneChange, error) {
		for n := range 6 {
			p.History = append(p.History, storage.Ran{
				Version: fmt.Sprintf("26.%d.1", n), Since: start.AddDate(0, 0, 20*n-150).Add(time.Duration(i*37) * time.Minute), Reasons: []string{"declaration"},
			})
		}
		return storage.PhoneChange{}, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// BenchmarkUpdatePhone writes phones' records durably. The figure commits/op
// shows how many operations share a sync.
//
//	go test -run '^$' -bench UpdatePhone ./storage/bolt
func BenchmarkUpdatePhone(b *testing.B) {
	for _, callers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			s := open(b, create(b))
			fillParallel(b, s, 256)
			before := stats(b, s).Commits
			var n atomic.Int64
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			if callers == 1 {
				b.SetParallelism(1)
			}
			b.ResetTimer()
			update := func() {
				i := n.Add(1)
				touch(b, s, int(i%256), start.Add(time.Duration(i)*time.Minute))
			}
			if callers == 1 {
				for range b.N {
					update()
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for pb.Next() {
						update()
					}
				})
			}
			b.ReportMetric(float64(stats(b, s).Commits-before)/float64(b.N), "commits/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
		})
	}
}

// BenchmarkPoll is what an idle phone's poll costs: nothing to change, nothing
// to hand out, no commit.
func BenchmarkPoll(b *testing.B) {
	s := open(b, create(b))
	fillParallel(b, s, 256)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		done, err := s.Exchange(b.Context(), storage.DefaultSegment, udid(i%256), 1, storage.Exchange{
			Update: func(*storage.Phone, *storage.Command) (storage.PhoneChange, error) {
				return storage.PhoneChange{Unchanged: true}, nil
			},
			Handout: &storage.Handout{At: start},
		})
		if err != nil || done.Command != nil {
			b.Fatal(done.Command, err)
		}
	}
}

// BenchmarkQueue is one command for one phone, from queueing to its answer.
func BenchmarkQueue(b *testing.B) {
	s := open(b, create(b))
	fillParallel(b, s, 256)
	body := make([]byte, 700)
	var n atomic.Int64
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			id, uuid := udid(int(i%256)), fmt.Sprint(i)
			if _, err := s.Enqueue(b.Context(), storage.DefaultSegment, []string{id}, []storage.Command{{UUID: uuid, Body: body}}, nil); err != nil {
				b.Error(err)
			}
			if _, err := s.Exchange(b.Context(), storage.DefaultSegment, id, 1, storage.Exchange{Handout: &storage.Handout{At: start}}); err != nil {
				b.Error(err)
			}
			st := storage.CommandStatus{UUID: uuid, State: storage.CommandDone, At: start.Add(time.Duration(i))}
			if _, err := s.Exchange(b.Context(), storage.DefaultSegment, id, 1, storage.Exchange{Status: &st}); err != nil {
				b.Error(err)
			}
		}
	})
	st := stats(b, s)
	b.ReportMetric(float64(st.Operations)/float64(st.Commits), "operations/commit")
}

// BenchmarkPhones lists 1,000 phones.
func BenchmarkPhones(b *testing.B) {
	s := open(b, create(b))
	fillParallel(b, s, 1000)
	b.ReportAllocs()
	for b.Loop() {
		phones, err := s.Phones(b.Context(), storage.DefaultSegment, storage.PhoneQuery{})
		if err != nil || len(phones) != 1000 {
			b.Fatal(len(phones), err)
		}
	}
}

// BenchmarkForgetHolders is a sweep that finds nothing to forget among 50,000
// notices about 1,000 phones, each with who carries it, and one after a phone changed hands.
//
//	go test -run '^$' -bench ForgetHolders ./storage/bolt
func BenchmarkForgetHolders(b *testing.B) {
	s := open(b, create(b))
	fillParallel(b, s, 1000)
	for i := range 1000 {
		carry(b, s, i, "S-1", 50)
	}
	forget := func(want int) {
		if n, err := s.ForgetHolders(b.Context(), storage.DefaultSegment, 1000); err != nil || n != want {
			b.Fatalf("%d forgotten, %v; want %d", n, err, want)
		}
	}
	for range 10 { // what was just told is looked at once
		forget(0)
	}
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			forget(0)
		}
	})
	b.Run("one phone", func(b *testing.B) {
		i, want := 0, 50
		for b.Loop() {
			b.StopTimer()
			if i == 1000 {
				i, want = 0, 0 // by now nobody's is known any more
			}
			carry(b, s, i, "S-2", 0)
			b.StartTimer()
			forget(want)
			i++
		}
	})
}

// carry says who carries a phone, and tells so many notices of it.
func carry(b *testing.B, s *bolt.Store, i int, holder string, notices int) {
	_, err := s.UpdatePhone(b.Context(), storage.DefaultSegment, udid(i), 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.Holder = holder
		c := storage.PhoneChange{}
		for n := range notices {
			c.Notices = append(c.Notices, storage.Notice{
				ID: fmt.Sprintf("%d-%d", i, n), Kind: "chase.message", At: start, Group: "sales", Release: "26.6.1", Phone: p.UDID, Holder: holder,
				Params: map[string]string{"step": "message@+6h", "reason": "offline", "approval": "0f3c4a60-8a3c-4c5e-9c39-0d6f8d9a1b2c", "deadline": "2026-08-21T09:00:00"},
			})
		}
		return c, nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
