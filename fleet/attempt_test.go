package fleet_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// updating is a production phone that was sent the download and put it off.
func (w *world) updating() *old {
	w.t.Helper()
	p := w.oldVerified(oldRelease)
	_, err := w.approve("+3d")
	w.must(err)
	p.refuse["ScheduleOSUpdate"] = mdm.NotNow
	p.talk()
	return p
}

// TestCancelCommandOfUpdate: taking one away would not stop the update, and
// what does is another act.
func TestCancelCommandOfUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.updating()
	rows, err := w.fleet.Queue(w.ctx, seg, p.udid)
	w.must(err)
	before := p.stored().Legacy.Attempt
	for _, dry := range []bool{true, false} {
		act := w.act("not now")
		act.DryRun = dry
		_, err := w.fleet.CancelCommand(w.ctx, seg, act, p.udid, rows[0].UUID)
		if got := refusal(t, err); got.Code != "command-of-update" || got.Params["phone"] != p.udid {
			t.Errorf("dry run %t: refused as %s %v, want command-of-update of this phone", dry, got.Code, got.Params)
		}
	}
	if diff := cmp.Diff([]string{"download:1 not-now no"}, p.queue()); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before, p.stored().Legacy.Attempt); diff != "" {
		t.Errorf("attempt (-before +after):\n%s", diff)
	}
}

// TestMoveDuringUpdate: a verification phone moves to a group that tests the
// same release. A command that is still in the queue goes, and its attempt with
// it; what the phone carries out already is followed on.
func TestMoveDuringUpdate(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		says  mdm.Status // to the command; "": it accepts
		queue []string   // a quarter of an hour later
	}{
		{"put off", mdm.NotNow, []string{"download:1 cancelled the phone moved to another group", "download:2 acknowledged"}},
		{"accepted", "", []string{"download:1 acknowledged"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			_, err := w.fleet.AddGroup(w.ctx, seg, w.act("new"), fleet.GroupRequest{Name: "stock", Apps: []string{"com.example.pos"}})
			w.must(err)
			p := w.older("V1", oldRelease, storage.RingVerification)
			p.talk()
			for _, group := range []string{"sales", "stock"} {
				_, err := w.fleet.Offer(w.ctx, seg, w.act("c"), group, release)
				w.must(err)
			}
			if tt.says != "" {
				p.refuse["ScheduleOSUpdate"] = tt.says
			}
			p.talk()
			clear(p.refuse)
			_, err = w.fleet.Move(w.ctx, seg, w.act("other shop"), p.udid, "stock", storage.RingVerification)
			w.must(err)
			p.talk()
			w.clock.Add(15 * time.Minute)
			p.talk()
			if diff := cmp.Diff(tt.queue, p.queue()); diff != "" {
				t.Errorf("queue (-want +got):\n%s", diff)
			}
			if v := p.view(); v.Reason != "downloading" {
				t.Errorf("reason %s, want downloading", v.Reason)
			}
		})
	}
}

// TestRestoreDuringUpdate: a restored copy goes on with what is approved in it
// when the phone next speaks, once a person has let it.
func TestRestoreDuringUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := w.updating()
	w.restored()
	clear(p.refuse)
	p.talk()
	if diff := cmp.Diff([]string{"download:1 cancelled restored from a backup"}, p.queue()); diff != "" {
		t.Errorf("queue before a person lets it go on (-want +got):\n%s", diff)
	}
	w.goOn()
	p.talk()
	want := []string{"download:1 cancelled restored from a backup", "download:2 acknowledged"}
	if diff := cmp.Diff(want, p.queue()); diff != "" {
		t.Errorf("queue (-want +got):\n%s", diff)
	}
}

// TestFailedInstallation: iOS may have removed the download, so an installation
// that failed begins with it again, by the name the phone has for it now. For
// want of space or power the phone keeps it.
func TestFailedInstallation(t *testing.T) {
	t.Parallel()
	const later = "key of the next download"
	again := []map[string]any{{"ProductVersion": release, "InstallAction": "DownloadOnly"}}
	install := []map[string]any{{"ProductKey": "key", "InstallAction": "InstallASAP"}}
	answer := func(status, action string) func(*old) {
		return func(p *old) {
			p.schedule = map[string]any{"ProductKey": "key", "InstallAction": action, "Status": status}
		}
	}
	tests := []struct {
		name string
		os   string
		says func(*old) // to the installation
		want []map[string]any
	}{
		{"failed", oldRelease, answer("InstallFailed", "Error"), again},
		{"nothing scheduled", oldRelease, answer("Idle", "Error"), again},
		{"command refused", oldRelease, func(p *old) { p.refuse["ScheduleOSUpdate"] = mdm.Error }, again},
		{"before 11.3", "11.2.6", func(p *old) {
			answer("InstallFailed", "Error")(p)
			p.available[0]["ProductKey"] = later
		}, []map[string]any{{"ProductKey": later, "InstallAction": "DownloadOnly"}}},
		{"before 11.3, not offered now", "11.2.6", func(p *old) {
			answer("InstallFailed", "Error")(p)
			p.available = nil
		}, nil},
		{"no space", oldRelease, answer("InstallInsufficientSpace", "Error"), install},
		{"no power", oldRelease, answer("InstallInsufficientPower", "Error"), install},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.oldVerified(tt.os)
			p.available = []map[string]any{{"ProductKey": "key", "Version": release, "Build": "23G83"}}
			_, err := w.approve("+3d")
			w.must(err)
			p.talk()
			p.updates = []map[string]any{{"ProductKey": "key", "IsDownloaded": true, "Status": "Idle"}}
			w.clock.Add(15 * time.Minute)
			p.talk()
			w.clock.Add(4 * 24 * time.Hour)
			tt.says(p)
			p.talk()
			if diff := cmp.Diff(install, p.scheduled[1:]); diff != "" {
				t.Fatalf("at the deadline (-want +got):\n%s", diff)
			}
			clear(p.refuse)
			answer("Downloading", "DownloadOnly")(p)
			w.clock.Add(15 * time.Minute)
			p.talk()
			if diff := cmp.Diff(tt.want, p.scheduled[2:], cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("after the failure (-want +got):\n%s", diff)
			}
		})
	}
}

// TestInstallationIsAskedFor: a phone that said it installs, as when its user began that
// before the deadline, is asked what became of it before it is told again. It keeps its
// enforcement until then, whatever became of the rollout.
func TestInstallationIsAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		paused bool
		want   []string
	}{
		"while the rollout goes on": {false, []string{"DeviceInformation", "OSUpdateStatus", "ScheduleOSUpdate"}},
		"once it is paused":         {true, []string{"DeviceInformation", "OSUpdateStatus"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			p := w.oldVerified(oldRelease)
			_, err := w.approve("+3d")
			w.must(err)
			p.talk()
			p.updates = []map[string]any{{"ProductKey": "key", "IsDownloaded": true, "Status": "Installing"}}
			w.clock.Add(time.Hour)
			p.talk()
			if v := p.view(); v.Reason != "installing" {
				t.Fatalf("reason %s, want installing", v.Reason)
			}
			if tc.paused {
				_, err := w.fleet.Pause(w.ctx, seg, w.act("wait"), "sales", release)
				w.must(err)
			}
			p.updates[0]["Status"] = "Idle" // it failed
			w.clock.Add(4 * 24 * time.Hour)
			got := slices.DeleteFunc(p.talk(), func(request string) bool { return request == "InstalledApplicationList" || request == "ProfileList" })
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("after the deadline it was sent (-want +got):\n%s", diff)
			}
		})
	}
}
