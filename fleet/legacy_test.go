package fleet_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/micromdm/plist"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// old is a phone that answers commands as iOS before 17 does, with what a test
// says about its update.
type old struct {
	*phone
	profiles  map[string]string // UUID by identifier
	cadence   int
	schedule  map[string]any   // entry of UpdateResults; nil: no results
	updates   []map[string]any // OSUpdateStatus
	available []map[string]any
	refuse    map[string]mdm.Status // instead of an answer
	slow      time.Duration         // that each answer takes
	received  []string              // request types, in order
	scheduled []map[string]any      // Updates of the ScheduleOSUpdate commands
}

const oldRelease = "15.8.4"

// older enrols a supervised phone with iOS before declarations.
func (w *world) older(udid, os string, ring storage.Ring) *old {
	w.t.Helper()
	o := &old{phone: w.enrol(udid, "sales", ring), profiles: map[string]string{}, refuse: map[string]mdm.Status{}}
	o.os, o.build = os, "19H1"
	o.schedule = map[string]any{"ProductKey": "key", "InstallAction": "DownloadOnly", "Status": "Downloading"}
	return o
}

// talk polls and answers until there is nothing left, and returns what it was
// sent in this session.
func (o *old) talk() []string {
	o.t.Helper()
	from := len(o.received)
	for c := o.idle(); c != nil; {
		if len(o.received)-from > 20 {
			o.t.Fatalf("endless session: %v", o.received[from:])
		}
		o.received = append(o.received, c.RequestType)
		o.clock.Add(o.slow)
		sync := c.RequestType == "DeclarativeManagement"
		c = o.reply(c)
		if sync {
			o.sync()
		}
	}
	return o.received[from:]
}

func (o *old) reply(c *mdm.Command) *mdm.Command {
	o.t.Helper()
	var body struct {
		Command struct {
			Payload    []byte
			Identifier string
			Updates    []map[string]any
			Settings   []struct{ RecommendationCadence int }
		}
	}
	o.must(plist.Unmarshal(c.Body, &body))
	if c.RequestType == "ScheduleOSUpdate" {
		o.scheduled = append(o.scheduled, body.Command.Updates...)
	}
	if status, ok := o.refuse[c.RequestType]; ok {
		return o.say(status, c.UUID, map[string]any{"ErrorChain": []map[string]any{{
			"ErrorCode": 1, "ErrorDomain": "d", "LocalizedDescription": "no", "USEnglishDescription": "no",
		}}})
	}
	switch c.RequestType {
	case "InstallProfile":
		var p struct{ PayloadIdentifier, PayloadUUID string }
		o.must(plist.Unmarshal(body.Command.Payload, &p))
		o.profiles[p.PayloadIdentifier] = p.PayloadUUID
	case "RemoveProfile":
		delete(o.profiles, body.Command.Identifier)
	case "ProfileList":
		list := []map[string]any{}
		for id, uuid := range o.profiles {
			list = append(list, map[string]any{"PayloadIdentifier": id, "PayloadUUID": uuid})
		}
		return o.say(mdm.Acknowledged, c.UUID, map[string]any{"ProfileList": list})
	case "Settings":
		o.cadence = body.Command.Settings[0].RecommendationCadence
	case "ScheduleOSUpdate":
		if o.schedule != nil {
			return o.say(mdm.Acknowledged, c.UUID, map[string]any{"UpdateResults": []map[string]any{o.schedule}})
		}
	case "OSUpdateStatus":
		return o.say(mdm.Acknowledged, c.UUID, map[string]any{"OSUpdateStatus": o.updates})
	case "AvailableOSUpdates":
		return o.say(mdm.Acknowledged, c.UUID, map[string]any{"AvailableOSUpdates": o.available})
	}
	return o.answer(c)
}

func (o *old) view() fleet.DeviceView {
	o.t.Helper()
	v, err := o.fleet.Device(o.ctx, seg, o.udid)
	o.must(err)
	return v.DeviceView
}

