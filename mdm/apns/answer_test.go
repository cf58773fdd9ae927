package apns

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	tests := []struct {
		name, header string
		want         time.Duration
	}{
		{"none", "", 0},
		{"seconds", "900", 15 * time.Minute},
		{"date", now.Add(time.Minute).Format(http.TimeFormat), time.Minute},
		{"past date", now.Add(-time.Minute).Format(http.TimeFormat), 0},
		{"negative", "-5", 0},
		{"not a number", "soon", 0},
		{"far too long", "99999999", 24 * time.Hour},
		{"overflow", "99999999999999999999", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := retryAfter(tt.header, now); got != tt.want {
				t.Errorf("retryAfter(%q) = %s, want %s", tt.header, got, tt.want)
			}
		})
	}
}

// FuzzResponse: whatever comes back, only a 410 with a reason calls a token
// dead, only a 200 counts as accepted, and what is kept is safe to print.
func FuzzResponse(f *testing.F) {
	f.Add(200, "", "", "")
	f.Add(400, `{"reason":"BadDeviceToken"}`, "", "")
	f.Add(410, `{"reason":"Unregistered","timestamp":1600000000000}`, "", "eabeae54-14a8-11e5-b60b-1697f925ec7b")
	f.Add(410, `<html>Gone</html>`, "", "")
	f.Add(410, `{"reason":"Unregistered","timestamp":"soon"}`, "", "")
	f.Add(429, `{"reason":"TooManyRequests"}`, "120", "")
	f.Add(503, `{"reason":["Shutdown"]}`, "Wed, 21 Oct 2026 07:28:00 GMT", "")
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	f.Fuzz(func(t *testing.T, status int, body, after, id string) {
		header := http.Header{}
		header.Set("Retry-After", after)
		header.Set("apns-id", id)
		r := classify(answer{status: status, header: header, body: []byte(body)}, now)
		if r.Outcome < Accepted || r.Outcome > CertificateProblem {
			t.Errorf("outcome %v does not exist", r.Outcome)
		}
		if r.Outcome == Unregistered && (status != 410 || r.Reason == "") {
			t.Errorf("%d %q calls the token dead", status, body)
		}
		if !r.Since.IsZero() && r.Outcome != Unregistered {
			t.Errorf("%v with a date", r.Outcome)
		}
		if (r.Outcome == Accepted) != (status == 200) {
			t.Errorf("%d is %v", status, r.Outcome)
		}
		if r.Status != status || r.RetryAfter < 0 || r.RetryAfter > maxRetryAfter {
			t.Errorf("status %d, retry after %s", r.Status, r.RetryAfter)
		}
		if word(r.Reason) != r.Reason || word(r.ID) != r.ID {
			t.Errorf("reason %q and id %q are not safe to print", r.Reason, r.ID)
		}
		if _, err := r.Since.MarshalJSON(); err != nil {
			t.Errorf("since: %v", err)
		}
	})
}
