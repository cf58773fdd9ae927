package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/memory"
)

const seg = storage.DefaultSegment

// noChannel is what is said of a channel that the configuration does not name.
const noChannel = "no such channel is configured"

// receiver is the other end of a channel.
type receiver struct {
	mu     sync.Mutex
	got    []Message
	at     []time.Time
	under  int // on their way now
	most   int // on their way at once
	answer func(ctx context.Context, n int, m Message) error
}

func (r *receiver) Send(ctx context.Context, m Message) (string, error) {
	r.mu.Lock()
	r.got, r.at = append(r.got, m), append(r.at, time.Now())
	r.under++
	r.most = max(r.most, r.under)
	n := len(r.got)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.under--
		r.mu.Unlock()
	}()
	if r.answer == nil {
		return "ok", nil
	}
	return "", r.answer(ctx, n, m)
}

func (r *receiver) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for _, m := range r.got {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

// bench is a store and the channels that its notices wait for.
type bench struct {
	t        *testing.T
	store    *memory.Store
	channels *Channels
	faults   int // so many settlements fail, as if the process died before them
	broken   bool
}

// newBench returns receivers by the names of their channels; "hook@default" carries
// the notices of that segment alone.
func newBench(t *testing.T, receivers map[string]*receiver) *bench {
	t.Helper()
	b := &bench{t: t}
	b.store = memory.New(memory.Options{BeforeCommit: func(op string) error {
		if op == "SettleDeliveries" && (b.broken || b.faults > 0) {
			b.faults--
			return errors.New("died")
		}
		return nil
	}})
	b.channels = New(Options{Installation: "inst", Location: time.UTC, Wall: time.Now, Logger: slog.New(slog.DiscardHandler)})
	for name, r := range receivers {
		config := Config{Type: TypeLog, Name: name}
		_, config.Segment, _ = strings.Cut(name, "@")
		ch := New(Options{Location: time.UTC, Channels: []Config{config}}).list[0]
		ch.sender = r
		b.channels.list = append(b.channels.list, ch)
	}
	return b
}

// tell writes notices that wait on the channels.
func (b *bench) tell(channels []string, ids ...string) {
	b.t.Helper()
	b.tellIn(seg, channels, ids...)
}

func (b *bench) tellIn(seg storage.Segment, channels []string, ids ...string) {
	b.t.Helper()
	w, err := b.store.World(b.t.Context(), seg)
	b.must(err)
	var c storage.WorldChange
	for _, id := range ids {
		n := storage.Notice{ID: id, Kind: "hold.alarm", At: time.Now()}
		for _, name := range channels {
			n.Deliveries = append(n.Deliveries, storage.Delivery{Channel: name, State: storage.DeliveryPending})
		}
		c.Notices = append(c.Notices, n)
	}
	_, err = b.store.ChangeWorld(b.t.Context(), seg, w.Revision, c)
	b.must(err)
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// run lets a server live for so long.
func (b *bench) run(life time.Duration) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), life)
	defer cancel()
	b.must(NewWorker(b.channels, b.store, func() float64 { return 0.5 }).Run(ctx))
}

// deliveries says what became of each notice, oldest first.
func (b *bench) deliveries() []string {
	b.t.Helper()
	notices, err := b.store.Notices(b.t.Context(), seg, storage.NoticeQuery{})
	b.must(err)
	var out []string
	for _, n := range slices.Backward(notices) {
		for _, d := range n.Deliveries {
			out = append(out, fmt.Sprintf("%s %s %s %d %s", n.ID, d.Channel, d.State, d.Attempts, d.Error))
		}
	}
	return out
}

