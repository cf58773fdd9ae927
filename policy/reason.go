package policy

// Code names a fact, a reason or a step. Codes are stable: texts, alarms and
// reports are keyed by them.
type Code string

// Reason is a code with the values its text needs.
type Reason struct {
	Code   Code              `json:"code"`
	Params map[string]string `json:"params,omitempty"`
	From   []Record          `json:"from,omitempty"` // what it rests on; set by World.Cited and Explainer.Cited
}

// Keys of Reason.Params.
const (
	ParamApp      = "app"      // bundle identifier
	ParamBuild    = "build"    // of a beta
	ParamBy       = "by"       // who decided
	ParamCount    = "count"    // a decimal number
	ParamDate     = "date"     // RFC 3339, UTC
	ParamDeadline = "deadline" // LocalTime
	ParamFlaws    = "flaws"    // CVE identifiers
	ParamFloor    = "floor"    // lowest version of the app that is covered
	ParamGroup    = "group"
	ParamModel    = "model"
	ParamModels   = "models"  // hardware identifiers, with commas and blanks between
	ParamOf       = "of"      // the number that ParamCount is a part of
	ParamPhase    = "phase"   // of the gate the phone waits for
	ParamMissing  = "missing" // bundle identifiers, comma separated
	ParamRelease  = "release"
	ParamReason   = "reason"  // what a person wrote
	ParamSecond   = "second"  // the other person of two
	ParamSetting  = "setting" // the value of a policy setting
	ParamSilent   = "silent"  // the number of ParamCount that is out of contact
	ParamSpent    = "spent"   // "true": an app is not asked for again by itself
	ParamVersion  = "version" // what is installed
	ParamWave     = "wave"    // number of a wave, from 1
	ParamWhy      = "why"     // a finer code, or Apple's text for ReasonInstallFailed
)

// The reasons of one phone (Explanation.Reason, Target.Blocked).
const (
	ReasonGateClosed            Code = "gate-closed"
	ReasonPaused                Code = "paused"
	ReasonWaveNotStarted        Code = "wave-not-started"
	ReasonOutsideCalendar       Code = "outside-calendar"
	ReasonSyncPending           Code = "sync-pending"
	ReasonDeclarationNotFetched Code = "declaration-not-fetched"
	ReasonLocked                Code = "locked"
	ReasonOffline               Code = "offline"
	ReasonPushUnreachable       Code = "push-unreachable"
	ReasonDownloading           Code = "downloading"
	ReasonWaitingForUser        Code = "waiting-for-user"
	ReasonPasscodeNeeded        Code = "passcode-needed"
	ReasonInstalling            Code = "installing"
	ReasonNoSpace               Code = "no-space"
	ReasonBattery               Code = "battery"
	ReasonInstallFailed         Code = "install-failed"
	ReasonHoldEnded             Code = "hold-ended"
	ReasonAppUpdateNeeded       Code = "app-update-needed"
	ReasonAppVersionUnknown     Code = "app-version-unknown"
	ReasonModelNotVerified      Code = "model-not-verified"
	ReasonModelCannotRun        Code = "model-cannot-run"
	ReasonUnsupervised          Code = "unsupervised"
	ReasonNewerThanVerified     Code = "newer-than-verified"
	ReasonSingleAppMode         Code = "single-app-mode"
	ReasonUngrouped             Code = "ungrouped"
	ReasonDone                  Code = "done"
	// ReasonRemoved says that the phone was taken out or left by itself: nothing is
	// wanted of it.
	ReasonRemoved Code = "removed"
	// ReasonNotControllable says that the release is approved but the phone
	// can neither be told by declaration nor by command, or reports a version
	// that cannot be ordered; ParamWhy tells which.
	ReasonNotControllable Code = "not-controllable"
)

// Reasons returns every reason a phone can have.
func Reasons() []Code {
	return []Code{
		ReasonGateClosed, ReasonPaused, ReasonWaveNotStarted, ReasonOutsideCalendar, ReasonSyncPending,
		ReasonDeclarationNotFetched, ReasonLocked, ReasonOffline, ReasonPushUnreachable, ReasonDownloading,
		ReasonWaitingForUser, ReasonPasscodeNeeded, ReasonInstalling, ReasonNoSpace, ReasonBattery, ReasonInstallFailed,
		ReasonHoldEnded, ReasonAppUpdateNeeded, ReasonAppVersionUnknown, ReasonModelNotVerified, ReasonModelCannotRun,
		ReasonUnsupervised, ReasonNewerThanVerified, ReasonSingleAppMode, ReasonUngrouped, ReasonDone, ReasonNotControllable, ReasonRemoved,
	}
}

