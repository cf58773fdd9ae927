package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

func target(p policy.Parts, f policy.Facts) policy.Target {
	return policy.TargetFor(policy.NewWorld(p), f, now)
}

// TestBlocked tells every reason why a phone has nothing to install.
func TestBlocked(t *testing.T) {
	t.Parallel()
	type facts = func(*policy.Facts)
	type world = func(*policy.Parts)
	same := func(*policy.Parts) {}
	as := func(*policy.Facts) {}
	// The line of the model ends with 26.5.2, which is approved as well.
	endOfLine := func(p *policy.Parts) {
		p.Releases[2].Models = windows("2026-07-27", large)
		a := approval()
		a.ID, a.Release, a.At = "a0", "26.5.2", before
		p.Approvals = append(p.Approvals, a)
	}
	tests := []struct {
		name    string
		world   policy.Parts
		change  world
		facts   facts
		want    policy.Code
		release string
	}{
		{"tester: auto, and the newest was withdrawn", parts(), func(p *policy.Parts) {
			addRelease("26.6.1", "2026-08-10")(p)
			p.Groups[0].Candidate = policy.CandidateAuto
			p.Offers = []policy.Offer{{Group: group, Release: "26.6.1", At: before, Withdrawn: before}}
		}, func(f *policy.Facts) { f.Ring = policy.RingVerification }, policy.ReasonGateClosed, "26.6.1"},
		{"not approved", verified(), same, as, policy.ReasonGateClosed, next},
		{"approval of tomorrow", approved(), func(p *policy.Parts) { p.Approvals[0].At = after }, as, policy.ReasonGateClosed, next},
		{"withdrawn", approved(), func(p *policy.Parts) { p.Approvals[0].Withdrawn = now }, as, policy.ReasonGateClosed, next},
		{"the newest approval is withdrawn", approved(), func(p *policy.Parts) {
			a := approval()
			a.ID, a.At, a.Withdrawn = "a2", now.Add(-time.Minute), now
			p.Approvals = append(p.Approvals, a)
		}, as, policy.ReasonGateClosed, next},
		{"declined after the approval", approved(), decline, as, policy.ReasonGateClosed, "26.5.2"},
		{"approval for another group", approved(), func(p *policy.Parts) { p.Approvals[0].Group = "stock" }, as, policy.ReasonGateClosed, next},
		{"paused", approved(), pause, as, policy.ReasonPaused, next},
		{"broken app", approved(), breakPOS, as, policy.ReasonPaused, next},
		{"revoked verdict", approved(), revokeFirst, as, policy.ReasonPaused, next},
		{"wave not started", approved(), startLater, as, policy.ReasonWaveNotStarted, next},
		{"wave that waits for the one before", approved(), func(p *policy.Parts) {
			p.Approvals[0].Waves = []policy.Wave{{Start: before, Threshold: 1}, {Start: before, Threshold: policy.Buckets, Waits: true}}
		}, as, policy.ReasonWaveNotStarted, next},
		{"wave that the calendar holds back", approved(), func(p *policy.Parts) {
			p.Approvals[0].Waves = []policy.Wave{{Start: after, Threshold: policy.Buckets, Closed: before}}
		}, as, policy.ReasonOutsideCalendar, next},
		{"wave that the calendar will hold back", approved(), func(p *policy.Parts) {
			p.Approvals[0].Waves = []policy.Wave{{Start: after.Add(time.Hour), Threshold: policy.Buckets, Closed: after}}
		}, as, policy.ReasonWaveNotStarted, next},
		{"in no wave", approved(), func(p *policy.Parts) {
			p.Approvals[0].Waves = []policy.Wave{{Start: before, Threshold: policy.Bucket(next, "P-1")}}
		}, as, policy.ReasonWaveNotStarted, next},
		{"app too old", approved(), same, func(f *policy.Facts) { f.Apps[0].Version = "3.0" }, policy.ReasonAppUpdateNeeded, next},
		{"app version without an order", approved(), same, func(f *policy.Facts) { f.Apps[0].Version = "beta" }, policy.ReasonAppUpdateNeeded, next},
		{"apps unknown", approved(), same, func(f *policy.Facts) { f.AppsKnown = false }, policy.ReasonAppVersionUnknown, next},
		{"app version unknown", approved(), same, func(f *policy.Facts) { f.Apps[1].Version = "" }, policy.ReasonAppVersionUnknown, next},
		{"model not covered", approved(), func(p *policy.Parts) { p.Approvals[0].Models = []string{large} }, as, policy.ReasonModelNotVerified, next},
		{"model cannot run it", approved(), func(p *policy.Parts) {
			p.Releases[2].Models = windows("2026-07-27", large)
		}, func(f *policy.Facts) { f.OSVersion = "26.5.2" }, policy.ReasonModelCannotRun, next},
		{"model cannot run it, on the newest approved for it", approved(), endOfLine, func(f *policy.Facts) { f.OSVersion = "26.5.2" }, policy.ReasonDone, ""},
		{"model cannot run it, on the newest approved for it, written otherwise", approved(), func(p *policy.Parts) {
			endOfLine(p)
			p.Releases[1].Version, p.Approvals[1].Release = "26.5.2.0", "26.5.2.0"
		}, func(f *policy.Facts) { f.OSVersion = "26.5.2" }, policy.ReasonDone, ""},
		{"model cannot run it, what it is on was approved once", approved(), func(p *policy.Parts) {
			endOfLine(p)
			p.Approvals[1].Withdrawn = now
		}, func(f *policy.Facts) { f.OSVersion = "26.5.2" }, policy.ReasonModelCannotRun, next},
		{"model cannot run it, past the newest approved for it", approved(), endOfLine, func(f *policy.Facts) { f.OSVersion = "26.5.3" }, policy.ReasonNewerThanVerified, ""},
		{"tester: model cannot run it, on the candidate of its line", approved(), func(p *policy.Parts) {
			endOfLine(p)
			p.Approvals = p.Approvals[:1]
			p.Offers = append(p.Offers, policy.Offer{Group: group, Release: "26.5.2", At: before})
		}, func(f *policy.Facts) { *f = tester(); f.OSVersion = "26.5.2" }, policy.ReasonDone, ""},
		{"model cannot run it, on what only testers are offered", approved(), func(p *policy.Parts) {
			endOfLine(p)
			p.Approvals = p.Approvals[:1]
			p.Offers = append(p.Offers, policy.Offer{Group: group, Release: "26.5.2", At: before})
		}, func(f *policy.Facts) { f.OSVersion = "26.5.2" }, policy.ReasonModelCannotRun, next},
		{"tester: model cannot run it, on what nobody offered", approved(), func(p *policy.Parts) {
			endOfLine(p)
			p.Approvals = p.Approvals[:1]
		}, func(f *policy.Facts) { *f = tester(); f.OSVersion = "26.5.2" }, policy.ReasonModelCannotRun, next},
		{"model cannot run it, older one not approved", approved(), func(p *policy.Parts) {
			p.Releases[2].Models = windows("2026-07-27", large)
		}, as, policy.ReasonGateClosed, "26.5.2"},
		{"expired", approved(), expire, as, policy.ReasonGateClosed, "26.5.2"},
		{"already there", approved(), same, func(f *policy.Facts) { f.OSVersion = next }, policy.ReasonDone, ""},
		{"already there, written otherwise", approved(), same, func(f *policy.Facts) { f.OSVersion = "26.6.0" }, policy.ReasonDone, ""},
		{"newer than approved", approved(), same, func(f *policy.Facts) { f.OSVersion = "26.6.1" }, policy.ReasonNewerThanVerified, ""},
		{"newer than everything, nothing approved", verified(), same, func(f *policy.Facts) { f.OSVersion = "26.6.1" }, policy.ReasonDone, ""},
		{"newer than a declined approval", approved(), decline, func(f *policy.Facts) { f.OSVersion = "26.6.1" }, policy.ReasonDone, ""},
		{"verification phone ahead", approved(), same, func(f *policy.Facts) {
			f.OSVersion, f.Ring = "26.6.1", policy.RingVerification
		}, policy.ReasonDone, ""},
		{"ungrouped", approved(), func(p *policy.Parts) { p.Groups = append(p.Groups, policy.Group{}) }, func(f *policy.Facts) { f.Group = "" }, policy.ReasonUngrouped, ""},
		{"unknown group", approved(), same, func(f *policy.Facts) { f.Group = "nobody" }, policy.ReasonUngrouped, ""},
		{"no report yet", approved(), same, func(f *policy.Facts) { f.OSVersion = "" }, policy.ReasonSyncPending, ""},
		{"no model yet", approved(), same, func(f *policy.Facts) { f.Model = "" }, policy.ReasonSyncPending, ""},
		{"version without an order", approved(), same, func(f *policy.Facts) { f.OSVersion = "27 beta" }, policy.ReasonNotControllable, ""},
		{"capabilities unknown", approved(), same, func(f *policy.Facts) { f.Capabilities = policy.Capabilities{} }, policy.ReasonSyncPending, next},
		{"unknown ring is production", verified(), same, func(f *policy.Facts) { f.Ring = "test" }, policy.ReasonGateClosed, next},
		{"candidate is not for production", parts(), same, as, policy.ReasonGateClosed, next},
		{"tester: not offered", parts(), func(p *policy.Parts) { p.Offers = nil }, func(f *policy.Facts) { *f = tester() }, policy.ReasonGateClosed, next},
		{"tester: offer withdrawn", parts(), func(p *policy.Parts) { p.Offers[0].Withdrawn = now }, func(f *policy.Facts) { *f = tester() }, policy.ReasonGateClosed, next},
		{"tester: offer of tomorrow", parts(), func(p *policy.Parts) { p.Offers[0].At = after }, func(f *policy.Facts) { *f = tester() }, policy.ReasonGateClosed, next},
		{"tester: declined", parts(), decline, func(f *policy.Facts) { *f = tester() }, policy.ReasonGateClosed, "26.5.2"},
		{"tester: expired", parts(), expire, func(f *policy.Facts) { *f = tester() }, policy.ReasonGateClosed, "26.5.2"},
		{"tester: already there", parts(), same, func(f *policy.Facts) { *f = tester(); f.OSVersion = next }, policy.ReasonDone, ""},
		{"tester: approval paused, not offered", approved(), func(p *policy.Parts) { pause(p); p.Offers = nil }, func(f *policy.Facts) { *f = tester() }, policy.ReasonPaused, next},
		{"background improvement is no target", approved(), func(p *policy.Parts) {
			p.Releases[2].Class = policy.ClassImprovement
		}, as, policy.ReasonGateClosed, "26.5.2"},
		{"release of an approval not in the catalogue", approved(), func(p *policy.Parts) { p.Releases = p.Releases[:2] }, as, policy.ReasonGateClosed, "26.5.2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := tt.world, phone()
			tt.change(&p)
			tt.facts(&f)
			got := target(p, f)
			if got.Enforce != nil || got.Blocked.Code != tt.want || got.Release != tt.release {
				t.Errorf("enforce %+v, blocked %v, release %q; want blocked %s, release %q", got.Enforce, got.Blocked, got.Release, tt.want, tt.release)
			}
			if got.Hold.Days != policy.HoldDays {
				t.Errorf("hold = %+v, want the standing one", got.Hold)
			}
		})
	}
}

