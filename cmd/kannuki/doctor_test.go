package main

import (
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/server"
	"github.com/kannuki-mdm/kannuki/server/api"
)

// TestPushFindings: doctor warns of a push that failed, with its time, until Apple takes
// another; status says that one was taken since.
func TestPushFindings(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 8, 24, 0, 47, 0, 0, time.UTC)
	const problem = "unavailable: connection refused"
	tests := map[string]struct {
		health api.Health
		warns  bool
		status string
	}{
		"none":        {api.Health{PushSentAt: at}, false, ""},
		"failed":      {api.Health{PushSentAt: at.Add(-time.Minute), PushProblem: problem, ProblemAt: at}, true, problem + " (at "},
		"sent since":  {api.Health{PushSentAt: at.Add(time.Minute), PushProblem: problem, ProblemAt: at}, false, "; a push was sent since, at "},
		"none before": {api.Health{PushProblem: problem, ProblemAt: at}, true, problem + " (at "},
		"old server":  {api.Health{PushProblem: problem}, true, problem},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := testGlobals("en")
			found := g.pushes(tc.health)
			if warns := len(found) == 1 && found[0].Grade == server.GradeWarn && strings.Contains(found[0].Message, tc.status); warns != tc.warns {
				t.Errorf("doctor finds %+v, want a warning: %t", found, tc.warns)
			}
			if got := g.pushProblem(tc.health); !strings.Contains(got, tc.status) {
				t.Errorf("status %q, want %q in it", got, tc.status)
			}
		})
	}
}
