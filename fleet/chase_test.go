package fleet_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ladder gives group sales a policy with these reminders.
func (w *world) ladder(c fleet.ChaseChange) {
	w.t.Helper()
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("remind"), "reminding", fleet.PolicyChange{ChaseChange: c})
	w.must(err)
	_, err = w.fleet.SetGroup(w.ctx, seg, w.act("remind"), fleet.GroupRequest{Name: "sales", Policy: "reminding"})
	w.must(err)
}

// tick does what the sweeper does between sweeps.
func (w *world) tick() {
	w.t.Helper()
	w.must(w.fleet.Chase(w.ctx))
}

// reminders returns the notices of reminders, oldest first, each in one line.
func (w *world) reminders() []string {
	w.t.Helper()
	all, err := w.store.Notices(w.ctx, seg, storage.NoticeQuery{})
	w.must(err)
	var out []string
	for _, n := range slices.Backward(all) {
		if kind, ok := strings.CutPrefix(n.Kind, "chase."); ok {
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s%s", kind, n.Release, n.Phone+n.Params["count"], strings.TrimRight(" "+n.Holder, " "))))
		}
	}
	return out
}

// steps returns the steps on record of a phone.
func (p *phone) steps() []string {
	p.t.Helper()
	var out []string
	if c := p.stored().Chase; c != nil {
		for _, s := range c.Steps {
			out = append(out, s.Step)
		}
	}
	return out
}

func (w *world) chaseState(udid string) fleet.ChaseState {
	w.t.Helper()
	x, err := w.fleet.Explain(w.ctx, seg, udid)
	w.must(err)
	if x.Chase == nil {
		return fleet.ChaseState{}
	}
	return *x.Chase
}

// TestChase climbs a ladder with a phone that does nothing: each step comes at
// its time, once, over restarts, and ends when the phone installs.
func TestChase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.verified()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"push@+6h", "message@deadline-24h", "escalate@deadline+1d", "ticket@deadline+3d"}})
	_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P1", "S-1")
	w.must(err)
	_, err = w.approve("+3d")
	w.must(err)
	p.settle() // told at 18:00 in Tokyo; the deadline is there at 9:00 63 hours later
	w.tick()
	if got := p.steps(); got != nil {
		t.Fatalf("after being told: %v, want nothing", got)
	}
	if s := w.chaseState("P1"); s.Last != "" || s.Next != "push@+6h" || !s.NextAt.Equal(w.clock.now.Add(6*time.Hour)) {
		t.Errorf("explained as %+v, want push@+6h in six hours next", s)
	}
	start := w.clock.now
	for _, at := range []struct {
		hours     time.Duration
		steps     []string
		reminders []string
		waker     []string
	}{
		{5, nil, nil, nil},
		{6, []string{"push@+6h"}, nil, []string{"cancel P1", "wake P1"}},
		{7, []string{"push@+6h"}, nil, []string{"wake P1"}}, // it has not come: the push may be lost
		{39, []string{"push@+6h", "message@deadline-24h"}, []string{"message 26.6.1 P1 S-1"}, nil},
		{86, []string{"push@+6h", "message@deadline-24h"}, []string{"message 26.6.1 P1 S-1"}, nil},
		{87, []string{"push@+6h", "message@deadline-24h", "escalate@deadline+1d"}, []string{"message 26.6.1 P1 S-1", "escalate 26.6.1 1"}, nil},
		{88, []string{"push@+6h", "message@deadline-24h", "escalate@deadline+1d"}, []string{"message 26.6.1 P1 S-1", "escalate 26.6.1 1"}, nil},
	} {
		w.clock.Add(start.Add(at.hours * time.Hour).Sub(w.clock.now))
		if diff := cmp.Diff(at.waker, w.wakes.saying(w.tick)); diff != "" {
			t.Errorf("after %d hours the waker heard (-want +got):\n%s", at.hours, diff)
		}
		for _, again := range []string{"once", "twice", "after a restart"} {
			if diff := cmp.Diff(at.steps, p.steps()); diff != "" {
				t.Errorf("after %d hours, %s (-want +got):\n%s", at.hours, again, diff)
			}
			if diff := cmp.Diff(at.reminders, w.reminders()); diff != "" {
				t.Errorf("notices after %d hours, %s (-want +got):\n%s", at.hours, again, diff)
			}
			if again == "twice" {
				w.restart()
			}
			w.tick()
		}
	}
	if s := w.chaseState("P1"); s.Last != "escalate@deadline+1d" || s.Next != "ticket@deadline+3d" {
		t.Errorf("explained as %+v, want the escalation last and the ticket next", s)
	}

	w.clock.Add(3 * time.Hour)
	p.install(release, "23G83")
	w.wakes.take("P1")
	w.clock.Add(100 * time.Hour)
	w.tick()
	if got := w.reminders(); len(got) != 2 {
		t.Errorf("after it installed: %v, want nothing more", got)
	}
	if s := w.chaseState("P1"); s != (fleet.ChaseState{}) {
		t.Errorf("a phone that is done is explained with %+v", s)
	}
	v, err := w.fleet.RolloutChase(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	want := []fleet.ChaseLine{{Step: "push@+6h", Sent: 1}, {Step: "message@deadline-24h", Sent: 1}, {Step: "escalate@deadline+1d", Sent: 1, Moved: 1}, {Step: "ticket@deadline+3d"}}
	if diff := cmp.Diff(want, v.Steps); diff != "" {
		t.Errorf("what moved people (-want +got):\n%s", diff)
	}
}

