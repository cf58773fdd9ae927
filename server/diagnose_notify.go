package server

import (
	"errors"

	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/server/notify"
)

// notify looks at the settings of each channel. It sends nothing.
func (d *diagnosis) notify() {
	t := d.Text
	channels := notify.New(notify.Options{
		Channels: d.config.Notify, Wall: d.Wall, Location: d.config.location(), Proxy: proxy(d.Getenv, d.config.Proxy),
	})
	for _, name := range channels.All() {
		check := "notify-" + name
		if _, err := channels.Probe(name); err != nil {
			d.add(check, GradeFail, t.T("Channel %s cannot send: %v", name, channelFault(t, err)), t.T("Mend what it names: a file is read again at the next try, config.yaml at the next start."))
			continue
		}
		d.ok(check, t.T("Channel %s can send; try it: `kannuki notify test %s`.", name, name))
	}
}

// channelFault words why a channel cannot send.
func channelFault(t *lang.Printer, err error) string {
	if f, ok := errors.AsType[*notify.FaultError](err); ok {
		return f.In(t)
	}
	return err.Error()
}
