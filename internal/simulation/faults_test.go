package simulation

import (
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/storage"
)

// die has the process end at one of the next commits, before or after it.
func (w *world) die(e event) {
	w.fault = fault{left: int(1 + e.dice%40), commit: e.dice>>8%2 == 0, err: errDied, times: 1}
}

// full has the disk refuse some of the next commits.
func (w *world) full(e event) {
	w.fault = fault{left: int(1 + e.dice%40), err: storage.ErrFull, times: int(1 + e.dice>>8%5)}
}

func (w *world) lose(event) { w.losing = true }

// clock sets the server's clock wrong, or right again.
func (w *world) clock(e event) {
	wrong := []time.Duration{time.Hour, -time.Hour, 26 * time.Hour, -20 * time.Hour}
	if w.skew != 0 {
		w.reset(0)
	} else {
		w.reset(wrong[e.dice%uint64(len(wrong))])
	}
}

// feed has the server read Apple's list, as it does each day; sometimes there is
// none.
func (w *world) feed(e event) {
	today := e.about
	if today >= w.life.days-quiet && w.skew != 0 {
		w.reset(0)
	}
	w.overdue(e)
	if today < w.life.days-quiet && e.dice%10 == 0 && today > 0 {
		return
	}
	list := w.apple.list(today)
	if w.plant.list != nil {
		list = w.plant.list(w.apple, today)
	}
	news := false
	err := w.try(func() error {
		_, told, err := w.fleet.TakeFeed(w.ctx, w.as(0), catalog.GDMF, list)
		news = news || told
		return err
	})
	switch {
	case err == nil:
		w.copyDay, w.marked = today, w.marked || news
		w.readNews(today)
	case refusal(err) == "":
		w.violated("P0", nil, "Apple's list: %v", err)
	}
	w.checkFeed(today)
}

// badFeed has the server read something that is no list of today, or none.
func (w *world) badFeed(e event) {
	today := w.day(w.now)
	list := w.apple.list(today)
	old := w.apple.list(w.copyDay - 1 - int(e.dice>>8%30))
	take := func(data []byte) error {
		_, _, err := w.fleet.TakeFeed(w.ctx, w.as(0), catalog.GDMF, data)
		return err
	}
	what, do := "an old list", func() error { return take(old) }
	switch e.dice % 5 {
	case 0:
		what, do = "half a list", func() error { return take(list[:len(list)/2]) }
	case 1:
		what, do = "an empty list", func() error { return take([]byte(`{"PublicAssetSets":{"iOS":[]},"AssetSets":{"iOS":[]}}`)) }
	case 2:
		what, do = "nothing", func() error { return take(nil) }
	case 3:
		what, do = "an old list, by hand", func() error {
			_, err := w.fleet.Import(w.ctx, w.as(0), old)
			return err
		}
	}
	before := w.installable()
	err := w.try(do)
	if err != nil && refusal(err) == "" {
		w.violated("P0", nil, "%s: %v", what, err)
	}
	w.trace("feed: %s", what)
	w.marked = true
	w.checkNotWider(what, before)
}
