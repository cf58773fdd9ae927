package policy

import (
	"cmp"
	"slices"
	"time"
)

// next returns what happens by itself and what a person can do at a phase.
func (e *evaluation) next(p Phase) (automatic, human Code) {
	switch p {
	case PhaseSuperseded:
		if e.approval != nil { // a newer release has its rollout
			return StepNone, StepNone
		}
		return StepNone, StepChooseNewer
	case PhaseDeclined, PhaseExpired:
		return StepNone, StepChooseNewer
	case PhasePaused:
		return e.nextPaused()
	case PhaseBlocked:
		if e.approval != nil {
			return StepResumeWhenClear, StepFixApp
		}
		return e.nextClock(), StepFixApp
	case PhaseDone:
		return StepNextRelease, StepNone
	case PhaseRollingOut:
		return StepPhonesInstall, StepNone
	case PhaseApproved:
		return StepWaveStarts, StepNone
	case PhaseVerified:
		return e.nextClock(), e.nextVerified()
	case PhaseVerifying:
		return e.nextClock(), cmp.Or(e.nextSetUp(), e.nextTest())
	case PhaseHeld:
		if _, ok := e.ineligible(); ok {
			return StepNone, StepNone
		}
		return e.nextClock(), cmp.Or(e.nextSetUp(), StepOffer)
	}
	return StepNone, StepNone
}

func (e *evaluation) nextPaused() (automatic, human Code) {
	if e.w.halt.stands() {
		return StepNone, haltStep(e.w.halt.reason().Code)
	}
	if reached(e.approval.PausedAt, e.now) {
		if len(e.approval.Stopped) > 0 {
			return StepNone, StepLookAndResume
		}
		return StepNone, StepResume
	}
	return StepResumeWhenClear, StepRecordVerdicts
}

// nextWave returns when the next wave starts of a rollout that goes on.
func (e *evaluation) nextWave(p Phase) time.Time {
	if p != PhaseApproved && p != PhaseRollingOut {
		return time.Time{}
	}
	for _, w := range e.approval.Waves { // in order
		if (w.Waits || !reached(w.Start, e.now)) && !w.Kept {
			return w.Start
		}
	}
	return time.Time{}
}

// nextClock returns what the calendar brings while the gate is closed.
func (e *evaluation) nextClock() Code {
	if e.rel.improvement() || reached(e.times.HiddenUntil, e.now) {
		return StepNone // nothing is to come: it is hidden for good, or no longer
	}
	return StepHoldEnds
}

// nextTest returns which test is missing, or what is missing for any.
func (e *evaluation) nextTest() Code {
	if e.counts.Verification > 0 && e.counts.OnRelease == 0 {
		return StepGetCandidate
	}
	for _, a := range e.apps {
		if slices.Contains(e.missing, a.BundleID) && a.State != StatusProvisional {
			return StepRecordVerdicts
		}
	}
	return StepSmokeTest
}

// nextSetUp returns what the group lacks before any test can count.
func (e *evaluation) nextSetUp() Code {
	for _, r := range e.closed() {
		if r.Code == GateNoApps || r.Code == GateNoBlockingApp {
			return StepAddApp
		}
		if r.Code == GateNoVerificationPhone {
			return StepAddTestPhone
		}
	}
	return StepNone
}

// step is what follows a reason.
type step struct{ automatic, human Code }

// steps returns what happens by itself and what a person can do, for reasons
// whose steps do not come from a gate.
func steps(r Reason) (automatic, human Code) {
	if s, ok := appSteps(r); ok && r.Code == ReasonAppUpdateNeeded {
		return s.automatic, s.human
	}
	s := map[Code]step{
		ReasonPaused:                {StepNone, StepResume},
		ReasonWaveNotStarted:        {StepWaveStarts, StepNone},
		ReasonOutsideCalendar:       {StepWaveStarts, StepNone},
		ReasonSyncPending:           {StepRetryOnPoll, StepConnect},
		ReasonDeclarationNotFetched: {StepPushAgain, StepConnect},
		ReasonLocked:                {StepRetryOnPoll, StepUnlock},
		ReasonOffline:               {StepPushAgain, StepConnect},
		ReasonPushUnreachable:       {StepRetryOnPoll, StepEnrollAgain},
		ReasonDownloading:           {StepDeviceContinues, StepConnect},
		ReasonWaitingForUser:        {StepDeviceContinues, StepInstallNow},
		ReasonPasscodeNeeded:        {StepDeviceContinues, StepEnterPasscode},
		ReasonInstalling:            {StepDeviceContinues, StepNone},
		ReasonNoSpace:               {StepDeviceRetries, StepFreeSpace},
		ReasonBattery:               {StepDeviceRetries, StepCharge},
		ReasonInstallFailed:         {StepDeviceRetries, StepRestart},
		ReasonAppUpdateNeeded:       {StepEnforceAfterApp, StepUpdateApp},
		ReasonAppVersionUnknown:     {StepReadApps, StepConnect},
		ReasonModelNotVerified:      {StepNextRelease, StepTestModel},
		ReasonModelCannotRun:        {StepNone, StepReplacePhone},
		ReasonUnsupervised:          {StepNone, StepSupervise},
		ReasonNewerThanVerified:     {StepNone, StepTestApps},
		ReasonSingleAppMode:         {StepNone, StepEndSingleApp},
		ReasonUngrouped:             {StepNone, StepAssignGroup},
		ReasonNotControllable:       {StepNone, StepUpdateByHand},
		ReasonDone:                  {StepNextRelease, StepNone},
	}[r.Code]
	switch {
	case r.Code == ReasonWaveNotStarted && r.Params[ParamWhy] != "":
		return StepNone, StepChooseNewer
	case r.Code != ReasonPaused:
		return s.automatic, s.human
	}
	switch why := Code(r.Params[ParamWhy]); why {
	case GateClockJumped, GateRestored:
		return StepNone, haltStep(why)
	case GatePausedByPerson:
		return s.automatic, s.human
	case GateStoppedByBreaker:
		return StepNone, StepLookAndResume
	case GateVerdictRevoked:
		return StepResumeWhenClear, StepRecordVerdicts
	default:
		return StepResumeWhenClear, StepFixApp
	}
}
