package api

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// BacktestValues writes a query of fleet as the query of a request; backtest
// reads it.
func BacktestValues(q fleet.BacktestQuery) url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"since": q.Since, "until": q.Until, "days": joinNumbers(q.Days), "strategy": strings.Join(q.Strategies, ","),
		"policy": strings.Join(q.Policies, ","), "broken": strings.Join(q.Broken, ","),
	} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.SmokeDays != 0 {
		v.Set("smoke_days", strconv.Itoa(q.SmokeDays))
	}
	if q.InstallDays != nil {
		v.Set("install_days", strconv.Itoa(*q.InstallDays))
	}
	return v
}

func joinNumbers(list []int) string {
	texts := make([]string, len(list))
	for i, n := range list {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ",")
}

func backtest(h *Handler, c *call) (any, error) {
	q := fleet.BacktestQuery{Since: c.query("since"), Until: c.query("until")}
	if s := c.query("strategy"); s != "" {
		q.Strategies = strings.Split(s, ",")
	}
	if s := c.query("policy"); s != "" {
		q.Policies = strings.Split(s, ",")
	}
	if s := c.query("broken"); s != "" {
		q.Broken = strings.Split(s, ",")
	}
	if s := c.query("days"); s != "" {
		for text := range strings.SplitSeq(s, ",") {
			n, err := parseDays("days", text)
			if err != nil {
				return nil, err
			}
			q.Days = append(q.Days, n)
		}
	}
	if s := c.query("smoke_days"); s != "" {
		n, err := parseDays("smoke_days", s)
		if err != nil {
			return nil, err
		}
		q.SmokeDays = n
	}
	if s := c.query("install_days"); s != "" {
		n, err := parseDays("install_days", s)
		if err != nil {
			return nil, err
		}
		q.InstallDays = &n
	}
	return h.fleet.Backtest(c.Segment, c.r.PathValue("group"), q)
}

// parseDays reads a number of days; its range is fleet's to check.
func parseDays(field, text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, invalid(field, "not-a-number", text, strconv.Quote(text)+" is not a number")
	}
	return n, nil
}
