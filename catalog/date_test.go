package catalog_test

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "2026-13-01", "2026-02-30", "2026-8-1", "20260801", "2026-08-01T00:00:00Z"} {
		if d, err := catalog.ParseDate(bad); err == nil {
			t.Errorf("ParseDate(%q) = %s, want an error", bad, d)
		}
	}
	d, err := catalog.ParseDate("2026-08-17")
	if want := (catalog.Date{Year: 2026, Month: time.August, Day: 17}); d != want || err != nil {
		t.Errorf("ParseDate = %+v, %v, want %+v", d, err, want)
	}
}

func TestDate(t *testing.T) {
	t.Parallel()
	d := date(t, "2026-08-17")
	if got := d.AddDays(90); got != date(t, "2026-11-15") {
		t.Errorf("90 days after %s is %s", d, got)
	}
	if got := date(t, "2024-03-01").AddDays(-1); got != date(t, "2024-02-29") {
		t.Errorf("the day before 2024-03-01 is %s", got)
	}
	if got := date(t, "2026-11-15").DaysSince(d); got != 90 {
		t.Errorf("DaysSince = %d, want 90", got)
	}
	if unknown := (catalog.Date{}); !unknown.AddDays(90).IsZero() || !unknown.Time(time.UTC).IsZero() || !unknown.Before(d) {
		t.Error("the unknown date did not stay unknown, or is not before all others")
	}
	if !d.Before(date(t, "2026-08-18")) || !d.After(date(t, "2025-12-31")) || d.Compare(d) != 0 {
		t.Error("dates are not ordered")
	}
	tokyo := time.FixedZone("JST", 9*60*60)
	if got := d.Time(tokyo).UTC(); !got.Equal(time.Date(2026, 8, 16, 15, 0, 0, 0, time.UTC)) {
		t.Errorf("first instant in Tokyo is %s", got)
	}
}
