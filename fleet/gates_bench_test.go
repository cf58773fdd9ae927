package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// rollingOut is a fleet of groups in each of which one rollout is under way, that takes
// half of the phones a day after the others. One phone of twenty is for tests and came
// from production.
func rollingOut(tb testing.TB, groups, phones int, app string) (*Fleet, *worldState) {
	tb.Helper()
	facts, err := catalog.Embedded()
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Date(2026, 8, 26, 9, 0, 0, 0, time.UTC)
	records := storage.World{Apps: []storage.App{{BundleID: "com.example.pos", Name: "POS", Importance: "critical"}}}
	w := &worldState{census: newCensus()}
	for g := range groups {
		name := fmt.Sprintf("group-%04d", g)
		records.Groups = append(records.Groups, storage.Group{Name: name, Apps: []string{"com.example.pos"}, CreatedAt: now.AddDate(0, -6, 0)})
		records.Approvals = append(records.Approvals, storage.Approval{
			ID: name, Group: name, Release: "26.6.1", By: "sato", At: now.AddDate(0, 0, -2), Models: []string{"iPhone15,2"},
			Floors: []storage.Floor{{BundleID: "com.example.pos", Version: "3.0"}},
			Waves: []storage.Wave{
				{Start: now.AddDate(0, 0, -2), Threshold: policy.Buckets / 2, Deadline: "2026-08-28T12:00:00"},
				{Start: now.AddDate(0, 0, -1), Threshold: policy.Buckets, Deadline: "2026-08-29T12:00:00"},
			},
		})
		for i := range phones {
			p := censusPhone(fmt.Sprintf("%s-%d", name, i), "26.5")
			p.Group, p.TimeZone, p.Contact, p.AppsAt = name, "Asia/Tokyo", now, now
			p.Apps = []storage.InstalledApp{{BundleID: "com.example.pos", ShortVersion: app}}
			p.AppsFor = []string{"com.example.pos"}
			if i%20 == 0 {
				p.Ring, p.Former, p.OS.Version = storage.RingVerification, name, "26.6.1"
			}
			w.census.add(p, w.census.moment())
		}
	}
	w.current.Store(newSnapshot(records, facts, time.UTC))
	f := New(nil, nil, func() time.Time { return now }, Options{})
	f.worlds = map[storage.Segment]*worldState{w.segment: w}
	return f, w
}

// TestGatesCostNoPhones: the list of gates does not explain every phone, whether its app
// is new enough or half of the phones wait for a person to update it.
func TestGatesCostNoPhones(t *testing.T) {
	const phones = 2000
	for _, tt := range []struct {
		app  string
		step policy.Code
	}{{"3.1", policy.StepNone}, {"2.9", policy.StepUpdateApp}} {
		f, w := rollingOut(t, 1, phones, tt.app)
		gates, err := f.Gates(w.segment, "")
		if err != nil || gates[0].Phase != policy.PhaseRollingOut || gates[0].NextHuman != tt.step {
			t.Fatalf("with app %s: %+v, error %v; want a rollout with step %q", tt.app, gates, err, tt.step)
		}
		allocs := testing.AllocsPerRun(3, func() {
			if _, err := f.Gates(w.segment, ""); err != nil {
				t.Error(err)
			}
		})
		if allocs > 2*phones { // an explanation makes dozens
			t.Errorf("with app %s: %.0f allocations for %d phones", tt.app, allocs, phones)
		}
	}
}

// TestPartsOfWaves: phones that look alike share an explanation only where they are in
// the same wave.
func TestPartsOfWaves(t *testing.T) {
	t.Parallel()
	f, w := rollingOut(t, 1, 300, "3.1")
	s := w.current.Load()
	records := s.records
	records.Approvals[0].Waves[1].Start = f.now().AddDate(0, 0, 1)
	w.current.Store(newSnapshot(records, s.catalog, time.UTC))
	e, found := f.explainer(w), map[policy.Code]int{}
	e.survey("", func(m member, x explained) {
		p := m.look.phone
		p.UDID, p.Contact = m.udid, m.contact.time()
		if own := e.explained(&p); own.reason != x.reason {
			t.Fatalf("%s shares the reason %s, its own is %s", m.udid, x.reason, own.reason)
		}
		found[x.reason]++
	})
	if len(found) < 2 {
		t.Errorf("all phones have the same reason: %v", found)
	}
}

// BenchmarkGates is the list of all gates of 100,000 phones.
func BenchmarkGates(b *testing.B) {
	for _, groups := range []int{1, 100, 1000} {
		for _, app := range []string{"3.1", "2.9"} {
			b.Run(fmt.Sprintf("groups=%d/app=%s", groups, app), func(b *testing.B) {
				f, w := rollingOut(b, groups, 100_000/groups, app)
				for b.Loop() {
					if _, err := f.Gates(w.segment, ""); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkEdit is what edits of the records cost that open no gate, in a fleet of 100,000
// phones of which 5,000 left production: everybody else's edits wait for them.
func BenchmarkEdit(b *testing.B) {
	delivered, named := "store", "Point of sale"
	for _, groups := range []int{1, 100, 1000} {
		f, w := rollingOut(b, groups, 100_000/groups, "3.1")
		dry := Act{Actor: "uid:1(sato)", Reason: "try", DryRun: true}
		app := func(c AppChange) error {
			_, err := f.SetApp(b.Context(), w.segment, dry, "com.example.pos", c)
			return err
		}
		for name, edit := range map[string]func() error{
			"group": func() error {
				_, err := f.SetGroup(b.Context(), w.segment, dry, GroupRequest{Name: "group-0000", CandidateNotice: 5 * time.Hour})
				return err
			},
			"app-of-all":      func() error { return app(AppChange{Deliver: &delivered}) },
			"name-of-the-app": func() error { return app(AppChange{Name: &named}) },
		} {
			b.Run(fmt.Sprintf("groups=%d/%s", groups, name), func(b *testing.B) {
				for b.Loop() {
					if err := edit(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
