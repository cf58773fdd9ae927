package fleet_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/storage"
)

// inWaves approves the release for four production phones.
func (w *world) inWaves(r fleet.ApproveRequest) (fleet.Effect, []*phone) {
	w.t.Helper()
	first, _ := w.verified()
	phones := []*phone{first}
	for i := range 3 {
		p := w.enrol(fmt.Sprintf("P%d", i+2), "sales", storage.RingProduction)
		p.settle()
		phones = append(phones, p)
	}
	r.Group, r.Release = "sales", release
	effect, err := w.fleet.Approve(w.ctx, seg, w.act("all apps work"), r)
	w.must(err)
	return effect, phones
}

// asked returns the deadlines of the phones that are asked to install.
func asked(phones []*phone) map[string]int {
	deadlines := map[string]int{}
	for _, p := range phones {
		if got, deadline := p.enforcement(); got == release {
			deadlines[deadline]++
		}
	}
	return deadlines
}

// after moves the clock and starts what is due.
func (w *world) after(d time.Duration) bool {
	w.t.Helper()
	w.clock.Add(d)
	started, err := w.fleet.StartWaves(w.ctx)
	w.must(err)
	return started
}

func (w *world) waves() []fleet.WaveView {
	w.t.Helper()
	view, err := w.fleet.Rollout(w.ctx, seg, "sales", release, fleet.RolloutQuery{})
	w.must(err)
	return view.Waves
}

const twoDays = 48 * time.Hour

func TestWavesStartOneAfterAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	opened := w.clock.Now() // 09:00
	effect, phones := w.inWaves(fleet.ApproveRequest{Waves: []string{"5%@+0", "2@+2d", "100%"}, Soak: "1d", Deadline: "+3d"})
	want := []fleet.WaveView{
		{Wave: 1, State: fleet.WaveSoaking, Phones: 1, Start: opened, Deadline: "2026-08-21T09:00:00", StopUntil: "2026-08-21T07:00:00"},
		{Wave: 2, State: fleet.WaveWaiting, Why: fleet.WaitStart, Phones: 1, Start: opened.Add(twoDays), Deadline: "2026-08-23T09:00:00", StopUntil: "2026-08-23T07:00:00"},
		{Wave: 3, State: fleet.WaveWaiting, Why: fleet.WaitSoak, Phones: 2, Start: opened.Add(3 * 24 * time.Hour), Deadline: "2026-08-24T09:00:00", StopUntil: "2026-08-24T07:00:00"},
	}
	if diff := cmp.Diff(want, effect.Waves); diff != "" || effect.Install != 1 {
		t.Errorf("approval asks %d phones (want 1) in waves (-want +got):\n%s", effect.Install, diff)
	}
	steps := []struct {
		name    string
		after   time.Duration
		started bool
		asked   map[string]int
	}{
		{"at once", 0, false, map[string]int{"2026-08-21T09:00:00": 1}},
		{"a minute before the second wave", twoDays - time.Minute, false, map[string]int{"2026-08-21T09:00:00": 1}},
		{"second wave, an hour late", time.Hour + time.Minute, true, map[string]int{"2026-08-21T09:00:00": 1, "2026-08-23T10:00:00": 1}},
		{"the third is late by as much", 24*time.Hour - time.Minute, false, map[string]int{"2026-08-21T09:00:00": 1, "2026-08-23T10:00:00": 1}},
		{"third wave", time.Minute, true, map[string]int{"2026-08-21T09:00:00": 1, "2026-08-23T10:00:00": 1, "2026-08-24T10:00:00": 2}},
	}
	for _, s := range steps {
		if got := w.after(s.after); got != s.started {
			t.Errorf("%s: started = %v, want %v", s.name, got, s.started)
		}
		for _, p := range phones {
			p.settle()
		}
		if diff := cmp.Diff(s.asked, asked(phones)); diff != "" {
			t.Errorf("%s: deadlines (-want +got):\n%s", s.name, diff)
		}
	}
	for _, p := range phones {
		p.install(release, "23G83")
	}
	for _, v := range w.waves() {
		if v.State != fleet.WaveDone || v.Done != v.Phones {
			t.Errorf("wave %d is %s with %d of %d phones, want done", v.Wave, v.State, v.Done, v.Phones)
		}
	}
}

