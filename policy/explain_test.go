package policy_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// live returns the values of a phone that knows its target and was last heard of
// so long ago that somebody should ask for it.
func live() policy.Live {
	return policy.Live{LastContact: now.Add(-policy.LateAfter), DeclarationFetched: true, HoldConfirmed: true}
}

func TestExplainUnderWay(t *testing.T) {
	t.Parallel()
	type facts = func(*policy.Facts)
	type values = func(*policy.Live)
	state := func(s policy.InstallState) facts { return func(f *policy.Facts) { *f = announced(*f, s) } }
	fails := func(text string) facts {
		return func(f *policy.Facts) {
			*f = announced(*f, policy.InstallFailed)
			f.Install.FailureCount, f.Install.FailureReason = 3, text
		}
	}
	none := func(*policy.Live) {}
	late := func(l *policy.Live) { l.LocalNow = "2026-08-19T18:00:00" }
	tests := []struct {
		name  string
		facts facts
		live  values
		want  policy.Code
		human policy.Code
	}{
		{"not told", func(*policy.Facts) {}, func(l *policy.Live) { l.DeclarationFetched = false }, policy.ReasonSyncPending, policy.StepConnect},
		{"told something older", state(policy.InstallNone), func(l *policy.Live) { l.SyncPending = true }, policy.ReasonSyncPending, policy.StepConnect},
		{"not fetched", state(policy.InstallNone), func(l *policy.Live) { l.DeclarationFetched = false }, policy.ReasonDeclarationNotFetched, policy.StepConnect},
		{"locked", state(policy.InstallNone), func(l *policy.Live) {
			l.DeclarationFetched, l.NotNowSince = false, before
		}, policy.ReasonLocked, policy.StepUnlock},
		{"push dead", state(policy.InstallNone), func(l *policy.Live) { l.DeclarationFetched, l.PushDead = false, true }, policy.ReasonPushUnreachable, policy.StepEnrollAgain},
		{"push dead and silent", state(policy.InstallDownloading), func(l *policy.Live) { l.LastContact, l.PushDead = before, true }, policy.ReasonPushUnreachable, policy.StepEnrollAgain},
		{"never in contact", state(policy.InstallNone), func(l *policy.Live) { l.LastContact = time.Time{} }, policy.ReasonOffline, policy.StepConnect},
		{"silent", state(policy.InstallInstalling), func(l *policy.Live) { l.LastContact = now.Add(-policy.OfflineAfter) }, policy.ReasonOffline, policy.StepConnect},
		{"fetched", state(policy.InstallNone), none, policy.ReasonDownloading, policy.StepConnect},
		{"waiting", state(policy.InstallWaiting), none, policy.ReasonDownloading, policy.StepConnect},
		{"waiting without space", state(policy.InstallWaiting), func(l *policy.Live) { l.AvailableGB = ptr(1.5) }, policy.ReasonNoSpace, policy.StepFreeSpace},
		{"downloading", state(policy.InstallDownloading), none, policy.ReasonDownloading, policy.StepConnect},
		{"downloading another release", func(f *policy.Facts) {
			*f = announced(*f, policy.InstallInstalling)
			f.Install.PendingVersion = "26.5.2"
		}, func(l *policy.Live) { l.DeclarationFetched = false }, policy.ReasonDeclarationNotFetched, policy.StepConnect},
		{"prepared", state(policy.InstallPrepared), none, policy.ReasonWaitingForUser, policy.StepInstallNow},
		{"prepared, deadline passed", state(policy.InstallPrepared), late, policy.ReasonPasscodeNeeded, policy.StepEnterPasscode},
		{"prepared, deadline passed, charge low", state(policy.InstallPrepared), func(l *policy.Live) {
			late(l)
			l.BatteryLevel = ptr(0.1)
		}, policy.ReasonBattery, policy.StepCharge},
		{"prepared, deadline passed, no passcode", state(policy.InstallPrepared), func(l *policy.Live) {
			late(l)
			l.PasscodePresent = ptr(false)
		}, policy.ReasonWaitingForUser, policy.StepInstallNow},
		{"prepared, own deadline not passed", func(f *policy.Facts) {
			*f = announced(*f, policy.InstallPrepared)
			f.Install.Deadline = "2026-08-20T18:00:00"
		}, late, policy.ReasonWaitingForUser, policy.StepInstallNow},
		{"installing", state(policy.InstallInstalling), none, policy.ReasonInstalling, ""},
		{"single app mode", state(policy.InstallPrepared), func(l *policy.Live) { l.SingleApp = true }, policy.ReasonSingleAppMode, policy.StepEndSingleApp},
		{"failed", fails("SUCoreError 7"), none, policy.ReasonInstallFailed, policy.StepRestart},
		{"failed, battery", fails("SUErrorBatteryTooLow"), none, policy.ReasonBattery, policy.StepCharge},
		{"failed, space", fails("Insufficient disk Space"), none, policy.ReasonNoSpace, policy.StepFreeSpace},
		{"failed without a word, little space", fails(""), func(l *policy.Live) { l.AvailableGB = ptr(0.5) }, policy.ReasonNoSpace, policy.StepFreeSpace},
		{"failed before, trying again", func(f *policy.Facts) {
			*f = announced(*f, policy.InstallWaiting)
			f.Install.FailureCount = 1
		}, none, policy.ReasonInstallFailed, policy.StepRestart},
	}
	p := approved()
	p.Approvals[0].At = before
	w := policy.NewWorld(p)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, l := phone(), live()
			tt.facts(&f)
			tt.live(&l)
			got := policy.Explain(w, f, l, policy.TargetFor(w, f, now), now)
			if got.Reason.Code != tt.want || got.NextHuman != tt.human {
				t.Errorf("reason, human step = %s %q, want %s %q", got.Reason.Code, got.NextHuman, tt.want, tt.human)
			}
			if got.Reason.Params[policy.ParamRelease] != next || len(got.Facts) < 2 {
				t.Errorf("reason %v, facts %v: want the release and what supports it", got.Reason, got.Facts)
			}
		})
	}
}

