package fleet_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

func TestFirstSessionAsksWhatPolicyNeeds(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	want := []string{"DeviceInformation", "InstalledApplicationList", "DeclarativeManagement"}
	if diff := cmp.Diff(want, p.session()); diff != "" {
		t.Errorf("first session (-want +got):\n%s", diff)
	}
	s := p.stored()
	if s.OS.Version != "26.5" || s.Model != "iPhone15,2" || s.Supervision != storage.Supervised || s.TimeZone != "Asia/Tokyo" {
		t.Errorf("facts = %q %q %q %q, want what the phone said", s.OS.Version, s.Model, s.Supervision, s.TimeZone)
	}
	want2 := []storage.InstalledApp{{BundleID: "com.example.pos", Version: "1.0.1", ShortVersion: "1.0"}}
	if diff := cmp.Diff(want2, s.Apps); diff != "" {
		t.Errorf("apps: only the group's may be kept (-want +got):\n%s", diff)
	}
	p.settle()
	if got := p.session(); len(got) != 0 {
		t.Errorf("settled phone was sent %v, want nothing", got)
	}
	w.clock.Add(24 * time.Hour)
	if got := p.session(); !slices.Contains(got, "DeviceInformation") || !slices.Contains(got, "InstalledApplicationList") {
		t.Errorf("a day later it was asked %v, want the inventory again", got)
	}
}

func TestUngroupedPhoneIsAskedForNoApps(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "", "")
	if got := p.session(); slices.Contains(got, "InstalledApplicationList") {
		t.Errorf("session = %v, want no app list of a phone without a group", got)
	}
}

func TestIdleInFlightGetsTheSameCommandAgain(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	first := p.idle()
	again := p.idle()
	if first == nil || again == nil || first.UUID != again.UUID || !bytes.Equal(first.Body, again.Body) {
		t.Errorf("second Idle got another command, want the same bytes")
	}
	w.restart()
	if third := p.idle(); third == nil || third.UUID != first.UUID || !bytes.Equal(first.Body, third.Body) {
		t.Errorf("Idle after a restart got another command, want the same bytes")
	}
}

func TestQueuedCommandSurvivesRestartInFlight(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	if n, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1"); err != nil || n != 2 {
		t.Fatalf("Refresh = %d, %v, want 2 commands", n, err)
	}
	if n, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1"); err != nil || n != 0 {
		t.Errorf("second Refresh = %d, %v, want none queued twice", n, err)
	}
	first := p.idle()
	w.restart()
	again := p.idle()
	if first == nil || again == nil || again.UUID != first.UUID || !bytes.Equal(first.Body, again.Body) {
		t.Fatalf("after a restart the phone got another command, want the one in flight")
	}
	next := p.answer(again)
	if next == nil || next.RequestType != "InstalledApplicationList" {
		t.Fatalf("next = %v, want the app list", next)
	}
	// The answer to the second result was lost: the same status once more.
	p.answer(next)
	p.answer(next)
	rows, err := w.fleet.Queue(w.ctx, seg, "P1")
	w.must(err)
	for _, r := range rows {
		if r.State != string(storage.CommandDone) {
			t.Errorf("%s is %s, want acknowledged", r.RequestType, r.State)
		}
	}
}

func TestDeferredCommandIsOfferedOncePerSession(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1")
	w.must(err)
	first := p.idle()
	second := p.say(mdm.NotNow, first.UUID, nil)
	if second == nil || second.UUID == first.UUID {
		t.Fatalf("after NotNow the phone got %v, want the next command", second)
	}
	if third := p.answer(second); third != nil {
		t.Errorf("the deferred command was offered again in the same session")
	}
	rows, err := w.fleet.Queue(w.ctx, seg, "P1")
	w.must(err)
	if rows[0].State != string(storage.CommandNotNow) || rows[0].NotNows != 1 || rows[0].NotNowSince.IsZero() {
		t.Errorf("deferred row = %+v, want it kept and counted", rows[0])
	}
	if later := p.idle(); later == nil || later.UUID != first.UUID {
		t.Errorf("next session got %v, want the deferred command", later)
	}
}

func TestDeferredSynchronisationStaysDue(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	c := p.answer(p.answer(p.idle()))
	if c == nil || c.RequestType != "DeclarativeManagement" {
		t.Fatalf("third command = %v, want DeclarativeManagement", c)
	}
	if next := p.say(mdm.NotNow, c.UUID, nil); next != nil {
		t.Errorf("after NotNow the phone got %s again in the same session", next.RequestType)
	}
	if p.stored().Sync.NotNowSince.IsZero() {
		t.Error("NotNow was not recorded")
	}
	x, err := w.fleet.Explain(w.ctx, seg, "P1")
	w.must(err)
	if x.Explanation.Hold != "pending" {
		t.Errorf("hold = %s, want pending until the phone reports it", x.Explanation.Hold)
	}
	if again := p.idle(); again == nil || again.UUID != c.UUID {
		t.Errorf("next session got %v, want the deferred synchronisation", again)
	}
}

func TestStrangeResultsChangeNothing(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	before := p.stored()
	for _, status := range []mdm.Status{mdm.Acknowledged, mdm.Error, mdm.NotNow, mdm.CommandFormatError, "Sideways"} {
		if c := p.say(status, "5E0C2C1A-0000-4000-8000-00000000A001", nil); c != nil {
			t.Errorf("%s for an unknown command was answered with %s", status, c.RequestType)
		}
	}
	p.say(mdm.Acknowledged, "", nil)
	if diff := cmp.Diff(before, p.stored()); diff != "" {
		t.Errorf("phone changed (-before +after):\n%s", diff)
	}
}

