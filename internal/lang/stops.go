package lang

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// stops words the signals that stopped a rollout, "" when a notice names none. Its
// params have each by its code, that of one wave with the wave's number, as
// "installs-failed.wave-2": "3 of 8, stops at 2"; reports of problems are of no number
// of phones: "3, stops at 3".
func (p *Printer) stops(params map[string]string) string {
	var said []string
	for _, key := range slices.Sorted(maps.Keys(params)) {
		signal, wave, _ := strings.Cut(key, ".wave-")
		if slices.Contains([]string{"installs-failed", "phones-silent", "apps-reverted", "apps-reported"}, signal) {
			if text := p.stop(signal, wave, params[key]); text != "" {
				said = append(said, text)
			}
		}
	}
	return strings.Join(said, both{"; ", "、"}.in(p.lang))
}

// stop words one of them, "" when its numbers cannot be read.
func (p *Printer) stop(signal, wave, numbers string) string {
	var count, of, limit int
	if _, err := fmt.Sscanf(numbers, "%d of %d, stops at %d", &count, &of, &limit); err != nil {
		of = 0
		if _, err := fmt.Sscanf(numbers, "%d, stops at %d", &count, &limit); err != nil {
			return ""
		}
	}
	filled := map[string]string{"why": signal, "count": strconv.Itoa(count), "wave": wave, "limit": strconv.Itoa(limit)}
	if of > 0 {
		filled["of"] = strconv.Itoa(of)
	}
	return p.Fill(both{
		"{why}, on {count}[ of {of}] phones[ of wave {wave}] (stops at {limit})",
		"[第{wave}段階で]{why}（[{of}台中]{count}台。上限{limit}台）",
	}.in(p.lang), filled)
}
