// Package notify carries notices to where people read them. It owns the
// channels, which are the server's log and webhooks, and the worker that drains
// the deliveries of each until they are settled. It decides neither what is told
// nor who is told: notices are written by package fleet, with the channels that
// the configuration names for them.
package notify

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/storage"
)

// Options are what channels need beside their configuration.
type Options struct {
	Channels     []Config // as [Check] has found them
	Installation string   // names the sender in messages
	Location     *time.Location
	Proxy        func(*http.Request) (*url.URL, error) // how requests leave this machine; nil: directly
	Wall         func() time.Time
	Logger       *slog.Logger
	// PutOff, unless nil, returns for how long by the wall clock no channel is to
	// carry a notice of a segment from now on; zero or less: it may go now.
	PutOff func(seg storage.Segment, n storage.Notice) time.Duration
	// Paused, unless nil, reports whether a channel is to carry nothing of a segment
	// now: no attempt is made and none counts.
	Paused func(seg storage.Segment, channel string) bool
}

// sender carries one message and returns what was answered, in a few words.
type sender interface {
	Send(ctx context.Context, m Message) (answer string, err error)
}

// channel is one configured way out.
type channel struct {
	config  Config
	printer *lang.Printer
	sender  sender
	rest    *rest
}

// Channels are the channels of an installation. They are safe for concurrent
// use.
type Channels struct {
	o    Options
	list []channel
}

// New returns the channels of a configuration.
func New(o Options) *Channels {
	c := &Channels{o: o}
	for _, config := range o.Channels {
		one := channel{config: config, printer: lang.New(config.Language).In(o.Location), sender: logSender{o.Logger}, rest: &rest{}}
		if config.Type == TypeWebhook {
			one.sender = webhook{config, o.Proxy, o.Wall}
		}
		c.list = append(c.list, one)
	}
	return c
}

func (c *Channels) putOff(seg storage.Segment, n storage.Notice) time.Duration {
	if c.o.PutOff == nil {
		return 0
	}
	return c.o.PutOff(seg, n)
}

// paused reports whether a person paused a channel.
func (c *Channels) paused(seg storage.Segment, name string) bool {
	return c.o.Paused != nil && c.o.Paused(seg, name)
}

// All returns the names of all channels, in the order of the configuration.
func (c *Channels) All() []string {
	names := []string{}
	for _, one := range c.list {
		names = append(names, one.config.name())
	}
	return names
}

// Names returns the names of the channels that carry notices of a segment, in the
// order of the configuration.
func (c *Channels) Names(seg storage.Segment) []string {
	names := []string{}
	for _, one := range c.list {
		if one.config.of(seg) {
			names = append(names, one.config.name())
		}
	}
	return names
}

// For returns the channels that carry notices of a kind about a group of a
// segment, "" for none.
func (c *Channels) For(seg storage.Segment, kind, group string) []string {
	var names []string
	for _, one := range c.list {
		if one.config.takes(seg, kind, group) {
			names = append(names, one.config.name())
		}
	}
	return names
}

// Test sends a message that says that it is one of a test, and returns what was
// answered. Known is false when the segment has no such channel. An error that is not
// nil says why the message was not taken.
func (c *Channels) Test(ctx context.Context, name, id string, seg storage.Segment) (answer string, known bool, err error) {
	for _, one := range c.list {
		if one.config.name() == name && one.config.of(seg) {
			n := storage.Notice{ID: id, Kind: KindTest, At: c.o.Wall()}
			answer, err = one.send(ctx, c.o.Installation, seg, n)
			return answer, true, err
		}
	}
	return "", false, nil
}

// Probe returns what of a channel's settings would keep every message from being
// sent, nil when nothing would: a secret or roots that cannot be read, or an
// address that it may not connect to. It asks nobody. Known is false when there is no such channel.
func (c *Channels) Probe(name string) (known bool, err error) {
	for _, one := range c.list {
		if one.config.name() != name {
			continue
		}
		w, is := one.sender.(webhook)
		if !is {
			return true, nil
		}
		return true, w.probe()
	}
	return false, nil
}

func (ch channel) send(ctx context.Context, installation string, seg storage.Segment, n storage.Notice) (string, error) {
	return ch.sender.Send(ctx, newMessage(ch.printer, installation, seg, n))
}

// logged returns params as a log takes values that belong together: an object in JSON,
// one key each in text.
func logged(params map[string]string) slog.Value {
	attrs := make([]slog.Attr, 0, len(params))
	for _, name := range slices.Sorted(maps.Keys(params)) {
		attrs = append(attrs, slog.String(name, params[name]))
	}
	return slog.GroupValue(attrs...)
}

// logSender writes messages to the server's log, without who carries the phone:
// a log cannot forget.
type logSender struct{ logger *slog.Logger }

// Send implements [sender].
func (l logSender) Send(ctx context.Context, m Message) (string, error) {
	l.logger.WarnContext(ctx, "notice", "id", m.ID, "kind", m.Kind, "segment", m.Segment, "group", m.Group, "release", m.Release,
		"device", m.Device, "text", m.Text, "params", logged(m.Params))
	return "written to the server's log", nil
}
