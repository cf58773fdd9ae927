package mdmtest

import (
	"fmt"
	"time"
)

// installState is softwareupdate.install-state.
type installState string

const (
	stateNone        installState = "none"
	stateWaiting     installState = "waiting"
	stateDownloading installState = "downloading"
	statePrepared    installState = "prepared"
	stateInstalling  installState = "installing"
	stateFailed      installState = "failed"
)

// Why an update is under way: values of softwareupdate.install-reason.
const (
	reasonDeclaration = "declaration"
	reasonSettings    = "system-settings"
	reasonAuto        = "auto-update"
	reasonMDM         = "mdm"
)

const (
	// catalogEvery is how often the phone asks Apple what is offered.
	catalogEvery = 24 * time.Hour
	// pastDeadlineGrace is what a phone gives its user when an enforcement
	// arrives with a deadline that is over (reported by other vendors).
	pastDeadlineGrace = time.Hour
	// retryInstallAfter is a guess; Apple does not publish its schedule.
	retryInstallAfter = time.Hour
	// minBattery is a guess; Apple does not publish the threshold.
	minBattery = 0.2
	// defaultSizeGB is what an offer without a size needs.
	defaultSizeGB = 6
)

// cause is what a failed update waits for.
type cause int

const (
	causeNone cause = iota
	causeSpace
	causeBattery
	causeInstall
)

// update is the one update the phone works on.
type update struct {
	state       installState
	target      Offer
	reason      string
	declaration string
	local       string    // target-local-date-time as the declaration spells it
	deadline    time.Time // when an enforced update installs at the latest

	left       time.Duration // of the download
	tick       time.Time     // up to when progress was counted
	prepared   time.Time
	asked      time.Time // for the passcode; zero again after the user put it off
	askAgain   time.Time // when the user wants to be asked again
	putOffs    int
	accepted   bool      // by the user, or by a legacy command
	combined   bool      // enforced without a build: improvements come along
	done       time.Time // end of the installation
	restarting bool      // installing, and the state was reported as far as possible

	cause      cause
	failCount  int
	failReason string
	failTime   time.Time
	retry      time.Time
}

func (p *Phone) resetUpdate() {
	p.update = update{state: stateNone}
}

// advance brings downloads, installations and the user's doings to now. It
// never talks to the server. p.mu is held.
func (p *Phone) advance() {
	// One step passes every state at most a few times; the bound turns a
	// mistake into a stuck phone instead of a hung program.
	for range 32 {
		if !p.advanceOnce(p.now()) {
			return
		}
	}
}

// advanceOnce makes at most one transition and reports whether it made one.
func (p *Phone) advanceOnce(now time.Time) bool {
	u := &p.update
	if u.state == stateInstalling {
		return p.finish(now)
	}
	p.checkCatalog(now)
	if p.retarget(now) {
		return true
	}
	switch u.state {
	case stateWaiting:
		return p.startDownload(now)
	case stateDownloading:
		return p.download(now)
	case statePrepared:
		return p.tryInstall(now)
	case stateFailed:
		return p.recover(now)
	case stateNone:
		return p.improve(now)
	case stateInstalling:
	}
	return false
}

// setState moves on and records it.
func (p *Phone) setState(s installState, detail string) {
	p.update.state = s
	if detail != "" {
		detail = ": " + detail
	}
	p.note(Entry{
		Kind: KindUpdate, Detail: string(s) + detail, Declaration: p.update.declaration,
		Version: p.update.target.Version, Build: p.update.target.Build,
	})
}

// retarget makes the phone work on what it should: an enforcement first, else
// what the user or the automatic update chose. It reports a change.
func (p *Phone) retarget(now time.Time) bool {
	u := &p.update
	want, enf, found := p.enforced()
	switch {
	case found && (u.state == stateNone || u.reason != reasonDeclaration || u.target.Version != want.Version || enf.Build != "" && u.target.Build != want.Build):
		p.begin(now, want, reasonDeclaration, enf)
		return true
	case found:
		if u.declaration != enf.Declaration || !u.deadline.Equal(enf.Deadline) { // same release, new date
			u.declaration, u.deadline, u.local = enf.Declaration, enf.Deadline, enf.Deadline.Format(localDateTime)
			return true
		}
		return false
	case u.state != stateNone && u.reason == reasonDeclaration:
		p.resetUpdate() // withdrawn, or no longer offered
		p.setState(stateNone, "withdrawn")
		return true
	case u.state != stateNone:
		return false
	}
	offer, why, ok := p.chosen(now)
	if ok {
		p.begin(now, offer, why, Enforcement{})
	}
	return ok
}

// begin starts work on an offer, keeping count of earlier failures only when
// it is the same release.
func (p *Phone) begin(now time.Time, o Offer, why string, enf Enforcement) {
	old := p.update
	p.update = update{target: o, reason: why, declaration: enf.Declaration, deadline: enf.Deadline, left: o.DownloadTime, tick: now}
	if !enf.Deadline.IsZero() {
		p.update.local = enf.Deadline.Format(localDateTime)
	}
	if old.target.Version == o.Version && old.target.Build == o.Build && old.state != stateNone {
		// Another reason for the same release: what was downloaded stays.
		p.update.left, p.update.tick, p.update.prepared = old.left, old.tick, old.prepared
		p.update.failCount, p.update.failReason, p.update.failTime = old.failCount, old.failReason, old.failTime
	}
	p.update.accepted = why == reasonSettings || why == reasonAuto
	p.update.combined = why == reasonDeclaration && enf.Build == ""
	p.setState(stateWaiting, why)
}