// TestExplainAsksForNobodyTooSoon: nobody is sent to a phone that was heard of a
// moment ago, or that was wanted only now.
func TestExplainAsksForNobodyTooSoon(t *testing.T) {
	t.Parallel()
	const late = policy.LateAfter
	asked := func(at, wave time.Time) policy.Parts {
		p := approved()
		p.Approvals[0].At = at
		p.Approvals[0].Waves = []policy.Wave{{Start: wave, Threshold: policy.Buckets, Deadline: "2026-08-19T18:00:00"}}
		return p
	}
	offered := func(at time.Time) policy.Parts {
		p := parts()
		p.Offers[0].At = at
		return p
	}
	unknown := phone()
	unknown.AppsKnown = false
	tests := []struct {
		name    string
		world   policy.Parts
		facts   policy.Facts
		contact time.Duration // ago
		want    policy.Code
		human   policy.Code
	}{
		{"heard of and wanted long ago", asked(before, before), phone(), late, policy.ReasonSyncPending, policy.StepConnect},
		{"heard of just now", asked(before, before), phone(), late - time.Minute, policy.ReasonSyncPending, ""},
		{"approved just now", asked(now.Add(time.Minute-late), time.Time{}), phone(), 9 * time.Hour, policy.ReasonSyncPending, ""},
		{"its wave started just now", asked(before, now), phone(), 9 * time.Hour, policy.ReasonSyncPending, ""},
		{"offered just now", offered(now), tester(), 9 * time.Hour, policy.ReasonSyncPending, ""},
		{"offered long ago", offered(before), tester(), 9 * time.Hour, policy.ReasonSyncPending, policy.StepConnect},
		{"offline all the same", asked(now, now), phone(), policy.OfflineAfter, policy.ReasonOffline, policy.StepConnect},
		{"apps unknown, heard of just now", approved(), unknown, 0, policy.ReasonAppVersionUnknown, ""},
		{"apps unknown for long", approved(), unknown, late, policy.ReasonAppVersionUnknown, policy.StepConnect},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, l := policy.NewWorld(tt.world), policy.Live{LastContact: now.Add(-tt.contact)}
			got := policy.Explain(w, tt.facts, l, policy.TargetFor(w, tt.facts, now), now)
			if got.Reason.Code != tt.want || got.NextHuman != tt.human {
				t.Errorf("reason, human step = %s %q, want %s %q", got.Reason.Code, got.NextHuman, tt.want, tt.human)
			}
		})
	}
}