func TestEnforce(t *testing.T) {
	t.Parallel()
	byApproval := policy.Enforcement{
		Release: next, Deadline: "2026-08-19T18:00:00", Notice: policy.DefaultMinimumNotice,
		Source: policy.SourceApproval, SourceID: "a1", By: policy.ByDeclaration,
	}
	candidate := policy.Enforcement{
		Release: next, Notice: policy.DefaultCandidateNotice, Source: policy.SourceCandidate, SourceID: next, By: policy.ByDeclaration,
	}
	with := func(e policy.Enforcement, f func(*policy.Enforcement)) policy.Enforcement { f(&e); return e }
	older := func(p *policy.Parts) {
		a := approval()
		a.ID, a.Release, a.At = "a0", "26.5.2", before
		p.Approvals = append(p.Approvals, a)
	}
	tests := []struct {
		name   string
		world  policy.Parts
		change func(*policy.Parts)
		facts  policy.Facts
		want   policy.Enforcement
	}{
		{"approved", approved(), func(*policy.Parts) {}, phone(), byApproval},
		{"floors reached or app not installed", approved(), func(*policy.Parts) {}, func() policy.Facts {
			f := phone()
			f.Apps = f.Apps[1:]
			return f
		}(), byApproval},
		{"overridden gate", approved(), func(p *policy.Parts) { p.Verdicts, p.Approvals[0].Override = nil, &policy.Override{Until: after} }, phone(), byApproval},
		{"minimum notice of the group", approved(), func(p *policy.Parts) { p.Groups[0].MinimumNotice = time.Hour }, phone(), with(byApproval, func(e *policy.Enforcement) { e.Notice = time.Hour })},
		{"deadline of the wave", approved(), func(p *policy.Parts) {
			p.Approvals[0].Waves = []policy.Wave{
				{Start: after, Threshold: policy.Buckets, Deadline: "2026-09-01T18:00:00"},
				{Start: before, Threshold: policy.Bucket(next, "P-1") + 1, Deadline: "2026-08-18T12:00:00"},
			}
		}, phone(), with(byApproval, func(e *policy.Enforcement) { e.Deadline = "2026-08-18T12:00:00" })},
		{"a late wave that was started", approved(), func(p *policy.Parts) {
			p.Approvals[0].Waves = []policy.Wave{{Start: before, Threshold: 1}, {Start: before, Threshold: policy.Buckets}}
		}, phone(), byApproval},
		{"the newest approved release", approved(), older, phone(), byApproval},
		{"an older approval stands where the newer does not cover", approved(), func(p *policy.Parts) {
			older(p)
			p.Approvals[0].Models = []string{large}
		}, phone(), with(byApproval, func(e *policy.Enforcement) { e.Release, e.SourceID = "26.5.2", "a0" })},
		{"an older approval stands after a withdrawal", approved(), func(p *policy.Parts) {
			older(p)
			p.Approvals[0].Withdrawn = now
		}, phone(), with(byApproval, func(e *policy.Enforcement) { e.Release, e.SourceID = "26.5.2", "a0" })},
		{"an older approval stands after a decline", approved(), func(p *policy.Parts) { older(p); decline(p) }, phone(), with(byApproval, func(e *policy.Enforcement) { e.Release, e.SourceID = "26.5.2", "a0" })},
		{"an older approval stands while the newer is paused", approved(), func(p *policy.Parts) { older(p); pause(p) }, phone(), with(byApproval, func(e *policy.Enforcement) { e.Release, e.SourceID = "26.5.2", "a0" })},
		{"an older approval stands until the wave starts", approved(), func(p *policy.Parts) { older(p); startLater(p) }, phone(), with(byApproval, func(e *policy.Enforcement) { e.Release, e.SourceID = "26.5.2", "a0" })},
		{"superseded, still the floor", approved(), addRelease("26.6.1", "2026-08-10"), phone(), byApproval},
		{"tester: offered", parts(), func(*policy.Parts) {}, tester(), candidate},
		{"tester: broken app does not stop the tests", parts(), breakPOS, tester(), candidate},
		{"tester: notice of the group", parts(), func(p *policy.Parts) { p.Groups[0].CandidateNotice = time.Hour }, tester(), with(candidate, func(e *policy.Enforcement) { e.Notice = time.Hour })},
		{"tester: offered and approved stays a candidate", approved(), func(*policy.Parts) {}, tester(), candidate},
		{"tester: approved only, without floors and coverage", approved(), func(p *policy.Parts) {
			p.Offers, p.Approvals[0].Models = nil, nil
		}, tester(), byApproval},
		{"tester: approved, candidate is older", approved(), func(p *policy.Parts) { p.Offers[0].Release = "26.5.2" }, tester(), byApproval},
		{"tester: approval paused, candidate is older", approved(), func(p *policy.Parts) {
			pause(p)
			p.Offers[0].Release = "26.5.2"
		}, tester(), with(candidate, func(e *policy.Enforcement) { e.Release, e.SourceID = "26.5.2", "26.5.2" })},
		{"tester: candidate newer than approved", approved(), func(p *policy.Parts) {
			addRelease("26.6.1", "2026-08-10")(p)
			p.Offers[0].Release = "26.6.1"
		}, tester(), with(candidate, func(e *policy.Enforcement) { e.Release, e.SourceID = "26.6.1", "26.6.1" })},
		{"tester: the newest offer", parts(), func(p *policy.Parts) {
			p.Offers = append([]policy.Offer{{Group: group, Release: "26.5.2", At: now}}, p.Offers...)
		}, tester(), candidate},
		{"tester: offered again", parts(), func(p *policy.Parts) {
			p.Offers[0].Withdrawn = before
			p.Offers = append(p.Offers, policy.Offer{Group: group, Release: next, At: now})
		}, tester(), candidate},
		{"tester: auto", parts(), func(p *policy.Parts) { p.Offers, p.Groups[0].Candidate = nil, policy.CandidateAuto }, tester(), candidate},
		{"tester: auto skips the declined", parts(), func(p *policy.Parts) {
			addRelease("26.6.1", "2026-08-10")(p)
			p.Offers, p.Groups[0].Candidate = nil, policy.CandidateAuto
			p.Declines = []policy.Decline{{Group: group, Release: "26.6.1", At: before}}
		}, tester(), candidate},
		{"tester: auto skips other models", parts(), func(p *policy.Parts) {
			p.Releases = append(p.Releases, policy.Release{Version: "26.6.1", Models: windows("2026-08-10", "iPhone18,1")})
			p.Offers, p.Groups[0].Candidate = nil, policy.CandidateAuto
		}, tester(), candidate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := tt.world
			tt.change(&p)
			got := target(p, tt.facts)
			if diff := cmp.Diff(&tt.want, got.Enforce); diff != "" {
				t.Errorf("enforcement (-want +got):\n%s\nblocked: %v", diff, got.Blocked)
			}
			if got.Blocked.Code != "" || got.Release != tt.want.Release {
				t.Errorf("blocked, release = %v %q, want none and %q", got.Blocked, got.Release, tt.want.Release)
			}
		})
	}
}

