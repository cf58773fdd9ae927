package catalog

import "fmt"

// Codes of a [Warning].
const (
	WarningOlder   = "older-copy" // ParamFetched, ParamNewest, ParamHere
	WarningNoHTTPS = "not-https"  // ParamPlace
)

// Keys of Warning.Params.
const (
	ParamFetched = "fetched" // day on which the newest accepted copy was fetched
	ParamNewest  = "newest"  // newest date in that
	ParamHere    = "here"    // newest date in the file
	ParamPlace   = "place"   // path of a value in the file
)

// Warning is what an operator is to read about an import that was made.
type Warning struct {
	Code   string            `json:"code"`
	Params map[string]string `json:"params"`
}

// String returns it in English.
func (w Warning) String() string {
	p := w.Params
	switch w.Code {
	case WarningOlder:
		return fmt.Sprintf("older than the copy of %s (newest date %s, here %s): only additions were taken", p[ParamFetched], p[ParamNewest], p[ParamHere])
	case WarningNoHTTPS:
		return p[ParamPlace] + " is not an https address, left out"
	default:
		return w.Code
	}
}
