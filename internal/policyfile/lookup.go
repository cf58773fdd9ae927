package policyfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
)

// Item returns the path of the last item of the list at a path that is value,
// written as in the file or, a number, as a percentage. It is the path itself
// when there is none.
func (f *Files) Item(path, value string) string {
	found := path
	for i := 0; ; i++ {
		item := fmt.Sprintf("%s[%d]", path, i)
		text, ok := f.texts[item]
		if !ok {
			return found
		}
		if text == value || text+"%" == value {
			found = item
		}
	}
}

// Setting finds where a setting of a thing stands, by its kind (app, calendar,
// policy or group) and name; without a field, or when the field is not given, the thing. It
// reports whether the files have it.
func (f *Files) Setting(kind, name, field string) (Place, bool) {
	list, i := kind+"s", -1
	switch kind {
	case "app":
		i = slices.IndexFunc(f.Settings.Apps, func(a fleet.AppSettings) bool { return a.BundleID == name })
	case "calendar":
		i = slices.IndexFunc(f.Settings.Calendars, func(c fleet.CalendarSettings) bool { return c.Name == name })
	case "policy":
		list = "policies"
		i = slices.IndexFunc(f.Settings.Policies, func(p fleet.PolicySettings) bool { return p.Name == name })
	case "group":
		i = slices.IndexFunc(f.Settings.Groups, func(g fleet.GroupSettings) bool { return g.Name == name })
	}
	if i < 0 {
		return Place{}, false
	}
	return f.Place(strings.TrimSuffix(fmt.Sprintf("%s[%d].%s", list, i, field), "."))
}
