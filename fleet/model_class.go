package fleet

import (
	"cmp"
	"strings"

	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ModelClassSettings are what a policy says about the phones that a result stands for.
type ModelClassSettings struct {
	ModelClass string `json:"model_class"` // hardware, screen or any
}

// ModelClassChange changes them; what is nil stays as it is.
type ModelClassChange struct {
	ModelClass *string `json:"model_class,omitempty"` // hardware, screen or any
}

func modelClassSettings(p storage.Policy) ModelClassSettings {
	return ModelClassSettings{cmp.Or(p.ModelClass, string(policy.ModelClassHardware))}
}

// modelClassChange returns the change that leads to what a policy says.
func modelClassChange(p storage.Policy) ModelClassChange {
	s := modelClassSettings(p)
	return ModelClassChange{&s.ModelClass}
}

// detail is what the audit log keeps of them.
func (s ModelClassSettings) detail() map[string]string {
	return map[string]string{"model_class": s.ModelClass}
}

// onto changes a policy, or returns an error about the value no policy can have.
func (c ModelClassChange) onto(p *storage.Policy) error {
	if c.ModelClass == nil {
		return nil
	}
	if _, err := policy.ParseModelClass(*c.ModelClass); err != nil {
		return invalid("model_class", "not-one-of", "%v", err).with("value", *c.ModelClass, "allowed", strings.Join(ModelClasses(), ", "))
	}
	p.ModelClass = *c.ModelClass
	return nil
}

// ModelClasses returns the names of the model classes, the strictest first.
func ModelClasses() []string {
	var names []string
	for _, c := range policy.ModelClasses() {
		names = append(names, string(c))
	}
	return names
}

// ModelNames returns the marketing names of the models of classes by hardware identifier;
// models without one are left out.
func (f *Fleet) ModelNames(seg storage.Segment, classes []policy.Class) (map[string]string, error) {
	w, err := f.world(seg)
	if err != nil {
		return nil, err
	}
	known, names := w.current.Load().catalog.Models(), map[string]string{}
	for _, c := range classes {
		for _, m := range c.Models {
			if known[m] != "" {
				names[m] = known[m]
			}
		}
	}
	return names, nil
}
