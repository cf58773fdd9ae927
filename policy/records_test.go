package policy_test

import (
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

func TestLocalTime(t *testing.T) {
	t.Parallel()
	tokyo := time.FixedZone("JST", 9*60*60)
	at := time.Date(2026, 8, 19, 20, 30, 0, 999, time.UTC)
	if got := policy.FormatLocal(at, tokyo); got != "2026-08-20T05:30:00" {
		t.Errorf("FormatLocal in Tokyo = %s", got)
	}
	if got := policy.FormatLocal(at, nil); got != "2026-08-19T20:30:00" {
		t.Errorf("FormatLocal without a zone = %s, want UTC", got)
	}
	a, b := policy.LocalTime("2026-08-19T18:00:00"), policy.LocalTime("2026-10-01T08:00:00")
	if a.Compare(b) >= 0 || b.Compare(a) <= 0 || a.Compare(a) != 0 || policy.LocalTime("").Compare(a) >= 0 {
		t.Errorf("local times are out of order")
	}
}

func TestWorldAccessors(t *testing.T) {
	t.Parallel()
	p := approved()
	p.Groups = append(p.Groups, policy.Group{Name: "admin"})
	w := policy.NewWorld(p)
	if w.Revision() != 7 || !cmp.Equal(w.GroupNames(), []string{"admin", group}) {
		t.Errorf("revision, groups = %d %v", w.Revision(), w.GroupNames())
	}
	g, ok := w.Group(group)
	if !ok || len(g.Apps) != 3 || len(g.Census) != 4 {
		t.Fatalf("group = %+v, %t", g, ok)
	}
	a, ok := w.Approval(group, next, now)
	if !ok || a.ID != "a1" || len(a.Waves) != 1 || a.Waves[0].Threshold != policy.Buckets || a.Waves[0].Deadline != a.Deadline {
		t.Fatalf("approval = %+v, %t, want a1 with its one wave", a, ok)
	}
	// What was handed out does not lead back into the world.
	clear(g.Apps)
	clear(a.Models)
	if policy.TargetFor(w, phone(), now).Enforce == nil || len(policy.Evaluate(w, group, next, now).Apps) != 3 {
		t.Error("changing a copy changed the world")
	}
	if _, ok := w.Group("nobody"); ok {
		t.Error("unknown group found")
	}
	if _, ok := w.Approval("nobody", next, now); ok {
		t.Error("approval of an unknown group found")
	}
	if _, ok := w.Approval(group, "26.5", now); ok {
		t.Error("approval found that nobody made")
	}
}

// TestImports keeps the engine pure: nothing that could read a clock, a file or
// the network, and nothing of ours but the version type. Package time is there
// for its types.
func TestImports(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"cmp", "errors", "fmt", "maps", "math/bits", "slices", "strconv", "strings", "time",
		"github.com/kannuki-mdm/kannuki/internal/version",
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		name := file.Name()
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, source, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range parsed.Imports {
			if path, err := strconv.Unquote(i.Path.Value); err != nil || !slices.Contains(allowed, path) {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
		for _, forbidden := range []string{"time.Now", "time.Since", "time.Until", "time.After(", "time.Sleep"} {
			if strings.Contains(string(source), forbidden) {
				t.Errorf("%s uses %s", name, forbidden)
			}
		}
	}
}
