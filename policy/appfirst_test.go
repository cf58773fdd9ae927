package policy_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kannuki-mdm/kannuki/policy"
)

// delivered returns the world in which 26.6 is approved and the POS app can be
// brought to phones.
func delivered() policy.Parts {
	p := approved()
	p.Apps[0].Deliver = policy.DeliverLicensed
	return p
}

// old returns the facts of a production phone whose POS app is below the floor.
func old() policy.Facts {
	f := phone()
	f.Apps[0].Version = "2.9"
	return f
}

// TestAppsFirst: an app is brought up to date where an approval that lets the phone
// start asks for it and nothing else is in the way, and nowhere else.
func TestAppsFirst(t *testing.T) {
	t.Parallel()
	want := []policy.AppInstall{{BundleID: pos, Floor: "3.1", Version: "2.9", Deliver: policy.DeliverLicensed, SourceID: "a1"}}
	both := append(want[:1:1], policy.AppInstall{BundleID: scan, Floor: "3.1", Version: "3.0", Deliver: policy.DeliverStore, SourceID: "a1"})
	begun := func(p *policy.Parts) { // 26.5.2 was approved before 26.6, with floors of its own
		a := approval()
		a.ID, a.Release, a.At = "a0", "26.5.2", before
		a.Floors = []policy.Floor{{BundleID: pos, MinVersion: "3.0"}}
		p.Approvals = append(p.Approvals, a)
	}
	ofOlder := []policy.AppInstall{{BundleID: pos, Floor: "3.0", Version: "2.9", Deliver: policy.DeliverLicensed, SourceID: "a0"}}
	none := func(*policy.Facts) {}
	same := func(*policy.Parts) {}
	tests := []struct {
		name  string
		world func(*policy.Parts)
		facts func(*policy.Facts)
		want  []policy.AppInstall
	}{
		{"below the floor", same, none, want},
		{"a model that was added, by its own floors", func(p *policy.Parts) {
			p.Approvals[0].Extensions = []policy.Extension{{Model: small, At: before, Floors: []policy.Floor{{BundleID: pos, MinVersion: "3.0"}}}}
		}, none, []policy.AppInstall{{BundleID: pos, Floor: "3.0", Version: "2.9", Deliver: policy.DeliverLicensed, SourceID: "a1"}}},
		{"by command", same, func(f *policy.Facts) { f.OSVersion, f.Capabilities = "16.1", policy.Capabilities{} }, want},
		{"two apps", func(p *policy.Parts) { p.Apps[1].Deliver = policy.DeliverStore }, func(f *policy.Facts) { f.Apps[1].Version = "3.0" }, both},
		{"the other app is not delivered", same, func(f *policy.Facts) { f.Apps[1].Version = "3.0" }, want},
		{"not delivered", func(p *policy.Parts) { p.Apps[0].Deliver = policy.DeliverNone }, none, nil},
		{"delivered in an unknown way", func(p *policy.Parts) { p.Apps[0].Deliver = "pigeon" }, none, nil},
		{"unsupervised", same, func(f *policy.Facts) { f.Supervised = policy.Unsupervised }, nil},
		{"supervision unknown", same, func(f *policy.Facts) { f.Supervised = policy.SupervisionUnknown }, nil},
		{"at the floor", same, func(f *policy.Facts) { f.Apps[0].Version = "3.1" }, nil},
		{"newer than the floor", same, func(f *policy.Facts) { f.Apps[0].Version = "4.0" }, nil},
		{"not on the phone", same, func(f *policy.Facts) { f.Apps = f.Apps[1:] }, nil},
		{"versions unknown", same, func(f *policy.Facts) { f.AppsKnown = false }, nil},
		{"not approved", func(p *policy.Parts) { p.Approvals = nil }, none, nil},
		{"wave not started", func(p *policy.Parts) { startLater(p) }, none, nil},
		{"paused", func(p *policy.Parts) { pause(p) }, none, nil},
		{"app broken", func(p *policy.Parts) { breakPOS(p) }, none, nil},
		{"halted", func(p *policy.Parts) { p.Halt = policy.Halt{Cause: policy.HaltClock, At: now, Was: now} }, none, nil},
		{"model not verified", func(p *policy.Parts) { p.Approvals[0].Models = []string{large} }, none, nil},
		{"cannot be told to install", same, func(f *policy.Facts) { f.OSVersion, f.Capabilities = "8.4", policy.Capabilities{} }, nil},
		{"verification phone", same, func(f *policy.Facts) { f.Ring = policy.RingVerification }, nil},
		{"the newest of two", begun, none, want},
		{"the older while the newer is paused", func(p *policy.Parts) { begun(p); pause(p) }, none, ofOlder},
		{"the older while the newer does not cover", func(p *policy.Parts) { begun(p); p.Approvals[0].Models = []string{large} }, none, ofOlder},
		{"the older until the wave of the newer starts", func(p *policy.Parts) { begun(p); startLater(p) }, none, ofOlder},
		{"the older where the newer waits for an app that is not delivered", func(p *policy.Parts) {
			begun(p)
			p.Approvals[0].Floors = p.Approvals[0].Floors[1:]
		}, func(f *policy.Facts) { f.Apps[1].Version = "3.0" }, ofOlder},
		{"neither", func(p *policy.Parts) { begun(p); pause(p); p.Approvals[1].PausedAt = now }, none, nil},
		{"installing already", same, func(f *policy.Facts) {
			apps := f.Apps
			*f = announced(*f, policy.InstallInstalling)
			f.Apps = apps
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, f := delivered(), old()
			tt.world(&p)
			tt.facts(&f)
			got := policy.TargetFor(policy.NewWorld(p), f, now)
			if diff := cmp.Diff(tt.want, got.Apps); diff != "" {
				t.Errorf("apps first (-want +got):\n%s\n%+v", diff, got.Blocked)
			}
			release := next
			if len(tt.want) > 0 && tt.want[0].SourceID == "a0" {
				release = "26.5.2"
			}
			if len(tt.want) > 0 && (got.Enforce != nil || got.Release != release || got.Blocked.Params[policy.ParamRelease] != release || got.Blocked.Code != policy.ReasonAppUpdateNeeded) {
				t.Errorf("target = %+v, want %s to wait for the app", got, release)
			}
		})
	}
}