// TestKeep tests what a phone keeps of what it was announced.
func TestKeep(t *testing.T) {
	t.Parallel()
	replace := func(p *policy.Parts) {
		addRelease("26.6.1", "2026-08-10")(p)
		a := approval()
		a.ID, a.Release, a.At = "a2", "26.6.1", now
		p.Approvals = append(p.Approvals, a)
	}
	again := func(edit func(*policy.Approval)) func(*policy.Parts) {
		return func(p *policy.Parts) {
			a := approval()
			a.ID, a.At = "a2", now
			edit(&a)
			p.Approvals = append(p.Approvals, a)
		}
	}
	candidateOf := func(f policy.Facts) policy.Facts {
		f.Announced = &policy.Enforcement{Release: next, Source: policy.SourceCandidate, SourceID: next}
		return f
	}
	tests := []struct {
		name   string
		change func(*policy.Parts)
		facts  policy.Facts
		// release and keep after prepared and after installing; "" for none
		prepared, installing string
	}{
		{"nothing changed", func(*policy.Parts) {}, phone(), next, next},
		{"replaced by a newer approval", replace, phone(), "keep " + next, "keep " + next},
		{"approved again", again(func(*policy.Approval) {}), phone(), "keep " + next, "keep " + next},
		{"approved again for another model", again(func(a *policy.Approval) { a.Models = []string{large} }), phone(), "", "keep " + next},
		{"approved again and withdrawn", again(func(a *policy.Approval) { a.Withdrawn = now }), phone(), "", "keep " + next},
		{"paused", pause, phone(), "", "keep " + next},
		{"declined", decline, phone(), "", "keep " + next},
		{"withdrawn", func(p *policy.Parts) { p.Approvals[0].Withdrawn = now }, phone(), "", "keep " + next},
		{"broken", breakPOS, phone(), "", "keep " + next},
		{"revoked", revokeFirst, phone(), "", "keep " + next},
		{"expired", expire, phone(), "", "keep " + next},
		{"record gone", func(p *policy.Parts) { p.Approvals = nil }, phone(), "", "keep " + next},
		{"replaced and paused", func(p *policy.Parts) { replace(p); pause(p) }, phone(), "26.6.1", "keep " + next},
		{"app below its floor again", func(*policy.Parts) {}, func() policy.Facts {
			f := phone()
			f.Apps[0].Version = "3.0"
			return f
		}(), "", "keep " + next},
		{"group removed", func(p *policy.Parts) { p.Groups = nil }, phone(), "", ""},
		{"already there", func(*policy.Parts) {}, func() policy.Facts {
			f := phone()
			f.OSVersion = next
			return f
		}(), "", ""},
		{"tester: overtaken by a newer candidate", func(p *policy.Parts) {
			addRelease("26.6.1", "2026-08-10")(p)
			p.Offers = append(p.Offers, policy.Offer{Group: group, Release: "26.6.1", At: now})
		}, candidateOf(tester()), "keep " + next, "keep " + next},
		{"tester: overtaken under auto", func(p *policy.Parts) {
			addRelease("26.6.1", "2026-08-10")(p)
			p.Offers, p.Groups[0].Candidate = nil, policy.CandidateAuto
		}, candidateOf(tester()), "keep " + next, "keep " + next},
		{"tester: offer withdrawn", func(p *policy.Parts) {
			p.Offers[0].Withdrawn, p.Approvals = now, nil
		}, candidateOf(tester()), "", "keep " + next},
		{"candidate on a phone moved to production", func(p *policy.Parts) { p.Approvals = nil }, candidateOf(phone()), "", "keep " + next},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := approved()
			tt.change(&p)
			for state, want := range map[policy.InstallState]string{
				policy.InstallPrepared: tt.prepared, policy.InstallInstalling: tt.installing,
			} {
				f := tt.facts
				if f.Announced == nil {
					f = announced(f, state)
				}
				f.Install.State = state
				got := ""
				if e := target(p, f).Enforce; e != nil {
					got = e.Release
					if e.Keep {
						got = "keep " + got
					}
				}
				if got != want {
					t.Errorf("%s: enforcement %q, want %q", state, got, want)
				}
			}
		})
	}

	p := approved()
	replace(&p)
	for _, state := range []policy.InstallState{"", "new", policy.InstallNone, policy.InstallWaiting, policy.InstallDownloading, policy.InstallFailed} {
		if got := target(p, announced(phone(), state)).Enforce; got == nil || got.Release != "26.6.1" || got.Keep {
			t.Errorf("%s: enforcement %+v, want the newer release", state, got)
		}
	}
}

