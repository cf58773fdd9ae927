package fleet

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/storage"
)

func (p *applying) app(in AppSettings) error {
	if err := checkBundleID(in.BundleID); err != nil {
		return err
	}
	was, err := p.s.app(in.BundleID)
	isNew := err != nil
	if isNew {
		was = storage.App{BundleID: in.BundleID, Name: in.BundleID, CreatedAt: p.f.now()}
		if in.Importance == nil {
			in.Importance = new(string) // which check refuses with what can stand there
		}
	}
	if err := in.check(); err != nil {
		return err
	}
	app := in.onto(was)
	change := p.f.settingApp(p.act, was, app)
	if isNew {
		change = p.f.addingApp(p.act, app)
	}
	return p.step("app", app.BundleID, isNew, appSettings(was), appSettings(app), change)
}

// policy plans one policy; there is the world with the calendars that will exist.
func (p *applying) policy(there *snapshot, in PolicySettings) error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	if err := refuseBuiltIn(in.Name); err != nil {
		return err
	}
	if err := in.check(); err != nil {
		return err
	}
	was, err := p.s.decided(in.Name)
	isNew := err != nil
	if isNew {
		was = newPolicy(in.Name, p.f.now())
	}
	is, err := in.onto(was, p.f.now())
	if err != nil {
		return err
	}
	if err := p.f.checkBeta(was, is); err != nil {
		return err
	}
	if in.Calendar != nil && *in.Calendar != "" {
		if _, err := there.calendar(*in.Calendar); err != nil {
			return &EntryError{"calendar", err}
		}
	}
	return p.step("policy", in.Name, isNew, policySettings(was), policySettings(is), p.f.settingPolicy(p.act, is))
}

// group plans one group; there is the world with the apps and policies that
// will exist.
func (p *applying) group(there *snapshot, in GroupSettings) error {
	if err := checkName(in.Name); err != nil {
		return err
	}
	r, err := in.request()
	if err != nil {
		return err
	}
	was, err := p.s.group(in.Name)
	isNew, action := err != nil, "group.set"
	if isNew {
		was, action = newGroup(in.Name, p.f.now()), "group.add"
	}
	for i, id := range r.Apps {
		if _, err := there.app(id); err != nil {
			return &EntryError{fmt.Sprintf("apps[%d]", i), err}
		}
	}
	if r.Policy != "" {
		if _, err := there.decided(r.Policy); err != nil {
			return &EntryError{"policy", err}
		}
	}
	for _, id := range was.Apps {
		_, gone := there.app(id)
		if gone != nil || (in.Apps != nil && !slices.Contains(*in.Apps, id)) {
			r.RemoveApps = append(r.RemoveApps, id)
		}
	}
	is := r.onto(was)
	change := p.f.settingGroup(p.act, action, is)
	return p.step("group", in.Name, isNew, groupSettings(was), groupSettings(is), change)
}

// request translates the settings for the checks that every change of a group
// passes. In it nothing and "" are the same, so the latter is refused here.
func (in GroupSettings) request() (GroupRequest, error) {
	r := GroupRequest{Name: in.Name}
	if in.Apps != nil {
		r.Apps = *in.Apps
	}
	var minimum, candidate string
	for _, one := range []struct {
		key  string
		from *string
		to   *string
	}{
		{"candidate", in.Candidate, &r.Candidate},
		{"rights", in.Rights, &r.Rights},
		{"policy", in.Policy, &r.Policy},
		{"minimum_notice", in.MinimumNotice, &minimum},
		{"candidate_notice", in.CandidateNotice, &candidate},
	} {
		if one.from != nil && *one.from == "" {
			return r, invalid(one.key, "value-missing", "want a value; without the key the group keeps what it has")
		}
		replace(one.to, one.from)
	}
	var err error
	if r.MinimumNotice, err = parseNotice("minimum_notice", minimum); err != nil {
		return r, err
	}
	if r.CandidateNotice, err = parseNotice("candidate_notice", candidate); err != nil {
		return r, err
	}
	return r, r.check()
}

func parseNotice(key, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, invalid(key, "not-a-duration", "%q is not a duration such as 24h", text).with("value", text)
	}
	if d == 0 { // which a request takes for nothing said
		return 0, noticeOutOfRange(key)
	}
	return d, nil
}

// pruneApps removes the apps that are not named. Out of groups they are taken
// where groups are planned: what is pruned is only in groups that are named or
// pruned too.
func (p *applying) pruneApps() {
	for _, a := range p.s.records.Apps {
		if !slices.ContainsFunc(p.r.Apps, func(in AppSettings) bool { return in.BundleID == a.BundleID }) {
			p.remove("app", a.BundleID, p.f.removingApp(p.act, businessApp(p.s, a)))
		}
	}
}

