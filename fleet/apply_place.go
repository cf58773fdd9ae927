package fleet

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// entryAt is one entry of settings: where it stands, and the keys it gives.
// The zero value is an entry that is not there.
type entryAt struct {
	at    string // "groups[0]"
	given map[string]json.RawMessage
}

// entryOf finds an entry of a list, or nothing.
func entryOf[T any](list string, entries []T, is func(T) bool) entryAt {
	i := slices.IndexFunc(entries, is)
	if i < 0 {
		return entryAt{}
	}
	given, err := fieldsOf(entries[i])
	if err != nil {
		return entryAt{} // cannot happen: they came as JSON
	}
	return entryAt{fmt.Sprintf("%s[%d]", list, i), given}
}

func (s Settings) calendarEntry(name string) entryAt {
	return entryOf("calendars", s.Calendars, func(c CalendarSettings) bool { return c.Name == name })
}

func (s Settings) policyEntry(name string) entryAt {
	return entryOf("policies", s.Policies, func(p PolicySettings) bool { return p.Name == name })
}

func (s Settings) groupEntry(name string) entryAt {
	return entryOf("groups", s.Groups, func(g GroupSettings) bool { return g.Name == name })
}

// key returns where the first of some keys stands that an entry gives, or "".
func (e entryAt) key(keys ...string) string {
	for _, k := range keys {
		if _, ok := e.given[k]; ok {
			return e.at + "." + k
		}
	}
	return ""
}

// openTimeKeys are the settings of a calendar, and of a policy with open times of
// its own, in the order in which they are looked at when nothing is open.
func openTimeKeys() []string { return []string{"closed", "holidays", "weekdays", "month_end", "hours"} }

// findingKeys returns the settings of a policy, or of the calendar it follows,
// and those of a group that something found wrong comes from: the one to change
// first before the others.
func findingKeys(found policy.Finding) (ofPolicy, ofGroup []string) {
	length := []string{"soak", "waves", "deadline"}
	times := openTimeKeys()
	switch found.Code {
	case policy.LintBeyondHold, policy.LintOutlivesRelease:
		ofPolicy = slices.Concat(length, times, []string{"calendar"})
	case policy.LintNeverOpen, policy.LintCalendarDelays:
		ofPolicy = slices.Concat(times, []string{"calendar"}, length)
	case policy.LintNeverReminded:
		ofPolicy = []string{"weekdays", "calendar", "chase", "chase_tests"}
	case policy.LintOpeningNotice:
		ofPolicy, ofGroup = slices.Concat([]string{"hours"}, times, []string{"calendar"}), []string{"minimum_notice", "policy"}
	case policy.LintDeadlineNotice:
		ofGroup = []string{"minimum_notice", "policy"}
	case policy.LintCarryOverOutlived:
		ofPolicy = []string{"carry_over"}
	case policy.LintSoakEndsFirst, policy.LintSoakWithoutWaves, policy.LintWavesTogether:
		ofPolicy = length
	case policy.LintEnforceNothing, policy.LintNoVerificationRing:
		ofGroup = []string{"apps", "policy"}
	default:
		ofGroup = []string{"policy"}
	}
	return append([]string{found.Field}, ofPolicy...), ofGroup
}

// findingAt returns where in settings something comes from that is wrong with a
// policy once they are applied, which gives the records after: the first key of
// those it can come from (of the calendar that it names, where it names one), otherwise the entry of the policy, the group or the
// calendar. It is "" when the settings have none of them.
func (s Settings) findingAt(after *snapshot, found PolicyFinding) string {
	ofPolicy, ofGroup := findingKeys(found.Finding)
	if at := s.calendarEntry(found.Params[policy.ParamCalendar]); at.at != "" {
		return cmp.Or(at.key(ofPolicy...), at.at)
	}
	decided, group := s.policyEntry(found.Policy), s.groupEntry(found.Params[policy.ParamGroup])
	var followed entryAt
	if p, err := after.decided(found.Policy); err == nil && p.CalendarName != "" {
		followed = s.calendarEntry(p.CalendarName)
	}
	for _, k := range ofPolicy {
		if at := cmp.Or(decided.key(k), followed.key(k)); at != "" {
			return at
		}
	}
	return cmp.Or(group.key(ofGroup...), decided.at, group.at, followed.at)
}

