package policyfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// SchemaFile is the name under which the schema lies beside exported files.
const SchemaFile = "kannuki.schema.json"

// SchemaText returns the schema as a file has it.
func SchemaText() ([]byte, error) {
	text, err := json.MarshalIndent(Schema(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(text, '\n'), nil
}

// Text returns settings as one file has them.
func Text(s fleet.Settings) ([]byte, error) { return yamlOf(s) }

// Texts returns settings as a folder has them, by the names of the files: one
// for each kind, and the schema that editors find by their first line.
func Texts(s fleet.Settings) (map[string][]byte, error) {
	schema, err := SchemaText()
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{SchemaFile: schema}
	for name, part := range map[string]any{
		"apps.yaml":      map[string]any{"apps": s.Apps},
		"calendars.yaml": map[string]any{"calendars": s.Calendars},
		"policies.yaml":  map[string]any{"policies": s.Policies},
		"groups.yaml":    map[string]any{"groups": s.Groups},
	} {
		text, err := yamlOf(part)
		if err != nil {
			return nil, err
		}
		files[name] = append([]byte("# yaml-language-server: $schema="+SchemaFile+"\n"), text...)
	}
	return files, nil
}

// yamlOf goes through JSON, whose keys are those of the files and whose quoted
// texts are YAML too. The library's own writer loses texts of blanks and breaks.
func yamlOf(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode settings: %w", err)
	}
	w := yamlWriter{dec: json.NewDecoder(bytes.NewReader(text))}
	w.dec.UseNumber()
	if err := w.value(0, ""); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return w.out.Bytes(), nil
}

// yamlWriter writes the values of a JSON text as blocks, in their order.
type yamlWriter struct {
	dec *json.Decoder
	out bytes.Buffer
}

// value writes the next value, whose lines begin at a column; before is what its
// first line begins with in the place of blanks.
func (w *yamlWriter) value(column int, before string) error {
	t, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return w.block(column, before, "{}", w.pair)
	case json.Delim('['):
		return w.block(column, before, "[]", func(column int) error { return w.value(column+2, "- ") })
	}
	w.out.WriteString(before)
	if s, ok := t.(string); ok {
		t = quoted(s)
	}
	_, err = fmt.Fprintln(&w.out, t)
	return err
}

// block writes the members of an object or list, up to its end.
func (w *yamlWriter) block(column int, before, empty string, member func(column int) error) error {
	if !w.dec.More() {
		fmt.Fprintln(&w.out, before+empty)
		_, err := w.dec.Token()
		return err
	}
	if strings.HasSuffix(before, ": ") {
		w.out.WriteString(strings.TrimSuffix(before, " ") + "\n")
		before = ""
	}
	w.out.WriteString(before)
	for first := true; w.dec.More(); first = false {
		if !first || before == "" {
			w.out.WriteString(strings.Repeat(" ", column))
		}
		if err := member(column); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func (w *yamlWriter) pair(column int) error {
	key, err := w.dec.Token()
	if err != nil {
		return err
	}
	return w.value(column+2, fmt.Sprintf("%s: ", key))
}

// quoted returns a text as YAML: bare when nothing could take it for something
// else.
func quoted(s string) string {
	bare := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/-]*( [A-Za-z0-9._/-]+)*$`)
	words := []string{"y", "yes", "on", "true", "n", "no", "off", "false", "null"} // of old and new YAML
	if bare.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a text always can
	out := strings.TrimSuffix(b.String(), "\n")
	opening := strings.Count(s, "[") + strings.Count(s, "{")
	if opening > 1 || opening != strings.Count(s, "]")+strings.Count(s, "}") {
		// Reading counts brackets in texts too, and would take many for depth.
		out = strings.NewReplacer("[", `\u005b`, "{", `\u007b`).Replace(out)
	}
	return out
}