// TestExplainHoldEnded: a hold that the phone reported hides nothing that Apple
// posted more than 90 days ago.
func TestExplainHoldEnded(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		posted string
		live   func(*policy.Live)
		want   policy.HoldStatus
	}{
		{"day 89", "2026-05-19", func(*policy.Live) {}, policy.HoldConfirmed},
		{"day 90", "2026-05-18", func(*policy.Live) {}, policy.HoldEnded},
		{"never reported", "2026-05-18", func(l *policy.Live) { l.HoldConfirmed = false }, policy.HoldPending},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, l := approved(), live()
			p.Releases[2].Models = windows(tt.posted, small, large)
			tt.live(&l)
			w := policy.NewWorld(p)
			f := phone()
			if got := policy.Explain(w, f, l, policy.TargetFor(w, f, now), now).Hold; got != tt.want {
				t.Errorf("hold = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestExplainBlocked(t *testing.T) {
	t.Parallel()
	none := func(*policy.Parts) {}
	as := func(*policy.Facts) {}
	tests := []struct {
		name      string
		world     policy.Parts
		change    func(*policy.Parts)
		facts     func(*policy.Facts)
		want      policy.Code
		automatic policy.Code
		human     policy.Code
		line      policy.Code // a fact that must be there
	}{
		{"gate closed", parts(), none, as, policy.ReasonGateClosed, policy.StepHoldEnds, policy.StepRecordVerdicts, policy.GateAppMissing},
		{"gate closed, waiting for approval", verified(), none, as, policy.ReasonGateClosed, policy.StepHoldEnds, policy.StepApprove, policy.GateAllVerified},
		{"gate closed for a tester", parts(), func(p *policy.Parts) { p.Offers = nil }, func(f *policy.Facts) { *f = tester() }, policy.ReasonGateClosed, policy.StepHoldEnds, policy.StepOffer, policy.GateAppMissing},
		{"hold ended", verified(), func(p *policy.Parts) {
			p.Releases[2].Models = windows("2026-05-12", small, large)
		}, as, policy.ReasonHoldEnded, "", policy.StepApprove, policy.FactVisible},
		{"unsupervised", verified(), none, func(f *policy.Facts) { f.Supervised = policy.Unsupervised }, policy.ReasonUnsupervised, "", policy.StepSupervise, policy.FactGate},
		{"newer than verified", approved(), addRelease("26.6.1", "2026-08-10"), func(f *policy.Facts) { f.OSVersion = "26.6.1" }, policy.ReasonNewerThanVerified, "", policy.StepTestApps, policy.GateAppMissing},
		{"paused by a person", approved(), pause, as, policy.ReasonPaused, "", policy.StepResume, policy.GatePausedByPerson},
		{"paused by a broken app", approved(), breakPOS, as, policy.ReasonPaused, policy.StepResumeWhenClear, policy.StepFixApp, policy.GateAppBroken},
		{"paused by a result that was revoked", approved(), revokeFirst, as, policy.ReasonPaused, policy.StepResumeWhenClear, policy.StepRecordVerdicts, policy.GateVerdictRevoked},
		{"wave not started", approved(), startLater, as, policy.ReasonWaveNotStarted, policy.StepWaveStarts, "", policy.GateWaveStarts},
		{"app too old", approved(), none, func(f *policy.Facts) { f.Apps[0].Version = "1" }, policy.ReasonAppUpdateNeeded, policy.StepEnforceAfterApp, policy.StepUpdateApp, policy.FactGate},
		{"model not verified", approved(), func(p *policy.Parts) { p.Approvals[0].Models, p.Verdicts = nil, nil }, as, policy.ReasonModelNotVerified, policy.StepNextRelease, policy.StepTestModel, policy.FactGate},
		{"model verified since", approved(), func(p *policy.Parts) { p.Approvals[0].Models = nil }, as, policy.ReasonModelNotVerified, policy.StepNextRelease, policy.StepExtend, policy.FactGate},
		{"ungrouped", approved(), none, func(f *policy.Facts) { f.Group = "" }, policy.ReasonUngrouped, "", policy.StepAssignGroup, policy.FactInstalled},
		{"not controllable", approved(), none, func(f *policy.Facts) {
			f.OSVersion, f.Supervised, f.Capabilities = "16.1", policy.Unsupervised, policy.Capabilities{}
		}, policy.ReasonNotControllable, "", policy.StepUpdateByHand, policy.FactGate},
		{"done", approved(), none, func(f *policy.Facts) { f.OSVersion = next }, policy.ReasonDone, policy.StepNextRelease, "", policy.FactLastContact},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := tt.world, phone()
			tt.change(&p)
			tt.facts(&f)
			w := policy.NewWorld(p)
			got := policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now)
			if got.Reason.Code != tt.want || got.NextAutomatic != tt.automatic || got.NextHuman != tt.human {
				t.Errorf("reason, steps = %s %q %q, want %s %q %q", got.Reason.Code, got.NextAutomatic, got.NextHuman, tt.want, tt.automatic, tt.human)
			}
			found := false
			for _, fact := range got.Facts {
				found = found || fact.Code == tt.line
			}
			if !found {
				t.Errorf("facts %v lack %s", got.Facts, tt.line)
			}
		})
	}
}

