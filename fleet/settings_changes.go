package fleet

import (
	"slices"
	"strings"
)

// settingsChange returns what becomes of one thing; it has no fields where nothing does.
func settingsChange(kind, name string, isNew bool, was, is any) (SettingsChange, error) {
	action, key := ActionChange, ""
	if isNew {
		action, was = ActionAdd, struct{}{}
		if key = "name"; kind == "app" {
			key = "bundle_id"
		}
	}
	fields, err := fieldChanges(was, is, key)
	return SettingsChange{Kind: kind, Name: name, Action: action, Fields: fields}, err
}

func settingsRemoved(kind, name string) SettingsChange {
	return SettingsChange{Kind: kind, Name: name, Action: ActionRemove, Fields: []FieldChange{}}
}

// settingsChanges compares all settings, by kind and name.
func settingsChanges(was, is Settings) ([]SettingsChange, error) {
	var all []SettingsChange
	for _, compare := range []func() ([]SettingsChange, error){
		func() ([]SettingsChange, error) {
			return kindChanges("app", was.Apps, is.Apps, func(a AppSettings) string { return a.BundleID })
		},
		func() ([]SettingsChange, error) {
			return kindChanges("calendar", was.Calendars, is.Calendars, func(c CalendarSettings) string { return c.Name })
		},
		func() ([]SettingsChange, error) {
			return kindChanges("policy", was.Policies, is.Policies, func(p PolicySettings) string { return p.Name })
		},
		func() ([]SettingsChange, error) {
			return kindChanges("group", was.Groups, is.Groups, func(g GroupSettings) string { return g.Name })
		},
	} {
		changes, err := compare()
		if err != nil {
			return nil, err
		}
		all = append(all, changes...)
	}
	return all, nil
}

func kindChanges[T any](kind string, was, is []T, nameOf func(T) string) ([]SettingsChange, error) {
	before := make(map[string]T, len(was))
	for _, one := range was {
		before[nameOf(one)] = one
	}
	var changes []SettingsChange
	for _, one := range is {
		name := nameOf(one)
		old, known := before[name]
		delete(before, name)
		c, err := settingsChange(kind, name, !known, old, one)
		if err != nil {
			return nil, err
		}
		if !known || len(c.Fields) > 0 {
			changes = append(changes, c)
		}
	}
	for name := range before {
		changes = append(changes, settingsRemoved(kind, name))
	}
	slices.SortFunc(changes, func(a, b SettingsChange) int { return strings.Compare(a.Name, b.Name) })
	return changes, nil
}
