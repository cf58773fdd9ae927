package api_test

import (
	"go/ast"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/kannuki-mdm/kannuki/internal/deptest"
)

// keysOfAnswers are the JSON keys of a tree's types that requests and answers are
// made of: those of this package and of fleet, and what they hold of policy. By key
// a type that has it.
type keysOfAnswers struct {
	structs map[string]*ast.StructType // by package and name, "policy.Gate"
	seen    map[string]bool
	keys    map[string]string
}

func newKeysOfAnswers(tree *deptest.Tree) *keysOfAnswers {
	k := &keysOfAnswers{map[string]*ast.StructType{}, map[string]bool{}, map[string]string{}}
	for _, f := range tree.Files {
		if f.Test {
			continue
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if s, ok := spec.Type.(*ast.StructType); ok {
					k.structs[f.Syntax.Name.Name+"."+spec.Name.Name] = s
				}
			}
			return true
		})
	}
	for name := range k.structs {
		if of, _, _ := strings.Cut(name, "."); of == "api" || of == "fleet" {
			k.visit(name)
		}
	}
	return k
}

// visit adds the keys of a type, and of the types of what has a key in it.
func (k *keysOfAnswers) visit(name string) {
	s := k.structs[name]
	if s == nil || k.seen[name] {
		return
	}
	k.seen[name] = true
	of, _, _ := strings.Cut(name, ".")
	for _, field := range s.Fields.List {
		if field.Tag == nil {
			continue
		}
		text, err := strconv.Unquote(field.Tag.Value)
		key, _, _ := strings.Cut(reflect.StructTag(text).Get("json"), ",")
		if err != nil || key == "" || key == "-" {
			continue
		}
		k.keys[key] = name
		ast.Inspect(field.Type, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				if from, ok := n.X.(*ast.Ident); ok && from.Name == "policy" {
					k.visit("policy." + n.Sel.Name)
				}
				return false
			case *ast.Ident:
				k.visit(of + "." + n.Name)
			}
			return true
		})
	}
}

// TestEveryKeyIsDocumented: what programs read has a name in docs/api.md.
func TestEveryKeyIsDocumented(t *testing.T) {
	t.Parallel()
	root, err := deptest.Root()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := deptest.Load(root)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := os.ReadFile(filepath.Join(root, "docs", "api.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, code := range regexp.MustCompile("(?s)```json\n.*?```|`[^`]+`").FindAllString(string(docs), -1) {
		for _, word := range regexp.MustCompile(`[a-z][a-z0-9_]*`).FindAllString(code, -1) {
			documented[word] = true
		}
	}
	found := newKeysOfAnswers(tree).keys
	if len(found) < 300 {
		t.Errorf("found only %d keys; does this test still see them?", len(found))
	}
	for key, of := range found {
		if !documented[key] {
			t.Errorf("docs/api.md does not name %s of %s", key, of)
		}
	}
}