// TestChaseNotice: what a message says is enough to word it, in the language the
// policy names.
func TestChaseNotice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.verified()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"message@+1h"}, ChaseLanguage: ptr("ja")})
	_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), "P1", "S-1")
	w.must(err)
	effect, err := w.approve("+3d")
	w.must(err)
	p.settle()
	p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "prepared", "pending-version": map[string]any{"os-version": release}}})
	w.clock.Add(time.Hour)
	w.tick()
	all, err := w.store.Notices(w.ctx, seg, storage.NoticeQuery{Limit: 1})
	w.must(err)
	want := storage.Notice{
		Kind: fleet.NoticeChaseMessage, At: w.clock.now, Group: "sales", Release: release, Phone: "P1", Holder: "S-1",
		Params: map[string]string{"approval": effect.Approval, "step": "message@+1h", "reason": "waiting-for-user", "deadline": "2026-08-21T09:00:00", "language": "ja"},
		Zone:   "Asia/Tokyo",
	}
	if len(all) != 1 {
		t.Fatalf("%d notices, want one", len(all))
	}
	got := all[0]
	got.ID, got.Seq = "", 0
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChaseNoticeWithoutHolder: the policy names the language of whoever carries
// a phone; what is about a group is in that of the channel.
func TestChaseNoticeWithoutHolder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.verified()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"message@+1h"}, ChaseLanguage: ptr("ja")})
	_, err := w.approve("+3d")
	w.must(err)
	p.settle()
	p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "prepared", "pending-version": map[string]any{"os-version": release}}})
	w.clock.Add(time.Hour)
	w.tick()
	all := w.notices()
	if len(all) != 1 || all[0].Kind != fleet.NoticeChaseMessage || all[0].Params["count"] != "1" || all[0].Params["language"] != "" {
		t.Errorf("notices %+v, want one of one phone in no language of its own", all)
	}
}

