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
	case PhaseDeclined:
		if e.installable() && e.supersededBy() == nil && !e.newerBranch() {
			return StepNone, StepTakeBack
		}
		return StepNone, StepChooseNewer
	case PhaseExpired:
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

// newerBranch reports whether all models of the gate can get a release of a newer
// branch, which the group did not decline and its policy does not hold: what to do about
// flaws is then a question of that one.
func (e *evaluation) newerBranch() bool {
	return slices.ContainsFunc(e.w.releasesOf(e.g), func(r *release) bool {
		if r.branch <= e.rel.branch || r.improvement() || e.g.isDeclined(r.Version, e.now) {
			return false
		}
		for _, m := range e.windows {
			if n, ok := r.windows[m.Model]; !ok || !n.open(e.now) {
				return false
			}
		}
		older := newEvaluation(e.w, e.g, r, e.now).branch()
		return older == nil || !older.Held
	})
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

// nextWave returns when the next wave starts of a rollout that goes on. Those
// behind one that is kept, or would be, wait for it.
func (e *evaluation) nextWave(gate *Gate) time.Time {
	if gate.Phase != PhaseApproved && gate.Phase != PhaseRollingOut {
		return time.Time{}
	}
	i := slices.IndexFunc(e.approval.Waves, func(w Wave) bool { return !w.Begun(e.now) })
	kept := e.w.Schedule(e.g.Name, e.approval).KeptAt(*gate, e.approval)
	if i < 0 || kept >= 0 && kept <= i || reached(e.approval.Waves[i].Start, e.now) {
		return time.Time{} // one that is due starts with the next look
	}
	return e.approval.Waves[i].Start
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
	s := stepOf(r.Code)
	switch {
	case r.Code == ReasonWaveNotStarted && r.Params[ParamWhy] != "":
		return StepNone, StepChooseNewer
	case r.Code == ReasonModelNotVerified && r.Params[ParamWhy] != "":
		return s.automatic, StepTestToApprove
	case r.Code == ReasonDone && r.Params[ParamWhy] == string(WhyProductionBeta):
		return s.automatic, StepLeaveBeta
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

// stepOf returns what follows a reason whatever is known beside it.
func stepOf(code Code) step {
	switch code {
	case ReasonPaused:
		return step{StepNone, StepResume}
	case ReasonWaveNotStarted:
		return step{StepWaveStarts, StepNone}
	case ReasonOutsideCalendar:
		return step{StepWaveStarts, StepNone}
	case ReasonSyncPending:
		return step{StepRetryOnPoll, StepConnect}
	case ReasonDeclarationNotFetched:
		return step{StepPushAgain, StepConnect}
	case ReasonLocked:
		return step{StepRetryOnPoll, StepUnlock}
	case ReasonOffline:
		return step{StepPushAgain, StepConnect}
	case ReasonPushUnreachable:
		return step{StepRetryOnPoll, StepEnrollAgain}
	case ReasonDownloading:
		return step{StepDeviceContinues, StepConnect}
	case ReasonWaitingForUser:
		return step{StepDeviceContinues, StepInstallNow}
	case ReasonPasscodeNeeded:
		return step{StepDeviceContinues, StepEnterPasscode}
	case ReasonInstalling:
		return step{StepDeviceContinues, StepNone}
	case ReasonNoSpace:
		return step{StepDeviceRetries, StepFreeSpace}
	case ReasonBattery:
		return step{StepDeviceRetries, StepCharge}
	case ReasonInstallFailed:
		return step{StepDeviceRetries, StepRestart}
	case ReasonAppUpdateNeeded:
		return step{StepEnforceAfterApp, StepUpdateApp}
	case ReasonAppVersionUnknown:
		return step{StepReadApps, StepConnect}
	case ReasonModelNotVerified:
		return step{StepNextRelease, StepTestModel}
	case ReasonModelCannotRun:
		return step{StepNone, StepReplacePhone}
	case ReasonUnsupervised:
		return step{StepNone, StepSupervise}
	case ReasonNewerThanVerified:
		return step{StepNone, StepTestApps}
	case ReasonSingleAppMode:
		return step{StepNone, StepEndSingleApp}
	case ReasonUngrouped:
		return step{StepNone, StepAssignGroup}
	case ReasonNotControllable:
		return step{StepNone, StepUpdateByHand}
	case ReasonDone:
		return step{StepNextRelease, StepNone}
	case ReasonRemoved:
		return step{StepNone, StepEnrollAgain}
	default:
		return step{}
	}
}