func TestExplainAppsFirst(t *testing.T) {
	t.Parallel()
	sent := func(state policy.Code, said string) []policy.AppProgress {
		return []policy.AppProgress{{BundleID: pos, Floor: "3.1", State: state, Said: said, SentAt: before, Tries: 2}}
	}
	spent := func(state policy.Code, said string) []policy.AppProgress {
		list := sent(state, said)
		list[0].Spent = true
		return list
	}
	tests := []struct {
		name             string
		apps             []policy.AppProgress
		why              policy.Code
		automatic, human policy.Code
	}{
		{"nothing sent yet", nil, policy.WhyAppQueued, policy.StepAppComes, policy.StepConnect},
		{"about another version", []policy.AppProgress{{BundleID: pos, Floor: "3.0", State: policy.WhyAppOlder}}, policy.WhyAppQueued, policy.StepAppComes, policy.StepConnect},
		{"not answered", sent(policy.WhyAppQueued, ""), policy.WhyAppQueued, policy.StepAppComes, policy.StepConnect},
		{"on its way", sent(policy.WhyAppSent, ""), policy.WhyAppSent, policy.StepAppComes, policy.StepNone},
		{"no account", sent(policy.WhyAppSignIn, ""), policy.WhyAppSignIn, policy.StepAppRetries, policy.StepSignIn},
		{"asks", sent(policy.WhyAppConsent, ""), policy.WhyAppConsent, policy.StepAppRetries, policy.StepAnswerPhone},
		{"no licence", sent(policy.WhyAppNoLicence, "License not found"), policy.WhyAppNoLicence, policy.StepAppRetries, policy.StepAssignLicence},
		{"older in the store", sent(policy.WhyAppOlder, ""), policy.WhyAppOlder, policy.StepAppRetries, policy.StepPublishApp},
		{"refused", sent(policy.WhyAppRefused, "AppStoreDisabled"), policy.WhyAppRefused, policy.StepAppRetries, policy.StepUpdateApp},
		{"tried often", spent(policy.WhyAppGaveUp, ""), policy.WhyAppGaveUp, policy.StepAppSpent, policy.StepUpdateApp},
		{"no account, tried often", spent(policy.WhyAppSignIn, ""), policy.WhyAppSignIn, policy.StepAppSpent, policy.StepSignIn},
		{"refused, tried often", spent(policy.WhyAppRefused, "AppStoreDisabled"), policy.WhyAppRefused, policy.StepAppSpent, policy.StepUpdateApp},
		{"no right", []policy.AppProgress{{BundleID: pos, Floor: "3.1", State: policy.WhyAppNoRight}}, policy.WhyAppNoRight, policy.StepEnforceAfterApp, policy.StepEnrollAgain},
	}
	w, f := policy.NewWorld(delivered()), old()
	target := policy.TargetFor(w, f, now)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := live()
			l.Apps = tt.apps
			x := policy.NewExplainer(w, now)
			got := x.Cited(f, l, x.Explain(f, l, target))
			if why := policy.Code(got.Reason.Params[policy.ParamWhy]); got.Reason.Code != policy.ReasonAppUpdateNeeded || why != tt.why {
				t.Errorf("reason = %+v, want %s: %s", got.Reason, policy.ReasonAppUpdateNeeded, tt.why)
			}
			if got.NextAutomatic != tt.automatic || got.NextHuman != tt.human {
				t.Errorf("steps = %q %q, want %q %q", got.NextAutomatic, got.NextHuman, tt.automatic, tt.human)
			}
			if len(tt.apps) > 0 && got.Reason.Params[policy.ParamReason] != tt.apps[0].Said {
				t.Errorf("reason = %+v, want what the phone said: %q", got.Reason, tt.apps[0].Said)
			}
			if is := len(tt.apps) > 0 && tt.apps[0].Spent; is != (got.Reason.Params[policy.ParamSpent] == "true") {
				t.Errorf("reason = %+v, want that it was asked for often enough: %t", got.Reason, is)
			}
			facts := map[string]string{}
			for _, r := range got.Facts {
				if r.Code == policy.FactAppSent {
					facts = r.Params
				}
			}
			if was := len(tt.apps) > 0 && tt.apps[0].Tries > 0; was != (facts[policy.ParamCount] == "2") {
				t.Errorf("facts tell of %v, want the commands so far: %t", facts, was)
			}
		})
	}
}

