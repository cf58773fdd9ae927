package simulation

import (
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
// longer be installed, however much later than planned it begins.
func (w *world) checkLate(a storage.Approval, i int) {
	if a.Override != nil || w.skew != 0 || w.book.rollouts[a.ID].skewed {
		return
	}
	v := a.Waves[i]
	deadline, err := time.Parse(mdm.LocalDateTimeLayout, v.Deadline)
	if err != nil {
		return // a wave without one may not begin at all
	}
	for _, model := range a.Models {
		last, ok := w.ends(a.Release, model)
		latest := w.life.start.Truncate(day).AddDate(0, 0, last+1-margin)
		if ok && (v.Start.After(latest.Add(onTime)) || deadline.After(latest.Add(onTime))) {
			w.violated("P7", nil, "wave %d of %s/%s begins until %s, less than a week before %s ends on %s", i+1, a.Group, a.Release, v.Deadline, model, latest.AddDate(0, 0, margin).Format(time.DateOnly))
		}
	}
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