// queue returns the update rows of the phone's queue, a line for each.
func (o *old) queue() []string {
	o.t.Helper()
	rows, err := o.store.Queue(o.ctx, seg, o.udid)
	o.must(err)
	var lines []string
	for _, r := range rows {
		if strings.HasPrefix(r.Key, "update:") {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Key[strings.LastIndexByte(r.Key[:strings.LastIndexByte(r.Key, ':')], ':')+1:], r.State, r.Error)))
		}
	}
	return lines
}

func (o *old) count(requestType string) int {
	n := 0
	for _, r := range o.received {
		if r == requestType {
			n++
		}
	}
	return n
}

// oldVerified has a production and a verification phone of one old model, with
// the gate of release verified, and nothing approved.
func (w *world) oldVerified(os string) *old {
	w.t.Helper()
	v := w.enrol("V1", "sales", storage.RingVerification)
	v.settle()
	p := w.older("P1", os, storage.RingProduction)
	p.talk()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", release)
	w.must(err)
	v.settle()
	v.install(release, "23G83")
	w.must(w.verdict("V1", "works"))
	return p
}

func TestHoldByProfile(t *testing.T) {
	w := newWorld(t)
	p := w.older("P1", oldRelease, storage.RingProduction)
	want := []string{"DeviceInformation", "InstalledApplicationList", "InstallProfile", "ProfileList", "Settings"}
	if diff := cmp.Diff(want, p.talk()); diff != "" {
		t.Errorf("first session (-want +got):\n%s", diff)
	}
	// In force, and past its 90 days for releases the phone could have had.
	if v := p.view(); v.Hold != "ended" || v.HoldBy != "profile" || p.cadence != 1 {
		t.Errorf("hold %s by %q, cadence %d; want ended by profile, the older branch", v.Hold, v.HoldBy, p.cadence)
	}
	if got := p.talk(); len(got) != 0 {
		t.Errorf("settled phone was sent %v", got)
	}
	w.restart()
	if got := p.talk(); len(got) != 0 {
		t.Errorf("after a restart it was sent %v", got)
	}

	clear(p.profiles) // lost
	w.clock.Add(24 * time.Hour)
	p.talk()
	if v := p.view(); v.Hold != "ended" || len(p.profiles) != 1 {
		t.Errorf("hold %s with profiles %v, want it installed again", v.Hold, p.profiles)
	}
}

func TestHoldIsConfirmedByTheListOnly(t *testing.T) {
	w := newWorld(t)
	p := w.older("P1", oldRelease, storage.RingProduction)
	p.refuse["ProfileList"] = mdm.Error
	p.talk()
	if v := p.view(); v.Hold != "pending" {
		t.Errorf("hold %s although no list told of it, want pending", v.Hold)
	}
	q := w.older("P2", oldRelease, storage.RingProduction)
	q.refuse["InstallProfile"] = mdm.Error
	q.talk()
	if v := q.view(); v.Hold != "impossible" || v.HoldWhy != "settings-refused" {
		t.Errorf("hold %s %s of a phone that refused it, want impossible, settings-refused", v.Hold, v.HoldWhy)
	}
	if q.talk(); q.count("InstallProfile") != 1 {
		t.Errorf("asked %d times, want once a day", q.count("InstallProfile"))
	}
	w.clock.Add(25 * time.Hour)
	delete(q.refuse, "InstallProfile")
	q.talk()
	if v := q.view(); v.Hold != "ended" {
		t.Errorf("hold %s a day later, want it in force, though past its 90 days", v.Hold)
	}
}

func TestUnsupervisedOldPhoneIsNeverSentAnything(t *testing.T) {
	w := newWorld(t)
	p := w.oldVerified(oldRelease)
	q := w.older("P2", oldRelease, storage.RingProduction)
	q.sup = false
	_, err := w.approve("+3d")
	w.must(err)
	p.talk()
	q.talk()
	w.clock.Add(4 * 24 * time.Hour)
	q.talk()
	for _, r := range q.received {
		if r != "DeviceInformation" && r != "InstalledApplicationList" {
			t.Errorf("unsupervised phone was sent %s", r)
		}
	}
	if v := q.view(); v.Hold != "impossible" || v.Reason != "not-controllable" {
		t.Errorf("hold %s, reason %s; want impossible, not-controllable", v.Hold, v.Reason)
	}
}