// A wave that comes due while the rollout stands still starts only after the
// waves before it have soaked anew, and waves that came due together do not
// start together.
func TestWavesWaitForASoak(t *testing.T) {
	t.Parallel()
	act := func(w *world, do func(*world) error) { w.t.Helper(); w.must(do(w)) }
	pause := func(w *world) error {
		_, err := w.fleet.Pause(w.ctx, seg, w.act("printer"), "sales", release)
		return err
	}
	resume := func(w *world) error {
		_, err := w.fleet.Resume(w.ctx, seg, w.act("it was the printer"), "sales", release)
		return err
	}
	for name, tc := range map[string]struct {
		before func(*world)
		starts [2]time.Duration // of waves 2 and 3, from now
		states [2]fleet.WaveWait
	}{
		"server down for a week": {func(w *world) { w.after(7 * 24 * time.Hour) }, [2]time.Duration{0, twoDays}, [2]fleet.WaveWait{"", fleet.WaitStart}},
		"paused past both": {
			func(w *world) { act(w, pause); w.after(7 * 24 * time.Hour) },
			[2]time.Duration{twoDays, 2 * twoDays},
			[2]fleet.WaveWait{fleet.WaitStopped, fleet.WaitStopped},
		},
		"paused and resumed before": {
			func(w *world) { act(w, pause); w.after(24 * time.Hour); act(w, resume) },
			[2]time.Duration{twoDays, 2 * twoDays},
			[2]fleet.WaveWait{fleet.WaitStart, fleet.WaitStart},
		},
		"broken past the second": {
			func(w *world) { act(w, func(w *world) error { return w.verdict("V1", "broken") }); w.after(twoDays) },
			[2]time.Duration{twoDays, 2 * twoDays},
			[2]fleet.WaveWait{fleet.WaitStopped, fleet.WaitStopped},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.inWaves(fleet.ApproveRequest{Waves: []string{"25%@+0", "50%@+2d", "100%@+4d"}, Soak: "2d", Deadline: "+3d"})
			tc.before(w)
			got, now := w.waves(), w.clock.Now()
			for i, want := range tc.starts {
				if v := got[i+1]; !v.Start.Equal(now.Add(want)) || v.Why != tc.states[i] {
					t.Errorf("wave %d starts %s after now, waiting for %q; want %s, %q", v.Wave, v.Start.Sub(now), v.Why, want, tc.states[i])
				}
			}
			if w.after(0) {
				t.Error("looking again changed the waves once more")
			}
		})
	}
}

func TestWavesThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.verified()
	for name, tc := range map[string]struct {
		waves    []string
		soak     string
		deadline string
		code     string
	}{
		"no share":             {[]string{"@+1d", "100%"}, "", "+3d", "wave-not-readable"},
		"nothing":              {[]string{"0%", "100%"}, "", "+3d", "wave-not-readable"},
		"more than all":        {[]string{"101%"}, "", "+3d", "wave-not-readable"},
		"no offset":            {[]string{"5%@2d", "100%"}, "", "+3d", "wave-not-readable"},
		"before the opening":   {[]string{"5%@+-2d", "100%"}, "", "+3d", "wave-not-readable"},
		"deadline at start":    {[]string{"100%@+2d:+2d"}, "", "+3d", "wave-not-readable"},
		"deadline too far":     {[]string{"100%@+2d:+91d"}, "", "+3d", "wave-not-readable"},
		"start too far":        {[]string{"5%", "100%@+31d"}, "", "+3d", "wave-not-readable"},
		"share falls":          {[]string{"25%", "5%@+2d", "100%@+4d"}, "", "+3d", "waves-not-rising"},
		"number falls":         {[]string{"50", "20%@+1d", "10@+2d", "100%@+4d"}, "", "+3d", "waves-not-rising"},
		"after everybody":      {[]string{"100%", "2@+1d", "100%@+4d"}, "", "+3d", "waves-not-rising"},
		"start falls":          {[]string{"5%@+2d", "25%@+1d", "100%@+4d"}, "", "+3d", "waves-not-rising"},
		"the same twice":       {[]string{"5%", "5%@+2d", "100%"}, "", "+3d", "waves-not-rising"},
		"not all":              {[]string{"5%", "25%@+2d"}, "", "+3d", "waves-not-all"},
		"after fixed deadline": {[]string{"5%", "100%@+4d"}, "", "2026-08-20T18:00", "wave-after-deadline"},
		"soak too long":        {[]string{"5%", "100%"}, "31d", "+3d", "not-a-length"},
		"soak unreadable":      {nil, "long", "+3d", "not-a-length"},
		"too many":             {make([]string, 21), "", "+3d", "too-many-waves"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.fleet.Approve(w.ctx, seg, w.act("r"), fleet.ApproveRequest{Group: "sales", Release: release, Deadline: tc.deadline, Waves: tc.waves, Soak: tc.soak})
			if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Code != tc.code {
				t.Errorf("error = %v, want %s", err, tc.code)
			}
		})
	}
	if got := w.waves(); len(got) != 0 {
		t.Errorf("a refused approval left waves: %+v", got)
	}
}