// TestChaseEnds: what stands still, or is no business of the group any more, is
// not reminded of, and neither is a phone for which that helps nothing.
func TestChaseEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]func(w *world, p *phone){
		"paused": func(w *world, _ *phone) {
			_, err := w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)
			w.must(err)
		},
		"declined": func(w *world, _ *phone) {
			_, err := w.fleet.Decline(w.ctx, seg, w.act("no"), "sales", release)
			w.must(err)
		},
		"moved": func(w *world, _ *phone) {
			_, err := w.fleet.AddGroup(w.ctx, seg, w.act("other"), fleet.GroupRequest{Name: "stock", Apps: []string{"com.example.pos"}})
			w.must(err)
			_, err = w.fleet.Move(w.ctx, seg, w.act("other"), "P1", "stock", storage.RingProduction)
			w.must(err)
		},
		"left": func(w *world, p *phone) {
			gone, err := w.store.UpdatePhone(w.ctx, seg, "P1", 0, func(p *storage.Phone) (storage.PhoneChange, error) {
				p.State = storage.PhoneRemoved
				return storage.PhoneChange{}, nil
			})
			w.must(err)
			w.must(w.fleet.Noticed(seg, gone))
		},
		"installing": func(_ *world, p *phone) {
			p.report(map[string]any{"softwareupdate": map[string]any{"install-state": "installing", "pending-version": map[string]any{"os-version": release}}})
		},
		"the policy reminds nobody": func(w *world, _ *phone) { w.ladder(fleet.ChaseChange{Chase: &[]string{}}) },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p, _ := w.verified()
			w.ladder(fleet.ChaseChange{Chase: &[]string{"notice@+0", "message@+1h"}})
			_, err := w.approve("+3d")
			w.must(err)
			p.settle()
			w.tick()
			if got := p.steps(); len(got) != 1 {
				t.Fatalf("before: %v, want one step", got)
			}
			end(w, p)
			w.clock.Add(2 * time.Hour)
			w.tick()
			if got := w.reminders(); len(got) != 1 {
				t.Errorf("after: %v, want no further one", got)
			}
		})
	}
}

// TestChaseAgainAfterPause: a rollout that goes on is reminded of again, with the
// newest step only.
func TestChaseAgainAfterPause(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.verified()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"notice@+0", "message@+1h", "message@+2h"}})
	_, err := w.approve("+3d")
	w.must(err)
	p.settle()
	w.tick()
	_, err = w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)
	w.must(err)
	w.clock.Add(3 * time.Hour)
	w.tick()
	_, err = w.fleet.Resume(w.ctx, seg, w.act("on"), "sales", release)
	w.must(err)
	p.settle()
	w.clock.Add(5 * time.Hour) // it may have been told anew
	w.tick()
	w.tick()
	if diff := cmp.Diff([]string{"notice@+0", "message@+2h"}, p.steps()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChaseOfMany: a hundred phones without a reference are one notice that
// counts them all and names a few; those with one get their own.
func TestChaseOfMany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	for i := range 100 {
		w.enrol(fmt.Sprintf("N%03d", i), "sales", storage.RingProduction).settle()
	}
	w.ladder(fleet.ChaseChange{Chase: &[]string{"message@+1h", "escalate@+2h"}})
	_, err := w.fleet.SetHolder(w.ctx, seg, w.act("list"), "N007", "S-7")
	w.must(err)
	_, err = w.approve("+3d")
	w.must(err)
	w.sweep()
	w.clock.Add(90 * time.Minute)
	w.tick()
	if diff := cmp.Diff([]string{"message 26.6.1 100", "message 26.6.1 N007 S-7"}, slices.Sorted(slices.Values(w.reminders()))); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	w.clock.Add(45 * time.Minute) // a quarter past the hour: the phones of the hour at once
	w.tick()
	if got := w.reminders(); len(got) != 3 || !slices.Contains(got, "escalate 26.6.1 101") {
		t.Errorf("%v, want one escalation of 101 phones", got)
	}
	all, err := w.store.Notices(w.ctx, seg, storage.NoticeQuery{Limit: 1})
	w.must(err)
	if named := strings.Split(all[0].Params["phones"], ","); len(named) != 20 || named[0] != "P1" {
		t.Errorf("phones = %v, want the first 20", named)
	}
	if got := all[0].Params["reasons"]; got != "sync-pending=101" {
		t.Errorf("reasons = %q", got)
	}
	v, err := w.fleet.RolloutChase(w.ctx, seg, "sales", release, fleet.RolloutQuery{Limit: 60})
	w.must(err)
	wantLines := []fleet.ChaseLine{{Step: "message@+1h", Sent: 101}, {Step: "escalate@+2h", Sent: 101, Waiting: 101}}
	if diff := cmp.Diff(wantLines, v.Steps); diff != "" || len(v.Devices) != 60 || v.Next == 0 || !v.Running {
		t.Errorf("%d phones, next %d, running %v, steps (-want +got):\n%s", len(v.Devices), v.Next, v.Running, diff)
	}
	if diff := cmp.Diff([]fleet.ChaseWave{{Wave: 1, Steps: wantLines}}, v.Waves); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	if d := v.Devices[0]; d.UDID != "P1" || d.Last != "escalate@+2h" || d.Next != "" || d.Reason != "sync-pending" || d.Wave != 1 {
		t.Errorf("first phone = %+v", d)
	}
}

