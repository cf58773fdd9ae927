package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

// ChannelPause is a channel that carries no notice until a person resumes it.
type ChannelPause struct {
	Channel string    `json:"channel"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Reason  string    `json:"reason,omitempty"`
}

// ChannelChange is what became of a channel that a person paused or resumed.
type ChannelChange struct {
	ChannelPause      // the pause, also one that ended
	Paused       bool `json:"paused"`
	Changed      bool `json:"changed"`        // false: it was so already, and nothing was done
	Gone         bool `json:"gone,omitempty"` // the configuration names it no more: nothing waits for it
	DryRun       bool `json:"dry_run"`
}

// PausedChannels returns the channels of a segment that are paused, in the order in
// which they were.
func (f *Fleet) PausedChannels(seg storage.Segment) ([]ChannelPause, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	list := []ChannelPause{}
	for _, p := range w.current.Load().records.Paused {
		list = append(list, ChannelPause(p))
	}
	return list, nil
}

// ChannelPaused reports whether a channel carries nothing of a segment now.
func (f *Fleet) ChannelPaused(seg storage.Segment, channel string) bool {
	w, err := f.world(seg)
	if err != nil {
		return false // whether a segment can be worked with is for others to say
	}
	_, paused := w.current.Load().records.Paused.Of(channel)
	return paused
}

// PauseChannel has one of the configured channels carry nothing until a person
// resumes it. What it was to carry waits, and so does what comes. Where it is paused
// already the first pause stands.
func (f *Fleet) PauseChannel(ctx context.Context, seg storage.Segment, a Act, channel string, configured []string) (ChannelChange, error) {
	if !slices.Contains(configured, channel) {
		return ChannelChange{}, &NotFoundError{What: "channel", Name: channel}
	}
	pause := storage.PausedChannel{Channel: channel, By: a.Actor, At: f.now(), Reason: a.Reason}
	done := ChannelChange{ChannelPause: ChannelPause(pause), Paused: true, Changed: true, DryRun: a.DryRun}
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		if stands, paused := s.records.Paused.Of(channel); paused {
			done.ChannelPause, done.Changed = ChannelPause(stands), false
			return storage.WorldChange{}, errNothingToDo
		}
		list := append(slices.Clone(s.records.Paused), pause)
		return storage.WorldChange{Paused: &list, Audit: []storage.AuditEntry{f.entry(a, "channel.pause", channel, nil)}}, nil
	})
	return done, err
}

// ResumeChannel ends the pause of a channel, which carries what waited. It may be one
// that is configured no more.
func (f *Fleet) ResumeChannel(ctx context.Context, seg storage.Segment, a Act, channel string, configured []string) (ChannelChange, error) {
	done := ChannelChange{ChannelPause: ChannelPause{Channel: channel}, Gone: !slices.Contains(configured, channel), DryRun: a.DryRun}
	err := f.decide(ctx, seg, a, func(s *snapshot) (storage.WorldChange, error) {
		ended, paused := s.records.Paused.Of(channel)
		switch {
		case !paused && done.Gone:
			return storage.WorldChange{}, &NotFoundError{What: "channel", Name: channel}
		case !paused:
			return storage.WorldChange{}, errNothingToDo
		}
		done.ChannelPause, done.Changed = ChannelPause(ended), true
		list := slices.DeleteFunc(slices.Clone(s.records.Paused), func(p storage.PausedChannel) bool { return p.Channel == channel })
		detail := map[string]string{"paused_by": ended.By, "paused_at": ended.At.UTC().Format(time.RFC3339)}
		return storage.WorldChange{Paused: &list, Audit: []storage.AuditEntry{f.entry(a, "channel.resume", channel, detail)}}, nil
	})
	return done, err
}
