package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Ring is a phone's place in its group.
type Ring string

// The rings. Whatever is not RingVerification is treated as production, the
// stricter of the two.
const (
	RingVerification Ring = "verification"
	RingProduction   Ring = "production"
)

// Importance says whether an app can keep a gate closed.
type Importance string

// The importances. A critical app must be verified on every model class ([ModelClass]) of the
// group's production phones, an important one on at least one; an
// informational app never closes a gate. Any other value counts as critical,
// so that a damaged record cannot open a gate.
const (
	ImportanceCritical      Importance = "critical"
	ImportanceImportant     Importance = "important"
	ImportanceInformational Importance = "informational"
)

// Result is what a tester found.
type Result string

// The results. Any other value is never accepted.
const (
	ResultWorks         Result = "works"
	ResultWorksWithNote Result = "works-with-note"
	ResultBroken        Result = "broken"
)

// Method is how thoroughly an app was tested.
type Method string

// The methods. A result of a smoke test, a short list of checks, counts only
// for a patch and together with one of the other methods on an older release of
// the same x.y (Policy.CarryOver); a broken one counts however it was found.
// The empty method, of results from before there were methods, is MethodFull;
// any other value is never accepted.
const (
	MethodFull      Method = "full"
	MethodSmoke     Method = "smoke"
	MethodAutomated Method = "automated"
	MethodPilot     Method = "pilot" // the app was used for work
)

// Candidate says who releases a new release to the verification ring.
type Candidate string

// The candidate settings. Any other value counts as manual.
const (
	CandidateManual Candidate = "manual"
	CandidateAuto   Candidate = "auto"
)

// OnExpiry says what a policy does when Apple's longest hold, 90 days, ends
// before a release is approved.
type OnExpiry string

// The settings for the end of a hold. None of them enforces a release that is
// not verified; the engine only reports which one applies. Any other value
// counts as OnExpiryExtendRisk.
const (
	OnExpiryExtendRisk     OnExpiry = "extend-risk"      // it stays closed; that users can install it is accepted
	OnExpiryReleaseToUsers OnExpiry = "release-to-users" // it stays closed; users are meant to install it themselves
	OnExpiryEnforce        OnExpiry = "enforce"          // the newest verified release is approved
)

// ParseImportance returns the importance named s.
func ParseImportance(s string) (Importance, error) {
	return oneOf("importance", Importance(s), ImportanceCritical, ImportanceImportant, ImportanceInformational)
}

// ParseResult returns the test result named s.
func ParseResult(s string) (Result, error) {
	return oneOf("result", Result(s), ResultWorks, ResultWorksWithNote, ResultBroken)
}

// ParseMethod returns the test method named s.
func ParseMethod(s string) (Method, error) {
	return oneOf("method", Method(s), MethodFull, MethodSmoke, MethodAutomated, MethodPilot)
}

// ParseCandidate returns the candidate setting named s.
func ParseCandidate(s string) (Candidate, error) {
	return oneOf("candidate", Candidate(s), CandidateManual, CandidateAuto)
}

// ParseOnExpiry returns the setting for the end of a hold named s.
func ParseOnExpiry(s string) (OnExpiry, error) {
	return oneOf("setting for the end of a hold", OnExpiry(s), OnExpiryExtendRisk, OnExpiryReleaseToUsers, OnExpiryEnforce)
}

func oneOf[T ~string](what string, got T, allowed ...T) (T, error) {
	if slices.Contains(allowed, got) {
		return got, nil
	}
	names := make([]string, len(allowed))
	for i, a := range allowed {
		names[i] = string(a)
	}
	return "", fmt.Errorf("%s %q is not one of %s", what, string(got), strings.Join(names, ", "))
}

// Release is one version Apple offers. Version is its key; records refer to a
// release by exactly this string.
type Release struct {
	Version   string
	Class     string // "upgrade", "update", "patch" or "improvement"
	Models    []ModelWindow
	CVEs      []CVE // fixed by this release itself, not cumulative
	Synthetic bool  // invented for a test or the demo
}

// ClassImprovement is the class of Apple's background security improvements.
// They have a gate of their own only for groups whose policy says
// ImprovementsReverify; for any other they follow their base release.
const ClassImprovement = "improvement"

// ModelWindow says when one model can get a release. The fields are dates,
// given as midnight UTC; zero means unknown.
type ModelWindow struct {
	Model      string    // hardware identifier, such as "iPhone15,2"
	Posted     time.Time // the earliest posting date seen; zero counts as posted
	LeftPublic time.Time // left Apple's public list: superseded for this model
	Expires    time.Time // shelf life: the first day it cannot be installed any more
}

// CVE is one vulnerability a release fixes.
type CVE struct {
	ID        string
	Exploited bool
}

// App is a business app.
type App struct {
	BundleID   string
	Name       string
	Importance Importance
	Deliver    Delivery // how a version that a release needs comes to phones
}

