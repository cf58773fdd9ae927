package main

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
)

// classNamer names model classes so that people know which phones they are.
type classNamer struct {
	g       *globals
	classes []policy.Class
	models  map[string]string // marketing names by hardware identifier
}

// name returns a class with the models that are in question, "393 x 852 @3x (iPhone 15,
// iPhone 16)"; where each model is its own, and for all of them, the class alone.
func (n classNamer) name(class string) string {
	i := slices.IndexFunc(n.classes, func(c policy.Class) bool { return c.Name == class })
	shown := n.g.text.ModelClass(class)
	if i < 0 || class == policy.AnyModel || slices.Equal(n.classes[i].Models, []string{class}) {
		return shown
	}
	var models []string
	for _, m := range n.classes[i].Models {
		models = append(models, cmp.Or(n.models[m], m))
	}
	slices.Sort(models)
	return shown + " (" + strings.Join(slices.Compact(models), ", ") + ")"
}

// list is a cell of classes.
func (n classNamer) list(classes []string) cell {
	shown := make([]string, len(classes))
	for i, c := range classes {
		shown[i] = n.name(c)
	}
	return cell{list(classes).raw, list(shown).shown}
}