// Waves outlive the process, and what was started stays as it was.
func TestWavesSurviveARestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.inWaves(fleet.ApproveRequest{Waves: []string{"25%@+0", "100%@+2d"}, Deadline: "+3d"})
	before := w.waves()
	w.restart()
	if diff := cmp.Diff(before, w.waves(), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("waves after a restart (-before +after):\n%s", diff)
	}
	if !w.after(twoDays) {
		t.Error("the second wave did not start after the restart")
	}
}

func ptr[T any](v T) *T { return &v }

// Waves, time to soak, deadline and calendar come from the group's policy, and
// the calendar holds for what was approved before it changed.
func TestWavesByPolicy(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	set := func(c fleet.RolloutChange) {
		t.Helper()
		_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("as agreed"), "retail", fleet.PolicyChange{RolloutChange: c})
		w.must(err)
	}
	set(fleet.RolloutChange{
		Waves: ptr(storage.WaveShares{"25%", "100%"}), Soak: ptr("2d"), Deadline: ptr("3d"),
		CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{"mon", "tue", "wed", "thu", "fri"}), Hours: ptr("10:00-17:00"), Holidays: ptr([]string{"2026-08-21"})},
	})
	_, err := w.fleet.SetGroup(w.ctx, seg, w.act("x"), fleet.GroupRequest{Name: "sales", Policy: "retail"})
	w.must(err)
	// Tuesday, 09:00: an hour before the calendar opens.
	effect, phones := w.inWaves(fleet.ApproveRequest{})
	at := func(day, hour int) time.Time { return time.Date(2026, 8, day, hour, 0, 0, 0, time.UTC) }
	want := []fleet.WaveView{
		{Wave: 1, State: fleet.WaveWaiting, Why: fleet.WaitCalendar, Phones: 1, Start: at(18, 10), Deadline: "2026-08-24T10:00:00", StopUntil: "2026-08-24T08:00:00"}, // Friday is a holiday
		{Wave: 2, State: fleet.WaveWaiting, Why: fleet.WaitSoak, Phones: 3, Start: at(20, 10), Deadline: "2026-08-24T10:00:00", StopUntil: "2026-08-24T08:00:00"},
	}
	if diff := cmp.Diff(want, effect.Waves, cmpopts.IgnoreFields(fleet.WaveView{}, "Moved")); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	d, err := w.fleet.Explain(w.ctx, seg, phones[0].udid)
	w.must(err)
	if got := d.Explanation.Reason.Code; len(asked(phones)) != 0 || got != "outside-calendar" && got != "wave-not-started" {
		t.Errorf("before the calendar opens %v are asked, the first phone: %s", asked(phones), got)
	}
	set(fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-08-20..2026-08-25"})}})
	if !w.after(time.Hour) || len(w.acts("rollout.wave")) != 1 {
		t.Error("want the first wave to start, and no other")
	}
	if got := w.waves()[1]; !got.Start.Equal(at(26, 10)) || got.Why != fleet.WaitCalendar || got.Deadline != "2026-08-31T10:00:00" {
		t.Errorf("second wave = %+v, want it after the closed days", got)
	}
	if got := w.waves()[0]; got.State != fleet.WaveSoaking || got.Deadline != "2026-08-26T10:00:00" {
		t.Errorf("first wave = %+v, want it started, with a deadline after the closed days", got)
	}
	if w.after(0) {
		t.Error("looking again changed the waves once more")
	}
}

func TestRolloutDefaultsThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, tc := range map[string]struct {
		change fleet.RolloutChange
		code   string
	}{
		"shares fall":        {fleet.RolloutChange{Waves: ptr(storage.WaveShares{"25%", "5%", "100%"})}, "waves-not-rising"},
		"not all":            {fleet.RolloutChange{Waves: ptr(storage.WaveShares{"25%"})}, "waves-not-all"},
		"numbers alone":      {fleet.RolloutChange{Waves: ptr(storage.WaveShares{"5", "100"})}, "waves-not-all"},
		"numbers fall":       {fleet.RolloutChange{Waves: ptr(storage.WaveShares{"20", "5", "100%"})}, "waves-not-rising"},
		"nobody":             {fleet.RolloutChange{Waves: ptr(storage.WaveShares{"0", "100%"})}, "share-not-readable"},
		"a date":             {fleet.RolloutChange{Waves: ptr(storage.WaveShares{"20@+2d", "100%"})}, "share-not-readable"},
		"soak":               {fleet.RolloutChange{Soak: ptr("31d")}, "not-a-length"},
		"deadline":           {fleet.RolloutChange{Deadline: ptr("tomorrow")}, "not-a-length"},
		"weekday":            {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{"monday"})}}, "not-weekdays"},
		"range of weekdays":  {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Weekdays: ptr([]string{"mon-"})}}, "not-weekdays"},
		"hours of no length": {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Hours: ptr("18:00-18:00")}}, "not-hours"},
		"hours unreadable":   {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Hours: ptr("9-18")}}, "not-hours"},
		"month end":          {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{MonthEnd: ptr(16)}}, "month-end-range"},
		"no such day":        {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-02-30"})}}, "not-days"},
		"range backwards":    {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2027-01-04..2026-12-28"})}}, "not-days"},
		"too many days":      {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Holidays: ptr(make([]string, 501))}}, "too-many-days"},
		"never open":         {fleet.RolloutChange{CalendarChange: fleet.CalendarChange{Closed: ptr([]string{"2026-01-01..2028-12-31"})}}, "never-open"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.fleet.SetPolicy(w.ctx, seg, w.act("r"), "odd", fleet.PolicyChange{RolloutChange: tc.change})
			if e, ok := errors.AsType[*fleet.InvalidError](err); !ok || e.Code != tc.code {
				t.Errorf("error = %v, want %s", err, tc.code)
			}
		})
	}
}

// TestApprovalMustEndBeforeTheBuildDoes: 26.6 left Apple's list when 26.6.1
// came, so that it can be installed for a known time only.
func TestApprovalMustEndBeforeTheBuildDoes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.enrol("P1", "sales", storage.RingProduction)
	p.settle()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	v.install("26.6", "23G80")
	_, err := w.fleet.RecordVerdict(w.ctx, seg, w.act("t"), fleet.VerdictRequest{BundleID: "com.example.pos", Release: "26.6", Result: "works", Device: "V1"})
	w.must(err)
	gate, err := w.fleet.Gate(seg, "sales", "26.6")
	w.must(err)
	if gate.Clocks.ShelfLife.IsZero() {
		t.Fatal("26.6 has no shelf life; this test needs a release that was superseded")
	}
	last := gate.Clocks.ShelfLife.AddDate(0, 0, -7)
	approve := func(deadline time.Time) error {
		_, err := w.fleet.Approve(w.ctx, seg, fleet.Act{Actor: "uid:1(test)", Reason: "r", DryRun: true},
			fleet.ApproveRequest{Group: "sales", Release: "26.6", Deadline: deadline.Format("2006-01-02T15:04")})
		return err
	}
	w.must(approve(last))
	if r := refusal(t, approve(last.Add(time.Minute))); r.Code != "outlives-build" || r.Params["latest"] != last.Format("2006-01-02T15:04:05") {
		t.Errorf("refused as %s %v, want outlives-build with the latest deadline", r.Code, r.Params)
	}
}
