package fleet

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/storage"
)

// Bounds of holder references.
const (
	maxHolder  = 64     // characters of one
	maxHolders = 10_000 // phones of one change: it is one transaction
)

// HolderSetting says who carries a phone.
type HolderSetting struct {
	Phone  string `json:"phone"`  // UDID or serial number
	Holder string `json:"holder"` // opaque reference, at most 64 characters; "" takes it away
}

// HolderChange is what becomes of one phone's reference.
type HolderChange struct {
	UDID   string `json:"udid"`
	Serial string `json:"serial"`
	Before string `json:"before"` // "" none
	After  string `json:"after"`  // "" none
}

// Holders says which references changed, or would.
type Holders struct {
	Changes   []HolderChange `json:"changes"`   // in the order of the request
	Unchanged int            `json:"unchanged"` // phones that have the reference already
	DryRun    bool           `json:"dry_run,omitempty"`
}

// SetHolder says who carries a phone that is enrolled, by a reference that only
// the company can resolve; "" takes it away. The reference ends with the
// enrolment.
func (f *Fleet) SetHolder(ctx context.Context, seg storage.Segment, a Act, udid, holder string) (DeviceView, error) {
	w, err := f.world(seg)
	if err != nil {
		return DeviceView{}, err
	}
	p, err := f.phone(ctx, seg, udid)
	if err != nil {
		return DeviceView{}, err
	}
	if p.State == storage.PhoneRemoved {
		return DeviceView{}, notEnrolled(&p)
	}
	if err := checkHolder(holder); err != nil {
		return DeviceView{}, err
	}
	_, err = f.changeHolders(ctx, w, a, []HolderChange{{UDID: udid, Serial: p.Serial, Before: p.Holder, After: holder}})
	p.Holder = holder
	return f.explainer(w).view(&p), err
}

// SetHolders says who carries each of several phones, all of it in one
// transaction or nothing; phones that are not named keep what they have. Errors
// about one of them are an [EntryError].
func (f *Fleet) SetHolders(ctx context.Context, seg storage.Segment, a Act, list []HolderSetting) (Holders, error) {
	w, err := f.world(seg)
	if err != nil {
		return Holders{}, err
	}
	if len(list) > maxHolders {
		return Holders{}, invalid("holders", "too-many-holders", "%d phones: want at most %d at once; split the list", len(list), maxHolders).with("most", strconv.Itoa(maxHolders))
	}
	changes := make([]HolderChange, len(list))
	first := map[string]string{} // name by which a phone came before, by UDID
	for i, entry := range list {
		p, err := f.named(ctx, w, entry.Phone)
		if err == nil {
			err = checkHolder(entry.Holder)
		}
		if before, twice := first[p.UDID]; err == nil && twice {
			err = invalid("phone", "phone-twice", "%q is the phone that came before as %q; want each phone once", entry.Phone, before).with("value", entry.Phone, "before", before)
		}
		if err != nil {
			return Holders{}, &EntryError{fmt.Sprintf("holders[%d]", i), err}
		}
		first[p.UDID] = entry.Phone
		changes[i] = HolderChange{UDID: p.UDID, Serial: p.Serial, Before: p.Holder, After: entry.Holder}
	}
	return f.changeHolders(ctx, w, a, changes)
}

// named returns the enrolled phone that a UDID or serial number names.
func (f *Fleet) named(ctx context.Context, w *worldState, name string) (storage.Phone, error) {
	if w.census.has(name) {
		return f.phone(ctx, w.segment, name)
	}
	var found []storage.Phone
	if name != "" {
		same, err := f.store.PhonesBySerial(ctx, w.segment, name)
		if err != nil {
			return storage.Phone{}, wrap("find phone", err)
		}
		for _, p := range same {
			if p.State != storage.PhoneRemoved {
				found = append(found, p)
			}
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return storage.Phone{}, invalid("phone", "no-such-phone", "%q is neither the UDID nor the serial number of an enrolled phone", name).with("value", name)
	default:
		return storage.Phone{}, invalid("phone", "serial-of-many", "%d enrolled phones have the serial number %q; want the UDID", len(found), name).with("value", name)
	}
}

// changeHolders carries out what differs. The audit log keeps that a reference
// changed and never the reference: the log cannot forget.
func (f *Fleet) changeHolders(ctx context.Context, w *worldState, a Act, all []HolderChange) (Holders, error) {
	done := Holders{Changes: []HolderChange{}, DryRun: a.DryRun}
	after := map[string]string{}
	var udids []string
	for _, c := range all {
		if c.Before == c.After {
			done.Unchanged++
			continue
		}
		done.Changes = append(done.Changes, c)
		after[c.UDID] = c.After
		udids = append(udids, c.UDID)
	}
	if a.DryRun || len(udids) == 0 {
		return done, nil
	}
	var at uint64
	entry := f.entry(a, "device.holder", "", nil)
	phones, err := f.store.UpdatePhones(ctx, w.segment, udids, func(p *storage.Phone) (storage.PhoneChange, error) {
		at = w.census.moment() // the last run is the one that counts
		if p.State == storage.PhoneRemoved {
			return storage.PhoneChange{}, storage.ErrConflict // it left since it was looked at
		}
		e := entry
		e.Target, e.Detail = p.UDID, map[string]string{"change": holderChange(p.Holder, after[p.UDID])}
		p.Holder = after[p.UDID]
		return storage.PhoneChange{Audit: []storage.AuditEntry{e}}, nil
	})
	if err != nil {
		return done, wrap("change holders", err)
	}
	for i := range phones {
		w.census.add(&phones[i], at)
	}
	return done, nil
}

// holderChange is what the audit log says of a reference.
func holderChange(before, after string) string {
	switch {
	case before == "":
		return "set"
	case after == "":
		return "removed"
	default:
		return "changed"
	}
}

// checkHolder refuses what names a person or reaches one, and what no staff
// number or alias looks like. An alias that is a name cannot be told apart; the
// guide asks for none.
func checkHolder(ref string) error {
	switch {
	case ref == "":
		return nil
	case strings.ContainsRune(ref, '@'):
		return invalid("holder", "holder-address", "%q looks like a mail address, and Kannuki keeps none; want a staff number, or the alias before the @ that only your company resolves", ref).with("value", ref)
	case reachable(ref):
		return invalid("holder", "holder-number", "%q looks like a phone number, and Kannuki keeps none; want a staff number or an alias that only your company resolves", ref).with("value", ref)
	case strings.ContainsFunc(ref, notInReference):
		return invalid("holder", "holder-name", "%q looks like a name, and Kannuki keeps none; want a staff number or an alias of letters A to Z, digits and . _ - / : #", ref).with("value", ref)
	case strings.ContainsRune("._-/:#", rune(ref[0])):
		return invalid("holder", "holder-start", "%q: want a letter or a digit first", ref).with("value", ref)
	case len(ref) > maxHolder:
		return invalid("holder", "holder-long", "%q is longer than %d characters", ref, maxHolder).with("most", strconv.Itoa(maxHolder))
	default:
		return nil
	}
}

func notInReference(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._-/:#", r)
}

// reachable reports whether a text reads like a phone number: with a + before
// it, written in groups, or as people write it at home: one 0, then 8 digits or
// more. Staff numbers begin with another digit, a letter or several zeros.
func reachable(text string) bool {
	number, foreign := strings.CutPrefix(text, "+")
	digits := strings.NewReplacer("-", "", ".", "", "/", "", " ", "", "(", "", ")", "").Replace(number)
	if len(digits) < 9 || len(digits) > 15 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	return foreign || digits != number || digits[0] == '0' && digits[1] != '0'
}
