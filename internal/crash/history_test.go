package crash

import (
	"slices"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/storage"
)

// history is the journal, put in order: acts with their outcomes, and what
// each phone is entitled to find on record.
type history struct {
	records  []record
	acts     []*deed
	byID     map[string]*deed
	phones   map[string]*phoneHistory
	received map[string]map[receiver]bool // command -> who received it
	excused  map[int]bool                 // violations that are the phone's own doing, by position
}

// deed is an act from its beginning to its end, as positions in the journal.
type deed struct {
	act
	begun, ended int
}

// receiver is a phone in one of its enrolments.
type receiver struct {
	udid      string
	enrolment int
}

// phoneHistory is what is known of one phone at the end of the journal.
type phoneHistory struct {
	enrolment int    // counts what the phone takes for enrolments
	token     []byte // of the last acknowledged TokenUpdate, nil after an erase
	place     string // group/ring of the last acknowledged act, "" when a later one was lost
	moved     bool   // that act was a move: no link says otherwise
	last      *visit // acknowledged, with nothing begun since; nil otherwise
	installed bool   // since the visit began
	held      []declaration
	cutOff    bool // visits were lost since it took what it held last, or when it did: it may have begun to fetch something else
	lost      bool // visits were lost since the last that was acknowledged
	deferred  bool // its last word on synchronising was NotNow
	queued    []string
	answers   map[string]answers
	pending   []string // commands whose results are not known to be acknowledged
	moments   []moment
}

// moment is a point from which a phone may be somewhere, or speaks.
type moment struct {
	n     int
	place position
	asks  bool // begins a visit
	erase bool
}

// position is a group and a ring in it.
type position struct{ group, ring string }

// answers is what a phone said of one command, in the words of the queue.
type answers struct {
	sent         map[string]bool
	acknowledged bool // a final one
}

func newHistory(records []record) *history {
	h := &history{records: records, byID: map[string]*deed{}, phones: map[string]*phoneHistory{}, received: map[string]map[receiver]bool{}, excused: map[int]bool{}}
	for _, r := range records {
		switch {
		case r.Act != nil:
			h.addAct(r.N, *r.Act)
		case r.Visit != nil:
			h.phone(r.Visit.Phone).addVisit(r.N, r.Visit)
		case r.Phone != nil:
			h.addEntry(r.N, r.Phone)
		}
	}
	return h
}

func (h *history) phone(udid string) *phoneHistory {
	p := h.phones[udid]
	if p == nil {
		p = &phoneHistory{answers: map[string]answers{}}
		h.phones[udid] = p
	}
	return p
}

func (h *history) addAct(n int, a act) {
	d := h.byID[a.ID]
	if d == nil {
		d = &deed{begun: n}
		h.byID[a.ID] = d
		h.acts = append(h.acts, d)
	}
	d.act, d.ended = a, n
	switch {
	case a.Action == "device.move" && a.Stage == begun:
		p := h.phone(a.Phone)
		p.moments = append(p.moments, moment{n: n, place: position{a.Group, a.Ring}})
	case a.Action == "device.move" && a.Stage == acknowledged:
		p := h.phone(a.Phone)
		p.place, p.moved = a.Group+"/"+a.Ring, true
	case a.Action == "device.move" && a.Stage == lost:
		h.phone(a.Phone).place = ""
	case a.Action == "device.refresh":
		p := h.phone(a.Target)
		p.queued = append(p.queued, a.Commands...)
	}
}

func (p *phoneHistory) addVisit(n int, v *visit) {
	switch v.Stage {
	case begun:
		p.moments = append(p.moments, moment{n: n, asks: true})
		p.last, p.installed = nil, false
		if v.Enrol {
			p.moments = append(p.moments, moment{n: n, place: position{v.Group, v.Ring}})
			p.place = ""
		}
	case acknowledged:
		p.settle()
		p.token = v.PushToken
		p.lost = p.lost || v.Error != "" // of what was due by itself, before the poll that went well
		p.hold(v.Declarations)
		if v.Enrol {
			p.place, p.moved = v.Group+"/"+v.Ring, false
		}
		if !p.installed {
			p.last = v
		}
	case lost:
		p.lost = p.lost || v.Error != mdmtest.ErrOffline.Error()
	case refused: // no visit ends so
	}
}

