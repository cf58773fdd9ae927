package mdmtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Bounds on what the phone reads. They protect the simulator from a server
// gone mad; Apple publishes none.
const (
	maxBody  = 16 << 20
	maxDepth = 64
)

// parsePlist reads an XML property list whose root is a dictionary. Values are
// map[string]any, []any, string, int64, float64, bool, []byte and time.Time.
// It is stricter than Apple's parser where a lenient reading would hide a
// server's mistake: duplicate keys, keys without value and anything after the
// document are errors.
func parsePlist(data []byte) (map[string]any, error) {
	if len(data) > maxBody {
		return nil, fmt.Errorf("property list of %d bytes is too large", len(data))
	}
	d := &plistDecoder{xml.NewDecoder(bytes.NewReader(data))}
	root, err := d.open()
	if err != nil {
		return nil, fmt.Errorf("property list: %w", err)
	}
	if root.Name.Local != "plist" {
		return nil, fmt.Errorf("property list: root element is <%s>", root.Name.Local)
	}
	first, err := d.open()
	if err != nil {
		return nil, fmt.Errorf("property list: %w", err)
	}
	v, err := d.value(first, 1)
	if err != nil {
		return nil, fmt.Errorf("property list: %w", err)
	}
	dict, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("property list: root value is <%s>, want <dict>", first.Name.Local)
	}
	if err := d.close(); err != nil {
		return nil, fmt.Errorf("property list: %w", err)
	}
	if _, err := d.open(); !errors.Is(err, io.EOF) {
		return nil, errors.New("property list: content after the document")
	}
	return dict, nil
}

type plistDecoder struct{ *xml.Decoder }

// next returns the next start or end element; text between elements must be
// white space.
func (d *plistDecoder) next() (xml.Token, error) {
	for {
		tok, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch t := tok.(type) {
		case xml.StartElement, xml.EndElement:
			return tok, nil
		case xml.CharData:
			if len(bytes.TrimSpace(t)) > 0 {
				return nil, errors.New("text between elements")
			}
		default: // comments, processing instructions and the DOCTYPE
		}
	}
}

func (d *plistDecoder) open() (xml.StartElement, error) {
	tok, err := d.next()
	if err != nil {
		return xml.StartElement{}, err
	}
	start, ok := tok.(xml.StartElement)
	if !ok {
		return xml.StartElement{}, errors.New("unexpected end of an element")
	}
	return start, nil
}

func (d *plistDecoder) close() error {
	tok, err := d.next()
	if err != nil {
		return err
	}
	if _, ok := tok.(xml.EndElement); !ok {
		return errors.New("more than one root value")
	}
	return nil
}

// text returns the character data up to the end of the element just opened.
func (d *plistDecoder) text() (string, error) {
	var b strings.Builder
	for {
		tok, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.CharData:
			b.Write(t)
		case xml.EndElement:
			return b.String(), nil
		case xml.StartElement:
			return "", fmt.Errorf("<%s> inside a simple value", t.Name.Local)
		default:
		}
	}
}

func (d *plistDecoder) value(start xml.StartElement, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	switch start.Name.Local {
	case "dict":
		return d.dict(depth)
	case "array":
		return d.array(depth)
	}
	s, err := d.text()
	if err != nil {
		return nil, err
	}
	switch trimmed := strings.TrimSpace(s); start.Name.Local {
	case "string":
		return s, nil
	case "integer":
		return strconv.ParseInt(trimmed, 10, 64)
	case "real":
		return strconv.ParseFloat(trimmed, 64)
	case "true", "false":
		return start.Name.Local == "true", nil
	case "date":
		return time.Parse(time.RFC3339, trimmed)
	case "data":
		return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	default:
		return nil, fmt.Errorf("unknown element <%s>", start.Name.Local)
	}
}

func (d *plistDecoder) array(depth int) ([]any, error) {
	out := []any{}
	for {
		tok, err := d.next()
		if err != nil {
			return nil, err
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			return out, nil
		}
		v, err := d.value(start, depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

func (d *plistDecoder) dict(depth int) (map[string]any, error) {
	out := map[string]any{}
	for {
		tok, err := d.next()
		if err != nil {
			return nil, err
		}
		start, ok := tok.(xml.StartElement)
		if !ok {
			return out, nil
		}
		if start.Name.Local != "key" {
			return nil, fmt.Errorf("<%s> where <key> is due", start.Name.Local)
		}
		key, err := d.text()
		if err != nil {
			return nil, err
		}
		if _, dup := out[key]; dup {
			return nil, fmt.Errorf("key %q twice", key)
		}
		if start, err = d.open(); err != nil {
			return nil, fmt.Errorf("key %q without value: %w", key, err)
		}
		if out[key], err = d.value(start, depth+1); err != nil {
			return nil, fmt.Errorf("key %q: %w", key, err)
		}
	}
}

// parseJSON reads one JSON object into the same value types as parsePlist
// (there is no data and no date in JSON).
func parseJSON(data []byte) (map[string]any, error) {
	if len(data) > maxBody {
		return nil, fmt.Errorf("json of %d bytes is too large", len(data))
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("json: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("json: content after the document")
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("json: not an object")
	}
	numbers(obj)
	return obj, nil
}

// numbers replaces json.Number by int64 where it is one and float64 otherwise,
// in place inside maps and lists.
func numbers(v any) any {
	switch t := v.(type) {
	case map[string]any:
		for k := range t {
			t[k] = numbers(t[k])
		}
	case []any:
		for i := range t {
			t[i] = numbers(t[i])
		}
	case json.Number:
		if n, err := t.Int64(); err == nil {
			return n
		}
		f, _ := t.Float64() // a JSON number beyond float64 becomes ±Inf, which no schema allows
		return f
	}
	return v
}

// Typed access to generic maps; a missing or differently typed value is the
// zero value. What must be there is checked against the schema beforehand.

func str(m map[string]any, key string) string     { s, _ := m[key].(string); return s }
func boolean(m map[string]any, key string) bool   { b, _ := m[key].(bool); return b }
func integer(m map[string]any, key string) int64  { n, _ := m[key].(int64); return n }
func bytesOf(m map[string]any, key string) []byte { b, _ := m[key].([]byte); return b }
func list(m map[string]any, key string) []any     { l, _ := m[key].([]any); return l }
func dict(m map[string]any, key string) map[string]any {
	d, _ := m[key].(map[string]any)
	return d
}

func stringsOf(m map[string]any, key string) []string {
	var out []string
	for _, v := range list(m, key) {
		if s, ok := v.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