// TestUpdateByCommand goes through both steps.
func TestUpdateByCommand(t *testing.T) {
	w := newWorld(t)
	p := w.oldVerified(oldRelease)
	if got := p.talk(); len(got) != 0 {
		t.Fatalf("before the approval the phone was sent %v", got)
	}
	_, err := w.approve("+3d")
	w.must(err)
	if _, err := w.fleet.Sweep(w.ctx); err != nil || !w.wakes.take("P1") {
		t.Errorf("the phone was not woken after the approval (%v)", err)
	}
	if diff := cmp.Diff([]string{"DeviceInformation", "ScheduleOSUpdate"}, p.talk()); diff != "" {
		t.Errorf("after the approval (-want +got):\n%s", diff)
	}
	want := []map[string]any{{"ProductVersion": release, "InstallAction": "DownloadOnly"}}
	if diff := cmp.Diff(want, p.scheduled); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	deadline := p.stored().Announced.Enforcement.Deadline
	if v := p.view(); v.Target != release || v.UpdateBy != "command" || v.Deadline != deadline || v.Reason != "downloading" {
		t.Errorf("view %+v, want downloading by command", v)
	}

	p.updates = []map[string]any{{"ProductKey": "key", "IsDownloaded": false, "DownloadPercentComplete": 0.4, "Status": "Downloading"}}
	w.clock.Add(14 * time.Minute)
	if got := p.talk(); slices.Contains(got, "OSUpdateStatus") {
		t.Errorf("asked for progress after 14 minutes: %v", got)
	}
	w.clock.Add(time.Minute)
	if w.fleet.Ring(); !w.wakes.take("P1") {
		t.Error("the phone was not woken to tell its progress")
	}
	p.talk()
	if v := p.view(); v.Percent == nil || *v.Percent != 40 {
		t.Errorf("percent %v, want 40", v.Percent)
	}
	p.updates[0]["IsDownloaded"], p.updates[0]["Status"] = true, "Idle"
	w.clock.Add(time.Hour)
	p.talk()
	if v := p.view(); v.InstallState != "prepared" || v.Reason != "waiting-for-user" {
		t.Errorf("state %s, reason %s; want prepared, waiting", v.InstallState, v.Reason)
	}

	w.clock.Add(2 * 24 * time.Hour)
	if p.talk(); len(p.scheduled) != 1 {
		t.Fatalf("scheduled %v before the deadline %s", p.scheduled, deadline)
	}
	at, err := time.ParseInLocation(mdm.LocalDateTimeLayout, deadline, time.FixedZone("JST", 9*3600))
	w.must(err)
	w.clock.Add(at.Sub(w.clock.Now()))
	if w.fleet.Ring(); !w.wakes.take("P1") {
		t.Error("the phone was not woken at its deadline")
	}
	p.schedule = map[string]any{"ProductKey": "key", "InstallAction": "InstallASAP", "Status": "Installing"}
	p.talk()
	want = append(want, map[string]any{"ProductKey": "key", "InstallAction": "InstallASAP"})
	if diff := cmp.Diff(want, p.scheduled); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	if v := p.view(); v.Reason != "installing" {
		t.Errorf("reason %s, want installing", v.Reason)
	}

	w.clock.Add(30 * time.Minute)
	p.os, p.build, p.updates = release, "23G83", nil
	p.talk()
	if v := p.view(); v.OS != release || v.Reason != "done" || v.Target != "" {
		t.Errorf("view %+v, want done", v)
	}
	if diff := cmp.Diff([]string{"download:1 acknowledged", "install:2 acknowledged"}, p.queue()); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}