// hold notes what the phone holds after a visit that was acknowledged.
func (p *phoneHistory) hold(now []declaration) {
	p.cutOff = p.lost || p.cutOff && same(p.held, now)
	p.held, p.lost = now, false
}

// settle takes the results that are pending for acknowledged.
func (p *phoneHistory) settle() {
	for _, id := range p.pending {
		a := p.answers[id]
		a.acknowledged = true
		p.answers[id] = a
	}
	p.pending = nil
}

func (h *history) addEntry(n int, e *mdmtest.Entry) {
	p := h.phone(e.Phone)
	switch e.Kind {
	case mdmtest.KindErased:
		p.token, p.last, p.pending = nil, nil, nil
		p.moments = append(p.moments, moment{n: n, erase: true})
	case mdmtest.KindEnrolled:
		p.enrolment++
		p.pending = nil
	case mdmtest.KindInstalled:
		p.installed = true
	case mdmtest.KindCommand:
		// A result goes out before anything else: who gets the next command
		// has been answered 200.
		p.settle()
		if h.received[e.CommandUUID] == nil {
			h.received[e.CommandUUID] = map[receiver]bool{}
		}
		h.received[e.CommandUUID][receiver{e.Phone, p.enrolment}] = true
	case mdmtest.KindAnswer:
		p.answer(e)
	case mdmtest.KindViolation:
		// A phone that resumes an older synchronisation while it puts off the
		// command that tells of a newer set finds the newer one: giving it the
		// older would bring back what has been stopped meanwhile.
		h.excused[n] = p.deferred && e.Detail == "DeclarationsToken changed while the phone was synchronising"
	default: // not about what the server acknowledged
	}
}

func (p *phoneHistory) answer(e *mdmtest.Entry) {
	if e.Type == "DeclarativeManagement" {
		p.deferred = e.Status == "NotNow"
	}
	state, final := map[string]storage.CommandState{
		"Acknowledged": storage.CommandDone, "Error": storage.CommandFailed, "CommandFormatError": storage.CommandMalformed,
	}[e.Status]
	if !final {
		return // NotNow leaves it open
	}
	a := p.answers[e.CommandUUID]
	if a.sent == nil {
		a.sent = map[string]bool{}
	}
	a.sent[string(state)] = true
	p.answers[e.CommandUUID] = a
	p.pending = append(p.pending, e.CommandUUID)
}

// places returns where a phone can have been up to a moment of its present
// life: every place an enrolment or a move named since it was last erased.
func (h *history) places(udid string, n int) []position {
	var places []position
	for _, m := range h.phone(udid).moments {
		switch {
		case m.n >= n:
			return places
		case m.erase:
			places = nil
		case m.place != position{} && !slices.Contains(places, m.place):
			places = append(places, m.place)
		}
	}
	return places
}

// asked returns when the visit began in which something reached a phone.
func (h *history) asked(udid string, n int) int {
	at := 0
	for _, m := range h.phone(udid).moments {
		if m.asks && m.n < n {
			at = m.n
		}
	}
	return at
}

// stopped returns the last of the acts that stop something for phones when one of them
// asked: it was acknowledged by then, and nothing that could have let that go on was under
// way at its time, or began after it and before the phone was answered.
func stopped(stops, lets []*deed, asked, received int) *deed {
	var stop *deed
	for _, d := range stops {
		if d.Stage == acknowledged && d.ended < asked && (stop == nil || d.ended > stop.ended) {
			stop = d
		}
	}
	if stop == nil {
		return nil
	}
	for _, d := range lets {
		if d.Stage != refused && d.ended > stop.begun && d.begun < received {
			return nil
		}
	}
	return stop
}

// about returns the acts of certain kinds about a gate.
func (h *history) about(group, release string, actions ...string) []*deed {
	var found []*deed
	for _, d := range h.acts {
		if d.Group == group && d.Release == release && slices.Contains(actions, d.Action) {
			found = append(found, d)
		}
	}
	return found
}
