package server

import (
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// TestPutOffByTheWall: what is put off in policy time takes as much less of the
// wall clock as a lab's policy clock is faster.
func TestPutOffByTheWall(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 8, 18, 9, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		lab  LabConfig
		want time.Duration
	}{
		"no lab":      {LabConfig{}, time.Minute},
		"a slow lab":  {LabConfig{Start: start}, time.Minute},
		"a quick lab": {LabConfig{Start: start, Speed: 120}, 500 * time.Millisecond},
	} {
		s := &Server{config: Config{Lab: tc.lab}, fleet: fleet.New(nil, nil, func() time.Time { return start }, fleet.Options{})}
		n := storage.Notice{Kind: fleet.NoticeChaseMessage} // of a segment that is not loaded
		if got := s.putOff(storage.DefaultSegment, n); got != tc.want {
			t.Errorf("%s: put off for %s, want %s", name, got, tc.want)
		}
	}
}
