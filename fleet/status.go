package fleet

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kannuki-mdm/kannuki/internal/version"
	"github.com/kannuki-mdm/kannuki/mdm"
	"github.com/kannuki-mdm/kannuki/policy"
	"github.com/kannuki-mdm/kannuki/storage"
)

// status stores a status report and, when the phone's target moved with it,
// has the phone woken: after a report it will not poll by itself.
func (f *Fleet) status(ctx context.Context, w *worldState, p storage.Phone, data []byte) error {
	report, err := mdm.DecodeStatus(data)
	if err != nil {
		return err
	}
	if len(report.Skipped) > 0 {
		f.o.Logger.InfoContext(ctx, "status items not understood", "udid", p.UDID, "items", report.Skipped)
	}
	now := f.now()
	p, err = f.updatePhone(ctx, w, p, func(q *storage.Phone) (storage.PhoneChange, error) {
		q.Contact, q.StatusAt = now, now
		var audit []storage.AuditEntry
		if report.OSVersion != nil {
			audit = f.setOS(w, q, *report.OSVersion, value(report.Build, q.OS.Build))
		}
		had := q.OS.SupplementalExtra
		mergeStatus(q, report, now)
		audit = append(audit, f.improved(w, q, had)...)
		return storage.PhoneChange{Audit: audit, Notices: f.leakNotices(w, q, audit)}, nil
	})
	if err != nil {
		return err
	}
	due, err := f.due(w, &p)
	if err != nil {
		return err
	}
	if due {
		f.waker.Wake(wakeKey(w.segment, p.UDID))
	}
	return nil
}

// moved reports whether the phone should be told something else than it was.
func (f *Fleet) moved(w *worldState, p *storage.Phone) (bool, error) {
	if !declarative(p) && !commandsOnly(p) {
		return false, nil // nothing is known of it yet
	}
	pl, err := f.plan(w.current.Load(), p, f.now())
	if err != nil {
		return false, err
	}
	switch {
	case !pl.announcedTo(p):
		return true, nil
	case !declarative(p):
		return false, nil
	default:
		return f.unconfirmed(w, p)
	}
}

// mergeStatus brings a report into the phone's record. A full report replaces
// what is known of every item it covers; any other adds to it.
func mergeStatus(p *storage.Phone, r mdm.StatusReport, now time.Time) {
	was := p.Update
	if r.FullReport {
		p.Update, p.Passcode = storage.UpdateState{}, nil
		p.OS.SupplementalBuild, p.OS.SupplementalExtra, p.OS.BetaProgram = "", "", ""
	}
	p.OS.SupplementalBuild = valueOrEmpty(r.SupplementalBuild, p.OS.SupplementalBuild)
	p.OS.SupplementalExtra = valueOrEmpty(r.SupplementalExtra, p.OS.SupplementalExtra)
	p.Model = value(r.Model, p.Model)
	p.Passcode = either(r.PasscodePresent, p.Passcode)
	if r.Supervised != nil {
		p.Supervision = storage.Unsupervised
		if *r.Supervised {
			p.Supervision = storage.Supervised
		}
	}
	if r.Update != nil {
		mergeUpdate(&p.Update, *r.Update)
		p.OS.BetaProgram = mdm.Excerpt(valueOrEmpty(r.Update.BetaEnrollment, p.OS.BetaProgram))
	}
	p.Update.Since = was.Since
	if p.Update.Install != was.Install {
		p.Update.Since = now
	}
	p.Update.FailureSeen = failureSeen(was, p.Update, now)
	if !p.Update.FailureSeen.Equal(was.FailureSeen) {
		noteFailure(p)
	}
	if r.Declarations != nil {
		p.Declarations = declarationStates(*r.Declarations)
	}
	if c := r.Capabilities; c != nil {
		p.Capabilities = &storage.Capabilities{
			Settings:    c.Supports(mdm.TypeSoftwareUpdateSettings),
			Enforcement: c.Supports(mdm.TypeSoftwareUpdateEnforcement),
		}
		for _, item := range subscriptions() {
			if c.Reports(item) {
				p.Capabilities.StatusItems = append(p.Capabilities.StatusItems, item)
			}
		}
	}
}

