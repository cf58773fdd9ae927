package mdm

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// fields reads a decoded dictionary, property list or JSON, with the
// tolerance devices need: integers where reals are documented and the other
// way round, 0 and 1 for booleans. A value of an unusable type counts as not
// reported and its path is noted.
type fields struct {
	m    map[string]any
	path string // "" or a prefix that ends with a dot
	// skipped collects the paths of unusable values; never nil.
	skipped *[]string
}

func newFields(m map[string]any) fields { return fields{m: m, skipped: new([]string)} }

func (f fields) skip(key string) { *f.skipped = append(*f.skipped, f.path+key) }

// skippedSorted returns the noted paths, sorted, nil when there are none.
func (f fields) skippedSorted() []string {
	slices.Sort(*f.skipped)
	return *f.skipped
}

// pick returns the value under key converted by conv: nil when it is absent,
// null, or of an unusable type.
func pick[T any](f fields, key string, conv func(any) (T, bool)) *T {
	v, ok := f.m[key]
	if !ok || v == nil {
		return nil
	}
	t, ok := conv(v)
	if !ok {
		f.skip(key)
		return nil
	}
	return &t
}

func (f fields) str(key string) *string    { return pick(f, key, asString) }
func (f fields) boolean(key string) *bool  { return pick(f, key, asBool) }
func (f fields) integer(key string) *int64 { return pick(f, key, asInt) }
func (f fields) real(key string) *float64  { return pick(f, key, asFloat) }
func (f fields) text(key string) string    { return deref(f.str(key)) }
func (f fields) flag(key string) bool      { return deref(f.boolean(key)) }
func (f fields) list(key string) (l []any) { return deref(pick(f, key, asList)) }
func (f fields) reported(key string) bool  { return f.m[key] != nil }
func (f fields) texts(key string) []string { return listOf(f, key, asString) }
func (f fields) objects(key string) []fields {
	maps := f.list(key)
	out := make([]fields, 0, len(maps))
	for i, v := range maps {
		path := key + "." + strconv.Itoa(i)
		if m, ok := v.(map[string]any); ok {
			out = append(out, fields{m: m, path: f.path + path + ".", skipped: f.skipped})
		} else {
			f.skip(path)
		}
	}
	return out
}

// reportedObject returns the dictionary under key and whether there is one.
func (f fields) reportedObject(key string) (fields, bool) {
	o := f.object(key)
	return o, o.m != nil
}

// object returns the dictionary under key, empty when it is not reported.
func (f fields) object(key string) fields {
	m := deref(pick(f, key, asDictionary))
	return fields{m: m, path: f.path + key + ".", skipped: f.skipped}
}

// listOf returns the usable elements of the array under key.
func listOf[T any](f fields, key string, conv func(any) (T, bool)) []T {
	l := f.list(key)
	if l == nil {
		return nil
	}
	out := make([]T, 0, len(l))
	for i, v := range l {
		if t, ok := conv(v); ok {
			out = append(out, t)
		} else {
			f.skip(key + "." + strconv.Itoa(i))
		}
	}
	return out
}

// fold returns f with keys matched without regard to case: devices spell the
// reasons of errors "Code" in one place and "code" in another.
func (f fields) fold() fields {
	m := make(map[string]any, len(f.m))
	for k, v := range f.m {
		m[strings.ToLower(k)] = v
	}
	return fields{m: m, path: f.path, skipped: f.skipped}
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

func asString(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case uint64:
		return strconv.FormatUint(v, 10), true
	case int64:
		return strconv.FormatInt(v, 10), true
	case json.Number:
		return v.String(), true
	}
	return "", false
}

func asBool(v any) (bool, bool) {
	if b, ok := v.(bool); ok {
		return b, true
	}
	if _, text := v.(string); text {
		return false, false
	}
	n, ok := asInt(v)
	return n == 1, ok && (n == 0 || n == 1)
}

func asInt(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case uint64:
		return int64(v), v <= math.MaxInt64 //nolint:gosec // an overflow is reported as unusable
	}
	f, ok := asFloat(v)
	// Above 2^53 a float no longer tells integers apart.
	if !ok || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

func asFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, !math.IsNaN(v) && !math.IsInf(v, 0)
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case string:
		f, err := strconv.ParseFloat(v, 64)
		return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
	}
	return 0, false
}

func asData(v any) ([]byte, bool) {
	b, ok := v.([]byte)
	return b, ok
}

func asList(v any) ([]any, bool) {
	l, ok := v.([]any)
	return l, ok
}

func asDictionary(v any) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	return m, ok
}
