package demo

import (
	"fmt"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/mdm/mdmtest"
)

// stay is a time a phone spent in a place, by the demo's own book. What the
// server believes is not asked: a server that confuses rings must not be able
// to hide it.
type stay struct {
	place  place
	from   time.Time // when the demo asked for it
	leftBy time.Time // when the request for the next place was answered; zero while it lasts
}

// decision is a person's decision as the server's audit log has it.
type decision struct {
	group, release string
	at             time.Time
	verified       bool // the gate was verified when it was taken
}

// exception is an approval of a gate that was not verified, by two people. It
// justifies an enforcement on production phones only as long as its record
// stands.
type exception struct {
	decision
	until  time.Time // when it ends, or was taken back before
	people [2]string
}

// stands reports whether an exception allows a production phone of a group to
// receive a release at a moment.
func (x exception) stands(group, release string, at time.Time) bool {
	return x.group == group && x.release == release && !x.at.After(at) && at.Before(x.until) &&
		x.people[0] != "" && x.people[1] != "" && x.people[0] != x.people[1]
}

// announcement is one instruction the server says it gave to a phone.
type announcement struct {
	release string
	at      time.Time
}

// records is what the server's audit log says.
type records struct {
	offers    []decision
	approvals []decision
	overrides []exception
	announced map[string][]announcement // by UDID
}

// problem is something that must never happen.
type problem struct {
	phone string
	place place
	what  string
}

func (p problem) String() string { return fmt.Sprintf("%s (%s): %s", p.phone, p.place, p.what) }

// findings is what the phones' own journals say about the server.
type findings struct {
	phones       int // that were a production phone at some time
	enforcements int // received by a phone while it was one
	problems     []problem
}

// check holds the journals of the phones against the records of the server.
// The journals were written by the phones as things arrived, so nothing the
// server could say afterwards changes them. Entries are in order for each
// phone; book is where each phone was.
func check(entries []mdmtest.Entry, book map[string][]stay, r records) findings {
	c := checker{book: book, records: r, byPhone: map[string][]mdmtest.Entry{}}
	for _, e := range entries {
		c.byPhone[e.Phone] = append(c.byPhone[e.Phone], e)
	}
	var f findings
	for _, udid := range sortedKeys(book) {
		if slices.ContainsFunc(book[udid], func(s stay) bool { return s.place.ring == production }) {
			f.phones++
		}
		c.phone(udid, &f)
	}
	return f
}

type checker struct {
	book    map[string][]stay
	records records
	byPhone map[string][]mdmtest.Entry
}

func (c checker) phone(udid string, f *findings) {
	entries := c.byPhone[udid]
	report := func(at time.Time, what string) {
		var where place
		for _, s := range c.book[udid] {
			if !s.from.After(at) {
				where = s.place
			}
		}
		f.problems = append(f.problems, problem{udid, where, what})
	}
	received := map[string]bool{}
	for i, e := range entries {
		switch e.Kind {
		case mdmtest.KindEnforcement, mdmtest.KindScheduled:
			received[e.Version] = true
			places := c.places(udid, entries[:i], e.Time)
			if slices.ContainsFunc(places, func(p place) bool { return p.ring == production }) {
				f.enforcements++
			}
			if what := c.justified(udid, e, places); what != "" {
				report(e.Time, what)
			}
		case mdmtest.KindInstalled:
			if (e.Detail == "declaration" || e.Detail == "mdm") && !received[e.Version] {
				report(e.Time, fmt.Sprintf("installed %s by an instruction its journal does not have", e.Version))
			}
		case mdmtest.KindPastDeadline:
			report(e.Time, fmt.Sprintf("received %s at %s with a deadline that was over", e.Version, stamp(e.Time)))
		case mdmtest.KindManyEnforced:
			report(e.Time, fmt.Sprintf("had more than one enforcement in force at %s", stamp(e.Time)))
		case mdmtest.KindEmptied:
			report(e.Time, fmt.Sprintf("got an empty manifest at %s", stamp(e.Time)))
		case mdmtest.KindMissing:
			report(e.Time, fmt.Sprintf("declaration %s of the manifest was not there", e.Declaration))
		case mdmtest.KindUnenrolled, mdmtest.KindErased:
			report(e.Time, fmt.Sprintf("lost its management at %s: %s", stamp(e.Time), e.Detail))
		case mdmtest.KindViolation:
			report(e.Time, e.Detail)
		default: // nothing that could be wrong by itself
		}
	}
}

// places returns where a phone may have been at a moment: one place, or two
// while it was being moved. A declaration of the old place may still arrive in
// the synchronisation that was under way, hence until the phone's first
// finished one after the move.
func (c checker) places(udid string, before []mdmtest.Entry, at time.Time) []place {
	var out []place
	for _, s := range c.book[udid] {
		if s.from.After(at) || (!s.leftBy.IsZero() && synchronised(before, s.leftBy)) {
			continue
		}
		out = append(out, s.place)
	}
	return out
}

func synchronised(entries []mdmtest.Entry, since time.Time) bool {
	return slices.ContainsFunc(entries, func(e mdmtest.Entry) bool {
		return e.Kind == mdmtest.KindSync && !e.Time.Before(since)
	})
}

// justified returns what is wrong with an enforcement, or "".
func (c checker) justified(udid string, e mdmtest.Entry, places []place) string {
	if !slices.ContainsFunc(c.records.announced[udid], func(a announcement) bool {
		return a.release == e.Version && !a.at.After(e.Time)
	}) {
		return fmt.Sprintf("received the enforcement of %s at %s, which the server has no record of", e.Version, stamp(e.Time))
	}
	what := ""
	for _, p := range places {
		if what = c.allowed(p, e); what == "" {
			return ""
		}
	}
	if what == "" {
		what = fmt.Sprintf("received the enforcement of %s at %s without having been enrolled", e.Version, stamp(e.Time))
	}
	return what
}

// allowed returns why a phone in a place must not have the enforcement, or "".
func (c checker) allowed(p place, e mdmtest.Entry) string {
	what := fmt.Sprintf("received the enforcement of %s at %s; ", e.Version, stamp(e.Time))
	d, approved := first(c.records.approvals, p.group, e.Version)
	switch {
	case p.group == "":
		return what + "it is in no group"
	case approved && !d.at.After(e.Time) && d.verified:
		return ""
	case p.ring == production && slices.ContainsFunc(c.records.overrides, func(x exception) bool { return x.stands(p.group, e.Version, e.Time) }):
		return ""
	case p.ring == verification:
		if o, offered := first(c.records.offers, p.group, e.Version); offered && !o.at.After(e.Time) {
			return ""
		}
		return what + "it was not offered to the verification phones then"
	case !approved:
		return what + "its gate was never approved"
	case !d.verified:
		return what + "its gate was approved without being verified"
	default:
		return what + "its gate was approved only at " + stamp(d.at)
	}
}

// first returns the earliest decision about a release in a group.
func first(list []decision, group, release string) (decision, bool) {
	var found decision
	ok := false
	for _, d := range list {
		if d.group == group && d.release == release && (!ok || d.at.Before(found.at)) {
			found, ok = d, true
		}
	}
	return found, ok
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
