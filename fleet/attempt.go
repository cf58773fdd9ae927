package fleet

import (
	"fmt"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// The steps of an update by command, each a command of its own (Apple, Device
// Management, ScheduleOSUpdate: two commands on iOS, one to download and one to
// install).
const (
	stepList     = "list"     // ask for the phone's own name of the release
	stepDownload = "download" // as soon as the wave has started
	stepInstall  = "install"  // not before the phone's deadline
)

// updateKeys begins the keys of all queued update commands.
const updateKeys = "update:"

// byVersionFrom is the first iOS that knows a release by its version; before
// it the phone has to be asked for its ProductKey (Apple, Device Management,
// ScheduleOSUpdate).
const byVersionFrom = "11.3"

const (
	// attemptTimeout is when a command without an answer, or an installation
	// without an end, is tried again.
	attemptTimeout = 24 * time.Hour
	// startTimeout is how long a phone may take to begin what it accepted.
	startTimeout = time.Hour
)

// attemptOf returns the phone's last attempt; the zero value when it had none.
func attemptOf(p *storage.Phone) storage.Attempt { return legacyOf(p).Attempt }

// concerns reports whether an attempt was made to carry out an enforcement.
func concerns(a storage.Attempt, e *storage.AnnouncedEnforcement) bool {
	return a.Number > 0 && a.Rollout == e.SourceID && a.Release == e.Release
}

// underWay reports whether an attempt still waits for its result.
func underWay(a storage.Attempt) bool { return a.Number > 0 && a.EndedAt.IsZero() }

// attemptKey names the one command of an attempt: the epoch, the rollout, the
// step and the number. A second command with the key is never queued.
func attemptKey(epoch uint64, a storage.Attempt) string {
	return fmt.Sprintf("%s%d:%s:%s:%s:%d", updateKeys, epoch, a.Rollout, a.Release, a.Step, a.Number)
}

// pollEvery is how long after an answer the progress is asked for again: every
// quarter of an hour in the first hour, every hour on the first day, then daily.
func pollEvery(since time.Duration) time.Duration {
	switch {
	case since < time.Hour:
		return 15 * time.Minute
	case since < 24*time.Hour:
		return time.Hour
	default:
		return 24 * time.Hour
	}
}

// retryAfter is how long a phone is left alone after an attempt that ended
// without success, by the number of failures so far.
func retryAfter(failures int) time.Duration {
	switch failures {
	case 0, 1:
		return 15 * time.Minute
	case 2:
		return time.Hour
	default:
		return 24 * time.Hour
	}
}

// move is what comes next in an update by command: a command to queue, a
// question about the progress, or nothing before a moment.
type move struct {
	step string // to queue; "" for none
	poll bool
	at   time.Time // when a wait is over
}

// nextMove decides what comes next for a phone that is to carry out e by
// command. deadline is the instant of e.Deadline by the phone's own clock.
func nextMove(p *storage.Phone, e *storage.AnnouncedEnforcement, deadline, now time.Time) move {
	first := move{step: stepDownload}
	if !version.AtLeast(p.OS.Version, byVersionFrom) {
		first = move{step: stepList}
	}
	install := move{step: stepInstall}
	if now.Before(deadline) {
		install = move{at: deadline}
	}
	a := attemptOf(p)
	switch {
	case !concerns(a, e):
		return first
	case !underWay(a):
		retry := a.EndedAt.Add(retryAfter(p.Update.Failures))
		switch {
		case a.Step == stepList && a.ProductKey != "":
			return move{step: stepDownload}
		case now.Before(retry):
			return move{at: retry}
		case a.Downloaded:
			return install
		default:
			return first
		}
	case a.AnsweredAt.IsZero():
		return waitOr(a.At.Add(attemptTimeout), now, move{step: a.Step})
	case p.Update.Install == string(policy.InstallInstalling):
		// It keeps e whatever became of its rollout, so it is not told to install
		// before it said that it does not any more.
	case a.Step == stepDownload && a.Downloaded:
		return install
	case a.Step == stepInstall && !now.Before(a.AnsweredAt.Add(attemptTimeout)):
		return install
	}
	last := a.AnsweredAt
	if a.PolledAt.After(last) {
		last = a.PolledAt
	}
	return waitOr(last.Add(pollEvery(last.Sub(a.AnsweredAt))), now, move{poll: true})
}

// waitOr is m once a moment has come.
func waitOr(at, now time.Time, m move) move {
	if now.Before(at) {
		return move{at: at}
	}
	return m
}

// updateCommand returns the command of an attempt.
func updateCommand(a storage.Attempt) mdm.Payload {
	if a.Step == stepList {
		return mdm.AvailableOSUpdatesCommand{}
	}
	u := mdm.OSUpdate{ProductKey: a.ProductKey, InstallAction: mdm.ActionDownloadOnly}
	if a.ProductKey == "" {
		u.ProductVersion = a.Release
	}
	if a.Step == stepInstall {
		u.InstallAction = mdm.ActionInstallASAP
	}
	return mdm.ScheduleOSUpdateCommand{Updates: []mdm.OSUpdate{u}}
}

// nextAttempt returns the attempt that a step begins, with what is known from
// those before it.
func nextAttempt(was storage.Attempt, e *storage.AnnouncedEnforcement, step string, now time.Time) storage.Attempt {
	a := storage.Attempt{Number: was.Number + 1, Rollout: e.SourceID, Release: e.Release, Step: step, At: now}
	if concerns(was, e) {
		a.Told, a.ProductKey, a.Percent = was.Told, was.ProductKey, was.Percent
		a.Downloaded = was.Downloaded && step == stepInstall
	}
	return a
}

// ended returns an attempt that is over.
func ended(a storage.Attempt, result string, now time.Time) storage.Attempt {
	a.EndedAt, a.Result = now, mdm.Excerpt(result)
	return a
}

// endAttempt ends the attempt that is no longer asked for, cancels its command
// and says why: the phone is there, the rollout was stopped, or another
// mechanism takes over.
func (f *Fleet) endAttempt(q *storage.Phone, pl plan, change *storage.PhoneChange) {
	a := attemptOf(q)
	if !underWay(a) || byCommand(pl.enforcement) && concerns(a, pl.enforcement) {
		return
	}
	cause := "no longer asked for: " + string(pl.target.Blocked.Code)
	switch {
	case version.AtLeast(q.OS.Version, a.Release):
		cause = "installed: the phone runs iOS " + q.OS.Version
	case pl.enforcement != nil && !byCommand(pl.enforcement):
		cause = "superseded: the phone takes declarations now"
	case pl.enforcement != nil:
		cause = "replaced by iOS " + pl.enforcement.Release
	case deviceOf(q).Supports(mdm.ScheduleOSUpdateCommand{}.RequestType()) != nil:
		cause = deviceOf(q).Supports(mdm.ScheduleOSUpdateCommand{}.RequestType()).Error()
	}
	change.CancelQueue, change.CancelKeys = cause, updateKeys
	stopAttempt(q, cause, f.now())
}

// stopAttempt ends the attempt under way for whoever cancels its command. What
// the phone said of the update is forgotten with it unless its own status
// reports go on telling.
func stopAttempt(q *storage.Phone, cause string, now time.Time) {
	l := legacyOf(q)
	l.Attempt = ended(l.Attempt, cause, now)
	q.Legacy = &l
	if !reportsProgress(q) {
		q.Update = storage.UpdateState{}
	}
}

// unanswered reports whether the command of an attempt is still in the queue.
func unanswered(a storage.Attempt) bool { return underWay(a) && a.AnsweredAt.IsZero() }

// reportsProgress says whether the phone tells the state of updates by itself.
func reportsProgress(p *storage.Phone) bool {
	return p.Capabilities != nil && p.Capabilities.Enforcement
}

// managedByDeclaration reports whether an enforcement declaration is, or may
// be, in force on the phone: it then ignores update commands and answers them
// with an error that means no failure (Apple, Device Management,
// ScheduleOSUpdate).
func managedByDeclaration(p *storage.Phone) bool {
	if e := p.Announced.Enforcement; e != nil && !byCommand(e) {
		return true
	}
	for _, d := range p.Declarations {
		if d.Active && strings.HasPrefix(d.Identifier, idEnforcePrefix) {
			return true
		}
	}
	return false
}

// resultSuperseded is the result of a command that a declaration overruled.
const resultSuperseded = "superseded"

// deadlineOf returns the instant of a deadline by the phone's own clock. A
// deadline that cannot be read has come.
func (f *Fleet) deadlineOf(p *storage.Phone, e *storage.AnnouncedEnforcement) time.Time {
	t, err := time.ParseInLocation(mdm.LocalDateTimeLayout, e.Deadline, f.location(p))
	if err != nil {
		return time.Time{}
	}
	return t
}

// installState translates Apple's words of the commands into those of the
// status items, which everything else speaks.
func installState(a storage.Attempt, s mdm.UpdateStatus) policy.InstallState {
	switch {
	case s == mdm.UpdateInstalling:
		return policy.InstallInstalling
	case a.Downloaded:
		return policy.InstallPrepared
	case s == mdm.UpdateDownloading:
		return policy.InstallDownloading
	default:
		return policy.InstallWaiting
	}
}