func TestExplainAppOfAnUnsupervisedPhone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		deliver policy.Delivery
		why     string
	}{{policy.DeliverStore, string(policy.WhyAppByHand)}, {policy.DeliverNone, ""}} {
		p, f := delivered(), old()
		p.Apps[0].Deliver, f.Supervised = tt.deliver, policy.Unsupervised
		w := policy.NewWorld(p)
		got := policy.Explain(w, f, live(), policy.TargetFor(w, f, now), now)
		if got.Reason.Params[policy.ParamWhy] != tt.why || got.NextHuman != policy.StepUpdateApp || got.NextAutomatic != policy.StepEnforceAfterApp {
			t.Errorf("delivery %s: %+v, want why %q and the app to be updated by hand", tt.deliver, got, tt.why)
		}
	}
}

// TestGoldenAppFirst follows a phone whose app is too old through the hours after
// its wave began: it has heard of nothing, it takes the app, the store asks for an
// account, and with the version the release follows.
func TestGoldenAppFirst(t *testing.T) {
	t.Parallel()
	at := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	w := policy.NewWorld(delivered())
	type step struct {
		Hour        int                `json:"hour"`
		App         string             `json:"app"`
		Target      policy.Target      `json:"target"`
		Explanation policy.Explanation `json:"explanation"`
	}
	var steps []step
	for _, s := range []struct {
		hour  int
		app   string
		state policy.Code
	}{{0, "2.9", ""}, {1, "2.9", policy.WhyAppSent}, {3, "2.9", policy.WhyAppSignIn}, {5, "3.4", ""}} {
		f, l := old(), policy.Live{LastContact: at(s.hour), HoldConfirmed: true}
		f.Apps[0].Version = s.app
		if s.state != "" {
			l.Apps = []policy.AppProgress{{BundleID: pos, Floor: "3.1", State: s.state, SentAt: at(0), Tries: 1}}
		}
		target := policy.TargetFor(w, f, at(s.hour))
		steps = append(steps, step{s.hour, s.app, target, policy.Explain(w, f, l, target, at(s.hour))})
	}
	golden(t, "app-first.json", steps)
}

func TestAppSteps(t *testing.T) {
	t.Parallel()
	for why, want := range map[policy.Code][2]policy.Code{
		"":                   {policy.StepEnforceAfterApp, policy.StepUpdateApp},
		policy.WhyAppSent:    {policy.StepAppComes, policy.StepNone},
		policy.WhyAppSignIn:  {policy.StepAppRetries, policy.StepSignIn},
		policy.WhyAppNoRight: {policy.StepEnforceAfterApp, policy.StepEnrollAgain},
	} {
		if automatic, human := policy.AppSteps(why); automatic != want[0] || human != want[1] {
			t.Errorf("%q: next = %q, %q, want %q", why, automatic, human, want)
		}
	}
}
