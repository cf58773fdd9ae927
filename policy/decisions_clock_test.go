package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// TestDecisionsClockChange holds the decisions about a rollout over the days on
// which the clocks are changed where the installation stands. It starts three days
// before that: the first deadline lies on the day itself, the second wave starts
// before it and has its deadline behind it, the third lies behind it. No calendar
// moves anything, so that each is at nine, however many hours a day has.
func TestDecisionsClockChange(t *testing.T) {
	t.Parallel()
	releases, list := facts(t), stories(t)
	s := list[0]
	s.waves = list[1].waves
	var b strings.Builder
	for _, c := range []struct{ zone, changed, release string }{
		{"Europe/Berlin", "2025-10-26", "26.0.1"},
		{"America/New_York", "2025-11-02", "26.0.1"},
		{"America/New_York", "2026-03-08", "26.3"},
		{"Europe/Berlin", "2026-03-29", "26.3.1"},
	} {
		i := slices.IndexFunc(releases, func(r policy.Release) bool { return r.Version == c.release })
		s.schedule.Location = zone(t, c.zone)
		l, _ := newLife(s, releases, releases[i], fleets()[""], 1)
		changed := int(day(c.changed).Sub(l.posted) / (24 * time.Hour))
		l.tested = changed - 3
		l.begin()
		fmt.Fprintf(&b, "%s, clocks changed on %s\n", c.zone, c.changed)
		l.tell(t, &b, []int{changed - 3, changed - 1, changed, changed + 1, changed + 2, changed + 3, changed + 5})
		var got []policy.LocalTime
		for _, w := range l.parts.Approvals[0].Waves {
			got = append(got, policy.FormatLocal(w.Start, s.schedule.Location), w.Deadline)
		}
		var want []policy.LocalTime
		for _, d := range []int{-3, 0, -1, 2, 1, 4} {
			want = append(want, policy.LocalTime(day(c.changed).AddDate(0, 0, d).Format(time.DateOnly)+"T09:00:00"))
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%s, %s: starts and deadlines (-want +got):\n%s", c.zone, c.changed, diff)
		}
	}
	goldenText(t, "decisions-clock-change.txt", b.String())
}
