package fleet

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// appKeys begins the keys of all queued commands that bring an app up to date.
const appKeys = "app:"

const (
	// appTries is how often a phone is told to update an app to one floor, and
	// appRetry for how long it is watched each time before it is told again.
	appTries = 5
	appRetry = 24 * time.Hour
	// appLate is after how long a phone that says that the app is installed has
	// what the store has: until then the update may not have begun.
	appLate = time.Hour
)

// appKey names the one command of an app update that is not answered yet.
func appKey(epoch uint64, u storage.AppUpdate) string {
	return fmt.Sprintf("%s%d:%s:%d", appKeys, epoch, u.BundleID, u.Command)
}

// appUpdateOf returns where the record of an app that is wanted stands, -1 when
// there is none of just this.
func appUpdateOf(p *storage.Phone, want policy.AppInstall) int {
	return slices.IndexFunc(p.AppUpdates, func(u storage.AppUpdate) bool {
		return u.BundleID == want.BundleID && u.Floor == want.Floor && u.Deliver == string(want.Deliver)
	})
}

// unansweredApp reports whether the command of an app update is still in the queue.
func unansweredApp(u storage.AppUpdate) bool { return u.AnsweredAt.IsZero() }

// appQueued reports whether a command for an app is in the phone's queue.
func appQueued(p *storage.Phone) bool { return slices.ContainsFunc(p.AppUpdates, unansweredApp) }

// ownQueued reports whether the server itself put something into the phone's queue
// that may have to come out again.
func ownQueued(p *storage.Phone) bool { return underWay(attemptOf(p)) || appQueued(p) }

// stopQueued takes out of a phone's queue what the server is not to ask for any
// more, and returns the phone as it is then.
func (f *Fleet) stopQueued(ctx context.Context, w *worldState, p storage.Phone) (storage.Phone, error) {
	if underWay(attemptOf(&p)) {
		var err error
		if p, err = f.announce(ctx, w, p); err != nil {
			return p, err
		}
	}
	return f.withdrawApps(ctx, w, p)
}

// appWatched reports whether what was answered may still bring the app, so that it
// is not to be told again. An answer of a clock that ran ahead says nothing.
func appWatched(u storage.AppUpdate, now time.Time) bool {
	return !u.AnsweredAt.After(now) && now.Before(u.AnsweredAt.Add(appRetry))
}

// watched reports whether the phone is to be asked what became of an app update.
func watched(u storage.AppUpdate) bool {
	return !unansweredApp(u) && u.State != string(policy.WhyAppRefused)
}

// arrivedApp reports whether a phone with these apps needs an update no more whose
// command is out of the queue.
func arrivedApp(apps []storage.InstalledApp, u storage.AppUpdate) bool {
	i := slices.IndexFunc(apps, func(a storage.InstalledApp) bool { return a.BundleID == u.BundleID })
	return !unansweredApp(u) && (i < 0 || version.AtLeast(apps[i].ShortVersion, u.Floor))
}

// bareApps are app updates without what no reason depends on.
func bareApps(list []storage.AppUpdate) []storage.AppUpdate {
	var out []storage.AppUpdate
	for _, u := range list {
		out = append(out, storage.AppUpdate{BundleID: u.BundleID, Floor: u.Floor, Deliver: u.Deliver, SourceID: u.SourceID, State: u.State, Spent: u.Spent})
	}
	return out
}

// deliveryOf returns how an app comes to phones; one from before there was a choice
// does not.
func deliveryOf(a storage.App) string { return cmp.Or(a.Deliver, string(policy.DeliverNone)) }

// delivers reports whether any app of a group is brought to phones at all.
func (s *snapshot) delivers(group string) bool {
	return slices.ContainsFunc(groupApps(s, group), func(id string) bool {
		a, err := s.app(id)
		return err == nil && deliveryOf(a) != string(policy.DeliverNone)
	})
}

