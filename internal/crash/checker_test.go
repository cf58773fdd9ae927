package crash

import (
	"bytes"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
)

// checker holds a database against the journal. The invariants have the
// numbers of docs/architecture.md, "Sudden death".
type checker struct {
	state   *state
	log     *world
	history *history
	faults  []string
}

// check returns everything that is wrong. Settled is what earlier checks saw
// of finished commands; it is brought up to date.
func check(records []record, s *state, settled map[string]storage.CommandState) []string {
	c := &checker{state: s, log: replay(s.Audit), history: newHistory(records)}
	if err := storage.VerifyAudit(storage.AuditEntry{}, s.Audit); err != nil {
		c.fault("I5: %v", err)
	}
	c.faults = append(c.faults, c.log.faults...)
	c.faults = append(c.faults, c.log.compare(s.World)...)
	c.acts()
	c.order()
	c.notices()
	c.leaks()
	c.reminders()
	c.enrolments()
	c.grants()
	c.visits()
	c.commands(settled)
	c.announcements()
	c.promises()
	return c.faults
}

func (c *checker) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// acts: what was acknowledged is in the log once and as it was told, what was
// refused is not there, what was lost at most once; and nobody else acted.
func (c *checker) acts() {
	for _, d := range c.history.acts {
		found := c.log.byReason[d.ID]
		switch {
		case len(found) > 1, len(found) == 1 && d.Stage == refused:
			c.fault("I4: %s %s of %s is in the log %d times", d.Stage, d.Action, d.Target, len(found))
		case len(found) == 0 && d.Stage == acknowledged:
			c.fault("I1: %s (%s of %s) was acknowledged and is not in the log", d.ID, d.Action, d.Target)
		case len(found) == 1 && d.Stage == acknowledged:
			c.told(d, found[0])
		}
	}
	for _, reason := range slices.Sorted(maps.Keys(c.log.byReason)) {
		if c.history.byID[reason] == nil {
			c.fault("I4: audit entry %d has the reason %q, which nobody gave", c.log.byReason[reason][0].Seq, reason)
		}
	}
}

// told compares an acknowledgement with the audit entry of its act, and with
// the records the entry does not name.
func (c *checker) told(d *deed, e storage.AuditEntry) {
	if e.Action != d.Action || d.Target != "" && e.Target != d.Target {
		c.fault("I4: %s was %s of %s, the log says %s of %s", d.ID, d.Action, d.Target, e.Action, e.Target)
	}
	told := maps.Clone(d.Told)
	if id := told["approval"]; id != "" {
		is := func(a storage.Approval) bool {
			return a.ID == id && a.Reason == d.ID && len(a.Waves) > 0 && a.Waves[0].Deadline == told["deadline"]
		}
		if !slices.ContainsFunc(c.state.World.Approvals, is) {
			c.fault("I1: approval %s of %s was acknowledged and is not on record as it was told", id, d.Target)
		}
		delete(told, "approval")
		delete(told, "deadline")
	}
	for k, v := range told {
		if e.Detail[k] != v {
			c.fault("I1: %s (%s of %s) was told %s %q, the log says %q", d.ID, d.Action, d.Target, k, v, e.Detail[k])
		}
	}
}

// order: an act that was acknowledged before another began comes first in the
// log.
func (c *checker) order() {
	type placed struct {
		*deed
		seq uint64
	}
	var begins, ends []placed
	for _, d := range c.history.acts {
		if found := c.log.byReason[d.ID]; len(found) == 1 {
			begins = append(begins, placed{d, found[0].Seq})
		}
	}
	ends = slices.Clone(begins)
	slices.SortFunc(begins, func(a, b placed) int { return a.begun - b.begun })
	slices.SortFunc(ends, func(a, b placed) int { return a.ended - b.ended })
	var before placed
	for _, b := range begins {
		for len(ends) > 0 && ends[0].ended < b.begun {
			if ends[0].seq > before.seq {
				before = ends[0]
			}
			ends = ends[1:]
		}
		if before.seq > b.seq {
			c.fault("I4: %s was acknowledged before %s began, and follows it in the log", before.ID, b.ID)
		}
	}
}

