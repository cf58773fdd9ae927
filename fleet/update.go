package fleet

import (
	"context"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// deviceOf reduces a phone to what decides which commands it takes.
func deviceOf(p *storage.Phone) mdm.Device {
	return mdm.Device{OSVersion: p.OS.Version, Supervised: p.Supervision == storage.Supervised, Rights: p.Rights}
}

// admit decides whether a queued command may be handed to the phone. What iOS 27
// removed is handed out only in a session in which the phone said what it runs:
// it may have been updated since it was last heard of.
func (s *session) admit(p *storage.Phone, c storage.Command) error {
	command := mdm.Command{RequestType: c.RequestType, Body: c.Body}
	if err := deviceOf(p).Takes(command); err != nil {
		return err
	}
	if s.fresh || !removable(command) {
		return nil
	}
	s.ask = true
	return storage.ErrDeferred
}

// removable reports whether a command must not reach iOS 27, whatever else
// a phone has.
func removable(c mdm.Command) bool {
	newest := mdm.Device{OSVersion: "27.0", Supervised: true, Rights: -1}
	return newest.Takes(c) != nil
}

// moveOf returns what comes next in the phone's update by command, if it has
// one and the engine does not stand still.
func (f *Fleet) moveOf(w *worldState, p *storage.Phone) (move, bool) {
	e := p.Announced.Enforcement
	if !byCommand(e) || w.current.Load().halted() {
		return move{}, false
	}
	return nextMove(p, e, f.deadlineOf(p, e), f.now()), true
}

// legacyDue reports whether the phone should be asked or told something by
// profile or command, and otherwise sets the alarm for when that will be.
func (f *Fleet) legacyDue(w *worldState, p *storage.Phone) (bool, error) {
	list, err := f.holdDue(p, f.holdOf(w, p))
	if err != nil || len(list) > 0 {
		return len(list) > 0, err
	}
	m, ok := f.moveOf(w, p)
	switch {
	case !ok:
		f.setAppAlarm(w, p)
		return false, nil
	case m.step == "" && !m.poll:
		f.alarms.set(wakeKey(w.segment, p.UDID), m.at)
		return false, nil
	default:
		return true, nil
	}
}

func (f *Fleet) holdOf(w *worldState, p *storage.Phone) policy.Hold {
	return policy.HoldFor(w.current.Load().policy, deviceFacts(p))
}

// legacyNext returns the next command of the mechanisms before iOS 27, or none.
// It queues the next step of an update when that is due.
func (f *Fleet) legacyNext(ctx context.Context, t *turn, p storage.Phone) (*mdm.Command, error) {
	w, s := t.worldState, t.session
	m, ok := f.moveOf(w, &p)
	switch {
	case !ok:
		f.setAppAlarm(w, &p)
		return nil, nil
	case m.step == "" && !m.poll:
		f.alarms.set(wakeKey(w.segment, p.UDID), m.at)
		return nil, nil
	case !s.fresh:
		return f.askInformation(s, &p)
	case m.poll:
		return f.synthesised(s, due{kindProgress, progressID(&p), mdm.OSUpdateStatusCommand{}, ""})
	}
	p, err := f.queueStep(ctx, w, p)
	if err != nil {
		return nil, err
	}
	return f.fromQueue(ctx, t, &p)
}

// updateID names the command of the phone's present attempt.
func updateID(p *storage.Phone) string {
	return commandID(p, "update", attemptKey(p.Epoch, attemptOf(p)))
}

func progressID(p *storage.Phone) string {
	a := attemptOf(p)
	return commandID(p, "progress", attemptKey(p.Epoch, a)+stamp(a.PolledAt))
}

// queueStep begins the next attempt: the attempt and its command are stored
// together, so that neither is ever without the other.
func (f *Fleet) queueStep(ctx context.Context, w *worldState, p storage.Phone) (storage.Phone, error) {
	return f.updatePhone(ctx, w, p, func(q *storage.Phone) (storage.PhoneChange, error) {
		e := q.Announced.Enforcement
		m, ok := f.moveOf(w, q)
		if !ok || m.step == "" {
			return storage.PhoneChange{Unchanged: true}, nil
		}
		l, now := legacyOf(q), f.now()
		if !concerns(l.Attempt, e) {
			q.Update = storage.UpdateState{}
		}
		l.Attempt = nextAttempt(l.Attempt, e, m.step, now)
		q.Legacy = &l
		c, err := mdm.NewCommand(updateID(q), updateCommand(l.Attempt))
		if err != nil {
			return storage.PhoneChange{}, wrap("build command", err)
		}
		if err := deviceOf(q).Takes(c); err != nil {
			f.o.Logger.WarnContext(ctx, "update command not queued", "udid", q.UDID, "error", err)
			return storage.PhoneChange{Unchanged: true}, nil
		}
		row := storage.Command{
			UUID: c.UUID, RequestType: c.RequestType, Body: c.Body,
			Key: attemptKey(q.Epoch, l.Attempt), CreatedAt: now, CreatedBy: "kannuki",
		}
		return storage.PhoneChange{CancelQueue: "timed out", CancelKeys: updateKeys, Enqueue: []storage.Command{row}}, nil
	})
}

// takeUpdate stores what came of the command of the present attempt.
func (f *Fleet) takeUpdate(ctx context.Context, t *turn, p storage.Phone) (storage.Phone, error) {
	r, now := t.result, f.now()
	st := f.statusOf(r)
	superseded := st.State == storage.CommandFailed && managedByDeclaration(&p)
	if superseded {
		st.Error = mdm.Excerpt(resultSuperseded + " by a declaration: " + refusal(r))
	}
	return f.exchange(ctx, t, p, st, func(q *storage.Phone, row *storage.Command) storage.PhoneChange {
		if row == nil {
			return f.touched(q)
		}
		q.Contact = now
		l := legacyOf(q)
		if !underWay(l.Attempt) || row.State == storage.CommandCancelled || row.Key != attemptKey(q.Epoch, l.Attempt) {
			return storage.PhoneChange{} // about an attempt that is over
		}
		if r.Status == mdm.NotNow {
			if q.Sync.NotNowSince.IsZero() {
				q.Sync.NotNowSince = now
			}
			return storage.PhoneChange{}
		}
		q.Sync.NotNowSince = time.Time{}
		l.Attempt.AnsweredAt, l.Attempt.Told = now, true
		switch {
		case superseded:
			l.Attempt = ended(l.Attempt, resultSuperseded, now)
		case r.Status != mdm.Acknowledged:
			l.Attempt = failed(q, l.Attempt, refusal(r), now)
		case l.Attempt.Step == stepList:
			l.Attempt = listed(q, l.Attempt, r, now)
		default:
			l.Attempt = scheduled(q, l.Attempt, r, now)
		}
		q.Legacy = &l
		return storage.PhoneChange{}
	})
}

// failed ends an attempt that did not succeed. An installation that failed
// begins anew: iOS may have removed the download, and named it for that alone.
func failed(q *storage.Phone, a storage.Attempt, why string, now time.Time) storage.Attempt {
	if a.Step == stepInstall {
		a.Downloaded, a.Percent, a.ProductKey = false, 0, ""
	}
	return repeated(q, a, why, now)
}

// repeated ends an attempt of which nothing but the last step is to be repeated.
func repeated(q *storage.Phone, a storage.Attempt, why string, now time.Time) storage.Attempt {
	setInstall(q, a, policy.InstallFailed, now)
	q.Update.Failures++
	q.Update.FailureReason, q.Update.FailureAt, q.Update.FailureSeen = mdm.Excerpt(why), now, now
	noteFailure(q)
	return ended(a, why, now)
}

// setInstall records the state of the update by command.
func setInstall(q *storage.Phone, a storage.Attempt, state policy.InstallState, now time.Time) {
	u := &q.Update
	if u.Install != string(state) {
		u.Since = now
	}
	u.Install, u.PendingVersion, u.Reasons = string(state), a.Release, []string{"mdm"}
}

// listed ends the step that asks for the phone's own name of the release.
func listed(q *storage.Phone, a storage.Attempt, r *mdm.Result, now time.Time) storage.Attempt {
	updates, err := r.AvailableUpdates()
	if err != nil {
		return failed(q, a, "the list of updates cannot be read", now)
	}
	i := slices.IndexFunc(updates, func(u mdm.AvailableUpdate) bool { return u.Version == a.Release && u.ProductKey != "" })
	if i < 0 {
		return failed(q, a, "the phone is not offered iOS "+a.Release, now)
	}
	a.ProductKey = mdm.Excerpt(updates[i].ProductKey)
	return ended(a, "listed", now)
}

// scheduled takes what the phone decided about the update. An answer without
// results comes from a phone that was about to restart, and is none.
func scheduled(q *storage.Phone, a storage.Attempt, r *mdm.Result, now time.Time) storage.Attempt {
	results, err := r.UpdateResults()
	if err != nil || len(results) == 0 {
		return a
	}
	u := results[0]
	if u.ProductKey != "" {
		a.ProductKey = mdm.Excerpt(u.ProductKey)
	}
	switch u.Status {
	case mdm.UpdateIdle, mdm.UpdateDownloading, mdm.UpdateInstalling, mdm.UpdateInstallPhoneCallInProgress, "":
	case mdm.UpdateInstallInsufficientSpace, mdm.UpdateInstallInsufficientPower:
		return repeated(q, a, string(u.Status), now) // the download is still there
	default:
		return failed(q, a, string(u.Status), now)
	}
	if u.InstallAction == mdm.ActionError {
		if len(u.ErrorChain) > 0 && managedByDeclaration(q) {
			return ended(a, resultSuperseded, now)
		}
		return failed(q, a, "the phone scheduled nothing", now)
	}
	setInstall(q, a, installState(a, u.Status), now)
	return a
}

// takeProgress stores the answer to OSUpdateStatus. A phone that installs
// nothing any more has either installed it, which its inventory will tell, or
// given up.
func (f *Fleet) takeProgress(ctx context.Context, t *turn, p storage.Phone) (storage.Phone, error) {
	r := t.result
	if r.Status == mdm.NotNow {
		return f.touch(ctx, t, p)
	}
	var found []mdm.OSUpdateStatus
	if r.Status == mdm.Acknowledged {
		var err error
		if found, err = r.OSUpdateStatuses(); err != nil {
			f.o.Logger.WarnContext(ctx, "update status not understood", "udid", p.UDID, "error", err)
		}
	}
	now := f.now()
	return f.exchange(ctx, t, p, nil, func(q *storage.Phone, _ *storage.Command) storage.PhoneChange {
		q.Contact = now
		l := legacyOf(q)
		if !underWay(l.Attempt) || r.CommandUUID != progressID(q) {
			return storage.PhoneChange{}
		}
		l.Attempt.PolledAt = now
		l.Attempt = progress(q, l.Attempt, found, now)
		q.Legacy = &l
		return storage.PhoneChange{}
	})
}

// progress brings one reading of the phone's updates into an attempt.
func progress(q *storage.Phone, a storage.Attempt, found []mdm.OSUpdateStatus, now time.Time) storage.Attempt {
	i := slices.IndexFunc(found, func(u mdm.OSUpdateStatus) bool { return a.ProductKey == "" || u.ProductKey == a.ProductKey })
	late := now.Sub(a.AnsweredAt) >= startTimeout
	if i < 0 {
		if !late {
			return a
		}
		a.Percent = 0
		return failed(q, a, "the phone does nothing about the update", now)
	}
	u := found[i]
	a.Downloaded = u.IsDownloaded || u.Status == mdm.UpdateInstalling
	if c := u.DownloadComplete; c != nil {
		a.Percent = int(*c * 100)
	}
	if late && !a.Downloaded && u.Status == mdm.UpdateIdle {
		return failed(q, a, "the phone does not download the update", now)
	}
	setInstall(q, a, installState(a, u.Status), now)
	return a
}
