package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// notices returns what was told, the oldest first.
func (w *world) notices() []storage.Notice {
	w.t.Helper()
	all, err := w.store.Notices(w.ctx, seg, storage.NoticeQuery{})
	w.must(err)
	slices.Reverse(all)
	return all
}

// noticed returns what was told of the hold of a release, as told does for the
// audit log.
func (w *world) noticed(of string) []string {
	w.t.Helper()
	var out []string
	for _, n := range w.notices() {
		if n.Group == "sales" && n.Release == of {
			out = append(out, n.Kind+" "+n.Params["day"])
		}
	}
	return out
}

// TestNoticeKindsAreWorded: each kind has a text of its own in both languages.
// That each kind written is one of them, the harness sees to in all tests.
func TestNoticeKindsAreWorded(t *testing.T) {
	t.Parallel()
	for _, kind := range fleet.NoticeKinds() {
		en := lang.New(lang.English).Notice(kind, "sales", release, "P1", nil)
		ja := lang.New(lang.Japanese).Notice(kind, "sales", release, "P1", nil)
		if en == kind || ja == kind || en == ja {
			t.Errorf("%s: English %q, Japanese %q", kind, en, ja)
		}
	}
	for _, state := range []policy.BranchState{policy.BranchQuiet, policy.BranchStopped} {
		if kind := "branch." + string(state); !slices.Contains(fleet.NoticeKinds(), kind) {
			t.Errorf("no kind %s", kind)
		}
	}
}

// TestNoticeOfHold: a notice carries the facts of its audit entry, and waits on
// the channels that were named for its kind and group.
func TestNoticeOfHold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	w.channels = func(kind, group string) []string { return []string{"log", kind + " of " + group} }
	w.restart()
	w.at(46)
	w.sweep()
	all := w.notices()
	i := slices.IndexFunc(all, func(n storage.Notice) bool { return n.Release == release })
	if i < 0 {
		t.Fatalf("notices %+v, want one of %s", all, release)
	}
	want := storage.Notice{
		ID: all[i].ID, Seq: all[i].Seq, Kind: fleet.NoticeHoldAlarm, At: w.clock.Now().UTC(), Group: "sales", Release: release,
		Params: map[string]string{"day": "46", "users_see_it_from": "2026-11-15", "phase": "held", "missing": "com.example.pos"},
		Deliveries: []storage.Delivery{
			{Channel: "log", State: storage.DeliveryPending}, {Channel: "hold.alarm of sales", State: storage.DeliveryPending},
		},
	}
	if diff := cmp.Diff(want, all[i]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoticesAreForgotten: after 90 days a notice goes, unless a channel is still
// to carry it.
func TestNoticesAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	_, err := w.store.ChangeWorld(w.ctx, seg, w.revision(), storage.WorldChange{Notices: []storage.Notice{
		{ID: "finished", At: w.clock.Now()},
		{ID: "pending", At: w.clock.Now(), Deliveries: []storage.Delivery{{Channel: "log", State: storage.DeliveryPending}}},
		{ID: "young", At: w.clock.Now().Add(time.Hour)},
		{ID: "newest", At: w.clock.Now().Add(time.Hour)},
	}})
	w.must(err)
	w.restart()
	w.clock.Add(90*24*time.Hour + time.Minute)
	w.sweep()
	var left []string
	for _, n := range w.notices()[:3] {
		left = append(left, n.ID)
	}
	if diff := cmp.Diff([]string{"pending", "young", "newest"}, left); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNoticesHaveTheTimeOfTheirEntries: what one change tells of at several
// moments has one time in the log, and so have its notices.
func TestNoticesHaveTheTimeOfTheirEntries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	facts, err := embedded()
	w.must(err)
	w.fleet = fleet.New(w.store, w.wakes, func() time.Time {
		w.clock.Add(time.Millisecond)
		return w.clock.Now()
	}, fleet.Options{Organization: "Example", Facts: facts})
	w.must(w.fleet.Load(w.ctx))
	w.at(46)
	w.sweep()
	entries, err := w.fleet.Audit(w.ctx, seg, 0, 0)
	w.must(err)
	notices := w.notices()
	if len(notices) < 2 {
		t.Fatalf("%d notices, want several", len(notices))
	}
	for _, n := range notices {
		of := func(e storage.AuditEntry) bool {
			return e.Action == n.Kind && e.Target == n.Group+"/"+n.Release && e.At.Equal(n.At)
		}
		if !slices.ContainsFunc(entries, of) {
			t.Errorf("no entry of the notice %s of %s at %s", n.Kind, n.Release, n.At)
		}
	}
}

