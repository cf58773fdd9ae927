package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/storage"
)

// BenchmarkChase is a look for steps that are due among 100,000 phones in 100
// groups, each with a candidate that lacks results: what a tick costs while nothing
// is due.
func BenchmarkChase(b *testing.B) {
	facts, err := catalog.Embedded()
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 8, 26, 9, 0, 0, 0, time.UTC)
	records := storage.World{Apps: []storage.App{{BundleID: "com.example.pos", Name: "POS", Importance: "critical"}}}
	w := &worldState{census: newCensus()}
	for g := range 100 {
		name := fmt.Sprintf("group-%02d", g)
		records.Groups = append(records.Groups, storage.Group{Name: name, Apps: []string{"com.example.pos"}, CreatedAt: now.AddDate(0, -6, 0)})
		records.Offers = append(records.Offers, storage.Offer{Group: name, Release: "26.6.1", At: now.AddDate(0, 0, -1)})
		for i := range 1000 {
			p := censusPhone(fmt.Sprintf("%s-%d", name, i), "26.5")
			p.Group, p.TimeZone, p.Contact = name, "Asia/Tokyo", now
			if i < 50 {
				p.Ring = storage.RingVerification
			}
			w.census.add(p, w.census.moment())
		}
	}
	w.current.Store(newSnapshot(records, facts, time.UTC))
	f := New(nil, nil, func() time.Time { return now }, Options{})
	if n := len(f.pursuits(w, f.gatedNow(w, w.current.Load()))); n != 100 {
		b.Fatalf("%d candidates lack results, want 100", n)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := f.chase(b.Context(), w, f.gatedNow(w, w.current.Load())); err != nil {
			b.Fatal(err)
		}
	}
}
