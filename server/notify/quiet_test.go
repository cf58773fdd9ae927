package notify

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// TestPutOff: what could not be delivered at once waits until it may arrive, over
// a restart, without that counting as an attempt; what may arrive at any hour does
// not wait. However short it is to wait, a channel does not ask again at once.
func TestPutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		started := time.Now()
		down := errors.New("down")
		mail := &receiver{answer: func(context.Context, int, Message) error {
			if time.Since(started) < 10*time.Minute {
				return down
			}
			return nil
		}}
		b := newBench(t, map[string]*receiver{"mail": mail})
		asked := 0
		b.channels.o.PutOff = func(_ storage.Segment, n storage.Notice) time.Duration {
			switch since := time.Since(started); n.ID {
			case "night":
				if since > 5*time.Minute {
					return 7*time.Hour - since
				}
			case "weekend":
				return 23*time.Hour - since
			case "soon":
				time.Sleep(time.Millisecond) // of the bubble's clock, which stands still otherwise
				if asked++; since < time.Minute {
					return time.Nanosecond
				}
			}
			return 0
		}
		b.tell([]string{"mail"}, "night", "weekend", "soon", "any")
		b.run(time.Hour)
		b.run(30 * time.Hour)
		arrived := map[string]time.Duration{}
		for i, m := range mail.got {
			arrived[m.ID] = mail.at[i].Sub(started).Truncate(10 * time.Minute)
		}
		wantDiff(t, "arrived", arrived, map[string]time.Duration{
			"night": 7 * time.Hour, "weekend": 23 * time.Hour, "soon": 10 * time.Minute, "any": 10 * time.Minute,
		})
		if asked > 60 {
			t.Errorf("asked %d times in the first minute and at each attempt, want at most every two seconds", asked)
		}
		n, err := b.store.Notice(t.Context(), seg, "weekend")
		b.must(err)
		if d := n.Deliveries[0]; d.Attempts != 1 || d.State != storage.DeliverySent {
			t.Errorf("the delivery after the weekend is %+v, want it sent at the first attempt", d)
		}
	})
}
