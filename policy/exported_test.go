package policy_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEveryNameIsTried: every exported function, method and constant of the
// engine and of the back-test is named by a test or an example there, or, if it
// is a text, found in one of them or in a golden file. Types and fields are tried with the functions
// that take or return them.
func TestEveryNameIsTried(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{".", "backtest"} {
		tried := identifiers(t, filepath.Join(dir, "*_test.go"))
		golden, tests := text(t, filepath.Join(dir, "testdata", "golden", "*")), text(t, filepath.Join(dir, "*_test.go"))
		for name, value := range exported(t, filepath.Join(dir, "*.go")) {
			if !tried[name] && (value == "" || !strings.Contains(golden, value) && !strings.Contains(tests, value)) {
				t.Errorf("%s: no test, example or golden file has %s", dir, name)
			}
		}
	}
}

// files parses the Go files that a pattern names.
func files(t *testing.T, pattern string) map[string]*ast.File {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	parsed := map[string]*ast.File{}
	for _, path := range paths {
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed[path] = f
	}
	return parsed
}

// identifiers returns every name that files use.
func identifiers(t *testing.T, pattern string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for _, f := range files(t, pattern) {
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				names[id.Name] = true
			}
			return true
		})
	}
	return names
}

// exported returns the exported names that files declare, with the value of
// those that are text constants.
func exported(t *testing.T, pattern string) map[string]string {
	t.Helper()
	names := map[string]string{}
	for path, f := range files(t, pattern) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() {
					names[d.Name.Name] = ""
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					declared(spec, names)
				}
			}
		}
	}
	return names
}

func declared(spec ast.Spec, names map[string]string) {
	values, ok := spec.(*ast.ValueSpec)
	if !ok {
		return
	}
	for i, n := range values.Names {
		if !n.IsExported() {
			continue
		}
		names[n.Name] = ""
		if i < len(values.Values) {
			if lit, ok := values.Values[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
				names[n.Name], _ = strconv.Unquote(lit.Value)
			}
		}
	}
}

// text returns the contents of the files that a pattern names.
func text(t *testing.T, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(data)
	}
	return all.String()
}