// appsToSend returns the apps that a phone should be told to update now.
func (f *Fleet) appsToSend(s *snapshot, p *storage.Phone) []policy.AppInstall {
	if !s.delivers(p.Group) || deviceOf(p).Supports(mdm.InstallApplicationCommand{}.RequestType()) != nil {
		return nil
	}
	now := f.now()
	t := policy.TargetFor(s.policy, factsOf(s, p), now)
	return slices.DeleteFunc(t.Apps, func(want policy.AppInstall) bool {
		i := appUpdateOf(p, want)
		if i < 0 {
			return false
		}
		u := p.AppUpdates[i]
		return unansweredApp(u) || lastFor(u, want) || appWatched(u, now)
	})
}

// queueApps queues the commands that are due. Records and commands are stored
// together, so that neither is ever without the other.
func (f *Fleet) queueApps(ctx context.Context, w *worldState, p storage.Phone) (storage.Phone, error) {
	return f.updatePhone(ctx, w, p, func(q *storage.Phone) (storage.PhoneChange, error) {
		due := f.appsToSend(w.current.Load(), q)
		if len(due) == 0 {
			return storage.PhoneChange{Unchanged: true}, nil
		}
		var change storage.PhoneChange
		for _, want := range due {
			u := f.nextAppUpdate(q, want)
			row, err := appCommand(q, u)
			if err != nil {
				return storage.PhoneChange{}, err
			}
			change.Enqueue = append(change.Enqueue, row)
			change.Audit = append(change.Audit, f.entry(Act{Actor: "kannuki"}, "delivery.sent", q.UDID, map[string]string{
				"app": u.BundleID, "floor": u.Floor, "version": want.Version, "deliver": u.Deliver, "approval": want.SourceID, "number": sprintf("%d", u.Number),
			}))
		}
		return change, nil
	})
}

// nextAppUpdate puts a further command for an app on record.
func (f *Fleet) nextAppUpdate(q *storage.Phone, want policy.AppInstall) storage.AppUpdate {
	q.AppCommands++
	u := storage.AppUpdate{
		BundleID: want.BundleID, Floor: want.Floor, Deliver: string(want.Deliver), Command: q.AppCommands,
		SourceID: want.SourceID, Number: 1, At: f.now(),
	}
	if i := appUpdateOf(q, want); i >= 0 && q.AppUpdates[i].SourceID == want.SourceID {
		u.Number = q.AppUpdates[i].Number + 1
	}
	others := slices.DeleteFunc(slices.Clone(q.AppUpdates), func(o storage.AppUpdate) bool { return o.BundleID == want.BundleID })
	q.AppUpdates = append(others, u)
	return u
}

// appCommand returns the queue's row of an app update. A copy that the user
// installed is taken over, because a phone updates managed apps only.
func appCommand(q *storage.Phone, u storage.AppUpdate) (storage.Command, error) {
	payload := mdm.InstallApplicationCommand{Identifier: u.BundleID, ChangeManagementState: mdm.ManagementTakeOver}
	if u.Deliver == string(policy.DeliverLicensed) {
		payload.Options.PurchaseMethod = mdm.PurchaseByLicence
	}
	key := appKey(q.Epoch, u)
	c, err := mdm.NewCommand(commandID(q, "app", key+stamp(u.At)), payload)
	if err != nil {
		return storage.Command{}, wrap("build command", err)
	}
	return storage.Command{UUID: c.UUID, RequestType: c.RequestType, Body: c.Body, Key: key, CreatedAt: u.At, CreatedBy: "kannuki"}, nil
}

// withdrawApps takes the commands for apps out of a phone's queue once one of them
// is not asked for any more: the rollout was paused, the app is new enough. Those
// that still are get queued anew; what nobody answered counts as never asked.
func (f *Fleet) withdrawApps(ctx context.Context, w *worldState, p storage.Phone) (storage.Phone, error) {
	if f.appsWanted(w.current.Load(), &p) == "" {
		return p, nil
	}
	return f.updatePhone(ctx, w, p, func(q *storage.Phone) (storage.PhoneChange, error) {
		cause := f.appsWanted(w.current.Load(), q)
		if cause == "" {
			return storage.PhoneChange{Unchanged: true}, nil
		}
		q.AppUpdates = slices.DeleteFunc(q.AppUpdates, unansweredApp)
		return storage.PhoneChange{CancelQueue: cause, CancelKeys: appKeys}, nil
	})
}