// TestBeforeProductVersion: iOS before 11.3 knows a release by its ProductKey
// only.
func TestBeforeProductVersion(t *testing.T) {
	w := newWorld(t)
	p := w.oldVerified("11.2.6")
	_, err := w.approve("+3d")
	w.must(err)
	p.talk()
	if diff := cmp.Diff([]string{"list:1 acknowledged"}, p.queue()); diff != "" {
		t.Errorf("queue while it is not offered (-want +got):\n%s", diff)
	}
	if v := p.view(); v.Reason != "install-failed" {
		t.Errorf("reason %s while the phone is not offered the release, want install-failed", v.Reason)
	}
	p.available = []map[string]any{{"ProductKey": "iOSUpdate23G83", "Version": release, "Build": "23G83"}}
	w.clock.Add(15 * time.Minute)
	p.talk()
	want := []map[string]any{{"ProductKey": "iOSUpdate23G83", "InstallAction": "DownloadOnly"}}
	if diff := cmp.Diff(want, p.scheduled); diff != "" {
		t.Errorf("updates (-want +got):\n%s", diff)
	}
	if v := p.view(); v.Hold != "impossible" || v.HoldWhy != "ios-before-11.3" {
		t.Errorf("hold %s %s, want impossible", v.Hold, v.HoldWhy)
	}
}

func TestResultsOfCommands(t *testing.T) {
	tests := []struct {
		status, action string
		reason         string
	}{
		{"DownloadInsufficientSpace", "Error", "no-space"},
		{"DownloadInsufficientPower", "Error", "battery"},
		{"DownloadInsufficientNetwork", "Error", "install-failed"},
		{"DownloadRequiresComputer", "Error", "install-failed"},
		{"Idle", "Error", "install-failed"},
		{"Downloading", "DownloadOnly", "downloading"},
	}
	for _, tt := range tests {
		t.Run(tt.status, func(t *testing.T) {
			w := newWorld(t)
			p := w.oldVerified(oldRelease)
			_, err := w.approve("+3d")
			w.must(err)
			p.schedule = map[string]any{"ProductKey": "key", "InstallAction": tt.action, "Status": tt.status}
			p.talk()
			if v := p.view(); v.Reason != tt.reason {
				t.Errorf("reason %s, want %s", v.Reason, tt.reason)
			}
			if p.talk(); len(p.scheduled) != 1 {
				t.Errorf("scheduled %d times at once", len(p.scheduled))
			}
		})
	}
}

// TestAttempts: the number grows with each recorded result and time-out, and a
// repeated answer or a restart repeats nothing.
func TestAttempts(t *testing.T) {
	w := newWorld(t)
	p := w.oldVerified(oldRelease)
	_, err := w.approve("+3d")
	w.must(err)
	p.schedule = map[string]any{"ProductKey": "key", "InstallAction": "Error", "Status": "DownloadFailed"}
	p.talk()
	w.restart()
	p.talk()
	want := []string{"download:1 acknowledged"}
	if diff := cmp.Diff(want, p.queue()); diff != "" {
		t.Errorf("queue after one failure (-want +got):\n%s", diff)
	}
	for i, wait := range []time.Duration{15 * time.Minute, time.Hour, 24 * time.Hour} {
		w.clock.Add(wait - time.Second)
		if p.talk(); len(p.scheduled) != i+1 {
			t.Errorf("tried again before %s", wait)
		}
		w.clock.Add(time.Second)
		p.talk()
		want = append(want, fmt.Sprintf("download:%d acknowledged", i+2))
	}
	if diff := cmp.Diff(want, p.queue()); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}

	// A phone that says "not now" for a day gets a new command.
	w.clock.Add(24 * time.Hour)
	p.refuse["ScheduleOSUpdate"] = mdm.NotNow
	p.talk()
	if v := p.view(); v.Reason != "locked" && v.Reason != "install-failed" {
		t.Errorf("reason %s, want locked", v.Reason)
	}
	w.clock.Add(24 * time.Hour)
	p.talk()
	if got := p.queue()[len(want):]; cmp.Diff([]string{"download:5 cancelled timed out", "download:6 not-now no"}, got) != "" {
		t.Errorf("queue %v, want the fifth timed out and a sixth", got)
	}
}

