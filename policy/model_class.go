package policy

import "slices"

// ModelClass says which phones a result that an app works may stand for. It decides
// what has to be tested, not who gets a release: an approval names hardware
// identifiers, so that neither another class nor another table of screens lets a phone
// in. That an app does not work is known of the very model that showed it, whatever the class.
type ModelClass string

// The model classes. Any other value counts as ModelClassHardware.
const (
	ModelClassHardware ModelClass = "hardware" // phones with the same hardware identifier
	ModelClassScreen   ModelClass = "screen"   // phones with the same screen, by Parts.Screens
	ModelClassAny      ModelClass = "any"      // all phones
)

// AnyModel is the name of the one class there is with ModelClassAny. With
// ModelClassScreen the name of a class is that of the screen, and a model whose screen is not
// known is a class of its own, as with ModelClassHardware.
const AnyModel = "any"

// ParseModelClass returns the model class named s.
func ParseModelClass(s string) (ModelClass, error) {
	return oneOf("model class", ModelClass(s), ModelClasses()...)
}

// ModelClasses returns all of them, the strictest first.
func ModelClasses() []ModelClass {
	return []ModelClass{ModelClassHardware, ModelClassScreen, ModelClassAny}
}

// resolved returns the class that counts where a policy names it.
func (c ModelClass) resolved() ModelClass {
	if slices.Contains(ModelClasses(), c) {
		return c
	}
	return ModelClassHardware
}

// ClassOf returns the name of the model class that a model is of in a group; its own
// for a group that does not exist.
func (w *World) ClassOf(groupName, model string) string {
	if g := w.groups[groupName]; g != nil {
		return g.class(model)
	}
	return model
}

// class returns the name of the model class of a phone of the group.
func (g *group) class(model string) string {
	switch g.policy.ModelClass {
	case ModelClassAny:
		return AnyModel
	case ModelClassScreen:
		if screen := g.screens[model]; screen != "" {
			return screen
		}
	case ModelClassHardware:
	}
	return model
}

// Class is a model class with those of its models that are in question.
type Class struct {
	Name   string   `json:"name"`
	Models []string `json:"models"` // hardware identifiers, sorted
}

// classes returns the classes of sorted models, by name; none where each model is its own.
func (g *group) classes(models []string) []Class {
	if g.policy.ModelClass == ModelClassHardware {
		return nil
	}
	of := map[string][]string{}
	for _, m := range models {
		of[g.class(m)] = append(of[g.class(m)], m)
	}
	var list []Class
	for _, name := range sortedKeys(of) {
		list = append(list, Class{name, of[name]})
	}
	return list
}

// coverage returns the models, sorted, that an approval resting on these apps covers:
// of the classes verified those of production, and those that the results were made
// on. A model of such a class that joins later waits for a person who adds it, see [Extendable].
func (e *evaluation) coverage(apps []AppState) []string {
	classes := covered(apps, e.classes)
	return slices.DeleteFunc(e.known(apps), func(m string) bool { return !slices.Contains(classes, e.g.class(m)) })
}

// known returns the models, sorted, of production phones that can get the release and
// of the phones that apps were tested on.
func (e *evaluation) known(apps []AppState) []string {
	models := slices.Clone(e.production)
	for _, a := range apps {
		models = append(models, a.Tested...)
	}
	return slices.DeleteFunc(unique(models), func(m string) bool { return m == "" })
}