func wantDiff[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestDelivered: each channel carries a notice once, whatever the other does, and
// the next server has nothing left to send.
func TestDelivered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		good, bad := &receiver{}, &receiver{answer: func(context.Context, int, Message) error { return errors.New("500\nis broken") }}
		b := newBench(t, map[string]*receiver{"good": good, "bad": bad})
		b.tell([]string{"good", "bad"}, "a")
		b.tell([]string{"good"}, "b")
		b.run(5 * time.Second)
		b.run(4 * time.Second)
		wantDiff(t, "received", good.ids(), []string{"a", "b"})
		wantDiff(t, "attempts at what is broken", bad.ids(), []string{"a"})
		wantDiff(t, "deliveries", b.deliveries(), []string{"a good sent 1 ", "a bad pending 1 500 is broken", "b good sent 1 "})
		got := good.got[slices.IndexFunc(good.got, func(m Message) bool { return m.ID == "b" })]
		want := Message{ID: "b", Seq: 2, Installation: "inst", Segment: "default", Kind: "hold.alarm", At: got.At, Params: map[string]string{}, Language: "en", Text: got.Text}
		wantDiff(t, "message", got, want)
	})
}

// TestTriedAgain: after a failure a delivery waits longer each time.
func TestTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(_ context.Context, n int, _ Message) error {
			if n < 4 {
				return errors.New("not yet")
			}
			return nil
		}}
		b := newBench(t, map[string]*receiver{"hook": r})
		b.tell([]string{"hook"}, "a")
		b.run(time.Hour)
		wantDiff(t, "deliveries", b.deliveries(), []string{"a hook sent 4 "})
		for i, want := range []time.Duration{10 * time.Second, 20 * time.Second, 40 * time.Second} {
			if gap := r.at[i+1].Sub(r.at[i]); gap < want || gap > want+lookInterval {
				t.Errorf("attempt %d came %s after the one before, want %s", i+2, gap, want)
			}
		}
	})
}

// TestGivenUp: after three days of trying a delivery is dead and left alone, and
// goes out when somebody makes it pending again.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(context.Context, int, Message) error { return errors.New("gone") }}
		b := newBench(t, map[string]*receiver{"hook": r})
		b.tell([]string{"hook"}, "a")
		b.run(5 * 24 * time.Hour)
		wantDiff(t, "deliveries", b.deliveries(), []string{"a hook dead 23 gone"})
		if tried := r.at[len(r.at)-1].Sub(r.at[0]); tried < 66*time.Hour || tried > 78*time.Hour {
			t.Errorf("given up after %s, want three days", tried)
		}
		n, err := b.store.Notice(t.Context(), seg, "a")
		b.must(err)
		again := storage.Delivery{Channel: "hook", State: storage.DeliveryPending}
		b.must(b.store.SettleDeliveries(t.Context(), seg, []storage.Settlement{{Notice: "a", Before: n.Deliveries[0], After: again}}))
		r.answer = nil
		b.run(time.Second)
		wantDiff(t, "deliveries", b.deliveries(), []string{"a hook sent 1 "})
	})
}

// TestKilledBetweenSendAndSettle: what was sent and not settled is sent again,
// under the same ID; nothing is lost and nothing else doubled.
func TestKilledBetweenSendAndSettle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		b := newBench(t, map[string]*receiver{"hook": r})
		b.tell([]string{"hook"}, "a", "b")
		b.broken = true
		b.run(time.Second) // dies before anything is settled
		wantDiff(t, "deliveries of the dead server", b.deliveries(), []string{"a hook pending 0 ", "b hook pending 0 "})
		b.broken = false
		b.run(time.Second)
		b.run(time.Second)
		wantDiff(t, "received", r.ids(), []string{"a", "a", "b", "b"})
		wantDiff(t, "deliveries", b.deliveries(), []string{"a hook sent 1 ", "b hook sent 1 "})
	})
}

// TestStopsPromptly: the server's end ends what is under way, and that attempt
// counts for nothing.
func TestStopsPromptly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(ctx context.Context, _ int, _ Message) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		b := newBench(t, map[string]*receiver{"hook": r})
		b.tell([]string{"hook"}, "a")
		start := time.Now()
		b.run(time.Minute)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("stopped after %s", took)
		}
		wantDiff(t, "deliveries", b.deliveries(), []string{"a hook pending 0 "})
	})
}