func TestExplainParameters(t *testing.T) {
	t.Parallel()
	p := parts()
	p.Releases[2].Models = windows("2026-05-12", small, large)
	p.Groups[0].Policy = "strict"
	p.Policies = []policy.Policy{{Name: "strict", OnExpiry: policy.OnExpiryReleaseToUsers}}
	w, f := policy.NewWorld(p), phone()
	got := policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now).Reason.Params
	for key, want := range map[string]string{
		policy.ParamRelease: next, policy.ParamGroup: group, policy.ParamPhase: string(policy.PhaseVerifying),
		policy.ParamMissing: pos + "," + scan, policy.ParamSetting: string(policy.OnExpiryReleaseToUsers),
	} {
		if got[key] != want {
			t.Errorf("parameter %s = %q, want %q", key, got[key], want)
		}
	}
	// A target of another world is a mistake of the caller, not a crash.
	other := policy.Target{Release: "99", Blocked: policy.Reason{Code: policy.ReasonGateClosed}}
	if got := policy.Explain(policy.NewWorld(policy.Parts{}), f, live(), other, now); got.Reason.Code != policy.ReasonGateClosed {
		t.Errorf("reason = %s, want gate-closed", got.Reason.Code)
	}
}

func TestExplainKept(t *testing.T) {
	t.Parallel()
	p := approved()
	pause(&p)
	w, f := policy.NewWorld(p), announced(phone(), policy.InstallInstalling)
	got := policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now)
	kept := false
	for _, fact := range got.Facts {
		kept = kept || fact.Code == policy.FactKept
	}
	if got.Reason.Code != policy.ReasonInstalling || !kept {
		t.Errorf("reason, facts = %s %v, want installing and kept", got.Reason.Code, got.Facts)
	}
	p = approved()
	newer := p.Approvals[0]
	newer.ID, newer.Release = "a2", "26.6.1"
	p.Releases = append(p.Releases, policy.Release{Version: newer.Release, Class: "patch", Models: windows("2026-08-14", small, large)})
	p.Approvals = append(p.Approvals, newer)
	w, f = policy.NewWorld(p), announced(phone(), policy.InstallPrepared)
	got = policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now)
	if !slices.ContainsFunc(got.Facts, func(r policy.Reason) bool { return r.Code == policy.FactReady }) {
		t.Errorf("facts = %v, want that it is ready for the older release, and can be stopped", got.Facts)
	}
	w, f = policy.NewWorld(parts()), tester()
	if got := policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now); got.Facts[1].Code != policy.FactCandidate {
		t.Errorf("facts = %v, want the candidate", got.Facts)
	}
}

