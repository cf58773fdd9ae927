package mdmtest

import (
	"slices"
	"time"
)

// SetOffline cuts the phone off from the network, or brings it back. Back
// online it delivers what it could not deliver before.
func (p *Phone) SetOffline(offline bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance() // a download stops or resumes at this moment, not at the next step
	p.offline = offline
	if !offline && p.enrolment != nil {
		p.connectSoon()
	}
}

// SetLocked locks or unlocks the screen. A locked phone answers NotNow to most
// commands; when NotNow was the last thing it said, unlocking makes it poll.
func (p *Phone) SetLocked(locked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.locked = locked
	if !locked && p.enrolment != nil && p.enrolment.notNowLast {
		p.connectSoon()
	}
}

// SetAvailableGB sets the free storage, in decimal gigabytes.
func (p *Phone) SetAvailableGB(gb float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.AvailableGB = gb
	p.changed()
}

// SetWiFi says whether the phone has Wi-Fi, or at least a network good enough
// to download an update over; everything else works without.
func (p *Phone) SetWiFi(available bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.advance() // a download stops or resumes at this moment, not at the next step
	p.noWiFi = !available
	p.changed()
}

// SetBattery sets the charge, 0..1.
func (p *Phone) SetBattery(charge float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Battery = charge
	p.changed()
}

// SetApp installs the app, or replaces the one with the same bundle id.
func (p *Phone) SetApp(a App) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.IndexFunc(p.apps, func(b App) bool { return b.BundleID == a.BundleID }); i >= 0 {
		p.apps[i] = a
		return
	}
	p.apps = append(p.apps, a)
}

// SetPasscodeEntry says whether the user enters the passcode as soon as an
// update asks for it, whatever [User.EntersPasscode] says.
func (p *Phone) SetPasscodeEntry(willEnter bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.passcodeReady = willEnter
	p.changed()
}

// SetOSVersion makes the phone run another version at once, as after an update
// through a computer. An update under way is forgotten.
func (p *Phone) SetOSVersion(version, build string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrive(version, build)
	p.note(Entry{Kind: KindInstalled, Version: version, Build: build, Detail: "computer"})
	p.changed()
}

// FailInstall makes the next installs fail, that many times, with reason as
// the text the operating system reports.
func (p *Phone) FailInstall(reason string, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failReason, p.failInstalls = reason, times
}

// BlockLostResponse loses the server's answer to the next n command results,
// so that the phone sends each of them again.
func (p *Phone) BlockLostResponse(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.o.Faults.LoseResult = n
}

// Erase wipes the phone: identity, profiles and declarations are gone without
// a word to the server. The phone can be enrolled again.
func (p *Phone) Erase() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase("by hand")
}

func (p *Phone) erase(detail string) {
	p.enrolment = nil
	p.locked = false
	p.resetUpdate()
	p.visibleSince = map[string]time.Time{}
	p.wantsConnect, p.retryAt, p.failures = false, time.Time{}, 0
	if roots, err := initialRoots(p.o.Roots); err == nil {
		p.roots = roots
	}
	p.note(Entry{Kind: KindErased, Detail: detail})
	p.noteHold()
	p.changed()
}
