package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/storage"
)

// BenchmarkJudge is what telling the effect of a result costs in a group of 10,000
// phones, no two of which are alike. No decision waits for it.
func BenchmarkJudge(b *testing.B) {
	facts, err := catalog.Embedded()
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 8, 26, 9, 0, 0, 0, time.UTC)
	records := storage.World{
		Apps:   []storage.App{{BundleID: "com.example.pos", Name: "POS", Importance: "critical"}},
		Groups: []storage.Group{{Name: "sales", Apps: []string{"com.example.pos"}, CreatedAt: now.AddDate(0, -6, 0)}},
		Offers: []storage.Offer{{Group: "sales", Release: "26.6.1", At: now.AddDate(0, 0, -1)}},
	}
	w := &worldState{census: newCensus()}
	for i := range 10_000 {
		p := censusPhone(fmt.Sprintf("P%d", i), "26.5")
		p.Group, p.TimeZone, p.Contact = "sales", "Asia/Tokyo", now
		p.Apps = []storage.InstalledApp{{BundleID: "com.example.pos", ShortVersion: fmt.Sprintf("3.%d", i)}}
		if i < 50 {
			p.Ring, p.OS.Version = storage.RingVerification, "26.6.1"
		}
		w.census.add(p, w.census.moment())
	}
	s := newSnapshot(records, facts, time.UTC)
	w.current.Store(s)
	f := New(nil, nil, func() time.Time { return now }, Options{})
	v := storage.Verdict{
		ID: "v", BundleID: "com.example.pos", Release: "26.6.1", Result: "works", Method: "full", By: "sato", At: now,
		Group: "sales", Phone: "P0", Ring: storage.RingVerification, PhoneOS: "26.6.1", Model: w.census.looksOf("sales")[0].Model, AppVersion: "3.0",
	}
	change := storage.WorldChange{Verdicts: []storage.Verdict{v}}
	for b.Loop() {
		f.judge(w, s, change, v)
	}
}