// appsWanted returns "" while every app that a phone has a command for is asked
// for, and otherwise why not.
func (f *Fleet) appsWanted(s *snapshot, p *storage.Phone) string {
	if !appQueued(p) {
		return ""
	}
	t := policy.TargetFor(s.policy, factsOf(s, p), f.now())
	asked := func(u storage.AppUpdate) bool {
		return slices.ContainsFunc(t.Apps, func(want policy.AppInstall) bool {
			return want.BundleID == u.BundleID && want.Floor == u.Floor && string(want.Deliver) == u.Deliver
		})
	}
	if !slices.ContainsFunc(p.AppUpdates, func(u storage.AppUpdate) bool { return unansweredApp(u) && !asked(u) }) {
		return ""
	}
	if t.Blocked.Code == "" {
		return "no longer asked for: the apps are new enough"
	}
	return "no longer asked for: " + string(t.Blocked.Code)
}

// appAnswered takes the answer to a command for an app.
func (f *Fleet) appAnswered(t *turn, q *storage.Phone, row *storage.Command) storage.PhoneChange {
	now, r := f.now(), t.result
	i := slices.IndexFunc(q.AppUpdates, func(u storage.AppUpdate) bool { return unansweredApp(u) && appKey(q.Epoch, u) == row.Key })
	if i < 0 || row.State == storage.CommandCancelled || r.Status == mdm.NotNow {
		return f.touched(q)
	}
	q.Contact = now
	u := &q.AppUpdates[i]
	u.AnsweredAt = now
	a, err := r.AppInstallation()
	t.misread = err
	switch refused := r.Status != mdm.Acknowledged || a.RejectionReason != ""; {
	case a.RejectionReason == mdm.RejectedAlreadyQueued:
		u.State = string(policy.WhyAppSent)
	case refused:
		u.State, u.Said = string(policy.WhyAppRefused), refusedApp(r, a.RejectionReason)
	default:
		sayApp(u, a.State, now)
	}
	return storage.PhoneChange{}
}

// appLookDue reports whether it is time to ask a phone for its app versions
// because one of them should have come.
func (f *Fleet) appLookDue(p *storage.Phone) bool {
	at := appLook(p)
	return !at.IsZero() && !f.now().Before(at)
}