// enrolments: phones are where the log says they are, and a certificate speaks
// for one phone in one epoch.
func (c *checker) enrolments() {
	for _, udid := range slices.Sorted(maps.Keys(c.log.phones)) {
		p, want := c.state.Phones[udid], c.log.phones[udid]
		if p.Epoch != want.epoch || place(p) != want.place || p.State != want.state {
			c.fault("I4: phone %s: the log says epoch %d, %s, %s, the record epoch %d, %s, %s",
				udid, want.epoch, want.place, want.state, p.Epoch, place(p), p.State)
		}
		cert := c.state.Certificates[p.Certificate]
		if cert.State != storage.CertificateCurrent || cert.Phone != udid || cert.Epoch != p.Epoch {
			c.fault("I7: phone %s in epoch %d has a certificate that is %s for phone %q in epoch %d", udid, p.Epoch, cert.State, cert.Phone, cert.Epoch)
		}
	}
	for _, udid := range slices.Sorted(maps.Keys(c.state.Phones)) {
		if c.log.phones[udid] == nil {
			c.fault("I4: phone %s is on record and never authenticated", udid)
		}
	}
	for fingerprint, cert := range c.state.Certificates {
		if p := c.state.Phones[cert.Phone]; cert.State == storage.CertificateCurrent && p.Certificate != fingerprint {
			c.fault("I7: two certificates speak for phone %s", cert.Phone)
		}
	}
}

func place(p storage.Phone) string { return p.Group + "/" + string(p.Ring) }

// grants: however often an answer was lost, one grant let one phone in once.
func (c *checker) grants() {
	for grant, fingerprints := range c.log.issued {
		valid := 0
		for _, f := range fingerprints {
			cert := c.state.Certificates[f]
			if cert.Grant != grant {
				c.fault("I9: certificate %.12s was issued for grant %s, its record names %q", f, grant, cert.Grant)
			}
			if cert.State != storage.CertificateRetired {
				valid++
			}
		}
		if valid > 1 {
			c.fault("I9: grant %s led to %d certificates", grant, valid)
		}
	}
	for grant, phones := range c.log.enrolled {
		if len(phones) > 1 {
			c.fault("I9: grant %s enrolled %v", grant, phones)
		}
		if c.log.grants[grant] == "" {
			c.fault("I9: phone %v enrolled with grant %s, which nobody made", phones, grant)
		}
	}
}

// visits: what the server took from a phone is on record, as long as the phone
// has not begun to say more.
func (c *checker) visits() {
	for _, udid := range slices.Sorted(maps.Keys(c.history.phones)) {
		h := c.history.phones[udid]
		p, known := c.state.Phones[udid]
		if h.token != nil {
			if !known || p.State != storage.PhoneEnrolled || !bytes.Equal(p.Push.Token, h.token) {
				c.fault("I1: phone %s: a TokenUpdate was acknowledged and is not on record", udid)
			}
		}
		if h.place != "" && h.place != place(p) && (h.moved || !c.log.keeps(udid, place(p))) {
			c.fault("I1: phone %s was acknowledged to be in %s and is in %s", udid, h.place, place(p))
		}
		v := h.last
		if v == nil || len(v.Declarations) == 0 {
			continue
		}
		fetched := declarations(c.state.Fetched[udid])
		var reported []declaration
		for _, d := range p.Declarations {
			reported = append(reported, declaration{d.Identifier, d.ServerToken})
		}
		// It may have fetched another manifest, lost the rest of that, and then been
		// told to have what it holds: it does not fetch that again.
		if !same(fetched, v.Declarations) && !h.cutOff {
			c.fault("I1: phone %s fetched %v, the server has that it fetched %v", udid, v.Declarations, fetched)
		}
		if !same(reported, v.Declarations) {
			c.fault("I1: phone %s reported %v, the server has %v", udid, v.Declarations, reported)
		}
		if p.OS.Version != v.OS {
			c.fault("I1: phone %s reported %s, the server has %q", udid, v.OS, p.OS.Version)
		}
	}
}

func declarations(set storage.DeclarationSet) []declaration {
	var list []declaration
	for _, it := range set.Items {
		list = append(list, declaration{it.Identifier, it.ServerToken})
	}
	return list
}

func same(a, b []declaration) bool {
	byName := func(l []declaration) map[declaration]bool {
		m := map[declaration]bool{}
		for _, d := range l {
			m[d] = true
		}
		return m
	}
	return maps.Equal(byName(a), byName(b))
}

// retained is how many finished commands a queue keeps.
const retained = 20

