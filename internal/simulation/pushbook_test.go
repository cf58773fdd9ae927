package simulation

import "time"

// wanting is what the book says of one phone.
type wanting struct {
	wanted, dead   bool
	under, polled  bool          // a push is under way, and the phone came meanwhile
	soonest, from  time.Duration // its next push may begin, and has to when the way is free
	pause, most    time.Duration // until when, at least and at most, Apple does not hear of it though it came
	came           time.Duration
	accepted, fail int           // in a row, since it came
	unanswered     bool          // Apple took the last push, and it did not come since
	pushed         time.Duration // when Apple took it
}

func (p *pushes) phone(key string) *wanting {
	if p.phones[key] == nil {
		p.phones[key] = &wanting{came: -1}
	}
	return p.phones[key]
}

// wants notes that a phone is to be pushed. That it is said often changes nothing.
func (p *pushes) wants(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q := p.phone(key); !q.wanted {
		q.wanted, q.from = true, max(p.now()+debounce, q.most)
	}
}

// comes notes that a phone polled: nothing is wanted of it any more.
func (p *pushes) comes(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.phone(key)
	p.inTime(key, q)
	q.wanted, q.dead, q.unanswered, q.came, q.soonest = false, false, false, p.now(), q.pause
	if q.polled = q.under; !q.under {
		q.accepted, q.fail = 0, 0
	}
}

// hears notes that a phone spoke and did not come: it is switched on, so that a push it
// has not answered may begin earlier and has to, but each time later than the time before.
func (p *pushes) hears(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.phone(key)
	p.inTime(key, q)
	if !q.wanted || q.under || !q.unanswered {
		return
	}
	minutes := []time.Duration{1, 2, 4, 8, 16, 32, 60}
	again := max(p.now()+debounce, q.pushed+minutes[min(q.accepted, len(minutes))-1]*time.Minute)
	if again < q.soonest {
		p.sooner++
	}
	q.soonest, q.from = min(q.soonest, again), min(q.from, again)
}

// inTime holds that a phone that is wanted was pushed when it had to be.
func (p *pushes) inTime(key string, q *wanting) {
	if !q.wanted || q.dead || q.under {
		return
	}
	if now := p.now(); now > p.latest(q.from) {
		p.violated(key, "it should have been pushed at %s", p.on(q.from))
	}
}

// latest returns when a phone must be pushed that could be from a moment on: all
// others may go before it, each twice, and while Apple is away it waits. That Apple
// is back nobody knows before the next try.
func (p *pushes) latest(from time.Duration) time.Duration {
	queue := time.Duration(2*len(p.life.phones))*time.Minute/ceiling + 2*slowest
	latest := from + queue
	if back := from.Truncate(time.Hour); p.away(back - 1) {
		latest = max(latest, back+maxProbe+queue)
	}
	for at := from.Truncate(time.Hour); at <= latest; at += time.Hour {
		if p.away(at) {
			latest = max(latest, at+time.Hour+maxBackoff+queue)
		}
	}
	return latest
}

// count holds the ceiling for every span of time at once: each push moves the
// moment at which the next may follow under it, and one is let through at once.
func (p *pushes) count(key string) {
	const each = time.Minute / ceiling
	now := p.now()
	if p.full > now+time.Millisecond {
		p.violated(key, "pushed %s before the ceiling of %d in a minute allows it", p.full-now, ceiling)
	}
	p.full = max(p.full, now) + each
}

// begins holds what must be so whenever a push begins.
func (p *pushes) begins(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, now := p.phone(key), p.now()
	p.count(key)
	p.inTime(key, q)
	switch {
	case q.under:
		p.violated(key, "pushed while a push is under way")
	case !q.wanted && q.came != now:
		p.violated(key, "pushed although nothing is wanted of it since %s", p.on(q.came))
	case now < q.soonest:
		p.violated(key, "pushed again before %s", p.on(q.soonest))
	}
	if q.under, q.unanswered = true, false; q.accepted > 1 {
		p.repeated++
	}
}