func TestStoppingCancelsCommands(t *testing.T) {
	pause := func(w *world) error {
		_, err := w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)
		return err
	}
	move := func(w *world) error {
		_, err := w.fleet.Move(w.ctx, seg, w.act("m"), "P1", "", "")
		return err
	}
	for name, stop := range map[string]func(*world) error{"pause": pause, "move": move} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			p := w.oldVerified(oldRelease)
			_, err := w.approve("+3d")
			w.must(err)
			p.refuse["ScheduleOSUpdate"] = mdm.NotNow
			p.talk()
			w.must(stop(w))
			_, err = w.fleet.Sweep(w.ctx)
			w.must(err)
			if q := p.queue(); len(q) != 1 || !strings.HasPrefix(q[0], "download:1 cancelled") {
				t.Errorf("queue %v before the phone spoke, want its command cancelled", q)
			}
			delete(p.refuse, "ScheduleOSUpdate")
			if p.talk(); len(p.scheduled) != 1 {
				t.Errorf("scheduled %v after the stop", p.scheduled[1:])
			}
			if name != "pause" {
				return
			}
			_, err = w.fleet.Resume(w.ctx, seg, w.act("go"), "sales", release)
			w.must(err)
			w.clock.Add(15 * time.Minute)
			p.talk()
			if q := p.queue(); len(q) != 2 || q[1] != "download:2 acknowledged" {
				t.Errorf("queue %v after the resumption, want a second attempt", q)
			}
		})
	}
}

// TestStopReachesTheSession: no sweep comes between the pause and the poll.
func TestStopReachesTheSession(t *testing.T) {
	w := newWorld(t)
	p := w.oldVerified(oldRelease)
	_, err := w.approve("+3d")
	w.must(err)
	p.refuse["ScheduleOSUpdate"] = mdm.NotNow
	p.talk()
	_, err = w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)
	w.must(err)
	if p.talk(); len(p.scheduled) != 1 {
		t.Errorf("scheduled %v after the pause", p.scheduled[1:])
	}
}

// TestRemovedCommandIsNotDelivered: whatever got into the queue of a phone, it
// never reaches iOS 27, whether the server knows the version or not.
func TestRemovedCommandIsNotDelivered(t *testing.T) {
	for _, tt := range []struct {
		name, from, says string
	}{
		{"from 16", "16.7.11", "27.0"},
		{"from 26", "26.5", "27.0"},
		{"27 all along", "27.0", "27.0"},
		{"no word of its version", "26.5", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.older("P1", tt.from, storage.RingProduction)
			p.talk()
			for i, payload := range []mdm.Payload{
				mdm.ScheduleOSUpdateCommand{Updates: []mdm.OSUpdate{{ProductVersion: "27.1", InstallAction: mdm.ActionDefault}}},
				mdm.AvailableOSUpdatesCommand{},
				mdm.OSUpdateStatusCommand{},
				mdm.SettingsCommand{Settings: []mdm.SettingsItem{mdm.CadenceItem(mdm.CadenceAll)}},
			} {
				c, err := mdm.NewCommand(fmt.Sprintf("planted-%d", i), payload)
				w.must(err)
				_, err = w.store.Enqueue(w.ctx, seg, []string{"P1"}, []storage.Command{{UUID: c.UUID, RequestType: c.RequestType, Body: c.Body, CreatedAt: w.clock.Now()}}, nil)
				w.must(err)
			}
			p.os = tt.says // updated with a computer, without a word to the server
			before := len(p.received)
			p.talk()
			p.talk()
			for _, r := range p.received[before:] {
				if slices.Contains([]string{"AvailableOSUpdates", "ScheduleOSUpdate", "OSUpdateStatus", "Settings", "InstallProfile"}, r) {
					t.Errorf("a phone with iOS 27 was sent %s", r)
				}
			}
			if tt.says == "" {
				return // the rows wait until it says what it runs
			}
			rows, err := w.store.Queue(w.ctx, seg, "P1")
			w.must(err)
			for _, r := range rows {
				if strings.HasPrefix(r.UUID, "planted") && (r.State != storage.CommandCancelled || !strings.Contains(r.Error, "iOS 27.0 removed it")) {
					t.Errorf("%s is %s %q, want cancelled with its cause", r.RequestType, r.State, r.Error)
				}
			}
		})
	}
}