// Why a gate is in its phase (Gate.Reasons), besides the phase's own facts.
const (
	GateUnknownGroup        Code = "unknown-group"
	GateUnknownRelease      Code = "unknown-release"
	GateImprovement         Code = "improvement-follows-base"
	GateBranchLives         Code = "branch-lives"
	GateBranchQuiet         Code = "branch-quiet"
	GateBranchStopped       Code = "branch-stopped"
	GateImprovementOff      Code = "improvements-off"
	GateNotPosted           Code = "not-posted"
	GateNotApplicable       Code = "not-applicable"
	GateDeclined            Code = "declined"
	GateExpired             Code = "expired"
	GatePausedByPerson      Code = "paused-by-person"
	GateStoppedByBreaker    Code = "stopped-by-breaker"
	GateVerdictRevoked      Code = "verdict-revoked"
	GateAppBroken           Code = "app-broken"
	GateAllThere            Code = "all-there"
	GatePhonesOutstanding   Code = "phones-outstanding"
	GateWaveStarts          Code = "wave-starts"
	GateSuperseded          Code = "superseded"
	GateTakenOver           Code = "superseded-by" // its rollout goes on with a newer release
	GateNoApps              Code = "no-apps"
	GateNoBlockingApp       Code = "no-blocking-app"
	GateNoVerificationPhone Code = "no-verification-phone"
	GateAppMissing          Code = "app-missing"
	GateAllVerified         Code = "all-verified"
	GateHoldEnded           Code = "hold-ended"
	GatePolicyApproves      Code = "policy-approves" // by itself, on ParamDate, when the hold of ParamRelease ends
	GatePolicyWaits         Code = "policy-waits"    // and does by itself once something is verified: that hold ended
	GateAppCarried          Code = "app-carried"
	GateOffered             Code = "offered"
	GateOverridden          Code = "overridden"
	GateOverrideEnded       Code = "override-ended"
	GateUrgentApproval      Code = "urgent-approval"
	GateHurried             Code = "hurried"
	GateWaveKept            Code = "wave-kept"       // its build would not outlive it for long enough
	GateModelAdded          Code = "model-added"     // to the approval, after it was given
	GateAppNotCovered       Code = "app-not-covered" // it became a condition after the approval was given
	GateClockJumped         Code = "clock-jumped"    // a halt; ParamDate
	GateRestored            Code = "restored"        // a halt; ParamDate
)

// Why a verdict, or the lack of one, does not count (AppState.Why).
const (
	WhyNoVerdict        Code = "no-verdict"
	WhyOtherGroup       Code = "other-group"
	WhyProductionPhone  Code = "production-phone"
	WhyPhoneNotOn       Code = "phone-not-on-release"
	WhyTesterNotAllowed Code = "tester-not-allowed"
	WhyNoEvidence       Code = "external-without-evidence"
	WhyUnknownResult    Code = "unknown-result"
	WhyNoAppVersion     Code = "no-app-version"
	WhyBeta             Code = "beta-build"
	WhyHeadStart        Code = "head-start"         // of a verification phone with a beta: its results come early, and open nothing
	WhyProductionBeta   Code = "beta-in-production" // of a production phone: no result comes from it
	WhyRevoked          Code = "revoked"
	WhyExpired          Code = "expired"
	WhyBroken           Code = "broken"
	WhyModelsMissing    Code = "models-missing"
	WhyUnknownMethod    Code = "unknown-method"
	WhySmokeMissing     Code = "smoke-missing"

	// Why a smoke test that found nothing counts for nothing.
	WhyCarryOverOff   Code = "carry-over-off"
	WhyFullNeeded     Code = "full-test-needed" // it is no patch
	WhyBaseBroken     Code = "base-broken"      // broken on an older release of the same x.y
	WhyNothingToCarry Code = "nothing-to-carry" // no result on an older release of the same x.y
)

// Finer codes in ParamWhy of a phone's reason.
const (
	WhyFactsUnknown        Code = "facts-unknown"          // no iOS version or model reported yet
	WhyCapabilitiesUnknown Code = "capabilities-unknown"   // no capabilities reported yet
	WhyVersionUnreadable   Code = "version-unreadable"     // the reported version cannot be ordered
	WhySystemTooOld        Code = "ios-before-9"           // older than any mechanism
	WhyBeforeHold          Code = "ios-before-11.3"        // older than any hold
	WhyUnsupervisedOld     Code = "unsupervised-before-17" // commands need supervision, and declarations iOS 17
	WhyNoDeclaration       Code = "declaration-unsupported"
	WhySupervisionUnknown  Code = "supervision-unknown"
	WhySettingsRefused     Code = "settings-refused"
	WhyNotReported         Code = "not-reported"
	WhyUnsupervised        Code = "unsupervised"
	WhyWaveKept            Code = "wave-kept"        // the build of the release ends too soon for its wave to start
	WhyOverrideEnded       Code = "exception-ended"  // the override that let the phone install
	WhyModelNotChosen      Code = "model-not-chosen" // two people chose ParamModels for an override

	// How a phone came to a release before its gate opened; or WhyUnsupervised.
	WhyArrivedNewer Code = "arrived-newer" // it enrolled, or came to the group, with it
	WhyHoldMissing  Code = "hold-missing"  // it had not reported a hold in force
	WhyHoldPast     Code = "hold-past"     // Apple's longest hold was over for the release
	WhyDespiteHold  Code = "despite-hold"  // it had reported one, and moved all the same

	// What the circuit breaker stops a rollout for (Reading.Signal).
	WhyInstallsFailed Code = "installs-failed"
	WhyPhonesSilent   Code = "phones-silent"
	WhyAppsReverted   Code = "apps-reverted"
	WhyAppsReported   Code = "apps-reported"
)

