// Package deptest reads the whole source tree so that tests can hold rules no
// compiler knows: which package may import which, that every package says what
// it owns, that only the outermost packages read the clock.
//
// It parses files and does not type-check, so a run takes well under a second
// and needs no network. The rules themselves are in its tests; package lang
// uses the same reader to look for untranslated texts.
package deptest

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Module is the module path every import of ours starts with.
const Module = "github.com/kannuki-mdm/kannuki"

// Tree is the parsed source of the module.
type Tree struct {
	Fset  *token.FileSet
	Files []File // sorted by path
}

// File is one Go file.
type File struct {
	Path   string // relative to the module, with slashes: "storage/bolt/open.go"
	Test   bool   // name ends in _test.go
	Syntax *ast.File
}

// Dir returns the package of f relative to the module, "." for the root.
func (f File) Dir() string { return path.Dir(f.Path) }

// Imports returns the import paths of f.
func (f File) Imports() []string {
	paths := make([]string, 0, len(f.Syntax.Imports))
	for _, spec := range f.Syntax.Imports {
		// The parser has accepted the literal, so it unquotes.
		p, _ := strconv.Unquote(spec.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// Root returns the module's folder: the nearest one at or above the working
// directory that holds a go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("find module: no go.mod here or above")
		}
		dir = parent
	}
}

// Load parses every Go file below root. Folders that the go command skips too
// (testdata, names starting with a dot or underscore) and nested modules are
// left out.
func Load(root string) (*Tree, error) {
	tree := &Tree{Fset: token.NewFileSet()}
	err := Walk(root, func(name string) error {
		if path.Ext(name) != ".go" || strings.Contains("/"+name, "/testdata/") {
			return nil
		}
		syntax, err := parser.ParseFile(tree.Fset, filepath.Join(root, filepath.FromSlash(name)), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return fmt.Errorf("read source: %w", err)
		}
		tree.Files = append(tree.Files, File{Path: name, Test: strings.HasSuffix(name, "_test.go"), Syntax: syntax})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tree, nil
}

// Walk calls visit with every regular file below root, in lexical order, by
// its path relative to root with slashes. It leaves out what is no source: the
// folder of built programs and those whose names start with a dot (other than
// the CI scripts) or an underscore, and git's own link in a linked worktree.
func Walk(root string, visit func(name string) error) error {
	return filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if d.IsDir() {
			if name != "." && skipDir(full, name) {
				return fs.SkipDir
			}
			return nil
		}
		// In a linked worktree .git is a file, with a path of this machine.
		if !d.Type().IsRegular() || name == ".git" {
			return nil
		}
		return visit(name)
	})
}

func skipDir(full, name string) bool {
	base := path.Base(name)
	if name == "bin" || strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".") && name != ".ci" {
		return true
	}
	_, err := os.Stat(filepath.Join(full, "go.mod"))
	return err == nil // a module of its own
}
