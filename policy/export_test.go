package policy

import "time"

// Explain explains one phone; the product explains many with one [Explainer].
func Explain(w *World, f Facts, l Live, t Target, now time.Time) Explanation {
	return NewExplainer(w, now).Explain(f, l, t)
}
