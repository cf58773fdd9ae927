package policy

import "slices"

// covered returns the model classes that an approval resting on these apps
// covers: those with a result for every critical app; without critical apps those
// of production and those with a result for any important one.
func covered(apps []AppState, classes []string) []string {
	var list []string
	critical := 0
	for _, a := range apps {
		switch {
		case a.Importance == ImportanceCritical && critical == 0:
			list = slices.Clone(a.Models)
			critical++
		case a.Importance == ImportanceCritical:
			list = slices.DeleteFunc(list, func(c string) bool { return !slices.Contains(a.Models, c) })
			critical++
		}
	}
	if critical > 0 {
		return list
	}
	for _, a := range apps {
		if a.Importance == ImportanceImportant && len(a.Models) > 0 {
			list = append(list, a.Models...)
			list = append(list, classes...)
		}
	}
	return unique(list)
}

// floorsOf returns the lowest version of each app that can keep a gate closed with
// which it was tested.
func floorsOf(apps []AppState) []Floor {
	var floors []Floor
	for _, a := range apps {
		if a.Importance != ImportanceInformational && a.Floor != "" {
			floors = append(floors, Floor{BundleID: a.BundleID, MinVersion: a.Floor})
		}
	}
	return floors
}