func (p *Phone) startDownload(now time.Time) bool {
	u := &p.update
	if !u.prepared.IsZero() {
		p.setState(statePrepared, "")
		return true
	}
	if !p.canDownload() {
		return false
	}
	if p.o.AvailableGB < u.target.need() {
		p.fail(now, causeSpace, fmt.Sprintf("insufficient disk space: %.1f GB needed", u.target.need()))
		return true
	}
	u.tick = now
	p.setState(stateDownloading, "")
	return true
}

// canDownload reports whether the network is good enough for an update.
func (p *Phone) canDownload() bool { return !p.offline && !p.noWiFi }

func (o Offer) need() float64 {
	if o.SizeGB == 0 {
		return defaultSizeGB
	}
	return o.SizeGB
}

func (p *Phone) download(now time.Time) bool {
	u := &p.update
	if p.canDownload() {
		u.left -= now.Sub(u.tick)
	}
	u.tick = now
	if u.left > 0 || !p.canDownload() {
		return false
	}
	u.prepared = now
	p.setState(statePrepared, "")
	return true
}

// tryInstall starts the installation once it is time and all conditions hold.
func (p *Phone) tryInstall(now time.Time) bool {
	u := &p.update
	at := p.installAt()
	if at.IsZero() || now.Before(at) {
		return false
	}
	if p.o.Battery < minBattery {
		p.fail(now, causeBattery, "BatteryTooLow")
		return true
	}
	if p.needsPasscode() && !p.passcodeGiven(now) {
		return false
	}
	u.done = now.Add(u.target.InstallTime)
	p.setState(stateInstalling, u.reason)
	return true
}

// installAt is when the installation may start; zero means not by itself.
func (p *Phone) installAt() time.Time {
	u := &p.update
	if u.accepted {
		return later(u.prepared, u.askAgain)
	}
	at := u.deadline
	if early := p.o.User.InstallsEarly; early > 0 && u.reason == reasonDeclaration {
		at = earlier(at, u.prepared.Add(early))
	}
	return at
}

// finish ends an installation, well or not.
func (p *Phone) finish(now time.Time) bool {
	u := &p.update
	if now.Before(u.done) {
		return false
	}
	u.restarting = false
	if p.failInstalls > 0 {
		p.failInstalls--
		p.fail(now, causeInstall, p.failReason)
		u.retry = now.Add(retryInstallAfter)
		return true
	}
	installed := *u
	p.settle(installed)
	p.note(Entry{
		Kind: KindInstalled, Version: p.version, Build: p.build,
		Detail: installed.reason, Declaration: installed.declaration,
	})
	return true
}

// arrive makes the phone run another version.
func (p *Phone) arrive(version, build string) {
	p.version, p.build, p.improvement = version, build, improvement{}
	p.resetUpdate()
	p.catalogChecked = time.Time{} // a restart looks for updates
	clear(p.visibleSince)
	p.evaluate()
}

func (p *Phone) fail(now time.Time, c cause, text string) {
	u := &p.update
	u.cause, u.failReason, u.failTime = c, text, now
	u.failCount++
	p.setState(stateFailed, text)
}

// recover leaves the failed state once its cause is gone.
func (p *Phone) recover(now time.Time) bool {
	if !p.recovered(now) {
		return false
	}
	p.update.cause = causeNone
	if p.update.prepared.IsZero() {
		p.setState(stateWaiting, "trying again")
	} else {
		p.setState(statePrepared, "trying again")
	}
	return true
}

func (p *Phone) recovered(now time.Time) bool {
	switch p.update.cause {
	case causeSpace:
		return p.o.AvailableGB >= p.update.target.need()
	case causeBattery:
		return p.o.Battery >= minBattery
	case causeInstall:
		// What a command started, only the next command starts again.
		return p.update.reason != reasonMDM && !now.Before(p.update.retry)
	case causeNone:
	}
	return true
}

// nextAdvance is when advance would do something; zero means never.
func (p *Phone) nextAdvance() time.Time {
	u := &p.update
	switch u.state {
	case stateInstalling:
		return u.done
	case stateDownloading:
		if p.canDownload() {
			return earlier(u.tick.Add(u.left), p.catalogDue())
		}
	case statePrepared:
		at := p.installAt()
		if !at.IsZero() && p.needsPasscode() && !u.asked.IsZero() && !p.passcodeReady {
			at = time.Time{} // waiting for the user
			if after := p.o.User.EntersPasscode; after > 0 {
				at = u.asked.Add(after)
			}
		}
		return earlier(at, p.catalogDue())
	case stateFailed:
		switch {
		case u.cause == causeInstall && u.reason != reasonMDM:
			return earlier(u.retry, p.catalogDue())
		case p.recovered(p.now()):
			return p.now()
		}
	case stateNone:
		return earlier(earlier(p.nextChoice(), p.improvementDue()), p.catalogDue())
	case stateWaiting:
		if p.canDownload() {
			return p.now()
		}
	}
	return p.catalogDue()
}

// reasonItem, pendingItem and failureItem are the values of the status items
// about the update under way.
func (u *update) reasonItem() map[string]any {
	if u.state == stateNone {
		return map[string]any{"reason": []string{}}
	}
	m := map[string]any{"reason": []string{u.reason}}
	if u.reason == reasonDeclaration {
		m["declaration-id"] = u.declaration
	}
	return m
}

func (u *update) pendingItem() map[string]any {
	if u.state == stateNone {
		return map[string]any{"os-version": "", "build-version": ""}
	}
	m := map[string]any{"os-version": u.target.Version, "build-version": u.target.Build}
	if u.local != "" {
		m["target-local-date-time"] = u.local
	}
	return m
}

func (u *update) failureItem() map[string]any {
	m := map[string]any{"count": u.failCount}
	if u.failCount > 0 {
		m["reason"] = u.failReason
		m["timestamp"] = u.failTime.UTC().Format(time.RFC3339)
	}
	return m
}
