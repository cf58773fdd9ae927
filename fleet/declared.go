package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unique"

	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/storage"
)

// DeclaredQuery narrows what is reported of the declarations of all phones. The
// zero value selects every enrolled phone.
type DeclaredQuery struct {
	Group string // "-" for those in none
	Ring  string // verification or production

	After uint64 // of [Fleet.CheckDeclared]: Next of the page before
	Limit int    // of [Fleet.CheckDeclared]: phones on a page; 0 means 1,000, which is the most
}

// DeclaredList is what the phones were told, each set once for each place in
// which phones have it.
type DeclaredList struct {
	AsOf   time.Time     `json:"as_of"`
	Sets   []DeclaredSet `json:"sets"`   // by group, ring and token
	Untold int           `json:"untold"` // phones that were told nothing by declarations
}

// DeclaredSet is one set of declarations and how far the phones of one place
// are with it. Each of them is counted once: Confirmed, Pending or Invalid.
type DeclaredSet struct {
	Token        string         `json:"token"`
	Group        string         `json:"group"`
	Ring         string         `json:"ring"`
	Phones       int            `json:"phones"`
	Confirmed    int            `json:"confirmed"` // report exactly these as valid and active
	Pending      int            `json:"pending"`   // have not reported on them yet
	Invalid      int            `json:"invalid"`   // report something else, see [Fleet.CheckDeclared]
	Declarations []DeclaredItem `json:"declarations"`
}

// DeclaredItem is one declaration of a set.
type DeclaredItem struct {
	Identifier  string `json:"identifier"`
	ServerToken string `json:"server_token"`
}

// DeclaredCheck lists phones that report other declarations than they were
// told. The counts are of all phones that the query selects, on every page.
type DeclaredCheck struct {
	AsOf    time.Time        `json:"as_of"`
	Checked int              `json:"checked"` // phones that were told something
	Pending int              `json:"pending"` // of them, those that have not reported yet
	Faulty  int              `json:"faulty"`  // of them, those that report something else
	Devices []DeclaredDevice `json:"devices"` // a page of the faulty ones, as they first enrolled
	Next    uint64           `json:"next,omitempty"`
}

// DeclaredDevice is a phone that reports other declarations than it was told.
type DeclaredDevice struct {
	UDID     string          `json:"udid"`
	Group    string          `json:"group"`
	Ring     string          `json:"ring"`
	OS       string          `json:"os"`
	Problems []DeclaredFault `json:"problems"` // by identifier, at least one
}

// DeclaredFault is one declaration that a phone does not hold as it was told.
type DeclaredFault struct {
	Identifier string   `json:"identifier"`
	Problem    string   `json:"problem"`           // one of the Fault… values
	Reasons    []string `json:"reasons,omitempty"` // the phone's own codes
}

// Values of [DeclaredFault.Problem]. All but FaultInvalid can be so for a moment
// while a phone takes something new up, and count an hour after it fetched it.
const (
	FaultInvalid   = "invalid"   // the phone refuses it
	FaultUndecided = "undecided" // the phone has not judged it
	FaultInactive  = "inactive"  // valid, but not in force
	FaultOutdated  = "outdated"  // the phone holds another revision
	FaultAbsent    = "absent"    // the phone does not hold it
	FaultForeign   = "foreign"   // the phone holds it and was not told it
)

// told is what the census keeps of what one phone was told.
type told struct {
	token   unique.Handle[string] // of the announced set
	fetched instant               // when the phone fetched it; zero: it has not, or has not reported since
	stale   bool                  // it fetched another since it reported, see [overtaken]
}

func toldTo(p *storage.Phone, before told) told {
	t := told{token: before.token, stale: overtaken(p)}
	if before == (told{}) || t.token.Value() != p.Announced.Token {
		t.token = unique.Make(p.Announced.Token)
	}
	if p.Announced.Token != "" && p.Sync.Acked == p.Announced.Token && reported(p) {
		t.fetched = instantOf(p.Sync.ManifestAt)
	}
	return t
}

