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
	for name, list := range simulateLists(&q) {
		if len(*list) > 0 {
			v.Set(name, strings.Join(*list, ","))
		}
	}
	for name, value := range map[string]string{"policy": q.Policy, "silent": q.Silent} {
		if value != "" {
			v.Set(name, value)
		}
	}
	for name, value := range simulateNumbers(&q) {
		if *value != 0 {
			v.Set(name, strconv.Itoa(*value))
		}
	}
	return v
}

// simulateLists are the fields of a query that are lists, by the name of the parameter.
func simulateLists(q *fleet.SimulateQuery) map[string]*[]string {
	return map[string]*[]string{
		"release": &q.Releases, "broken": &q.Broken, "exploited": &q.Exploited, "fails": &q.Fails, "falls_silent": &q.FallsSilent,
		"taken_back": &q.TakenBack, "away": &q.Away,
	}
}

// simulateNumbers are those that are numbers.
func simulateNumbers(q *fleet.SimulateQuery) map[string]*int {
	return map[string]*int{
		"days": &q.Days, "test_days": &q.TestDays, "smoke_days": &q.SmokeDays, "sign_hours": &q.SignHours, "resume_days": &q.ResumeDays,
	}
}

func simulate(h *Handler, c *call) (any, error) {
	q := fleet.SimulateQuery{Policy: c.query("policy"), Silent: c.query("silent")}
	for name, into := range simulateLists(&q) {
		if s := c.query(name); s != "" {
			*into = strings.Split(s, ",")
		}
	}
	for name, into := range simulateNumbers(&q) {
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
