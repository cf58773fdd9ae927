package fleet

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// ExtendRequest adds models to an approval that stands.
type ExtendRequest struct {
	Group   string `json:"group"`
	Release string `json:"release"`
	// Models are hardware identifiers of production phones that wait because the
	// approval does not cover them; none: all such models.
	Models []string `json:"models,omitempty"`
	// Fingerprint is that of the gate as the person saw it; "" skips the check.
	Fingerprint string `json:"fingerprint,omitempty"`
}

// Extended is what adding models to an approval makes phones do.
type Extended struct {
	Effect
	Models []string `json:"models"` // that were added
	// Added are the waves in which phones of these models are: their number, and the
	// earliest deadline of one of them, which is the end of its own notice where
	// that comes later than the wave's.
	Added []WaveView `json:"added"`
}

// Extend adds models to the approval that stands, by one person, once they are
// verified as the gate asks. Their phones fall into the waves where their hash
// puts them, each with its own notice. It is refused where [policy.Extendable]
// refuses it, with every app named that keeps a model out, and returns a *ChangedError
// when the gate is not the one the person saw. Of several models all are added or none.
func (f *Fleet) Extend(ctx context.Context, seg storage.Segment, a Act, r ExtendRequest) (Extended, error) {
	w, err := f.world(seg)
	if err != nil {
		return Extended{}, err
	}
	var approval storage.Approval
	done := Extended{}
	detail := map[string]string{}
	build := func(s *snapshot, gate policy.Gate) (storage.WorldChange, error) {
		if r.Fingerprint != "" && r.Fingerprint != gate.Fingerprint {
			return storage.WorldChange{}, &ChangedError{r.Group, r.Release}
		}
		done.Models = extending(gate, r.Models)
		if err := extendable(gate, done.Models); err != nil {
			return storage.WorldChange{}, err
		}
		found, ok := standing(s, r.Group, r.Release, f.now())
		if !ok {
			return storage.WorldChange{}, &ChangedError{r.Group, r.Release}
		}
		approval = f.extended(a, found, gate, done.Models)
		detail["approval"], detail["models"] = approval.ID, strings.Join(done.Models, ",")
		detail["verdicts"] = strings.Join(restedOn(gate, done.Models), ",")
		done.Promise, err = f.promise(w, s, approval)
		return storage.WorldChange{Approvals: []storage.Approval{approval}}, err
	}
	effect, err := f.carry(ctx, seg, a, decision{"gate.extend", r.Group, r.Release, build, detail})
	if err != nil {
		return Extended{}, err
	}
	effect.Promise, effect.Approval = done.Promise, approval.ID
	effect.Waves = f.waveViews(w, approval, policy.Phase(effect.Phase))
	done.Effect = effect
	done.Added = f.extendedWaves(w, approval, done.Models, effect.Waves)
	return done, nil
}

// extending returns the models that are to be added, sorted: all that wait when
// none is named.
func extending(gate policy.Gate, named []string) []string {
	if len(named) == 0 {
		for _, u := range gate.Uncovered {
			named = append(named, u.Model)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(named)))
}

// extendable says why models cannot be added, with the apps that keep them out.
func extendable(gate policy.Gate, models []string) error {
	err := policy.Extendable(gate, models...)
	e, ok := errors.AsType[*policy.ExtendError](err)
	if !ok {
		return err
	}
	refusal := refused(string(e.Why), "%v", err).
		with("release", gate.Release, "group", gate.Group, "phase", string(gate.Phase), "models", strings.Join(e.Models, ", "))
	for _, app := range e.Apps {
		refusal.Missing = append(refusal.Missing, missing(gate, app))
	}
	return refusal
}

// extended returns an approval with the models and what they rest on.
func (f *Fleet) extended(act Act, a storage.Approval, gate policy.Gate, models []string) storage.Approval {
	a.Models = sortedUnion(a.Models, models)
	a.Verdicts = sortedUnion(a.Verdicts, restedOn(gate, models))
	a.Extensions = slices.Clone(a.Extensions)
	for _, u := range gate.Uncovered {
		if slices.Contains(models, u.Model) {
			a.Extensions = append(a.Extensions, storage.Extension{
				Model: u.Model, By: act.Actor, Reason: act.Reason, At: f.now(), Floors: storedFloors(u.Floors),
			})
		}
	}
	return a
}

// restedOn returns the results that models of a gate would be added by, sorted.
func restedOn(gate policy.Gate, models []string) []string {
	var ids []string
	for _, u := range gate.Uncovered {
		if slices.Contains(models, u.Model) {
			ids = append(ids, u.Verdicts...)
		}
	}
	return sortedUnion(nil, ids)
}

func sortedUnion(a, b []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(a, b))))
}

// extendedWaves counts the phones of the added models by wave, with the earliest
// deadline that one of them is given. Waves without any are left out.
func (f *Fleet) extendedWaves(w *worldState, a storage.Approval, models []string, views []WaveView) []WaveView {
	s, approval := w.current.Load(), policyApproval(a)
	found := make([]WaveView, len(views))
	for m := range w.census.all() {
		p := &m.look.phone
		added := m.enrolled() && p.Group == a.Group && p.Ring == storage.RingProduction && slices.Contains(models, p.Model)
		i := m.waveOf(&approval)
		if !added || version.AtLeast(fullVersion(p), a.Release) || i < 0 {
			continue
		}
		deadline := f.earliest(s, &approval, approval.Waves[i], f.location(p))
		if found[i].Phones == 0 || deadline.Compare(policy.LocalTime(found[i].Deadline)) < 0 {
			found[i].Deadline, found[i].StopUntil = string(deadline), string(deadline.StopUntil(f.location(p)))
		}
		found[i].Phones++
	}
	list := []WaveView{}
	for i, v := range views {
		if x := found[i]; x.Phones > 0 {
			v.Phones, v.Done, v.Deadline, v.StopUntil = x.Phones, 0, x.Deadline, x.StopUntil
			list = append(list, v)
		}
	}
	return list
}

func engineFloors(list []storage.Floor) []policy.Floor {
	var out []policy.Floor
	for _, fl := range list {
		out = append(out, policy.Floor{BundleID: fl.BundleID, MinVersion: fl.Version})
	}
	return out
}

func storedFloors(list []policy.Floor) []storage.Floor {
	var out []storage.Floor
	for _, fl := range list {
		out = append(out, storage.Floor{BundleID: fl.BundleID, Version: fl.MinVersion})
	}
	return out
}

func engineExtensions(list []storage.Extension) []policy.Extension {
	var out []policy.Extension
	for _, x := range list {
		out = append(out, policy.Extension{Model: x.Model, By: x.By, Reason: x.Reason, At: x.At, Floors: engineFloors(x.Floors)})
	}
	return out
}
