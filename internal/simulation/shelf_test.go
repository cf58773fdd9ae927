package simulation

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// briefEach is how many lives one is brief of, and briefOf which: Apple signs what it
// no longer offers for briefShelf days then, so that rollouts come near the end of
// their builds.
const (
	briefEach  = 16
	briefOf    = 13
	briefShelf = 10
)

// shelfOf is for how many days Apple signs in a life what it no longer offers.
func shelfOf(seed uint64) int {
	if seed%briefEach == briefOf {
		return briefShelf
	}
	return shelf
}

// margin is how many days before its build ends a rollout has to.
const margin = 7

// onTime is how much later than planned a wave may begin: the server looks every two
// hours here.
const onTime = ringEvery

// ends returns the last day on which a model can install a release that Apple no
// longer offers to its users; of what it offers the day moves on.
func (w *world) ends(release, model string) (int, bool) {
	last, ok := w.apple.signs(release, model, w.copyDay)
	return last, ok && last < w.copyDay+w.apple.shelf
}

// checkLate holds that a wave which begins ends a week before what was tested can no
// longer be installed, however much later than planned it begins: its deadline, and
// the notice that its phones get.
func (w *world) checkLate(a storage.Approval, i int) {
	if a.Override != nil || w.skew != 0 || w.book.rollouts[a.ID].skewed {
		return
	}
	v := a.Waves[i]
	until, ok := w.until(a, v)
	if !ok {
		return // a wave without a deadline may not begin at all
	}
	for _, model := range a.Models {
		last, ok := w.ends(a.Release, model)
		gone := w.life.start.Truncate(day).AddDate(0, 0, last+1)
		// On the last day of a build no phone of the model is told any more: it stands in
		// nobody's way.
		told := w.now.Before(gone.AddDate(0, 0, -1))
		if ok && told && until.After(gone.AddDate(0, 0, -margin).Add(onTime)) {
			w.violated("P7", nil, "wave %d of %s/%s begins until %s, less than a week before %s ends on %s", i+1, a.Group, a.Release, until, model, gone.Format(time.DateOnly))
		}
	}
}

// checkOffered holds that every wave of an exception ends, as it is signed, while what
// it is for can be installed.
func (w *world) checkOffered(a storage.Approval) {
	if w.skew != 0 {
		return
	}
	for _, model := range a.Models {
		last, ok := w.ends(a.Release, model)
		gone := w.life.start.Truncate(day).AddDate(0, 0, last+1)
		for _, v := range a.Waves {
			if until, dated := w.until(a, v); ok && dated && gone.After(w.now) && until.After(gone.Add(onTime)) {
				w.violated("P7", nil, "the exception for %s/%s lasts until %s, after %s ends on %s", a.Group, a.Release, until, model, gone.Format(time.DateOnly))
			}
		}
	}
}

// until is when phones that are told at the start of a wave have to be done: by its
// deadline, and not before their notice is over.
func (w *world) until(a storage.Approval, v storage.Wave) (time.Time, bool) {
	notice := w.team(a.Group).notice
	if a.Lane != nil {
		notice = min(notice, laneNotice)
	}
	deadline, err := time.ParseInLocation(mdm.LocalDateTimeLayout, v.Deadline, w.loc)
	return later(deadline, v.Start.Add(notice)), err == nil
}

// ending reports whether Apple no longer offers a release on a model that it was
// approved for.
func (w *world) ending(a storage.Approval) bool {
	return slices.ContainsFunc(a.Models, func(model string) bool {
		_, ok := w.ends(a.Release, model)
		return ok
	})
}

// unkept is a plant about the ends of builds.
func unkept() plant {
	return plant{
		name: "a wave that comes too late begins", property: "P7", seed: 77,
		store: approving(func(a *storage.Approval) {
			for i := range a.Waves {
				if v := &a.Waves[i]; v.Kept {
					v.Kept, v.Waits = false, false
				}
			}
		}),
	}
}
