package deptest_test

import (
	"bytes"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/deptest"
)

// TestPackageComments wants one comment per package that says what it owns. A
// second one would be shown by godoc in an order nobody chose.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	comments := make(map[string][]string) // files with a package comment, by folder
	for _, f := range source(t) {
		dir := f.Dir()
		comments[dir] = append(comments[dir], nil...)
		if f.Syntax.Doc == nil {
			continue
		}
		comments[dir] = append(comments[dir], f.Path)
		name := f.Syntax.Name.Name
		want := "Package " + name + " "
		if name == "main" {
			want = "Command " + path.Base(dir) + " "
		}
		if text := f.Syntax.Doc.Text(); !strings.HasPrefix(text, want) {
			t.Errorf("%s: the package comment starts %q, want %q", f.Path, firstWords(text), want)
		}
	}
	for dir, files := range comments {
		if len(files) != 1 {
			t.Errorf("package %s has %d package comments %v, want exactly one", dir, len(files), files)
		}
	}
}

func firstWords(text string) string {
	return strings.Join(strings.Fields(text)[:min(3, len(strings.Fields(text)))], " ")
}

// TestClock keeps the clock in the outermost packages: everything else is
// given the time, so that tests and simulations can choose it.
func TestClock(t *testing.T) {
	t.Parallel()
	mayRead := []string{"cmd", "server", "internal/demo", "internal/bench"}
	banned := []string{"Now", "Since", "Until", "Sleep"}
	for _, f := range source(t) {
		if slices.ContainsFunc(mayRead, func(dir string) bool { return within(f.Dir(), dir) }) {
			continue
		}
		name := importName(f, "time")
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || name == "" || !slices.Contains(banned, sel.Sel.Name) {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name {
				t.Errorf("%s uses time.%s: only %v may read the clock or sleep; take the time as a parameter", f.Path, sel.Sel.Name, mayRead)
			}
			return true
		})
	}
}

// importName returns the name under which f imports a package, "" when it does
// not.
func importName(f deptest.File, imported string) string {
	for _, spec := range f.Syntax.Imports {
		if p, _ := strconv.Unquote(spec.Path.Value); p != imported {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// TestText looks for what must not land in any file, whatever its kind.
func TestText(t *testing.T) {
	t.Parallel()
	rules := []struct {
		name    string
		pattern *regexp.Regexp
		why     string
	}{
		// The patterns are written so that this file does not match itself.
		{"path of a build machine", regexp.MustCompile(`(^|[^\w.:/-])/(work|farm)[/]\w`), "a checkout may lie anywhere"},
		{"open task", regexp.MustCompile(`\b(TO[D]O|FIX[M]E)\b`), "what is left for later stands in docs/roadmap.md with its reason"},
		{"leftover of a merge", regexp.MustCompile(`(?m)^(<<<<<<[<]|>>>>>>[>]) `), "the file does not say what it should"},
	}
	dir := root(t)
	err := deptest.Walk(dir, func(name string) error {
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		if !bytes.Contains(data[:min(len(data), 8000)], []byte{0}) { // text, as git decides it
			for _, rule := range rules {
				if at := rule.pattern.FindIndex(data); at != nil {
					t.Errorf("%s:%d: %s (%q): %s", name, 1+bytes.Count(data[:at[0]], []byte("\n")), rule.name, data[at[0]:at[1]], rule.why)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
