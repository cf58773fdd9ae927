package fleet

import (
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/policy/backtest"
	"github.com/kannuki-mdm/kannuki/storage"
)

// parseShare reads "20%" as a number of percent; "" is none.
func parseShare(field, text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.Atoi(number)
	if !percent || err != nil || n < 0 || n > wholeGroup {
		return 0, invalid(field, "not-a-share", "%q: want a share from 0%% to 100%%, such as 20%%", text).with("value", text)
	}
	return n, nil
}

// settled returns the releases whose hold ended in a group and was decided about.
func (s *snapshot) settled(group string) []string {
	var list []string
	for _, m := range s.records.HoldMarks {
		if m.Group == group && m.Day == policy.HoldDays && !m.Waits {
			list = append(list, m.Release)
		}
	}
	return list
}

func phonesIn(list []backtest.Cohort) int {
	n := 0
	for _, c := range list {
		n += c.Count
	}
	return n
}

// cohorts counts the enrolled phones of a group: production phones that are alike
// and in the same waves of the approvals on record, in several parts when
// waves are yet to be drawn; and verification phones.
func (w *worldState) cohorts(s *snapshot, group string, split bool) (production, testers []backtest.Cohort) {
	var drawnFor []policy.Approval
	for _, a := range s.records.Approvals {
		if a.Group == group && len(a.Waves) > 1 {
			drawnFor = append(drawnFor, policyApproval(a))
		}
	}
	type alike struct {
		model, os, waves string
		told             policy.ToldWave
	}
	phones := map[alike][]string{}
	tests := map[alike]int{}
	for m := range w.census.all() {
		p := &m.look.phone
		if !m.enrolled() || p.Group != group {
			continue
		}
		key := alike{model: p.Model, os: fullVersion(p)}
		if p.Ring == storage.RingVerification {
			tests[key]++
			continue
		}
		key.told = policy.ToldWave(p.Announced.Wave)
		for i := range drawnFor {
			key.waves += strconv.Itoa(m.waveOf(&drawnFor[i])) + " "
		}
		phones[key] = append(phones[key], m.udid)
	}
	for key, ids := range phones {
		slices.Sort(ids)
		parts := 1
		if split {
			parts = min(len(ids), simulateParts)
		}
		for i := range parts {
			count := (len(ids) - i + parts - 1) / parts
			production = append(production, backtest.Cohort{ID: ids[i], Model: key.model, Version: key.os, Count: count, Told: key.told})
		}
	}
	for key, n := range tests {
		testers = append(testers, backtest.Cohort{ID: "tester " + key.model, Model: key.model, Version: key.os, Count: n})
	}
	return production, testers
}
