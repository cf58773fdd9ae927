package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// closedDays returns a world whose group sales follows a calendar with so many
// closed days from 2026-09-01 on.
func closedDays(n int) *snapshot {
	var c storage.Calendar
	for i := range n {
		c.Closed = append(c.Closed, time.Date(2026, 9, 1+i, 0, 0, 0, 0, time.UTC).Format(time.DateOnly))
	}
	return newSnapshot(storage.World{
		Groups:    []storage.Group{{Name: "sales", Policy: "retail"}, {Name: "depot", Policy: "always"}},
		Policies:  []storage.Policy{{Name: "retail", CalendarName: "shops"}, {Name: "always"}},
		Calendars: []storage.NamedCalendar{{Name: "shops", Calendar: c}},
	}, nil, time.UTC)
}

// TestOpenTime: each group has its own calendar, and each world its own.
func TestOpenTime(t *testing.T) {
	t.Parallel()
	three, one := closedDays(3), closedDays(1)
	for _, c := range []struct {
		s     *snapshot
		group string
		want  policy.LocalTime
	}{
		{three, "sales", "2026-09-04T00:00:00"},
		{three, "depot", "2026-09-01T10:00:00"},
		{three, "nobody", "2026-09-01T10:00:00"},
		{one, "sales", "2026-09-02T00:00:00"},
	} {
		if got := c.s.policy.Schedule(c.group, nil).Calendar.NextLocal("2026-09-01T10:00:00"); got != c.want {
			t.Errorf("%s: open from %s, want %s", c.group, got, c.want)
		}
	}
}

// BenchmarkOpenTime is what a calendar adds to telling one phone something new: a
// sweep does that for every phone.
func BenchmarkOpenTime(b *testing.B) {
	for _, n := range []int{0, 100} {
		b.Run(fmt.Sprintf("%d closed days", n), func(b *testing.B) {
			s := closedDays(n)
			b.ReportAllocs()
			for b.Loop() {
				s.policy.Schedule("sales", nil).Calendar.NextLocal("2026-12-31T10:00:00")
			}
		})
	}
}
