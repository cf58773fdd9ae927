package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// CoverageGoal is the share of production phones, in percent, that
// Coverage.Suggested is to reach.
const CoverageGoal = 95

// Coverage says how much of a group's production ring its verification phones
// can stand for. Shares are percentages of the production phones whose model is
// known, rounded to a tenth.
type Coverage struct {
	Group      string  `json:"group"`
	Production int     `json:"production"`        // phones whose model is known
	Unknown    int     `json:"unknown,omitempty"` // production phones that have not told their model
	Covered    int     `json:"covered"`           // production phones of a model class that a verification phone has
	Percent    float64 `json:"percent"`           // Covered of Production

	// Models are the model classes of production, and Lines the first numbers of
	// its iOS versions ("18", "26"; "" while unknown), the most phones first: a
	// release of one line says nothing about another.
	Models []Share `json:"models"`
	Lines  []Share `json:"lines"`

	// Suggested is the smallest set of model classes, the most phones first, of
	// which a verification phone each would bring the share to CoverageGoal;
	// Reached is the share with them.
	Suggested []string `json:"suggested"`
	Reached   float64  `json:"reached"`
}

// Share is how many phones of production are alike, and how many verification
// phones are like them.
type Share struct {
	Name         string  `json:"name"`
	Production   int     `json:"production"`
	Percent      float64 `json:"percent"` // of Coverage.Production
	Verification int     `json:"verification"`
}

// Covers computes the coverage of a group by its verification phones; one that
// the world does not know has none.
func Covers(w *World, groupName string) Coverage {
	c := Coverage{Group: groupName, Models: []Share{}, Lines: []Share{}, Suggested: []string{}}
	g := w.groups[groupName]
	if g == nil {
		return c
	}
	models, lines := map[string]*Share{}, map[string]*Share{}
	for _, row := range g.Census {
		if row.Model == "" {
			if row.Ring != RingVerification {
				c.Unknown += row.Count
			}
			continue
		}
		for _, in := range []*Share{shareOf(models, g.class(row.Model)), shareOf(lines, osLine(row.OSVersion))} {
			if row.Ring == RingVerification {
				in.Verification += row.Count
			} else {
				in.Production += row.Count
			}
		}
		if row.Ring != RingVerification {
			c.Production += row.Count
		}
	}
	c.Models, c.Lines = c.shares(models), c.shares(lines)
	for _, m := range c.Models {
		if m.Verification > 0 {
			c.Covered += m.Production
		}
	}
	c.Percent = percent(c.Covered, c.Production)
	c.suggest()
	return c
}

func shareOf(all map[string]*Share, name string) *Share {
	if all[name] == nil {
		all[name] = &Share{Name: name}
	}
	return all[name]
}

// osLine returns the first number of a version: Apple keeps each supplied with
// releases of its own.
func osLine(osVersion string) string {
	if n := version.Major(osVersion); n > 0 {
		return strconv.Itoa(n)
	}
	return ""
}

// shares returns what production has, the most phones first.
func (c *Coverage) shares(all map[string]*Share) []Share {
	list := []Share{}
	for _, s := range all {
		if s.Production > 0 {
			s.Percent = percent(s.Production, c.Production)
			list = append(list, *s)
		}
	}
	slices.SortFunc(list, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Production, a.Production), strings.Compare(a.Name, b.Name))
	})
	return list
}

// suggest takes the largest class without a verification phone until the goal
// is reached. That is the smallest set, not only a good one: every phone is of
// exactly one class, so a class adds the same number whatever else was taken,
// and no k classes add more than the k largest.
func (c *Coverage) suggest() {
	covered := c.Covered
	for _, m := range c.Models {
		if covered*100 >= c.Production*CoverageGoal {
			break
		}
		if m.Verification == 0 {
			covered += m.Production
			c.Suggested = append(c.Suggested, m.Name)
		}
	}
	c.Reached = percent(covered, c.Production)
}

// percent returns a share of all in percent, rounded to a tenth; of nothing
// everything.
func percent(part, all int) float64 {
	const whole, tenths = 100, 10
	if all == 0 {
		return whole
	}
	return float64((2*whole*tenths*part+all)/(2*all)) / tenths
}
