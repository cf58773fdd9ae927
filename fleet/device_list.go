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
	Hold   string // confirmed, pending or impossible
	Reason string // the phone's one reason
	OS     string // release it runs, exactly
	Model  string // hardware identifier, "iPhone15,2"
	// ContactBefore selects phones that were last heard of before a time: RFC
	// 3339, a day ("2026-11-20", UTC), or a time ago ("7d", "12h").
	ContactBefore string
	Removed       bool // only phones that were removed or left

	After uint64 // from the page before
	Limit int    // phones looked at for one page; 0 means 1,000
}

// DevicePage is a part of a list of phones.
type DevicePage struct {
	Devices []DeviceView `json:"devices"`
	Next    uint64       `json:"next,omitempty"` // After of the next page, 0 at the end
}

// Devices lists phones in the order in which they first enrolled. A page can
// have fewer phones than its limit, even none, and still not be the last.
func (f *Fleet) Devices(ctx context.Context, seg storage.Segment, q DeviceQuery) (DevicePage, error) {
	w, err := f.world(seg)
	if err != nil {
		return DevicePage{}, err
	}
	wanted, err := f.deviceFilter(q)
	if err != nil {
		return DevicePage{}, err
	}
	limit := q.Limit
	if limit <= 0 || limit > pageSize {
		limit = pageSize
	}
	query := storage.PhoneQuery{After: q.After, Limit: limit, Ring: storage.Ring(q.Ring), Enrolling: true, Removed: q.Removed}
	switch q.Group {
	case "":
	case "-":
		query.Group = new(string)
	default:
		if _, err := w.current.Load().group(q.Group); err != nil {
			return DevicePage{}, err
		}
		query.Group = &q.Group
	}
	phones, err := f.store.Phones(ctx, seg, query)
	if err != nil {
		return DevicePage{}, wrap("read phones", err)
	}
	page := DevicePage{Devices: []DeviceView{}}
	e := f.explainer(w)
	for i := range phones {
		if !wanted(&phones[i]) {
			continue
		}
		v := e.view(&phones[i])
		if (q.Reason == "" || q.Reason == v.Reason) && (q.Hold == "" || q.Hold == v.Hold) {
			page.Devices = append(page.Devices, v)
		}
	}
	if len(phones) == limit {
		page.Next = phones[limit-1].Num
	}
	return page, nil
}

// deviceFilter checks a query and returns the part of it that a phone's record
// answers, which is cheaper than its hold and its reason.
func (f *Fleet) deviceFilter(q DeviceQuery) (func(*storage.Phone) bool, error) {
	if err := oneOf("ring", q.Ring, string(storage.RingVerification), string(storage.RingProduction)); err != nil {
		return nil, err
	}
	if err := oneOf("hold", q.Hold, string(policy.HoldConfirmed), string(policy.HoldPending), string(policy.HoldImpossible)); err != nil {
		return nil, err
	}
	before, err := parseMoment("contact_before", q.ContactBefore, f.now())
	if err != nil {
		return nil, err
	}
	return func(p *storage.Phone) bool {
		return q.Removed == (p.State == storage.PhoneRemoved) &&
			(q.OS == "" || q.OS == p.OS.Version) &&
			(q.Model == "" || q.Model == p.Model) &&
			(before.IsZero() || p.Contact.Before(before))
	}, nil
}

// oneOf refuses a value that is neither empty nor one of those allowed.
func oneOf(field, value string, allowed ...string) error {
	if value == "" || slices.Contains(allowed, value) {
		return nil
	}
	return invalid(field, "%q is not one of %s", value, strings.Join(allowed, ", "))
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
		return time.Time{}, invalid(field, "%q: want a time ago such as 7d or 12h, a day such as 2026-11-20, or a time such as 2026-11-20T09:00:00Z", text)
	}
	return now.Add(-ago), nil
}