// Supporting facts (Explanation.Facts).
const (
	FactInstalled    Code = "installed"     // ParamVersion, ParamModel
	FactApproved     Code = "approved"      // ParamRelease, ParamBy, ParamDate
	FactCandidate    Code = "candidate"     // ParamRelease
	FactGate         Code = "gate"          // ParamRelease, ParamPhase
	FactAnnounced    Code = "announced"     // ParamRelease, ParamDeadline
	FactInstallState Code = "install-state" // ParamWhy
	FactLastContact  Code = "last-contact"  // ParamDate
	FactKept         Code = "kept"          // not withdrawn or switched: installing
	FactReady        Code = "kept-ready"    // not switched: prepared; a stop would still withdraw it
	FactVisible      Code = "visible"       // ParamRelease, ParamDate: users can see it since
	FactLeaked       Code = "leaked"        // ParamRelease, ParamDate, ParamWhy: how it came there before the gate opened
	FactAppSent      Code = "app-install"   // ParamApp, ParamFloor, ParamDate, ParamCount, ParamWhy: told to update it
	FactNoDeadline   Code = "no-deadline"   // ParamRelease: told by command, and a passcode lets the user put it off
)

// Steps (Gate.NextAutomatic, Gate.NextHuman, Explanation.NextAutomatic,
// Explanation.NextHuman). StepNone says that there is none.
const (
	StepNone Code = ""

	// What happens by itself.
	StepHoldEnds        Code = "hold-ends"
	StepPolicyApproves  Code = "policy-approves" // see GatePolicyApproves
	StepPolicyWaits     Code = "policy-waits"    // see GatePolicyWaits
	StepWaveStarts      Code = "wave-starts"
	StepPhonesInstall   Code = "phones-install"
	StepResumeWhenClear Code = "resume-when-cleared"
	StepPushAgain       Code = "push-again"
	StepRetryOnPoll     Code = "retry-on-poll"
	StepDeviceContinues Code = "device-continues"
	StepDeviceRetries   Code = "device-retries"
	StepReadApps        Code = "read-app-versions"
	StepEnforceAfterApp Code = "enforce-after-app-update"
	StepAppComes        Code = "app-update-comes"
	StepAppRetries      Code = "app-update-retries"
	StepAppSpent        Code = "app-update-spent"
	StepNextRelease     Code = "next-release"

	// What a person can do.
	StepOffer          Code = "offer"
	StepAddApp         Code = "add-app"
	StepAddTestPhone   Code = "add-verification-phone"
	StepRecordVerdicts Code = "record-verdicts"
	StepSmokeTest      Code = "run-quick-check"
	StepGetCandidate   Code = "get-candidate" // onto a verification phone: none has it
	StepFixApp         Code = "fix-app-and-test-again"
	StepApprove        Code = "approve"
	StepApproveUrgent  Code = "approve-urgent"  // two people, after quick checks
	StepHurry          Code = "hurry"           // two people, a rollout under way
	StepExtend         Code = "extend"          // the approval, by a model that is verified now
	StepTestToApprove  Code = "test-to-approve" // an approval can take the place of an override then
	StepResume         Code = "resume"
	StepLookAndResume  Code = "look-and-resume"
	StepChooseNewer    Code = "choose-newer-release"
	StepTakeBack       Code = "take-decline-back" // two people, nothing newer is open
	StepUnlock         Code = "unlock"
	StepConnect        Code = "connect"
	StepInstallNow     Code = "install-now"
	StepEnterPasscode  Code = "enter-passcode"
	StepFreeSpace      Code = "free-space"
	StepCharge         Code = "charge"
	StepRestart        Code = "restart-or-use-computer"
	StepUpdateApp      Code = "update-app"
	StepSignIn         Code = "sign-in-to-store"
	StepAnswerPhone    Code = "answer-on-phone"
	StepAssignLicence  Code = "assign-licence"
	StepPublishApp     Code = "publish-or-test-app"
	StepTestModel      Code = "test-model"
	StepReplacePhone   Code = "replace-or-regroup"
	StepSupervise      Code = "supervise"
	StepTestApps       Code = "test-apps-on-phone"
	StepLeaveBeta      Code = "leave-beta" // of a production phone
	StepEndSingleApp   Code = "end-single-app-mode"
	StepAssignGroup    Code = "assign-group"
	StepUpdateByHand   Code = "update-by-hand"
	StepEnrollAgain    Code = "enroll-again"
	StepConfirmClock   Code = "confirm-clock"
	StepConfirmRestore Code = "confirm-restore"
)

// reason builds a Reason from alternating keys and values, leaving out empty
// values.
func reason(code Code, pairs ...string) Reason {
	r := Reason{Code: code}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if r.Params == nil {
			r.Params = make(map[string]string, len(pairs)/2)
		}
		r.Params[pairs[i]] = pairs[i+1]
	}
	return r
}
