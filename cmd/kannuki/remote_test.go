package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// command runs one command against a server that answers with handler.
func command(t *testing.T, handler http.HandlerFunc, args ...string) (string, error) {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	g := testGlobals(lang.English)
	g.getenv = func(name string) string { return map[string]string{"KANNUKI_TOKEN": "secret"}[name] }
	root := newRootCommand(g)
	var out strings.Builder
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{"--server", s.URL}, args...))
	err := root.ExecuteContext(t.Context())
	return out.String(), err
}

// auditLog serves a chain of three entries, changed by alter before it is sent.
func auditLog(alter func([]api.AuditEntry) []api.AuditEntry) http.HandlerFunc {
	var entries []api.AuditEntry
	var before storage.AuditEntry
	for i, action := range []string{"app.add", "group.add", "gate.approve"} {
		e := storage.AuditEntry{
			Seq: before.Seq + 1, At: time.Date(2026, 11, 22, 9, i, 0, 1000, time.UTC), Actor: "uid:1000", Action: action,
			Reason: "because", Detail: map[string]string{"n": action}, Prev: before.Hash,
		}
		e.Hash = e.Digest()
		before = e
		entries = append(entries, api.AuditEntry{
			Seq: e.Seq, At: e.At, Actor: e.Actor, Action: e.Action, Target: e.Target, Reason: e.Reason, Detail: e.Detail, Prev: e.Prev, Hash: e.Hash,
		})
	}
	entries = alter(entries)
	return func(w http.ResponseWriter, r *http.Request) {
		page := api.Audit{Entries: entries}
		if r.URL.Query().Get("after") != "0" {
			page.Entries = nil
		}
		_ = json.NewEncoder(w).Encode(page)
	}
}

func TestAuditVerify(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		alter func([]api.AuditEntry) []api.AuditEntry
		args  []string
		want  string // in the error; "" when whole
	}{
		{"whole", func(e []api.AuditEntry) []api.AuditEntry { return e }, nil, ""},
		{"altered", func(e []api.AuditEntry) []api.AuditEntry { e[1].Reason = "no reason"; return e }, nil, "entry 2 was altered"},
		{"detail altered", func(e []api.AuditEntry) []api.AuditEntry { e[2].Detail["n"] = "x"; return e }, nil, "entry 3 was altered"},
		{"cut out", func(e []api.AuditEntry) []api.AuditEntry { return append(e[:1:1], e[2]) }, nil, "entry 3 follows 1"},
		{"end cut off, nobody knows", func(e []api.AuditEntry) []api.AuditEntry { return e[:2] }, nil, ""},
		{"end cut off", func(e []api.AuditEntry) []api.AuditEntry { return e[:2] }, []string{"--known", "3:abc"}, "entry 3 is gone"},
		{"empty", func([]api.AuditEntry) []api.AuditEntry { return nil }, nil, ""},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, auditLog(tc.alter), append([]string{"audit", "verify"}, tc.args...)...)
			switch {
			case tc.want == "" && err != nil:
				t.Errorf("unexpected: %v\n%s", err, out)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// TestBackupBroken: a copy that did not arrive whole leaves no file at all.
func TestBackupBroken(t *testing.T) {
	t.Parallel()
	tests := map[string]http.HandlerFunc{
		"connection lost": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write(make([]byte, 1<<16))
			panic(http.ErrAbortHandler)
		},
		"nothing sent": func(http.ResponseWriter, *http.Request) {},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if _, err := command(t, handler, "backup", "create", filepath.Join(dir, "copy.db")); err == nil {
				t.Error("no error")
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
		})
	}
}

// TestDevicesPaged: a list goes on until the server has no more.
func TestDevicesPaged(t *testing.T) {
	t.Parallel()
	out, err := command(t, func(w http.ResponseWriter, r *http.Request) {
		page := `{"devices":[{"udid":"A","hold":"confirmed"}],"next":7}`
		if r.URL.Query().Get("after") == "7" {
			page = `{"devices":[{"udid":"B","hold":"impossible"}]}`
		}
		_, _ = w.Write([]byte(page))
	}, "device", "list")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, "2 phones; holds: 1 confirmed, 0 not confirmed yet, 1 not possible") {
		t.Errorf("got:\n%s", out)
	}
}

// TestWatchEnds: a watch prints a line per change and ends when all is done.
func TestWatchEnds(t *testing.T) {
	t.Parallel()
	answers := []string{
		`{"phase":"rolling-out","production":2,"done":0,"reasons":[{"reason":"downloading","count":2}]}`,
		`{"phase":"rolling-out","production":2,"done":0,"reasons":[{"reason":"downloading","count":2}]}`,
		`{"phase":"rolling-out","production":2,"done":1,"reasons":[{"reason":"done","count":1},{"reason":"installing","count":1}]}`,
		`{"phase":"done","production":2,"done":2,"reasons":[{"reason":"done","count":2}]}`,
	}
	var asked atomic.Int32
	out, err := command(t, func(w http.ResponseWriter, _ *http.Request) {
		n := int(asked.Add(1))
		_, _ = w.Write([]byte(answers[min(n, len(answers))-1]))
	}, "rollout", "status", "26.6.1", "--group", "sales", "--watch", "--interval", "1ms")
	if err != nil {
		t.Fatal(err)
	}
	if int(asked.Load()) != len(answers) || strings.Count(out, "\n") != 3 || !strings.Contains(out, "Done: 2 of 2 done") {
		t.Errorf("asked %d times, got:\n%s", asked.Load(), out)
	}
}
