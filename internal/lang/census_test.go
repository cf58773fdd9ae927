package lang

import (
	"go/ast"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/deptest"
)

// fault is one place that makes an error with a code.
type fault struct {
	where  string
	code   string
	params []string
	open   bool // the values are not listed here
}

// TestEveryRefusalHasJapanese walks the source for the codes that errors carry:
// each has Japanese, whose values the error really has, and none is worded that
// nothing sends.
func TestEveryRefusalHasJapanese(t *testing.T) {
	t.Parallel()
	ja := New("ja")
	sent := map[string]bool{}
	for _, f := range faults(t) {
		sent[f.code] = true
		text, worded := ja.Refusal(f.code)
		if !worded {
			t.Errorf("%s: %q has no Japanese", f.where, f.code)
		}
		if f.open {
			continue
		}
		always := text
		for i := strings.Index(always, "["); i >= 0; i = strings.Index(always, "[") {
			always = always[:i] + always[i+strings.Index(always[i:], "]")+1:]
		}
		for _, p := range placeholder.FindAllString(always, -1) {
			if name := strings.Trim(p, "{}"); name != "field" && !slices.Contains(f.params, name) {
				t.Errorf("%s: %q has no value %s", f.where, f.code, name)
			}
		}
	}
	if len(sent) < 60 {
		t.Errorf("found only %d codes; does this test still see them?", len(sent))
	}
	for code := range messageTexts() {
		if !sent[code] {
			t.Errorf("nothing sends %q any more; remove it", code)
		}
		if _, twice := refusalTexts()[code]; twice {
			t.Errorf("%q is worded twice", code)
		}
	}
}

// TestRefusalsInEnglish: what has no English of its own is left to the message.
func TestRefusalsInEnglish(t *testing.T) {
	t.Parallel()
	for code := range messageTexts() {
		if text, worded := New("en").Refusal(code); worded {
			t.Errorf("%s: %q, want the server's own message", code, text)
		}
	}
}

// faults finds the calls and literals that make an error with a code. Codes put
// together at run time (the gate's phases) have texts of their own.
func faults(t *testing.T) []fault {
	t.Helper()
	tree := source(t)
	var found []fault
	for _, f := range tree.Files {
		if !slices.Contains([]string{"fleet", "enroll", "server", "server/api"}, f.Dir()) {
			continue
		}
		given := givenParams(f.Syntax)
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			codes, one := faultOf(tree, f, n)
			if call, ok := n.(*ast.CallExpr); ok && len(codes) > 0 {
				one.params = append(one.params, given[call]...)
			}
			for _, code := range codes {
				one.code, one.where = code, tree.Fset.Position(n.Pos()).String()
				found = append(found, one)
			}
			return true
		})
	}
	return found
}

// faultOf returns the codes an expression may carry: refused(code, …),
// invalid(field, code, …), or a literal with a Code or Detail.
func faultOf(tree *deptest.Tree, f deptest.File, n ast.Node) (codes []string, one fault) {
	switch n := n.(type) {
	case *ast.CallExpr:
		name, ok := n.Fun.(*ast.Ident)
		at := map[string]int{"refused": 0, "refuse": 0, "invalid": 1}
		if i, known := at[nameOf(name)]; ok && known && i < len(n.Args) {
			one.open = name.Name == "refuse" // the values are listed beside the function
			if f.Dir() == "server/api" {
				one.params = []string{"value"}
			}
			codes = codesIn(tree, f, n.Args[i])
		}
	case *ast.CompositeLit:
		for _, e := range n.Elts {
			kv, ok := e.(*ast.KeyValueExpr)
			if !ok {
				continue
			}
			switch key, _ := kv.Key.(*ast.Ident); nameOf(key) {
			case "Code":
				if strings.HasSuffix(typeName(n.Type), "Error") && typeName(n.Type) != "Error" {
					codes = append(codes, codesIn(tree, f, kv.Value)...)
				}
			case "Detail":
				if typeName(n.Type) == "Error" {
					codes = append(codes, codesIn(tree, f, kv.Value)...)
				}
			case "Params":
				lit, listed := kv.Value.(*ast.CompositeLit)
				if one.open = !listed; listed {
					one.params = append(one.params, keysOf(lit)...)
				}
			}
		}
	}
	return codes, one
}

// codesIn returns a literal code, or those a function of the package returns.
func codesIn(tree *deptest.Tree, from deptest.File, e ast.Expr) []string {
	if code, ok := literal(e); ok {
		return []string{code}
	}
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return nil
	}
	name, _ := call.Fun.(*ast.Ident)
	var codes []string
	for _, f := range tree.Files {
		if f.Dir() != from.Dir() {
			continue
		}
		for _, d := range f.Syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Name.Name != nameOf(name) {
				continue
			}
			ast.Inspect(fn, func(n ast.Node) bool {
				if r, ok := n.(*ast.ReturnStmt); ok && len(r.Results) == 1 {
					if code, ok := literal(r.Results[0]); ok {
						codes = append(codes, code)
					}
				}
				return true
			})
		}
	}
	return codes
}

// givenParams maps each call to the names that .with gives to its error.
func givenParams(file *ast.File) map[*ast.CallExpr][]string {
	given := map[*ast.CallExpr][]string{}
	ast.Inspect(file, func(n ast.Node) bool {
		with, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := with.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name != "with" {
			return true
		}
		if made, ok := sel.X.(*ast.CallExpr); ok {
			for i := 0; i < len(with.Args); i += 2 {
				if name, ok := literal(with.Args[i]); ok {
					given[made] = append(given[made], name)
				}
			}
		}
		return true
	})
	return given
}

func keysOf(lit *ast.CompositeLit) []string {
	var keys []string
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := literal(kv.Key); ok {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

func nameOf(id *ast.Ident) string {
	if id == nil {
		return ""
	}
	return id.Name
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return path.Base(e.Sel.Name)
	}
	return ""
}
