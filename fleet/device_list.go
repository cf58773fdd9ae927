package fleet

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// DeviceQuery selects phones for a list. The zero value selects all that are
// enrolled; every field that is set narrows it.
type DeviceQuery struct {
	Group  string // "-" for those in none
	Ring   string // verification or production
	Hold   string // confirmed, pending, impossible or ended
	Reason string // the phone's one reason
	OS     string // release it runs, exactly; without a letter also with any improvement of it
	Model  string // hardware identifier, "iPhone15,2"
	// ContactBefore selects phones that were last heard of before a time: RFC
	// 3339, a day ("2026-11-20", UTC), or a time ago ("7d", "12h").
	ContactBefore string
	Certificate   string // valid, due or ended
	Holder        string // reference to who carries it, exactly
	Removed       bool   // only phones that were removed or left

	After uint64 // from the page before
	Limit int    // phones on a page; 0 means 1,000, which is the most
}

// DevicePage is a part of a list of phones.
type DevicePage struct {
	Devices []DeviceView `json:"devices"`
	Next    uint64       `json:"next,omitempty"` // After of the next page, 0 at the end
}

// Devices lists phones in the order in which they first enrolled.
func (f *Fleet) Devices(ctx context.Context, seg storage.Segment, q DeviceQuery) (DevicePage, error) {
	w, err := f.world(seg)
	if err != nil {
		return DevicePage{}, err
	}
	if err := w.current.Load().groupOrNone(q.Group); err != nil {
		return DevicePage{}, err
	}
	wanted, err := f.deviceFilter(q)
	if err != nil {
		return DevicePage{}, err
	}
	if q.Limit <= 0 || q.Limit > pageSize {
		q.Limit = pageSize
	}
	e := f.explainer(w)
	if q.Removed {
		return e.removedDevices(ctx, q, wanted)
	}
	members, next := e.matching(q, wanted)
	phones, err := f.phonesOf(ctx, seg, members)
	if err != nil {
		return DevicePage{}, err
	}
	page := DevicePage{Devices: []DeviceView{}, Next: next}
	for i := range phones {
		page.Devices = append(page.Devices, e.view(&phones[i]))
	}
	return page, nil
}

// matching returns a page of the phones of the census that a query selects, and
// the number to go on after.
func (e explainer) matching(q DeviceQuery, wanted func(*storage.Phone, time.Time) bool) ([]member, uint64) {
	selected := page{after: q.After, limit: q.Limit}
	wall := e.fleet.o.Wall()
	selects := func(m member) bool {
		return wanted(&m.look.phone, m.contact.time()) && (q.Holder == "" || q.Holder == m.holder) &&
			(q.Certificate == "" || q.Certificate == certificateState(m.renewAt.time(), m.until.time(), wall))
	}
	if q.Reason == "" && q.Hold == "" {
		for m := range e.state.census.all() {
			if selects(m) {
				selected.add(m)
			}
		}
		return selected.members()
	}
	e.survey("", func(m member, x explained) {
		if selects(m) && (q.Reason == "" || q.Reason == string(x.reason)) && (q.Hold == "" || q.Hold == string(x.hold)) {
			selected.add(m)
		}
	})
	return selected.members()
}

// removedDevices lists phones that the census has forgotten. A page can have
// fewer phones than its limit, even none, and still not be the last.
func (e explainer) removedDevices(ctx context.Context, q DeviceQuery, wanted func(*storage.Phone, time.Time) bool) (DevicePage, error) {
	phones, err := e.fleet.store.Phones(ctx, e.state.segment, storage.PhoneQuery{After: q.After, Limit: q.Limit, Enrolling: true, Removed: true})
	if err != nil {
		return DevicePage{}, wrap("read phones", err)
	}
	page := DevicePage{Devices: []DeviceView{}}
	for i := range phones {
		if !wanted(&phones[i], phones[i].Contact) || q.Certificate != "" || q.Holder != "" { // theirs speak for nobody, and nobody carries them
			continue
		}
		v := e.view(&phones[i])
		if (q.Reason == "" || q.Reason == v.Reason) && (q.Hold == "" || q.Hold == v.Hold) {
			page.Devices = append(page.Devices, v)
		}
	}
	if len(phones) == q.Limit {
		page.Next = phones[q.Limit-1].Num
	}
	return page, nil
}

// deviceFilter checks a query and returns the part of it that needs no
// explanation.
func (f *Fleet) deviceFilter(q DeviceQuery) (func(p *storage.Phone, contact time.Time) bool, error) {
	if err := oneOf("ring", q.Ring, string(storage.RingVerification), string(storage.RingProduction)); err != nil {
		return nil, err
	}
	if err := oneOf("hold", q.Hold, string(policy.HoldConfirmed), string(policy.HoldPending), string(policy.HoldImpossible), string(policy.HoldEnded)); err != nil {
		return nil, err
	}
	if err := oneOf("certificate", q.Certificate, CertificateValid, CertificateDue, CertificateEnded); err != nil {
		return nil, err
	}
	if err := knownReason(q.Reason); err != nil {
		return nil, err
	}
	before, err := parseMoment("contact_before", q.ContactBefore, f.now())
	if err != nil {
		return nil, err
	}
	return func(p *storage.Phone, contact time.Time) bool {
		return q.Removed == (p.State == storage.PhoneRemoved) &&
			(q.Group == "" || q.Group == p.Group || q.Group == "-" && p.Group == "") &&
			(q.Ring == "" || q.Ring == string(p.Ring)) &&
			(q.OS == "" || q.OS == p.OS.Version || q.OS == fullVersion(p)) &&
			(q.Model == "" || q.Model == p.Model) &&
			(before.IsZero() || contact.Before(before))
	}, nil
}

// knownReason refuses what is no reason a phone can have. They are too many to
// be listed in a message.
func knownReason(text string) error {
	var all []string
	for _, code := range policy.Reasons() {
		all = append(all, string(code))
	}
	if text == "" || slices.Contains(all, text) {
		return nil
	}
	e := invalid("reason", "unknown-reason", "%q is no reason a phone can have", text).with("value", text)
	e.Near = near(text, all)
	return e
}

// oneOf refuses a value that is neither empty nor one of those allowed.
func oneOf(field, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return notOneOf(field, value, allowed...)
}

func notOneOf(field, value string, allowed ...string) *InvalidError {
	list := strings.Join(allowed, ", ")
	return invalid(field, "not-one-of", "%q is not one of %s", value, list).with("value", value, "allowed", list)
}

// parseMoment reads a time in the past as people give it: RFC 3339, a day
// (midnight UTC), or how long ago, "7d" or "12h". The empty text is the zero
// time.
func parseMoment(field, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	ago, err := parseOffset(text)
	if err != nil || ago <= 0 {
		return time.Time{}, invalid(field, "not-a-moment", "%q: want a time ago such as 7d or 12h, a day such as 2026-11-20, or a time such as 2026-11-20T09:00:00Z", text).
			with("value", text)
	}
	return now.Add(-ago), nil
}