// TestUpgradeWithCommandsQueued: the phone comes to a newer iOS with an update
// command in its queue.
func TestUpgradeWithCommandsQueued(t *testing.T) {
	for _, to := range []string{"16.7.11", "17.7", "27.0"} {
		t.Run(to, func(t *testing.T) {
			w := newWorld(t)
			p := w.oldVerified(oldRelease)
			_, err := w.approve("+3d")
			w.must(err)
			p.refuse["ScheduleOSUpdate"] = mdm.NotNow
			p.talk()
			p.os = to
			if to == "16.7.11" {
				p.knows = []string{mdm.TypeStatusSubscriptions}
			}
			delete(p.refuse, "ScheduleOSUpdate")
			p.talk()
			if to == "16.7.11" {
				// Its apps are asked for anew first, so the command was void for a moment.
				w.clock.Add(15 * time.Minute)
				if p.talk(); len(p.scheduled) != 2 || p.queue()[1] != "download:2 acknowledged" {
					t.Errorf("scheduled %v, queue %v; want a second attempt on iOS 16", p.scheduled, p.queue())
				}
				return
			}
			if len(p.scheduled) != 1 {
				t.Errorf("scheduled %v on iOS %s", p.scheduled[1:], to)
			}
			if q := p.queue(); len(q) != 1 || !strings.HasPrefix(q[0], "download:1 cancelled") {
				t.Errorf("queue %v, want the command cancelled with its cause", q)
			}
		})
	}
}

// TestRemovedCommandIsNotQueued plants the defect that the check at queueing is
// for: a phone with iOS 27 that was promised a command.
func TestRemovedCommandIsNotQueued(t *testing.T) {
	for _, tt := range []struct {
		os   string
		want int
	}{{"16.7.11", 1}, {"27.0", 0}} {
		w := newWorld(t)
		w.enrol("P1", "sales", storage.RingProduction)
		p, err := w.store.UpdatePhone(w.ctx, seg, "P1", 0, func(q *storage.Phone) (storage.PhoneChange, error) {
			q.OS.Version, q.Supervision = tt.os, storage.Supervised
			q.Announced.Enforcement = &storage.AnnouncedEnforcement{Release: "27.1", Deadline: "2026-08-20T09:00:00", SourceID: "a", By: "command"}
			return storage.PhoneChange{}, nil
		})
		w.must(err)
		p, err = w.fleet.QueueStep(w.ctx, seg, p)
		w.must(err)
		rows, err := w.store.Queue(w.ctx, seg, "P1")
		w.must(err)
		if len(rows) != tt.want || (p.Legacy != nil) != (tt.want > 0) {
			t.Errorf("iOS %s: %d commands queued, attempt %v; want %d", tt.os, len(rows), p.Legacy, tt.want)
		}
	}
}

// TestSuperseded: an error while a declaration manages the update is no failure.
func TestSuperseded(t *testing.T) {
	w := newWorld(t)
	p := w.oldVerified(oldRelease)
	_, err := w.approve("+3d")
	w.must(err)
	c := p.idle()
	for c != nil && c.RequestType != "ScheduleOSUpdate" {
		c = p.reply(c)
	}
	if c == nil {
		t.Fatal("no ScheduleOSUpdate")
	}
	_, err = w.store.UpdatePhone(w.ctx, seg, "P1", 0, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.Declarations = []storage.DeclarationState{{Class: "configuration", Identifier: "kannuki.enforce.26.6.1", Active: true, Valid: "valid"}}
		return storage.PhoneChange{}, nil
	})
	w.must(err)
	p.refuse["ScheduleOSUpdate"] = mdm.Error
	p.reply(c)
	if q := p.queue(); len(q) != 1 || q[0] != "download:1 error superseded by a declaration: no" {
		t.Errorf("queue %v, want it read as superseded", q)
	}
	if s := p.stored(); s.Update.Failures != 0 || s.Legacy.Attempt.Result != "superseded" {
		t.Errorf("failures %d, result %q; want none, superseded", s.Update.Failures, s.Legacy.Attempt.Result)
	}
}