// TestNoticesOfProposals: the second person hears that a proposal waits, and
// everybody how it ended; who withdraws it knows.
func TestNoticesOfProposals(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.unverified()
	withdrawn := w.propose(by("tanaka"))
	_, err := w.fleet.WithdrawProposal(w.ctx, seg, by("tanaka"), withdrawn)
	w.must(err)
	refused := w.propose(by("tanaka"))
	_, err = w.fleet.Refuse(w.ctx, seg, by("sato"), refused)
	w.must(err)
	signed := w.propose(by("tanaka"))
	try := by("sato")
	try.DryRun = true
	_, err = w.fleet.Sign(w.ctx, seg, try, signed)
	w.must(err)
	_, err = w.fleet.Sign(w.ctx, seg, by("sato"), signed)
	w.must(err)
	var told []string
	for _, n := range w.notices() {
		if n.Params["proposer"] == "tanaka" && n.Group == "sales" && n.Release == release {
			told = append(told, n.Kind+" "+n.Params["id"]+" "+n.Params["by"])
		}
	}
	want := []string{
		"proposal.waiting " + withdrawn + " ",
		"proposal.waiting " + refused + " ", "proposal.refused " + refused + " sato",
		"proposal.waiting " + signed + " ", "proposal.signed " + signed + " sato",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRetryNotices: what a channel gave up is tried again, where it is configured.
func TestRetryNotices(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dead := func(channel string) storage.Delivery {
		return storage.Delivery{Channel: channel, State: storage.DeliveryDead, Attempts: 23, Error: "down"}
	}
	_, err := w.store.ChangeWorld(w.ctx, seg, w.revision(), storage.WorldChange{Notices: []storage.Notice{
		{ID: "both", Deliveries: []storage.Delivery{dead("chat"), dead("gone")}},
		{ID: "gone", Deliveries: []storage.Delivery{dead("gone")}},
		{ID: "sent", Deliveries: []storage.Delivery{{Channel: "chat", State: storage.DeliverySent}}},
		{ID: "one", Deliveries: []storage.Delivery{dead("chat")}},
	}})
	w.must(err)
	w.restart()
	chat := []string{"chat"}
	for id, code := range map[string]string{"gone": "no-such-channel", "sent": "nothing-dead"} {
		_, err := w.fleet.RetryNotice(w.ctx, seg, w.act("again"), id, chat)
		if r := refusal(t, err); r.Code != code {
			t.Errorf("%s: refused as %s, want %s", id, r.Code, code)
		}
	}
	try := w.act("again")
	try.DryRun = true
	for _, act := range []fleet.Act{try, w.act("again")} {
		got, err := w.fleet.RetryNotice(w.ctx, seg, act, "one", chat)
		w.must(err)
		if diff := cmp.Diff(fleet.Retried{Notices: 1, Deliveries: 1, DryRun: act.DryRun}, got); diff != "" {
			t.Errorf("one (-want +got):\n%s", diff)
		}
	}
	got, err := w.fleet.RetryDeadNotices(w.ctx, seg, w.act("again"), chat)
	w.must(err)
	if diff := cmp.Diff(fleet.Retried{Notices: 1, Deliveries: 1, Unconfigured: 2}, got); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	var states []string
	for _, n := range w.notices() {
		for _, d := range n.Deliveries {
			states = append(states, n.ID+" "+d.Channel+" "+string(d.State)+" "+d.Error)
		}
	}
	want := []string{"both chat pending ", "both gone dead down", "gone gone dead down", "sent chat sent ", "one chat pending "}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("deliveries (-want +got):\n%s", diff)
	}
	if n := len(w.acts("notice.retry")); n != 2 {
		t.Errorf("%d audit entries, want 2", n)
	}
}

// TestNoticesForgetHolders: a sweep takes the reference to whoever carried a phone
// out of what was told about it once the phone's record no longer has it, however
// that came about, and out of nothing else.
func TestNoticesForgetHolders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	w.enrol("P2", "sales", storage.RingProduction).settle()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"message@+1h"}})
	for udid, holder := range map[string]string{"P1": "S-1", "P2": "S-2"} {
		_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), udid, holder)
		w.must(err)
	}
	_, err := w.approve("+3d")
	w.must(err)
	w.clock.Add(2 * time.Hour)
	w.sweep()
	want := []string{"message 26.6.1 P1 S-1", "message 26.6.1 P2 S-2"}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(w.reminders()))); diff != "" {
		t.Fatalf("told (-want +got):\n%s", diff)
	}
	before := w.notices()
	_, err = w.store.UpdatePhone(w.ctx, seg, "P1", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
		p.State, p.Holder = storage.PhoneRemoved, ""
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	w.sweep()
	for i := range before {
		if before[i].Phone == "P1" {
			before[i].Holder = ""
		}
	}
	if diff := cmp.Diff(before, w.notices()); diff != "" {
		t.Errorf("after P1 left (-want +got):\n%s", diff)
	}
}