// TestTakenWhileStopping: what was taken while the server ends is settled, not sent
// again by the next.
func TestTakenWhileStopping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(ctx context.Context, _ int, _ Message) error {
			<-ctx.Done()
			return nil
		}}
		b := newBench(t, map[string]*receiver{"hook": r})
		b.tell([]string{"hook"}, "a")
		b.run(time.Minute)
		wantDiff(t, "deliveries", b.deliveries(), []string{"a hook sent 1 "})
	})
}

// TestBounded: few messages are on their way at once, and of a host that is down
// not every notice is asked for in one go.
func TestBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{answer: func(context.Context, int, Message) error {
			time.Sleep(time.Millisecond)
			return errors.New("down")
		}}
		b := newBench(t, map[string]*receiver{"hook": r})
		var ids []string
		for i := range 250 {
			ids = append(ids, fmt.Sprint(i))
		}
		b.tell([]string{"hook"}, ids...)
		b.run(time.Second)
		if r.most != atOnce || len(r.got) != batch {
			t.Errorf("%d messages, %d at once; want %d, %d at once", len(r.got), r.most, batch, atOnce)
		}
		r.answer = nil
		b.run(time.Minute)
		if len(r.got) != batch+250 {
			t.Errorf("%d attempts, want the %d that failed and one for each notice", len(r.got), batch)
		}
	})
}

// TestChannelsThatAreGone: a channel that the configuration no longer names gives
// up what waits for it; others keep theirs.
func TestChannelsThatAreGone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &receiver{}
		b := newBench(t, map[string]*receiver{"hook": r})
		b.tell([]string{"gone"}, "a")
		b.tell([]string{"hook", "gone"}, "b")
		b.run(time.Second)
		wantDiff(t, "deliveries", b.deliveries(), []string{"a gone dead 0 " + noChannel, "b hook sent 1 ", "b gone dead 0 " + noChannel})
	})
}

// TestFailed: a delivery names why its last attempt failed, as the channel said it and by
// its code, and after a success nothing of that is left.
func TestFailed(t *testing.T) {
	t.Parallel()
	why := later(caused("receiver-unreachable", syscall.ECONNREFUSED, "host", "chat\x00.example"), http.Header{"Retry-After": {"5"}}, time.Time{})
	want := storage.Delivery{
		Channel: "chat", Error: "chat .example: nothing listens there",
		Detail: "receiver-unreachable", Params: map[string]string{"host": "chat .example", "cause": "nothing-listens"},
	}
	got := failed(storage.Delivery{Channel: "chat"}, why)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(storage.Delivery{Channel: "chat"}, failed(got, nil)); diff != "" {
		t.Errorf("taken after that (-want +got):\n%s", diff)
	}
}

// TestSegments: a channel that is bound to a segment never gets what belongs to
// another, even if it was addressed to it before the configuration changed.
func TestSegments(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		all, bound := &receiver{}, &receiver{}
		b := newBench(t, map[string]*receiver{"all": all, "hook@other": bound})
		b.tellIn("other", []string{"all", "hook@other"}, "theirs")
		b.tell([]string{"all", "hook@other"}, "canary")
		b.run(time.Minute)
		wantDiff(t, "channel of a segment", bound.ids(), []string{"theirs"})
		wantDiff(t, "channel of all", all.ids(), []string{"canary", "theirs"})
		wantDiff(t, "deliveries", b.deliveries(), []string{"canary all sent 1 ", "canary hook@other dead 0 " + noChannel})
		b.tell([]string{"hook@other"}, "late") // as if somebody had it tried again
		w := NewWorker(b.channels, b.store, func() float64 { return 0.5 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, ch := range b.channels.list {
			go w.serve(ctx, ch)
		}
		<-ctx.Done()
		synctest.Wait()
		wantDiff(t, "channel of a segment", bound.ids(), []string{"theirs"})
	})
}

