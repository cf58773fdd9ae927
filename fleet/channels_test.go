package fleet_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// TestPausedChannelsLast: a pause lasts over restarts until a person ends it, with one
// audit entry each; the first of several stands, and what is only tried changes
// nothing.
func TestPausedChannelsLast(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	configured := []string{"log", "chat"}
	act := func(dry bool, reason string) fleet.Act {
		a := w.act(reason)
		a.DryRun = dry
		return a
	}
	paused := func(want ...string) {
		t.Helper()
		list, err := w.fleet.PausedChannels(seg)
		w.must(err)
		got := map[string]bool{}
		for _, p := range list {
			got[p.Channel] = true
		}
		for _, channel := range configured {
			if got[channel] != w.fleet.ChannelPaused(seg, channel) {
				t.Errorf("%s is listed as paused: %t", channel, got[channel])
			}
		}
		if len(got) != len(want) || len(want) > 0 && !got[want[0]] {
			t.Errorf("paused %v, want %v", got, want)
		}
	}
	change := func(what func() (fleet.ChannelChange, error)) fleet.ChannelChange {
		t.Helper()
		c, err := what()
		w.must(err)
		return c
	}
	pause := func(a fleet.Act) fleet.ChannelChange {
		t.Helper()
		return change(func() (fleet.ChannelChange, error) { return w.fleet.PauseChannel(w.ctx, seg, a, "chat", configured) })
	}
	resume := func(a fleet.Act, configured ...string) fleet.ChannelChange {
		t.Helper()
		return change(func() (fleet.ChannelChange, error) { return w.fleet.ResumeChannel(w.ctx, seg, a, "chat", configured) })
	}

	first := fleet.ChannelPause{Channel: "chat", By: w.act("").Actor, At: w.clock.Now().UTC(), Reason: "it moves"}
	if got := pause(act(true, "it moves")); !got.Changed || !got.DryRun {
		t.Errorf("only tried: %+v", got)
	}
	paused()
	if diff := cmp.Diff(fleet.ChannelChange{ChannelPause: first, Paused: true, Changed: true}, pause(act(false, "it moves"))); diff != "" {
		t.Errorf("paused (-want +got):\n%s", diff)
	}
	w.clock.Add(time.Hour)
	w.restart()
	paused("chat")
	for _, dry := range []bool{true, false} {
		if diff := cmp.Diff(fleet.ChannelChange{ChannelPause: first, Paused: true, DryRun: dry}, pause(act(dry, "again"))); diff != "" {
			t.Errorf("paused again (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff(fleet.ChannelChange{ChannelPause: first, Changed: true, Gone: true}, resume(w.act("it moved"))); diff != "" { // the configuration names it no more
		t.Errorf("resumed (-want +got):\n%s", diff)
	}
	paused()
	if got := resume(act(true, "again"), configured...); got.Changed || got.Paused {
		t.Errorf("resumed again: %+v", got)
	}
	if n, m := len(w.acts("channel.pause")), len(w.acts("channel.resume")); n != 1 || m != 1 {
		t.Errorf("%d pauses and %d resumptions in the audit log, want one of each", n, m)
	}
	_, err := w.fleet.PauseChannel(w.ctx, seg, w.act("a slip"), "chatt", configured)
	if !errors.As(err, new(*fleet.NotFoundError)) {
		t.Errorf("a channel that is not configured is paused: %v", err)
	}
	if _, err = w.fleet.ResumeChannel(w.ctx, seg, w.act("a slip"), "chatt", configured); !errors.As(err, new(*fleet.NotFoundError)) {
		t.Errorf("a channel that is not configured is resumed: %v", err)
	}
}