func TestBucket(t *testing.T) {
	t.Parallel()
	// These values are part of approvals already made: they must never change.
	for _, tt := range []struct {
		release, phone string
		want           uint32
	}{{"26.6", "P-1", 9328}, {"26.6.1", "P-1", 779}, {"26.6", "P-2", 7741}} {
		if got := policy.Bucket(tt.release, tt.phone); got != tt.want {
			t.Errorf("Bucket(%s, %s) = %d, want %d", tt.release, tt.phone, got, tt.want)
		}
	}
	first := 0
	for i := range 10_000 {
		if policy.Bucket(next, "00008110-"+string(rune('A'+i%26))+time.Unix(int64(i), 0).UTC().Format("150405")) < 1000 {
			first++
		}
	}
	if first < 900 || first > 1100 {
		t.Errorf("%d of 10,000 phones are in the first tenth, want about 1,000", first)
	}
}

// TestFloorEndsWithTheGroupsApp: what an approval asks of an app that was taken out of the
// group since keeps no phone waiting. Nobody asks phones for its version any more, and a
// phone that joins a group without apps never tells any.
func TestFloorEndsWithTheGroupsApp(t *testing.T) {
	t.Parallel()
	older := func(f *policy.Facts) { f.Apps[0].Version = "3.0" }
	unknown := func(f *policy.Facts) { f.Apps, f.AppsKnown = nil, false }
	for _, tt := range []struct {
		name  string
		left  []string // apps of the group
		facts func(*policy.Facts)
		want  policy.Code
	}{
		{"too old", []string{pos, scan}, older, policy.ReasonAppUpdateNeeded},
		{"too old, taken out", []string{scan}, older, ""},
		{"unknown, the other taken out", []string{scan}, unknown, policy.ReasonAppVersionUnknown},
		{"unknown, all taken out", nil, unknown, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := approved(), phone()
			p.Groups[0].Apps = tt.left
			tt.facts(&f)
			if got := target(p, f); got.Blocked.Code != tt.want || (got.Enforce != nil) != (tt.want == "") {
				t.Errorf("enforce %+v, blocked %v, want %q", got.Enforce, got.Blocked, tt.want)
			}
		})
	}
}
