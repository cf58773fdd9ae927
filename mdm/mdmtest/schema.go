package mdmtest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The table is derived from Apple's device management schema for iOS 18.1
// (Copyright Apple Inc., MIT licence, see schema/LICENSE.apple.txt) by
//
//	go run ./mdm/mdmtest/internal/schemagen DIR > mdm/mdmtest/schema/ios.json
//
// What changed later is in overlay.go.
//
//go:embed schema/ios.json
var schemaJSON []byte

// table is everything an iPhone knows how to read.
type table struct {
	Commands     map[string]*item `json:"commands"`     // by request type
	Payloads     map[string]*item `json:"payloads"`     // by payload type, of profiles
	Declarations map[string]*item `json:"declarations"` // by declaration type
	Protocol     map[string]*item `json:"protocol"`     // shapes of declarative management answers
	Status       map[string]*item `json:"status"`       // by status item name
}

// item is one command, payload, declaration, answer or status item.
type item struct {
	Introduced string `json:"in"`
	Removed    string `json:"rm"`
	Supervised bool   `json:"sup"`
	Rights     string `json:"rights"`
	Keys       []*key `json:"keys"`
}

// key is one key of a dictionary, or the element of an array. A string with
// Keys may only hold one of their names (the queries of DeviceInformation).
type key struct {
	Name       string  `json:"k"`
	Type       string  `json:"t"`
	Required   bool    `json:"req"`
	Introduced string  `json:"in"`
	Removed    string  `json:"rm"`
	Supervised bool    `json:"sup"`
	Rights     string  `json:"rights"`
	OneOf      []any   `json:"of"`
	Range      *bounds `json:"range"`
	Format     string  `json:"fmt"`
	Keys       []*key  `json:"keys"`
}

type bounds struct{ Min, Max *float64 }

// anyKey stands for keys of any name.
const anyKey = "ANY"

// schema returns the table with the overlay applied. It is built once and
// never changed afterwards.
var schema = sync.OnceValue(func() *table {
	t := &table{}
	if err := json.Unmarshal(schemaJSON, t); err != nil {
		// The file is part of the program; TestSchemaTable reads it.
		panic(fmt.Sprintf("mdmtest: embedded schema: %v", err))
	}
	applyOverlay(t)
	return t
})

// reader is who reads: the same document is fine for one phone and wrong for
// another.
type reader struct {
	version    string
	supervised bool
}

func (p *Phone) reader() reader { return reader{p.version, p.o.Supervised} }

// available says why a reader cannot use something; "" means it can.
func (r reader) available(introduced, removed string, supervised bool) fault {
	switch {
	case introduced != "" && compareVersions(r.version, introduced) < 0:
		return faultTooNew
	case removed != "" && compareVersions(r.version, removed) >= 0:
		return faultRemoved
	case supervised && !r.supervised:
		return faultSupervised
	}
	return ""
}

// fault is the kind of a problem.
type fault string

const (
	faultUnknown    fault = "unknown key"
	faultMissing    fault = "required key is missing"
	faultType       fault = "wrong type"
	faultValue      fault = "value not allowed"
	faultTooNew     fault = "not known to this version"
	faultRemoved    fault = "removed in this version"
	faultSupervised fault = "needs supervision"
)

// problem is one departure from the schema. Values are never part of it: they
// may be secrets.
type problem struct {
	path  string
	fault fault
}

func (p problem) String() string { return p.path + ": " + string(p.fault) }

func describe(ps []problem) string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.String()
	}
	return strings.Join(out, "; ")
}

// checkDict compares a dictionary with the keys the schema has for it and
// returns all problems, sorted by path.
func (r reader) checkDict(path string, m map[string]any, keys []*key) []problem {
	byName := make(map[string]*key, len(keys))
	for _, k := range keys {
		byName[k.Name] = k
	}
	var out []problem
	for _, name := range slices.Sorted(maps.Keys(m)) {
		k := byName[name]
		if k == nil {
			k = byName[anyKey]
		}
		if k == nil {
			out = append(out, problem{join(path, name), faultUnknown})
			continue
		}
		out = append(out, r.checkValue(join(path, name), m[name], k)...)
	}
	for _, k := range keys {
		if _, ok := m[k.Name]; !ok && k.Required && k.Name != anyKey && r.available(k.Introduced, k.Removed, k.Supervised) == "" {
			out = append(out, problem{join(path, k.Name), faultMissing})
		}
	}
	return out
}

