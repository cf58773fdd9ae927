package mdm

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"
)

// Item is one line of a manifest.
type Item struct {
	Class       string
	Identifier  string
	ServerToken string
}

// Set is the manifest of one enrolment: every declaration it shall hold. It
// cannot be changed. The zero value is the empty manifest, which makes a
// device drop everything.
type Set struct {
	items []Item
}

// NewSet returns the set of the items; their order and exact repetitions do
// not matter. It copies items.
func NewSet(items []Item) Set {
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b Item) int {
		return cmp.Or(
			cmp.Compare(a.Class, b.Class),
			cmp.Compare(a.Identifier, b.Identifier),
			cmp.Compare(a.ServerToken, b.ServerToken),
		)
	})
	return Set{items: slices.Compact(sorted)}
}

// Validate refuses a set a device could not hold: an unknown class, an empty
// ServerToken, an identifier that is malformed or used twice. An identifier
// is the key across all classes.
func (s Set) Validate() error {
	seen := make(map[string]bool, len(s.items))
	for _, it := range s.items {
		switch {
		case !validClass(it.Class):
			return fmt.Errorf("mdm: manifest item %q has the unknown class %q", it.Identifier, it.Class)
		case !validIdentifier(it.Identifier):
			return fmt.Errorf("mdm: manifest item %q has a bad length or character", it.Identifier)
		case it.ServerToken == "":
			return fmt.Errorf("mdm: manifest item %q has no server token", it.Identifier)
		case seen[it.Identifier]:
			return fmt.Errorf("mdm: manifest item %q stands twice", it.Identifier)
		}
		seen[it.Identifier] = true
	}
	return nil
}

// Items returns the items in order of class, identifier and token.
func (s Set) Items() []Item { return slices.Clone(s.items) }

// Token returns the DeclarationsToken: equal sets have equal tokens, and any
// change of the set changes it. 43 octets, of Apple's limit of 256.
func (s Set) Token() string {
	h := sha256.New()
	for _, it := range s.items {
		writeDelimited(h, it.Class, it.Identifier, it.ServerToken)
	}
	return token(h)
}

// ItemsJSON returns the declaration-items response. All four arrays are
// there, empty or not: devices require them.
func (s Set) ItemsJSON() []byte {
	b := []byte(`{"Declarations":{`)
	for i, list := range []struct{ name, class string }{
		{"Activations", ClassActivation},
		{"Assets", ClassAsset},
		{"Configurations", ClassConfiguration},
		{"Management", ClassManagement},
	} {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuoted(b, list.name)
		b = append(b, ":["...)
		b = s.appendClass(b, list.class)
		b = append(b, ']')
	}
	b = append(b, `},"DeclarationsToken":`...)
	b = appendQuoted(b, s.Token())
	return append(b, '}')
}

func (s Set) appendClass(b []byte, class string) []byte {
	first := true
	for _, it := range s.items {
		if it.Class != class {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, `{"Identifier":`...)
		b = appendQuoted(b, it.Identifier)
		b = append(b, `,"ServerToken":`...)
		b = appendQuoted(b, it.ServerToken)
		b = append(b, '}')
	}
	return b
}

// timestampLayout is Apple's form of SyncTokens.Timestamp: UTC, no fraction.
const timestampLayout = "2006-01-02T15:04:05Z"

// TokensJSON returns the tokens response, also used as Data of a
// [DeclarativeManagementCommand]. Devices tell by ts which of two responses
// is newer, so for one enrolment it must never go back; fractions of a second
// are cut off.
func TokensJSON(token string, ts time.Time) []byte {
	b := []byte(`{"SyncTokens":{"DeclarationsToken":`)
	b = appendQuoted(b, token)
	b = append(b, `,"Timestamp":"`...)
	b = ts.UTC().AppendFormat(b, timestampLayout)
	return append(b, `"}}`...)
}