// failureSeen returns when the server first saw the failure that a phone
// reports: what the phone says of its time is optional, and goes by its own clock.
func failureSeen(was, is storage.UpdateState, now time.Time) time.Time {
	failed := string(policy.InstallFailed)
	switch {
	case is.Failures == 0 && is.Install != failed:
		return time.Time{}
	case is.Failures == was.Failures && is.FailureReason == was.FailureReason && is.FailureAt.Equal(was.FailureAt) &&
		(is.Install != failed || was.Install == failed):
		return was.FailureSeen
	default:
		return now
	}
}

// noteFailure keeps the failure that a phone just told: it is asked for when the phone, which
// is told to install no more, says nothing of it any longer.
func noteFailure(p *storage.Phone) {
	u := &p.Update
	if u.FailureSeen.IsZero() {
		return
	}
	release := pendingRelease(p)
	if e := p.Announced.Enforcement; release == "" && e != nil {
		release = e.Release
	}
	if release != "" {
		p.Failed = &storage.Failure{Release: release, Reason: u.FailureReason, At: u.FailureSeen}
	}
}

// forgetFailure ends what is kept of a failure, once the phone runs what it is about.
func forgetFailure(p *storage.Phone) {
	if p.Failed != nil && version.AtLeast(fullVersion(p), p.Failed.Release) {
		p.Failed = nil
	}
}

// valueOrEmpty takes an empty string as a value: a background improvement that was
// removed leaves its letter empty.
func valueOrEmpty(reported *string, last string) string {
	if reported == nil {
		return last
	}
	return *reported
}

func mergeUpdate(u *storage.UpdateState, s mdm.SoftwareUpdateStatus) {
	u.Install = valueOrEmpty(s.InstallState, u.Install)
	if s.InstallReason != nil {
		u.Reasons, u.DeclarationID = s.InstallReason.Reasons, s.InstallReason.DeclarationID
	}
	if s.PendingVersion != nil {
		u.PendingVersion, u.PendingBuild = s.PendingVersion.OSVersion, s.PendingVersion.Build
		u.PendingDeadline = s.PendingVersion.LocalDateTime
	}
	if s.Failure != nil {
		u.Failures, u.FailureReason = int(s.Failure.Count), mdm.Excerpt(s.Failure.Reason)
		u.FailureAt = time.Time{}
		if at, err := time.Parse(time.RFC3339, s.Failure.Timestamp); err == nil {
			u.FailureAt = at.UTC()
		}
	}
}

func declarationStates(d mdm.DeclarationStates) []storage.DeclarationState {
	var out []storage.DeclarationState
	add := func(class string, list []mdm.DeclarationState) {
		for _, s := range list {
			row := storage.DeclarationState{
				Class: class, Identifier: s.Identifier, ServerToken: s.ServerToken, Active: s.Active, Valid: s.Valid,
			}
			for _, r := range s.Reasons {
				row.Reasons = append(row.Reasons, r.Code)
			}
			out = append(out, row)
		}
	}
	add(mdm.ClassActivation, d.Activations)
	add(mdm.ClassAsset, d.Assets)
	add(mdm.ClassConfiguration, d.Configurations)
	add(mdm.ClassManagement, d.Management)
	slices.SortFunc(out, func(a, b storage.DeclarationState) int { return strings.Compare(a.Identifier, b.Identifier) })
	return out
}

