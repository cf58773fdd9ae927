package policy

// WithCensus returns the world with other counts of phones; a group that
// census does not name has none. It shares everything else with w, so that
// taking up new counts costs little.
func (w *World) WithCensus(census map[string][]Census) *World {
	counted := *w
	counted.groups = make(map[string]*group, len(w.groups))
	for name, g := range w.groups {
		c := *g
		c.count(census[name])
		counted.groups[name] = &c
	}
	return &counted
}

// CoarseSpace returns one of the few amounts of free space, in decimal
// gigabytes, that Explain tells apart; nil for nil.
func CoarseSpace(gb *float64) *float64 { return coarse(gb, lowSpaceGB) }

// CoarseCharge is [CoarseSpace] for the charge of a battery, 0 to 1.
func CoarseCharge(level *float64) *float64 { return coarse(level, lowBattery) }

func coarse(value *float64, threshold float64) *float64 {
	if value == nil {
		return nil
	}
	c := 0.0
	if *value >= threshold {
		c = threshold
	}
	return &c
}
