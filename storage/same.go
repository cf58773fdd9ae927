package storage

import "slices"

// Same reports whether two records of a phone say the same, so that what was made
// of one serves for the other.
func (p *Phone) Same(q *Phone) bool {
	return p.sameFacts(q) && p.sameTold(q) &&
		p.Num == q.Num && p.UDID == q.UDID && p.Epoch == q.Epoch && p.State == q.State &&
		p.Serial == q.Serial && p.Group == q.Group && p.Ring == q.Ring && p.Former == q.Former && p.Drafted.same(q.Drafted) && p.Left.same(q.Left) && p.Kept.same(q.Kept) && p.Holder == q.Holder && p.Rights == q.Rights &&
		p.EnrolledAt.Equal(q.EnrolledAt) && p.RemovedAt.Equal(q.RemovedAt) && p.Contact.Equal(q.Contact) &&
		p.Certificate == q.Certificate && p.Identity == q.Identity && p.Push.same(&q.Push) &&
		slices.Equal(p.UnlockToken, q.UnlockToken)
}

// sameFacts compares what phones say of themselves.
func (p *Phone) sameFacts(q *Phone) bool {
	return p.OS.same(&q.OS) && p.Model == q.Model && p.Supervision == q.Supervision && p.TimeZone == q.TimeZone &&
		sameValue(p.AvailableGB, q.AvailableGB) && sameValue(p.Battery, q.Battery) && sameValue(p.Passcode, q.Passcode) &&
		slices.Equal(p.Apps, q.Apps) && p.Capabilities.same(q.Capabilities) &&
		p.InfoAt.Equal(q.InfoAt) && p.AppsAt.Equal(q.AppsAt) && slices.Equal(p.AppsFor, q.AppsFor) && p.AppsNo.Equal(q.AppsNo) &&
		p.StatusAt.Equal(q.StatusAt) && p.Update.same(&q.Update) &&
		sameEach(p.Declarations, q.Declarations, (*DeclarationState).same)
}

// sameTold compares what phones were told, and what came of it.
func (p *Phone) sameTold(q *Phone) bool {
	a, b := &p.Announced, &q.Announced
	return a.Token == b.Token && a.Revision == b.Revision && a.Timestamp.Equal(b.Timestamp) && sameValue(a.Enforcement, b.Enforcement) && a.Wave == b.Wave &&
		p.Sync == q.Sync && p.Arrival.same(q.Arrival) && p.Failed.same(q.Failed) && slices.Equal(p.Reverted, q.Reverted) &&
		sameEach(p.History, q.History, (*Ran).same) && p.Forgotten == q.Forgotten && sameEach(p.Past, q.Past, (*Stay).same) && p.PlacedAt.Equal(q.PlacedAt) && sameValue(p.Legacy, q.Legacy) &&
		p.Chase.same(q.Chase) && sameEach(p.AppUpdates, q.AppUpdates, (*AppUpdate).same) && p.AppCommands == q.AppCommands
}

func sameValue[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// sameEach compares lists of what is too large to be handed over.
func sameEach[T any](a, b []T, same func(x, y *T) bool) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !same(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

func (p *Push) same(q *Push) bool {
	return p.Topic == q.Topic && slices.Equal(p.Token, q.Token) && p.Magic == q.Magic && p.UpdatedAt.Equal(q.UpdatedAt) && p.DeadSince.Equal(q.DeadSince)
}

func (o *OS) same(q *OS) bool {
	return o.Version == q.Version && o.Build == q.Build && o.SupplementalBuild == q.SupplementalBuild &&
		o.SupplementalExtra == q.SupplementalExtra && o.SupplementalSince.Equal(q.SupplementalSince) &&
		o.Since.Equal(q.Since) && o.BetaProgram == q.BetaProgram && slices.Equal(o.Reasons, q.Reasons)
}

func (c *Capabilities) same(d *Capabilities) bool {
	return c == d || c != nil && d != nil &&
		c.Settings == d.Settings && c.Enforcement == d.Enforcement && slices.Equal(c.StatusItems, d.StatusItems)
}

func (u *UpdateState) same(v *UpdateState) bool {
	return u.Install == v.Install && slices.Equal(u.Reasons, v.Reasons) && u.DeclarationID == v.DeclarationID &&
		u.PendingVersion == v.PendingVersion && u.PendingBuild == v.PendingBuild && u.PendingDeadline == v.PendingDeadline &&
		u.Failures == v.Failures && u.FailureReason == v.FailureReason && u.FailureAt.Equal(v.FailureAt) &&
		u.FailureSeen.Equal(v.FailureSeen) && u.Since.Equal(v.Since)
}

func (d *DeclarationState) same(e *DeclarationState) bool {
	return d.Class == e.Class && d.Identifier == e.Identifier && d.ServerToken == e.ServerToken && d.Active == e.Active &&
		d.Valid == e.Valid && slices.Equal(d.Reasons, e.Reasons)
}

func (a *Arrival) same(b *Arrival) bool {
	return a == b || a != nil && b != nil &&
		a.Release == b.Release && a.At.Equal(b.At) && slices.Equal(a.Reasons, b.Reasons) && a.From == b.From &&
		a.Cause == b.Cause && a.Told == b.Told
}

func (f *Failure) same(g *Failure) bool {
	return f == g || f != nil && g != nil && f.Release == g.Release && f.Reason == g.Reason && f.At.Equal(g.At)
}

func (r *Ran) same(s *Ran) bool {
	return r.Version == s.Version && r.Since.Equal(s.Since) && slices.Equal(r.Reasons, s.Reasons)
}

func (s *Stay) same(t *Stay) bool {
	return s.Version == t.Version && s.Group == t.Group && s.Since.Equal(t.Since) && s.Until.Equal(t.Until)
}

func (u *AppUpdate) same(v *AppUpdate) bool {
	return u.BundleID == v.BundleID && u.Floor == v.Floor && u.Deliver == v.Deliver && u.Command == v.Command && u.SourceID == v.SourceID && u.Number == v.Number &&
		u.At.Equal(v.At) && u.AnsweredAt.Equal(v.AnsweredAt) && u.LookedAt.Equal(v.LookedAt) && u.State == v.State && u.Said == v.Said &&
		u.Spent == v.Spent
}

func (c *Chase) same(d *Chase) bool {
	return c == d || c != nil && d != nil &&
		c.Approval == d.Approval && c.Release == d.Release && slices.Equal(c.Steps, d.Steps)
}