// TestChaseQuietHours: a step slides to the phone's own morning.
func TestChaseQuietHours(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.verified() // 18:00 in Tokyo, a Tuesday
	w.ladder(fleet.ChaseChange{Chase: &[]string{"message@+2h"}, ChaseQuiet: ptr("19:00-08:00"), ChaseOff: &[]string{"wed"}})
	_, err := w.approve("+3d")
	w.must(err)
	p.settle()
	morning := time.Date(2026, 8, 19, 23, 0, 0, 0, time.UTC) // Thursday at eight in Tokyo
	if s := w.chaseState("P1"); s.Next != "message@+2h" || !s.NextAt.Equal(morning) {
		t.Errorf("explained as %+v, want %s", s, morning)
	}
	for w.clock.now.Before(morning) {
		w.tick()
		if got := p.steps(); got != nil {
			t.Fatalf("%v at %s", got, w.clock.now)
		}
		w.clock.Add(time.Hour)
	}
	w.tick()
	if diff := cmp.Diff([]string{"message@+2h"}, p.steps()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLadderSettings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change fleet.ChaseChange
		code   string
	}{
		"all of it":       {fleet.ChaseChange{Chase: &[]string{"notice@+0", "push@+6h", "message@deadline-24h", "message@deadline", "escalate@deadline+1d", "ticket@deadline+3d"}, ChaseQuiet: ptr("19:00-08:00"), ChaseOff: &[]string{"sat", "sun"}, ChasePerDay: ptr(1), ChaseAlways: &[]string{"ticket", "escalate", "ticket"}, ChaseLanguage: ptr("ja")}, ""},
		"nothing":         {fleet.ChaseChange{Chase: &[]string{}, ChaseQuiet: ptr(""), ChaseOff: &[]string{}, ChasePerDay: ptr(0), ChaseLanguage: ptr("")}, ""},
		"within a day":    {fleet.ChaseChange{ChaseQuiet: ptr("12:00-13:00")}, ""},
		"until midnight":  {fleet.ChaseChange{ChaseQuiet: ptr("18:00-24:00")}, ""},
		"unknown kind":    {fleet.ChaseChange{Chase: &[]string{"shout@+6h"}}, "step-not-readable"},
		"no time":         {fleet.ChaseChange{Chase: &[]string{"push"}}, "step-not-readable"},
		"before told":     {fleet.ChaseChange{Chase: &[]string{"push@-6h"}}, "step-not-readable"},
		"too far":         {fleet.ChaseChange{Chase: &[]string{"push@+91d"}}, "step-not-readable"},
		"half a minute":   {fleet.ChaseChange{Chase: &[]string{"push@+30s"}}, "step-not-readable"},
		"two signs":       {fleet.ChaseChange{Chase: &[]string{"push@deadline-+6h"}}, "step-not-readable"},
		"not a deadline":  {fleet.ChaseChange{Chase: &[]string{"push@deadlines+6h"}}, "step-not-readable"},
		"falls":           {fleet.ChaseChange{Chase: &[]string{"push@+6h", "push@+5h"}}, "steps-not-rising"},
		"the same twice":  {fleet.ChaseChange{Chase: &[]string{"push@+6h", "message@+6h"}}, "steps-not-rising"},
		"eleven":          {fleet.ChaseChange{Chase: ptr(slices.Repeat([]string{"push@+6h"}, 11))}, "too-many-steps"},
		"not hours":       {fleet.ChaseChange{ChaseQuiet: ptr("night")}, "not-quiet-hours"},
		"the whole day":   {fleet.ChaseChange{ChaseQuiet: ptr("08:00-08:00")}, "not-quiet-hours"},
		"not a day":       {fleet.ChaseChange{ChaseOff: &[]string{"holiday"}}, "not-weekdays"},
		"the whole week":  {fleet.ChaseChange{ChaseOff: &[]string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}}, "never-reminded"},
		"too many a day":  {fleet.ChaseChange{ChasePerDay: ptr(11)}, "steps-out-of-range"},
		"fewer than none": {fleet.ChaseChange{ChasePerDay: ptr(-1)}, "steps-out-of-range"},
		"a push late":     {fleet.ChaseChange{ChaseAlways: &[]string{"push"}}, "not-one-of"},
		"no language":     {fleet.ChaseChange{ChaseLanguage: ptr("fr")}, "not-one-of"},
	}
	w := newWorld(t)
	for name, tc := range tests {
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("set"), "p", fleet.PolicyChange{ChaseChange: tc.change})
		code := ""
		if e, ok := errors.AsType[*fleet.InvalidError](err); ok {
			code = e.Code
		} else if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if code != tc.code {
			t.Errorf("%s: %q (%v), want %q", name, code, err, tc.code)
		}
	}
	_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("set"), "p", fleet.PolicyChange{ChaseChange: tests["all of it"].change})
	w.must(err)
	v, err := w.fleet.Policy(seg, "p")
	w.must(err)
	want := fleet.ChaseSettings{
		Chase: *tests["all of it"].change.Chase, ChaseTests: []string{"escalate@verify-by-30d", "escalate@verify-by-14d"},
		ChaseQuiet: "19:00-08:00", ChaseOff: []string{"sat", "sun"}, ChasePerDay: 1,
		ChaseAlways: []string{"escalate", "ticket"}, ChaseLanguage: "ja",
	}
	if diff := cmp.Diff(want, v.ChaseSettings); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestChaseKinds: every kind of a step that somebody hears of can be chosen for a