// holding is what phones have in common that were told the same and say the
// same of it.
type holding struct {
	look    *look
	token   unique.Handle[string]
	fetched bool
	stale   bool
	settled bool // long enough ago that nothing should be on its way any more
}

func holdingOf(m member, now time.Time) holding {
	return holding{m.look, m.told.token, m.told.fetched != 0, m.told.stale, now.Sub(m.told.fetched.time()) >= confirmAfter}
}

// judged is what a holding comes to.
type judged struct {
	phones int
	state  string // one of the declared… values; "" when they were told nothing
	faults []DeclaredFault
}

const (
	declaredConfirmed = "confirmed"
	declaredPending   = "pending"
	declaredInvalid   = "invalid"
)

// declared judges what the selected phones hold, once for all that are alike. It
// decodes no phone. The sets are those that the phones were told, by token; one
// that was replaced while this looked is left out with its phones.
func (f *Fleet) declared(ctx context.Context, w *worldState, q DeclaredQuery, now time.Time) (map[holding]*judged, map[string]storage.DeclarationSet, error) {
	if err := w.current.Load().groupOrNone(q.Group); err != nil {
		return nil, nil, err
	}
	wanted, err := f.deviceFilter(DeviceQuery{Group: q.Group, Ring: q.Ring})
	if err != nil {
		return nil, nil, err
	}
	found := map[holding]*judged{}
	for m := range w.census.all() {
		if !m.enrolled() || !wanted(&m.look.phone, m.contact.time()) {
			continue
		}
		h := holdingOf(m, now)
		if found[h] == nil {
			found[h] = &judged{}
		}
		found[h].phones++
	}
	sets := map[string]storage.DeclarationSet{}
	for h, j := range found {
		token := h.token.Value()
		if token == "" {
			continue
		}
		if _, read := sets[token]; !read {
			set, err := f.store.DeclarationSet(ctx, w.segment, token)
			if errors.Is(err, storage.ErrNotFound) {
				delete(found, h)
				continue
			}
			if err != nil {
				return nil, nil, wrap("read announced set", err)
			}
			sets[token] = set
		}
		j.judge(h, sets[token])
	}
	return found, sets, nil
}

// judge takes a phone's word for what it holds: one that lists the set as it was
// told holds it, however it came by it (see [lists]), unless it fetched another
// since. What it lists otherwise is no fault before it fetched the set.
func (j *judged) judge(h holding, set storage.DeclarationSet) {
	faults := compareDeclared(set, h.look.phone.Declarations)
	refused := slices.ContainsFunc(faults, func(f DeclaredFault) bool { return f.Problem == FaultInvalid })
	switch {
	case len(faults) == 0 && !h.stale:
		j.state = declaredConfirmed
	case h.fetched && (refused || h.settled):
		j.state, j.faults = declaredInvalid, faults
	default:
		j.state = declaredPending
	}
}

// compareDeclared holds what a phone reports against what it was told.
func compareDeclared(set storage.DeclarationSet, reported []storage.DeclarationState) []DeclaredFault {
	var faults []DeclaredFault
	says := map[string]storage.DeclarationState{}
	for _, d := range reported {
		says[d.Identifier] = d
	}
	for _, it := range set.Items {
		d, held := says[it.Identifier]
		delete(says, it.Identifier)
		if problem := faultOf(it, d, held); problem != "" {
			faults = append(faults, DeclaredFault{it.Identifier, problem, d.Reasons})
		}
	}
	for id := range says {
		faults = append(faults, DeclaredFault{Identifier: id, Problem: FaultForeign})
	}
	slices.SortFunc(faults, func(a, b DeclaredFault) int { return strings.Compare(a.Identifier, b.Identifier) })
	return faults
}

