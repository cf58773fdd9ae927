package crash

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/server/api"
	"github.com/kannuki-mdm/kannuki/storage"
	"github.com/kannuki-mdm/kannuki/storage/bolt"
)

// evidence is what a check looks at.
type evidence struct {
	records []record
	state   *state
	settled map[string]storage.CommandState
}

// copy returns evidence that can be changed record by record.
func (e evidence) copy() *evidence {
	s := *e.state
	s.Audit, s.World.Apps, s.World.Approvals = slices.Clone(s.Audit), slices.Clone(s.World.Apps), slices.Clone(s.World.Approvals)
	s.Phones, s.Fetched, s.Certificates = maps.Clone(s.Phones), maps.Clone(s.Fetched), maps.Clone(s.Certificates)
	s.Queues = map[string][]storage.Command{}
	for udid, rows := range e.state.Queues {
		s.Queues[udid] = slices.Clone(rows)
	}
	return &evidence{slices.Clone(e.records), &s, maps.Clone(e.settled)}
}

func (e *evidence) check() []string { return check(e.records, e.state, e.settled) }

// insert puts records before the first that fits, and numbers all anew.
func (e *evidence) insert(before func(record) bool, added ...record) {
	at := slices.IndexFunc(e.records, before)
	if at < 0 {
		at = len(e.records)
	}
	e.records = slices.Insert(e.records, at, added...)
	for i := range e.records {
		e.records[i].N = i + 1
	}
}

func atEnd(record) bool { return false }

// audit continues the log as a server would that has a fault.
func (e *evidence) audit(entry storage.AuditEntry) {
	last := e.state.Audit[len(e.state.Audit)-1]
	entry.Seq, entry.Prev = last.Seq+1, last.Hash
	entry.Hash = entry.Digest()
	e.state.Audit = append(e.state.Audit, entry)
}

// leaked has phones leak to the candidate on one day, of which people are told of the first at once.
func (e *evidence) leaked(udids ...string) {
	at := time.Date(2026, 8, 19, 12, 0, 0, 0, home)
	for _, udid := range udids {
		e.audit(storage.AuditEntry{At: at, Action: "phone.leaked", Target: udid, Detail: map[string]string{
			"group": "sales", "to": candidate, "day": at.Format(time.DateOnly), "on_leak": "tell",
		}})
	}
	e.state.Notices = []storage.Notice{{At: at, Kind: "phone.leaked", Group: "sales", Release: candidate, Phone: udids[0]}}
}

// change changes one phone.
func (e *evidence) change(udid string, f func(*storage.Phone)) {
	p := e.state.Phones[udid]
	f(&p)
	e.state.Phones[udid] = p
}

// is finds the record of an act.
func is(action string, s stage) func(record) bool {
	return func(r record) bool { return r.Act != nil && r.Act.Action == action && r.Act.Stage == s }
}

// rehearsal is a whole story without chance: a release is tested on one phone,
// approved and installed on another, which is then asked for its inventory and
// moved. In between the server is killed once.
type rehearsal struct {
	*campaign
	operator           *operator
	tester, production *phone
	earlier            string // database from before the approval
}

func rehearse(t *testing.T) *rehearsal {
	t.Helper()
	c := newCampaign(t, 1)
	r := &rehearsal{campaign: c, operator: &operator{c, rand.New(rand.NewPCG(1, 1))}, tester: c.phones[0], production: c.phones[6]}
	r.earlier = filepath.Join(filepath.Dir(c.in.data), "earlier.db")
	ctx := t.Context()
	c.start()
	defer func() { _ = c.server.cmd.Process.Kill() }() // when the story ended early
	c.prepare()
	c.enrol(ctx, r.tester)
	c.enrol(ctx, r.production)
	r.until(policy.PhaseVerified)
	c.end(func() {})
	if err := copyFile(filepath.Join(c.in.data, databaseFile), r.earlier); err != nil {
		t.Fatal(err)
	}
	c.start()
	r.until(policy.PhaseDone)
	udid := r.production.UDID()
	refresh := act{ID: c.id(), Action: "device.refresh", Target: udid}
	_ = c.do(ctx, &refresh, api.Path("devices", udid, "refresh"), map[string]string{"reason": refresh.ID}, &api.Done{}, nil)
	c.session(ctx, r.production)
	move := act{ID: c.id(), Action: "device.move", Target: udid, Phone: udid, Group: "field", Ring: "production"}
	_ = c.do(ctx, &move, api.Path("devices", udid, "move"), api.MoveRequest{Group: "field", Ring: "production", Reason: move.ID}, &struct{}{}, nil)
	if err := c.server.stop(); err != nil {
		t.Fatal(err)
	}
	c.check()
	return r
}

