package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// Limits on the structure of a request.
const (
	maxDepth = 32
	maxNodes = 20_000 // keys and values, each container being two, unless the route has a limit of its own
)

// guardJSON checks that a body is exactly one JSON object within the limits, in
// which no key stands twice, and has at most so many keys and values. Of two keys
// that are the same, readers take one or the other: {"dry_run": true, "dry_run":
// false} is a request that two of them understand differently.
func guardJSON(body []byte, most int) error {
	if !utf8.Valid(body) {
		return errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // or a number out of range would be an error of the wrong place
	g := jsonGuard{dec: dec, most: most}
	first, err := g.token()
	if err != nil {
		return err
	}
	if first != json.Delim('{') {
		return errors.New("not a JSON object")
	}
	if err := g.object(1); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("more than one JSON value")
	}
	return nil
}

type jsonGuard struct {
	dec   *json.Decoder
	nodes int
	most  int // nodes
}

func (g *jsonGuard) token() (json.Token, error) {
	if g.nodes++; g.nodes > g.most {
		return nil, fmt.Errorf("more than %d keys and values", g.most)
	}
	t, err := g.dec.Token()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the JSON object does not end")
	}
	return t, err
}

// value reads the next value, of which the containers around it are depth.
func (g *jsonGuard) value(depth int) error {
	t, err := g.token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return g.object(depth + 1)
	case json.Delim('['):
		return g.array(depth + 1)
	}
	return nil
}

// object reads the rest of an object at depth.
func (g *jsonGuard) object(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	seen := map[string]bool{}
	for g.dec.More() {
		t, err := g.token()
		if err != nil {
			return err
		}
		key, _ := t.(string) // the decoder lets nothing else be a key
		if seen[key] {
			return fmt.Errorf("key %.64q stands twice", key)
		}
		seen[key] = true
		if err := g.value(depth); err != nil {
			return err
		}
	}
	_, err := g.token() // the closing brace
	return err
}

// array reads the rest of an array at depth.
func (g *jsonGuard) array(depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("nested deeper than %d", maxDepth)
	}
	for g.dec.More() {
		if err := g.value(depth); err != nil {
			return err
		}
	}
	_, err := g.token() // the closing bracket
	return err
}
