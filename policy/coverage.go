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
// can stand for: a phone stands for those of its model class on its own line of
// iOS, because no phone can go back to a line that it left. Shares are percentages
// of the production phones whose model is known, rounded to a tenth.
type Coverage struct {
	Group      string  `json:"group"`
	Production int     `json:"production"`        // phones whose model is known
	Unknown    int     `json:"unknown,omitempty"` // production phones that have not told their model
	Covered    int     `json:"covered"`           // production phones that a verification phone stands for
	Percent    float64 `json:"percent"`           // Covered of Production

	// Models are the model classes of production, and Lines the first numbers of
	// its iOS versions ("18", "26"; "" while unknown), the most phones first: a
	// release of one line says nothing about another.
	Models []Share `json:"models"`
	Lines  []Share `json:"lines"`
	// Classes are the model classes that Models and Suggested name, where the policy lets a
	// model stand for others; none where each model is its own. OwnScreen are the
	// production models, sorted, that are classes of their own because nothing is known
	// of their screens.
	Classes   []Class  `json:"model_classes,omitempty"`
	OwnScreen []string `json:"own_screen,omitempty"`

	// Suggested is the smallest set of verification phones, those that stand for the
	// most phones first, that would bring the share to CoverageGoal; Reached is the
	// share with them.
	Suggested []Suggestion `json:"suggested"`
	Reached   float64      `json:"reached"`
}

// Share is how many phones of production are alike, and how many verification
// phones are like them.
type Share struct {
	Name         string  `json:"name"`
	Production   int     `json:"production"`
	Percent      float64 `json:"percent"` // of Coverage.Production
	Covered      int     `json:"covered"` // of Production, those that a verification phone stands for
	Verification int     `json:"verification"`
}

// Suggestion is a verification phone that a group lacks.
type Suggestion struct {
	Model      string `json:"model"`          // class
	Line       string `json:"line,omitempty"` // of iOS; "" while that of the phones is unknown: any
	Production int    `json:"production"`     // phones that it would stand for
}

// kindred are the phones of a group that one verification phone can stand for.
type kindred struct{ class, line string }

// Covers computes the coverage of a group by its verification phones; one that
// the world does not know has none.
func Covers(w *World, groupName string) Coverage {
	c := Coverage{Group: groupName, Models: []Share{}, Lines: []Share{}, Suggested: []Suggestion{}}
	g := w.groups[groupName]
	if g == nil {
		return c
	}
	kinds := c.count(g)
	c.name(g)
	models, lines := map[string]*Share{}, map[string]*Share{}
	for k, kind := range kinds {
		c.Production, c.Covered = c.Production+kind.Production, c.Covered+kind.Covered
		for _, in := range []*Share{shareOf(models, k.class), shareOf(lines, k.line)} {
			in.Production, in.Covered, in.Verification = in.Production+kind.Production, in.Covered+kind.Covered, in.Verification+kind.Verification
		}
	}
	c.Models, c.Lines = c.shares(models), c.shares(lines)
	c.Percent = percent(c.Covered, c.Production)
	c.suggest(kinds)
	return c
}

// Uncovers returns how many production phones of a group no verification phone
// would stand for any more once those of it that can had installed a release: it is of
// a higher line of iOS than production is on.
func Uncovers(w *World, groupName, releaseVersion string) int {
	g, r := w.groups[groupName], w.known[releaseVersion]
	if g == nil || r == nil {
		return 0
	}
	moved := *g
	moved.Census = slices.Clone(g.Census)
	for i := range moved.Census {
		row := &moved.Census[i]
		if _, ok := r.windows[row.Model]; ok && row.Ring == RingVerification && version.Newer(releaseVersion, row.OSVersion) {
			row.OSVersion = releaseVersion
		}
	}
	before, after := (&Coverage{}).count(g), (&Coverage{}).count(&moved)
	lost := 0
	for k, kind := range before {
		if kind.Covered > 0 {
			lost += kind.Covered - after[k].Covered // production stays where it is, so that the kind is there after it
		}
	}
	return lost
}

// count returns the phones of a group by kind. Production phones of a line that is
// unknown are covered by any phone of their class.
func (c *Coverage) count(g *group) map[kindred]*Share {
	kinds, classes := map[kindred]*Share{}, map[string]bool{}
	for _, row := range g.Census {
		testing := row.Ring == RingVerification
		if row.Model == "" {
			if !testing {
				c.Unknown += row.Count
			}
			continue
		}
		class := g.class(row.Model)
		kind := shareOf(kinds, kindred{class, osLine(row.OSVersion)})
		if testing {
			kind.Verification += row.Count
			classes[class] = true
		} else {
			kind.Production += row.Count
		}
	}
	for k, kind := range kinds {
		if kind.Verification > 0 || k.line == "" && classes[k.class] {
			kind.Covered = kind.Production
		}
	}
	return kinds
}

// name lists the model classes of a group, and the models that have none but their own.
func (c *Coverage) name(g *group) {
	var models []string
	for _, row := range g.Census {
		if row.Model == "" {
			continue
		}
		models = append(models, row.Model)
		if row.Ring != RingVerification && g.policy.ModelClass == ModelClassScreen && g.screens[row.Model] == "" {
			c.OwnScreen = append(c.OwnScreen, row.Model)
		}
	}
	c.Classes, c.OwnScreen = g.classes(unique(models)), unique(c.OwnScreen)
}

func shareOf[K comparable](all map[K]*Share, key K) *Share {
	if all[key] == nil {
		all[key] = &Share{}
	}
	return all[key]
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
	for name, s := range all {
		if s.Production > 0 {
			s.Name, s.Percent = name, percent(s.Production, c.Production)
			list = append(list, *s)
		}
	}
	slices.SortFunc(list, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Production, a.Production), strings.Compare(a.Name, b.Name))
	})
	return list
}

// suggest takes the largest kind without a verification phone until the goal
// is reached. That is the smallest set, not only a good one: every phone is of
// exactly one kind, so a kind adds the same number whatever else was taken,
// and no n kinds add more than the n largest.
func (c *Coverage) suggest(kinds map[kindred]*Share) {
	var missing []Suggestion
	for k, kind := range kinds {
		if n := kind.Production - kind.Covered; n > 0 {
			missing = append(missing, Suggestion{Model: k.class, Line: k.line, Production: n})
		}
	}
	slices.SortFunc(missing, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(b.Production, a.Production), strings.Compare(a.Model, b.Model), strings.Compare(a.Line, b.Line))
	})
	covered := c.Covered
	for _, m := range missing {
		if covered*100 >= c.Production*CoverageGoal {
			break
		}
		covered += m.Production
		c.Suggested = append(c.Suggested, m)
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