// until lets the phones speak, and does what the gate waits for, until the
// gate is in a phase.
func (r *rehearsal) until(phase policy.Phase) {
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	for {
		var gate policy.Gate
		if err := r.admin.Get(ctx, api.Path("gates", "sales", candidate), nil, &gate); err != nil {
			r.t.Fatalf("waiting for the gate to be %s: %v", phase, err)
		}
		switch gate.Phase { //nolint:exhaustive // the others need nothing but time
		case phase:
			return
		case policy.PhaseHeld, policy.PhaseVerifying, policy.PhaseBlocked, policy.PhaseVerified:
			r.operator.act(ctx, fitting(gate.Phase)[0], gate)
		}
		r.session(ctx, r.tester)
		r.session(ctx, r.production)
	}
}

// TestCheckerHasTeeth plants faults in the evidence of a good run, one at a
// time, and wants each of them found.
func TestCheckerHasTeeth(t *testing.T) {
	r := rehearse(t)
	good := evidence{r.journal.all(), r.state, r.settled}
	if faults := good.copy().check(); len(faults) > 0 {
		t.Fatalf("the rehearsal itself is at fault: %q", faults)
	}
	for _, tt := range slices.Concat(lostRecords(r), plantedLog(r), plantedReminders(r), plantedEndings(), plantedJournal(r)) {
		t.Run(tt.name, func(t *testing.T) {
			e := good.copy()
			tt.plant(e)
			faults := e.check()
			if !slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, tt.want) }) {
				t.Errorf("the checker found %q, want a fault with %q", faults, tt.want)
			}
		})
	}
}

type plant struct {
	name  string
	want  string // part of one of the faults found
	plant func(e *evidence)
}

// lostRecords are losses of what was acknowledged.
func lostRecords(r *rehearsal) []plant {
	udid, tester := r.production.UDID(), r.tester.UDID()
	return []plant{
		{"last act", "I1: act ", func(e *evidence) {
			last := len(e.state.Audit) - 1
			for !strings.HasPrefix(e.state.Audit[last].Actor, operatorPrefix) { // what the server did after it
				last--
			}
			e.state.Audit = e.state.Audit[:last]
		}},
		{"approval", "I1: approval ", func(e *evidence) { e.state.World.Approvals = nil }},
		{"app", "I4: app com.example.pos", func(e *evidence) { e.state.World.Apps = e.state.World.Apps[1:] }},
		{"revision", "I4: the world has revision", func(e *evidence) { e.state.World.Revision-- }},
		{"phone", "I1: phone " + udid + ": a TokenUpdate", func(e *evidence) { delete(e.state.Phones, udid) }},
		{"TokenUpdate", "I1: phone " + udid + ": a TokenUpdate", func(e *evidence) {
			e.change(udid, func(p *storage.Phone) { p.Push.Token = nil })
		}},
		{"move", "I1: phone " + udid + " was acknowledged to be in", func(e *evidence) {
			e.change(udid, func(p *storage.Phone) { p.Group = "sales" })
		}},
		{"move of a phone that kept its place", "I1: phone " + udid + " was acknowledged to be in", func(e *evidence) {
			e.audit(storage.AuditEntry{Actor: "kannuki", Action: "phone.place-kept", Target: udid, Detail: map[string]string{"place": "sales/production"}})
			e.change(udid, func(p *storage.Phone) { p.Group = "sales" })
		}},
		{"manifest", "I1: phone " + udid + " fetched", func(e *evidence) { delete(e.state.Fetched, udid) }},
		{"status report", "I1: phone " + udid + " reported", func(e *evidence) {
			e.change(udid, func(p *storage.Phone) { p.Declarations = nil })
		}},
		{"result of a command", "I1: a result of command", func(e *evidence) { e.state.Queues[udid][0].State = storage.CommandSent }},
		{"final state of a command", "I6: command ", func(e *evidence) { e.state.Queues[udid][0].State = storage.CommandFailed }},
		{"final state seen before", "I6: command ", func(e *evidence) {
			e.settled[e.state.Queues[udid][0].UUID] = storage.CommandCancelled
		}},
		{"command of another phone", "I7: command ", func(e *evidence) { e.state.Queues[tester] = e.state.Queues[udid] }},
		{"epoch", "I4: phone " + udid, func(e *evidence) { e.change(udid, func(p *storage.Phone) { p.Epoch++ }) }},
		{"certificate of another phone", "I7: phone " + udid, func(e *evidence) {
			e.change(udid, func(p *storage.Phone) { p.Certificate = e.state.Phones[tester].Certificate })
		}},
	}
}

