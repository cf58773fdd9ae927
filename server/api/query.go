package api

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Most entries that lists answer at once.
const (
	mostListed   = 1000
	mostOfPhones = 500 // of a rollout's phones, each with its reason
)

// repeated marks, at the end of a key of a route, that it may be given several
// times.
const repeated = "..."

// readQuery reads the query of the URL as strictly as decode reads a body: keys
// that the route does not take are errors, and so are keys that stand twice.
// Otherwise a misspelt dry_run would become the real thing, and a misspelt filter
// a list of everything.
func (c *call) readQuery(takes string) error {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return invalid("query", "not-a-query", err.Error(), err.Error())
	}
	c.keys, c.values = strings.Fields(takes), values
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch {
		case slices.Contains(c.keys, key+repeated):
		case !slices.Contains(c.keys, key):
			return unknownKey(key, c.keys)
		case len(values[key]) > 1:
			return invalid("query", "key-twice", key, fmt.Sprintf("key %.64q stands twice", key))
		}
	}
	return nil
}

func unknownKey(key string, takes []string) error {
	keys := strings.ReplaceAll(strings.Join(takes, ", "), repeated, "")
	message := fmt.Sprintf("query: there is no key %.64q here", key)
	if keys != "" {
		message += ", but " + keys
	}
	return &Error{
		Status: http.StatusBadRequest, Code: CodeInvalid, Detail: "unknown-key", Field: "query", Message: message,
		Params: map[string]string{"value": key, "keys": keys},
	}
}

// query returns a value of the query, "" when it is absent. To ask for a key that
// the route does not take is a fault of the program: nobody could give it.
func (c *call) query(name string) string {
	if !slices.Contains(c.keys, name) {
		panic(fmt.Sprintf("%s takes no %q in its query", c.r.Pattern, name))
	}
	return c.values.Get(name)
}

// queries returns the values of a key that may be repeated.
func (c *call) queries(name string) []string {
	if !slices.Contains(c.keys, name+repeated) {
		panic(fmt.Sprintf("%s takes no repeated %q in its query", c.r.Pattern, name))
	}
	return c.values[name]
}

func (c *call) number(name string) (uint64, error) {
	s := c.query(name)
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, invalid(name, "not-a-number", s, fmt.Sprintf("%q is not a number", s))
	}
	return n, nil
}

// page reads which part of a list is wanted: what comes after an entry, and how
// many, as in limit.
func (c *call) page(most int) (after uint64, limit int, err error) {
	if after, err = c.number("after"); err != nil {
		return 0, 0, err
	}
	limit, err = c.limit(most)
	return after, limit, err
}

// limit reads how many entries of a list are wanted at once; 0 leaves it to the
// list. More than the most is an error: who asks for more and counts what comes
// would take a page for the whole.
func (c *call) limit(most int) (int, error) {
	n, err := c.number("limit")
	if err != nil {
		return 0, err
	}
	if n > uint64(most) { //nolint:gosec // one of the constants above
		return 0, &Error{
			Status: http.StatusBadRequest, Code: CodeInvalid, Detail: "limit-too-large", Field: "limit",
			Message: fmt.Sprintf("limit: %d: want at most %d", n, most),
			Params:  map[string]string{"value": strconv.FormatUint(n, 10), "most": strconv.Itoa(most)},
		}
	}
	return int(n), nil //nolint:gosec // at most the limit
}

// boolean reads a value of the query that is true or false; absent is false.
func (c *call) boolean(name string) (bool, error) {
	s := c.query(name)
	if s == "" {
		return false, nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		return false, invalid(name, "not-a-boolean", s, fmt.Sprintf("%q: want true or false", s))
	}
	return b, nil
}
