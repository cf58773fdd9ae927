package server

import (
	"path/filepath"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
)

// feeds looks at what the server last heard from each feed it reads by itself,
// and at the feeds' clocks.
func (d *diagnosis) feeds() {
	t, now := d.Text, d.Wall()
	f, err := newFeeds(&feeds{configs: d.config.Feeds, path: filepath.Join(d.Data, feedsFile), wall: d.Wall})
	if err != nil {
		d.add("feeds", GradeWarn, err.Error(), t.T("Give the files of the data directory to the user the server runs as."))
		return
	}
	for _, c := range d.config.Feeds {
		check, s := "feed-"+string(c.Kind), f.state(c.Kind)
		problem := t.Worded(s.Problem, s.Detail, s.Params)
		fix := t.T("See whether the address can be reached (key proxy of the configuration), then `kannuki release fetch`; meanwhile import a file: `kannuki release import FILE`.")
		if c.address() == catalog.GDMFURL && c.Roots == "" {
			fix = t.T("Name a file with \"Apple Root CA\" in the key roots of the feed: Apple's list has a certificate that systems do not trust by themselves.")
		}
		switch {
		case s.stale(now) && !s.GoodAt.IsZero():
			d.add(check, GradeFail, t.T("The last good copy is of %s: newer releases are not known. %s", t.Time(s.GoodAt), problem), fix)
		case s.Problem != "":
			d.add(check, GradeWarn, t.T("The last attempt, %s, failed: %s", t.Time(s.AskedAt), problem), fix)
		case s.GoodAt.IsZero():
			d.add(check, GradeWarn, t.T("Not read yet."), t.T("Start the server, or read it now: `kannuki release fetch`."))
		default:
			d.ok(check, t.T("Last read %s, next %s.", t.Time(s.GoodAt), t.Time(s.NextAt)))
		}
	}
	d.outsideClock(f)
}

// Bounds for the clock against those of the feeds.
const (
	clockRecent = 2 * day // older answers say nothing about today's clock
	clockFail   = time.Hour
)

// outsideClock compares the clock with that of the feed that was read last.
func (d *diagnosis) outsideClock(f *feeds) {
	t, now := d.Text, d.Wall()
	var last feedState
	for _, c := range d.config.Feeds {
		if s := f.state(c.Kind); s.ReadAt.After(last.ReadAt) {
			last = s
		}
	}
	if last.ReadAt.IsZero() || now.Sub(last.ReadAt) > clockRecent {
		return
	}
	off, fix := last.Ahead.Abs(), t.T("Set the clock and let NTP keep it: certificates, links and deadlines depend on it.")
	text := t.T("When %s was read, its clock and that of this machine differed by %s.", shownURL(last.URL), off.String())
	switch {
	case off > clockFail:
		d.add("clock-outside", GradeFail, text, fix)
	case off > clockTolerance:
		d.add("clock-outside", GradeWarn, text, fix)
	default:
		d.ok("clock-outside", text)
	}
}