// plantedLog are entries that a faulty server would write, or lose.
func plantedLog(r *rehearsal) []plant {
	udid, tester := r.production.UDID(), r.tester.UDID()
	grant := func(e *evidence) string { return e.state.Certificates[e.state.Phones[tester].Certificate].Grant }
	return []plant{
		{"gap", "I5: audit entry", func(e *evidence) { e.state.Audit = slices.Delete(e.state.Audit, 5, 6) }},
		{"altered entry", "I5: ", func(e *evidence) { e.state.Audit[5].Actor = "somebody" }},
		{"nobody's act", "I4: audit entry", func(e *evidence) {
			e.audit(storage.AuditEntry{Actor: "uid:0(root)", Action: "app.add", Target: "com.example.x", Reason: "act 9999"})
		}},
		{"act done twice", "I4: acknowledged app.add", func(e *evidence) {
			i := slices.IndexFunc(e.state.Audit, func(a storage.AuditEntry) bool { return a.Action == "app.add" })
			e.audit(e.state.Audit[i])
		}},
		{"alarm that nobody hears of", "and no notice tells of it", func(e *evidence) {
			e.audit(storage.AuditEntry{Action: "hold.alarm", Target: "sales/" + candidate})
		}},
		{"alarm told twice", "is told more than once", func(e *evidence) {
			told := storage.Notice{Seq: 2, Kind: "hold.alarm", Group: "sales", Release: candidate}
			e.state.Notices = []storage.Notice{told, told}
			e.audit(storage.AuditEntry{Action: "hold.alarm", Target: "sales/" + candidate})
		}},
		{"unapproved update that nobody hears of", "is told 0 times with others, want 1", func(e *evidence) {
			e.leaked(tester, udid)
			e.state.World.LeaksTold = e.state.Audit[len(e.state.Audit)-1].Seq
		}},
		{"unapproved update told again", "is told 1 times with others, want 0", func(e *evidence) {
			e.leaked(tester, udid)
			e.state.Notices = append(e.state.Notices, storage.Notice{
				Kind: "phone.leaked", Group: "sales", Release: candidate, Params: map[string]string{"day": "2026-08-19", "phones": udid},
			})
		}},
		{"lost notice", "I5: notice 3 follows 1", func(e *evidence) {
			e.state.Notices = []storage.Notice{{Seq: 3}, {Seq: 1}}
		}},
		{"second certificate", "led to 2 certificates", func(e *evidence) {
			e.state.Certificates["beef"] = storage.Certificate{Grant: grant(e), State: storage.CertificateIssued}
			e.audit(storage.AuditEntry{Action: "certificate.issued", Target: "beef", Detail: map[string]string{"grant": grant(e)}})
		}},
		{"second phone", " enrolled [", func(e *evidence) {
			e.audit(storage.AuditEntry{Action: "phone.authenticated", Target: udid, Detail: map[string]string{"grant": grant(e), "epoch": "2"}})
		}},
		{"enforcement without approval", "by approval before field/" + candidate, func(e *evidence) {
			e.audit(announced(udid, "field", "production", "approval"))
		}},
		{"candidate on a production phone", "by candidate before field/" + candidate, func(e *evidence) {
			e.audit(announced(udid, "field", "production", "candidate"))
		}},
		{"enforcement by an approval that nobody gave", "nobody gave the approval it names to sales", func(e *evidence) {
			e.promised(udid, func(d map[string]string) { d["source_id"] = "1" })
		}},
		{"enforcement before its approval, in the log", "its approval came later", func(e *evidence) {
			i := slices.IndexFunc(e.state.Audit, func(a storage.AuditEntry) bool { return a.Action == "gate.approve" })
			approval := e.state.Audit[i]
			e.state.Audit = slices.Delete(e.state.Audit, i, i+1)
			e.audit(approval)
		}},
		{"enforcement of a wave that waits", "its wave had not begun", func(e *evidence) {
			e.waves(func(w *storage.Wave) { w.Waits = true })
		}},
		{"enforcement of a wave that began later", "its wave had not begun", func(e *evidence) {
			e.waves(func(w *storage.Wave) { w.Start = w.Start.Add(24 * time.Hour) })
		}},
		{"enforcement sooner than its wave says", "its wave has a later deadline", func(e *evidence) {
			e.promised(udid, func(d map[string]string) { d["deadline"] = "2026-01-01T00:00:00" })
		}},
		{"candidate that nobody had offered", "nobody had offered it to sales", func(e *evidence) {
			i := slices.IndexFunc(e.state.Audit, func(a storage.AuditEntry) bool { return a.Action == "gate.offer" })
			e.state.Audit = slices.Delete(e.state.Audit, i, i+1)
		}},
		{"enforcement for a place that was left", "but it is in field/production", func(e *evidence) {
			e.audit(announced(udid, "sales", "production", "approval"))
		}},
	}
}