// TestFromProfileToDeclaration: on its way from 17 to 18 the phone keeps the
// profile until it confirmed the declaration that takes its place.
func TestFromProfileToDeclaration(t *testing.T) {
	w := newWorld(t)
	p := w.older("P1", "17.7", storage.RingProduction)
	p.knows = []string{mdm.TypeSoftwareUpdateEnforcement, mdm.TypeStatusSubscriptions}
	p.talk()
	p.talk()
	if v := p.view(); v.HoldBy != "profile" || v.Hold != "ended" || len(p.profiles) != 1 {
		t.Fatalf("hold %s by %q, profiles %v; want it by profile on iOS 17", v.Hold, v.HoldBy, p.profiles)
	}
	p.os = "18.7"
	p.knows = append(p.knows, mdm.TypeSoftwareUpdateSettings)
	p.report(map[string]any{
		"device": map[string]any{"operating-system": map[string]any{"version": "18.7", "build-version": "22H1"}},
		"management": map[string]any{"client-capabilities": map[string]any{"supported-payloads": map[string]any{
			"declarations": map[string]any{"configurations": p.knows},
		}}},
	})
	c := p.idle()
	for c != nil && c.RequestType != "DeclarativeManagement" {
		if c.RequestType == "RemoveProfile" || c.RequestType == "InstallProfile" {
			t.Errorf("%s before the declaration was confirmed", c.RequestType)
		}
		c = p.reply(c)
	}
	if c == nil {
		t.Fatal("no synchronisation")
	}
	if v := p.view(); v.HoldBy != "declaration" || v.Hold != "ended" {
		t.Errorf("hold %s by %q while the profile is there, want it in force", v.Hold, v.HoldBy)
	}
	p.reply(c)
	if len(p.profiles) != 1 {
		t.Error("the profile went before the declaration was reported")
	}
	p.sync()
	got := p.talk()
	if !slices.Contains(got, "RemoveProfile") || len(p.profiles) != 0 {
		t.Errorf("sent %v, profiles %v; want the profile removed", got, p.profiles)
	}
	if v := p.view(); v.HoldBy != "declaration" || v.Hold != "ended" {
		t.Errorf("hold %s by %q afterwards, want it in force by declaration", v.Hold, v.HoldBy)
	}
	w.clock.Add(25 * time.Hour)
	if got := p.talk(); slices.Contains(got, "ProfileList") || slices.Contains(got, "InstallProfile") {
		t.Errorf("a day later it was sent %v", got)
	}
}

// TestCandidateByCommand: an old verification phone gets the candidate with the
// same notice as a new one.
func TestCandidateByCommand(t *testing.T) {
	w := newWorld(t)
	p := w.older("V1", oldRelease, storage.RingVerification)
	p.talk()
	_, err := w.fleet.Offer(w.ctx, seg, w.act("c"), "sales", release)
	w.must(err)
	p.updates = []map[string]any{{"ProductKey": "key", "IsDownloaded": true, "Status": "Idle"}}
	p.talk()
	w.clock.Add(15 * time.Minute)
	p.talk()
	if len(p.scheduled) != 1 {
		t.Fatalf("scheduled %v within the notice", p.scheduled)
	}
	w.clock.Add(4 * time.Hour)
	p.talk()
	if len(p.scheduled) != 2 || p.scheduled[1]["InstallAction"] != "InstallASAP" {
		t.Errorf("scheduled %v, want both steps", p.scheduled)
	}
}
