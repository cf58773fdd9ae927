// Package policyfile reads apps, calendars, policies and groups from YAML files and writes
// them: strictly, with the file, line and key of every error. Which keys exist
// and of which type it knows from the types of package fleet alone, and the JSON
// Schema for editors is made of the same. What a value may be, and whether what
// it refers to exists, the server decides; [Files.Place] finds the line that the
// server's error is about.
package policyfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// Codes of an [Error].
const (
	CodeEmpty        = "empty"         // a folder without any file
	CodeLink         = "link"          // a folder behind a symbolic link
	CodeNoFile       = "no-file"       // a pipe, socket or device in a folder
	CodeTooLarge     = "too-large"     // more bytes than Want
	CodeTooDeep      = "too-deep"      // more brackets open at once than Want
	CodeNotText      = "not-text"      // not UTF-8
	CodeNotYAML      = "not-yaml"      // Got is what the parser says
	CodeTab          = "tab"           // a line is indented with one
	CodeDocuments    = "documents"     // more than one
	CodeUnsupported  = "unsupported"   // an anchor, alias, tag or merge key
	CodeUnknownKey   = "unknown-key"   // Want are those there could be
	CodeDuplicateKey = "duplicate-key" // Want is the line of the first
	CodeWrongType    = "wrong-type"    // Want is one of the Want constants
)

// What a place wants that has something else.
const (
	WantText    = "text"
	WantShare   = "text-or-integer" // "25%" or 20
	WantInteger = "integer"
	WantNumber  = "number"
	WantBoolean = "boolean"
	WantList    = "list"
	WantKeys    = "keys"
)

// Error says what is wrong in a file, and where.
type Error struct {
	File string
	Line int    // from 1; 0: about the whole file
	Key  string // "groups.apps"; "" at the top
	Code string
	Got  string
	Want string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: %s %s %q, want %q", Place{e.File, e.Line, e.Key}, e.Key, e.Code, e.Got, e.Want)
}

// Place is a line of a file.
type Place struct {
	File string
	Line int    // from 1; 0: none of the file
	Key  string // "groups.apps"; "" at the top
}

func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Files are the settings of one or more files, and where each one stands.
type Files struct {
	Settings fleet.Settings
	Names    []string          // of the files that were read, in their order
	Path     string            // that was read
	places   map[string]Place  // by path: "groups[0].apps[1]"
	texts    map[string]string // single values, by path
	entries  map[string][]any  // by list: "groups"
}

func newFiles(path string) *Files {
	return &Files{Path: path, places: map[string]Place{}, texts: map[string]string{}, entries: map[string][]any{}}
}

// Read reads one file, or every .yaml and .yml file in and below a folder, in
// the order of their names. What begins with a dot is left out. All files
// together are one set of settings.
func Read(path string) (*Files, error) {
	names, err := find(path)
	if err != nil {
		return nil, err
	}
	f := newFiles(path)
	for _, name := range names {
		text, err := os.ReadFile(name) //nolint:gosec // the person names it
		if err != nil {
			return nil, fmt.Errorf("read settings: %w", err)
		}
		if err := f.add(name, text); err != nil {
			return nil, err
		}
	}
	return f, f.decode()
}

// Parse reads one file that is in memory already. The name is for errors.
func Parse(name string, text []byte) (*Files, error) {
	f := newFiles(name)
	if err := f.add(name, text); err != nil {
		return nil, err
	}
	return f, f.decode()
}

func find(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	var names []string
	err = filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		hidden := name != path && strings.HasPrefix(entry.Name(), ".")
		switch {
		case err != nil:
			return err
		case hidden && entry.IsDir():
			return fs.SkipDir
		case hidden || entry.IsDir():
			return nil
		}
		if entry.Type()&fs.ModeSymlink != 0 {
			if to, err := os.Stat(name); err == nil && to.IsDir() {
				return &Error{File: name, Code: CodeLink} // with --prune, what is not read is removed
			}
		}
		if !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name)) {
			return nil
		}
		names = append(names, name)
		if to, err := os.Stat(name); err == nil && !to.Mode().IsRegular() {
			return &Error{File: name, Code: CodeNoFile} // a pipe would be waited for without end
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read settings: %w", err)
	}
	if len(names) == 0 {
		return nil, &Error{File: path, Code: CodeEmpty}
	}
	return names, nil
}

// decode makes settings of what was collected.
func (f *Files) decode() error {
	text, err := json.Marshal(f.entries)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f.Settings); err != nil {
		return fmt.Errorf("decode settings: %w", err)
	}
	return nil
}

// Place finds where a path such as "groups[0].rights" stands: itself, or what is
// nearest above it. It reports whether there is any such place.
func (f *Files) Place(path string) (Place, bool) {
	key := keyOf(path)
	for path != "" {
		if p, ok := f.places[path]; ok {
			p.Key = key
			return p, true
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	return Place{}, false
}

// Relocate changes where everything stands, for settings that nobody wrote into a
// file.
func (f *Files) Relocate(to func(Place) Place) {
	for path, at := range f.places {
		f.places[path] = to(at)
	}
}

// keyOf returns a path without its indexes: they count the entries of all
// files.
func keyOf(path string) string {
	var b strings.Builder
	for i, part := range strings.Split(path, "[") {
		if i > 0 {
			_, part, _ = strings.Cut(part, "]")
		}
		b.WriteString(part)
	}
	return b.String()
}
