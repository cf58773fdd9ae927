package mdmtest

import "time"

const (
	// maxPutOffs is the count reported for iOS; afterwards the request returns
	// at every visit to the Home Screen.
	maxPutOffs = 3
	// putOffFor is a guess; Apple does not publish when the request returns.
	putOffFor = 24 * time.Hour
)

// needsPasscode: a user who starts an update enters the passcode while at it;
// an installation forced by a deadline or a command has to ask for it.
func (p *Phone) needsPasscode() bool {
	u := &p.update
	if !p.o.Passcode || u.reason == reasonSettings || u.reason == reasonAuto {
		return false
	}
	early := p.o.User.InstallsEarly
	return early == 0 || u.reason != reasonDeclaration || u.deadline.Before(u.prepared.Add(early))
}

// passcodeGiven asks for the passcode and waits for it. An update that a command
// installs, the user may put off a few times.
func (p *Phone) passcodeGiven(now time.Time) bool {
	u := &p.update
	if u.asked.IsZero() {
		u.asked = now
		p.note(Entry{Kind: KindPasscode, Declaration: u.declaration, Version: u.target.Version})
	}
	if p.passcodeReady {
		return true
	}
	after := p.o.User.EntersPasscode
	if after == 0 || now.Before(u.asked.Add(after)) {
		return false
	}
	if u.reason != reasonMDM || u.putOffs >= min(p.o.User.PutsOff, maxPutOffs) {
		return true
	}
	u.putOffs++
	u.asked, u.askAgain = time.Time{}, now.Add(putOffFor)
	p.note(Entry{Kind: KindPutOff, Version: u.target.Version, Build: u.target.Build})
	return false
}
