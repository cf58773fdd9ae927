package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Bounds on input files. The largest real feed is below 2 MiB and has some
// 20,000 values; five times as many take up to 40 MiB to read, the file included
// (TestMalformedFeeds).
const (
	MaxInput = 16 << 20 // bytes
	maxDepth = 32
	maxNodes = 100_000
	maxText  = 1024     // bytes of one text that is kept
	maxRun   = 64 << 10 // bytes of any one text, number or stretch of blanks
)

// InputError says what is wrong with an input file and where. Code and Params name the
// problem for its wording in other languages (package lang).
type InputError struct {
	Path    string // "PublicAssetSets.iOS[3].PostingDate"; "" for the whole file
	Problem string
	Code    string
	Params  map[string]string
}

// Error returns the path and the problem.
func (e *InputError) Error() string {
	if e.Path == "" {
		return e.Problem
	}
	return e.Path + ": " + e.Problem
}

// node is one JSON value that knows its place. encoding/json alone would accept
// repeated keys and keys in another case, and could not say where a bad date
// stands.
type node struct {
	parent *node
	name   string // key in an object
	index  int    // position in an array, -1 in an object
	value  any    // nil, bool, string, json.Number, []*node or map[string]*node
}

// parseJSON reads one JSON document within the bounds above. A leading byte
// order mark is tolerated: files saved by hand have one.
func parseJSON(data []byte) (*node, error) {
	if len(data) > MaxInput {
		return nil, inputError("", "too-large", fmt.Sprintf("larger than %d bytes", MaxInput), "most", strconv.Itoa(MaxInput))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, inputError("", "empty-file", "the file is empty")
	}
	if err := checkRuns(data); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	p := treeParser{dec: dec}
	root := &node{}
	if err := p.read(root, 1); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, inputError("", "more-after-end", "there is more after the end of the JSON document")
	}
	return root, nil
}

// checkRuns refuses a document that the decoder would gather large parts of: it
// holds a text, a number or a stretch of blanks as a whole, several times over
// while its buffer grows. What is no JSON is left for the decoder to refuse.
func checkRuns(data []byte) error {
	start, inText, escaped := 0, false, false
	for i, b := range data {
		switch {
		case escaped:
			escaped = false
		case inText && b == '\\':
			escaped = true
		case b == '"':
			start, inText = i, !inText
		case !inText && (b == ',' || b == ':' || b == '{' || b == '}' || b == '[' || b == ']'):
			start = i
		}
		if i-start > maxRun {
			return inputError("", "run-too-long", fmt.Sprintf("a text, number or stretch of blanks after byte %d is longer than %d bytes", start, maxRun), "byte", strconv.Itoa(start))
		}
	}
	return nil
}

type treeParser struct {
	dec   *json.Decoder
	nodes int
}

func (p *treeParser) token(n *node) (json.Token, error) {
	t, err := p.dec.Token()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, n.fail("ends-early", "the file ends here, in mid document")
	case err != nil:
		return nil, n.fail("not-json", "not JSON: "+err.Error(), "cause", err.Error())
	}
	return t, nil
}

// read fills n with the next value.
func (p *treeParser) read(n *node, depth int) error {
	if depth > maxDepth {
		return n.fail("too-deep", fmt.Sprintf("nested deeper than %d", maxDepth), "most", strconv.Itoa(maxDepth))
	}
	if p.nodes++; p.nodes > maxNodes {
		return n.fail("too-many-values", fmt.Sprintf("more than %d values", maxNodes), "most", strconv.Itoa(maxNodes))
	}
	t, err := p.token(n)
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		err = p.readObject(n, depth)
	case json.Delim('['):
		err = p.readArray(n, depth)
	default:
		n.value = t
		return nil
	}
	if err != nil {
		return err
	}
	_, err = p.token(n) // the closing bracket; More has seen it
	return err
}

func (p *treeParser) readObject(n *node, depth int) error {
	fields := map[string]*node{}
	n.value = fields
	for p.dec.More() {
		t, err := p.token(n)
		if err != nil {
			return err
		}
		key, ok := t.(string)
		if !ok {
			return n.fail("key-not-text", "an object key is not text")
		}
		if _, dup := fields[key]; dup {
			return n.fail("key-twice", fmt.Sprintf("key %q occurs twice", clip(key)), "key", clip(key))
		}
		child := &node{parent: n, name: key, index: -1}
		if err := p.read(child, depth+1); err != nil {
			return err
		}
		fields[key] = child
	}
	return nil
}

func (p *treeParser) readArray(n *node, depth int) error {
	var items []*node
	for p.dec.More() {
		child := &node{parent: n, index: len(items)}
		if err := p.read(child, depth+1); err != nil {
			return err
		}
		items = append(items, child)
	}
	n.value = items
	return nil
}