// faultOf returns what is wrong with what a phone says of one declaration, or "".
// Only configurations and activations take effect; what a phone says of the
// activity of others means nothing.
func faultOf(it storage.DeclarationItem, d storage.DeclarationState, held bool) string {
	takesEffect := it.Class == mdm.ClassConfiguration || it.Class == mdm.ClassActivation
	switch {
	case !held:
		return FaultAbsent
	case d.ServerToken != it.ServerToken:
		return FaultOutdated
	case d.Valid == mdm.ValidInvalid:
		return FaultInvalid
	case d.Valid != mdm.ValidValid:
		return FaultUndecided
	case takesEffect && !d.Active:
		return FaultInactive
	default:
		return ""
	}
}

// Declared lists the sets of declarations that phones were told, and how far
// the phones of each group and ring are with them.
func (f *Fleet) Declared(ctx context.Context, seg storage.Segment, q DeclaredQuery) (DeclaredList, error) {
	w, err := f.world(seg)
	if err != nil {
		return DeclaredList{}, err
	}
	now := f.now()
	found, sets, err := f.declared(ctx, w, q, now)
	if err != nil {
		return DeclaredList{}, err
	}
	type key struct{ group, ring, token string }
	rows := map[key]*DeclaredSet{}
	list := DeclaredList{AsOf: now, Sets: []DeclaredSet{}}
	for h, j := range found {
		if j.state == "" {
			list.Untold += j.phones
			continue
		}
		p := &h.look.phone
		k := key{p.Group, string(p.Ring), h.token.Value()}
		if rows[k] == nil {
			rows[k] = &DeclaredSet{Token: k.token, Group: k.group, Ring: k.ring, Declarations: declaredItems(sets[k.token])}
		}
		rows[k].count(j)
	}
	for _, row := range rows {
		list.Sets = append(list.Sets, *row)
	}
	slices.SortFunc(list.Sets, func(a, b DeclaredSet) int {
		return slices.Compare([]string{a.Group, a.Ring, a.Token}, []string{b.Group, b.Ring, b.Token})
	})
	return list, nil
}

func (s *DeclaredSet) count(j *judged) {
	s.Phones += j.phones
	switch j.state {
	case declaredConfirmed:
		s.Confirmed += j.phones
	case declaredPending:
		s.Pending += j.phones
	case declaredInvalid:
		s.Invalid += j.phones
	}
}

func declaredItems(set storage.DeclarationSet) []DeclaredItem {
	items := make([]DeclaredItem, len(set.Items))
	for i, it := range set.Items {
		items[i] = DeclaredItem{it.Identifier, it.ServerToken}
	}
	return items
}

// CheckDeclared finds the phones that report other declarations than they were
// told, with what is wrong with each. A phone that has not reported yet is no
// fault, and neither is one that takes something new up at the moment.
func (f *Fleet) CheckDeclared(ctx context.Context, seg storage.Segment, q DeclaredQuery) (DeclaredCheck, error) {
	w, err := f.world(seg)
	if err != nil {
		return DeclaredCheck{}, err
	}
	now := f.now()
	found, _, err := f.declared(ctx, w, q, now)
	if err != nil {
		return DeclaredCheck{}, err
	}
	check := DeclaredCheck{AsOf: now, Devices: []DeclaredDevice{}}
	for _, j := range found {
		switch j.state {
		case declaredInvalid:
			check.Faulty += j.phones
		case declaredPending:
			check.Pending += j.phones
		case "":
			continue
		}
		check.Checked += j.phones
	}
	if check.Faulty == 0 {
		return check, nil
	}
	if q.Limit <= 0 || q.Limit > pageSize {
		q.Limit = pageSize
	}
	selected := page{after: q.After, limit: q.Limit}
	for m := range w.census.all() {
		if j := found[holdingOf(m, now)]; j != nil && j.state == declaredInvalid {
			selected.add(m)
		}
	}
	members, next := selected.members()
	for _, m := range members {
		p := &m.look.phone
		check.Devices = append(check.Devices, DeclaredDevice{m.udid, p.Group, string(p.Ring), p.OS.Version, found[holdingOf(m, now)].faults})
	}
	check.Next = next
	return check, nil
}
