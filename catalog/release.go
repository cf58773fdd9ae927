package catalog

import (
	"slices"
	"strings"

	"github.com/kannuki-mdm/kannuki/internal/version"
)

// Platform is an operating system family of which the catalogue holds releases.
type Platform string

// IOS stands for iOS and iPadOS: everything that runs on an iPhone, an iPad or
// an iPod touch. Apple's lists file watchOS, tvOS and HomePod releases under
// the same key "iOS"; those are not this platform.
const IOS Platform = "iOS"

// PlatformOf tells the platform of a hardware identifier such as "iPhone12,1".
// The second result is false for devices the catalogue does not hold.
func PlatformOf(model string) (Platform, bool) {
	for _, prefix := range []string{"iPhone", "iPad", "iPod"} {
		if strings.HasPrefix(model, prefix) {
			return IOS, true
		}
	}
	return "", false
}

// Class says how large a step a release is. It follows from the version alone.
type Class string

// The classes of releases.
const (
	Upgrade     Class = "upgrade"     // "26" or "26.0"
	Update      Class = "update"      // "26.6"
	Patch       Class = "patch"       // "26.6.1"
	Improvement Class = "improvement" // "26.3.1 (a)", a background security improvement
)

// ClassOf returns the class of a version, "" when the version cannot be parsed.
func ClassOf(v string) Class {
	switch depth := version.Depth(v); {
	case depth == 0:
		return ""
	case version.Extra(v) != "":
		return Improvement
	case depth == 1:
		return Upgrade
	case depth == 2:
		return Update
	default:
		return Patch
	}
}

// Release is one version that Apple published, with everything known about it.
// Slices in a Release from a Catalog are shared: read them, do not change them.
type Release struct {
	// Version is the key: "26.6.1", or "26.3.1 (a)" for an improvement.
	Version string
	Class   Class
	// Builds are sorted by ID. Apple lists most versions under two builds, n and
	// n+6000; a phone may report either.
	Builds []Build
	// Posted is the earliest posting date ever seen for any model.
	Posted Date
	// Models are sorted by hardware identifier. Empty means that no source has
	// said which models the release is for.
	Models []ModelFacts
	// CVEs are sorted and without duplicates.
	CVEs []CVE
	// SecurityURL is Apple's page about the security content, or "".
	SecurityURL string
	// Synthetic marks a release that Apple never published, made up for a test
	// or a demonstration.
	Synthetic bool
}

// Build is one build of a release.
type Build struct {
	ID string // "23G83"
	// Prerequisite is the build that an improvement installs on, "" otherwise.
	Prerequisite string
	// Models for which Apple's list names this build, sorted; empty when it came
	// from a source that does not tell.
	Models []string
}

// ModelFacts is what is known of a release for one model.
type ModelFacts struct {
	Model string
	// Posted is the earliest posting date seen for this model; unknown when only
	// the release has one. Release.PostedFor chooses.
	Posted Date
	// Listed is true once a copy of Apple's own list has named the model.
	Listed bool
	// LeftPublic is the day since which Apple no longer offers the release to
	// users of this model; unknown while it does.
	LeftPublic Date
	// LeftAssets is the day on which the release was found gone from Apple's list
	// of installable releases for this model; unknown while it is there.
	LeftAssets Date
	// PrintedExpiry is the newest ExpirationDate that Apple printed. It rolls
	// forward every day (copy + 90) while a release is offered, and can go on
	// rolling by mistake after that; Catalog.ShelfLife allows for both.
	PrintedExpiry Date
	// Inferred is true when no source names the model for this release and it is
	// taken from another release of the same major version.
	Inferred bool
}

// CVE is one vulnerability that a release fixes.
type CVE struct {
	ID string // "CVE-2025-43529"
	// Exploited is true when Apple reported active exploitation.
	Exploited bool
	// KEV is true when CISA lists it as known to be exploited, since KEVAdded
	// (unknown when only the SOFA feed said so).
	KEV      bool
	KEVAdded Date
}

// KnownExploited reports whether the flaw is known to be exploited, whoever says so:
// Apple tells it with the fix, CISA also later.
func (c CVE) KnownExploited() bool { return c.Exploited || c.KEV }

// AppliesTo reports whether the release is for the model, published or inferred
// (see ModelFacts.Inferred). It is false when no models are known.
func (r Release) AppliesTo(model string) bool {
	_, ok := r.Facts(model)
	return ok
}

// Facts returns what is known of the release for one model.
func (r Release) Facts(model string) (ModelFacts, bool) {
	i, ok := slices.BinarySearchFunc(r.Models, model, compareModel)
	if !ok {
		return ModelFacts{}, false
	}
	return r.Models[i], true
}

// PostedFor returns the earliest posting date for the model, or that of the
// release when the model has none of its own.
func (r Release) PostedFor(model string) Date {
	if f, ok := r.Facts(model); ok && !f.Posted.IsZero() {
		return f.Posted
	}
	return r.Posted
}

// mayFix reports whether the release counts for the model's CVEs. A release of
// unknown models counts: a fix too many is better than a hidden one.
func (r Release) mayFix(model string) bool {
	return len(r.Models) == 0 || r.AppliesTo(model)
}

func (r Release) clone() Release {
	r.Models = slices.Clone(r.Models)
	r.CVEs = slices.Clone(r.CVEs)
	r.Builds = slices.Clone(r.Builds)
	for i := range r.Builds {
		r.Builds[i].Models = slices.Clone(r.Builds[i].Models)
	}
	return r
}

func compareModel(f ModelFacts, model string) int { return strings.Compare(f.Model, model) }

func compareBuild(b Build, id string) int { return strings.Compare(b.ID, id) }

func compareCVE(c CVE, id string) int { return strings.Compare(c.ID, id) }

// canonical returns one spelling for all versions that are equal, so that maps
// can be keyed by version: "26.0" and "26" both give "26". The version is valid.
func canonical(v string) string {
	base, extra, _ := strings.Cut(v, " ")
	parts := strings.Split(base, ".")
	for i, p := range parts {
		if p = strings.TrimLeft(p, "0"); p == "" {
			p = "0"
		}
		parts[i] = p
	}
	for len(parts) > 1 && parts[len(parts)-1] == "0" {
		parts = parts[:len(parts)-1]
	}
	return strings.Join(parts, ".") + extra
}