// promised changes what the log says that a phone was told first. The chain of the log
// does not fit any more, which is another fault.
func (e *evidence) promised(udid string, change func(detail map[string]string)) {
	i := slices.IndexFunc(e.state.Audit, func(a storage.AuditEntry) bool { return a.Action == "enforcement.announced" && a.Target == udid })
	detail := maps.Clone(e.state.Audit[i].Detail)
	change(detail)
	e.state.Audit[i].Detail = detail
}

// waves changes the waves of every approval.
func (e *evidence) waves(change func(*storage.Wave)) {
	for i := range e.state.World.Approvals {
		a := &e.state.World.Approvals[i]
		a.Waves = slices.Clone(a.Waves)
		for j := range a.Waves {
			change(&a.Waves[j])
		}
	}
}

func announced(udid, group, ring, source string) storage.AuditEntry {
	return storage.AuditEntry{Actor: "kannuki", Action: "enforcement.announced", Target: udid, Detail: map[string]string{
		"release": candidate, "deadline": "2026-08-20T12:00:00", "group": group, "ring": ring, "source": source,
	}}
}

// plantedJournal is what clients would have written of a faulty server.
func plantedJournal(r *rehearsal) []plant {
	udid := r.production.UDID()
	receivedBy := func(e *evidence, udid string) record {
		i := slices.IndexFunc(e.records, func(r record) bool {
			return r.Phone != nil && r.Phone.Phone == udid && r.Phone.Kind == mdmtest.KindEnforcement
		})
		return e.records[i]
	}
	received := func(e *evidence) record { return receivedBy(e, udid) }
	return []plant{
		{"act that never happened", "I1: act 9999", func(e *evidence) {
			e.insert(atEnd, record{Act: &act{ID: "act 9999", Stage: acknowledged, Action: "app.add", Target: "com.example.x"}})
		}},
		{"refusal that happened", "I4: refused gate.approve", func(e *evidence) {
			i := slices.IndexFunc(e.records, is("gate.approve", acknowledged))
			a := *e.records[i].Act
			a.Stage = refused
			e.records[i].Act = &a
		}},
		{"order", "follows it in the log", func(e *evidence) {
			i := slices.IndexFunc(e.records, is("gate.offer", begun))
			offer := slices.Clone(e.records[i : i+2])
			e.records = slices.Delete(e.records, i, i+2)
			e.insert(atEnd, offer...)
		}},
		{"enforcement before its approval", candidate + " before it was approved", func(e *evidence) {
			e.insert(is("gate.approve", begun), received(e))
		}},
		{"enforcement that the server knows nothing of", "which is not in the log", func(e *evidence) {
			later := *received(e).Phone
			deadline := later.Deadline.Add(time.Hour)
			later.Deadline = &deadline
			e.insert(atEnd, record{Phone: &later})
		}},
		{"enforcement after a pause", candidate + " after act 9999", func(e *evidence) {
			pause := act{ID: "act 9999", Stage: acknowledged, Action: "rollout.pause", Group: "sales", Release: candidate}
			e.insert(is("device.move", begun), record{Act: &pause}, record{Visit: &visit{Phone: udid, Stage: begun}}, received(e))
		}},
		{"candidate after its offer was withdrawn", candidate + " after act 9999", func(e *evidence) {
			tester := r.tester.UDID()
			withdraw := act{ID: "act 9999", Stage: acknowledged, Action: "gate.withdraw", Target: "sales/" + candidate, Group: "sales", Release: candidate}
			i := slices.IndexFunc(e.state.Audit, func(a storage.AuditEntry) bool { return a.Action == "gate.approve" })
			e.state.Audit = slices.Insert(e.state.Audit, i, storage.AuditEntry{Actor: operatorPrefix + "0", Action: withdraw.Action, Target: withdraw.Target, Reason: withdraw.ID})
			e.insert(atEnd, record{Act: &withdraw}, record{Visit: &visit{Phone: tester, Stage: begun}}, receivedBy(e, tester))
		}},
		{"deadline over", string(mdmtest.KindPastDeadline), func(e *evidence) {
			e.insert(atEnd, record{Phone: &mdmtest.Entry{Phone: udid, Kind: mdmtest.KindPastDeadline}})
		}},
		{"two enforcements", string(mdmtest.KindManyEnforced), func(e *evidence) {
			e.insert(atEnd, record{Phone: &mdmtest.Entry{Phone: udid, Kind: mdmtest.KindManyEnforced}})
		}},
		{"violation", string(mdmtest.KindViolation), func(e *evidence) {
			e.insert(atEnd, record{Phone: &mdmtest.Entry{Phone: udid, Kind: mdmtest.KindViolation}})
		}},
		{"unauthorised", "answered 401", func(e *evidence) {
			e.insert(atEnd, record{Visit: &visit{Phone: udid, Stage: lost, Error: "command url: server answered 401"}})
		}},
		{"fault of the server", "a fault of the server", func(e *evidence) {
			e.insert(atEnd, record{Act: &act{ID: "act 9999", Stage: refused, Action: "app.add", Error: "internal: internal fault"}})
		}},
		{"command received by two", "I7: command ", func(e *evidence) {
			i := slices.IndexFunc(e.records, func(r record) bool { return r.Phone != nil && r.Phone.Kind == mdmtest.KindCommand })
			other := *e.records[i].Phone
			other.Phone = "00008120-000000000000000C"
			e.insert(atEnd, record{Phone: &other})
		}},
	}
}

