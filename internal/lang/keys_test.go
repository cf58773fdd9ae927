package lang

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/internal/deptest"
)

// use is one place that shows a free text.
type use struct {
	where string
	key   string
	one   string // singular of a counting text
}

// TestKeys compares the Japanese tables with every text the program shows: none
// may lack Japanese, none may be translated that nobody shows, and both sides
// must take the same values.
func TestKeys(t *testing.T) {
	t.Parallel()
	table := make(map[string]string)
	for _, a := range japaneseAreas() {
		for key, text := range a.texts {
			if other, twice := table[key]; twice && other != text {
				t.Errorf("area %s: %q is translated twice, differently: %q and %q", a.name, key, other, text)
			}
			table[key] = text
		}
	}
	var missing []string
	stale := maps.Clone(table)
	for _, u := range append(goUses(t), templateUses(t)...) {
		delete(stale, u.key)
		ja, ok := table[u.key]
		if !ok {
			missing = append(missing, fmt.Sprintf("%s\n\t%q: \"\",", u.where, u.key))
			continue
		}
		if stray(u.key) || stray(ja) {
			t.Errorf("%q or its Japanese %q has a %% that begins no verb; write %%%%", u.key, ja)
		}
		if diff := cmp.Diff(verbs(u.key), verbs(ja)); diff != "" {
			t.Errorf("%s: %q and %q take different values (-English +Japanese):\n%s", u.where, u.key, ja, diff)
		}
		if u.one != "" {
			// A singular may spell its number out, not take a value more.
			for at, verb := range verbs(u.one) {
				if verbs(u.key)[at] != verb {
					t.Errorf("%s: %q and %q take different values", u.where, u.one, u.key)
				}
			}
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		t.Errorf("%d texts have no Japanese; add them to the table of their area:\n%s", len(missing), strings.Join(missing, "\n"))
	}
	for _, key := range slices.Sorted(maps.Keys(stale)) {
		t.Errorf("nobody shows %q any more; remove it", key)
	}
}

// goUses finds the calls of Printer.T and Printer.N. Without types it goes by
// the method's name and a literal first text, which nothing else here has.
func goUses(t *testing.T) []use {
	t.Helper()
	tree := source(t)
	var uses []use
	for _, f := range tree.Files {
		if f.Dir() == "internal/lang" {
			continue
		}
		knowsLang := slices.Contains(f.Imports(), deptest.Module+"/internal/lang")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			where := tree.Fset.Position(call.Pos()).String()
			u, literal := useOf(sel.Sel.Name, call.Args)
			switch {
			case literal:
				u.where = where
				uses = append(uses, u)
			case knowsLang && (sel.Sel.Name == "T" && len(call.Args) > 0 || sel.Sel.Name == "N" && len(call.Args) > 2):
				t.Errorf("%s: the text of %s must be a literal, or nobody can tell whether it has Japanese", where, sel.Sel.Name)
			}
			return true
		})
	}
	return uses
}

func useOf(method string, args []ast.Expr) (use, bool) {
	switch {
	case method == "T" && len(args) >= 1:
		key, ok := literal(args[0])
		return use{key: key}, ok
	case method == "N" && len(args) >= 3:
		one, ok1 := literal(args[1])
		other, ok2 := literal(args[2])
		return use{key: other, one: one}, ok1 && ok2
	}
	return use{}, false
}

// literal returns the value of a string literal or of several joined by +.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, e.Kind == token.STRING && err == nil
	case *ast.BinaryExpr:
		left, ok1 := literal(e.X)
		right, ok2 := literal(e.Y)
		return left + right, e.Op == token.ADD && ok1 && ok2
	}
	return "", false
}

// templateUses finds {{.T "text"}} in page templates.
func templateUses(t *testing.T) []use {
	t.Helper()
	root, err := deptest.Root()
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`\bT ("(?:[^"\\]|\\.)*"|` + "`[^`]*`" + `)`)
	var uses []use
	err = deptest.Walk(root, func(name string) error {
		if ext := filepath.Ext(name); ext != ".html" && ext != ".tmpl" {
			return nil
		}
		data, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		for _, m := range call.FindAllSubmatch(data, -1) {
			key, err := strconv.Unquote(string(m[1]))
			if err != nil {
				return fmt.Errorf("%s: %s: %w", name, m[1], err)
			}
			uses = append(uses, use{where: name, key: key})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return uses
}

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?[-+# 0]*[\d.*]*([a-zA-Z%])`)

// verbs returns which verb a format applies to which argument.
func verbs(format string) map[int]string {
	found := make(map[int]string)
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1])
		}
		found[next] = m[2]
		next++
	}
	return found
}

// stray reports whether a % stands in a format that begins no verb: fmt writes
// an error in its place.
func stray(format string) bool { return strings.Contains(verb.ReplaceAllString(format, ""), "%") }

func TestStray(t *testing.T) {
	t.Parallel()
	for format, want := range map[string]bool{"5 %% of %d": false, "%[2]s": false, "(%)": true, "割合（%）が": true} {
		if got := stray(format); got != want {
			t.Errorf("stray(%q) = %v", format, got)
		}
	}
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	tests := map[string]map[int]string{
		"plain 100%%":       {},
		"%d of %s":          {1: "d", 2: "s"},
		"%[2]s has %[1]d":   {1: "d", 2: "s"},
		"%[2]s %s %5.1f %q": {2: "s", 3: "s", 4: "f", 5: "q"},
	}
	for format, want := range tests {
		if diff := cmp.Diff(want, verbs(format)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", format, diff)
		}
	}
}
