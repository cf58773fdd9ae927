package api

import (
	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/policy"
)

// Matrices are the results of groups, one matrix each.
type Matrices struct {
	Matrices []fleet.Matrix `json:"matrices"`
}

func matrices(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Matrices(c.Segment, c.query("group"))
	return Matrices{list}, err
}

// Coverages are how much of the groups' production their verification phones
// stand for.
type Coverages struct {
	Coverage   []policy.Coverage `json:"coverage"`
	ModelNames map[string]string `json:"model_names,omitempty"` // marketing names of the models of model_classes, by hardware identifier
}

func coverage(h *Handler, c *call) (any, error) {
	list, err := h.fleet.Coverage(c.Segment, c.query("group"))
	if err != nil {
		return nil, err
	}
	var classes []policy.Class
	for _, one := range list {
		classes = append(classes, one.Classes...)
	}
	names, err := h.fleet.ModelNames(c.Segment, classes)
	return Coverages{list, names}, err
}
