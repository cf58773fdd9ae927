package storage

import "slices"

// Clone returns a copy that shares no memory with p.
func (p Phone) Clone() Phone {
	p.Push.Token = slices.Clone(p.Push.Token)
	p.UnlockToken = slices.Clone(p.UnlockToken)
	p.AvailableGB, p.Battery, p.Passcode = copied(p.AvailableGB), copied(p.Battery), copied(p.Passcode)
	p.Apps = slices.Clone(p.Apps)
	if p.Capabilities = copied(p.Capabilities); p.Capabilities != nil {
		p.Capabilities.StatusItems = slices.Clone(p.Capabilities.StatusItems)
	}
	p.AppsFor = slices.Clone(p.AppsFor)
	p.AppUpdates = slices.Clone(p.AppUpdates)
	p.Update.Reasons = slices.Clone(p.Update.Reasons)
	p.Declarations = slices.Clone(p.Declarations)
	for i := range p.Declarations {
		p.Declarations[i].Reasons = slices.Clone(p.Declarations[i].Reasons)
	}
	p.OS.Reasons = slices.Clone(p.OS.Reasons)
	p.History = slices.Clone(p.History)
	for i := range p.History {
		p.History[i].Reasons = slices.Clone(p.History[i].Reasons)
	}
	p.Past = slices.Clone(p.Past)
	p.Announced.Enforcement = copied(p.Announced.Enforcement)
	p.Legacy = copied(p.Legacy)
	if p.Arrival = copied(p.Arrival); p.Arrival != nil {
		p.Arrival.Reasons = slices.Clone(p.Arrival.Reasons)
	}
	p.Failed = copied(p.Failed)
	p.Reverted = slices.Clone(p.Reverted)
	if p.Chase = copied(p.Chase); p.Chase != nil {
		p.Chase.Steps = slices.Clone(p.Chase.Steps)
	}
	return p
}

func copied[T any](v *T) *T {
	if v == nil {
		return nil
	}
	c := *v
	return &c
}