func (p *applying) prunePolicies() {
	for _, was := range p.s.records.Policies {
		if !slices.ContainsFunc(p.r.Policies, func(in PolicySettings) bool { return in.Name == was.Name }) {
			p.remove("policy", was.Name, p.f.removingPolicy(p.act, was))
		}
	}
}

func (p *applying) pruneGroups() error {
	for _, g := range p.s.records.Groups {
		if slices.ContainsFunc(p.r.Groups, func(in GroupSettings) bool { return in.Name == g.Name }) {
			continue
		}
		if err := p.w.refusePhones(g.Name, p.f.now()); err != nil {
			return err
		}
		p.remove("group", g.Name, p.f.ending(p.s, p.act, g.Name))
	}
	return nil
}

// unused refuses to remove a policy that a group still has, or a calendar that a
// policy still follows.
func (p *applying) unused() error {
	after := p.after()
	for _, was := range p.s.records.Policies {
		if _, err := after.decided(was.Name); err == nil {
			continue
		}
		v := p.f.policyView(after, was)
		if err := v.refuseUse(); err != nil {
			return inUse(err, v.Groups, p.r.groupEntry, "policy")
		}
	}
	for _, was := range p.s.records.Calendars {
		if _, err := after.calendar(was.Name); err == nil {
			continue
		}
		v := calendarView(after, was)
		if err := v.refuseUse(); err != nil {
			return inUse(err, v.Policies, p.r.policyEntry, "calendar") // one that another includes was refused before
		}
	}
	return nil
}

// step adds what one entry changes, unless that is nothing.
func (p *applying) step(kind, name string, isNew bool, was, is any, change storage.WorldChange) error {
	shown, err := settingsChange(kind, name, isNew, was, is)
	if err != nil {
		return err
	}
	if isNew || len(shown.Fields) > 0 {
		p.steps = append(p.steps, applyStep{shown: shown, change: change})
	}
	return nil
}

func (p *applying) remove(kind, name string, change storage.WorldChange) {
	p.steps = append(p.steps, applyStep{shown: settingsRemoved(kind, name), change: change})
}

// fieldChanges compares the settings of one thing by the keys they have in
// files, so that a setting more needs nothing here. The key without is left out.
func fieldChanges(was, is any, without string) ([]FieldChange, error) {
	before, err := fieldsOf(was)
	if err != nil {
		return nil, err
	}
	after, err := fieldsOf(is)
	if err != nil {
		return nil, err
	}
	out := []FieldChange{}
	for _, field := range slices.Sorted(maps.Keys(after)) {
		if field != without && !bytes.Equal(before[field], after[field]) {
			out = append(out, FieldChange{field, before[field], after[field]})
		}
	}
	return out, nil
}

func fieldsOf(settings any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, wrap("encode settings", err)
	}
	var fields map[string]json.RawMessage
	return fields, wrap("decode settings", json.Unmarshal(text, &fields))
}

// whole returns the steps as one change, list by list: by reflection, because a
// kind of record that was forgotten here would be lost without a sound.
func (p *applying) whole() storage.WorldChange {
	var all storage.WorldChange
	to := reflect.ValueOf(&all).Elem()
	for _, s := range p.steps {
		from := reflect.ValueOf(s.change)
		for i := range to.NumField() {
			switch one := from.Field(i); {
			case one.Kind() == reflect.Slice:
				to.Field(i).Set(reflect.AppendSlice(to.Field(i), one))
			case !one.IsNil():
				to.Field(i).Set(one)
			}
		}
	}
	return all
}

// after returns the records as the steps so far leave them, to look things up
// in.
func (p *applying) after() *snapshot {
	return &snapshot{records: applied(p.s.records, p.whole()), catalog: p.s.catalog}
}

// applied tells what the steps change, and what that makes phones do.
func (p *applying) applied(ctx context.Context) (ApplyResult, error) {
	out := ApplyResult{Changes: []SettingsChange{}, Effects: noEffects(), DryRun: p.act.DryRun}
	for _, s := range p.steps {
		out.Changes = append(out.Changes, s.shown)
	}
	text, err := json.Marshal(out.Changes)
	if err != nil {
		return ApplyResult{}, wrap("encode changes", err)
	}
	sum := sha256.Sum256(text)
	out.Fingerprint = hex.EncodeToString(sum[:16])
	if len(p.steps) == 0 {
		return out, nil
	}
	out.Effects, err = p.f.effects(ctx, p.w, p.s, p.s.after(p.whole()))
	return out, err
}