// TestRests: what a receiver says about when to come again holds for all that
// waits for it, and no longer than an hour.
func TestRests(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ says, want time.Duration }{
		"minutes": {5 * time.Minute, 5 * time.Minute},
		"seconds": {time.Second, 10 * time.Second}, // no sooner than without it
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				r := &receiver{answer: func(context.Context, int, Message) error {
					if time.Since(start) >= tt.says {
						return nil
					}
					return &LaterError{tt.says, errors.New("not now")}
				}}
				b := newBench(t, map[string]*receiver{"hook": r})
				b.tell([]string{"hook"}, "a", "b", "c", "d", "e", "f")
				b.run(tt.want - lookInterval)
				if n := len(r.ids()); n > atOnce && tt.says > 10*time.Second {
					t.Errorf("%d messages before it was time, want at most those that were on their way", n)
				}
				notices, err := b.store.Notices(t.Context(), seg, storage.NoticeQuery{})
				b.must(err)
				for _, n := range notices { // what outlives the server
					if d := n.Deliveries[0]; d.State == storage.DeliveryPending && d.Attempts > 0 && d.Next.Sub(d.At) < tt.want {
						t.Errorf("%s is due again %s after the attempt, want %s", n.ID, d.Next.Sub(d.At), tt.want)
					}
				}
				b.run(2 * lookInterval)
				for _, d := range b.deliveries() {
					if !strings.Contains(d, " sent ") {
						t.Errorf("delivery %s, want it sent after %s", d, tt.want)
					}
				}
			})
		})
	}
}

// TestLater: what Retry-After may hold.
func TestLater(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "120": 2 * time.Minute, "3600": time.Hour, "86400": time.Hour, "4294967295": time.Hour,
		"-5": 0, "soon": 0, "1.5": 0, "99999999999999999999": time.Hour, "-99999999999999999999": 0, "\x00": 0,
		"Sun, 22 Nov 2026 09:10:00 GMT": 10 * time.Minute, "Sun, 22 Nov 2026 08:00:00 GMT": 0, "Mon, 22 Nov 2126 09:00:00 GMT": time.Hour,
	} {
		got := time.Duration(0)
		if put, ok := errors.AsType[*LaterError](later(errors.New("full"), http.Header{"Retry-After": {text}}, now)); ok {
			got = put.After
		}
		if got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

// TestPausedChannel: a channel that is paused carries nothing, of what waited and of
// what comes, and no attempt counts, for however long. Another goes on, and so does this
// one in a segment that did not pause it. Resumed, it carries everything once.
func TestPausedChannel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		mail, log := &receiver{}, &receiver{}
		b := newBench(t, map[string]*receiver{"mail": mail, "log": log})
		paused := true
		b.channels.o.Paused = func(of storage.Segment, channel string) bool { return paused && of == seg && channel == "mail" }
		b.tell([]string{"mail", "log"}, "before")
		b.tellIn("other", []string{"mail"}, "elsewhere")
		b.run(time.Hour)
		b.tell([]string{"mail"}, "meanwhile")
		b.run(30 * 24 * time.Hour)
		wantDiff(t, "while it is paused", mail.ids(), []string{"elsewhere"})
		wantDiff(t, "by another", log.ids(), []string{"before"})
		n, err := b.store.Notice(t.Context(), seg, "before")
		b.must(err)
		if d := n.Deliveries[0]; d.State != storage.DeliveryPending || d.Attempts != 0 || d.Error != "" {
			t.Errorf("the delivery that waits is %+v, want it as it was", d)
		}
		paused = false
		b.run(time.Minute)
		wantDiff(t, "resumed", mail.ids(), []string{"before", "elsewhere", "meanwhile"})
	})
}

// TestPauseStopsABatch: what is not on its way yet when a channel is paused waits.
func TestPauseStopsABatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var paused atomic.Bool
		mail := &receiver{answer: func(context.Context, int, Message) error {
			time.Sleep(time.Second) // of the bubble's clock
			paused.Store(true)
			return nil
		}}
		b := newBench(t, map[string]*receiver{"mail": mail})
		b.channels.o.Paused = func(storage.Segment, string) bool { return paused.Load() }
		b.tell([]string{"mail"}, "1", "2", "3", "4", "5", "6", "7", "8")
		b.run(time.Minute)
		if n := len(mail.ids()); n != atOnce {
			t.Errorf("%d messages went out, want the %d that were on their way", n, atOnce)
		}
	})
}