func TestAppListLimitOnlyWhileAsked(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	c := p.idle()
	if w.fleet.AskedForApps(seg, "P1", 1) {
		t.Error("large answers are admitted before the app list was asked for")
	}
	c = p.answer(c)
	if c.RequestType != "InstalledApplicationList" || !w.fleet.AskedForApps(seg, "P1", 1) {
		t.Error("the app list was asked for and its answer may be large")
	}
	p.answer(c)
	if w.fleet.AskedForApps(seg, "P1", 1) {
		t.Error("large answers are still admitted after the answer came")
	}
}

func TestNewEpochVoidsTheOldQueue(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1")
	w.must(err)
	old := p.idle()
	told := p.stored().Announced
	w.clock.Add(time.Second)
	p.again("sales", storage.RingProduction)
	if s := p.stored(); s.Announced.Token != "" || s.Epoch != 2 {
		t.Errorf("announced %q in epoch %d, want nothing announced in epoch 2", s.Announced.Token, s.Epoch)
	}
	got := p.session()
	if diff := cmp.Diff([]string{"DeviceInformation", "InstalledApplicationList", "DeclarativeManagement"}, got); diff != "" {
		t.Errorf("session of the new epoch (-want +got):\n%s", diff)
	}
	p.say(mdm.Acknowledged, old.UUID, nil)
	rows, err := w.fleet.Queue(w.ctx, seg, "P1")
	w.must(err)
	for _, r := range rows {
		if r.State != string(storage.CommandCancelled) {
			t.Errorf("%s of the old epoch is %s, want cancelled", r.RequestType, r.State)
		}
	}
	if now := p.stored().Announced.Timestamp; !now.After(told.Timestamp) {
		t.Errorf("timestamp went from %s to %s", told.Timestamp, now)
	}
}

func TestNotReadyIsNeverAnEmptyAnswer(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	unloaded := fleet.New(w.store, w.wakes, w.clock.Now, fleet.Options{})
	for _, endpoint := range []string{"tokens", "declaration-items", "status"} {
		_, err := unloaded.Declarative(w.ctx, seg, p.stored(), &mdm.DeclarativeManagement{Endpoint: endpoint, Data: []byte("{}")})
		if !isUnavailable(err) {
			t.Errorf("%s before the world is loaded = %v, want unavailable", endpoint, err)
		}
	}
}

// TestOneTransactionForEachMessage guards what a phone waits for: each
// transaction is a sync of the disk.
func TestOneTransactionForEachMessage(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1")
	w.must(err)
	w.clock.Add(time.Hour) // the contact is to be written too
	commits := func() uint64 {
		st, err := w.store.Stats(w.ctx)
		w.must(err)
		return st.Commits
	}
	before := commits()
	var got []uint64
	for c := p.idle(); ; c = p.answer(c) {
		got = append(got, commits()-before)
		if c == nil {
			break
		}
	}
	// Two commands, of which the answers change the phone's record.
	if diff := cmp.Diff([]uint64{1, 2, 3}, got); diff != "" {
		t.Errorf("commits after each message (-want +got):\n%s", diff)
	}
	p.idle()
	if n := commits() - before; n != 3 {
		t.Errorf("an idle poll soon after makes %d commits, want none", n-3)
	}
}

// TestLongWordsOfAPhone: what a phone says at length in its own language is
// cut between characters, and kept.
func TestLongWordsOfAPhone(t *testing.T) {
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	long, kept := strings.Repeat("空", 100), strings.Repeat("空", 66)
	_, err := w.fleet.Refresh(w.ctx, seg, w.act("look"), "P1")
	w.must(err)
	p.say(mdm.Error, p.idle().UUID, map[string]any{"ErrorChain": []any{map[string]any{"ErrorCode": 1, "ErrorDomain": "d", "LocalizedDescription": long}}})
	p.report(map[string]any{"softwareupdate": map[string]any{
		"install-state": "failed", "failure-reason": map[string]any{"count": 1, "reason": long, "timestamp": "2026-08-18T10:00:00Z"},
	}})
	rows, err := w.fleet.Queue(w.ctx, seg, "P1")
	w.must(err)
	if got := rows[0].Error; got != kept {
		t.Errorf("error of the command: %q, want %q", got, kept)
	}
	if got := p.stored().Update.FailureReason; got != kept {
		t.Errorf("reason of the failed update: %q, want %q", got, kept)
	}
}

// TestSilentAboutItself: a phone that refuses every DeviceInformation is asked
// once in a session, however long its answers take, and is never sent what needs
// to know its iOS.
func TestSilentAboutItself(t *testing.T) {
	t.Parallel()
	setUp := map[string]func(*world) *old{
		"hold due": func(w *world) *old {
			p := w.older("P1", oldRelease, storage.RingProduction)
			p.talk()
			clear(p.profiles) // lost
			return p
		},
		"update due": func(w *world) *old {
			p := w.oldVerified(oldRelease)
			_, err := w.approve("+3d")
			w.must(err)
			return p
		},
		"update queued": (*world).updating,
	}
	for name, setUp := range setUp {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := setUp(w)
			p.refuse = map[string]mdm.Status{"DeviceInformation": mdm.Error}
			w.clock.Add(25 * time.Hour)
			p.slow = time.Second
			asked := 0
			for _, r := range p.talk() {
				switch r {
				case "DeviceInformation":
					asked++
				case "InstallProfile", "Settings", "ScheduleOSUpdate", "OSUpdateStatus":
					t.Errorf("sent %s without knowing the phone's iOS", r)
				}
			}
			if asked != 1 {
				t.Errorf("asked %d times in one session, want once", asked)
			}
		})
	}
}