// TestDatabaseThatForgets holds whole database files against the journal: one
// from before the approval, and one that an app was taken out of.
func TestDatabaseThatForgets(t *testing.T) {
	r := rehearse(t)
	now := filepath.Join(r.in.data, databaseFile)
	tests := []struct {
		name, database, want string
		change               func(t *testing.T, path string)
	}{
		{"as it is", now, "", nil},
		{"from before the approval", r.earlier, "I1: act ", nil},
		{"without an app", now, "I4: app com.example.scan", removeApp},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "d", databaseFile)
			if err := errors.Join(os.Mkdir(filepath.Dir(path), 0o700), copyFile(tt.database, path)); err != nil {
				t.Fatal(err)
			}
			if tt.change != nil {
				tt.change(t, path)
			}
			s, err := readState(t.Context(), path, nil)
			if err != nil {
				t.Fatal(err)
			}
			faults := check(r.journal.all(), s, map[string]storage.CommandState{})
			found := slices.ContainsFunc(faults, func(f string) bool { return strings.HasPrefix(f, tt.want) })
			if found != (tt.want != "") {
				t.Errorf("the checker found %q, want a fault that begins %q", faults, tt.want)
			}
		})
	}
}

// removeApp takes an app out of the world and says nothing of it in the log.
func removeApp(t *testing.T, path string) {
	t.Helper()
	store, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w, err := store.World(t.Context(), storage.DefaultSegment)
	if err == nil {
		_, err = store.ChangeWorld(t.Context(), storage.DefaultSegment, w.Revision, storage.WorldChange{RemoveApps: []string{"com.example.scan"}})
	}
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
}
