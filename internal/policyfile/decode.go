package policyfile

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/kannuki-mdm/kannuki/internal/yamltext"
)

// maxBytes is how large one file may be. All settings together are sent as one
// request, which takes no more.
const maxBytes = 1 << 20

// add reads a file after those that were read before.
func (f *Files) add(name string, text []byte) error {
	r := reader{files: f, name: name}
	text = yamltext.Unmarked(text)
	if err := r.guard(text); err != nil {
		return err
	}
	doc, err := r.parse(text)
	if err != nil {
		return err
	}
	f.Names = append(f.Names, name)
	var body ast.Node
	for _, d := range doc.Docs {
		if d.Body == nil || d.Body.Type() == ast.CommentType {
			continue
		}
		if body != nil {
			return r.fault(d.Body, "", CodeDocuments, "", "")
		}
		body = d.Body
	}
	if body == nil {
		return nil
	}
	top, err := r.value(body, Schema(), "")
	if err != nil {
		return err
	}
	lists, _ := top.(map[string]any) // the top of the schema is an object
	for key, list := range lists {
		entries, _ := list.([]any) // of lists
		f.entries[key] = append(f.entries[key], entries...)
	}
	return nil
}

// reader is one file on its way.
type reader struct {
	files *Files
	name  string
}

// guard refuses what the parser should not see.
func (r *reader) guard(text []byte) error {
	fault, bad := errors.AsType[*yamltext.Error](yamltext.Check(text, maxBytes))
	if !bad {
		return nil
	}
	e := &Error{File: r.name, Line: fault.Line, Code: string(fault.Code)}
	if fault.Limit > 0 {
		e.Want = strconv.Itoa(fault.Limit)
	}
	return e
}

// parse returns the tree of a text, or an *Error that says what the parser
// stumbled over.
func (r *reader) parse(text []byte) (doc *ast.File, err error) {
	err = yamltext.Guarded(func() error {
		var parseErr error
		doc, parseErr = parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
		return parseErr
	})
	if err == nil {
		return doc, nil
	}
	e := &Error{File: r.name, Code: CodeNotYAML}
	found, ok := errors.AsType[*yaml.SyntaxError](err)
	if !ok {
		e.Got, _, _ = strings.Cut(err.Error(), "\n")
		return nil, e
	}
	e.Got, _, _ = strings.Cut(found.Message, "\n")
	if found.Token != nil {
		e.Line = found.Token.Position.Line
	}
	if strings.Contains(e.Got, "'\t'") { // which people see as a blank
		e.Code, e.Got = CodeTab, ""
	}
	return nil, e
}

func (r *reader) fault(n ast.Node, path, code, got, want string) error {
	return &Error{File: r.name, Line: lineOf(n), Key: keyOf(path), Code: code, Got: got, Want: want}
}

func lineOf(n ast.Node) int {
	switch n := n.(type) {
	case *ast.MappingNode:
		if len(n.Values) > 0 && !n.IsFlowStyle {
			return lineOf(n.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return lineOf(n.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 0
}

// value reads a node as what the schema wants at a path.
func (r *reader) value(n ast.Node, want *SchemaNode, path string) (any, error) {
	if strings.Contains(path, "[") { // a list at the top stands in several files
		r.files.places[path] = Place{File: r.name, Line: lineOf(n)}
	}
	switch n := n.(type) {
	case *ast.MappingNode:
		if want.Type == typeObject {
			return r.mapping(n.Values, want, path)
		}
	case *ast.MappingValueNode:
		if want.Type == typeObject {
			return r.mapping([]*ast.MappingValueNode{n}, want, path)
		}
	case *ast.SequenceNode:
		if want.Type == typeArray {
			return r.sequence(n, want, path)
		}
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode, *ast.MergeKeyNode:
		return nil, r.fault(n, path, CodeUnsupported, "", "")
	default:
		for _, t := range want.types() {
			if v, ok := scalar(n, t); ok {
				r.files.texts[path] = fmt.Sprint(v)
				return v, nil
			}
		}
	}
	return nil, r.fault(n, path, CodeWrongType, "", wants(want.types()))
}

// scalar reads a single value of a type: a text that looks like something else
// has to be quoted, as elsewhere in YAML.
func scalar(n ast.Node, want string) (any, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, want == typeString
	case *ast.LiteralNode:
		return n.Value.Value, want == typeString
	case *ast.BoolNode:
		return n.Value, want == typeBoolean
	case *ast.IntegerNode:
		i, err := strconv.ParseInt(fmt.Sprint(n.Value), 10, 32) // no setting is larger
		return i, err == nil && (want == typeInteger || want == typeNumber)
	case *ast.FloatNode:
		return n.Value, want == typeNumber
	default:
		return nil, false
	}
}

func (r *reader) mapping(values []*ast.MappingValueNode, want *SchemaNode, path string) (any, error) {
	out, seen := map[string]any{}, map[string]int{}
	for _, pair := range values {
		key, ok := pair.Key.(*ast.StringNode)
		if !ok {
			return nil, r.fault(pair, path, CodeUnsupported, "", "")
		}
		below := strings.TrimPrefix(path+"."+key.Value, ".")
		next := want.Properties[key.Value]
		if next == nil {
			known := strings.Join(slices.Sorted(maps.Keys(want.Properties)), ", ")
			return nil, r.fault(pair, path, CodeUnknownKey, key.Value, known)
		}
		if first, twice := seen[key.Value]; twice {
			return nil, r.fault(pair, below, CodeDuplicateKey, key.Value, strconv.Itoa(first))
		}
		seen[key.Value] = lineOf(pair)
		v, err := r.value(pair.Value, next, below)
		if err != nil {
			return nil, err
		}
		if path != "" {
			r.files.places[below] = Place{File: r.name, Line: lineOf(pair)}
		}
		out[key.Value] = v
	}
	return out, nil
}

// sequence reads a list. The lists at the top go on from file to file.
func (r *reader) sequence(n *ast.SequenceNode, want *SchemaNode, path string) (any, error) {
	out, first := []any{}, len(r.files.entries[path])
	for i, item := range n.Values {
		v, err := r.value(item, want.Items, fmt.Sprintf("%s[%d]", path, first+i))
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func wants(schemaTypes []string) string {
	if len(schemaTypes) > 1 { // only shares of waves are of several
		return WantShare
	}
	return map[string]string{
		typeString: WantText, typeInteger: WantInteger, typeNumber: WantNumber, typeBoolean: WantBoolean, typeArray: WantList, typeObject: WantKeys,
	}[schemaTypes[0]]
}
