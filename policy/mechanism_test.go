package policy_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

var (
	none        = policy.Capabilities{}
	silent      = policy.Capabilities{Known: true} // declarations, but none about updates
	enforcement = policy.Capabilities{Known: true, Enforcement: true}
	both        = policy.Capabilities{Known: true, Enforcement: true, Settings: true}
)

// TestMechanism is the capability matrix of the update mechanisms, one line for
// each kind of phone.
func TestMechanism(t *testing.T) {
	t.Parallel()
	const (
		yes, no, unknown = policy.Supervised, policy.Unsupervised, policy.SupervisionUnknown
		nothing          = policy.ByNothing
		declaration      = policy.ByDeclaration
		profile          = policy.ByProfile
		command          = policy.ByCommand
	)
	tests := []struct {
		os            string
		supervised    policy.Supervision
		capabilities  policy.Capabilities
		hold, cadence policy.Mechanism
		holdWhy       policy.Code
		enforce       policy.Mechanism
		blocked, why  policy.Code
	}{
		{"8.4.1", yes, none, nothing, nothing, policy.WhyBeforeHold, nothing, policy.ReasonNotControllable, policy.WhySystemTooOld},
		{"11.2.6", yes, none, nothing, nothing, policy.WhyBeforeHold, command, "", ""},
		{"11.3", yes, none, profile, nothing, "", command, "", ""},
		{"12.5.7", yes, none, profile, nothing, "", command, "", ""},
		{"13.7", yes, none, profile, nothing, "", command, "", ""},
		{"14.4.2", yes, none, profile, nothing, "", command, "", ""},
		{"14.8.1", yes, none, profile, command, "", command, "", ""},
		{"15.8.4", yes, none, profile, command, "", command, "", ""},
		{"16.7.11", yes, none, profile, command, "", command, "", ""},
		{"16.7.11", yes, silent, profile, command, "", command, "", ""},
		{"17.7", yes, none, profile, command, "", nothing, policy.ReasonSyncPending, policy.WhyCapabilitiesUnknown},
		{"17.7", yes, enforcement, profile, command, "", declaration, "", ""},
		{"17.0", yes, silent, profile, command, "", command, "", ""}, // came from 16 and has not reported anew
		{"18.7", yes, none, nothing, nothing, policy.WhyCapabilitiesUnknown, nothing, policy.ReasonSyncPending, policy.WhyCapabilitiesUnknown},
		{"18.7", yes, enforcement, profile, command, "", declaration, "", ""}, // came from 17 and has not reported anew
		{"18.7", yes, both, declaration, declaration, "", declaration, "", ""},
		{"26.5", yes, both, declaration, declaration, "", declaration, "", ""},
		{"27.0", yes, both, declaration, declaration, "", declaration, "", ""},
		{"27.0", yes, silent, nothing, nothing, policy.WhyNoDeclaration, nothing, policy.ReasonNotControllable, policy.WhyNoDeclaration},
		{"27.0", yes, none, nothing, nothing, policy.WhyCapabilitiesUnknown, nothing, policy.ReasonSyncPending, policy.WhyCapabilitiesUnknown},
		{"12.5.7", no, none, nothing, nothing, policy.WhyUnsupervised, nothing, policy.ReasonNotControllable, policy.WhyUnsupervisedOld},
		{"16.7.11", no, silent, nothing, nothing, policy.WhyUnsupervised, nothing, policy.ReasonNotControllable, policy.WhyUnsupervisedOld},
		{"17.7", no, enforcement, nothing, nothing, policy.WhyUnsupervised, declaration, "", ""},
		{"17.7", no, silent, nothing, nothing, policy.WhyUnsupervised, nothing, policy.ReasonNotControllable, policy.WhyNoDeclaration},
		{"18.7", no, both, nothing, declaration, policy.WhyUnsupervised, declaration, "", ""},
		{"27.0", no, both, nothing, declaration, policy.WhyUnsupervised, declaration, "", ""},
		{"15.8.4", unknown, none, nothing, nothing, policy.WhySupervisionUnknown, nothing, policy.ReasonSyncPending, policy.WhySupervisionUnknown},
		{"26.5", unknown, both, nothing, declaration, policy.WhySupervisionUnknown, declaration, "", ""},
	}
	for _, tt := range tests {
		f := phone()
		f.OSVersion, f.Supervised, f.Capabilities = tt.os, tt.supervised, tt.capabilities
		p := approved()
		p.Releases = append(p.Releases, policy.Release{Version: "27.1", Class: "update", Models: windows("2026-07-28", small)})
		p.Approvals[0].Release = "27.1"
		got := target(p, f)
		by := policy.ByNothing
		if got.Enforce != nil {
			by = got.Enforce.By
		}
		want := policy.Hold{Days: 90, Supervised: tt.supervised == yes, By: tt.hold, Cadence: tt.cadence}
		if got.Hold != want || by != tt.enforce || got.Blocked.Code != tt.blocked || got.Blocked.Params[policy.ParamWhy] != string(tt.why) {
			t.Errorf("%s %s %+v:\n hold %+v, enforced by %q, blocked %v\nwant %+v, %q, %s %s",
				tt.os, tt.supervised, tt.capabilities, got.Hold, by, got.Blocked, want, tt.enforce, tt.blocked, tt.why)
		}
		if alone := policy.HoldFor(policy.NewWorld(p), f); alone != want {
			t.Errorf("%s %s %+v: the hold alone is %+v, want %+v", tt.os, tt.supervised, tt.capabilities, alone, want)
		}
		l := live()
		l.HoldConfirmed = true
		if state, why := policy.HoldState(f, l); why != tt.holdWhy || (state == policy.HoldConfirmed) != (tt.hold != nothing) {
			t.Errorf("%s %s: hold is %s %q, want why %q", tt.os, tt.supervised, state, why, tt.holdWhy)
		}
	}
}