// channel.
func TestChaseKinds(t *testing.T) {
	t.Parallel()
	for _, kind := range policy.ChaseKinds() {
		if known := slices.Contains(fleet.NoticeKinds(), "chase."+string(kind)); known != (kind != policy.ChasePush) {
			t.Errorf("chase.%s is a kind of notice: %v", kind, known)
		}
	}
}

// TestChasePushesAgain: a phone that a push did not reach is woken until it comes
// or another step takes the push's place, also by a server that was started since.
func TestChasePushesAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.verified()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"push@+6h", "message@+30h"}})
	_, err := w.approve("+3d")
	w.must(err)
	p.settle()
	woken := func(when string, want bool) {
		t.Helper()
		w.wakes.take("P1")
		w.tick()
		if got := w.wakes.take("P1"); got != want {
			t.Errorf("%s: woken %v, want %v", when, got, want)
		}
	}
	w.clock.Add(6 * time.Hour)
	woken("when the step is due", true)
	woken("at the next look", true)
	w.restart()
	woken("after a restart", true)
	w.clock.Add(time.Hour)
	p.idle()
	woken("once it came", false)
	w.clock.Add(20 * time.Hour)
	woken("although it is silent again", false)
	w.clock.Add(3 * time.Hour)
	woken("when the next step is due", false)
	if got := p.steps(); len(got) != 2 {
		t.Errorf("steps %v, want both", got)
	}
}

// TestChasePushesForAWeek: a phone that is lost is not woken for the rest of its
// rollout when the last step was a push, also not by a server that was started since.
func TestChasePushesForAWeek(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p, _ := w.verified()
	w.ladder(fleet.ChaseChange{Chase: &[]string{"push@+6h"}})
	_, err := w.approve("+3d")
	w.must(err)
	p.settle()
	w.clock.Add(6 * time.Hour)
	w.tick()
	for _, at := range []struct {
		later time.Duration
		want  bool
	}{{7*24*time.Hour - time.Minute, true}, {time.Minute, false}, {30 * 24 * time.Hour, false}} {
		w.clock.Add(at.later)
		w.restart()
		w.wakes.take("P1")
		w.tick()
		if got := w.wakes.take("P1"); got != at.want {
			t.Errorf("at %s: woken %v, want %v", w.clock.now, got, at.want)
		}
	}
}
