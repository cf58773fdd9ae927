package storage_test

import (
	"errors"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

func sampleEntry() storage.AuditEntry {
	return storage.AuditEntry{
		Seq: 7, At: time.Date(2026, 11, 22, 1, 30, 0, 123456789, time.UTC),
		Actor: "uid:1000(tanaka)", Action: "gate.approve", Target: "sales 26.6.1", Reason: "検証済み",
		Detail: map[string]string{"deadline": "2026-11-25T12:00:00", "apps": "4"}, Prev: "ab",
	}
}

// TestDigest holds the encoding fixed: chains in the field were made with it.
func TestDigest(t *testing.T) {
	t.Parallel()
	const want = "2bd35fe3e0712bc76d455b7d74063ed201f8e8f62c711d1a66cde61f6adffb37"
	e := sampleEntry()
	if got := e.Digest(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	e.At = e.At.In(time.FixedZone("JST", 9*60*60)).Truncate(time.Microsecond)
	e.Hash = "whatever"
	if got := e.Digest(); got != want {
		t.Errorf("same instant, other zone and precision: got %s, want %s", got, want)
	}
}

func TestDigestCoversEveryField(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*storage.AuditEntry){
		"seq":          func(e *storage.AuditEntry) { e.Seq++ },
		"at":           func(e *storage.AuditEntry) { e.At = e.At.Add(time.Microsecond) },
		"actor":        func(e *storage.AuditEntry) { e.Actor += "x" },
		"action":       func(e *storage.AuditEntry) { e.Action += "x" },
		"target":       func(e *storage.AuditEntry) { e.Target += "x" },
		"reason":       func(e *storage.AuditEntry) { e.Reason += "x" },
		"detail value": func(e *storage.AuditEntry) { e.Detail["apps"] = "5" },
		"detail key":   func(e *storage.AuditEntry) { delete(e.Detail, "apps"); e.Detail["app"] = "s4" },
		"detail gone":  func(e *storage.AuditEntry) { delete(e.Detail, "apps") },
		"prev":         func(e *storage.AuditEntry) { e.Prev = "ac" },
		"a boundary":   func(e *storage.AuditEntry) { e.Actor, e.Action = e.Actor+"g", e.Action[1:] },
	} {
		e := sampleEntry()
		change(&e)
		if e.Digest() == sampleEntry().Digest() {
			t.Errorf("%s: the digest is the same", name)
		}
	}
}

func TestVerifyAudit(t *testing.T) {
	t.Parallel()
	chain := func() []storage.AuditEntry {
		var entries []storage.AuditEntry
		before := storage.AuditEntry{}
		for range 4 {
			e := sampleEntry()
			e.Seq, e.Prev = before.Seq+1, before.Hash
			e.Hash = e.Digest()
			entries = append(entries, e)
			before = e
		}
		return entries
	}
	sound := chain()
	if err := storage.VerifyAudit(storage.AuditEntry{}, sound); err != nil {
		t.Error(err)
	}
	if err := storage.VerifyAudit(sound[1], sound[2:]); err != nil {
		t.Errorf("from the middle: %v", err)
	}
	for name, damage := range map[string]func([]storage.AuditEntry) []storage.AuditEntry{
		"first missing": func(e []storage.AuditEntry) []storage.AuditEntry { return e[1:] },
		"one missing":   func(e []storage.AuditEntry) []storage.AuditEntry { return append(e[:1], e[2:]...) },
		"one altered":   func(e []storage.AuditEntry) []storage.AuditEntry { e[2].Actor = "other"; return e },
		"one recomputed": func(e []storage.AuditEntry) []storage.AuditEntry {
			e[2].Actor = "other"
			e[2].Hash = e[2].Digest()
			return e
		},
		"two exchanged": func(e []storage.AuditEntry) []storage.AuditEntry { e[1], e[2] = e[2], e[1]; return e },
	} {
		if err := storage.VerifyAudit(storage.AuditEntry{}, damage(chain())); !errors.Is(err, storage.ErrCorrupt) {
			t.Errorf("%s: got error %v, want ErrCorrupt", name, err)
		}
	}
}
