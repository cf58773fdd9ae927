package mdmtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// maxCommands ends a session in which the server never runs out of commands.
const maxCommands = 500

// due reports whether there is a reason to talk to the server now.
func (p *Phone) due() bool {
	e := p.enrolment
	if e == nil || p.offline || p.update.restarting {
		return false
	}
	if p.failures > 0 && p.now().Before(p.retryAt) {
		return false
	}
	return p.pollDue() || e.tokenUpdateDue || e.ddm.syncDue || p.reportDue()
}

// pollDue reports whether the phone has to use the command URL.
func (p *Phone) pollDue() bool { return p.wantsConnect || p.enrolment.unsent != nil }

// connect is one session with the server. Unless poll is set, it leaves the
// command URL alone: status reports are sent without asking for commands.
func (p *Phone) connect(ctx context.Context, poll bool) error {
	e := p.enrolment
	switch {
	case e == nil:
		return ErrNotEnrolled
	case p.offline || p.update.restarting:
		return ErrOffline
	}
	s := p.newSession(e)
	defer func() { s.close() }()
	p.wantsConnect = false
	err := p.converse(ctx, &s, poll)
	switch {
	case err == nil:
		p.failures, p.retryAt = 0, time.Time{}
	case !errors.Is(err, ErrUnenrolled):
		p.backOff()
	}
	return err
}

// converse does everything there is to do; s changes when a command renews the
// identity.
func (p *Phone) converse(ctx context.Context, s **session, poll bool) error {
	if (*s).e.tokenUpdateDue {
		if err := p.sendTokenUpdate(ctx, *s); err != nil {
			return err
		}
	}
	if poll {
		if err := p.commands(ctx, s); err != nil {
			return err
		}
	}
	if (*s).e.tokenUpdateDue {
		if err := p.sendTokenUpdate(ctx, *s); err != nil {
			return err
		}
	}
	if (*s).e.ddm.syncDue {
		if err := p.sync(ctx, *s); err != nil {
			return err
		}
	}
	if p.reportDue() {
		return p.report(ctx, *s)
	}
	return nil
}

// backOff keeps the reason to connect and chooses when to try again: after
// 1, 2, 4 … 64 minutes. Apple does not publish its schedule.
func (p *Phone) backOff() {
	p.wantsConnect = true
	p.retryAt = p.now().Add(time.Minute << min(p.failures, 6))
	p.failures++
}

// commands runs the command loop: an undelivered result first, else Idle, then
// command after command until the server has none.
func (p *Phone) commands(ctx context.Context, s **session) error {
	body := (*s).e.unsent
	if body == nil {
		var err error
		if body, err = p.result("Idle", "", nil); err != nil {
			return err
		}
		(*s).e.notNowLast = false
	}
	for range maxCommands {
		cmd, err := p.sendResult(ctx, *s, body)
		if err != nil || cmd == nil {
			return err
		}
		if body, err = p.execute(ctx, cmd); err != nil {
			return err
		}
		if p.swallows() {
			return errRestart
		}
		if p.enrolment == nil {
			// Erased by the command: the result goes out once, with the old
			// identity, and nobody waits for the answer (Apple, EraseDevice).
			_, err := p.exchange(ctx, &session{client: (*s).client, e: erasing((*s).e)}, http.MethodPut, (*s).e.serverURL, typeCommand, body)
			return errors.Join(ErrUnenrolled, err)
		}
		if p.enrolment != (*s).e { // the identity was renewed
			(*s).close()
			*s = p.newSession(p.enrolment)
		}
		p.enrolment.unsent = body
	}
	return fmt.Errorf("server sent %d commands in one session", maxCommands)
}

// erasing is a copy of e that may still speak after the phone forgot e.
func erasing(e *enrolment) *enrolment {
	c := *e
	c.pending = true
	return &c
}

// sendResult delivers a result and returns the next command, or nil when there
// is none. The result is kept until a 2xx answer came back.
func (p *Phone) sendResult(ctx context.Context, s *session, body []byte) (command map[string]any, err error) {
	defer func() {
		if err != nil {
			// The lost answer may have announced newer declarations than those it
			// was told of before: it asks for the tokens again.
			s.e.ddm.announced = nil
		}
	}()
	a, err := p.exchange(ctx, s, http.MethodPut, s.e.serverURL, typeCommand, body)
	if err != nil {
		return nil, err
	}
	if err := a.err("command url"); err != nil {
		return nil, err
	}
	if s.e.unsent != nil && p.o.Faults.LoseResult > 0 {
		p.o.Faults.LoseResult--
		p.note(Entry{Kind: KindLost, Detail: "answer to a command result"})
		return nil, errLost
	}
	s.e.unsent = nil
	if len(a.body) == 0 {
		return nil, nil
	}
	return p.readCommand(a)
}

// readCommand checks the envelope of a command. What is not a command at all
// ends the session.
func (p *Phone) readCommand(a answer) (map[string]any, error) {
	if a.mediaType != "application/xml" && a.mediaType != "text/xml" {
		p.violation("command with content type %q", a.mediaType)
	}
	m, err := parsePlist(a.body)
	if err != nil {
		p.violation("answer on the command url is neither empty nor a command: %v", err)
		return nil, fmt.Errorf("read command: %w", err)
	}
	cmd := dict(m, "Command")
	if str(m, "CommandUUID") == "" || str(cmd, "RequestType") == "" {
		p.violation("command without CommandUUID or RequestType")
		return nil, errors.New("read command: no CommandUUID or no RequestType")
	}
	for k := range m {
		if k != "Command" && k != "CommandUUID" {
			p.violation("command envelope has the unknown key %.80q", k)
		}
	}
	return m, nil
}

// result encodes a message for the command URL.
func (p *Phone) result(status, commandUUID string, more map[string]any) ([]byte, error) {
	m := map[string]any{"UDID": p.o.UDID, "Status": status}
	if commandUUID != "" {
		m["CommandUUID"] = commandUUID
	}
	for k, v := range more {
		m[k] = v
	}
	return encodePlist(m)
}

// NextStep returns when Step would do something by itself, by the phone's
// clock; the zero time means never. It is in the past when a step is due.
func (p *Phone) NextStep() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.nextAdvance()
	e := p.enrolment
	if e == nil || p.offline || p.update.restarting {
		return next
	}
	if p.pollDue() || e.tokenUpdateDue || e.ddm.syncDue || p.reportDue() {
		at := p.now()
		if p.failures > 0 && p.retryAt.After(at) {
			at = p.retryAt
		}
		next = earlier(next, at)
	}
	if !e.ddm.lastFull.IsZero() && major(p.version) >= 17 {
		next = earlier(next, e.ddm.lastFull.Add(fullReportEvery))
	}
	return next
}

// earlier returns the earlier of two times, where zero means never.
func earlier(a, b time.Time) time.Time {
	switch {
	case a.IsZero():
		return b
	case b.IsZero() || a.Before(b):
		return a
	default:
		return b
	}
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
