package fleet

import (
	"slices"
	"time"

	"github.com/kannuki-mdm/kannuki/catalog"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// gateEffects compares the gates of all groups, in the order of groups and then
// of releases, newest first.
func (f *Fleet) gateEffects(w *worldState, before, after *snapshot) []GateEffect {
	out := []GateEffect{}
	now := f.now()
	had, has := before.withCensus(w.census, now), after.withCensus(w.census, now)
	names := slices.Concat(had.GroupNames(), has.GroupNames())
	slices.Sort(names)
	for _, group := range slices.Compact(names) {
		out = append(out, groupGateEffects(after.catalog, had, has, group, now)...)
	}
	return out
}

// groupGateEffects compares the gates of one group, newest first, and those of the
// releases also named, whether or not production has passed them.
func groupGateEffects(cat *catalog.Catalog, before, after *policy.World, group string, now time.Time, also ...string) []GateEffect {
	out := []GateEffect{}
	was, is := gatesByRelease(before, group, now, also...), gatesByRelease(after, group, now, also...)
	for _, r := range cat.Releases() { // newest first
		b, a := was[r.Version], is[r.Version]
		if b.Phase != a.Phase || !slices.Equal(b.WaitsFor(), a.WaitsFor()) {
			out = append(out, GateEffect{
				Group: group, Release: r.Version, PhaseBefore: b.Phase, PhaseAfter: a.Phase, MissingBefore: b.WaitsFor(), MissingAfter: a.WaitsFor(),
			})
		}
	}
	return out
}

func gatesByRelease(w *policy.World, group string, now time.Time, also ...string) map[string]policy.Gate {
	gates := map[string]policy.Gate{}
	for _, release := range also {
		gate := policy.Evaluate(w, group, release, now)
		if _, none := policy.NoGate(gate); !none {
			gates[release] = gate
		}
	}
	for _, g := range policy.Gates(w, group, now) {
		gates[g.Release] = g
	}
	return gates
}

// waveEffects compares the waves that have not started.
func waveEffects(before, after *snapshot) []WaveEffect {
	out := []WaveEffect{}
	for _, a := range after.records.Approvals {
		for _, b := range before.records.Approvals {
			if a.ID != b.ID {
				continue
			}
			for i, is := range a.Waves[:min(len(a.Waves), len(b.Waves))] {
				was := b.Waves[i]
				if is.Start.Equal(was.Start) && is.Deadline == was.Deadline {
					continue
				}
				out = append(out, WaveEffect{
					Group: a.Group, Release: a.Release, Wave: i + 1, StartBefore: was.Start, StartAfter: is.Start,
					DeadlineBefore: policy.LocalTime(was.Deadline), DeadlineAfter: policy.LocalTime(is.Deadline),
				})
			}
		}
	}
	return out
}

// resultEffects compares until when the results count that gates rest on.
func (f *Fleet) resultEffects(w *worldState, before, after *snapshot) []ResultEffect {
	out := []ResultEffect{}
	now := f.now()
	had := before.withCensus(w.census, now)
	for _, g := range after.records.Groups {
		was, is := enginePolicy(before.rollout(g.Name)), enginePolicy(after.rollout(g.Name))
		if was.VerdictDays == is.VerdictDays {
			continue
		}
		for _, gate := range policy.Gates(had, g.Name, now) {
			for _, app := range gate.Apps {
				i := slices.IndexFunc(after.records.Verdicts, func(v storage.Verdict) bool { return v.ID == app.Verdict })
				if i < 0 {
					continue
				}
				v := policyVerdict(after.records.Verdicts[i])
				if from, to := was.Expires(v), is.Expires(v); !from.Equal(to) {
					out = append(out, ResultEffect{Group: g.Name, Release: gate.Release, BundleID: app.BundleID, Verdict: v.ID, UntilBefore: from, UntilAfter: to})
				}
			}
		}
	}
	return out
}
