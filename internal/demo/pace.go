package demo

import (
	"context"
	"time"
)

// How fast days pass is bounded by the notice phones are given: it must be
// much longer than a phone takes to fetch what it is told, or deadlines pass on
// the way. A production phone has a day, a verification phone four hours. How
// long things take on this machine, the enrolment of all phones has shown.
const (
	enrolmentsInNotice = 5 // enrolments of one phone that must fit into a notice
	daysPerEnrolment   = 3 // days' traffic of all phones that takes less than enrolling them
)

// fastest returns the least wall time a day may take while phones are given a
// notice.
func (d *demo) fastest(notice time.Duration) time.Duration {
	perPhone := d.enrolment * enrolAtOnce / time.Duration(len(d.company.members))
	answers := enrolmentsInNotice * perPhone * time.Duration(day/notice)
	return max(d.o.Day, answers, d.enrolment/daysPerEnrolment).Round(100 * time.Millisecond)
}

// pass lets days pass as fast as a notice allows. The server must not be
// running and runs afterwards: it reads the clock when it starts. The phones
// meet the server that is not there yet and try again by themselves.
func (d *demo) pass(ctx context.Context, notice time.Duration) error {
	d.perDay = d.fastest(notice)
	if err := d.restart(ctx, d.perDay); err != nil {
		return err
	}
	d.say(d.text.T("From here a day passes in %s.", d.perDay))
	return ctx.Err()
}

// restart sets the clock and starts the server.
func (d *demo) restart(ctx context.Context, perDay time.Duration) error {
	d.company.rest()
	d.clock.run(perDay)
	if err := d.server.setClock(d.clock.setting()); err != nil {
		return err
	}
	d.company.live() //nolint:contextcheck // the phones live on after this chapter
	return d.server.start(ctx)
}