func TestHoldState(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		facts func(*policy.Facts)
		live  func(*policy.Live)
		want  policy.HoldStatus
		why   policy.Code
	}{
		{"confirmed", func(*policy.Facts) {}, func(*policy.Live) {}, policy.HoldConfirmed, ""},
		{"not reported", func(*policy.Facts) {}, func(l *policy.Live) { l.HoldConfirmed = false }, policy.HoldPending, policy.WhyNotReported},
		{"unsupervised", func(f *policy.Facts) { f.Supervised = policy.Unsupervised }, func(*policy.Live) {}, policy.HoldImpossible, policy.WhyUnsupervised},
		{"supervision unknown", func(f *policy.Facts) { f.Supervised = "" }, func(*policy.Live) {}, policy.HoldPending, policy.WhySupervisionUnknown},
		{"capabilities unknown", func(f *policy.Facts) { f.Capabilities.Known = false }, func(*policy.Live) {}, policy.HoldPending, policy.WhyCapabilitiesUnknown},
		{"no settings declaration", func(f *policy.Facts) { f.Capabilities.Settings, f.OSVersion = false, "27.0" }, func(*policy.Live) {}, policy.HoldImpossible, policy.WhyNoDeclaration},
		{"by profile", func(f *policy.Facts) { f.Capabilities.Settings = false }, func(*policy.Live) {}, policy.HoldConfirmed, ""},
		{"profile not reported", func(f *policy.Facts) { f.OSVersion, f.Capabilities = "15.8.4", policy.Capabilities{} }, func(l *policy.Live) { l.HoldConfirmed = false }, policy.HoldPending, policy.WhyNotReported},
		{"older than any hold", func(f *policy.Facts) { f.OSVersion, f.Capabilities = "11.2.6", policy.Capabilities{} }, func(*policy.Live) {}, policy.HoldImpossible, policy.WhyBeforeHold},
		{"no version reported", func(f *policy.Facts) { f.OSVersion, f.Capabilities = "", policy.Capabilities{} }, func(*policy.Live) {}, policy.HoldPending, policy.WhyFactsUnknown},
		{"refused", func(*policy.Facts) {}, func(l *policy.Live) { l.SettingsError = "rejected" }, policy.HoldImpossible, policy.WhySettingsRefused},
	}
	for _, tt := range tests {
		f, l := phone(), live()
		tt.facts(&f)
		tt.live(&l)
		if got, why := policy.HoldState(f, l); got != tt.want || why != tt.why {
			t.Errorf("%s: hold = %s %q, want %s %q", tt.name, got, why, tt.want, tt.why)
		}
	}
}

// TestClosedUntil: behind a closed gate a phone says when Apple's hold ends for its own
// model, which is later than the gate's where the release came to it later.
func TestClosedUntil(t *testing.T) {
	t.Parallel()
	p := verified()
	p.Releases[2].Models = append(windows("2026-08-05", small), windows("2026-08-12", large)...)
	w := policy.NewWorld(p)
	for model, want := range map[string]string{small: "2026-11-03T00:00:00Z", large: "2026-11-10T00:00:00Z"} {
		f := phone()
		f.Model = model
		x := policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now)
		if x.NextAutomatic != policy.StepHoldEnds || x.Reason.Params[policy.ParamDate] != want {
			t.Errorf("%s: %s, then %s, by itself on %q, want %s", model, x.Reason.Code, x.NextAutomatic, x.Reason.Params[policy.ParamDate], want)
		}
	}
	f := phone()
	f.Supervised = policy.Unsupervised
	if x := policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now); x.Reason.Params[policy.ParamDate] != "" {
		t.Errorf("a phone that nothing is hidden on waits until %q", x.Reason.Params[policy.ParamDate])
	}
}

// TestExplainRemoved: of a phone that left nothing is said as if it were there, whatever
// its last values were.
func TestExplainRemoved(t *testing.T) {
	t.Parallel()
	w, f, l := policy.NewWorld(approved()), phone(), live()
	l.Removed, l.RemovedAt = true, now
	got := policy.Explain(w, f, l, policy.TargetFor(w, f, now), now)
	want := policy.Explanation{
		Reason:    policy.Reason{Code: policy.ReasonRemoved, Params: map[string]string{policy.ParamDate: "2026-08-16T09:00:00Z"}},
		Facts:     []policy.Reason{{Code: policy.FactInstalled, Params: map[string]string{policy.ParamVersion: f.OSVersion, policy.ParamModel: f.Model}}},
		NextHuman: policy.StepEnrollAgain,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("explanation (-want +got):\n%s", diff)
	}
}
