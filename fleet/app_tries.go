package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// lastFor reports whether the command of an app update was the last one that an
// approval asks for. A newer approval asks anew.
func lastFor(u storage.AppUpdate, want policy.AppInstall) bool {
	return u.Number >= appTries && u.SourceID == want.SourceID
}

// spendApps notes, of a phone that was just asked for its app versions, which
// updates of those that did not come it had its last command for. It is on record,
// and not computed from the clock, so that all who read the phone say the same.
func spendApps(p *storage.Phone, now time.Time) {
	for i := range p.AppUpdates {
		if u := &p.AppUpdates[i]; !unansweredApp(*u) && u.Number >= appTries && !appWatched(*u, now) {
			u.Spent = true
		}
	}
}

func spentApp(u storage.AppUpdate) bool { return u.Spent }

// renewApps has a phone told anew to update the apps that it was told for the last
// time.
func (f *Fleet) renewApps(ctx context.Context, w *worldState, p storage.Phone) error {
	if !slices.ContainsFunc(p.AppUpdates, spentApp) {
		return nil
	}
	_, err := f.updatePhone(ctx, w, p, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.AppUpdates = slices.DeleteFunc(q.AppUpdates, spentApp)
		return storage.PhoneChange{}, nil
	})
	return err
}
