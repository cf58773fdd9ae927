package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/fleet"
	"github.com/kannuki-mdm/kannuki/internal/lang"
	"github.com/kannuki-mdm/kannuki/policy"
)

// classNamer names model classes so that people know which phones they are.
type classNamer struct {
	t       *lang.Printer
	classes []policy.Class
	models  map[string]string // marketing names by hardware identifier
}

// name returns a class with the models that are in question, "393 x 852 @3x (iPhone 15,
// iPhone 16)"; where each model is its own, and for all of them, the class alone.
func (n classNamer) name(class string) string {
	i := slices.IndexFunc(n.classes, func(c policy.Class) bool { return c.Name == class })
	shown := n.t.ModelClass(class)
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

// seenLine is one app as whoever decides about it sees it.
func (n classNamer) seenLine(app fleet.SeenView) string {
	return fmt.Sprintf("%s (%s): %s", oneLine(app.Name), app.BundleID, n.missing(policy.AppState{
		State: policy.Status(app.State), Why: policy.Code(app.Why), MissingModels: app.MissingModels, BrokenModels: app.BrokenModels, Alone: app.Alone,
	}))
}

// missing words what keeps an app from being verified, each cause with the models that it
// is true of: a quick check on one of them says nothing of those that nobody tried.
func (n classNamer) missing(a policy.AppState) string {
	t := n.t
	parts := []string{n.on(t.Why(cmp.Or(string(a.Why), string(a.State))), a.WhyModels())}
	if untried := untried(a); len(untried) > 0 {
		parts = []string{n.on(t.Why(string(a.Why)), a.Alone), n.on(t.Why(string(policy.WhyNoVerdict)), untried)}
	}
	if quick := n.quickChecks(a); quick != "" {
		parts = append(parts, quick)
	}
	return strings.Join(parts, "; ")
}

// on names the models of which something is true.
func (n classNamer) on(text string, models []string) string {
	text = n.t.Word(text)
	if len(models) == 0 {
		return text
	}
	return n.t.T("%s (models: %s)", text, n.list(models).shown)
}

// untried returns the missing models of an app, of which another one was checked quickly,
// on which nobody tried it at all.
func untried(a policy.AppState) []string {
	switch a.Why {
	case policy.WhyCarryOverOff, policy.WhyFullNeeded, policy.WhyNothingToCarry:
	default:
		return nil
	}
	if len(a.Alone) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(a.MissingModels), func(class string) bool { return slices.Contains(a.Alone, class) })
}

// quickChecks says on which models a quick check is enough, and on which one that was
// made is not, where the state of the app does not say so of all of them.
func (n classNamer) quickChecks(a policy.AppState) string {
	if a.State == policy.StatusProvisional {
		return ""
	}
	var parts []string
	if len(a.Provisional) > 0 {
		parts = append(parts, n.t.T("a quick check is enough on %s", n.list(a.Provisional).shown))
	}
	if len(a.Alone) > 0 && a.State == policy.StatusPartial { // where nothing is tested, it stands beside that
		parts = append(parts, n.t.T("a quick check alone does not verify it on %s", n.list(a.Alone).shown))
	}
	return strings.Join(parts, "; ")
}
