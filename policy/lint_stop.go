package policy

import "strconv"

// neverStopped finds an automatic stop of which every signal is switched off.
func (d *drafted) neverStopped() []map[string]string {
	return once(!d.Breaker.shared() && d.Breaker.Reports <= 0)
}

// shared reports whether a share of phones can stop a rollout.
func (b Breaker) shared() bool {
	return b.FailedPercent > 0 || b.SilentPercent > 0 && b.SilentAfter > 0 || b.RevertedPercent > 0
}

// stopBeyondGroup finds groups of which no share ever counts, because they have
// fewer phones than it has to be of, where reports stop nothing either.
func (d *drafted) stopBeyondGroup() []map[string]string {
	if !d.Breaker.shared() || d.Breaker.Reports > 0 {
		return nil
	}
	least := max(d.Breaker.Sample, 1)
	if d.Breaker.WaveSample > 0 && len(d.Waves) > 1 {
		least = min(least, d.Breaker.WaveSample)
	}
	return d.each(func(g DraftGroup) []string {
		if g.Production == 0 || g.Production >= least {
			return nil
		}
		return []string{ParamCount, strconv.Itoa(g.Production), ParamLimit, strconv.Itoa(least)}
	})
}

// soakBeforeSilence finds a watch period in which not even a phone that installs at
// once can fall silent, so that the next wave starts before silence stops anything.
func (d *drafted) soakBeforeSilence() []map[string]string {
	after := d.Breaker.SilentAfter
	wrong := len(d.Waves) > 1 && d.Soak > 0 && d.Breaker.SilentPercent > 0 && d.Soak < after
	return once(wrong, ParamLength, lengthText(d.Soak), ParamLimit, lengthText(after))
}

// urgentUnused finds a deadline of an emergency lane that there is not.
func (d *drafted) urgentUnused() []map[string]string {
	return once(d.Urgent.Off && d.Urgent.Deadline > 0, ParamLength, lengthText(d.Urgent.Deadline))
}
