package lang

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestFeedFaults: every fault that package catalog finds in a feed has Japanese, with
// values that the fault has, and none is worded that it does not find.
func TestFeedFaults(t *testing.T) {
	t.Parallel()
	found := map[string][]string{} // values by code
	for _, f := range source(t).Files {
		if f.Dir() != "catalog" || f.Test {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if words := feedFault(call); len(words) > 0 {
					found[words[0]] = words[1:]
				}
			}
			return true
		})
	}
	if len(found) < 30 {
		t.Errorf("found only %d faults; does this test still see them?", len(found))
	}
	for code, values := range found {
		text, worded := feedFaultTexts()[code]
		if !worded {
			t.Errorf("%s has no Japanese", code)
		}
		for _, p := range placeholder.FindAllString(text, -1) {
			if !slices.Contains(values, strings.Trim(p, "{}")) {
				t.Errorf("%s has no value %s", code, p)
			}
		}
	}
	for code := range feedFaultTexts() {
		if found[code] == nil {
			t.Errorf("nothing finds %q; remove it", code)
		}
	}
}

// feedFault returns the code and the names of the values of a call that makes a fault, nil
// for another call.
func feedFault(call *ast.CallExpr) []string {
	first := 0
	switch made := call.Fun.(type) {
	case *ast.Ident:
		if first = 1; made.Name != "inputError" {
			return nil
		}
	case *ast.SelectorExpr:
		if made.Sel.Name != "fail" {
			return nil
		}
	default:
		return nil
	}
	if _, named := call.Args[first].(*ast.BasicLit); !named {
		return nil
	}
	words := []string{}
	for i := first; i < len(call.Args); i += 2 {
		literal := call.Args[i]
		if name, ok := literal.(*ast.Ident); ok { // of a value: ParamCount
			words = append(words, strings.ToLower(strings.TrimPrefix(name.Name, "Param")))
		} else if text, ok := literal.(*ast.BasicLit); ok {
			word, _ := strconv.Unquote(text.Value)
			words = append(words, word)
		}
	}
	return words
}