// fail returns what is wrong with a value: in English, and by a code with its values,
// names and values in turn.
func (n *node) fail(code, problem string, pairs ...string) error {
	return inputError(n.path(), code, problem, pairs...)
}

func inputError(path, code, problem string, pairs ...string) *InputError {
	return &InputError{Path: path, Problem: problem, Code: code, Params: paramsOf(pairs)}
}

func (n *node) path() string {
	var parts []string
	for ; n.parent != nil; n = n.parent {
		if n.index >= 0 {
			parts = append(parts, "["+strconv.Itoa(n.index)+"]")
			continue
		}
		part := clip(n.name)
		if n.parent.parent != nil {
			part = "." + part
		}
		parts = append(parts, part)
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0; i-- {
		b.WriteString(parts[i])
	}
	return b.String()
}

// get returns a field, or nil when it is absent, null, or n is not an object.
func (n *node) get(key string) *node {
	fields, _ := n.value.(map[string]*node)
	child := fields[key]
	if child == nil || child.value == nil {
		return nil
	}
	return child
}

func (n *node) object() (map[string]*node, error) {
	fields, ok := n.value.(map[string]*node)
	if !ok {
		return nil, n.fail("not-an-object", "is not an object")
	}
	return fields, nil
}

func (n *node) array() ([]*node, error) {
	items, ok := n.value.([]*node)
	if !ok {
		return nil, n.fail("not-an-array", "is not an array")
	}
	return items, nil
}

func (n *node) text() (string, error) {
	s, ok := n.value.(string)
	switch {
	case !ok:
		return "", n.fail("not-text", "is not text")
	case len(s) > maxText:
		return "", n.fail("text-too-long", fmt.Sprintf("is longer than %d bytes", maxText), "most", strconv.Itoa(maxText))
	}
	return s, nil
}

func (n *node) texts() ([]string, error) {
	items, err := n.array()
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, item := range items {
		if texts[i], err = item.text(); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// date accepts "2026-08-17" and, as SOFA writes it, "2026-08-17T00:00:00Z".
func (n *node) date() (Date, error) {
	s, err := n.text()
	if err != nil {
		return Date{}, err
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return DateOf(t.UTC()), nil
	}
	d, err := ParseDate(s)
	if err != nil {
		return Date{}, n.fail("not-a-date", fmt.Sprintf("%q is not a date", clip(s)), "value", clip(s))
	}
	return d, nil
}

// clip shortens text from outside for an error message.
func clip(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// fields reads one object field after the other and keeps the first error, so
// that a row is read without an error check per field.
type fields struct {
	n   *node
	err error
}

func (f *fields) need(key string) *node {
	if f.err != nil {
		return nil
	}
	child := f.n.get(key)
	if child == nil {
		if _, err := f.n.object(); err != nil {
			f.err = err
			return nil
		}
		f.err = f.n.fail("key-missing", "has no "+key, "key", key)
	}
	return child
}

func (f *fields) text(key string) string {
	if child := f.need(key); child != nil {
		s, err := child.text()
		f.err = err
		return s
	}
	return ""
}

func (f *fields) date(key string) Date {
	if child := f.need(key); child != nil {
		d, err := child.date()
		f.err = err
		return d
	}
	return Date{}
}

func (f *fields) optional(key string) *node {
	if f.err != nil {
		return nil
	}
	return f.n.get(key)
}

func (f *fields) optText(key string) string {
	if f.optional(key) == nil {
		return ""
	}
	return f.text(key)
}

// optDate takes the empty text for an absent date.
func (f *fields) optDate(key string) Date {
	child := f.optional(key)
	if child == nil || child.value == "" {
		return Date{}
	}
	return f.date(key)
}

func (f *fields) flag(key string) bool {
	child := f.optional(key)
	if child == nil {
		return false
	}
	b, ok := child.value.(bool)
	if !ok {
		f.err = child.fail("not-a-flag", "is not true or false")
	}
	return b
}

func (f *fields) count(key string) int {
	child := f.optional(key)
	if child == nil {
		return 0
	}
	number, _ := child.value.(json.Number)
	n, err := strconv.Atoi(number.String())
	if err != nil || n < 0 {
		f.err = child.fail("not-a-count", "is not a count")
	}
	return n
}

// items returns the elements of an array, none when it is absent or null.
func (f *fields) items(key string) []*node {
	child := f.optional(key)
	if child == nil {
		return nil
	}
	items, err := child.array()
	f.err = err
	return items
}

// texts returns an array of texts, none when it is absent or null.
func (f *fields) texts(key string) []string {
	child := f.optional(key)
	if child == nil {
		return nil
	}
	texts, err := child.texts()
	f.err = err
	return texts
}