func (r reader) checkValue(path string, v any, k *key) []problem {
	if f := r.available(k.Introduced, k.Removed, k.Supervised); f != "" {
		return []problem{{path, f}}
	}
	if !typeMatches(v, k.Type) {
		return []problem{{path, faultType}}
	}
	if !k.allows(v) {
		return []problem{{path, faultValue}}
	}
	switch t := v.(type) {
	case map[string]any:
		if len(k.Keys) > 0 {
			return r.checkDict(path, t, k.Keys)
		}
	case []any:
		return r.checkArray(path, t, k.Keys)
	case string:
		if len(k.Keys) > 0 {
			return r.checkName(path, t, k.Keys)
		}
	}
	return nil
}

// checkArray checks every element. Where the schema offers several kinds of
// element (the items of Settings), the one whose fixed values match is meant.
func (r reader) checkArray(path string, a []any, kinds []*key) []problem {
	var out []problem
	for i, v := range a {
		at := path + "[" + strconv.Itoa(i) + "]"
		switch k := pickKind(v, kinds); {
		case k != nil:
			out = append(out, r.checkValue(at, v, k)...)
		case len(kinds) > 0:
			out = append(out, problem{at, faultValue})
		}
	}
	return out
}

func pickKind(v any, kinds []*key) *key {
	if len(kinds) == 1 {
		return kinds[0]
	}
	m, ok := v.(map[string]any)
	for _, k := range kinds {
		if !ok && typeMatches(v, k.Type) {
			return k
		}
		for _, sub := range k.Keys {
			if ok && len(sub.OneOf) == 1 && m[sub.Name] == sub.OneOf[0] {
				return k
			}
		}
	}
	return nil
}

func (r reader) checkName(path, name string, names []*key) []problem {
	for _, k := range names {
		if k.Name != name {
			continue
		}
		if f := r.available(k.Introduced, k.Removed, k.Supervised); f != "" {
			return []problem{{path + " " + name, f}}
		}
		return nil
	}
	return []problem{{path, faultValue}}
}

func typeMatches(v any, typ string) bool {
	switch v.(type) {
	case string:
		return typ == "string" || typ == "any"
	case int64:
		return typ == "integer" || typ == "any"
	case float64:
		return typ == "real" || typ == "any"
	case bool:
		return typ == "boolean" || typ == "any"
	case []byte:
		return typ == "data" || typ == "any"
	case time.Time:
		return typ == "date" || typ == "any"
	case []any:
		return typ == "array" || typ == "any"
	case map[string]any:
		return typ == "dictionary" || typ == "any"
	}
	return false // JSON null: Apple's schema has no such type
}

func (k *key) allows(v any) bool {
	if len(k.OneOf) > 0 && !slices.ContainsFunc(k.OneOf, func(want any) bool { return sameScalar(v, want) }) {
		return false
	}
	if n, ok := number(v); ok && k.Range != nil {
		if k.Range.Min != nil && n < *k.Range.Min || k.Range.Max != nil && n > *k.Range.Max {
			return false
		}
	}
	if s, ok := v.(string); ok && k.Format != "" {
		// Only formats Go's regular expressions can read are in the table.
		re, err := regexp.Compile(k.Format)
		return err == nil && re.MatchString(s)
	}
	return true
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case float64:
		return n, !math.IsNaN(n)
	}
	return 0, false
}

// sameScalar compares a parsed value with one of the table, where every number
// is a float64.
func sameScalar(got, want any) bool {
	if n, ok := number(got); ok {
		w, isNumber := number(want)
		return isNumber && n == w
	}
	switch got.(type) {
	case string, bool:
		return got == want
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// compareVersions orders dotted versions numerically; missing parts are zero,
// and what is not a number counts as zero.
func compareVersions(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range max(len(as), len(bs)) {
		if d := part(as, i) - part(bs, i); d != 0 {
			return d
		}
	}
	return 0
}

func part(parts []string, i int) int {
	if i >= len(parts) {
		return 0
	}
	n, err := strconv.Atoi(parts[i])
	if err != nil {
		return 0
	}
	return n
}

func major(version string) int { return part(strings.Split(version, "."), 0) }