// TestExplainGoldenCommand shows what is said of a phone without declarations
// at each point of its way: the passcode that no deadline beats among it.
func TestExplainGoldenCommand(t *testing.T) {
	t.Parallel()
	w := policy.NewWorld(approved())
	old := phone()
	old.OSVersion, old.Capabilities = "15.8.4", none
	told := old
	told.Announced = &policy.Enforcement{
		Release: next, Deadline: "2026-08-19T18:00:00", Source: policy.SourceApproval, SourceID: "a1", By: policy.ByCommand,
	}
	doing := func(state policy.InstallState, failure string) policy.Facts {
		f := told
		f.Install = policy.Install{State: state, Reasons: []string{"mdm"}, PendingVersion: next, FailureReason: failure}
		if failure != "" {
			f.Install.FailureCount = 1
		}
		return f
	}
	late := func(l *policy.Live) { l.LocalNow = "2026-08-20T09:00:00" }
	tests := []struct {
		name  string
		facts policy.Facts
		live  func(*policy.Live)
	}{
		{"not told", old, func(l *policy.Live) { l.SyncPending = true }},
		{"not answered", told, func(l *policy.Live) { l.DeclarationFetched = false }},
		{"downloading", doing(policy.InstallDownloading, ""), func(*policy.Live) {}},
		{"ready", doing(policy.InstallPrepared, ""), func(*policy.Live) {}},
		{"passcode", doing(policy.InstallPrepared, ""), late},
		{"no passcode", doing(policy.InstallPrepared, ""), func(l *policy.Live) { late(l); l.PasscodePresent = ptr(false) }},
		{"no space", doing(policy.InstallFailed, "DownloadInsufficientSpace"), func(*policy.Live) {}},
		{"no power", doing(policy.InstallFailed, "InstallInsufficientPower"), func(*policy.Live) {}},
		{"failed", doing(policy.InstallFailed, "InstallFailed"), func(*policy.Live) {}},
		{"installing", doing(policy.InstallInstalling, ""), func(*policy.Live) {}},
	}
	type line struct {
		Name        string             `json:"name"`
		Explanation policy.Explanation `json:"explanation"`
	}
	var lines []line
	for _, tt := range tests {
		l := live()
		tt.live(&l)
		lines = append(lines, line{tt.name, policy.Explain(w, tt.facts, l, policy.TargetFor(w, tt.facts, now), now)})
	}
	golden(t, "by-command.json", lines)
}

// TestOtherMechanismKeepsNothing: what was told by command is not kept for a
// phone that takes declarations by now, nor does a change of mechanism alone
// change what is to be installed.
func TestOtherMechanismKeepsNothing(t *testing.T) {
	t.Parallel()
	p := approved()
	pause(&p)
	f := announced(phone(), policy.InstallInstalling)
	f.Announced.By = policy.ByCommand
	if got := target(p, f); got.Enforce != nil {
		t.Errorf("enforce %+v, want nothing kept: the phone takes no command any more", got.Enforce)
	}
	f.Capabilities, f.OSVersion = none, "16.7.11"
	if got := target(p, f); got.Enforce == nil || !got.Enforce.Keep || got.Enforce.By != policy.ByCommand {
		t.Errorf("enforce %+v, want what is installing kept", got.Enforce)
	}
	want := target(approved(), announced(phone(), policy.InstallNone)).Enforce
	got := target(approved(), func() policy.Facts {
		f := announced(phone(), policy.InstallPrepared)
		f.Announced.By = policy.ByCommand
		return f
	}()).Enforce
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("enforcement after a change of mechanism (-want +got):\n%s", diff)
	}
}