// setOS stores what the phone runs and returns the audit entries of a move to
// another release. A production phone that moved to a release nobody approved
// for its group is remembered as such.
func (f *Fleet) setOS(w *worldState, p *storage.Phone, release, build string) []storage.AuditEntry {
	was := p.OS.Version
	p.OS.Build = build
	if release == "" {
		return nil
	}
	now := f.now()
	if version.Equal(was, release) {
		if p.OS.Since.IsZero() {
			p.OS.Since = now // it enrolled with this version
		}
		return nil
	}
	if was == "" {
		p.OS.Version, p.OS.Since = release, now
		return nil // the first that is known of it is no move
	}
	detail := map[string]string{"from": was, "to": release, "group": p.Group, "ring": string(p.Ring)}
	reasons := p.Update.Reasons
	leaks, cause := f.unapproved(w, p, release), policy.Code("")
	if leaks {
		cause = f.leakCause(w.current.Load(), p, release) // of the phone as it was
	}
	remember(p, runsNow(p))
	p.OS.SupplementalBuild, p.OS.SupplementalExtra, p.OS.SupplementalSince = "", "", time.Time{} // those were for the release before
	p.OS.Version, p.OS.Since, p.OS.Reasons = release, now, slices.Clone(reasons)
	forgetFailure(p)
	if len(reasons) > 0 {
		detail["install_reason"] = strings.Join(reasons, ",")
	}
	entries := []storage.AuditEntry{f.entry(Act{Actor: "phone:" + p.UDID}, "phone.updated", p.UDID, detail)}
	// What runs on the new release may be other versions of the apps.
	p.AppsAt, p.AppsFor, p.Reverted = time.Time{}, nil, nil
	if p.Legacy != nil {
		// It reports no status items that would end what the commands began,
		// and the choice of a branch may not have outlived the update.
		p.Update, p.Legacy.CadenceAt = storage.UpdateState{}, time.Time{}
	}
	p.Arrival = nil
	if leaks {
		detail["cause"] = string(cause)
		entries = append(entries, f.leak(w.current.Load(), p, detail, storage.Arrival{Release: release, From: was, Cause: string(cause), Reasons: reasons}))
	}
	return entries
}

// gatesWith works out the gates of a group, once and when they are asked for, with
// phones as they are from now on.
func (f *Fleet) gatesWith(w *worldState, group string, phones ...storage.Phone) func() []policy.Gate {
	return sync.OnceValue(func() []policy.Gate {
		now := f.now()
		return policy.Gates(w.current.Load().policy.WithCensus(w.census.counted(now, phones...)), group, now)
	})
}

// leak remembers how a production phone came to a release that nobody approved
// for its group, and what the group's policy makes of that.
func (f *Fleet) leak(s *snapshot, p *storage.Phone, detail map[string]string, arrival storage.Arrival) storage.AuditEntry {
	detail = maps.Clone(detail) // the entry of the update may have the same
	detail["on_leak"] = s.onLeak(p.Group)
	arrival.At, arrival.Told = f.now(), detail["on_leak"] != leakRecord
	if arrival.Told {
		detail[paramDay] = f.dayOf(arrival.At)
	}
	p.Arrival = &arrival
	return f.entry(Act{Actor: "kannuki"}, "phone.leaked", p.UDID, detail)
}

// arrived looks at a phone that came to the production ring with what it runs:
// enrolled, or moved there. It has leaked when its group has a gate for that
// release and the gate was never opened for its model. What the first phones of a group
// run has none: it is what the group begins with, and nobody's decision.
func (f *Fleet) arrived(w *worldState, p *storage.Phone, how string, gates func() []policy.Gate) []storage.AuditEntry {
	if p.Ring != storage.RingProduction {
		return nil
	}
	s := w.current.Load()
	for _, on := range slices.Compact([]string{s.runs(p), p.OS.Version}) {
		closed := func(g policy.Gate) bool { return version.Equal(g.Release, on) }
		if f.unapproved(w, p, on) && slices.ContainsFunc(gates(), closed) {
			detail := map[string]string{"to": on, "group": p.Group, "how": how}
			return []storage.AuditEntry{f.leak(s, p, detail, storage.Arrival{Release: on, Cause: string(policy.WhyArrivedNewer), Reasons: []string{how}})}
		}
	}
	return nil
}
