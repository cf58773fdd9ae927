package api

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// SimulateValues writes a query of fleet as the query of a request; simulate
// reads it.
func SimulateValues(q fleet.SimulateQuery) url.Values {
	v := url.Values{}
	for name, value := range map[string]string{"policy": q.Policy, "release": strings.Join(q.Releases, ","), "broken": strings.Join(q.Broken, ","), "silent": q.Silent} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for name, value := range map[string]int{"days": q.Days, "test_days": q.TestDays, "smoke_days": q.SmokeDays} {
		if value != 0 {
			v.Set(name, strconv.Itoa(value))
		}
	}
	return v
}

func simulate(h *Handler, c *call) (any, error) {
	q := fleet.SimulateQuery{Policy: c.query("policy"), Silent: c.query("silent")}
	if s := c.query("broken"); s != "" {
		q.Broken = strings.Split(s, ",")
	}
	if s := c.query("release"); s != "" {
		q.Releases = strings.Split(s, ",")
	}
	for name, into := range map[string]*int{"days": &q.Days, "test_days": &q.TestDays, "smoke_days": &q.SmokeDays} {
		s := c.query(name)
		if s == "" {
			continue
		}
		n, err := parseDays(name, s)
		if err != nil {
			return nil, err
		}
		*into = n
	}
	return h.fleet.Simulate(c.Segment, c.r.PathValue("group"), q)
}