// commands: each has at most one final state and keeps it, belongs to one
// phone and one enrolment, and an acknowledged result is its final state.
func (c *checker) commands(settled map[string]storage.CommandState) {
	owner := map[string]string{}
	for _, udid := range slices.Sorted(maps.Keys(c.state.Queues)) {
		rows, over := map[string]storage.Command{}, 0
		for _, row := range c.state.Queues[udid] {
			rows[row.UUID] = row
			if row.State.Final() {
				over++
			}
			if owner[row.UUID] != "" {
				c.fault("I7: command %s is in the queues of %s and %s", row.UUID, owner[row.UUID], udid)
			}
			owner[row.UUID] = udid
			c.row(udid, row)
			was, known := settled[row.UUID]
			if known && was != row.State {
				c.fault("I6: command %s of phone %s was %s and is %s", row.UUID, udid, was, row.State)
			}
			if row.State.Final() {
				settled[row.UUID] = row.State
			}
		}
		if h := c.history.phones[udid]; h != nil && over < retained {
			c.present(udid, h, rows)
		}
	}
	for id, receivers := range c.history.received {
		for r := range receivers {
			if len(receivers) > 1 || owner[id] != "" && owner[id] != r.udid {
				c.fault("I7: command %s of the queue of %q was received by %v", id, owner[id], slices.Collect(maps.Keys(receivers)))
			}
		}
	}
}

// row checks one command against the enrolment it belongs to and against what
// the phone said of it.
func (c *checker) row(udid string, row storage.Command) {
	p := c.state.Phones[udid]
	if row.Epoch > p.Epoch || row.Epoch < p.Epoch && !row.State.Final() {
		c.fault("I7: command %s of epoch %d is %s, phone %s is in epoch %d", row.UUID, row.Epoch, row.State, udid, p.Epoch)
	}
	h := c.history.phones[udid]
	if h == nil {
		return
	}
	said := h.answers[row.UUID]
	switch {
	case row.State == storage.CommandCancelled:
		if !c.log.phones[udid].cancelled {
			c.fault("I6: command %s of phone %s was cancelled, and the phone neither moved nor enrolled again", row.UUID, udid)
		}
	case row.State.Final() && !said.sent[string(row.State)]:
		c.fault("I6: command %s of phone %s is %s, which the phone never said", row.UUID, udid, row.State)
	case !row.State.Final() && said.acknowledged:
		c.fault("I1: a result of command %s of phone %s was acknowledged, the command is %s", row.UUID, udid, row.State)
	}
}

// present looks for commands that the server said it had queued.
func (c *checker) present(udid string, h *phoneHistory, rows map[string]storage.Command) {
	for _, id := range h.queued {
		if _, ok := rows[id]; !ok {
			c.fault("I1: command %s was acknowledged to be in the queue of phone %s and is not there", id, udid)
		}
	}
}

// promises: what no phone may ever see, from the phones' side alone.
func (c *checker) promises() {
	answered := regexp.MustCompile(`answered (\d{3})`)
	for _, r := range c.history.records {
		switch {
		case r.Visit != nil:
			for _, m := range answered.FindAllStringSubmatch(r.Visit.Error, -1) {
				if spent := r.Visit.Enrol && m[1] == "410"; m[1] != "503" && !spent {
					c.fault("policy: phone %s was answered %s", r.Visit.Phone, m[1])
				}
			}
		case r.Act != nil && r.Act.Stage == refused && strings.HasPrefix(r.Act.Error, api.CodeInternal+":"):
			c.fault("a fault of the server: %s: %s", r.Act.Action, r.Act.Error)
		case r.Phone != nil:
			c.entry(r.N, r.Phone)
		}
	}
}

// entry checks one line of a phone's own journal.
func (c *checker) entry(n int, e *mdmtest.Entry) {
	switch e.Kind {
	case mdmtest.KindViolation, mdmtest.KindPastDeadline, mdmtest.KindManyEnforced, mdmtest.KindEmptied, mdmtest.KindMissing, mdmtest.KindUnenrolled:
		if !c.history.excused[n] {
			c.fault("policy: phone %s: %s %s %s", e.Phone, e.Kind, e.Detail, e.Declaration)
		}
	case mdmtest.KindEnforcement:
		c.enforced(n, e)
	default: // ordinary life
	}
}
