package catalog

import (
	"errors"
	"fmt"
	"strings"
)

// Kind is a format that Import reads.
type Kind string

// The kinds of input.
const (
	GDMF   Kind = "gdmf"   // Apple's list of installable releases, gdmf.apple.com/v2/pmv
	SOFA   Kind = "sofa"   // macadmins SOFA, v2/ios_data_feed.json
	KEV    Kind = "kev"    // CISA Known Exploited Vulnerabilities
	Bundle Kind = "bundle" // our own format, see Catalog.Marshal
)

// ErrUnknownKind is wrapped by the errors for files that are well-formed JSON
// but none of the kinds.
var ErrUnknownKind = errors.New("not a release feed")

// detect tells which kind of input a document is, or why it is none.
func detect(root *node) (Kind, error) {
	if _, err := root.object(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnknownKind, inputError("", "not-a-document", "the document is not an object"))
	}
	format := &fields{n: root}
	switch {
	case root.get("format") != nil && format.optText("format") == bundleFormat:
		return Bundle, nil
	case root.get("AssetSets") != nil || root.get("PublicAssetSets") != nil:
		return GDMF, nil
	case root.get("OSVersions") != nil:
		v := &fields{n: root}
		if root.get("SchemaVersion") == nil || !strings.HasPrefix(v.optText("Version"), "2") {
			return "", fmt.Errorf("%w: %w", ErrUnknownKind, inputError("", "sofa-not-2", "a SOFA feed, but not version 2 (use v2/ios_data_feed.json)"))
		}
		return SOFA, nil
	case root.get("vulnerabilities") != nil && root.get("catalogVersion") != nil:
		return KEV, nil
	}
	return "", fmt.Errorf("%w: %w", ErrUnknownKind, inputError("", "no-known-keys", "none of the keys of GDMF, SOFA v2, KEV or a Kannuki bundle"))
}