// Group is a set of phones that do the same work with the same apps.
type Group struct {
	Name            string
	Apps            []string // bundle identifiers
	Candidate       Candidate
	Policy          string        // name; "" and one that does not exist: the built-in policy
	MinimumNotice   time.Duration // production; zero or less: DefaultMinimumNotice
	CandidateNotice time.Duration // verification ring; zero or less: DefaultCandidateNotice
	Calendar        Calendar      // that its rollouts follow
	DetailsURL      string        // shown to users by iOS; carried, not used here
	// Census says what the group's enrolled phones run. It feeds gates only:
	// no target ever depends on it, so that the work one phone causes does not
	// grow with the fleet.
	Census []Census
}

// Notices that hold where a group sets none. Four hours is the practical
// minimum for a download on an ordinary link plus the hour iOS allows after
// power-on.
const (
	DefaultMinimumNotice   = 24 * time.Hour
	DefaultCandidateNotice = 4 * time.Hour
)

// Census counts the phones of a group that are alike.
type Census struct {
	Ring      Ring
	Model     string
	OSVersion string // "" while unknown
	Count     int    // rows with a count below one are ignored
	Silent    int    // of Count: without contact for so long that PhaseDone does not wait for them
}

// Verdict is the result of testing one app on one release.
type Verdict struct {
	ID         string
	BundleID   string
	AppVersion string
	Release    string
	Model      string // hardware identifier of the phone, "" only for external results
	Group      string
	Phone      string
	Ring       Ring   // of the phone when recorded
	PhoneOS    string // what the phone itself reported when recorded
	PhoneBuild string // the build it reported then
	PhoneExtra string // letter of the background improvement that it reported then, "" for none
	Result     Result
	Method     Method
	By         string
	At         time.Time
	Expires    time.Time // zero: never. A broken verdict never expires, it is cleared or revoked
	External   bool      // made outside the group's phones; accepted only with Evidence
	Evidence   string
	Note       string
	RevokedAt  time.Time
	RevokedBy  string
	// AllowedTester says that By was allowed to test this app when it was recorded.
	AllowedTester bool
}

// Offer releases a candidate to a group's verification ring. The newest offer
// of a release counts: once it is withdrawn the candidate setting "auto" does
// not bring the release back.
type Offer struct {
	Group     string
	Release   string
	By        string
	Reason    string
	At        time.Time
	Withdrawn time.Time // zero while it stands
}

// Approval is a person's decision to open a gate. What it covers is fixed when
// it is made: Models and Floors are copied from the gate that was approved. The
// newest approval of a release counts.
type Approval struct {
	ID       string
	Group    string
	Release  string
	By       string
	Reason   string
	At       time.Time
	Deadline LocalTime // for waves that set none
	Waves    []Wave    // none: one wave with every phone, from At
	// WavesOf is the release that the phones of the waves were drawn for; "" is
	// Release. It is an older one when the waves were taken over.
	WavesOf string
	// SupersededBy is the release whose approval took the waves over: none that
	// waits starts any more. What this one asked for stands as long as a phone
	// cannot follow that.
	SupersededBy string
	Models       []string // hardware identifiers covered, added ones among them
	Floors       []Floor
	Extensions   []Extension
	// Verdicts are the results it was seen to rest on, among them those that a
	// smoke test was carried over from. Revoking one of them pauses it.
	Verdicts    []string
	Override    *Override // nil for the approval of a verified gate
	Lane        *Lane     // set for one that two people gave after quick checks only
	PausedAt    time.Time
	PausedBy    string
	PauseReason string
	Stopped     []Reading // what the circuit breaker paused it for; none of a pause by a person
	Withdrawn   time.Time
}

// Wave is a share of the phones that starts together. A phone belongs to the
// first wave, in order of Start, that takes its version and whose Threshold is
// above its bucket.
type Wave struct {
	Start     time.Time
	Threshold uint32 // of Buckets, cumulative over the waves that take the same versions
	// UpTo are versions, one of each branch: the wave is for phones that run one
	// of them or an older one of its branch. None: for phones of any version.
	UpTo     []string
	Deadline LocalTime
	// Waits says that the wave has not started, even if Start has passed: that
	// the wave before it went well is for whoever keeps the approval to find.
	Waits bool
	// Planned is when it was meant to start, and Within how long after its start
	// its deadline is (0: Deadline is fixed). Start and Deadline follow from them
	// while the wave waits; see [Schedule].
	Planned time.Time
	Within  time.Duration
	// Closed is when it would have started if the calendar had been open; zero
	// when it was.
	Closed time.Time
	// Kept says that the wave was due and did not start; see [Gate.Keeps].
	Kept bool
}

// Floor is the lowest version of an app with which an approval was verified.
type Floor struct {
	BundleID   string `json:"bundle_id"`
	MinVersion string `json:"min_version"`
}

// Decline is a person's decision that a release is not for a group. It stands
// as long as the record is in the world.
type Decline struct {
	Group   string
	Release string
	By      string
	Reason  string
	At      time.Time
}
