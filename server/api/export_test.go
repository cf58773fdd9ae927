package api

import "strings"

// QueryKeys returns the keys of the query that each route takes.
func QueryKeys() map[string][]string {
	keys := map[string][]string{}
	for _, r := range routes() {
		keys[r.pattern] = strings.Fields(r.query)
	}
	return keys
}