// contradicted returns the refusal of steps that together make a policy
// contradict itself, with the place it comes from.
func (p *applying) contradicted() error {
	found, wrong := p.f.contradiction(p.w, p.s, p.whole())
	if !wrong {
		return nil
	}
	return entryError(p.r.findingAt(p.after(), found), contradicting(found))
}

// opens refuses steps that together take away what keeps gates closed, and says
// which key does: of the first entry, and in it of the first key, that would be
// refused alone. Where several do it together, it is one of them with which they
// do and without which they do not.
func (p *applying) opens() error {
	err := p.f.opens(p.w, p.s, p.whole())
	if err == nil {
		return nil
	}
	for _, s := range p.steps {
		if s.at != "" && p.opensBy(s.change) {
			return entryError(p.openingKey(s), err)
		}
	}
	kept, taken := 0, len(p.steps) // so many first steps open nothing, or something
	for taken-kept > 1 {
		half := (kept + taken) / 2
		first := applying{steps: p.steps[:half]}
		if p.opensBy(first.whole()) {
			taken = half
		} else {
			kept = half
		}
	}
	return entryError(p.steps[taken-1].at, err)
}

// opensBy reports whether a change alone would open gates.
func (p *applying) opensBy(c storage.WorldChange) bool { return len(p.f.opened(p.w, p.s, c)) > 0 }

// openingKey returns the first key of an entry that would open a gate without the
// others, or the entry itself.
func (p *applying) openingKey(s applyStep) string {
	for _, changed := range s.shown.Fields {
		one, err := p.r.only(s.at, changed.Field)
		if err != nil {
			continue
		}
		alone := applying{f: p.f, w: p.w, s: p.s, act: p.act, r: ApplyRequest{Settings: one}}
		// An entry that needs its other keys, or others, says nothing alone.
		if alone.plan() == nil && p.opensBy(alone.whole()) {
			return s.at + "." + changed.Field
		}
	}
	return s.at
}

// only returns settings with one entry that gives one key, beside its name.
func (s Settings) only(at, key string) (Settings, error) {
	var one Settings
	text, err := json.Marshal(s)
	if err != nil {
		return one, wrap("encode settings", err)
	}
	var lists map[string][]map[string]json.RawMessage
	if err := json.Unmarshal(text, &lists); err != nil {
		return one, wrap("decode settings", err)
	}
	list, _, _ := strings.Cut(at, "[")
	id := "name"
	if list == "apps" {
		id = "bundle_id"
	}
	for i, entry := range lists[list] {
		if fmt.Sprintf("%s[%d]", list, i) != at {
			continue
		}
		kept := map[string]json.RawMessage{id: entry[id]}
		if v, ok := entry[key]; ok {
			kept[key] = v
		}
		if text, err = json.Marshal(map[string]any{list: []any{kept}}); err != nil {
			return one, wrap("encode settings", err)
		}
		return one, wrap("decode settings", json.Unmarshal(text, &one))
	}
	return one, fmt.Errorf("find %s: no such entry", at)
}

// entryError says where in settings an error comes from, unless that is nowhere.
func entryError(at string, err error) error {
	if at == "" {
		return err
	}
	return &EntryError{at, err}
}

// within says that an error is about an entry, or about a setting in it that the
// error names.
func within(at string, err error) error {
	if inner, ok := errors.AsType[*EntryError](err); ok {
		return &EntryError{at + "." + inner.At, inner.Err}
	}
	if refused, ok := errors.AsType[*RefusedError](err); ok && refused.Field != "" {
		at += "." + refused.Field
	}
	return &EntryError{at, err}
}

// inUse says of the refusal to remove something which entry still uses it: the
// first of those that settings have.
func inUse(err error, users []string, entry func(name string) entryAt, key string) error {
	for _, name := range users {
		if e := entry(name); e.at != "" {
			return entryError(cmp.Or(e.key(key), e.at), err)
		}
	}
	return err
}