// appLook returns when a phone is to be asked for its app versions next, zero when
// no app is on its way: often in the first hour after it was told to update one,
// hourly on that day, and a last time when it can be told again.
func appLook(p *storage.Phone) time.Time {
	var next time.Time
	for _, u := range p.AppUpdates {
		last, end := u.AnsweredAt, u.AnsweredAt.Add(appRetry)
		if p.AppsAt.After(last) {
			last = p.AppsAt
		}
		if unansweredApp(u) || !last.Before(end) {
			continue
		}
		at := end
		if poll := last.Add(pollEvery(last.Sub(u.AnsweredAt))); watched(u) && poll.Before(end) {
			at = poll
		}
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}

// setAppAlarm sets the phone's alarm for the next look at its apps.
func (f *Fleet) setAppAlarm(w *worldState, p *storage.Phone) {
	if at := appLook(p); at.After(f.now()) {
		f.alarms.set(wakeKey(w.segment, p.UDID), at)
		return
	}
	f.alarms.clear(wakeKey(w.segment, p.UDID))
}

// managedDue returns the apps that a phone should be asked about, once after each
// list of versions that had them too old still.
func managedDue(p *storage.Phone) []string {
	if deviceOf(p).Supports(mdm.ManagedApplicationListCommand{}.RequestType()) != nil {
		return nil
	}
	var list []string
	for _, u := range p.AppUpdates {
		if watched(u) && p.AppsAt.After(u.AnsweredAt) && p.AppsAt.After(u.LookedAt) && p.AppsAt.Sub(u.AnsweredAt) < 2*appRetry {
			list = append(list, u.BundleID)
		}
	}
	slices.Sort(list)
	return list
}

func managedID(p *storage.Phone) string { return commandID(p, "managed", stamp(p.AppsAt)) }

// takeManaged takes what became of the apps. Some states are told only once, so
// each is kept until the phone is told to update the app again.
func (f *Fleet) takeManaged(ctx context.Context, t *turn, p storage.Phone) (storage.Phone, error) {
	r, now := t.result, f.now()
	return f.exchange(ctx, t, p, nil, func(q *storage.Phone, _ *storage.Command) storage.PhoneChange {
		waiting := managedDue(q)
		if r.Status == mdm.NotNow || r.CommandUUID != managedID(q) || len(waiting) == 0 {
			return f.touched(q)
		}
		q.Contact = now
		var found []mdm.ManagedApplication
		if r.Status == mdm.Acknowledged {
			found, t.misread = r.ManagedApplications()
		}
		for i := range q.AppUpdates {
			u := &q.AppUpdates[i]
			if !slices.Contains(waiting, u.BundleID) {
				continue
			}
			u.LookedAt = now
			if j := slices.IndexFunc(found, func(a mdm.ManagedApplication) bool { return a.Identifier == u.BundleID }); j >= 0 {
				sayApp(u, found[j].Status, now)
			}
		}
		return storage.PhoneChange{}
	})
}

// sayApp takes the state of an app that a phone told into its record.
func sayApp(u *storage.AppUpdate, state mdm.AppState, now time.Time) {
	why := policy.WhyAppSent
	switch state {
	case mdm.AppNeedsRedemption:
		why = policy.WhyAppNoLicence
	case mdm.AppPromptingForLogin, mdm.AppPromptingForUpdateLogin:
		why = policy.WhyAppSignIn
		if u.Deliver == string(policy.DeliverLicensed) { // a licence that is the phone's own needs no account
			why = policy.WhyAppNoLicence
		}
	case mdm.AppPrompting, mdm.AppPromptingForUpdate, mdm.AppPromptingForManagement:
		why = policy.WhyAppConsent
	case mdm.AppUserRejected, mdm.AppUpdateRejected, mdm.AppManagementRejected, mdm.AppFailed:
		why, u.Said = policy.WhyAppRefused, string(state)
	case mdm.AppManaged:
		if now.Sub(u.AnsweredAt) >= appLate {
			why = policy.WhyAppOlder
		}
	}
	u.State = string(why)
}

// refusedApp is what a phone said when it refused an app, its own word first.
func refusedApp(r *mdm.Result, rejection string) string {
	text := firstError(r)
	if rejection != "" && text != "" {
		return mdm.Excerpt(rejection + ": " + text)
	}
	return mdm.Excerpt(cmp.Or(rejection, text, string(r.Status)))
}

// moreApps reports whether an app is to be brought up to date after a change that
// was not before it.
func moreApps(before, after policy.Target) bool {
	return slices.ContainsFunc(after.Apps, func(a policy.AppInstall) bool {
		return !slices.ContainsFunc(before.Apps, func(b policy.AppInstall) bool {
			return a.BundleID == b.BundleID && a.Floor == b.Floor && a.Deliver == b.Deliver
		})
	})
}

// appProgress returns how far the apps of a phone's target have come.
func appProgress(p *storage.Phone, t policy.Target) []policy.AppProgress {
	var list []policy.AppProgress
	for _, want := range t.Apps {
		one := policy.AppProgress{BundleID: want.BundleID, Floor: want.Floor, State: policy.WhyAppQueued}
		if i := appUpdateOf(p, want); i >= 0 {
			u := p.AppUpdates[i]
			one.SentAt, one.Tries, one.Said = u.At, u.Number, u.Said
			one.State = cmp.Or(policy.Code(u.State), one.State)
			one.Spent = u.Spent && u.SourceID == want.SourceID
			if one.Spent && one.State == policy.WhyAppSent {
				one.State = policy.WhyAppGaveUp
			}
		}
		if deviceOf(p).Supports(mdm.InstallApplicationCommand{}.RequestType()) != nil {
			one.State = policy.WhyAppNoRight
		}
		list = append(list, one)
	}
	return list
}
