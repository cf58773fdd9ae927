package lang

import "strings"

// ModelClass returns the name people see for a model class (package policy, Class.Name): of
// a screen such as "393x852@3x" its points and scale, "any" in words, and of a model that is
// a class of its own its hardware identifier.
func (p *Printer) ModelClass(name string) string {
	points, scale, ok := strings.Cut(name, "@")
	width, height, upright := strings.Cut(points, "x")
	if ok && upright {
		return width + " x " + height + " @" + scale
	}
	return p.Word(name)
}
