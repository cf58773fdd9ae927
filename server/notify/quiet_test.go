package notify

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestHeldBackInQuietHours: what could not be delivered at once waits for the end
// of its quiet hours, over a restart, without that counting as an attempt; what has
// none does not wait.
func TestHeldBackInQuietHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // from midnight UTC, one o'clock in Berlin, on a Saturday
		started := time.Now()
		down := errors.New("down")
		mail := &receiver{answer: func(context.Context, int, Message) error {
			if time.Since(started) < 10*time.Minute {
				return down
			}
			return nil
		}}
		b := newBench(t, map[string]*receiver{"mail": mail})
		berlin := func(from, to time.Duration) *storage.QuietHours {
			return &storage.QuietHours{From: from, To: to, Zone: "Europe/Berlin"}
		}
		b.tellQuiet(berlin(65*time.Minute, 8*time.Hour), []string{"mail"}, "night") // from 00:05 UTC
		b.tellQuiet(&storage.QuietHours{Off: []time.Weekday{time.Saturday}, Zone: "Europe/Berlin"}, []string{"mail"}, "weekend")
		b.tellQuiet(berlin(0, time.Hour), []string{"mail"}, "over")
		b.tellQuiet(&storage.QuietHours{To: time.Hour, Zone: "Nowhere/Else"}, []string{"mail"}, "unknown")
		b.tell([]string{"mail"}, "any")
		b.run(time.Hour)
		b.run(30 * time.Hour)
		arrived := map[string]time.Duration{}
		for i, m := range mail.got {
			arrived[m.ID] = mail.at[i].Sub(started).Truncate(10 * time.Minute)
		}
		wantDiff(t, "arrived", arrived, map[string]time.Duration{
			"night": 7 * time.Hour, "weekend": 23 * time.Hour, "over": 10 * time.Minute, "unknown": 10 * time.Minute, "any": 10 * time.Minute,
		})
		n, err := b.store.Notice(t.Context(), seg, "weekend")
		b.must(err)
		if d := n.Deliveries[0]; d.Attempts != 1 || d.State != storage.DeliverySent {
			t.Errorf("the delivery after the weekend is %+v, want it sent at the first attempt", d)
		}
	})
}
