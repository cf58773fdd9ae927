package mdm

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"strings"
)

// The classes of declarations, as they stand in type names and endpoints.
const (
	ClassActivation    = "activation"
	ClassAsset         = "asset"
	ClassConfiguration = "configuration"
	ClassManagement    = "management"
)

func validClass(s string) bool {
	switch s {
	case ClassActivation, ClassAsset, ClassConfiguration, ClassManagement:
		return true
	}
	return false
}

// maxIdentifierBytes is Apple's bound of an Identifier, in octets.
const maxIdentifierBytes = 64

// validIdentifier keeps identifiers to characters that need no escaping in an
// endpoint: how devices escape others is not documented.
func validIdentifier(s string) bool {
	if s == "" || len(s) > maxIdentifierBytes {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}

// Declaration is one declaration as a device gets it. Make it with
// [NewDeclaration]; the fields are exported so that it can be stored.
type Declaration struct {
	Type       string
	Identifier string
	// ServerToken changes exactly when anything else in the declaration does:
	// 43 octets, of Apple's limit of 64.
	ServerToken string
	// Payload is canonical JSON: keys sorted, no spaces.
	Payload json.RawMessage
}

// NewDeclaration encodes payload, which must become a JSON object. typ is
// Apple's type name, "com.apple.<class>.…"; identifier is 1 to 64 characters
// of A-Z, a-z, 0-9, dot, underscore and hyphen. The same arguments always
// give the same ServerToken, a hash over all three.
func NewDeclaration(typ, identifier string, payload any) (Declaration, error) {
	d := Declaration{Type: typ, Identifier: identifier}
	if !validClass(d.Class()) {
		return Declaration{}, fmt.Errorf("mdm: declaration type %q has no known class", typ)
	}
	if !validIdentifier(identifier) {
		return Declaration{}, fmt.Errorf("mdm: declaration identifier %q has a bad length or character", identifier)
	}
	if err := check(payload); err != nil {
		return Declaration{}, fmt.Errorf("mdm: %s: %w", typ, err)
	}
	var err error
	if d.Payload, err = canonical(payload); err != nil {
		return Declaration{}, fmt.Errorf("mdm: %s: %w", typ, err)
	}
	h := sha256.New()
	writeDelimited(h, d.Type, d.Identifier, string(d.Payload))
	d.ServerToken = token(h)
	return d, nil
}

// Class returns the class in the type's name, "configuration" for instance;
// "" when the type is none of Apple's.
func (d Declaration) Class() string {
	rest, ok := strings.CutPrefix(d.Type, "com.apple.")
	if !ok {
		return ""
	}
	class, name, _ := strings.Cut(rest, ".")
	if name == "" {
		return ""
	}
	return class
}

// Item returns the declaration's line in the manifest.
func (d Declaration) Item() Item {
	return Item{Class: d.Class(), Identifier: d.Identifier, ServerToken: d.ServerToken}
}

// JSON returns the declaration response. Payload must be valid JSON, as
// NewDeclaration leaves it.
func (d Declaration) JSON() []byte {
	b := make([]byte, 0, 128+len(d.Payload))
	b = append(b, `{"Identifier":`...)
	b = appendQuoted(b, d.Identifier)
	b = append(b, `,"Payload":`...)
	b = append(b, d.Payload...)
	b = append(b, `,"ServerToken":`...)
	b = appendQuoted(b, d.ServerToken)
	b = append(b, `,"Type":`...)
	b = appendQuoted(b, d.Type)
	return append(b, '}')
}

// canonical encodes v with sorted keys, without spaces and HTML escapes.
func canonical(v any) (json.RawMessage, error) {
	encoded, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	// Through a map, so that the order of struct fields does not matter and
	// renaming a Go type never changes a token.
	var m map[string]any
	dec := json.NewDecoder(bytes.NewReader(encoded))
	dec.UseNumber()
	if err := dec.Decode(&m); err != nil || m == nil {
		return nil, errors.New("payload is not a JSON object")
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// appendQuoted appends s as a JSON string.
func appendQuoted(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always encodes
	return append(b, quoted...)
}

// writeDelimited feeds parts to h so that no two lists of parts look alike.
func writeDelimited(h hash.Hash, parts ...string) {
	var length [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(length[:], uint64(len(p)))
		h.Write(length[:])
		h.Write([]byte(p))
	}
}

// token returns the hash in 43 characters that need no escaping anywhere.
func token(h hash.Hash) string { return base64.RawURLEncoding.EncodeToString(h.Sum(nil)) }
