package catalog

import (
	"cmp"
	"fmt"
	"strconv"
)

// Codes of a [Difference]. Those with ParamCount but no ParamBuild are about models,
// unless they say CVE.
const (
	DiffPublished     = "published"         // the release was known by something else than a list
	DiffPosted        = "posted"            // ParamDate, ParamWas unless unknown; of models ParamCount
	DiffSecurityPage  = "security-page"     // ParamURL
	DiffBuildAdded    = "build-added"       // ParamBuild
	DiffBuildModels   = "build-models"      // ParamBuild, ParamCount, ParamWas
	DiffBuildOn       = "build-installs-on" // ParamBuild, ParamBase
	DiffModelsAdded   = "models-added"      // ParamCount
	DiffConfirmed     = "confirmed"         // ParamCount
	DiffLeftPublic    = "left-public"       // ParamDate, ParamCount
	DiffOfferedAgain  = "offered-again"     // ParamCount
	DiffLeftAssets    = "left-assets"       // ParamDate, ParamCount
	DiffInstallable   = "installable-again" // ParamCount
	DiffExpiry        = "expiry"            // ParamDate, ParamCount
	DiffCVEsAdded     = "cves-added"        // ParamCount
	DiffCVEsExploited = "cves-exploited"    // ParamCVEs
	DiffCVEsInKEV     = "cves-in-kev"       // ParamCVEs
)

// Keys of Difference.Params.
const (
	ParamDate  = "date"  // a day
	ParamWas   = "was"   // what it was before
	ParamCount = "count" // a number
	ParamURL   = "url"
	ParamBuild = "build"
	ParamBase  = "base" // the version or build that a build installs on
	ParamCVEs  = "cves" // identifiers, separated by commas
)

// Difference is one thing that is different about a release.
type Difference struct {
	Code   string            `json:"code"`
	Params map[string]string `json:"params"`
}

// different returns a difference with its values, names and values in turn. A value that
// is "" is unknown and left out.
func different(code string, pairs ...string) Difference {
	return Difference{code, paramsOf(pairs)}
}

// paramsOf returns names and values that come in turn, without those that are "".
func paramsOf(pairs []string) map[string]string {
	params := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			params[pairs[i]] = pairs[i+1]
		}
	}
	return params
}

// String returns it in English.
func (d Difference) String() string {
	p, models := d.Params, ""
	n, err := strconv.Atoi(p[ParamCount])
	if err == nil {
		models = " for " + plural(n, "model")
	}
	switch d.Code {
	case DiffPublished:
		return "now a published release"
	case DiffPosted:
		return fmt.Sprintf("posted %s instead of %s%s", cmp.Or(p[ParamDate], unknown), cmp.Or(p[ParamWas], unknown), models)
	case DiffSecurityPage:
		return "security page " + p[ParamURL]
	case DiffBuildAdded:
		return "build " + p[ParamBuild] + " added"
	case DiffBuildModels:
		return "build " + p[ParamBuild] + models + " instead of " + p[ParamWas]
	case DiffBuildOn:
		return "build " + p[ParamBuild] + " installs on " + p[ParamBase]
	case DiffCVEsAdded:
		return plural(n, "CVE") + " added"
	case DiffCVEsExploited:
		return "exploited: " + p[ParamCVEs]
	case DiffCVEsInKEV:
		return "in KEV: " + p[ParamCVEs]
	default:
		return d.ofModels() + models
	}
}

// ofModels returns what is different about models, without how many they are.
func (d Difference) ofModels() string {
	switch day := d.Params[ParamDate]; d.Code {
	case DiffModelsAdded:
		return "added"
	case DiffConfirmed:
		return "confirmed by a list"
	case DiffLeftPublic:
		return "no longer offered since " + day
	case DiffOfferedAgain:
		return "offered again"
	case DiffLeftAssets:
		return "no longer installable since " + day
	case DiffInstallable:
		return "installable again"
	case DiffExpiry:
		return "expiry " + day
	default:
		return d.Code
	}
}

const unknown = "unknown"

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
